"""Working pictures that several measures share: one size and colour space, made once a batch.

Values of pictures of different size can be compared only if all were measured at one size.
A *scaled* working picture keeps its proportions: its short side has `side` pixels, or its long
side has `16 * side` where the picture is longer than that; smaller pictures stay as they are.
A *squished* one is a square of `side` pixels, whatever becomes of the proportions. Grey is
taken first (0.299 R + 0.587 G + 0.114 B), then scaled; shrinking averages areas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mediacorpus.media.colour_spaces import to_gray
from mediacorpus.media.resize import squish

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediacorpus.engine.contract import Batch, Pixels

DECODED = 256
"""Short side at which most measures take pictures, so that one decoding serves them all."""
LONGEST = 16
"""A scaled picture is at most so many times as long as its side; strips would be endless."""


def grey(batch: Batch) -> list[Pixels]:
    """Give the pictures of a batch in grey at their own size: uint8 `(H, W)`."""
    return kept(batch, "grey", lambda: [to_gray(pixels) for pixels in batch.pixels])


def scaled_grey(batch: Batch, side: int) -> list[Pixels]:
    """Give the pictures of a batch in grey with a short side of `side`: uint8 `(H, W)`."""
    return kept(batch, f"grey {side}", lambda: [scaled(p, side) for p in grey(batch)])


def squished_grey(batch: Batch, side: int) -> list[Pixels]:
    """Give the pictures of a batch as grey squares: uint8 `(side, side)`."""
    return kept(batch, f"grey square {side}", lambda: [squish(p, side) for p in grey(batch)])


def scaled_rgb(batch: Batch, side: int) -> list[Pixels]:
    """Give the pictures of a batch with a short side of `side`: uint8 `(H, W, 3)`."""
    return kept(batch, f"rgb {side}", lambda: [scaled(p, side) for p in batch.pixels])


def kept(batch: Batch, key: str, make: Callable[[], list[Pixels]]) -> list[Pixels]:
    """Give what `batch.shared` holds under `key`; make it the first time."""
    key = f"working {key}"
    if key not in batch.shared:
        batch.shared[key] = make()
    return cast("list[Pixels]", batch.shared[key])


def scaled(pixels: Pixels, side: int) -> Pixels:
    """Shrink until the short side has `side` pixels and the long side no more than 16 times that.

    Examples
    --------
    >>> import numpy as np
    >>> scaled(np.zeros((300, 400, 3), np.uint8), 150).shape
    (150, 200, 3)
    >>> scaled(np.zeros((30, 40), np.uint8), 150).shape
    (30, 40)
    >>> scaled(np.zeros((1, 5000), np.uint8), 128).shape
    (1, 2048)
    """
    height, width = pixels.shape[:2]
    factor = min(side / min(height, width), LONGEST * side / max(height, width))
    if factor >= 1:
        return pixels
    return squish(pixels, (max(1, round(height * factor)), max(1, round(width * factor))))

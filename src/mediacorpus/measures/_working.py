"""Working images that several measures share: one size and color space, made once a batch.

Values of images of different size can be compared only if all were measured at one size.
A *scaled* working image keeps its proportions: its short side has `side` pixels, or its long
side has `16 * side` where the image is longer than that; smaller images stay as they are.
A *squished* one is a square of `side` pixels, whatever becomes of the proportions. Gray is
taken first (0.299 R + 0.587 G + 0.114 B), then scaled; shrinking averages areas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mediacorpus.media.color_spaces import to_gray
from mediacorpus.media.resize import squish

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediacorpus.engine.contract import Batch, Pixels

DECODED = 256
"""Short side at which most measures take images, so that one decoding serves them all."""
LONGEST = 16
"""A scaled image is at most so many times as long as its side; strips would be endless."""


def gray(batch: Batch) -> list[Pixels]:
    """Give the images of a batch in gray at their own size: uint8 `(H, W)`."""
    return kept(batch, "gray", lambda: [to_gray(pixels) for pixels in batch.pixels])


def scaled_gray(batch: Batch, side: int) -> list[Pixels]:
    """Give the images of a batch in gray with a short side of `side`: uint8 `(H, W)`."""
    return kept(batch, f"gray {side}", lambda: [scaled(p, side) for p in gray(batch)])


def squished_gray(batch: Batch, side: int) -> list[Pixels]:
    """Give the images of a batch as gray squares: uint8 `(side, side)`."""
    return kept(batch, f"gray square {side}", lambda: [squish(p, side) for p in gray(batch)])


def squished_rgb(batch: Batch, side: int) -> list[Pixels]:
    """Give the images of a batch as colored squares: uint8 `(side, side, 3)`."""
    return kept(batch, f"rgb square {side}", lambda: [squish(p, side) for p in batch.pixels])


def scaled_rgb(batch: Batch, side: int) -> list[Pixels]:
    """Give the images of a batch with a short side of `side`: uint8 `(H, W, 3)`."""
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

"""The image itself, very small: the classic comparison pixel by pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mediacorpus.engine.contract import MEASURES, Batch, Configured, Measure
from mediacorpus.errors import ParameterError
from mediacorpus.measures._working import DECODED, squished_gray, squished_rgb
from mediacorpus.records import Info, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIDE = 15
WHITE = 255
LEAST, MOST = 2, 256
"""Least and greatest height and width in pixels."""

INFO = Info(
    name="pixels",
    version="1",
    summary="The image in 15 by 15 gray pixels, row by row.",
    licence="Apache-2.0 (OpenCV)",
    citation=(
        "Torralba, A., Fergus, R., & Freeman, W. T. (2008). 80 million tiny images. IEEE "
        "Transactions on Pattern Analysis and Machine Intelligence, 30(11), 1958-1970."
    ),
    shape=Shape.VECTOR,
    outputs={"vector": str(SIDE * SIDE)},
    min_side=DECODED,
)


@MEASURES.register(INFO)
def pixels(*, size: int = SIDE, color: bool = False) -> Measure:
    """Make the measure that gives the image itself, squished to a small square, row by row.

    Parameters
    ----------
    size:
        Height and width in pixels, 2 to 256.
    color:
        Whether each pixel has red, green and blue instead of gray.

    Returns
    -------
    Measure
        For each image a float32 array `(size * size,)`, or `(size * size * 3,)` in color, 0
        (black) to 1 (white).

    Raises
    ------
    ParameterError
        The size is out of its range, or color is no truth value.

    Notes
    -----
    Two images are compared by the cosine of their arrays. It is high when light and dark
    lie in the same places; it knows nothing of what is shown.

    References
    ----------
    Torralba, A., Fergus, R., & Freeman, W. T. (2008). 80 million tiny images. *IEEE
    Transactions on Pattern Analysis and Machine Intelligence, 30*(11), 1958-1970.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> white = np.full((300, 400, 3), 255, np.uint8)
    >>> batch = Batch([BatchItem("a", FileFacts("PNG", 400, 300, "RGB", 99), white)])
    >>> [vector] = pixels()(batch)
    >>> vector.shape, float(vector.min())
    ((225,), 1.0)
    >>> pixels(size=32, color=True)(batch)[0].shape
    (3072,)
    """
    if type(size) is not int or not LEAST <= size <= MOST:
        raise ParameterError(f"size is {size!r}; it must be a whole number from {LEAST} to {MOST}.")
    if type(color) is not bool:
        raise ParameterError(f"color is {color!r}; it must be True or False.")
    squares = squished_rgb if color else squished_gray

    def measure(batch: Batch) -> Sequence[NDArray[np.float32]]:
        return [np.divide(p.ravel(), WHITE, dtype=np.float32) for p in squares(batch, size)]

    if (size, color) == (SIDE, False):
        return measure
    width = size * size * (3 if color else 1)
    summary = f"The image in {size} by {size} {'colored' if color else 'gray'} pixels, row by row."
    return Configured(
        measure,
        replace(INFO, summary=summary, outputs={"vector": str(width)}, min_side=max(DECODED, size)),
    )

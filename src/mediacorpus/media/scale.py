"""Reduced sizes: images are decoded at 1, 1/2, 1/4 or 1/8 of their size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def reduction(short: int, min_side: int | None) -> int:
    """Give the largest of 1, 2, 4, 8 that leaves at least `min_side` of `short` pixels.

    >>> reduction(720, 256), reduction(720, None), reduction(100, 256)
    (2, 1, 1)
    """
    if min_side is None:
        return 1
    return next((factor for factor in (8, 4, 2) if -(-short // factor) >= min_side), 1)


def reduce(pixels: Pixels, min_side: int | None) -> Pixels:
    """Bring decoded pixels to the size at which `decode` gives an image for `min_side`.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)`.
    min_side:
        Pixels that the short side must keep; the result has 1, 1/2, 1/4 or 1/8 of the size.
        None gives the image as it is.

    Examples
    --------
    >>> reduce(np.zeros((900, 1200, 3), np.uint8), 256).shape
    (450, 600, 3)
    """
    return reduce_by(pixels, reduction(min(pixels.shape[:2]), min_side))


def reduce_by(pixels: Pixels, factor: int) -> Pixels:
    """Bring pixels to 1 / `factor` of their size, rounded up, by the mean of areas.

    >>> reduce_by(np.zeros((900, 1200, 3), np.uint8), 8).shape
    (113, 150, 3)
    """
    height, width = pixels.shape[:2]
    if factor == 1:
        return pixels
    size = (-(-width // factor), -(-height // factor))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)

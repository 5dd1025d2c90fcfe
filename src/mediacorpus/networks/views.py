"""What a network sees of an image: the central square, at its size."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.media.resize import center_crop, squish
from mediacorpus.networks.efficientnet_graph import SIDE

Pixels = NDArray[np.uint8]

CROP = 0.875
"""Share of the short side that EfficientNet-Lite0 looks at, as in its training."""


def preprocess(pixels: Pixels, out: Pixels | None = None) -> Pixels:
    """Cut out the central square (0.875 of the short side) and bring it to 224 pixels.

    Parameters
    ----------
    pixels:
        RGB `(H, W, 3)`, uint8, of any size.
    out:
        Array `(224, 224, 3)` to write to; a new one by default.

    Returns
    -------
    uint8 array `(224, 224, 3)`

    Examples
    --------
    >>> preprocess(np.zeros((300, 400, 3), np.uint8)).shape
    (224, 224, 3)
    """
    height, width = pixels.shape[:2]
    side = max(1, round(CROP * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    times = side // SIDE
    if times > 1:
        # Averaging whole blocks is fast; what remains is less than a halving, for which
        # linear interpolation is eight times as fast as area averaging and nearly as good.
        small = side // times
        block = pixels[top : top + small * times, left : left + small * times]
        square = cv2.resize(block, (small, small), interpolation=cv2.INTER_AREA)
    else:
        square = pixels[top : top + side, left : left + side]
    how = cv2.INTER_LINEAR if side > SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (SIDE, SIDE), dst=out, interpolation=how), np.uint8)


def min_side(size: int, crop: float) -> int:
    """Give the pixels that the short side must have for a view of `size` at its full detail.

    >>> min_side(224, 0.875)
    256
    """
    return math.ceil(size / crop)


def plain_view(pixels: Pixels, size: int = SIDE, crop: float = CROP) -> Pixels:
    """Cut out the central square (`crop` of the short side) and bring it to `size`.

    Parameters
    ----------
    pixels:
        RGB `(H, W, 3)`, uint8.
    size:
        Height and width of the view in pixels.
    crop:
        Share of the short side, above 0, at most 1.

    Returns
    -------
    uint8 array `(size, size, 3)`

    Examples
    --------
    >>> plain_view(np.zeros((300, 400, 3), np.uint8), 96, 1.0).shape
    (96, 96, 3)
    """
    if (size, crop) == (SIDE, CROP):
        return preprocess(pixels)
    side = max(1, round(crop * min(pixels.shape[:2])))
    return squish(center_crop(pixels, side), size)

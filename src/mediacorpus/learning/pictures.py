"""Decoded pictures to what a network sees: the plain view, and varied ones for training."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mediacorpus.measures.efficientnet import CROP, preprocess
from mediacorpus.measures.efficientnet_graph import SIDE
from mediacorpus.media.augment import Augmentation, random_resized_crop
from mediacorpus.media.resize import center_crop, squish

Pixels = NDArray[np.uint8]

AREA = (0.35, 1.0)
"""Least and greatest share of the picture that a varied view shows."""


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


def fixed_views(
    pixels: Pixels, *, size: int, crop: float, count: int, seed: tuple[int, ...]
) -> Pixels:
    """Make the plain view, its mirror image, and random cut-outs, every second one mirrored.

    They are made once and used in all epochs, so that what does not learn of a network has to
    see them only once.

    Parameters
    ----------
    pixels:
        RGB `(H, W, 3)`, uint8.
    size, crop:
        As in `plain_view`.
    count:
        Number of views, at least 1.
    seed:
        Of the cut-outs.

    Returns
    -------
    uint8 array `(count, size, size, 3)`

    Examples
    --------
    >>> grey = np.full((300, 400, 3), 127, np.uint8)
    >>> fixed_views(grey, size=224, crop=0.875, count=4, seed=(1, 0)).shape
    (4, 224, 224, 3)
    """
    rng = np.random.default_rng(seed)
    views = np.empty((count, size, size, 3), np.uint8)
    for k in range(count):
        # Views 0 and 1 show the same cut, as do 2 and 3, and so on.
        if k == 0:
            views[k] = plain_view(pixels, size, crop)
        elif k == 1:
            views[k] = views[0][:, ::-1]
        else:
            cut = random_resized_crop(pixels, rng, size=size, area=AREA)
            views[k] = cut[:, ::-1] if k % 2 else cut
    return views


def augmentation(size: int) -> Augmentation:
    """Make the variation that is drawn anew in each epoch where all layers learn.

    >>> augmentation(64)(np.zeros((90, 90, 3), np.uint8), np.random.default_rng(1)).shape
    (64, 64, 3)
    """
    return Augmentation(size=size, area=AREA)

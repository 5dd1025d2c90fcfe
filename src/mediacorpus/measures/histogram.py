"""Which colors an image has, and whether they lie together: histogram and correlogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mediacorpus.engine.contract import Batch, measure
from mediacorpus.measures._working import DECODED, scaled_rgb
from mediacorpus.records import Info, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mediacorpus.engine.contract import Pixels

HISTOGRAM_SIDE, BINS = 256, 8
CORRELOGRAM_SIDE, LEVELS = 128, 4
COLORS = LEVELS**3
DISTANCES = (1, 3, 5, 7)
OUTSIDE = 255
"""Stands for what is no pixel; greater than any color's number."""

HISTOGRAM = Info(
    name="histogram",
    version="1",
    summary="Share of each of 512 colors (8 levels of red, green and blue).",
    licence="Apache-2.0 (OpenCV)",
    citation=(
        "Swain, M. J., & Ballard, D. H. (1991). Color indexing. International Journal of "
        "Computer Vision, 7(1), 11-32."
    ),
    shape=Shape.VECTOR,
    outputs={"vector": str(BINS**3)},
    min_side=HISTOGRAM_SIDE,
)

CORRELOGRAM = Info(
    name="correlogram",
    version="1",
    summary="How likely each of 64 colors is at 1, 3, 5 and 7 pixels from itself.",
    licence="Apache-2.0",
    citation=(
        "Huang, J., Kumar, S. R., Mitra, M., Zhu, W.-J., & Zabih, R. (1997). Image indexing "
        "using color correlograms. CVPR, 762-768."
    ),
    shape=Shape.VECTOR,
    outputs={"vector": str(len(DISTANCES) * COLORS)},
    min_side=DECODED,
)


@measure(HISTOGRAM)
def histogram(batch: Batch) -> Sequence[NDArray[np.float32]]:
    """Give the share of each of 512 colors.

    Parameters
    ----------
    batch:
        Decoded images.

    Returns
    -------
    sequence of ndarray
        For each image a float32 array `(512,)` with sum 1: `cv2.calcHist` over red, green
        and blue in 8 equal bins each, divided by the number of pixels. Color (r, g, b), each
        0 to 255, is counted in bin `r // 32 * 64 + g // 32 * 8 + b // 32`. The image has a
        short side of 256 pixels; smaller ones stay as they are.

    Notes
    -----
    Swain and Ballard compare two histograms by their intersection, `np.minimum(a, b).sum()`,
    0 (no common color) to 1 (the same).

    References
    ----------
    Swain, M. J., & Ballard, D. H. (1991). Color indexing. *International Journal of Computer
    Vision, 7*(1), 11-32.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> flag = np.zeros((10, 20, 3), np.uint8)
    >>> flag[:, :5] = 255, 0, 0
    >>> [vector] = histogram(Batch([BatchItem("a", FileFacts("PNG", 20, 10, "RGB", 99), flag)]))
    >>> float(vector[0]), float(vector[7 * 64])
    (0.75, 0.25)
    """
    return [_shares(image) for image in scaled_rgb(batch, HISTOGRAM_SIDE)]


@measure(CORRELOGRAM)
def correlogram(batch: Batch) -> Sequence[NDArray[np.float32]]:
    """Give the color autocorrelogram: how likely a color is at a distance from itself.

    Parameters
    ----------
    batch:
        Decoded images.

    Returns
    -------
    sequence of ndarray
        For each image a float32 array `(256,)`, 0 to 1: 64 values for each of the distances
        1, 3, 5 and 7 in this order. Value `c` is the number of pairs of pixels that both have
        color `c` and lie at chessboard distance `k`, divided by `8 * k` times the number
        of pixels of color `c`; 0 for a color that does not occur. Color (r, g, b), each 0
        to 255, is number `r // 64 * 16 + g // 64 * 4 + b // 64`. The image has a short side
        of 128 pixels; smaller ones stay as they are.

    Notes
    -----
    Pairs are counted in both directions, and each pixel is taken to have `8 * k` neighbors, as
    in the paper; near the border some are missing, so that an image of one color stays a
    little below 1. Huang and others compare images by the sum of
    `abs(a - b) / (1 + a + b)`.

    References
    ----------
    Huang, J., Kumar, S. R., Mitra, M., Zhu, W.-J., & Zabih, R. (1997). Image indexing using
    color correlograms. *CVPR*, 762-768.

    Examples
    --------
    Two black pixels above two white ones: each has 1 of 8 neighbors in its own color.

    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> four = np.array([[0, 0], [255, 255]], np.uint8)[:, :, None].repeat(3, 2)
    >>> [vector] = correlogram(Batch([BatchItem("a", FileFacts("PNG", 2, 2, "RGB", 99), four)]))
    >>> float(vector[0]), float(vector[63]), float(vector.sum())
    (0.125, 0.125, 0.25)
    """
    return [_autocorrelogram(image) for image in scaled_rgb(batch, CORRELOGRAM_SIDE)]


def _shares(image: Pixels) -> NDArray[np.float32]:
    counts = cv2.calcHist([image], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3)
    shares: NDArray[np.float32] = counts.ravel() / np.float32(image.shape[0] * image.shape[1])
    return shares


def _autocorrelogram(image: Pixels) -> NDArray[np.float32]:
    levels = image >> 6
    colors = levels[..., 0] << 4 | levels[..., 1] << 2 | levels[..., 2]
    each = colors.ravel()
    held = np.maximum(np.bincount(each, minlength=COLORS), 1)
    margin = max(DISTANCES)
    framed = np.pad(colors, ((0, margin), (margin, margin)), constant_values=OUTSIDE)
    height, width = colors.shape
    shares = []
    for distance in DISTANCES:
        same = np.zeros(colors.shape, np.uint8)
        for down, across in _half_ring(distance):
            left = margin + across
            same += colors == framed[down : down + height, left : left + width]
        pairs = 2 * np.bincount(each, weights=same.ravel(), minlength=COLORS)
        shares.append(pairs / (8 * distance * held))
    return np.concatenate(shares).astype(np.float32)


def _half_ring(distance: int) -> list[tuple[int, int]]:
    """List half of the offsets at a chessboard distance; the others are their opposites."""
    span = range(-distance, distance + 1)
    sides = [(down, side) for down in range(1, distance) for side in (-distance, distance)]
    return [(0, distance), *sides, *((distance, across) for across in span)]

"""The form of what is bright: Hu's and Zernike's moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mediacorpus.engine.contract import MEASURES, Batch, Measure, measure
from mediacorpus.extras import need
from mediacorpus.measures._working import DECODED, scaled_gray, squished_gray
from mediacorpus.records import Info, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

HU_SIDE, HU_MOMENTS = 256, 7
HU_COLUMNS = tuple(f"hu{number}" for number in range(1, HU_MOMENTS + 1))
ZERNIKE_SIDE, RADIUS, DEGREE = 128, 64, 8
ZERNIKE_LENGTH = sum(degree // 2 + 1 for degree in range(DEGREE + 1))

HU = Info(
    name="hu",
    version="1",
    summary="Form: Hu's seven moments, the same for a form moved, scaled or rotated.",
    licence="Apache-2.0 (OpenCV)",
    citation=(
        "Hu, M.-K. (1962). Visual pattern recognition by moment invariants. IRE Transactions "
        "on Information Theory, 8(2), 179-187."
    ),
    outputs=dict.fromkeys(HU_COLUMNS, "float64"),
    min_side=HU_SIDE,
    labels={name: f"Hu's moment {n} of the gray image" for n, name in enumerate(HU_COLUMNS, 1)},
)

ZERNIKE = Info(
    name="zernike",
    version="1",
    summary="Form: 25 Zernike moments up to degree 8, the same for a rotated form.",
    licence="MIT (mahotas)",
    citation=(
        "Khotanzad, A., & Hong, Y. H. (1990). Invariant image recognition by Zernike moments. "
        "IEEE Transactions on Pattern Analysis and Machine Intelligence, 12(5), 489-497."
    ),
    extra="descriptors",
    shape=Shape.VECTOR,
    outputs={"vector": str(ZERNIKE_LENGTH)},
    min_side=DECODED,
)


@measure(HU)
def hu(batch: Batch) -> Sequence[Mapping[str, float]]:
    """Describe the form of what is bright by Hu's seven invariant moments.

    Parameters
    ----------
    batch:
        Decoded images.

    Returns
    -------
    sequence of mapping
        For each image `hu1` to `hu7`: `cv2.HuMoments(cv2.moments(gray))` of the gray image
        (0 to 255) with a short side of 256 pixels; smaller ones stay as they are. 0 for a
        black image.

    Notes
    -----
    The moments are those of a bright form on a black ground: they stay the same when it is
    moved, scaled or rotated; a mirror image turns the sign of `hu7`. A brighter image has
    smaller moments. They differ by many orders of magnitude, so that the logarithm
    `-sign(h) * log10(abs(h))` is usually taken before they are compared.

    References
    ----------
    Hu, M.-K. (1962). Visual pattern recognition by moment invariants. *IRE Transactions on
    Information Theory, 8*(2), 179-187.

    Examples
    --------
    A white square of n by n pixels has hu1 = (n**2 - 1) / (6 * 255 * n**2); the others are 0.

    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> square = np.zeros((64, 96, 3), np.uint8)
    >>> square[20:30, 40:50] = 255
    >>> [row] = hu(Batch([BatchItem("a", FileFacts("PNG", 96, 64, "RGB", 99), square)]))
    >>> round(row["hu1"] * 6 * 255, 6), round(row["hu2"], 12)
    (0.99, 0.0)
    """
    rows = [cv2.HuMoments(cv2.moments(p)).ravel() for p in scaled_gray(batch, HU_SIDE)]
    return [dict(zip(HU_COLUMNS, row.tolist(), strict=True)) for row in rows]


@MEASURES.register(ZERNIKE)
def zernike() -> Measure:
    """Make the measure that describes the form of what is bright by Zernike moments.

    Returns
    -------
    Measure
        For each image a float32 array `(25,)`: the magnitudes that
        `mahotas.features.zernike_moments(gray, radius=64, degree=8)` gives for the gray image,
        squished to 128 by 128 pixels, in a circle of 64 pixels around its center of mass.
        The order is that of degree n = 0 to 8 and, within it, repetition m = n modulo 2 to n:
        (0, 0), (1, 1), (2, 0), (2, 2), (3, 1), (3, 3), (4, 0) … (8, 8). 0 for a black image.

    Raises
    ------
    MissingExtra
        mahotas is not installed.

    Notes
    -----
    The magnitudes stay the same when the form is rotated about its center, and when all is made
    brighter by a factor. Images of other proportions are distorted to a square.

    References
    ----------
    Khotanzad, A., & Hong, Y. H. (1990). Invariant image recognition by Zernike moments. *IEEE
    Transactions on Pattern Analysis and Machine Intelligence, 12*(5), 489-497.

    Examples
    --------
    The first is always 1 / pi, unless all is black.

    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> white = np.full((128, 128, 3), 255, np.uint8)
    >>> [vector] = zernike()(Batch([BatchItem("a", FileFacts("PNG", 128, 128, "RGB", 9), white)]))
    >>> len(vector), round(float(vector[0] * np.pi), 5)
    (25, 1.0)
    """
    describe = need("mahotas.features").zernike_moments

    def measured(batch: Batch) -> Sequence[NDArray[np.float32]]:
        return [
            describe(image, RADIUS, degree=DEGREE).astype(np.float32)
            for image in squished_gray(batch, ZERNIKE_SIDE)
        ]

    return measured

"""Texture as Haralick measured it: which gray levels lie side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mediacorpus.engine.contract import MEASURES, Batch, Measure
from mediacorpus.extras import need
from mediacorpus.measures._working import scaled_gray
from mediacorpus.records import Info, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIDE = 256
FEATURES = 13

INFO = Info(
    name="haralick",
    version="1",
    summary="Texture: Haralick's 13 features of gray-level co-occurrence, mean and range.",
    licence="MIT (mahotas)",
    citation=(
        "Haralick, R. M., Shanmugam, K., & Dinstein, I. (1973). Textural features for image "
        "classification. IEEE Transactions on Systems, Man, and Cybernetics, SMC-3(6), 610-621."
    ),
    extra="descriptors",
    shape=Shape.VECTOR,
    outputs={"vector": str(2 * FEATURES)},
    min_side=SIDE,
)


@MEASURES.register(INFO)
def haralick() -> Measure:
    """Make the measure that describes texture by Haralick's features.

    Returns
    -------
    Measure
        For each image a float32 array `(26,)`, what `mahotas.features.haralick(gray,
        return_mean_ptp=True)` gives: 13 features of the co-occurrence of gray levels in
        adjacent pixels, first their means over the four directions (horizontal, vertical and
        the two diagonals), then their ranges (greatest less least). The features are angular
        second moment, contrast, correlation, variance, inverse difference moment, sum
        average, sum variance, sum entropy, entropy, difference variance, difference entropy
        and the two information measures of correlation. The gray image has 256 levels and a
        short side of 256 pixels; smaller ones stay as they are.

    Raises
    ------
    MissingExtra
        mahotas is not installed.

    Notes
    -----
    All values are finite. In an image of one gray level the correlation is 1, the entropies
    are 0 and the ranges are 0. An image one pixel wide or high has no diagonal neighbors:
    its only row or column is doubled.

    The unit of the variances is the squared gray level: standardise before you compare or
    cluster. The difference variance is the library's: the variance of the shares of
    differences, which depends on the image's brightest level.

    References
    ----------
    Haralick, R. M., Shanmugam, K., & Dinstein, I. (1973). Textural features for image
    classification. *IEEE Transactions on Systems, Man, and Cybernetics, SMC-3*(6), 610-621.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> black = np.zeros((64, 64, 3), np.uint8)
    >>> [vector] = haralick()(Batch([BatchItem("a", FileFacts("PNG", 64, 64, "RGB", 9), black)]))
    >>> vector[:5].tolist()
    [1.0, 0.0, 1.0, 0.0, 1.0]
    """
    describe = need("mahotas.features").haralick

    def measure(batch: Batch) -> Sequence[NDArray[np.float32]]:
        return [
            describe(_with_neighbors(image), return_mean_ptp=True).astype(np.float32)
            for image in scaled_gray(batch, SIDE)
        ]

    return measure


def _with_neighbors(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape
    if min(height, width) > 1:
        return image
    return np.pad(image, ((0, height == 1), (0, width == 1)), mode="edge")

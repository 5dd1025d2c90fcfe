"""Fine texture: how often each local binary pattern occurs."""

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
CIRCLES = ((8, 1), (16, 2), (24, 3))
"""Points on a circle, and its radius in pixels."""
LENGTH = sum(points + 2 for points, _ in CIRCLES)

INFO = Info(
    name="lbp",
    version="1",
    summary="Fine texture: histograms of uniform local binary patterns at three radii.",
    licence="BSD-3-Clause (scikit-image)",
    citation=(
        "Ojala, T., Pietikainen, M., & Maenpaa, T. (2002). Multiresolution gray-scale and "
        "rotation invariant texture classification with local binary patterns. IEEE "
        "Transactions on Pattern Analysis and Machine Intelligence, 24(7), 971-987."
    ),
    extra="descriptors",
    shape=Shape.VECTOR,
    outputs={"vector": str(LENGTH)},
    min_side=SIDE,
)


@MEASURES.register(INFO)
def lbp() -> Measure:
    """Make the measure that describes fine texture by local binary patterns.

    Returns
    -------
    Measure
        For each image a float32 array `(54,)`: three histograms one after the other, each
        with sum 1, of what `skimage.feature.local_binary_pattern(gray, points, radius,
        "uniform")` gives for 8 points at radius 1 (10 bins), 16 at 2 (18 bins) and 24 at 3
        (26 bins). Bin `k` counts pixels with `k` neighbors in a row that are at least as
        bright; the last bin of each histogram counts all patterns that are not uniform.
        The gray image has a short side of 256 pixels; smaller ones stay as they are.

    Raises
    ------
    MissingExtra
        scikit-image is not installed.

    Notes
    -----
    The histograms hardly change when the image is rotated, and rest on which pixel is the
    brighter, not on how much. As in scikit-image, what lies beyond the border counts as black.

    References
    ----------
    Ojala, T., Pietikainen, M., & Maenpaa, T. (2002). Multiresolution gray-scale and rotation
    invariant texture classification with local binary patterns. *IEEE Transactions on Pattern
    Analysis and Machine Intelligence, 24*(7), 971-987.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> black = np.zeros((64, 64, 3), np.uint8)
    >>> [vector] = lbp()(Batch([BatchItem("a", FileFacts("PNG", 64, 64, "RGB", 99), black)]))
    >>> np.flatnonzero(vector).tolist(), float(vector[8])
    ([8, 26, 52], 1.0)
    """
    patterns = need("skimage.feature").local_binary_pattern

    def histogram(image: NDArray[np.uint8], points: int, radius: int) -> NDArray[np.float64]:
        found = patterns(image, points, radius, "uniform").astype(np.intp)
        shares: NDArray[np.float64]
        shares = np.bincount(found.ravel(), minlength=points + 2) / found.size
        return shares

    def measure(batch: Batch) -> Sequence[NDArray[np.float32]]:
        return [
            np.concatenate([histogram(image, *circle) for circle in CIRCLES]).astype(np.float32)
            for image in scaled_gray(batch, SIDE)
        ]

    return measure

"""Where edges are and how they run: histograms of oriented gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mediacorpus.engine.contract import MEASURES, Batch, Measure
from mediacorpus.extras import need
from mediacorpus.measures._working import DECODED, squished_gray
from mediacorpus.records import Info, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIDE = 128
ORIENTATIONS, CELL, BLOCK = 9, 16, 2
BLOCKS = SIDE // CELL - BLOCK + 1
LENGTH = BLOCKS * BLOCKS * BLOCK * BLOCK * ORIENTATIONS

INFO = Info(
    name="hog",
    version="1",
    summary="Histograms of oriented gradients: where edges are and how they run.",
    licence="BSD-3-Clause (scikit-image)",
    citation=(
        "Dalal, N., & Triggs, B. (2005). Histograms of oriented gradients for human detection. "
        "CVPR, 886-893."
    ),
    extra="descriptors",
    shape=Shape.VECTOR,
    outputs={"vector": str(LENGTH)},
    min_side=DECODED,
)


@MEASURES.register(INFO)
def hog() -> Measure:
    """Make the measure that describes an image by histograms of oriented gradients.

    Returns
    -------
    Measure
        For each image a float32 array `(1764,)`, 0 to 1: what `skimage.feature.hog` gives
        for the gray image, squished to 128 by 128 pixels, with 9 orientations (0 to 180
        degrees), cells of 16 by 16 pixels and blocks of 2 by 2 cells, each block L2-Hys
        normalised. The order is that of an array `(7, 7, 2, 2, 9)`: row and column of the
        block, row and column of the cell in it, orientation.

    Raises
    ------
    MissingExtra
        scikit-image is not installed.

    Notes
    -----
    Images of other proportions are distorted to a square. Without any edge all values are 0.

    References
    ----------
    Dalal, N., & Triggs, B. (2005). Histograms of oriented gradients for human detection.
    *CVPR*, 886-893.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> ramp = np.arange(128, dtype=np.uint8)[None, :, None].repeat(128, 0).repeat(3, 2)
    >>> [vector] = hog()(Batch([BatchItem("a", FileFacts("PNG", 128, 128, "RGB", 99), ramp)]))
    >>> vector[:9].round(2).tolist()
    [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    describe = need("skimage.feature").hog

    def measure(batch: Batch) -> Sequence[NDArray[np.float32]]:
        return [
            describe(
                image,
                orientations=ORIENTATIONS,
                pixels_per_cell=(CELL, CELL),
                cells_per_block=(BLOCK, BLOCK),
                block_norm="L2-Hys",
            ).astype(np.float32)
            for image in squished_gray(batch, SIDE)
        ]

    return measure

"""The image itself, very small: the classic comparison pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mediacorpus.engine.contract import Batch, measure
from mediacorpus.measures._working import DECODED, squished_gray
from mediacorpus.records import Info, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIDE = 15
WHITE = 255

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


@measure(INFO)
def pixels(batch: Batch) -> Sequence[NDArray[np.float32]]:
    """Give the gray image itself, squished to 15 by 15 pixels and laid out row by row.

    Parameters
    ----------
    batch:
        Decoded images.

    Returns
    -------
    sequence of ndarray
        For each image a float32 array `(225,)`, 0 (black) to 1 (white).

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
    >>> [vector] = pixels(Batch([BatchItem("a", FileFacts("PNG", 400, 300, "RGB", 99), white)]))
    >>> vector.shape, float(vector.min())
    ((225,), 1.0)
    """
    return [np.divide(p.ravel(), WHITE, dtype=np.float32) for p in squished_gray(batch, SIDE)]

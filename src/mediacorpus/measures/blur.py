"""Blur judged by the width of the strongest edges, so that sharp drawings count as sharp."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mediacorpus.engine.contract import Pixels

BLURRED = 0.55
"""Extent above which an image counts as blurred: edges of sd 1.3 pixels or more.

Half-way between the most blurred of 40 sharp photographs of COCO and scikit-image (0.43) and
the sharpest of the same after a Gaussian of 3 pixels (0.69), rounded.
"""

SIDE = 512
"""Larger images are judged at an area of SIDE x SIDE pixels."""

REBLUR = 2.0
"""Standard deviation, in pixels, of the second blur."""

STRONGEST = 0.005
"""Share of all pixels that are looked at: the strongest edges."""

FLOOR = 2.0
"""Least change from pixel to pixel, in gray levels, that counts as an edge."""

FEWEST = 10
"""With fewer edge pixels nothing is said."""


def blur_extent(gray: Pixels) -> float | None:
    """Tell how wide the strongest edges are: 0 perfectly sharp, near 1 very blurred.

    The image is blurred once more, by a Gaussian of `REBLUR` pixels. At an edge that is
    itself blurred by a Gaussian of sd s, this divides the gradient by
    sqrt(s**2 + REBLUR**2) / s (Zhuo and Sim 2011): much where the edge was sharp, hardly
    where it was wide. The median of "gradient after / gradient before" over the strongest
    edges is the extent. Unlike the variance of the Laplacian it does not depend on how many
    edges there are, so that flat drawings, flags and text are not taken for blurred; and
    since only the strongest edges count, a soft background or a smooth sky is not either.

    Parameters
    ----------
    gray:
        Gray image `(H, W)`, uint8. One of more than `SIDE` x `SIDE` pixels is first
        reduced to that area: blur that cannot be seen at this size does not count.

    Returns
    -------
    float or None
        0 to 1; about s / sqrt(s**2 + 4) for edges of sd s pixels. None where the image has
        no edges (fewer than `FEWEST` edge pixels): nothing can be said of it.

    Notes
    -----
    A gradient is steepest across an edge: edge pixels are where it is larger than at both
    neighbors, along the axis on which it is larger (Canny 1986, rounded to two directions).
    Motion blur leaves edges along the motion sharp and may be missed. A blurred image with
    sharp lettering on it counts as sharp.

    Of 549 photographs other than those that give the limit, 1 was above it as it was, 92 %
    after a Gaussian of 3 and 99.6 % after one of 5 pixels at `SIDE`; of 47 drawings and
    renderings of text none was above 0.4.

    References
    ----------
    Zhuo and Sim (2011), Defocus map estimation from a single image, Pattern Recognition 44.
    Crete-Roffet et al. (2007), The blur effect, SPIE 6492, has the idea of blurring again.

    Examples
    --------
    >>> drawing = np.full((200, 300), 255, np.uint8)
    >>> _ = cv2.rectangle(drawing, (50, 50), (200, 150), 0, 1)
    >>> soft = cv2.GaussianBlur(drawing, (0, 0), 4)
    >>> round(blur_extent(drawing), 1), round(blur_extent(soft), 1)
    (0.1, 0.8)
    >>> blur_extent(np.zeros((200, 300), np.uint8)) is None
    True
    """
    image = _reduced(gray)
    if min(image.shape) < 3:  # noqa: PLR2004 - an edge needs a neighbor on both sides
        return None
    before, upright = _gradient(image)
    edges = _strongest_edges(before, upright)
    if edges.size < FEWEST:
        return None
    again = cv2.GaussianBlur(image.astype(np.float32), (0, 0), REBLUR)
    after = _gradient(np.asarray(again, np.float32))[0].ravel()[edges]
    return float(np.median(np.minimum(after / before.ravel()[edges], 1)))


def _reduced(gray: Pixels) -> Pixels:
    times = math.sqrt(gray.size) / SIDE
    if times <= 1:
        return gray
    height, width = (max(1, round(side / times)) for side in gray.shape)
    return np.asarray(cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _gradient(
    image: Pixels | NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Give the gradient in gray levels a pixel, and where it is larger across than down."""
    across, down = (
        np.asarray(cv2.Sobel(image, cv2.CV_32F, *axis, scale=1 / 8), np.float32)
        for axis in ((1, 0), (0, 1))
    )
    # OpenCV's magnitude rounds by where in memory a number lies.
    size = np.sqrt(across * across + down * down)
    return size, np.asarray(np.abs(across) >= np.abs(down), np.bool_)


def _strongest_edges(size: NDArray[np.float32], upright: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Give the flat places of the strongest edge pixels, those at the border left out."""
    width = size.shape[1]
    wanted = max(FEWEST, int(STRONGEST * size.size))
    # Edges are thin: few of the strongest 5 % of all pixels are peaks, but enough of them.
    low = max(FLOOR, float(np.quantile(size[::3, ::3], 0.95, method="lower")))
    inner = np.zeros(size.shape, np.bool_)
    inner[1:-1, 1:-1] = size[1:-1, 1:-1] >= low
    places = np.flatnonzero(inner)
    flat = size.ravel()
    step = np.where(upright.ravel()[places], 1, width)
    own = flat[places]
    places = places[(own > flat[places - step]) & (own >= flat[places + step])]
    if places.size > wanted:
        order = np.argpartition(flat[places], places.size - wanted)
        places = places[order[places.size - wanted :]]
    return places

"""How many corners and blobs stand out: ORB and SIFT keypoints."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mediacorpus.engine.contract import Batch, measure
from mediacorpus.measures._working import scaled_gray
from mediacorpus.records import Info

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediacorpus.engine.contract import Pixels

SIDE = 512
ORB_MOST = 500

INFO = Info(
    name="keypoints",
    version="1",
    summary="Number of ORB and SIFT keypoints, and the mean size of the latter.",
    licence="Apache-2.0 (OpenCV)",
    citation=(
        "Rublee, E., Rabaud, V., Konolige, K., & Bradski, G. (2011). ORB: An efficient "
        "alternative to SIFT or SURF. ICCV, 2564-2571. "
        "Lowe, D. G. (2004). Distinctive image features from scale-invariant keypoints. "
        "International Journal of Computer Vision, 60(2), 91-110."
    ),
    outputs={"orb": "int64", "sift": "int64", "sift_scale": "float64"},
    min_side=SIDE,
    labels={
        "orb": "Number of corners (ORB), at most 500",
        "sift": "Number of blobs (SIFT)",
        "sift_scale": "Mean diameter of the blobs in pixels (SIFT)",
    },
)

_detectors = threading.local()


@measure(INFO)
def keypoints(batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Count the keypoints of an image: corners (ORB) and blobs (SIFT) that stand out.

    Parameters
    ----------
    batch:
        Decoded images.

    Returns
    -------
    sequence of mapping
        For each image: `orb`, the number of keypoints that `cv2.ORB_create(nfeatures=500)`
        detects, which stops at about 500; `sift`, the number that `cv2.SIFT_create()` detects;
        `sift_scale`, the mean diameter of the latter in pixels, None where there is none.
        The gray image has a short side of 512 pixels; smaller ones stay as they are.

    Notes
    -----
    Smaller images have fewer keypoints: compare counts only between images of at least 512
    pixels and like proportions. ORB finds nothing within 31 pixels of the border. As in OpenCV,
    SIFT counts a place once for each direction in which its gradients mainly point.

    References
    ----------
    Rublee, E., Rabaud, V., Konolige, K., & Bradski, G. (2011). ORB: An efficient alternative to
    SIFT or SURF. *ICCV*, 2564-2571.

    Lowe, D. G. (2004). Distinctive image features from scale-invariant keypoints.
    *International Journal of Computer Vision, 60*(2), 91-110.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> plain = np.full((600, 800, 3), 127, np.uint8)
    >>> keypoints(Batch([BatchItem("a", FileFacts("PNG", 800, 600, "RGB", 99), plain)]))
    [{'orb': 0, 'sift': 0, 'sift_scale': None}]
    """
    return [_row(image) for image in scaled_gray(batch, SIDE)]


def _row(image: Pixels) -> Mapping[str, Any]:
    orb, sift = _own_detectors()
    # OpenCV's pyramid for ORB fails where an image is a single pixel wide or high.
    corners = orb.detect(image, None) if min(image.shape) > 1 else ()
    blobs = sift.detect(image, None)
    return {
        "orb": len(corners),
        "sift": len(blobs),
        "sift_scale": float(np.mean([blob.size for blob in blobs])) if blobs else None,
    }


def _own_detectors() -> tuple[Any, Any]:
    """Give this thread's detectors; OpenCV's objects must not be used by two at once."""
    if not hasattr(_detectors, "pair"):
        _detectors.pair = cv2.ORB.create(nfeatures=ORB_MOST), cv2.SIFT.create()
    pair: tuple[Any, Any] = _detectors.pair
    return pair

"""Technical quality: light, contrast, sharpness, blur, noise and compression blocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mediacorpus.engine.contract import Batch, Pixels, measure
from mediacorpus.measures.blur import BLURRED, blur_extent
from mediacorpus.records import Info

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DARK, LIGHT = 0.05, 0.95
"""Luma below and above which a pixel counts as under- and overexposed."""

BLOCK = 8
"""Side of JPEG's blocks in pixels."""

NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""Difference of two Laplacians (Immerkaer 1996)."""

INFO = Info(
    name="quality",
    version="1",
    summary="Brightness, contrast, exposure, sharpness, blur, noise and compression blocks.",
    licence="Apache-2.0",
    citation=(
        "Peli (1990), JOSA A 7; Pech-Pacheco et al. (2000), ICPR; Krotkov (1988), IJCV 1; "
        "Immerkaer (1996), CVIU 64; Zhuo and Sim (2011), Pattern Recognition 44; "
        "Wang, Sheikh and Bovik (2002), ICIP"
    ),
    outputs={
        "brightness": "float64",
        "contrast_rms": "float64",
        "contrast_michelson": "float64",
        "dynamic_range": "float64",
        "underexposed_share": "float64",
        "overexposed_share": "float64",
        "sharpness_laplacian": "float64",
        "sharpness_tenengrad": "float64",
        "noise": "float64",
        "blockiness": "float64",
        "blur": "float64",
        "blurred": "bool",
    },
    min_side=None,
    labels={
        "brightness": "Mean luma, 0 black to 1 white",
        "contrast_rms": "Contrast: standard deviation of luma, 0 to 0.5",
        "contrast_michelson": "Contrast (Michelson) of the 1st and 99th percentile, 0 to 1",
        "dynamic_range": "Luma at the 99th minus the 1st percentile, 0 to 1",
        "underexposed_share": "Share of pixels with luma below 0.05",
        "overexposed_share": "Share of pixels with luma above 0.95",
        "sharpness_laplacian": "Sharpness: variance of the Laplacian",
        "sharpness_tenengrad": "Sharpness: mean square of the Sobel gradient",
        "noise": "Noise: standard deviation in levels of 255 (Immerkaer)",
        "blockiness": "Blocks of JPEG compression: about 0 none, towards 1 strong",
        "blur": "Extent of blur, 0 sharp to 1",
        "blurred": "Whether the image is blurred (blur above 0.55)",
    },
)


@measure(INFO)
def quality(batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Measure the technical quality of each image, at its full size.

    All values are of the luma 0.299 R + 0.587 G + 0.114 B (Rec. 601), rounded to 256 levels.

    Parameters
    ----------
    batch:
        Images with pixels.

    Returns
    -------
    sequence of mapping
        `brightness`: mean luma, 0 to 1. `contrast_rms`: its standard deviation, 0 to 0.5
        (Peli 1990). `dynamic_range`: 99th percentile minus 1st, 0 to 1;
        `contrast_michelson`: the same divided by their sum (Michelson 1927, on percentiles
        so that single pixels do not decide), None where both are 0.
        `underexposed_share`, `overexposed_share`: share of pixels with luma below 0.05,
        above 0.95 (limits ours).

        `sharpness_laplacian`: variance of the Laplacian on 0 to 255 (Pech-Pacheco et al.
        2000). `sharpness_tenengrad`: mean square of the Sobel gradient on 0 to 255
        (Krotkov 1988; Pertuz, Puig and Garcia 2013). Both grow with detail and noise and
        depend on size: compare images of one kind and size only.

        `blur`: extent of blur, 0 sharp to 1; None where there are no edges. `blurred`:
        whether it is above 0.55. See `mediacorpus.measures.blur.blur_extent`.

        `noise`: standard deviation of the noise in levels of 255 (Immerkaer 1996); fine
        texture counts as noise; None below 3 x 3 pixels.

        `blockiness`: (b - a) / (b + a) with b the mean absolute step between neighbors
        across the borders of 8 x 8 blocks (Wang, Sheikh and Bovik 2002), a the one
        elsewhere: about 0 without blocks, towards 1 with strong ones; None where there are
        no steps. Blocks are looked for from the upper left corner: in an image that was
        cropped or resized after compression they are missed.

    References
    ----------
    Immerkaer (1996), Fast noise variance estimation, CVIU 64.
    Krotkov (1988), Focusing, International Journal of Computer Vision 1.
    Pech-Pacheco et al. (2000), Diatom autofocusing in brightfield microscopy, ICPR.
    Peli (1990), Contrast in complex images, Journal of the Optical Society of America A 7.
    Pertuz, Puig and Garcia (2013), Analysis of focus measure operators, Pattern Recognition 46.
    Wang, Sheikh and Bovik (2002), No-reference perceptual quality assessment of JPEG, ICIP.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> half = np.zeros((300, 400, 3), np.uint8)
    >>> half[:, 200:] = 255
    >>> [row] = quality(Batch([BatchItem("a", FileFacts("PNG", 400, 300, "RGB", 99), half)]))
    >>> row["brightness"], row["contrast_rms"], row["overexposed_share"], row["blurred"]
    (0.5, 0.5, 0.5, False)
    """
    return [_row(pixels) for pixels in batch.pixels]


def _row(pixels: Pixels) -> dict[str, Any]:
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    blur = blur_extent(gray)
    return (
        _light(gray)
        | _sharpness(gray)
        | {
            "noise": _noise(gray),
            "blockiness": _blockiness(gray),
            "blur": blur,
            "blurred": None if blur is None else blur > BLURRED,
        }
    )


def _light(gray: Pixels) -> dict[str, float | None]:
    """Everything that depends on the counts of the 256 levels alone."""
    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    share = counts / gray.size
    level = np.arange(256) / 255
    mean = float(share @ level)
    reached = np.cumsum(counts)
    low, high = (float(level[np.searchsorted(reached, part * gray.size)]) for part in (0.01, 0.99))
    return {
        "brightness": mean,
        "contrast_rms": math.sqrt(float(share @ (level - mean) ** 2)),
        "contrast_michelson": (high - low) / (high + low) if high + low else None,
        "dynamic_range": high - low,
        "underexposed_share": float(share[level < DARK].sum()),
        "overexposed_share": float(share[level > LIGHT].sum()),
    }


def _sharpness(gray: Pixels) -> dict[str, float]:
    _, sd = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))
    steps = (cv2.Sobel(gray, cv2.CV_16S, *axis) for axis in ((1, 0), (0, 1)))
    squares = sum(cv2.norm(step, cv2.NORM_L2SQR) for step in steps)
    return {
        "sharpness_laplacian": float(sd[0, 0]) ** 2,
        "sharpness_tenengrad": float(squares) / gray.size,
    }


def _noise(gray: Pixels) -> float | None:
    height, width = gray.shape
    if min(height, width) < NOISE_MASK.shape[0]:
        return None
    found = cv2.filter2D(gray, cv2.CV_16S, NOISE_MASK)[1:-1, 1:-1]
    inside = gray[2:, 2:].size
    mean = float(cv2.norm(found, cv2.NORM_L1)) / inside
    return mean * math.sqrt(math.pi / 2) / 6


def _blockiness(gray: Pixels) -> float | None:
    border, elsewhere = np.zeros(2), np.zeros(2)
    for image in (gray, gray.T):
        if image.shape[1] > 1:
            # Steps from one column to the next, over all rows.
            steps = np.asarray(cv2.absdiff(image[:, 1:], image[:, :-1]))
            sums = steps.sum(axis=0, dtype=np.int64)
            at_border = sums[BLOCK - 1 :: BLOCK]
            border += at_border.sum(), at_border.size * len(image)
            elsewhere += sums.sum(), steps.size
    elsewhere -= border
    if border[1] == 0 or border[0] + elsewhere[0] == 0:
        return None
    across, within = float(border[0] / border[1]), float(elsewhere[0] / elsewhere[1])
    return (across - within) / (across + within)

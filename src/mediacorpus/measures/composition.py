"""Composition: edges, complexity, symmetry, salience, thirds and depth of field."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mediacorpus.engine.contract import Batch, Pixels, measure
from mediacorpus.measures._working import DECODED, scaled_rgb
from mediacorpus.records import Info

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

WEAK, STRONG = 100, 200
"""Canny's thresholds, on the sum of the absolute Sobel gradients."""

QUALITY = 75
"""Quality of the JPEG whose size stands for complexity."""

SALIENCE_SIDE = 64
"""Side of the square that salience is computed on (Hou and Zhang 2007)."""

SALIENT = 3.0
"""A place is salient above this many times the mean (Hou and Zhang 2007)."""

INFO = Info(
    name="composition",
    version="2",
    summary="Edge density, complexity, symmetry, salience, rule of thirds and depth of field.",
    licence="Apache-2.0",
    citation=(
        "Canny (1986), PAMI 8; Datta et al. (2006), ECCV; Hou and Zhang (2007), CVPR; "
        "Tuch et al. (2009), IJHCS 67; Mayer and Landwehr (2018), PACA 12"
    ),
    outputs=dict.fromkeys(
        (
            "edge_density",
            "visual_complexity",
            "entropy",
            "symmetry_horizontal",
            "symmetry_vertical",
            "salience_x",
            "salience_y",
            "salient_share",
            "thirds_distance",
            "center_saturation",
            "center_value",
            "depth_of_field",
        ),
        "float64",
    ),
    min_side=DECODED,
    labels={
        "edge_density": "Share of pixels on an edge, 0 to 1",
        "visual_complexity": "Visual complexity: bytes of a JPEG per pixel",
        "entropy": "Entropy of gray levels in bits, 0 to 8",
        "symmetry_horizontal": "Symmetry of left and right, -1 to 1",
        "symmetry_vertical": "Symmetry of top and bottom, -1 to 1",
        "salience_x": "Center of what stands out: 0 left to 1 right",
        "salience_y": "Center of what stands out: 0 top to 1 bottom",
        "salient_share": "Share of the image that stands out, 0 to 1",
        "thirds_distance": "Distance of that center to the rule of thirds, 0 to 0.47",
        "center_saturation": "Mean saturation of the middle ninth, 0 to 1",
        "center_value": "Mean value (HSV) of the middle ninth, 0 to 1",
        "depth_of_field": "Share of fine detail in the middle, 0 to 1 (0.25 even)",
    },
)


@measure(INFO)
def composition(batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Measure how each image is composed, at a short side of at most 256 pixels.

    Parameters
    ----------
    batch:
        Images with pixels.

    Returns
    -------
    sequence of mapping
        `edge_density`: share of pixels that are edges by Canny (1986) after a Gaussian of 1
        pixel, thresholds 100 and 200 (ours) on the sum of the absolute Sobel gradients; a
        measure of clutter (Mack and Oliva 2004; Rosenholtz et al. 2007).

        `visual_complexity`: bytes a pixel of the image as JPEG of quality 75, headers left
        out (Tuch et al. 2009; Machado et al. 2015). `entropy`: Shannon entropy of the 256
        gray levels in bits, 0 to 8.

        `symmetry_horizontal`: correlation of the left half with the mirrored right half,
        `symmetry_vertical`: of the upper with the mirrored lower half, in gray, -1 to 1
        (Mayer and Landwehr 2018, whose search for a better axis is left out); None where a
        half is uniform.

        `salience_x`, `salience_y`: center of what stands out, from 0 (left, top) to 1;
        `salient_share`: how much of the image that is; all None where nothing does.
        Salience is the spectral residual of Hou and Zhang (2007) on 64 x 64 pixels; what
        has over 3 times the mean stands out. `thirds_distance`: from that center to the
        nearest of the four points where the lines of thirds cross, in fractions of the
        sides; 0 on it, 0.24 in the middle, 0.47 in a corner.

        `center_saturation`, `center_value`: mean of HSV's saturation and value over the
        middle ninth, by Datta et al. (2006) their features 6 and 7 for the rule of thirds.
        `depth_of_field`: share that the middle four of 4 x 4 blocks have in the detail of
        the value at the third level of a Haar wavelet, by Datta et al. (2006) their feature
        56; 0.25 when detail is spread evenly, towards 1 when only the middle is in focus;
        None below 32 pixels or without detail.

    References
    ----------
    Datta, Joshi, Li and Wang (2006), Studying aesthetics in photographic images, ECCV.
    Hou and Zhang (2007), Saliency detection: a spectral residual approach, CVPR.
    Machado et al. (2015), Computerized measures of visual complexity, Acta Psychologica 160.
    Mack and Oliva (2004), Computational estimation of visual complexity, OPAM.
    Mayer and Landwehr (2018), Objective measures of design fluency, Psychology of Aesthetics,
    Creativity, and the Arts 12.
    Rosenholtz, Li and Nakano (2007), Measuring visual clutter, Journal of Vision 7.
    Tuch et al. (2009), Visual complexity of websites, Int. J. of Human-Computer Studies 67.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> dot = np.full((300, 300, 3), 255, np.uint8)
    >>> dot[95:105, 95:105] = 0
    >>> [row] = composition(Batch([BatchItem("a", FileFacts("PNG", 300, 300, "RGB", 9), dot)]))
    >>> round(row["salience_x"], 1), round(row["thirds_distance"], 1), row["center_value"] > 0.9
    (0.3, 0.0, True)
    """
    return [_row(pixels) for pixels in scaled_rgb(batch, DECODED)]


def _row(pixels: Pixels) -> dict[str, float | None]:
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    soft = cv2.GaussianBlur(gray, (0, 0), 1)
    edges = cv2.countNonZero(cv2.Canny(soft, WEAK, STRONG))
    middle = pixels.shape[1] // 2, pixels.shape[0] // 2
    left, right = gray[:, : middle[0]], gray[:, ::-1][:, : middle[0]]
    upper, lower = gray[: middle[1]], gray[::-1][: middle[1]]
    return (
        {
            "edge_density": edges / gray.size,
            "visual_complexity": _jpeg_bytes(pixels) / gray.size,
            "entropy": _entropy(gray),
            "symmetry_horizontal": _correlation(left, right),
            "symmetry_vertical": _correlation(upper, lower),
        }
        | _salience(gray)
        | _center(pixels)
        | {"depth_of_field": _depth_of_field(pixels)}
    )


def _jpeg_bytes(pixels: Pixels) -> int:
    """Count the bytes after the header of the one scan."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    scan = file.index(b"\xff\xda") + 2
    header = int.from_bytes(file[scan : scan + 2], "big")
    end_of_image = 2
    return len(file) - scan - header - end_of_image


def _entropy(gray: Pixels) -> float:
    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel()
    share = counts[counts > 0].astype(np.float64) / gray.size
    return max(0.0, float(-(share @ np.log2(share))))


def _correlation(one: Pixels, other: Pixels) -> float | None:
    if one.size == 0:
        return None
    first, second = (part.astype(np.float32) - np.float32(part.mean()) for part in (one, other))
    spread = cv2.norm(first) * cv2.norm(second)
    if one.min() == one.max() or other.min() == other.max():
        return None
    return float(np.clip(np.sum(first * second, dtype=np.float64) / spread, -1, 1))


def salience(gray: Pixels) -> NDArray[np.float64]:
    """Tell what stands out: the spectral residual of Hou and Zhang (2007).

    Parameters
    ----------
    gray:
        Gray image `(H, W)`, uint8, of any size.

    Returns
    -------
    ndarray of float64, shape (64, 64)
        0 or more; the larger, the more a place stands out. All 0 for uniform images.

    Examples
    --------
    >>> dot = np.zeros((128, 128), np.uint8)
    >>> dot[30:36, 90:96] = 255
    >>> np.unravel_index(salience(dot).argmax(), (64, 64))
    (np.int64(16), np.int64(46))
    """
    size = (SALIENCE_SIDE, SALIENCE_SIDE)
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    spectrum = np.fft.fft2(small - small.mean())
    # The 1 keeps frequencies that only rounding puts there from being lifted by the log.
    log = np.log(np.abs(spectrum) + 1)
    around = cv2.blur(log, (3, 3), borderType=cv2.BORDER_REPLICATE)
    # Amplitude exp(log - around) with the phase kept.
    back = np.abs(np.fft.ifft2(spectrum * np.exp(-around))) ** 2
    return np.asarray(cv2.GaussianBlur(back, (9, 9), 2.5), np.float64)


def _salience(gray: Pixels) -> dict[str, float | None]:
    names = ("salience_x", "salience_y", "salient_share", "thirds_distance")
    found = salience(gray)
    weight = np.where(found > SALIENT * found.mean(), found, 0)
    total = float(weight.sum())
    if total <= 0 or gray.min() == gray.max():
        return dict.fromkeys(names)
    place = (np.arange(SALIENCE_SIDE) + 0.5) / SALIENCE_SIDE
    x, y = float(weight.sum(axis=0) @ place) / total, float(weight.sum(axis=1) @ place) / total
    distance = math.hypot(*(min(abs(at - 1 / 3), abs(at - 2 / 3)) for at in (x, y)))
    return dict(zip(names, (x, y, np.count_nonzero(weight) / weight.size, distance), strict=True))


def _center(pixels: Pixels) -> dict[str, float]:
    """Mean saturation and value over the middle ninth, which has one pixel at least."""
    rows, columns = (
        slice(side // 3, max(side // 3 + 1, 2 * side // 3)) for side in pixels.shape[:2]
    )
    part = pixels[rows, columns].astype(np.float32) / 255
    hsv = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2HSV)
    _, saturation, value = cv2.mean(hsv)[:3]
    return {"center_saturation": float(saturation), "center_value": float(value)}


def _depth_of_field(pixels: Pixels) -> float | None:
    red, green, blue = cv2.split(pixels)
    value = np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)
    height, width = (side // 32 * 32 for side in value.shape)
    if min(height, width) == 0:
        return None
    # Two levels of Haar averages are means of 4 x 4 pixels; the third gives the details.
    coarse = cv2.resize(
        value[:height, :width].astype(np.float32),
        (width // 4, height // 4),
        interpolation=cv2.INTER_AREA,
    )
    a, b, c, d = coarse[::2, ::2], coarse[::2, 1::2], coarse[1::2, ::2], coarse[1::2, 1::2]
    detail = np.abs(a - b + c - d) + np.abs(a + b - c - d) + np.abs(a - b - c + d)
    total = float(np.sum(detail, dtype=np.float64))
    quarter, half = detail.shape[0] // 4, detail.shape[1] // 4
    inner = float(np.sum(detail[quarter:-quarter, half:-half], dtype=np.float64))
    return inner / total if total else None

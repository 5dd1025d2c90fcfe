"""Color: means and moments, colorfulness, warmth, and how much of each color there is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mediacorpus.engine.contract import Batch, Pixels, measure
from mediacorpus.measures._hues import HUES, NEUTRALS, Plane, colored, hue_count, shares
from mediacorpus.measures._working import DECODED, scaled, scaled_rgb
from mediacorpus.records import Info

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

WARMEST = math.radians(50)
"""Hue angle in CIELAB that looks warmest (Ou et al. 2004)."""

_LEVELS = np.arange(256) / 255
_KNEE = 0.04045
LINEAR = np.where(_LEVELS > _KNEE, ((_LEVELS + 0.055) / 1.055) ** 2.4, _LEVELS / 12.92)
"""Linear light of the 256 levels of sRGB (IEC 61966-2-1)."""

_PRIMARIES = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_TO_XYZ = _PRIMARIES / _PRIMARIES.sum(axis=1, keepdims=True)
XYZ = (_TO_XYZ[:, :, None] * LINEAR).astype(np.float32)
"""Share `[k, c, level]` of a level of red, green or blue `c` in X, Y or Z `k`, in fractions of
white (D65): linear sRGB to CIE XYZ."""

_SMALL = np.float32((6 / 29) ** 3)
_SLOPE = np.float32(841 / 108)

TONE_SIDE = 48
"""Short side at which it is judged whether an image is monochrome: noise and the blocks of JPEG
are averaged away."""
TONES = 16
ONE_TONE = 5.0
"""Spread of color, in units of CIELAB, up to which an image has one tone.

Of 330 color photographs and paintings 324 lay above it, of 60 photographs on black-and-white film
all at 0. Turned to sepia, 388 of these 390 lay below it as JPEG of quality 85, and 374 at 60.
"""
UNTONED = 3.0
"""Mean chroma of its tone below which a monochrome image is gray."""

NUMBERS = (
    "red_mean",
    "red_sd",
    "green_mean",
    "green_sd",
    "blue_mean",
    "blue_sd",
    "hue_mean",
    "saturation_mean",
    "saturation_sd",
    "value_mean",
    "value_sd",
    "hue_moment_1",
    "hue_moment_2",
    "hue_moment_3",
    "saturation_moment_3",
    "value_moment_3",
    "lightness_mean",
    "lightness_sd",
    "chroma_mean",
    "colorfulness",
    "warmth",
    "warm_share",
    "cool_share",
)

_SHADES = (
    {f"{name}_share": f"Share of {name} pixels, 0 to 1" for name in (*HUES, *NEUTRALS)}
    | {f"{name}_mean": f"Mean of {name}, 0 to 1" for name in ("red", "green", "blue")}
    | {f"{name}_sd": f"Standard deviation of {name}" for name in ("red", "green", "blue")}
    | {f"{name}_mean": f"Mean {name} (HSV), 0 to 1" for name in ("saturation", "value")}
    | {f"{name}_sd": f"Standard deviation of {name} (HSV)" for name in ("saturation", "value")}
    | {f"hue_moment_{n}": f"Color moment {n} of hue (HSV), hue from 0 to 1" for n in (1, 2, 3)}
)
LABELS = _SHADES | {
    "hue_mean": "Circular mean of hue in degrees, 0 to 360 (red 0), weighted by saturation",
    "saturation_moment_3": "Color moment 3 of saturation (HSV)",
    "value_moment_3": "Color moment 3 of value (HSV)",
    "lightness_mean": "Mean lightness (CIELAB), 0 to 100",
    "lightness_sd": "Standard deviation of lightness (CIELAB)",
    "chroma_mean": "Mean chroma (CIELAB), 0 for gray",
    "colorfulness": "Colorfulness (Hasler and Suesstrunk), 0 gray to over 100",
    "warmth": "Warmth (Ou et al.), -0.5 gray, above 0 warm",
    "warm_share": "Share of pixels with a warm hue, 0 to 1",
    "cool_share": "Share of pixels with a cool hue, 0 to 1",
    "hue_count": "Number of distinct hues (Ke et al.), 0 to 20",
    "monochrome": "Whether the image is gray, toned (such as sepia) or color",
    "color_spread": "Spread of color about one tone (CIELAB): up to 5 monochrome",
}

INFO = Info(
    name="color",
    version="2",
    summary="Color means, moments, colorfulness, warmth and the share of each named color.",
    licence="Apache-2.0",
    citation=(
        "Stricker and Orengo (1995), SPIE 2420; Hasler and Suesstrunk (2003), SPIE 5007; "
        "Ou et al. (2004), Color Research and Application 29; Ke, Tang and Jing (2006), CVPR"
    ),
    outputs=dict.fromkeys(NUMBERS, "float64")
    | {f"{name}_share": "float64" for name in (*HUES, *NEUTRALS)}
    | {"hue_count": "int64", "monochrome": "string", "color_spread": "float64"},
    min_side=DECODED,
    labels=LABELS,
)


@measure(INFO)
def color(batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Measure the colors of each image, at a short side of at most 256 pixels.

    Parameters
    ----------
    batch:
        Images with pixels.

    Returns
    -------
    sequence of mapping
        Of red, green and blue (0 to 1): mean and standard deviation.

        Of HSV (Smith 1978): `hue_mean`, the circular mean in degrees (0 to 360, red 0, green
        120, blue 240), weighted by saturation (Mardia and Jupp 2000; Hanbury 2003), None for
        gray images; mean and sd of saturation and value (0 to 1).

        The nine color moments of Stricker and Orengo (1995) on HSV, mean, sd and cube root
        of the third central moment: `hue_moment_1` to `hue_moment_3`, hue as a plain number
        from 0 to 1 (gray 0); for saturation and value the first two are the mean and sd
        above, the last are `saturation_moment_3` and `value_moment_3`.

        Of CIELAB (CIE 1976, D65): mean and sd of lightness (0 to 100), mean chroma.

        `colorfulness`: M(3) of Hasler and Suesstrunk (2003) on 0 to 255; their observers
        called 15 slightly, 33 moderately, 59 quite and 109 extremely colorful.

        `warmth`: mean of Ou et al. (2004), -0.5 + 0.02 C**1.07 cos(h - 50 degrees) with
        chroma C and hue angle h in CIELAB; above 0 warm, below 0 cool, gray -0.5.
        `warm_share`, `cool_share`: share of all pixels that have a hue and lie on the warm
        (h within 90 degrees of 50) or the cool side.

        Share of all pixels of eight hues and of black, white and gray; together 1. Black:
        value below 0.15. Without hue: saturation up to 0.2 (both limits as in Ke et al.
        2006); white from value 0.85, else gray. HSV hue in degrees, limits ours: red 345-15,
        orange 15-45 (brown and most skin too), yellow 45-70, green 70-165, cyan 165-195,
        blue 195-255, purple (violet) 255-290, pink (magenta) 290-345; light red is red.

        `hue_count`: distinct hues, 0 to 20, of Ke, Tang and Jing (2006), whose measure of
        simplicity is 20 minus this.

        `monochrome`: `"gray"`, `"toned"` (sepia, a tinted print, a gray photograph scanned with
        a cast) or `"color"`, whatever the color mode of the file. `color_spread`, on which it
        rests: how far from one tone the colors are. At a short side of 48 pixels, the tone is
        the mean a and b of CIELAB as a function of lightness; the spread is the 99th percentile
        of the distance from it in units of CIELAB. Up to 5 the image has one tone, which is
        gray where its mean chroma is below 3 (limits ours). An image of a gray thing with
        something colored in it is in color; an image with one spot of color that covers less
        than 1 % is not told from a monochrome one.

    References
    ----------
    Hasler and Suesstrunk (2003), Measuring colorfulness in natural images, SPIE 5007.
    Ke, Tang and Jing (2006), The design of high-level features for photo quality, CVPR.
    Ou, Luo, Woodcock and Wright (2004), A study of color emotion and color preference,
    part I, Color Research and Application 29.
    Smith (1978), Color gamut transform pairs, SIGGRAPH.
    Stricker and Orengo (1995), Similarity of color images, SPIE 2420.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> half = np.zeros((200, 300, 3), np.uint8)
    >>> half[:, :150] = 255, 0, 0
    >>> [row] = color(Batch([BatchItem("a", FileFacts("PNG", 300, 200, "RGB", 99), half)]))
    >>> row["red_mean"], row["hue_mean"], row["red_share"], row["black_share"]
    (0.5, 0.0, 0.5, 0.5)
    """
    return [_row(pixels) for pixels in scaled_rgb(batch, DECODED)]


def _row(pixels: Pixels) -> dict[str, Any]:
    rgb = np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)
    hue, saturation, value = _planes(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV))
    hued = colored(saturation, value)
    return (
        _mean_and_sd(pixels, ("red", "green", "blue"), scale=255)
        | _hsv(hue, saturation, value)
        | _lab(pixels, hued)
        | {"colorfulness": _colorfulness(pixels)}
        | {f"{name}_share": share for name, share in shares(hue, value, hued).items()}
        | {"hue_count": hue_count(hue, value, hued)}
        | _monochrome(pixels)
    )


def _planes(channels: Any) -> list[Plane]:
    return [np.asarray(plane, np.float32) for plane in cv2.split(channels)]


def _mean_and_sd(
    channels: NDArray[Any], names: Sequence[str], *, scale: float = 1
) -> dict[str, float]:
    means, sds = (part.ravel() / scale for part in cv2.meanStdDev(channels))
    row = {}
    for name, mean, sd in zip(names, means, sds, strict=True):
        row[f"{name}_mean"], row[f"{name}_sd"] = float(mean), float(sd)
    return row


def _hsv(hue: Plane, saturation: Plane, value: Plane) -> dict[str, float | None]:
    part = hue / np.float32(360)
    plain = _mean_and_sd(part, ("hue",))
    own = _mean_and_sd(saturation, ("saturation",)) | _mean_and_sd(value, ("value",))
    return own | {
        "hue_mean": _hue_mean(hue, saturation),
        "hue_moment_1": plain["hue_mean"],
        "hue_moment_2": plain["hue_sd"],
        "hue_moment_3": _third_moment(part, plain["hue_mean"]),
        "saturation_moment_3": _third_moment(saturation, own["saturation_mean"]),
        "value_moment_3": _third_moment(value, own["value_mean"]),
    }


def _third_moment(plane: Plane, mean: float) -> float:
    """Give the cube root of the third central moment."""
    apart = (plane - np.float32(mean)).ravel()
    return math.cbrt(float(np.mean(apart * apart * apart, dtype=np.float64)))


def _hue_mean(hue: Plane, saturation: Plane) -> float | None:
    angle = hue * np.float32(math.pi / 180)
    across = float(np.sum(saturation * np.cos(angle), dtype=np.float64))
    up = float(np.sum(saturation * np.sin(angle), dtype=np.float64))
    # Opposite hues that cancel out have no mean direction either.
    if math.hypot(across, up) <= 1e-5 * float(np.sum(saturation, dtype=np.float64)):
        return None
    # The second % is for angles that rounding brings to a full circle.
    return math.degrees(math.atan2(up, across)) % 360 % 360


def _lab(pixels: Pixels, hued: NDArray[np.bool_]) -> dict[str, float]:
    x, y, z = _responses(pixels)
    lightness, sd = (float(part[0, 0]) for part in cv2.meanStdDev(y))
    a, b = np.subtract(x, y, out=x), np.subtract(y, z, out=z)
    a *= 500
    b *= 200
    warm = a * np.float32(math.cos(WARMEST))
    warm += b * np.float32(math.sin(WARMEST))
    warm_pixels = int(np.count_nonzero(hued & (warm > 0)))
    a *= a
    b *= b
    a += b
    # OpenCV's magnitude and power round by where in memory a number lies.
    chroma = np.sqrt(a, out=a)
    mean = cv2.mean(chroma)[0]
    chroma += np.float32(1e-30)
    # C**1.07 cos(h - 50) is C**0.07 times this.
    warm *= _power(chroma, 0.07)
    return {
        "lightness_mean": 116 * lightness - 16,
        "lightness_sd": 116 * sd,
        "chroma_mean": mean,
        "warmth": -0.5 + 0.02 * cv2.mean(warm)[0],
        "warm_share": warm_pixels / warm.size,
        "cool_share": (int(np.count_nonzero(hued)) - warm_pixels) / warm.size,
    }


def _monochrome(pixels: Pixels) -> dict[str, Any]:
    """Judge whether all colors are shades of one tone."""
    x, y, z = _responses(scaled(pixels, TONE_SIDE))
    lightness = (116 * y - 16).ravel().astype(np.float64)
    colors = [500.0 * (x - y).ravel(), 200.0 * (y - z).ravel()]
    bins = np.clip((lightness * (TONES / 100)).astype(np.intp), 0, TONES - 1)
    counts = np.bincount(bins, minlength=TONES)
    there = counts > 0
    means = [
        np.bincount(bins, values, TONES)[there] / counts[there] for values in (lightness, *colors)
    ]
    away = [
        values - np.interp(lightness, means[0], mean)
        for values, mean in zip(colors, means[1:], strict=True)
    ]
    spread = float(np.quantile(np.hypot(*away), 0.99))
    tone = float(np.average(np.hypot(*means[1:]), weights=counts[there]))
    kind = "color" if spread > ONE_TONE else "toned" if tone >= UNTONED else "gray"
    return {"monochrome": kind, "color_spread": spread}


def _responses(pixels: Pixels) -> Plane:
    """Give X, Y and Z `(3, H, W)` as CIELAB takes them: cube roots, their tangent near black.

    OpenCV's own Lab reads a coarse table and is off by up to one unit.
    """
    channels = cv2.split(pixels)
    light = np.empty((3, *pixels.shape[:2]), np.float32)
    for plane, tables in zip(light, XYZ, strict=True):
        parts = [cv2.LUT(channel, table) for channel, table in zip(channels, tables, strict=True)]
        cv2.add(cv2.add(parts[0], parts[1]), parts[2], dst=plane)
    tangent = np.minimum(light, _SMALL)
    tangent -= _SMALL
    tangent *= _SLOPE
    found = _power(np.maximum(light, _SMALL, out=light), 1 / 3)
    found += tangent
    return found


def _power(plane: Plane, exponent: float) -> Plane:
    """Raise positive numbers to a power in place, several times as fast as NumPy does."""
    np.log(plane, out=plane)
    plane *= np.float32(exponent)
    return np.exp(plane, out=plane)


def _colorfulness(pixels: Pixels) -> float:
    red, green, blue = (pixels[..., k].astype(np.int16) for k in range(3))
    # Twice yellow-blue, to stay in whole numbers.
    means, sds = cv2.meanStdDev(cv2.merge([red - green, red + green - 2 * blue]))
    scale = np.array([1, 0.5])
    return float(np.linalg.norm(sds.ravel() * scale) + 0.3 * np.linalg.norm(means.ravel() * scale))

"""Colors as other numbers: gray, opacity, inks, hue and lightness, and back."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError
from mediacorpus.media.normalize import to_float

Pixels: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]

_TOP = 255
_TURN = 360.0  # degrees; OpenCV's scale of hue
_GRAY, _COLOR, _CHANNELS, _INKS = 2, 3, 3, 4
# sRGB with D65, 2 degree observer; the digits of scikit-image
_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])
_LAB_EDGE, _LAB_SLOPE, _LAB_SHIFT = 0.008856, 7.787, 16 / 116
_SRGB_EDGE, _SRGB_SLOPE, _SRGB_POWER = 0.0031308, 12.92, 2.4


def to_gray(pixels: Pixels) -> Pixels:
    """Weigh red, green and blue to gray: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601 luma).

    Equal to OpenCV's `COLOR_RGB2GRAY`, and to Pillow's mode `L` within 1 of 255.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)`, or `(H, W)`, which is copied.

    Returns
    -------
    ndarray of uint8, shape (H, W)

    Examples
    --------
    >>> to_gray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)).tolist()
    [[76, 150, 29]]
    """
    _check(pixels)
    if pixels.ndim == _GRAY:
        return pixels.copy()
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), np.uint8)


def to_rgba(pixels: Pixels, alpha: int | Pixels = 255) -> Pixels:
    """Add a fourth channel, the opacity: 0 is clear, 255 is opaque.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)` or `(H, W)`.
    alpha:
        One level, or a uint8 array `(H, W)`.

    Returns
    -------
    ndarray of uint8, shape (H, W, 4)

    Examples
    --------
    >>> to_rgba(np.zeros((1, 1, 3), np.uint8), 128).tolist()
    [[[0, 0, 0, 128]]]
    """
    color = _color(pixels)
    fits = isinstance(alpha, int | np.integer) and 0 <= alpha <= _TOP
    if isinstance(alpha, np.ndarray):
        fits = alpha.dtype == np.uint8 and alpha.shape == color.shape[:2]
    if not fits:
        raise ParameterError(
            "The alpha is a whole number, 0 to 255, or a uint8 array of the image's height "
            f"and width; it is {alpha if np.ndim(alpha) == 0 else np.shape(alpha)!r}."
        )
    layer = np.broadcast_to(np.asarray(alpha, np.uint8), color.shape[:2])
    return np.dstack([color, layer])


def to_cmyk(pixels: Pixels) -> Pixels:
    """Turn colors into shares of cyan, magenta, yellow and black ink, 0 to 255.

    The textbook formula with full black: K = 1 - max(R, G, B), C = (1 - R - K) / (1 - K), and
    likewise M and Y. Pillow's `convert("CMYK")` leaves K at 0 and gives C = 1 - R; both come
    back to the same colors. Neither knows of a printer's profile.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)` or `(H, W)`.

    Returns
    -------
    ndarray of uint8, shape (H, W, 4)

    Examples
    --------
    >>> to_cmyk(np.array([[[255, 0, 0], [51, 102, 0], [0, 0, 0]]], np.uint8)).tolist()
    [[[0, 255, 255, 0], [128, 0, 255, 153], [0, 0, 0, 255]]]
    """
    color = _color(pixels)
    brightest = color.max(axis=2, keepdims=True)
    light = np.maximum(brightest, 1).astype(np.float32)
    inks = np.floor((brightest - color) * np.float32(_TOP) / light + np.float32(0.5))
    return np.concatenate([inks.astype(np.uint8), _TOP - brightest], axis=2)


def from_cmyk(inks: Pixels) -> Pixels:
    """Turn inks `(H, W, 4)`, 0 to 255, into colors: R = (1 - C)(1 - K), and so on.

    Equal to Pillow's `convert("RGB")` of a CMYK image within 1 of 255.

    Examples
    --------
    >>> from_cmyk(np.array([[[0, 255, 255, 0], [0, 0, 0, 255]]], np.uint8)).tolist()
    [[[255, 0, 0], [0, 0, 0]]]
    """
    _check(inks, channels=_INKS)
    light = (_TOP - inks).astype(np.float32)
    return np.rint(light[..., :3] * light[..., 3:] / _TOP).astype(np.uint8)


def to_hsv(pixels: Pixels) -> Floats:
    """Give hue, saturation and value (Smith, 1978), each 0 to 1, as scikit-image does.

    Hue runs from red (0) through green (1/3) and blue (2/3) to red; grays have hue 0.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)` or `(H, W)`.

    Returns
    -------
    ndarray of float32, shape (H, W, 3)

    References
    ----------
    Smith, A. R. (1978). Color gamut transform pairs. SIGGRAPH Computer Graphics, 12(3).

    Examples
    --------
    >>> to_hsv(np.array([[[0, 255, 255], [51, 51, 51]]], np.uint8)).round(3).tolist()
    [[[0.5, 1.0, 1.0], [0.0, 0.0, 0.20000000298023224]]]
    """
    hsv = np.asarray(cv2.cvtColor(to_float(_color(pixels)), cv2.COLOR_RGB2HSV), np.float32)
    hsv[..., 0] /= np.float32(_TURN)
    return hsv


def from_hsv(hsv: NDArray[np.floating[Any]]) -> Pixels:
    """Turn hue, saturation and value, each 0 to 1, `(H, W, 3)`, back into colors.

    Hue goes round: 1.25 is 0.25. Saturation and value are cut to 0 to 1.

    Examples
    --------
    >>> from_hsv(np.array([[[0.5, 1, 1]]])).tolist()
    [[[0, 255, 255]]]
    """
    _check_floats(hsv)
    hue = np.mod(hsv[..., :1], 1) * _TURN
    turned = np.concatenate([hue, np.clip(hsv[..., 1:], 0, 1)], axis=2).astype(np.float32)
    return from_unit(np.asarray(cv2.cvtColor(turned, cv2.COLOR_HSV2RGB)))


def to_lab(pixels: Pixels) -> Floats:
    """Give CIE L*a*b* (1976) of sRGB colors under D65, as scikit-image does.

    L is the lightness, 0 to 100; a goes from green (below 0) to red, b from blue (below 0) to
    yellow, within about 110 of 0. Equal steps look about equally large.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)` or `(H, W)`.

    Returns
    -------
    ndarray of float32, shape (H, W, 3)

    References
    ----------
    CIE 15:2004. Colorimetry, 3rd edition. IEC 61966-2-1:1999 (sRGB).

    Examples
    --------
    >>> np.abs(to_lab(np.array([[[255, 0, 0]]], np.uint8)).round(2)).tolist()[0][0]
    [53.2400016784668, 80.08999633789062, 67.19999694824219]
    """
    linear = _LINEAR[_color(pixels)]
    xyz = linear @ (_TO_XYZ / _WHITE[:, None]).T.astype(np.float32)
    root = np.where(xyz > _LAB_EDGE, np.cbrt(xyz), _LAB_SLOPE * xyz + np.float32(_LAB_SHIFT))
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def from_lab(lab: NDArray[np.floating[Any]]) -> Pixels:
    """Turn L, a and b `(H, W, 3)` back into colors; what sRGB cannot show is cut.

    Examples
    --------
    >>> from_lab(np.array([[[100, 0, 0], [53.24, 80.09, 67.2]]])).tolist()
    [[[255, 255, 255], [255, 0, 0]]]
    """
    _check_floats(lab)
    y = (lab[..., 0].astype(np.float64) + 16) / 116
    root = np.stack([y + lab[..., 1] / 500, y, np.maximum(y - lab[..., 2] / 200, 0)], axis=-1)
    edge = _LAB_SLOPE * _LAB_EDGE + _LAB_SHIFT
    xyz = np.where(root > edge, root**3, (root - _LAB_SHIFT) / _LAB_SLOPE) * _WHITE
    linear = np.clip(xyz @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    curved = 1.055 * linear ** (1 / _SRGB_POWER) - 0.055
    return from_unit(np.where(linear > _SRGB_EDGE, curved, linear * _SRGB_SLOPE))


def from_unit(floats: NDArray[np.floating[Any]]) -> Pixels:
    """Bring floats 0 to 1 to uint8 0 to 255, rounded; what lies outside is cut.

    The way back from `to_float`, for any shape.

    Raises
    ------
    ParameterError
        The array is no float, or holds values that are not numbers.

    Examples
    --------
    >>> from_unit(np.array([-0.1, 0.2, 0.5, 1.7])).tolist()
    [0, 51, 128, 255]
    """
    kind = np.asarray(floats).dtype
    if kind.kind != "f" or np.isnan(floats).any():
        raise ParameterError(
            "Levels on the scale 0 to 1 are floats, all of them numbers; these are "
            f"{'not all numbers' if kind.kind == 'f' else kind}."
        )
    levels: Pixels = np.rint(np.clip(floats, 0, 1) * _TOP).astype(np.uint8)
    return levels


def _linear() -> Floats:
    """Give the share of light of each of the 256 levels of sRGB."""
    edge = 0.04045
    level = np.arange(_TOP + 1) / _TOP
    curve = ((level + 0.055) / 1.055) ** _SRGB_POWER
    return np.where(level > edge, curve, level / _SRGB_SLOPE).astype(np.float32)


_LINEAR = _linear()


def _check(pixels: Pixels, *, channels: int | None = None) -> None:
    """Raise unless this is a uint8 image, gray or with 3 channels, or with `channels`."""
    shape = np.shape(pixels)
    fits = len(shape) == _COLOR and shape[2] == (channels or _CHANNELS)
    fits = fits or (channels is None and len(shape) == _GRAY)
    if not fits or 0 in shape or getattr(pixels, "dtype", None) != np.uint8:
        form = (
            f"(height, width, {channels})" if channels else "(height, width, 3) or (height, width)"
        )
        raise ParameterError(
            f"An image is a uint8 array {form}; this is "
            f"{getattr(pixels, 'dtype', type(pixels).__name__)} of shape {shape}."
        )


def _check_floats(array: NDArray[np.floating[Any]]) -> None:
    shape, kind = np.shape(array), getattr(array, "dtype", None)
    fits = len(shape) == _COLOR and shape[2] == _CHANNELS and 0 not in shape
    if not fits or kind is None or kind.kind != "f" or not np.isfinite(array).all():
        raise ParameterError(
            "Colors of this space are a float array (height, width, 3) of finite numbers; this "
            f"is {kind or type(array).__name__} of shape {shape}."
        )


def _color(pixels: Pixels) -> Pixels:
    _check(pixels)
    return pixels if pixels.ndim == _COLOR else np.repeat(pixels[:, :, None], _CHANNELS, axis=2)

"""Other ways to see an image: gray, channels, inks, hue and saturation, lightness, edges."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import unknown
from mediacorpus.media.color_spaces import (
    from_cmyk,
    from_hsv,
    from_unit,
    to_cmyk,
    to_gray,
    to_hsv,
    to_lab,
    to_rgba,
)
from mediacorpus.media.turning import CHANNELS, Channel, one_channel

if TYPE_CHECKING:
    from collections.abc import Callable

Pixels: TypeAlias = NDArray[np.uint8]
Captioned: TypeAlias = tuple[str, Pixels]

_OPPONENT = 60.0  # a and b at which the false colors are full
_BLUR = 1.4  # standard deviation in pixels, before edges are sought
_STEP = 4  # of the gradient, whose range is cut to 256 levels for Otsu's method
_FAINT = 40  # gradient below which nothing begins a line: 5 gray levels from pixel to pixel
_SHARE = 0.4


def channels(pixels: Pixels, kind: str) -> list[Captioned]:
    """Show an image in another representation, each part with its name.

    `"rgb"` is the image, `"gray"` its luma, `"edges"` the lines that Canny's detector finds,
    black on white. `"hsv"` gives hue, saturation and value: hue in pure colors, gray where a
    pixel has none, the others as grays. `"channels"` gives red, green and blue, each in its own
    color, and `"red"`, `"green"` or `"blue"` one of them; `"cmyk"` gives cyan, magenta, yellow and
    black as inks on white paper. `"lab"` gives lightness as gray, a from green through
    white to magenta, and b from blue through white to yellow.

    The image is blurred by 1.4 pixels first. Canny's upper threshold is Otsu's threshold of
    the gradient, but at least 40, so that noise on an even ground is no line; the lower one is
    0.4 of it.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)` or `(H, W)`.
    kind:
        `"rgb"`, `"gray"`, `"channels"`, `"red"`, `"green"`, `"blue"`, `"cmyk"`, `"hsv"`, `"lab"`
        or `"edges"`.

    Returns
    -------
    list of (name, uint8 array of shape (H, W, 3))
        One part; three for `"channels"`, `"hsv"` and `"lab"`, four for `"cmyk"`.

    Raises
    ------
    UnknownName
        There is no such kind.
    ParameterError
        The array is no image.

    References
    ----------
    Canny, J. (1986). A computational approach to edge detection. IEEE TPAMI, 8(6).
    Otsu, N. (1979). A threshold selection method from gray-level histograms. IEEE Transactions
    on Systems, Man, and Cybernetics, 9(1).

    Examples
    --------
    >>> [name for name, _ in channels(np.zeros((4, 4, 3), np.uint8), "hsv")]
    ['hue', 'saturation', 'value']
    """
    ways: dict[str, Callable[[Pixels], list[Captioned]]] = {
        "rgb": lambda p: [("rgb", _three(p))],
        "gray": lambda p: [("gray", _three(to_gray(p)))],
        "channels": lambda p: [_channel(p, name) for name in CHANNELS],
        **{name: functools.partial(_alone, name=name) for name in CHANNELS},
        "cmyk": _cmyk,
        "hsv": _hsv,
        "lab": _lab,
        "edges": lambda p: [("edges", _edges(p))],
    }
    if kind not in ways:
        raise unknown("representation", kind, ways)
    return ways[kind](pixels)


def represent(pixels: Pixels, kind: str) -> Pixels:
    """Show an image in another representation as one image.

    Several parts, as of `"hsv"`, stand side by side, separated by white. `channels` tells what
    each shows and gives them apart; the arguments and errors are the same.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3), as much wider as there are parts

    Examples
    --------
    >>> represent(np.zeros((100, 100, 3), np.uint8), "lab").shape
    (100, 308, 3)
    """
    parts = [part for _, part in channels(pixels, kind)]
    rows, columns = parts[0].shape[:2]
    white = np.full((rows, math.ceil(columns / 25), 3), 255, np.uint8)
    between = [piece for part in parts for piece in (white, part)]
    return np.hstack(between[1:])


def _three(pixels: Pixels) -> Pixels:
    """Check an image and give it three channels."""
    return np.ascontiguousarray(to_rgba(pixels)[..., :3])


def _channel(pixels: Pixels, name: Channel) -> Captioned:
    return name, one_channel(_three(pixels), name)


def _alone(pixels: Pixels, name: Channel) -> list[Captioned]:
    return [_channel(pixels, name)]


def _cmyk(pixels: Pixels) -> list[Captioned]:
    """Print each ink alone."""
    inks = to_cmyk(_three(pixels))
    parts = []
    for place, name in enumerate(("cyan", "magenta", "yellow", "black")):
        alone = np.zeros_like(inks)
        alone[..., place] = inks[..., place]
        parts.append((name, from_cmyk(alone)))
    return parts


def _hsv(pixels: Pixels) -> list[Captioned]:
    hsv = to_hsv(pixels)
    pure = np.ones_like(hsv)
    pure[..., 0] = hsv[..., 0]
    hue = from_hsv(pure)
    hue[hsv[..., 1] == 0] = 128
    rest = [_three(from_unit(hsv[..., channel])) for channel in (1, 2)]
    return list(zip(("hue", "saturation", "value"), (hue, *rest), strict=True))


def _lab(pixels: Pixels) -> list[Captioned]:
    lab = to_lab(pixels)
    return [
        ("L (dark to light)", _three(from_unit(lab[..., 0] / 100))),
        ("a (green to magenta)", _diverging(lab[..., 1], (0, 136, 55), (197, 27, 138))),
        ("b (blue to yellow)", _diverging(lab[..., 2], (33, 80, 190), (235, 190, 0))),
    ]


def _diverging(
    values: NDArray[np.float32], low: tuple[int, int, int], high: tuple[int, int, int]
) -> Pixels:
    """Color from `low` through white at 0 to `high`."""
    share = np.clip(values / _OPPONENT, -1, 1)[..., None]
    ends = np.where(share < 0, np.array(low), np.array(high))
    return from_unit(1 - np.abs(share) * (1 - ends / 255))


def _edges(pixels: Pixels) -> Pixels:
    smooth = cv2.GaussianBlur(to_gray(pixels), (0, 0), _BLUR)
    across, down = (cv2.Sobel(smooth, cv2.CV_16S, *way) for way in ((1, 0), (0, 1)))
    steep = np.hypot(across.astype(np.float32), down.astype(np.float32))
    levels = np.minimum(steep / _STEP, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    high = max(_FAINT, _STEP * otsu)
    lines = np.asarray(cv2.Canny(across, down, _SHARE * high, high, L2gradient=True), np.uint8)
    return _three(255 - lines)

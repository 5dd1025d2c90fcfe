"""Bring images to one size, or cut and scale them: pure functions on uint8 arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

Pixels: TypeAlias = NDArray[np.uint8]
Size: TypeAlias = int | tuple[int, int]
Method: TypeAlias = Literal["squish", "crop", "pad", "rescale-crop"]
Filter: TypeAlias = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]
"""How pixels are computed when an image is scaled; see `resize`."""

_FILTERS: dict[str, int] = {
    "nearest": cv2.INTER_NEAREST_EXACT,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}

_LONGEST = 32_767
_STRIP = 4
_GRAY, _COLOR, _CHANNELS = 2, 3, 3


def resize(
    pixels: Pixels, size: Size, *, how: Method = "squish", filter: Filter | None = None
) -> Pixels:
    """Bring an image to a given size in one of four ways.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)` or `(H, W)`.
    size:
        Side of a square, or `(height, width)`, in pixels.
    how:
        `"squish"` distorts, `"crop"` cuts the center at the present scale, `"pad"` keeps the
        whole image and fills with white, `"rescale-crop"` scales until the size is covered
        and cuts what sticks out.
    filter:
        How pixels are computed: `"nearest"` takes the nearest pixel, `"bilinear"`, `"bicubic"` and
        `"lanczos"` weigh the nearest 2 x 2, 4 x 4 and 8 x 8, and `"area"` averages all that a new
        pixel covers. They are OpenCV's: all but `"area"` pass over pixels where an image is made
        much smaller, where Pillow's of the same names average. None takes `"area"` to shrink and
        `"bicubic"` to enlarge. Not for `"crop"`, which scales nothing.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3) or (height, width)

    Raises
    ------
    ParameterError
        The size is not positive, the array is no image, or a filter is given for `"crop"`.
    UnknownName
        There is no such way or filter.

    Examples
    --------
    >>> image = np.zeros((300, 400, 3), np.uint8)
    >>> resize(image, 224, how="rescale-crop").shape
    (224, 224, 3)
    >>> ramp = np.arange(8, dtype=np.uint8)[None].repeat(2, 0)
    >>> [resize(ramp, (1, 2), filter=name).tolist() for name in ("area", "nearest")]
    [[[2, 6]], [[2, 6]]]
    """
    if how not in get_args(Method):
        raise unknown("way to resize", str(how), get_args(Method))
    if how == "crop":
        if filter is not None:
            raise ParameterError(
                "crop scales nothing, so that a filter has no effect; leave it out."
            )
        return center_crop(pixels, size)
    ways: dict[Method, Callable[..., Pixels]] = {
        "squish": squish,
        "pad": pad,
        "rescale-crop": rescale_crop,
    }
    return ways[how](pixels, size, filter=filter)


def squish(pixels: Pixels, size: Size, *, filter: Filter | None = None) -> Pixels:
    """Scale to the size, whatever becomes of the proportions.

    Without a `filter` (see `resize`) shrinking averages areas, and growing is cubic.

    Examples
    --------
    >>> squish(np.zeros((30, 40), np.uint8), (10, 20)).shape
    (10, 20)
    """
    _check(pixels)
    height, width = _size(size)
    return _scale(pixels, height, width, filter)


def center_crop(pixels: Pixels, size: Size, *, fill: int = 255) -> Pixels:
    """Cut the center at the present scale; where the image is too small, fill around it.

    Where the margin is odd, the larger part of it is at the right and the bottom.

    Parameters
    ----------
    pixels, size:
        As for `resize`.
    fill:
        Gray level 0 to 255 of what is added.

    Examples
    --------
    >>> center_crop(np.arange(5, dtype=np.uint8)[None].repeat(3, 0), (1, 3)).tolist()
    [[1, 2, 3]]
    """
    _check(pixels)
    height, width = _size(size)
    top = max(0, (pixels.shape[0] - height) // 2)
    left = max(0, (pixels.shape[1] - width) // 2)
    return _frame(pixels[top : top + height, left : left + width], (height, width), fill=fill)


def pad(pixels: Pixels, size: Size, *, fill: int = 255, filter: Filter | None = None) -> Pixels:
    """Scale to fit inside the size, keep the proportions, and fill the rest evenly.

    Parameters
    ----------
    pixels, size, filter:
        As for `resize`.
    fill:
        Gray level 0 to 255 of what is added; white by default.

    Examples
    --------
    >>> pad(np.zeros((2, 4), np.uint8), 4).tolist()[0]
    [255, 255, 255, 255]
    """
    _check(pixels)
    height, width = _size(size)
    factor = min(height / pixels.shape[0], width / pixels.shape[1])
    inner = _scaled_size(pixels, factor)
    fitted = _scale(pixels, min(height, inner[0]), min(width, inner[1]), filter)
    return _frame(fitted, (height, width), fill=fill)


def rescale_crop(pixels: Pixels, size: Size, *, filter: Filter | None = None) -> Pixels:
    """Scale until the size is just covered, keep the proportions, and cut the center.

    For a square this brings the short side to the size, as networks are taught to expect. The
    arguments are those of `resize`.

    Examples
    --------
    >>> rescale_crop(np.zeros((30, 40, 3), np.uint8), 15).shape
    (15, 15, 3)
    """
    _check(pixels)
    height, width = _size(size)
    factor = max(height / pixels.shape[0], width / pixels.shape[1])
    # Of a long strip only the middle is scaled: all of it could be millions of pixels long.
    rows = min(pixels.shape[0], math.ceil(_STRIP * height / factor))
    columns = min(pixels.shape[1], math.ceil(_STRIP * width / factor))
    middle = center_crop(pixels, (rows, columns))
    inner = _scaled_size(middle, factor)
    covering = _scale(middle, max(height, inner[0]), max(width, inner[1]), filter)
    return center_crop(covering, (height, width))


def short_side(pixels: Pixels, length: int, *, filter: Filter | None = None) -> Pixels:
    """Scale so that the short side has `length` pixels; the proportions are kept.

    `filter` is that of `resize`.

    Examples
    --------
    >>> short_side(np.zeros((300, 400, 3), np.uint8), 150).shape
    (150, 200, 3)
    """
    _check(pixels)
    length, _ = _size(length)
    height, width = _size(_scaled_size(pixels, length / min(pixels.shape[:2])))
    return _scale(pixels, height, width, filter)


def scale_percent(pixels: Pixels, percent: float, *, filter: Filter | None = None) -> Pixels:
    """Scale both sides to `percent` of their length (above 0; 100 changes nothing).

    `filter` is that of `resize`.

    Examples
    --------
    >>> scale_percent(np.zeros((300, 400, 3), np.uint8), 50).shape
    (150, 200, 3)
    """
    _check(pixels)
    if not 0 < percent < float("inf"):
        raise ParameterError(f"The scale is {percent} percent; it must be above 0.")
    height, width = _size(_scaled_size(pixels, percent / 100))
    return _scale(pixels, height, width, filter)


def crop_box(
    pixels: Pixels, box: tuple[float, float, float, float], *, fractions: bool = False
) -> Pixels:
    """Cut out a box; what lies outside the image is left away.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)` or `(H, W)`.
    box:
        `(x, y, width, height)` from the top left corner, in pixels.
    fractions:
        Whether the box is in fractions of the image's width and height (0 to 1), as in
        `Region`.

    Returns
    -------
    ndarray of uint8
        A copy, at least 1 pixel wide and high.

    Raises
    ------
    ParameterError
        The box is empty or lies outside the image.

    Examples
    --------
    >>> image = np.zeros((100, 200, 3), np.uint8)
    >>> crop_box(image, (10, 20, 50, 40)).shape
    (40, 50, 3)
    >>> crop_box(image, (0.5, 0.5, 0.5, 0.5), fractions=True).shape
    (50, 100, 3)
    """
    _check(pixels)
    return pixels[box_edges(pixels.shape, box, fractions=fractions)].copy()


def box_edges(
    shape: tuple[int, ...], box: tuple[float, float, float, float], *, fractions: bool = False
) -> tuple[slice, slice]:
    """Give the rows and columns of a box in an array `(H, W, …)`; arguments as for `crop_box`.

    Raises
    ------
    ParameterError
        The box is empty or lies outside the image.

    Examples
    --------
    >>> box_edges((100, 200), (0.5, 0.5, 0.5, 0.5), fractions=True)
    (slice(50, 100, None), slice(100, 200, None))
    """
    rows, columns = shape[:2]
    numbers = np.asarray(box, np.float64)
    if numbers.shape != (4,) or not np.isfinite(numbers).all():
        raise ParameterError(f"The box {box!r} must be four numbers: x, y, width, height.")
    x, y, width, height = numbers * ((columns, rows) * 2 if fractions else (1, 1, 1, 1))
    left, right = (int(np.rint(np.clip(edge, 0, columns))) for edge in (x, x + width))
    top, bottom = (int(np.rint(np.clip(edge, 0, rows))) for edge in (y, y + height))
    if right <= left or bottom <= top:
        raise ParameterError(
            f"The box {box!r} (x, y, width, height) holds no pixel of an image that is "
            f"{columns} wide and {rows} high."
        )
    return slice(top, bottom), slice(left, right)


def _check(pixels: Pixels) -> None:
    """Raise unless this is a uint8 image of at least one pixel."""
    shape = np.shape(pixels)
    fits = len(shape) == _GRAY or (len(shape) == _COLOR and shape[2] == _CHANNELS)
    if not fits or 0 in shape or getattr(pixels, "dtype", None) != np.uint8:
        raise ParameterError(
            f"An image is a uint8 array (height, width, 3) or (height, width); this is "
            f"{getattr(pixels, 'dtype', type(pixels).__name__)} of shape {shape}."
        )


def _size(size: Size) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    whole = all(isinstance(side, int | np.integer) for side in sides)
    if len(sides) != _GRAY or not whole or not all(0 < side <= _LONGEST for side in sides):
        raise ParameterError(
            f"The size {size!r} must be a whole number of pixels or (height, width), "
            f"each 1 to {_LONGEST}."
        )
    return int(sides[0]), int(sides[1])


def _scaled_size(pixels: Pixels, factor: float) -> tuple[int, int]:
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    return height, width


def _scale(  # noqa: PLR0917 - two sides
    pixels: Pixels, height: int, width: int, filter: Filter | None
) -> Pixels:
    if filter is not None and filter not in _FILTERS:
        raise unknown("filter", str(filter), _FILTERS)
    if pixels.shape[:2] == (height, width):
        return pixels.copy()
    shrinks = height * width < pixels.shape[0] * pixels.shape[1]
    method = _FILTERS[filter or ("area" if shrinks else "bicubic")]
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=method), np.uint8)


def _frame(pixels: Pixels, size: tuple[int, int], *, fill: int) -> Pixels:
    """Put an image in the middle of a canvas at least as large."""
    if not 0 <= fill <= np.iinfo(np.uint8).max:
        raise ParameterError(f"The fill is {fill}; it must be a gray level, 0 to 255.")
    if pixels.shape[:2] == size:
        return pixels.copy()
    height, width = size
    canvas = np.full((height, width, *pixels.shape[2:]), fill, np.uint8)
    top, left = (height - pixels.shape[0]) // 2, (width - pixels.shape[1]) // 2
    canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return canvas

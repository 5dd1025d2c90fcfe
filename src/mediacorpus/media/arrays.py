"""An image is an array: read it in any color space, lay it out as a vector, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mediacorpus.errors import ParameterError, unknown
from mediacorpus.media.color import to_rgb
from mediacorpus.media.color_spaces import to_cmyk, to_gray, to_hsv, to_lab, to_rgba
from mediacorpus.media.decode import decode, read
from mediacorpus.media.header import (
    MAX_PIXELS,
    check_size,
    image_errors,
    open_image,
    read_orientation,
)
from mediacorpus.media.normalize import ChannelStatistics, to_float

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

Pixels: TypeAlias = NDArray[np.uint8]
Mode: TypeAlias = Literal["rgb", "gray", "rgba", "cmyk", "hsv", "lab"]

_TOP = 255
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load_array(
    path: str | os.PathLike[str], *, mode: Mode = "rgb", scale: Literal[1, 255] = 255
) -> NDArray[Any]:
    """Read an image file as an upright array in the color space that is asked for.

    `"rgba"` keeps the transparency of the file and the colors under it, where `load` lays
    the image on white. `"cmyk"` keeps the inks of a CMYK file as they are, without its
    color profile; Adobe's inverted CMYK JPEG is turned round. All else goes through `load`.

    Parameters
    ----------
    path:
        The file.
    mode:
        `"rgb"`, `"gray"`, `"rgba"`, `"cmyk"`, `"hsv"` or `"lab"`.
    scale:
        255 gives uint8, 0 to 255; 1 gives float32, 0 to 1. HSV and Lab are float32 in their
        own units whatever the scale.

    Returns
    -------
    ndarray, shape (H, W) for gray, (H, W, 4) for rgba and cmyk, (H, W, 3) otherwise

    Raises
    ------
    MediaError, TooLarge
        As for `load`.
    UnknownName
        There is no such mode.
    ParameterError
        The scale is neither 1 nor 255.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "clear.png")
    >>> Image.new("RGBA", (1, 1), (255, 0, 0, 51)).save(path)
    >>> load_array(path).tolist(), load_array(path, mode="rgba").tolist()
    ([[[255, 204, 204]]], [[[255, 0, 0, 51]]])
    """
    if mode not in get_args(Mode):
        raise unknown("color mode", str(mode), get_args(Mode))
    if scale not in {1, _TOP}:
        raise ParameterError(f"The scale is {scale!r}; it must be 1 or 255.")
    data = read(path)
    ways: dict[str, Callable[[bytes], NDArray[Any]]] = {
        "rgb": decode,
        "gray": lambda file: to_gray(decode(file)),
        "rgba": _read_rgba,
        "cmyk": _read_cmyk,
        "hsv": lambda file: to_hsv(decode(file)),
        "lab": lambda file: to_lab(decode(file)),
    }
    array = ways[mode](data)
    return to_float(array) if scale == 1 and array.dtype == np.uint8 else array


def flatten(array: NDArray[Any]) -> NDArray[np.float64]:
    """Lay an array out as one vector: row by row, and in a pixel red, green, blue.

    Returns
    -------
    ndarray of float64, shape (H * W * channels,)

    Examples
    --------
    >>> flatten(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)).tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    """
    return _numbers(array).ravel().copy()


def unflatten(vector: NDArray[Any], shape: Sequence[int]) -> NDArray[np.float64]:
    """Fold a vector into an array of a given shape: the way back from `flatten`.

    Examples
    --------
    >>> unflatten(np.arange(6), (1, 2, 3)).tolist()
    [[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]
    """
    numbers = _numbers(vector)
    sides = tuple(shape)
    if numbers.ndim != 1 or any(side < 0 for side in sides) or np.prod(sides) != numbers.size:
        raise ParameterError(
            f"An array of shape {numbers.shape} does not fold into {sides}: it must be a vector "
            "with as many numbers as the shape has places."
        )
    return numbers.reshape(sides).copy()


def cosine_similarity(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Give the cosine of the angle between two arrays of one shape, taken as vectors.

    It is 1 where one is a multiple of the other, 0 at right angles, -1 where they are
    opposite; for pixels, which are not negative, 0 to 1. Brightness as a factor plays no part.
    An array of zeros, such as a black image, has no angle with any other; the result is then
    0, as in scikit-learn, so that such images come last where others are compared.

    Raises
    ------
    ParameterError
        The shapes differ, or an array is empty or holds no finite numbers.

    Examples
    --------
    The classic comparison: bring images to 15 by 15, lay them out as vectors, compare.

    >>> from mediacorpus.media.resize import resize
    >>> ramp = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (40, 1))
    >>> vectors = [flatten(resize(p, 15)) for p in (ramp, ramp // 2, ramp[:, ::-1])]
    >>> [len(v) for v in vectors]
    [225, 225, 225]
    >>> round(cosine_similarity(vectors[0], vectors[1]), 2)
    1.0
    >>> round(cosine_similarity(vectors[0], vectors[2]), 2)
    0.48
    """
    first, second = _numbers(a), _numbers(b)
    whole = np.isfinite(first).all() and np.isfinite(second).all()
    if first.shape != second.shape or not first.size or not whole:
        raise ParameterError(
            f"Arrays to compare have one shape and finite numbers; these are {first.shape} and "
            f"{second.shape}. Bring images to one size with resize."
        )
    tops = float(np.abs(first).max()), float(np.abs(second).max())
    if not all(tops):
        return 0.0
    # Divided by the greatest first, so that no square overflows or vanishes.
    u, v = (first / tops[0]).ravel(), (second / tops[1]).ravel()
    return float(np.clip(u @ v / np.sqrt((u @ u) * (v @ v)), -1, 1))


def measure_channels(images: Iterable[Pixels]) -> ChannelStatistics:
    """Take the mean and standard deviation of each channel over images, one at a time.

    Give the result's `mean` and `sd` to `standardize` to use a training set's own numbers.

    Parameters
    ----------
    images:
        uint8 arrays `(H, W, 3)`; a generator that loads them keeps memory flat.

    Raises
    ------
    ParameterError
        There are no images, or one is no color image.

    Examples
    --------
    >>> levels = (np.full((2, 2, 3), level, np.uint8) for level in (0, 255))
    >>> measure_channels(levels).mean.tolist()
    [0.5, 0.5, 0.5]
    """
    statistics = ChannelStatistics()
    for pixels in images:
        statistics.add(pixels)
    if not statistics.count:
        raise ParameterError("There are no images to take a mean of; give at least one.")
    return statistics


def _read_rgba(data: bytes) -> Pixels:
    with image_errors():
        image = _open_upright(data)
        if not image.has_transparency_data or image.mode[0] in "IF":
            return to_rgba(decode(data))
        if image.mode == "La":  # Pillow knows no direct way
            image = image.convert("LA")
        clear = image.convert("RGBA")
        return to_rgba(to_rgb(clear.convert("RGB")), np.asarray(clear.getchannel("A")))


def _read_cmyk(data: bytes) -> Pixels:
    with image_errors():
        image = _open_upright(data)
        return np.array(image) if image.mode == "CMYK" else to_cmyk(decode(data))


def _open_upright(data: bytes) -> Image.Image:
    image = open_image(data, MAX_PIXELS)
    turn = _UPRIGHT.get(read_orientation(image))
    image.load()
    check_size(image.size, MAX_PIXELS)  # an icon's header may understate its images
    # Pillow turns TIFF while loading
    return image if turn is None or image.format == "TIFF" else image.transpose(turn)


def _numbers(array: NDArray[Any]) -> NDArray[np.float64]:
    given = np.asarray(array)
    if given.dtype.kind not in "buif":
        raise ParameterError(f"The array must hold numbers; it is {given.dtype}.")
    return given.astype(np.float64)

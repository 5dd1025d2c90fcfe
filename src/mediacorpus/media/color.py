"""Any color mode and profile to plain sRGB pixels."""

from __future__ import annotations

import functools
import io
import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from mediacorpus.media.scale import reduce_by, reduction

if TYPE_CHECKING:
    from collections.abc import Iterator

Pixels = NDArray[np.uint8]

_STRETCHED = frozenset({"F", "I"})
_NUMBERS = ("float", "int", "uint")

_SPACES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
_DEEP = 65_535  # the greatest 16-bit value
_STRIP = 16_000_000  # pixels from which an image is converted piece by piece
_SAME = 3  # levels of 255 by which a profile may differ from sRGB and still count as sRGB


def to_rgb(image: Image.Image, *, min_side: int | None = None) -> Pixels:
    """Turn a Pillow image of any mode into an array `(H, W, 3)` of uint8 sRGB.

    An embedded color profile is applied; one that is broken, or made for another color
    space than the image's, is ignored. Transparency is laid on white.

    16-bit gray (`I;16` and `I` within 0 to 65,535) is divided by 257 and rounded, so that
    65,535 gives 255. Other `I` and all `F` images are stretched from their least to their
    greatest finite value; where all values are the same, the result is black.

    Parameters
    ----------
    image:
        Any Pillow image; it is loaded if need be.
    min_side:
        As in `reduce`: a large image is reduced piece by piece, so that it is never held whole
        as an array.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Examples
    --------
    >>> to_rgb(Image.new("CMYK", (2, 1), (0, 0, 0, 255))).tolist()
    [[[0, 0, 0], [0, 0, 0]]]
    >>> to_rgb(Image.new("RGBA", (1, 1), (0, 0, 0, 0))).tolist()
    [[[255, 255, 255]]]
    """
    image.load()
    factor = reduction(min(image.size), min_side)
    levels = _range(image) if is_stretched(image.mode) else None
    if image.width * image.height <= _STRIP:
        return reduce_by(_converted(image, levels), factor)
    if image.height % factor:  # strips would not meet the rows of the whole
        return reduce_by(_by_strips(image, 1, levels), factor)
    return _by_strips(image, factor, levels)


def _converted(image: Image.Image, levels: tuple[float, float] | None) -> Pixels:
    """Convert an image, or a strip of one, whose least and greatest level are given."""
    icc = image.info.get("icc_profile") if image.mode != "LAB" else None
    plain = _plain(image, levels)
    alpha = plain.getchannel("A") if plain.mode == "RGBA" else None
    if icc:
        plain = _managed(plain.convert("RGB") if alpha is not None else plain, icc)
    if alpha is not None:
        white = Image.new("RGB", plain.size, (255, 255, 255))
        white.paste(plain, mask=alpha)
        plain = white
    if plain.mode == "L":
        return np.asarray(cv2.cvtColor(np.asarray(plain), cv2.COLOR_GRAY2RGB), np.uint8)
    return np.asarray(plain.convert("RGB"))


def _strips(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Cut an image into strips, with the row that each begins at; their heights fit `factor`."""
    width, height = image.size
    rows = max(1, _STRIP // (2 * width * factor)) * factor
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(height, top + rows)))


def _by_strips(image: Image.Image, factor: int, levels: tuple[float, float] | None) -> Pixels:
    """Convert a large image strip by strip, so that no second copy of it is ever held."""
    width, height = image.size
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    for top, strip in _strips(image, factor):
        found = reduce_by(_converted(strip, levels), factor)
        pixels[top // factor : top // factor + len(found)] = found
    return pixels


def is_stretched(mode: str) -> bool:
    """Tell whether levels are stretched from the least to the greatest value of the image.

    Parameters
    ----------
    mode:
        Of `FileFacts`, or Pillow's.

    Examples
    --------
    >>> is_stretched("F, 5 bands"), is_stretched("RGB, float32"), is_stretched("I;16")
    (True, True, False)
    """
    plain, _, numbers = mode.partition(", ")
    return plain in _STRETCHED or numbers.startswith(_NUMBERS)


def _range(image: Image.Image) -> tuple[float, float]:
    """Give the level of black and the level of white: the least and the greatest finite value.

    Whole numbers within 16 bits keep the range of 16 bits.
    """
    low, high = math.inf, -math.inf
    for _, strip in _strips(image):
        values = np.asarray(strip)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if image.mode == "I" and low >= 0 and high <= _DEEP:
        return 0.0, float(_DEEP)
    return (low, high) if high >= low else (0.0, 0.0)


def _plain(image: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    """Bring a mode to one of L, RGB, RGBA and CMYK."""
    image.load()
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return Image.fromarray(_scaled(np.asarray(image), levels))
    if "transparency" in image.info and mode in {"1", "L", "P", "RGB"}:
        return image.convert("RGBA")
    if mode in {"LA", "PA", "RGBa", "RGBA"}:
        return image.convert("RGBA")
    if mode == "La":
        return image.convert("LA").convert("RGBA")
    if mode == "P" and image.palette is not None and image.palette.mode.endswith("A"):
        return image.convert("RGBA")
    if mode in {"1", "L"}:
        return image.convert("L")
    return image if mode == "CMYK" else image.convert("RGB")


def _scaled(values: NDArray[Any], levels: tuple[float, float] | None) -> Pixels:
    """Bring deep levels to 0 to 255; without `levels`, from the whole range of 16 bits."""
    if levels is None:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    low, high = levels
    if high == low:
        return np.zeros(values.shape, np.uint8)
    numbers = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    return np.rint((numbers - low) / (high - low) * 255).astype(np.uint8)


def _managed(image: Image.Image, icc: bytes) -> Image.Image:
    """Apply a profile to an image of mode L, RGB or CMYK; give it back as is if it is no use."""
    space = _profile_space(icc)
    if image.mode == "L" and space == "RGB":
        image = image.convert("RGB")
    if space != image.mode:
        return image
    transform = _transform(icc, image.mode)
    if transform is None:
        return image
    return ImageCms.applyTransform(image, transform) or image


@functools.lru_cache(maxsize=32)
def _profile_space(icc: bytes) -> str | None:
    """Name the Pillow mode that a profile is for; None if it is broken or for others."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile
        return _SPACES.get(profile.xcolor_space.strip())
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@functools.lru_cache(maxsize=32)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the transform to sRGB; None if the profile is broken or is sRGB already."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)), _srgb(), mode, "RGB"
        )
        if mode == "CMYK":
            return transform
        swatch = _swatch(mode)
        shown = ImageCms.applyTransform(swatch, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    before = np.asarray(swatch.convert("RGB")).astype(np.int16)
    same = np.abs(np.asarray(shown).astype(np.int16) - before).max() <= _SAME
    return None if same else transform


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _swatch(mode: str) -> Image.Image:
    """All grays, or a cube of 9 by 9 by 9 colors."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
    return Image.fromarray(np.ascontiguousarray(cube.reshape(27, 27, 3)))

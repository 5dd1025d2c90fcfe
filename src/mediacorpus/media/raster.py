"""The values of an image as its file holds them: no color management, no stretch, no rounding."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media._quiet import opencv_decoded
from mediacorpus.media.header import (
    MAX_PIXELS,
    check_size,
    image_errors,
    open_image,
    read_orientation,
)
from mediacorpus.media.jxl_and_hdr import read_hdr
from mediacorpus.media.reading import PathLike, contents
from mediacorpus.media.sniff import pdf_start
from mediacorpus.media.tiff import TiffImage, no_data
from mediacorpus.media.vector import looks_like_svg

Values: TypeAlias = "np.ma.MaskedArray[Any, Any]"

_ALPHA = {"LA": 1, "La": 1, "RGBA": 3, "RGBa": 3}
"""Pillow's modes with transparency: which band it is."""
_PNG_DEPTH, _DEEP_PNG = 24, 16
"""Where the bit depth stands in a PNG file, followed by the color type (PNG, 11.2.2)."""
_RGB_PNG, _GRAY_ALPHA_PNG, _RGBA_PNG = 2, 4, 6
_TRANSPOSED = range(5, 9)
_REVERSED = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
"""Steps by which rows and columns are read, after they were swapped."""


def load_values(
    file: bytes | PathLike,
    *,
    band: int | None = None,
    page: int = 1,
    max_pixels: float = MAX_PIXELS,
) -> Values:
    """Read the values of an image as the file holds them, upright.

    `load` gives what an image looks like, in 256 levels. For rasters that hold measurements, such
    as night lights, heights or temperatures, that is a stretched copy; here are the numbers.

    Parameters
    ----------
    file:
        The whole file as bytes, or its path.
    band:
        Give this band only, counted from 1.
    page:
        Page of a TIFF file, counted from 1.
    max_pixels:
        Images with more pixels are refused.

    Returns
    -------
    masked array, shape (H, W, bands), or (H, W) with `band`
        Of the type that the file states. What has no value is masked: NaN and infinity, the
        no-data value that a TIFF file declares (GDAL), the transparent level of a PNG file, and
        pixels without any opacity. Transparency is no band. Palettes are looked up.

    Raises
    ------
    MediaError
        The file is no image, is damaged, or has no such page.
    ParameterError
        The image has no such band.
    TooLarge
        It has more than `max_pixels` pixels.

    Examples
    --------
    >>> import io
    >>> heights = np.array([[0.5, 1200.25], [np.nan, -3.0]], np.float32)
    >>> file = io.BytesIO()
    >>> Image.fromarray(heights).save(file, "TIFF")
    >>> found = load_values(file.getvalue(), band=1)
    >>> found.tolist(), float(found.max())
    ([[0.5, 1200.25], [None, -3.0]], 1200.25)
    """
    data = contents(file)
    if looks_like_svg(data) or pdf_start(data) is not None:
        raise MediaError("The file is drawn, not stored in pixels; it has no values of its own.")
    with image_errors():
        image = open_image(data, max_pixels)
        turn = read_orientation(image)
        values, missing = _read(image, data, page)
        check_size(values.shape[1::-1], max_pixels)
    if values.dtype.kind == "f":
        missing |= ~np.isfinite(values)
    found = np.ma.MaskedArray(_upright(values, turn), _upright(missing, turn))
    if band is None:
        return found
    if not 1 <= band <= found.shape[2]:
        raise ParameterError(f"There is no band {band}; the image has {found.shape[2]}.")
    return found[..., band - 1]


def _read(image: Image.Image, data: bytes, page: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read values and where they are missing, both `(H, W, bands)`, as they are stored."""
    if page != 1:
        if image.format != "TIFF" or not 1 <= page <= getattr(image, "n_frames", 1):
            raise MediaError(f"The image has no page {page}.")
        image.seek(page - 1)
    if isinstance(image, TiffImage) and image.has_values:
        return _of_tiff(image)
    if image.format == "PNG" and data[_PNG_DEPTH] == _DEEP_PNG and image.mode != "I;16":
        return _of_deep_png(data)
    if image.format == "HDR":
        light = read_hdr(data)
        return light, np.zeros(light.shape, np.bool_)
    return _of_pillow(image)


def _of_tiff(image: TiffImage) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    values, alpha = image.values(), image.alpha_band
    missing = np.zeros(values.shape, np.bool_)
    stated = no_data(image.tag_v2)
    if stated is not None:
        # Written as text, so that it is compared in the type of the values.
        with np.errstate(over="ignore", invalid="ignore"):
            typed = np.float64(stated).astype(values.dtype)
        if values.dtype.kind == "f" or float(typed) == stated:
            missing |= values == typed
    return _without_alpha(values, missing, alpha)


def _of_deep_png(data: bytes) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read colors of 16 bits, of which Pillow gives the upper 8."""
    found = opencv_decoded(data)
    if found is None:
        raise MediaError("The PNG image is damaged.")
    values = np.atleast_3d(np.asarray(found))
    bands = {_GRAY_ALPHA_PNG: [0, -1], _RGB_PNG: [2, 1, 0], _RGBA_PNG: [2, 1, 0, 3]}
    kind = data[_PNG_DEPTH + 1]
    values = values[..., bands[kind]]
    alpha = None if kind == _RGB_PNG else values.shape[2] - 1
    return _without_alpha(values, np.zeros(values.shape, np.bool_), alpha)


def _of_pillow(image: Image.Image) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    if image.mode in {"P", "PA"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    values = np.atleast_3d(np.asarray(image))
    missing = np.zeros(values.shape, np.bool_)
    clear = image.info.get("transparency")
    if isinstance(clear, (int, tuple)):
        missing |= (values == np.asarray(clear, values.dtype)).all(axis=2, keepdims=True)
    return _without_alpha(values, missing, _ALPHA.get(image.mode))


def _without_alpha(
    values: NDArray[Any], missing: NDArray[np.bool_], alpha: int | None
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Leave the transparency out; what it hides has no value."""
    if alpha is None:
        return values, missing
    hidden = values[..., alpha : alpha + 1] == 0
    kept = [band for band in range(values.shape[2]) if band != alpha]
    return values[..., kept], missing[..., kept] | hidden


def _upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation to rows and columns (Exif 2.32, tag 274)."""
    turned = np.swapaxes(array, 0, 1) if orientation in _TRANSPOSED else array
    rows, columns = _REVERSED.get(orientation, (1, 1))
    return np.ascontiguousarray(turned[::rows, ::columns])

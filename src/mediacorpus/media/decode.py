"""Bytes of an image file to upright RGB pixels, or one clear sentence why not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mediacorpus.errors import ParameterError
from mediacorpus.media.color import to_rgb
from mediacorpus.media.header import (
    MAX_PIXELS,
    check_size,
    image_errors,
    open_image,
    probe,
    read_orientation,
)
from mediacorpus.media.reading import MAX_BYTES, PathLike, contents, read
from mediacorpus.media.scale import Pixels, reduce, reduction
from mediacorpus.media.vector import looks_like_svg, render_vector

if TYPE_CHECKING:
    from cv2.typing import MatLike
    from PIL import ImageFile

    from mediacorpus.records import FileFacts

__all__ = ["MAX_BYTES", "MAX_PIXELS", "decode", "load", "probe", "read"]

_ROTATIONS = {
    3: cv2.ROTATE_180,
    6: cv2.ROTATE_90_CLOCKWISE,
    8: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
_TRANSPOSED = {5, 7}
_FLIPS = {2: 1, 4: 0, 7: -1}


def decode(
    data: bytes | PathLike,
    *,
    min_side: int | None = None,
    max_pixels: float = MAX_PIXELS,
    facts: FileFacts | None = None,
) -> Pixels:
    """Decode an image file to upright sRGB pixels.

    The EXIF orientation is applied once, an embedded color profile is converted to sRGB,
    transparency is laid on white, and of animated files the first frame is taken. How deep
    grays become 8 bits is described in `to_rgb`. Safe to call from several threads at once; the
    work is done outside the global interpreter lock.

    Parameters
    ----------
    data:
        The whole file as bytes, or its path.
    min_side:
        Pixels that the short side must keep. The image is then given at 1, 1/2, 1/4 or
        1/8 of its size, the smallest whose short side has at least as many; JPEG is decoded
        at that scale directly, which is several times faster. None gives the full size.
    max_pixels:
        Images with more pixels, before any reduction, are refused.
    facts:
        What `probe` found for the same bytes, if known; spares reading EXIF again.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        Contiguous, red first, 0 to 255.

    Raises
    ------
    MediaError
        The file is empty, is no image, or is damaged or truncated.
    TooLarge
        The image has more than `max_pixels` pixels.
    ParameterError
        `min_side` is less than 1.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> Image.new("RGB", (1200, 900), (255, 0, 0)).save(buffer, "JPEG")
    >>> decode(buffer.getvalue()).shape
    (900, 1200, 3)
    >>> decode(buffer.getvalue(), min_side=256).shape
    (450, 600, 3)
    """
    if min_side is not None and min_side < 1:
        raise ParameterError(f"min_side is {min_side}; it must be at least 1, or None.")
    data = contents(data)
    if looks_like_svg(data):
        return render_vector(data, min_side=min_side)
    with image_errors():
        image = open_image(data, max_pixels)
        orientation = facts.orientation if facts else read_orientation(image)
        jpeg = image.format == "JPEG"
        if jpeg:
            return np.ascontiguousarray(_upright(_reduced_jpeg(image, min_side), orientation))
        image.load()
        check_size(image.size, max_pixels)  # an icon's header may understate its images
        if orientation == 1 or image.format == "TIFF":  # Pillow has turned it while loading
            return to_rgb(image, min_side=min_side)
        return reduce(np.ascontiguousarray(_upright(to_rgb(image), orientation)), min_side)


def load(
    path: str | os.PathLike[str],
    *,
    min_side: int | None = None,
    max_pixels: float = MAX_PIXELS,
) -> Pixels:
    """Read and decode an image file to upright sRGB pixels `(H, W, 3)`.

    Takes the arguments of `decode` and raises what `read` and `decode` raise.

    Examples
    --------
    >>> load("no-such-file.jpg")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The file 'no-such-file.jpg' cannot be read: it is not there...
    """
    return decode(read(path), min_side=min_side, max_pixels=max_pixels)


def _reduced_jpeg(image: ImageFile.ImageFile, min_side: int | None) -> Pixels:
    """Decode a JPEG image at the scale that is wanted, or near it."""
    width, height = image.size
    factor = reduction(min(image.size), min_side)
    if factor > 1:
        image.draft(None, (width // factor, height // factor))
    pixels = to_rgb(image)
    wanted = (-(-width // factor), -(-height // factor))
    if pixels.shape[1::-1] == wanted:
        return pixels
    return np.asarray(cv2.resize(pixels, wanted, interpolation=cv2.INTER_AREA), np.uint8)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation (Exif 2.32, tag 274): bring row 0 to the top."""
    turned: MatLike = pixels
    if orientation in _ROTATIONS:
        turned = cv2.rotate(turned, _ROTATIONS[orientation])
    if orientation in _TRANSPOSED:
        turned = cv2.transpose(turned)
    if orientation in _FLIPS:
        turned = cv2.flip(turned, _FLIPS[orientation])
    return np.asarray(turned, np.uint8)

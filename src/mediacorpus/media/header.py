"""Read what the header of an image says, without decoding its pixels."""

from __future__ import annotations

import functools
import io
import itertools
import logging
import math
import re
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from PIL import ExifTags, Image, ImageFile

from mediacorpus.errors import MediacorpusError, MediaError, MissingExtra, TooLarge
from mediacorpus.extras import installed, need
from mediacorpus.media._quiet import quiet, silence_libtiff
from mediacorpus.media.frames import count_frames
from mediacorpus.media.jpeg import JPEG_MARK, open_jpeg, read_scans
from mediacorpus.media.jxl_and_hdr import (
    HDR_MARKS,
    JXL_MARKS,
    hdr_size,
    jxl_size,
    open_hdr,
    open_jxl,
)
from mediacorpus.media.png import PNG_MARK, open_png
from mediacorpus.media.reading import PathLike, contents
from mediacorpus.media.sniff import as_text, boxes_end, heif_kind, looks_like, refusal
from mediacorpus.media.tiff import TiffImage, holds_all
from mediacorpus.records import FileFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_PIXELS = 200e6
"""Pixels that an image may have by default: 200 megapixels."""

# Formats that Pillow registers but that are no images, need an outside program, or are
# recognized so loosely that other files would pass for them.
_SKIPPED = frozenset(
    [
        "BUFR",
        "EPS",
        "FPX",
        "GRIB",
        "HDF5",
        "IM",
        "IMT",
        "IPTC",
        "MCIDAS",
        "MIC",
        "MPEG",
        "PCD",
        "SPIDER",
        "WMF",
        "XVTHUMB",
    ]
)
_ENDINGS = {"PNG": b"IEND", "GIF": b";", "JPEG2000": b"\xff\xd9"}
_BOXED = {"AVIF", "HEIF"}
_DECODED = {"JXL", "HDR"}  # when they are opened
_TAIL = 64
_ZONE = re.compile(r"[+-][01]\d:[0-5]\d")
_OPENERS: tuple[tuple[bytes, str, Callable[[bytes], ImageFile.ImageFile]], ...] = (
    (JPEG_MARK, "JPEG", open_jpeg),
    (PNG_MARK, "PNG", open_png),
)
_FURTHER = ((JXL_MARKS, jxl_size, open_jxl), (HDR_MARKS, hdr_size, open_hdr))
_JFIF_UNITS = {1, 2}  # dots per inch, per centimetre
_SIDEWAYS = range(5, 9)

# Pillow logs some errors that it also raises; without a handler they go to the terminal.
logging.getLogger("PIL").addHandler(logging.NullHandler())
silence_libtiff()


def probe(data: bytes | PathLike, *, max_pixels: float = MAX_PIXELS) -> FileFacts:
    """Read the header of an image and check that the file is complete.

    The format is found from the content; the file's name plays no part. Pixels are decoded
    only where the structure of the file does not show that it is whole: where a JPEG, PNG, GIF,
    WebP, TIFF, JPEG 2000, AVIF or HEIF file seems to lack its end, and for all other formats.
    A JPEG that carries further images (MPO, Ultra HDR) counts as a JPEG with one frame.

    Parameters
    ----------
    data:
        The whole file as bytes, or its path.
    max_pixels:
        Images with more pixels are refused.

    Returns
    -------
    FileFacts
        Width and height are those of the upright image. `taken` is the EXIF time of
        exposure, else of digitizing, else of the last change, in the camera's local time, with
        the time zone where the file states it.

    Raises
    ------
    MediaError
        The file is empty, is no image, or is damaged or truncated.
    TooLarge
        The image has more than `max_pixels` pixels.

    Examples
    --------
    >>> buffer = io.BytesIO()
    >>> Image.new("RGB", (40, 30), "navy").save(buffer, "PNG")
    >>> facts = probe(buffer.getvalue())
    >>> facts.format, facts.width, facts.height, facts.frames
    ('PNG', 40, 30, 1)
    """
    data = contents(data)
    with image_errors():
        image = open_image(data, max_pixels)
        exif = _exif(image)
        orientation = _orientation(exif)
        width, height = image.size
        if orientation in _SIDEWAYS and image.format != "TIFF":  # Pillow turns TIFF by itself
            width, height = height, width
        facts = FileFacts(
            format=image.format or "",
            width=width,
            height=height,
            mode=_mode(image),
            bytes=len(data),
            alpha=_alpha(image),
            frames=count_frames(image, data),
            orientation=orientation,
            dpi=_dpi(image, exif),
            taken=_taken(exif),
            icc=bool(image.info.get("icc_profile")),
        )
        if not ends_well(image, data):
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()
    return facts


def open_image(data: bytes, max_pixels: float = MAX_PIXELS) -> ImageFile.ImageFile:
    """Open an image with Pillow, lazily, with our own pixel limit.

    `PIL.Image.open` has one limit for the whole process, which other code may rely on;
    here it is neither used nor changed. Call inside `image_errors`.

    Raises
    ------
    MediaError
        The file is empty, no image, or its header is damaged.
    TooLarge
        The header tells of more than `max_pixels` pixels.

    Examples
    --------
    >>> open_image(b"")
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The file is empty (0 bytes).
    """
    if not data:
        raise MediaError("The file is empty (0 bytes).")
    image = _identify(data, max_pixels)
    # Pillow composes WebP images from several copies with transparency.
    copies = (4 if getattr(image, "n_frames", 1) == 1 else 8) if image.format == "WEBP" else 1
    check_size(image.size, max_pixels / copies)
    return image


def check_size(size: tuple[int, int], max_pixels: float) -> None:
    """Raise `TooLarge` if `size` (width, height) exceeds the limit, `MediaError` if it is nil.

    >>> check_size((100, 100), 1e4)
    """
    width, height = size
    if width < 1 or height < 1:
        raise MediaError(f"The image has no pixels ({width} x {height}).")
    if width * height > max_pixels:
        raise TooLarge(
            f"The image has {width:,} x {height:,} pixels ({width * height / 1e6:,.1f} "
            f"megapixels); the limit is {max_pixels / 1e6:,g} megapixels."
        )


def ends_well(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Tell whether the structure of a file shows that it is whole.

    False where something is missing, and for formats that say nothing of it: there only decoding
    tells. Bytes after the end mark, up to 64, are allowed.

    Raises
    ------
    MediaError
        Parts of a JPEG image are missing.
    """
    if image.format == "JPEG":
        return read_scans(data).end is not None
    if image.format == "TIFF":
        return holds_all(image, len(data))
    if image.format == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 <= len(data)
    if image.format in _DECODED:
        return True
    if image.format in _BOXED:
        return boxes_end(data)
    mark = _ENDINGS.get(image.format or "")
    return mark is not None and mark in data[-_TAIL:]


def _mode(image: ImageFile.ImageFile) -> str:
    if isinstance(image, TiffImage):
        return image.described
    return f"{image.mode}, float32" if image.format == "HDR" else image.mode


def read_orientation(image: ImageFile.ImageFile) -> int:
    """Read the EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    return _orientation(_exif(image))


@contextmanager
def image_errors() -> Iterator[None]:
    """Turn whatever a decoder raises on a bad file into `MediaError`, and drop its warnings.

    Decoders meet hostile files with errors of many kinds; all mean the same to the user.
    """
    with quiet():
        try:
            yield
        except MediacorpusError:
            raise
        except Image.DecompressionBombError as error:
            raise TooLarge(
                "The image, or one inside it, has more pixels than Pillow decodes "
                f"({2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:,.0f} megapixels)."
            ) from error
        except MemoryError as error:
            raise MediaError(
                "The image asks for more memory than there is; it may be damaged."
            ) from error
        except Exception as error:
            raise MediaError(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    reason = str(error).strip().split("\n")[0].rstrip(".")[:160] or type(error).__name__
    low = reason.lower()
    if any(word in low for word in ("truncated", "premature", "unexpected end", "eof")):
        return f"The image is truncated: the file ends before the image does ({reason})."
    return f"The image is damaged or of a kind that cannot be read ({reason})."


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in Image.ID if name not in _SKIPPED)


def _identify(data: bytes, max_pixels: float) -> ImageFile.ImageFile:
    for mark, name, opener in _OPENERS:
        if data.startswith(mark):
            try:
                return opener(data)
            except Exception as error:
                raise MediaError(_broken(name, error, data)) from error
    if heif_kind(data) not in {None, "AVIF"}:
        return _open_heif(data)
    for marks, size, decode in _FURTHER:
        if data.startswith(marks):
            check_size(size(data), max_pixels)
            return cast("ImageFile.ImageFile", decode(data))
    return _tried(data)


def _tried(data: bytes) -> ImageFile.ImageFile:
    """Open an image with the first of Pillow's other formats that takes it."""
    failed: tuple[str, Exception] | None = None
    textual = as_text(data) is not None
    for name in _formats():
        factory, accept = Image.OPEN[name]
        if accept is None and textual:  # formats without a mark of their own take any text
            continue
        if accept is not None and accept(data[:16]) is not True:
            continue
        try:
            return (TiffImage if name == "TIFF" else factory)(io.BytesIO(data), "")
        except (Image.DecompressionBombError, MediacorpusError):
            raise
        except Exception as error:  # noqa: BLE001 - any error means: not this format
            if accept is not None:
                failed = failed or (name, error)
    raise MediaError(_not_a_image(data, failed))


def _open_heif(data: bytes) -> ImageFile.ImageFile:
    """Open an image that is coded as HEVC (H.265) video, with the package that is installed."""
    module = "pillow_heif" if installed("pillow_heif") else "pi_heif"
    try:
        image: ImageFile.ImageFile = need(module).HeifImageFile(io.BytesIO(data), "")
    except MissingExtra as error:
        raise MissingExtra(f"The file is a {heif_kind(data)} image. {error}") from error
    except SyntaxError as error:  # what Pillow's plug-ins say of files that are not theirs
        raise MediaError(_unknown_coding(data)) from error
    except Exception as error:
        raise MediaError(_broken(str(heif_kind(data)), error, data)) from error
    return image


def _unknown_coding(data: bytes) -> str:
    """Say that a HEIF file holds its image in a form that no package here reads."""
    if not boxes_end(data):
        return f"The {heif_kind(data)} image is truncated: the file ends before the image does."
    brands = data[8:12] + data[16 : min(int.from_bytes(data[:4]), 64)]
    named = [
        brands[place : place + 4].decode("ascii", "replace") for place in range(0, len(brands), 4)
    ]
    return (
        f"The {heif_kind(data)} image is damaged, or coded in a way that is not supported (its "
        f"brands are {', '.join(dict.fromkeys(named))}); save it as PNG or JPEG."
    )


def known_mark(head: bytes) -> bool:
    r"""Tell whether a file begins as one of the image formats that Pillow reads.

    >>> known_mark(b"qoif" + bytes(12)), known_mark(b"Dear all, I am")
    (True, False)
    """
    if not head:
        return False
    if head.startswith(JXL_MARKS + HDR_MARKS):
        return True
    start = head[:16].ljust(16, b"\x00")  # some of Pillow's tests need all of them
    accepting = (Image.OPEN[name][1] for name in _formats())
    return any(accept is not None and accept(start) is True for accept in accepting)


def _not_a_image(data: bytes, failed: tuple[str, Exception] | None) -> str:
    kind = looks_like(data)
    ours = kind is None or (" image" in kind and "not supported" not in kind)
    if heif_kind(data) is not None and failed is None:
        return _unknown_coding(data)
    if failed is not None and (ours or _written_as_text(failed[0], data)):
        return _broken(*failed, data)
    if kind is not None:
        return refusal(kind, "an image")
    return "The file is of no image format that is known; it may be damaged."


def _written_as_text(name: str, data: bytes) -> bool:
    """Tell whether the header that failed is of a format whose headers are text."""
    return name in {"FITS", "XBM", "XPM"} or (name == "PPM" and data[2:3].isspace())


def _broken(name: str, error: Exception, data: bytes) -> str:
    if heif_kind(data) is not None and not boxes_end(data):
        return f"The {name} image is truncated: the file ends before the image does."
    if name == "PSD" and isinstance(error.__cause__, KeyError):
        return (
            f"The Photoshop image has a color mode and depth {error} (mode, bits) that is not "
            "supported; save it as TIFF or PNG."
        )
    reason = str(error).strip().split("\n")[0].rstrip(".")[:160] or type(error).__name__
    return f"The {name} image has a header that is damaged or not supported ({reason})."


def _exif(image: ImageFile.ImageFile) -> Image.Exif:
    try:
        # The base class's method: that of PNG would decode the whole image first.
        return Image.Image.getexif(image)
    except Exception:  # noqa: BLE001 - a damaged EXIF block is as good as none
        return Image.Exif()


def _orientation(exif: Image.Exif) -> int:
    try:
        value = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - see _exif
        return 1
    return value if isinstance(value, int) and value in range(1, 9) else 1


def _taken(exif: Image.Exif) -> str | None:
    try:
        inner = exif.get_ifd(ExifTags.IFD.Exif)
        values = [
            (
                inner.get(ExifTags.Base.DateTimeOriginal),
                inner.get(ExifTags.Base.OffsetTimeOriginal),
            ),
            (
                inner.get(ExifTags.Base.DateTimeDigitized),
                inner.get(ExifTags.Base.OffsetTimeDigitized),
            ),
            (exif.get(ExifTags.Base.DateTime), inner.get(ExifTags.Base.OffsetTime)),
        ]
    except Exception:  # noqa: BLE001 - see _exif
        return None
    return next((when for when in itertools.starmap(_when, values) if when), None)


def _when(value: Any, offset: Any) -> str | None:
    """Turn `YYYY:MM:DD HH:MM:SS` into ISO form, with the time zone if known; None if no date."""
    if not isinstance(value, str):
        return None
    text = value.strip("\x00 ")[:19]
    zone = offset.strip("\x00 ") if isinstance(offset, str) else ""
    try:
        when = datetime.fromisoformat(text[:10].replace(":", "-") + "T" + text[11:])
    except ValueError:
        return None
    stated = when.isoformat(timespec="seconds")
    return stated + zone if _ZONE.fullmatch(zone) else stated


def _dpi(image: ImageFile.ImageFile, exif: Image.Exif) -> float | None:
    silent = image.info.get("jfif_unit") not in _JFIF_UNITS
    if image.format == "JPEG" and silent and ExifTags.Base.XResolution not in exif:
        return None  # Pillow gives 72 where neither JFIF nor EXIF says anything
    value = image.info.get("dpi")
    first = value[0] if isinstance(value, tuple) and value else value
    try:
        number = float(first)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _alpha(image: ImageFile.ImageFile) -> bool:
    if "transparency" in image.info or image.mode in {"LA", "La", "PA", "RGBA", "RGBa"}:
        return True
    palette = image.palette
    return image.mode == "P" and palette is not None and palette.mode.endswith("A")

"""Image formats that Pillow does not read: JPEG XL and Radiance HDR."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mediacorpus.errors import MediaError, MissingExtra
from mediacorpus.extras import need
from mediacorpus.media._quiet import opencv_decoded

JXL_MARKS = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")
"""What JPEG XL files begin with: the bare image, or a container."""

HDR_MARKS = (b"#?RADIANCE", b"#?RGBE")
"""What Radiance files begin with."""

_RESOLUTION = re.compile(rb"\n\n-Y (\d{1,9}) \+X (\d{1,9})\n")
_HEADER = 65_536
_WHITE = 0.99
_LINEAR, _SLOPE, _SCALE, _POWER = 0.0031308, 12.92, 1.055, 2.4  # IEC 61966-2-1


def jxl_size(data: bytes) -> tuple[int, int]:
    """Read width and height of a JPEG XL image.

    Raises
    ------
    MissingExtra
        pylibjxl is not installed (extra `jxl`).
    MediaError
        The file is no JPEG XL image, or cut off.
    """
    try:
        facts = need("pylibjxl").probe(data)
    except MissingExtra as error:
        raise MissingExtra(f"The file is a JPEG XL image. {error}") from error
    except Exception as error:
        raise MediaError(f"The JPEG XL image is damaged or truncated ({error}).") from error
    return int(facts["width"]), int(facts["height"])


def open_jxl(data: bytes) -> Image.Image:
    """Decode a JPEG XL image, the first frame of an animation; deep colors become 8 bits.

    It is upright, whatever the EXIF block says: that is so by the standard (ISO/IEC 18181-2).

    Raises
    ------
    MissingExtra, MediaError
        As `jxl_size`.
    """
    width, height = jxl_size(data)
    try:
        pixels, beside = need("pylibjxl").decode(data, metadata=True)
    except Exception as error:
        raise MediaError(
            f"The JPEG XL image is damaged, or truncated: the file ends before the image does "
            f"({error})."
        ) from error
    image = Image.fromarray(np.asarray(pixels).reshape(height, width, -1).squeeze())
    image.format = "JXL"
    if beside.get("icc"):
        image.info["icc_profile"] = beside["icc"]
    exif = Image.Exif()
    exif.load(_block(beside.get("exif") or b""))
    exif[ExifTags.Base.Orientation] = 1
    image.info["exif"] = exif.tobytes()
    return image


def _block(exif: bytes) -> bytes:
    """Give an EXIF block from where its TIFF header begins."""
    starts = [place for mark in (b"II*\x00", b"MM\x00*") if (place := exif[:32].find(mark)) >= 0]
    return b"Exif\x00\x00" + exif[min(starts) :] if starts else b""


def hdr_size(data: bytes) -> tuple[int, int]:
    r"""Read width and height of a Radiance image; raises `MediaError`.

    >>> hdr_size(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 3\n")
    (3, 2)
    """
    found = _RESOLUTION.search(data[:_HEADER].replace(b"\r\n", b"\n"))
    if found is None:
        raise MediaError(
            "The Radiance HDR image has a header that is damaged, or runs in another direction "
            "than from the top left; save it as TIFF."
        )
    return int(found[2]), int(found[1])


def read_hdr(data: bytes) -> NDArray[np.float32]:
    """Read the linear light of a Radiance image: float32 `(H, W, 3)`, red first.

    Raises
    ------
    MediaError
        The file is damaged or cut off.
    """
    width, height = hdr_size(data)
    found = opencv_decoded(data)
    if found is None or found.shape != (height, width, 3):
        raise MediaError(
            "The Radiance HDR image is damaged, or truncated: the file ends before the image does."
        )
    return np.ascontiguousarray(found[..., ::-1], np.float32)


def open_hdr(data: bytes) -> Image.Image:
    """Open a Radiance image as it is shown: its 99th percentile is white, on the curve of sRGB."""
    light = read_hdr(data)
    white = float(np.quantile(light, _WHITE)) or 1.0
    share = np.clip(light / white, 0, 1)
    curved = np.where(
        share <= _LINEAR, share * _SLOPE, _SCALE * share ** (1 / _POWER) - (_SCALE - 1)
    )
    image = Image.fromarray(np.rint(curved * 255).astype(np.uint8))
    image.format = "HDR"
    return image

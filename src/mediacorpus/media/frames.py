"""Count the frames of an image file by walking its structure, without decoding."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageFile

MOST = 100_000
"""Counting stops at this number of frames."""

_GIF_HEAD = 13
_GIF_IMAGE = 0x2C
_GIF_EXTENSION = 0x21
_IN_HEADER = frozenset({"PNG", "WEBP", "AVIF", "FLI", "DCX"})


def count_frames(image: ImageFile.ImageFile, data: bytes) -> int:
    """Count the frames or pages of an opened image; at least 1, at most 100,000.

    Pillow counts GIF frames and TIFF pages by visiting each; here only block lengths and
    offsets are followed, so that the time is bounded by the file's size. For PNG, WebP, AVIF
    and FLI the header gives the number. All else has one frame.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> pages = [Image.new("L", (8, 8), gray) for gray in (0, 100, 200)]
    >>> pages[0].save(buffer, "GIF", save_all=True, append_images=pages[1:])
    >>> count_frames(Image.open(buffer), buffer.getvalue())
    3
    """
    if image.format == "GIF":
        return max(1, gif_frames(data))
    if image.format == "TIFF":
        return max(1, tiff_pages(data))
    if image.format in _IN_HEADER:
        return min(MOST, max(1, int(getattr(image, "n_frames", 1))))
    return 1


def gif_frames(data: bytes) -> int:
    """Count the image blocks of a GIF file (GIF89a specification, section 15 on).

    >>> gif_frames(b"GIF89a")
    0
    """
    if len(data) < _GIF_HEAD:
        return 0
    place = _GIF_HEAD + _color_table(data[10])
    count = 0
    while place < len(data) and count < MOST:
        kind = data[place]
        if kind == _GIF_IMAGE and place + 10 < len(data):  # image: 9 bytes, colors, code size
            count += 1
            place += 11 + _color_table(data[place + 9])
        elif kind == _GIF_EXTENSION:  # extension: label, then blocks
            place += 2
        else:  # the trailer, or damage
            break
        while place < len(data) and data[place]:
            place += data[place] + 1
        place += 1
    return count


def _color_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def tiff_pages(data: bytes) -> int:
    r"""Count the directories of a TIFF or BigTIFF file by following their chain.

    >>> tiff_pages(b"II*\x00\x08\x00\x00\x00" + bytes(6))
    1
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\x00", b"\x00+")
    head, count_form, entry, offset_form = (8, "Q", 20, "Q") if big else (4, "H", 12, "I")
    seen: set[int] = set()
    try:
        (place,) = struct.unpack_from(order + offset_form, data, head)
        while place and place not in seen and len(seen) < MOST:
            (entries,) = struct.unpack_from(order + count_form, data, place)
            after = place + struct.calcsize("<" + count_form) + entries * entry
            seen.add(place)
            (place,) = struct.unpack_from(order + offset_form, data, after)
    except (struct.error, OverflowError, ValueError):
        return len(seen)
    return len(seen)

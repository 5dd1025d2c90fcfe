"""PNG files: as Pillow's, however much text goes along."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

from PIL import PngImagePlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG_MARK = b"\x89PNG\r\n\x1a\n"
"""What a PNG file begins with."""

_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_PROFILE = b"iCCP"
_LARGE = 500_000  # bytes of one text once unpacked; Pillow refuses files over 1 MB
_ALL = 20_000_000  # bytes of all texts; Pillow refuses files over 64 MB
_LARGEST_PROFILE = 50_000_000
_FRAME = 12  # bytes of a chunk besides its content


def open_png(data: bytes) -> PngImagePlugin.PngImageFile:
    """Open a PNG file, lazily, without its long texts.

    Programs such as ComfyUI and Photoshop put megabytes of text into an image; Pillow refuses
    such files as a defense against bombs. Nothing here needs these texts, so they are left out.
    A long color profile is kept.
    """
    profile: bytes | None = None
    dropped: list[tuple[int, int]] = []
    total = 0
    for kind, start, end in _chunks(data):
        if kind in _TEXTS:
            size = _unpacked_size(kind, data[start + 8 : end - 4])
            total += size
            if size > _LARGE or total > _ALL:
                dropped.append((start, end))
        elif kind == _PROFILE and end - start > _LARGE // 1000:
            unpacked = _unpacked(
                data[start + 8 : end - 4].partition(b"\x00")[2][1:], _LARGEST_PROFILE
            )
            if len(unpacked) > _LARGE:
                profile = unpacked
                dropped.append((start, end))
    image = PngImagePlugin.PngImageFile(io.BytesIO(_without(data, dropped)))
    if profile is not None:
        image.info["icc_profile"] = profile
    return image


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give the kind, start and end of each chunk (PNG specification, 5.3)."""
    place = len(PNG_MARK)
    while place + _FRAME <= len(data):
        end = place + _FRAME + int.from_bytes(data[place : place + 4])
        yield data[place + 4 : place + 8], place, end
        place = end


def _unpacked_size(kind: bytes, body: bytes) -> int:
    """Count the bytes of a text, to just over the limit."""
    rest = body.partition(b"\x00")[2]
    if kind == b"zTXt":
        return len(_unpacked(rest[1:], _LARGE))
    if kind == b"iTXt" and rest[:1] == b"\x01":
        return len(_unpacked(rest[2:].split(b"\x00", 2)[-1], _LARGE))
    return len(rest)


def _unpacked(body: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, limit + 1)
    except zlib.error:
        return b""


def _without(data: bytes, dropped: list[tuple[int, int]]) -> bytes:
    if not dropped:
        return data
    kept, place = [], 0
    for start, end in dropped:
        kept.append(data[place:start])
        place = end
    return b"".join([*kept, data[place:]])

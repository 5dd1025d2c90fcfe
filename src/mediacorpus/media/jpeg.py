"""JPEG files: as Pillow's, but what is missing within one is noticed."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, JpegImagePlugin

from mediacorpus.errors import MediaError

JPEG_MARK = b"\xff\xd8\xff"
"""What a JPEG file begins with."""

_PADDING = bytes(8)
"""What decoders may read ahead; the bits left over of a byte are few, and ones."""

_SINGLE = [b"\x00"] * 4
_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\x01-\xfe]")  # 0xff 0x00 is a 0xff of the pixels
_FRAME, _PROGRESSIVE = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}, {0xC2, 0xCA}
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}  # ITU-T T.81, table B.1
_RESTART, _SCAN, _IMAGE_END = range(0xD0, 0xD8), 0xDA, 0xD9
_INTERVAL = 0xDD
_ALONE = {0x01, *range(0xD0, 0xDA)}
_MOST_PIECES = 1024
_UNFINISHED = (
    "The image is truncated: it is stored in passes of growing detail, and the last of them "
    "are missing."
)
_CUT = (
    "The image is truncated or damaged: data of its pixels are missing within the file, or wrong."
)


@dataclass(slots=True)
class Scans:
    """Where the entropy-coded data of a JPEG image lie, and what they bring.

    Parameters
    ----------
    pieces:
        Positions at which data end: at a restart marker, or with their scan.
    end:
        Position of the end mark; None where it is missing.
    restarts:
        For each scan the numbers of its restart markers, and how many there must be; None where
        that is not known.
    interval:
        MCUs between two restart markers; 0 without.
    units:
        MCUs of the image: its smallest units, of 8 by 8 to 32 by 32 pixels.
    progressive:
        Whether the image is stored in passes of growing detail.
    components:
        Their numbers, as the frame's header lists them.
    precision:
        For each component, by the number of the coefficient, the lowest bit that is known of it.
    other:
        The marker of a frame that is lossless, hierarchical or the like, of which libjpeg reads
        some and of which no more is known here.
    """

    pieces: list[int] = field(default_factory=list)
    end: int | None = None
    restarts: list[tuple[list[int], int | None]] = field(default_factory=list)
    interval: int = 0
    units: int = 0
    progressive: bool = False
    components: tuple[int, ...] = ()
    precision: dict[int, dict[int, int]] = field(default_factory=dict)
    other: int | None = None


class JpegImage(JpegImagePlugin.JpegImageFile):
    """A JPEG image as Pillow's, which is not decoded where parts of its data are missing.

    Where data end too early, libjpeg makes gray pixels and says no more than a warning, which
    Pillow drops. Here the data are handed to it piece by piece, up to each marker, and followed
    by padding in place of the marker: a decoder that lacks data then asks for more.

    Raises
    ------
    MediaError
        On loading: data are missing, within the image or at its end.
    """

    def load(self) -> Any:
        """Decode the image, at the scale that `draft` has set."""
        if not self.tile or self._im is not None:
            return super().load()
        assert self.fp is not None
        self.fp.seek(0)
        data = self.fp.read()
        self.load_prepare()
        tile = self.tile[0]
        # The same call as in Pillow's own `load`.
        decoder: Any = Image._getdecoder(self.mode, tile.codec_name, tile.args, self.decoderconfig)  # noqa: SLF001
        try:
            decoder.setimage(self.im, tile.extents)
            _decode(decoder, data)
        finally:
            decoder.cleanup()
        self.tile = []
        self.readonly = 0
        self.load_end()
        return Image.Image.load(self)


def open_jpeg(data: bytes) -> JpegImage:
    """Open a JPEG file, lazily."""
    # Pillow reads a little ahead in headers that are cut off.
    return JpegImage(io.BytesIO(data if _END in data[-64:] else data + _PADDING))


def read_scans(data: bytes) -> Scans:
    """Find the entropy-coded data of the first image in a JPEG file (ITU-T T.81, annex B).

    Raises
    ------
    MediaError
        Restart markers or whole passes are missing.
    """
    found = Scans()
    place, within = 2, False
    while (match := _MARKER.search(data, place)) is not None:
        marker, place = data[match.end() - 1], match.end()
        if marker in _RESTART and within:
            found.pieces.append(match.start())
            found.restarts[-1][0].append(marker & 7)
            continue
        if marker == _IMAGE_END:
            found.end = match.start()
            break
        if within:
            found.pieces.append(match.start())
        within = False
        if marker not in _ALONE:
            length = int.from_bytes(data[place : place + 2])
            _learn(found, marker, data[place + 2 : place + length])
            place += max(2, length)
            within = marker == _SCAN
    _check(found)
    return found


def _learn(found: Scans, marker: int, body: bytes) -> None:
    """Take in what a segment says of the frame or of a scan."""
    if marker in _FRAME and len(body) > 5:  # noqa: PLR2004 - up to the number of components
        found.progressive = marker in _PROGRESSIVE
        found.components = tuple(body[6 : 6 + 3 * body[5] : 3])
        factors = body[7 : 6 + 3 * body[5] : 3] if body[5] > 1 else b"\x11"
        high, wide = 8 * max(one & 15 for one in factors), 8 * max(one >> 4 for one in factors)
        height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
        found.units = -(-height // max(1, high)) * -(-width // max(1, wide))
    elif marker in _OTHER_FRAMES:
        found.other = marker
    elif marker == _INTERVAL:
        found.interval = int.from_bytes(body[:2])
    elif marker == _SCAN and body:
        count = body[0]
        whole = count == len(found.components) and found.interval > 0
        found.restarts.append(([], -(-found.units // found.interval) - 1 if whole else None))
        settings = body[1 + 2 * count : 4 + 2 * count]
        if len(settings) == 3:  # noqa: PLR2004 - first and last coefficient, precision
            first, last, bits = settings
            for component in body[1 : 1 + 2 * count : 2]:
                known = found.precision.setdefault(component, {})
                known |= dict.fromkeys(range(first, min(last, 63) + 1), bits & 15)


def _check(found: Scans) -> None:
    """Raise where restart markers are lost, or the last passes are missing."""
    for numbers, wanted in found.restarts:
        lost = wanted is not None and len(numbers) < wanted
        if lost or numbers != [place % 8 for place in range(len(numbers))]:
            raise MediaError(_CUT)
    if found.other is not None:
        return
    known = [found.precision.get(component, {}) for component in found.components]
    if not all(known) or (found.progressive and any(any(one.values()) for one in known)):
        raise MediaError(_UNFINISHED)


def _decode(decoder: Any, data: bytes) -> None:
    """Hand the data of an image to Pillow's decoder, and see that it needs all of them."""
    scans = read_scans(data)
    end = len(data) if scans.end is None else scans.end
    ends = [*scans.pieces[:: -(-len(scans.pieces) // _MOST_PIECES) or 1], end]
    start = 0
    for place in ends:
        taken, state = _feed(decoder, data[start:place])
        start = place
        if taken < 0:
            break
    else:
        taken, state = decoder.decode(_END)
    if taken >= 0:
        raise MediaError(_CUT)
    if state < 0 and scans.other is not None:
        raise MediaError(
            f"The JPEG image is coded in a way (SOF{scans.other - 0xC0}: lossless, hierarchical or "
            "the like) that is not supported; save it as PNG or TIFF."
        )
    if state < 0:
        raise OSError(f"the decoder gave the error {state}")


def _feed(decoder: Any, piece: bytes) -> tuple[int, int]:
    """Hand a piece on, and see that its last pixel is done: all that follows is passed over.

    While pixels are missing, single bytes are left until they make up one of them.
    """
    for part in (piece + _PADDING, *_SINGLE):
        taken, state = decoder.decode(part)
        if taken < 0:
            break
        if taken < len(part):
            raise MediaError(_CUT)
    return taken, state

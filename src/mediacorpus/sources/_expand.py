"""Decompressors of one shape, each with a bound on what one step may give."""

from __future__ import annotations

import bz2
import importlib
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Protocol

from mediacorpus.errors import MediaError
from mediacorpus.sources._archived import CHUNK, in_words

FEED = 1 << 16
"""Packed bytes that are handed over in one step."""
STEP = 512
"""Unpacked bytes in one step near a damaged place."""
DICTIONARY = 1 << 28
"""Most bytes that LZMA may ask for as its dictionary."""

STORED, DEFLATED, BZIP2, LZMA, ZSTANDARD = 0, 8, 12, 14, 93
"""Compression methods of zip (APPNOTE 4.4.5)."""
OTHER_METHODS = {9: "Deflate64", 98: "PPMd", 95: "XZ", 97: "WavPack", 96: "JPEG", 99: "AES"}


class Expander(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""

    @property
    def needs_input(self) -> bool:
        """Whether the next step needs more packed bytes."""

    @property
    def unused_data(self) -> bytes:
        """What followed the end of the stream."""

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Take packed bytes, give at most `max_length` unpacked ones."""


class Plain:
    """No compression.

    >>> Plain().decompress(b"ab")
    b'ab'
    """

    eof = False
    needs_input = True
    unused_data = b""

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:  # noqa: ARG002 - protocol
        """Give what was taken."""
        return data


class Inflate:
    """Deflate; `wbits` as in `zlib`: -15 for a bare stream, 31 for gzip with its checksum.

    >>> Inflate(15).decompress(zlib.compress(b"ab"), 10)
    b'ab'
    """

    def __init__(self, wbits: int) -> None:
        self._inside = zlib.decompressobj(wbits)
        self._tail = b""
        self._full = False
        self._error: zlib.error | None = None

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._inside.eof

    @property
    def needs_input(self) -> bool:
        """Whether the next step needs more packed bytes."""
        return not (self._tail or self._full or self._error)

    @property
    def unused_data(self) -> bytes:
        """What followed the end of the stream."""
        return self._inside.unused_data

    def decompress(self, data: bytes, max_length: int = CHUNK, /) -> bytes:
        """Take packed bytes, give at most `max_length` unpacked ones."""
        if self._error is not None:
            raise self._error
        before = self._inside.copy()
        try:
            given = self._inside.decompress(self._tail + data, max_length)
        except zlib.error as error:
            self._error = error
            return self._before_error(before, self._tail + data, max_length)
        self._tail = self._inside.unconsumed_tail
        self._full = len(given) == max_length
        return given

    def _before_error(self, inside: zlib._Decompress, data: bytes, most: int) -> bytes:
        """Give what comes before the damaged place; the next step raises its error."""
        found = b""
        try:
            while data and len(found) < most - STEP:
                found += inside.decompress(data, STEP)
                data = inside.unconsumed_tail
        except zlib.error:
            pass
        return found


class ZipLzma:
    """LZMA as zip stores it: a short header, then the bare stream (APPNOTE 5.8.8).

    Parameters
    ----------
    size:
        Declared unpacked bytes; no larger dictionary is made.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._header = b""
        self._inside: lzma.LZMADecompressor | None = None

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._inside is not None and self._inside.eof

    @property
    def needs_input(self) -> bool:
        """Whether the next step needs more packed bytes."""
        return self._inside is None or self._inside.needs_input

    @property
    def unused_data(self) -> bytes:
        """What followed the end of the stream."""
        return b"" if self._inside is None else self._inside.unused_data

    def decompress(self, data: bytes, max_length: int = CHUNK, /) -> bytes:
        """Take packed bytes, give at most `max_length` unpacked ones."""
        if self._inside is None:
            self._header += data
            if len(self._header) < 9:  # noqa: PLR2004 - version, length, five properties
                return b""
            length, packed, dictionary = struct.unpack_from("<2xHBI", self._header)
            if length != 5 or packed >= 9 * 5 * 5:  # noqa: PLR2004 - as the format has it
                raise MediaError("The LZMA header is damaged.")
            self._inside = _bare_lzma(packed, min(dictionary, max(self._size, 4096)))
            data, self._header = self._header[9:], b""
        return self._inside.decompress(data, max_length)


def _bare_lzma(packed: int, dictionary: int) -> lzma.LZMADecompressor:
    if dictionary > DICTIONARY:
        raise MediaError(f"The LZMA data ask for more than {in_words(DICTIONARY)} of memory.")
    rest, lc = divmod(packed, 9)
    pb, lp = divmod(rest, 5)
    return lzma.LZMADecompressor(
        lzma.FORMAT_RAW,
        filters=[
            {
                "id": lzma.FILTER_LZMA1,
                "dict_size": max(dictionary, 4096),
                "lc": lc,
                "lp": lp,
                "pb": pb,
            }
        ],
    )


def for_zip(method: int, size: int) -> Callable[[], Expander] | None:
    """Give what unpacks a compression method of zip; None if nothing here does.

    >>> for_zip(9, 0) is None
    True
    """
    if method == ZSTANDARD:
        return zstandard()
    known: dict[int, Callable[[], Expander]] = {
        STORED: Plain,
        DEFLATED: lambda: Inflate(-15),
        BZIP2: bz2.BZ2Decompressor,
        LZMA: lambda: ZipLzma(size),
    }
    return known.get(method)


def for_stream(head: bytes) -> Callable[[], Expander] | None:
    r"""Give what unpacks a file that begins so; None if it is not packed.

    >>> for_stream(b"\x1f\x8b\x08")().eof
    False
    """
    if head.startswith(b"\x1f\x8b"):
        return lambda: Inflate(31)
    if head.startswith(b"BZh"):
        return bz2.BZ2Decompressor
    if head.startswith(b"\xfd7zXZ\0"):
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DICTIONARY + (1 << 24))
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard()
    return None


def zstandard() -> Callable[[], Expander] | None:
    """Give the Zstandard decompressor where the standard library has one (Python 3.14).

    >>> zstandard() is None or callable(zstandard())
    True
    """
    try:
        found: Callable[[], Expander] = importlib.import_module("compression.zstd").ZstdDecompressor
    except ImportError:
        return None
    return found


def expanded(file: IO[bytes], expander: Expander, *, packed: int) -> Iterator[bytes]:
    """Unpack the next `packed` bytes of a file in pieces of at most 1 MB.

    >>> import io
    >>> list(expanded(io.BytesIO(b"abc"), Plain(), packed=2))
    [b'ab']
    """
    while not expander.eof:
        data = b""
        if expander.needs_input:
            data = file.read(min(packed, FEED))
            if not data:
                return
            packed -= len(data)
        given = expander.decompress(data, CHUNK)
        if given:
            yield given
        elif not data:
            return

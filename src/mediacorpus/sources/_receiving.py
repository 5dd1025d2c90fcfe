"""The body of a download: decompressed within limits, looked at, written, and resumed."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from mediacorpus.extras import need
from mediacorpus.sources._content import HEAD, kind_of, unwanted
from mediacorpus.sources._transfer import Manner
from mediacorpus.store.originals import Keeping, Kept

_PIECE = 1 << 20
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_RANGE = re.compile(r"bytes\s+(\d+)-\d+/(?:\d+|\*)")
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_PARTIAL = 206


async def decoded(response: Any) -> AsyncIterator[bytes]:
    """Give the body in pieces of at most 1 MB once decompressed.

    Nothing compressed is asked for, but some servers send it all the same. A few bytes can
    stand for very many, so they are never decompressed all at once.

    Raises
    ------
    httpx.RemoteProtocolError
        The body is damaged, cut off, or compressed in a way that cannot be read.
    """
    problem = need("httpx").RemoteProtocolError
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        async for data in response.aiter_raw():
            yield data
        return
    if encoding not in _PACKED:
        raise problem(f"it is compressed as {encoding[:40]!r}, which was not asked for")
    unpack = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        async for data in response.aiter_raw():
            for piece in _unpacked(unpack, data):
                yield piece
    except zlib.error as error:
        raise problem(f"it cannot be decompressed: {error}") from error
    if not unpack.eof:
        raise problem("its compressed form is cut off")


def _unpacked(unpack: Any, data: bytes) -> Iterator[bytes]:
    while data:
        yield unpack.decompress(data, _PIECE)
        data = unpack.unconsumed_tail


class Receiving:
    """One file on its way in, over one answer or several.

    Parameters
    ----------
    folder:
        The corpus folder.
    manner:
        Limits of size and kind.
    """

    def __init__(self, folder: Path, manner: Manner) -> None:
        self._folder = folder
        self._manner = manner
        self._keeping: Keeping | None = None
        self._head = b""
        self._judged = False
        self._validator = ""

    @property
    def size(self) -> int:
        """Bytes that were received."""
        return self._keeping.bytes if self._keeping else 0

    def range_headers(self) -> list[tuple[str, str]]:
        """Ask for the rest of the file, if a part is here and the server can resume."""
        if not (self.size and self._validator):
            return []
        return [("Range", f"bytes={self.size}-"), ("If-Range", self._validator)]

    async def read(self, response: Any) -> str | None:
        """Read an answer to its end; return why the file is not wanted, or None.

        What arrived before an error is raised stays, so that the next answer can go on.

        Raises
        ------
        httpx.TransportError
            The body is not complete.
        StorageFull, CorpusReadOnly
            The file cannot be written.
        """
        self._begin(response)
        length = response.headers.get("content-length", "")
        if length.isdecimal() and self.size + int(length) > self._manner.max_bytes:
            return self._too_large(self.size + int(length))
        async for data in decoded(response):
            reason = self._write(data)
            if reason:
                return reason
        if not self.size:
            return "The server sent an empty file (0 bytes)."
        return None if self._judged else self._judge()

    def keep(self, suffix: str) -> Kept:
        """Move the file to its place in the corpus; `suffix` counts if its kind is not known."""
        assert self._keeping is not None
        found = kind_of(self._head)
        return self._keeping.keep(found[1] if found else suffix)

    def drop(self) -> None:
        """Remove what is not kept."""
        if self._keeping is not None:
            self._keeping.drop()
            self._keeping = None

    def _begin(self, response: Any) -> None:
        if response.status_code == _PARTIAL:
            match = _RANGE.match(response.headers.get("content-range", ""))
            if self._keeping and match and int(match[1]) == self.size:
                return
            self._validator = ""  # the next try starts afresh
            raise need("httpx").RemoteProtocolError("it sent another part than was asked for")
        self.drop()
        self._keeping = Keeping(self._folder)
        self._head, self._judged = b"", False
        self._validator = _validator(response)

    def _write(self, data: bytes) -> str | None:
        assert self._keeping is not None
        if self.size + len(data) > self._manner.max_bytes:
            return self._too_large(None)
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        self._keeping.write(data)
        return self._judge() if not self._judged and len(self._head) >= HEAD else None

    def _judge(self) -> str | None:
        self._judged = True
        kind = unwanted(self._head, self._manner.types)
        if kind is None:
            return None
        wanted = " or ".join(self._manner.types)
        return f"The server sent {kind}; wanted was {wanted}."

    def _too_large(self, size: int | None) -> str:
        found = f"has {size:,} bytes" if size else "goes on beyond the limit"
        return f"The file {found}; at most {self._manner.max_bytes:,} bytes are downloaded."


def _validator(response: Any) -> str:
    """Give what tells whether the file is still the same when it is resumed, or ''."""
    headers = response.headers
    encoded = headers.get("content-encoding", "").strip().lower() not in {"", "identity"}
    if encoded or "bytes" not in headers.get("accept-ranges", "").lower():
        return ""
    etag = headers.get("etag", "")
    found = etag if etag and not etag.startswith("W/") else headers.get("last-modified", "")
    return str(found) if found.isascii() and found.isprintable() else ""

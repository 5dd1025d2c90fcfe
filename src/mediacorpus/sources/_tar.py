"""Read tar archives, packed or not, as a stream: forward only and in bounded steps."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

from mediacorpus.errors import MediacorpusError, MediaError, SourceError
from mediacorpus.records import Failure
from mediacorpus.sources._archived import (
    CHUNK,
    MEMBER_FLOOR,
    Member,
    Reading,
    as_ns,
    brief,
    expands,
    hostile,
    passed_over,
    plain,
)
from mediacorpus.sources._expand import FEED, Expander, for_stream
from mediacorpus.sources._zip import BROKEN as BROKEN_ZIP
from mediacorpus.sources._zip import is_utf8, name_codec

BLOCK = 512
LARGEST_READ = 4 * CHUNK
"""No header of a tar is larger; a damaged one may claim to be of any size."""
_LOOKED_AT = 1000
"""Names that are not UTF-8 by which their encoding is chosen, at the most."""
MAGIC = slice(257, 262)
BROKEN = (tarfile.TarError, *BROKEN_ZIP)


class Stream(io.RawIOBase):
    """The bytes of a tar, unpacked on the way; it goes forward only.

    `packed` counts the bytes taken from the file, `last` is what the last `read` gave, and
    `problem` says why nothing more can be read.
    """

    def __init__(self, reading: Reading) -> None:
        reading.file.seek(0)
        head = reading.file.read(16)
        reading.file.seek(0)
        self._make = for_stream(head)
        self._expander: Expander | None = self._make() if self._make else None
        self._reading = reading
        self._waiting = b""
        self._given = 0
        self._at = 0
        self.packed = 0
        self.last = b""
        self.problem = ""

    @property
    def unpacks(self) -> bool:
        """Whether the tar is packed."""
        return self._expander is not None

    def tell(self) -> int:
        """Give the place in the unpacked tar."""
        return self._at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go forward to a place in the unpacked tar."""
        if whence != 0 or offset < self._at:
            self._stop("a header in it is damaged")
        if self._expander is None:
            self._reading.file.seek(offset)
            self._at = offset
        while self._at < offset:
            if not self._take(min(offset - self._at, CHUNK)):
                self._stop("it is cut off")
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """Give exactly `size` bytes, fewer at the end."""
        if not 0 <= size <= LARGEST_READ:
            self._stop("a header in it is damaged")
        pieces = []
        left = size
        while left and (piece := self._take(left)):
            pieces.append(piece)
            left -= len(piece)
        self.last = b"".join(pieces)
        return self.last

    def _stop(self, problem: str) -> None:
        self.problem = self.problem or problem
        raise MediaError(f"{self._reading.shown} is damaged: {self.problem}.")

    def _take(self, most: int) -> bytes:
        if self._expander is None:
            given = self._reading.file.read(most)
        else:
            while self._given == len(self._waiting) and self._fill():
                pass
            given = self._waiting[self._given : self._given + most]
            self._given += len(given)
        self._at += len(given)
        return given

    def _fill(self) -> bool:
        """Unpack one step; tell whether there may be more."""
        try:
            return self._step()
        except MediacorpusError as error:
            self.problem = self.problem or str(error)
            raise
        except BROKEN as error:
            self._stop(f"its packed data cannot be read ({str(error) or type(error).__name__})")
        return False

    def _step(self) -> bool:
        assert self._expander is not None
        assert self._make is not None
        data = b""
        if self._expander.eof:
            data = self._expander.unused_data.lstrip(b"\0") or self._feed().lstrip(b"\0")
            if not data:
                return False
            self._expander = self._make()  # what was packed in several runs is one stream
        elif self._expander.needs_input:
            data = self._feed()
            if not data:
                self._stop("it is cut off")
        self._waiting, self._given = self._expander.decompress(data, CHUNK), 0
        self._reading.spent.check(self._at + len(self._waiting))
        return True

    def _feed(self) -> bytes:
        data = self._reading.file.read(FEED)
        self.packed += len(data)
        return data


def holds_tar(head: bytes) -> bool:
    """Tell whether the first bytes of a file, unpacked if need be, are those of a tar.

    >>> holds_tar(b"GIF89a")
    False
    """
    make = for_stream(head)
    try:
        start = make().decompress(head, BLOCK) if make else head
    except BROKEN:
        return False
    return start[MAGIC] == b"ustar"


def entries(reading: Reading) -> Iterator[Member | Failure]:
    """Give each file of a tar archive, in its order.

    What follows a damaged place is lost; a last failure, for the archive itself, says so.

    Raises
    ------
    SourceError
        Not even the first file can be read.
    """
    stream = Stream(reading)
    decoded = _Names(reading)
    try:
        archive = _opened(stream)
    except BROKEN as error:
        reason = stream.problem or str(error).rstrip(".") or type(error).__name__
        raise SourceError(
            f"{reading.shown} is damaged or no archive: no file in it can be read ({reason}). "
            "Download or copy it again."
        ) from error
    with archive:
        while (info := _next(archive, stream)) is not None:
            if not reading.spent.entry():
                break
            found = _entry(reading, archive, info=info, name=decoded.of(info), stream=stream)
            if found is not None:
                yield found
    problem = reading.spent.passed or _ending(stream)
    if problem:
        yield reading.whole(problem)


def _opened(stream: Stream) -> tarfile.TarFile:
    return tarfile.TarFile(fileobj=stream, mode="r", encoding="utf-8", errors="surrogateescape")


class _Names:
    """Decodes the names of a tar, most of which are UTF-8.

    What is not is in the encoding of the machine that packed it. At the first such name the
    headers are read ahead, so that one encoding is chosen for all.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._codec = ""

    def of(self, info: tarfile.TarInfo) -> str:
        """Give the name of an entry as it was meant."""
        raw = _raw(info)
        if is_utf8(raw):
            return info.name
        self._codec = self._codec or name_codec(self._reading, self._ahead())
        try:
            return raw.decode(self._codec)
        except UnicodeError:
            return info.name

    def _ahead(self) -> list[bytes]:
        """Give the names that are not UTF-8, the first thousand of them."""
        place = self._reading.file.tell()
        stream = Stream(self._reading)
        found: list[bytes] = []
        try:
            with _opened(stream) as archive:
                while len(found) < _LOOKED_AT and (info := _next(archive, stream)) is not None:
                    found += [raw] if not is_utf8(raw := _raw(info)) else []
        finally:
            self._reading.file.seek(place)
        return found


def _raw(info: tarfile.TarInfo) -> bytes:
    return info.name.encode("utf-8", "surrogateescape")


def _next(archive: tarfile.TarFile, stream: Stream) -> tarfile.TarInfo | None:
    try:
        info = archive.next()
    except BROKEN as error:
        stream.problem = stream.problem or str(error).rstrip(".") or type(error).__name__
        return None
    # It would remember every header; the stubs do not know the list.
    archive.members.clear()  # type: ignore[attr-defined]
    return None if stream.problem else info


def _ending(stream: Stream) -> str:
    """Say how a tar ended, if not as it should."""
    mark = stream.last
    if not stream.problem and stream.unpacks:
        try:  # to the checksum at the end
            for _ in range(LARGEST_READ // CHUNK):
                if not stream.read(CHUNK):
                    break
        except MediaError:
            pass
    if stream.problem:
        return f"The archive is damaged: {stream.problem}. What follows that place is lost."
    if not mark:
        return "The archive is cut off: it lacks the mark of its end. Files may be missing."
    if mark.strip(b"\0"):
        return "The archive is damaged: a header in it is broken. What follows it is lost."
    return ""


def _entry(
    reading: Reading,
    archive: tarfile.TarFile,
    *,
    info: tarfile.TarInfo,
    name: str,
    stream: Stream,
) -> Member | Failure | None:
    name = plain(name)
    name = name.rstrip("/") or name
    if info.isdir():
        return None
    problem = hostile(name)
    if not problem and passed_over(name):
        return None
    if not problem and not info.isreg():
        kind = "link" if info.issym() or info.islnk() else "pipe or device"
        problem = f"This is no regular file but a {kind}."
    problem = problem or reading.too_large(info.size)
    given = reading.unique(brief(name) if problem else name)
    if problem:
        return reading.failure(given, problem)
    return Member(
        name=given,
        size=info.size,
        mtime_ns=as_ns(info.mtime),
        check="",
        opening=lambda: _content(reading, archive, info=info, name=given, stream=stream),
    )


def _content(
    reading: Reading,
    archive: tarfile.TarFile,
    *,
    info: tarfile.TarInfo,
    name: str,
    stream: Stream,
) -> Iterator[bytes]:
    if stream.tell() > info.offset_data:
        raise MediaError(
            f"{name} cannot be read any more: a tar is read in order, once, so read each member "
            "before asking for the next."
        )
    try:
        yield from _bounded(reading, archive, info=info, name=name, stream=stream)
    except BROKEN as error:
        if isinstance(error, MediacorpusError) and not stream.problem:
            raise
        reason = (stream.problem or str(error) or type(error).__name__).rstrip(".")
        raise MediaError(f"{name} is damaged in the archive ({reason}).") from error


def _bounded(
    reading: Reading,
    archive: tarfile.TarFile,
    *,
    info: tarfile.TarInfo,
    name: str,
    stream: Stream,
) -> Iterator[bytes]:
    file = archive.extractfile(info)
    assert file is not None
    packed, count = stream.packed, 0
    while piece := file.read(CHUNK):
        count += len(piece)
        most = reading.limits.ratio * (stream.packed - packed + FEED)
        if stream.unpacks and count > max(MEMBER_FLOOR, most):
            raise MediaError(f"{name} {expands(f'{reading.limits.ratio:,} times its packed size')}")
        reading.spent.read(len(piece))
        yield piece

"""What every kind of archive shares: limits, members, names, and the bytes spent so far."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mediacorpus.errors import MediaError
from mediacorpus.records import Failure
from mediacorpus.sources.walk import is_litter
from mediacorpus.store.holdings import path_text
from mediacorpus.store.store import storable

CHUNK = 1 << 20
MEMBER_FLOOR = 10_000_000
"""Members up to this size may shrink as far as they like: blank images do."""
TOTAL_FLOOR = 1_000_000_000
"""The same for a whole archive."""
LONGEST_NAME = 4096
LATEST_NS = 1 << 62

_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may expand to before it is taken for a bomb.

    Parameters
    ----------
    member_bytes:
        Bytes of one member.
    total_bytes:
        Bytes of all members together.
    ratio:
        Bytes unpacked for each byte packed; holds for members over 10 MB, and for all
        members together over 1 GB.
    members:
        Number of entries, folders and passed-over files included.
    depth:
        Levels of archives within the archive that are read.

    Examples
    --------
    >>> Limits(depth=0).ratio
    200
    """

    member_bytes: int = 2_000_000_000
    total_bytes: int = 200_000_000_000
    ratio: int = 200
    members: int = 2_000_000
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive.

    Parameters
    ----------
    name:
        Path inside the archive with forward slashes, such as `"inner.zip/photo.jpg"`.
    size:
        Declared bytes, -1 if unknown.
    mtime_ns:
        Time of last change in nanoseconds since 1970, 0 if unknown. A zip that does not say
        its time zone is taken to be in UTC, so that it is the same on every machine.
    check:
        `"crc32:…"` in a zip, `""` in a tar.
    opening:
        Gives the bytes; use `chunks`.
    """

    name: str
    size: int
    mtime_ns: int
    check: str
    opening: Callable[[], Iterator[bytes]] = field(repr=False, compare=False)

    def chunks(self) -> Iterator[bytes]:
        """Give the content in pieces of at most 1 MB; read it before asking for the next member.

        Yields
        ------
        bytes

        Raises
        ------
        MediaError
            The content is damaged or cut off, is not what was declared, or passes a limit.

        Examples
        --------
        >>> member = Member("a.txt", 2, 0, "", lambda: iter([b"ab"]))
        >>> b"".join(member.chunks())
        b'ab'
        """
        return self.opening()


@dataclass(slots=True)
class Spent:
    """What has been read from an archive and all archives in it, and which limit that passed.

    `packed` is the size of the outermost archive in bytes.
    """

    limits: Limits
    packed: int
    bytes: int = 0
    members: int = 0
    passed: str = ""

    def read(self, count: int) -> None:
        """Count unpacked bytes; raise `MediaError` beyond a limit."""
        self.bytes += count
        self.check(self.bytes)

    def check(self, unpacked: int) -> None:
        """Raise `MediaError` if the whole archive may not expand to so many bytes."""
        if self.beyond(unpacked):
            raise MediaError(self.passed)

    def beyond(self, unpacked: int) -> bool:
        """Tell whether the whole archive may not expand to so many bytes, or a limit has passed."""
        limits = self.limits
        if unpacked > limits.total_bytes:
            self.passed = f"The archive {expands(in_words(limits.total_bytes))}"
        elif unpacked > max(TOTAL_FLOOR, limits.ratio * self.packed):
            self.passed = f"The archive {expands(f'{limits.ratio:,} times its size')}"
        return bool(self.passed)

    def entry(self) -> bool:
        """Count an entry; tell whether no limit has been passed."""
        self.members += 1
        if self.members > self.limits.members and not self.passed:
            self.passed = (
                f"The archive holds more than {self.limits.members:,} files; the rest was not "
                "read. Unpack it and add the folder."
            )
        return not self.passed


@dataclass(slots=True)
class Reading:
    """One archive that is being read: `path` is the outermost, `prefix` leads to this one.

    `encoding` is that of names which are not UTF-8, None to guess it; `notes` learns the guess.
    """

    path: Path
    file: IO[bytes]
    spent: Spent
    prefix: str = ""
    level: int = 0
    encoding: str | None = None
    notes: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    @property
    def limits(self) -> Limits:
        """The limits that hold."""
        return self.spent.limits

    @property
    def shown(self) -> str:
        """The archive as it is named in sentences."""
        return storable(self.path.name) + (f"/{self.prefix[:-1]}" if self.prefix else "")

    def failure(self, name: str, reason: str) -> Failure:
        """Say what is wrong with a member; its name has the prefix already."""
        path = f"{path_text(self.path)}/{name}"
        return Failure(subject=path, path=path, stage="add", reason=storable(reason))

    def whole(self, reason: str) -> Failure:
        """Say what is wrong with the archive itself."""
        path = path_text(self.path) + (f"/{self.prefix[:-1]}" if self.prefix else "")
        return Failure(subject=path, path=path, stage="add", reason=storable(reason))

    def unique(self, name: str) -> str:
        """Give a name that was not given before: the second `a.jpg` becomes `a.jpg#2`."""
        name = self.prefix + storable(name)
        count = self.names.get(name, 0) + 1
        given = name if count == 1 else f"{name}#{count}"
        while count > 1 and given in self.names:
            count += 1
            given = f"{name}#{count}"
        self.names[name] = count
        self.names.setdefault(given, 1)
        return given

    def too_large(self, size: int, *, packed: int | None = None) -> str:
        """Say which limit a member of that declared size passes; empty if none."""
        limits = self.limits
        if size > limits.member_bytes:
            return f"The file {expands(in_words(limits.member_bytes))}"
        if packed is not None and size > MEMBER_FLOOR and size > limits.ratio * packed:
            return f"The file {expands(f'{limits.ratio:,} times its packed size')}"
        return ""


def in_words(count: int) -> str:
    """Write a number of bytes.

    >>> in_words(2_000_000_000), in_words(1_500_000), in_words(12)
    ('2 GB', '1.5 MB', '12 bytes')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} bytes"


def expands(limit: str) -> str:
    """Give the words for what expands beyond a limit.

    >>> expands("2 GB")[:25]
    'expands to more than 2 GB'
    """
    return (
        f"expands to more than {limit}: it looks like a zip bomb. If you trust it, unpack it "
        "and add the folder."
    )


def plain(name: str) -> str:
    r"""Write a member's name with forward slashes and without leading `./`.

    >>> plain("./scans\\a.jpg")
    'scans/a.jpg'
    """
    name = name.replace("\\", "/")
    if name.startswith("/"):
        return name
    folder = "/" if name.endswith("/") else ""
    return "/".join(part for part in name.split("/") if part not in {"", "."}) + folder


def hostile(name: str) -> str:
    """Say what is wrong with a plain name; empty if nothing is.

    >>> hostile("a/../../b.jpg")
    'The name leads out of the archive (it has a part `..`).'
    >>> hostile("a/b.jpg")
    ''
    """
    if not name:
        return "The file has no name."
    if "\0" in name:
        return "The name holds a NUL character."
    if name.startswith("/") or _DRIVE.match(name):
        return "The name is absolute, so it leads out of the archive."
    if ".." in name.split("/"):
        return "The name leads out of the archive (it has a part `..`)."
    if len(name) > LONGEST_NAME:
        return f"The name is longer than {LONGEST_NAME:,} characters."
    return ""


def passed_over(name: str) -> bool:
    """Tell whether a plain name is hidden or litter of an operating system.

    >>> passed_over("__MACOSX/a.jpg"), passed_over("a/.b.jpg"), passed_over("a/b.jpg")
    (True, True, False)
    """
    return any(map(is_litter, name.split("/")))


def brief(name: str) -> str:
    r"""Write a hostile name so that it can be shown: cut if long, without NUL.

    >>> brief("a\0b")
    'a\\0b'
    """
    name = name.replace("\0", "\\0")
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME // 16] + "…"


def as_ns(seconds: float) -> int:
    """Turn seconds since 1970 into nanoseconds; 0 if that is no sensible time.

    >>> as_ns(1.5), as_ns(float("nan")), as_ns(1e300)
    (1500000000, 0, 0)
    """
    try:
        found = seconds * 10**9 if isinstance(seconds, int) else round(seconds * 1e9)
    except (ValueError, OverflowError):
        return 0
    return found if abs(found) < LATEST_NS else 0

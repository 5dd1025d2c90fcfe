"""Files that the corpus keeps itself: members of archives and downloads, named by content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from mediacorpus.errors import writing

MEDIA = "media"
"""Folder of the corpus that holds them."""
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is kept: its SHA-256, its path relative to the corpus, its size in bytes."""

    sha256: str
    stored: str
    bytes: int


class Keeping:
    """One file on its way into the corpus: write to it, then `keep` or `drop` it.

    Parameters
    ----------
    folder:
        The corpus folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Keeping(folder) as keeping:
    ...     keeping.write(b"content")
    ...     kept = keeping.keep(".jpg")
    >>> kept.bytes, (folder / kept.stored).read_bytes()
    (7, b'content')
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bytes = 0
        self.path = folder / MEDIA / f".{uuid.uuid4().hex}.part"
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def write(self, data: bytes) -> None:
        """Append some bytes; raises `StorageFull` or `CorpusReadOnly`."""
        with writing(self.folder):
            if self._file is None:
                self.path.parent.mkdir(exist_ok=True)
                self._file = self.path.open("wb")
            self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data)

    def keep(self, suffix: str = "") -> Kept:
        """Move the file to its place, where the same content may lie already.

        `suffix`, such as `".jpg"`, is only for people who look into the folder.
        """
        self.write(b"")
        digest = self._hash.hexdigest()
        suffix = suffix.lower() if _SUFFIX.fullmatch(suffix.lower()) else ""
        target = self.folder / MEDIA / digest[:2] / f"{digest}{suffix}"
        assert self._file is not None
        with writing(self.folder):
            self._file.close()
            target.parent.mkdir(exist_ok=True)
            if target.exists() and target.stat().st_size == self.bytes:
                self.path.unlink()
            else:
                os.replace(self.path, target)  # noqa: PTH105 - one step on every system
        self._file = None
        return Kept(digest, target.relative_to(self.folder).as_posix(), self.bytes)

    def drop(self) -> None:
        """Forget what was written, unless it was kept."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        with contextlib.suppress(OSError):
            self.path.unlink()


def sweep(folder: Path) -> int:
    """Remove what an interrupted run left half-written; return how many files."""
    removed = 0
    for path in _left(folder):
        with contextlib.suppress(OSError):
            path.unlink()
            removed += 1
    return removed


def _left(folder: Path) -> Iterator[Path]:
    yield from (folder / MEDIA).glob(".*.part")

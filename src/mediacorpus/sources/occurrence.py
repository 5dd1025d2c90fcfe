"""What a source gives: occurrences of media, before they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that the corpus keeps itself, such as a download or a member of an archive.

    Parameters
    ----------
    stored:
        Its path relative to the corpus folder.
    size, mtime_ns:
        Size and time of change of the original, by which a change of it is seen.
    """

    stored: str
    size: int
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """A row about one region of an image.

    Parameters
    ----------
    key:
        Identifies the row.
    sides:
        x, y, width, height in pixels of the upright image, or in fractions of it.
    fractions:
        Which of them.
    columns:
        The researcher's own columns.
    label:
        Value of the variable that is labelled by the source, or None.
    """

    key: str
    sides: tuple[float, float, float, float]
    fractions: bool
    columns: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place where a file occurs.

    Parameters
    ----------
    key:
        Identifies the occurrence; the same key is never two records.
    path:
        The file, as people know it: on disk, in an archive, or a web address.
    columns:
        The researcher's own columns.
    label:
        Value of the variable that is labelled by the source, or None.
    part:
        `"train"`, `"val"` or `"test"` where the source says so, else None.
    sure:
        Whether the source means this to be media; if not, a file that proves to be
        something else is skipped without a word.
    copy:
        The corpus's own copy, where `path` is no file on this machine.
    boxes:
        Rows about regions of it.
    """

    key: str
    path: Path | str
    columns: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    part: str | None = None
    sure: bool = True
    copy: Copy | None = None
    boxes: tuple[Box, ...] = ()

"""Folders and single files as sources; class folders as labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mediacorpus.records import Failure
from mediacorpus.sources.occurrence import Occurrence
from mediacorpus.sources.walk import (
    first_bytes,
    looks_like_media,
    passed_over,
    surely_media,
    walk,
)
from mediacorpus.store.holdings import path_text

PART_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def occurrences(
    root: Path,
    *,
    files: Sequence[Path] | None = None,
    variable: str | None = None,
    without: Path | None = None,
    skipped: Counter[str],
    min_bytes: int = 0,
) -> Iterator[Occurrence | Failure]:
    """Give the media files below a folder, or the one file that `root` is.

    Parameters
    ----------
    root:
        Absolute path of a folder or file.
    files:
        Some files below `root` that alone are meant; None for all.
    variable:
        If given, the first folder below `root` is the value of that variable. A tree
        `train/…`, `val/…`, `test/…` says besides which part each image is in.
    without:
        A folder to leave out.
    skipped:
        Counts, by suffix, the files that are no media.
    min_bytes:
        Smaller files are left out.

    Yields
    ------
    Occurrence or Failure
    """
    whole = walk(root, without=without) if root.is_dir() else iter([root])
    for found in whole if files is None else files:
        if isinstance(found, Failure):
            yield found
            continue
        head = first_bytes(found)
        if not looks_like_media(found.suffix, head):
            skipped[path_text(Path(found.suffix.lower())) if found.suffix else "no suffix"] += 1
            yield passed_over(path_text(found), head)
            continue
        if min_bytes and found.stat().st_size < min_bytes:
            skipped[f"under {min_bytes:,} bytes"] += 1
            continue
        label, part = class_and_part(found, root) if variable else (None, None)
        yield Occurrence(
            key=f"file:{path_text(found)}",
            path=found,
            label=label,
            part=part,
            sure=surely_media(found.suffix, head),
        )


def class_and_part(path: Path, root: Path) -> tuple[str | None, str | None]:
    """Read class and part from the folders between `root` and the file.

    >>> class_and_part(Path("/p/val/ants/1.jpg"), Path("/p"))
    ('ants', 'val')
    """
    folders = list(path.relative_to(root).parts[:-1])
    part = PART_NAMES.get(folders[0].lower()) if len(folders) > 1 else None
    if part:
        folders = folders[1:]
    return (path_text(Path(folders[0])) if folders else None), part

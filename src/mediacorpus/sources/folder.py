"""Folders and single files as sources; class folders as labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mediacorpus.records import Failure
from mediacorpus.sources.layout import Layout, layout_of
from mediacorpus.sources.occurrence import Occurrence
from mediacorpus.sources.walk import (
    MEDIA_SUFFIXES,
    first_bytes,
    looks_like_media,
    passed_over,
    surely_media,
    too_small,
    walk,
)
from mediacorpus.store.holdings import path_text


def occurrences(
    root: Path,
    *,
    files: Sequence[Path] | None = None,
    layout: Layout | None = None,
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
    layout:
        What the folders mean, where they are labels.
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
        if min_bytes and (size := found.stat().st_size) < min_bytes:
            skipped[f"under {min_bytes:,} bytes"] += 1
            yield too_small(path_text(found), size, least=min_bytes)
            continue
        label, part = layout.read(_folders(found, root), found.name) if layout else (None, None)
        yield Occurrence(
            key=f"file:{path_text(found)}",
            path=found,
            label=label,
            part=part,
            sure=surely_media(found.suffix, head),
        )


def layout(
    root: Path, *, files: Sequence[Path] | None, without: Path | None, label_from: str | None
) -> Layout:
    """Understand what the folders below `root` mean; see `mediacorpus.sources.layout`."""
    whole = walk(root, without=without) if root.is_dir() else iter([root])
    found = whole if files is None else iter(files)
    return layout_of(
        (
            _folders(path, root)
            for path in found
            if isinstance(path, Path) and (not path.suffix or path.suffix.lower() in MEDIA_SUFFIXES)
        ),
        label_from=label_from,
    )


def _folders(path: Path, root: Path) -> tuple[str, ...]:
    return tuple(path_text(Path(name)) for name in path.relative_to(root).parts[:-1])

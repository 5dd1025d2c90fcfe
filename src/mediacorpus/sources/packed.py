"""Archives as sources: members are copied into the corpus, named by their content."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from mediacorpus.errors import MediaError
from mediacorpus.records import Failure
from mediacorpus.sources.archive import Member
from mediacorpus.sources.layout import Layout, layout_of
from mediacorpus.sources.occurrence import Copy, Occurrence
from mediacorpus.sources.walk import (
    HEAD,
    MEDIA_SUFFIXES,
    first_bytes,
    looks_like_media,
    passed_over,
    surely_media,
    too_small,
)
from mediacorpus.store.holdings import Known, path_text
from mediacorpus.store.originals import Keeping

EMPTY = "The file is empty (0 bytes)."
_NUMBER = re.compile(r"#\d+$")


def occurrences(
    archive: Path,
    corpus: Path,
    *,
    found: Iterable[Member | Failure],
    known: Mapping[str, Known],
    layout: Layout | None = None,
    skipped: Counter[str],
    min_bytes: int = 0,
) -> Iterator[Occurrence | Failure]:
    """Copy the media in an archive into the corpus and give an occurrence of each.

    Parameters
    ----------
    archive:
        Absolute path of the archive.
    corpus:
        The corpus folder.
    found:
        What `members` gives of the archive.
    known:
        Records of an earlier pass by their keys; members that have not changed since are not
        copied again.
    layout:
        What the folders mean, where they are labels.
    skipped:
        Counts, by suffix, the members that are no media.
    min_bytes:
        Smaller members are left out.

    Yields
    ------
    Occurrence or Failure
    """
    for member in found:
        if isinstance(member, Failure):
            yield member
            continue
        shown = f"{path_text(archive)}/{member.name}"
        if 0 <= member.size < min_bytes:
            skipped[f"under {min_bytes:,} bytes"] += 1
            yield too_small(shown, member.size, least=min_bytes)
            continue
        key = f"file:{shown}"
        suffix = _suffix(member.name)
        if member.size == 0 and looks_like_media(suffix, b""):
            yield Failure(shown, shown, "add", EMPTY)
            continue
        try:
            copy = _copied(member, known.get(key), corpus) if member.size else b""
        except MediaError as error:
            yield Failure(shown, shown, "add", str(error))
            continue
        if isinstance(copy, bytes):
            skipped[suffix or "no suffix"] += 1
            yield passed_over(shown, copy)
            continue
        label, part = _read(layout, member.name) if layout else (None, None)
        sure = surely_media(suffix, first_bytes(corpus / copy.stored))
        yield Occurrence(key, shown, label=label, part=part, sure=sure, copy=copy)


def _copied(member: Member, known: Known | None, corpus: Path) -> Copy | bytes:
    """Keep a member's content, unless that is done already; its beginning if it is no media."""
    if (
        known is not None
        and known.stored is not None
        and (known.size, known.mtime_ns) == (member.size, _stamp(member))
        and (corpus / known.stored).exists()
    ):
        return Copy(known.stored, member.size, _stamp(member))
    suffix = _suffix(member.name)
    with Keeping(corpus) as keeping:
        for number, chunk in enumerate(member.chunks()):
            if number == 0 and not looks_like_media(suffix, chunk):
                return chunk[:HEAD]
            keeping.write(chunk)
        if not keeping.bytes and not looks_like_media(suffix, b""):
            return b""
        kept = keeping.keep(suffix)
    return Copy(kept.stored, kept.bytes, _stamp(member))


def _stamp(member: Member) -> int:
    """Give the time of change moved by the check sum: many archives bear one date throughout."""
    return member.mtime_ns + zlib.crc32(member.check.encode()) if member.check else member.mtime_ns


def _suffix(name: str) -> str:
    """Give a member's suffix; a second member of one name ends in `#2`.

    >>> _suffix("a/photo.JPG#2")
    '.jpg'
    """
    return PurePosixPath(_NUMBER.sub("", name)).suffix.lower()


def _read(layout: Layout, name: str) -> tuple[str | None, str | None]:
    return layout.read(_folders(name), PurePosixPath(_NUMBER.sub("", name)).name)


def layout(found: Iterable[Member | Failure], *, label_from: str | None) -> Layout:
    """Understand what the folders in an archive mean; see `mediacorpus.sources.layout`."""
    names = (member.name for member in found if isinstance(member, Member))
    return layout_of(
        (_folders(name) for name in names if not _suffix(name) or _suffix(name) in MEDIA_SUFFIXES),
        label_from=label_from,
    )


def _folders(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts[:-1]

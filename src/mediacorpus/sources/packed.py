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
from mediacorpus.sources.folder import class_and_part
from mediacorpus.sources.occurrence import Copy, Occurrence
from mediacorpus.sources.walk import (
    HEAD,
    first_bytes,
    looks_like_media,
    passed_over,
    surely_media,
)
from mediacorpus.store.holdings import Known, path_text
from mediacorpus.store.originals import Keeping

_NUMBER = re.compile(r"#\d+$")


def occurrences(
    archive: Path,
    corpus: Path,
    *,
    found: Iterable[Member | Failure],
    known: Mapping[str, Known],
    variable: str | None = None,
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
    variable:
        If given, the first folder in the archive is the value of that variable.
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
        if 0 <= member.size < min_bytes:
            skipped[f"under {min_bytes:,} bytes"] += 1
            continue
        shown = f"{path_text(archive)}/{member.name}"
        key = f"file:{shown}"
        suffix = _suffix(member.name)
        try:
            copy = _copied(member, known.get(key), corpus)
        except MediaError as error:
            yield Failure(shown, shown, "add", str(error))
            continue
        if isinstance(copy, bytes):
            skipped[suffix or "no suffix"] += 1
            yield passed_over(shown, copy)
            continue
        label, part = _label(member.name, archive) if variable else (None, None)
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


def _label(name: str, archive: Path) -> tuple[str | None, str | None]:
    """Read class and part from the folders of a member.

    An archive often holds one folder of its own name, which is no class.
    """
    path = Path(name)
    stem = archive.name.partition(".")[0]
    if len(path.parts) > 2 and path.parts[0] == stem:  # noqa: PLR2004 - folder, class, file
        path = Path(*path.parts[1:])
    return class_and_part(path, Path())

"""What is seen of files when they are added: size and time, content, header."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mediacorpus.catalogue import holdings
from mediacorpus.catalogue.holdings import path_text
from mediacorpus.catalogue.store import Store
from mediacorpus.engine.decoding import Decoders
from mediacorpus.records import Failure, FileFacts
from mediacorpus.sources.occurrence import Occurrence


@dataclass(frozen=True, slots=True)
class Content:
    """What reading a file gave."""

    sha256: str
    facts: FileFacts


@dataclass(frozen=True, slots=True)
class Status:
    """Size and time of change, by which a changed file is known."""

    size: int
    mtime_ns: int


def look(occurrence: Occurrence) -> Status | Failure:
    """Look at a file without opening it; tell what is wrong."""
    if occurrence.copy is not None:
        return Status(occurrence.copy.size, occurrence.copy.mtime_ns)
    text = path_text(occurrence.path)
    try:
        status = Path(occurrence.path).stat()
    except FileNotFoundError:
        return Failure(text, text, "add", "The file is not there.")
    except (OSError, ValueError) as error:
        return Failure(text, text, "add", f"The file cannot be looked at ({error}).")
    if not stat.S_ISREG(status.st_mode):
        return Failure(text, text, "add", "This is no regular file.")
    return Status(status.st_size, status.st_mtime_ns)


def same(old: holdings.Known, occurrence: Occurrence, status: Status) -> bool:
    """Tell whether a file and its columns are as a record says."""
    columns = json.dumps(dict(occurrence.columns), ensure_ascii=False, default=str)
    stored = None if occurrence.copy is None else occurrence.copy.stored
    now = (status.size, status.mtime_ns, columns, stored)
    return (old.size, old.mtime_ns, old.columns, old.stored) == now


def known_files(store: Store, fresh: Sequence[tuple[Occurrence, Status]]) -> dict[Path, Content]:
    """Find files that another record has read already and that have not changed since."""
    wanted = {path_text(o.path): (o.path, status) for o, status in fresh if o.copy is None}
    same: dict[Path, tuple[str, str]] = {}
    for text, (path, status) in wanted.items():
        # One query for each path: a table may name it in a million rows.
        found = store.rows(
            "SELECT items.item, sha256 FROM records JOIN items USING (item) WHERE path = ? "
            "AND stored IS NULL AND records.parent IS NULL AND size = ? AND mtime_ns = ? "
            "ORDER BY record LIMIT 1",
            (text, status.size, status.mtime_ns),
        )
        if found:
            same[Path(path)] = found[0]
    facts = holdings.facts_of(store, [item for item, _ in same.values()])
    return {path: Content(sha256, facts[item]) for path, (item, sha256) in same.items()}


def read_file(path: Path, *, decoders: Decoders) -> Content:
    """Hash and probe a file; raises `MediaError`."""
    return Content(*decoders.inspect(path))

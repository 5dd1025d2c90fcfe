"""Add a source: read what is new, set down what is broken, leave the rest alone."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mediacorpus.catalogue import holdings
from mediacorpus.catalogue.holdings import NewRecord, path_text
from mediacorpus.catalogue.runs import running
from mediacorpus.catalogue.store import Store, chunks, placeholders
from mediacorpus.engine.pool import Crew, Interrupt, gentle_interrupt
from mediacorpus.engine.progress import progress
from mediacorpus.errors import MediacorpusError, MediaError, SourceError
from mediacorpus.media.decode import probe, read
from mediacorpus.records import Failure, FileFacts
from mediacorpus.settings import settings
from mediacorpus.sources import folder, manifest
from mediacorpus.sources.labelling import Labelling
from mediacorpus.sources.occurrence import Occurrence
from mediacorpus.sources.walk import PICTURE_SUFFIXES

CHUNK = 500
SMALL = 5000


@dataclass(slots=True)
class Added:
    """What adding a source did.

    Parameters
    ----------
    items, records:
        New distinct pictures, and new occurrences of pictures.
    changed:
        Records whose file or columns had changed.
    unchanged:
        Records that were there already.
    failed:
        Files that could not be added; `failures` lists them.
    skipped:
        Files that are no pictures, by suffix.
    labels:
        New labels.
    notes:
        Sentences for the user.
    """

    items: int = 0
    records: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    labels: int = 0
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        text = f"Added {self.records:,} records of {self.items:,} new items"
        extra = [
            f"{count:,} {name}"
            for name, count in (("changed", self.changed), ("unchanged", self.unchanged))
            if count
        ]
        text += f" ({', '.join(extra)})." if extra else "."
        if self.labels:
            text += f" {self.labels:,} labels."
        if self.skipped:
            kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(self.skipped.items()))
            text += f" Passed over {sum(self.skipped.values()):,} files ({kinds})."
        if self.failed:
            text += f" {self.failed:,} could not be added: see `mediacorpus failures`."
        return " ".join([text, *self.notes])


@dataclass(frozen=True, slots=True)
class _Read:
    """What reading a file gave."""

    sha256: str
    facts: FileFacts


def add(
    store: Store,
    source: str | os.PathLike[str],
    *,
    variable: str | None = None,
    path_column: str | None = None,
    id_column: str | None = None,
    min_bytes: int = 0,
    show: bool | None = None,
) -> Added:
    """Add a folder, a picture or a table of paths to the corpus.

    Adding the same source again reads only what is new or has changed.

    Parameters
    ----------
    store:
        The catalogue.
    source:
        Folder, picture file, or CSV / TSV / Parquet / JSON-lines table of paths.
    variable:
        For folders: class folders become labels of this variable. For tables: the column of
        this name becomes labels.
    path_column, id_column:
        For tables: the column of paths, and the one that tells rows apart.
    min_bytes:
        Leave out smaller files.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    SourceError
        There is nothing there that can be added.
    KeyboardInterrupt
        The user asked to stop; what was finished is kept.
    """
    path = Path(os.path.normpath(Path(source).expanduser().absolute()))
    kind = _kind(path)
    skipped: Counter[str] = Counter()
    found: Iterator[Occurrence | Failure]
    if kind == "table":
        found = manifest.occurrences(
            path, path_column=path_column, id_column=id_column, variable=variable
        )
    else:
        found = folder.occurrences(
            path, variable=variable, without=store.folder, skipped=skipped, min_bytes=min_bytes
        )
    parameters = {
        "source": path_text(path),
        "variable": variable,
        "path_column": path_column,
        "id_column": id_column,
        "min_bytes": min_bytes,
    }
    with running(store, "add", parameters=parameters) as run:
        source_id = holdings.add_source(store, kind, location=path, run=run.id)
        limits = settings()
        with (
            gentle_interrupt() as interrupt,
            Crew(limits.workers, timeout=limits.timeout) as crew,
            progress(f"adding {path.name}", unit="files", show=show) as report,
        ):
            labelling = (
                Labelling(store, variable, coder=kind, place=path_text(path), run=run.id)
                if variable
                else None
            )
            adding = _Adding(store, crew, run=run.id, source=source_id, labelling=labelling)
            for chunk in chunks(found, min(CHUNK, limits.part_size)):
                before = adding.added.failed
                adding.chunk(chunk, interrupt)
                report(len(chunk), failed=adding.added.failed - before)
                run.done, run.failed = adding.added.records, adding.added.failed
                if interrupt:
                    break
        adding.finish(skipped, path_text(path))
        run.done, run.failed = adding.added.records, adding.added.failed
        _complain_if_empty(adding.added, path, kind)
    return adding.added


class _Adding:
    """The state of one `add`: what it has done so far."""

    def __init__(
        self,
        store: Store,
        crew: Crew,
        *,
        run: int,
        source: int,
        labelling: Labelling | None,
    ) -> None:
        self.store = store
        self.crew = crew
        self.run = run
        self.source = source
        self.labelling = labelling
        self.added = Added()

    def chunk(self, found: Sequence[Occurrence | Failure], interrupt: Interrupt) -> None:
        """Read what is new of some occurrences and write it in one transaction."""
        failures = [f for f in found if isinstance(f, Failure)]
        wanted = [o for o in found if isinstance(o, Occurrence)]
        known = holdings.known_records(self.store, [o.key for o in wanted])
        items: dict[str, str] = {}
        fresh: list[tuple[Occurrence, os.stat_result]] = []
        for occurrence in wanted:
            status = _status(occurrence)
            if isinstance(status, Failure):
                failures.append(status)
                continue
            old = known.get(occurrence.key)
            if old is not None and _same(old, occurrence, status):
                items[occurrence.key] = old.item
                self.added.unchanged += 1
            else:
                fresh.append((occurrence, status))
        records, broken = self._read(fresh, interrupt)
        failures += broken
        with self.store.transaction():
            counts = holdings.write_records(self.store, records, source=self.source, run=self.run)
            holdings.write_failures(self.store, failures, self.run)
            holdings.forget_failures(self.store, "add", [path_text(r.path) for r in records])
            items.update({r.key: holdings.item_id(r.sha256) for r in records})
            if self.labelling is not None:
                self.added.labels += self.labelling.learn(wanted, items)
        self.added.items += counts["items"]
        self.added.records += counts["records"]
        self.added.changed += counts["changed"]
        self.added.failed += len(failures)

    def _read(
        self, fresh: Sequence[tuple[Occurrence, os.stat_result]], interrupt: Interrupt
    ) -> tuple[list[NewRecord], list[Failure]]:
        """Hash and probe files, each path once, unless the catalogue knows it already."""
        ready = _known_files(self.store, fresh)
        by_path: dict[Path, list[tuple[Occurrence, os.stat_result]]] = {}
        for occurrence, status in fresh:
            by_path.setdefault(occurrence.path, []).append((occurrence, status))
        todo = [path for path in by_path if path not in ready]
        failures = []
        for outcome in self.crew.outcomes(_read_file, todo, interrupt=interrupt):
            if outcome.value is not None:
                ready[outcome.task] = outcome.value
                continue
            first = by_path[outcome.task][0][0]
            if first.sure or not isinstance(outcome.error, MediaError):
                text = path_text(outcome.task)
                failures.append(Failure(text, text, "add", _reason(outcome.error)))
        records = [
            NewRecord(
                o.key,
                o.path,
                status.st_size,
                status.st_mtime_ns,
                ready[o.path].sha256,
                ready[o.path].facts,
                o.columns,
            )
            for o, status in fresh
            if o.path in ready
        ]
        return records, failures

    def finish(self, skipped: Counter[str], place: str) -> None:
        """Close the pass: what no longer fails, what was passed over, what to tell the user."""
        holdings.forget_older_failures(self.store, place, run=self.run)
        self.added.failed = holdings.count_failures(self.store, self.run)
        self.added.skipped = dict(skipped)
        if self.labelling is not None:
            self.added.notes += self.labelling.finish()


def _kind(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise SourceError(
            f"There is no file or folder {path_text(path)}. Check the name."
        ) from error
    except OSError as error:
        raise SourceError(
            f"{path_text(path)} cannot be looked at ({error.strerror}). Check its name and "
            "permissions."
        ) from error
    if stat.S_ISDIR(mode):
        return "folder"
    if not stat.S_ISREG(mode):
        raise SourceError(
            f"{path_text(path)} is a pipe, socket or device. Name a folder, a picture or a table."
        )
    if path.suffix.lower() in manifest.SUFFIXES:
        return "table"
    if path.suffix.lower() in {".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"}:
        raise SourceError(f"{path.name} is an archive. Unpack it and add the folder.")
    return "file"


def _status(occurrence: Occurrence) -> os.stat_result | Failure:
    text = path_text(occurrence.path)
    try:
        status = occurrence.path.stat()
    except FileNotFoundError:
        return Failure(text, text, "add", "The file is not there.")
    except (OSError, ValueError) as error:
        return Failure(text, text, "add", f"The file cannot be looked at ({error}).")
    if not stat.S_ISREG(status.st_mode):
        return Failure(text, text, "add", "This is no regular file.")
    return status


def _same(old: holdings.Known, occurrence: Occurrence, status: os.stat_result) -> bool:
    columns = json.dumps(dict(occurrence.columns), ensure_ascii=False, default=str)
    return (old.size, old.mtime_ns, old.columns) == (status.st_size, status.st_mtime_ns, columns)


def _known_files(
    store: Store, fresh: Sequence[tuple[Occurrence, os.stat_result]]
) -> dict[Path, _Read]:
    """Find files that another record has read already and that have not changed since."""
    wanted = {path_text(o.path): (o.path, status) for o, status in fresh}
    same: dict[Path, tuple[str, str]] = {}
    for chunk in chunks(wanted):
        for text, size, mtime_ns, item, sha256 in store.rows(
            "SELECT path, size, mtime_ns, items.item, sha256 FROM records JOIN items USING (item) "
            f"WHERE path IN ({placeholders(len(chunk))})",
            chunk,
        ):
            path, status = wanted[text]
            if (size, mtime_ns) == (status.st_size, status.st_mtime_ns):
                same[path] = (item, sha256)
    facts = holdings.facts_of(store, [item for item, _ in same.values()])
    return {path: _Read(sha256, facts[item]) for path, (item, sha256) in same.items()}


def _read_file(path: Path) -> _Read:
    data = read(path)
    facts = probe(data, max_pixels=settings().max_megapixels * 1e6)
    return _Read(hashlib.sha256(data).hexdigest(), facts)


def _reason(error: BaseException | None) -> str:
    if isinstance(error, MediacorpusError):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"Given up: {error}. The file may be damaged, or the disk too slow."
    return f"{type(error).__name__}: {error}"


def _complain_if_empty(added: Added, path: Path, kind: str) -> None:
    if added.records or added.unchanged or added.changed or added.failed:
        return
    if kind == "folder" and not added.skipped:
        raise SourceError(f"{path_text(path)} holds no files. Check that it is the right folder.")
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(added.skipped.items()))
    raise SourceError(
        f"There are no pictures in {path_text(path)}; found only {kinds or 'other files'}. "
        f"Known suffixes: {' '.join(sorted(PICTURE_SUFFIXES))}."
    )

"""The verb `add`: from a source of any kind to items and records."""

from __future__ import annotations

import glob
import itertools
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus.engine.decoding import Decoders
from mediacorpus.engine.pool import Crew, Interrupt, gentle_interrupt
from mediacorpus.engine.progress import progress
from mediacorpus.errors import ParameterError, SourceError
from mediacorpus.records import Failure
from mediacorpus.settings import settings
from mediacorpus.sources import folder, links, manifest, packed
from mediacorpus.sources.adding import Added, Adding
from mediacorpus.sources.archive import Member, is_archive, members
from mediacorpus.sources.array_sets import is_array_set
from mediacorpus.sources.labelling import Labelling
from mediacorpus.sources.layout import Layout, name_pattern
from mediacorpus.sources.occurrence import Occurrence
from mediacorpus.sources.options import AddOptions
from mediacorpus.store import holdings, originals
from mediacorpus.store.holdings import Known, path_text
from mediacorpus.store.read import SUFFIXES
from mediacorpus.store.runs import Run, running
from mediacorpus.store.store import Store, chunks

if TYPE_CHECKING:
    from mediacorpus.sources.download import Fetched

    Found = Occurrence | Failure | Fetched

CHUNK = 500
LINKED = 50
"""Occurrences that are written at once; fewer where each of them is a download."""
SMALL = 5000
PATTERN = "*?["
TABLES = SUFFIXES - {".txt"}
"""Endings of tables; text files are often none."""
UNREADABLE = {".7z", ".rar"}
CODERS = {"folder": "folder", "archive": "folder", "file": "file", "table": "table"}
PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class _Source:
    """One thing to be added: what it is, where, and for a list of files which."""

    kind: str
    path: Path
    files: tuple[Path, ...] | None = None


def add(
    store: Store,
    source: PathLike | Sequence[PathLike],
    *,
    variable: str | None = None,
    path_column: str | Sequence[str] | None = None,
    id_column: str | None = None,
    min_bytes: int = 0,
    encoding: str | None = None,
    sheet: str | None = None,
    new_records: bool = False,
    label_from: str | None = None,
    options: AddOptions | None = None,
    show: bool | None = None,
) -> Added:
    """Add folders, files, archives or tables of paths and links to the corpus.

    Adding the same source again reads only what is new or has changed.

    Parameters
    ----------
    store:
        The catalogue.
    source:
        Folder; image, drawing, document, video or sound file; zip or tar archive; table (CSV,
        TSV, Parquet, JSON lines, .xlsx, .xls, .ods) of paths or links; a pattern such as
        `"scans/*.pdf"`; or a list of these.
    variable:
        For folders and archives: class folders become labels of this variable. For tables:
        the column of this name becomes labels.
    path_column, id_column:
        For tables: the column of paths or links (or several of them), and the one that tells
        rows apart.
    min_bytes:
        Leave out smaller files.
    encoding, sheet:
        For tables: see `mediacorpus.store.read.read_table`. For archives, the encoding of
        names that are not UTF-8.
    new_records:
        Whether a file of a folder and a row of a table about it are two records; else the row
        describes the file's record.
    label_from:
        Where the label stands in the names of files, such as `"{label}.*"` for `cat.123.jpg`; see
        `mediacorpus.sources.layout.name_pattern`. Needs `variable`.
    options:
        Which frames and pages become items, and how links are fetched.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    SourceError
        There is nothing there that can be added.
    KeyboardInterrupt
        The user asked to stop; what was finished is kept.
    """
    if label_from is not None:
        name_pattern(label_from)
        if variable is None:
            raise ParameterError("Name the variable that the labels in file names are of.")
    total = Added()
    for one in _sources(source):
        total.join(
            _add(
                store,
                one,
                options or AddOptions(),
                asked={
                    "variable": variable,
                    "path_column": path_column,
                    "id_column": id_column,
                    "min_bytes": min_bytes,
                    "encoding": encoding,
                    "sheet": sheet,
                    "new_records": new_records,
                    "label_from": label_from,
                },
                show=show,
            )
        )
    return total


def _add(
    store: Store,
    source: _Source,
    options: AddOptions,
    *,
    asked: dict[str, Any],
    show: bool | None,
) -> Added:
    """Add one source in one run."""
    place, variable = path_text(source.path), asked["variable"]
    table = _table(source, options, asked=asked)
    notes: list[str] = []
    packing = _members(source.path, asked, notes) if source.kind == "archive" else ()
    parameters = {"source": place, **asked, **asdict(options)}
    if source.files is not None:
        parameters["files"] = len(source.files)
    with running(store, "add", parameters=parameters) as run:
        originals.sweep(store.folder)  # only now: what another run writes is not left over
        source_id = holdings.add_source(store, source.kind, location=source.path, run=run.id)
        limits = settings()
        with (
            gentle_interrupt() as interrupt,
            Crew(limits.workers, timeout=limits.timeout) as crew,
            Decoders(timeout=limits.timeout) as decoders,
            progress(f"adding {source.path.name}", unit="files", show=show) as report,
        ):
            adding = Adding(
                store,
                crew,
                decoders,
                run=run.id,
                source=source_id,
                labelling=_labelling(store, variable, source, run=run.id),
                rules=options.rules,
                report=report,
                describing=None if asked["new_records"] else table is not None,
            )
            layout = _layout(store, source, asked=asked) if variable else None
            adding.added.notes += [layout.note] if layout and layout.note else []
            skipped: Counter[str] = Counter()
            found = _found(
                store,
                source,
                options,
                table=table,
                packing=packing,
                layout=layout,
                asked=asked,
                skipped=skipped,
                interrupt=interrupt,
            )
            size = min(LINKED if table and table.links else CHUNK, limits.part_size)
            _in_chunks(adding, chunks(found, size), run, interrupt=interrupt)
        whole = source.files is None and not interrupt
        adding.added.notes += notes if table is None else table.notes
        adding.finish(skipped, place if whole else None)
        run.done, run.failed = adding.added.records, adding.added.failed
        _complain_if_empty(adding.added, source.path, source.kind)
    return adding.added


def _labelling(
    store: Store, variable: str | None, source: _Source, *, run: int
) -> Labelling | None:
    if variable is None:
        return None
    coder, place = CODERS[source.kind], path_text(source.path)
    return Labelling(store, variable, coder=coder, place=place, run=run)


def _layout(store: Store, source: _Source, *, asked: dict[str, Any]) -> Layout | None:
    """Understand what the folders of a source mean."""
    if source.kind == "archive":
        return packed.layout(
            members(source.path, encoding=asked["encoding"]), label_from=asked["label_from"]
        )
    if source.kind == "table":
        return None
    return folder.layout(
        source.path,
        files=source.files,
        without=store.folder,
        label_from=asked["label_from"],
    )


def _in_chunks(
    adding: Adding, parts: Iterable[list[Found]], run: Run, *, interrupt: Interrupt
) -> None:
    """Add what was found chunk by chunk, until the user asks to stop."""
    for chunk in parts:
        before = adding.added.failed
        adding.chunk(chunk, interrupt)
        adding.report(len(chunk), failed=adding.added.failed - before)
        run.done, run.failed = adding.added.records, adding.added.failed
        if interrupt:
            break


def _table(
    source: _Source, options: AddOptions, *, asked: dict[str, Any]
) -> manifest.Manifest | None:
    if source.kind != "table":
        if options.boxes is not None:
            raise SourceError(
                f"Boxes are columns of a table; {source.path.name} is none. Add a table of paths."
            )
        return None
    return manifest.Manifest(
        source.path,
        path_column=asked["path_column"],
        id_column=asked["id_column"],
        variable=asked["variable"],
        boxes=options.box_columns,
        fractions=options.box_unit == "fractions",
        encoding=asked["encoding"],
        sheet=asked["sheet"],
    )


def _found(
    store: Store,
    source: _Source,
    options: AddOptions,
    *,
    table: manifest.Manifest | None,
    packing: Iterable[Member | Failure],
    layout: Layout | None,
    asked: dict[str, Any],
    skipped: Counter[str],
    interrupt: Interrupt,
) -> Iterator[Found]:
    """Give what a source holds."""
    min_bytes = asked["min_bytes"]
    if table is not None:
        yield from links.resolve(
            table.found(),
            table,
            store,
            manner=options.manner,
            refresh=options.refresh,
            interrupt=interrupt,
        )
    elif source.kind == "archive":
        yield from packed.occurrences(
            source.path,
            store.folder,
            found=packing,
            known=_known_members(store, source.path),
            layout=layout,
            skipped=skipped,
            min_bytes=min_bytes,
        )
    else:
        yield from folder.occurrences(
            source.path,
            files=source.files,
            layout=layout,
            without=store.folder,
            skipped=skipped,
            min_bytes=min_bytes,
        )


def _members(path: Path, asked: dict[str, Any], notes: list[str]) -> Iterator[Member | Failure]:
    """Open an archive, so that one that is none is refused before a run begins."""
    found = members(path, encoding=asked["encoding"], notes=notes)
    first = list(itertools.islice(found, 1))
    return itertools.chain(first, found)


def _known_members(store: Store, archive: Path) -> dict[str, Known]:
    start = f"file:{path_text(archive)}/"
    return {
        key: Known(*rest)
        for key, *rest in store.rows(
            "SELECT key, item, path, size, mtime_ns, columns, stored FROM records "
            "WHERE key >= ? AND key < ? AND stored IS NOT NULL",
            (start, start[:-1] + "0"),
        )
    }


def _sources(source: PathLike | Sequence[PathLike]) -> list[_Source]:
    """Tell what is to be added: single files together, all else one by one."""
    several = not isinstance(source, (str, os.PathLike))
    given: Iterable[PathLike] = source if several else [source]  # type: ignore[list-item, assignment]
    paths = [path for one in given for path in _matching(one)]
    if not paths:
        raise SourceError("Nothing was named to be added. Name a folder, a file or a table.")
    found = [_Source(_kind(path), path) for path in dict.fromkeys(paths)]
    files = [one.path for one in found if one.kind == "file"]
    if len(files) < 2:  # noqa: PLR2004 - one file is a source of its own
        return found
    together = _Source("folder", Path(os.path.commonpath([f.parent for f in files])), tuple(files))
    return [*(one for one in found if one.kind != "file"), together]


def _matching(source: PathLike) -> list[Path]:
    """Give the absolute path, or the paths that match a pattern."""
    path = Path(os.path.normpath(Path(source).expanduser().absolute()))
    if not any(mark in str(source) for mark in PATTERN) or os.path.lexists(path):
        return [path]
    found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - keeps the pattern whole
    if not found:
        raise SourceError(f"No file matches the pattern {os.fspath(source)!r}. Check its folder.")
    return [Path(one) for one in found]


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
        return "archive" if is_array_set(path) else "folder"
    if not stat.S_ISREG(mode):
        raise SourceError(
            f"{path_text(path)} is a pipe, socket or device. Name a folder, a file or a table."
        )
    if path.suffix.lower() in TABLES:
        return "table"
    archived = path.suffix.lower() in UNREADABLE or is_archive(path) or is_array_set(path)
    return "archive" if archived else "file"


def _complain_if_empty(added: Added, path: Path, kind: str) -> None:
    if added.records or added.unchanged or added.changed or added.described or added.failed:
        return
    if kind in {"folder", "archive"} and not added.skipped:
        raise SourceError(f"{path_text(path)} holds no files. Check that it is the right {kind}.")
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(added.skipped.items()))
    raise SourceError(
        f"There are no images or other media in {path_text(path)}; found only "
        f"{kinds or 'other files'}. "
        "Images, SVG drawings, PDF documents, video and sound files can be added, and "
        "archives and tables by their name."
    )

"""The verb `measures import`: values that another program computed become a measure."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mediacorpus.engine import local
from mediacorpus.engine.contract import MEASURES, Batch, Measure
from mediacorpus.engine.part import Prepared
from mediacorpus.errors import SourceError
from mediacorpus.files import sha256_file
from mediacorpus.measures.outside_table import OutsideTable, TableColumns
from mediacorpus.measures.verb import options
from mediacorpus.records import Info, Kind
from mediacorpus.result import Result, counted
from mediacorpus.store import people, progress
from mediacorpus.store.finding import Finder
from mediacorpus.store.parts import check_name
from mediacorpus.store.read import read_table
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

_SHOWN = 3


@dataclass(slots=True, repr=False)
class ImportedMeasure(Result):
    """What an import of outside values did, or with `dry_run` would do.

    Parameters
    ----------
    name, shape:
        The measure and the shape of its rows.
    file, sha256:
        The table, and the hash of its content.
    columns:
        What is read from which column of the table.
    items:
        Items that the table says something of.
    new:
        Those of them that had no values from this table before.
    said:
        Tags, boxes, spans of text or cells that were taken in.
    absent:
        Items of the corpus, frames and regions aside, that the table does not name: not measured.
    unknown:
        Rows whose item, file or record the corpus does not hold, as written.
    scale:
        What the scores of the table were divided by.
    before:
        Hash of the table that was in force until now; None where there was none, or this one.
    notes:
        What was guessed or changed, a sentence each.
    dry_run:
        Whether nothing was written.
    """

    name: str
    shape: str
    file: str
    sha256: str
    columns: dict[str, Any]
    items: int = 0
    new: int = 0
    said: int = 0
    absent: int = 0
    unknown: list[str] = field(default_factory=list)
    scale: float = 1.0
    before: str | None = None
    notes: list[str] = field(default_factory=list)
    dry_run: bool = False

    def __str__(self) -> str:
        nouns = {"tag": "tag", "region": "box", "text": "text", "scalar": "value"}
        noun = nouns[self.shape]
        of = counted(self.said, noun, f"{noun}es" if noun == "box" else "")
        text = (
            f"{'Would import' if self.dry_run else 'Imported'} {self.name} from {self.file} "
            f"(SHA-256 {self.sha256[:12]}): {of} of {counted(self.items, 'item')}."
        )
        if not self.new:
            text = f"{self.name} holds all that {self.file} says already; nothing was added."
        parts = [text]
        if self.before == self.sha256:
            parts.append("It takes the place of what was read from the same table before.")
        elif self.before is not None:
            parts.append(f"It takes the place of the table {self.before[:12]}, which is kept.")
        if self.unknown:
            shown = ", ".join(self.unknown[:_SHOWN]) + (" …" if len(self.unknown) > _SHOWN else "")
            verb = "names" if len(self.unknown) == 1 else "name"
            parts.append(
                f"{counted(len(self.unknown), 'row')} {verb} nothing that the corpus holds: "
                f"{shown}."
            )
        if self.absent:
            are = "is" if self.absent == 1 else "are"
            parts.append(
                f"{counted(self.absent, 'item')} of the corpus {are} not in the table and "
                f"{'counts' if self.absent == 1 else 'count'} as not measured."
            )
        return " ".join([*parts, *self.notes])


@dataclass(frozen=True, slots=True)
class _Source:
    """A table as it was handed in: its cells as text, and where it is from."""

    cells: dict[str, list[str]]
    base: Path | None
    file: str
    place: str
    sha256: str

    @classmethod
    def read(
        cls,
        source: str | os.PathLike[str] | pd.DataFrame,
        *,
        encoding: str | None,
        sheet: str | None,
        notes: list[str],
    ) -> _Source:
        if isinstance(source, pd.DataFrame):
            frame, base, file, place = source, None, "a data frame", "a data frame"
            digest = hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()
        else:
            path = Path(source)
            frame = read_table(path, encoding=encoding, sheet=sheet, notes=notes)
            base, file, place = path.resolve().parent, path.name, str(path.absolute())
            digest = sha256_file(path)
        cells = {
            str(column): [people.cell_text(value) for value in frame.iloc[:, at].tolist()]
            for at, column in enumerate(frame.columns)
        }
        return cls(cells, base, file, place, digest)


def import_measure(
    store: Store,
    name: str,
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    columns: TableColumns | None = None,
    dry_run: bool = False,
    encoding: str | None = None,
    sheet: str | None = None,
    show: bool | None = None,
) -> ImportedMeasure:
    """Turn a table of values that another program computed into a measure.

    The measure is known by the content of the table: importing a corrected table under the same
    name puts the new values in force, and the old ones stay known by their hash.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of the measure.
    source:
        A CSV, TSV, Parquet, JSON-lines, `.xlsx` or `.ods` file, or a data frame.
    columns:
        What stands in which column; found where it is not said and plain.
    dry_run:
        Only check the table and say what would be imported.
    encoding, sheet:
        See `mediacorpus.store.read.read_table`.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    ParameterError
        The name is taken, or an option does not fit the shape.
    UnknownName
        The table has no such column.
    SourceError
        The file cannot be read, a score is no number, the scale is not plain, an item has
        several values, or no row names anything that the corpus holds.
    """
    _check_free(store, name)
    notes: list[str] = []
    given = _Source.read(source, encoding=encoding, sheet=sheet, notes=notes)
    file, digest = given.file, given.sha256
    table = OutsideTable(given.cells, columns or TableColumns(), file=file, notes=notes)
    origin: dict[str, Any] = {"file": file, "sha256": digest, "shape": table.shape.value}
    origin |= {"columns": table.columns, "scale": table.scale}
    origin |= {k: v for k, v in (("encoding", encoding), ("sheet", sheet)) if v is not None}
    by_item, lost = _matched(store, table, base=given.base)
    found = ImportedMeasure(name, table.shape.value, file, digest, dict(table.columns))
    found.items, found.said = len(by_item), table.count(by_item)
    found.unknown, found.scale, found.dry_run = lost, table.scale, dry_run
    found.absent = _absent(store, by_item)
    info = Info(
        name=name,
        version=digest[:12],
        summary=f"Values of {file}, imported.",
        licence="",
        shape=table.shape,
        outputs=table.outputs,
        pixels=False,
        min_side=None,
        kinds=tuple(Kind),
        labels={column: f"Column {column!r} of {file}"[:80] for column in table.outputs},
    )
    before = _in_force(store, name)
    if before is not None and before != origin:
        found.before = str(before["sha256"])
    if dry_run:
        found.new = found.items
    else:
        asked = {"source": given.place, "measure": name} | origin
        with running(store, "measures import", parameters=asked, input_hash=digest) as run:
            setup = progress.setup_id(store, info, {"origin": origin}, run=run.id)
            done = local.run(
                store,
                [Prepared(info, {"origin": origin}, _values(table, by_item), setup)],
                run,
                options=options(run.id, batch_size=256, workers=1),
                only=list(by_item),
                show=show,
            )
            run.failed = len(lost)
        found.new = done.items
    found.notes = notes
    return found


def _check_free(store: Store, name: str) -> None:
    """Refuse a name that a measure of the program, or a model, has."""
    models = {str(entry["model"]) for entry in people.models(store)}
    measured = set(progress.current_setups(store)) - progress.outside(store)
    check_name(name, "measure", {*MEASURES.names(), *models, *measured})


def _in_force(store: Store, name: str) -> dict[str, Any] | None:
    """Give the origin of the values that a measure shows."""
    setup, _ = progress.current_setups(store).get(name, (None, None))
    if setup is None:
        return None
    origin: dict[str, Any] = progress.identity_of(store, setup)["parameters"]["origin"]
    return origin


def _matched(
    store: Store, table: OutsideTable, *, base: Path | None
) -> tuple[dict[str, list[int]], list[str]]:
    """Give item -> its rows, and the rows that name nothing that is there."""
    finder = Finder(store, base, SourceError)
    finder.learn(table.rows)
    found: defaultdict[str, list[int]] = defaultdict(list)
    lost: Counter[str] = Counter()
    for row in table.rows:
        item = finder.item(row)
        if item is None:
            lost[row.subject] += 1
        else:
            found[item].append(row.place)
    if not found:
        first = next(iter(lost), "blank")
        raise SourceError(
            f"No row of {table.file} names an item, file or record of this corpus; the first is "
            f"{first!r}, in the column {table.columns['item']!r}. Name another column with "
            "--item, or add the images first."
        )
    table.check_one(found)
    table.notes += finder.said.notes()
    return dict(found), list(lost.elements())


def _absent(store: Store, by_item: Mapping[str, Any]) -> int:
    rows = store.rows("SELECT item FROM items WHERE found_by IS NULL AND parent IS NULL")
    return sum(item not in by_item for (item,) in rows)


def _values(table: OutsideTable, by_item: Mapping[str, Sequence[int]]) -> Measure:
    """Give the function that says of each item what the table says."""

    def measure(batch: Batch) -> Sequence[Any]:
        return [table.value(by_item[one.item], one.file) for one in batch.items]

    return measure

"""The verb `labels import`: a table of labels into the log."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mediacorpus.coding.labels_table import LabelRow, LabelTable, read_labels
from mediacorpus.errors import LabelError
from mediacorpus.records import Label
from mediacorpus.result import Result
from mediacorpus.store import people
from mediacorpus.store.holdings import path_text
from mediacorpus.store.read import read_table
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store, chunks, placeholders


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Different values that one coder gave of one item and variable in one table."""

    subject: str
    variable: str
    coder: str
    answers: tuple[str, ...]


@dataclass(slots=True, repr=False)
class Imported(Result):
    """What an import of labels did.

    Parameters
    ----------
    labels:
        Labels that were added to the log.
    unchanged:
        Rows that repeat what the log says already.
    blank:
        Rows without a value.
    unknown:
        Rows whose item, file or record the corpus does not hold, as written.
    contradictory:
        What one coder said differently of one item and variable within the table: subject as
        written, variable, coder, and the answers in the order of the table, the last of which
        counts. All of them are in the log.
    """

    labels: int = 0
    unchanged: int = 0
    blank: int = 0
    unknown: list[str] = field(default_factory=list)
    contradictory: list[Contradiction] = field(default_factory=list)

    def __str__(self) -> str:
        text = f"Imported {self.labels:,} labels"
        extra = [
            f"{count:,} {name}"
            for name, count in (("there already", self.unchanged), ("blank", self.blank))
            if count
        ]
        text += f" ({', '.join(extra)})." if extra else "."
        if self.unknown:
            shown = ", ".join(self.unknown[:3]) + (" …" if len(self.unknown) > 3 else "")  # noqa: PLR2004
            text += f" {len(self.unknown):,} rows name nothing that the corpus holds: {shown}."
        return text + _contradicted(self.contradictory)


def _contradicted(found: list[Contradiction]) -> str:
    if not found:
        return ""
    first = found[0]
    who = f"by {first.coder!r}" if first.coder else "without a coder"
    text = (
        f" {len(found):,} {'time' if len(found) == 1 else 'times'} one coder gives different "
        f"values of one item; all are in the log, and the last counts. The first: {first.subject} "
        f"{who}, {first.variable} = {', then '.join(first.answers)}."
    )
    if any(not one.coder for one in found):
        text += (
            " Where these are answers of several people, name the column that says whose they "
            "are `coder` and import the table again."
        )
    return text


def import_labels(
    store: Store, source: str | os.PathLike[str] | pd.DataFrame, *, coder: str | None = None
) -> Imported:
    """Append the labels of a table to the log.

    Parameters
    ----------
    store:
        The catalogue.
    source:
        A CSV, TSV, Parquet or JSON-lines file, or a data frame. Columns: `item`, `file` or
        `record`; `variable`; `value`; and, if there, `coder` and `seconds`. Files are paths, or
        bare names where only one record has that name.
    coder:
        Who coded, where the table does not say.

    Raises
    ------
    LabelError
        A column is missing, or no row names anything that the corpus holds.
    SourceError
        The file cannot be read.
    """
    if isinstance(source, pd.DataFrame):
        frame, base, name = source, None, "the data frame"
    else:
        path = Path(source)
        frame, base, name = read_table(path), path.resolve().parent, str(path)
    table = read_labels(frame, coder=coder or "")
    with running(store, "labels import", parameters={"source": name}, exclusive=False) as run:
        result, labels = _found(store, table, base=base, name=name)
        result.labels = people.append_labels(store, labels, run.id)
        result.unchanged = len(labels) - result.labels
        run.done, run.failed = result.labels, len(result.unknown)
    return result


def _found(
    store: Store, table: LabelTable, *, base: Path | None, name: str
) -> tuple[Imported, list[Label]]:
    """Find the items that the rows of a table mean."""
    result = Imported(blank=table.blank)
    finder = _Finder(store, base)
    finder.learn(table.labels)
    labels = []
    given: dict[tuple[str, str, str], list[str]] = {}
    subjects: dict[str, str] = {}
    for row in table.labels:
        item = finder.item(row)
        if item is None:
            result.unknown.append(row.subject)
            continue
        labels.append(Label(item, row.variable, row.value, row.coder, row.seconds))
        values = given.setdefault((item, row.variable, row.coder), [])
        if not values or values[-1] != row.value:
            values.append(row.value)
        subjects[item] = row.subject
    result.contradictory = [
        Contradiction(subjects[item], variable, who, tuple(values))
        for (item, variable, who), values in given.items()
        if len(values) > 1
    ]
    if result.unknown and not labels:
        raise LabelError(
            f"No row of {name} names an item, file or record of this corpus; the first is "
            f"{result.unknown[0]!r}. Add the images first, or check how the files are written."
        )
    return result, labels


class _Finder:
    """Finds the item that a row of labels means."""

    def __init__(self, store: Store, base: Path | None) -> None:
        self.store = store
        self.base = base
        self.items: dict[tuple[str, str], str] = {}
        self.files: set[str] = set()
        self.names: dict[str, set[str]] | None = None

    def learn(self, rows: Iterable[LabelRow]) -> None:
        """Look up all subjects at once."""
        subjects: dict[str, set[str]] = {"item": set(), "record": set(), "file": set()}
        for row in rows:
            subjects[row.kind].add(row.subject)
        self._look_up("item", "items", column="item", asked={s: s for s in subjects["item"]})
        numbers = {s: s for s in subjects["record"] if s.isdigit()}
        self._look_up("record", "records", column="record", asked=numbers)
        paths = {self._absolute(s): s for s in subjects["file"]}
        self._look_up("file", "records", column="path", asked=paths)
        self.files = {s for s in subjects["file"] if ("file", s) not in self.items}

    def _look_up(self, kind: str, table: str, *, column: str, asked: dict[str, str]) -> None:
        for chunk in chunks(sorted(asked)):
            for found, item in self.store.rows(
                f"SELECT {column}, item FROM {table} "
                f"WHERE {column} IN ({placeholders(len(chunk))})",
                chunk,
            ):
                self.items[kind, asked[str(found)]] = item

    def item(self, row: LabelRow) -> str | None:
        """Return the item of a row, or None; raises `LabelError` where a name is ambiguous."""
        found = self.items.get((row.kind, row.subject))
        if found is not None or row.kind != "file":
            return found
        same = self._by_name().get(Path(row.subject).as_posix().lower(), set())
        if len(same) > 1:
            raise LabelError(
                f"The file name {row.subject!r} stands for {len(same)} different images. "
                "Write the path from the labels file, or use item ids."
            )
        return next(iter(same), None)

    def _absolute(self, text: str) -> str:
        base = self.base or Path.cwd()
        return path_text(Path(os.path.normpath(base.absolute() / text)))

    def _by_name(self) -> dict[str, set[str]]:
        """Index the records by the tails of their paths: `c.jpg`, `b/c.jpg`, `a/b/c.jpg`.

        Only those whose file names are asked for are taken in.
        """
        if self.names is None:
            self.names = {}
            asked = {Path(subject).as_posix().lower().rpartition("/")[2] for subject in self.files}
            for path, item in self.store.each("SELECT path, item FROM records"):
                if path.replace(os.sep, "/").lower().rpartition("/")[2] not in asked:
                    continue
                pieces = Path(path).as_posix().lower().split("/")
                for depth in range(1, min(4, len(pieces)) + 1):
                    self.names.setdefault("/".join(pieces[-depth:]), set()).add(item)
        return self.names

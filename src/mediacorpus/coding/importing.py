"""The verb `labels import`: a table of labels into the log."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from mediacorpus.coding.labels_table import LabelRow, LabelTable, read_labels
from mediacorpus.coding.values import (
    check_allowed,
    check_spelling,
    key,
    listed,
    read_map,
    spellings,
)
from mediacorpus.errors import LabelError
from mediacorpus.records import Label
from mediacorpus.result import Result, counted
from mediacorpus.store import people
from mediacorpus.store.finding import Finder
from mediacorpus.store.read import read_table
from mediacorpus.store.runs import repeating, running
from mediacorpus.store.store import Store

SHOWN = 5
"""Contradictions that are listed in words."""
MOST_VALUES = 10
"""Values of a variable that are listed in words."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Different values that one coder gave of one item and variable in one table."""

    subject: str
    variable: str
    coder: str
    answers: tuple[str, ...]

    def __str__(self) -> str:
        who = f"by {self.coder!r}" if self.coder else "without a coder"
        return f"{self.subject} {who}, {self.variable} = {', then '.join(self.answers)}"


@dataclass(slots=True, repr=False)
class Imported(Result):
    """What an import of labels did, or with `dry_run` would do.

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
    values:
        How often each value of each variable was given.
    notes:
        What was guessed or changed, a sentence each.
    dry_run:
        Whether nothing was written.
    """

    labels: int = 0
    unchanged: int = 0
    blank: int = 0
    unknown: list[str] = field(default_factory=list)
    contradictory: list[Contradiction] = field(default_factory=list)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    dry_run: bool = False

    def __str__(self) -> str:
        text = f"{'Would import' if self.dry_run else 'Imported'} {counted(self.labels, 'label')}"
        extra = [
            f"{count:,} {name}"
            for name, count in (("there already", self.unchanged), ("blank", self.blank))
            if count
        ]
        text += f" ({', '.join(extra)})." if extra else "."
        if self.dry_run:
            text += f" {_listed(self.values)} Nothing was written."
        if self.unknown:
            shown = ", ".join(self.unknown[:3]) + (" …" if len(self.unknown) > 3 else "")  # noqa: PLR2004
            name = "row names" if len(self.unknown) == 1 else "rows name"
            text += f" {len(self.unknown):,} {name} nothing that the corpus holds: {shown}."
        return " ".join([text + _contradicted(self.contradictory), *self.notes])


def _listed(values: Mapping[str, Mapping[str, int]]) -> str:
    """List the values of each variable with their numbers."""
    parts = []
    for variable, counts in values.items():
        most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        shown = ", ".join(f"{value} {count:,}" for value, count in most[:MOST_VALUES])
        more = f", {len(most) - MOST_VALUES:,} more" if len(most) > MOST_VALUES else ""
        parts.append(f"{variable}: {shown}{more}.")
    return " ".join(parts)


def _contradicted(found: Sequence[Contradiction]) -> str:
    if not found:
        return ""
    shown = "; ".join(map(str, found[:SHOWN])) + (" …" if len(found) > SHOWN else "")
    return (
        f" {len(found):,} {'time' if len(found) == 1 else 'times'} one coder gives different "
        f"values of one item; all are in the log, and the last counts: {shown}."
    )


def import_labels(
    store: Store,
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    coder: str | None = None,
    coder_column: str | None = None,
    wide: bool = False,
    variables: Sequence[str] | str | None = None,
    values: Sequence[str] | str | None = None,
    map: str | Mapping[str, str] | None = None,  # noqa: A002 - the word of the option
    dry_run: bool = False,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Imported:
    """Append the labels of a table to the log.

    Parameters
    ----------
    store:
        The catalogue.
    source:
        A CSV, TSV, Parquet, JSON-lines, `.xlsx`, `.xls` or `.ods` file, or a data frame. Columns:
        `item`, `file` or `record`; `variable`; `value`; and, if there, `coder` and `seconds`. Files
        are paths, or bare names where only one record has that name.
    coder:
        Who coded, where the table does not say.
    coder_column:
        The column that says who coded, if it is not named `coder` or the like.
    wide:
        Whether each variable has a column of its own.
    variables:
        These columns, of a wide table; these variables only, of a long one. A list, or names with
        commas between.
    values:
        The allowed values, likewise. Without them, values that look like spellings of one
        another are refused.
    map:
        Values as they are written and as what they count, such as `{"YES": "yes"}` or
        `"YES=yes,yess=yes"`.
    dry_run:
        Only check the table and count what would be imported.
    encoding, sheet:
        See `mediacorpus.store.read.read_table`.

    Raises
    ------
    LabelError
        A column is missing, no row names anything that the corpus holds, values are not allowed
        or look like spellings of one another, or an item has several answers without a coder.
        Nothing is imported then.
    SourceError
        The file cannot be read.
    ParameterError
        The map cannot be read.
    """
    notes: list[str] = []
    if isinstance(source, pd.DataFrame):
        frame, base, name = source, None, "the data frame"
    else:
        path = Path(source)
        frame = read_table(path, encoding=encoding, sheet=sheet, notes=notes)
        base, name = path.resolve().parent, str(path)
    allowed = _names(values)
    table = read_labels(
        frame,
        variables=_names(variables),
        wide=wide,
        coder=coder or "",
        coder_column=coder_column,
        values=allowed,
        mapping=read_map(map),
        several=people.several(store),
    )
    table, more = _spelled(store, table, allowed)
    _check_coders(table)
    if dry_run:
        result, labels = _found(store, table, base=base, name=name)
        result.dry_run = True
        result.labels = people.count_new_labels(store, labels)
    else:
        place = name if base is None else str(Path(name).absolute())
        with running(store, "labels import", parameters={"source": place}, exclusive=False) as run:
            result, labels = _found(store, table, base=base, name=name)
            # An update must not put back what was corrected since.
            repeats = place if repeating() else None
            result.labels = people.append_labels(store, labels, run.id, repeats=repeats)
            run.done, run.failed = result.labels, len(result.unknown)
    result.notes = [*notes, *table.notes, *more, *result.notes]
    result.unchanged = len(labels) - result.labels
    return result


def _names(given: Sequence[str] | str | None) -> list[str] | None:
    if given is None:
        return None
    return listed(given) if isinstance(given, str) else [str(name).strip() for name in given]


def _spelled(
    store: Store, table: LabelTable, allowed: Sequence[str] | None
) -> tuple[LabelTable, list[str]]:
    """Write each value as the log, or the table's first row, has it; refuse slips."""
    notes, labels = [], list(table.labels)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for n, row in enumerate(labels):
        places[row.variable].append(n)
    for variable, own in places.items():
        renamed = people.label_map(store, variable)
        before = people.value_counts(store, variable)
        given = [people.mapped(labels[n].value, renamed) for n in own]
        kept = sum(value != labels[n].value for n, value in zip(own, given, strict=True))
        if kept:
            notes.append(f"{counted(kept, 'value')} of {variable} changed as by `labels map`.")
        first = spellings([*(allowed or ()), *before, *given])
        changed = Counter((v, first[v]) for v in given if first[v] != v)
        for (old, new), count in changed.items():
            notes.append(f"{old!r} counts as {new!r} ({count:,} of {variable}).")
        for n, value in zip(own, given, strict=True):
            labels[n] = replace(labels[n], value=first[value])
        counts = Counter(first[value] for value in given)
        if allowed is not None:
            check_allowed(variable, counts, allowed)
        elif not {key(value) for value in counts} <= {key(value) for value in before}:
            check_spelling(variable, Counter(before) + counts, new=set(counts) - set(before))
    return replace(table, labels=tuple(labels)), notes


def _check_coders(table: LabelTable) -> None:
    """Refuse several answers without a coder of one item, as it is written.

    They may be several people's, of which the last would count. The log as it was exported has
    its own order.
    """
    if {"label", "time", "run"} <= set(table.columns):
        return
    answers: dict[tuple[str, str, str], list[LabelRow]] = {}
    for row in table.labels:
        if not row.coder:
            answers.setdefault((row.kind, row.subject, row.variable), []).append(row)
    twice = [rows for rows in answers.values() if len(rows) > 1]
    if twice:
        first = twice[0]
        given = ", ".join(row.value for row in first)
        columns = ", ".join(table.columns) or "none"
        raise LabelError(
            f"{counted(len(twice), 'item')} {'has' if len(twice) == 1 else 'have'} several answers "
            f"and no coder: the first is {first[0].subject}, {first[0].variable} = {given}. "
            "Nothing was imported. If several people answered, name the column that says who with "
            f"--coder-column (columns that are left: {columns}); if one did, give --coder NAME."
        )


def _found(
    store: Store, table: LabelTable, *, base: Path | None, name: str
) -> tuple[Imported, list[Label]]:
    """Find the items that the rows of a table mean."""
    result = Imported(blank=table.blank)
    finder = Finder(store, base)
    finder.learn(table.labels)
    labels = []
    given: dict[tuple[str, str, str], list[str]] = {}
    subjects: dict[str, str] = {}
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in table.labels:
        item = finder.item(row)
        if item is None:
            result.unknown.append(row.subject)
            continue
        labels.append(Label(item, row.variable, row.value, row.coder, row.seconds))
        counts[row.variable][row.value] += 1
        values = given.setdefault((item, row.variable, row.coder), [])
        if not values or values[-1] != row.value:
            values.append(row.value)
        subjects[item] = row.subject
    result.values = {variable: dict(own) for variable, own in counts.items()}
    result.notes = finder.said.notes()
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

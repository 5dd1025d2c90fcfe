"""Check a table of labels that a user hands in, and turn it into rows."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from mediacorpus.coding.values import key
from mediacorpus.errors import LabelError
from mediacorpus.result import counted
from mediacorpus.store.columns import MISSING
from mediacorpus.store.finding import FILES, KEYS, known_as
from mediacorpus.store.people import NONE, SEVERAL, cell_text, mapped, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CODERS = (
    "coderid",
    "codername",
    "worker",
    "workerid",
    "annotator",
    "annotatorid",
    "annotatorname",
    "rater",
    "raterid",
    "labeler",
    "labeller",
    "labelledby",
    "labeledby",
    "codedby",
)
"""Other names of the column of coders, as `store.finding.FILES` for files."""

_KNOWN = {*KEYS, "variable", "value", "coder", "seconds"}


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label as a user's table gives it.

    Parameters
    ----------
    kind:
        What `subject` is: `"item"`, `"record"` or `"file"`.
    subject:
        The item id, record id or file, as it is written.
    variable, value:
        What was coded, and as what.
    coder:
        Who said so; empty where the table does not tell.
    seconds:
        Time taken, or None.
    row:
        Number of the row in the table, from 1.
    """

    kind: str
    subject: str
    variable: str
    value: str
    coder: str = ""
    seconds: float | None = None
    row: int = 0


@dataclass(frozen=True, slots=True)
class LabelTable:
    """The labels of one table.

    Parameters
    ----------
    labels:
        In the order of the table.
    blank:
        Number of cells without a value, which are skipped.
    columns:
        Names of the columns that were not used.
    notes:
        What was guessed, a sentence each.
    """

    labels: tuple[LabelRow, ...]
    blank: int
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def read_labels(
    frame: pd.DataFrame,
    *,
    variables: Sequence[str] | None = None,
    wide: bool = False,
    coder: str = "",
    coder_column: str | None = None,
    values: Sequence[str] | None = None,
    mapping: Mapping[str, str] | None = None,
    several: Sequence[str] = (),
) -> LabelTable:
    """Read labels from a long or a wide table.

    A long table has the columns `variable` and `value`; in a wide one each variable has a column
    of its own.

    Parameters
    ----------
    frame:
        The table, as `read_table` gives it.
    variables:
        Columns that are variables, for a wide table; of a long one only these variables.
    wide:
        Whether all columns are variables but those that name items, coders and seconds.
    coder:
        Coder of the rows that name none.
    coder_column:
        Column that says who coded; `coder`, or a like name, if not given.
    values:
        Allowed values: a marker of missing values, such as NA, among them is a value.
    mapping:
        Values as they are written, and as what they count.
    several:
        Variables of several values at once, whose blank cells say that an item has none.

    Returns
    -------
    LabelTable
        Labels in the order of the table, values without surrounding blanks.

    Raises
    ------
    LabelError
        Columns are missing, a labelled row names no item, a number of seconds is none, or
        there is no label at all.

    Examples
    --------
    >>> table = pd.DataFrame({"file": ["a.jpg", "b.jpg"], "smile": ["yes", ""]})
    >>> found = read_labels(table, variables=["smile"])
    >>> found.labels[0].subject, found.labels[0].value, found.blank
    ('a.jpg', 'yes', 1)
    """
    notes: list[str] = []
    columns = _columns(frame, coder_column=coder_column, notes=notes)
    cells, used = _cells(columns, variables, wide=wide)
    if not any(name in columns for name in KEYS):
        raise LabelError(
            f"The table of labels needs a column 'item', 'record' or 'file'; {_found(columns)}"
        )
    rows = _Values(cells, allowed=values, mapping=mapping or {}, several=several)
    labels = []
    for place, variable, value in rows.given():
        labels.append(_row(columns, place, variable=variable, value=value, coder=coder))
    if not labels:
        raise LabelError(
            f"The table of labels holds no label: all {rows.blank} values are blank."
            + (f" {rows.notes()[0]}" if rows.missing else "")
        )
    if wide and not variables:
        notes.append(f"Variables: {', '.join(used)}.")
    rest = tuple(name for name in columns if name not in {*_KNOWN, *used})
    return LabelTable(tuple(labels), rows.blank, rest, (*notes, *rows.notes()))


class _Values:
    """The cells of a table that hold a value, and what became of the others."""

    def __init__(
        self,
        cells: Iterator[tuple[int, str, str]],
        *,
        allowed: Sequence[str] | None,
        mapping: Mapping[str, str],
        several: Sequence[str],
    ) -> None:
        self.missing: Counter[str] = Counter()
        self.none: Counter[str] = Counter()
        self.mapped = 0
        self.blank = 0
        self._mapping = mapping
        self._marks = MISSING - {key(value) for value in allowed or ()}
        self._cells = list(cells)
        self._several = {v for _, v, value in self._cells if SEVERAL in value} | set(several)

    def given(self) -> Iterator[tuple[int, str, str]]:
        """Give row, variable and value of each cell that holds a value."""
        for place, variable, cell in self._cells:
            value = mapped(cell, self._mapping)
            self.mapped += value != cell
            if value in self._marks:
                self.missing[value] += 1
                value = ""
            elif not value and not cell and variable in self._several:
                self.none[variable] += 1
                value = NONE
            if value:
                yield place, variable, value
            else:
                self.blank += 1

    def notes(self) -> list[str]:
        """Say which cells count as no answer, and which as none of the values."""
        notes = []
        if self.missing:
            marks = ", ".join(f"{mark} ({count:,})" for mark, count in self.missing.items())
            notes.append(
                f"No answer: {marks}. If that is an answer, name it among the allowed values with "
                "--values."
            )
        for variable, count in self.none.items():
            notes.append(
                f"{counted(count, 'blank cell')} of {variable}, which has several values at once, "
                f"{'says' if count == 1 else 'say'} that an item has none of them (kept as "
                f"{NONE!r}); write NA where nobody has looked."
            )
        if self.mapped:
            notes.append(f"{counted(self.mapped, 'value')} changed by the map.")
        return notes


def _row(
    columns: dict[str, list[str]], place: int, *, variable: str, value: str, coder: str
) -> LabelRow:
    kind = next((name for name in KEYS if name in columns and columns[name][place]), None)
    if kind is None or not variable:
        gap = "variable" if kind else "item"
        raise LabelError(f"Row {place + 1} of the labels has a value but names no {gap}.")
    who = columns["coder"][place] if "coder" in columns else ""
    time = columns["seconds"][place] if "seconds" in columns else ""
    seconds = _seconds(time, place + 1)
    return LabelRow(kind, columns[kind][place], variable, value, who or coder, seconds, place + 1)


def _columns(
    frame: pd.DataFrame, *, coder_column: str | None, notes: list[str]
) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for place, name in enumerate(frame.columns):
        plain = written(str(name))
        known = plain.lower() if plain.lower() in _KNOWN else plain
        if known in columns:
            raise LabelError(f"The table of labels has two columns named {known!r}; rename one.")
        columns[known] = [cell_text(value) for value in frame.iloc[:, place].tolist()]
    if coder_column is not None:
        if coder_column not in columns:
            raise LabelError(
                f"The table of labels has no column {coder_column!r}; {_found(columns)}"
            )
        columns["coder"] = columns.pop(coder_column)
    elif "coder" not in columns:
        _rename(columns, "coder", CODERS, words="Coders are named", notes=notes)
    if not any(name in columns for name in KEYS):
        _rename(columns, "file", FILES, words="Images are named", notes=notes)
    return columns


def _rename(
    columns: dict[str, list[str]],
    known: str,
    names: Sequence[str],
    *,
    words: str,
    notes: list[str],
) -> None:
    """Take a column under its usual name where it has another one that is known."""
    found = known_as(columns, names)
    if found is not None:
        columns[known] = columns.pop(found)
        notes.append(f"{words} by the column {found!r}.")


def _cells(
    columns: dict[str, list[str]], variables: Sequence[str] | None, *, wide: bool
) -> tuple[Iterator[tuple[int, str, str]], list[str]]:
    """Give row, variable and value of each cell, and the columns that they are from."""
    is_long = "variable" in columns and "value" in columns
    if not wide and (is_long or not variables):
        only = None if variables is None else {name.strip().lower() for name in variables}
        return _long(columns, only), []
    if variables:
        return _wide(columns, variables)
    others = [name for name in columns if name not in _KNOWN]
    if not others:
        raise LabelError(f"No column of the table is a variable; {_found(columns)}")
    return _wide(columns, others)


def _long(columns: dict[str, list[str]], only: set[str] | None) -> Iterator[tuple[int, str, str]]:
    missing = [repr(name) for name in ("variable", "value") if name not in columns]
    if missing:
        if not any(name in columns for name in KEYS):
            missing.insert(0, "'item' (or 'record', or 'file')")
        word = "column" if len(missing) == 1 else "columns"
        others = [name for name in columns if name not in _KNOWN]
        advice = (
            f" If each variable has a column of its own, add --wide, or name these columns: "
            f"--variables {','.join(others)}."
            if others
            else ""
        )
        raise LabelError(
            f"The table of labels lacks the {word} {' and '.join(missing)}; "
            f"{_found(columns)}{advice}"
        )
    pairs = zip(columns["variable"], columns["value"], strict=True)
    return (
        (place, variable, value)
        for place, (variable, value) in enumerate(pairs)
        if only is None or variable.lower() in only
    )


def _wide(
    columns: dict[str, list[str]], variables: Sequence[str]
) -> tuple[Iterator[tuple[int, str, str]], list[str]]:
    names = {name.lower(): name for name in columns}
    missing = [repr(name) for name in variables if name.strip().lower() not in names]
    if missing:
        raise LabelError(
            f"The table of labels has no column {' and no column '.join(missing)}; "
            f"{_found(columns)}"
        )
    values = {name: columns[names[name.strip().lower()]] for name in variables}
    rows = len(next(iter(values.values())))
    cells = ((place, name, values[name][place]) for place in range(rows) for name in values)
    return cells, list(values)


def _found(columns: dict[str, list[str]]) -> str:
    return f"found: {', '.join(columns) or 'no columns'}."


def _seconds(text: str, row: int) -> float | None:
    if not text or text in MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise LabelError(
            f"Row {row} of the labels gives {text!r} as seconds; a number from 0 up is needed."
        )
    return value

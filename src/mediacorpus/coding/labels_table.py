"""Check a table of labels that a user hands in, and turn it into rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mediacorpus.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEYS = ("item", "record", "file")
"""Columns that can say which item a label is for; in each row the first that is filled."""


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
    """The labels of one table; `blank` counts the cells without a value, which are skipped."""

    labels: tuple[LabelRow, ...]
    blank: int


def read_labels(
    frame: pd.DataFrame, *, variables: Sequence[str] | None = None, coder: str = ""
) -> LabelTable:
    """Read labels from a long or a wide table.

    A long table has the columns `item` (or `record`, or `file`), `variable`, `value`, and
    may have `coder` and `seconds`. A wide table has one column for each variable; then
    `variables` names them. Upper and lower case in column names are the same.

    Parameters
    ----------
    frame:
        The table, as `read_table` gives it.
    variables:
        Columns that are variables, for a wide table.
    coder:
        Coder of the rows that name none.

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
    columns = _columns(frame)
    cells = _wide(columns, variables) if variables else _long(columns)
    if not any(key in columns for key in KEYS):
        raise LabelError(
            f"The table of labels needs a column 'item', 'record' or 'file'; {_found(columns)}"
        )
    nothing = [""] * len(frame)
    coders, times = columns.get("coder", nothing), columns.get("seconds", nothing)
    labels, blank = [], 0
    for place, variable, value in cells:
        if not value:
            blank += 1
            continue
        kind = next((key for key in KEYS if key in columns and columns[key][place]), None)
        if kind is None or not variable:
            gap = "variable" if kind else "item"
            raise LabelError(f"Row {place + 1} of the labels has a value but names no {gap}.")
        seconds, who = _seconds(times[place], place + 1), coders[place] or coder
        subject = columns[kind][place]
        labels.append(LabelRow(kind, subject, variable, value, who, seconds, place + 1))
    if not labels:
        raise LabelError(f"The table of labels holds no label: all {blank} values are blank.")
    return LabelTable(tuple(labels), blank)


def _columns(frame: pd.DataFrame) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for place, name in enumerate(frame.columns):
        plain = str(name).strip()
        known = plain.lower() if plain.lower() in _KNOWN else plain
        if known in columns:
            raise LabelError(f"The table of labels has two columns named {known!r}; rename one.")
        columns[known] = [_text(value) for value in frame.iloc[:, place].tolist()]
    return columns


_KNOWN = {*KEYS, "variable", "value", "coder", "seconds"}


def _text(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _long(columns: dict[str, list[str]]) -> Iterator[tuple[int, str, str]]:
    missing = [repr(name) for name in ("variable", "value") if name not in columns]
    if missing:
        if not any(key in columns for key in KEYS):
            missing.insert(0, "'item' (or 'record', or 'file')")
        word = "column" if len(missing) == 1 else "columns"
        raise LabelError(
            f"The table of labels lacks the {word} {' and '.join(missing)}; {_found(columns)} "
            "If each variable has a column of its own, name these columns as variables."
        )
    pairs = zip(columns["variable"], columns["value"], strict=True)
    return ((place, variable, value) for place, (variable, value) in enumerate(pairs))


def _wide(
    columns: dict[str, list[str]], variables: Sequence[str]
) -> Iterator[tuple[int, str, str]]:
    names = {name.lower(): name for name in columns}
    missing = [repr(name) for name in variables if name.strip().lower() not in names]
    if missing:
        raise LabelError(
            f"The table of labels has no column {' and no column '.join(missing)}; "
            f"{_found(columns)}"
        )
    values = {name: columns[names[name.strip().lower()]] for name in variables}
    rows = len(next(iter(values.values())))
    return ((place, name, values[name][place]) for place in range(rows) for name in values)


def _found(columns: dict[str, list[str]]) -> str:
    return f"found: {', '.join(columns) or 'no columns'}."


def _seconds(text: str, row: int) -> float | None:
    if not text:
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

"""The user's own columns: which there are, and of what type, known without reading all records.

What the records hold is noted as they are written. Only where a record that was there loses a
value of a kind of its own can a type become narrower; then all records are read once more, when
somebody next asks.
"""

from __future__ import annotations

import contextlib
import enum
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from mediacorpus.errors import CorpusBusy, CorpusReadOnly
from mediacorpus.store.store import Store

RECORD_COLUMNS = ("record", "item", "path", "source", "size", "added")
"""Columns of the table `records` that are not the user's."""

EXACT = 2**53
"""Whole numbers up to which floating-point numbers hold each."""

MISSING = frozenset({"NA", "N/A", "#N/A", "n/a", "NaN", "nan", "<NA>", "NULL", "null", "NaT"})
"""What programs write for a cell without a value."""

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]+")
_SIGNIFICANT = 15
"""Digits of a decimal number that are never lost."""
_DATE = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_LARGEST = 2**63
_ARROW = {
    "integer": pa.int64(),
    "real": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "date": pa.string(),
}
_PLAIN = re.compile(r"[^\x00-\x1f\"\\\\]+")


class Form(enum.IntFlag):
    """The forms in which the values of a column come."""

    BLANK = enum.auto()
    WHOLE = enum.auto()
    DECIMAL = enum.auto()
    TRUTH = enum.auto()
    WRITTEN_WHOLE = enum.auto()
    WRITTEN_DECIMAL = enum.auto()
    WRITTEN_DATE = enum.auto()
    WRITTEN = enum.auto()
    OTHER = enum.auto()
    WRITTEN_PADDED = enum.auto()
    WRITTEN_MISSING = enum.auto()


_WRITTEN = (
    Form.WRITTEN_WHOLE
    | Form.WRITTEN_DECIMAL
    | Form.WRITTEN_PADDED
    | Form.WRITTEN_DATE
    | Form.WRITTEN
    | Form.BLANK
)
_NUMBERS = Form.WHOLE | Form.DECIMAL


@dataclass(frozen=True, slots=True)
class OwnColumn:
    """One of the user's columns.

    Parameters
    ----------
    name:
        Its name as the user wrote it.
    shown:
        Its name in tables: with `_` behind it where the name is ours already, or differs from
        another one only in upper and lower case.
    type:
        `"integer"`, `"real"`, `"text"`, `"boolean"`, or `"date"` (text that is a date).
    forms:
        The forms in which its values come.
    """

    name: str
    shown: str
    type: str
    forms: Form

    @property
    def in_sql(self) -> bool:
        """Whether SQLite's JSON functions give its values just as they are."""
        forms = self.forms & ~Form.WRITTEN_MISSING if self.type == "text" else self.forms
        exact = forms in _WRITTEN or forms in {Form.WHOLE, Form.TRUTH}
        return exact and _PLAIN.fullmatch(self.name) is not None

    @property
    def expression(self) -> str:
        """SQLite's expression for its values, as JSON has them."""
        path = f'$."{self.name}"'.replace("'", "''")
        return f"json_extract(columns, '{path}')"

    def value(self, given: Any) -> Any:
        """Turn a value as JSON has it into one of the column's type."""
        if given is None or (given == "" and self.type in {"integer", "real"}):
            return None
        if self.type != "text" and given.__class__ is str and given in MISSING:
            return None
        if self.type == "integer":
            return int(given)
        if self.type == "real":
            return float(given)
        return given if self.type == "boolean" else str(given)


def own_values(texts: Sequence[str], columns: Sequence[OwnColumn]) -> dict[str, pa.Array]:
    """Read the values of some of the user's columns from the JSON of records.

    Parameters
    ----------
    texts:
        One JSON object a record.
    columns:
        The columns that are wanted.

    Returns
    -------
    dict
        Name in tables -> values, `(records,)`, null where a record has none.

    Examples
    --------
    >>> likes = OwnColumn("likes", "likes", "real", Form.WRITTEN_DECIMAL)
    >>> own_values(['{"likes": "2.5"}', "{}"], [likes])["likes"].to_pylist()
    [2.5, None]
    """
    found = _read_plain(texts, [column for column in columns if column.in_sql])
    rest = [column for column in columns if column.shown not in found]
    parsed = [json.loads(text) for text in texts] if rest else []
    for column in rest:
        values = [column.value(row.get(column.name)) for row in parsed]
        found[column.shown] = pa.array(values, _ARROW[column.type])
    return found


def _read_plain(texts: Sequence[str], columns: Sequence[OwnColumn]) -> dict[str, pa.Array]:
    """Read with Arrow, where all values of a column come in one form; nothing where it cannot."""
    if not columns:
        return {}
    fields = [
        (own.name, _ARROW[own.type] if own.forms in {Form.WHOLE, Form.TRUTH} else pa.string())
        for own in columns
    ]
    content = "\n".join(texts).encode()
    try:
        table = arrow_json.read_json(
            pa.BufferReader(content),
            arrow_json.ReadOptions(use_threads=False, block_size=len(content) + 1),
            arrow_json.ParseOptions(
                explicit_schema=pa.schema(fields), unexpected_field_behavior="ignore"
            ),
        )
        if len(table) != len(texts):
            return {}
        return {own.shown: _typed(table[own.name].combine_chunks(), own.type) for own in columns}
    except (pa.ArrowException, UnicodeError):
        return {}


def _typed(values: pa.Array, kind: str) -> pa.Array:
    if kind in {"integer", "real"} and pa.types.is_string(values.type):
        values = pc.if_else(pc.equal(values, ""), None, values)
    return values.cast(_ARROW[kind])


def form_of(value: Any) -> Form:
    """Tell in which form a value comes.

    >>> form_of("007").name, form_of("7").name, form_of("7.5").name, form_of(7).name
    ('WRITTEN', 'WRITTEN_WHOLE', 'WRITTEN_DECIMAL', 'WHOLE')
    """
    if value is None:
        return Form(0)
    if isinstance(value, str):
        return _form_of_text(value)
    if isinstance(value, bool):
        return Form.TRUTH
    if isinstance(value, int):
        return Form.WHOLE if -_LARGEST <= value < _LARGEST else Form.OTHER
    return Form.DECIMAL if isinstance(value, float) else Form.OTHER


def _form_of_text(text: str) -> Form:
    if not text:
        return Form.BLANK
    if text in MISSING:
        return Form.WRITTEN_MISSING
    if _WHOLE.fullmatch(text):
        return Form.WRITTEN_WHOLE
    if _DECIMAL.fullmatch(text):
        return Form.WRITTEN_DECIMAL if _comes_back(text) else Form.WRITTEN_PADDED
    return Form.WRITTEN_DATE if _DATE.fullmatch(text) else Form.WRITTEN


def _comes_back(text: str) -> bool:
    """Tell whether a decimal number, written again, is the same text.

    >>> _comes_back("1.1"), _comes_back("1.10"), _comes_back("1.0"), _comes_back("-0.0")
    (True, False, True, False)
    """
    if text[-1] == "0" and not text.endswith(".0"):
        return False
    if text == "-0.0":
        return False
    return len(text) <= _SIGNIFICANT or float(text) == 0 or repr(float(text)) == text


def type_of(forms: Form) -> str:
    """Give the type of a column from the forms of its values.

    Text that came from a CSV file is a number where all of it is; text that would be another one
    if the number were written again, such as `007` or `1.10`, stays text, and so does a mixture.
    `NA` and the like are no text in a column of numbers or dates.

    >>> type_of(Form.WRITTEN_WHOLE | Form.BLANK), type_of(Form.WRITTEN_WHOLE | Form.WRITTEN)
    ('integer', 'text')
    """
    given = forms & ~(Form.BLANK | Form.WRITTEN_MISSING)
    if not given:
        return "text"
    if forms == Form.TRUTH:
        return "boolean"
    if forms in _NUMBERS:
        return "integer" if forms == Form.WHOLE else "real"
    if given in Form.WRITTEN_WHOLE | Form.WRITTEN_DECIMAL:
        return "integer" if given == Form.WRITTEN_WHOLE else "real"
    return "date" if given == Form.WRITTEN_DATE else "text"


def forms_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Form]:
    """Give the forms of the values of each column, columns in the order of their first row.

    >>> forms_of([{"a": 1}, {"a": None, "b": "x"}])
    {'a': <Form.WHOLE: 2>, 'b': <Form.WRITTEN: 128>}
    """
    found: dict[str, int] = {}
    for row in rows:
        for name, value in row.items():
            known = found.get(name, 0)
            # Text in a column that holds text already says nothing new.
            if not (known & Form.WRITTEN and value.__class__ is str and value):
                found[name] = known | form_of(value)
    return {name: Form(forms) for name, forms in found.items()}


def learn(
    store: Store, new: Sequence[Mapping[str, Any]], *, old: Iterable[str] = (), run: int
) -> None:
    """Note what records that are being written hold; `old` is what they held before, as JSON.

    It belongs into the transaction that writes the records.
    """
    forms = forms_of(new)
    before = forms_of(json.loads(text) for text in old)
    known = {name: Form(held) for name, held in store.rows("SELECT name, forms FROM columns")}
    for name, held in forms.items():
        if name not in known or held not in known[name]:
            whole = known.get(name, Form(0)) | held
            store.execute(
                "INSERT INTO columns (name, type, forms, run) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET type = excluded.type, forms = excluded.forms",
                (name, type_of(whole), int(whole), run),
            )
    if any(name not in forms or held not in forms[name] for name, held in before.items()):
        forget(store)


def forget(store: Store) -> None:
    """Have all records read once more before the columns are next told: some have gone."""
    store.execute("UPDATE columns_read SET stale = 1 WHERE stale = 0")


def own_columns(store: Store) -> list[OwnColumn]:
    """Return the user's columns, in the order in which they came."""
    if store.value("SELECT stale FROM columns_read"):
        forms = _read_again(store)
    else:
        forms = {
            str(name): Form(held)
            for name, held in store.rows("SELECT name, forms FROM columns ORDER BY n")
        }
    taken = set(RECORD_COLUMNS)
    found = []
    for name, held in forms.items():
        shown = name
        while shown.lower() in taken:
            shown += "_"
        taken.add(shown.lower())
        found.append(OwnColumn(name, shown, type_of(held), held))
    return found


def _read_again(store: Store) -> dict[str, Form]:
    """Read all records, and keep what was found where the corpus can be written to."""
    with contextlib.suppress(CorpusReadOnly, CorpusBusy), store.transaction():
        forms = _forms_of_all(store)
        runs = dict(store.rows("SELECT name, run FROM columns"))
        last = store.value("SELECT max(run) FROM runs")
        store.execute("DELETE FROM columns")
        store.executemany(
            "INSERT INTO columns (name, type, forms, run) VALUES (?, ?, ?, ?)",
            [(n, type_of(held), int(held), runs.get(n, last)) for n, held in forms.items()],
        )
        store.execute("UPDATE columns_read SET stale = 0")
        return forms
    return _forms_of_all(store)


def _forms_of_all(store: Store) -> dict[str, Form]:
    texts = store.each("SELECT columns FROM records WHERE columns <> '{}' ORDER BY record")
    return forms_of(json.loads(text) for (text,) in texts)


def remarks(store: Store, run: int) -> list[str]:
    """Say which columns that came with a run are not shown as they might be expected.

    These differ from others only in upper and lower case, or hold numbers that stay text.
    """
    new = {name for (name,) in store.rows("SELECT name FROM columns WHERE run = ?", (run,))}
    columns = own_columns(store)
    notes = []
    for place, column in enumerate(columns):
        others = [c.name for c in columns[:place] if c.name.lower() == column.name.lower()]
        if others and column.name in new:
            notes.append(
                f"The column {column.name!r} differs from {others[0]!r} only in upper and lower "
                f"case, which SQL does not tell apart: tables show it as {column.shown!r}. If both "
                "mean the same, write them alike and add the table again."
            )
        if column.name in new:
            notes += _of_text(column)
    return notes


def _of_text(column: OwnColumn) -> list[str]:
    """Say how a column of text that looks like numbers was taken."""
    forms = column.forms
    if Form.WRITTEN_PADDED in forms and _numeric(forms):
        text = (
            f"The column {column.name!r} stays text: as numbers, 1.1 and 1.10 would be one. If "
            f"it holds amounts, TRY_CAST({column.shown} AS DOUBLE) in SQL makes them numbers."
        )
        return [text]
    if Form.WRITTEN_MISSING in forms and column.type != "text":
        return [f"NA and the like in the column {column.name!r} count as missing."]
    return []


def _numeric(forms: Form) -> bool:
    """Tell whether all that a column holds is numbers, written with any number of decimals."""
    numbers = Form.WRITTEN_WHOLE | Form.WRITTEN_DECIMAL | Form.WRITTEN_PADDED
    return forms in numbers | Form.WRITTEN_MISSING | Form.BLANK

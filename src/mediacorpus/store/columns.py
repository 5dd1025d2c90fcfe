"""The user's own columns: which there are, and of what type, known without reading all records.

What the records hold is noted as they are written. Only where a record that was there loses a
value of a kind of its own can a type become narrower; then all records are read once more, when
somebody next asks.
"""

from __future__ import annotations

import contextlib
import datetime as dt
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
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_UTC = {"Z", "+00:00", "+0000", "-00:00", "-0000"}
_LOCAL = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})")
_LAST_MONTH = 12
_LARGEST = 2**63
_ARROW = {
    "integer": pa.int64(),
    "real": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
}
DATES = ("date", "datetime")
"""Types of columns that hold days, and moments."""
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
    WRITTEN_MOMENT = enum.auto()
    WRITTEN_UTC = enum.auto()
    WRITTEN_ZONED = enum.auto()
    DAY_FIRST = enum.auto()
    MONTH_FIRST = enum.auto()
    DAY_OR_MONTH = enum.auto()
    DAY_DOT_MONTH = enum.auto()


_WRITTEN = (
    Form.WRITTEN_WHOLE
    | Form.WRITTEN_DECIMAL
    | Form.WRITTEN_PADDED
    | Form.WRITTEN_DATE
    | Form.WRITTEN_MOMENT
    | Form.WRITTEN_UTC
    | Form.WRITTEN_ZONED
    | Form.DAY_FIRST
    | Form.MONTH_FIRST
    | Form.DAY_OR_MONTH
    | Form.DAY_DOT_MONTH
    | Form.WRITTEN
    | Form.BLANK
)
_LOCAL_DATES = Form.DAY_FIRST | Form.MONTH_FIRST | Form.DAY_OR_MONTH | Form.DAY_DOT_MONTH
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
        `"integer"`, `"real"`, `"text"`, `"boolean"`, `"date"` (days), or `"datetime"` (moments
        without a time zone, or in UTC).
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
        if self.type in DATES:
            return (
                forms in Form.WRITTEN_DATE | Form.BLANK and _PLAIN.fullmatch(self.name) is not None
            )
        exact = forms in _WRITTEN or forms in {Form.WHOLE, Form.TRUTH}
        return exact and _PLAIN.fullmatch(self.name) is not None

    @property
    def expression(self) -> str:
        """SQLite's expression for its values, as JSON has them."""
        path = f'$."{self.name}"'.replace("'", "''")
        return f"json_extract(columns, '{path}')"

    def value(self, given: Any) -> Any:
        """Turn a value as JSON has it into one of the column's type."""
        if given is None or (given == "" and self.type in {"integer", "real", *DATES}):
            return None
        if self.type != "text" and given.__class__ is str and given in MISSING:
            return None
        if self.type == "integer":
            return int(given)
        if self.type == "real":
            return float(given)
        if self.type in DATES:
            return _date(given, self)
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


def _date(text: str, column: OwnColumn) -> dt.date:
    """Read a day or a moment that was found to be one when it was written."""
    found = _LOCAL.fullmatch(text)
    if found is not None:
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        month_first = bool(column.forms & Form.MONTH_FIRST)
        return dt.date(year, *((first, second) if month_first else (second, first)))
    moment = dt.datetime.fromisoformat(text)
    return moment.date() if column.type == "date" else moment.replace(tzinfo=None)


def _typed(values: pa.Array, kind: str) -> pa.Array:
    if kind in {"integer", "real", "date"} and pa.types.is_string(values.type):
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
    return _form_of_date(text)


def _form_of_date(text: str) -> Form:
    """Tell in which form a date is written; one that no calendar has is text.

    >>> [_form_of_date(t).name for t in ("2024-02-30", "31/12/2020", "01/02/2020", "1.2.2020")]
    ['WRITTEN', 'DAY_FIRST', 'DAY_OR_MONTH', 'DAY_DOT_MONTH']
    """
    if not text[0].isdecimal() or (not text[-1].isdecimal() and text[-1] != "Z"):
        return Form.WRITTEN
    local = _LOCAL.fullmatch(text)
    if local is not None:
        return _form_of_local(int(local[1]), int(local[3]), int(local[4]), dotted=local[2] == ".")
    moment = _MOMENT.fullmatch(text)
    if (moment is None and not _DAY.fullmatch(text)) or not _is_moment(text):
        return Form.WRITTEN
    if moment is None:
        return Form.WRITTEN_DATE
    if moment[3] is None:
        return Form.WRITTEN_MOMENT
    return Form.WRITTEN_UTC if moment[3] in _UTC else Form.WRITTEN_ZONED


def _form_of_local(first: int, second: int, year: int, *, dotted: bool) -> Form:
    day_first, month_first = _is_day(year, second, first), _is_day(year, first, second)
    if day_first and month_first:
        return Form.DAY_DOT_MONTH if dotted else Form.DAY_OR_MONTH
    if day_first:
        return Form.DAY_FIRST
    return Form.MONTH_FIRST if month_first else Form.WRITTEN


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


def _is_moment(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


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
    `NA` and the like are no text in a column of numbers or dates. Dates are typed where all of the
    column is certain to be dates; years alone are whole numbers.

    >>> type_of(Form.WRITTEN_WHOLE | Form.BLANK), type_of(Form.WRITTEN_WHOLE | Form.WRITTEN)
    ('integer', 'text')
    >>> type_of(Form.DAY_OR_MONTH), type_of(Form.DAY_OR_MONTH | Form.DAY_FIRST)
    ('text', 'date')
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
    if given == Form.WRITTEN_DATE or _is_local(given):
        return "date"
    moments = given in Form.WRITTEN_DATE | Form.WRITTEN_MOMENT or given == Form.WRITTEN_UTC
    return "datetime" if moments else "text"


def _is_local(given: Form) -> bool:
    """Tell whether dates are written with day and month in one order that is certain.

    With dots the day comes first unless a date shows that it does not; with slashes and dashes
    some date must show it.
    """
    if given not in _LOCAL_DATES or Form.DAY_FIRST | Form.MONTH_FIRST in given:
        return False
    return bool(given & (Form.DAY_FIRST | Form.MONTH_FIRST)) or given == Form.DAY_DOT_MONTH


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
                (name, _noted(whole), int(whole), run),
            )
    if any(name not in forms or held not in forms[name] for name, held in before.items()):
        forget(store)


def _noted(forms: Form) -> str:
    """Give the type as the catalogue notes it, which tells days from moments by the forms."""
    found = type_of(forms)
    return "date" if found in DATES else found


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
            [(n, _noted(held), int(held), runs.get(n, last)) for n, held in forms.items()],
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
    """Say how a column of text that looks like numbers or dates was taken."""
    forms = column.forms
    if text := _of_dates(column):
        return [text]
    if Form.WRITTEN_PADDED in forms and _numeric(forms):
        text = (
            f"The column {column.name!r} stays text: as numbers, 1.1 and 1.10 would be one. If "
            f"it holds amounts, TRY_CAST({column.shown} AS DOUBLE) in SQL makes them numbers."
        )
        return [text]
    if Form.WRITTEN_MISSING in forms and column.type != "text":
        return [f"NA and the like in the column {column.name!r} count as missing."]
    return []


def _of_dates(column: OwnColumn) -> str:
    """Say how dates were read that may be read otherwise, and why some stay text."""
    forms, name = column.forms, column.name
    given = forms & ~(Form.BLANK | Form.WRITTEN_MISSING)
    if given == Form.WRITTEN_UTC:
        return f"The times in the column {name!r} are in UTC, as they say."
    if Form.WRITTEN_ZONED in given and given in Form.WRITTEN_ZONED | Form.WRITTEN_UTC:
        return f"The times in the column {name!r} are of other time zones and stay text."
    if not given or given not in _LOCAL_DATES:
        return ""
    if column.type == "date":
        order = "month/day/year" if Form.MONTH_FIRST in given else "day/month/year"
        guessed = given == Form.DAY_DOT_MONTH
        why = ", as is usual with dots; no date shows it" if guessed else ""
        return f"The dates in the column {name!r} were read as {order}{why}."
    if Form.DAY_FIRST in given:
        return (
            f"The column {name!r} holds dates as day/month/year beside dates as month/day/year, "
            "so it stays text. Write all of them as 2024-05-31."
        )
    return (
        f"The dates in the column {name!r} may be day/month/year or month/day/year: none of them "
        "shows which, so it stays text. Write them as 2024-05-31."
    )


def _numeric(forms: Form) -> bool:
    """Tell whether all that a column holds is numbers, written with any number of decimals."""
    numbers = Form.WRITTEN_WHOLE | Form.WRITTEN_DECIMAL | Form.WRITTEN_PADDED
    return forms in numbers | Form.WRITTEN_MISSING | Form.BLANK

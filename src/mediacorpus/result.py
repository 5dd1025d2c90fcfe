"""What all results of commands have in common: words, a table, plain values, and HTML."""

from __future__ import annotations

import dataclasses
import html
import math
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pandas as pd

LINE = 120
"""Characters of the short form of a result."""


class Note(str):
    """A sentence that a reader must know, with the code by which programs know it.

    Parameters
    ----------
    text:
        The sentence.
    code:
        What it is about, such as `"temperature"`.

    Examples
    --------
    >>> found = Note("A temperature of 1.30 helps.", "temperature")
    >>> print(found, code_of(found), code_of("What anybody says."))
    A temperature of 1.30 helps. temperature note
    """

    __slots__ = ("code",)

    code: str

    def __new__(cls, text: str, code: str = "note") -> Self:  # noqa: D102 - the class says it
        note = super().__new__(cls, text)
        note.code = code
        return note


def code_of(sentence: str) -> str:
    """Give the code of a note; `"note"` for a sentence without one."""
    return sentence.code if isinstance(sentence, Note) else "note"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun.

    >>> counted(1, "item"), counted(1200, "class", "classes")
    ('1 item', '1,200 classes')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


class Result:
    """What a command gives back.

    A result is a dataclass that says in `__str__` what was found. Everything else follows from
    its fields, where a class does not know better.
    """

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {field.name: plain(getattr(self, field.name)) for field in fields}

    def to_frame(self) -> pd.DataFrame:
        """Return a table: here one row with the single values."""
        import pandas as pd

        single = {k: v for k, v in self.to_dict().items() if not isinstance(v, (dict, list))}
        return pd.DataFrame([single])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    @property
    def _title(self) -> str:
        """What stands for the words where there is room for one line."""
        return str(self).strip().partition("\n")[0]

    def __repr__(self) -> str:
        text = f"{type(self).__name__}: {self._title}"
        return text if len(text) <= LINE else f"{text[: LINE - 1]}…"


class TableResult(Result):
    """A result that is a table, with a few words above it."""

    __slots__ = ()

    @property
    def words(self) -> str:
        """What the table says, in words."""
        return str(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        return Result.to_dict(self) | {"words": self.words}

    def _repr_html_(self) -> str:
        table = self.to_frame().to_html(index=False, float_format=lambda x: f"{x:.4g}")
        return f"<p>{html.escape(str(self))}</p>{table}"


def plain(content: Any) -> Any:
    """Turn data frames, data classes and numbers of any kind into what JSON can hold.

    >>> plain({"a": float("nan"), "b": (1, 2)})
    {'a': None, 'b': [1, 2]}
    """
    if hasattr(content, "to_dict") and not hasattr(content, "columns"):
        return plain(content.to_dict())
    if hasattr(content, "columns") and hasattr(content, "itertuples"):
        names = [str(name) for name in content.columns]
        rows = content.itertuples(index=False, name=None)
        return [dict(zip(names, map(plain, row), strict=True)) for row in rows]
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        fields = dataclasses.fields(content)
        return {f.name: plain(getattr(content, f.name)) for f in fields}
    if isinstance(content, dict):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple, set, frozenset)):
        return [plain(value) for value in content]
    return _scalar(content)


def shown_moment(when: datetime) -> str:
    """Write a moment as ISO 8601 has it; one at midnight as a day, as data frames hold days.

    >>> shown_moment(datetime(2024, 5, 31)), shown_moment(datetime(2024, 5, 31, 9, 30))
    ('2024-05-31', '2024-05-31 09:30:00')
    """
    midnight = not (when.hour or when.minute or when.second or when.microsecond)
    return str(when.date()) if midnight and when.tzinfo is None else str(when)


def _scalar(content: Any) -> Any:
    if isinstance(content, Enum):
        return content.value
    if isinstance(content, datetime) and content == content:  # noqa: PLR0124 - NaT is not
        return shown_moment(content)
    if hasattr(content, "tolist"):
        return plain(content.tolist())
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if content is None or isinstance(content, (str, int, bool)):
        return content
    text = str(content)
    return None if text in {"NaT", "<NA>"} else text

"""A measure with a threshold as a stand-in for a label, such as `tags:Crowd>=0.5`."""

from __future__ import annotations

import difflib
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

OPERATORS: Mapping[str, Callable[[Any, float], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
"""The comparisons that a proxy can make."""

FORM = "TABLE:NAME OPERATOR NUMBER, such as tags:Crowd>=0.5 or facts:width>=1000"

_PATTERN = re.compile(
    r"\s*(?P<table>[A-Za-z_]\w*)\s*:\s*(?P<name>\S.*?)\s*(?P<operator>>=|<=|==|>|<)\s*"
    r"(?P<threshold>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*"
)

_POSITIVE = {"true", "yes", "y", "positive", "pos", "present"}
_NEGATIVE = {"false", "no", "n", "negative", "neg", "absent", "none", "other", "rest"}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A rule that says yes where a measure passes a threshold.

    Parameters
    ----------
    table:
        Table of the measure, such as `"tags"`.
    name:
        Tag or column.
    operator:
        One of `>=`, `>`, `<=`, `<`, `==`.
    threshold:
        Number to compare with.

    Examples
    --------
    >>> print(Proxy("tags", "Crowd", ">=", 0.5))
    tags:Crowd>=0.5
    """

    table: str
    name: str
    operator: str
    threshold: float

    def __str__(self) -> str:
        return f"{self.table}:{self.name}{self.operator}{self.threshold:.12g}"


def parse_proxy(text: str) -> Proxy:
    """Read an expression such as `tags:Crowd>=0.5`.

    Parameters
    ----------
    text:
        Table, colon, name of a tag or column (spaces are allowed), operator, number.

    Raises
    ------
    ParameterError
        The text is not of this form.

    Examples
    --------
    >>> parse_proxy("tags: ice cream > .25")
    Proxy(table='tags', name='ice cream', operator='>', threshold=0.25)
    """
    found = _PATTERN.fullmatch(text)
    name = found["name"].strip("\"' ") if found is not None else ""
    if found is None or not name:
        raise ParameterError(f"{text!r} is not understood; write {FORM}.")
    return Proxy(found["table"], name, found["operator"], float(found["threshold"]))


def apply_proxy(proxy: Proxy, rows: pd.DataFrame, items: Sequence[str]) -> pd.Series[bool]:
    """Say for each item whether it passes the proxy.

    Parameters
    ----------
    proxy:
        The rule. Tags are compared without regard to case.
    rows:
        Rows of the measure: `item`, `tag`, `score` for a measure that tags, else `item`
        and the named column.
    items:
        The items to answer for. For tags give only items that were measured: one without
        the tag has a score of 0.

    Returns
    -------
    Series of bool
        Index `item`, in the order of `items`. Items whose column is empty, or that have no
        row, are left out; `attrs["missing"]` counts them.

    Raises
    ------
    ParameterError
        No item has that tag, there is no such column or it is not numeric, or the
        threshold is out of the range of scores.

    Examples
    --------
    >>> rows = pd.DataFrame({"item": ["a", "b"], "tag": ["Crowd", "Crowd"], "score": [0.9, 0.2]})
    >>> apply_proxy(parse_proxy("tags:crowd>=0.5"), rows, ["a", "b", "c"]).to_dict()
    {'a': True, 'b': False, 'c': False}
    """
    tagged = {"tag", "score"} <= set(rows.columns)
    values = _scores(proxy, rows) if tagged else _column(proxy, rows)
    wanted = pd.Index(list(items), name="item")
    found = values.reindex(wanted)
    found = found.fillna(0.0) if tagged else found.dropna()
    answer: pd.Series[bool] = OPERATORS[proxy.operator](found, proxy.threshold).astype(bool)
    answer.attrs["missing"] = len(wanted) - len(answer)
    return answer.rename(str(proxy))


def _scores(proxy: Proxy, rows: pd.DataFrame) -> pd.Series[float]:
    if not 0 <= proxy.threshold <= 1:
        raise ParameterError(
            f"{proxy} can tell nothing: scores of tags lie between 0 and 1 (write 0.5 for 50 %)."
        )
    names = rows["tag"].astype(str)
    wanted = rows[names.map(_plain) == _plain(proxy.name)]
    if wanted.empty:
        raise ParameterError(
            f"No item has the tag {proxy.name!r} in the table {proxy.table!r}."
            + _near(proxy.name, names.unique())
        )
    return wanted.groupby("item")["score"].max().astype(float)


def _column(proxy: Proxy, rows: pd.DataFrame) -> pd.Series[float]:
    columns = [str(c) for c in rows.columns if c not in {"item", "run"}]
    named = [c for c in columns if c == proxy.name] or [
        c for c in columns if _plain(c) == _plain(proxy.name)
    ]
    if not named:
        raise ParameterError(
            f"The table {proxy.table!r} has no column {proxy.name!r}."
            + (_near(proxy.name, columns) or f" It has: {', '.join(columns)}.")
        )
    column = rows[named[0]]
    try:
        values = column.astype(object).where(column.notna(), None).astype(float)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"The column {named[0]!r} of the table {proxy.table!r} is not numeric, "
            f"so it cannot be compared with {proxy.threshold:g}."
        ) from error
    return values.set_axis(rows["item"]).groupby(level=0).last()


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _near(name: str, known: Iterable[str]) -> str:
    plain = {_plain(one): one for one in known}
    near = difflib.get_close_matches(_plain(name), list(plain), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(plain[n]) for n in near)}?" if near else ""


def positive_value(values: Iterable[Any], variable: str, *, positive: str | None = None) -> str:
    """Tell which of the two values of a variable is the positive one.

    In this order: what the user says; the 1 of 0 and 1; a word such as *yes* or
    *positive*; the value that is the variable's own name; the value whose negation
    (*no_smile*, *not smile*) or whose *no*, *negative*, *other* is the second one.

    Parameters
    ----------
    values:
        Values of the variable; repeated ones count once.
    variable:
        Name of the variable.
    positive:
        The user's own choice.

    Raises
    ------
    ParameterError
        There are not two values, none can be told to be positive, or the chosen one is
        not among them.

    Examples
    --------
    >>> positive_value(["no_smile", "smile"], "expression")
    'smile'
    """
    known = sorted({str(value) for value in values})
    listed = ", ".join(map(repr, known))
    if positive is not None:
        if positive not in known:
            raise ParameterError(
                f"{positive!r} is no value of {variable!r}; its values are {listed}."
            )
        return positive
    if len(known) != 2:  # noqa: PLR2004
        raise ParameterError(
            f"{variable!r} has {len(known)} values ({listed}); a yes-or-no comparison needs two. "
            "Say which one is the positive one with --positive."
        )
    found = [value for value, other in (known, known[::-1]) if _is_positive(value, other)]
    if len(found) != 1:
        found = [value for value in known if _plain(value) == _plain(variable)]
    if len(found) != 1:
        found = [value for value, other in (known, known[::-1]) if _is_negative(other, value)]
    if len(found) != 1:
        raise ParameterError(
            f"Which value of {variable!r} is the positive one, {listed}? Say so with --positive."
        )
    return found[0]


def _is_positive(value: str, other: str) -> bool:
    try:
        return float(value) == 1 and float(other) in {0, -1}
    except ValueError:
        return _plain(value) in _POSITIVE


def _is_negative(value: str, other: str) -> bool:
    plain, opposite = _plain(value).replace("-", " "), _plain(other).replace("-", " ")
    forms = {
        f"{word}{gap}{opposite}" for word in ("no", "not", "non", "without") for gap in (" ", "")
    }
    return plain in _NEGATIVE or plain in forms

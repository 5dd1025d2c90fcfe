"""What rules say of items, given the tables that they compare; and which value is positive."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.measures.known_tags import near, plain
from mediacorpus.records import Shape
from mediacorpus.validation.rule_text import (
    OPERATORS,
    Comparison,
    Joined,
    Rule,
    Score,
    dated,
)

_JOINS = {"and": operator.and_, "or": operator.or_}
_TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
_NAMED = {Shape.TAG, Shape.REGION}

_POSITIVE = {"true", "yes", "y", "positive", "pos", "present"}
_NEGATIVE = {"false", "no", "n", "negative", "neg", "absent", "none", "other", "rest"}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What a table says of some items.

    Parameters
    ----------
    shape:
        Shape of the measure; of other tables that of columns.
    frame:
        Its rows: `item`, and `tag` and `score`, or the columns.
    measured:
        The items that were measured, also those of which there is no row.
    several:
        Whether an item has several rows, of which any will do, as of your own records.
    known:
        The tags that the measure can give; None where only those are known that it gave.
    kinds:
        Gives the tags that are a kind of what a word means.
    where:
        How to see all tags, for messages.
    """

    shape: Shape
    frame: pd.DataFrame
    measured: Sequence[str]
    several: bool = False
    known: Sequence[str] | None = None
    kinds: Callable[[str], Sequence[str]] | None = None
    where: str = ""


def apply_rule(rule: Rule, tables: Mapping[str, Rows], items: Sequence[str]) -> pd.Series[bool]:
    """Say for each item whether a rule holds.

    Parameters
    ----------
    rule:
        The rule. Tags and kinds of regions are compared without regard to case.
    tables:
        What each table of the rule says.
    items:
        The items to answer for.

    Returns
    -------
    Series of bool
        Index `item`, in the order of `items`. An item that was measured and lacks a tag has a
        score of 0 for it. A word that is no tag, but what some tags are kinds of, has the sum of
        their scores, at most 1. Where a column is empty, or an item was not measured, a comparison
        is unknown; items for which that leaves the rule open are left out, and `attrs["missing"]`
        counts them. `attrs["notes"]` says what a reader must know.

    Raises
    ------
    ParameterError
        There is no such tag or column, it cannot be compared so, or the value is out of the
        range of scores.

    Examples
    --------
    >>> frame = pd.DataFrame({"item": ["a", "b"], "tag": ["Crowd", "Crowd"], "score": [0.9, 0.2]})
    >>> rows = {"tags": Rows(Shape.TAG, frame, ["a", "b", "c"])}
    >>> from mediacorpus.validation.rule_text import parse_rule
    >>> apply_rule(parse_rule("tags:crowd>=0.5"), rows, ["a", "b", "c"]).to_dict()
    {'a': True, 'b': False, 'c': False}
    >>> apply_rule(parse_rule("tags>=1 and not tags:crowd>=0.5"), rows, ["a", "b", "c"]).to_dict()
    {'a': False, 'b': True, 'c': False}
    """
    wanted = pd.Index(list(items), name="item")
    notes: dict[str, None] = {}
    found = _answers(rule, tables, wanted, notes=notes).dropna()
    answer: pd.Series[bool] = found.astype(bool)
    answer.attrs["missing"] = len(wanted) - len(answer)
    answer.attrs["notes"] = list(notes)
    return answer.rename(str(rule))


def apply_score(score: Score, tables: Mapping[str, Rows], items: Sequence[str]) -> pd.Series[float]:
    """Give the number of each item that a threshold can be set on: of several tags the best.

    Returns
    -------
    Series of float
        Index `item`, in the order of `items`, without those of which there is none;
        `attrs["notes"]` as for `apply_rule`.

    Raises
    ------
    ParameterError
        There is no such tag or column, or it is not numeric.

    Examples
    --------
    >>> frame = pd.DataFrame({"item": ["a", "b"], "tag": ["Crowd", "March"], "score": [0.9, 0.2]})
    >>> rows = {"tags": Rows(Shape.TAG, frame, ["a", "b", "c"])}
    >>> apply_score(Score("tags", ("crowd", "march")), rows, ["a", "b", "c"]).tolist()
    [0.9, 0.2, 0.0]
    """
    wanted = pd.Index(list(items), name="item")
    notes: dict[str, None] = {}
    columns = []
    for name in score.names:
        one = Comparison(score.table, name, ">=", 0.0)
        values, _, _ = _values(one, tables[score.table], notes)
        if not pd.api.types.is_numeric_dtype(values):
            _refuse(one, "there are texts, on which no threshold can be set")
        columns.append(values.astype(float).groupby(level=0).max().reindex(wanted))
    found: pd.Series[float] = pd.concat(columns, axis=1).max(axis=1).dropna()
    found.attrs["notes"] = list(notes)
    return found.rename(str(score))


def _answers(
    rule: Rule, tables: Mapping[str, Rows], wanted: pd.Index[Any], *, notes: dict[str, None]
) -> pd.Series[Any]:
    """Give true, false or unknown for each item, by Kleene's logic."""
    if isinstance(rule, Joined):
        answers = [_answers(part, tables, wanted, notes=notes) for part in rule.rules]
        return ~answers[0] if rule.word == "not" else functools.reduce(_JOINS[rule.word], answers)
    rows = tables[rule.table]
    values, limit, sign = _values(rule, rows, notes)
    known = values.notna()
    answer: pd.Series[Any] = OPERATORS[sign](values, limit).astype("boolean")
    answer = answer.where(known.to_numpy(), pd.NA)
    if rows.several:
        answer = answer.groupby(level=0).max()
    return answer.reindex(wanted)


def _values(
    one: Comparison, rows: Rows, notes: dict[str, None]
) -> tuple[pd.Series[Any], float | str, str]:
    """Give what of each measured item is compared, with what, and how."""
    if one.name and rows.shape not in _NAMED:
        if one.count is not None:
            _refuse(one, f"the table {one.table!r} has no tags or regions to count by their names")
        return _column(one, rows)
    if not one.name and rows.shape not in {*_NAMED, Shape.TEXT}:
        _refuse(
            one,
            f"the table {one.table!r} has one row for each item, so there is nothing to count; "
            f"name a column of it: {one.table}:NAME",
        )
    measured = list(rows.measured)
    if one.name and one.count is None:
        scores = _scores(one, rows, notes).astype(float)
        return scores.reindex(measured, fill_value=0.0), one.value, one.operator
    sign, limit = (one.operator, one.value) if one.count is None else one.count
    if isinstance(limit, str) or limit < 0 or limit != int(limit):
        shown = f"{limit:g}" if isinstance(limit, float) else limit
        _refuse(one, f"{one.table} is counted, so a whole number from 0 is expected, not {shown}")
    chosen = _of_name(one, rows, notes)[0] if one.name else rows.frame
    if one.count is not None:
        chosen = chosen[OPERATORS[one.operator](chosen["score"], one.value)]
    counts = chosen.groupby("item").size().reindex(measured, fill_value=0).astype(float)
    return counts, limit, sign


def _scores(one: Comparison, rows: Rows, notes: dict[str, None]) -> pd.Series[float]:
    """Give the best score of a tag, or the sum of those of its kinds."""
    chosen, summed = _of_name(one, rows, notes)
    by_item = chosen.groupby("item")["score"]
    found: pd.Series[float] = by_item.sum().clip(upper=1.0) if summed else by_item.max()
    return found


def _of_name(one: Comparison, rows: Rows, notes: dict[str, None]) -> tuple[pd.DataFrame, bool]:
    """Give the rows with a tag, and whether these are several tags whose scores are summed."""
    if isinstance(one.value, str):
        _refuse(one, f"the score of {one.name!r} is compared with a number and not with a text")
    if not 0 <= one.value <= 1:
        _refuse(
            one,
            "it can tell nothing: scores lie between 0 and 1 (write 0.5 for 50 %, and "
            f"{one.table}:{one.name}>=0.5 >= 2 to count)",
        )
    names = rows.frame["tag"].astype(str).map(plain)
    asked = plain(one.name)
    own = names == asked
    if own.any():
        return rows.frame[own], False
    if asked in map(plain, rows.known or ()):
        notes[
            f"No image that was scored has {one.name!r} among the tags that were kept, so its "
            "score is 0 in all of them; `measure tags --top 1000` keeps them all."
            if one.table == "tags"
            else f"No image that was scored has the tag {one.name!r}; its score is 0 in all."
        ] = None
        return rows.frame[own], False
    kinds = list(rows.kinds(one.name)) if rows.kinds is not None else []
    if kinds:
        if len(kinds) > 1:
            notes[
                f"{one.table}:{one.name} is the sum over {len(kinds):,} kinds of {one.name} "
                "(WordNet), as far as they are among the tags kept of an image, at most 1."
            ] = None
        else:
            notes[f"{one.name!r} is another name of the tag {kinds[0]!r}."] = None
        return rows.frame[names.isin(set(map(plain, kinds)))], len(kinds) > 1
    return _no_tag(one, rows)


def _no_tag(one: Comparison, rows: Rows) -> NoReturn:
    if rows.known is not None:
        why = (
            f"{one.table!r} cannot give the tag {one.name!r}: it is none of the "
            f"{len(rows.known):,} that it knows"
        )
        known: Iterable[str] = rows.known
    else:
        known = rows.frame["tag"].astype(str).unique()
        why = f"no item has the tag {one.name!r} in the table {one.table!r}"
    _refuse(one, why, _meant(one.name, known) + (f" {rows.where}" if rows.where else ""))


def _column(one: Comparison, rows: Rows) -> tuple[pd.Series[Any], float | str, str]:
    frame = rows.frame
    columns = [str(c) for c in frame.columns if c not in {"item", "run"}]
    named = [c for c in columns if c == one.name] or [
        c for c in columns if plain(c) == plain(one.name)
    ]
    if not named:
        _refuse(
            one,
            f"the table {one.table!r} has no column {one.name!r}",
            _meant(one.name, columns) or f" It has: {', '.join(columns)}.",
        )
    column = frame[named[0]]
    column = column.astype(object).where(column.notna(), None).set_axis(frame["item"])
    if not rows.several:
        column = column.groupby(level=0).last()
    if pd.api.types.infer_dtype(column) == "string":
        days = dated(one.value) and column.dropna().map(dated).all()
        if one.operator not in {"=", "!="} and not days:
            _refuse(
                one,
                f"the column {named[0]!r} of the table {one.table!r} holds texts, which are "
                "compared with = or != only",
            )
        value = one.value if isinstance(one.value, str) else f"{one.value:.12g}"
        return column.map(plain, na_action="ignore"), plain(value), one.operator
    limit = _TRUTH.get(one.value.casefold()) if isinstance(one.value, str) else one.value
    if limit is None:
        _refuse(
            one,
            f"the column {named[0]!r} of the table {one.table!r} is numeric and cannot be "
            f"compared with the text {one.value!r}",
        )
    try:
        return column.astype(float), limit, one.operator
    except (TypeError, ValueError):
        _refuse(one, f"the column {named[0]!r} of the table {one.table!r} is not numeric")


def _refuse(one: Comparison, why: str, more: str = "") -> NoReturn:
    raise ParameterError(f"In {str(one)!r} (character {one.start + 1} of the rule) {why}.{more}")


def _meant(name: str, known: Iterable[str]) -> str:
    like = near(name, known)
    return f" Did you mean {' or '.join(map(repr, like))}?" if like else ""


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
    found = plain_positive(known, variable)
    if found is None:
        raise ParameterError(
            f"Which value of {variable!r} is the positive one, {listed}? Say so with --positive."
        )
    return found


def plain_positive(values: Sequence[str], variable: str) -> str | None:
    """Tell the positive one of two values as `positive_value` does, where it is plain.

    >>> plain_positive(["no", "yes"], "red"), plain_positive(["ants", "bees"], "insect")
    ('yes', None)
    """
    if len(values) != 2:  # noqa: PLR2004
        return None
    tests: list[Callable[[str, str], bool]] = [
        _is_positive,
        lambda value, _: plain(value) == plain(variable),
        lambda value, other: _is_negative(other, value),
    ]
    for test in tests:
        found = [value for value, other in (values, values[::-1]) if test(value, other)]
        if len(found) == 1:
            return found[0]
    return None


def _is_positive(value: str, other: str) -> bool:
    try:
        return float(value) == 1 and float(other) in {0, -1}
    except ValueError:
        return plain(value) in _POSITIVE


def _is_negative(value: str, other: str) -> bool:
    own, opposite = plain(value).replace("-", " "), plain(other).replace("-", " ")
    forms = {
        f"{word}{gap}{opposite}" for word in ("no", "not", "non", "without") for gap in (" ", "")
    }
    return own in _NEGATIVE or own in forms

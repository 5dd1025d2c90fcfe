"""Rules over measures as stand-ins for labels, such as `faces>=2 and not tags:Crowd>=0.5`.

A rule compares: the best score of a tag or a kind of region (`tags:Crowd>=0.5`), the number of
regions, tags or spans of text (`faces>=2`), the number of those of one name that have a score
(`faces:face>=0.8 >= 2`), or a column (`color:red_share>=0.3`, `facts:format=JPEG`). Comparisons
are put together with `and`, `or`, `not` and parentheses.
"""

from __future__ import annotations

import difflib
import functools
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.records import Shape

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
"""The comparisons that a rule can make; `==` is read as `=`."""

FORM = (
    "TABLE:NAME OPERATOR VALUE, such as tags:Crowd>=0.5, or TABLE OPERATOR COUNT, such as faces>=2"
)

_WORDS = re.compile(r"(and|or|not)(?!\w)", re.IGNORECASE)
_TABLE = re.compile(r"[A-Za-z_]\w*")
_OPERATOR = re.compile(r">=|<=|!=|==|>|<|=")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[^\s()\"'<>=!]+")
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_STOP = re.compile(r"[()\"']|\s(?:and|or)(?=\s)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[^\s()\"'<>=!](?:[^()\"'<>=!]*[^\s()\"'<>=!])?")
_JOINS = {"and": operator.and_, "or": operator.or_}
_TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}

_POSITIVE = {"true", "yes", "y", "positive", "pos", "present"}
_NEGATIVE = {"false", "no", "n", "negative", "neg", "absent", "none", "other", "rest"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a rule.

    Parameters
    ----------
    table:
        Table of the measure, such as `"tags"`.
    name:
        Tag, kind of region or column; `""` where all rows of an item are counted.
    operator:
        One of `OPERATORS`.
    value:
        What it is compared with: a number, or the text of a column.
    count:
        Operator and number, where rows that pass are counted; else None.
    start:
        Where it begins in the text of the rule.

    Examples
    --------
    >>> print(Comparison("tags", "Crowd", ">=", 0.5))
    tags:Crowd>=0.5
    >>> print(Comparison("faces", "face", ">=", 0.8, count=(">=", 2)))
    faces:face>=0.8 >= 2
    """

    table: str
    name: str
    operator: str
    value: float | str
    count: tuple[str, int] | None = None
    start: int = field(default=0, compare=False)

    def __str__(self) -> str:
        name = f":{_written(self.name, _PLAIN_NAME)}" if self.name else ""
        if not isinstance(self.value, str):
            value = f"{self.value:.12g}"
        elif _NUMBER.fullmatch(self.value):
            value = f'"{self.value}"'
        else:
            value = _written(self.value, _WORD)
        counted = "" if self.count is None else f" {self.count[0]} {self.count[1]}"
        return f"{self.table}{name}{self.operator}{value}{counted}"


@dataclass(frozen=True, slots=True)
class Joined:
    """Rules of which all (`"and"`) or any (`"or"`) must hold, or the one that must `"not"`."""

    word: str
    rules: tuple[Rule, ...]

    def __str__(self) -> str:
        several = {one for one in self.rules if isinstance(one, Joined) and one.word != "not"}
        parts = [f"({rule})" if rule in several else str(rule) for rule in self.rules]
        return f"not {parts[0]}" if self.word == "not" else f" {self.word} ".join(parts)


Rule = Comparison | Joined


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What a measure says of some items.

    Parameters
    ----------
    shape:
        Shape of the measure.
    frame:
        Its rows: `item`, and `tag` and `score`, or the columns.
    measured:
        The items that were measured, also those of which there is no row.
    """

    shape: Shape
    frame: pd.DataFrame
    measured: Sequence[str]


def is_rule(subject: str) -> bool:
    """Tell a rule from the name of a model.

    >>> is_rule("faces >= 2"), is_rule("tags:Crowd"), is_rule("quick")
    (True, True, False)
    """
    return any(sign in subject for sign in ":<>=()")


def parse_rule(text: str) -> Rule:
    """Read a rule such as `faces>=2 and not (tags:Crowd>=0.5 or facts:format=GIF)`.

    Parameters
    ----------
    text:
        Comparisons, put together with `and`, `or`, `not` and parentheses; `not` binds closest,
        then `and`. A name or a text with one of these words, a sign or a parenthesis in it is
        put in quotes; other names may hold spaces.

    Raises
    ------
    ParameterError
        The text is not of this form; the message says where.

    Examples
    --------
    >>> parse_rule("tags: ice cream > .25")
    Comparison(table='tags', name='ice cream', operator='>', value=0.25, count=None, start=0)
    >>> print(parse_rule("not faces >= 2 and (color:red_share<.3 or facts:mode=L)"))
    not faces>=2 and (color:red_share<0.3 or facts:mode=L)
    """
    return _Parser(text).whole()


class _Parser:
    """Reads a rule from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def whole(self) -> Rule:
        rule = self._joined("or")
        if self.at < len(self.text):
            if self._next(")"):
                self._wrong("no parenthesis is open here")
            self._wrong("and, or, or the end of the rule is expected here")
        return rule

    def _joined(self, word: str) -> Rule:
        part = self._negated if word == "and" else lambda: self._joined("and")
        rules = [part()]
        while self._word() == word:
            self.at += len(word)
            rules.append(part())
        return rules[0] if len(rules) == 1 else Joined(word, tuple(rules))

    def _negated(self) -> Rule:
        if self._word() == "not":
            self.at += len("not")
            return Joined("not", (self._negated(),))
        if self._next("("):
            opened = self.at
            self.at += 1
            rule = self._joined("or")
            if not self._next(")"):
                if self.at < len(self.text):
                    self._wrong("and, or, or a closing parenthesis is expected here")
                self._wrong("this parenthesis is never closed", opened)
            self.at += 1
            return rule
        return self._comparison()

    def _comparison(self) -> Comparison:
        word, start = self._word(), self.at
        table = "" if word else self._take(_TABLE)
        if not table:
            self._wrong(f"a comparison is expected here: {FORM}")
        name = ""
        if self._next(":"):
            self.at += 1
            name = self._name()
        sign = self._operator(f"after {self.text[start : self.at].strip()!r}")
        value = self._value(sign, text=bool(name))
        if not name:
            self._whole_number(value, f"{table} is counted")
        if not name or not any(map(self._next, "<>=!")):
            return Comparison(table, name, sign, value, start=start)
        counting = self._operator("")
        counted = self._value(counting, text=False)
        self._whole_number(counted, "rows are counted")
        return Comparison(table, name, sign, value, (counting, int(counted)), start)

    def _name(self) -> str:
        """Read a name: quoted, or up to the first comparison with a value."""
        if self._next('"') or self._next("'"):
            return self._quoted()
        begin = self.at
        stop = _STOP.search(self.text, begin)
        end = stop.start() if stop else len(self.text)
        signs = list(_OPERATOR.finditer(self.text, begin, end))
        # A name such as `a>b` goes on where no value follows.
        good = [
            sign
            for sign in signs
            if self._follows(sign[0], sign.end()) and self.text[sign.start() - 1] not in "<>=!"
        ]
        self.at = (good or signs)[0].start() if signs else end
        name = self.text[begin : self.at].strip()
        if not name:
            self._wrong("the name of a tag or a column is expected here", begin)
        return name

    def _follows(self, sign: str, at: int) -> bool:
        """Tell whether a value of a comparison stands at a place."""
        rest = self.text[at:].lstrip()
        word = _WORD.match(rest)
        if sign in {"=", "==", "!="}:
            return word is not None or rest[:1] in {'"', "'"}
        return word is not None and _NUMBER.fullmatch(word[0]) is not None

    def _operator(self, where: str) -> str:
        sign = self._take(_OPERATOR)
        if not sign:
            self._wrong(
                f"a comparison with one of {', '.join(OPERATORS)} is expected {where}; a name that "
                "holds the word and, the word or, a sign or a parenthesis is put in quotes"
            )
        if self.text[self.at : self.at + 1] in {"<", ">", "="}:
            self._wrong(f"there is no such comparison; write one of {', '.join(OPERATORS)}")
        return "=" if sign == "==" else sign

    def _value(self, sign: str, *, text: bool) -> Any:
        text = text and sign in {"=", "!="}
        if (self._next('"') or self._next("'")) and text:
            return self._quoted()
        begin = self.at
        word = self._take(_WORD)
        if _NUMBER.fullmatch(word):
            return float(word)
        if not word or _WORDS.fullmatch(word):
            self._wrong("a value is expected here", begin)
        if text:
            return word
        percent = " (write 0.5 for 50 %)" if word.endswith("%") else ""
        return self._wrong(f"a number is expected after {sign}{percent}", begin)

    def _quoted(self) -> str:
        found = _QUOTED.match(self.text, self.at)
        if found is None:
            self._wrong("this quotation mark is never closed")
        name = (found[1] or found[2] or "").strip()
        if not name:
            self._wrong("there is nothing between the quotation marks")
        self.at = found.end()
        return name

    def _whole_number(self, value: float, why: str) -> None:
        if value < 0 or value != int(value):
            self._wrong(
                f"{why}, so a whole number from 0 is expected and not {value:g}",
                len(self.text[: self.at].rstrip()) - 1,
            )

    def _word(self) -> str:
        """Give the word and, or, or not if it stands here; in lower case."""
        self._blanks()
        found = _WORDS.match(self.text, self.at)
        return found[0].lower() if found else ""

    def _next(self, sign: str) -> bool:
        self._blanks()
        return self.text.startswith(sign, self.at)

    def _take(self, pattern: re.Pattern[str]) -> str:
        self._blanks()
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def _blanks(self) -> None:
        self.at += len(self.text[self.at :]) - len(self.text[self.at :].lstrip())

    def _wrong(self, why: str, at: int | None = None) -> NoReturn:
        at = self.at if at is None else at
        rest = self.text[at:]
        where = f"at character {at + 1} ({rest!r})" if rest else "at its end"
        raise ParameterError(f"The rule {self.text!r} is not understood {where}: {why}.")


def _written(name: str, plain: re.Pattern[str]) -> str:
    """Put a name in quotes where it could be read otherwise."""
    if plain.fullmatch(name) and not (_STOP.search(name) or _WORDS.fullmatch(name)):
        return name
    return f"'{name}'" if '"' in name else f'"{name}"'


def comparisons(rule: Rule) -> Iterator[Comparison]:
    """Give the comparisons of a rule, from left to right.

    >>> [one.table for one in comparisons(parse_rule("faces>=2 and not tags:Crowd>=0.5"))]
    ['faces', 'tags']
    """
    if isinstance(rule, Comparison):
        yield rule
    else:
        for part in rule.rules:
            yield from comparisons(part)


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
        score of 0 for it. Where a column is empty, or an item was not measured, a comparison is
        unknown; items for which that leaves the rule open are left out, and `attrs["missing"]`
        counts them.

    Raises
    ------
    ParameterError
        No item has that tag, there is no such column, it cannot be compared so, or the value is
        out of the range of scores.

    Examples
    --------
    >>> frame = pd.DataFrame({"item": ["a", "b"], "tag": ["Crowd", "Crowd"], "score": [0.9, 0.2]})
    >>> rows = {"tags": Rows(Shape.TAG, frame, ["a", "b", "c"])}
    >>> apply_rule(parse_rule("tags:crowd>=0.5"), rows, ["a", "b", "c"]).to_dict()
    {'a': True, 'b': False, 'c': False}
    >>> apply_rule(parse_rule("tags>=1 and not tags:crowd>=0.5"), rows, ["a", "b", "c"]).to_dict()
    {'a': False, 'b': True, 'c': False}
    """
    wanted = pd.Index(list(items), name="item")
    found = _answers(rule, tables, wanted).dropna()
    answer: pd.Series[bool] = found.astype(bool)
    answer.attrs["missing"] = len(wanted) - len(answer)
    return answer.rename(str(rule))


def _answers(rule: Rule, tables: Mapping[str, Rows], wanted: pd.Index[Any]) -> pd.Series[Any]:
    """Give true, false or unknown for each item, by Kleene's logic."""
    if isinstance(rule, Joined):
        answers = [_answers(part, tables, wanted) for part in rule.rules]
        return ~answers[0] if rule.word == "not" else functools.reduce(_JOINS[rule.word], answers)
    values, limit, sign = _values(rule, tables[rule.table])
    found = values.reindex(wanted)
    answer: pd.Series[Any] = OPERATORS[sign](found, limit).astype("boolean")
    return answer.where(found.notna().to_numpy(), pd.NA)


def _values(one: Comparison, rows: Rows) -> tuple[pd.Series[Any], float | str, str]:
    """Give what of each measured item is compared, with what, and how."""
    if one.name and rows.shape not in {Shape.TAG, Shape.REGION}:
        if one.count is not None:
            _refuse(one, f"the table {one.table!r} has no tags or regions to count by their names")
        return _column(one, rows.frame)
    if not one.name and rows.shape not in {Shape.TAG, Shape.REGION, Shape.TEXT}:
        _refuse(
            one,
            f"the table {one.table!r} has one row for each item, so there is nothing to count; "
            f"name a column of it: {one.table}:NAME",
        )
    chosen = rows.frame if not one.name else _of_name(one, rows.frame)
    if one.name and one.count is None:
        best = chosen.groupby("item")["score"].max().astype(float)
        return best.reindex(list(rows.measured), fill_value=0.0), one.value, one.operator
    if one.count is not None:
        chosen = chosen[OPERATORS[one.operator](chosen["score"], one.value)]
    counts = chosen.groupby("item").size().reindex(list(rows.measured), fill_value=0).astype(float)
    sign, limit = (one.operator, one.value) if one.count is None else one.count
    return counts, limit, sign


def _of_name(one: Comparison, frame: pd.DataFrame) -> pd.DataFrame:
    """Give the rows with a tag."""
    if isinstance(one.value, str):
        _refuse(one, f"the score of {one.name!r} is compared with a number and not with a text")
    if not 0 <= one.value <= 1:
        _refuse(
            one,
            "it can tell nothing: scores lie between 0 and 1 (write 0.5 for 50 %, and "
            f"{one.table}:{one.name}>=0.5 >= 2 to count)",
        )
    names = frame["tag"].astype(str)
    found = frame[names.map(_plain) == _plain(one.name)]
    if found.empty:
        _refuse(
            one,
            f"no item has the tag {one.name!r} in the table {one.table!r}",
            _near(one.name, names.unique()),
        )
    return found


def _column(one: Comparison, frame: pd.DataFrame) -> tuple[pd.Series[Any], float | str, str]:
    columns = [str(c) for c in frame.columns if c not in {"item", "run"}]
    named = [c for c in columns if c == one.name] or [
        c for c in columns if _plain(c) == _plain(one.name)
    ]
    if not named:
        _refuse(
            one,
            f"the table {one.table!r} has no column {one.name!r}",
            _near(one.name, columns) or f" It has: {', '.join(columns)}.",
        )
    column = frame[named[0]]
    column = column.astype(object).where(column.notna(), None).set_axis(frame["item"])
    column = column.groupby(level=0).last()
    if pd.api.types.infer_dtype(column) == "string":
        if one.operator not in {"=", "!="}:
            _refuse(
                one,
                f"the column {named[0]!r} of the table {one.table!r} holds texts, which are "
                "compared with = or != only",
            )
        value = one.value if isinstance(one.value, str) else f"{one.value:.12g}"
        return column.map(_plain, na_action="ignore"), _plain(value), one.operator
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
        lambda value, _: _plain(value) == _plain(variable),
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
        return _plain(value) in _POSITIVE


def _is_negative(value: str, other: str) -> bool:
    plain, opposite = _plain(value).replace("-", " "), _plain(other).replace("-", " ")
    forms = {
        f"{word}{gap}{opposite}" for word in ("no", "not", "non", "without") for gap in (" ", "")
    }
    return plain in _NEGATIVE or plain in forms

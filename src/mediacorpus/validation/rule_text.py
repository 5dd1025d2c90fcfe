"""How rules are written, such as `faces>=2 and not tags:Crowd>=0.5 or likes>=50`.

A rule compares: the best score of a tag or a kind of region (`tags:Crowd>=0.5`), the number of
regions, tags or spans of text (`faces>=2`), the number of those of one name that have a score
(`faces:face>=0.8 >= 2`), or a column (`color:red_share>=0.3`, `records:likes>=50`,
`format=JPEG`). A bar puts names or texts side by side of which any will do
(`tags:dome|mosque>=0.5`, `format=JPEG|PNG`). Comparisons are put together with `and`, `or`, `not`
and parentheses.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from mediacorpus.errors import ParameterError

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
    "TABLE:NAME OPERATOR VALUE, such as tags:Crowd>=0.5, TABLE OPERATOR COUNT, such as faces>=2, "
    "or COLUMN OPERATOR VALUE, such as format=JPEG"
)

_WORDS = re.compile(r"(and|or|not)(?!\w)", re.IGNORECASE)
_TABLE = re.compile(r"[A-Za-z_]\w*")
_OPERATOR = re.compile(r">=|<=|!=|==|>|<|=")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")
_BAR = "|"
_ANY = {">=": "or", ">": "or", "=": "or", "<=": "and", "<": "and", "!=": "and"}
"""What joins the comparisons of several names: of scores the best is meant."""
_WORD = re.compile(r"[^\s()\"'<>=!]+")
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_STOP = re.compile(r"[()\"']|\s(?:and|or)(?=\s)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[^\s()\"'<>=!](?:[^()\"'<>=!]*[^\s()\"'<>=!])?")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a rule.

    Parameters
    ----------
    table:
        Table of a measure, such as `"tags"`; `"records"` of your own columns, `"items"`, `"gold"`.
    name:
        Tag, kind of region or column; `""` where all rows of an item are counted, or where
        `table` is the name of a column.
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
        elif _NUMBER.fullmatch(self.value) or _BAR in self.value:
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


def dated(value: object) -> bool:
    """Tell whether a value is a text that begins with a date, which sorts as it is written.

    >>> dated("1970-01-01"), dated("1970-01-01T10:00:00"), dated("1970")
    (True, True, False)
    """
    return isinstance(value, str) and _DATE.match(value) is not None


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

    def _comparison(self) -> Rule:
        word, start = self._word(), self.at
        table = "" if word else self._take(_TABLE)
        if not table:
            self._wrong(f"a comparison is expected here: {FORM}")
        names = [""]
        if self._next(":"):
            self.at += 1
            names = self._names()
        sign = self._operator(f"after {self.text[start : self.at].strip()!r}")
        values = self._values(sign, text=True)
        count = None
        if names != [""] and any(map(self._next, "<>=!")):
            counting = self._operator("")
            [counted] = self._values(counting, text=False)
            self._whole_number(counted, "rows are counted")
            count = counting, int(counted)
            if len(names) > 1:
                self._wrong("rows are counted for one name and not for several", start)
        found = [
            Comparison(table, name, sign, value, count, start) for name in names for value in values
        ]
        return found[0] if len(found) == 1 else Joined(_ANY[sign], tuple(found))

    def _names(self) -> list[str]:
        """Read one name, or several with bars between them."""
        if self._next('"') or self._next("'"):
            names = [self._quoted()]
            while self._next(_BAR):
                self.at += 1
                names += self._names()
            return names
        begin, text = self.at, self._name()
        names = [name.strip() for name in text.split(_BAR)]
        if text.endswith(_BAR) and (self._next('"') or self._next("'")):
            return [*filter(None, names), *self._names()]
        if not all(names):
            self._wrong("a name is expected beside each |", begin)
        return names

    def _name(self) -> str:
        """Read what is not quoted up to the first comparison with a value."""
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

    def _values(self, sign: str, *, text: bool) -> list[Any]:
        """Read a value; of texts also several with bars between them."""
        equal = text and sign in {"=", "!="}
        if equal and (self._next('"') or self._next("'")):
            found: list[Any] = [self._quoted()]
            while self._next(_BAR):
                self.at += 1
                found += self._values(sign, text=text)
            return found
        self._blanks()
        begin = self.at
        word = self._take(_WORD)
        if _NUMBER.fullmatch(word):
            return [float(word)]
        if not word or _WORDS.fullmatch(word):
            self._wrong("a value is expected here", begin)
        if equal:
            return self._texts(word, sign)
        if text and _DATE.fullmatch(word):
            return [word]
        percent = " (write 0.5 for 50 %)" if word.endswith("%") else ""
        return self._wrong(f"a number is expected after {sign}{percent}", begin)

    def _texts(self, word: str, sign: str) -> list[Any]:
        parts = word.split(_BAR)
        last = parts.pop() if word.endswith(_BAR) else ""
        if not all(parts) or last:
            self._wrong("a value is expected beside each |", self.at - len(word))
        found: list[Any] = [float(one) if _NUMBER.fullmatch(one) else one for one in parts]
        return found + self._values(sign, text=True) if word.endswith(_BAR) else found

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
    odd = _STOP.search(name) or _WORDS.fullmatch(name) or _BAR in name
    if plain.fullmatch(name) and not odd:
        return name
    return f"'{name}'" if '"' in name else f'"{name}"'


@dataclass(frozen=True, slots=True)
class Score:
    """What a threshold can be set on: a tag, the best of several, a number, or a count.

    Examples
    --------
    >>> print(Score("tags", ("dome", "mosque")), parse_score("color:red_share"))
    tags:dome|mosque color:red_share
    """

    table: str
    names: tuple[str, ...] = ("",)

    def __str__(self) -> str:
        names = _BAR.join(_written(name, _PLAIN_NAME) for name in self.names if name)
        return f"{self.table}:{names}" if names else self.table

    def rule(self, sign: str, value: float) -> Rule:
        """Give the rule that compares the score with a threshold."""
        found = tuple(Comparison(self.table, name, sign, value) for name in self.names)
        return found[0] if len(found) == 1 else Joined(_ANY[sign], found)


_COMPARED = re.compile("[<>=]")


def parse_score(text: str) -> Score | None:
    """Read a rule without its comparison, such as `tags:Crowd`; None where it has one.

    Raises
    ------
    ParameterError
        The text is not of this form.
    """
    if _COMPARED.search(_QUOTED.sub("", text)):
        return None
    parser = _Parser(text)
    table = parser._take(_TABLE)  # noqa: SLF001 - it is of this module
    if table and not text[parser.at :].strip():
        return Score(table)
    if not table or not parser._next(":"):  # noqa: SLF001
        return None
    try:
        parse_rule(f"{text}>=0")
    except ParameterError:
        return None
    parser.at += 1
    found = parse_rule(f"{text}>=0")
    one = list(comparisons(found))
    plain = all(c.operator == ">=" and c.value == 0 and c.count is None for c in one)
    word = found.word if isinstance(found, Joined) else "or"
    same = len({c.table for c in one}) == 1 and word == "or" and len({c.start for c in one}) == 1
    return Score(table, tuple(c.name for c in one)) if plain and same else None


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

"""Values of labels: which are the same, which are missing, which may be slips of the pen."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from mediacorpus.errors import LabelError, ParameterError
from mediacorpus.store.people import SEVERAL, written

MOST_SPELLINGS = 50
"""Different values up to which slips are looked for; more are free text."""
SHORTEST = 3
"""Letters from which two words that differ in one letter may be one."""
RARE = 0.1

_WHOLE = re.compile(r"([+-]?)0*([0-9]{1,15})\.0+")
_NOT_LETTERS = re.compile(r"[\W_]+")


def key(value: str) -> str:
    """Give what all spellings of a value have in common.

    Numbers are the same with and without a zero after the point, truth values in any case, and
    text however its accents are composed. All else is as it is written: 1.1 and 1.10 are two
    codes, and so are 1 and 01.

    >>> key("1.0") == key("1"), key("TRUE") == key("True"), key("1.10") == key("1.1")
    (True, True, False)
    """
    if SEVERAL in value:
        return SEVERAL.join(key(part) for part in value.split(SEVERAL))
    value = written(value)
    whole = _WHOLE.fullmatch(value)
    if whole:
        sign = "-" if whole[1] == "-" and whole[2] != "0" else ""
        return f"{sign}{whole[2]}"
    return value.lower() if value.lower() in {"true", "false"} else value


def spellings(values: Iterable[str]) -> dict[str, str]:
    """Give the spelling of each value that came first.

    >>> spellings(["1", "1.0", "no"])
    {'1': '1', '1.0': '1', 'no': 'no'}
    """
    first: dict[str, str] = {}
    return {value: first.setdefault(key(value), written(value)) for value in values}


def listed(text: str) -> list[str]:
    """Read what a user lists with commas between; what holds a comma itself stands in quotes.

    >>> listed('yes, "no, never"')
    ['yes', 'no, never']
    """
    rows = list(csv.reader([text], skipinitialspace=True))
    return [one.strip() for one in rows[0]] if rows else []


def _as_listed(parts: Iterable[str]) -> str:
    """Write a list as an option of the command line has it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(list(parts))
    return f"'{text.getvalue()}'" if '"' in text.getvalue() else f'"{text.getvalue()}"'


def read_map(given: str | Mapping[str, str] | None) -> dict[str, str]:
    """Read which values are to be written otherwise; raises `ParameterError`.

    >>> read_map("YES=yes, yess=yes")
    {'YES': 'yes', 'yess': 'yes'}
    """
    if given is None:
        return {}
    if not isinstance(given, str):
        return {written(str(old)): written(str(new)) for old, new in given.items()}
    found = {}
    for pair in listed(given):
        old, sign, new = pair.partition("=")
        if not sign or not old.strip():
            raise ParameterError(
                f"The map {given!r} is not understood; write OLD=NEW pairs with commas between, "
                'such as "YES=yes,yess=yes". An empty NEW makes it no answer.'
            )
        found[written(old)] = written(new)
    return found


def check_allowed(variable: str, counts: Mapping[str, int], allowed: Sequence[str]) -> None:
    """Raise `LabelError` for values that are not among the allowed ones."""
    known = {key(value) for value in allowed}
    odd = {
        value: count
        for value, count in counts.items()
        if key(value) not in known and not set(key(value).split(SEVERAL)) - {""} <= known
    }
    if odd:
        shown = ", ".join(f"{value!r} ({count:,})" for value, count in odd.items())
        near = _as_listed(f"{value}={_nearest(value, allowed)}" for value in odd)
        raise LabelError(
            f"{variable} has values that are not among the allowed ones ({', '.join(allowed)}): "
            f"{shown}. Nothing was imported. Correct the table, or give --map {near} with what "
            "each of them means; a value that means nothing is mapped to nothing, as in "
            f'"{next(iter(odd))}=".'
        )


def _nearest(value: str, allowed: Sequence[str]) -> str:
    import difflib

    folded = {_folded(one): one for one in allowed}
    close = difflib.get_close_matches(_folded(value), list(folded), 1, 0.5)
    return folded[close[0]] if close else "?"


def check_spelling(variable: str, counts: Mapping[str, int], *, new: Collection[str]) -> None:
    """Raise `LabelError` where values look like spellings of one another.

    These are values that differ in case, blanks or punctuation only; a single letter that begins
    another value; and words of letters only that differ in one letter, of which one is rare.

    Parameters
    ----------
    variable:
        For the message.
    counts:
        How often each value occurs, in the table and in the log.
    new:
        Values that the log does not have: what it has was allowed before.
    """
    fresh = {written(part) for value in new for part in (value, *value.split(SEVERAL))}
    groups = [group for group in spelling_groups(counts) if not fresh.isdisjoint(group)]
    if not groups:
        return
    single = _single(counts)
    shown = "; ".join(
        " / ".join(f"{value} ({single[value]:,})" for value in group) for group in groups
    )
    pairs = _as_listed(f"{other}={group[0]}" for group in groups for other in group[1:])
    names = _as_listed(single)
    raise LabelError(
        f"Some values of {variable} look like spellings of one another: {shown}. Nothing was "
        f"imported. If they mean the same, give --map {pairs}; if not, allow all of them with "
        f"--values {names}."
    )


def spelling_groups(counts: Mapping[str, int]) -> list[list[str]]:
    """Group values that may be one, the commonest of each group first.

    >>> spelling_groups({"yes": 20, "YES": 3, "yess": 1, "No": 15, "n": 2, "unclear": 4})
    [['yes', 'YES', 'yess'], ['No', 'n']]
    """
    single = _single(counts)
    forms: dict[str, list[str]] = {}
    for value in single:
        forms.setdefault(_folded(value), []).append(value)
    if len(forms) > MOST_SPELLINGS:
        return []
    totals = {form: sum(single[value] for value in values) for form, values in forms.items()}
    words = {form for form, values in forms.items() if all(map(str.isalpha, values))}
    home = {form: form for form in forms}
    for form in sorted(forms, key=lambda form: (totals[form], form)):
        others = [other for other in words - {form} if home[other] == other and form in words]
        near = [other for other in others if _slip(form, other, totals)]
        if len(near) == 1:
            home[form] = near[0]
    groups: dict[str, list[str]] = {}
    for form, values in forms.items():
        groups.setdefault(home[form], []).extend(values)
    return [
        sorted(group, key=lambda value: -single[value])
        for group in groups.values()
        if len(group) > 1
    ]


def _single(counts: Mapping[str, int]) -> Counter[str]:
    """Count each value by itself where an item may have several."""
    single = Counter[str]()
    for value, count in counts.items():
        for part in value.split(SEVERAL):
            if written(part):
                single[written(part)] += count
    return single


def _folded(value: str) -> str:
    """Write a value without case, blanks and punctuation; a sign or a number keeps all of it."""
    if any(letter.isdigit() for letter in value) or not any(map(str.isalpha, value)):
        return value.casefold()
    return _NOT_LETTERS.sub("", value).casefold()


def _slip(form: str, other: str, totals: Mapping[str, int]) -> bool:
    """Tell whether a rarer form is a slip or a short form of a commoner one."""
    if totals[form] > totals[other]:
        return False
    if len(form) == 1:
        return len(other) > 1 and other[0] == form
    if min(len(form), len(other)) < SHORTEST or max(len(form), len(other)) <= SHORTEST:
        return False
    rare = totals[form] <= max(1, RARE * totals[other]) and totals[form] < totals[other]
    return rare and _one_off(form, other)


def _one_off(one: str, other: str) -> bool:
    """Tell whether one letter was added, left out or changed, or two were swapped.

    >>> _one_off("yess", "yes"), _one_off("hapyp", "happy"), _one_off("cats", "dogs")
    (True, True, False)
    """
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])

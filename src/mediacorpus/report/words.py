"""Numbers and names as readers see them in the report."""

from __future__ import annotations

import math
import re
import shlex
import unicodedata
from typing import TYPE_CHECKING, Any

from mediacorpus.result import counted
from mediacorpus.stats.metric import label_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\ufffe\uffff]"
)
_SMALL_SAMPLE = 200
_MINUTE = 60
_KILO, _UNITS = 1000, ("kB", "MB", "GB", "TB")
_SPACE = "\u00a0"
_LARGEST = 1e15
_PARTS = {"train": "training", "val": "validation", "test": "test", "labelled": "all labelled"}


def part(name: str) -> str:
    """Write the name of a part of a split for reading.

    Examples
    --------
    >>> part("val"), part("fold 1")
    ('validation', 'fold 1')
    """
    return _PARTS.get(name, name)


def printable(text: str) -> str:
    r"""Replace what no HTML or XML file may hold, and hidden changes of direction.

    Control characters, lone surrogates (from file names that are no UTF-8) and the characters
    that reverse the text after them become U+FFFD.

    Examples
    --------
    >>> printable("caf\udce9.jpg")
    'caf�.jpg'
    """
    return _UNPRINTABLE.sub("\ufffd", text)


def name(text: object, *, limit: int = 80) -> str:
    r"""Prepare a user's name for a line of text: on one line, at most `limit` characters.

    Names with right-to-left letters are isolated, so that they do not reorder their sentence.

    Examples
    --------
    >>> name("a  long\nname", limit=6)
    'a lon…'
    """
    line = " ".join(printable(str(text)).split())
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    if any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in line):
        return f"\u2068{line}\u2069"
    return line


def number(value: float) -> str:
    """Write a number for reading: thousands apart, four significant digits for fractions.

    Examples
    --------
    >>> number(12345), number(0.000123456), number(2.0), number(float("nan"))
    ('12,345', '0.0001235', '2', '—')
    """
    if math.isnan(value):
        return "—"
    if math.isinf(value) or abs(value) >= _LARGEST:
        return f"{value:g}"
    return f"{int(value):,}" if value == int(value) else f"{value:.4g}"


def were(value: int) -> str:
    """Give the verb that goes with a number: was or were."""
    return "was" if value == 1 else "were"


def share(some: float, whole: float) -> str:
    r"""Write a share in per cent.

    Examples
    --------
    >>> share(1, 3), share(0, 0), share(1, 5000)
    ('33.3\xa0%', '—', '<\xa00.1\xa0%')
    """
    if not whole:
        return "—"
    written = f"{100 * some / whole:.1f}"
    return f"<{_SPACE}0.1{_SPACE}%" if some > 0 and written == "0.0" else f"{written}{_SPACE}%"


def level(coverage: float) -> str:
    r"""Write the coverage of an interval in per cent.

    Examples
    --------
    >>> level(0.95)
    '95\xa0%'
    """
    return f"{100 * coverage:g}{_SPACE}%"


def score(value: float | None, n: int) -> str:
    """Write a score with as many digits as `n` items can tell apart: two, or three from 200.

    Examples
    --------
    >>> score(0.8529, 815), score(0.95, 40), score(float("nan"), 40)
    ('0.853', '0.95', '—')
    """
    if value is None or math.isnan(value):
        return "—"
    return f"{value:.{2 if n < _SMALL_SAMPLE else 3}f}"


def score_name(name: str) -> str:
    """Write the name of a score for reading.

    Examples
    --------
    >>> score_name("f1"), score_name("balanced_accuracy"), score_name("macro_f1")
    ('F1', 'Balanced accuracy', 'Macro F1')
    """
    label = label_of(name)
    return label[:1].upper() + label[1:]


def estimate(value: float | None, low: float | None, high: float | None, *, n: int) -> str:
    """Write a score with its interval.

    Examples
    --------
    >>> estimate(0.95, 0.835, 0.986, n=40)
    '0.95 [0.83, 0.99]'
    >>> estimate(0.95, float("nan"), float("nan"), n=40)
    '0.95'
    """
    limits = score(low, n), score(high, n)
    return score(value, n) + ("" if "—" in limits else f" [{', '.join(limits)}]")


def duration(seconds: float | None) -> str:
    """Write a duration.

    Examples
    --------
    >>> duration(3.21), duration(75), duration(7300), duration(None)
    ('3.2 s', '1 min 15 s', '2 h 1 min', '—')
    """
    if seconds is None or math.isnan(seconds):
        return "—"
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min {rest} s"
    return f"{minutes // _MINUTE} h {minutes % _MINUTE} min"


def size(count_of_bytes: float) -> str:
    """Write a size in bytes with decimal prefixes.

    Examples
    --------
    >>> size(900), size(1_234_567)
    ('900 bytes', '1.2 MB')
    """
    if count_of_bytes < _KILO:
        return counted(int(count_of_bytes), "byte")
    amounts = [(count_of_bytes / _KILO**n, unit) for n, unit in enumerate(_UNITS, 1)]
    amount, unit = next((pair for pair in amounts if round(pair[0], 1) < _KILO), amounts[-1])
    return f"{amount:.1f} {unit}"


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop.

    Examples
    --------
    >>> sentence("drawn at random"), sentence("Right?"), sentence("")
    ('Drawn at random.', 'Right?', '')
    """
    line = text.strip()
    if line and not line.endswith((".", "!", "?")):
        line += "."
    return line[:1].upper() + line[1:]


def listing(words: Sequence[str]) -> str:
    """Join words with commas and *and*.

    Examples
    --------
    >>> listing(["red", "green", "blue"])
    'red, green and blue'
    """
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def first(lines: Sequence[str], most: int, rest: str) -> list[str]:
    """Leave out lines beyond the first, and say in a last one how many.

    Examples
    --------
    >>> first(["red", "green", "blue"], 1, "{:,} more")
    ['red', '2 more']
    """
    left = len(lines) - most
    return [*lines[:most], rest.format(left)] if left > 0 else list(lines)


def quoted(text: str) -> str:
    """Write a user's name so that a command line takes it as one word.

    Examples
    --------
    >>> quoted("my corpus")
    "'my corpus'"
    """
    return shlex.quote(printable(text))


def value(thing: Any) -> str:
    """Write a setting or a cell of a table, whatever its type.

    Examples
    --------
    >>> value(None), value(True), value(0.001), value([1, 2]), value("sgd")
    ('—', 'yes', '0.001', '1, 2', 'sgd')
    """
    if thing is None:
        return "—"
    if isinstance(thing, bool):
        return "yes" if thing else "no"
    if isinstance(thing, int | float):
        return number(thing)
    if isinstance(thing, list | tuple):
        return ", ".join(value(one) for one in thing)
    if isinstance(thing, dict):
        return ", ".join(f"{key}: {value(one)}" for key, one in thing.items())
    if hasattr(thing, "item") and getattr(thing, "ndim", 1) == 0:
        return value(thing.item())
    return "—" if str(thing) in {"NaT", "<NA>"} else str(thing)

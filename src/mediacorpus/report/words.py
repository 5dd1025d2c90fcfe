"""Numbers and names as readers see them in the report."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from mediacorpus.stats.metric import label_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\ufffe\uffff]"
)
_SMALL_SAMPLE = 200
_MINUTE = 60
_KILO = 1000
_SPACE = "\u00a0"
_LARGEST = 1e15


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


def count(value: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun.

    Examples
    --------
    >>> count(1, "copy", "copies"), count(1200, "image")
    ('1 copy', '1,200 images')
    """
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def share(part: float, whole: float) -> str:
    r"""Write a share in per cent.

    Examples
    --------
    >>> share(1, 3), share(0, 0), share(1, 5000)
    ('33.3\xa0%', '—', '<\xa00.1\xa0%')
    """
    if not whole:
        return "—"
    said = f"{100 * part / whole:.1f}"
    return f"<{_SPACE}0.1{_SPACE}%" if part > 0 and said == "0.0" else f"{said}{_SPACE}%"


def level(coverage: float) -> str:
    r"""Write the coverage of an interval in per cent.

    Examples
    --------
    >>> level(0.95)
    '95\xa0%'
    """
    return f"{100 * coverage:g}{_SPACE}%"


def score(value: float, n: int) -> str:
    """Write a score with as many digits as `n` items can tell apart: two, or three from 200.

    Examples
    --------
    >>> score(0.8529, 815), score(0.95, 40), score(float("nan"), 40)
    ('0.853', '0.95', '—')
    """
    return "—" if math.isnan(value) else f"{value:.{2 if n < _SMALL_SAMPLE else 3}f}"


def score_name(name: str) -> str:
    """Write the name of a score for reading.

    Examples
    --------
    >>> score_name("f1"), score_name("balanced_accuracy"), score_name("macro_f1")
    ('F1', 'Balanced accuracy', 'Macro F1')
    """
    label = label_of(name)
    return label[:1].upper() + label[1:]


def estimate(value: float, low: float, high: float, *, n: int) -> str:
    """Write a score with its interval.

    Examples
    --------
    >>> estimate(0.95, 0.835, 0.986, n=40)
    '0.95 [0.83, 0.99]'
    >>> estimate(0.95, float("nan"), float("nan"), n=40)
    '0.95'
    """
    if math.isnan(low) or math.isnan(high):
        return score(value, n)
    return f"{score(value, n)} [{score(low, n)}, {score(high, n)}]"


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
        return count(int(count_of_bytes), "byte")
    units = ("kB", "MB", "GB", "TB")
    amounts = [count_of_bytes / _KILO**n for n in range(1, 5)]
    fits = [n for n, amount in enumerate(amounts) if round(amount, 1) < _KILO]
    n = fits[0] if fits else -1
    return f"{amounts[n]:.1f} {units[n]}"


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop.

    Examples
    --------
    >>> sentence("drawn at random"), sentence("Right?"), sentence("")
    ('Drawn at random.', 'Right?', '')
    """
    said = text.strip()
    if said and not said.endswith((".", "!", "?")):
        said += "."
    return said[:1].upper() + said[1:]


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

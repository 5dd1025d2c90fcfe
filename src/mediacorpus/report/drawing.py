"""What the figures have in common: style, palette, and a small, stable SVG as output."""

from __future__ import annotations

import io
import math
import re
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from xml.sax.saxutils import quoteattr

from mediacorpus.errors import ParameterError, writing
from mediacorpus.extras import need
from mediacorpus.files import atomic_write
from mediacorpus.report import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

Found = TypeVar("Found")

BLUE, VERMILION = "#0072b2", "#d55e00"
"""From the palette of Okabe and Ito (2008), which color-blind readers can tell apart."""
INK, GRAY, PALE = "#222222", "#666666", "#d9d9d9"

WIDTH = 6.5
"""Width of a figure in inches: the text width of a page of A4."""

SMALL = 8.25
"""Points of the smallest letters: 11 pixels where a phone shows a figure."""

FONTS = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"

_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRAY,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.dpi": 72,
    # This font comes with matplotlib, so layouts are the same on every machine; it runs
    # wide, so the reader's own font, put in its place afterwards, always fits.
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "grid.color": PALE,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "mediacorpus",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": GRAY,
    "xtick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.color": GRAY,
    "ytick.labelcolor": INK,
    "ytick.major.width": 0.6,
}
# matplotlib keeps its settings in one place for all threads.
_LOCK = threading.RLock()

_UNUSED_ID = re.compile(r' id="(?!m[0-9a-f]|p[0-9a-f]|image|h[0-9a-f])[^"]*"')
_NUMBER = re.compile(r"-?\d+\.\d{3,}(?![\d%])")
_TAG = re.compile(r"<[a-z][^>]*>", re.DOTALL)
_ID = re.compile(r'(\bid="|url\(#|href="#)')


@contextmanager
def style() -> Iterator[None]:
    """Set matplotlib's settings for one figure and put them back afterwards."""
    matplotlib = need("matplotlib")
    with _LOCK, matplotlib.rc_context(), warnings.catch_warnings():
        # Names in any script are drawn by the browser, with the reader's fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        matplotlib.rcParams.update(matplotlib.rcParamsDefault)
        matplotlib.rcParams.update(_STYLE)
        yield


@contextmanager
def canvas(
    height: float,
    columns: int = 1,
    *,
    rows: int = 1,
    width: float = WIDTH,
    figure_class: Any = None,
    **shared: Any,
) -> Iterator[tuple[Any, Any]]:
    """Open a figure in our style, `height` inches high, with a 2-D array of axes."""
    with style():
        kind = figure_class or need("matplotlib.figure").Figure
        figure = kind(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(rows, columns, squeeze=False, **shared)


@contextmanager
def panels(
    count: int,
    across: int,
    *,
    xlabel: str,
    ylabel: str,
    row_height: float = 1.45,
    figure_class: Any = None,
    headed: bool = False,
) -> Iterator[tuple[Any, Any]]:
    """Open a figure of small panels with the same axes, at most `across` in a row.

    With `headed` there is room for a title above and a key below; the names of the axes stand
    at the first column and the lowest row then.
    """
    columns = min(across, count)
    rows = math.ceil(count / columns)
    height = (0.85 if headed else 0.35) + row_height * rows
    with canvas(
        height, columns, rows=rows, figure_class=figure_class, sharex=True, sharey=True
    ) as (figure, axes):
        for place, axis in enumerate(axes.flat):
            axis.set_visible(place < count)
            # The lowest visible panel of each column bears the numbers.
            axis.tick_params(labelbottom=place + columns >= count)
        if headed:
            for axis in axes[:, 0]:
                axis.set_ylabel(ylabel)
            axes.flat[count - 1 - (count - 1) % columns].set_xlabel(xlabel, loc="left")
        else:
            figure.supxlabel(xlabel, size=8.5, color=INK)
            figure.supylabel(ylabel, size=8.5, color=INK)
        yield figure, axes.flat[:count]


def headed(figure: Any, title: str, *, n: str = "", key: str = "") -> None:
    """Write above a figure its title and the number of cases, and below it what its marks mean."""
    figure.suptitle(title, x=0.01, ha="left", size=10, weight="bold", color=INK)
    if n:
        figure.text(0.99, 0.985, f"n = {n}", ha="right", va="top", size=SMALL, color=GRAY)
    if key:
        figure.supxlabel(key, x=0.01, ha="left", size=SMALL, color=GRAY)


def to_svg(figure: Any, alt: str) -> str:
    """Give a figure as an SVG element that can stand inside an HTML page.

    Text stays text; coordinates are rounded; nothing depends on the date or on the machine.

    Parameters
    ----------
    figure:
        A matplotlib figure.
    alt:
        What the figure shows, in words, for readers who do not see it.
    """
    buffer = io.StringIO()
    facts = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=facts, transparent=True)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].rstrip()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # This style would apply to the whole page; the root passes the same on to its children.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, count=1, flags=re.DOTALL)
    opening = (
        f'<svg role="img" aria-label={quoteattr(words.printable(alt))}'
        ' stroke-linejoin="round" stroke-linecap="butt"'
    )
    return words.printable(_TAG.sub(_tidy, svg).replace("<svg", opening, 1))


def _tidy(found: re.Match[str]) -> str:
    tag = _UNUSED_ID.sub("", found.group()).replace("xlink:href=", "href=")
    tag = re.sub(r'\s+xmlns:xlink="[^"]*"', "", tag)
    tag = re.sub(r"'DejaVu Sans'(, sans-serif)?", FONTS, tag)
    return _NUMBER.sub(lambda n: f"{float(n.group()):.2f}".rstrip("0").rstrip("."), tag)


_DATES = {".png": "Software", ".svg": "Date", ".pdf": "CreationDate"}


def save(figure: Any, target: Path) -> None:
    """Write a figure to a file whose ending names the format, the same on every day.

    Raises
    ------
    StorageFull, CorpusReadOnly
        The file cannot be written.
    """
    undated = {name: None for ending, name in _DATES.items() if ending == target.suffix.lower()}
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as path:
            figure.savefig(path, dpi=160, metadata=undated, facecolor="white")


def drawn(find: Callable[[], Found], draw: Callable[[Found], str], output: Path | None) -> Found:
    """Give what was found, drawn as an SVG where that is asked for.

    Parameters
    ----------
    find:
        Does the work.
    draw:
        Draws what it gave.
    output:
        `.svg` file to draw to, or None.

    Raises
    ------
    ParameterError
        The file would be of another kind; this is said before the work.
    """
    if output is not None and output.suffix.lower() != ".svg":
        raise ParameterError(f"The figure is written as .svg; {output.name!r} ends otherwise.")
    found = find()
    if output is not None:
        with writing(output.parent):
            output.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(output) as temporary:
                temporary.write_text(draw(found), encoding="utf-8")
    return found


def for_page(svg: str, prefix: str) -> str:
    """Prepare an SVG to stand inside an HTML page.

    All its ids begin with `prefix`, so that several can share the page, and the name of its
    namespace goes, which HTML does not need.

    Examples
    --------
    >>> for_page('<g id="a"/><use href="#a"/>', "f1-")
    '<g id="f1-a"/><use href="#f1-a"/>'
    """
    svg = svg.replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)
    return _TAG.sub(lambda tag: _ID.sub(rf"\g<1>{prefix}", tag.group()), svg)


def label(text: str, limit: int = 26) -> str:
    """Shorten a user's name for an axis."""
    return words.name(text, limit=limit)


def bars(axes: Any, names: Sequence[str], counts: Sequence[int], *, whole: int) -> None:
    """Draw one horizontal bar per name, first on top, with number and share at its end."""
    drawn = axes.barh(range(len(names)), counts, height=0.62, color=BLUE)
    labels = [f"{n:,}" + (f"  ({words.share(n, whole)})" if whole else "") for n in counts]
    axes.bar_label(drawn, labels, padding=4, color=INK)
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_bounds(-0.5, len(names) - 0.5)
    axes.set(xlim=(0, 1.22 * max(*counts, 1)), ylim=(len(names) - 0.45, -0.55))


def end_labels(axes: Any, ends: Sequence[tuple[float, str, str]], x: float) -> None:
    """Name lines at their right ends (`y`, text, color), pushed apart where they would meet."""
    low, high = axes.get_ylim()
    gap = 0.085 * (high - low)
    placed: list[float] = []
    ordered = sorted(ends)
    for end, _, _ in ordered:
        y = min(max(end, low), high)
        placed.append(max(y, placed[-1] + gap) if placed else y)
    excess = max(0.0, placed[-1] - high)
    for (_, text, color), at in zip(ordered, placed, strict=True):
        axes.annotate(
            text,
            (x, at - excess),
            (5, 0),
            textcoords="offset points",
            va="center_baseline",
            color=color,
            annotation_clip=False,
        )

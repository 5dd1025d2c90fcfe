"""The verb `plot`: distributions, shares and trends of what was measured, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.analysis.distribution import Distribution, distribution
from mediacorpus.errors import ParameterError
from mediacorpus.extras import need
from mediacorpus.report import words
from mediacorpus.report.document import Drawing, Table, Text, leaf, write_page
from mediacorpus.report.drawing import (
    BLUE,
    INK,
    PALE,
    SMALL,
    VERMILION,
    canvas,
    end_labels,
    headed,
    label,
    panels,
    save,
    style,
    to_svg,
)
from mediacorpus.store.store import Store

ENDINGS = (".png", ".svg", ".pdf", ".html")
LINE_COLORS = (BLUE, VERMILION, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Six of the palette of Okabe and Ito (2008)."""
_MOST_TICKS = 12
_ACROSS = 3
_LONG = 22
_FEW = 5
"""Groups of fewer records have intervals so wide that the figure need not hold them."""


class Plot(need("matplotlib.figure").Figure):  # type: ignore[misc]
    """A figure of matplotlib that knows what it shows.

    Attributes
    ----------
    distribution:
        The numbers that are drawn, or None while the figure is being made.
    """

    distribution: Distribution | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers that are drawn; see `Distribution.table`."""
        return self._numbers().to_frame()

    def _numbers(self) -> Distribution:
        assert self.distribution is not None
        return self.distribution

    def _repr_html_(self) -> str:
        found = self._numbers()
        with style():
            svg = to_svg(self, str(found))
        notes = "".join(f"<br>{words.printable(note)}" for note in found.notes)
        return f"<div>{svg}</div><small>{legend(found)}{notes}</small>"

    def __repr__(self) -> str:
        return f"Plot: {self.distribution}"[:200]


def plot(
    store: Store,
    column: str,
    *,
    by: str | None = None,
    only: Sequence[str] | None = None,
    level: float = 0.95,
    output: Path | None = None,
) -> Plot:
    """Draw how a column is distributed: all records together, or group by group.

    Numbers of one group are a histogram, numbers of several groups are means with intervals, over
    time a trend; classes are shares with intervals.

    Parameters
    ----------
    store:
        The catalogue.
    column, by, only, level:
        As for `mediacorpus.analysis.distribution.distribution`.
    output:
        `.png`, `.svg`, `.pdf` or `.html` file to write as well; the last also holds the numbers.

    Returns
    -------
    Plot
        A figure of matplotlib, which can be changed and saved like any other; a notebook shows
        it. `to_frame` gives the numbers.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    UnknownName, ParameterError
        As for `distribution`; or the file has another ending.
    """
    if output is not None and output.suffix.lower() not in ENDINGS:
        raise ParameterError(
            f"A plot is written as {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}; {output.name!r} "
            "has another ending."
        )
    found = distribution(store, column, by=by, only=only, level=level)
    figure = draw(found)
    if output is not None:
        if output.suffix.lower() == ".html":
            write_page(output, _page(found, figure))
        else:
            save(figure, output)
    return figure


def draw(found: Distribution) -> Plot:
    """Draw a distribution as a figure of matplotlib."""
    several = found.measure == "share" and found.by != ""
    figure: Plot
    if not found.by:
        figure = _bars_of(found) if found.measure == "share" else _histogram(found)
    elif found.ordered:
        figure = _share_lines(found) if several else _trend(found)
    else:
        figure = _share_panels(found) if several else _rows(found)
    figure.distribution = found
    return figure


def legend(found: Distribution) -> str:
    """Say what the marks of the figure stand for."""
    cover = words.level(found.level)
    if not found.by:
        if found.measure == "share":
            return f"Lines: {cover} intervals."
        return "Line: median. Dot and line: mean with its interval."
    if found.measure == "share":
        return f"Share of the records of each group, with {cover} intervals."
    few = found.table[found.table["n"] < _FEW]
    low, high = _room(found.table)
    cut = ((few["low"] < low) | (few["high"] > high)).any() or few["low"].isna().any()
    tail = f" Groups of fewer than {_FEW} records: cut off, or without." if cut else ""
    return f"Dots: means with {cover} intervals. Pale: the middle half of the records.{tail}"


def _title(figure: Any, found: Distribution) -> None:
    by = f" by {label(found.by, 40)}" if found.by else ""
    headed(figure, f"{label(found.column, 40)}{by}", n=str(found.of), key=legend(found))


def _histogram(found: Distribution) -> Any:
    row = found.table.iloc[0]
    with canvas(3.2, figure_class=Plot) as (figure, axes):
        axis = axes[0, 0]
        widths = np.diff(found.edges)
        axis.bar(
            found.edges[:-1], found.counts, widths, align="edge", color=BLUE, ec="white", lw=0.5
        )
        top = 1.12 * max(int(found.counts.max()), 1)
        axis.axvline(row["median"], color=INK, lw=1)
        axis.plot([row["low"], row["high"]], [0.96 * top] * 2, color=VERMILION)
        axis.plot(row["estimate"], 0.96 * top, "o", ms=4, color=VERMILION)
        axis.set(ylim=(0, top), xlabel=label(found.column, 60), ylabel="records")
        axis.xaxis.set_major_locator(_ticks(whole=bool(np.all(widths == 1))))
        axis.grid(axis="y")
        _title(figure, found)
    return figure


def _ticks(*, whole: bool = True) -> Any:
    return need("matplotlib.ticker").MaxNLocator(9, integer=whole)


def _bars_of(found: Distribution) -> Any:
    table = found.table
    with canvas(0.95 + 0.27 * len(table), figure_class=Plot) as (figure, axes):
        axis = axes[0, 0]
        places = np.arange(len(table))
        axis.barh(places, table["estimate"], height=0.62, color=BLUE)
        _whiskers(axis, table, places, color=INK)
        axis.set_yticks(places, [label(str(name), 34) for name in table["class"]])
        ends = zip(table["high"], table["count"], table["n"], strict=True)
        for place, (end, count, n) in enumerate(ends):
            text = f"{count:,} ({words.share(count, n)})"
            axis.annotate(
                text, (end, place), (5, 0), textcoords="offset points", va="center", size=SMALL
            )
        axis.set(
            xlim=(0, min(1.3 * float(table["high"].max()), 1.25)), ylim=(len(table) - 0.5, -0.5)
        )
        axis.xaxis.set_major_formatter(need("matplotlib.ticker").PercentFormatter(1, decimals=0))
        axis.tick_params(axis="y", length=0)
        _title(figure, found)
    return figure


def _whiskers(axis: Any, table: pd.DataFrame, places: Any, *, color: str) -> None:
    axis.hlines(places, table["low"], table["high"], color=color, lw=1.1)


def _rows(found: Distribution) -> Any:
    """Draw means of groups without an order, one below the other."""
    table = found.table
    with canvas(0.95 + 0.29 * len(table), figure_class=Plot) as (figure, axes):
        axis = axes[0, 0]
        places = np.arange(len(table))
        axis.hlines(places, table["q25"], table["q75"], color=PALE, lw=7)
        _whiskers(axis, table, places, color=BLUE)
        axis.plot(table["estimate"], places, "o", ms=4.5, color=BLUE)
        axis.set_yticks(places, _named(table))
        axis.set(ylim=(len(table) - 0.5, -0.5), xlabel=label(found.column, 60), xlim=_room(table))
        axis.grid(axis="x")
        axis.tick_params(axis="y", length=0)
        _title(figure, found)
    return figure


def _named(table: pd.DataFrame) -> list[str]:
    pairs = zip(table["group"], table["n"], strict=True)
    return [f"{label(str(group), _LONG)}  (n = {n:,})" for group, n in pairs]


def _trend(found: Distribution) -> Any:
    table = found.table
    with canvas(3.4, figure_class=Plot) as (figure, axes):
        axis = axes[0, 0]
        x = _steps(axis, table)
        width = min(5.0, 160 / len(x))
        axis.vlines(x, table["q25"], table["q75"], color=PALE, lw=width)
        axis.plot(*_with_gaps(x, table["estimate"]), "-", color=BLUE, lw=1.2)
        axis.vlines(x, table["low"], table["high"], color=BLUE, lw=1.1)
        axis.plot(x, table["estimate"], "o", ms=4, color=BLUE)
        axis.set(xlabel=label(found.by, 60), ylabel=label(found.column, 40), ylim=_room(table))
        axis.grid(axis="y")
        _title(figure, found)
    return figure


def _steps(axis: Any, table: pd.DataFrame) -> Any:
    """Give the places of ordered groups, and write at the axis what they are."""
    groups = table["group"].drop_duplicates()
    numbers = groups.dtype.kind in "if"
    x = groups.to_numpy(float) if numbers else _months(groups)
    n = table.drop_duplicates("group")["n"].to_numpy()
    if len(groups) <= _MOST_TICKS:
        names = [words.number(float(g)).replace(",", "") if numbers else str(g) for g in groups]
        axis.set_xticks(x, [f"{name}\nn = {k:,}" for name, k in zip(names, n, strict=True)])
    elif not numbers:
        step = -(-len(groups) // _MOST_TICKS)
        axis.set_xticks(x[::step], groups.tolist()[::step])
    else:
        axis.xaxis.set_major_locator(_ticks())
    return x


def _months(groups: pd.Series[str]) -> Any:
    """Give months such as 2024-05 numbers, so that missing ones leave a gap."""
    parts = groups.str.split("-", expand=True).astype(float)
    return (12 * parts[0] + parts[1]).to_numpy()


def _with_gaps(x: Any, y: pd.Series[Any]) -> tuple[Any, Any]:
    """Break a line where whole steps between its points are missing."""
    steps = np.diff(x)
    if not len(steps) or not np.all(x == np.round(x)):
        return x, y
    gaps = np.flatnonzero(steps > 1.5 * steps.min()) + 1
    return np.insert(x, gaps, np.nan), np.insert(y.to_numpy(float), gaps, np.nan)


def _room(table: pd.DataFrame) -> tuple[float, float]:
    """Give the limits of an axis, on which wide intervals of tiny groups may be cut off."""
    sure = table[table["n"] >= _FEW]
    ends = pd.concat([table["q25"], table["q75"], table["estimate"], sure["low"], sure["high"]])
    low, high = float(ends.min()), float(ends.max())
    margin = 0.07 * (high - low or 1.0)
    return low - margin, high + margin


def _share_lines(found: Distribution) -> Any:
    table = found.table
    with canvas(3.6, figure_class=Plot) as (figure, axes):
        axis = axes[0, 0]
        ends = []
        for (name, own), color in zip(
            table.groupby("class", sort=False), LINE_COLORS, strict=False
        ):
            x = _steps(axis, own)
            axis.vlines(x, own["low"], own["high"], color=color, lw=0.8, alpha=0.6)
            axis.plot(*_with_gaps(x, own["estimate"]), "-", color=color)
            axis.plot(x, own["estimate"], "o", ms=3.5, color=color)
            ends.append((float(own["estimate"].iloc[-1]), label(str(name), _LONG), color))
        axis.set(xlabel=label(found.by, 60), ylim=(0, min(1.05 * float(table["high"].max()), 1.03)))
        axis.yaxis.set_major_formatter(need("matplotlib.ticker").PercentFormatter(1, decimals=0))
        axis.grid(axis="y")
        end_labels(axis, ends, float(x[-1]))
        _title(figure, found)
    return figure


def _share_panels(found: Distribution) -> Any:
    """Draw shares by groups without an order: a panel for each class."""
    classes = list(found.table.groupby("class", sort=False))
    groups = found.table["group"].nunique()
    with panels(
        len(classes),
        _ACROSS,
        xlabel="",
        ylabel="",
        row_height=0.45 + 0.24 * groups,
        figure_class=Plot,
    ) as (figure, axes):
        for axis, (name, own) in zip(axes, classes, strict=True):
            places = np.arange(len(own))
            _whiskers(axis, own, places, color=BLUE)
            axis.plot(own["estimate"], places, "o", ms=4, color=BLUE)
            axis.set_title(label(str(name), _LONG))
            axis.set_yticks(places, _named(own))
            axis.set(ylim=(len(own) - 0.5, -0.5), xlim=(0, None))
            axis.xaxis.set_major_formatter(
                need("matplotlib.ticker").PercentFormatter(1, decimals=0)
            )
            axis.grid(axis="x")
            axis.tick_params(axis="y", length=0)
        _title(figure, found)
    return figure


def _page(found: Distribution, figure: Plot) -> str:
    """Give the figure with its numbers as one HTML page."""
    by = f" by {found.by}" if found.by else ""
    with style():
        svg = to_svg(figure, str(found))
    blocks = [
        Drawing(svg, f"{legend(found)} n = {found.of}."),
        *(Text(note) for note in found.notes),
        _numbers(found),
    ]
    return leaf(f"{found.column}{by}", blocks)


def _numbers(found: Distribution) -> Table:
    names = [n for n in found.table.columns if n != "group" or found.by]
    rows = [
        [_cell(name, cell) for name, cell in zip(names, row, strict=True)]
        for row in found.table[names].itertuples(index=False, name=None)
    ]
    numeric = [n for n in names if n not in {"group", "class"}]
    return Table("The numbers of the figure", names, rows, numeric=numeric)


def _cell(name: str, cell: Any) -> str:
    # A year is no number of things: nothing between its thousands.
    return words.value(cell).replace(",", "") if name == "group" else words.value(cell)

"""Figures of a grid: scores by setting."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.errors import unknown
from mediacorpus.extras import need
from mediacorpus.learning.grid import RESULTS
from mediacorpus.report.drawing import BLUE, GRAY, INK, VERMILION, canvas, headed, label, save

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


SCORES = {"accuracy": "Accuracy", "log_loss": "Log loss"}
COLUMNS = ("lr", "momentum", "batch_size")
"""Settings that come first as columns, rows and panels, in that order."""

PANELS = 4
"""Panels in one row of the figure."""

AXES = 3


def draw_grid(
    table: pd.DataFrame,
    target: Path,
    *,
    score: str = "accuracy",
    aim: str | None = None,
    title: str = "",
) -> None:
    """Draw the mean score over the folds by at most three settings, and frame the chosen one.

    One varied setting gives a line with standard deviations, two a heat map, three one heat
    map for each value of the third. Of more, the figure shows the settings that agree with the
    chosen one in all but three, and says so. Colors are those of cividis, which reads the same
    with every kind of color blindness, and each cell holds its number.

    Parameters
    ----------
    table:
        `Grid.table`.
    target:
        File to write; its ending names the format (`.png`, `.svg`, `.pdf`).
    score:
        `"accuracy"` or `"log_loss"`.
    aim:
        What the setting was chosen by.
    title:
        Name of the labels.

    Raises
    ------
    UnknownName
        There is no such score.
    MissingExtra
        matplotlib is not installed.

    References
    ----------
    Nuñez, Anderton and Renslow (2018). Optimizing colormaps with consideration for color vision
    deficiency. PLOS ONE 13, e0199239.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> rows = [{"lr": 0.1, "accuracy": 0.9}, {"lr": 0.01, "accuracy": 0.8}]
    >>> table = pd.DataFrame(rows).assign(accuracy_sd=0.02, log_loss=0.3, log_loss_sd=0.1,
    ...     folds=5, seconds=1.0, rank=[1, 2], chosen=[True, False], note="")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw_grid(table, Path(folder) / "grid.png")
    ...     (Path(folder) / "grid.png").stat().st_size > 1000
    True
    """
    if score not in SCORES:
        raise unknown("score", score, SCORES)
    axes, rest = _axes(table)
    notes = []
    if rest:
        chosen = table[table["chosen"]].iloc[0]
        for name in rest:
            table = table[table[name].map(_text) == _text(chosen[name])]
        fixed = ", ".join(f"{_label(name).lower()} {_text(chosen[name])}" for name in rest)
        notes.append(f"All with {fixed}, as chosen.")
    by = f" by {SCORES[aim].lower()}" if aim in SCORES else ""
    notes.append(f"Framed: chosen{by}.")
    folds = int(table["folds"].max()) if "folds" in table else 0
    if folds > 1:
        notes.append(f"Means over {folds} folds.")
    draw = _line if len(axes) == 1 else _maps
    with draw(table, axes, score) as figure:
        of = f"{label(title, 40)}: {SCORES[score].lower()}" if title else SCORES[score]
        key = textwrap.fill(" ".join(notes), int(12.5 * figure.get_figwidth()))
        headed(figure, textwrap.fill(f"{of} by setting", int(11 * figure.get_figwidth())), key=key)
        save(figure, target)


MOST_CURVES = 24
"""Settings whose curves are drawn."""

LETTERS = 30
"""Letters of a line above a panel."""

CURVES = {"train": ("training", BLUE), "val": ("validation", VERMILION)}


def draw_curves(curves: pd.DataFrame, target: Path) -> None:
    """Draw loss and accuracy by epoch for each setting of a grid, as small multiples.

    Each setting has a panel for the loss and below it one for the accuracy; all have the same
    axes. With folds the mean over them is drawn, and each fold as a thin line.

    Parameters
    ----------
    curves:
        `Grid.curves`.
    target:
        File to write; its ending names the format (`.png`, `.svg`, `.pdf`).

    Raises
    ------
    MissingExtra
        matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> columns = ["train_loss", "val_loss", "train_accuracy", "val_accuracy"]
    >>> rows = [{"lr": r, "fold": 0, "epoch": e} for r in (0.1, 0.2) for e in (1, 2)]
    >>> curves = pd.DataFrame(rows).assign(**dict.fromkeys(columns, 0.5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw_curves(curves, Path(folder) / "curves.png")
    ...     (Path(folder) / "curves.png").stat().st_size > 1000
    True
    """
    names = [str(name) for name in curves.columns[: list(curves.columns).index("fold")]]
    varied = [n for n in names if len(curves[n].astype(str).unique()) > 1] or names[:1]
    groups = [
        ("\n".join(_short(f"{_label(n).lower()} {_text(own[n].iloc[0])}") for n in varied), own)
        for _, own in curves.groupby([curves[n].astype(str) for n in names], sort=False)
    ]
    shown = groups[:MOST_CURVES]
    across = min(PANELS, len(shown))
    down = math.ceil(len(shown) / across)
    ticks = need("matplotlib.ticker").MaxNLocator
    high, wide = 2.6 * down + 0.5, 2.1 * across + 0.8
    with canvas(high, across, rows=2 * down, width=wide, sharex=True) as (figure, grid):
        for place in range(down * across):
            column, row = place % across, 2 * (place // across)
            for ax, what in zip(
                (grid[row, column], grid[row + 1, column]), ("loss", "accuracy"), strict=True
            ):
                ax.set_visible(place < len(shown))
                if place < len(shown):
                    _curves_of(ax, shown[place][1], what)
                    ax.xaxis.set_major_locator(ticks(integer=True, nbins=4))
                if column == 0:
                    ax.set_ylabel(what.capitalize())
            if place < len(shown):
                grid[row, column].set_title(shown[place][0], weight="normal", fontsize=8)
        for first in (0, 1):  # all losses, and all accuracies, have one scale
            axes = [ax for ax in grid[first::2].flat if ax.get_visible()]
            lows, highs = zip(*(ax.get_ylim() for ax in axes), strict=True)
            for ax in axes:
                ax.set_ylim(min(lows) if first else 0, max(highs))
        figure.supxlabel("Epoch", fontsize=9)
        lines = grid[0, 0].get_legend_handles_labels()
        figure.legend(*lines, loc="outside upper right", ncols=2, frameon=False, fontsize=8)
        left = len(groups) - len(shown)
        if left:
            figure.suptitle(f"{left} more settings are in curves.csv.", fontsize=9, color=GRAY)
        save(figure, target)


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def _curves_of(ax: Any, own: pd.DataFrame, what: str) -> None:
    """Draw one setting: each fold thinly, and the mean over them."""
    for part, (name, color) in CURVES.items():
        column = f"{part}_{what}"
        folds = [fold for _, fold in own.groupby("fold")]
        for fold in folds if len(folds) > 1 else ():
            ax.plot(fold["epoch"], fold[column], color=color, lw=0.5, alpha=0.4)
        mean = own.groupby("epoch")[column].mean()
        ax.plot(mean.index, mean, color=color, lw=1.6, label=name)


def _axes(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Name the settings that vary, in the order of columns, rows, panels; and those beyond."""
    names = [str(name) for name in table.columns if name not in RESULTS]
    varied = [name for name in names if len(table[name].astype(str).unique()) > 1]
    found = sorted(varied or names[:1], key=lambda name: [*COLUMNS, name].index(name))
    return found[:AXES], found[AXES:]


@contextmanager
def _line(table: pd.DataFrame, axes: Sequence[str], score: str) -> Iterator[Any]:
    x, names = _places(table[axes[0]])
    with canvas(3.4, width=5) as (figure, ((ax,),)):
        spread = table[f"{score}_sd"].fillna(0).to_numpy(float)
        means, best = table[score].to_numpy(float), table["chosen"].to_numpy(bool)
        order = np.argsort(x)
        look = {"color": BLUE, "marker": "o", "capsize": 3}
        ax.errorbar(x[order], means[order], yerr=spread[order], **look)
        ax.plot(x[best], means[best], "o", ms=11, mfc="none", mec=VERMILION, mew=2)
        ax.set_xticks(range(len(names)), names)
        sd = " (bars: sd over folds)" if spread.any() else ""
        ax.set(xlabel=_label(axes[0]), ylabel=SCORES[score] + sd)
        ax.grid(axis="y")
        yield figure


@contextmanager
def _maps(table: pd.DataFrame, axes: Sequence[str], score: str) -> Iterator[Any]:
    places = [_places(table[name]) for name in axes]
    (x, columns), (y, rows) = places[:2]
    panel, titles = places[2] if len(axes) == AXES else (np.zeros(len(table), int), [""])
    down = math.ceil(len(titles) / PANELS)
    across = math.ceil(len(titles) / down)
    wide = across * max(1.8, 0.75 * len(columns)) + 1.6
    high = down * max(1.1, 0.5 * len(rows) + 0.35) + 1.35
    values = table[score].to_numpy(float)
    low, top = np.nanmin(values), np.nanmax(values)
    norm = need("matplotlib.colors").Normalize(low, top if top > low else low + 1e-3)
    kind = "cividis" if score == "accuracy" else "cividis_r"  # light is good
    mappable = need("matplotlib.cm").ScalarMappable(norm, kind)
    with canvas(high, across, rows=down, width=wide, sharex=True, sharey=True) as (figure, grid):
        for place, ax in enumerate(grid.flat):
            ax.set_visible(place < len(titles))
            ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-0.5, len(rows) - 0.5))
            ax.set_xticks(range(len(columns)), columns)
            ax.set_yticks(range(len(rows)), rows)
            ax.tick_params(length=0, labelbottom=place + across >= len(titles))
            ax.spines[:].set_visible(False)
        for ax, title in zip(grid.flat, titles, strict=False):
            if len(axes) == AXES:
                ax.set_title(f"{_label(axes[2])} {title}", weight="normal", loc="center")
        for place, *cell in zip(panel, x, y, values, table["chosen"], strict=True):
            _cell(grid.flat[place], *cell, mappable=mappable)
        for ax in grid[:, 0]:
            ax.set_ylabel(_label(axes[1]))
        grid[-1, 0].set_xlabel(_label(axes[0]), loc="left")
        bar = figure.colorbar(mappable, ax=list(grid.flat), shrink=0.9, aspect=15, pad=0.02)
        bar.set_label(SCORES[score])
        bar.outline.set_visible(False)
        yield figure


def _cell(ax: Any, x: int, y: int, value: float, chosen: bool, *, mappable: Any) -> None:  # noqa: FBT001, PLR0917 - private; as they come
    """Fill one cell; a setting without a score stays white."""
    rectangle = need("matplotlib.patches").Rectangle
    known = np.isfinite(value)
    color = mappable.to_rgba(value) if known else (1, 1, 1, 1)
    ax.add_patch(rectangle((x - 0.5, y - 0.5), 1, 1, fc=color, ec="white", lw=1))
    light = np.dot(color[:3], (0.299, 0.587, 0.114)) > 0.5  # noqa: PLR2004 - half of white
    text = f"{value:.3f}" if known else "none"
    ax.text(x, y, text, ha="center", va="center", color=INK if light else "white")
    if chosen:
        look = {"fill": False, "ec": VERMILION, "lw": 2.2, "zorder": 3}
        ax.add_patch(rectangle((x - 0.46, y - 0.44), 0.92, 0.88, **look))


def _places(column: pd.Series[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Give the place of each row, and the names of the places: numbers in order, words as given."""
    import pandas as pd

    numbers = pd.api.types.is_numeric_dtype(column)
    given = column if numbers else column.map(_text)
    places, found = pd.factorize(given, sort=numbers, use_na_sentinel=False)
    return places, [_text(value) for value in found]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float | np.number) else str(value)


def _label(name: str) -> str:
    words = {"lr": "Learning rate"}.get(name, name.replace("_", " "))
    return words[0].upper() + words[1:]

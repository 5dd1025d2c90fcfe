"""Figures of a grid: scores by setting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.errors import unknown, writing
from mediacorpus.extras import need
from mediacorpus.files import atomic_write
from mediacorpus.learning.grid import RESULTS

if TYPE_CHECKING:
    import pandas as pd


SCORES = {"accuracy": "Accuracy", "log_loss": "Log loss"}
COLUMNS = ("lr", "momentum", "batch_size")
"""Settings that come first as columns, rows and panels, in that order."""

PANELS = 4
"""Panels in one row of the figure."""

AXES = 3
INK, MUTED = "#1b1b1b", "#5b5b5b"
CHOSEN = "#d55e00"  # vermilion of Okabe and Ito, seen with every kind of color blindness


def draw_grid(
    table: pd.DataFrame, target: Path, *, score: str = "accuracy", aim: str | None = None
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
        What the setting was chosen by, which is said where the figure shows another score.

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
    said = []
    if rest:
        chosen = table[table["chosen"]].iloc[0]
        for name in rest:
            table = table[table[name].map(_text) == _text(chosen[name])]
        fixed = ", ".join(f"{_label(name).lower()} {_text(chosen[name])}" for name in rest)
        said.append(f"All with {fixed}, as chosen.")
    if aim is not None and aim != score:
        said.append(f"Marked: chosen by {SCORES[aim].lower()}.")
    matplotlib = need("matplotlib")
    style = {"font.size": 9, "text.color": INK, "axes.labelcolor": INK, "axes.titlesize": 9}
    with matplotlib.rc_context(style), writing(target.parent):
        figure = _line(table, axes, score) if len(axes) == 1 else _maps(table, axes, score)
        if said:
            figure.suptitle(" ".join(said), fontsize=9, color=MUTED)
        with atomic_write(target) as path:
            figure.savefig(path, dpi=150)


def _axes(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Name the settings that vary, in the order of columns, rows, panels; and those beyond."""
    names = [str(name) for name in table.columns if name not in RESULTS]
    varied = [name for name in names if len(table[name].astype(str).unique()) > 1]
    found = sorted(varied or names[:1], key=lambda name: [*COLUMNS, name].index(name))
    return found[:AXES], found[AXES:]


def _line(table: pd.DataFrame, axes: Sequence[str], score: str) -> Any:
    rows = table.sort_values(axes[0], key=_order)
    figure = need("matplotlib.figure").Figure(figsize=(5, 3), layout="constrained")
    ax = figure.subplots()
    x = np.arange(len(rows))
    spread = rows[f"{score}_sd"].fillna(0).to_numpy(float)
    ax.errorbar(x, rows[score], yerr=spread, color="#00336f", marker="o", capsize=3, lw=1.5)
    best = rows["chosen"].to_numpy(bool)
    ax.plot(x[best], rows[score][best], "o", ms=11, mfc="none", mec=CHOSEN, mew=2)
    ax.set_xticks(x, [_text(value) for value in rows[axes[0]]])
    ax.set_xlabel(_label(axes[0]))
    sd = " (bars: sd over folds)" if spread.any() else ""
    ax.set_ylabel(SCORES[score] + sd)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#dddddd", lw=0.6)
    ax.set_axisbelow(True)
    return figure


def _maps(table: pd.DataFrame, axes: Sequence[str], score: str) -> Any:
    columns, rows = _values(table, axes[0]), _values(table, axes[1])
    panels = _values(table, axes[2]) if len(axes) == AXES else [None]
    down = -(-len(panels) // PANELS)
    across = -(-len(panels) // down)
    wide = across * max(1.8, 0.75 * len(columns)) + 1.6
    high = down * max(1.1, 0.5 * len(rows) + 0.35) + 0.9
    figure = need("matplotlib.figure").Figure(figsize=(wide, high), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    values = table[score].to_numpy(float)
    low, top = np.nanmin(values), np.nanmax(values)
    kind = "cividis" if score == "accuracy" else "cividis_r"  # light is good
    norm = need("matplotlib.colors").Normalize(low, top if top > low else low + 1e-3)
    colors = need("matplotlib").colormaps[kind]
    mappable = need("matplotlib.cm").ScalarMappable(norm, colors)
    for ax in list(grid.flat)[len(panels) :]:
        ax.set_visible(False)
    for place, (ax, panel) in enumerate(zip(grid.flat, panels, strict=False)):
        own = table if panel is None else table[table[axes[2]].map(_text) == _text(panel)]
        _map(ax, own, axes, (columns, rows), score, mappable)
        ax.tick_params(labelbottom=place + across >= len(panels))
        if panel is not None:
            ax.set_title(f"{_label(axes[2])} {_text(panel)}")
    figure.supxlabel(_label(axes[0]), fontsize=9)
    figure.supylabel(_label(axes[1]), fontsize=9)
    bar = figure.colorbar(mappable, ax=list(grid.flat), shrink=0.9, aspect=15, pad=0.02)
    bar.set_label(SCORES[score])
    bar.outline.set_visible(False)
    return figure


def _map(  # noqa: PLR0917 - private; all are needed
    ax: Any,
    own: pd.DataFrame,
    axes: Sequence[str],
    values: tuple[list[Any], list[Any]],
    score: str,
    mappable: Any,
) -> None:
    """Fill one panel; a setting without a score stays white."""
    rectangle = need("matplotlib.patches").Rectangle
    columns, rows = ([_text(value) for value in part] for part in values)
    for record in own.to_dict("records"):
        x, y = columns.index(_text(record[axes[0]])), rows.index(_text(record[axes[1]]))
        value = float(record[score])
        known = np.isfinite(value)
        color = mappable.to_rgba(value) if known else (1, 1, 1, 1)
        ax.add_patch(rectangle((x - 0.5, y - 0.5), 1, 1, fc=color, ec="white", lw=1))
        light = np.dot(color[:3], (0.299, 0.587, 0.114)) > 0.5  # noqa: PLR2004 - half of white
        text = f"{value:.3f}" if known else "none"
        ax.text(x, y, text, ha="center", va="center", color=INK if light else "white")
        if record["chosen"]:
            box = (x - 0.46, y - 0.44)
            ax.add_patch(rectangle(box, 0.92, 0.88, fill=False, ec=CHOSEN, lw=2.2, zorder=3))
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(-0.5, len(rows) - 0.5)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _values(table: pd.DataFrame, name: str) -> list[Any]:
    found = table[name].drop_duplicates()
    return list(found.sort_values(key=_order))


def _order(column: pd.Series[Any]) -> pd.Series[Any]:
    """Sort numbers as numbers; words keep the order they were given in."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        return column
    return pd.Series(pd.factorize(column.map(_text))[0], index=column.index)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float | np.number) else str(value)


def _label(name: str) -> str:
    words = {"lr": "Learning rate"}.get(name, name.replace("_", " "))
    return words[0].upper() + words[1:]

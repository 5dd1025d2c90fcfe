"""Figures of how training went."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.extras import need
from mediacorpus.learning.autoencoder import reconstruction_error
from mediacorpus.learning.curves import describe_curves
from mediacorpus.report import words
from mediacorpus.report.drawing import (
    BLUE,
    GRAY,
    INK,
    SMALL,
    VERMILION,
    WIDTH,
    canvas,
    end_labels,
    to_svg,
)
from mediacorpus.result import counted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

REBUILT = 8
"""Images that are shown of what an autoencoder makes again."""

_MOST_MARKERS = 20
_PANELS = {"Loss": "loss", "Accuracy": "accuracy"}
_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "train": ("training", {"color": VERMILION, "linestyle": (0, (4, 1.5))}),
    "val": ("validation", {"color": BLUE}),
}
_DESCRIBED = {"train_loss", "val_loss"}


def training_curves(curves: pd.DataFrame) -> str:
    """Draw how training went.

    Loss and accuracy by epoch, for training and validation; or, where there are no epochs, the
    cross-validated loss of each regularisation strength that was tried. The row that was kept
    is marked.

    Parameters
    ----------
    curves:
        For fine-tuning one row per epoch: `epoch`, `train_loss`, `val_loss`, `train_accuracy`,
        `val_accuracy`. For a linear model one row per tried value: `C`, `log_loss`. A column `best`
        (bool) may mark the row that was kept; else it is the one with the lowest loss.

    Examples
    --------
    >>> import pandas as pd
    >>> training_curves(pd.DataFrame({"C": [0.1, 1, 10], "log_loss": [0.5, 0.3, 0.4]}))[:4]
    '<svg'
    """
    if "epoch" in curves.columns:
        return _epoch_curves(curves)
    return _strength_curve(curves)


def drawable(curves: pd.DataFrame) -> bool:
    """Tell whether a table of curves has the columns that `training_curves` draws.

    Examples
    --------
    >>> import pandas as pd
    >>> drawable(pd.DataFrame({"epoch": [1], "val_loss": [0.5]}))
    True
    >>> drawable(pd.DataFrame({"epoch": [1], "score": [0.5]}))
    False
    """
    if "epoch" in curves.columns:
        drawn = {f"{part}_{what}" for part in _LINES for what in _PANELS.values()}
        return bool(drawn & set(curves.columns))
    return {"C", "log_loss"} <= set(curves.columns)


def described(curves: pd.DataFrame) -> str:
    """Say how training went, as far as the curves tell it.

    Examples
    --------
    >>> import pandas as pd
    >>> described(pd.DataFrame({"epoch": [1], "score": [0.5]}))
    ''
    """
    columns = set(curves.columns)
    if "epoch" in columns:
        known = columns >= _DESCRIBED and curves["val_loss"].notna().any()
    else:
        known = "best" in columns and curves["best"].any()
    return describe_curves(curves) if known else ""


def best_row(curves: pd.DataFrame) -> int | None:
    """Give the position of the row that was kept, or None.

    Examples
    --------
    >>> import pandas as pd
    >>> best_row(pd.DataFrame({"C": [0.1, 1, 10], "log_loss": [0.5, 0.3, 0.4]}))
    1
    """
    if "best" in curves.columns and curves["best"].any():
        return int(np.argmax(curves["best"].to_numpy(bool)))
    for column in ("val_loss", "log_loss"):
        if column in curves.columns and curves[column].notna().any():
            return int(np.nanargmin(curves[column].to_numpy(float)))
    return None


def _epoch_curves(curves: pd.DataFrame) -> str:
    panels = {
        title: [part for part in _LINES if f"{part}_{what}" in curves]
        for title, what in _PANELS.items()
    }
    panels = {title: parts for title, parts in panels.items() if parts}
    best = best_row(curves)
    epochs = curves["epoch"].to_numpy(float)
    whole_numbers = need("matplotlib.ticker").MaxNLocator
    with canvas(2.5, max(len(panels), 1)) as (figure, axes):
        for axis, (title, parts) in zip(axes[0], panels.items(), strict=False):
            columns = {part: curves[f"{part}_{_PANELS[title]}"].to_numpy(float) for part in parts}
            ends = [_curve(axis, epochs, y, part=part) for part, y in columns.items()]
            axis.set_title(title, pad=12)
            axis.set_xlabel("Epoch")
            if len(epochs) == 1:
                axis.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)
            axis.xaxis.set_major_locator(whole_numbers(nbins=6, integer=True, min_n_ticks=1))
            axis.set_ylim(*_room(axis, accuracy=title == "Accuracy"))
            end_labels(axis, ends, float(epochs[-1]))
            _mark_best(axis, epochs, best)
        alt = f"Training curves over {counted(len(curves), 'epoch')}."
        if best is not None:
            alt += f" Epoch {words.number(epochs[best])} was kept."
        return to_svg(figure, alt)


def _curve(axis: Any, x: NDArray[Any], y: NDArray[Any], *, part: str) -> tuple[float, str, str]:
    """Draw a line; give its end, its name with the last value, and its color."""
    name, look = _LINES[part]
    marker = "o" if len(x) <= _MOST_MARKERS else None
    axis.plot(x, y, marker=marker, markersize=3, **look)
    known = y[~np.isnan(y)]
    last = float(known[-1]) if known.size else 0.0
    return last, f"{name} {last:.3g}" if known.size else "", str(look["color"])


def _room(axis: Any, *, accuracy: bool) -> tuple[float, float]:
    low, high = axis.get_ylim()
    return (max(low - 0.02, 0.0), min(high, 1.02)) if accuracy else (0.0, 1.05 * high)


def _mark_best(axis: Any, x: NDArray[Any], best: int | None) -> None:
    if best is None or len(x) <= 1:
        return
    axis.axvline(x[best], color=GRAY, lw=0.8, ls=(0, (1, 1.5)), zorder=0)
    at = (x[best], 1.0)
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    axis.annotate("kept", at, (0, 2), ha="center", va="bottom", color=GRAY, **place)


def _strength_curve(curves: pd.DataFrame) -> str:
    ordered = curves.sort_values("C", kind="stable").reset_index(drop=True)
    strengths, loss = ordered["C"].to_numpy(float), ordered["log_loss"].to_numpy(float)
    best = best_row(ordered)
    with canvas(2.7) as (figure, axes):
        axis = axes[0, 0]
        if "log_loss_se" in ordered:
            error = ordered["log_loss_se"].to_numpy(float)
            axis.vlines(strengths, loss - error, loss + error, color=BLUE, lw=1)
            if best is not None and best != np.nanargmin(loss):
                _limit(axis, loss, error)
        axis.plot(strengths, loss, color=BLUE, marker="o", markersize=4)
        axis.set_xscale("log")
        tenths = sorted({math.floor(math.log10(c)) for c in strengths} | {0})
        ticks = [10.0**t for t in range(tenths[0], math.ceil(math.log10(strengths.max())) + 1)]
        axis.set_xticks(ticks, labels=[words.value(tick) for tick in ticks])
        axis.set_xticks([], minor=True)
        axis.set_ylim(0, 1.12 * np.nanmax(loss))
        axis.set(xlabel="C (inverse strength of regularization)", ylabel="Log loss")
        alt = f"Cross-validated log loss for {counted(len(ordered), 'value')} of C."
        if best is not None:
            note = f"kept: C = {words.number(strengths[best])}, log loss {loss[best]:.3g}"
            axis.plot(strengths[best], loss[best], "o", ms=9, mfc="none", mec=INK)
            # Above the axes, where no curve runs.
            axis.axvline(strengths[best], color=GRAY, lw=0.8, ls=(0, (1, 1.5)), zorder=0)
            place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            axis.annotate(note, (strengths[best], 1.0), (0, 3), ha="center", va="bottom", **place)
            alt += f" {note[0].upper()}{note[1:]}."
        return to_svg(figure, alt)


def _limit(axis: Any, loss: NDArray[Any], error: NDArray[Any]) -> None:
    """Draw how high the loss may lie where the strongest of nearly equal values is kept."""
    lowest = int(np.nanargmin(loss))
    axis.axhline(loss[lowest] + error[lowest], color=VERMILION, lw=0.9, ls=(0, (4, 2)), zorder=0)
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    at = (1.0, loss[lowest] + error[lowest])
    text = "lowest + 1\nstandard error"
    axis.annotate(text, at, (5, 0), va="center", color=VERMILION, size=SMALL, **place)


def rebuilt_figure(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> str:
    """Draw images above and what an autoencoder made of their codes below, as SVG.

    Parameters
    ----------
    pair:
        Images and what was made of them, each uint8 `(N, size, size, 3)`.

    Examples
    --------
    >>> gray = np.full((2, 8, 8, 3), 90, np.uint8)
    >>> rebuilt_figure((gray, gray))[:4]
    '<svg'
    """
    columns = len(pair[0])
    with canvas(2 * WIDTH / max(columns, REBUILT), columns, rows=2) as (figure, axes):
        for row, (views, name) in enumerate(zip(pair, ("image", "made again"), strict=True)):
            for axis, view in zip(axes[row], views, strict=True):
                axis.imshow(view, interpolation="nearest")
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            axes[row][0].set_ylabel(name)
        alt = (
            f"{columns} images, and below them the same made again from their codes; mean "
            f"squared error {reconstruction_error(*pair):.4f}."
        )
        return to_svg(figure, alt)

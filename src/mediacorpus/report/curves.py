"""Figures of how training went."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.extras import need
from mediacorpus.report import words
from mediacorpus.report.drawing import BLUE, GRAY, INK, VERMILION, canvas, end_labels, style, to_svg

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_MOST_MARKERS = 20
_LINES = (("training", "train"), ("validation", "val"))


def training_curves(curves: pd.DataFrame) -> str:
    """Draw how training went.

    Loss and accuracy by epoch, for training and validation; or, where there are no epochs, the
    cross-validated loss of each regularisation strength that was tried. The row that was kept
    is marked.

    Parameters
    ----------
    curves:
        As in `ModelFacts.curves`.

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
        drawn = {f"{part}_{what}" for _, part in _LINES for what in ("loss", "accuracy")}
        return bool(drawn & set(curves.columns))
    return {"C", "log_loss"} <= set(curves.columns)


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
    panels = [
        (title, [(which, f"{part}_{what}") for which, part in _LINES if f"{part}_{what}" in curves])
        for title, what in (("Loss", "loss"), ("Accuracy", "accuracy"))
    ]
    panels = [(title, lines) for title, lines in panels if lines]
    best = best_row(curves)
    epochs = curves["epoch"].to_numpy(float)
    whole_numbers = need("matplotlib.ticker").MaxNLocator
    with style():
        figure, axes = canvas(2.5, max(len(panels), 1))
        for axis, (title, lines) in zip(axes[0], panels, strict=False):
            ends = []
            for which, column in lines:
                y = curves[column].to_numpy(float)
                ends.append(_curve(axis, epochs, y, which=which))
            axis.set_title(title, pad=12)
            axis.set_xlabel("Epoch")
            if len(epochs) == 1:
                axis.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)
            axis.xaxis.set_major_locator(whole_numbers(nbins=6, integer=True, min_n_ticks=1))
            axis.set_ylim(*_room(axis, accuracy=title == "Accuracy"))
            end_labels(axis, ends, float(epochs[-1]))
            _mark_best(axis, epochs, best)
        alt = f"Training curves over {words.count(len(curves), 'epoch')}."
        if best is not None:
            alt += f" Epoch {words.number(epochs[best])} was kept."
        return to_svg(figure, alt)


def _curve(axis: Any, x: NDArray[Any], y: NDArray[Any], *, which: str) -> tuple[float, str, str]:
    training = which == "training"
    color = VERMILION if training else BLUE
    marker = {"marker": "o", "markersize": 3} if len(x) <= _MOST_MARKERS else {}
    axis.plot(x, y, color=color, linestyle=(0, (4, 1.5)) if training else "-", **marker)
    known = y[~np.isnan(y)]
    last = float(known[-1]) if known.size else 0.0
    return last, f"{which} {last:.3g}" if known.size else "", color


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
    with style():
        figure, axes = canvas(2.5)
        axis = axes[0, 0]
        axis.plot(strengths, loss, color=BLUE, marker="o", markersize=4)
        axis.set_xscale("log")
        tenths = sorted({math.floor(math.log10(c)) for c in strengths} | {0})
        ticks = [10.0**t for t in range(tenths[0], math.ceil(math.log10(strengths.max())) + 1)]
        axis.set_xticks(ticks, labels=[words.value(tick) for tick in ticks])
        axis.set_xticks([], minor=True)
        axis.set_ylim(0, 1.12 * np.nanmax(loss))
        axis.set(xlabel="C (inverse strength of regularisation)", ylabel="Log loss")
        alt = f"Cross-validated log loss for {words.count(len(ordered), 'value')} of C."
        if best is not None:
            said = f"kept: C = {words.number(strengths[best])}, log loss {loss[best]:.3g}"
            axis.plot(strengths[best], loss[best], "o", ms=9, mfc="none", mec=INK)
            # Below a point near the axis the words would lie on its numbers.
            low = loss[best] < 0.3 * np.nanmax(loss)
            axis.annotate(
                said,
                (strengths[best], loss[best]),
                (0, 14 if low else -13),
                textcoords="offset points",
                ha="left" if low and best < len(ordered) - 3 else "center",
                va="bottom" if low else "top",
            )
            alt += f" {said[0].upper()}{said[1:]}."
        return to_svg(figure, alt)

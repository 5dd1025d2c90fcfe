"""Figures of scores: with intervals, confusion, calibration, perturbations, learning curves."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.extras import need
from mediacorpus.media.perturb import PERTURBATIONS
from mediacorpus.report import words
from mediacorpus.report.drawing import (
    BLUE,
    GRAY,
    INK,
    PALE,
    SMALL,
    VERMILION,
    canvas,
    headed,
    label,
    panels,
    to_svg,
)
from mediacorpus.result import counted
from mediacorpus.stats.metric import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mediacorpus.validation.learning_curve import LearningCurve
    from mediacorpus.validation.robustness import Condition, RobustnessAudit


MOST_SCORES = 30
"""Scores drawn at most; beyond this, only F1 is drawn by class."""
MOST_CELL_TEXTS = 12
"""Classes at most for which a confusion matrix holds numbers."""
_MOST_CLASS_NAMES = 45
_MANY_COLUMNS = 6
_FEW_CELLS = 4
_FROM_ZERO = 0.35
_FINE = 0.65
_DARK = 0.55


def confusion_matrix(counts: NDArray[np.int64], classes: Sequence[str]) -> str:
    r"""Draw a confusion matrix: in each cell the count and its share of the row.

    Darker cells hold a larger share of their row. Beyond 12 classes only shades are drawn.

    Parameters
    ----------
    counts:
        `(classes, classes)`; rows are gold labels, columns are predictions.
    classes:
        Their names.

    Examples
    --------
    >>> confusion_matrix(np.array([[8, 2], [1, 9]]), ["no", "yes"]).count("80.0\u00a0%")
    1
    """
    k = len(classes)
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    alt = (
        f"Confusion matrix of {counted(k, 'class', 'classes')}: {int(np.trace(counts)):,} "
        f"of {int(counts.sum()):,} items are on the diagonal."
    )
    with canvas(_matrix_height(k)) as (figure, axes):
        axis = axes[0, 0]
        rectangle = need("matplotlib.patches").Rectangle
        numbered = k <= MOST_CELL_TEXTS
        for (row, column), n in np.ndenumerate(counts):
            share = float(shares[row, column])
            if n:
                look = {"facecolor": _shade(share), "ec": "white", "lw": 1.0 if numbered else 0.0}
                axis.add_patch(rectangle((column - 0.5, row - 0.5), 1, 1, **look))
            if numbered:
                _cell_text(axis, (column, row), n=int(n), share=share)
        _matrix_frame(axis, classes, totals)
        return to_svg(figure, alt)


def _matrix_height(k: int) -> float:
    """Give the inches that a matrix of `k` classes needs, with names where there is room."""
    if k <= MOST_CELL_TEXTS:
        return min(0.75 + 0.55 * k, 6.2)
    return 1.6 + 0.13 * min(max(k, 36), _MOST_CLASS_NAMES)


def _shade(share: float) -> tuple[float, float, float]:
    """Mix white and blue, so that shades stay in order on a gray print."""
    full = (0.0, 0.447, 0.698)
    return tuple(1 - share * (1 - one) for one in full)  # type: ignore[return-value]


def _cell_text(axis: Any, place: tuple[int, int], *, n: int, share: float) -> None:
    x, y = place
    look = {"ha": "center", "color": "white" if share > _DARK else INK if n else GRAY}
    axis.text(x, y - 0.02, f"{n:,}", va="bottom", size=10, **look)
    if n:
        axis.text(x, y + 0.06, words.share(share, 1), va="top", size=SMALL, **look)


def _matrix_frame(axis: Any, classes: Sequence[str], totals: NDArray[np.int64]) -> None:
    k, few = len(classes), len(classes) <= _MANY_COLUMNS
    places = range(k if k <= _MOST_CLASS_NAMES else 0)
    across = [label(classes[place], 14 if few else 22) for place in places]
    down = [f"{label(classes[place], 22)}  ({totals[place]:,})" for place in places]
    size = 8.5 if k <= MOST_CELL_TEXTS else SMALL
    axis.set_xticks(places, across, size=size, rotation=0 if few else 90)
    axis.set_yticks(places, down, size=size)
    axis.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), xlabel="Predicted", ylabel="Labelled")
    if k <= _FEW_CELLS:
        axis.set_box_aspect(0.42 if k <= _FEW_CELLS // 2 else 0.55)
        axis.set_anchor("W")
    axis.tick_params(length=0)
    axis.xaxis.set_ticks_position("top")
    axis.xaxis.set_label_position("top")
    axis.spines[:].set_visible(True)


def scores(table: pd.DataFrame) -> str:
    """Draw scores as dots with their intervals as lines, and write both beside them.

    Over all classes those registered metrics are drawn that are at most 1, such as accuracy.
    With more than 30 rows only F1 is drawn by class, and of many classes the 30 lowest.

    Parameters
    ----------
    table:
        One row per score and class with the columns `score`, `class` (`""` for scores over all
        classes), `estimate`, `low`, `high` (NaN where undefined) and `n`.

    Examples
    --------
    >>> rows = pd.DataFrame({"score": ["accuracy"], "class": [""], "estimate": [0.9],
    ...                      "low": [0.8], "high": [0.95], "n": [50]})
    >>> "0.90 [0.80, 0.95]" in scores(rows)
    True
    """
    drawn = _score_rows(table)
    groups = drawn["class"].tolist()
    names = [_score_name(*pair) for pair in zip(drawn["score"], groups, strict=True)]
    places = _score_places(groups)
    with canvas(0.62 + 0.215 * places[-1]) as (figure, axes):
        axis = axes[0, 0]
        for (_, row), y in zip(drawn.iterrows(), places, strict=True):
            _whisker(axis, y, row, n=int(drawn["n"].max()))
        axis.set_yticks(places, names)
        start = _score_start(drawn)
        axis.set(ylim=(places[-1] + 0.6, 0.4), xlim=(start, 1.0), xlabel="Score")
        step = 1 if start > _FINE else 2 if start else 4
        axis.set_xticks(np.arange(round(20 * start), 21, step) / 20)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.spines["left"].set_visible(False)
        listed = [
            f"{name} {value:.3f}" for name, value in zip(names, drawn["estimate"], strict=True)
        ]
        return to_svg(figure, f"Scores with intervals: {', '.join(listed)}.")


def drawn_overall() -> list[str]:
    """List the scores over all classes that fit an axis to 1; others are for a table."""
    return [one.name for one in metrics(at="figure") if one.largest <= 1]


def _score_rows(table: pd.DataFrame) -> pd.DataFrame:
    overall = table["class"] == ""
    averaged = table[overall & table["score"].isin(drawn_overall())]
    by_class = table[~overall]
    if draws_only_f1(table):
        by_class = by_class[by_class["score"] == "f1"]
    if len(by_class) > MOST_SCORES:
        by_class = by_class.nsmallest(MOST_SCORES, "estimate")
    return pd.concat([averaged, by_class])


def draws_only_f1(table: pd.DataFrame) -> bool:
    """Tell whether there are so many classes that only F1 is drawn by class.

    Examples
    --------
    >>> draws_only_f1(pd.DataFrame({"score": ["accuracy"], "class": [""]}))
    False
    """
    return int(((table["class"] != "") | table["score"].isin(drawn_overall())).sum()) > MOST_SCORES


def _score_places(groups: Sequence[str]) -> list[float]:
    """Leave a gap before each class that has several scores, and before the first class."""
    places = [1.0]
    for before, group in pairwise(groups):
        apart = group != before and (not before or groups.count(group) > 1)
        places.append(places[-1] + (1.5 if apart else 1.0))
    return places


def _score_name(score: str, group: str) -> str:
    name = words.score_name(score)
    if not group:
        return name
    return f"{label(group)}: {name if name == 'F1' else name.lower()}"


def _whisker(axis: Any, y: float, row: pd.Series, *, n: int) -> None:
    value, low, high = (float(row[name]) for name in ("estimate", "low", "high"))
    note = "not defined" if math.isnan(value) else words.estimate(value, low, high, n=n)
    if not math.isnan(value):
        axis.plot([low, high], [y, y], color=BLUE, lw=1.6, solid_capstyle="butt", clip_on=False)
        axis.plot(value, y, "o", color=BLUE, ms=5, clip_on=False)
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    axis.annotate(note, (1.0, y), (10, 0), va="center_baseline", annotation_clip=False, **place)


def _score_start(drawn: pd.DataFrame) -> float:
    lowest = drawn[["low", "estimate"]].min().min()
    start = 0.0 if math.isnan(lowest) else math.floor(10 * min(lowest, 0.9)) / 10
    return 0.0 if 0 <= start < _FROM_ZERO else start


_COLUMNS = 5


def robustness(audit: RobustnessAudit, name: str = "") -> str:
    """Draw accuracy by strength, one small panel for each perturbation, as SVG.

    The dashed line is the accuracy on the images as they are; bands are intervals. Losses
    beyond chance after Holm's correction have filled dots.

    Parameters
    ----------
    audit:
        What `audit_robustness` gave.
    name:
        Name of the model, for the title.
    """
    names = list(dict.fromkeys(one.perturbation for one in audit.conditions))
    key = f"Dashed: images as they are. Band: {words.level(audit.plan.level)} interval."
    if any(_beyond(one, audit) for one in audit.conditions):
        key += " Red: a loss beyond chance."
    floor = max(0.0, math.floor(10 * min(one.accuracy.low for one in audit.conditions)) / 10)
    xlabel = "Strength of the perturbation"
    with panels(len(names), _COLUMNS, xlabel=xlabel, ylabel="Accuracy", headed=True) as (
        figure,
        axes,
    ):
        for axis, perturbation in zip(axes, names, strict=True):
            _panel(axis, audit, perturbation)
            axis.set(ylim=(floor, 1.0), xlim=(0.6, 5.4), xticks=range(1, 6))
        of = f"{label(name, 40)}: accuracy" if name else "Accuracy"
        headed(figure, f"{of} on perturbed images", n=counted(audit.n, "image"), key=key)
        alt = (
            f"Accuracy by strength of {counted(len(names), 'perturbation')}: "
            f"{words.score(audit.clean.estimate, audit.n)} on clean images, "
            f"{100 * audit.mean_drop.estimate:.1f} points less on average when they are perturbed."
        )
        return to_svg(figure, alt)


def _beyond(one: Condition, audit: RobustnessAudit) -> bool:
    return one.p_adjusted < 1 - audit.plan.level and one.drop.estimate > 0


def _panel(axis: Any, audit: RobustnessAudit, name: str) -> None:
    own = [one for one in audit.conditions if one.perturbation == name]
    x = [one.strength for one in own]
    y, low, high = (
        [getattr(one.accuracy, name) for one in own] for name in ("estimate", "low", "high")
    )
    axis.axhline(audit.clean.estimate, color=GRAY, lw=0.9, ls=(0, (4, 3)))
    axis.fill_between(x, low, high, color=BLUE, alpha=0.18, lw=0)
    axis.plot(x, y, color=BLUE, clip_on=False)
    for one in own:
        lost = _beyond(one, audit)
        look = {"mfc": VERMILION if lost else "white", "mec": VERMILION if lost else BLUE}
        at = (one.strength, one.accuracy.estimate)
        axis.plot(*at, "o", ms=4, mew=1, clip_on=False, zorder=3, **look)
    axis.set_title(PERTURBATIONS[name].title, size=SMALL, weight="normal", pad=6)
    axis.grid(axis="y")


_ROOM = 0.05


def learning_curve(curve: LearningCurve, variable: str = "") -> str:
    """Draw the accuracy by number of labels, and the curve on to twice as many, as SVG.

    Small dots are subsets, large ones their means; the band is the interval of the curve, which
    is dashed where it goes beyond the labels at hand.

    Parameters
    ----------
    curve:
        What `validation.learning_curve.learning_curve` gave.
    variable:
        Name of the labels, for the title.
    """
    scores, sizes = curve.scores(), curve.sizes
    lowest = float(scores.min())
    ticks = sizes.tolist()
    key = "Small dots: subsets of so many labels. Large: their means."
    with canvas(3.2) as (figure, axes):
        axis = axes[0, 0]
        axis.set_xscale("log")
        if curve.fitted:
            inside = np.geomspace(sizes[0], curve.n, 60)
            beyond = np.geomspace(curve.n, 2 * curve.n, 20)
            for part, line in ((inside, "-"), (beyond, (0, (4, 3)))):
                middle, low, high = curve.at(part)
                axis.fill_between(part, low, high, color=BLUE, alpha=0.18, lw=0)
                axis.plot(part, middle, color=BLUE, ls=line)
                lowest = min(lowest, float(low.min()))
            axis.axvline(curve.n, color=PALE, lw=0.8, zorder=0)
            ticks.append(2 * curve.n)
            key += "\nLine: fitted curve with its 95 % interval. Dashed: beyond the labels at hand."
        whole = {"clip_on": False, "zorder": 3}  # dots at 1 are not cut in half
        axis.plot(sizes, scores, "o", ms=3, mfc="none", mec=GRAY, mew=0.6, **whole)
        axis.plot(sizes, scores.mean(axis=1), "o", color=BLUE, ms=5, **whole)
        axis.set_xticks(ticks, [f"{n:,}" for n in ticks])
        axis.set_xticks([], minor=True)
        axis.set(
            ylim=(max(0.0, lowest - _ROOM), 1.0), xlabel="Labels learned from", ylabel="Accuracy"
        )
        axis.grid(axis="y")
        of = f" of {label(variable, 40)}" if variable else ""
        n = counted(curve.n_val, "validation image")
        headed(figure, f"Learning curve{of}", n=n, key=key)
        points = counted(len(sizes), "number")
        return to_svg(figure, f"Accuracy at {points} of labels. {curve.sentences()[-1]}")

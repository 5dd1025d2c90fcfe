"""Figure of how much a classifier loses when images get worse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mediacorpus.media.perturb import PERTURBATIONS
from mediacorpus.report import words
from mediacorpus.report.drawing import BLUE, GRAY, INK, PALE, VERMILION, canvas, style, to_svg

if TYPE_CHECKING:
    from mediacorpus.validation.robustness import Condition, RobustnessAudit

_COLUMNS = 5
_PANEL = 1.45


def robustness(audit: RobustnessAudit) -> str:
    """Draw accuracy by strength, one small panel for each perturbation, as SVG.

    The dashed line is the accuracy on the images as they are; bands are intervals. Losses
    beyond chance after Holm's correction have filled dots.

    Parameters
    ----------
    audit:
        What `audit_robustness` gave.
    """
    names = list(dict.fromkeys(one.perturbation for one in audit.conditions))
    columns = min(_COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    with style():
        figure, axes = canvas(0.35 + _PANEL * rows, columns, rows=rows, sharex=True, sharey=True)
        lowest = min(one.accuracy.low for one in audit.conditions)
        floor = max(0.0, math.floor(10 * lowest) / 10)
        for axis, name in zip(axes.flat, names, strict=False):
            _panel(axis, audit, name)
            axis.set(ylim=(floor, 1.0), xlim=(0.6, 5.4), xticks=range(1, 6))
        for axis in axes.flat[len(names) :]:
            axis.set_visible(False)
        # The lowest visible panel of each column bears the numbers.
        for place in range(len(names) - columns, len(names)):
            axes.flat[place].tick_params(labelbottom=True)
        told = f"Strength (dashed: as they are; band: {words.level(audit.plan.level)} interval"
        lost = any(_beyond(one, audit) for one in audit.conditions)
        told += "; red: loss beyond chance)" if lost else ")"
        figure.supxlabel(told, size=8.5, color=INK)
        figure.supylabel("Accuracy", size=8.5, color=INK)
        mean = audit.mean_drop.estimate
        alt = (
            f"Accuracy by strength of {words.count(len(names), 'perturbation')}: "
            f"{words.score(audit.clean.estimate, audit.n)} on clean images, "
            f"{100 * mean:.1f} points less on average when they are spoilt."
        )
        return to_svg(figure, alt)


def _beyond(one: Condition, audit: RobustnessAudit) -> bool:
    return one.p_adjusted < 1 - audit.plan.level and one.drop.estimate > 0


def _panel(axis: Any, audit: RobustnessAudit, name: str) -> None:
    own = [one for one in audit.conditions if one.perturbation == name]
    x = [one.strength for one in own]
    y = [one.accuracy.estimate for one in own]
    low, high = ([getattr(one.accuracy, side) for one in own] for side in ("low", "high"))
    axis.axhline(audit.clean.estimate, color=GRAY, lw=0.9, ls=(0, (4, 3)))
    axis.fill_between(x, low, high, color=BLUE, alpha=0.18, lw=0)
    axis.plot(x, y, color=BLUE, clip_on=False)
    for one in own:
        lost = _beyond(one, audit)
        fill = VERMILION if lost else "white"
        edge = VERMILION if lost else BLUE
        axis.plot(
            one.strength,
            one.accuracy.estimate,
            "o",
            ms=4,
            mfc=fill,
            mec=edge,
            mew=1,
            clip_on=False,
            zorder=3,
        )
    axis.set_title(PERTURBATIONS[name].title, size=8, weight="normal", pad=6)
    axis.grid(axis="y", color=PALE, lw=0.5)
    axis.set_axisbelow(True)

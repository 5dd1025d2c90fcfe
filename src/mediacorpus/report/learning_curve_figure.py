"""Figure of how the accuracy grows with labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mediacorpus.extras import need
from mediacorpus.report import words
from mediacorpus.report.drawing import BLUE, GRAY, PALE, canvas, style, to_svg

if TYPE_CHECKING:
    from mediacorpus.validation.learning_curve import LearningCurve

_ROOM = 0.05


def learning_curve(curve: LearningCurve) -> str:
    """Draw the accuracy by number of labels, and the curve on to twice as many, as SVG.

    Small dots are subsets, large ones their means; the band is the interval of the curve, which
    is dashed where it goes beyond the labels at hand.

    Parameters
    ----------
    curve:
        What `validation.learning_curve.learning_curve` gave.
    """
    scores, sizes = curve.scores(), curve.sizes
    ticker = need("matplotlib.ticker")
    with style():
        figure, axes = canvas(2.8)
        axis = axes[0, 0]
        axis.set_xscale("log")
        lowest = float(scores.min())
        if curve.fitted:
            inside = np.geomspace(sizes[0], curve.n, 60)
            beyond = np.geomspace(curve.n, 2 * curve.n, 20)
            for part, line in ((inside, "-"), (beyond, (0, (4, 3)))):
                middle, low, high = curve.at(part)
                axis.fill_between(part, low, high, color=BLUE, alpha=0.18, lw=0)
                axis.plot(part, middle, color=BLUE, ls=line)
                lowest = min(lowest, float(low.min()))
            axis.axvline(curve.n, color=PALE, lw=0.8, zorder=0)
        whole = {"clip_on": False, "zorder": 3}  # dots at 1 are not cut in half
        for own, size in zip(scores, sizes, strict=True):
            axis.plot(
                np.full(len(own), size), own, "o", ms=3, mfc="none", mec=GRAY, mew=0.6, **whole
            )
        axis.plot(sizes, scores.mean(axis=1), "o", color=BLUE, ms=5, **whole)
        ticks = [*sizes.tolist(), 2 * curve.n] if curve.fitted else sizes.tolist()
        axis.set_xticks(ticks, [f"{n:,}" for n in ticks])
        axis.xaxis.set_minor_locator(ticker.NullLocator())
        axis.set(ylim=(max(0.0, lowest - _ROOM), 1.0), xlabel="Labels", ylabel="Accuracy")
        axis.grid(axis="y", color=PALE, lw=0.5)
        axis.set_axisbelow(True)
        points = words.count(len(sizes), "number")
        return to_svg(figure, f"Accuracy at {points} of labels. {curve.sentences()[-1]}")

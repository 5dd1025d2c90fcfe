"""Figures of a corpus, its labels and what a classifier says of it, each as an SVG string."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.extras import need
from mediacorpus.report import words
from mediacorpus.report.drawing import (
    BLUE,
    GRAY,
    INK,
    PALE,
    SMALL,
    bars,
    canvas,
    label,
    panels,
    to_svg,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mediacorpus.report.content import Spread


MOST_BARS = 20
MOST_PANELS = 6
_MOST_POINTS = 150
_MOST_TICKS = 6
_WIDE_RANGE = 6.0
_ACROSS = 4
"""Small distributions in a row."""


def class_bars(counts: Mapping[str, int]) -> str:
    """Draw numbers of items by class with their shares, as horizontal bars.

    Beyond 20 classes the smallest are drawn as one bar.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.

    Examples
    --------
    >>> class_bars({"protest": 12, "other": 30}).count("<svg")
    1
    """
    shown = dict(counts)
    if len(shown) > MOST_BARS:
        largest = sorted(shown.items(), key=lambda pair: -pair[1])
        rest = [n for _, n in largest[MOST_BARS - 1 :]]
        shown = dict(largest[: MOST_BARS - 1]) | {f"{len(rest):,} others": sum(rest)}
    return _bar_figure("items by class", shown, sum(counts.values()))


def tag_bars(counts: Mapping[str, int], items: int) -> str:
    """Draw the most frequent tags (at most 20) with their shares of all `items`.

    Examples
    --------
    >>> tag_bars({"daisy": 12, "bee": 30}, 100).count("<svg")
    1
    """
    shown = dict(sorted(counts.items(), key=lambda pair: -pair[1])[:MOST_BARS])
    return _bar_figure("the most frequent tags", shown, items)


def _spoken(counts: Mapping[str, int], whole: int) -> str:
    parts = [f"{words.name(k)} {v:,} ({words.share(v, whole)})" for k, v in counts.items()]
    return ", ".join(parts) + "."


def _bar_figure(of: str, counts: Mapping[str, int], whole: int) -> str:
    with canvas(0.25 + 0.23 * len(counts)) as (figure, axes):
        bars(axes[0, 0], list(counts), list(counts.values()), whole=whole)
        return to_svg(figure, f"Bar chart of {of}: {_spoken(counts, whole)}")


def small_distributions(spreads: Mapping[str, Spread]) -> str:
    """Draw a small histogram of each column of a measure, with its range and median.

    Examples
    --------
    >>> from mediacorpus.report.content import Spread
    >>> spread = Spread(np.array([1, 2]), np.array([0.0, 1, 2]), 1.0)
    >>> small_distributions({"noise": spread}).count("<svg")
    1
    """
    shapes, medians = [], []
    rows = -(-len(spreads) // _ACROSS)
    with canvas(0.1 + 0.88 * rows) as (figure, axes):
        axis = axes[0, 0]
        # All stand in one system of axes: one for each would take seconds.
        for place, (name, one) in enumerate(spreads.items()):
            left, bottom = 1.08 * (place % _ACROSS), -float(place // _ACROSS)
            low, high = one.edges[[0, -1]].tolist()
            x = left + (one.edges - low) / (high - low)
            y = bottom + 0.53 * one.counts / one.counts.max()
            shapes.append(np.column_stack([np.repeat(x, 2), [bottom, *np.repeat(y, 2), bottom]]))
            middle = left + (one.median - low) / (high - low)
            medians.append([(middle, bottom), (middle, bottom + 0.57)])
            axis.plot([left, left + 1], [bottom, bottom], color=GRAY, lw=0.5)
            axis.text(left, bottom + 0.62, label(name, 22), size=SMALL)
            for end, x_end, side in ((low, left, "left"), (high, left + 1, "right")):
                small = abs(end) < 1e-4 * (high - low)  # what rounding leaves of a 0
                text = "0" if small else f"{end:.3g}"
                axis.text(x_end, bottom - 0.04, text, size=SMALL, ha=side, va="top", color=GRAY)
        collections = need("matplotlib.collections")
        axis.add_collection(collections.PolyCollection(shapes, facecolor=BLUE, lw=0))
        axis.add_collection(collections.LineCollection(medians, color=INK, lw=0.9))
        axis.set(xlim=(-0.01, 1.08 * _ACROSS - 0.07), ylim=(-rows + 0.8, 0.85))
        axis.set_axis_off()
        spoken = "; ".join(f"{name}, median {one.median:.3g}" for name, one in spreads.items())
        return to_svg(figure, f"Distributions: {spoken}.")


def image_sizes(sizes: Mapping[tuple[int, int], int]) -> str:
    """Draw widths against heights; the area of a dot is the number of images.

    Parameters
    ----------
    sizes:
        Number of items by (width, height) in pixels.

    Examples
    --------
    >>> image_sizes({(640, 480): 30, (480, 640): 4}).count("<svg")
    1
    """
    sides, n = np.array(list(sizes), float), np.array(list(sizes.values()))
    points, weights = _binned(sides, n)
    lowest, highest = sides.min(), sides.max()
    wide = highest / max(lowest, 1) > _WIDE_RANGE
    limits = (lowest / 1.35, highest * 1.35) if wide else (0.0, highest * 1.12)
    with canvas(3.0, 2, gridspec_kw={"width_ratios": [1.3, 1]}) as (figure, axes):
        left, right = axes[0]
        left.axline((limits[1], limits[1]), (limits[1] / 2, limits[1] / 2), color=PALE, lw=0.8)
        area = 12 + 288 * weights / weights.max()
        left.scatter(*points.T, s=area, color=BLUE, alpha=0.6, linewidth=0)
        if wide:
            left.set(xscale="log", yscale="log")
            _plain_log_ticks(left.xaxis, limits)
            _plain_log_ticks(left.yaxis, limits)
        left.set(xlim=limits, ylim=limits, xlabel="Width, pixels", ylabel="Height, pixels")
        left.set_title("Size")
        right.set_title("Orientation")
        _orientation_bars(right, sizes)
        width, height = (_median(own, n) for own in sides.T)
        alt = (
            f"Dot plot of image sizes. Sides run from {words.number(lowest)} to "
            f"{words.number(highest)} pixels; the median width is {width:,.0f}, the median height "
            f"{height:,.0f}."
        )
        return to_svg(figure, alt)


def _median(values: NDArray[np.float64], n: NDArray[np.int64]) -> float:
    """Give the lower median of values with their numbers of occurrences."""
    order = np.argsort(values)
    running = np.cumsum(n[order])
    return float(values[order][np.searchsorted(running, running[-1] / 2)])


def _binned(
    points: NDArray[np.float64], n: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Put points together, where there are very many, and add up their numbers."""
    if len(points) <= _MOST_POINTS:
        return points, n
    for steps in (8, 4, 2):
        nearest = np.round(steps * np.log2(points))
        cells, place = np.unique(nearest, axis=0, return_inverse=True)
        if len(cells) <= 2 * _MOST_POINTS:
            break
    return 2 ** (cells / steps), np.bincount(place.ravel(), n)


def _orientation_bars(axes: Any, sizes: Mapping[tuple[int, int], int]) -> None:
    shapes = {"landscape": 0, "square": 0, "portrait": 0}
    for (width, height), n in sizes.items():
        shape = "landscape" if width > height else "portrait" if width < height else "square"
        shapes[shape] += n
    bars(axes, list(shapes), list(shapes.values()), whole=sum(shapes.values()))
    axes.set_ylim(9.2, -0.6)


def _plain_log_ticks(axis: Any, limits: tuple[float, float]) -> None:
    steps = [m * 10.0**e for e in range(9) for m in (1, 2, 5)]
    ticks = [step for step in steps if limits[0] <= step <= limits[1]]
    if len(ticks) > _MOST_TICKS:
        ticks = [tick for tick in ticks if not f"{tick:.0f}".startswith("2")]
    axis.set_ticks(ticks, labels=[words.number(tick) for tick in ticks])
    axis.set_ticks([], minor=True)


def probability_histogram(bins: Mapping[str, Sequence[int]]) -> str:
    """Draw how sure the classifier is: one histogram for each predicted class.

    Beyond six classes the six with the most items are drawn.

    Parameters
    ----------
    bins:
        For each predicted class, numbers of items in equal bins of its probability from 0 to 1.

    Examples
    --------
    >>> probability_histogram({"no": [0, 0, 1, 5], "yes": [0, 0, 2, 9]}).count("<svg")
    1
    """
    ordered = sorted(bins, key=lambda name: -sum(bins[name]))[:MOST_PANELS]
    shown = {name: sum(bins[name]) for name in bins if name in ordered}
    with panels(len(shown), 3, xlabel="Probability", ylabel="Items") as (figure, axes):
        for axis, (name, total) in zip(axes, shown.items(), strict=True):
            edges = np.linspace(0, 1, len(bins[name]) + 1)
            look = {"align": "edge", "color": BLUE, "ec": "white", "lw": 0.5}
            axis.bar(edges[:-1], bins[name], edges[1], **look)
            axis.set_title(f"{label(name, 20)}  ({total:,})")
            axis.set(xlim=(0, 1), xticks=(0, 0.5, 1))
            axis.yaxis.get_major_locator().set_params(integer=True, nbins=4)
        alt = "Histograms of the probability of the predicted class: "
        return to_svg(figure, alt + _spoken(shown, sum(shown.values())))

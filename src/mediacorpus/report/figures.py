"""Figures of a corpus, its labels and what a classifier says of it, each as an SVG string."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.report import words
from mediacorpus.report.drawing import (
    BLUE,
    PALE,
    bars,
    canvas,
    label,
    style,
    to_svg,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MOST_BARS = 20
MOST_PANELS = 6
_MOST_POINTS = 150
_MOST_TICKS = 6
_WIDE_RANGE = 6.0


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
        rest = largest[MOST_BARS - 1 :]
        shown = dict(largest[: MOST_BARS - 1])
        shown[f"{len(rest):,} others"] = sum(value for _, value in rest)
    whole = sum(counts.values())
    alt = "Bar chart of items by class: " + _spoken(shown, whole)
    return _bar_figure(shown, whole, alt)


def tag_bars(counts: Mapping[str, int], items: int) -> str:
    """Draw the most frequent tags (at most 20) with their shares of all `items`.

    Examples
    --------
    >>> tag_bars({"daisy": 12, "bee": 30}, 100).count("<svg")
    1
    """
    shown = dict(sorted(counts.items(), key=lambda pair: -pair[1])[:MOST_BARS])
    alt = "Bar chart of the most frequent tags: " + _spoken(shown, items)
    return _bar_figure(shown, items, alt)


def _spoken(counts: Mapping[str, int], whole: int) -> str:
    said = [f"{words.name(k)} {v:,} ({words.share(v, whole)})" for k, v in counts.items()]
    return ", ".join(said) + "."


def _bar_figure(counts: Mapping[str, int], whole: int, alt: str) -> str:
    with style():
        figure, axes = canvas(0.25 + 0.23 * len(counts))
        bars(axes[0, 0], list(counts), list(counts.values()), whole=whole)
        return to_svg(figure, alt)


def picture_sizes(sizes: Mapping[tuple[int, int], int]) -> str:
    """Draw widths against heights; the area of a dot is the number of images.

    Parameters
    ----------
    sizes:
        Number of items by (width, height) in pixels.

    Examples
    --------
    >>> picture_sizes({(640, 480): 30, (480, 640): 4}).count("<svg")
    1
    """
    points = _binned_sizes(sizes)
    width, height, n = (np.array(column, float) for column in zip(*points, strict=True))
    sides = [side for size in sizes for side in size]
    lowest, highest = min(sides), max(sides)
    with style():
        figure, axes = canvas(3.0, 2, gridspec_kw={"width_ratios": [1.3, 1]})
        left, right = axes[0]
        wide = highest / max(lowest, 1) > _WIDE_RANGE
        limits = (lowest / 1.35, highest * 1.35) if wide else (0.0, highest * 1.12)
        left.axline((limits[1], limits[1]), (limits[1] / 2, limits[1] / 2), color=PALE, lw=0.8)
        area = 12 + 288 * n / n.max()
        left.scatter(width, height, s=area, color=BLUE, alpha=0.6, linewidth=0)
        for axis, scale in ((left.xaxis, left.set_xscale), (left.yaxis, left.set_yscale)):
            if wide:
                scale("log")
                _plain_log_ticks(axis, limits)
        left.set(xlim=limits, ylim=limits, xlabel="Width, pixels", ylabel="Height, pixels")
        left.set_title("Size")
        right.set_title("Orientation")
        _orientation_bars(right, sizes)
        alt = (
            f"Dot plot of image sizes. Sides run from {words.number(lowest)} to "
            f"{words.number(highest)} pixels; the median width is "
            f"{_median([(w, k) for (w, _), k in sizes.items()]):,}, the median height "
            f"{_median([(h, k) for (_, h), k in sizes.items()]):,}."
        )
        return to_svg(figure, alt)


def _median(weighted: Sequence[tuple[int, int]]) -> int:
    """Give the lower median of values with their numbers of occurrences."""
    ordered = sorted(weighted)
    running = np.cumsum([n for _, n in ordered])
    return ordered[int(np.searchsorted(running, running[-1] / 2))][0]


def _binned_sizes(sizes: Mapping[tuple[int, int], int]) -> list[tuple[float, float, int]]:
    points = [(float(w), float(h), n) for (w, h), n in sorted(sizes.items())]
    if len(points) <= _MOST_POINTS:
        return points
    for steps in (8, 4, 2):
        binned: dict[tuple[int, int], int] = {}
        for width, height, n in points:
            cell = (round(steps * math.log2(width)), round(steps * math.log2(height)))
            binned[cell] = binned.get(cell, 0) + n
        if len(binned) <= 2 * _MOST_POINTS:
            break
    return [(2 ** (w / steps), 2 ** (h / steps), n) for (w, h), n in sorted(binned.items())]


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
    shown = [name for name in bins if name in ordered]
    columns = min(len(shown), 3)
    rows = math.ceil(len(shown) / columns)
    with style():
        figure, axes = canvas(0.35 + 1.45 * rows, columns, rows=rows, sharex=True, sharey=True)
        for axis in axes.ravel()[len(shown) :]:
            axis.set_visible(False)
        for axis, name in zip(axes.ravel(), shown, strict=False):
            counts = np.asarray(bins[name], float)
            edges = np.linspace(0, 1, len(counts) + 1)
            axis.bar(
                edges[:-1], counts, 1 / len(counts), align="edge", color=BLUE, ec="white", lw=0.5
            )
            axis.set_title(f"{label(name, 20)}  ({int(counts.sum()):,})")
            axis.set(xlim=(0, 1), xticks=(0, 0.5, 1))
            axis.yaxis.get_major_locator().set_params(integer=True, nbins=4)
        for axis in axes[-1]:
            axis.set_xlabel("Probability")
        for axis in axes[:, 0]:
            axis.set_ylabel("Items")
        total = {name: sum(bins[name]) for name in shown}
        alt = "Histograms of the probability of the predicted class: "
        return to_svg(figure, alt + _spoken(total, sum(total.values())))

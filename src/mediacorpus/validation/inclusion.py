"""Scores weighted by the chance with which each item was drawn, beside those as drawn."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.coding.split_groups import column_values
from mediacorpus.errors import ParameterError
from mediacorpus.validation.intervals import Interval, wilson
from mediacorpus.validation.weighting import WeightedScores, reweighted_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediacorpus.catalogue.store import Store
    from mediacorpus.validation.intervals import Floats
    from mediacorpus.validation.scores import Scores

SHOWN = {"precision": "precision", "recall": "recall", "f1": "F1", "share": "share"}
"""Scores of a class, as they are shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Inclusion:
    """Scores as drawn and weighted, side by side.

    Parameters
    ----------
    column:
        The column with the chance of each record to be drawn.
    weighted:
        The weighted scores.
    rows:
        Score, class (`""`: all), the score as drawn, the score weighted.
    """

    column: str
    weighted: WeightedScores
    rows: tuple[tuple[str, str, Interval, Interval], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and text, ready for JSON (null: undefined)."""
        table = [
            {"score": score, "class": name, "as_drawn": _plain(drawn), "weighted": _plain(other)}
            for score, name, drawn, other in self.rows
        ]
        kept = self.weighted
        return {
            "column": self.column,
            "n": kept.n,
            "effective_n": kept.effective_n,
            "population": kept.population,
            "level": kept.level,
            "table": table,
        }

    @property
    def words(self) -> str:
        """What the weights come to."""
        kept = self.weighted
        return (
            f"Weighted by one over {self.column}: the {kept.n:,} items stand for about "
            f"{kept.population:,.0f}, and tell as much as {kept.effective_n:,.0f} of equal weight."
        )

    def __str__(self) -> str:
        rows = [("", "as drawn", "weighted"), *self._cells()]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        return "\n".join([self.words, *lines])

    def _repr_html_(self) -> str:
        cells = [("", "as drawn", "weighted"), *self._cells()]
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in cells
        )
        return f"<p>{html.escape(self.words)}</p><table>{rows}</table>"

    def _cells(self) -> list[tuple[str, str, str]]:
        return [
            (f"{name}: {SHOWN[score]}" if name else score, str(drawn), str(other))
            for score, name, drawn, other in self.rows
        ]


def weigh(
    scores: Scores,
    truth: Sequence[str],
    said: Sequence[str],
    *,
    chances: Floats,
    column: str,
    groups: Sequence[Any] | None = None,
) -> Inclusion:
    """Put the scores of a sample beside what they are in the population it was drawn from.

    Parameters
    ----------
    scores:
        The scores as drawn.
    truth, said:
        One label per item, in the same order.
    chances:
        Chance of each item to be drawn, `(N,)`, above 0 and at most 1.
    column:
        Name of the column that they come from.
    groups:
        As in `reweighted_scores`.

    Examples
    --------
    >>> from mediacorpus.validation.scores import score
    >>> truth, said = ["yes"] * 4 + ["no"] * 4, ["yes", "yes", "yes", "no"] + ["no"] * 4
    >>> found = weigh(score(truth, said), truth, said,
    ...               chances=np.array([1.0] * 4 + [0.25] * 4), column="p")
    >>> [(row[0], round(row[2].estimate, 3), round(row[3].estimate, 3)) for row in found.rows[:1]]
    [('accuracy', 0.875, 0.95)]
    """
    found = reweighted_scores(
        truth, said, weights=1 / chances, classes=scores.classes, groups=groups, level=scores.level
    )
    rows = [("accuracy", "", scores.accuracy, found.accuracy)]
    for one in scores.per_class:
        drawn = {
            "precision": one.precision,
            "recall": one.recall,
            "f1": one.f1,
            "share": wilson(one.support, scores.n, level=scores.level),
        }
        weighted = found.per_class[one.name]
        rows += [(name, one.name, drawn[name], weighted[name]) for name in SHOWN]
    return Inclusion(column, found, tuple(rows))


def chances_of(store: Store, items: Sequence[str], column: str) -> Floats:
    """Read the chance with which each item was drawn from a column of its records.

    Raises
    ------
    ParameterError
        There is no such column, or an item has no value, several, or none above 0 and at most 1.
    """
    values = column_values(store, items, column)
    said = [sorted(set(values[item])) for item in items]
    found = np.array([_number(own[0]) if len(own) == 1 else math.nan for own in said])
    bad = np.flatnonzero(~((found > 0) & (found <= 1)))
    if len(bad):
        own = said[bad[0]]
        what = "has no value" if not own else f"has {' and '.join(map(repr, own[:3]))}"
        raise ParameterError(
            f"The column {column!r} must hold the chance with which each record was drawn, one "
            f"number above 0 and at most 1; item {items[bad[0]]} {what} ({len(bad):,} of "
            f"{len(items):,} items do not fit). Correct the table and add it again."
        )
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _plain(interval: Interval) -> list[float | None]:
    numbers = (interval.estimate, interval.low, interval.high)
    return [value if math.isfinite(value) else None for value in numbers]

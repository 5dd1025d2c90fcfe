"""The rates of a classifier by group of items, and how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.stats.intervals import Interval, square_and_add, undefined, wilson, wilson_f1
from mediacorpus.stats.significance import CORRECTIONS, heterogeneity, two_proportions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediacorpus.stats.intervals import Counts

MISSING = "(missing)"
"""The group of items without a value: shown, never compared."""

REST = "the rest"
"""What a group is compared with where no reference is named."""

PARTS = {
    "accuracy": (("right",), ("right", "wrong")),
    "base_rate": (("tp", "fn"), ("tp", "fp", "fn", "tn")),
    "selection_rate": (("tp", "fp"), ("tp", "fp", "fn", "tn")),
    "precision": (("tp",), ("tp", "fp")),
    "recall": (("tp",), ("tp", "fn")),
    "false_positive_rate": (("fp",), ("fp", "tn")),
    "f1": (("tp",), ("tp", "fp", "fn")),
}
"""For each rate the counts above and below the line; for F1 those of the Jaccard index."""

UNTESTED = frozenset({"base_rate"})
"""Rates that describe the items, not the classifier."""

CELLS = ("tp", "fp", "fn", "tn", "right", "wrong")


def group_counts(
    true: Sequence[str], said: Sequence[str], group: Sequence[str], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Count hits and errors of each group, for each class against the rest.

    Parameters
    ----------
    true, said, group:
        True class, predicted class and group of each item, `(N,)`.
    classes:
        The classes that are taken as positive, one at a time.

    Returns
    -------
    DataFrame
        `group`, `class`, `tp`, `fp`, `fn`, `tn`, `right`, `wrong`. The last two are the
        same for all classes.

    Examples
    --------
    >>> table = group_counts(["a", "b"], ["a", "a"], ["x", "x"], classes=["a"])
    >>> table[["tp", "fp", "fn", "tn", "right", "wrong"]].values.tolist()
    [[1, 1, 0, 0, 1, 1]]
    """
    names, number = np.unique(np.asarray(group, dtype=str), return_inverse=True)
    real, named = np.asarray(true, dtype=str), np.asarray(said, dtype=str)
    right = _sums(real == named, number, len(names))
    size = _sums(np.ones(len(real), dtype=bool), number, len(names))
    tables = []
    for one in classes:
        is_it, said_it = real == one, named == one
        kinds = (is_it & said_it, ~is_it & said_it, is_it & ~said_it, ~is_it & ~said_it)
        cells = [_sums(kind, number, len(names)) for kind in kinds]
        table = dict(zip(CELLS, [*cells, right, size - right], strict=True))
        tables.append(pd.DataFrame({"group": names, "class": one, **table}))
    return pd.concat(tables, ignore_index=True)


def _sums(inside: Any, number: Any, size: int) -> Counts:
    return np.bincount(number[inside], minlength=size).astype(np.int64)


def rate_of(counts: Mapping[str, int], score: str) -> tuple[int, int]:
    """Return what stands above and below the line of a rate.

    >>> rate_of({"tp": 3, "fp": 1}, "precision")
    (3, 4)
    """
    top, bottom = PARTS[score]
    return sum(int(counts[cell]) for cell in top), sum(int(counts[cell]) for cell in bottom)


def rate_interval(counts: Mapping[str, int], score: str, *, level: float) -> Interval:
    """Give a rate with Wilson's interval (F1: that of the Jaccard index, carried over).

    >>> print(rate_interval({"tp": 20, "fp": 0, "fn": 0}, "f1", level=0.95))
    1.000 [.912, 1.000]
    """
    top, bottom = rate_of(counts, score)
    if bottom == 0:
        return undefined(level, method="wilson")
    if score == "f1":
        return wilson_f1(top, bottom - top, level=level)
    return wilson(top, bottom, level=level)


def score_rows(counts: pd.DataFrame, *, level: float) -> pd.DataFrame:
    """Give every rate of each group: group, class, score, estimate, low, high, n.

    Accuracy comes once per group, with an empty class.

    >>> table = group_counts(["a", "b"], ["a", "a"], ["x", "x"], classes=["a"])
    >>> score_rows(table, level=0.95).loc[0, "estimate"].item()
    0.5
    """
    rows = []
    first = counts["class"].iloc[0]
    for one in records(counts):
        for score in PARTS:
            if score == "accuracy" and one["class"] != first:
                continue
            i = rate_interval(one, score, level=level)
            label = "" if score == "accuracy" else one["class"]
            bottom = rate_of(one, score)[1]
            rows.append((one["group"], label, score, i.estimate, i.low, i.high, bottom))
    columns = ["group", "class", "score", "estimate", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def difference_rows(
    counts: pd.DataFrame, *, reference: str | None, level: float, least: int
) -> pd.DataFrame:
    """Compare each group with a reference, or with all other items that have a group.

    Of two groups only the smaller is compared, with the larger. Groups under `least`
    items, and the missing ones, are compared with nothing.

    Returns
    -------
    DataFrame
        `group`, `against`, `class`, `score`, `estimate`, `other`, `difference`, `low`,
        `high` (Newcombe), `p`, `test`.
    """
    known = counts[counts["group"] != MISSING]
    sizes = (known["right"] + known["wrong"]).groupby(known["group"]).first()
    if reference is None and len(sizes) == 2:  # noqa: PLR2004
        reference = str(sizes.idxmax())
    rows = []
    first = counts["class"].iloc[0]
    for label in known["class"].unique():
        table = known[known["class"] == label].set_index("group")[list(CELLS)]
        for group in table.index:
            other = table.drop(group).sum() if reference is None else table.loc[reference]
            enough = min(sizes[group], other["right"] + other["wrong"]) >= least
            if group == reference or not enough:
                continue
            against = REST if reference is None else reference
            for score in PARTS:
                if score != "accuracy" or label == first:
                    of = "" if score == "accuracy" else label
                    found = _difference(table.loc[group], other, score, level=level)
                    rows.append((group, against, of, score, *found))
    columns = ["group", "against", "class", "score", "estimate", "other", "difference"]
    return pd.DataFrame(rows, columns=[*columns, "low", "high", "p", "test"])


def _difference(one: Any, other: Any, score: str, *, level: float) -> tuple[Any, ...]:
    here, there = (rate_interval(c, score, level=level) for c in (one, other))
    gap = square_and_add(here, there)
    p_value, test = float("nan"), ""
    if score not in UNTESTED:
        pairs = [rate_of(c, score) for c in (one, other)]
        p_value, test = two_proportions([[top, bottom - top] for top, bottom in pairs])
    return here.estimate, there.estimate, gap.estimate, gap.low, gap.high, p_value, test


def heterogeneity_rows(counts: pd.DataFrame, *, least: int) -> pd.DataFrame:
    """Test for each rate whether all groups of at least `least` items have the same.

    Returns
    -------
    DataFrame
        `class`, `score`, `groups`, `statistic` (Pearson's chi-square), `df`, `p`.
    """
    big = counts["right"] + counts["wrong"] >= least
    tested = counts[big & (counts["group"] != MISSING)]
    rows = []
    for place, label in enumerate(counts["class"].unique()):
        table = records(tested[tested["class"] == label])
        for score in PARTS:
            if score in UNTESTED or (score == "accuracy" and place):
                continue
            pairs = [rate_of(one, score) for one in table]
            cells = [[top, bottom - top] for top, bottom in pairs if bottom]
            if len(cells) > 1:
                of = "" if score == "accuracy" else label
                rows.append((of, score, len(cells), *heterogeneity(cells)))
    return pd.DataFrame(rows, columns=["class", "score", "groups", "statistic", "df", "p"])


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by column name.

    >>> records(pd.DataFrame({"a": [1, 2]}))
    [{'a': 1}, {'a': 2}]
    """
    rows = table.to_dict("records")
    return [{str(name): cell for name, cell in row.items()} for row in rows]


def corrected(table: pd.DataFrame, correction: str) -> pd.DataFrame:
    """Add `p_corrected`: the p-values of a table, for all its tests together.

    >>> corrected(pd.DataFrame({"p": [0.01, float("nan"), 0.04]}), "holm")["p_corrected"].tolist()
    [0.02, nan, 0.04]
    """
    return table.assign(p_corrected=CORRECTIONS[correction](table["p"].to_numpy(dtype=float)))

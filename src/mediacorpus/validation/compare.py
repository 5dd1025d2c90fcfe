"""Several models on the same items: scores, differences, and tests of the differences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.stats.counts import AVERAGES, as_labels, check_classes
from mediacorpus.stats.intervals import Counts, Floats, Interval, bootstrap_many, wilson
from mediacorpus.stats.resampling import group_numbers, sums_of_groups
from mediacorpus.stats.significance import holm, sign_flip
from mediacorpus.validation import comparison_display
from mediacorpus.validation.group_scores import (
    FEW,
    affordable,
    cell_statistic,
    probability_statistic,
    without_flat_limits,
)
from mediacorpus.validation.predictions import Answers, class_names, read_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SCORES = ("accuracy", "macro_f1", "log_loss", "roc_auc")
"""The scores that are compared."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How two models differ on the same items.

    Parameters
    ----------
    first, second:
        Names of the models.
    scores:
        First minus second for each of `SCORES`, with paired bootstrap intervals.
    only_first, only_second:
        Items that only the one gets right.
    p_value, p_corrected:
        McNemar's test of equal accuracy, before and after Holm's correction for the
        number of pairs; with groups, its form for groups (`significance.sign_flip`).
    """

    first: str
    second: str
    scores: Mapping[str, Interval]
    only_first: int
    only_second: int
    p_value: float
    p_corrected: float = float("nan")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several models on the same items.

    Parameters
    ----------
    n:
        Items that have a true class and that all models scored.
    left_out:
        For each model the items that it did not score; these are left out for all.
    scores:
        For each model its `SCORES` with bootstrap intervals (accuracy: Wilson's, where
        items are not grouped). Undefined where a model gives classes only.
    differences:
        One for each pair of models.
    groups:
        Number of groups of items; None where each item is its own.
    level:
        Confidence level of the intervals. They are not corrected for the number of pairs.
    notes:
        What a reader must know, one sentence each.
    """

    n: int
    left_out: Mapping[str, int]
    scores: Mapping[str, Mapping[str, Interval]]
    differences: tuple[Difference, ...]
    groups: int | None = None
    level: float = 0.95
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the scores as a tidy table: model, score, estimate, low, high, n.

        >>> compare(["a", "b"], {"m": ["a", "b"]}).to_frame().loc[0, "estimate"].item()
        1.0
        """
        cells = [
            (model, name, i.estimate, i.low, i.high, self.n)
            for model, scores in self.scores.items()
            for name, i in scores.items()
        ]
        return pd.DataFrame(cells, columns=["model", "score", "estimate", "low", "high", "n"])

    def differences_frame(self) -> pd.DataFrame:
        """Return the differences: first, second, score, difference, low, high, p-values.

        The p-values belong to accuracy and are NaN elsewhere.

        >>> found = compare(["a", "b"], {"m": ["a", "b"], "k": ["a", "a"]})
        >>> found.differences_frame().loc[0, "difference"].item()
        0.5
        """
        rows = []
        for one in self.differences:
            for name, i in one.scores.items():
                tested = name == "accuracy"
                ps = (one.p_value, one.p_corrected) if tested else (np.nan, np.nan)
                rows.append((one.first, one.second, name, i.estimate, i.low, i.high, *ps))
        columns = ["first", "second", "score", "difference", "low", "high", "p", "p_corrected"]
        return pd.DataFrame(rows, columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON.

        >>> compare(["a", "b"], {"m": ["a", "b"]}).to_dict()["models"]["m"]["accuracy"]
        1.0
        """
        return {
            "n": self.n,
            "groups": self.groups,
            "level": self.level,
            "left_out": dict(self.left_out),
            "models": {model: _plain(scores) for model, scores in self.scores.items()},
            "differences": [
                {
                    "first": one.first,
                    "second": one.second,
                    "only_first_right": one.only_first,
                    "only_second_right": one.only_second,
                    "p_value": one.p_value,
                    "p_corrected": one.p_corrected,
                    **_plain(one.scores),
                }
                for one in self.differences
            ],
            "notes": list(self.notes),
        }

    def sentences(self) -> list[str]:
        """Return one sentence for each pair: which is right more often, and how sure that is."""
        return [comparison_display.sentence(one, self.level) for one in self.differences]

    def __str__(self) -> str:
        return comparison_display.as_text(self)

    def _repr_html_(self) -> str:
        return comparison_display.as_html(self)


def compare(
    truth: Any,
    models: Mapping[str, Any],
    classes: Sequence[str] | None = None,
    *,
    groups: Any = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
    midp: bool = True,
) -> Comparison:
    """Compare models on the same items: scores, paired differences and tests.

    All intervals come from the same resamples of the items, or of the groups, so that
    differences are paired. Accuracies are tested pair by pair with McNemar's test,
    corrected with Holm's method for the number of pairs.

    Parameters
    ----------
    truth:
        The true class of each item, `(N,)`; a missing one leaves the item out.
    models:
        For each model its probabilities (a frame with one column for each class, an array
        `(N, K)`, or `(N,)` for two classes: those of the second) or its classes `(N,)` as
        text. A missing value leaves the item out for all models. Where truth is a Series,
        frames and series are brought into its order by their index.
    classes:
        The K classes in the order of arrays; by default those that occur, for labels only.
    groups:
        The group of each item, such as its author; a missing value is a group of its own.
    level, repeats, seed:
        As for `mediacorpus.validation.scores.score`; fewer resamples for large inputs.
    midp:
        Take the mid-p-value of McNemar's test, not the exact conditional one.

    Raises
    ------
    ParameterError
        There are no models, sizes do not fit, no item is scored by all, or a class is
        unknown.

    References
    ----------
    McNemar (1947), Fagerland et al. (2013) and Holm (1979), as in
    `mediacorpus.stats.significance`. Dietterich, T. G. (1998). Approximate
    statistical tests for comparing supervised classification learning algorithms. *Neural
    Computation*, 10, 1895-1923.

    Examples
    --------
    >>> truth = ["a"] * 10 + ["b"] * 10
    >>> one, two = ["a"] * 10 + ["b"] * 9 + ["a"], ["b"] * 7 + ["a"] * 3 + ["b"] * 10
    >>> found = compare(truth, {"one": one, "two": two})
    >>> print(found.differences[0].scores["accuracy"], round(found.differences[0].p_value, 4))
    .300 [.050, .550] 0.0391
    """
    if not models:
        raise ParameterError("There are no models to compare.")
    labels = pd.Series(truth, index=truth.index if isinstance(truth, pd.Series) else None)
    names = class_names(labels, models, classes)
    given = {name: read_answers(name, models[name], truth=labels, classes=names) for name in models}
    scored = labels.notna().to_numpy()
    left_out = {name: int((scored & ~one.scored).sum()) for name, one in given.items()}
    for one in given.values():
        scored = scored & one.scored
    if not scored.any():
        raise ParameterError("No item has a true class and is scored by all models.")
    kept = as_labels(labels[scored], "truth")
    check_classes(kept, names, "truth")
    true = np.array([names.index(label) for label in kept], dtype=np.int64)
    numbers = _numbers(groups, scored)
    answers = {name: one.only(scored) for name, one in given.items()}
    return _compared(
        true,
        answers,
        size=len(names),
        numbers=numbers,
        left_out=left_out,
        options={"level": level, "repeats": repeats, "seed": seed, "midp": midp},
    )


def _numbers(groups: Any, scored: Any) -> Counts | None:
    if groups is None:
        return None
    given = list(groups)
    if len(given) != len(scored):
        raise ParameterError(f"There are {len(scored)} items and groups for {len(given)}.")
    return group_numbers([group for group, kept in zip(given, scored, strict=True) if kept])


def _compared(
    true: Counts,
    answers: Mapping[str, Answers],
    *,
    size: int,
    numbers: Counts | None,
    left_out: Mapping[str, int],
    options: Mapping[str, Any],
) -> Comparison:
    names, pairs = list(answers), list(combinations(range(len(answers)), 2))
    each = np.arange(len(true)) if numbers is None else numbers
    groups, level = int(each.max()) + 1, options["level"]
    columns = [1] if size == 2 else sorted(set(true.tolist()))  # noqa: PLR2004
    parts = [
        _statistic(true, answers[name], size=size, numbers=each, columns=columns) for name in names
    ]
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T

    def statistic(draws: Counts) -> Floats:
        table = np.stack([part(draws) for part in parts], axis=1)
        both = np.concatenate([table, table[:, first] - table[:, second]], axis=1)
        return both.reshape(len(draws), -1)

    ranked = sum(one.matrix is not None for one in answers.values())
    found = bootstrap_many(
        statistic,
        np.ones(groups, dtype=np.int64),
        repeats=affordable(options["repeats"], len(true) * len(columns) * ranked),
        level=level,
        seed=options["seed"],
    )
    rows = [
        dict(zip(SCORES, map(without_flat_limits, found[at : at + len(SCORES)]), strict=True))
        for at in range(0, len(found), len(SCORES))
    ]
    right = {name: answers[name].said == true for name in names}
    if numbers is None:
        for name, row in zip(names, rows, strict=False):
            row["accuracy"] = wilson(int(right[name].sum()), len(true), level=level)
    differences = _tested(
        [(names[i], names[j]) for i, j in pairs],
        rows[len(names) :],
        right=right,
        numbers=each,
        midp=options["midp"],
    )
    return Comparison(
        n=len(true),
        left_out=left_out,
        scores=dict(zip(names, rows, strict=False)),
        differences=differences,
        groups=None if numbers is None else groups,
        level=level,
        notes=tuple(_notes(left_out, groups=None if numbers is None else groups, pairs=len(pairs))),
    )


def _statistic(
    true: Counts, one: Answers, *, size: int, numbers: Counts, columns: Sequence[int]
) -> Callable[[Counts], Floats]:
    """Prepare the `SCORES` of one model, from drawn groups `(R, G)` to `(R, 4)`."""
    hits = sums_of_groups(np.stack([one.said == true, np.ones(len(true))], axis=1), numbers)
    cells = cell_statistic(true, one.said, size=size, numbers=numbers)
    chances = None
    if one.matrix is not None:
        chances = probability_statistic(true, one.matrix, numbers=numbers, columns=columns)

    def statistic(draws: Counts) -> Floats:
        counted = hits(draws)
        found = np.full((len(draws), len(SCORES)), np.nan)
        found[:, 0] = counted[:, 0] / counted[:, 1]
        found[:, 1] = cells(draws)[:, size + AVERAGES.index("macro_f1")]
        if chances is not None:
            found[:, 2:] = chances(draws)[:, [3, 0]]
        return found

    return statistic


def _tested(
    pairs: Sequence[tuple[str, str]],
    scores: Sequence[Mapping[str, Interval]],
    *,
    right: Mapping[str, Any],
    numbers: Counts,
    midp: bool,
) -> tuple[Difference, ...]:
    found = []
    for (first, second), row in zip(pairs, scores, strict=True):
        lead = right[first].astype(np.int64) - right[second]
        by_group = np.bincount(numbers, lead).astype(np.int64)
        wins, losses = int((lead > 0).sum()), int((lead < 0).sum())
        found.append(Difference(first, second, row, wins, losses, sign_flip(by_group, midp=midp)))
    corrected = holm([one.p_value for one in found]).tolist()
    return tuple(replace(one, p_corrected=p) for one, p in zip(found, corrected, strict=True))


def _notes(left_out: Mapping[str, int], *, groups: int | None, pairs: int) -> list[str]:
    notes = [
        f"{name} did not score {count:,} of the labelled items; they are left out for all models."
        for name, count in left_out.items()
        if count
    ]
    if pairs > 1:
        notes.append(f"P-values are corrected for {pairs} pairs (Holm); intervals are not.")
    if groups is not None:
        shown = "1 group" if groups == 1 else f"{groups:,} groups"
        notes.append(f"Intervals and tests are over {shown} of items.")
        if groups < FEW:
            notes.append(f"With fewer than {FEW} groups such intervals tend to be too narrow.")
    return notes


def _plain(scores: Mapping[str, Interval]) -> dict[str, Any]:
    numbers = {name: i.estimate if i.defined else None for name, i in scores.items()}
    return numbers | {"intervals": {name: i.limits() for name, i in scores.items()}}

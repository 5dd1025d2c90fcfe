"""Scores of predictions against the truth, each with its confidence interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.coding.split_groups import column_values
from mediacorpus.errors import ParameterError
from mediacorpus.result import counted, plain
from mediacorpus.stats.intervals import Interval
from mediacorpus.stats.metric import label_of, metric, metrics
from mediacorpus.stats.resampling import group_numbers, score_sample
from mediacorpus.stats.sample import Sample, confusion_matrix
from mediacorpus.stats.survey import effective_number
from mediacorpus.validation.printing import Printed, aligned, few_groups, plain_scores

if TYPE_CHECKING:
    from mediacorpus.stats.intervals import Counts, Floats
    from mediacorpus.store.store import Store

HALF = 0.5

MOST_CLASSES = 20
"""Classes that are shown; the rest are only counted."""

MOST_NAMED = 5
"""Classes that a note names."""


@dataclass(frozen=True, slots=True)
class ClassScores:
    """The scores of one class.

    `support` counts the items that truly are of the class, `predicted` those predicted to
    be; `of` has the denominator of each score.
    """

    name: str
    scores: Mapping[str, Interval]
    support: int
    predicted: int
    of: Mapping[str, int]

    def __getitem__(self, score: str) -> Interval:
        return self.scores[score]


class ScoreTable(Printed):
    """Scores with their intervals, which are rows of the table of results."""

    __slots__ = ()
    _kind = "scores"

    def rows(self) -> list[dict[str, Any]]:
        """Give a row for each score: metric, class (empty: of all), interval, n."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy table: score, class, estimate, low, high, n.

        `class` is empty for scores of all classes together. `n` is the denominator: the
        predicted items for precision, the true ones for recall, those that are either for
        F1, else all.

        >>> from mediacorpus.stats.sample import read_sample
        >>> score(read_sample("ab", "aa")).to_frame().loc[0, "estimate"].item()
        0.5
        """
        table = pd.DataFrame(self.rows()).rename(columns={"metric": "score"})
        return table[["score", "class", "estimate", "low", "high", "n"]]


@dataclass(frozen=True, slots=True, repr=False)
class Scores(ScoreTable):
    """How well predictions agree with the truth.

    A score whose denominator is zero is undefined: its estimate is NaN, it is written
    `undefined`, it is null in JSON, and it is left out of the averages. `notes` says so.
    `scores["macro_f1"]` gives one of the overall scores.

    Parameters
    ----------
    n:
        Number of items.
    classes:
        The classes, in the order of the confusion matrix.
    confusion:
        Confusion matrix: rows are true classes, columns predicted ones.
    overall:
        The scores that are for all classes together, by name: every registered metric.
    per_class:
        The scores of single classes.
    positive:
        The class that the headline `precision`, `recall` and `f1` are for; None: they are
        macro averages.
    level:
        Confidence level of all intervals.
    notes:
        What a reader must know, one sentence each.
    """

    n: int
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    overall: Mapping[str, Interval]
    per_class: tuple[ClassScores, ...]
    positive: str | None = None
    level: float = 0.95
    notes: tuple[str, ...] = ()

    def __getitem__(self, score: str) -> Interval:
        return self.overall[score]

    def headline(self, score: str) -> Interval:
        """Return a score of the positive class, or its macro average where there is none."""
        if self.positive is None:
            return self.overall[f"macro_{score}"]
        return self.per_class[self.classes.index(self.positive)][score]

    @property
    def accuracy(self) -> Interval:
        """Share of items predicted rightly."""
        return self.overall["accuracy"]

    @property
    def precision(self) -> Interval:
        """Share of the predicted positives that are right (or its macro average)."""
        return self.headline("precision")

    @property
    def recall(self) -> Interval:
        """Share of the true positives that are found (or its macro average)."""
        return self.headline("recall")

    @property
    def f1(self) -> Interval:
        """Harmonic mean of precision and recall (or its macro average)."""
        return self.headline("f1")

    def rows(self) -> list[dict[str, Any]]:
        """Give a row for each score, those of all classes first."""
        rows = [i.row(name, n=self.n) for name, i in self.overall.items()]
        for one in self.per_class:
            rows += [i.row(name, one.name, n=one.of[name]) for name, i in one.scores.items()]
        return rows

    def confusion_frame(self) -> pd.DataFrame:
        """Return the confusion matrix as a table with class names.

        >>> from mediacorpus.stats.sample import read_sample
        >>> score(read_sample("ab", "aa")).confusion_frame().loc["b", "a"].item()
        1
        """
        return pd.DataFrame(
            [list(row) for row in self.confusion],
            index=pd.Index(self.classes, name="true"),
            columns=pd.Index(self.classes, name="predicted"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON.

        Scores are numbers (null where undefined); `intervals` holds `[low, high]` under
        the same names.

        >>> from mediacorpus.stats.sample import read_sample
        >>> found = score(read_sample("ab", "aa")).to_dict()
        >>> found["accuracy"], found["confusion_matrix"]
        (0.5, [[1, 0], [1, 0]])
        """
        head = {part: self.headline(part) for part in ("precision", "recall", "f1")}
        return {
            "n": self.n,
            "level": self.level,
            "positive": self.positive,
            "average": "macro" if self.positive is None else "positive class",
            **plain_scores({**head, **self.overall}),
            "per_class": {
                one.name: {"support": one.support, "predicted": one.predicted}
                | plain_scores(one.scores)
                for one in self.per_class
            },
            "classes": list(self.classes),
            "confusion_matrix": [list(row) for row in self.confusion],
            "notes": list(self.notes),
        }

    @property
    def _title(self) -> str:
        items, classes = counted(self.n, "item"), counted(len(self.classes), "class", "classes")
        return f"{items}, {classes}, {100 * self.level:g} % confidence intervals"

    def _tables(self) -> list[list[list[str]]]:
        """Give the single scores, the table of classes, and the confusion matrix of not many."""
        shown = [one for one in metrics(at="text") if one.name in self.overall]
        single = [[one.label, str(self.overall[one.name])] for one in shown]
        if single and shown[0].name == "accuracy":
            single.insert(1, ["largest class", self._largest()])
        names = list(self.per_class[0].scores)
        rows = [["class", *map(label_of, names), "n"]]
        for one in self.per_class[:MOST_CLASSES]:
            name = f"{one.name} (positive)" if one.name == self.positive else one.name
            rows.append([name, *map(str, one.scores.values()), str(one.support)])
        for average in ("macro", "weighted"):
            cells = [str(self.overall.get(f"{average}_{name}", "")) for name in names]
            rows.append([f"{average} average", *cells, str(self.n)])
        tables = [[["score", ""], *single], rows]
        if len(self.classes) <= MOST_CLASSES:
            pairs = zip(self.classes, self.confusion, strict=True)
            counts = [[name, *map(str, row)] for name, row in pairs]
            tables.append([["true \\ predicted", *self.classes], *counts])
        return tables

    def _largest(self) -> str:
        """Say what share always naming the largest class gets right, and which class that is."""
        one = max(self.per_class, key=lambda one: one.support)
        share = one.support / self.n if self.n else 0.0
        return f"{share:.3f}".removeprefix("0") + f" ({one.name})"

    def _below(self) -> list[str]:
        hidden = len(self.classes) - MOST_CLASSES
        more = [f"{hidden} more classes are in to_frame()."] if hidden > 0 else []
        return [*more, *self.notes]

    def __str__(self) -> str:
        (_, *single), (head, *rows), *_ = self._tables()
        width = max(len(row[0]) for row in [*single, *rows])
        lines = aligned([[row[0].ljust(width), *row[1:]] for row in single])
        table = aligned([[" " * width, *head[1:]], *rows])
        return "\n".join([self._title, *lines, "", *table, *self._below()])


def score(
    sample: Sample, *, groups: Any = None, level: float = 0.95, repeats: int = 2000, seed: int = 0
) -> Scores:
    """Score predicted classes against the truth, each score with its interval.

    Accuracy, precision and recall are proportions and have Wilson's interval. F1 and all
    other metrics have a percentile bootstrap interval over items. Where every resample gives
    the same value (a classifier without errors, say) that interval would have no width;
    then Wilson's limits take its place: for F1 those of the Jaccard index, for averages
    the mean of the classes' limits, which is on the wide side. With groups all intervals come
    from the bootstrap over groups, and Wilson's limits count groups instead of items.

    Parameters
    ----------
    sample:
        What is true, what was predicted, and the probabilities where there are any.
    groups:
        The group of each item, such as its author, whose items are alike; a missing value is
        a group of its own.
    level:
        Confidence level, between 0 and 1.
    repeats:
        Number of bootstrap resamples.
    seed:
        Seed of the bootstrap.

    References
    ----------
    Sokolova & Lapalme (2009) and others, as `mediacorpus.stats.metric.METRICS` names them.
    Field & Welsh (2007) and Cameron et al. (2008), as in
    `mediacorpus.stats.resampling.score_sample`.

    Examples
    --------
    >>> from mediacorpus.stats.sample import read_sample
    >>> gold = ["0"] * 393 + ["1"] * 422
    >>> predicted = ["0"] * 321 + ["1"] * 72 + ["0"] * 48 + ["1"] * 374
    >>> found = score(read_sample(gold, predicted, positive="1"))
    >>> print(found.accuracy, found.precision, found.recall, sep="; ")
    .853 [.827, .875]; .839 [.802, .870]; .886 [.852, .913]
    """
    numbers = _drawn(groups)
    known = metrics(sample.offers, "validate")
    found = score_sample(sample, known, numbers=numbers, level=level, repeats=repeats, seed=seed)
    single = [one for one in known if one.per_class]
    whole = sample.under(np.ones((1, len(sample)), dtype=np.int64))
    of = {
        one.name: one.parts(whole)[1][0].tolist() if one.form == "proportion" else [len(sample)]
        for one in single
    }
    counts = (side[0].tolist() for side in (whole.truths, whole.guesses))
    per_class = tuple(
        ClassScores(
            name=name,
            scores={one.name: found[one.name][at] for one in single},
            support=support,
            predicted=predicted,
            of={score: n[at % len(n)] for score, n in of.items()},
        )
        for at, (name, support, predicted) in enumerate(zip(sample.classes, *counts, strict=True))
    )
    overall = {one.name: found[one.name][0] for one in known if not one.per_class}
    notes = [*_undefined(per_class, overall), *_grouped(numbers)]
    matrix = tuple(tuple(row) for row in confusion_matrix(sample).tolist())
    return Scores(
        len(sample),
        sample.classes,
        matrix,
        overall,
        per_class,
        sample.positive,
        level,
        tuple(notes),
    )


def _drawn(groups: Any) -> Counts | None:
    """Give the number of each item's group; None where each item is on its own."""
    if groups is None:
        return None
    numbers = group_numbers(groups)
    return None if int(numbers.max()) + 1 == len(numbers) else numbers


def _grouped(numbers: Counts | None) -> list[str]:
    if numbers is None:
        return []
    groups = int(numbers.max()) + 1
    items = f"{len(numbers):,} items"
    note = f"Intervals are over {counted(groups, 'group')} of the {items}, not over items."
    return [note, *few_groups(groups)]


def _undefined(per_class: Sequence[ClassScores], overall: Mapping[str, Interval]) -> list[str]:
    """Say in a sentence each what is undefined."""
    unused = [one.name for one in per_class if not one.predicted]
    unseen = [one.name for one in per_class if not one.support]
    notes = [
        f"{what} {_listed(names)}: {score} is undefined there and left out of the averages."
        for what, names, score in (
            ("No item is predicted to be", unused, "precision"),
            ("No item truly is", unseen, "recall"),
        )
        if names
    ]
    if "roc_auc" in overall and not overall["roc_auc"].defined:
        notes.append("ROC AUC is undefined: it needs items of the class and of another one.")
    return notes


def _listed(names: Sequence[str]) -> str:
    shown = " or ".join(repr(name) for name in names[:MOST_NAMED])
    rest = len(names) - MOST_NAMED
    return f"{shown} or {rest} more classes" if rest > 0 else shown


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NumberScores(ScoreTable):
    """How near predicted numbers come to the true ones.

    Parameters
    ----------
    n:
        Number of items.
    scores:
        Every registered metric of numbers with a bootstrap interval, such as
        `mean_absolute_error`, `root_mean_squared_error`, `bias` (mean of predicted minus
        true), `pearson_r`, `r_squared` (share of the variance explained).
    """

    n: int
    scores: Mapping[str, Interval]

    def rows(self) -> list[dict[str, Any]]:
        """Give a row for each score."""
        return [i.row(name, n=self.n) for name, i in self.scores.items()]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and text."""
        scores = {name: _plain(i) for name, i in self.scores.items()}
        return {"n": self.n, "scores": scores}

    @property
    def _title(self) -> str:
        return counted(self.n, "item")

    def _tables(self) -> list[list[list[str]]]:
        rows = [[label_of(name), str(i)] for name, i in self.scores.items()]
        return [[["score", ""], *rows]]

    def __str__(self) -> str:
        [(_, *rows)] = self._tables()
        return "\n".join([self._title, *(f"  {label:24} {score}" for label, score in rows)])


def score_numbers(
    gold: Sequence[float],
    predicted: Sequence[float],
    *,
    groups: Sequence[Any] | None = None,
    level: float = 0.95,
    seed: int = 1,
) -> NumberScores:
    """Score predicted numbers.

    Parameters
    ----------
    gold, predicted:
        True and predicted value of each item, `(N,)`.
    groups:
        The group of each item for the bootstrap; by default each item is its own.
    level, seed:
        Of the intervals.

    Raises
    ------
    ParameterError
        There are fewer than two items.

    Examples
    --------
    >>> found = score_numbers([1, 2, 3, 4], [1, 2, 3, 5])
    >>> round(found.scores["mean_absolute_error"].estimate, 3)
    0.25
    """
    sample = Sample(np.asarray(gold, np.float64), np.asarray(predicted, np.float64))
    if len(sample) < 2:  # noqa: PLR2004 - a line
        raise ParameterError(
            f"There are {len(sample)} true and {len(sample)} predicted values; as many "
            "of both are needed, and at least two."
        )
    known = metrics(sample.offers, "validate")
    numbers = _drawn(groups)
    found = score_sample(sample, known, numbers=numbers, level=level, repeats=1000, seed=seed)
    return NumberScores(len(sample), {name: i[0] for name, i in found.items()})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SeveralScores(ScoreTable):
    """How a model does whose items bear several labels at once.

    Parameters
    ----------
    n:
        Number of items.
    labels:
        For each label the scores of telling it from its absence.
    exact_match:
        Share of the items with just the right set of labels.
    mean_f1:
        Mean of F1 over the labels.
    """

    n: int
    labels: Mapping[str, Scores]
    exact_match: Interval
    mean_f1: float

    def rows(self) -> list[dict[str, Any]]:
        """Give a row for each score, those of all labels together first."""
        mean = Interval(self.mean_f1, math.nan, math.nan, self.exact_match.level)
        whole = {"exact_match": self.exact_match, "mean_f1": mean}
        rows = [i.row(name, n=self.n) for name, i in whole.items()]
        for name, one in self.labels.items():
            rows += [row | {"class": row["class"] or name} for row in one.rows()]
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and text."""
        return {
            "n": self.n,
            "exact_match": _plain(self.exact_match),
            "mean_f1": plain(self.mean_f1),
            "labels": {name: one.to_dict() for name, one in self.labels.items()},
        }

    @property
    def _title(self) -> str:
        right = f"exact match {self.exact_match}"
        return f"{counted(self.n, 'item')}; {right}; mean F1 {self.mean_f1:.3f}"

    def __str__(self) -> str:
        rows = [
            f"  {name}: precision {one.precision}, recall {one.recall}, F1 {one.f1}"
            for name, one in self.labels.items()
        ]
        return "\n".join([self._title, *rows])

    def _tables(self) -> list[list[list[str]]]:
        parts = ("precision", "recall", "f1")
        rows = [[k, *(str(one.headline(p)) for p in parts)] for k, one in self.labels.items()]
        return [[["label", *map(label_of, parts)], *rows]]


def score_several(
    gold: Sequence[Sequence[str]],
    probabilities: Any,
    classes: Sequence[str],
    *,
    threshold: float = HALF,
    groups: Sequence[Any] | None = None,
    level: float = 0.95,
    seed: int = 1,
) -> SeveralScores:
    """Score probabilities of several labels against the true sets of labels.

    Parameters
    ----------
    gold:
        The true labels of each item.
    probabilities:
        Array `(N, K)`.
    classes:
        The K labels, in the order of the columns.
    threshold:
        Probability from which a label counts as given.
    groups:
        The group of each item for the bootstrap; by default each item is its own.
    level, seed:
        Of the intervals.

    Examples
    --------
    >>> found = score_several([["a"], ["a", "b"], []], [[.9, .1], [.8, .2], [.1, .1]], ["a", "b"])
    >>> round(found.exact_match.estimate, 2)
    0.67
    """
    given = np.asarray(probabilities, np.float64)
    true = np.array([[c in row for c in classes] for row in gold], dtype=np.int64)
    predicted = (given >= threshold).astype(np.int64)
    options: dict[str, Any] = {"level": level, "seed": seed}
    labels = {}
    for name, real, named, chance in zip(classes, true.T, predicted.T, given.T, strict=True):
        chances = np.column_stack([1 - chance, chance])
        own = Sample(real, named, (f"not {name}", name), matrix=chances, positive=name)
        labels[name] = score(own, groups=groups, **options)
    exact = (true == predicted).all(axis=1).astype(np.int64)
    right = Sample(np.ones_like(exact), exact, classes=("wrong", "right"))
    numbers = _drawn(groups)
    [match] = score_sample(right, [metric("accuracy")], numbers=numbers, **options)["accuracy"]
    values = [one.f1.estimate for one in labels.values() if one.f1.defined]
    mean = float(np.mean(values)) if values else math.nan
    return SeveralScores(len(true), labels, match, mean)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Inclusion(Printed):
    """Scores as drawn and weighted by the chance to be drawn, side by side.

    Parameters
    ----------
    column:
        The column with the chance of each record to be drawn.
    n:
        Number of items.
    effective_n:
        Kish's effective number: items of equal weight that would tell as much.
    population:
        Sum of the weights: an estimate of the number of items that were drawn from.
    level:
        Confidence level of the intervals.
    rows:
        Score, class (`""`: all), the score as drawn, the score weighted.
    """

    _kind = "inclusion"

    column: str
    n: int
    effective_n: float
    population: float
    level: float
    rows: tuple[tuple[str, str, Interval, Interval], ...]

    def weighted(self, score: str, of: str = "") -> Interval:
        """Return a weighted score, of a class or of all."""
        return next(row[3] for row in self.rows if row[:2] == (score, of))

    def to_frame(self) -> pd.DataFrame:
        """Return score, class, the estimate as drawn, and the weighted one with its limits."""
        cells = [(*row[:2], row[2].estimate, *_plain(row[3])) for row in self.rows]
        return pd.DataFrame(
            cells, columns=["score", "class", "as_drawn", "weighted", "low", "high"]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and text, ready for JSON (null: undefined)."""
        return {
            "column": self.column,
            "n": self.n,
            "effective_n": self.effective_n,
            "population": self.population,
            "level": self.level,
            "table": [
                {"score": score, "class": of, "as_drawn": _plain(drawn), "weighted": _plain(other)}
                for score, of, drawn, other in self.rows
            ],
        }

    @property
    def _title(self) -> str:
        return (
            f"Weighted by one over {self.column}: the {self.n:,} items stand for about "
            f"{self.population:,.0f}, and tell as much as {self.effective_n:,.0f} of equal weight."
        )

    def _tables(self) -> list[list[list[str]]]:
        cells = [
            [f"{of}: {label_of(score)}" if of else label_of(score), str(drawn), str(other)]
            for score, of, drawn, other in self.rows
        ]
        return [[["", "as drawn", "weighted"], *cells]]


def _plain(interval: Interval) -> list[float | None]:
    return [plain(value) for value in (interval.estimate, interval.low, interval.high)]


def weigh(
    scores: Scores, sample: Sample, *, chances: Floats, column: str, groups: Any = None
) -> Inclusion:
    """Put the scores of a sample beside what they are in the population it was drawn from.

    Parameters
    ----------
    scores:
        The scores as drawn.
    sample:
        The items that they are of.
    chances:
        Chance of each item to be drawn, `(N,)`, above 0 and at most 1.
    column:
        Name of the column that they come from.
    groups:
        The group of each item, such as its author; the variance is then that between groups.

    Examples
    --------
    >>> from mediacorpus.stats.sample import read_sample
    >>> gold, predicted = ["yes"] * 4 + ["no"] * 4, ["yes", "yes", "yes", "no"] + ["no"] * 4
    >>> sample = read_sample(gold, predicted)
    >>> found = weigh(score(sample), sample,
    ...               chances=np.array([1.0] * 4 + [0.25] * 4), column="p")
    >>> [(row[0], round(row[2].estimate, 3), round(row[3].estimate, 3)) for row in found.rows[:1]]
    [('accuracy', 0.875, 0.95)]
    """
    known, weights = metrics(sample.offers, "inclusion"), 1 / chances
    numbers = None if groups is None else group_numbers(groups)
    weighted = score_sample(sample, known, weights=weights, numbers=numbers, level=scores.level)
    drawn: dict[str, tuple[Interval, ...]] = {k: (i,) for k, i in scores.overall.items()}
    drawn |= {k: tuple(one[k] for one in scores.per_class) for k in scores.per_class[0].scores}
    rest = [one for one in known if one.name not in drawn]
    drawn |= score_sample(sample, rest, level=scores.level)
    single = [one.name for one in known if one.per_class]
    places = [(one.name, "", 0) for one in known if not one.per_class]
    places += [(one, name, at) for at, name in enumerate(sample.classes) for one in single]
    rows = [(one, of, drawn[one][at], weighted[one][at]) for one, of, at in places]
    total = float(weights.sum())
    return Inclusion(
        column, len(sample), effective_number(weights), total, scores.level, tuple(rows)
    )


def chances_of(store: Store, items: Sequence[str], column: str) -> Floats:
    """Read the chance with which each item was drawn from a column of its records.

    Raises
    ------
    ParameterError
        There is no such column, or an item has no value, several, or none above 0 and at most 1.
    """
    values = column_values(store, items, column)
    distinct = [sorted(set(values[item])) for item in items]
    found = pd.to_numeric(
        pd.Series([own[0] if len(own) == 1 else None for own in distinct], dtype=object),
        errors="coerce",
    ).to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~((found > 0) & (found <= 1)))
    if len(bad):
        own = distinct[bad[0]]
        what = "has no value" if not own else f"has {' and '.join(map(repr, own[:3]))}"
        raise ParameterError(
            f"The column {column!r} must hold the chance with which each record was drawn, one "
            f"number above 0 and at most 1; item {items[bad[0]]} {what} ({len(bad):,} of "
            f"{len(items):,} items do not fit). Correct the table and add it again."
        )
    return found

"""Scores of predicted classes against the truth, each with its confidence interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.stats.classes import (
    Averages,
    ClassScores,
    score_classes,
    what_is_undefined,
)
from mediacorpus.stats.counts import (
    AVERAGES,
    as_labels,
    check_pair,
    confusion_matrix,
    sorted_classes,
)
from mediacorpus.stats.intervals import (
    Floats,
    Interval,
    wilson,
)
from mediacorpus.stats.probabilities import (
    ProbabilityScores,
    probability_matrix,
    score_probabilities,
)
from mediacorpus.validation import display

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Averages", "ClassScores", "Scores", "confusion_matrix", "score"]


@dataclass(frozen=True, slots=True)
class Scores:
    """How well predictions agree with the truth.

    A score whose denominator is zero is undefined: its estimate is NaN, it is written
    `undefined`, it is null in JSON, and it is left out of the averages. `notes` says so.

    Parameters
    ----------
    n:
        Number of items.
    classes:
        The classes, in the order of the confusion matrix.
    confusion:
        Confusion matrix: rows are true classes, columns predicted ones.
    accuracy:
        Share of items predicted rightly, with Wilson's interval.
    per_class:
        Precision and recall with Wilson's interval, F1 with a bootstrap interval.
    macro, weighted:
        Means over classes, plain and weighted by support, with bootstrap intervals.
    positive:
        The class that the headline `precision`, `recall` and `f1` are for; None: they are
        macro averages.
    probability:
        Scores of the probabilities, where these were given.
    level:
        Confidence level of all intervals.
    notes:
        What a reader must know, one sentence each.
    """

    n: int
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    accuracy: Interval
    per_class: tuple[ClassScores, ...]
    macro: Averages
    weighted: Averages
    positive: str | None = None
    probability: ProbabilityScores | None = None
    level: float = 0.95
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> ClassScores | Averages:
        """Scores of the positive class, or macro averages where there is none."""
        if self.positive is None:
            return self.macro
        return self.per_class[self.classes.index(self.positive)]

    @property
    def precision(self) -> Interval:
        """Share of the predicted positives that are right (or its macro average)."""
        return self.headline.precision

    @property
    def recall(self) -> Interval:
        """Share of the true positives that are found (or its macro average)."""
        return self.headline.recall

    @property
    def f1(self) -> Interval:
        """Harmonic mean of precision and recall (or its macro average)."""
        return self.headline.f1

    @property
    def balanced_accuracy(self) -> Interval:
        """Mean recall of the classes that occur."""
        return self.macro.recall

    def overall(self) -> dict[str, Interval]:
        """Return the scores that are for all classes together, by name.

        >>> list(score(["a"], ["a"]).overall())[:3]
        ['accuracy', 'balanced_accuracy', 'macro_precision']
        """
        found = {"accuracy": self.accuracy, "balanced_accuracy": self.balanced_accuracy}
        for name in AVERAGES:
            average, _, part = name.partition("_")
            found[name] = getattr(getattr(self, average), part)
        if self.probability is not None:
            found |= {
                name: getattr(self.probability, name)
                for name in ("roc_auc", "average_precision", "brier", "log_loss")
            }
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy table: score, class, estimate, low, high, n.

        `class` is empty for scores of all classes together. `n` is the denominator: the
        predicted items for precision, the true ones for recall, those that are either for
        F1, else all.

        >>> score(["a", "b"], ["a", "a"]).to_frame().loc[0, "estimate"].item()
        0.5
        """
        rows: list[tuple[str, str, Interval, int]] = [
            (name, "", interval, self.n) for name, interval in self.overall().items()
        ]
        for one in self.per_class:
            either = one.support + one.predicted - one.hits
            rows += [
                ("precision", one.name, one.precision, one.predicted),
                ("recall", one.name, one.recall, one.support),
                ("f1", one.name, one.f1, either),
            ]
        cells = [(name, of, i.estimate, i.low, i.high, n) for name, of, i, n in rows]
        return pd.DataFrame(cells, columns=["score", "class", "estimate", "low", "high", "n"])

    def confusion_frame(self) -> pd.DataFrame:
        """Return the confusion matrix as a table with class names.

        >>> score(["a", "b"], ["a", "a"]).confusion_frame().loc["b", "a"].item()
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

        >>> found = score(["a", "b"], ["a", "a"]).to_dict()
        >>> found["accuracy"], found["confusion_matrix"]
        (0.5, [[1, 0], [1, 0]])
        """
        head = {part: getattr(self.headline, part) for part in ("precision", "recall", "f1")}
        scores = {"accuracy": self.accuracy, **head, **self.overall()}
        return {
            "n": self.n,
            "level": self.level,
            "positive": self.positive,
            "average": "macro" if self.positive is None else "positive class",
            **_plain(scores),
            "per_class": {
                one.name: {
                    "support": one.support,
                    "predicted": one.predicted,
                    **_plain({p: getattr(one, p) for p in ("precision", "recall", "f1")}),
                }
                for one in self.per_class
            },
            "classes": list(self.classes),
            "confusion_matrix": [list(row) for row in self.confusion],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return display.as_text(self)

    def _repr_html_(self) -> str:
        return display.as_html(self)


def _plain(scores: Mapping[str, Interval]) -> dict[str, Any]:
    numbers: dict[str, Any] = {
        name: i.estimate if i.defined else None for name, i in scores.items()
    }
    return numbers | {"intervals": {name: i.limits() for name, i in scores.items()}}


def score(
    truth: Any,
    predicted: Any,
    *,
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    probabilities: Any = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> Scores:
    """Score predicted classes against the truth, each score with its interval.

    Accuracy, precision and recall are proportions and have Wilson's interval. F1 and the
    averages have a percentile bootstrap interval over items. Where every resample gives
    the same value (a classifier without errors, say) that interval would have no width;
    then Wilson's limits take its place: for F1 those of the Jaccard index, for averages
    the mean of the classes' limits, which is on the wide side.

    Parameters
    ----------
    truth, predicted:
        One label per item, in the same order. Labels are compared as text.
    classes:
        All classes, in the order in which they are shown; by default those that occur.
    positive:
        The class that headline precision, recall and F1 are for.
    probabilities:
        Optional: a frame with one column for each class, an array `(n, K)` in the order
        of the classes, or `(n,)` with those of the positive class.
    level:
        Confidence level, between 0 and 1.
    repeats:
        Number of bootstrap resamples.
    seed:
        Seed of the bootstrap.

    Raises
    ------
    ParameterError
        Lengths differ, labels are missing or unknown, or an argument is out of range.

    References
    ----------
    Sokolova, M., & Lapalme, G. (2009). A systematic analysis of performance measures for
    classification tasks. *Information Processing & Management*, 45, 427-437.

    Examples
    --------
    >>> truth = ["0"] * 393 + ["1"] * 422
    >>> predicted = ["0"] * 321 + ["1"] * 72 + ["0"] * 48 + ["1"] * 374
    >>> found = score(truth, predicted, positive="1")
    >>> print(found.accuracy, found.precision, found.recall, sep="; ")
    .853 [.827, .875]; .839 [.802, .870]; .886 [.852, .913]
    """
    true, guess = check_pair(truth, predicted)
    names, head = _classes(true + guess, classes, positive)
    matrix = confusion_matrix(true, guess, names)
    options = {"level": level, "repeats": repeats, "seed": seed}
    per_class, macro, weighted = score_classes(matrix, names, options)
    probability = None
    if probabilities is not None:
        given = probability_matrix(probabilities, names, positive=head)
        probability = _probability(true, given, names, positive=head, options=options)
    notes = what_is_undefined(per_class)
    if probability is not None and not probability.roc_auc.defined:
        notes.append("ROC AUC is undefined: it needs items of the class and of another one.")
    return Scores(
        n=len(true),
        classes=names,
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        accuracy=wilson(int(matrix.trace()), len(true), level=level),
        per_class=per_class,
        macro=macro,
        weighted=weighted,
        positive=head,
        probability=probability,
        level=level,
        notes=tuple(notes),
    )


def _probability(
    true: Sequence[str],
    matrix: Floats,
    names: Sequence[str],
    *,
    positive: str | None,
    options: Mapping[str, Any],
) -> ProbabilityScores:
    if len(matrix) != len(true):
        raise ParameterError(
            f"There are probabilities for {len(matrix)} items and labels for {len(true)}."
        )
    place = {name: i for i, name in enumerate(names)}
    column = None if positive is None else place[positive]
    return score_probabilities([place[t] for t in true], matrix, positive=column, **options)


def _classes(
    occurring: Sequence[str], classes: Sequence[str] | None, positive: Any
) -> tuple[tuple[str, ...], str | None]:
    head = None if positive is None else as_labels([positive], "positive")[0]
    if classes is not None:
        names = tuple(as_labels(classes, "classes"))
    else:
        names = sorted_classes(occurring)
        if head is not None and len(names) == 1:
            names = sorted_classes([*names, head])
    if head is not None and head not in names:
        raise ParameterError(
            f"The positive class {head!r} is none of the classes: {', '.join(names)}."
        )
    return names, head

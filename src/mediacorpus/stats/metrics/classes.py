"""Accuracy, and the rates of single classes with their averages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediacorpus.stats.metric import built_in

if TYPE_CHECKING:
    from mediacorpus.stats.metric import Register
    from mediacorpus.stats.sample import Weighted

SOKOLOVA = (
    "Sokolova, M., & Lapalme, G. (2009). A systematic analysis of performance measures for "
    "classification tasks. Information Processing & Management, 45, 427-437."
)


def _rate(name: str, place: int, summary: str, *, hide: str = "", **facts: Any) -> Register:
    facts |= {"by": SOKOLOVA, "hide": f"{hide} text compare"}
    return built_in(name, place, summary, form="proportion", per_class=True, **facts)


@built_in("accuracy", 1, "Share of items predicted rightly.", by=SOKOLOVA, form="proportion")
def accuracy(given: Weighted) -> Any:
    """Give the items predicted rightly, and all."""
    return given.hits.sum(axis=1)[:, None], given.total


@_rate("base_rate", 2, "Share of the class.", hide="validate figure card", tested=False)
def base_rate(given: Weighted) -> Any:
    """Give the items that are of the class, and all."""
    return given.truths, given.total


NOT_HERE = "validate inclusion figure card"


@_rate("selection_rate", 3, "Share of items predicted to be of the class.", hide=NOT_HERE)
def selection_rate(given: Weighted) -> Any:
    """Give the items predicted to be of the class, and all."""
    return given.guesses, given.total


@_rate("precision", 4, "Share of the predicted that are right.")
def precision(given: Weighted) -> Any:
    """Give the items found rightly, and those predicted to be of the class."""
    return given.hits, given.guesses


@_rate("recall", 5, "Share of the true that are found.")
def recall(given: Weighted) -> Any:
    """Give the items found rightly, and those that are of the class."""
    return given.hits, given.truths


@_rate("false_positive_rate", 6, "Share of the others taken for the class.", hide=NOT_HERE)
def false_positive_rate(given: Weighted) -> Any:
    """Give the items wrongly predicted to be of the class, and those that are not of it."""
    return given.guesses - given.hits, given.total - given.truths


@_rate("f1", 7, "Mean of precision and recall (harmonic).", label="F1", jaccard=True, exact=False)
def f1(given: Weighted) -> Any:
    """Give the items found rightly, and those that are or are predicted to be of the class.

    F1 is 0 for a class that occurs and is never predicted, undefined for one in neither.
    """
    return given.hits, given.truths + given.guesses - given.hits


def _average(name: str, place: int, averages: str, *, hide: str, label: str = "") -> Register:
    facts: dict[str, Any] = {"form": "average", "averages": averages, "label": label}
    facts |= {"by": SOKOLOVA, "hide": f"{hide} audit"}
    return built_in(name, place, f"Average of {averages}.", **facts)


@_average("balanced_accuracy", 10, "recall", hide="compare figure")
@_average("macro_precision", 11, "precision", hide="text compare card")
@_average("macro_recall", 12, "recall", hide="text compare card")
@_average("macro_f1", 13, "f1", hide="text", label="macro F1")
def macro(_: Weighted) -> Any:
    """Weigh all classes alike; those for which a score is undefined are left out."""
    return 1.0


@_average("weighted_precision", 14, "precision", hide="text compare figure card")
@_average("weighted_recall", 15, "recall", hide="text compare figure card")
@_average("weighted_f1", 16, "f1", hide="text compare figure card", label="weighted F1")
def weighted(given: Weighted) -> Any:
    """Weigh each class by the items that are of it."""
    return given.truths

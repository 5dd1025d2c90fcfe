"""The registry of metrics: one definition gives a score's estimate, intervals, name and places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from mediacorpus.records import Info
from mediacorpus.registry import Registry
from mediacorpus.stats.intervals import Interval, wilson
from mediacorpus.stats.sample import Weighted, mean_defined, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediacorpus.stats.intervals import Floats

Function: TypeAlias = Callable[[Weighted], Any]
Register: TypeAlias = Callable[[Function], Function]

METRICS: Registry[Function] = Registry(
    "metric", "mediacorpus.metrics", ("mediacorpus.stats.metrics",)
)
"""All metrics. Register a function of `Weighted` with a `Metric`; that is all it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(Info):
    """What is known of a metric, besides `name`, `version`, `summary`, `licence`, `citation`.

    Parameters
    ----------
    label:
        How it is written; without one the name with spaces.
    needs:
        `"labels"` (true and predicted classes), `"ranks"` (the same, the classes being ranks),
        `"probabilities"`, `"scores"` (what ranks the items, as probabilities do), or `"numbers"`
        (true and predicted values of a scale).
    form:
        What the function returns for R sets of weights: `"value"`, the score `(R,)`;
        `"proportion"`, its numerator and denominator, both sums of weights; `"average"`, the
        weights by which the metric `averages` is averaged over the classes.
    per_class:
        Whether it has a value for each class, `(R, K)`.
    averages:
        For an average the metric of single classes.
    jaccard:
        Whether the proportion is the Jaccard index J of what is shown, F1 = 2J / (1 + J).
    exact:
        Whether a proportion of labels has Wilson's interval where items are drawn one by one.
    largest:
        The largest value that it can have; only metrics up to 1 are drawn on an axis to 1.
    tested:
        Whether a proportion is tested for differences between groups.
    hidden:
        Where it is left out: `"validate"`, `"text"`, `"compare"`, `"audit"`, `"inclusion"`,
        `"figure"`, `"card"`.
    place:
        Lower ones are shown first.

    Examples
    --------
    >>> [one.label for one in metrics({"labels"}, "compare")][:2]
    ['accuracy', 'macro F1']
    """

    label: str = ""
    needs: str = "labels"
    form: str = "value"
    per_class: bool = False
    averages: str = ""
    jaccard: bool = False
    exact: bool = True
    largest: float = 1.0
    tested: bool = True
    hidden: frozenset[str] = frozenset()
    place: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))

    def values(self, given: Weighted) -> Floats:
        """Return the metric under each set of weights, `(R, 1)`, or `(R, K)` by class."""
        found = METRICS.get(self.name)(given)
        if self.form == "average":
            return mean_defined(metric(self.averages).values(given), found)[:, None]
        if self.form == "proportion":
            found = self.carried(ratio(*found))
        return np.asarray(found, dtype=np.float64).reshape(len(given.weights), -1)

    def parts(self, given: Weighted) -> tuple[Any, Any]:
        """Return numerator and denominator of a proportion, both `(R, 1)` or `(R, K)`."""
        top, bottom = np.broadcast_arrays(*METRICS.get(self.name)(given))
        return top, bottom

    def carried(self, share: Any) -> Any:
        """Carry a proportion over to what is shown."""
        return 2 * share / (1 + share) if self.jaccard else share

    def interval(self, top: float, bottom: float, *, level: float) -> Interval:
        """Return a proportion with Wilson's interval, carried over to what is shown.

        F1 = 2J / (1 + J) rises with the Jaccard index J = hits / (hits + errors), which is a
        proportion, so that Wilson's limits for J have a width even where every item is right.

        References
        ----------
        Lam, K. F. Y., Gopal, V., & Qian, J. (2023). Confidence intervals for the F1 score: A
        comparison of four methods. *arXiv* 2309.14621 (Wilson indirect method).

        Examples
        --------
        >>> print(metric("f1").interval(20, 20, level=0.95))
        1.000 [.912, 1.000]
        """
        return self.shown(wilson(top, bottom, level=level))

    def shown(self, share: Interval, estimate: Any = None) -> Interval:
        """Carry the interval of a proportion over to what is shown."""
        value, low, high = (float(self.carried(x)) for x in (share.estimate, share.low, share.high))
        method = f"{share.method} of Jaccard" if self.jaccard else share.method
        return Interval(value if estimate is None else estimate, low, high, share.level, method)


def built_in(
    name: str, place: int, summary: str, *, by: str = "", hide: str = "", **facts: Any
) -> Register:
    """Register a metric of this package; `by` is its source, `hide` says where it is left out."""
    known = (name, "1", summary, "Apache-2.0", by)
    return METRICS.register(Metric(*known, place=place, hidden=frozenset(hide.split()), **facts))


def metric(name: str) -> Metric:
    """Return what is known of a metric; raises `UnknownName` with near names.

    >>> metric("f1").label
    'F1'
    """
    return cast("Metric", METRICS.info(name))


def metrics(offers: Iterable[str] | None = None, at: str = "") -> list[Metric]:
    """List metrics in the order in which they are shown.

    Parameters
    ----------
    offers:
        Those that need nothing else (see `Sample.offers`); by default all.
    at:
        Those that are shown there; by default all.

    Examples
    --------
    >>> [one.name for one in metrics({"numbers"})][:2]
    ['mean_absolute_error', 'root_mean_squared_error']
    """
    found = [cast("Metric", info) for info in METRICS]
    if offers is not None:
        there = set(offers)
        found = [one for one in found if one.needs in there]
    found = [one for one in found if at not in one.hidden]
    return sorted(found, key=lambda one: (one.place, one.name))


def label_of(name: str) -> str:
    """Return a score as it is written; of an unknown one the name with spaces.

    >>> label_of("roc_auc"), label_of("old_score")
    ('ROC AUC', 'old score')
    """
    return metric(name).label if name in METRICS else name.replace("_", " ")

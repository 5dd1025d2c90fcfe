"""Settings of the classic models: one flat record, checked before anything is fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mediacorpus.errors import ParameterError, unknown

MODELS = ("knn", "random_forest", "svm", "logistic", "naive_bayes")
KERNELS = ("rbf", "linear", "poly", "sigmoid")
GAMMAS = ("scale", "auto")


@dataclass(frozen=True, slots=True)
class ShallowSettings:
    """Which classic model is fitted, and how.

    Parameters
    ----------
    model:
        One of `MODELS`: k nearest neighbours, random forest, support vector machine, logistic
        regression, or Gaussian naive Bayes.
    neighbours:
        k of `"knn"`, at least 1; None chooses it by cross-validation.
    trees:
        Of a random forest, at least 1.
    C:
        Of `"svm"` and `"logistic"`, above 0; a small C regularizes strongly. None chooses it.
    gamma:
        Kernel width of `"svm"`: `"scale"`, `"auto"` or a number above 0.
    kernel:
        Of `"svm"`: `"rbf"`, `"linear"`, `"poly"` or `"sigmoid"`.
    smoothing:
        Of `"naive_bayes"`: the part of the largest variance that is added to all, 0 to 1. None
        chooses it.
    seed:
        Of the folds and the forest, 0 to 4,294,967,295.
    class_weights:
        Whether rare classes weigh as much as others; `"knn"` has no weights.

    Examples
    --------
    >>> ShallowSettings("random_forest", trees=200).check()
    """

    model: str = "random_forest"
    neighbours: int | None = 5
    trees: int = 100
    C: float | None = None
    gamma: str | float = "scale"
    kernel: str = "rbf"
    smoothing: float | None = None
    seed: int = 1
    class_weights: bool = False

    def check(self) -> None:
        """Raise if a setting cannot be used.

        Raises
        ------
        UnknownName
            There is no such model or kernel.
        ParameterError
            A number is out of its range, or the model has no class weights.
        """
        if self.model not in MODELS:
            raise unknown("model", str(self.model), MODELS)
        if self.kernel not in KERNELS:
            raise unknown("kernel", str(self.kernel), KERNELS)
        if self.neighbours is not None:
            _check_whole("neighbours", self.neighbours, 1)
        _check_whole("trees", self.trees, 1)
        _check_whole("seed", self.seed, 0, high=2**32 - 1)
        if self.C is not None:
            _check_number("C", self.C, math.inf)
        if self.smoothing is not None:
            _check_number("smoothing", self.smoothing, 1.0)
        if self.gamma not in GAMMAS:
            _check_number("gamma", self.gamma, math.inf, other="'scale', 'auto' or ")
        if self.class_weights not in {True, False}:
            raise ParameterError(
                f"class_weights is {self.class_weights!r}; it must be True or False."
            )
        if self.class_weights and self.model == "knn":
            raise ParameterError("knn has no class weights; leave class_weights out.")


def _check_whole(name: str, value: object, low: int, *, high: float = math.inf) -> None:
    good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    if not good:
        most = "" if math.isinf(high) else f" and at most {high}"
        raise ParameterError(
            f"{name} is {value!r}; it must be a whole number of at least {low}{most}."
        )


def _check_number(name: str, value: object, high: float, *, other: str = "") -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(float(str(value))) or not 0 < float(str(value)) <= high:
        most = "" if math.isinf(high) else f" and at most {high:g}"
        raise ParameterError(f"{name} is {value!r}; it must be {other}a number above 0{most}.")

"""How near predicted numbers come to the true ones."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.stats.metric import built_in
from mediacorpus.stats.sample import ratio

if TYPE_CHECKING:
    from mediacorpus.stats.intervals import Floats
    from mediacorpus.stats.sample import Weighted

CONSTANT = 1e-14
"""Share of the squared values below which a variance is that of rounding."""


_add = functools.partial(built_in, needs="numbers", largest=np.inf)


@_add("mean_absolute_error", 30, "Mean distance from the true values.")
def mean_absolute_error(given: Weighted) -> Any:
    """Give the mean distance."""
    return given.mean(np.abs(_error(given)))


@_add("root_mean_squared_error", 31, "Root of the mean squared error.")
def root_mean_squared_error(given: Weighted) -> Any:
    """Give the root of the mean squared distance."""
    return np.sqrt(given.mean(_error(given) ** 2))


@_add("bias", 32, "Mean of predicted minus true.", hide="card")
def bias(given: Weighted) -> Any:
    """Give the mean error with its sign."""
    return given.mean(_error(given))


@_add("pearson_r", 33, "Linear correlation with the true values.", label="Pearson's r")
def pearson_r(given: Weighted) -> Any:
    """Give the correlation; undefined where one of both is constant."""
    true, predicted = (x - x.mean() for x in (given.sample.true, given.sample.predicted))
    both = given.mean(true * predicted) - given.mean(true) * given.mean(predicted)
    variances = _variance(given, true) * _variance(given, predicted)
    return np.clip(ratio(both, np.sqrt(variances)), -1, 1)


@_add("r_squared", 34, "Share of the variance that is explained.", label="R squared")
def r_squared(given: Weighted) -> Any:
    """Give 1 minus squared errors over squared distances from the mean."""
    true = given.sample.true - given.sample.true.mean()
    return 1 - ratio(given.mean(_error(given) ** 2), _variance(given, true))


def _error(given: Weighted) -> Floats:
    return np.asarray(given.sample.predicted - given.sample.true, dtype=np.float64)


def _variance(given: Weighted, values: Floats) -> Floats:
    squares = given.mean(values**2)
    found = squares - given.mean(values) ** 2
    return np.where(found > CONSTANT * squares, found, 0.0)

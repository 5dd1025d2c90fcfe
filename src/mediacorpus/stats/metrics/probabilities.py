"""Scores of the probabilities themselves: ranking, Brier score and log loss."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.stats.metric import built_in

if TYPE_CHECKING:
    from mediacorpus.stats.sample import Weighted

FAWCETT = "Fawcett, T. (2006). An introduction to ROC analysis. Pattern Recognition Letters, 27."
BRIER = (
    "Brier, G. W. (1950). Verification of forecasts expressed in terms of probability. Monthly "
    "Weather Review, 78, 1-3."
)


_add = functools.partial(built_in, needs="probabilities")
_rank = functools.partial(built_in, needs="scores")


@_rank("roc_auc", 20, "Area under the ROC curve.", by=FAWCETT, hide="figure", label="ROC AUC")
def roc_auc(given: Weighted) -> Any:
    """Give the chance that an item of the class ranks above another; ties count half."""
    return given.rankings[:, 0]


AP = "Area under the precision-recall curve, as a sum over its steps."


@_rank("average_precision", 21, AP, by=FAWCETT, hide="figure compare audit card")
def average_precision(given: Weighted) -> Any:
    """Give the mean precision at the places of the true items."""
    return given.rankings[:, 1]


@_add("brier", 22, "Mean squared error.", by=BRIER, hide="figure compare", label="Brier score")
def brier(given: Weighted) -> Any:
    """Give the mean squared distance from what is true: of more than two classes up to 2."""
    matrix, true = given.sample.matrix, given.sample.true
    size = len(given.sample.classes)
    squared = ((matrix - np.eye(size)[true]) ** 2).sum(axis=1)
    return given.mean(squared / (2 if size == 2 else 1))  # noqa: PLR2004


@_add("log_loss", 23, "Mean of -log(p of the true class).", by=BRIER, hide="figure", largest=np.inf)
def log_loss(given: Weighted) -> Any:
    """Give the mean surprise at what is true, in nats; 0 counts as the smallest number."""
    matrix, true = given.sample.matrix, given.sample.true
    assert matrix is not None
    own = matrix[np.arange(len(true)), true]
    return given.mean(-np.log(np.clip(own, np.finfo(np.float64).eps, 1.0)))

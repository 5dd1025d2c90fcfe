"""Mean absolute error of ranks, all ranks weighing alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.stats.metric import built_in
from mediacorpus.stats.sample import indicator, mean_defined, ratio

if TYPE_CHECKING:
    from mediacorpus.stats.sample import Weighted


BACCIANELLA = (
    "Baccianella, S., Esuli, A., & Sebastiani, F. (2009). Evaluation measures for ordinal "
    "regression. ISDA 2009, 283-287."
)
SUMMARY = "Mean distance of predicted from true rank, averaged over the true ranks; 0 is best."
FACTS: dict[str, Any] = {
    "by": BACCIANELLA,
    "label": "macro MAE",
    "needs": "ranks",
    "largest": float("inf"),
}


@built_in("macro_mae", 100, SUMMARY, **FACTS)
def macro_mae(given: Weighted) -> Any:
    """Give the mean over the ranks that occur of the mean distance within each."""
    true, predicted = given.sample.true, given.sample.predicted
    distances = indicator(true, len(given.sample.classes), np.abs(predicted - true))
    return mean_defined(ratio((distances @ given.weights.T).T, given.truths))

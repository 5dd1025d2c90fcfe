"""Matthews' correlation coefficient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.stats.metric import built_in
from mediacorpus.stats.sample import ratio

if TYPE_CHECKING:
    from mediacorpus.stats.sample import Weighted


MATTHEWS = (
    "Matthews, B. W. (1975). Comparison of the predicted and observed secondary structure of T4 "
    "phage lysozyme. Biochimica et Biophysica Acta, 405, 442-451. Gorodkin, J. (2004). Comparing "
    "two K-category assignments by a K-category correlation coefficient. Computational Biology "
    "and Chemistry, 28, 367-374."
)
SUMMARY = "Correlation of true and predicted classes: 1 all right, 0 no better than chance."


@built_in("mcc", 100, SUMMARY, by=MATTHEWS, label="MCC")
def mcc(given: Weighted) -> Any:
    """Give the correlation of classes; undefined where only one is true or predicted."""
    truths, guesses = np.asarray(given.truths, float), np.asarray(given.guesses, float)
    total = np.asarray(given.total[:, 0], float)
    both = given.hits.sum(axis=1) * total - (truths * guesses).sum(axis=1)
    spreads = [np.maximum(total**2 - (sums**2).sum(axis=1), 0.0) for sums in (truths, guesses)]
    return ratio(both, np.sqrt(spreads[0]) * np.sqrt(spreads[1]))

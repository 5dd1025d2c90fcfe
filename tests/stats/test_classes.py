"""Class scores and averages with their intervals."""

import numpy as np
import pytest

from mediacorpus.stats.classes import score_classes, what_is_undefined

OPTIONS = {"level": 0.95, "repeats": 4000, "seed": 0}


def test_weighted_recall_is_accuracy_and_has_nearly_its_interval():
    from mediacorpus.stats.intervals import wilson

    matrix = np.array([[60, 10, 5], [8, 40, 2], [0, 5, 30]])
    _, _, weighted = score_classes(matrix, "abc", OPTIONS)
    accuracy = wilson(int(matrix.trace()), int(matrix.sum()))
    assert weighted.recall.estimate == pytest.approx(accuracy.estimate)
    assert weighted.recall.limits() == pytest.approx(accuracy.limits(), abs=0.012)


def test_counts_of_each_class():
    per_class, _, _ = score_classes(np.array([[3, 1], [0, 2]]), "ab", OPTIONS)
    assert [(c.name, c.support, c.predicted, c.hits) for c in per_class] == [
        ("a", 4, 3, 3),
        ("b", 2, 3, 2),
    ]


def test_bootstrap_interval_of_f1_is_close_to_wilsons():
    per_class, _, _ = score_classes(np.array([[300, 60], [50, 400]]), "ab", OPTIONS)
    from mediacorpus.stats.intervals import wilson_f1

    assert per_class[1].f1.limits() == pytest.approx(wilson_f1(400, 110).limits(), abs=0.006)


def test_nothing_is_said_where_all_is_defined():
    per_class, _, _ = score_classes(np.array([[3, 1], [0, 2]]), "ab", OPTIONS)
    assert what_is_undefined(per_class) == []

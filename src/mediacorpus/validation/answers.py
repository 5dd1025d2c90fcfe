"""What models say of the same items, as labels or probabilities, in one order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError
from mediacorpus.stats.counts import as_labels, check_classes, sorted_classes
from mediacorpus.stats.probabilities import probability_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediacorpus.stats.intervals import Counts, Floats


@dataclass(frozen=True, slots=True)
class Answers:
    """What one model says of each item.

    `said` is the column number of the predicted class `(N,)`, `matrix` the probabilities
    `(N, K)` where there are any, `scored` whether the model scored the item `(N,)`.
    """

    said: Counts
    matrix: Floats | None
    scored: Any

    def only(self, rows: Any) -> Answers:
        """Return the answers for some of the items."""
        matrix = None if self.matrix is None else self.matrix[rows]
        return Answers(self.said[rows], matrix, self.scored[rows])


def _is_labels(given: Any) -> bool:
    if isinstance(given, pd.DataFrame) or np.ndim(given) != 1:
        return False
    known = pd.Series(given).dropna()
    return bool(len(known)) and isinstance(known.iloc[0], str)


def class_names(
    labels: pd.Series[Any], models: Mapping[str, Any], classes: Sequence[str] | None
) -> list[str]:
    """Return the classes: those given, a frame's columns, or those that occur as labels.

    >>> class_names(pd.Series(["b", "a"]), {"m": ["a", "c"]}, None)
    ['a', 'b', 'c']
    """
    if classes is not None:
        names = as_labels(classes, "classes")
        check_classes([], names, "classes")
        return names
    frames = [given for given in models.values() if isinstance(given, pd.DataFrame)]
    if frames:
        return [str(name) for name in frames[0].columns]
    if not all(_is_labels(given) for given in models.values()):
        raise ParameterError("Name the classes: probabilities as an array have no names.")
    occurring = set(as_labels(labels.dropna(), "truth"))
    for given in models.values():
        occurring |= set(as_labels(pd.Series(given).dropna(), "predicted"))
    return list(sorted_classes(occurring))


def read_answers(name: str, given: Any, *, truth: pd.Series[Any], classes: list[str]) -> Answers:
    """Read what a model says, in the order of the items; missing values are not scored.

    Raises
    ------
    ParameterError
        Sizes or classes do not fit, an item comes twice, or values are out of range.

    Examples
    --------
    >>> found = read_answers("m", ["b", None], truth=pd.Series(["a", "b"]), classes=["a", "b"])
    >>> found.said.tolist(), found.scored.tolist()
    ([1, 0], [True, False])
    """
    if isinstance(given, (pd.Series, pd.DataFrame)) and not given.index.equals(truth.index):
        if not given.index.is_unique or not truth.index.is_unique:
            raise ParameterError(f"The index of {name!r} or of truth names an item twice.")
        given = given.reindex(truth.index)
    if len(given) != len(truth):
        raise ParameterError(f"Model {name!r} has {len(given)} answers for {len(truth)} items.")
    if _is_labels(given):
        said = pd.Series(given)
        scored = said.notna().to_numpy()
        known = as_labels(said[scored], name)
        check_classes(known, classes, f"Model {name!r}")
        columns = np.zeros(len(said), dtype=np.int64)
        columns[scored] = [classes.index(label) for label in known]
        return Answers(columns, None, scored)
    if isinstance(given, pd.DataFrame):
        scored = given.notna().all(axis=1).to_numpy()
    else:
        given = np.asarray(given, dtype=np.float64)
        scored = ~np.isnan(given).reshape(len(truth), -1).any(axis=1)
    shares = probability_matrix(given[scored], classes)
    matrix = np.full((len(truth), len(classes)), 1 / len(classes))
    matrix[scored] = shares / shares.sum(axis=1, keepdims=True)
    return Answers(matrix.argmax(axis=1).astype(np.int64), matrix, scored)

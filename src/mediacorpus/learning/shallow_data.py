"""What the classic models ask of features and targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, TrainingError
from mediacorpus.learning.shallow_settings import ShallowSettings


def check_data(
    features: NDArray[Any], targets: NDArray[np.int64], classes: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features as float32 and targets as int64; raise where they do not fit together.

    Raises
    ------
    ParameterError
        The shapes or the targets are of another form.
    TrainingError
        A feature is no finite number.
    """
    x, y = np.asarray(features, np.float32), np.asarray(targets)
    if x.ndim != 2 or y.shape != (len(x),) or not x.size:  # noqa: PLR2004 - (N, D)
        raise ParameterError(
            f"Features must be (N, D) and targets (N,); got {x.shape} and {y.shape}."
        )
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= len(classes):
        raise ParameterError(
            f"Targets must be whole numbers from 0 to {len(classes) - 1}, one for each class."
        )
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise TrainingError(
            f"{int(bad.sum())} of {len(x)} rows have features that are not finite numbers (the "
            f"first is row {int(bad.argmax())}); leave those items out."
        )
    return x, y.astype(np.int64)


def check_counts(y: NDArray[np.int64], classes: Sequence[str], s: ShallowSettings) -> None:
    """Raise where a class has too few rows.

    Raises
    ------
    TrainingError
        There are fewer than two classes, or a class has fewer rows than the model needs.
    """
    if len(classes) < 2:  # noqa: PLR2004 - two classes at least
        raise TrainingError("A classifier needs at least two classes; label items of another one.")
    least = 4 if s.model == "svm" else 2
    for name, count in zip(classes, np.bincount(y, minlength=len(classes)), strict=True):
        if count < least:
            raise TrainingError(
                f"The class {name!r} has {count} item{'' if count == 1 else 's'} in the training "
                f"part; {s.model} needs at least {least}. Label more of them, or split again."
            )

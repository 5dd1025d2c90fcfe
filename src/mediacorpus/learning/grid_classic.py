"""Classic models and probes as the fits of a grid, on the stored values of measures."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, unknown
from mediacorpus.learning.applicable import OF_MODEL
from mediacorpus.learning.folds import Division
from mediacorpus.learning.probe import fit_probe
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.shallow import fit_plain
from mediacorpus.learning.shallow_data import check_counts

if TYPE_CHECKING:
    from mediacorpus.learning.grid_results import Fold, Point

CLASSIC_SETTINGS = {
    "probe": ("C", "class_weights"),
    "shallow": ("model", "features", "class_weights", *OF_MODEL),
}
"""Methods, and the settings of each that a grid may vary."""

LEAST = 1e-6
"""Probability below which a log loss counts it as that."""


def classic_points(method: str, points: Sequence[Point], *, seed: int) -> list[dict[str, Any]]:
    """Check the combinations of a grid, and leave out what a model of theirs does not use.

    A grid over several classic models may list settings that only some of them have: the others
    get None in their place, and are tried once.

    Raises
    ------
    UnknownName
        There is no such setting, model or kernel.
    ParameterError
        A value is out of its range, or nothing of what is listed can be used.

    Examples
    --------
    >>> lists = [{"model": m, "features": "hog", "C": c} for m in ("svm", "knn") for c in (1, 2)]
    >>> [(p["model"], p["C"]) for p in classic_points("shallow", lists, seed=1)]
    [('svm', 1), ('svm', 2), ('knn', None)]
    """
    known = CLASSIC_SETTINGS[method]
    found: list[dict[str, Any]] = []
    for point in points:
        for name in point:
            if name not in known:
                raise unknown(f"setting of a grid of {method}", str(name), known)
        model = point.get("model")
        own = {
            name: value if name not in OF_MODEL or method == "probe" or model in OF_MODEL[name]
            else None
            for name, value in point.items()
        }  # fmt: skip
        classic_settings(method, own, seed=seed)
        if own not in found:
            found.append(own)
    for name in (n for n in points[0] if n in OF_MODEL and method == "shallow"):
        if all(point[name] is None for point in found):
            raise ParameterError(
                f"None of the models that are tried uses {name}, which is a setting of "
                f"{' and '.join(OF_MODEL[name])}. Leave it out, or list --model "
                f"{OF_MODEL[name][0]} too."
            )
    return found


def classic_settings(method: str, point: Point, *, seed: int) -> TrainSettings:
    """Make the settings of one fit and check them."""
    given = {name: value for name, value in point.items() if value is not None}
    settings = TrainSettings(method=method, seed=seed, **given)
    settings.check()
    return settings


@dataclass(frozen=True, eq=False)
class ClassicRunner:
    """Fits a probe or a classic model with one setting and scores it.

    What is not listed is chosen by cross-validation within the rows that are learned from, as
    `train` does.

    Parameters
    ----------
    features:
        Name of a measure to its values, float32 `(N, D)`.
    items:
        Classes of the N items, and how they may be parted.
    method:
        `"probe"` or `"shallow"`.
    """

    features: Mapping[str, NDArray[np.float32]]
    items: Division
    method: str

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the data, the method, and how the data are divided."""
        found = hashlib.sha256(self.method.encode())
        for name, values in sorted(self.features.items()):
            found.update(f"{name} {values.shape}".encode())
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest() + self.items.fingerprint

    def check(self, point: Point, folds: int | None) -> None:
        """Raise if a setting cannot be used, or the data cannot be divided so."""
        classic_settings(self.method, point, seed=self.items.seed)
        self.items.check(folds)

    def ready(self, point: Point) -> None:
        """Do nothing: the features are there."""

    def __call__(self, point: Point, fold: Fold) -> list[dict[str, float]]:
        """Fit on what the fold leaves and score each part that it leaves out."""
        learn, *tests = self.items.parts(fold)
        s = classic_settings(self.method, point, seed=self.items.seed)
        x = self.features[str(s.features or "embedding")]
        y = self.items.targets
        groups = None if self.items.groups is None else self.items.groups[learn]
        if self.method == "probe":
            probe = fit_probe(
                x[learn],
                y[learn],
                groups=groups,
                balanced=bool(s.class_weights),
                strength=s.C,
                seed=s.seed,
            )
            shares = [probe.probabilities(x[test]) for test in tests]
        else:
            check_counts(y[learn], self.items.classes, s.shallow())
            model = fit_plain(x[learn], y[learn], groups, settings=s.shallow())
            shares = [model.predict_proba(x[test]) for test in tests]
        return [_scores(found, y[test]) for found, test in zip(shares, tests, strict=True)]


def _scores(shares: NDArray[Any], targets: NDArray[np.int64]) -> dict[str, float]:
    own = np.maximum(shares[np.arange(len(targets)), targets], LEAST)
    hits = shares.argmax(1) == targets
    return {
        "accuracy": float(hits.mean()),
        "log_loss": float(-np.log(own).mean()),
        "n": len(targets),
    }

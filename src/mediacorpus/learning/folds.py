"""How labelled items are divided into folds: classes spread evenly, groups kept whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, TrainingError
from mediacorpus.learning.cache import hash_of
from mediacorpus.learning.curves import OnRow
from mediacorpus.result import counted
from mediacorpus.stats import resampling

Point: TypeAlias = Mapping[str, Any]

AIMS = ("log_loss", "accuracy")
"""What a setting can be chosen by."""


@dataclass(frozen=True, slots=True)
class Fold:
    """What a fit does not learn from, and is scored on.

    Parameters
    ----------
    count:
        Number of folds; 1 stands for the given division into training and validation part.
    left:
        The one or two folds that are left out. Of two, each helps to choose a setting for the
        other without having looked at it.
    """

    count: int
    left: tuple[int, ...]


class Results:
    """Finished fits, one file each.

    Parameters
    ----------
    folder:
        Where the files are.
    fingerprint:
        Of the data; results of other data are not seen.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self._read: dict[Path, dict[str, Any]] = {}

    def path(self, point: Point, fold: Fold) -> Path:
        """Name the file of a fit."""
        key = hash_of([dict(point), fold.count, fold.left, self.fingerprint])
        return self.folder / f"{key[:24]}.json"

    def has(self, point: Point, fold: Fold) -> bool:
        """Tell whether a fit is finished and its file whole."""
        try:
            self.row(point, fold, len(fold.left) - 1)
        except (OSError, ValueError, LookupError, TypeError):
            return False  # missing, or cut off by a power cut: it is fitted again
        return True

    def row(self, point: Point, fold: Fold, number: int) -> dict[str, Any]:
        """Give the scores of one of the folds that were left out."""
        path = self.path(point, fold)
        if path not in self._read:
            self._read[path] = json.loads(path.read_text("utf-8"))
        found = self._read[path]
        if "error" in found:
            return {"error": str(found["error"]), "seconds": float(found["seconds"])}
        scores = found["scores"][number]
        return {name: float(scores[name]) for name in (*AIMS, "n")} | {"seconds": found["seconds"]}

    def curves(self, point: Point, fold: Fold) -> pd.DataFrame | None:
        """Give the curves of a training by epoch; None where there are none."""
        self.row(point, fold, 0)
        found = self._read[self.path(point, fold)].get("scores", [{}])[0].get("curves")
        return None if found is None else pd.DataFrame(found)


Rows = NDArray[np.int64]

INNER = 8
"""One in so many images that are learned from chooses the epoch."""


@dataclass(frozen=True, eq=False)
class Division:
    """Items of classes, and how they may be parted.

    Parameters
    ----------
    targets:
        Class indices `(N,)`.
    classes:
        Names of the K classes, in order.
    val:
        Which rows are the validation part, bool `(N,)`; used where there are no folds.
    groups:
        Numbers of what must not be parted, such as copies or authors, `(N,)`.
    seed:
        Of the folds.
    """

    targets: Rows
    classes: tuple[str, ...]
    val: NDArray[np.bool_] | None = None
    groups: Rows | None = None
    seed: int = 1
    _numbers: dict[int, Rows] = field(default_factory=dict, repr=False)

    @property
    def fingerprint(self) -> str:
        """A hash of the labels and of how they are divided."""
        found = hashlib.sha256(repr((self.classes, self.seed)).encode())
        for part in (self.targets, self.val, self.groups):
            found.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
        return found.hexdigest()

    def check(self, folds: int | None) -> None:
        """Raise if the items cannot be divided so.

        Raises
        ------
        ParameterError
            There is no validation part.
        TrainingError
            A class has too few items or groups.
        """
        if folds is None:
            self._check_val()
            return
        what = "item" if self.groups is None else "group"
        for name, count in zip(self.classes, self._counts(), strict=True):
            if count < folds:
                raise TrainingError(
                    f"The class {name!r} has {counted(count, what)}, too few for {folds} folds. "
                    "Ask for fewer folds, or label more of them."
                )
        self._divide(folds)  # once here, so that no other process needs scikit-learn

    def parts(self, fold: Fold) -> list[Rows]:
        """Give the rows to learn from, then the rows of each fold that is left out.

        >>> from mediacorpus.learning.folds import Fold
        >>> items = Division(np.array([0, 1] * 3), ("ant", "bee"))
        >>> [len(rows) for rows in items.parts(Fold(3, (0, 2)))]
        [2, 2, 2]
        """
        if fold.count == 1:
            held = np.zeros(len(self.targets), bool) if self.val is None else self.val
            return [np.flatnonzero(~held), np.flatnonzero(held)]
        number = self._divide(fold.count)
        learn = np.flatnonzero(~np.isin(number, fold.left))
        return [learn, *(np.flatnonzero(number == one) for one in fold.left)]

    def inner(self, rows: Rows) -> tuple[Rows, Rows]:
        """Part rows that are learned from into those that teach and those that choose the epoch.

        Raises
        ------
        TrainingError
            A class has too few items or groups.

        Examples
        --------
        >>> items = Division(np.array([0, 1] * 16), ("ant", "bee"))
        >>> [len(part) for part in items.inner(np.arange(32))]
        [28, 4]
        """
        counts = self._counts(rows)
        if min(counts) < 2:  # noqa: PLR2004 - one to learn from, one to choose by
            name = self.classes[counts.index(min(counts))]
            raise TrainingError(
                f"The class {name!r} has too few images in a fold to learn from some and choose "
                "the epoch by others. Ask for --folds 0, or label more of them."
            )
        y, groups = self.targets[rows], None if self.groups is None else self.groups[rows]
        teach, choose = stratified(min(INNER, *counts), y, groups, seed=self.seed)[0]
        return rows[teach], rows[choose]

    def _counts(self, rows: Any = slice(None)) -> list[int]:
        """Count the items of each class in some rows, or its groups."""
        who = np.arange(len(self.targets)) if self.groups is None else self.groups
        y, who = self.targets[rows], who[rows]
        return [len(np.unique(who[y == number])) for number in range(len(self.classes))]

    def _divide(self, folds: int) -> Rows:
        """Give the fold of each row."""
        if folds not in self._numbers:
            number = np.empty(len(self.targets), np.int64)
            for fold, (_, test) in enumerate(
                stratified(folds, self.targets, self.groups, seed=self.seed)
            ):
                number[test] = fold
            self._numbers[folds] = number
        return self._numbers[folds]

    def _check_val(self) -> None:
        if self.val is None or not self.val.any():
            raise ParameterError("There is no validation part to score on; ask for folds.")
        gone = set(range(len(self.classes))) - set(self.targets[~self.val].tolist())
        if gone:
            raise TrainingError(
                f"The class {self.classes[min(gone)]!r} has no items in the training part. Split "
                "again."
            )


def class_indices(targets: Any, classes: Sequence[str]) -> Rows:
    """Give targets as int64; raise where they are no class indices `(N,)`."""
    y = np.asarray(targets)
    if y.ndim != 1 or y.dtype.kind not in "iu" or not len(y):
        raise ParameterError("Targets must be whole numbers (N,), one for each item.")
    if y.min() < 0 or y.max() >= len(classes):
        raise ParameterError(
            f"Targets must be whole numbers from 0 to {len(classes) - 1}, one for each class."
        )
    return y.astype(np.int64)


def division(
    targets: Sequence[int] | NDArray[Any],
    classes: Sequence[str],
    *,
    val: NDArray[np.bool_] | None = None,
    groups: Sequence[object] | NDArray[Any] | None = None,
    seed: int = 1,
) -> Division:
    """Make a division of items; see `Division`. Groups may be of any kind; None is on its own.

    Raises
    ------
    ParameterError
        The arrays do not fit together, or the targets are no class indices.

    Examples
    --------
    >>> division([0, 1, 0], ["ant", "bee"], groups=["Ann", None, "Ann"]).groups.tolist()
    [0, 1, 0]
    """
    y = class_indices(targets, classes)
    for name, part in (("val", val), ("groups", groups)):
        if part is not None and len(part) != len(y):
            raise ParameterError(f"{name} has {len(part)} entries; there are {len(y)} items.")
    held = None if val is None else np.asarray(val, bool)
    return Division(y, tuple(classes), held, group_numbers(groups), seed)


def group_numbers(groups: Sequence[object] | NDArray[Any] | None) -> Rows | None:
    """Give numbers to groups in the order of their first appearance; None is on its own.

    Where there are no groups at all, the answer is None.

    >>> group_numbers(["Ann", None, "Ann"]).tolist(), group_numbers([None, None])
    ([0, 1, 0], None)
    """
    if groups is None or all(one is None for one in groups):
        return None
    return resampling.group_numbers(groups)


def stratified(count: int, y: Rows, groups: Rows | None, *, seed: int) -> list[tuple[Rows, Rows]]:
    """Divide rows into folds with like shares of the classes; groups are never parted.

    Returns
    -------
    list
        For each fold the rows outside and inside.

    Examples
    --------
    >>> y, groups = np.array([0, 0, 1, 1] * 2), np.arange(8) // 2
    >>> [test.tolist() for _, test in stratified(2, y, groups, seed=1)]
    [[0, 1, 6, 7], [2, 3, 4, 5]]
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    return list(kind(count, shuffle=True, random_state=seed).split(y, y, groups))


def folds_to_choose_by(
    y: Rows, groups: Rows | None, *, most: int, seed: int
) -> list[tuple[Rows, Rows]]:
    """Divide a training part into folds, to choose a setting by.

    Groups are kept whole, if then each class is still among what is learned from in each fold.

    Parameters
    ----------
    y:
        Class indices `(N,)`, each at least twice.
    groups:
        Numbers of groups `(N,)`, or None.
    most:
        Number of folds where the rarest class has enough rows or groups.
    seed:
        Of the folds.
    """
    if groups is not None and len(np.unique(groups)) < len(groups):
        fewest = min(len(np.unique(groups[y == own])) for own in np.unique(y))
        if fewest > 1:
            found = stratified(min(most, fewest), y, groups, seed=seed)
            if all(
                len(test) and len(np.unique(y[learn])) == len(np.unique(y)) for learn, test in found
            ):
                return found
    return stratified(min(most, int(np.bincount(y).min())), y, None, seed=seed)


FOLDS = 5
"""Folds of the inner cross-validation; fewer where a class has fewer rows."""

MANY = 2000
"""Rows beyond which the inner cross-validation works on a stratified sample."""


def inner_folds(y: Rows, groups: Rows | None, *, seed: int) -> list[tuple[Rows, Rows]]:
    """Divide a training part, or a sample of a large one, into folds to choose a setting by."""
    kept = _sample(y, seed)
    own = None if groups is None else groups[kept]
    found = folds_to_choose_by(y[kept], own, most=FOLDS, seed=seed)
    return [(kept[learn], kept[test]) for learn, test in found]


def _sample(y: Rows, seed: int) -> Rows:
    """Choose a share of the rows of each class where there are many; rare classes stay whole."""
    if len(y) <= MANY:
        return np.arange(len(y))
    rng = np.random.default_rng(seed)
    kept = []
    for own in range(int(y.max()) + 1):
        mine = rng.permutation(np.flatnonzero(y == own))
        kept.append(mine[: max(2 * FOLDS, round(len(mine) * MANY / len(y)))])
    return np.sort(np.concatenate(kept))


def scores_of(logs: NDArray[Any], y: Rows) -> dict[str, float]:
    """Give accuracy, log loss and number of some items.

    Parameters
    ----------
    logs:
        Logarithms of the probabilities of the classes `(N, K)`.
    y:
        Class indices `(N,)`.

    Examples
    --------
    >>> scores_of(np.log([[0.5, 0.5], [0.5, 0.5]]), np.array([0, 1]))["accuracy"]
    0.5
    """
    own = logs[np.arange(len(y)), y]
    hits = logs.argmax(axis=1) == y
    return {"accuracy": float(hits.mean()), "log_loss": -float(own.mean()), "n": len(y)}


def cross_validate(
    fit: Callable[[float, Rows, Rows], NDArray[Any]],
    y: Rows,
    splits: Sequence[tuple[Rows, Rows]],
    *,
    name: str,
    values: Sequence[float],
    slack: float = 0.0,
    on_row: OnRow | None = None,
) -> pd.DataFrame:
    """Score values of a setting on folds, and choose one of them by log loss.

    Parameters
    ----------
    fit:
        From a value and the rows that teach and that score, to what `scores_of` takes of the
        latter.
    y:
        Class indices `(N,)`.
    splits:
        What `inner_folds` gave.
    name, values:
        The setting and what is tried, the simplest first.
    slack:
        Standard errors by which the log loss may lie above the lowest one; the first value of
        those is chosen.
    on_row:
        Called after each value with its number, the number of values, and its row.

    Returns
    -------
    DataFrame
        One row per value: that value, `accuracy`, `log_loss` (means over the folds),
        `log_loss_se` (standard error over the folds), `best`.
    """
    rows: list[dict[str, float]] = []
    for value in values:
        scores = [scores_of(fit(value, learn, test), y[test]) for learn, test in splits]
        hits, loss = np.array([(one["accuracy"], one["log_loss"]) for one in scores]).T
        row = {name: value, "accuracy": float(hits.mean()), "log_loss": float(loss.mean())}
        row["log_loss_se"] = float(loss.std(ddof=1) / np.sqrt(len(loss)))
        rows.append(row)
        if on_row is not None:
            on_row(len(rows), len(values), dict(rows[-1]))
    frame = pd.DataFrame(rows)
    loss, error = frame["log_loss"].to_numpy(), frame["log_loss_se"].to_numpy()
    near = loss <= loss.min() + slack * error[loss.argmin()]
    return frame.assign(best=frame.index == near.argmax())


def best_of(curves: pd.DataFrame) -> float:
    """Give the value that `cross_validate` chose."""
    return float(curves[curves["best"]].to_numpy(float)[0, 0])

"""How labelled items are divided into folds: classes spread evenly, groups kept whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, TrainingError

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
        key = [dict(point), fold.count, fold.left, self.fingerprint]
        text = json.dumps(key, sort_keys=True, default=str)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"

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
        for number, name in enumerate(self.classes):
            own = self.targets == number
            what, count = "item", int(own.sum())
            if self.groups is not None:
                what, count = "group", len(np.unique(self.groups[own]))
            if count < folds:
                raise TrainingError(
                    f"The class {name!r} has {count} {what}{'' if count == 1 else 's'}, too few "
                    f"for {folds} folds. Ask for fewer folds, or label more of them."
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
        groups = None if self.groups is None else self.groups[rows]
        y, fewest = self.targets[rows], len(rows)
        for number, name in enumerate(self.classes):
            own = y == number
            count = int(own.sum()) if groups is None else len(np.unique(groups[own]))
            fewest = min(fewest, count)
            if count < 2:  # noqa: PLR2004 - one to learn from, one to choose by
                raise TrainingError(
                    f"The class {name!r} has too few images in a fold to learn from some and "
                    "choose the epoch by others. Ask for --folds 0, or label more of them."
                )
        teach, choose = stratified(min(INNER, fewest), y, groups, seed=self.seed)[0]
        return rows[teach], rows[choose]

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


def division(
    targets: NDArray[Any],
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
    y = np.asarray(targets)
    if y.ndim != 1 or y.dtype.kind not in "iu" or not len(y):
        raise ParameterError("Targets must be whole numbers (N,), one for each item.")
    if y.min() < 0 or y.max() >= len(classes):
        raise ParameterError(
            f"Targets must be whole numbers from 0 to {len(classes) - 1}, one for each class."
        )
    for name, part in (("val", val), ("groups", groups)):
        if part is not None and len(part) != len(y):
            raise ParameterError(f"{name} has {len(part)} entries; there are {len(y)} items.")
    held = None if val is None else np.asarray(val, bool)
    return Division(y.astype(np.int64), tuple(classes), held, group_numbers(groups), seed)


def group_numbers(groups: Sequence[object] | NDArray[Any] | None) -> Rows | None:
    """Give numbers to groups in the order of their first appearance; None is on its own.

    Where there are no groups at all, the answer is None.

    >>> group_numbers(["Ann", None, "Ann"]).tolist(), group_numbers([None, None])
    ([0, 1, 0], None)
    """
    if groups is None or all(one is None for one in groups):
        return None
    keys = [("item", i) if one is None else ("group", str(one)) for i, one in enumerate(groups)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], np.int64)


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

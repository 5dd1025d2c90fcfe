"""Finished fits of a grid, kept so that a second run goes on where the first one ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

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

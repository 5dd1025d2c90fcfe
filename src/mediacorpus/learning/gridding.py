"""The verb `grid`: settings of the last layer tried on frozen features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mediacorpus.catalogue.runs import running
from mediacorpus.catalogue.store import Store
from mediacorpus.coding import splitting
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.engine.progress import so_far
from mediacorpus.errors import ParameterError, writing
from mediacorpus.learning.grid import Grid, expand, grid
from mediacorpus.learning.grid_figure import draw_grid
from mediacorpus.learning.head import features_runner
from mediacorpus.learning.matrix import matrix
from mediacorpus.learning.targets import check_classes
from mediacorpus.learning.verbs import examples_of
from mediacorpus.measures.verb import measure

SOURCE = "embedding"


def grid_of(
    store: Store,
    variable: str,
    lists: Mapping[str, Sequence[Any]],
    *,
    folds: int | None = 5,
    seed: int = 1,
    show: bool | None = None,
) -> Grid:
    """Try every combination of some settings on the frozen features of the labelled pictures.

    The last layer of a network learns anew for each combination, on the embeddings of the
    train and validation parts; the test part stays out of sight. With folds the choice itself
    is scored honestly, by nested cross-validation. What is finished is kept below `reports`,
    so that a second call goes on.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels and a split.
    lists:
        Values to try of each setting, such as `{"lr": [0.001, 0.01], "momentum": [0.9]}`.
    folds:
        Number of folds, at least 3; None scores on the validation part alone.
    seed:
        Of folds and training.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    ParameterError
        No setting is given, one is out of its range, or the values are no classes.
    UnknownName, SplitError, TrainingError
        The variable cannot be learned.
    """
    if not lists:
        raise ParameterError(
            "Name at least one setting with the values to try, as in --lr .001,.01."
        )
    points = expand(lists)
    _, split = splitting.latest(store, variable)
    check_classes(variable, list(split.labels.values()), verb="grid")
    measure(store, [SOURCE], show=show)
    examples, features = matrix(store, examples_of(store, split), SOURCE)
    classes = sorted({e.label for e in examples})
    targets = np.array([classes.index(e.label) for e in examples], np.int64)
    val = np.array([e.part == "val" for e in examples])
    run = features_runner(features, targets, classes, val=val, seed=seed)
    details = {
        "variable": variable,
        "lists": {k: list(v) for k, v in lists.items()},
        "folds": folds,
    }
    place = grid_folder(store, variable, details)
    with running(store, "grid", parameters=details, seed=seed) as current:
        with show_progress(f"grid of {variable}", unit="fits", show=show) as report:
            found = grid(points, run, folder=place / "fits", folds=folds, progress=so_far(report))
        with writing(store.folder):
            found.table.to_csv(place / "grid.csv", index=False)
        draw_grid(found.table, place / "grid.png", aim=found.aim)
        current.done = len(points)
        current.note = f"{place.relative_to(store.folder)}"
    return found


def grid_folder(store: Store, variable: str, details: Mapping[str, Any]) -> Path:
    """Give the folder of one grid, named by the variable and a hash of what is tried."""
    text = json.dumps(details, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    place = store.folder / "reports" / f"grid-{variable}-{digest}"
    with writing(store.folder):
        place.mkdir(parents=True, exist_ok=True)
    return place

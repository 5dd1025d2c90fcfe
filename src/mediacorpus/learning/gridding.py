"""The verb `grid`: settings tried on frozen features, or in whole trainings."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mediacorpus.catalogue.runs import running
from mediacorpus.catalogue.store import Store
from mediacorpus.coding import splitting
from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import ParameterError, writing
from mediacorpus.learning.device import best_device
from mediacorpus.learning.folds import Division, division
from mediacorpus.learning.grid import Grid, Runner, expand, grid
from mediacorpus.learning.grid_classic import CLASSIC_SETTINGS, ClassicRunner, classic_points
from mediacorpus.learning.grid_figure import draw_grid
from mediacorpus.learning.grid_training import (
    METHODS,
    TrainingRunner,
    forget_views,
    readable,
    training_settings,
)
from mediacorpus.learning.head import FeaturesRunner
from mediacorpus.learning.matrix import matrix
from mediacorpus.learning.targets import check_classes
from mediacorpus.learning.verbs import examples_of, measure_for
from mediacorpus.learning.watching import Watch, watched
from mediacorpus.records import Example

SOURCE = "embedding"
VIEWS = "views"
"""Folder of the pictures as the fits of a grid see them."""


def grid_of(
    store: Store,
    variable: str,
    lists: Mapping[str, Sequence[Any]],
    *,
    method: str | None = None,
    folds: int | None = 5,
    seed: int = 1,
    show: bool | None = None,
) -> Grid:
    """Try every combination of some settings on the labelled pictures.

    Without a method the last layer of a network learns anew for each combination, on the
    embeddings of the train and validation parts, which takes a fraction of a second. With
    `"probe"` or `"shallow"` each combination is a fit of that method on the stored values of a
    measure; with `"finetune"` or `"scratch"` it is a whole training. What is found to be best can
    be given to `train` with the same method. The test part stays out of sight. With folds the
    choice itself is scored honestly, by nested cross-validation; where the split keeps groups
    together, such as authors, so do the folds. What is finished is kept below `reports`, so that
    a second call goes on.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels and a split.
    lists:
        Values to try of each setting, such as `{"lr": [0.001, 0.01], "momentum": [0.9]}`.
    method:
        `"probe"`, `"shallow"`, `"finetune"`, `"scratch"`, or None for a last layer on frozen
        features.
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
    details = {
        "variable": variable,
        "lists": {k: list(v) for k, v in lists.items()},
        "folds": folds,
        **({"method": method} if method else {}),
    }
    examples = examples_of(store, split)
    if method in CLASSIC_SETTINGS:
        points = classic_points(method, points, seed=seed)
    elif method is not None:
        for point in points:  # before any picture is read
            training_settings(method, point, seed=seed)
    place = grid_folder(store, variable, details)
    with watched(variable, None, show=show) as watch:
        if method is None:
            run = _on_features(store, examples, seed=seed, show=show)
        elif method in CLASSIC_SETTINGS:
            names = sorted({str(point.get("features") or SOURCE) for point in points})
            run = _on_measures(store, examples, method, names=names, seed=seed, show=show)
        else:
            run = _on_pictures(examples, method, views=place / VIEWS, watch=watch, seed=seed)
        with running(store, "grid", parameters=details, seed=seed) as current:
            found = grid(
                points,
                run,
                folder=place / "fits",
                folds=folds,
                workers=1 if method in METHODS and best_device() != "cpu" else None,
                progress=functools.partial(_tell, watch, f"grid of {variable}"),
            )
            forget_views(place / VIEWS)
            with writing(store.folder):
                found.table.to_csv(place / "grid.csv", index=False)
            draw_grid(found.table, place / "grid.png", aim=found.aim)
            current.done = len(points)
            current.note = f"{place.relative_to(store.folder)}"
    return found


def _tell(watch: Watch, title: str, *done: int) -> None:
    watch.at(title, done[0], total=done[1], unit="fits")


def _on_features(
    store: Store, examples: Sequence[Example], *, seed: int, show: bool | None
) -> Runner:
    measure_for(store, SOURCE, [e.item for e in examples], show=show)
    kept, features = matrix(store, examples, SOURCE)
    return FeaturesRunner(features[:, None], _division(kept, seed=seed))


def _on_measures(
    store: Store,
    examples: Sequence[Example],
    method: str,
    *,
    names: Sequence[str],
    seed: int,
    show: bool | None,
) -> Runner:
    """Gather the values of measures for the examples that have all of them."""
    kept, values = list(examples), {}
    for name in names:
        if name in MEASURES:
            measure_for(store, name, [e.item for e in examples], show=show)
        kept, _ = matrix(store, kept, name)
    for name in names:
        _, values[name] = matrix(store, kept, name)
    return ClassicRunner(values, _division(kept, seed=seed), method)


def _on_pictures(
    examples: Sequence[Example], method: str, *, views: Path, watch: Watch, seed: int
) -> Runner:
    read = functools.partial(watch.read, "pictures")
    with writing(views.parent):
        views.mkdir(exist_ok=True)
    kept = readable(examples, views, read)
    return TrainingRunner(tuple(kept), _division(kept, seed=seed), method, views, read)


def _division(examples: Sequence[Example], *, seed: int) -> Division:
    classes = sorted({e.label for e in examples})
    return division(
        np.array([classes.index(e.label) for e in examples], np.int64),
        classes,
        val=np.array([e.part == "val" for e in examples]),
        groups=[e.group for e in examples],
        seed=seed,
    )


def grid_folder(store: Store, variable: str, details: Mapping[str, Any]) -> Path:
    """Give the folder of one grid, named by the variable and a hash of what is tried."""
    text = json.dumps(details, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    place = store.folder / "reports" / f"grid-{variable}-{digest}"
    with writing(store.folder):
        place.mkdir(parents=True, exist_ok=True)
    return place

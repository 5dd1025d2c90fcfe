"""The verb `compare`: every model of a variable on the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.catalogue import people
from mediacorpus.catalogue.runs import running
from mediacorpus.catalogue.store import Store
from mediacorpus.coding.split_groups import groups_by
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.errors import LabelError, ModelError, ParameterError
from mediacorpus.learning.folder import model_of
from mediacorpus.learning.targets import TargetKind, target_of
from mediacorpus.validation.codebook import check_codebook
from mediacorpus.validation.compare import Comparison, compare
from mediacorpus.validation.held_out import answers_of, truth_for, truth_of

REPEATS = 2000


def compare_models(
    store: Store,
    variable: str,
    *,
    models: Sequence[str] | None = None,
    by: str | None = None,
    level: float = 0.95,
    seed: int = 1,
    show: bool | None = None,
) -> Comparison:
    """Compare models of one variable on items that none of them learned from.

    These are the items of the test part of every model's split; where there is no test part,
    those of the validation part. Models that were not applied are left out and named.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        The labelled variable.
    models:
        Names of models; by default all that were trained on the variable.
    by:
        One of your own columns whose equal values belong together, for the bootstrap.
    level, seed:
        Of the intervals.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    ModelError
        Fewer than two models can be compared.
    LabelError
        They have no held-out items in common.
    """
    parameters = {"variable": variable, "models": models, "by": by, "level": level}
    with (
        running(store, "compare", parameters=parameters, seed=seed, exclusive=False) as run,
        show_progress(f"comparing models of {variable}", unit="", show=show),
    ):
        truth, _ = truth_of(store, variable)
        chosen = (
            [people.model(store, name) for name in dict.fromkeys(models)]
            if models
            else _all(store, variable)
        )
        truth = _as_learned(chosen, truth)
        usable, left_out = _usable(store, variable, chosen, truth=truth)
        classes = sorted({str(c) for model, _ in usable for c in model["card"]["classes"]})
        items = _shared(store, variable, usable, truth=truth)
        items = [item for item in items if truth[item] in classes]
        given = {str(model["model"]): _shares(table, items, classes) for model, table in usable}
        found = compare(
            [truth[item] for item in items],
            given,
            classes,
            groups=None if by is None else list(groups_by(store, items, by, among=truth).values()),
            level=level,
            repeats=REPEATS,
            seed=seed,
        )
        run.done = len(items)
        if left_out:
            run.note = f"Not applied and left out: {', '.join(left_out)}."
            found = replace(found, notes=(*found.notes, run.note))
    return found


def _usable(
    store: Store,
    variable: str,
    chosen: Sequence[Mapping[str, Any]],
    *,
    truth: Mapping[str, str],
) -> tuple[list[tuple[Mapping[str, Any], pd.DataFrame]], list[str]]:
    """Give the models that have predicted, with their predictions, and the names of the others."""
    usable: list[tuple[Mapping[str, Any], pd.DataFrame]] = []
    left_out = []
    for model in chosen:
        if target_of(model["card"]).kind not in {TargetKind.CLASSES, TargetKind.ORDINAL}:
            raise ParameterError(
                f"The model {model['model']!r} does not learn classes, so it cannot be compared "
                "by accuracy; validate it by itself."
            )
        try:
            usable.append((model, answers_of(store, model, list(truth))))
        except ModelError:
            left_out.append(str(model["model"]))
    if len(usable) < 2:  # noqa: PLR2004 - a comparison needs two
        named = f" Not applied yet: {', '.join(left_out)}." if left_out else ""
        raise ModelError(
            f"Two models of {variable!r} are needed for a comparison; {len(usable)} can be used."
            f"{named} Train another, then run: mediacorpus apply {store.folder} NAME"
        )
    return usable, left_out


def _shared(
    store: Store,
    variable: str,
    usable: Sequence[tuple[Mapping[str, Any], pd.DataFrame]],
    *,
    truth: Mapping[str, str],
) -> list[str]:
    """Give the items that are held out from all models and that all have answered for."""
    items = _common(store, [model for model, _ in usable], truth, variable=variable)
    for _, table in usable:
        items = [item for item in items if item in table.index]
    if not items:
        raise LabelError(
            f"The models of {variable!r} have no held-out item in common. Train them under the "
            "same split, and apply them."
        )
    return items


def _shares(table: pd.DataFrame, items: Sequence[str], classes: Sequence[str]) -> Any:
    """Give probabilities `(N, classes)` that sum to 1."""
    full = table.reindex(columns=list(classes), fill_value=0.0).loc[list(items)]
    values = full.to_numpy(np.float64)
    return values / values.sum(axis=1, keepdims=True)


def _all(store: Store, variable: str) -> list[dict[str, Any]]:
    return [model for model in people.models(store) if model["variable"] == variable]


def _as_learned(models: Sequence[Mapping[str, Any]], truth: Mapping[str, str]) -> dict[str, str]:
    """Put the truth as all models learned it."""
    ways = {model["card"].get("settings", {}).get("positive") for model in models}
    if len(ways) > 1:
        raise ParameterError(
            "Some of the models tell one value from all others, and some do not or tell another "
            "one; name models that learned the same with --models."
        )
    return truth_for(models[0], truth) if models else dict(truth)


def _common(
    store: Store,
    models: Sequence[Mapping[str, Any]],
    truth: Mapping[str, str],
    *,
    variable: str,
) -> list[str]:
    """Give the labelled items that are held out from all models."""
    common: set[str] | None = None
    for model in models:
        model_of(store, str(model["model"]))
        parts = people.split_parts(store, int(str(model["split"])))
        check_codebook(model, truth, variable=variable, parts=parts)
        there = {parts.get(item) for item in truth}
        part = "test" if "test" in there else "val"
        own = {item for item in truth if parts.get(item) == part}
        common = own if common is None else common & own
    return sorted(common or ())

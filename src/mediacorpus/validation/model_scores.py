"""Score a model on items that it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.catalogue.store import Store
from mediacorpus.errors import LabelError, ParameterError
from mediacorpus.learning.targets import SEPARATOR, TargetKind, number, split_values, target_of
from mediacorpus.validation.class_scores import positive_of, score_classes
from mediacorpus.validation.held_out import answers_of, groups_for, held_out
from mediacorpus.validation.mistakes import mistakes_frame
from mediacorpus.validation.numbers import (
    NumberScores,
    SeveralScores,
    score_numbers,
    score_several,
)
from mediacorpus.validation.score_options import ModelScores, ScoreOptions

__all__ = ["ModelScores", "ScoreOptions", "positive_of", "score_model"]

HALF = 0.5
_KINDS = {TargetKind.SCALE: "numbers", TargetKind.MULTILABEL: "several labels"}


def score_model(
    store: Store,
    model: Mapping[str, Any],
    truth: Mapping[str, str],
    *,
    variable: str,
    options: ScoreOptions,
) -> ModelScores:
    """Score a model on the test part of its split, or where there is none on the validation part.

    Parameters
    ----------
    store:
        The catalogue.
    model:
        The model's row of the catalogue.
    truth:
        Gold value of each labelled item.
    variable:
        The variable that the truth is of.
    options:
        How it is scored.

    Raises
    ------
    ModelError, LabelError, ParameterError
        There is nothing to score, or an option does not fit the model.
    """
    held, part, notes = held_out(store, model, truth=truth, variable=variable, part=options.part)
    items = list(held)
    table = answers_of(store, model, items)
    kind = target_of(model["card"]).kind
    classes = [str(c) for c in model["card"]["classes"]]
    known = set(classes)
    strange = [
        i
        for i in items
        if kind in {TargetKind.CLASSES, TargetKind.ORDINAL} and held[i] not in known
    ]
    scored = [i for i in items if i in table.index and i not in set(strange)]
    if not scored:
        raise LabelError(
            f"None of the {len(items):,} held-out items has a prediction of {model['model']!r}. "
            f"Run: mediacorpus apply {store.folder} {model['model']}"
        )
    if strange:
        notes.append(
            "1 item has a value that the model does not know and is left out."
            if len(strange) == 1
            else f"{len(strange):,} items have a value that the model does not know and are left "
            "out."
        )
    missing = len(items) - len(scored) - len(strange)
    gold = [held[i] for i in scored]
    groups, told = groups_for(store, model, scored, truth=truth, by=options.by)
    notes += told
    answers = table.loc[scored].to_numpy(np.float64)
    if options.inclusion is not None and kind in {TargetKind.SCALE, TargetKind.MULTILABEL}:
        raise ParameterError(
            f"Scores of {_KINDS[kind]} are not weighted by inclusion; leave --inclusion out."
        )
    if kind is TargetKind.SCALE:
        own = _numbers(scored, gold, answers[:, 0], groups=groups, options=options)
        return ModelScores(part, *own, missing, tuple(notes))
    if kind is TargetKind.MULTILABEL:
        several = _labels(scored, gold, answers, classes=classes, groups=groups, options=options)
        return ModelScores(part, *several, missing, tuple(notes))
    return score_classes(
        store,
        model,
        (scored, gold, answers / answers.sum(axis=1, keepdims=True)),
        truth=truth,
        part=part,
        groups=groups,
        options=options,
        rest=(missing, notes),
    )


def _numbers(
    items: list[str],
    gold: list[str],
    said: Any,
    *,
    groups: list[int | None] | None,
    options: ScoreOptions,
) -> tuple[NumberScores, pd.DataFrame]:
    _refuse_threshold(options, "numbers")
    found = score_numbers(
        [number(v) for v in gold],
        [float(v) for v in said],
        groups=groups,
        level=options.level,
        seed=options.seed,
    )
    return found, _far(items, gold, said)


def _labels(
    items: list[str],
    gold: list[str],
    answers: Any,
    *,
    classes: list[str],
    groups: list[int | None] | None,
    options: ScoreOptions,
) -> tuple[SeveralScores, pd.DataFrame]:
    threshold = _number_from_0_to_1(options.threshold)
    found = score_several(
        [split_values(v) for v in gold],
        answers,
        classes,
        threshold=threshold,
        groups=groups,
        level=options.level,
        seed=options.seed,
    )
    return found, _several(items, gold, answers=answers, classes=classes, threshold=threshold)


def _number_from_0_to_1(threshold: float | str | None) -> float:
    """Read the threshold of a model of several labels, which has no single aim."""
    try:
        value = HALF if threshold is None else float(threshold)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ParameterError(
            f"The threshold is {threshold!r}; for a model of several labels it must be a number "
            "from 0 to 1."
        )
    return value


def _refuse_threshold(options: ScoreOptions, what: str) -> None:
    if options.threshold is not None:
        raise ParameterError(f"The model predicts {what}; a threshold belongs to classes.")


def _far(items: Sequence[str], gold: Sequence[str], said: Any) -> pd.DataFrame:
    """List the items with what was predicted, the farthest off first."""
    error = np.abs(said - np.array([float(v) for v in gold]))
    order = np.argsort(-error, kind="stable")
    return mistakes_frame(
        item=[items[i] for i in order],
        gold=[gold[i] for i in order],
        predicted=[f"{said[i]:.3g}" for i in order],
        error=error[order],
    )


def _several(
    items: Sequence[str],
    gold: Sequence[str],
    *,
    answers: Any,
    classes: Sequence[str],
    threshold: float,
) -> pd.DataFrame:
    """List the items with a wrong set of labels, the most wrong first."""
    rows = []
    for item, label, row in zip(items, gold, answers, strict=True):
        own, said = (
            set(split_values(label)),
            {c for c, p in zip(classes, row, strict=True) if p >= threshold},
        )
        if own != said:
            rows.append((len(own ^ said), item, label, SEPARATOR.join(sorted(said))))
    rows.sort(key=lambda r: -r[0])
    return mistakes_frame(
        item=[item for _, item, _, _ in rows],
        gold=[label for _, _, label, _ in rows],
        predicted=[said for _, _, _, said in rows],
        error=[float(wrong) for wrong, _, _, _ in rows],
    )

"""Score a model of classes: threshold, calibration, shares, groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mediacorpus.catalogue import progress
from mediacorpus.catalogue.store import Store
from mediacorpus.errors import LabelError, ParameterError
from mediacorpus.learning.card_limits import PRIORS, TEMPERATURE
from mediacorpus.stats.calibration import (
    apply_temperature,
    calibration_error,
    choose_threshold,
    fit_temperature,
    reliability,
    top_class,
)
from mediacorpus.stats.survey import prior_warning
from mediacorpus.tables.parts import read_parts
from mediacorpus.validation.group_scores import score_by_group
from mediacorpus.validation.held_out import answers_of, held_out
from mediacorpus.validation.inclusion import chances_of, weigh
from mediacorpus.validation.mistakes import mistakes
from mediacorpus.validation.proxy import positive_value
from mediacorpus.validation.score_options import ModelScores, ScoreOptions
from mediacorpus.validation.scores import score

BINARY = 2
REPEATS = 2000
WORTH = 0.005
"""Gain in calibration error from which temperature scaling is worth a sentence."""


def score_classes(
    store: Store,
    model: Mapping[str, Any],
    rows: tuple[list[str], list[str], Any],
    *,
    truth: Mapping[str, str],
    part: str,
    groups: list[Any] | None,
    options: ScoreOptions,
    rest: tuple[int, list[str]],
) -> ModelScores:
    """Score the answers of a model of classes: items, gold values and probabilities."""
    items, gold, probabilities = rows
    missing, notes = rest
    classes = [str(c) for c in model["card"]["classes"]]
    positive = positive_of(classes, str(model["variable"]), options.positive)
    own = _of_val(store, model, truth, part=part)
    threshold = _threshold(own, classes, positive, options=options, notes=notes)
    said = _said(probabilities, classes, positive, threshold=threshold)
    given: dict[str, Any] = {
        "classes": classes,
        "positive": positive,
        "probabilities": probabilities,
        "level": options.level,
        "repeats": REPEATS,
        "seed": options.seed,
    }
    found = (
        score(gold, said, **given)
        if groups is None
        else score_by_group(gold, said, groups=groups, **given)
    )
    notes += _calibrated(own, classes, gold=gold, probabilities=probabilities)
    first = _said(probabilities, classes, None, threshold=None)
    column, weighed = options.inclusion, None
    notes += _priors(store, model, Counter(first), weighted=column is not None)
    if column is not None:
        chances = chances_of(store, items, column)
        weighed = weigh(found, gold, said, chances=chances, column=column, groups=groups)
    wrong = mistakes(items, gold, probabilities=probabilities, classes=classes, predicted=said)
    return ModelScores(part, found, wrong, missing, tuple(notes), threshold, weighed)


def positive_of(classes: Sequence[str], variable: str, positive: str | None) -> str | None:
    """Tell the positive class of two where it is plain; else the averages are the headline.

    Raises
    ------
    ParameterError
        The class that was named is none of the model's.
    """
    if positive is not None:
        if positive not in classes:
            raise ParameterError(
                f"{positive!r} is no class of the model; its classes are {', '.join(classes)}."
            )
        return positive
    if len(classes) != BINARY:
        return None
    try:
        return positive_value(list(classes), variable)
    except ParameterError:
        return None


def _of_val(
    store: Store, model: Mapping[str, Any], truth: Mapping[str, str], *, part: str
) -> tuple[list[str], Any] | None:
    """Give gold and probabilities of the validation part, where another part is scored."""
    if part == "val":
        return None
    classes = {str(c) for c in model["card"]["classes"]}
    try:
        gold, _, _ = held_out(
            store, model, truth=truth, variable=str(model["variable"]), part="val"
        )
    except LabelError:
        return None
    table = answers_of(store, model, list(gold))
    kept = [i for i in gold if i in table.index and gold[i] in classes]
    if not kept:
        return None
    values = table.loc[kept].to_numpy(np.float64)
    return [gold[i] for i in kept], values / values.sum(axis=1, keepdims=True)


def _threshold(
    own: tuple[list[str], Any] | None,
    classes: Sequence[str],
    positive: str | None,
    *,
    options: ScoreOptions,
    notes: list[str],
) -> float | None:
    wanted = options.threshold
    if wanted is None:
        return None
    if positive is None or len(classes) != BINARY:
        raise ParameterError(
            "A threshold belongs to two classes, one of them positive; name it with --positive. "
            f"The model's classes are {', '.join(classes)}."
        )
    try:
        value = float(wanted)
    except ValueError:
        if own is None:
            raise ParameterError(
                f"A threshold for {wanted!r} is chosen on the validation part, so it can only be "
                "scored on the test part. Split 60/20/20, train, apply, and score that part."
            ) from None
        column = list(classes).index(positive)
        chosen = choose_threshold(
            [g == positive for g in own[0]], own[1][:, column], aim=str(wanted)
        )
        notes.append(f"Chosen on the validation part. {chosen.words}")
        return chosen.value
    if not 0 <= value <= 1:
        raise ParameterError(f"The threshold is {value:g}; it must be from 0 to 1.")
    notes.append(f"An item counts as {positive!r} from a probability of {value:g}.")
    return value


def _said(
    probabilities: Any, classes: Sequence[str], positive: str | None, *, threshold: float | None
) -> list[str]:
    if threshold is None or positive is None:
        return [classes[i] for i in probabilities.argmax(axis=1)]
    column = list(classes).index(positive)
    other = classes[1 - column]
    return [positive if p >= threshold else other for p in probabilities[:, column]]


def _calibrated(
    own: tuple[list[str], Any] | None,
    classes: Sequence[str],
    *,
    gold: Sequence[str],
    probabilities: Any,
) -> list[str]:
    """Say what temperature scaling, fitted on the validation part, would mend."""
    if own is None:
        return []
    names = list(classes)
    fitted = fit_temperature(own[1], [names.index(g) for g in own[0]])
    cooler = apply_temperature(probabilities, fitted.value)
    true = np.array([names.index(g) for g in gold])
    before, after = (_error(p, true) for p in (probabilities, cooler))
    if before - after < WORTH:
        return []
    return [
        (
            f"{TEMPERATURE} {fitted.value:.2f}, fitted on the validation part, lowers the "
            f"expected calibration error from {before:.3f} to {after:.3f}."
        )
    ]


def _error(probabilities: Any, true: Any) -> float:
    right, sure = top_class(true, probabilities)
    return calibration_error(reliability(right, sure))


def _priors(
    store: Store, model: Mapping[str, Any], said: Mapping[str, int], *, weighted: bool
) -> list[str]:
    """Warn where the model finds other shares in the corpus than in the items scored."""
    everything = _all_answers(store, model)
    if everything is None:
        return []
    warning = prior_warning(dict(said), everything)
    if warning is None:
        return []
    if weighted:
        warning += " The weighted scores allow for what comes of the drawing."
    return [f"{PRIORS} {warning}"]


def _all_answers(store: Store, model: Mapping[str, Any]) -> dict[str, float] | None:
    setup, info = progress.current_setups(store)[str(model["model"])]
    counts: Counter[str] = Counter()
    for batch in read_parts(
        progress.files_of(store, setup), info, columns=["tag", "rank"]
    ).to_batches():
        ranks = batch["rank"].to_numpy()
        first = ranks == ranks.min() if len(ranks) else ranks
        counts.update(tag for tag, top in zip(batch["tag"].to_pylist(), first, strict=True) if top)
    classes = [str(c) for c in model["card"]["classes"]]
    return {name: float(counts.get(name, 0)) for name in classes} if counts else None

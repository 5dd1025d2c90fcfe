"""The verb `validate`: a model or a measure against labels."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.catalogue import people, progress
from mediacorpus.catalogue.runs import running
from mediacorpus.catalogue.store import Store
from mediacorpus.errors import LabelError, ParameterError, unknown
from mediacorpus.learning.card_limits import PRIORS, TEMPERATURE
from mediacorpus.learning.model_card import refresh_card
from mediacorpus.learning.targets import TargetKind, number, split_values, target_of
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
from mediacorpus.validation.inclusion import Inclusion, chances_of, weigh
from mediacorpus.validation.mistakes import mistakes, mistakes_of_labels, mistakes_of_numbers
from mediacorpus.validation.numbers import (
    NumberScores,
    SeveralScores,
    score_numbers,
    score_several,
)
from mediacorpus.validation.predictions import answers_of, column_of, held_out, rows_of, truth_of
from mediacorpus.validation.proxy import Proxy, apply_proxy, parse_proxy, positive_value
from mediacorpus.validation.scores import Scores, score


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """How something is scored.

    Parameters
    ----------
    positive:
        Value for which precision, recall and F1 are told; found by itself where it is plain.
    part:
        `"val"` or `"test"` instead of the usual choice.
    level:
        Confidence level of the intervals, between 0 and 1.
    seed:
        Seed of the bootstrap.
    threshold:
        Probability from which an item counts as positive, as a number, or an aim such as
        `"f1"` or `"precision>=0.9"`, for which the threshold is chosen on the validation part.
    by:
        One of your own columns whose equal values belong together, such as an author: the
        bootstrap then draws whole groups.
    inclusion:
        One of your own columns with the chance with which each record was drawn, above 0 and
        at most 1: the scores are also weighted by one over it.
    """

    positive: str | None = None
    part: str | None = None
    level: float = 0.95
    seed: int = 1
    threshold: float | str | None = None
    by: str | None = None
    inclusion: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ModelScores:
    """The scores of a model with all that belongs to them."""

    part: str
    scores: Scores | NumberScores | SeveralScores
    mistakes: pd.DataFrame
    missing: int
    notes: tuple[str, ...]
    threshold: float | None = None
    inclusion: Inclusion | None = None


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
    groups = None if options.by is None else column_of(store, scored, options.by)
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
    groups: list[Any] | None,
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
    return found, mistakes_of_numbers(items, gold, said)


def _labels(
    items: list[str],
    gold: list[str],
    answers: Any,
    *,
    classes: list[str],
    groups: list[Any] | None,
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
    return found, mistakes_of_labels(
        items, gold, answers=answers, classes=classes, threshold=threshold
    )


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


REPEATS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """How a model or a measure does against labels.

    Parameters
    ----------
    subject, variable:
        What was scored, and against which labels.
    part:
        `"test"`, `"val"`, or `"labelled"` for all labelled items that it did not learn from.
    scores:
        The scores with their intervals.
    mistakes:
        All errors, as `mediacorpus.validation.mistakes.mistakes` gives them.
    missing:
        Labelled items that could not be scored because they were not measured.
    warnings:
        What a reader must know, one sentence each.
    threshold:
        Probability from which an item counts as positive, where one was asked for.
    inclusion:
        The scores weighted by the chance of each record to be drawn, where that was asked for.
    """

    subject: str
    variable: str
    part: str
    scores: Scores | NumberScores | SeveralScores
    mistakes: pd.DataFrame
    missing: int = 0
    warnings: tuple[str, ...] = field(default=())
    threshold: float | None = None
    inclusion: Inclusion | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        return {
            "subject": self.subject,
            "variable": self.variable,
            "part": self.part,
            **self.scores.to_dict(),
            "missing": self.missing,
            "threshold": self.threshold,
            "inclusion": None if self.inclusion is None else self.inclusion.to_dict(),
            "warnings": list(self.warnings),
            "mistakes": self.mistakes.astype(object)
            .where(self.mistakes.notna(), None)
            .to_dict("records"),
        }

    def __str__(self) -> str:
        lines = [f"{self.subject} against {self.variable}, {_PART_WORDS[self.part]}:"]
        lines.append(str(self.scores))
        if self.inclusion is not None:
            lines += ["", str(self.inclusion), ""]
        if self.missing:
            items = "item was" if self.missing == 1 else "items were"
            lines.append(f"{self.missing:,} labelled {items} not measured and left out.")
        return "\n".join([*lines, *self.warnings])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(w)}</p>" for w in self.warnings)
        head = f"{html.escape(self.subject)} against {html.escape(self.variable)}"
        weighted = "" if self.inclusion is None else self.inclusion._repr_html_()
        return (
            f"<p><b>{head}</b>, {_PART_WORDS[self.part]}</p>{self.scores._repr_html_()}"
            f"{weighted}{notes}"
        )


_PART_WORDS = {
    "test": "on the test part",
    "val": "on the validation part",
    "labelled": "on all labelled items outside training",
}


def validate(
    store: Store, subject: str, *, against: str, options: ScoreOptions | None = None
) -> Validation:
    """Score a model, or a measure taken as a classifier, against labels.

    A model is scored on the test part of the split that it was trained under; where that split
    has no test part, on the validation part. A measure, written like `tags:Crowd>=0.5`, is
    scored on all labelled items.

    Parameters
    ----------
    store:
        The catalogue.
    subject:
        Name of a model, or a rule `table:name>=threshold`.
    against:
        The variable whose gold labels are the truth.
    options:
        The positive value, the part, level and seed of the intervals, a threshold or an aim
        for one, and a column of groups.

    Raises
    ------
    UnknownName
        There is no such model, measure or variable.
    ModelError
        The model has not been applied yet.
    LabelError
        No labelled item is left to score on.
    ParameterError
        An option does not fit the model.
    """
    chosen = options or ScoreOptions()
    parameters = {"subject": subject, "against": against} | asdict(chosen)
    with running(
        store, "validate", parameters=parameters, seed=chosen.seed, exclusive=False
    ) as run:
        result, digest = _validated(store, subject, against=against, options=chosen)
        table = result.scores.to_frame().to_dict("records")
        kept = result.to_dict() | {"table": table}
        people.write_validation(store, kept, digest=digest, run=run.id)
        store.execute("UPDATE runs SET model_hash = ? WHERE run = ?", (digest, run.id))
        run.done = result.scores.n
    if not _is_rule(subject):
        refresh_card(store, subject)
    return result


def _validated(
    store: Store, subject: str, *, against: str, options: ScoreOptions
) -> tuple[Validation, str]:
    """Score a model or a rule; give the result and the hash of what was scored."""
    truth, unresolved = truth_of(store, against)
    if _is_rule(subject):
        result, digest = _rule(
            store, parse_proxy(subject), truth=truth, variable=against, options=options
        )
    else:
        model = people.model(store, subject)
        found = score_model(store, model, truth, variable=against, options=options)
        notes, digest = list(found.notes), str(model["hash"])
        if found.part == "test":
            notes += _touched(store, subject, digest=digest, variable=against)
        result = Validation(
            subject,
            against,
            found.part,
            found.scores,
            found.mistakes,
            found.missing,
            tuple(notes),
            found.threshold,
            found.inclusion,
        )
    if unresolved:
        one = unresolved == 1
        note = f"{unresolved:,} item{'' if one else 's'} with unresolved labels "
        note += f"{'is' if one else 'are'} left out."
        result = replace(result, warnings=(*result.warnings, note))
    return result, digest


def _is_rule(subject: str) -> bool:
    return ":" in subject or any(sign in subject for sign in "<>=")


def _rule(
    store: Store,
    proxy: Proxy,
    *,
    truth: dict[str, str],
    variable: str,
    options: ScoreOptions,
) -> tuple[Validation, str]:
    if options.threshold is not None or options.by is not None:
        raise ParameterError(
            f"A rule has its threshold in itself ({proxy}), and no groups; leave both out."
        )
    setups = progress.current_setups(store)
    if proxy.table not in setups:
        raise unknown("measure", proxy.table, setups)
    setup, info = setups[proxy.table]
    chosen = positive_value(truth.values(), variable, positive=options.positive)
    others = sorted({v for v in truth.values() if v != chosen})
    negative = others[0] if len(others) == 1 else f"not {chosen}"
    measured = _measured(store, setup, list(truth))
    rows = rows_of(store, setup, info=info, items=measured)
    answer = apply_proxy(proxy, rows, measured)
    items = [str(item) for item in answer.index]
    if not items:
        raise LabelError(
            f"No item with a label of {variable!r} was measured by {proxy.table!r}. "
            f"Run: mediacorpus measure {store.folder} {proxy.table}"
        )
    gold = [chosen if truth[item] == chosen else negative for item in items]
    said = [chosen if yes else negative for yes in answer]
    found = score(
        gold,
        said,
        classes=[negative, chosen],
        positive=chosen,
        level=options.level,
        seed=options.seed,
        repeats=REPEATS,
    )
    sure = pd.DataFrame({negative: [float(not y) for y in answer], chosen: answer.astype(float)})
    wrong = mistakes(items, gold, probabilities=sure.to_numpy(), classes=[negative, chosen])
    result = Validation(
        str(proxy), variable, "labelled", found, wrong, missing=len(truth) - len(items)
    )
    column = options.inclusion
    if column is not None:
        chances = chances_of(store, items, column)
        weighed = weigh(found, gold, said, chances=chances, column=column)
        result = replace(result, inclusion=weighed)
    return result, str(setup)


def _measured(store: Store, setup: int, items: list[str]) -> list[str]:
    done = {
        row[0]
        for row in store.rows(
            "SELECT item FROM measured JOIN items USING (n) WHERE setup = ? AND part IS NOT NULL",
            (setup,),
        )
    }
    return [item for item in items if item in done]


def _touched(store: Store, name: str, *, digest: str, variable: str) -> list[str]:
    """Say so when the test part has served to score other models before."""
    others = store.value(
        "SELECT count(DISTINCT subject || hash) FROM validations "
        "WHERE variable = ? AND part = 'test' AND NOT (subject = ? AND hash = ?)",
        (variable, name, digest),
    )
    if not others:
        return []
    sentence = (
        f"The test part has scored {others} other model{'s' if others > 1 else ''} before. "
        "Choose between models on the validation part, and report the test score of the one chosen."
    )
    return [sentence]

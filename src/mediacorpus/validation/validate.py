"""The verb `validate`: a model or a measure against labels."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import LabelError, ParameterError, unknown
from mediacorpus.learning.targets import TargetKind, number, split_values
from mediacorpus.learning.train import measure_for
from mediacorpus.result import Note, Result, counted
from mediacorpus.stats.calibration import (
    apply_temperature,
    calibration_error,
    choose_threshold,
    fit_temperature,
)
from mediacorpus.stats.sample import Sample, read_sample
from mediacorpus.stats.survey import prior_warning
from mediacorpus.store import people, progress
from mediacorpus.store.parts import read_parts
from mediacorpus.store.results import WEIGHTED, write_results
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store
from mediacorpus.validation.predictions import (
    NO_GROUPS,
    Gold,
    Predictions,
    gold_of,
    groups_for,
    mistakes,
    mistakes_of_labels,
    mistakes_of_numbers,
    predictions_of,
    rows_of,
)
from mediacorpus.validation.rules import (
    Rows,
    Rule,
    apply_rule,
    comparisons,
    is_rule,
    parse_rule,
    plain_positive,
    positive_value,
)
from mediacorpus.validation.scores import (
    HALF,
    Inclusion,
    NumberScores,
    Scores,
    SeveralScores,
    chances_of,
    score,
    score_numbers,
    score_several,
    weigh,
)

BINARY = 2

WORTH = 0.005
"""Gain in calibration error from which temperature scaling is worth a sentence."""

_KINDS = {TargetKind.SCALE: "numbers", TargetKind.MULTILABEL: "several labels"}


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """How something is scored.

    Parameters
    ----------
    positive:
        Value for which precision, recall and F1 are given; found by itself where it is plain.
    part:
        `"val"` or `"test"` instead of the usual choice.
    level:
        Confidence level of the intervals, between 0 and 1.
    seed:
        Seed of the bootstrap.
    threshold:
        Probability from which an item counts as positive, as a number, or an aim such as
        `"f1"` or `"precision>=0.9"`, for which the threshold is chosen on the validation part.
    cluster:
        One of your own columns whose equal values belong together, such as an author: the
        bootstrap then draws whole groups. By default those that the model's split was drawn by,
        if any; `"none"` draws items all the same.
    inclusion_probability:
        One of your own columns with the chance with which each record was drawn, above 0 and
        at most 1: the scores are also weighted by one over it.
    only:
        Ids of the items to choose from; by default all.
    show:
        Whether to show progress; None decides by the terminal.
    """

    positive: str | None = None
    part: str | None = None
    level: float = 0.95
    seed: int = 1
    threshold: float | str | None = None
    cluster: str | None = None
    inclusion_probability: str | None = None
    only: Collection[str] | None = None
    show: bool | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Validation(Result):
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
        All errors, as `mediacorpus.validation.predictions.mistakes` gives them.
    missing:
        Labelled items that could not be scored because they were not measured.
    warnings:
        What a reader must know, one sentence each.
    threshold:
        Probability from which an item counts as positive, where one was asked for.
    inclusion:
        The scores weighted by the chance of each record to be drawn, where that was asked for.
    kind:
        `"model"`, or `"rule"` of a rule over a measure.
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
    kind: str = "model"

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy table of the scores: score, class, estimate, low, high, n."""
        return self.scores.to_frame()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        facts = Result.to_dict(self)
        scores: dict[str, Any] = facts.pop("scores")
        return facts | scores

    def __str__(self) -> str:
        lines = [f"{self.subject} against {self.variable}, {_PART_WORDS[self.part]}:"]
        lines.append(str(self.scores))
        if self.inclusion is not None:
            lines += ["", str(self.inclusion), ""]
        if self.missing:
            were = "was" if self.missing == 1 else "were"
            lines.append(
                f"{counted(self.missing, 'labelled item')} {were} not measured and left out."
            )
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
    store: Store,
    subject: str,
    *,
    against: str,
    options: ScoreOptions | None = None,
) -> Validation:
    """Score a model, or a measure taken as a classifier, against labels.

    A model is scored on the test part of the split that it was trained under; where that split
    has no test part, on the validation part. A rule over measures, such as `tags:Crowd>=0.5`, is
    scored on all labelled items. What has not been predicted or measured of these is done first.

    Parameters
    ----------
    store:
        The catalogue.
    subject:
        Name of a model, or a rule over measures, such as `tags:Crowd>=0.5`, `faces>=2` or
        `color:red_share>=0.3 and not facts:format=GIF`: see `rules.parse_rule`.
    against:
        The variable whose gold labels are the truth.
    options:
        The positive value, the part, level and seed of the intervals, a threshold or an aim
        for one, a column of groups, and the items to choose from.

    Raises
    ------
    UnknownName
        There is no such model, measure or variable.
    ModelError
        The folder of the model is damaged or was edited.
    LabelError
        No labelled item is left to score on.
    ParameterError
        An option does not fit the model.
    """
    chosen = options or ScoreOptions()
    parameters = {"subject": subject, "against": against} | asdict(replace(chosen, only=None))
    parameters |= {"only": None if chosen.only is None else len(chosen.only)}
    with running(
        store, "validate", parameters=parameters, seed=chosen.seed, exclusive=False
    ) as run:
        result, digest = _validated(store, subject, against=against, options=chosen)
        with store.transaction():
            people.write_validation(store, result.to_dict(), digest=digest, run=run.id)
            _write_rows(store, run.id, result, digest=digest)
            store.execute("UPDATE runs SET model_hash = ? WHERE run = ?", (digest, run.id))
        run.done = result.scores.n
    return result


def _validated(
    store: Store, subject: str, *, against: str, options: ScoreOptions
) -> tuple[Validation, str]:
    """Score a model or a rule; give the result and the hash of what was scored."""
    gold = gold_of(store, against)
    if is_rule(subject):
        result, digest = _rule(store, parse_rule(subject), gold, options=options)
    else:
        model = people.model(store, subject)
        result, digest = _model(store, model, gold, options=options), str(model["hash"])
    if gold.unresolved:
        is_are = "is" if gold.unresolved == 1 else "are"
        note = f"{counted(gold.unresolved, 'item')} with unresolved labels {is_are} left out."
        result = replace(result, warnings=(*result.warnings, note))
    return result, digest


def _write_rows(store: Store, run: int, result: Validation, *, digest: str) -> None:
    """Write the scores down as rows of the table of results."""
    rows = result.scores.rows()
    if (kept := result.inclusion) is not None:
        way = {"method": f"{WEIGHTED} 1/{kept.column}"}
        rows += [one.row(score, of, n=kept.n) | way for score, of, _, one in kept.rows]
    about = {name: getattr(result, name) for name in ("kind", "subject", "variable", "part")}
    notes = [*getattr(result.scores, "notes", ()), *result.warnings]
    about |= {"subject_hash": digest, "notes": notes}
    write_results(store, run, rows, command="validate", **about)


def _rule(store: Store, rule: Rule, gold: Gold, *, options: ScoreOptions) -> tuple[Validation, str]:
    """Score a rule on all labelled items."""
    if options.threshold is not None or options.cluster not in {None, NO_GROUPS}:
        raise ParameterError(
            f"A rule has its threshold in itself ({rule}), and no groups; leave both out."
        )
    labels, variable = gold.labels, gold.variable
    if options.only is not None:
        allowed = set(options.only)
        labels = {item: value for item, value in labels.items() if item in allowed}
        if not labels:
            raise LabelError(
                f"None of the {len(allowed):,} items that are selected has a label of "
                f"{variable!r}, so there is nothing to score."
            )
    chosen = positive_value(labels.values(), variable, positive=options.positive)
    others = sorted({v for v in labels.values() if v != chosen})
    names = [others[0] if len(others) == 1 else f"not {chosen}", chosen]
    tables = dict.fromkeys(one.table for one in comparisons(rule))
    read = {table: _rows(store, table, list(labels), show=options.show) for table in tables}
    answer = apply_rule(rule, {table: rows for table, (_, rows, _) in read.items()}, list(labels))
    items = [str(item) for item in answer.index]
    if not items:
        raise LabelError(
            f"No item with a label of {variable!r} was measured by {' and '.join(read)} so that "
            f"the rule can be applied. See: mediacorpus failures {store.folder}"
        )
    predicted = answer.to_numpy(dtype=np.int64)
    sample = read_sample(
        [names[int(labels[item] == chosen)] for item in items],
        [names[yes] for yes in predicted.tolist()],
        names,
        positive=chosen,
    )
    found = score(sample, level=options.level, seed=options.seed)
    result = Validation(
        str(rule),
        variable,
        "labelled",
        found,
        mistakes(items, replace(sample, matrix=np.eye(2)[predicted])),
        missing=len(labels) - len(items),
        warnings=tuple(dict.fromkeys(first for _, _, first in read.values() if first)),
        inclusion=_weighed(
            store, items, sample, scores=found, column=options.inclusion_probability
        ),
        kind="rule",
    )
    return result, "+".join(str(setup) for setup, _, _ in read.values())


def _rows(
    store: Store, table: str, items: list[str], *, show: bool | None
) -> tuple[int, Rows, str | None]:
    """Give the setup that a table shows, its rows for some items, and a warning about them."""
    setups = progress.current_setups(store)
    here = MEASURES.info(table).version if table in MEASURES else None
    first = None
    # A table of another version is scored as it is: measured anew, it would show these items only.
    if here is not None and (table not in setups or setups[table][1].version == here):
        first = measure_for(store, table, items, show=show)
        setups = progress.current_setups(store)
    if table not in setups:
        raise unknown("measure", table, {*setups, *MEASURES.names()})
    setup, info = setups[table]
    done = {
        item
        for (item,) in store.rows(
            "SELECT item FROM measured JOIN items USING (n) WHERE setup = ? AND part IS NOT NULL",
            (setup,),
        )
    }
    measured = [item for item in items if item in done]
    rows = rows_of(store, setup, info=info, items=measured)
    return setup, Rows(info.shape, rows, measured), first


def _weighed(
    store: Store,
    items: Sequence[str],
    sample: Sample,
    *,
    scores: Scores,
    column: str | None,
    groups: Any = None,
) -> Inclusion | None:
    if column is None:
        return None
    chances = chances_of(store, items, column)
    return weigh(scores, sample, chances=chances, column=column, groups=groups)


def _model(
    store: Store, model: Mapping[str, Any], gold: Gold, *, options: ScoreOptions
) -> Validation:
    """Score a model on the test part, or where there is none on the validation part."""
    own = predictions_of(
        store, model, gold, part=options.part, only=options.only, show=options.show
    )
    if options.inclusion_probability is not None and own.kind in _KINDS:
        raise ParameterError(
            f"Scores of {_KINDS[own.kind]} are not weighted by the chance to be drawn; leave "
            "--inclusion-probability out."
        )
    groups, about_groups = groups_for(store, model, own.items, gold=gold, cluster=options.cluster)
    given: dict[str, Any] = {"groups": groups, "level": options.level, "seed": options.seed}
    notes = [*own.notes, *about_groups]
    more: dict[str, Any] = {}
    scores: Scores | NumberScores | SeveralScores
    if own.kind is TargetKind.SCALE:
        if options.threshold is not None:
            raise ParameterError("The model predicts numbers; a threshold belongs to classes.")
        predicted = own.answers[:, 0]
        scores = score_numbers([number(v) for v in own.gold], predicted.tolist(), **given)
        wrong = mistakes_of_numbers(own.items, own.gold, predicted)
    elif own.kind is TargetKind.MULTILABEL:
        cut, sets = _from_0_to_1(options.threshold), [split_values(v) for v in own.gold]
        scores = score_several(sets, own.answers, own.classes, threshold=cut, **given)
        wrong = mistakes_of_labels(
            own.items, own.gold, answers=own.answers, classes=own.classes, threshold=cut
        )
    else:
        val = None if own.part == "val" else _of_val(store, model, gold, show=options.show)
        scores, wrong, more = _classes(
            store, model, own, val=val, notes=notes, options=options, given=given
        )
    subject = str(model["model"])
    if own.part == "test":
        notes += _touched(store, subject, digest=str(model["hash"]), variable=gold.variable)
    return Validation(
        subject, gold.variable, own.part, scores, wrong, own.missing, tuple(notes), **more
    )


def _from_0_to_1(threshold: float | str | None) -> float:
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


def _of_val(
    store: Store, model: Mapping[str, Any], gold: Gold, *, show: bool | None
) -> Predictions | None:
    """Give the predictions for the validation part, where there are any."""
    own = replace(gold, variable=str(model["variable"]))
    try:
        return predictions_of(store, model, own, part="val", show=show)
    except LabelError:
        return None


def _classes(
    store: Store,
    model: Mapping[str, Any],
    own: Predictions,
    *,
    val: Predictions | None,
    notes: list[str],
    options: ScoreOptions,
    given: Mapping[str, Any],
) -> tuple[Scores, pd.DataFrame, dict[str, Any]]:
    """Score a model of classes or ranks; give mistakes, threshold and weighted scores too."""
    positive = positive_of(own.classes, str(model["variable"]), options.positive)
    threshold = _threshold(options.threshold, val, own.classes, positive=positive, notes=notes)
    predicted = own.predicted
    if threshold is not None and positive is not None:
        at = own.classes.index(positive)
        chances = own.answers[:, at].tolist()
        predicted = [own.classes[at if chance >= threshold else 1 - at] for chance in chances]
    sample = own.sample(predicted, positive=positive, probabilities=own.answers)
    scores = score(sample, **given)
    notes += _calibrated(val, own)
    column = options.inclusion_probability
    notes += _priors(store, model, own, weighted=column is not None)
    weighed = _weighed(
        store, own.items, sample, scores=scores, column=column, groups=given["groups"]
    )
    wrong = mistakes(own.items, sample)
    return scores, wrong, {"threshold": threshold, "inclusion": weighed}


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
    return plain_positive(sorted(classes), variable)


def _threshold(
    wanted: float | str | None,
    own: Predictions | None,
    classes: Sequence[str],
    *,
    positive: str | None,
    notes: list[str],
) -> float | None:
    """Read a threshold, or choose one on the validation part, and note what it means."""
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
        chances = own.answers[:, list(classes).index(positive)]
        value, words = choose_threshold([g == positive for g in own.gold], chances, aim=str(wanted))
        notes.append(f"Chosen on the validation part. {words}")
        return value
    if not 0 <= value <= 1:
        raise ParameterError(f"The threshold is {value:g}; it must be from 0 to 1.")
    notes.append(f"An item counts as {positive!r} from a probability of {value:g}.")
    return value


def _calibrated(val: Predictions | None, own: Predictions) -> list[str]:
    """Say what temperature scaling, fitted on the validation part, would improve."""
    if val is None:
        return []
    codes, true = ([one.classes.index(g) for g in one.gold] for one in (val, own))
    temperature = fit_temperature(val.answers, codes)
    cooler = apply_temperature(own.answers, temperature)
    before, after = (calibration_error(true, shares) for shares in (own.answers, cooler))
    if before - after < WORTH:
        return []
    sentence = (
        f"A temperature of {temperature:.2f}, fitted on the validation part, lowers the "
        f"expected calibration error from {before:.3f} to {after:.3f}."
    )
    return [Note(sentence, "temperature")]


def _priors(
    store: Store, model: Mapping[str, Any], own: Predictions, *, weighted: bool
) -> list[str]:
    """Warn where the model finds other shares in the corpus than in the items scored."""
    setup, info = progress.current_setups(store)[str(model["model"])]
    everything: Counter[str] = Counter()
    files = progress.files_of(store, setup)
    for batch in read_parts(files, info, columns=["tag", "rank"]).to_batches():
        everything.update(batch.filter(pc.equal(batch["rank"], 1))["tag"].to_pylist())
    warning = prior_warning(Counter(own.predicted), everything)
    if warning and weighted:
        warning += " The weighted scores correct for how the sample was drawn."
    return [Note(f"By the model's own answers: {warning}", "priors")] if warning else []


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
    return [Note(sentence, "test part used")]

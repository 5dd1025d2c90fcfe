"""What a rule says of labelled items, beside their gold values: the door for rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.engine.contract import MEASURES, Batch, BatchItem, Measure
from mediacorpus.errors import LabelError, ParameterError, UnknownName
from mediacorpus.learning.targets import TargetKind
from mediacorpus.records import FileFacts, Info, Shape
from mediacorpus.stats.calibration import choose_threshold
from mediacorpus.stats.sample import Sample, ranking_scores, read_sample
from mediacorpus.store import people, progress
from mediacorpus.store.parts import to_rows
from mediacorpus.store.store import Store
from mediacorpus.validation.predictions import PARTS, Gold, Predictions, mistakes
from mediacorpus.validation.rule_tables import read_tables, resolve, resolve_score, rows_from
from mediacorpus.validation.rule_text import (
    Comparison,
    Joined,
    Rule,
    Score,
    comparisons,
    parse_rule,
    parse_score,
)
from mediacorpus.validation.rules import Rows, apply_rule, apply_score, positive_value
from mediacorpus.validation.saliency import LEAST_SIDE, PredictImages
from mediacorpus.validation.score_curves import Ranked

if TYPE_CHECKING:
    from mediacorpus.stats.intervals import Floats

_RISING = (">=", ">")
_FALLING = ("<=", "<")
_HALF = 0.5
CHUNK = 8
"""Images that are measured together."""
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule says of labelled items.

    Parameters
    ----------
    rule:
        The rule, every name with its table.
    positive:
        The value that it stands for.
    own:
        Items with the gold values, as `positive` and its opposite, and what the rule predicts.
    setups:
        Ids of the measures that it compares.
    scores:
        What the threshold of a rule of one comparison is set on, `(N,)`, higher where the rule
        holds rather; None of other rules.
    shares:
        Of a rule of one tag its score as the probability of the positive class, else whether the
        rule holds: `(N, 2)`.
    bounded:
        Whether `shares` are from such scores.
    """

    rule: Rule
    positive: str
    own: Predictions
    setups: tuple[int, ...]
    scores: Floats | None
    shares: Floats
    bounded: bool = False

    @property
    def digest(self) -> str:
        """What tells this rule's measures from those that are in force later."""
        return "+".join(map(str, self.setups))

    def sample(self) -> Sample:
        """Make a sample of what the rule predicts, ranked by its score where it has one."""
        own = self.own
        return read_sample(
            own.gold, own.predicted, own.classes, positive=self.positive, ranking=self.scores
        )

    def ranked(self) -> Ranked | None:
        """Give what curves are computed from, where the rule has one score."""
        if self.scores is None:
            return None
        first = next(comparisons(self.rule))
        assert isinstance(first.value, float)
        falls = first.operator not in _RISING
        gold = np.array(self.own.gold) == self.positive
        sign = -1.0 if falls else 1.0
        limit = sign * first.value
        if self.bounded:
            return Ranked(self.positive, gold, self.shares[:, 1], limit + falls)
        return Ranked(self.positive, gold, self.scores, limit, bounded=False, falls=falls)

    def mistakes(self) -> pd.DataFrame:
        """List the errors, the surest of each kind first."""
        return mistakes(self.own.items, replace(self.sample(), matrix=self.shares))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Labelled items that a rule is held against.

    Parameters
    ----------
    labels:
        Item -> gold value.
    part:
        `"labelled"`, or the part of the split that they are.
    """

    labels: Mapping[str, str]
    part: str


def is_score(store: Store, name: str) -> bool:
    """Tell whether a name without any sign is that of a table or column, and of no model."""
    if store.value("SELECT 1 FROM models WHERE model = ?", (name,)):
        return False
    try:
        return resolve_score(store, Score(name)) is not None
    except (UnknownName, ParameterError):
        return False


def with_threshold(
    store: Store,
    subject: str,
    gold: Gold,
    *,
    threshold: float | str | None,
    positive: str | None = None,
    part: str | None = None,
    only: Collection[str] | None = None,
    show: bool | None = None,
) -> tuple[Rule, Chosen, float | None, list[str]]:
    """Read a rule, or a score and the threshold that makes a rule of it.

    Returns
    -------
    rule, chosen, threshold, notes
        The rule, the labelled items to score it on, its threshold where one was asked for, and
        what a reader must know.

    Raises
    ------
    ParameterError
        A threshold is missing or one too many; or as for `choose_rule`.
    """
    score = parse_score(subject)
    if score is None:
        rule = parse_rule(subject)
        if threshold is not None:
            raise ParameterError(
                f"The rule {str(rule)!r} has its threshold in itself; leave --threshold out, or "
                "the comparison, as in tags:Crowd --threshold f1."
            )
        return rule, labelled(store, gold, part=part, only=only), None, []
    if threshold is None:
        raise ParameterError(
            f"{subject!r} compares nothing: write {score}>=0.5 or the like, or let a threshold be "
            "chosen with --threshold f1."
        )
    try:
        value = float(threshold)
    except ValueError:
        aim = str(threshold)
        return choose_rule(
            store, score, gold, aim=aim, positive=positive, part=part, only=only, show=show
        )
    rule = score.rule(">=", value)
    return rule, labelled(store, gold, part=part, only=only), value, []


def labelled(
    store: Store, gold: Gold, *, part: str | None = None, only: Collection[str] | None = None
) -> Chosen:
    """Choose the labelled items that a rule is scored on: by default all.

    Raises
    ------
    LabelError
        None is left.
    ParameterError
        There is no such part.
    """
    labels = dict(gold.labels)
    if part is not None:
        if part not in PARTS:
            raise ParameterError(f"The part is {part!r}; a rule is scored on 'test' or 'val'.")
        parts = _parts(store, gold.variable)
        labels = {item: value for item, value in labels.items() if parts.get(item) == part}
        if not labels:
            raise LabelError(f"The split of {gold.variable!r} has no labelled item in {part}.")
    if only is not None:
        allowed = set(only)
        labels = {item: value for item, value in labels.items() if item in allowed}
        if not labels:
            raise LabelError(
                f"None of the {len(allowed):,} items that are selected has a label of "
                f"{gold.variable!r}, so there is nothing to score."
            )
    return Chosen(labels, part or "labelled")


def judge(
    store: Store,
    rule: Rule,
    gold: Gold,
    *,
    positive: str | None = None,
    among: Chosen | None = None,
    show: bool | None = None,
) -> Judged:
    """Apply a rule to labelled items; what they lack of measures is measured first.

    Parameters
    ----------
    store:
        The catalogue.
    rule:
        The rule.
    gold:
        The labels.
    positive:
        The value that the rule stands for; found by itself where it is plain.
    among:
        The items, as `labelled` gives them; by default all.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName
        There is no such measure, model or column.
    ParameterError
        The rule cannot be applied, or the positive value is not plain.
    LabelError
        No labelled item was measured.
    """
    chosen = among or labelled(store, gold)
    variable = gold.variable
    value = positive_value(gold.labels.values(), variable, positive=positive)
    others = sorted({v for v in gold.labels.values() if v != value})
    names = [others[0] if len(others) == 1 else f"not {value}", value]
    rule = resolve(store, rule)
    items, held = _held_out(store, rule, list(chosen.labels))
    read = read_tables(store, rule, items, against=variable, show=show)
    tables = {table: own.rows for table, own in read.items()}
    answer = apply_rule(rule, tables, items)
    kept = [str(item) for item in answer.index]
    if not kept:
        raise LabelError(
            f"No item with a label of {variable!r} was measured by {' and '.join(read)} so that "
            f"the rule can be applied. See: mediacorpus failures {store.folder}"
        )
    scores = _scores(rule, tables, kept)
    predicted = answer.to_numpy(dtype=np.int64)
    notes = [own.note for own in read.values() if own.note] + answer.attrs["notes"] + held
    own = Predictions(
        TargetKind.CLASSES,
        names,
        kept,
        [names[int(chosen.labels[item] == value)] for item in kept],
        np.eye(2)[predicted],
        chosen.part,
        len(items) - len(kept),
        tuple(dict.fromkeys(notes)),
    )
    setups = tuple(one.setup for one in read.values() if one.setup is not None)
    shares, bounded = own.answers, scores is not None and is_probability(rule, store)
    if scores is not None and bounded:
        rising = next(comparisons(rule)).operator in _RISING
        chances = scores if rising else 1 + scores
        shares = np.column_stack([1 - chances, chances])
    return Judged(rule, value, own, setups, scores, shares, bounded)


def _held_out(store: Store, rule: Rule, items: list[str]) -> tuple[list[str], list[str]]:
    """Leave out what a model in the rule learned from; say so."""
    tables = {one.table for one in comparisons(rule)}
    notes = []
    for model in people.models(store):
        if model["model"] not in tables:
            continue
        parts = people.split_parts(store, model["split"])
        learned = {"train", "val"} if "test" in parts.values() else {"train"}
        kept = [item for item in items if parts.get(item) not in learned]
        if len(kept) < len(items):
            were = "item was" if len(items) - len(kept) == 1 else "items were"
            notes.append(
                f"{len(items) - len(kept):,} {were} left out because {model['model']} learned from "
                f"{'it' if len(items) - len(kept) == 1 else 'them'}."
            )
        items = kept
    if not items:
        raise LabelError(
            "No labelled item is held out from the training of the models in the rule."
        )
    return items, notes


def _scores(rule: Rule, tables: Mapping[str, Rows], items: list[str]) -> Floats | None:
    """Give what the threshold of a rule is set on, where it has just one."""
    parts = rule.rules if isinstance(rule, Joined) else (rule,)
    if not all(isinstance(one, Comparison) for one in parts):
        return None
    alike = {(c.table, c.operator, c.value, c.count) for c in comparisons(rule)}
    first = next(comparisons(rule))
    if len(alike) > 1 or first.count is not None or isinstance(first.value, str):
        return None
    rising = first.operator in _RISING
    joined = rule.word if isinstance(rule, Joined) else ("or" if rising else "and")
    if first.operator not in {*_RISING, *_FALLING} or joined != ("or" if rising else "and"):
        return None
    score = Score(first.table, tuple(c.name for c in comparisons(rule)))
    try:
        found = apply_score(score, tables, items).reindex(items)
    except ParameterError:  # dates are compared, but are no numbers
        return None
    values: Floats = np.asarray(found, dtype=np.float64)
    return None if np.isnan(values).any() else values if rising else -values


def is_probability(rule: Rule, store: Store) -> bool:
    """Tell whether what a rule compares are scores from 0 to 1 of tags or regions."""
    setups = progress.current_setups(store)
    return all(
        c.name and c.table in setups and setups[c.table][1].shape in {Shape.TAG, Shape.REGION}
        for c in comparisons(rule)
    )


def choose_rule(
    store: Store,
    score: Score,
    gold: Gold,
    *,
    aim: str,
    positive: str | None = None,
    part: str | None = None,
    only: Collection[str] | None = None,
    show: bool | None = None,
) -> tuple[Rule, Chosen, float, list[str]]:
    """Choose the threshold of a score on some labelled items, to be scored on others.

    It is chosen on the train and validation parts of the newest split of the variable and scored
    on the test part; where there is none, chosen on train and scored on val.

    Returns
    -------
    rule, chosen, threshold, notes
        The rule with the threshold, the items to score it on, and what a reader must know.

    Raises
    ------
    ParameterError
        There is no split, the aim is unknown, or nothing can be chosen.
    """
    parts = _parts(store, gold.variable)
    there = {parts.get(item) for item in gold.labels}
    held = part or ("test" if "test" in there else "val")
    on = {"train", "val"} - {held} if held in PARTS else set()
    if not on & there:
        raise ParameterError(
            f"A threshold for {aim!r} is chosen on some labelled items and scored on others. Draw "
            f"a split first: mediacorpus split {store.folder} {gold.variable}. Or give a number."
        )
    to_score = labelled(store, gold, part=held, only=only)
    value = positive_value(gold.labels.values(), gold.variable, positive=positive)
    learn = {item: v for item, v in gold.labels.items() if parts.get(item) in on}
    score = resolve_score(store, score)
    read = read_tables(store, score, list(learn), against=gold.variable, show=show)
    found = apply_score(score, {table: own.rows for table, own in read.items()}, list(learn))
    true = np.array([learn[str(item)] == value for item in found.index])
    if true.all() or not true.any():
        raise ParameterError(
            f"All {len(true):,} items of {' and '.join(sorted(on))} that were measured are "
            f"{'' if true.all() else 'not '}{value!r}; a threshold is chosen on items of both "
            "kinds."
        )
    values: Floats = np.asarray(found, dtype=np.float64)
    auc = float(ranking_scores(true, values)(np.ones((1, len(true))))[0, 0])
    bounded = is_probability(score.rule(">=", 0.0), store)
    falls = auc < _HALF and not bounded
    limit, words = choose_threshold(true, -values if falls else values, aim=aim)
    threshold = _rounded(-limit if falls else limit, up=falls)
    if falls:
        words = words.replace(f"At and above {limit:.3g}", f"At and below {threshold:.3g}")
        words += f" Lower values of {score} go with {value!r}."
    names = " and ".join({"train": "training", "val": "validation"}[p] for p in sorted(on & there))
    notes = [f"Chosen on the {names} part{'s' if len(on & there) > 1 else ''}. {words}"]
    return score.rule("<=" if falls else ">=", threshold), to_score, threshold, notes


def _rounded(value: float, *, up: bool) -> float:
    """Write a threshold with as many digits as a rule shows, on the side that keeps its item."""
    shown = float(f"{value:.{_DIGITS}g}")
    if (shown < value) if up else (shown > value):
        shown = float(
            f"{value + (1 if up else -1) * abs(value) * 10.0 ** (1 - _DIGITS):.{_DIGITS}g}"
        )
    return shown


def rule_predictor(store: Store, rule: Rule) -> tuple[PredictImages, int | None]:
    """Make the function from images to what a rule says of them, by measuring them.

    Returns
    -------
    callable, int
        Sequence of uint8 `(H, W, 3)` to `(N, 2)`, 1 in the second column where the rule holds; and
        what the short side of the images must have, None for the full size.

    Raises
    ------
    ParameterError
        Something that the rule compares does not come from the pixels.
    """
    made = {}
    for table in dict.fromkeys(one.table for one in comparisons(rule)):
        setup, info = progress.current_setups(store).get(table, (None, None))
        known = table in MEASURES and MEASURES.info(table).pixels
        given = {} if setup is None else progress.identity_of(store, setup)["parameters"]
        if not known or info is None or info.version != MEASURES.info(table).version:
            raise ParameterError(
                f"The rule compares {table!r}, which is not computed from the pixels here, so "
                "images that are perturbed cannot be measured. Leave --robustness out."
            )
        if given.get("model") is not None:
            raise ParameterError(
                f"{table!r} was measured with int8, which cannot be repeated on images that are "
                f"perturbed. Measure it with fp32 first: mediacorpus measure {store.folder} {table}"
            )
        own = {key: value for key, value in given.items() if value is not None}
        made[table] = (MEASURES.get(table)(**own), info)

    def predict(images: Sequence[Any]) -> NDArray[Any]:
        chunks = [images[at : at + CHUNK] for at in range(0, len(images), CHUNK)]
        return np.concatenate([_said_of(store, rule, made, images=chunk) for chunk in chunks])

    sides = [info.min_side for _, info in made.values()]
    return predict, None if None in sides else max(LEAST_SIDE, *filter(None, sides))


def _said_of(
    store: Store,
    rule: Rule,
    measures: Mapping[str, tuple[Measure, Info]],
    *,
    images: Sequence[Any],
) -> NDArray[Any]:
    """Measure some images and apply a rule; where it is open it does not hold."""
    items = [str(n) for n in range(len(images))]
    batch = Batch(
        [
            BatchItem(item, FileFacts("PNG", image.shape[1], image.shape[0], "RGB", 0), image)
            for item, image in zip(items, images, strict=True)
        ]
    )
    tables = {}
    for table, (function, info) in measures.items():
        rows = to_rows(info, items, values=function(batch), run=0).to_pandas()
        tables[table] = rows_from(store, table, info, rows, items)
    found = apply_rule(rule, tables, items).reindex(pd.Index(items)).fillna(value=False)
    return np.eye(2)[found.astype(int).to_numpy()]


def _parts(store: Store, variable: str) -> dict[str, str]:
    split = people.latest_split(store, variable)
    return {} if split is None else people.split_parts(store, split)

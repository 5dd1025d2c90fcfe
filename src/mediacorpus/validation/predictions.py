"""What models predicted of held-out items, beside the gold values, and their mistakes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mediacorpus.coding.resolving import gold_labels
from mediacorpus.coding.split_groups import column_values, groups_by
from mediacorpus.coding.splitting import column_of_split
from mediacorpus.errors import LabelError, ParameterError
from mediacorpus.learning.apply import apply
from mediacorpus.learning.model import codebook_of, model_of, values_of
from mediacorpus.learning.targets import (
    SEPARATOR,
    TargetKind,
    against_rest,
    split_values,
    target_of,
)
from mediacorpus.records import Info
from mediacorpus.stats.sample import read_sample
from mediacorpus.store import people, progress
from mediacorpus.store.columns import own_columns
from mediacorpus.store.parts import read_parts
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    from mediacorpus.stats.intervals import Floats
    from mediacorpus.stats.sample import Sample


SHOWN = 6
"""Values that a sentence lists."""


@dataclass(frozen=True, slots=True)
class Gold:
    """The gold labels of a variable.

    Parameters
    ----------
    variable:
        Its name.
    labels:
        Item → gold value.
    unresolved:
        Items whose labels are at odds.
    """

    variable: str
    labels: Mapping[str, str]
    unresolved: int = 0

    def learned_by(self, model: Mapping[str, Any]) -> Gold:
        """Put the values as a model learned them: one against all others, where it was so.

        Examples
        --------
        >>> model = {"card": {"settings": {"positive": "dog"}}}
        >>> Gold("animal", {"a": "dog", "b": "cat"}).learned_by(model).labels
        {'a': 'dog', 'b': 'not dog'}
        """
        positive = positive_learned(model)
        if positive is None:
            return self
        rest = against_rest(positive)
        labels = {i: v if v == positive else rest for i, v in self.labels.items()}
        return replace(self, labels=labels)


def gold_of(store: Store, variable: str) -> Gold:
    """Return the gold labels of a variable.

    Raises
    ------
    UnknownName
        There is no such variable.
    """
    values, unresolved = gold_labels(store, variable)
    by_item = dict(zip(values["item"], values["value"].astype(str), strict=True))
    return Gold(variable, by_item, len(unresolved))


def positive_learned(model: Mapping[str, Any]) -> str | None:
    """Return the value that a model tells from all others, where it learned so."""
    positive: str | None = model["card"].get("settings", {}).get("positive")
    return positive


def check_codebook(model: Mapping[str, Any], gold: Gold, parts: Mapping[str, str]) -> list[str]:
    """Compare the values of a variable with those that a model learned.

    Parameters
    ----------
    model:
        The model's row of the catalogue.
    gold:
        The labels that the model is to be scored against.
    parts:
        Item → part, of the split that the model was trained under.

    Returns
    -------
    list of str
        What a reader must know: that labels of training images were changed.

    Raises
    ------
    LabelError
        The variable is the model's own and has new values, or it is another one and shares no
        value with what the model learned.
    """
    card, name = model["card"], str(model["model"])
    # One value against all others takes any new one for one of the others.
    if positive_learned(model) is not None:
        return []
    now = values_of(gold.labels.values())
    if _elsewhere(model, gold):
        _check_shared(name, card, now, variable=gold.variable)
        return []
    learned, current = card["codebook"], codebook_of(gold.labels, parts)
    new = [value for value in now if value not in learned["values"]]
    if new or bool(now) != bool(learned["values"]):
        gone = [value for value in learned["values"] if value not in now]
        changes = [f"new: {_listed(new)}" if new else "now numbers on a scale"]
        changes += [f"gone: {_listed(gone)}"] if gone else []
        raise LabelError(
            f"The values of {gold.variable!r} have changed since {name!r} was trained "
            f"({'; '.join(changes)}), so a score would say nothing of these labels; split and "
            "train again, then validate the new model."
        )
    if current["train_labels"] == learned["train_labels"]:
        return []
    changed = f"Labels of training images were changed since {name} was trained"
    return [f"{changed}; train again to learn from them."]


def _elsewhere(model: Mapping[str, Any], gold: Gold) -> bool:
    """Tell whether a model learned from other labels: of another variable, or another corpus."""
    return model.get("split", 0) is None or bool(model["variable"] != gold.variable)


def _check_shared(name: str, card: Mapping[str, Any], now: Sequence[str], *, variable: str) -> None:
    """Raise where another variable has no value that the model knows."""
    found = _listed(now) if now else "numbers on a scale"
    if target_of(card).kind is TargetKind.SCALE:
        if now:
            raise LabelError(
                f"The model {name!r} predicts numbers, but the values of {variable!r} are "
                f"{found}; name a variable of numbers."
            )
        return
    classes = [str(one) for one in card["classes"]]
    if not set(now) & set(classes):
        raise LabelError(
            f"The values of {variable!r} are {found}; the model {name!r} knows none of them but "
            f"{_listed(classes)}. Name the variable that it learned ({card.get('variable')})."
        )


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return f"{', '.join(values[:SHOWN])}{more}"


PARTS = ("test", "val")
SINGLE = (TargetKind.CLASSES, TargetKind.ORDINAL)
"""Kinds of targets of which an item has one class."""

NO_GROUPS = "none"
"""In place of a column: draw items, not the groups that the split was drawn by."""


def held_out(
    store: Store, model: Mapping[str, Any], gold: Gold, *, part: str | None = None
) -> tuple[dict[str, str], str, list[str]]:
    """Choose the items to score a model on: never those that it learned from.

    This is the one door to the gold values that a model is held against: they come as the model
    learned them, one value against all others where it was so.

    Returns
    -------
    gold : dict
        Item → gold value, sorted by item.
    part : str
        `"test"`, `"val"`, or `"labelled"`.
    notes : list of str
        What a reader must know.

    Raises
    ------
    LabelError
        No labelled item is left, or the labels have other values than the model learned.
    ModelError
        The model's folder is damaged or was edited.
    """
    name = str(model["model"])
    model_of(store, name)
    gold = gold.learned_by(model)
    parts = people.split_parts(store, model["split"])
    notes = check_codebook(model, gold, parts)
    if part is not None and part not in PARTS:
        raise ParameterError(f"The part is {part!r}; a model is scored on 'test' or 'val'.")
    present = {parts.get(item) for item in gold.labels}
    if _elsewhere(model, gold) and part is None:
        part, within = "labelled", present - {"train", "val"}
    else:
        part = part or ("test" if "test" in present else "val")
        within = {part}
    if part == "val":
        notes.insert(0, _of_val(model, has_test="test" in present))
    held = {i: gold.labels[i] for i in sorted(gold.labels) if parts.get(i) in within}
    if not held:
        raise LabelError(
            f"No item with a label of {gold.variable!r} is held out from the training of {name!r}, "
            "so it cannot be scored honestly. Label more items, or split and train again."
        )
    return held, part, notes


def apply_first(
    store: Store, model: Mapping[str, Any], items: Sequence[str], *, show: bool | None = None
) -> list[str]:
    """Apply a model to those of some items that it has not predicted.

    Returns
    -------
    list of str
        A sentence that says so; empty where nothing was to do.
    """
    name = str(model["model"])
    setups = progress.current_setups(store)
    if name in setups:
        with progress.chosen(store, items) as these:
            if not progress.count_pending(store, [setups[name][0]], only=these):
                return []
    done = apply(store, name, only=items, show=show)
    if not done.items:
        return []
    what = "1 labelled item" if done.items == 1 else f"{done.items:,} labelled items"
    return [f"{name} was applied to {what} first."]


def answers_of(store: Store, model: Mapping[str, Any], items: Sequence[str]) -> pd.DataFrame:
    """Read what a model said of some items.

    Returns
    -------
    DataFrame
        Indexed by item; one column for each class with its probability, in the order of the
        card, or the column `value` of a scale. Items without a prediction are left out.

    Raises
    ------
    ModelError
        The model has not been applied.
    """
    name = str(model["model"])
    setups = progress.current_setups(store)
    if name not in setups:
        raise people.not_applied(store, name)
    setup, info = setups[name]
    rows = rows_of(store, setup, info=info, items=items)
    if "value" in info.outputs:
        return rows.reindex(columns=["item", "value"]).set_index("item")
    classes = [str(c) for c in model["card"]["classes"]]
    return rows.pivot(index="item", columns="tag", values="score").reindex(columns=classes)


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model predicted of items that it did not learn from.

    Parameters
    ----------
    kind, classes:
        What the model predicts.
    items, gold:
        Held-out items with a prediction, and their gold values as the model learned them.
    answers:
        Probabilities `(N, K)`, of classes and ranks such that they sum to 1; of a scale `(N, 1)`.
    part:
        `"test"`, `"val"` or `"labelled"`.
    missing:
        Held-out items without a prediction.
    notes:
        What a reader must know.
    """

    kind: TargetKind
    classes: list[str]
    items: list[str]
    gold: list[str]
    answers: Floats
    part: str
    missing: int
    notes: tuple[str, ...]

    @property
    def predicted(self) -> list[str]:
        """The most probable class of each item."""
        return [self.classes[at] for at in self.answers.argmax(axis=1)]

    def sample(self, predicted: Sequence[str] | None = None, **facts: Any) -> Sample:
        """Make a sample of classes; the most probable ones are predicted if none are given."""
        ordinal = self.kind is TargetKind.ORDINAL
        named = self.predicted if predicted is None else predicted
        return read_sample(self.gold, named, self.classes, ordinal=ordinal, **facts)


def predictions_of(
    store: Store,
    model: Mapping[str, Any],
    gold: Gold,
    *,
    part: str | None = None,
    only: Collection[str] | None = None,
    show: bool | None = None,
) -> Predictions:
    """Give the held-out items of a model with their gold values and what it predicted.

    Items that it has not predicted are predicted first. `only` names the items to choose from.

    Raises
    ------
    LabelError
        No held-out item has a prediction; or as for `held_out`.
    ModelError, ParameterError
        As for `held_out` and `answers_of`.
    """
    held, part, notes = held_out(store, model, gold, part=part)
    if only is not None:
        allowed = set(only)
        held = {item: value for item, value in held.items() if item in allowed}
        if not held:
            raise LabelError(
                f"None of the {len(allowed):,} items that are selected is held out from the "
                f"training of {model['model']!r} and labelled, so there is nothing to score."
            )
    notes += apply_first(store, model, list(held), show=show)
    table = answers_of(store, model, list(held))
    kind = target_of(model["card"]).kind
    classes = [str(c) for c in model["card"]["classes"]]
    single = kind in SINGLE
    strange = {i for i, value in held.items() if single and value not in classes}
    items = [i for i in held if i in table.index and i not in strange]
    if not items:
        raise LabelError(
            f"None of the {len(held):,} held-out items could be predicted by {model['model']!r}. "
            f"See: mediacorpus failures {store.folder}"
        )
    if strange:
        have, are = ("item has", "is") if len(strange) == 1 else ("items have", "are")
        notes.append(
            f"{len(strange):,} {have} a value that the model does not know and {are} left out."
        )
    answers = table.loc[items].to_numpy(np.float64)
    if single:
        answers = answers / answers.sum(axis=1, keepdims=True)
    missing = len(held) - len(items) - len(strange)
    own = [held[i] for i in items]
    return Predictions(kind, classes, items, own, answers, part, missing, tuple(notes))


def rows_of(store: Store, setup: int, *, info: Info, items: Sequence[str]) -> pd.DataFrame:
    """Read the rows of a setup for some items, batch by batch."""
    scanner = read_parts(progress.files_of(store, setup), info)
    wanted = pa.array(list(items), pa.string())
    frames = [
        batch.filter(pc.is_in(batch.column("item"), value_set=wanted)).to_pandas()
        for batch in scanner.to_batches()
    ]
    empty = pd.DataFrame(columns=["item", "tag", "score"])
    return pd.concat(frames, ignore_index=True) if frames else empty


def groups_for(
    store: Store, model: Mapping[str, Any], items: Sequence[str], *, gold: Gold, cluster: str | None
) -> tuple[list[int | None] | None, list[str]]:
    """Give the groups of items that the bootstrap of a model's scores draws whole.

    They are those of the column `cluster`; without it those that the model's split never parts;
    with `"none"` there are none. Groups are formed among all items with a label, as a split
    forms them.

    Returns
    -------
    groups : list or None
        For each item the number of its group, None for one on its own; None where each item is
        drawn by itself.
    notes : list of str
        What a reader must know.

    Raises
    ------
    ParameterError
        No record has the column `cluster`.
    """
    names = {own.name for own in own_columns(store)}
    if cluster is not None and (cluster != NO_GROUPS or cluster in names):
        found = groups_by(store, items, cluster, among=gold.labels)
        return [found[item] for item in items], []
    column = None if model["split"] is None else column_of_split(store, int(model["split"]))
    if cluster == NO_GROUPS or column is None or column not in names:
        return None, []
    found = groups_by(store, items, column, among=gold.labels)
    count = len({item if found[item] is None else found[item] for item in items})
    if count == 1 < len(items):
        note = (
            f"The split was drawn by groups of {column}, but all of these items belong to one "
            "group, so the intervals take each item as its own and may be too narrow."
        )
        return None, [note]
    note = (
        f"The split was drawn by groups of {column}, so the intervals are from drawing whole "
        f"groups ({count:,}) instead of items; --cluster {NO_GROUPS} draws items."
    )
    return [found[item] for item in items], [note] if count < len(items) else []


def column_of(store: Store, items: Sequence[str], column: str) -> list[str | None]:
    """Give what stands in one of your own columns for each item, in all of its records.

    An item whose records have several values has all of them, as in `"north, south"`.

    Raises
    ------
    ParameterError
        No record has such a column.
    """
    values = column_values(store, items, column)
    return [", ".join(sorted(set(values[item]))) or None for item in items]


def _of_val(model: Mapping[str, Any], *, has_test: bool) -> str:
    """Say what a score on the validation part is worth."""
    if has_test:
        return "This is for choosing between models; the score to report is that of the test part."
    if model["card"].get("method") in {"finetune", "scratch"}:
        return (
            "The validation part was used to choose the best epoch, so these scores may be a "
            "little too good; a split such as 60/20/20 keeps a test part for an honest score."
        )
    return "There is no test part; scores are on the validation part."


COLUMNS = ("item", "gold", "predicted", "probability", "probability_of_gold", "error", "rank", "of")
"""Columns of every table of mistakes, whatever is predicted."""


def _farthest_first(found: pd.DataFrame) -> pd.DataFrame:
    """Rank mistakes that have an error by it; columns that do not apply are empty."""
    found = found.sort_values("error", ascending=False, kind="stable", ignore_index=True)
    found = found.assign(rank=np.arange(1, len(found) + 1), of=len(found))
    return found.reindex(columns=list(COLUMNS))


def mistakes(items: Sequence[str], sample: Sample) -> pd.DataFrame:
    """List the errors, the most confident of each kind first, a kind being (gold, predicted).

    Parameters
    ----------
    items:
        Item ids, `(N,)`.
    sample:
        What is true, what was predicted, and the probabilities.

    Returns
    -------
    DataFrame
        `item`, `gold`, `predicted`, `probability` (of the predicted class),
        `probability_of_gold`, `error` (empty: for numbers and several labels), `rank` (1 is the
        most confident of its kind), `of` (errors of this kind in all). The most frequent kind
        comes first.

    Examples
    --------
    >>> from mediacorpus.stats.sample import read_sample
    >>> sample = read_sample(
    ...     ["no", "no", "yes"], ["yes"] * 3, probabilities=[[0.1, 0.9], [0.4, 0.6], [0.3, 0.7]]
    ... )
    >>> wrong = mistakes(["x", "y", "z"], sample)
    >>> wrong[["item", "gold", "predicted", "probability", "of"]].values.tolist()
    [['x', 'no', 'yes', 0.9, 2], ['y', 'no', 'yes', 0.6, 2]]
    """
    assert sample.matrix is not None
    rows = np.flatnonzero(sample.true != sample.predicted)
    names, kinds = np.array(sample.classes, dtype=object), ["gold", "predicted"]
    gold, predicted = sample.true[rows], sample.predicted[rows]
    wrong = pd.DataFrame(
        {
            "item": np.array(items, dtype=object)[rows],
            "gold": names[gold],
            "predicted": names[predicted],
            "probability": sample.matrix[rows, predicted],
            "probability_of_gold": sample.matrix[rows, gold],
        }
    )
    wrong["of"] = wrong.groupby(kinds)["item"].transform("size")
    wrong = wrong.sort_values(
        ["of", *kinds, "probability", "item"],
        ascending=[False, True, True, False, True],
        ignore_index=True,
    )
    wrong["rank"] = wrong.groupby(kinds, sort=False).cumcount() + 1
    return wrong.reindex(columns=list(COLUMNS))


def mistakes_of_numbers(items: Sequence[str], gold: Sequence[str], predicted: Any) -> pd.DataFrame:
    """List all items with what was predicted, the farthest off first.

    >>> mistakes_of_numbers(["a", "b"], ["1", "2"], np.array([1.0, 4.0]))["item"].tolist()
    ['b', 'a']
    """
    columns = {
        "item": items,
        "gold": gold,
        "predicted": [f"{value:.3g}" for value in predicted],
        "error": np.abs(predicted - np.array([float(value) for value in gold])),
    }
    return _farthest_first(pd.DataFrame(columns))


def mistakes_of_labels(
    items: Sequence[str],
    gold: Sequence[str],
    *,
    answers: Any,
    classes: Sequence[str],
    threshold: float,
) -> pd.DataFrame:
    """List the items with a wrong set of labels, the most wrong first.

    >>> mistakes_of_labels(["a"], ["x"], answers=[[0.9, 0.8]], classes=["x", "y"],
    ...                    threshold=0.5)["predicted"].tolist()
    ['x|y']
    """
    rows = []
    for item, label, row in zip(items, gold, answers, strict=True):
        predicted = {c for c, p in zip(classes, row, strict=True) if p >= threshold}
        wrong = len(predicted ^ set(split_values(label)))
        if wrong:
            rows.append((item, label, SEPARATOR.join(sorted(predicted)), float(wrong)))
    columns = ["item", "gold", "predicted", "error"]
    return _farthest_first(pd.DataFrame(rows, columns=columns))

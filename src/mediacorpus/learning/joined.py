"""Features side by side: several measures and columns of the records as one matrix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mediacorpus.coding.split_groups import column_values
from mediacorpus.errors import ParameterError, TrainingError, unknown, unknown_column
from mediacorpus.learning.features import current_setup, rows_of
from mediacorpus.records import Example
from mediacorpus.result import counted
from mediacorpus.store import progress
from mediacorpus.store.columns import own_columns
from mediacorpus.store.store import Store

Floats: TypeAlias = NDArray[np.float32]

COLUMN = "records:"
"""How a feature begins that is a column of the records."""

FORMS = ("number", "category", "words", "length")
"""What a column can be taken as."""

SIDES = (2, 256)
"""Least and greatest number of pixels on a side of `pixels:SIDE`."""

MOST_CATEGORIES = 50
"""Values up to which a column of text is taken as categories."""

MOST_TERMS = 1000
"""Words of a column that are counted, the most frequent first."""

SHUFFLES = 10
"""How often a feature is shuffled to see what the model loses."""

SHOWN = 40
"""Characters of a text that a message shows."""

AT_ONCE = 20_000
"""Items whose features are gathered together."""

_BETWEEN = re.compile(r"[,+]")


@dataclass(frozen=True, slots=True)
class Feature:
    """One of the features that stand side by side.

    Parameters
    ----------
    name:
        As it was asked for, such as `"hog"`, `"pixels:32:rgb"`, `"records:likes"`.
    measure, parameters:
        The measure that gives it, and with which parameters.
    column, form:
        The column of the records that gives it, and what it is taken as; `""` decides by its
        values.
    """

    name: str
    measure: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    column: str = ""
    form: str = ""


def features_of_text(text: str) -> tuple[Feature, ...]:
    """Read what `--features` names: measures and columns, with commas or `+` between them.

    Raises
    ------
    ParameterError
        A name is missing or twice, or the size of `pixels` is none.

    Examples
    --------
    >>> [one.name for one in features_of_text("color+hog,records:likes")]
    ['color', 'hog', 'records:likes']
    >>> features_of_text("pixels:32:rgb")[0].parameters
    {'size': 32, 'color': True}
    >>> one = features_of_text("records:caption:length")[0]
    >>> one.column, one.form
    ('caption', 'length')
    """
    names = [name.strip() for name in _BETWEEN.split(text)]
    if not all(names):
        raise ParameterError(
            f"features is {text!r}; name measures and columns with commas between them, as in "
            "color,hog,records:likes."
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ParameterError(f"The features {text!r} name {twice[0]!r} twice.")
    return tuple(map(named, names))


def named(name: str) -> Feature:
    """Read the name of one feature; see `features_of_text`."""
    if name.startswith(COLUMN):
        column, _, form = name.removeprefix(COLUMN).rpartition(":")
        if form in FORMS and column:
            return Feature(name, column=column, form=form)
        return Feature(name, column=name.removeprefix(COLUMN))
    measure, *given = name.split(":")
    if measure != "pixels" or not given:
        return Feature(name, measure=name)
    low, high = SIDES
    side, *color = given
    whole = side.isdecimal() and low <= int(side) <= high
    if not whole or color not in ([], ["rgb"], ["gray"]):
        raise ParameterError(
            f"The feature {name!r} is not understood: write pixels:SIDE, with a side of {low} to "
            f"{high} pixels, and :rgb behind it for colors, as in pixels:32:rgb."
        )
    parameters = {"size": int(side), "color": color == ["rgb"]}
    return Feature(name, measure="pixels", parameters=parameters)


def is_joined(text: str | None) -> bool:
    """Tell whether features are more than the values of one measure as its table shows them.

    >>> is_joined("hog"), is_joined("hog,color"), is_joined("records:likes"), is_joined(None)
    (False, True, True, False)
    """
    if text is None:
        return False
    first, *others = features_of_text(text)
    return bool(others or first.column or first.parameters)


Raw: TypeAlias = "Floats | list[list[str]]"
"""Values of a feature for N items: an array `(N, D)`, or for each what stands in its records."""


def check_columns(store: Store, features: Sequence[Feature], *, need: str = "") -> None:
    """Raise if a column is none of the records', before anything is measured.

    Parameters
    ----------
    store:
        The catalogue.
    features:
        The features.
    need:
        A sentence that says who needs it.

    Raises
    ------
    ParameterError
        There is no such column.
    """
    known = [own.name for own in own_columns(store)]
    for feature in features:
        if feature.column and feature.column not in known:
            head, _, tail = feature.column.rpartition(":")
            if head in known:
                raise unknown("form of a column", tail, FORMS)
            error = unknown_column(feature.column, known)
            raise ParameterError(f"{error} {need}".strip())


def gathered(
    store: Store, features: Sequence[Feature], *, setups: Mapping[str, int], items: Sequence[str]
) -> tuple[list[Raw], NDArray[np.bool_]]:
    """Gather the values of features for some items.

    Parameters
    ----------
    store:
        The catalogue.
    features:
        The features.
    setups:
        Name of a feature that is a measure -> the setup that gives its values.
    items:
        The N items.

    Returns
    -------
    values : list
        For each feature what it has for each item; a measure's are 0 where it has none.
    there : bool array (N,)
        Which items have the values of all measures.
    """
    places = {item: place for place, item in enumerate(items)}
    wanted = pa.array(list(items), pa.string())
    there = np.ones(len(items), bool)
    values: list[Raw] = []
    for feature in features:
        if feature.column:
            found = column_values(store, items, feature.column)
            values.append([found[item] for item in items])
            continue
        block, has = np.zeros((len(items), 0), np.float32), np.zeros(len(items), bool)
        for own, rows in rows_of(store, setups[feature.name], wanted=wanted):
            if not block.shape[1]:
                block = np.zeros((len(items), rows.shape[1]), np.float32)
            at = [places[item] for item in own]
            block[at], has[at] = rows, True
        values.append(block)
        there &= has
    return values, there


def learn_encoding(
    store: Store,
    features: Sequence[Feature],
    values: Sequence[Raw],
    *,
    train: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """Learn from the train part how values become numbers.

    Numbers are standardized by mean and standard deviation of the train part, and a measure of D
    numbers is divided by the root of D, so that each feature weighs the same. Categories have a
    number each, 1 where an item has it; one that the train part does not have counts as none.
    Words are weighed by tf-idf. A missing number is the mean.

    Parameters
    ----------
    store:
        The catalogue.
    features, values:
        As for `gathered`.
    train:
        Which items are of the train part, `(N,)`.

    Returns
    -------
    list of dict
        For each feature its `feature`, its `form`, how many `numbers` it gives, and what they
        are made by; it goes into the model's card.
    """
    types = {own.name: own.type for own in own_columns(store)}
    found = []
    for feature, own in zip(features, values, strict=True):
        if isinstance(own, np.ndarray):
            form, rows = "measure", own[train]
        else:
            learned = [texts for texts, part in zip(own, train, strict=True) if part]
            form = feature.form or _form_of(types[feature.column], learned)
            if form in {"number", "length"}:
                rows = _numbers(own, form, feature)[train]
            else:
                made = _categories(learned) if form == "category" else _terms(learned, feature)
                found.append({"feature": feature.name, "form": form, **made})
                continue
        found.append({"feature": feature.name, "form": form, **_standard(rows)})
    return found


def _form_of(kind: str, learned: Sequence[Sequence[str]]) -> str:
    """Decide what a column is taken as."""
    if kind in {"integer", "real", "date"}:
        return "number"
    tally = Counter(text for texts in learned for text in texts)
    repeated = sum(count for count in tally.values() if count > 1)
    few = len(tally) <= MOST_CATEGORIES and 2 * repeated >= sum(tally.values())
    return "category" if few else "words"


def _standard(rows: Floats) -> dict[str, Any]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns without any number
        mean, sd = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    mean, sd = np.nan_to_num(mean), np.where(np.nan_to_num(sd) > 0, sd, 1.0)
    return {
        "numbers": rows.shape[1],
        "mean": [float(v) for v in mean],
        "sd": [float(v) for v in sd],
    }


def _categories(learned: Sequence[Sequence[str]]) -> dict[str, Any]:
    names = sorted({text for texts in learned for text in texts})
    return {"numbers": len(names), "values": names}


def _terms(learned: Sequence[Sequence[str]], feature: Feature) -> dict[str, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(max_features=MOST_TERMS)
    try:
        vectorizer.fit(" ".join(texts) for texts in learned)
    except ValueError as error:
        raise TrainingError(
            f"The column {feature.column!r} has no words in the training part. Leave it out, or "
            f"take it as categories: {COLUMN}{feature.column}:category."
        ) from error
    terms = list(vectorizer.get_feature_names_out())
    return {"numbers": len(terms), "terms": terms, "idf": [float(v) for v in vectorizer.idf_]}


def _numbers(own: Sequence[Sequence[str]], form: str, feature: Feature) -> Floats:
    """Give the numbers `(N, 1)` of a column: the mean over an item's records; NaN is missing."""
    read: Callable[[str], float] = _words_in if form == "length" else _number
    try:
        means = [np.mean([read(text) for text in texts]) if texts else np.nan for texts in own]
    except ValueError as error:
        raise TrainingError(
            f"The column {feature.column!r} is not all numbers ({error}). Take it as "
            f"{COLUMN}{feature.column}:category or :words."
        ) from error
    return np.array(means, np.float32).reshape(-1, 1)


def _words_in(text: str) -> float:
    return float(len(text.split()))


def _number(text: str) -> float:
    """Read a number, or a date as the years since 1970.

    >>> _number("2.5"), round(_number("1971-01-01"), 2)
    (2.5, 1.0)
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        days = datetime.fromisoformat(text).replace(tzinfo=None) - datetime(1970, 1, 1)  # noqa: DTZ001
    except ValueError as error:
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
        raise ValueError(f"one is {shown!r}") from error
    return days.total_seconds() / (365.25 * 86400)


def encoded(encoding: Sequence[Mapping[str, Any]], values: Sequence[Raw]) -> Floats:
    """Turn the values of features into a matrix, as `learn_encoding` learned it.

    Returns
    -------
    float32 array `(N, D)`
        The numbers of the first feature, then those of the next.
    """
    blocks = [_encoded(one, own) for one, own in zip(encoding, values, strict=True)]
    return np.ascontiguousarray(np.concatenate(blocks, axis=1), np.float32)


def _encoded(one: Mapping[str, Any], own: Raw) -> NDArray[Any]:
    if "mean" in one:
        if not isinstance(own, np.ndarray):
            own = _numbers(own, str(one["form"]), named(str(one["feature"])))
        scaled = (own - np.float32(one["mean"])) / np.float32(one["sd"])
        return np.asarray(np.nan_to_num(scaled) / np.sqrt(max(1, own.shape[1])))
    if one["form"] == "category":
        places = {name: place for place, name in enumerate(one["values"])}
        block = np.zeros((len(own), len(places)), np.float32)
        for row, texts in enumerate(own):
            block[row, [places[text] for text in texts if text in places]] = 1
        return block
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(vocabulary=list(one["terms"]))
    vectorizer.idf_ = np.asarray(one["idf"], np.float64)
    return np.asarray(vectorizer.transform([" ".join(texts) for texts in own]).toarray())


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """The features of examples, and what a card keeps of how they were made.

    Parameters
    ----------
    examples:
        Those that have the values of all measures.
    matrix:
        Their features, float32 `(N, D)`.
    encoding:
        What `learn_encoding` gave, with the `identity` of each measure's setup.
    notes:
        What was decided and what is missing, one sentence each.
    """

    examples: list[Example]
    matrix: Floats
    encoding: list[dict[str, Any]]
    notes: list[str]


def joined_of(store: Store, text: str, examples: Sequence[Example]) -> Joined:
    """Gather and encode the features of examples; their measures have been run.

    Raises
    ------
    UnknownName, ParameterError
        There is no such measure or column.
    TrainingError
        None of the examples has all measures, or a column cannot be taken as what was asked.
    """
    features = features_of_text(text)
    setups = setups_of(store, features)
    items = [example.item for example in examples]
    values, there = gathered(store, features, setups=setups, items=items)
    kept = [example for example, has in zip(examples, there, strict=True) if has]
    if not kept:
        raise TrainingError(
            "None of the labelled images could be measured, so there is nothing to learn from. "
            "See `mediacorpus failures`."
        )
    values = [_chosen(own, there) for own in values]
    train = np.array([example.part == "train" for example in kept])
    encoding = learn_encoding(store, features, values, train=train)
    notes = []
    for feature, one, own in zip(features, encoding, values, strict=True):
        if feature.measure:
            one["identity"] = progress.identity_of(store, setups[feature.name])
        else:
            notes += _notes(feature, one, own)
    return Joined(kept, encoded(encoding, values), encoding, notes)


def setups_of(store: Store, features: Sequence[Feature]) -> dict[str, int]:
    """Give the setup of each feature that is a measure: that of its parameters, or in force."""
    found = {}
    for feature in features:
        if not feature.measure:
            continue
        setup = current_setup(store, feature.measure)
        if feature.parameters:
            version = progress.info_of(store, setup).version
            known = {"name": feature.measure, "version": version}
            setup = progress.setup_of(store, known | {"parameters": feature.parameters}) or setup
        found[feature.name] = setup
    return found


def _chosen(own: Raw, there: NDArray[np.bool_]) -> Raw:
    if isinstance(own, np.ndarray):
        return own[there]
    return [texts for texts, has in zip(own, there, strict=True) if has]


def _notes(feature: Feature, one: Mapping[str, Any], own: Raw) -> list[str]:
    """Say what a column was taken as, and how many items have nothing in it."""
    kinds = {
        "number": "numbers",
        "length": "its number of words",
        "category": counted(int(one["numbers"]), "category", "categories"),
        "words": f"{counted(int(one['numbers']), 'word')}, weighed by tf-idf",
    }
    taken = f"The column {feature.column} was taken as {kinds[str(one['form'])]}."
    notes = [] if feature.form else [taken]
    lacking = sum(not len(texts) for texts in own)
    if lacking:
        have = "has" if lacking == 1 else "have"
        counts = "the mean" if "mean" in one else "none of them"
        notes.append(
            f"{counted(lacking, 'item')} {have} nothing in the column {feature.column}, which "
            f"counts as {counts}."
        )
    return notes


def joined_rows(
    store: Store,
    encoding: Sequence[Mapping[str, Any]],
    *,
    setups: Mapping[str, int],
    items: Sequence[str],
) -> Iterator[tuple[list[str], Floats]]:
    """Give the encoded features of items, some thousand at once; those without them are left out.

    Parameters
    ----------
    store:
        The catalogue.
    encoding:
        That of a model's card.
    setups:
        Name of a feature that is a measure -> setup.
    items:
        The items.
    """
    features = [named(str(one["feature"])) for one in encoding]
    for start in range(0, len(items), AT_ONCE):
        some = items[start : start + AT_ONCE]
        values, there = gathered(store, features, setups=setups, items=some)
        kept = [item for item, has in zip(some, there, strict=True) if has]
        if kept:
            yield kept, encoded(encoding, [_chosen(own, there) for own in values])


def shares(
    encoding: Sequence[Mapping[str, Any]],
    matrix: Floats,
    loss: Callable[[Floats], float],
    *,
    seed: int,
) -> list[float]:
    """Tell what each feature contributes: its part of what is lost when it is shuffled.

    Parameters
    ----------
    encoding:
        What `learn_encoding` gave.
    matrix:
        Features of the validation part, `(N, D)`.
    loss:
        Gives the log loss of the model for such a matrix.
    seed:
        Of the shuffling.

    Returns
    -------
    list of float
        For each feature a share from 0 to 1; they sum to 1, or are all 0 where shuffling costs
        nothing.

    References
    ----------
    Breiman (2001). Random forests. Machine Learning 45, 5-32 (section 10, there by accuracy).
    """
    rng, plain = np.random.default_rng(seed), loss(matrix)
    ends = np.cumsum([int(one["numbers"]) for one in encoding])
    costs = []
    for end, one in zip(ends, encoding, strict=True):
        block = slice(end - int(one["numbers"]), end)
        found = []
        for _ in range(SHUFFLES):
            other = matrix.copy()
            other[:, block] = matrix[rng.permutation(len(matrix)), block]
            found.append(loss(other) - plain)
        costs.append(max(0.0, float(np.mean(found))))
    total = sum(costs)
    return [cost / total if total else 0.0 for cost in costs]

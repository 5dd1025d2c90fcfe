"""Several models on the same items: the verb `compare`, and tests of the differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.coding.split_groups import groups_by
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.errors import LabelError, ModelError, ParameterError
from mediacorpus.learning.model import model_of
from mediacorpus.learning.targets import TargetKind, target_of
from mediacorpus.result import Result, plain
from mediacorpus.stats.intervals import Interval, p_words
from mediacorpus.stats.metric import label_of, metrics
from mediacorpus.stats.resampling import FEW, group_numbers, score_paired
from mediacorpus.stats.sample import Sample, as_labels, check_classes
from mediacorpus.stats.significance import holm, sign_flip
from mediacorpus.store import people
from mediacorpus.store.results import write_results
from mediacorpus.store.runs import running
from mediacorpus.validation.predictions import (
    answers_of,
    apply_first,
    check_codebook,
    class_names,
    held_out,
    read_answers,
    truth_for,
    truth_of,
)
from mediacorpus.validation.printing import (
    aligned,
    counted,
    html_page,
    html_table,
    plain_scores,
)

if TYPE_CHECKING:
    from mediacorpus.stats.intervals import Counts
    from mediacorpus.store.store import Store


@dataclass(frozen=True, slots=True)
class Difference:
    """How two models differ on the same items.

    Parameters
    ----------
    first, second:
        Names of the models.
    scores:
        First minus second for each score, with paired bootstrap intervals.
    only_first, only_second:
        Items that only the one gets right.
    p_value, p_corrected:
        McNemar's test of equal accuracy, before and after Holm's correction for the
        number of pairs; with groups, its form for groups (`significance.sign_flip`).
    """

    first: str
    second: str
    scores: Mapping[str, Interval]
    only_first: int
    only_second: int
    p_value: float
    p_corrected: float = float("nan")

    def sentence(self, level: float) -> str:
        """Say which of the two is right more often, and how sure that is."""
        gap = self.scores["accuracy"]
        if self.only_first == self.only_second:
            return f"{self.first} and {self.second} are right equally often."
        better, worse = self.first, self.second
        if gap.estimate < 0:
            better, worse = worse, better
            gap = replace(gap, estimate=-gap.estimate, low=-gap.high, high=-gap.low)
        sure = self.p_corrected < 1 - level
        verdict = "more than chance explains" if sure else "no more than chance may explain"
        return (
            f"{better} is right more often than {worse}, by {gap} of the items: {verdict} "
            f"({p_words(self.p_corrected)})."
        )


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Result):
    """Several models on the same items.

    Parameters
    ----------
    n:
        Items that have a true class and that all models scored.
    left_out:
        For each model the items that it did not score; these are left out for all.
    scores:
        For each model every registered metric that is compared, with bootstrap intervals
        (accuracy: Wilson's, where items are not grouped). Undefined where a model gives
        classes only and the metric needs probabilities.
    differences:
        One for each pair of models.
    groups:
        Number of groups of items; None where each item is its own.
    level:
        Confidence level of the intervals. They are not corrected for the number of pairs.
    notes:
        What a reader must know, one sentence each.
    """

    n: int
    left_out: Mapping[str, int]
    scores: Mapping[str, Mapping[str, Interval]]
    differences: tuple[Difference, ...]
    groups: int | None = None
    level: float = 0.95
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the scores as a tidy table: model, score, estimate, low, high, n.

        >>> compare(["a", "b"], {"m": ["a", "b"]}).to_frame().loc[0, "estimate"].item()
        1.0
        """
        rows = pd.DataFrame([row for row in self.rows() if "model" not in row])
        table = rows.rename(columns={"subject": "model", "metric": "score"})
        return table[["model", "score", "estimate", "low", "high", "n"]]

    def rows(self) -> list[dict[str, Any]]:
        """Give all estimates as rows of the table of results.

        Those of one model come first. A pair's have the other in `model`: the first's score minus
        the second's, and the p-value of equal accuracies.
        """
        found = [
            i.row(name, subject=model, n=self.n)
            for model, scores in self.scores.items()
            for name, i in scores.items()
        ]
        test = "McNemar" if self.groups is None else "sign flip over groups"
        for one in self.differences:
            pair = {"subject": one.first, "model": one.second, "n": self.n}
            found += [i.row(name, **pair) for name, i in one.scores.items()]
            p = {"metric": "p_corrected", "estimate": one.p_corrected}
            found.append(p | pair | {"method": f"{test}, Holm"})
        return found

    def differences_frame(self) -> pd.DataFrame:
        """Return the differences: first, second, score, difference, low, high, p-values.

        The p-values belong to accuracy and are NaN elsewhere.

        >>> found = compare(["a", "b"], {"m": ["a", "b"], "k": ["a", "a"]})
        >>> found.differences_frame().loc[0, "difference"].item()
        0.5
        """
        rows = []
        for one in self.differences:
            for name, i in one.scores.items():
                tested = name == "accuracy"
                ps = (one.p_value, one.p_corrected) if tested else (np.nan, np.nan)
                rows.append((one.first, one.second, name, i.estimate, i.low, i.high, *ps))
        columns = ["first", "second", "score", "difference", "low", "high", "p", "p_corrected"]
        return pd.DataFrame(rows, columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON.

        >>> compare(["a", "b"], {"m": ["a", "b"]}).to_dict()["models"]["m"]["accuracy"]
        1.0
        """
        return {
            "n": self.n,
            "groups": self.groups,
            "level": self.level,
            "left_out": dict(self.left_out),
            "models": {model: plain_scores(scores) for model, scores in self.scores.items()},
            "differences": [
                {
                    "first": one.first,
                    "second": one.second,
                    "only_first_right": one.only_first,
                    "only_second_right": one.only_second,
                    "p_value": plain(one.p_value),
                    "p_corrected": plain(one.p_corrected),
                    **plain_scores(one.scores),
                }
                for one in self.differences
            ],
            "notes": list(self.notes),
        }

    def sentences(self) -> list[str]:
        """Return one sentence for each pair: which is right more often, and how sure that is."""
        return [one.sentence(self.level) for one in self.differences]

    @property
    def _title(self) -> str:
        models, items = counted(len(self.scores), "model"), counted(self.n, "item")
        return f"{models} on the same {items}, {100 * self.level:g} % confidence intervals"

    def _tables(self) -> list[list[list[str]]]:
        """Give the tables of scores and, of several models, of differences, with their heads."""
        names = [label_of(name) for name in next(iter(self.scores.values()))]
        scores = [["model", *names]]
        scores += [[model, *map(str, own.values())] for model, own in self.scores.items()]
        rows = [["difference", *names, "only one right", "McNemar"]]
        for one in self.differences:
            ends = [f"{one.only_first} : {one.only_second}", p_words(one.p_corrected)]
            rows.append([f"{one.first} - {one.second}", *map(str, one.scores.values()), *ends])
        return [scores, rows] if self.differences else [scores]

    def __str__(self) -> str:
        first, *second = ("\n".join(aligned(table)) for table in self._tables())
        return "\n".join([self._title, first, *(f"\n{table}" for table in second), *self.notes])

    def _repr_html_(self) -> str:
        tables = [html_table(head, rows) for head, *rows in self._tables()]
        return html_page("comparison", self._title, tables=tables, notes=self.notes)


def compare(
    truth: Any,
    models: Mapping[str, Any],
    classes: Sequence[str] | None = None,
    *,
    groups: Any = None,
    ordinal: bool = False,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
    midp: bool = True,
) -> Comparison:
    """Compare models on the same items: scores, paired differences and tests.

    All intervals come from the same resamples of the items, or of the groups, so that
    differences are paired. Accuracies are tested pair by pair with McNemar's test,
    corrected with Holm's method for the number of pairs.

    Parameters
    ----------
    truth:
        The true class of each item, `(N,)`; a missing one leaves the item out.
    models:
        For each model its probabilities (a frame with one column for each class, an array
        `(N, K)`, or `(N,)` for two classes: those of the second) or its classes `(N,)` as
        text. A missing value leaves the item out for all models. Where truth is a Series,
        frames and series are brought into its order by their index.
    classes:
        The K classes in the order of arrays; by default those that occur, for labels only.
    groups:
        The group of each item, such as its author; a missing value is a group of its own.
    ordinal:
        Whether the classes are ranks, from the lowest to the highest.
    level, repeats, seed:
        As for `mediacorpus.validation.scores.score`; fewer resamples for large inputs.
    midp:
        Take the mid-p-value of McNemar's test, not the exact conditional one.

    Raises
    ------
    ParameterError
        There are no models, sizes do not fit, no item is scored by all, or a class is
        unknown.

    References
    ----------
    McNemar (1947), Fagerland et al. (2013) and Holm (1979), as in
    `mediacorpus.stats.significance`. Dietterich, T. G. (1998). Approximate
    statistical tests for comparing supervised classification learning algorithms. *Neural
    Computation*, 10, 1895-1923.

    Examples
    --------
    >>> truth = ["a"] * 10 + ["b"] * 10
    >>> one, two = ["a"] * 10 + ["b"] * 9 + ["a"], ["b"] * 7 + ["a"] * 3 + ["b"] * 10
    >>> found = compare(truth, {"one": one, "two": two})
    >>> print(found.differences[0].scores["accuracy"], round(found.differences[0].p_value, 4))
    .300 [.050, .550] 0.0391
    """
    if not models:
        raise ParameterError("There are no models to compare.")
    labels = pd.Series(truth, index=truth.index if isinstance(truth, pd.Series) else None)
    names = class_names(labels, models, classes)
    given = {name: read_answers(name, models[name], truth=labels, classes=names) for name in models}
    known = labels.notna().to_numpy()
    left_out = {name: int((known & ~one.scored).sum()) for name, one in given.items()}
    kept = np.logical_and.reduce([known, *(one.scored for one in given.values())])
    if not kept.any():
        raise ParameterError("No item has a true class and is scored by all models.")
    own = as_labels(labels[kept], "truth")
    check_classes(own, names, "truth")
    numbers = None
    if groups is not None:
        group_numbers(groups, len(kept))
        numbers = group_numbers(np.array(list(groups), dtype=object)[kept])
    true = np.array([names.index(label) for label in own], dtype=np.int64)
    positive = names[1] if len(names) == 2 else None  # noqa: PLR2004
    facts: dict[str, Any] = {"positive": positive, "ordinal": ordinal}
    samples = {
        name: Sample(
            true,
            one.said[kept],
            classes=tuple(names),
            matrix=None if one.matrix is None else one.matrix[kept],
            **facts,
        )
        for name, one in given.items()
    }
    needs = {"labels", "probabilities", *(["ranks"] if ordinal else [])}
    shown = [one for one in metrics(needs, "compare") if not one.per_class]
    options: dict[str, Any] = {"level": level, "repeats": repeats, "seed": seed}
    scores, gaps = score_paired(list(samples.values()), shown, numbers=numbers, **options)
    differences = _tested(samples, gaps, numbers=numbers, midp=midp)
    count = None if numbers is None else int(numbers.max()) + 1
    notes = _notes(left_out, groups=count, pairs=len(gaps))
    by_model = dict(zip(samples, scores, strict=True))
    return Comparison(len(true), left_out, by_model, differences, count, level, tuple(notes))


def _tested(
    samples: Mapping[str, Sample],
    gaps: Sequence[Mapping[str, Interval]],
    *,
    numbers: Counts | None,
    midp: bool,
) -> tuple[Difference, ...]:
    """Test each pair of models for equal accuracy, and correct for their number."""
    right = {name: (one.predicted == one.true).astype(np.int64) for name, one in samples.items()}
    found = []
    for (first, second), gap in zip(combinations(samples, 2), gaps, strict=True):
        lead = right[first] - right[second]
        by_group = lead if numbers is None else np.bincount(numbers, lead).astype(np.int64)
        wins, losses = int((lead > 0).sum()), int((lead < 0).sum())
        found.append(Difference(first, second, gap, wins, losses, sign_flip(by_group, midp=midp)))
    corrected = holm([one.p_value for one in found]).tolist()
    return tuple(replace(one, p_corrected=p) for one, p in zip(found, corrected, strict=True))


def _notes(left_out: Mapping[str, int], *, groups: int | None, pairs: int) -> list[str]:
    notes = [
        f"{name} did not score {count:,} of the labelled items; they are left out for all models."
        for name, count in left_out.items()
        if count
    ]
    if pairs > 1:
        notes.append(f"P-values are corrected for {pairs} pairs (Holm); intervals are not.")
    if groups is not None:
        notes.append(f"Intervals and tests are over {counted(groups, 'group')} of items.")
        if groups < FEW:
            notes.append(f"With fewer than {FEW} groups such intervals tend to be too narrow.")
    return notes


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
            else [model for model in people.models(store) if model["variable"] == variable]
        )
        truth = _as_learned(chosen, truth)
        usable = _usable(store, variable, chosen, truth=truth, show=show)
        known = [[str(c) for c in model["card"]["classes"]] for model, _ in usable]
        alike = all(own == known[0] for own in known)
        classes = known[0] if alike else sorted({c for own in known for c in own})
        items = _shared(store, variable, usable, truth=truth)
        items = [item for item in items if truth[item] in classes]
        kinds = {target_of(model["card"]).kind for model, _ in usable}
        found = compare(
            [truth[item] for item in items],
            {str(model["model"]): _shares(table, items, classes) for model, table in usable},
            classes,
            groups=None if by is None else list(groups_by(store, items, by, among=truth).values()),
            ordinal=alike and kinds == {TargetKind.ORDINAL},
            level=level,
            seed=seed,
        )
        hashes = {str(model["model"]): model["hash"] for model, _ in usable}
        rows = found.rows()
        for row in rows:
            row["subject_hash"] = hashes[row["subject"]]
            row["model_hash"] = hashes.get(row.get("model", ""))
        about = {"kind": "model", "variable": variable, "notes": found.notes}
        write_results(store, run.id, rows, command="compare", **about)
        run.done = len(items)
    return found


def _usable(
    store: Store,
    variable: str,
    chosen: Sequence[Mapping[str, Any]],
    *,
    truth: Mapping[str, str],
    show: bool | None,
) -> list[tuple[Mapping[str, Any], pd.DataFrame]]:
    """Give the models with their predictions; what they lack of these is predicted first."""
    usable: list[tuple[Mapping[str, Any], pd.DataFrame]] = []
    for model in chosen:
        if target_of(model["card"]).kind not in {TargetKind.CLASSES, TargetKind.ORDINAL}:
            raise ParameterError(
                f"The model {model['model']!r} does not learn classes, so it cannot be compared "
                "by accuracy; validate it by itself."
            )
        held, _, _ = held_out(store, model, truth=truth, variable=variable, part=None)
        apply_first(store, model, list(held), show=show)
        usable.append((model, answers_of(store, model, list(truth))))
    if len(usable) < 2:  # noqa: PLR2004 - a comparison needs two
        raise ModelError(
            f"Two models of {variable!r} are needed for a comparison; there is {len(usable)}. "
            "Train another."
        )
    return usable


def _shared(
    store: Store,
    variable: str,
    usable: Sequence[tuple[Mapping[str, Any], pd.DataFrame]],
    *,
    truth: Mapping[str, str],
) -> list[str]:
    """Give the items that are held out from all models and that all have answered for."""
    items = set(truth)
    for model, table in usable:
        model_of(store, str(model["model"]))
        parts = people.split_parts(store, int(str(model["split"])))
        check_codebook(model, truth, variable=variable, parts=parts)
        part = "test" if "test" in {parts.get(item) for item in truth} else "val"
        items &= {item for item in truth if parts.get(item) == part} & set(table.index)
    if not items:
        raise LabelError(
            f"The models of {variable!r} have no held-out item in common. Train them under the "
            "same split, and apply them."
        )
    return sorted(items)


def _shares(table: pd.DataFrame, items: Sequence[str], classes: Sequence[str]) -> Any:
    """Give probabilities `(N, classes)` that sum to 1."""
    full = table.reindex(columns=list(classes), fill_value=0.0).loc[list(items)]
    values = full.to_numpy(np.float64)
    return values / values.sum(axis=1, keepdims=True)


def _as_learned(models: Sequence[Mapping[str, Any]], truth: Mapping[str, str]) -> dict[str, str]:
    """Put the truth as all models learned it."""
    ways = {model["card"].get("settings", {}).get("positive") for model in models}
    if len(ways) > 1:
        raise ParameterError(
            "Some of the models tell one value from all others, and some do not or tell another "
            "one; name models that learned the same with --models."
        )
    return truth_for(models[0], truth) if models else dict(truth)

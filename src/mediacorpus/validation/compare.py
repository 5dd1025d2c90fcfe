"""Several models on the same items: the verb `compare`, and tests of the differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.coding.split_groups import groups_by
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.errors import LabelError, ModelError, ParameterError
from mediacorpus.learning.targets import TargetKind, target_of
from mediacorpus.result import counted, plain
from mediacorpus.stats.intervals import Interval, p_words
from mediacorpus.stats.metric import label_of, metrics
from mediacorpus.stats.resampling import group_numbers, score_paired
from mediacorpus.stats.sample import Sample, read_sample
from mediacorpus.stats.significance import holm, sign_flip
from mediacorpus.store import people
from mediacorpus.store.results import write_results
from mediacorpus.store.runs import running
from mediacorpus.validation.predictions import (
    SINGLE,
    Gold,
    answers_of,
    apply_first,
    gold_of,
    held_out,
    positive_learned,
)
from mediacorpus.validation.printing import Printed, few_groups, plain_scores

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
class Comparison(Printed):
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

    _kind = "comparison"

    n: int
    left_out: Mapping[str, int]
    scores: Mapping[str, Mapping[str, Interval]]
    differences: tuple[Difference, ...]
    groups: int | None = None
    level: float = 0.95
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the scores as a tidy table: model, score, estimate, low, high, n.

        >>> compare({"m": read_sample("ab", "ab")}).to_frame().loc[0, "estimate"].item()
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

        >>> found = compare({"m": read_sample("ab", "ab"), "k": read_sample("ab", "aa")})
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

        >>> compare({"m": read_sample("ab", "ab")}).to_dict()["models"]["m"]["accuracy"]
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

    def _below(self) -> tuple[str, ...]:
        return self.notes


def compare(
    models: Mapping[str, Sample],
    *,
    left_out: Mapping[str, int] | None = None,
    groups: Iterable[Any] | None = None,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare models on the same items: scores, paired differences and tests.

    All intervals come from the same resamples of the items, or of the groups, so that
    differences are paired. Accuracies are tested pair by pair with McNemar's test,
    corrected with Holm's method for the number of pairs.

    Parameters
    ----------
    models:
        What each model predicted of the same N items, in the same order.
    left_out:
        For each model the items that it did not score, which no sample holds.
    groups:
        The group of each item, such as its author, `(N,)`; a missing value is a group of its own.
    level, repeats, seed:
        As for `mediacorpus.validation.scores.score`; fewer resamples for large inputs.

    References
    ----------
    McNemar (1947), Fagerland et al. (2013) and Holm (1979), as in
    `mediacorpus.stats.significance`. Dietterich, T. G. (1998). Approximate
    statistical tests for comparing supervised classification learning algorithms. *Neural
    Computation*, 10, 1895-1923.

    Examples
    --------
    >>> gold = ["a"] * 10 + ["b"] * 10
    >>> one = read_sample(gold, ["a"] * 10 + ["b"] * 9 + ["a"])
    >>> two = read_sample(gold, ["b"] * 7 + ["a"] * 3 + ["b"] * 10)
    >>> [difference] = compare({"one": one, "two": two}).differences
    >>> print(difference.scores["accuracy"], round(difference.p_value, 4))
    .300 [.050, .550] 0.0391
    """
    samples = list(models.values())
    numbers = None if groups is None else group_numbers(groups)
    needs = {"probabilities"}.union(*(sample.offers for sample in samples))
    shown = [one for one in metrics(needs, "compare") if not one.per_class]
    options: dict[str, Any] = {"level": level, "repeats": repeats, "seed": seed}
    scores, gaps = score_paired(samples, shown, numbers=numbers, **options)
    left_out = dict.fromkeys(models, 0) | dict(left_out or {})
    count = None if numbers is None else int(numbers.max()) + 1
    return Comparison(
        n=len(samples[0]),
        left_out=left_out,
        scores=dict(zip(models, scores, strict=True)),
        differences=_tested(models, gaps, numbers=numbers),
        groups=count,
        level=level,
        notes=tuple(_notes(left_out, groups=count, pairs=len(gaps))),
    )


def _tested(
    samples: Mapping[str, Sample],
    gaps: Sequence[Mapping[str, Interval]],
    *,
    numbers: Counts | None,
) -> tuple[Difference, ...]:
    """Test each pair of models for equal accuracy, and correct for their number."""
    right = {name: (one.predicted == one.true).astype(np.int64) for name, one in samples.items()}
    found = []
    for (first, second), gap in zip(combinations(samples, 2), gaps, strict=True):
        lead = right[first] - right[second]
        by_group = lead if numbers is None else np.bincount(numbers, lead).astype(np.int64)
        wins, losses = int((lead > 0).sum()), int((lead < 0).sum())
        found.append(Difference(first, second, gap, wins, losses, sign_flip(by_group)))
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
        over = f"Intervals and tests are over {counted(groups, 'group')} of items."
        notes += [over, *few_groups(groups)]
    return notes


def compare_models(
    store: Store,
    variable: str,
    *,
    models: Sequence[str] | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    seed: int = 1,
    show: bool | None = None,
) -> Comparison:
    """Compare models of one variable on items that none of them learned from.

    These are the items of the test part of every model's split; where there is no test part,
    those of the validation part. What the models have not predicted of these is predicted first.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        The labelled variable.
    models:
        Names of models; by default all that were trained on the variable.
    cluster:
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
    parameters = {"variable": variable, "models": models, "cluster": cluster, "level": level}
    with (
        running(store, "compare", parameters=parameters, seed=seed, exclusive=False) as run,
        show_progress(f"comparing models of {variable}", unit="", show=show),
    ):
        gold = gold_of(store, variable)
        chosen = (
            [people.model(store, name) for name in dict.fromkeys(models)]
            if models
            else [model for model in people.models(store) if model["variable"] == variable]
        )
        _check(variable, chosen)
        items, samples, left_out = _on_the_same(store, chosen, gold, show=show)
        groups = (
            None
            if cluster is None
            else groups_by(store, items, cluster, among=gold.labels).values()
        )
        found = compare(samples, left_out=left_out, groups=groups, level=level, seed=seed)
        hashes = {str(model["model"]): model["hash"] for model in chosen}
        rows = found.rows()
        for row in rows:
            row["subject_hash"] = hashes[row["subject"]]
            row["model_hash"] = hashes.get(row.get("model", ""))
        about = {"kind": "model", "variable": variable, "notes": found.notes}
        write_results(store, run.id, rows, command="compare", **about)
        run.done = len(items)
    return found


def _check(variable: str, models: Sequence[Mapping[str, Any]]) -> None:
    """Raise where models cannot be compared by accuracy."""
    if len({positive_learned(model) for model in models}) > 1:
        raise ParameterError(
            "Some of the models tell one value from all others, and some do not or tell another "
            "one; name models that learned the same with --models."
        )
    for model in models:
        if target_of(model["card"]).kind not in SINGLE:
            raise ParameterError(
                f"The model {model['model']!r} does not learn classes, so it cannot be compared "
                "by accuracy; validate it by itself."
            )
    if len(models) < 2:  # noqa: PLR2004 - a comparison needs two
        raise ModelError(
            f"Two models of {variable!r} are needed for a comparison; there is {len(models)}. "
            "Train another."
        )


def _on_the_same(
    store: Store, models: Sequence[Mapping[str, Any]], gold: Gold, *, show: bool | None
) -> tuple[list[str], dict[str, Sample], dict[str, int]]:
    """Give the items held out from all models that all predicted, and what each said of them.

    What they have not predicted of these is predicted first. Of items held out from all, those
    that a model lacks are counted.
    """
    held, answers = {}, {}
    for model in models:
        name = str(model["model"])
        held[name], _, _ = held_out(store, model, gold)
        apply_first(store, model, list(held[name]), show=show)
        answers[name] = answers_of(store, model, list(held[name]))
    known = [[str(c) for c in model["card"]["classes"]] for model in models]
    alike = all(own == known[0] for own in known)
    classes = known[0] if alike else sorted({c for own in known for c in own})
    ordinal = alike and all(target_of(m["card"]).kind is TargetKind.ORDINAL for m in models)
    values = held[name]
    common = {i for i in set.intersection(*map(set, held.values())) if values[i] in classes}
    items = sorted(common.intersection(*(table.index for table in answers.values())))
    if not items:
        raise LabelError(
            f"The models of {gold.variable!r} have no held-out item in common. Train them under "
            "the same split, and apply them."
        )
    samples = {}
    for name, table in answers.items():
        given = table.reindex(columns=classes, fill_value=0.0).loc[items].to_numpy(np.float64)
        samples[name] = read_sample(
            [values[item] for item in items],
            [classes[at] for at in given.argmax(axis=1)],
            classes,
            positive=classes[1] if len(classes) == 2 else None,  # noqa: PLR2004
            probabilities=given / given.sum(axis=1, keepdims=True),
            ordinal=ordinal,
        )
    return items, samples, {name: len(common.difference(t.index)) for name, t in answers.items()}

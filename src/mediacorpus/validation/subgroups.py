"""Whether a classifier does equally well for all groups of items: the verb `audit`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.errors import ParameterError, unknown
from mediacorpus.learning.targets import target_of
from mediacorpus.result import Note, Result, counted, plain
from mediacorpus.stats.intervals import Interval, check_level, p_words, short, square_and_add
from mediacorpus.stats.metric import label_of, metric, metrics
from mediacorpus.stats.resampling import score_sample
from mediacorpus.stats.sample import Sample
from mediacorpus.stats.significance import CORRECTIONS, heterogeneity, two_proportions
from mediacorpus.store import people
from mediacorpus.store.results import write_results
from mediacorpus.store.runs import running
from mediacorpus.validation.judging import judge, with_threshold
from mediacorpus.validation.predictions import (
    SINGLE,
    Predictions,
    column_of,
    gold_of,
    predictions_of,
)
from mediacorpus.validation.printing import (
    html_page,
    html_table,
    in_blocks,
)
from mediacorpus.validation.rule_text import is_rule
from mediacorpus.validation.validate import positive_of

if TYPE_CHECKING:
    from mediacorpus.store.store import Store

MISSING = "(missing)"
"""The group of items without a value: shown, never compared."""

REST = "the rest"
"""What a group is compared with where no reference is named."""

LEAST = 30
"""Items from which a group is tested."""

REPEATS = 1000
"""Resamples of each group, for scores that need them."""

SHOWN = 6
"""Small groups of a column that are shown; of more, the largest, and the others as a number."""

KEYS = 3
"""Columns that tell what a row is of: group, class and items."""

FAIRNESS = {
    "selection_rate": "demographic parity (Dwork et al., 2012)",
    "recall": "equal opportunity, a part of equalized odds (Hardt et al., 2016)",
    "false_positive_rate": "equalized odds (Hardt et al., 2016)",
    "precision": "predictive parity (Chouldechova, 2017)",
    "accuracy": "overall accuracy equality (Berk et al., 2021)",
}
"""What the field calls it when a rate is the same for all groups."""

SCORES = ["column", "group", "items", "class", "score", "estimate", "low", "high", "n", "small"]
SCORES += ["method"]
COMPARED = ["column", "group", "against", "class", "score", "estimate", "other", "difference"]
COMPARED += ["low", "high", "p", "test"]
TESTED = ["column", "class", "score", "groups", "statistic", "df", "p"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupAudit(Result):
    """Every score of a classifier by group, differences between groups, and their tests.

    Parameters
    ----------
    n:
        Number of items.
    counts:
        Numerator and denominator of each rate: column, group, items, class, score, `top`,
        `bottom` (F1: those of the Jaccard index).
    scores:
        Column, group, items, class, score, estimate, low, high, n (the denominator), small
        (whether the group has fewer than `least` items), method (of the interval).
    differences:
        Each group against the rest or a reference: column, group, against, class, score,
        estimate, other, difference, low, high, p, test, p_corrected.
    overall:
        Tests that all groups of a column have the same rate: column, class, score, groups,
        statistic, df, p, p_corrected.
    level, least, correction:
        Confidence level; items from which a group is tested; correction for many tests,
        over all columns together.
    reference:
        For each column the group that others are compared with; absent: the rest.
    """

    n: int
    counts: pd.DataFrame
    scores: pd.DataFrame
    differences: pd.DataFrame
    overall: pd.DataFrame
    level: float
    least: int
    correction: str
    reference: Mapping[str, str]

    def compared(
        self, reference: Mapping[str, str] | None = None, *, correction: str = "holm"
    ) -> GroupAudit:
        """Return the audit with other comparisons.

        Parameters
        ----------
        reference:
            For some columns the group that the others are compared with.
        correction:
            `"holm"` (no false alarm at all, at the level) or `"benjamini-hochberg"` (few
            among the findings).

        Raises
        ------
        UnknownName
            There is no such column, group or correction.
        """
        if correction not in CORRECTIONS:
            raise unknown("correction", correction, CORRECTIONS)
        against, columns = dict(reference or {}), self.counts["column"].unique()
        for column, group in against.items():
            if column not in columns:
                raise unknown("column", column, columns)
            known = set(self.counts["group"][self.counts["column"] == column]) - {MISSING}
            if group not in known:
                raise unknown("group", group, known)
        differences, overall = [], []
        for (column, of, score), table in self._rates():
            about = {"column": column, "class": of, "score": score}
            compared = _differences(table, score, against.get(column), audit=self)
            differences += [about | row for row in compared]
            overall += [about | row for row in _heterogeneity(table, score, least=self.least)]
        return replace(
            self,
            differences=_corrected(differences, COMPARED, correction),
            overall=_corrected(overall, TESTED, correction),
            correction=correction,
            reference=against,
        )

    def _rates(self) -> Any:
        """Give the groups that have a name, rate by rate."""
        known = self.counts[self.counts["group"] != MISSING].set_index("group")
        return known.groupby(["column", "class", "score"], sort=False)

    @property
    def findings(self) -> pd.DataFrame:
        """The differences that are beyond chance after correction."""
        return self.differences[self.differences["p_corrected"] < 1 - self.level]

    def to_frame(self) -> pd.DataFrame:
        """Return the tidy table of scores by group, with the differences beside them.

        The columns of `differences` are NaN where nothing was compared.
        """
        keys = ["column", "group", "class", "score"]
        beside = self.differences.drop(columns=["estimate"]).rename(
            columns={"low": "difference_low", "high": "difference_high"}
        )
        return self.scores.merge(beside, on=keys, how="left")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        return Result.to_dict(self) | {"sentences": self.sentences()}

    def sentences(self) -> list[str]:
        """Say in one sentence each what was found, and what could not be tested."""
        words = [_finding(row) for row in plain(self.findings)]
        uneven = self.overall[self.overall["p_corrected"] < 1 - self.level]
        words += [_spread(row) for row in plain(uneven[uneven["groups"] > 2])]  # noqa: PLR2004
        if not words:
            made = int(self.differences["p"].notna().sum())
            words.append(
                f"None of {made} differences between groups is beyond chance; "
                "that is no proof that there are none."
                if made
                else "No groups are large enough to be compared."
            )
        return [*words, *_untested(self), *_bases(self.differences)]

    @property
    def _title(self) -> str:
        columns = ", ".join(self.scores["column"].unique())
        return f"{self.n:,} items by {columns}, {100 * self.level:g} % confidence intervals"

    def _tables(self) -> Iterator[tuple[list[str], list[list[str]], str]]:
        """Give head and rows of the table of each column, and what is left out of it."""
        for column, table in self.scores.groupby("column", sort=False):
            shown, folded = _folded(table)
            more = f"and {folded:,} more groups of fewer than {self.least} items"
            yield *_wide(shown, str(column)), more if folded else ""

    def __str__(self) -> str:
        lines = [self._title]
        for head, rows, more in self._tables():
            lines += ["", *in_blocks([head, *rows], keys=KEYS)]
            lines += [f"{more}: see -o FILE, --json or to_frame()"] if more else []
        return "\n".join([*lines, "", *self.sentences()])

    def _repr_html_(self) -> str:
        parts = []
        for head, rows, more in self._tables():
            parts.append(html_table(head, rows))
            parts += [f"<p>{more}: see <code>to_frame()</code></p>"] if more else []
        return html_page("audit", self._title, tables=parts, notes=self.sentences())


def audit_groups(
    sample: Sample,
    by: Mapping[str, Sequence[str | None]],
    *,
    level: float = 0.95,
    least: int = LEAST,
) -> GroupAudit:
    """Score predictions for each group of items, and test whether groups differ.

    Each group is compared with all other items that have a group (of two groups the
    smaller with the larger): differences of proportions with Newcombe's interval, tested
    by chi-square or, for small counts, Fisher's exact test; F1 by its Jaccard index. All
    groups together are tested by chi-square. P-values are corrected for all tests of all
    columns (Holm); `GroupAudit.compared` takes a reference group or another correction. Other
    registered metrics are shown for each group, with bootstrap intervals.

    Parameters
    ----------
    sample:
        What is true and what was predicted, and the probabilities where there are any: ROC AUC,
        Brier score and log loss by group are then shown too. Precision, recall and the like are
        for its positive class; without one for each class in turn, and of two for the second.
    by:
        The columns to audit by: for each name the group of each item, `(N,)`. Items
        without a value are shown as `(missing)` and compared with nothing.
    level:
        Confidence level, between 0 and 1.
    least:
        Items from which a group is tested; smaller ones are shown and marked.

    References
    ----------
    Hardt, M., Price, E., & Srebro, N. (2016). Equality of opportunity in supervised
    learning. *NeurIPS 2016*. Dwork, C., et al. (2012). Fairness through awareness. *ITCS
    2012*. Chouldechova, A. (2017). Fair prediction with disparate impact. *Big Data*, 5,
    153-163. Berk, R., et al. (2021). Fairness in criminal justice risk assessments.
    *Sociological Methods & Research*, 50, 3-44. Newcombe (1998), Holm (1979), as in
    `mediacorpus.stats.intervals` and `significance`.

    Examples
    --------
    >>> from mediacorpus.stats.sample import read_sample
    >>> gold = ["yes"] * 40 + ["no"] * 40 + ["yes"] * 50 + ["no"] * 50
    >>> predicted = ["yes"] * 20 + ["no"] * 60 + ["yes"] * 48 + ["no"] * 52
    >>> sample = read_sample(gold, predicted, positive="yes")
    >>> found = audit_groups(sample, {"gender": ["f"] * 80 + ["m"] * 100})
    >>> print(found.sentences()[0][:70])
    gender = f: accuracy .750 against .980 for m, difference -.230 [-.336,
    """
    check_level(level)
    if sample.positive is None and len(sample.classes) == 2:  # noqa: PLR2004
        sample = replace(sample, positive=sample.classes[1])
    counts, scores = [], []
    for column, values in by.items():
        groups = np.array([MISSING if value is None else value for value in values], dtype=object)
        for name in sorted(set(groups), key=lambda one: (one == MISSING, one)):
            own = sample.only(groups == name)
            about = {"column": column, "group": name, "items": len(own)}
            rates = list(_counts(own))
            counts += [about | row for row in rates]
            scores += [about | row for row in _scores(own, rates, level=level)]
    table = pd.DataFrame(scores).rename(columns={"metric": "score"})
    table = table.assign(small=table["items"] < least)[SCORES]
    empty = pd.DataFrame()
    bare = GroupAudit(
        *(len(sample), pd.DataFrame(counts), table, empty, empty, level, least),
        correction="holm",
        reference={},
    )
    return bare.compared()


def _counts(own: Sample) -> Iterator[dict[str, Any]]:
    """Give numerator and denominator of each rate, for the classes that count."""
    whole = own.under(np.ones((1, len(own)), dtype=np.int64))
    rates = [one for one in metrics(own.offers, "audit") if one.form == "proportion"]
    labels = own.classes if own.positive is None else (own.positive,)
    for label in labels:
        shown = rates if label == labels[0] else [one for one in rates if one.per_class]
        for one in shown:
            at = own.classes.index(label) if one.per_class else 0
            top, bottom = (int(side[0, at]) for side in one.parts(whole))
            of = label if one.per_class else ""
            yield {"class": of, "score": one.name, "top": top, "bottom": bottom}


def _scores(
    own: Sample, rates: Sequence[Mapping[str, Any]], *, level: float
) -> Iterator[dict[str, Any]]:
    """Give every score of a group with its interval."""
    for row in rates:
        found = metric(row["score"]).interval(row["top"], row["bottom"], level=level)
        yield found.row(row["score"], row["class"], n=row["bottom"])
    rest = [one for one in metrics(own.offers, "audit") if one.form != "proportion"]
    others = score_sample(own, rest, level=level, repeats=REPEATS)
    for one in rest:
        labels = own.classes if one.per_class else ("",)
        for label, interval in zip(labels, others[one.name], strict=True):
            if not label or own.positive in {None, label}:
                yield interval.row(one.name, label, n=len(own))


def _differences(
    table: pd.DataFrame, score: str, reference: str | None, *, audit: GroupAudit
) -> Iterator[dict[str, Any]]:
    """Compare each group with a reference, or with all other items that have a group.

    Of two groups only the smaller is compared, with the larger. Groups under `least`
    items are compared with nothing.
    """
    if reference is None and len(table) == 2:  # noqa: PLR2004
        reference = str(table["items"].idxmax())
    one = metric(score)
    sides = dict(zip(table.index, table[["items", "top", "bottom"]].to_numpy(int), strict=True))
    whole = np.sum(list(sides.values()), axis=0)
    for group, own in sides.items():
        other = whole - own if reference is None else sides[reference]
        if group == reference or min(own[0], other[0]) < audit.least:
            continue
        pairs = [side[1:].tolist() for side in (own, other)]
        here, there = (one.interval(*pair, level=audit.level) for pair in pairs)
        gap = square_and_add(here, there)
        p, test = float("nan"), ""
        if one.tested:
            p, test = two_proportions([[top, bottom - top] for top, bottom in pairs])
        yield {
            "group": group,
            "against": REST if reference is None else reference,
            "estimate": here.estimate,
            "other": there.estimate,
            "difference": gap.estimate,
            "low": gap.low,
            "high": gap.high,
            "p": p,
            "test": test,
        }


def _heterogeneity(table: pd.DataFrame, score: str, *, least: int) -> Iterator[dict[str, Any]]:
    """Test whether all groups of at least `least` items have the same rate."""
    big = table[(table["items"] >= least) & (table["bottom"] > 0)]
    if metric(score).tested and len(big) > 1:
        cells = np.stack([big["top"], big["bottom"] - big["top"]], axis=1)
        statistic, df, p = heterogeneity(cells)
        yield {"groups": len(big), "statistic": statistic, "df": df, "p": p}


def _corrected(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], correction: str
) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns))
    return table.assign(p_corrected=CORRECTIONS[correction](table["p"].to_numpy(dtype=float)))


def _label(row: Mapping[str, Any]) -> str:
    name = label_of(row["score"])
    return f"{name} of {row['class']}" if row["class"] else name


def _finding(row: Mapping[str, Any]) -> str:
    gap = Interval(row["difference"], row["low"], row["high"])
    term = FAIRNESS.get(row["score"])
    end = f": {term} does not hold" if term else ""
    return (
        f"{row['column']} = {row['group']}: {_label(row)} {short(row['estimate'])} against "
        f"{short(row['other'])} for {row['against']}, difference {gap} "
        f"({p_words(row['p_corrected'])} corrected){end}."
    )


def _spread(row: Mapping[str, Any]) -> str:
    return (
        f"{_label(row)} differs between the {row['groups']} groups of {row['column']} "
        f"(chi-square {row['statistic']:.1f}, {row['df']} df, {p_words(row['p_corrected'])} "
        "corrected)."
    )


def _folded(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Leave out small groups but the largest of them where there are many; tell how many."""
    groups = table.drop_duplicates("group")
    small = groups[groups["small"] & (groups["group"] != MISSING)]
    if len(small) <= SHOWN:
        return table, 0
    # One place is for the line that tells of the others.
    left = small.sort_values("items", ascending=False, kind="stable")["group"].iloc[SHOWN - 1 :]
    return table[~table["group"].isin(left)], len(left)


def _untested(audit: GroupAudit) -> list[str]:
    """Say for each column which groups were not tested."""
    words = []
    groups = audit.scores.drop_duplicates(["column", "group"])
    for column, own in groups.groupby("column", sort=False):
        for items in own.loc[own["group"] == MISSING, "items"]:
            have = "item has" if items == 1 else "items have"
            words.append(f"{items:,} {have} no value of {column}: shown, not tested.")
        small = plain(own[own["small"] & (own["group"] != MISSING)])
        named = [f"{row['group']} ({counted(row['items'], 'item')})" for row in small]
        under, end = f"under {audit.least}", ": shown with *, not tested."
        if len(small) == 1:
            has = f"{small[0]['group']} has {counted(small[0]['items'], 'item')}"
            words.append(f"{column} = {has}, {under}{end}")
        elif 1 < len(small) <= SHOWN:
            listed = f"{', '.join(named[:-1])} and {named[-1]}"
            words.append(f"{column} = {listed} are {under}{end}")
        elif small:
            words.append(f"{len(small):,} groups of {column} are {under} items (*): not tested.")
    return words


def _bases(differences: pd.DataFrame) -> list[str]:
    """Say so when groups differ in what they hold: then no classifier can satisfy all terms."""
    base = differences[differences["score"] == "base_rate"]
    apart = base[(base["low"] > 0) | (base["high"] < 0)]
    if apart.empty:
        return []
    columns = ", ".join(apart["column"].unique())
    sentence = (
        f"Base rates differ by {columns}; then predictive parity and equalized odds cannot "
        "both hold unless there are no errors (Chouldechova, 2017; Kleinberg et al., 2017)."
    )
    return [sentence]


def _wide(table: pd.DataFrame, column: str) -> tuple[list[str], list[list[str]]]:
    """Lay the scores of one column out, one row for each group and class."""
    there = set(table["score"])
    names = [one.name for one in metrics(at="audit") if one.name in there]
    labels = [label for label in table["class"].unique() if label] or [""]
    rows = []
    for group, own in table.groupby("group", sort=False):
        keys = zip(own["score"], own["class"], strict=True)
        limits = zip(own["estimate"], own["low"], own["high"], strict=True)
        found = {key: str(Interval(*i)) for key, i in zip(keys, limits, strict=True)}
        mark = "*" if own["small"].any() else ""
        for label in labels:
            cells = [found.get((name, label)) or found[name, ""] for name in names]
            rows.append([f"{group}{mark}", label, str(own["items"].iloc[0]), *cells])
    return [column, "class", "items", *map(label_of, names)], rows


def audit(
    store: Store,
    name: str,
    *,
    against: str,
    by: Sequence[str],
    positive: str | None = None,
    level: float = 0.95,
    show: bool | None = None,
) -> GroupAudit:
    """Score a model or a rule for each group of items, and test whether the groups differ.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model, or a rule such as `tags:Crowd>=0.5`, which is scored on all labelled items.
    against:
        The variable whose labels are the truth.
    by:
        Your own columns, or other labelled variables, whose values make the groups.
    positive:
        Value for which precision, recall and the like are given.
    level:
        Confidence level of the intervals.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName, ModelError, LabelError, ParameterError
        There is nothing to audit.
    """
    if not by:
        raise ParameterError("Name at least one column that makes groups, as in --by gender.")
    names = [column.strip() for column in by]
    parameters = {"subject": name, "against": against, "by": names, "level": level}
    with (
        running(store, "audit", parameters=parameters, exclusive=False) as run,
        show_progress(f"auditing {name}", unit="", show=show),
    ):
        own, sample, about = _predicted(store, name, against, positive=positive, show=show)
        columns = {column: _groups(store, own.items, column) for column in names}
        found = audit_groups(sample, columns, level=level)
        about |= {"variable": against, "part": own.part, "level": level, "notes": _notes(found)}
        write_results(store, run.id, _rows(found), command="audit", **about)
        store.execute(
            "UPDATE runs SET model_hash = ? WHERE run = ?", (about["subject_hash"], run.id)
        )
        run.done = found.n
    return found


def _predicted(
    store: Store, name: str, against: str, *, positive: str | None, show: bool | None
) -> tuple[Predictions, Sample, dict[str, Any]]:
    """Give what a model, or a rule, predicted of labelled items, and what results say of it."""
    gold = gold_of(store, against)
    if is_rule(name):
        rule, *_ = with_threshold(store, name, gold, threshold=None)
        judged = judge(store, rule, gold, positive=positive, show=show)
        about = {"kind": "rule", "subject": str(judged.rule), "subject_hash": judged.digest}
        return judged.own, judged.sample(), about
    model = people.model(store, name)
    if target_of(model["card"]).kind not in SINGLE:
        raise ParameterError(
            f"The model {name!r} does not learn classes, so it has no scores by group."
        )
    own = predictions_of(store, model, gold, show=show)
    sample = own.sample(positive=positive_of(own.classes, against, positive))
    about = {"kind": "model", "subject": name, "subject_hash": model["hash"]}
    return own, sample, about


def _rows(found: GroupAudit) -> list[dict[str, Any]]:
    """Give an audit as rows of the table of results: all together, each group, differences."""
    column = found.counts["column"].iloc[0]
    of_all = found.counts[found.counts[["column", "score"]].eq([column, "accuracy"]).all(axis=1)]
    whole = metric("accuracy").interval(
        int(of_all["top"].sum()), int(of_all["bottom"].sum()), level=found.level
    )
    names = {"column": "group_column", "score": "metric"}
    scores = plain(found.scores.rename(columns=names))
    gaps = found.differences.assign(
        metric=found.differences["score"] + "_difference",
        estimate=found.differences["difference"],
        method="against " + found.differences["against"],
        beyond=found.differences["p_corrected"] < 1 - found.level,
    ).drop(columns="score")
    return [
        whole.row("accuracy", n=found.n),
        *(row | {"notes": ["small"] if row["small"] else []} for row in scores),
        *(
            row | {"notes": ["beyond chance"] if row["beyond"] else []}
            for row in plain(gaps.rename(columns=names))
        ),
    ]


def _notes(found: GroupAudit) -> list[str]:
    """Give what an audit says in words, the group with the lowest accuracy first."""
    rows = found.scores[(found.scores["score"] == "accuracy") & ~found.scores["small"]]
    rows = rows[rows["group"] != MISSING]
    if rows.empty:
        return found.sentences()
    worst = min(plain(rows), key=lambda row: float(row["estimate"]))
    sentence = (
        f"Lowest accuracy: {worst['column']} = {worst['group']}, {worst['estimate']:.3f} "
        f"[{worst['low']:.3f}, {worst['high']:.3f}] on {worst['items']:,} items."
    )
    return [Note(sentence, "worst"), *found.sentences()]


def _groups(store: Store, items: Sequence[str], column: str) -> list[str | None]:
    """Give the group of each item by a labelled variable, or by a column of the records."""
    if column in people.variables(store):
        labels = gold_of(store, column).labels
        return [labels.get(item) for item in items]
    return column_of(store, items, column)

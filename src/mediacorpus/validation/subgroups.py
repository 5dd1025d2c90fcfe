"""Whether a classifier does equally well for all groups of items: the audit by groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mediacorpus.errors import ParameterError, unknown
from mediacorpus.stats.counts import as_labels, check_classes, check_pair, sorted_classes
from mediacorpus.stats.intervals import Interval, check_level
from mediacorpus.stats.probabilities import probability_matrix, score_probabilities
from mediacorpus.stats.significance import CORRECTIONS
from mediacorpus.validation import audit_display
from mediacorpus.validation.rates import (
    MISSING,
    corrected,
    difference_rows,
    group_counts,
    heterogeneity_rows,
    records,
    score_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, eq=False)
class GroupAudit:
    """Every score of a classifier by group, differences between groups, and their tests.

    Parameters
    ----------
    n:
        Number of items.
    counts:
        Hits and errors: column, group, class, `tp`, `fp`, `fn`, `tn`, `right`, `wrong`.
    scores:
        Column, group, items, class, score, estimate, low, high, n (the denominator), small
        (whether the group has fewer than `least` items).
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
        return _audit(
            self.counts,
            self.scores,
            settings=(self.n, self.level, self.least),
            reference=dict(reference or {}),
            correction=correction,
        )

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
        return {
            "n": self.n,
            "level": self.level,
            "least": self.least,
            "correction": self.correction,
            "reference": dict(self.reference),
            "scores": _plain(self.scores),
            "differences": _plain(self.differences),
            "overall": _plain(self.overall),
            "sentences": self.sentences(),
        }

    def sentences(self) -> list[str]:
        """Say in one sentence each what was found, and what could not be tested."""
        return audit_display.sentences(self)

    def __str__(self) -> str:
        return audit_display.as_text(self)

    def _repr_html_(self) -> str:
        return audit_display.as_html(self)


def audit_groups(
    truth: Any,
    said: Any,
    by: Mapping[str, Any] | pd.DataFrame,
    *,
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    probabilities: Any = None,
    level: float = 0.95,
    least: int = 30,
) -> GroupAudit:
    """Score predictions for each group of items, and test whether groups differ.

    Each group is compared with all other items that have a group (of two groups the
    smaller with the larger): differences of proportions with Newcombe's interval, tested
    by chi-square or, for small counts, Fisher's exact test; F1 by its Jaccard index. All
    groups together are tested by chi-square. P-values are corrected for all tests of all
    columns (Holm); `GroupAudit.compared` takes a reference group or another correction.

    Parameters
    ----------
    truth, said:
        One label per item, in the same order.
    by:
        The columns to audit by: for each name the group of each item, `(N,)`. Items
        without a value are shown as `(missing)` and compared with nothing.
    classes:
        All classes; by default those that occur.
    positive:
        The class that precision, recall and the like are for; by default each class in
        turn, and of two the second.
    probabilities:
        Optional, as for `mediacorpus.validation.scores.score`: ROC AUC, Brier score and
        log loss by group are then shown, with bootstrap intervals.
    level:
        Confidence level, between 0 and 1.
    least:
        Items from which a group is tested; smaller ones are shown and marked.

    Raises
    ------
    ParameterError
        Lengths differ, labels are missing or unknown, or there is no column.

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
    >>> truth = ["yes"] * 40 + ["no"] * 40 + ["yes"] * 50 + ["no"] * 50
    >>> said = ["yes"] * 20 + ["no"] * 60 + ["yes"] * 48 + ["no"] * 52
    >>> found = audit_groups(truth, said, {"gender": ["f"] * 80 + ["m"] * 100}, positive="yes")
    >>> print(found.sentences()[0][:70])
    gender = f: accuracy .750 against .980 for m, difference -.230 [-.336,
    """
    check_level(level)
    true, guess = check_pair(truth, said)
    names = sorted_classes(true + guess) if classes is None else as_labels(classes, "classes")
    check_classes(true, names, "truth")
    check_classes(guess, names, "said")
    head = _positives(names, positive)
    matrix = None
    if probabilities is not None:
        matrix = probability_matrix(probabilities, names, positive=positive)
        if len(matrix) != len(true):
            raise ParameterError(f"There are {len(true)} items and {len(matrix)} probabilities.")
    counts, scores = [], []
    for column, group in _columns(by, len(true)).items():
        table = group_counts(true, guess, group, classes=head)
        rows = score_rows(table, level=level)
        if matrix is not None:
            at = [list(names).index(label) for label in true]
            column_of = list(names).index(head[0]) if len(head) == 1 else None
            more = _of_probabilities(at, matrix, group, positive=column_of, level=level)
            rows = pd.concat([rows, more], ignore_index=True)
        size = pd.Series(group).value_counts()
        items = rows["group"].map(size)
        rows = rows.assign(items=items, small=items < least).sort_values(
            "group", key=lambda g: g == MISSING, kind="stable"
        )
        counts.append(table.assign(column=str(column)))
        scores.append(rows.assign(column=str(column)))
    order = ["column", "group", "items", "class", "score", "estimate", "low", "high", "n", "small"]
    return _audit(
        pd.concat(counts, ignore_index=True),
        pd.concat(scores, ignore_index=True)[order],
        settings=(len(true), level, least),
        reference={},
        correction="holm",
    )


def _positives(names: Sequence[str], positive: str | None) -> list[str]:
    if positive is None:
        return list(names[1:]) if len(names) == 2 else list(names)  # noqa: PLR2004
    if positive not in names:
        raise ParameterError(
            f"The positive class {positive!r} is none of the classes: {', '.join(names)}."
        )
    return [positive]


def _columns(by: Mapping[str, Any] | pd.DataFrame, n: int) -> dict[str, list[str]]:
    found = {}
    for name, given in by.items():
        column = str(name)
        values = list(given)
        if len(values) != n:
            raise ParameterError(f"There are {n} items and {len(values)} values of {column!r}.")
        gaps = pd.isna(pd.Series(values, dtype=object))
        known = iter(as_labels([v for v, gap in zip(values, gaps, strict=True) if not gap], column))
        found[column] = [MISSING if gap else next(known) for gap in gaps]
    if not found:
        raise ParameterError("Name at least one column to audit by.")
    return found


def _of_probabilities(
    true: Sequence[int], matrix: Any, group: Sequence[str], *, positive: int | None, level: float
) -> pd.DataFrame:
    rows = []
    groups, at = pd.Series(group), pd.Series(true)
    for name in sorted(set(group)):
        inside = (groups == name).to_numpy()
        found = score_probabilities(
            at[inside].tolist(), matrix[inside], positive=positive, level=level, repeats=1000
        )
        n = int(inside.sum())
        for score in ("roc_auc", "brier", "log_loss"):
            i: Interval = getattr(found, score)
            rows.append((name, "", score, i.estimate, i.low, i.high, n))
    columns = ["group", "class", "score", "estimate", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def _audit(
    counts: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    settings: tuple[int, float, int],
    reference: Mapping[str, str],
    correction: str,
) -> GroupAudit:
    if correction not in CORRECTIONS:
        raise unknown("correction", correction, CORRECTIONS)
    n, level, least = settings
    columns = counts["column"].unique()
    for column, group in reference.items():
        if column not in columns:
            raise unknown("column", column, columns)
        known = set(counts["group"][counts["column"] == column]) - {MISSING}
        if group not in known:
            raise unknown("group", group, known)
    differences, overall = [], []
    for column in columns:
        table = counts[counts["column"] == column]
        compared = difference_rows(table, reference=reference.get(column), level=level, least=least)
        compared.insert(0, "column", column)
        tested = heterogeneity_rows(table, least=least)
        tested.insert(0, "column", column)
        differences.append(compared)
        overall.append(tested)
    return GroupAudit(
        n,
        counts,
        scores,
        corrected(pd.concat(differences, ignore_index=True), correction),
        corrected(pd.concat(overall, ignore_index=True), correction),
        level,
        least,
        correction,
        reference,
    )


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return records(table.astype(object).where(table.notna(), None))

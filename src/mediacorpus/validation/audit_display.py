"""Audits by groups as sentences, as text tables and as HTML for notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from mediacorpus.validation.comparison_display import aligned, p_words
from mediacorpus.validation.display import html_table
from mediacorpus.validation.intervals import Interval, short
from mediacorpus.validation.rates import MISSING, PARTS, records

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mediacorpus.validation.subgroups import GroupAudit

FAIRNESS = {
    "selection_rate": "demographic parity (Dwork et al., 2012)",
    "recall": "equal opportunity, a part of equalized odds (Hardt et al., 2016)",
    "false_positive_rate": "equalized odds (Hardt et al., 2016)",
    "precision": "predictive parity (Chouldechova, 2017)",
    "accuracy": "overall accuracy equality (Berk et al., 2021)",
}
"""What the field calls it when a rate is the same for all groups."""

LABELS = {
    "base_rate": "base rate",
    "selection_rate": "selection rate",
    "false_positive_rate": "false positive rate",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
    "log_loss": "log loss",
}
"""Scores whose names are written differently."""


def sentences(audit: GroupAudit) -> list[str]:
    """Say in one sentence each what an audit found, and what it could not test.

    >>> from mediacorpus.validation.subgroups import audit_groups
    >>> sentences(audit_groups(["a", "b"], ["a", "b"], {"sex": ["f", "m"]}))[0]
    'No groups are large enough to be compared.'
    """
    words = [_finding(row) for row in records(audit.findings)]
    uneven = audit.overall[audit.overall["p_corrected"] < 1 - audit.level]
    words += [_spread(row) for row in records(uneven[uneven["groups"] > 2])]  # noqa: PLR2004
    if not words:
        made = int(audit.differences["p"].notna().sum())
        words.append(
            f"None of {made} differences between groups is beyond chance; "
            "that is no proof that there are none."
            if made
            else "No groups are large enough to be compared."
        )
    return [*words, *_untested(audit), *_bases(audit.differences)]


def as_text(audit: GroupAudit) -> str:
    """Return the scores of each group as a table in plain text, and the sentences.

    >>> from mediacorpus.validation.subgroups import audit_groups
    >>> print(as_text(audit_groups(["a", "b"], ["a", "b"], {"sex": ["f", "m"]})).splitlines()[0])
    2 items by sex, 95 % confidence intervals
    """
    lines = [_title(audit)]
    for column in audit.scores["column"].unique():
        head, rows = _wide(audit.scores[audit.scores["column"] == column], column)
        lines += ["", *aligned([head, *rows])]
    return "\n".join([*lines, "", *sentences(audit)])


def as_html(audit: GroupAudit) -> str:
    """Return the scores of each group as an HTML table, and the sentences.

    >>> from mediacorpus.validation.subgroups import audit_groups
    >>> "&lt;f&gt;*" in as_html(audit_groups(["a", "b"], ["a", "b"], {"sex": ["<f>", "m"]}))
    True
    """
    parts = [f"<p>{html.escape(_title(audit))}</p>"]
    tables = [audit.scores[audit.scores["column"] == c] for c in audit.scores["column"].unique()]
    parts += [html_table(*_wide(table, table["column"].iloc[0])) for table in tables]
    parts += [f"<p>{html.escape(sentence)}</p>" for sentence in sentences(audit)]
    return f'<div class="mediacorpus-audit">{"".join(parts)}</div>'


def _label(row: Mapping[str, Any]) -> str:
    name = LABELS.get(row["score"], row["score"])
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


def _untested(audit: GroupAudit) -> list[str]:
    words = []
    for row in records(audit.scores.drop_duplicates(["column", "group"])):
        if row["group"] == MISSING:
            words.append(
                f"{row['items']} items have no value of {row['column']}: shown, not tested."
            )
        elif row["small"]:
            words.append(
                f"{row['column']} = {row['group']} has {row['items']} items, under "
                f"{audit.least}: shown with *, not tested."
            )
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


def _title(audit: GroupAudit) -> str:
    columns = ", ".join(audit.scores["column"].unique())
    return f"{audit.n:,} items by {columns}, {100 * audit.level:g} % confidence intervals"


def _wide(table: pd.DataFrame, column: str) -> tuple[list[str], list[list[str]]]:
    """Lay the scores of one column out, one row for each group and class."""
    names = [s for s in [*PARTS, "roc_auc", "brier", "log_loss"] if s in set(table["score"])]
    labels = [label for label in table["class"].unique() if label] or [""]
    rows = []
    for group in table["group"].unique():
        own = table[table["group"] == group]
        for label in labels:
            mark = "*" if own["small"].any() else ""
            cells = [f"{group}{mark}", label, str(own["items"].iloc[0])]
            for name in names:
                one = own[(own["score"] == name) & own["class"].isin(["", label])]
                row = one.iloc[0]
                cells.append(str(Interval(row["estimate"], row["low"], row["high"])))
            rows.append(cells)
    return [column, "class", "items", *(LABELS.get(name, name) for name in names)], rows

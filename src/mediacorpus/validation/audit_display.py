"""Audits by groups as sentences, as text tables and as HTML for notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from mediacorpus.stats.intervals import Interval, short
from mediacorpus.validation.comparison_display import in_blocks, p_words
from mediacorpus.validation.display import html_table
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

SHOWN = 6
"""Small groups of a column that are shown; of more, the largest, and the others as a number."""

KEYS = 3
"""Columns that tell what a row is of: group, class and items."""

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
        table, folded = _folded(audit.scores[audit.scores["column"] == column])
        head, rows = _wide(table, column)
        lines += ["", *in_blocks([head, *rows], keys=KEYS)]
        if folded:
            lines.append(f"{_of_folded(audit, folded)}: see -o FILE, --json or to_frame()")
    return "\n".join([*lines, "", *sentences(audit)])


def as_html(audit: GroupAudit) -> str:
    """Return the scores of each group as an HTML table, and the sentences.

    >>> from mediacorpus.validation.subgroups import audit_groups
    >>> "&lt;f&gt;*" in as_html(audit_groups(["a", "b"], ["a", "b"], {"sex": ["<f>", "m"]}))
    True
    """
    parts = [f"<p>{html.escape(_title(audit))}</p>"]
    for column in audit.scores["column"].unique():
        table, folded = _folded(audit.scores[audit.scores["column"] == column])
        parts.append(html_table(*_wide(table, column)))
        if folded:
            parts.append(f"<p>{_of_folded(audit, folded)}: see <code>to_frame()</code></p>")
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


def _folded(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Leave out small groups but the largest of them where there are many; tell how many."""
    groups = table.drop_duplicates("group")
    small = groups[groups["small"] & (groups["group"] != MISSING)]
    if len(small) <= SHOWN:
        return table, 0
    # One place is for the line that tells of the others.
    left = small.sort_values("items", ascending=False, kind="stable")["group"].iloc[SHOWN - 1 :]
    return table[~table["group"].isin(left)], len(left)


def _of_folded(audit: GroupAudit, folded: int) -> str:
    return f"and {folded:,} more groups of fewer than {audit.least} items"


def _untested(audit: GroupAudit) -> list[str]:
    """Say for each column which groups were not tested."""
    words = []
    groups = audit.scores.drop_duplicates(["column", "group"])
    for column in groups["column"].unique():
        own = groups[groups["column"] == column]
        for items in own.loc[own["group"] == MISSING, "items"]:
            have = "item has" if items == 1 else "items have"
            words.append(f"{items:,} {have} no value of {column}: shown, not tested.")
        small = own[own["small"] & (own["group"] != MISSING)]
        if small.empty:
            continue
        named = [f"{row['group']} ({_counted(row['items'])})" for row in records(small)]
        under = f"under {audit.least}"
        if len(named) == 1:
            group, items = small.iloc[0][["group", "items"]]
            has = f"{column} = {group} has {_counted(items)}"
            words.append(f"{has}, {under}: shown with *, not tested.")
        elif len(named) <= SHOWN:
            listed = f"{', '.join(named[:-1])} and {named[-1]}"
            words.append(f"{column} = {listed} are {under}: shown with *, not tested.")
        else:
            words.append(f"{len(named):,} groups of {column} are {under} items (*): not tested.")
    return words


def _counted(items: int) -> str:
    return f"{items:,} item{'' if items == 1 else 's'}"


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

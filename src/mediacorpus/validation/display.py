"""Scores as a short text table and as HTML for notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediacorpus.stats.intervals import Interval
    from mediacorpus.validation.scores import Scores

MOST_CLASSES = 20
"""Classes that are shown; the rest are only counted."""

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "log_loss": "log loss",
}
"""Scores without a class, as they are shown."""


def as_text(scores: Scores) -> str:
    """Return the scores as a table in plain text.

    >>> from mediacorpus.validation.scores import score
    >>> print(as_text(score(["a", "b", "b"], ["a", "b", "b"])).splitlines()[0])
    3 items, 2 classes, 95 % confidence intervals
    """
    single = [(name, str(interval)) for name, interval in _single(scores)]
    rows = [("", "precision", "recall", "F1", "n"), *_rows(scores)]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    widths[0] = max([widths[0], *(len(name) for name, _ in single)])
    lines = [_title(scores)]
    lines += [f"{name:<{widths[0]}}  {text}" for name, text in single]
    lines.append("")
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, *_hidden(scores), *scores.notes])


def as_html(scores: Scores) -> str:
    """Return the scores and the confusion matrix as HTML tables.

    >>> from mediacorpus.validation.scores import score
    >>> "&lt;b&gt;" in as_html(score(["<b>"], ["<b>"]))
    True
    """
    single = [(name, str(interval)) for name, interval in _single(scores)]
    parts = [
        f"<p>{html.escape(_title(scores))}</p>",
        html_table(["score", ""], single),
        html_table(["class", "precision", "recall", "F1", "n"], _rows(scores)),
    ]
    if len(scores.classes) <= MOST_CLASSES:
        counts = [
            [name, *map(str, row)]
            for name, row in zip(scores.classes, scores.confusion, strict=True)
        ]
        parts.append(html_table(["true \\ predicted", *scores.classes], counts))
    parts += [f"<p>{html.escape(note)}</p>" for note in [*_hidden(scores), *scores.notes]]
    return f'<div class="mediacorpus-scores">{"".join(parts)}</div>'


def _title(scores: Scores) -> str:
    items = "1 item" if scores.n == 1 else f"{scores.n:,} items"
    classes = "1 class" if len(scores.classes) == 1 else f"{len(scores.classes)} classes"
    return f"{items}, {classes}, {100 * scores.level:g} % confidence intervals"


def _single(scores: Scores) -> list[tuple[str, Interval]]:
    overall = scores.overall()
    return [(shown, overall[name]) for name, shown in NAMES.items() if name in overall]


def _rows(scores: Scores) -> list[tuple[str, str, str, str, str]]:
    rows = []
    for one in scores.per_class[:MOST_CLASSES]:
        name = f"{one.name} (positive)" if one.name == scores.positive else one.name
        rows.append((name, str(one.precision), str(one.recall), str(one.f1), str(one.support)))
    for name, average in (("macro", scores.macro), ("weighted", scores.weighted)):
        texts = (str(average.precision), str(average.recall), str(average.f1))
        rows.append((f"{name} average", *texts, str(scores.n)))
    return rows


def _hidden(scores: Scores) -> list[str]:
    hidden = len(scores.classes) - MOST_CLASSES
    return [f"{hidden} more classes are in to_frame()."] if hidden > 0 else []


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write cells as an HTML table; the first cell of each row is its heading.

    >>> html_table(["a"], [["<"]])
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><th>&lt;</th></tr></tbody></table>'
    """
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr><th>{html.escape(row[0])}</th>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"

"""Comparisons of models as text tables and as HTML for notebooks."""

from __future__ import annotations

import html
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from mediacorpus.stats.intervals import short
from mediacorpus.validation.display import html_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediacorpus.validation.compare import Comparison, Difference

SHOWN = ("accuracy", "macro F1", "log loss", "ROC AUC")
"""Scores in the order of `mediacorpus.validation.compare.SCORES`, as they are written."""

WIDTH = 120
"""Characters of a line of text."""


def as_text(found: Comparison) -> str:
    """Return the scores and differences as tables in plain text.

    >>> from mediacorpus.validation.compare import compare
    >>> print(as_text(compare(["a", "b"], {"m": ["a", "b"]})).splitlines()[0])
    1 model on the same 2 items, 95 % confidence intervals
    """
    head, rows = _score_rows(found)
    lines = [_title(found), *aligned([head, *rows])]
    if found.differences:
        head, rows = _difference_rows(found)
        lines += ["", *aligned([head, *rows])]
    return "\n".join([*lines, *found.notes])


def as_html(found: Comparison) -> str:
    """Return the scores and differences as HTML tables.

    >>> from mediacorpus.validation.compare import compare
    >>> "&lt;m&gt;" in as_html(compare(["a"], {"<m>": ["a"]}))
    True
    """
    parts = [f"<p>{html.escape(_title(found))}</p>", html_table(*_score_rows(found))]
    if found.differences:
        parts.append(html_table(*_difference_rows(found)))
    parts += [f"<p>{html.escape(note)}</p>" for note in found.notes]
    return f'<div class="mediacorpus-comparison">{"".join(parts)}</div>'


def sentence(one: Difference, level: float) -> str:
    """Say in one sentence which of two models is right more often, and how sure that is."""
    gap = one.scores["accuracy"]
    if one.only_first == one.only_second:
        return f"{one.first} and {one.second} are right equally often."
    better, worse = one.first, one.second
    if gap.estimate < 0:
        better, worse = worse, better
        gap = replace(gap, estimate=-gap.estimate, low=-gap.high, high=-gap.low)
    sure = one.p_corrected < 1 - level
    verdict = "more than chance explains" if sure else "no more than chance may explain"
    return (
        f"{better} is right more often than {worse}, by {gap} of the items: {verdict} "
        f"({p_words(one.p_corrected)})."
    )


def p_words(value: float) -> str:
    """Write a p-value; empty where there is none.

    >>> p_words(0.03214), p_words(1e-9), p_words(float("nan"))
    ('p = .032', 'p < .001', '')
    """
    if math.isnan(value):
        return ""
    return "p < .001" if value < 0.001 else f"p = {short(value)}"  # noqa: PLR2004


def _title(found: Comparison) -> str:
    models = "1 model" if len(found.scores) == 1 else f"{len(found.scores)} models"
    items = "1 item" if found.n == 1 else f"{found.n:,} items"
    return f"{models} on the same {items}, {100 * found.level:g} % confidence intervals"


def _score_rows(found: Comparison) -> tuple[list[str], list[list[str]]]:
    head = ["model", *SHOWN]
    rows = [[model, *map(str, scores.values())] for model, scores in found.scores.items()]
    return head, rows


def _difference_rows(found: Comparison) -> tuple[list[str], list[list[str]]]:
    head = ["difference", *SHOWN, "only one right", "McNemar"]
    rows = []
    for one in found.differences:
        only = f"{one.only_first} : {one.only_second}"
        cells = [str(interval) for interval in one.scores.values()]
        rows.append([f"{one.first} - {one.second}", *cells, only, p_words(one.p_corrected)])
    return head, rows


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Pad the cells of rows of text so that columns line up.

    >>> aligned([["a", "bb"], ["aaa", "b"]])
    ['a    bb', 'aaa  b']
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def in_blocks(rows: Sequence[Sequence[str]], *, keys: int, width: int = WIDTH) -> list[str]:
    """Line columns up as `aligned` does, in as many tables as the width asks for.

    Each begins with the first columns, which tell what a row is of; a line is left empty between.

    Parameters
    ----------
    rows:
        Cells; the head is the first row.
    keys:
        Number of columns that each table repeats.
    width:
        Characters of a line that a table may take, where a single column leaves the choice.

    Examples
    --------
    >>> in_blocks([["of", "long", "wide"], ["a", "1", "2"]], keys=1, width=8)
    ['of  long', 'a   1', '', 'of  wide', 'a   2']
    """
    widths = [max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0]))]
    blocks: list[list[int]] = [[]]
    for i in range(keys, len(widths)):
        taken = sum(widths[:keys]) + sum(widths[k] for k in blocks[-1])
        if blocks[-1] and taken + widths[i] - 2 > width:
            blocks.append([])
        blocks[-1].append(i)
    lines: list[str] = []
    for block in blocks:
        lines += ["", *aligned([[row[i] for i in (*range(keys), *block)] for row in rows])]
    return lines[1:]

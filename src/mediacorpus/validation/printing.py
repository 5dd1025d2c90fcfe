"""Tables of scores as text and as HTML, for terminals and notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from mediacorpus.result import Result
from mediacorpus.stats.resampling import FEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mediacorpus.stats.intervals import Interval

WIDTH = 120
"""Characters of a line of text."""


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


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
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


def html_page(kind: str, before: str, *, tables: Iterable[str], notes: Iterable[str] = ()) -> str:
    """Put a heading line, tables and notes into one block for a notebook.

    >>> html_page("scores", "2 items", tables=[], notes=["a < b"])
    '<div class="mediacorpus-scores"><p>2 items</p><p>a &lt; b</p></div>'
    """
    parts = [f"<p>{html.escape(before)}</p>", *tables]
    parts += [f"<p>{html.escape(note)}</p>" for note in notes]
    return f'<div class="mediacorpus-{kind}">{"".join(parts)}</div>'


class Printed(Result):
    """A result that is shown as a title, tables and notes."""

    __slots__ = ()
    _kind = ""

    def _tables(self) -> list[list[list[str]]]:
        """Give the cells of each table, the head first."""
        raise NotImplementedError

    def _below(self) -> Sequence[str]:
        """Give what is said below the tables."""
        return ()

    def __str__(self) -> str:
        tables = ["\n".join(aligned(table)) for table in self._tables()]
        return "\n".join([self._title, "\n\n".join(tables), *self._below()])

    def _repr_html_(self) -> str:
        tables = [html_table(head, rows) for head, *rows in self._tables()]
        return html_page(self._kind, self._title, tables=tables, notes=self._below())


def few_groups(groups: int) -> list[str]:
    """Say so where there are too few groups for intervals over them.

    >>> few_groups(2), few_groups(30)
    (['With fewer than 30 groups such intervals tend to be too narrow.'], [])
    """
    note = f"With fewer than {FEW} groups such intervals tend to be too narrow."
    return [note] if groups < FEW else []


def plain_scores(scores: Mapping[str, Interval]) -> dict[str, Any]:
    """Return scores as numbers, None where undefined, and `intervals` under the same names.

    >>> from mediacorpus.stats.intervals import wilson
    >>> plain_scores({"accuracy": wilson(0, 0)})
    {'accuracy': None, 'intervals': {'accuracy': None}}
    """
    numbers = {name: i.estimate if i.defined else None for name, i in scores.items()}
    return numbers | {"intervals": {name: i.limits() for name, i in scores.items()}}

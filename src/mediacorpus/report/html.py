"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from mediacorpus.report.document import page
from mediacorpus.report.drawing import for_page
from mediacorpus.report.gallery import GALLERY_CSS
from mediacorpus.report.methods import summary
from mediacorpus.report.sections import sections
from mediacorpus.result import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mediacorpus.report.content import ReportContent
    from mediacorpus.report.document import Section


def render(content: ReportContent) -> str:
    """Write the report as one self-contained HTML page.

    Images and figures are part of the page; it loads nothing and runs no script. The same
    content gives the same page.

    Raises
    ------
    MissingExtra
        jinja2 or matplotlib is not installed.
    """
    return page(
        "report.html.j2",
        style=GALLERY_CSS,
        title=content.title,
        created=content.created,
        key_figures=_key_figures(content),
        summary=summary(content),
        sections=list(_numbered(sections(content))),
        next=next,
        table_numbers=count(1),
        figure_numbers=count(1),
        for_page=for_page,
    )


def _numbered(parts: Sequence[Section], prefix: str = "") -> Iterator[dict[str, Any]]:
    for n, part in enumerate(parts, 1):
        number = f"{prefix}{n}"
        below = list(_numbered(part.sections, f"{number}."))
        yield {"number": number, "section": part, "sections": below}


def _key_figures(content: ReportContent) -> list[tuple[str, str]]:
    labelled = max((sum(one.counts.values()) for one in content.labels), default=0)
    figures = (
        counted(content.corpus.items, "distinct image"),
        counted(content.corpus.records, "record"),
        counted(content.corpus.failures, "failure"),
        counted(labelled, "labelled", "labelled"),
        counted(len(content.models), "classifier"),
    )
    return [(number, what) for number, _, what in (one.partition(" ") for one in figures)]

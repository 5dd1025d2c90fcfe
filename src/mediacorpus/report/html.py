"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from importlib import resources
from itertools import count
from typing import TYPE_CHECKING, Any

from mediacorpus._version import __version__
from mediacorpus.extras import need
from mediacorpus.report import words
from mediacorpus.report.drawing import for_page
from mediacorpus.report.gallery import GALLERY_CSS
from mediacorpus.report.methods import summary
from mediacorpus.report.sections import sections

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mediacorpus.report.content import ReportContent
    from mediacorpus.report.document import Drawing, Pictures, Section


def render(content: ReportContent) -> str:
    """Write the report as one self-contained HTML page.

    Images and figures are part of the page; it loads nothing and runs no script. The same
    content gives the same page.

    Raises
    ------
    MissingExtra
        jinja2 or matplotlib is not installed.

    Examples
    --------
    >>> from datetime import datetime
    >>> from mediacorpus.report.content import ReportContent
    >>> page = render(ReportContent("Ants and bees", datetime(2025, 3, 1, 12, 0)))
    >>> page[:15], "<title>Ants and bees</title>" in page
    ('<!DOCTYPE html>', True)
    """
    jinja2 = need("jinja2")
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_packaged),
    )
    page = environment.get_template("report.html.j2").render(
        content=content,
        key_figures=_key_figures(content),
        summary=summary(content),
        sections=list(_numbered(sections(content))),
        style=_packaged("report.css") + GALLERY_CSS,
        version=__version__,
        next=next,
        table_numbers=count(1),
        figure_numbers=count(1),
        drawing=_drawing,
        pictures=_pictures,
    )
    return words.printable(str(page))


def _packaged(name: str) -> str:
    return resources.files("mediacorpus.report").joinpath("templates", name).read_text("utf-8")


def _numbered(parts: Sequence[Section], prefix: str = "") -> Iterator[dict[str, Any]]:
    for n, part in enumerate(parts, 1):
        number = f"{prefix}{n}"
        yield {
            "number": number,
            "section": part,
            "sections": list(_numbered(part.sections, f"{number}.")),
        }


def _drawing(block: Drawing, number: int) -> Any:
    return need("markupsafe").Markup(for_page(block.svg, f"f{number}-"))


def _pictures(block: Pictures) -> Any:
    return need("markupsafe").Markup(block.gallery.html(brief=block.brief))


def _key_figures(content: ReportContent) -> list[tuple[str, str]]:
    corpus = content.corpus
    figures = [
        (f"{corpus.items:,}", "distinct image" if corpus.items == 1 else "distinct images"),
        (f"{corpus.records:,}", "record" if corpus.records == 1 else "records"),
        (f"{corpus.failures:,}", "failure" if corpus.failures == 1 else "failures"),
    ]
    labelled = max((sum(one.counts.values()) for one in content.labels), default=0)
    figures.append((f"{labelled:,}", "labelled"))
    models = len(content.models)
    figures.append((f"{models:,}", "classifier" if models == 1 else "classifiers"))
    return figures

"""What pages are made of: sections of blocks, and the templates that show them."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mediacorpus._version import __version__
from mediacorpus.errors import writing
from mediacorpus.extras import need
from mediacorpus.files import atomic_write
from mediacorpus.report import words
from mediacorpus.report.drawing import for_page

if TYPE_CHECKING:
    from collections.abc import Sequence


class Block:
    """A part of a section."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """Name by which the template knows it."""
        return type(self).__name__.lower()


@dataclass(frozen=True, slots=True)
class Text(Block):
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Caution(Block):
    """A sentence that must not be missed."""

    text: str


@dataclass(frozen=True, slots=True)
class Hint(Block):
    """What is not there yet, and the command that makes it."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Table(Block):
    """Rows under a caption. Columns named in `numeric` are set flush right.

    `note` stands below the table.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[str] = ()
    note: str = ""
    small: bool = False


@dataclass(frozen=True, slots=True)
class Drawing(Block):
    """A figure as SVG."""

    svg: str
    caption: str


class Shown(Protocol):
    """What gives itself as HTML, as a gallery does."""

    def html(self, *, brief: bool = False) -> str:
        """Give it as HTML."""
        ...


@dataclass(frozen=True, slots=True)
class Images(Block):
    """A gallery; `brief` leaves out what its title says."""

    gallery: Shown
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Markup(Block):
    """HTML of our own, as it is."""

    html: str


@dataclass(frozen=True, slots=True)
class Heading(Block):
    """A heading inside a section, without a number."""

    text: str


@dataclass(frozen=True, slots=True)
class References(Block):
    """Numbered sources."""

    entries: Sequence[str]


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered section with its blocks and its sub-sections."""

    key: str
    title: str
    blocks: Sequence[Block] = ()
    sections: Sequence[Section] = field(default=())


def hint(corpus: Path, text: str, rest: str) -> Hint:
    """Say what is missing and the command for it: `DIR` in `rest` stands for the corpus folder.

    Examples
    --------
    >>> hint(Path("/home/me/my corpus"), "Nothing is there.", "add DIR SOURCE").command
    "mediacorpus add 'my corpus' SOURCE"
    """
    # Only the last part of the path: a page is made to be passed on.
    folder = words.name(words.quoted(corpus.resolve().name), limit=200)
    return Hint(text, f"mediacorpus {rest.replace('DIR', folder, 1)}")


def page(template: str, *, style: str = "", **values: Any) -> str:
    """Write a self-contained HTML page, which loads nothing and runs no script.

    Parameters
    ----------
    template:
        One of the package's templates.
    style:
        CSS beside that of all pages.
    values:
        What the template shows.

    Raises
    ------
    MissingExtra
        jinja2 is not installed.
    """
    jinja2 = need("jinja2")
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_packaged),
    )
    values |= {
        "style": _packaged("report.css") + style,
        "version": __version__,
        "next": next,
        "table_numbers": count(1),
        "figure_numbers": count(1),
        "for_page": for_page,
    }
    return words.printable(str(environment.get_template(template).render(values)))


def leaf(title: str, blocks: Sequence[Block], *, style: str = "") -> str:
    """Write a page of blocks under one title, such as a plot with its numbers.

    Examples
    --------
    >>> "<h1>Few words</h1>" in leaf("Few words", [Text("Not many.")])
    True
    """
    return page("leaf.html.j2", style=style, title=title, parts=blocks)


def write_page(target: Path, html: str) -> None:
    """Write a page to a file, whole or not at all.

    Raises
    ------
    StorageFull, CorpusReadOnly
        The file cannot be written.
    """
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary:
            temporary.write_text(html, encoding="utf-8")


def _packaged(name: str) -> str:
    return resources.files("mediacorpus.report").joinpath("templates", name).read_text("utf-8")

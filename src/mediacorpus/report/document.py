"""The report as sections of blocks: what is said, before it is HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediacorpus.report.gallery import Gallery


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True, slots=True)
class Caution:
    """A sentence that must not be missed."""

    kind: ClassVar[str] = "caution"
    text: str


@dataclass(frozen=True, slots=True)
class Hint:
    """What is not there yet, and the command that makes it."""

    kind: ClassVar[str] = "hint"
    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a caption. Columns named in `numeric` are set flush right.

    `note` stands below the table.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[str] = ()
    note: str = ""
    small: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row) == len(self.columns), (self.caption, row)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure as SVG."""

    kind: ClassVar[str] = "drawing"
    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """A gallery; `brief` leaves out what its title says."""

    kind: ClassVar[str] = "pictures"
    gallery: Gallery
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section, without a number."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True, slots=True)
class References:
    """Numbered sources."""

    kind: ClassVar[str] = "references"
    entries: Sequence[str]


Block: TypeAlias = Text | Caution | Hint | Table | Drawing | Pictures | Heading | References


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered section with its blocks and its sub-sections."""

    key: str
    title: str
    blocks: Sequence[Block] = ()
    sections: Sequence[Section] = field(default=())

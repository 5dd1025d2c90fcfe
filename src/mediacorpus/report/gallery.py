"""Small images side by side: for notebooks and for the report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from mediacorpus.report import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mediacorpus.report.content import Thumb

GALLERY_CSS = """
.mc-gallery { margin: 1.2em 0; }
.mc-gallery > figcaption { margin-bottom: .5em; }
.mc-gallery ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .7em .6em;
  grid-template-columns: repeat(auto-fill, minmax(6.6em, 1fr)); }
.mc-gallery li { margin: 0; min-width: 0; font-size: .75em; line-height: 1.3; }
.mc-gallery img { display: block; width: 100%; height: 8.8em; object-fit: contain;
  background: #f4f4f2; margin-bottom: .3em; }
.mc-gallery span { display: block; overflow-wrap: anywhere; unicode-bidi: isolate; }
.mc-gallery .mc-said { opacity: .75; }
"""
"""Style of `Gallery.html`."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Images with a title. It shows itself in a notebook.

    Parameters
    ----------
    title:
        Caption of the gallery.
    thumbs:
        The images, in order.
    total:
        Number of images that the gallery is a part of, or None.

    Examples
    --------
    >>> from mediacorpus.report.content import Thumb
    >>> thumb = Thumb("3f2a", "data:image/jpeg;base64,AAAA", "cat.jpg")
    >>> gallery = Gallery("Some images", [thumb], total=12)
    >>> len(gallery), gallery.heading
    (1, 'Some images (1 of 12 shown)')
    """

    title: str
    thumbs: Sequence[Thumb]
    total: int | None = None

    def __len__(self) -> int:
        return len(self.thumbs)

    def __iter__(self) -> Iterator[Thumb]:
        return iter(self.thumbs)

    @property
    def heading(self) -> str:
        """The title, and how many of how many are shown."""
        if self.total is None or self.total <= len(self.thumbs):
            return self.title
        return f"{self.title} ({len(self.thumbs):,} of {self.total:,} shown)"

    def html(self, *, brief: bool = False) -> str:
        """Give the gallery as one HTML `figure`, without style.

        Parameters
        ----------
        brief:
            Leave out labels and predictions below each image, where the title says them;
            the probability stays.
        """
        cells = "".join(_cell(thumb, brief=brief) for thumb in self.thumbs)
        heading = escape(words.printable(self.heading))
        return (
            f'<figure class="mc-gallery"><figcaption>{heading}</figcaption>\n'
            f"<ul>\n{cells}</ul></figure>"
        )

    def _repr_html_(self) -> str:
        return f"<style>{GALLERY_CSS}</style>\n{self.html()}"


def _cell(thumb: Thumb, *, brief: bool) -> str:
    caption = words.printable(thumb.caption or thumb.item[:12])
    short = words.name(re.split(r"[/\\]", caption)[-1] or caption, limit=36)
    said = "".join(
        f'<span class="mc-said">{escape(line)}</span>' for line in _said(thumb, brief=brief)
    )
    return (
        f'<li><img src="{escape(thumb.uri)}" alt="{escape(words.printable(thumb.alt))}">'
        f'<span title="{escape(caption)}">{escape(short)}</span>{said}</li>\n'
    )


def _said(thumb: Thumb, *, brief: bool) -> list[str]:
    said = []
    if thumb.truth and not brief:
        said.append(f"labelled {words.name(thumb.truth)}")
    if thumb.predicted and not brief:
        said.append(f"predicted {words.name(thumb.predicted)}")
    if thumb.probability is not None:
        said.append(f"p = {thumb.probability:.2f}")
    return said

"""Small images side by side, for notebooks and for the report; kept in the corpus once made."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from mediacorpus.analysis.overview import overview
from mediacorpus.engine.decoding import open_all
from mediacorpus.errors import ParameterError
from mediacorpus.files import atomic_write
from mediacorpus.media.thumbnail import data_uri, thumbnail_jpeg
from mediacorpus.report import words
from mediacorpus.store import derived, holdings
from mediacorpus.store.progress import VISUAL_ITEMS
from mediacorpus.store.store import Store
from mediacorpus.validation.printing import html_table

GALLERY_CSS = """
.mc-gallery { margin: 1.2em 0; }
.mc-gallery > figcaption { margin-bottom: .5em; }
.mc-gallery ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .7em .6em;
  grid-template-columns: repeat(auto-fill, minmax(6.6em, 1fr)); }
.mc-gallery li { margin: 0; min-width: 0; font-size: .75em; line-height: 1.3; }
.mc-gallery img { display: block; width: 100%; height: 8.8em; object-fit: contain;
  background: #f4f4f2; margin-bottom: .3em; }
.mc-gallery span { display: block; overflow-wrap: anywhere; unicode-bidi: isolate; }
.mc-gallery .mc-below { opacity: .75; }
"""
"""Style of `Gallery.html`."""

SIDE = 160
THUMBNAILS = "thumbnails"
"""Folder in the corpus; what is in it can be made again, and nothing is measured from it."""
START, END = b"\xff\xd8", b"\xff\xd9"
"""How a whole JPEG file begins and ends."""


@dataclass(frozen=True, slots=True)
class Thumb:
    """One small image with what is known of it.

    Parameters
    ----------
    item:
        The item's id.
    uri:
        The image itself as a data URI, such as `"data:image/jpeg;base64,…"`.
    caption:
        Usually the file name.
    gold, predicted:
        Gold label and predicted class, or `""`.
    probability:
        Probability of the predicted class, 0 to 1, or None.

    Raises
    ------
    ParameterError
        `uri` is no data URI of an image: the report must not point to other files.

    Examples
    --------
    >>> Thumb("3f2a", "data:image/jpeg;base64,AAAA", "cat.jpg").alt
    'cat.jpg'
    >>> Thumb("3f2a", "data:image/jpeg;base64,AAAA", "cat.jpg", "cat", "dog", 0.75).alt
    'cat.jpg; labelled cat; predicted dog; probability 0.75'
    """

    item: str
    uri: str
    caption: str = ""
    gold: str = ""
    predicted: str = ""
    probability: float | None = None

    def __post_init__(self) -> None:
        if not self.uri.startswith("data:image/"):
            raise ParameterError(
                f"The thumbnail of item {self.item!r} is {self.uri[:40]!r}; give a data URI "
                "that begins with 'data:image/', as `data_uri` makes."
            )

    @property
    def labels(self) -> list[str]:
        """Gold label and predicted class in words, as far as there are any."""
        pairs = (("labelled", self.gold), ("predicted", self.predicted))
        return [f"{how} {words.name(value)}" for how, value in pairs if value]

    @property
    def alt(self) -> str:
        """What the image is, in words."""
        parts = [self.caption or f"item {self.item[:12]}", *self.labels]
        if self.probability is not None:
            parts.append(f"probability {self.probability:.2f}")
        return "; ".join(parts)


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
    >>> from mediacorpus.report.gallery import Thumb
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
    lines = [] if brief else thumb.labels
    if thumb.probability is not None:
        lines.append(f"p = {thumb.probability:.2f}")
    below = "".join(f'<span class="mc-below">{escape(line)}</span>' for line in lines)
    return (
        f'<li><img src="{escape(thumb.uri)}" alt="{escape(words.printable(thumb.alt))}">'
        f'<span title="{escape(caption)}">{escape(short)}</span>{below}</li>\n'
    )


def thumbs(
    store: Store,
    items: Sequence[str],
    *,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
    side: int = SIDE,
) -> list[Thumb]:
    """Make thumbnails of items, in order.

    Parameters
    ----------
    store:
        The catalogue.
    items:
        Item ids.
    facts:
        Item → further fields of its `Thumb`, such as `gold` and `predicted`.
    side:
        Pixels of the long side.

    Returns
    -------
    list of Thumb
        Items whose file cannot be read any more, and of which no thumbnail was kept, are left
        out.
    """
    places, names = derived.places(store, items), derived.names_of(store, items)
    files = {item: store.folder / THUMBNAILS / item[:2] / f"{item}-{side}.jpg" for item in items}
    found = {item: _read(file) for item, file in files.items()}
    missing = [(item, places[item]) for item, jpeg in found.items() if jpeg is None]
    for one in open_all(missing, side):
        if one.pixels is None:
            continue
        made = thumbnail_jpeg(one.pixels, side)
        found[one.key] = made
        if store.writable:
            _keep(files[one.key], made)
    return [
        Thumb(item, data_uri(jpeg), names.get(item, item), **(facts or {}).get(item, {}))
        for item in items
        if (jpeg := found[item]) is not None
    ]


def _read(path: Path) -> bytes | None:
    """Read a thumbnail that was kept; one that is cut off or no JPEG counts as none."""
    try:
        jpeg = path.read_bytes()
    except OSError:
        return None
    return jpeg if jpeg.startswith(START) and jpeg.endswith(END) else None


def _keep(path: Path, jpeg: bytes) -> None:
    """Keep a thumbnail; where that cannot be it is made again the next time."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_bytes(jpeg)


def spread(store: Store, count: int) -> list[str]:
    """Choose items that lie at equal steps through the corpus, in the order they came."""
    images = f"FROM items WHERE {VISUAL_ITEMS}"
    total = int(store.value(f"SELECT count(*) {images}"))
    step = max(total / count, 1.0)
    return [
        str(store.value(f"SELECT item {images} ORDER BY n LIMIT 1 OFFSET ?", (int(place * step),)))
        for place in range(min(count, total))
    ]


def gallery(store: Store, items: Sequence[str] | None = None, *, most: int = 24) -> Gallery:
    """Show some items as a gallery.

    Parameters
    ----------
    store:
        The catalogue.
    items:
        Item ids or their first digits; by default items from all over the corpus.
    most:
        Number of images at the most.

    Raises
    ------
    UnknownName
        There is no such item.
    """
    if items is None:
        chosen, total = spread(store, most), int(store.value("SELECT count(*) FROM items"))
    else:
        chosen = [holdings.resolve_item(store, text) for text in items[:most]]
        total = len(items)
    return Gallery("Images of the corpus", thumbs(store, chosen), total=total)


SHOWN = 12


def corpus_html(store: Store) -> str:
    """Give the counts of a corpus and some of its images as HTML."""
    facts = overview(store)
    rows = [
        ("items", f"{facts.items:,}"),
        ("records", f"{facts.records:,}"),
        ("failures", f"{facts.failures:,}"),
        ("size", words.size(facts.bytes)),
    ]
    for what, counts in (("measured", facts.measures), ("labelled", facts.variables)):
        rows.append((what, ", ".join(f"{name} ({n:,})" for name, n in counts.items()) or "none"))
    images = gallery(store, most=SHOWN)._repr_html_() if facts.items else ""
    return html_table(["Corpus", str(facts.folder)], rows) + images

"""Small images side by side, for notebooks and for the report; kept in the corpus once made."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus.analysis.handing_out import HandedOut
from mediacorpus.analysis.overview import overview
from mediacorpus.analysis.selecting import Chosen
from mediacorpus.engine.decoding import open_all
from mediacorpus.errors import ParameterError
from mediacorpus.files import atomic_write
from mediacorpus.media.thumbnail import data_uri, thumbnail_jpeg
from mediacorpus.report import words
from mediacorpus.report.choosing import choose, spread
from mediacorpus.report.document import Markup, leaf, write_page
from mediacorpus.result import Result, counted, plain
from mediacorpus.store import derived
from mediacorpus.store.store import Store
from mediacorpus.validation.printing import html_table

if TYPE_CHECKING:
    import pandas as pd

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
.mc-gallery.mc-large ul { grid-template-columns: repeat(auto-fill, minmax(min(11em, 46%), 1fr));
  gap: 1.1em .9em; }
.mc-gallery.mc-large li { font-size: .82em; }
.mc-gallery.mc-large img { height: 12em; }
.mc-gallery summary { list-style: none; cursor: zoom-in; }
.mc-gallery summary::-webkit-details-marker { display: none; }
.mc-gallery li:has(details[open]) { grid-column: 1 / -1; }
.mc-gallery details[open] summary { cursor: zoom-out; }
.mc-gallery.mc-large details[open] img { width: auto; max-width: 100%; height: auto;
  max-height: 92vh; margin-inline: auto; }
"""
"""Style of `Gallery.html`."""

SIDE, LARGE = 160, 640
"""Pixels of the long side of an image in the report, and of one that can be enlarged."""
MOST = 24
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
    about:
        Further lines that stand below the image.

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
    about: Sequence[str] = ()

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


@dataclass(frozen=True, slots=True, repr=False)
class Gallery(Result):
    """Images with a title. It shows itself in a notebook.

    Parameters
    ----------
    title:
        Caption of the gallery.
    thumbs:
        The images, in order.
    total:
        Number of images that the gallery is a part of, or None.
    unseen:
        Images that were asked for and could not be read.
    enlarge:
        Whether the images are large, and shown large by a click or the Enter key.

    Examples
    --------
    >>> from mediacorpus.report.gallery import Thumb
    >>> thumb = Thumb("3f2a", "data:image/jpeg;base64,AAAA", "cat.jpg")
    >>> gallery = Gallery("Some images", [thumb], total=12)
    >>> len(gallery), gallery
    (1, Gallery: Some images (1 of 12 shown))
    """

    title: str
    thumbs: Sequence[Thumb]
    total: int | None = None
    unseen: int = 0
    enlarge: bool = False

    def __len__(self) -> int:
        return len(self.thumbs)

    def __iter__(self) -> Iterator[Thumb]:
        return iter(self.thumbs)

    def __str__(self) -> str:
        return " ".join(filter(None, [self.heading, not_shown(self.unseen)]))

    @property
    def heading(self) -> str:
        """The title, and how many of how many are shown."""
        if self.total is None or self.total <= len(self.thumbs):
            return self.title
        return f"{self.title} ({len(self.thumbs):,} of {self.total:,} shown)"

    def to_dict(self) -> dict[str, Any]:
        """Return what is known of each image, without the images."""
        shown = [
            {k: v for k, v in plain(thumb).items() if k != "uri" and v not in ("", None, [])}
            for thumb in self.thumbs
        ]
        return {"title": self.title, "total": self.total, "unseen": self.unseen, "images": shown}

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each image: `item`, `caption`, and what else is known of it."""
        import pandas as pd

        return pd.DataFrame(self.to_dict()["images"])

    def html(self, *, brief: bool = False) -> str:
        """Give the gallery as one HTML `figure`, without style.

        Parameters
        ----------
        brief:
            Leave out labels and predictions below each image, where the title says them;
            the probability stays.
        """
        return self._figure(self.heading, brief=brief)

    def _figure(self, caption: str, *, brief: bool) -> str:
        cells = "".join(_cell(thumb, brief=brief, enlarge=self.enlarge) for thumb in self.thumbs)
        heading = escape(words.printable(caption))
        more = f"<p>{escape(not_shown(self.unseen))}</p>" if self.unseen else ""
        kind = "mc-gallery mc-large" if self.enlarge else "mc-gallery"
        return (
            f'<figure class="{kind}"><figcaption>{heading}</figcaption>\n'
            f"<ul>\n{cells}</ul>{more}</figure>"
        )

    def save(self, target: str | Path) -> Path:
        """Write the gallery as one HTML file, which holds its images and loads nothing.

        Raises
        ------
        ParameterError
            The file does not end in `.html`.
        StorageFull, CorpusReadOnly
            The file cannot be written.
        """
        file = Path(target)
        _check_ending(file)
        of = f" of {self.total:,}" if self.total and self.total > len(self) else ""
        hint = f"{counted(len(self), 'image')}{of}. Click on one, or press Enter, to enlarge it."
        body = self._figure(hint, brief=False)
        page = leaf(
            self.title, [Markup(body)], style=f"{GALLERY_CSS}\nbody {{ max-width: 80rem; }}"
        )
        write_page(file, page)
        return file

    def _repr_html_(self) -> str:
        return f"<style>{GALLERY_CSS}</style>\n{self.html()}"


def _check_ending(file: Path) -> None:
    if file.suffix.lower() not in {".html", ".htm"}:
        raise ParameterError(
            f"A gallery is written as .html; {file.name!r} ends otherwise. `mediacorpus show` "
            "draws a sheet as .png."
        )


def not_shown(count: int) -> str:
    """Say how many images could not be shown, and why; nothing where there is none.

    >>> not_shown(0), not_shown(1)[:50]
    ('', '1 image could not be shown. Its file cannot be rea')
    """
    if not count:
        return ""
    whose = "Its file" if count == 1 else "Their files"
    return (
        f"{counted(count, 'image')} could not be shown. {whose} cannot be read where the corpus "
        "looks, and no thumbnail was kept; bring the files back and try again."
    )


def _cell(thumb: Thumb, *, brief: bool, enlarge: bool) -> str:
    caption = words.printable(thumb.caption or thumb.item[:12])
    short = words.name(re.split(r"[/\\]", caption)[-1] or caption, limit=36)
    lines = [] if brief else thumb.labels
    if thumb.probability is not None:
        lines.append(f"p = {thumb.probability:.2f}")
    lines += [words.name(line, limit=160) for line in thumb.about]
    below = "".join(f'<span class="mc-below">{escape(line)}</span>' for line in lines)
    image = f'<img src="{escape(thumb.uri)}" alt="{escape(words.printable(thumb.alt))}">'
    if enlarge:
        line = f"mediacorpus labels set DIR {thumb.item} VARIABLE VALUE --coder me"
        image = (
            f"<details><summary>{image}</summary><p class='mc-below'>To correct a label: "
            f"<code>{escape(line)}</code></p></details>"
        )
    return f'<li>{image}<span title="{escape(caption)}">{escape(short)}</span>{below}</li>\n'


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


def gallery(
    store: Store,
    on: Chosen | pd.DataFrame = None,
    *,
    sort: str | None = None,
    columns: Sequence[str] | str = (),
    query: str | None = None,
    most: int = MOST,
    output: Path | None = None,
) -> Gallery:
    """Show some images as a gallery.

    Parameters
    ----------
    store:
        The catalogue.
    on:
        A `Selection`, or items or file names; or a data frame with a column `item`, such as the
        `mistakes` of a validation, whose other columns stand below the images. By default
        images from all over the corpus.
    sort:
        A column of the tidy table; with `-` before it the largest come first.
    columns:
        Columns of the tidy table whose values stand below each image: a list, or names with
        commas between.
    query:
        In place of `on`: SQL that gives a column `item`, and others that stand below the images.
    most:
        Number of images at the most.
    output:
        `.html` file to write as well.

    Raises
    ------
    UnknownName, QueryError
        There is no such item or column, or the query cannot be run.
    ParameterError
        Nothing is chosen, or the file has another ending.
    """
    if output is not None:
        _check_ending(output)
    choice = choose(store, on, sort=sort, columns=columns, query=query, most=most)
    shown = thumbs(store, choice.items, facts=choice.facts, side=LARGE)
    captions = HandedOut(store).texts([thumb.caption for thumb in shown])
    found = Gallery(
        choice.title,
        [replace(thumb, caption=own) for thumb, own in zip(shown, captions, strict=True)],
        choice.total,
        unseen=len(choice.items) - len(shown),
        enlarge=True,
    )
    if output is not None:
        found.save(output)
    return found


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
    few = thumbs(store, spread(store, SHOWN))
    images = Gallery("Images of the corpus", few, facts.items)._repr_html_() if few else ""
    return html_table(["Corpus", str(facts.folder)], rows) + images

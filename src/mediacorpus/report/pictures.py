"""Thumbnails of items, for galleries and reports, kept in the corpus once they were made."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mediacorpus.analysis.overview import overview
from mediacorpus.engine.decoding import open_all
from mediacorpus.files import atomic_write
from mediacorpus.media.thumbnail import data_uri, thumbnail_jpeg
from mediacorpus.report.content import Thumb
from mediacorpus.report.gallery import Gallery
from mediacorpus.store import derived, holdings
from mediacorpus.store.progress import VISUAL_ITEMS
from mediacorpus.store.store import Store

SIDE = 160
THUMBNAILS = "thumbnails"
"""Folder in the corpus; what is in it can be made again, and nothing is measured from it."""
START, END = b"\xff\xd8", b"\xff\xd9"
"""How a whole JPEG file begins and ends."""


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
        Item → further fields of its `Thumb`, such as `truth` and `predicted`.
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
    pictorial = f"FROM items WHERE {VISUAL_ITEMS}"
    total = int(store.value(f"SELECT count(*) {pictorial}"))
    if not total:
        return []
    step = max(total / count, 1.0)
    places = sorted({int(i * step) for i in range(min(count, total))})
    chosen = []
    for place in places:
        rows = store.rows(f"SELECT item {pictorial} ORDER BY n LIMIT 1 OFFSET ?", (place,))
        chosen += [row[0] for row in rows]
    return chosen


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
        ("size", f"{facts.bytes / 1e6:,.1f} MB"),
        ("measured", ", ".join(f"{name} ({n:,})" for name, n in facts.measures.items()) or "none"),
        ("labelled", ", ".join(f"{name} ({n:,})" for name, n in facts.variables.items()) or "none"),
    ]
    cells = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows)
    pictures = gallery(store, most=SHOWN)._repr_html_() if facts.items else ""
    return f"<p><b>Corpus {escape(str(facts.folder))}</b></p><table>{cells}</table>{pictures}"

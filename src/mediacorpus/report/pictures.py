"""Thumbnails of items, for galleries and reports; a picture that is gone is passed over."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from mediacorpus.catalogue import derived, holdings
from mediacorpus.catalogue.progress import PICTORIAL_ITEMS
from mediacorpus.catalogue.store import Store
from mediacorpus.errors import MediacorpusError
from mediacorpus.media.opening import Opener
from mediacorpus.media.thumbnail import data_uri, thumbnail_jpeg
from mediacorpus.report.content import Thumb
from mediacorpus.report.gallery import Gallery

SIDE = 160


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
        Items whose file cannot be read any more are left out.
    """
    made = []
    places, names = derived.places(store, items), derived.names_of(store, items)
    with Opener() as opener:
        for item in items:
            with contextlib.suppress(MediacorpusError):
                pixels = opener.pixels(places[item], side)
                uri = data_uri(thumbnail_jpeg(pixels, side))
                made.append(Thumb(item, uri, names.get(item, item), **(facts or {}).get(item, {})))
    return made


def spread(store: Store, count: int) -> list[str]:
    """Choose items that lie at equal steps through the corpus, in the order they came."""
    pictorial = f"FROM items WHERE {PICTORIAL_ITEMS}"
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
        Number of pictures at the most.

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
    return Gallery("Pictures of the corpus", thumbs(store, chosen), total=total)

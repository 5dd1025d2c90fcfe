"""Thumbnails of items, for galleries and reports; a picture that is gone is passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mediacorpus.catalogue import holdings
from mediacorpus.catalogue.store import Store
from mediacorpus.errors import MediacorpusError
from mediacorpus.media.decode import decode, read
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
    paths = holdings.locate(store, items)
    for item in items:
        uri = _uri(paths[item], side)
        if uri is not None:
            caption = holdings.path_text(paths[item][0])
            made.append(Thumb(item, uri, caption, **(facts or {}).get(item, {})))
    return made


def _uri(paths: Sequence[Any], side: int) -> str | None:
    for path in paths:
        try:
            return data_uri(thumbnail_jpeg(decode(read(path), min_side=side), side))
        except MediacorpusError:
            continue
    return None


def spread(store: Store, count: int) -> list[str]:
    """Choose items that lie at equal steps through the corpus, in the order they came."""
    total = int(store.value("SELECT count(*) FROM items"))
    if not total:
        return []
    step = max(total / count, 1.0)
    places = sorted({int(i * step) for i in range(min(count, total))})
    chosen = []
    for place in places:
        rows = store.rows("SELECT item FROM items ORDER BY n LIMIT 1 OFFSET ?", (place,))
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

"""Derived items: frames, pages and regions, each a parent and a place in it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mediacorpus.catalogue import columns as own_columns
from mediacorpus.catalogue.holdings import (
    INSERT_ITEM,
    facts_of,
    item_id,
    item_row,
    known_records,
    stamped,
)
from mediacorpus.catalogue.store import Store, chunks, placeholders
from mediacorpus.records import FileFacts, Kind, Locator, Place, Shot


def region_of(box: Sequence[float], facts: FileFacts) -> tuple[Locator, FileFacts] | None:
    """Give the place and the facts of a region of an image, or None where it holds no pixel.

    Parameters
    ----------
    box:
        x, y, width and height in fractions of the image; cut off at its edges.
    facts:
        Facts of the image that it is a part of.

    Examples
    --------
    >>> place, own = region_of((0.5, 0, 0.5, 2), FileFacts("PNG", 40, 20, "RGB", 900))
    >>> str(place), own.width, own.height
    ('box=0.5,0,0.5,1', 20, 20)
    """
    if not all(math.isfinite(side) for side in box):
        return None
    x, y, width, height = box
    left, right = max(0.0, x), min(1.0, x + width)
    top, bottom = max(0.0, y), min(1.0, y + height)
    sides = (round(left, 6), round(top, 6), round(right - left, 6), round(bottom - top, 6))
    pixels = (_pixels(sides[0], sides[2], facts.width), _pixels(sides[1], sides[3], facts.height))
    if min(width, height, *pixels) <= 0:
        return None
    own = FileFacts(facts.format, *pixels, facts.mode, 0, taken=facts.taken, kind=Kind.REGION)
    return Locator(Kind.REGION, box=sides), own


def _pixels(start: float, length: float, whole: int) -> int:
    """Count the pixels between two edges, rounded as `media.resize.crop_box` does."""
    begin, end = start * whole, start * whole + length * whole
    first, last = (round(min(max(edge, 0.0), float(whole))) for edge in (begin, end))
    return last - first


def write_derived(
    store: Store,
    parent: str,
    places: Iterable[tuple[Locator, FileFacts]],
    *,
    run: int,
    found_by: str | None = None,
) -> int:
    """Write items that lie in another one; return how many are new.

    Each of them occurs wherever its parent does: see `write_derived_records`. `found_by` names
    the measure that found them; what a user added keeps the user as its origin.
    """
    sha256 = str(store.value("SELECT sha256 FROM items WHERE item = ?", (parent,)))
    new = 0
    with store.transaction():
        for chunk in chunks(places):
            hashes = [locator.sha256(sha256) for locator, _ in chunk]
            new += store.executemany(
                INSERT_ITEM,
                [item_row(own, facts, run) for own, (_, facts) in zip(hashes, chunk, strict=True)],
            )
            store.executemany(
                "UPDATE items SET parent = ?, place = ?, locator = ?, found_by = CASE "
                "WHEN parent IS NULL THEN ? WHEN ? IS NULL THEN NULL ELSE found_by END "
                "WHERE sha256 = ?",
                [
                    (parent, str(locator), _json(locator), found_by, found_by, own)
                    for own, (locator, _) in zip(hashes, chunk, strict=True)
                ],
            )
    return new


def write_derived_records(store: Store, parents: Sequence[str], *, run: int) -> int:
    """Let derived items occur wherever their parents do; return how many records are new.

    They take over the parent record's columns. Records of what a file held before it changed
    are removed.
    """
    new = 0
    with store.transaction():
        for chunk in chunks(parents):
            marks = placeholders(len(chunk))
            before = _count(store)
            store.execute(
                "INSERT INTO records (item, source, key, path, size, mtime_ns, columns, parent, "
                "run) SELECT child.item, r.source, r.key || '#' || child.place, "
                "r.path || '#' || child.place, r.size, r.mtime_ns, r.columns, r.record, ? "
                "FROM records AS r JOIN items AS child ON child.parent = r.item "
                f"WHERE r.item IN ({marks}) AND child.kind <> 'region' ORDER BY r.record, child.n "
                "ON CONFLICT (key) DO UPDATE SET item = excluded.item, "
                "columns = excluded.columns, parent = excluded.parent",
                [run, *chunk],
            )
            new += _count(store) - before
    return new


def write_region_records(
    store: Store,
    parent: str,
    rows: Sequence[tuple[str, Locator, Mapping[str, Any]]],
    *,
    run: int,
) -> dict[str, str]:
    """Write rows `(key, place, columns)` about regions of a file; return key → item.

    `parent` is the key of the file's record.
    """
    record, sha256, source, path, size, mtime_ns = store.rows(
        "SELECT record, sha256, source, path, size, mtime_ns FROM records "
        "JOIN items USING (item) WHERE key = ?",
        (parent,),
    )[0]
    items = {key: derived_id(sha256, place) for key, place, _ in rows}
    known = known_records(store, items)
    own_columns.learn(
        store,
        [columns for _, _, columns in rows],
        old=[one.columns for one in known.values()],
        run=run,
    )
    store.executemany(
        "INSERT INTO records (item, source, key, path, size, mtime_ns, columns, parent, run) "
        "VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO UPDATE SET item = excluded.item, "
        "path = excluded.path, columns = excluded.columns, parent = excluded.parent",
        [
            (
                items[key],
                source,
                key,
                f"{path}#{place}",
                size,
                mtime_ns,
                json.dumps(dict(columns), ensure_ascii=False, default=str),
                record,
                run,
            )
            for key, place, columns in rows
        ],
    )
    return items


def forget_strays(store: Store, records: Sequence[str]) -> None:
    """Remove derived records whose parent record, named by its key, holds other content now."""
    gone = 0
    for chunk in chunks(records):
        gone += store.executemany(
            "DELETE FROM records WHERE record IN (SELECT child.record FROM records AS child "
            "JOIN records AS r ON child.parent = r.record JOIN items ON items.item = child.item "
            f"WHERE r.key IN ({placeholders(len(chunk))}) AND items.parent <> r.item)",
            [chunk],
        )
    if gone:
        own_columns.forget(store)


def write_shots(store: Store, item: str, shots: Sequence[Shot], *, run: int) -> None:
    """Write the shots of a video in place of those that were known."""
    with store.transaction():
        store.execute("DELETE FROM shots WHERE item = ?", (item,))
        store.executemany(
            "INSERT INTO shots (item, shot, first_frame, last_frame, start, stop, run) "
            "VALUES (?,?,?,?,?,?,?)",
            [(item, s.number, s.first, s.last, s.start, s.stop, run) for s in shots],
        )


def places(store: Store, items: Sequence[str]) -> dict[str, Place]:
    """Say where some items are, derived ones by the way from their file to them."""
    known: dict[str, tuple[str | None, Locator | None, str]] = {}
    wanted = set(items)
    while wanted:
        for chunk in chunks(sorted(wanted)):
            for item, parent, locator, sha256 in store.rows(
                "SELECT item, parent, locator, sha256 FROM items "
                f"WHERE item IN ({placeholders(len(chunk))})",
                chunk,
            ):
                known[item] = (parent, None if locator is None else _locator(locator), sha256)
        above = {known[item][0] for item in wanted if item in known}
        wanted = {parent for parent in above if parent is not None and parent not in known}
    roots = [item for item, (parent, _, _) in known.items() if parent is None]
    there, facts = stamped(store, roots), facts_of(store, roots)
    found = {}
    for item in items:
        root, steps = item, []
        while (entry := known[root])[0] is not None:
            steps.append(entry[1])
            root = str(entry[0])
        locators = tuple(step for step in reversed(steps) if step is not None)
        paths = there[root]
        found[item] = Place(
            tuple(paths), known[root][2], facts[root], locators, tuple(paths.values())
        )
    return found


def with_parts(store: Store, items: Sequence[str]) -> set[str]:
    """Tell which of some items have items in them."""
    found: set[str] = set()
    for chunk in chunks(items):
        rows = store.rows(
            f"SELECT DISTINCT parent FROM items WHERE parent IN ({placeholders(len(chunk))})", chunk
        )
        found.update(parent for (parent,) in rows)
    return found


def names_of(store: Store, items: Sequence[str]) -> dict[str, str]:
    """Give the path of the oldest record of each item, as people know it."""
    found: dict[str, str] = {}
    for chunk in chunks(items):
        found.update(
            store.rows(
                "SELECT item, path FROM records WHERE record IN (SELECT min(record) FROM records "
                f"WHERE item IN ({placeholders(len(chunk))}) GROUP BY item)",
                chunk,
            )
        )
    return found


def derived_id(parent_sha256: str, locator: Locator) -> str:
    """Give the id of a derived item.

    >>> derived_id("ab" * 32, Locator(Kind.PAGE, page=1, dpi=200.0))
    'cf9e186215370fb3'
    """
    return item_id(locator.sha256(parent_sha256))


def _count(store: Store) -> int:
    return int(store.value("SELECT count(*) FROM records"))


def _json(locator: Locator) -> str:
    return json.dumps({k: v for k, v in asdict(locator).items() if v is not None})


def _locator(text: str) -> Locator:
    values = json.loads(text)
    if values.get("box") is not None:
        values["box"] = tuple(values["box"])
    return Locator(**(values | {"kind": Kind(values["kind"])}))

"""Sources, items, records and failures: what the corpus holds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediacorpus.errors import UnknownName
from mediacorpus.records import SKIPPED, Failure, FileFacts, Kind
from mediacorpus.store import columns
from mediacorpus.store.runs import now
from mediacorpus.store.store import Store, chunks, placeholders, storable

ITEM_LENGTH = 16

FACTS: tuple[str, ...] = FileFacts.__slots__
"""Columns of the items that hold the header's facts."""

INSERT_ITEM = (
    f"INSERT INTO items (item, sha256, {', '.join(FACTS)}, run) "
    f"VALUES ({placeholders(len(FACTS) + 3)}) ON CONFLICT (sha256) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class NewRecord:
    """One occurrence of an image that is about to be written.

    `key` identifies the occurrence: adding the same key again is no second record.
    """

    key: str
    path: Path | str
    size: int
    mtime_ns: int
    sha256: str
    facts: FileFacts
    columns: Mapping[str, Any]
    stored: str | None = None
    """Path, relative to the corpus, of a copy that the corpus keeps itself."""
    describes: str | None = None
    """Key of the file's own record, which takes this one's columns in place of a new record."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows of a record: its item and the file as it was."""

    item: str
    path: str
    size: int
    mtime_ns: int
    columns: str
    stored: str | None
    key: str = ""
    filled_by: str | None = None
    """Key of the row of a table whose columns a file's own record holds."""


def item_id(sha256: str) -> str:
    """Give the id of an item: the first 16 hexadecimal digits of the SHA-256 of its bytes.

    >>> item_id("ab" * 32)
    'abababababababab'
    """
    return sha256[:ITEM_LENGTH]


def colliding(store: Store, hashes: Iterable[str]) -> set[str]:
    """Return those of some SHA-256 whose ids other contents have, here or before them in the list.

    By chance no two files share an id; but two can be made that do.
    """
    listed = list(dict.fromkeys(hashes))
    first: dict[str, str] = {}
    for chunk in chunks({item_id(digest) for digest in listed}):
        rows = store.rows(
            f"SELECT item, sha256 FROM items WHERE item IN ({placeholders(len(chunk))})", chunk
        )
        first.update((str(item), str(digest)) for item, digest in rows)
    return {digest for digest in listed if first.setdefault(item_id(digest), digest) != digest}


def path_text(path: Path | str) -> str:
    r"""Write a path as text that any database holds; bytes that are no UTF-8 become `\xNN`.

    >>> path_text(Path("a.jpg"))
    'a.jpg'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _raw(path: Path | str) -> bytes | None:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path)
    return None


def add_source(store: Store, kind: str, *, location: Path, run: int) -> int:
    """Return the id of a source, written down on first sight.

    `location` is kept as an absolute path and, so that a corpus can be moved together with
    its images, also relative to the corpus folder. A source that was moved so is the same
    source still: its records get their new paths.
    """
    text = path_text(location)
    found = store.value("SELECT source FROM sources WHERE kind = ? AND location = ?", (kind, text))
    if found is not None:
        return int(found)
    try:
        relative = path_text(Path(os.path.relpath(location, store.folder.absolute())))
    except ValueError:  # another drive on Windows
        relative = None
    moved = _take_along(store, kind, location=location, relative=relative)
    if moved is not None:
        return moved
    return store.execute(
        "INSERT INTO sources (kind, location, relative, run) VALUES (?, ?, ?, ?)",
        (kind, text, relative, run),
    )


def _take_along(store: Store, kind: str, *, location: Path, relative: str | None) -> int | None:
    """Find a source that moved here together with the corpus, and set down its new place."""
    for source, old in store.rows(
        "SELECT source, location FROM sources WHERE kind = ? AND relative = ?", (kind, relative)
    ):
        if Path(old).exists():
            continue
        before, after = (
            (Path(old), location) if kind == "folder" else (Path(old).parent, location.parent)
        )
        start, row_start = path_text(before) + os.sep, f"row:{old}#"
        with store.transaction():
            store.execute(
                "UPDATE sources SET location = ? WHERE source = ?", (path_text(location), source)
            )
            rows = store.rows(
                "SELECT record, key, path, path_raw FROM records WHERE substr(path, 1, ?) = ? "
                "OR substr(key, 1, ?) = ?",
                (len(start), start, len(row_start), row_start),
            )
            store.executemany(
                "UPDATE OR IGNORE records SET key = ?, path = ?, path_raw = ? WHERE record = ?",
                [
                    _new_place(row, before=(start, row_start), after=(after, location))
                    for row in rows
                ],
            )
            store.execute(
                "UPDATE OR IGNORE records SET filled_by = ? || substr(filled_by, ?) "
                "WHERE substr(filled_by, 1, ?) = ?",
                (f"row:{path_text(location)}#", len(row_start) + 1, len(row_start), row_start),
            )
            store.execute(
                "DELETE FROM failures WHERE stage = 'add' AND substr(path, 1, ?) = ?",
                (len(start), start),
            )
        return int(source)
    return None


def _new_place(
    row: tuple[int, str, str, bytes | None], *, before: tuple[str, str], after: tuple[Path, Path]
) -> tuple[str, str, bytes | None, int]:
    """Give key and path that a record has after its source was moved."""
    record, key, path, raw = row
    start, row_start = before
    if path.startswith(start):
        own = key == f"file:{path}"
        path = path_text(after[0]) + os.sep + path[len(start) :]
        key = f"file:{path}" if own else key
        if raw is not None and raw.startswith(os.fsencode(start)):
            raw = os.fsencode(after[0] / "x")[:-1] + raw[len(os.fsencode(start)) :]
    if key.startswith(row_start):
        key = f"row:{path_text(after[1])}#{key[len(row_start) :]}"
    return key, path, raw, record


def known_records(store: Store, keys: Iterable[str]) -> dict[str, Known]:
    """Return what is known under each of some keys, those of rows that describe a file too."""
    found: dict[str, Known] = {}
    for chunk in chunks(keys):
        for asked in ("key", "filled_by"):
            for key, *rest in store.rows(
                f"SELECT {asked}, item, path, size, mtime_ns, columns, stored, key, filled_by "
                f"FROM records WHERE {asked} IN ({placeholders(len(chunk))})",
                chunk,
            ):
                found[key] = Known(*rest)
    return found


def write_records(
    store: Store, records: Sequence[NewRecord], *, source: int, run: int
) -> dict[str, int]:
    """Write records and the items that are new; return counts of each.

    Adding a key that is there updates its record. Returns `{"items": …, "records": …,
    "changed": …, "described": …}`.
    """
    counts = {"items": 0, "records": 0, "changed": 0, "described": 0}
    if not records:
        return counts
    distinct: dict[str, FileFacts] = {}
    for record in records:
        distinct.setdefault(record.sha256, record.facts)
    with store.transaction():
        counts["items"] = store.executemany(
            INSERT_ITEM,
            [item_row(sha256, facts, run) for sha256, facts in distinct.items()],
        )
        written = {record.key: record for record in records}
        described = {r.key: r for r in written.values() if r.describes is not None}
        known = known_records(store, written)
        bare = [r.describes for r in described.values() if r.key not in known and r.describes]
        counts["described"] = len(bare)
        counts["changed"] = len(known)
        counts["records"] = len(written) - len(known) - len(bare)
        store.executemany(
            "UPDATE records SET item = ?, size = ?, mtime_ns = ?, columns = ?, filled_by = ? "
            "WHERE key = ?",
            [
                (item_id(r.sha256), r.size, r.mtime_ns, _json(r.columns), r.key, r.describes)
                for r in described.values()
            ],
        )
        store.executemany(
            "INSERT INTO records (item, source, key, path, path_raw, size, mtime_ns, columns, "
            "stored, run) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO UPDATE SET "
            "item = excluded.item, path = excluded.path, path_raw = excluded.path_raw, "
            "size = excluded.size, mtime_ns = excluded.mtime_ns, columns = excluded.columns, "
            "stored = excluded.stored, run = excluded.run",
            [_record_row(r, source, run) for r in written.values() if r.key not in described],
        )
        _forget_of_former(store, {one.item for one in known.values()})
        columns.learn(
            store,
            [record.columns for record in written.values()],
            old=[one.columns for one in known.values()],
            run=run,
        )
    return counts


def _forget_of_former(store: Store, items: Iterable[str]) -> None:
    """Remove what failed of contents that no file holds any more: the files have changed."""
    for chunk in chunks(items):
        store.execute(
            f"DELETE FROM failures WHERE subject IN ({placeholders(len(chunk))}) "
            "AND NOT EXISTS (SELECT 1 FROM records WHERE records.item = subject)",
            chunk,
        )


def adopt(store: Store, paths: Iterable[str], *, source: int) -> None:
    """Let records of rows that name a file become the file's own, which the row describes.

    So a file that comes with a folder after it came with a table has one record. Of several rows
    about one file the first is taken.
    """
    for chunk in chunks(paths):
        store.execute(
            "UPDATE OR IGNORE records SET filled_by = key, key = 'file:' || path, source = ? "
            "WHERE record IN (SELECT min(record) FROM records "
            f"WHERE path IN ({placeholders(len(chunk))}) AND substr(key, 1, 4) = 'row:' "
            "AND stored IS NULL AND parent IS NULL GROUP BY path)",
            [source, *chunk],
        )


def item_row(sha256: str, facts: FileFacts, run: int) -> tuple[Any, ...]:
    """Give the values of one item for `INSERT_ITEM`."""
    values = [getattr(facts, name) for name in FACTS]
    return (
        item_id(sha256),
        sha256,
        *(int(v) if isinstance(v, bool) else v for v in values),
        run,
    )


def _json(columns: Mapping[str, Any]) -> str:
    return json.dumps(dict(columns), ensure_ascii=False, default=str)


def _record_row(record: NewRecord, source: int, run: int) -> tuple[Any, ...]:
    return (
        item_id(record.sha256),
        source,
        record.key,
        path_text(record.path),
        _raw(record.path),
        record.size,
        record.mtime_ns,
        _json(record.columns),
        record.stored,
        run,
    )


def facts_of(store: Store, items: Sequence[str]) -> dict[str, FileFacts]:
    """Return the header facts of some items."""
    found: dict[str, FileFacts] = {}
    for chunk in chunks(items):
        for item, *rest in store.rows(
            f"SELECT item, {', '.join(FACTS)} FROM items "
            f"WHERE item IN ({placeholders(len(chunk))})",
            chunk,
        ):
            facts = dict(zip(FACTS, rest, strict=True))
            facts["alpha"], facts["icc"] = bool(facts["alpha"]), bool(facts["icc"])
            facts["kind"] = Kind(facts["kind"])
            found[item] = FileFacts(**facts)
    return found


def locate(store: Store, items: Sequence[str], *, most: int = 4) -> dict[str, tuple[Path, ...]]:
    """Say where the bytes of some files may be: up to `most` paths for each, oldest first.

    A path that many records name counts once. What the corpus keeps itself is looked for
    there. Where a file is gone, the same place relative to the corpus folder is given instead.
    """
    return {item: tuple(there) for item, there in stamped(store, items, most=most).items()}


def stamped(
    store: Store, items: Sequence[str], *, most: int = 4
) -> dict[str, dict[Path, frozenset[tuple[int, int]]]]:
    """Say where the bytes of some files may be, as `locate`, and how each was when it was read.

    Returns for each item its paths with the pairs of size and time of change that records of
    them hold. What the corpus keeps itself has none: its records tell of the archive.
    """
    found: dict[str, dict[Path, frozenset[tuple[int, int]]]] = {item: {} for item in items}
    for chunk in chunks(items):
        for item, path, raw, stored, stamps, *source in store.rows(
            "SELECT records.item, records.path, path_raw, stored, "
            "json_group_array(DISTINCT size || ' ' || mtime_ns), kind, location, relative "
            "FROM records JOIN sources USING (source) "
            f"WHERE records.item IN ({placeholders(len(chunk))}) "
            "GROUP BY records.item, coalesce(stored, records.path) ORDER BY min(record)",
            chunk,
        ):
            there = found[item]
            if len(there) >= most:
                continue
            if stored is not None:
                there[store.folder / stored] = frozenset()
                continue
            original = Path(os.fsdecode(raw)) if raw is not None else Path(path)
            known = [pair.split() for pair in json.loads(stamps)]
            where = _moved(original, source, store.folder)
            there[where] = frozenset((int(size), int(time)) for size, time in known)
    return found


def _moved(path: Path, source: Sequence[str | None], folder: Path) -> Path:
    kind, location, relative = source
    if path.exists() or location is None or relative is None:
        return path
    # Compared as they are written: links on the way must not bend the `..`.
    before, now_at = Path(location), Path(os.path.normpath(folder.absolute() / relative))
    if kind != "folder":
        before, now_at = before.parent, now_at.parent
    try:
        return now_at / path.relative_to(before)
    except ValueError:
        return path


def write_failures(store: Store, failures: Iterable[Failure], run: int) -> int:
    """Write failures, one row for each stage and subject; return how many were given."""
    time = now()
    rows = [(f.stage, *map(storable, (f.subject, f.path, f.reason)), time, run) for f in failures]
    if rows:
        with store.transaction():
            store.executemany(
                "INSERT INTO failures (stage, subject, path, reason, time, run) "
                "VALUES (?,?,?,?,?,?) ON CONFLICT (stage, subject) DO UPDATE SET "
                "reason = excluded.reason, time = excluded.time, run = excluded.run",
                rows,
            )
    return len(rows)


def forget_failures(store: Store, stage: str, subjects: Iterable[str]) -> None:
    """Remove failures that no longer hold."""
    for chunk in chunks(subjects):
        store.execute(
            f"DELETE FROM failures WHERE stage = ? AND subject IN ({placeholders(len(chunk))})",
            [stage, *chunk],
        )


def forget_older_failures(store: Store, source: str, *, run: int) -> None:
    """Remove what earlier passes over a source listed and this whole pass did not."""
    store.execute(
        "DELETE FROM failures WHERE stage IN ('add', ?) AND run IN (SELECT run FROM runs WHERE "
        "verb = 'add' AND run < ? AND json_extract(parameters, '$.source') = ?)",
        (SKIPPED, run, source),
    )


def count_failures(store: Store, run: int) -> int:
    """Count the failures that a run has listed, without files that are no media."""
    return int(
        store.value("SELECT count(*) FROM failures WHERE run = ? AND stage <> ?", (run, SKIPPED))
    )


def resolve_item(store: Store, text: str) -> str:
    """Find the item that `text` means: an item id, the first digits of one, or a file's name.

    A name is the path of a file, or as much of its end as tells it from others.

    Raises
    ------
    UnknownName
        No item, or more than one, is meant by `text`.
    """
    found = [
        row[0]
        for row in store.rows(
            "SELECT item FROM items WHERE item >= ? AND item < ? ORDER BY item LIMIT 4",
            (text.lower(), text.lower() + "g"),
        )
    ]
    if len(found) == 1:
        return str(found[0])
    if found:
        raise UnknownName(
            f"More than one item begins with {text!r} ({', '.join(found[:3])}"
            f"{' …' if len(found) > 3 else ''}). Give more of its digits."  # noqa: PLR2004
        )
    named = _items_of_file(store, text)
    if len(named) == 1:
        return named[0]
    if named:
        raise UnknownName(
            f"More than one item has a file that is named {text!r}. Give more of its path, or the "
            f"item's id ({', '.join(named[:3])}{' …' if len(named) > 3 else ''})."  # noqa: PLR2004
        )
    raise UnknownName(
        f"There is no item {text!r}. An item is named by its id, by the first digits of it, or by "
        "the name of its file; `mediacorpus items` and `mediacorpus records` list them."
    )


def _items_of_file(store: Store, text: str) -> list[str]:
    """Give the items of the files whose path is `text` or ends with it."""
    if not text:
        return []
    path = Path(text)
    whole = {text, path_text(path), path_text(Path(os.path.abspath(path)))}  # noqa: PTH100 - no links
    query = "SELECT DISTINCT item, items.parent FROM records JOIN items USING (item) WHERE"
    rows = store.rows(f"{query} records.path IN ({placeholders(len(whole))})", [*whole])
    if not rows:
        end = text.replace("\\", "/").lstrip("/").removeprefix("./")
        ends = (-len(end) - 1, f"/{end}")
        rows = store.rows(f"{query} substr(replace(records.path, '\\', '/'), ?) = ?", ends)
    # A frame of a video lies in the same file as the video, which is what the name means.
    whole_files = [str(item) for item, parent in rows if parent is None]
    return whole_files or [str(item) for item, _ in rows]

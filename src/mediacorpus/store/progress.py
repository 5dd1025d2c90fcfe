"""Which items a measure has done: setups, parts, and what is left."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mediacorpus.errors import unknown
from mediacorpus.records import VISUAL, Info, Kind, Shape
from mediacorpus.store.runs import now
from mediacorpus.store.store import Store, chunks, placeholders

HELD = "EXISTS (SELECT 1 FROM records WHERE records.item = items.item)"
"""Whether any file is known to hold the item still."""


KEPT_HOURS = 1
"""How long the file of a part stays after another one took its place."""


def of_kinds(kinds: Iterable[Kind]) -> str:
    """Give the SQL condition for an item that is of one of some kinds.

    >>> of_kinds([Kind.IMAGE, Kind.PAGE])
    "items.kind IN ('image', 'page')"
    """
    return f"items.kind IN ({', '.join(repr(kind.value) for kind in kinds)})"


_NUMBERS = itertools.count()
VISUAL_ITEMS = of_kinds(VISUAL)
"""The SQL condition for an item that can be drawn."""


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file that is about to be recorded."""

    setup: int
    file: str
    rows: int
    bytes: int
    items: Sequence[int]


@dataclass(frozen=True, slots=True)
class Left:
    """Items that lack the same setups.

    Parameters
    ----------
    mask:
        One character for each setup that was asked for: `"1"` where it is missing.
    setups:
        Those that are missing.
    first, last:
        Numbers of the first and the last item.
    count:
        How many items there are.
    """

    mask: str
    setups: tuple[int, ...]
    first: int
    last: int
    count: int


def setup_id(store: Store, info: Info, parameters: Mapping[str, Any], *, run: int) -> int:
    """Return the id of a measure with its version and parameters, noted on first sight.

    It becomes the setup whose rows the measure's table shows.
    """
    key = (info.name, info.version, json.dumps(dict(parameters), sort_keys=True, default=str))
    found = store.value(
        "SELECT setup FROM setups WHERE name = ? AND version = ? AND parameters = ?", key
    )
    if found is not None:
        store.execute("UPDATE setups SET used = ? WHERE setup = ?", (run, found))
        return int(found)
    facts = asdict(info) | {"shape": info.shape.value, "outputs": dict(info.outputs)}
    return store.execute(
        "INSERT INTO setups (name, version, parameters, info, used) VALUES (?, ?, ?, ?, ?)",
        (*key, json.dumps(facts), run),
    )


@contextmanager
def chosen(store: Store, items: Iterable[str] | None) -> Iterator[str]:
    """Give the SQL condition for an item that is one of some, or for any item where None is given.

    It holds for queries of this thread within the block.
    """
    if items is None:
        yield "TRUE"
        return
    name = f"temp.chosen_{next(_NUMBERS)}"
    with store.transaction():
        store.execute(f"CREATE TABLE {name} (item TEXT PRIMARY KEY) WITHOUT ROWID")
        store.executemany(f"INSERT OR IGNORE INTO {name} VALUES (?)", [(item,) for item in items])
    try:
        yield f"items.item IN (SELECT item FROM {name})"
    finally:
        store.execute(f"DROP TABLE {name}")


def pending(
    store: Store,
    setups: Sequence[int],
    *,
    size: int,
    of: str | None = None,
    only: str = "TRUE",
    known: Sequence[Left] | None = None,
) -> Iterator[tuple[tuple[int, ...], list[tuple[int, str]]]]:
    """Give the items that some of the setups have not measured yet, part by part.

    Yields the setups that are missing and up to `size` items `(n, item)` that lack just
    those. Within one call no item is given twice, whether or not it was measured meanwhile.
    Items whose last record has gone over to other content are left out, and so are, for each
    setup, the kinds of items that it cannot measure. What a measure found in others, such as
    faces, is given only where `of` names that measure. `only` is what `chosen` gave, `known` what
    `lacking` found before.
    """
    held, flags = _held(store, of, only), _flags(store, setups)
    for left in lacking(store, setups, of=of, only=only) if known is None else known:
        last = left.first - 1
        while last < left.last:
            rows = store.rows(
                f"SELECT n, item FROM items WHERE n > ? AND n <= ? AND ({flags}) = ? AND {held} "
                "ORDER BY n LIMIT ?",
                (last, left.last, left.mask, size),
            )
            if not rows:
                break
            last = rows[-1][0]
            yield left.setups, rows


def count_pending(
    store: Store, setups: Sequence[int], *, of: str | None = None, only: str = "TRUE"
) -> int:
    """Count the items that at least one of the setups has not measured yet."""
    return sum(left.count for left in lacking(store, setups, of=of, only=only))


def lacking(
    store: Store, setups: Sequence[int], *, of: str | None = None, only: str = "TRUE"
) -> list[Left]:
    """Tell which items some setups have not measured yet, by the setups that are missing."""
    # Most items of a large corpus are done: these are put aside by their numbers alone.
    missing = " UNION ".join(f"SELECT n FROM items WHERE {_lacks(store, s)}" for s in setups)
    found = store.rows(
        f"SELECT {_flags(store, setups)} AS mask, min(n), max(n), count(*) FROM items "
        f"WHERE n IN ({missing}) AND {_held(store, of, only)} "
        "GROUP BY mask ORDER BY mask"
    )
    return [
        Left(
            str(mask),
            tuple(s for s, flag in zip(setups, str(mask), strict=True) if flag == "1"),
            *rest,
        )
        for mask, *rest in found
        if "1" in str(mask)
    ]


def _flags(store: Store, setups: Sequence[int]) -> str:
    """Give the SQL expression for a text that says of each setup whether an item lacks it."""
    return "'' || " + " || ".join(f"({_lacks(store, setup)})" for setup in setups)


def _held(store: Store, of: str | None, only: str) -> str:
    """Give the SQL condition for an item that is there still and is to be measured."""
    if of is None and only == "TRUE":
        return f"{HELD} AND found_by IS NULL"
    # A region is there as long as a file holds what it lies in.
    above = (
        "EXISTS (WITH RECURSIVE above (item, parent) AS (SELECT items.item, items.parent UNION "
        "SELECT up.item, up.parent FROM items AS up JOIN above ON up.item = above.parent) "
        "SELECT 1 FROM above JOIN records ON records.item = above.item)"
    )
    if of is None:
        return f"{only} AND {above}"
    finders = sorted(
        row[0] for row in store.rows("SELECT DISTINCT found_by FROM items") if row[0] is not None
    )
    if of not in finders:
        raise unknown("measure that has found regions", of, finders)
    literal = of.replace("'", "''")
    return f"{only} AND found_by = '{literal}' AND {above}"


def _lacks(store: Store, setup: int) -> str:
    """Give the SQL condition for an item that a setup can measure and has not measured."""
    text = str(store.value("SELECT info FROM setups WHERE setup = ?", (int(setup),)))
    return (
        f"NOT EXISTS (SELECT 1 FROM measured WHERE setup = {int(setup)} AND n = items.n) "
        f"AND {of_kinds(info_from(json.loads(text)).kinds)}"
    )


def record_parts(
    store: Store, parts: Iterable[Part], *, failed: Mapping[int, Sequence[int]], run: int
) -> None:
    """Write down, in one transaction, the parts of a run and the items that failed.

    `failed` maps a setup to the items that it could not measure.
    """
    with store.transaction():
        for part in parts:
            number = store.execute(
                "INSERT INTO parts (setup, run, file, rows, bytes) VALUES (?, ?, ?, ?, ?)",
                (part.setup, run, part.file, part.rows, part.bytes),
            )
            store.executemany(
                "INSERT INTO measured (setup, n, part) VALUES (?, ?, ?)",
                [(part.setup, n, number) for n in part.items],
            )
        for setup, items in failed.items():
            store.executemany(
                "INSERT INTO measured (setup, n, part) VALUES (?, ?, NULL)",
                [(setup, n) for n in items],
            )


def forget_failed(store: Store, setups: Sequence[int]) -> int:
    """Let the items that failed under some setups be tried again; return how many."""
    marks = placeholders(len(setups))
    with store.transaction():
        items = store.rows(
            "SELECT DISTINCT items.item FROM measured JOIN items USING (n) "
            f"WHERE part IS NULL AND setup IN ({marks})",
            setups,
        )
        store.execute(f"DELETE FROM measured WHERE part IS NULL AND setup IN ({marks})", setups)
        # A file that could not be read stays listed while it still keeps other measures waiting.
        stages = (
            f"(stage IN (SELECT name FROM setups WHERE setup IN ({marks})) OR (stage = 'read' "
            "AND NOT EXISTS (SELECT 1 FROM measured JOIN items USING (n) "
            "WHERE part IS NULL AND item = subject)))"
        )
        for chunk in chunks([row[0] for row in items]):
            store.execute(
                f"DELETE FROM failures WHERE {stages} AND subject IN ({placeholders(len(chunk))})",
                [*setups, *chunk],
            )
    return len(items)


def count_failed(store: Store, setups: Sequence[int]) -> int:
    """Count the items that failed under at least one of some setups."""
    return int(
        store.value(
            "SELECT count(DISTINCT n) FROM measured INDEXED BY measured_failed "
            "JOIN items USING (n) "
            f"WHERE part IS NULL AND {HELD} AND setup IN ({placeholders(len(setups))})",
            setups,
        )
    )


def current_setups(store: Store) -> dict[str, tuple[int, Info]]:
    """Return, for each table of measures, the setup whose rows it shows and its facts.

    It is the setup that was used last; for a model, that of the model in force. What an earlier
    model of the same name predicted is not shown.
    """
    found: dict[str, tuple[int, Info]] = {}
    for name, setup, text in store.rows(
        "SELECT name, setup, info FROM setups LEFT JOIN models ON model = name WHERE model IS NULL "
        "OR json_extract(parameters, '$.hash') = hash ORDER BY used, setup"
    ):
        found[name] = (setup, info_from(json.loads(text)))
    return found


def outside(store: Store) -> set[str]:
    """Return the names of measures whose values were imported from a table."""
    return {
        str(name)
        for (name,) in store.rows(
            "SELECT DISTINCT name FROM setups WHERE json_extract(parameters, '$.origin') "
            "IS NOT NULL"
        )
    }


def setup_of(store: Store, identity: Mapping[str, Any]) -> int | None:
    """Return the id of a measure's setup by its `name`, `version` and `parameters`, if known."""
    found = store.value(
        "SELECT setup FROM setups WHERE name = ? AND version = ? AND parameters = ?",
        (
            identity["name"],
            identity["version"],
            json.dumps(dict(identity["parameters"]), sort_keys=True, default=str),
        ),
    )
    return None if found is None else int(found)


def identity_of(store: Store, setup: int) -> dict[str, Any]:
    """Return the `name`, `version` and `parameters` of a setup."""
    ((name, version, text),) = store.rows(
        "SELECT name, version, parameters FROM setups WHERE setup = ?", (setup,)
    )
    return {"name": name, "version": version, "parameters": json.loads(text)}


def info_from(facts: dict[str, Any]) -> Info:
    """Make an `Info` from what `setup_id` stored."""
    kinds = facts.get("kinds")
    return Info(
        **(
            facts
            | {"shape": Shape(facts["shape"])}
            | {"kinds": VISUAL if kinds is None else tuple(map(Kind, kinds))}
        )
    )


def files_of(store: Store, setup: int) -> list[Path]:
    """Return the recorded Parquet files of a setup, oldest first."""
    return [
        store.folder / row[0]
        for row in store.rows("SELECT file FROM parts WHERE setup = ? ORDER BY part", (setup,))
    ]


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A Parquet file that is recorded, with the number of items that it answers for."""

    part: int
    file: str
    rows: int
    bytes: int
    items: int


def count_parts(store: Store, setup: int) -> int:
    """Count the recorded files of a setup."""
    return int(store.value("SELECT count(*) FROM parts WHERE setup = ?", (setup,)))


def parts_of(store: Store, setup: int) -> list[StoredPart]:
    """Return the recorded files of a setup, oldest first."""
    return [
        StoredPart(*row)
        for row in store.rows(
            "SELECT parts.part, file, rows, bytes, ifnull(items, 0) FROM parts LEFT JOIN "
            "(SELECT part, count(*) AS items FROM measured WHERE setup = ? GROUP BY part) "
            "USING (part) WHERE setup = ? ORDER BY parts.part",
            (setup, setup),
        )
    ]


def replace_parts(
    store: Store, setup: int, new: Sequence[tuple[StoredPart, Sequence[int]]], *, run: int
) -> None:
    """Record new parts in place of old ones, given as ids, in one transaction."""
    # For each part that goes, SQLite would look through all that was measured for its number.
    with store.unchecked(), store.transaction():
        store.execute(
            "CREATE TEMP TABLE IF NOT EXISTS moved (old INTEGER PRIMARY KEY, new INTEGER)"
        )
        store.execute("DELETE FROM moved")
        for part, old in new:
            number = store.execute(
                "INSERT INTO parts (setup, run, file, rows, bytes) VALUES (?, ?, ?, ?, ?)",
                (setup, run, part.file, part.rows, part.bytes),
            )
            store.executemany("INSERT INTO moved VALUES (?, ?)", [(one, number) for one in old])
        store.execute(
            "UPDATE measured SET part = (SELECT new FROM moved WHERE old = part) "
            "WHERE setup = ? AND part IN (SELECT old FROM moved)",
            (setup,),
        )
        store.execute(
            "INSERT INTO replaced SELECT file, ? FROM parts WHERE part IN (SELECT old FROM moved)",
            (now(),),
        )
        store.execute("DELETE FROM parts WHERE part IN (SELECT old FROM moved)")


def spans_of(store: Store, setup: int) -> list[tuple[Path, int, int]]:
    """Return the recorded files of a setup with the first and last number of their items."""
    return [
        (store.folder / file, first, last)
        for file, first, last in store.rows(
            "SELECT file, first, last FROM parts JOIN (SELECT part, min(n) AS first, "
            "max(n) AS last FROM measured WHERE setup = ? AND part IS NOT NULL GROUP BY part) "
            "USING (part) ORDER BY part",
            (setup,),
        )
    ]


def info_of(store: Store, setup: int) -> Info:
    """Return the facts of the measure of a setup."""
    text = str(store.value("SELECT info FROM setups WHERE setup = ?", (setup,)))
    return info_from(json.loads(text))


def recorded_files(store: Store) -> dict[int, set[str]]:
    """Return run -> the files that it has recorded, relative to the corpus folder.

    Runs that are still under way are left out. Files that others took the place of not long ago
    count still: somebody may be reading them.
    """
    store.execute(
        "DELETE FROM replaced WHERE julianday(time) < julianday(?) - ?", (now(), KEPT_HOURS / 24)
    )
    found: dict[int, set[str]] = {}
    for run, file in store.rows(
        "SELECT runs.run, file FROM runs LEFT JOIN parts USING (run) WHERE status <> 'running'"
    ):
        own = found.setdefault(run, set())
        if file is not None:
            own.add(file)
    for (file,) in store.rows("SELECT file FROM replaced"):
        run = int(file.split("/")[-2])  # tables/<name>/<run>/<part>
        if run in found:
            found[run].add(file)
    return found

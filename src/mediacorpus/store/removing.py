"""Take a source out of the catalogue: its records, labels, and items that nothing else holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mediacorpus.errors import UnknownName, unknown
from mediacorpus.store import columns
from mediacorpus.store.holdings import path_text
from mediacorpus.store.store import Store

OF_SOURCE = (
    "run IN (SELECT run FROM runs WHERE verb = 'add' AND json_extract(parameters, '$.source') = ?)"
)
"""Whether a row came with a source, named by its place."""


@dataclass(slots=True)
class Gone:
    """How much went with a source."""

    records: int = 0
    described: int = 0
    labels: int = 0
    items: int = 0
    kept: int = 0


def find_source(store: Store, name: str) -> tuple[list[int], str]:
    """Return the ids and the place of a source, named by its path or as records have it.

    Raises
    ------
    UnknownName
        There is no such source.
    """
    rows = store.rows("SELECT source, kind || ':' || source, location FROM sources")
    place = path_text(Path(name).expanduser().absolute())
    normal = path_text(Path(place).resolve())
    for wanted in (name, place, normal):
        found = [(int(n), str(where)) for n, own, where in rows if wanted in {own, where}]
        if found:
            return [n for n, _ in found], found[0][1]
    ends = [(int(n), str(where)) for n, _, where in rows if Path(where).name == Path(name).name]
    if len({where for _, where in ends}) == 1:
        return [n for n, _ in ends], ends[0][1]
    if not rows:
        raise UnknownName("Nothing has been added to this corpus, so nothing can be removed.")
    raise unknown("source", name, [str(where) for _, _, where in rows])


def take_records(store: Store, sources: Sequence[int], place: str) -> Gone:
    """Delete the records and labels that came with a source, and note which items lost any.

    What a row of a table says of a file that another source holds goes with its table; what it
    says of a file of the source stays as a record of the table. The items are left in the
    temporary table `touched`.
    """
    gone = Gone()
    store.execute("CREATE TEMP TABLE IF NOT EXISTS touched (item TEXT PRIMARY KEY)")
    store.execute("DELETE FROM touched")
    start = f"row:{place}#"
    gone.described = store.executemany(
        "UPDATE records SET columns = '{}', filled_by = NULL WHERE substr(filled_by, 1, ?) = ?",
        [(len(start), start)],
    )
    # Rows about regions are records of their image's source.
    store.execute(
        "INSERT OR IGNORE INTO touched SELECT item FROM records WHERE substr(key, 1, ?) = ?",
        (len(start), start),
    )
    gone.records = store.executemany(
        "DELETE FROM records WHERE substr(key, 1, ?) = ? AND parent IS NOT NULL",
        [(len(start), start)],
    )
    for source in sources:
        _back_to_tables(store, source)
        store.execute(
            "INSERT OR IGNORE INTO touched SELECT item FROM records WHERE source = ?", (source,)
        )
        for own in ("parent IS NOT NULL", "parent IS NULL"):
            gone.records += store.executemany(
                f"DELETE FROM records WHERE source = ? AND {own}", [(source,)]
            )
        store.execute("DELETE FROM sources WHERE source = ?", (source,))
    gone.labels = store.executemany(f"DELETE FROM labels WHERE {OF_SOURCE}", [(place,)])
    store.execute(
        f"DELETE FROM split_items WHERE split IN (SELECT split FROM splits WHERE {OF_SOURCE})",
        (place,),
    )
    store.execute(
        f"DELETE FROM splits WHERE {OF_SOURCE} AND split NOT IN (SELECT split FROM models)",
        (place,),
    )
    store.execute(f"DELETE FROM failures WHERE {OF_SOURCE}", (place,))
    columns.forget(store)
    return gone


def _back_to_tables(store: Store, source: int) -> None:
    """Give the records that rows describe to the tables of these rows, where they are sources."""
    for record, key, row, table in store.rows(
        "SELECT record, key, filled_by, t.source FROM records AS r JOIN sources AS t "
        "ON t.kind = 'table' AND substr(filled_by, 1, length(location) + 5) "
        "= 'row:' || location || '#' WHERE r.source = ? AND filled_by IS NOT NULL",
        (source,),
    ):
        store.execute(
            "UPDATE records SET key = filled_by, filled_by = NULL, source = ? WHERE record = ?",
            (table, record),
        )
        store.execute(
            "UPDATE records SET key = ? || substr(key, ?), source = ? WHERE parent = ?",
            (row, len(key) + 1, table, record),
        )


def find_items(store: Store, gone: Gone, *, labels: bool) -> None:
    """Put the items that are held by nothing now into the temporary table `gone`.

    These are files without a record, all that was taken out of them, and regions that only rows
    of the source were about. Those that have labels stay, with the file that they are in, unless
    `labels` is true.
    """
    store.execute("CREATE TEMP TABLE IF NOT EXISTS gone (item TEXT PRIMARY KEY, n INTEGER)")
    store.execute("DELETE FROM gone")
    store.execute(
        "INSERT INTO gone WITH RECURSIVE below (item, n) AS ("
        "SELECT item, n FROM items WHERE item IN (SELECT item FROM touched) "
        "AND found_by IS NULL AND (parent IS NULL OR kind = 'region') "
        "AND NOT EXISTS (SELECT 1 FROM records WHERE records.item = items.item) "
        "UNION SELECT items.item, items.n FROM items JOIN below ON items.parent = below.item) "
        "SELECT item, n FROM below"
    )
    if not labels:
        gone.kept = store.executemany(
            "DELETE FROM gone WHERE item IN (WITH RECURSIVE above (item) AS ("
            "SELECT DISTINCT item FROM labels WHERE item IN (SELECT item FROM gone) "
            "UNION SELECT parent FROM items JOIN above USING (item) WHERE parent IS NOT NULL) "
            "SELECT item FROM above)",
            [()],
        )


def drop_items(store: Store, gone: Gone) -> list[str]:
    """Delete the items in the temporary table `gone`; return the copies that nothing needs now.

    The copies are files of the corpus, by their paths relative to it.
    """
    among = "(SELECT item FROM gone)"
    gone.labels += store.executemany(f"DELETE FROM labels WHERE item IN {among}", [()])
    for table in ("split_items", "shots"):
        store.execute(f"DELETE FROM {table} WHERE item IN {among}")
    store.execute("DELETE FROM measured WHERE n IN (SELECT n FROM gone)")
    store.execute(f"DELETE FROM failures WHERE subject IN {among}")
    hashes = [str(h) for (h,) in store.rows(f"SELECT sha256 FROM items WHERE item IN {among}")]
    gone.items = store.executemany(f"DELETE FROM items WHERE item IN {among}", [()])
    return _copies(store, hashes)


def _copies(store: Store, hashes: Sequence[str]) -> list[str]:
    from mediacorpus.store.originals import MEDIA

    found = []
    for digest in hashes:
        store.execute("DELETE FROM downloads WHERE sha256 = ?", (digest,))
        folder = store.folder / MEDIA / digest[:2]
        found += [path.relative_to(store.folder).as_posix() for path in folder.glob(f"{digest}*")]
    return found


def parts_of_gone(store: Store) -> list[tuple[int, int, str]]:
    """Return setup, part and file of the parts that hold rows of the items in `gone`."""
    return [
        (int(setup), int(part), str(file))
        for setup, part, file in store.rows(
            "SELECT DISTINCT measured.setup, measured.part, file FROM measured "
            "JOIN parts USING (part) WHERE n IN (SELECT n FROM gone)"
        )
    ]

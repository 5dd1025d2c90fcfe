"""The verb `remove`: a source out of the corpus again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mediacorpus.result import Result, counted
from mediacorpus.store import progress, removing
from mediacorpus.store.parts import next_number, read_parts, write_part
from mediacorpus.store.progress import StoredPart
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store


@dataclass(slots=True, repr=False)
class Removed(Result):
    """What taking a source out did.

    Parameters
    ----------
    source:
        Where it lies.
    records:
        Records that are gone.
    described:
        Records of files of other sources that lost the columns of a table.
    items:
        Items that are gone, and with them what was measured of them.
    labels:
        Labels that are gone: those that the source stated itself, and with `labels` all others of
        the items.
    kept:
        Items that nothing holds any more and that stay, since they have labels.
    """

    source: str
    records: int = 0
    described: int = 0
    items: int = 0
    labels: int = 0
    kept: int = 0

    def __str__(self) -> str:
        text = (
            f"Removed {self.source}: {counted(self.records, 'record')}, "
            f"{counted(self.items, 'item')} that nothing else holds"
        )
        if self.labels:
            text += f", {counted(self.labels, 'label')}"
        text += "."
        if self.described:
            verb = "is" if self.described == 1 else "are"
            text += f" {counted(self.described, 'record')} of other sources {verb} without columns."
        if self.kept:
            text += (
                f" {counted(self.kept, 'item')} stay{'s' * (self.kept == 1)} for the sake of "
                "labels; --labels removes them, too."
            )
        return f"{text} The files themselves were not touched."


def remove(store: Store, source: str | os.PathLike[str], *, labels: bool = False) -> Removed:
    """Take a source out of the corpus: its records, and items that nothing else holds.

    What was measured of these items goes with them. Labels that the source stated itself, such as
    class folders, go too. Files outside of the corpus are not touched.

    Parameters
    ----------
    store:
        The catalogue.
    source:
        The folder, file, archive or table that was added, or its name in the column `source` of
        the records, such as `"folder:1"`.
    labels:
        Whether items that have labels go, too, with their labels.

    Raises
    ------
    UnknownName
        There is no such source.
    """
    sources, place = removing.find_source(store, os.fspath(source))
    facts = {"source": place, "labels": labels}
    with running(store, "remove", parameters=facts) as run:
        # The items are looked for in everything that was measured; all that names them goes.
        with store.unchecked(), store.transaction():
            gone = removing.take_records(store, sources, place)
            removing.find_items(store, gone, labels=labels)
            _rewrite(store, run=run.id)
            copies = removing.drop_items(store, gone)
        for name in copies:
            with contextlib.suppress(OSError):
                (store.folder / name).unlink()
        run.done = gone.items
    return Removed(place, gone.records, gone.described, gone.items, gone.labels, gone.kept)


def _rewrite(store: Store, *, run: int) -> None:
    """Write the parts anew that hold rows of items that go, without these rows."""
    items = pa.array([str(item) for (item,) in store.rows("SELECT item FROM gone")], pa.string())
    new: dict[int, list[tuple[StoredPart, list[int]]]] = {}
    for setup, part, file in removing.parts_of_gone(store):
        info = progress.info_of(store, setup)
        rows = read_parts([store.folder / file], info).to_table()
        kept = rows.filter(pc.invert(pc.is_in(rows.column("item"), items)))
        number = next_number(store.folder, info.name, run)
        path = write_part(store.folder, _pieces(kept), name=info.name, run=run, number=number)
        name = path.relative_to(store.folder).as_posix()
        stored = StoredPart(0, name, kept.num_rows, path.stat().st_size, 0)
        new.setdefault(setup, []).append((stored, [part]))
    for setup, parts in new.items():
        progress.replace_parts(store, setup, parts, run=run)


def _pieces(rows: pa.Table) -> Iterator[pa.Table]:
    yield rows

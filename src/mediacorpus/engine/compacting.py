"""Put the many small parts of a measure together into a few larger ones.

A run that is stopped, or many runs over a few new files each, leave thousands of small files,
each of which every reader has to open.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from mediacorpus.errors import CorpusDamaged, StorageFull
from mediacorpus.records import Info
from mediacorpus.store import progress
from mediacorpus.store.parts import next_number, read_parts, write_part
from mediacorpus.store.progress import StoredPart
from mediacorpus.store.runs import Run
from mediacorpus.store.store import Store

MANY = 50
"""Small parts of one setup above which they are put together when a run ends."""

SMALL_ITEMS, SMALL_BYTES = 25_000, 32 * 2**20
"""Items and bytes below which a part is small."""

FULL_ITEMS, FULL_BYTES = 50_000, 64 * 2**20
"""Items and bytes at which a new part is full."""

_ROWS_AT_ONCE = 10_000


def compact(store: Store, setups: Sequence[int], current: Run) -> int:
    """Put small parts together where a setup has more than `MANY`; return how many went.

    The new parts are written first; then one transaction lets the catalogue name them instead of
    the old ones. A kill before it leaves the old parts in force and new files that nobody names,
    which the next run removes. The old files stay for a while, for those who read them just now.

    Parameters
    ----------
    store:
        The catalogue, with a run under way.
    setups:
        The setups to look at.
    current:
        The run that the new parts belong to.
    """
    gone = 0
    for setup in setups:
        if progress.count_parts(store, setup) <= MANY:
            continue
        small = [
            part
            for part in progress.parts_of(store, setup)
            if part.items < SMALL_ITEMS and part.bytes < SMALL_BYTES
        ]
        if len(small) > MANY:
            # What cannot be put together stays as it is, and is no fault of the run.
            with contextlib.suppress(StorageFull, CorpusDamaged):
                gone += _compact(store, setup, small, run=current.id)
    return gone


def _compact(store: Store, setup: int, small: Sequence[StoredPart], *, run: int) -> int:
    info = progress.info_of(store, setup)
    together = [group for group in _groups(small) if len(group) > 1]
    new = []
    for group in together:
        path = write_part(
            store.folder,
            _rows(info, [store.folder / part.file for part in group]),
            name=info.name,
            run=run,
            number=next_number(store.folder, info.name, run),
        )
        new.append(
            StoredPart(
                0,
                path.relative_to(store.folder).as_posix(),
                sum(part.rows for part in group),
                path.stat().st_size,
                sum(part.items for part in group),
            )
        )
    progress.replace_parts(
        store,
        setup,
        [(part, [one.part for one in group]) for part, group in zip(new, together, strict=True)],
        run=run,
    )
    return sum(map(len, together))


def _groups(parts: Sequence[StoredPart]) -> Iterator[list[StoredPart]]:
    """Cut parts, oldest first, into groups of which each makes one full part."""
    group: list[StoredPart] = []
    for part in parts:
        group.append(part)
        items, size = sum(p.items for p in group), sum(p.bytes for p in group)
        if items >= FULL_ITEMS or size >= FULL_BYTES:
            yield group
            group = []
    if group:
        yield group


def _rows(info: Info, files: Sequence[Path]) -> Iterator[pa.Table]:
    """Give the rows of some parts in pieces that are worth a row group each."""
    held: list[Any] = []
    for file in files:
        held.append(read_parts([file], info).to_table())
        if sum(table.num_rows for table in held) >= _ROWS_AT_ONCE:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)

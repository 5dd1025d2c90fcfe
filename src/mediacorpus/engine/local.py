"""Run measures over a corpus: part after part, each written and recorded before the next."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import pyarrow as pa

from mediacorpus.catalogue import derived, holdings, progress
from mediacorpus.catalogue.runs import Run
from mediacorpus.catalogue.store import Store, chunks, placeholders
from mediacorpus.engine.compacting import compact
from mediacorpus.engine.part import Engine, Options, PartResult, Prepared, Threads, Trouble, Work
from mediacorpus.engine.pool import gentle_interrupt
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.records import Failure, FileFacts, Locator
from mediacorpus.result import Result
from mediacorpus.tables import parts
from mediacorpus.tables.parts import write_part


@dataclass(frozen=True, slots=True, repr=False)
class Measured(Result):
    """What a run of measures did.

    Parameters
    ----------
    measures:
        Names of the measures.
    items:
        Items measured in this run.
    failed:
        Items that failed in this run.
    failed_before:
        Items that failed in an earlier run and were left alone.
    seconds:
        Time taken.
    note:
        A sentence about how it was done, or None.
    verb:
        How the sentence begins: `"Measured"`, or `"Applied"` for a model.
    of:
        How many items were chosen; None where all were.
    """

    measures: tuple[str, ...]
    items: int
    failed: int
    failed_before: int
    seconds: float
    note: str | None = None
    verb: str = "Measured"
    of: int | None = None

    def __str__(self) -> str:
        names = ", ".join(self.measures)
        if not self.items and not self.failed:
            every = "every item" if self.of is None else f"each of the {self.of:,} items"
            text = f"Nothing to do: {every} has {names}."
        else:
            rate = self.items / self.seconds if self.seconds else 0.0
            joint = "to" if self.verb == "Applied" else "of"
            text = (
                f"{self.verb} {names} {joint} {self.items:,} items in {self.seconds:.1f} s "
                f"({rate:.0f} items/s)."
            )
        if self.failed:
            text += f" {self.failed:,} failed: see `mediacorpus failures`."
        if self.failed_before:
            text += f" {self.failed_before:,} failed earlier; --retry tries them again."
        return text


def run(
    store: Store,
    measures: Sequence[Prepared],
    current: Run,
    *,
    options: Options,
    engine: Callable[[Options], Engine] = Threads,
    of: str | None = None,
    only: Collection[str] | None = None,
    show: bool | None = None,
) -> Measured:
    """Measure all items that lack one of the measures.

    Parameters
    ----------
    store:
        The catalogue, with a run under way.
    measures:
        Measures with their setups' ids.
    current:
        The run that the rows belong to; its counts are kept up to date.
    options:
        Batch size, threads and limits.
    engine:
        What runs the parts.
    of:
        Measure what this measure found, such as the faces, instead of what was added.
    only:
        Ids of the items to measure; by default all.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    KeyboardInterrupt
        The user asked to stop; what was finished is recorded.
    StorageFull, CorpusReadOnly
        A part could not be written; earlier parts are recorded.
    """
    started = time.monotonic()
    setups = [m.setup for m in measures]
    before = progress.count_failed(store, setups)
    sweep(store)
    inputs = hashlib.sha256()
    by_setup = {m.setup: m for m in measures}
    title = ", ".join(m.info.name for m in measures)
    with ExitStack() as stack:
        these = stack.enter_context(progress.chosen(store, only))
        left = progress.lacking(store, setups, of=of, only=these)
        total = sum(one.count for one in left)
        interrupt = stack.enter_context(gentle_interrupt())
        runner = stack.enter_context(engine(options))
        report = stack.enter_context(show_progress(title, total=total, show=show))
        for number, (lacking, rows) in enumerate(
            progress.pending(store, setups, size=options.part_size, of=of, only=these, known=left)
        ):
            works = works_for(store, rows)
            wanted = [by_setup[s] for s in lacking]
            result = runner.run_part(works, wanted, report=report, interrupt=interrupt)
            _commit(store, result, measures=wanted, current=current, number=number)
            inputs.update("".join(f"{work.item}\n" for work in works).encode())
            if interrupt:
                break
    if not interrupt:
        compact(store, setups, current)
    if total:
        store.execute(
            "UPDATE runs SET input_hash = ? WHERE run = ?", (inputs.hexdigest(), current.id)
        )
    return Measured(
        measures=tuple(m.info.name for m in measures),
        items=current.done,
        failed=current.failed,
        failed_before=before,
        seconds=time.monotonic() - started,
        note=current.note,
        of=None if only is None else len(only),
    )


def works_for(store: Store, rows: Sequence[tuple[int, str]]) -> list[Work]:
    """Gather what is needed to measure some items `(n, item)`."""
    items = [item for _, item in rows]
    facts, places = holdings.facts_of(store, items), derived.places(store, items)
    names = derived.names_of(store, items)
    return [Work(n, item, places[item], facts[item], names.get(item, "")) for n, item in rows]


def sweep(store: Store) -> int:
    """Remove parts that a killed run wrote but did not record; return how many."""
    return parts.sweep(store.folder, progress.recorded_files(store))


def _commit(
    store: Store, result: PartResult, *, measures: Sequence[Prepared], current: Run, number: int
) -> None:
    """Write the part of each measure, then record them all in one transaction."""
    written = list(_write(store, result, measures=measures, run=current.id, number=number))
    setups = {m.info.name: m.setup for m in measures}
    failed = {setups[name]: numbers for name, numbers in result.failed.items()}
    with store.transaction():
        progress.record_parts(store, written, failed=failed, run=current.id)
        for name, found in result.regions.items():
            by_parent: dict[str, list[tuple[Locator, FileFacts]]] = {}
            for parent, place, facts in found:
                by_parent.setdefault(parent, []).append((place, facts))
            for parent, places in by_parent.items():
                derived.write_derived(store, parent, places, run=current.id, found_by=name)
        holdings.write_failures(store, [_failure(t) for t in result.troubles], current.id)
    troubled = {t.work.n for t in result.troubles}
    seen = {n for numbers in result.done.values() for n in numbers}
    current.done += len(seen - troubled)
    current.failed += len(troubled)


def commit_rows(
    store: Store,
    prepared: Prepared,
    *,
    rows: pa.Table,
    items: Sequence[str],
    current: Run,
    number: int,
) -> None:
    """Write and record rows that were computed from other rows, not from pictures.

    `items` are the ids that the rows answer for; `number` tells the parts of a run apart.
    """
    numbers: list[int] = []
    for chunk in chunks(items):
        found = store.rows(f"SELECT n FROM items WHERE item IN ({placeholders(len(chunk))})", chunk)
        numbers += [n for (n,) in found]
    name = prepared.info.name
    result = PartResult(rows={name: [rows]}, done={name: numbers})
    _commit(store, result, measures=[prepared], current=current, number=number)


def _failure(trouble: Trouble) -> Failure:
    return Failure(trouble.work.item, trouble.work.name, trouble.stage, trouble.reason)


def _write(
    store: Store, result: PartResult, *, measures: Sequence[Prepared], run: int, number: int
) -> Iterator[progress.Part]:
    for prepared in measures:
        name = prepared.info.name
        if name not in result.rows:
            continue
        table = pa.concat_tables(result.rows[name])
        path = write_part(store.folder, table, name=name, run=run, number=number)
        yield progress.Part(
            setup=prepared.setup,
            file=path.relative_to(store.folder).as_posix(),
            rows=table.num_rows,
            bytes=path.stat().st_size,
            items=result.done[name],
        )

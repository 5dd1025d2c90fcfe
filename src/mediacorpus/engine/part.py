"""Run measures over one part of the items: what an engine is, and the local one.

Nothing here touches a database: items in, rows and failures out. Measures are pickled as their
names and parameters and loaded where they arrive, so a worker in another process or on another
machine can run `run_batch` as it is.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import pyarrow as pa

from mediacorpus.engine.contract import MEASURES, Batch, BatchItem, Measure, Pixels
from mediacorpus.engine.decoding import Decoders, reason_of
from mediacorpus.engine.pool import Crew, Interrupt, beat
from mediacorpus.engine.progress import Report
from mediacorpus.errors import MediacorpusError, ParameterError
from mediacorpus.records import FileFacts, Info, Locator, Place, Shape
from mediacorpus.store.derived import derived_id, region_of
from mediacorpus.store.parts import to_rows

PIXEL_BUDGET = 64e6
"""Pixels that one batch may hold at once, by the sizes in the headers."""

_WORKING_IMAGE = 4 * 2**20
"""Bytes of the largest array of a working image; whole photographs are larger."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""What the GNU C library calls them in malloc.h."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A measure that is ready to run.

    It travels to other processes and machines as its facts and parameters, and is loaded anew
    where it arrives.

    Parameters
    ----------
    info:
        Facts of the measure.
    parameters:
        What it was made with.
    function:
        The measure.
    setup:
        Id of its setup in the catalogue.
    load:
        An importable function that makes the measure again; None asks the registry.
    """

    info: Info
    parameters: Mapping[str, Any]
    function: Measure
    setup: int = 0
    load: Callable[[], Measure] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        made_of = {"setup": self.setup, "load": self.load}
        return _arrived, (self.info, dict(self.parameters), made_of)


def _arrived(info: Info, parameters: dict[str, Any], made_of: dict[str, Any]) -> Prepared:
    """Load a measure where it is to run."""
    setup, load = int(made_of["setup"]), made_of["load"]
    if load is not None:
        return Prepared(info, parameters, load(), setup, load)
    here = MEASURES.info(info.name).version
    if here != info.version:
        raise ParameterError(
            f"The measure {info.name!r} has version {here} on this machine and version "
            f"{info.version} where the run began; install the same version on both."
        )
    return Prepared(info, parameters, MEASURES.get(info.name)(**parameters), setup)


@dataclass(frozen=True, slots=True)
class Work:
    """One item to be measured: where it is, what its header says, and its name for people."""

    n: int
    item: str
    place: Place
    facts: FileFacts
    name: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How a part is run: its run's id, batch size, threads, limits on one file, size of a part.

    `verify` hashes each file, whatever its size and its time of change say.
    """

    run: int = 0
    batch_size: int = 16
    workers: int = 2
    timeout: float = 60.0
    max_pixels: float = 200e6
    part_size: int = 2000
    verify: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """A measure that could not be had of an item; `stage` is `"read"` or the measure's name."""

    work: Work
    stage: str
    reason: str


@dataclass(slots=True)
class PartResult:
    """What came of a part: rows by measure, and what went wrong.

    An item is in `done[name]` once, or in `failed[name]` once. `regions` holds the items that
    measures found in others, by measure: parent, place and facts.
    """

    rows: dict[str, list[pa.Table]] = field(default_factory=dict)
    done: dict[str, list[int]] = field(default_factory=dict)
    failed: dict[str, list[int]] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    regions: dict[str, list[tuple[str, Locator, FileFacts]]] = field(default_factory=dict)

    def add(self, other: PartResult) -> None:
        """Take in what another result holds."""
        for name, tables in other.rows.items():
            self.rows.setdefault(name, []).extend(tables)
        for name, numbers in other.done.items():
            self.done.setdefault(name, []).extend(numbers)
        for name, numbers in other.failed.items():
            self.failed.setdefault(name, []).extend(numbers)
        for name, found in other.regions.items():
            self.regions.setdefault(name, []).extend(found)
        self.troubles.extend(other.troubles)


class Engine(Protocol):
    """Runs measures over one part of the items, wherever it likes.

    It is made from the options of a run and used in a `with` block, which ends all that it
    started. All that it is handed, and the result, can be pickled. It touches no database.
    """

    def __enter__(self) -> Self:
        """Start what is needed."""
        ...

    def __exit__(self, *_: object) -> None:
        """End what was started."""
        ...

    def run_part(
        self,
        works: Sequence[Work],
        measures: Sequence[Prepared],
        *,
        report: Report,
        interrupt: Interrupt | None = None,
    ) -> PartResult:
        """Measure the items of a part, once each for all measures.

        Parameters
        ----------
        works:
            The items.
        measures:
            What to measure.
        report:
            Called after each batch.
        interrupt:
            When true what is under way is finished and the rest is left.
        """
        ...


class Threads:
    """The local engine: threads of this process.

    Each thread takes a batch from bytes to values by itself, so that all cores are busy
    whatever the cost of decoding is to that of the measures. A file that raises is set down
    as a failure; a batch that hangs is run again item by item, so that only the item that
    hangs is lost.

    Parameters
    ----------
    options:
        Batch size, threads and limits.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._crew = Crew(options.workers, timeout=options.timeout)
        self._decoders = Decoders(
            max_pixels=options.max_pixels, timeout=options.timeout, verify=options.verify
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._crew.__exit__()
        self._decoders.close()

    def run_part(
        self,
        works: Sequence[Work],
        measures: Sequence[Prepared],
        *,
        report: Report,
        interrupt: Interrupt | None = None,
    ) -> PartResult:
        """Measure the items of a part; see `Engine.run_part`."""
        result = PartResult()
        full_size = any(m.info.pixels and m.info.min_side is None for m in measures)

        def work_on(batch: Sequence[Work]) -> PartResult:
            return run_batch(batch, measures, self.options, decoders=self._decoders)

        _keep_freed_memory()
        with _one_thread_each():
            waiting = _batches(works, self.options.batch_size, full_size=full_size)
            singles: list[list[Work]] = []
            for tasks in (waiting, singles):
                for outcome in self._crew.outcomes(work_on, tasks, interrupt=interrupt):
                    if outcome.value is not None:
                        done = outcome.value
                    elif len(outcome.task) > 1:
                        singles.extend([work] for work in outcome.task)
                        continue
                    else:
                        reason = reason_of(outcome.error)
                        done = _all_failed(outcome.task[0], measures, stage="read", reason=reason)
                    result.add(done)
                    report(len(outcome.task), failed=len({t.work.n for t in done.troubles}))
        return result


@functools.cache
def _keep_freed_memory() -> None:
    """Keep the memory of working images for the next image, once for the process.

    By default the C library of Linux hands it back to the system after each operation and asks
    for it again, which can cost a third of the time. Other C libraries have no such call.
    """
    if sys.platform == "linux":
        adjust = getattr(ctypes.CDLL(None), "mallopt", None)
        if adjust is not None:
            adjust(_MMAP_THRESHOLD, _WORKING_IMAGE)
            adjust(_TRIM_THRESHOLD, 4 * _WORKING_IMAGE)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep libraries from starting threads of their own, which would only wait for one another."""
    import cv2
    import threadpoolctl

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    limits = threadpoolctl.threadpool_limits(1, user_api="blas")
    try:
        yield
    finally:
        limits.restore_original_limits()
        cv2.setNumThreads(threads)


def _batches(works: Sequence[Work], size: int, *, full_size: bool) -> Iterator[list[Work]]:
    """Cut into batches; where images come at full size, by their pixels too."""
    batch: list[Work] = []
    pixels = 0.0
    for work in works:
        own = work.facts.width * work.facts.height if full_size else 0
        if batch and (len(batch) == size or pixels + own > PIXEL_BUDGET):
            yield batch
            batch, pixels = [], 0.0
        batch.append(work)
        pixels += own
    if batch:
        yield batch


def run_batch(
    works: Sequence[Work], measures: Sequence[Prepared], options: Options, *, decoders: Decoders
) -> PartResult:
    """Measure a batch: what needs pixels on the images that decode, the rest on all of them.

    Measures that need images of one size share a batch; what each of them sees does not
    depend on which others were asked for.
    """
    result = PartResult()
    headers = [m for m in measures if not m.info.pixels]
    if headers:
        batch = Batch(
            [
                BatchItem(work.item, work.facts, read=functools.partial(decoders.read, work.place))
                for work in works
            ]
        )
        for prepared in headers:
            _measure(prepared, batch, works=works, run=options.run, result=result)
    deep = [m for m in measures if m.info.pixels]
    if not deep:
        return result
    sides = list(dict.fromkeys(m.info.min_side for m in deep))
    good, decoded = _decoded(works, deep, decoders, sides=sides, result=result)
    for number, side in enumerate(sides):
        if not good:
            break
        images = [
            BatchItem(work.item, work.facts, pixels[number])
            for work, pixels in zip(good, decoded, strict=True)
        ]
        batch = Batch(images)
        for prepared in deep:
            if prepared.info.min_side == side:
                _measure(prepared, batch, works=good, run=options.run, result=result)
                beat()
    return result


def _decoded(
    works: Sequence[Work],
    measures: Sequence[Prepared],
    decoders: Decoders,
    *,
    sides: Sequence[int | None],
    result: PartResult,
) -> tuple[list[Work], list[list[Pixels]]]:
    """Decode each image at each of some sizes; set down those that cannot be had."""
    good: list[Work] = []
    decoded: list[list[Pixels]] = []
    for work in works:
        try:
            decoded.append(decoders.images(work.place, sides))
            good.append(work)
        except Exception as error:  # noqa: BLE001 - any decoder error is this file's failure
            result.add(_all_failed(work, measures, stage="read", reason=reason_of(error)))
        beat()
    return good, decoded


def _measure(
    prepared: Prepared, batch: Batch, *, works: Sequence[Work], run: int, result: PartResult
) -> None:
    """Measure a batch; where that raises, measure item by item to find the one at fault."""
    name = prepared.info.name
    try:
        values = prepared.function(batch)
        _check_count(values, batch)
        found = _regions(prepared.info, values, works)
        ids = [[None if place is None else place[0] for place in own] for own in found]
        items = [work.item for work in works]
        rows = to_rows(prepared.info, items, values=values, run=run, regions=ids)
    except Exception as error:  # noqa: BLE001 - narrowed down to the item below
        if len(works) > 1:
            for work, image in zip(works, batch.items, strict=True):
                _measure(prepared, Batch([image]), works=[work], run=run, result=result)
            return
        result.failed.setdefault(name, []).append(works[0].n)
        result.troubles.append(Trouble(works[0], name, reason_of(error)))
        return
    result.rows.setdefault(name, []).append(rows)
    result.done.setdefault(name, []).extend(work.n for work in works)
    for work, own in zip(works, found, strict=False):
        result.regions.setdefault(name, []).extend(
            (work.item, *place[1:]) for place in own if place is not None
        )


def _check_count(values: Sequence[Any], batch: Batch) -> None:
    if len(values) != len(batch):
        raise MediacorpusError(
            f"The measure gave {len(values)} values for {len(batch)} image"
            f"{'s' * (len(batch) != 1)}; one each is wanted."
        )


def _regions(
    info: Info, values: Sequence[Any], works: Sequence[Work]
) -> list[list[tuple[str, Locator, FileFacts] | None]]:
    """Give id, place and facts of each region that a measure found; None where it is empty."""
    if info.shape is not Shape.REGION:
        return []
    found: list[list[tuple[str, Locator, FileFacts] | None]] = []
    for work, regions in zip(works, values, strict=True):
        sha256 = work.place.sha256
        for step in work.place.locators:
            sha256 = step.sha256(sha256)
        own: list[tuple[str, Locator, FileFacts] | None] = []
        for region in regions:
            place = region_of((region.x, region.y, region.width, region.height), work.facts)
            own.append(place and (derived_id(sha256, place[0]), *place))
        found.append(own)
    return found


def _all_failed(work: Work, measures: Sequence[Prepared], *, stage: str, reason: str) -> PartResult:
    return PartResult(
        failed={m.info.name: [work.n] for m in measures},
        troubles=[Trouble(work, stage, reason)],
    )

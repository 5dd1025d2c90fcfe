"""A thread pool that outlives a task that hangs, and ends cleanly on Ctrl-C."""

from __future__ import annotations

import contextlib
import itertools
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Generic, Self, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

POLL = 0.2


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Task, Result]):
    """What came of one task: a value, or the error that it ended with."""

    task: Task
    value: Result | None = None
    error: BaseException | None = None


class Interrupt:
    """Whether the user has asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def __bool__(self) -> bool:
        return self.asked


@contextlib.contextmanager
def gentle_interrupt() -> Iterator[Interrupt]:
    """Let the first Ctrl-C ask for a stop; a second one stops at once.

    Yields an `Interrupt` that turns true. At the end a stop that was asked for is raised as
    `KeyboardInterrupt`. Outside the main thread, where signals cannot be caught, and where
    the signal is ignored, as for a job in the background, nothing is changed.
    """
    flag = Interrupt()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is signal.SIG_IGN:
        yield flag
        return

    def ask(number: int, frame: FrameType | None) -> None:
        del number, frame
        if flag.asked:
            raise KeyboardInterrupt
        flag.asked = True

    signal.signal(signal.SIGINT, ask)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
    if flag.asked:
        raise KeyboardInterrupt


class _Current(threading.local):
    """The worker that the calling thread is."""

    worker: _Worker | None = None


_CURRENT = _Current()


def beat() -> None:
    """Tell the crew that the task under way goes on, so that its time begins anew.

    A task of many files calls it after each, and the time limit is then one for a file.
    Outside a crew nothing happens.

    >>> beat()
    """
    if _CURRENT.worker is not None:
        _CURRENT.worker.since = time.monotonic()


@dataclass(slots=True)
class _Worker:
    """One thread: what it is at, since when, and whether it was given up."""

    tasks: queue.SimpleQueue[Any]
    results: queue.SimpleQueue[Any]
    current: tuple[int, Any] | None = None
    since: float = 0.0
    given_up: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        # A daemon, because a thread that hangs in foreign code can be neither stopped nor joined.
        self.thread = threading.Thread(target=self._work, daemon=True, name="mediacorpus-worker")

    def _work(self) -> None:
        _CURRENT.worker = self
        while not self.given_up:
            entry = self.tasks.get()
            if entry is None:
                return
            number, task, function = entry
            with self.lock:
                self.since = time.monotonic()
                self.current = (number, task)
            try:
                outcome: Outcome[Any, Any] = Outcome(task, value=function(task))
            except BaseException as error:  # noqa: BLE001 - reported, never swallowed
                outcome = Outcome(task, error=error)
            with self.lock:
                self.current = None
            self.results.put((number, outcome))

    def give_up(self, timeout: float) -> tuple[int, Any] | None:
        """Give this thread up if it has been at one task for too long; return that task.

        A thread that is given up takes no further task, so none is left without a watch.
        """
        with self.lock:
            if self.current is None or time.monotonic() - self.since <= timeout:
                return None
            self.given_up = True
            return self.current


class Crew:
    """Worker threads for one run, used in a `with` block.

    The same threads serve all parts of a run: each new thread would keep a pool of memory of
    its own.

    Parameters
    ----------
    workers:
        Number of threads.
    timeout:
        Seconds after which a task is given up: its outcome carries a `TimeoutError`, and a
        fresh thread takes the place of the one that hangs.

    Examples
    --------
    >>> with Crew(2, timeout=5) as crew:
    ...     sorted(outcome.value for outcome in crew.outcomes(abs, [-1, -2]))
    [1, 2]
    """

    def __init__(self, workers: int, *, timeout: float) -> None:
        self.timeout = timeout
        self._todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._workers = [self._worker() for _ in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._withdrawn()
        for worker in self._workers:
            worker.given_up = True
            self._todo.put(None)

    def outcomes(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        interrupt: Interrupt | None = None,
    ) -> Iterator[Outcome[Task, Result]]:
        """Run a function over tasks and give each outcome as it comes.

        Parameters
        ----------
        function:
            Called once with each task.
        tasks:
            Read one by one, never more than twice the number of workers ahead.
        interrupt:
            When true no further task is begun; those under way are finished.

        Yields
        ------
        Outcome
            One for each task, in the order of completion.
        """
        source = zip(self._numbers, tasks, strict=False)
        waiting: set[int] = set()
        more = True
        while True:
            while more and not interrupt and len(waiting) < 2 * len(self._workers):
                entry = next(source, None)
                if entry is None:
                    more = False
                    break
                waiting.add(entry[0])
                self._todo.put((*entry, function))
            if interrupt:
                more = False
                waiting -= self._withdrawn()
            if not waiting:
                return
            for number, outcome in self._arrived():
                # A worker that was given up may still answer; its task was reported already.
                if number in waiting:
                    waiting.remove(number)
                    yield outcome

    def _worker(self) -> _Worker:
        worker = _Worker(self._todo, self._results)
        worker.thread.start()
        return worker

    def _withdrawn(self) -> set[int]:
        """Take back the tasks that no worker has begun."""
        numbers = set()
        with contextlib.suppress(queue.Empty):
            while True:
                numbers.add(self._todo.get_nowait()[0])
        return numbers

    def _arrived(self) -> Iterator[tuple[int, Outcome[Any, Any]]]:
        """Wait a little for a result; then replace workers that have been at one task too long."""
        with contextlib.suppress(queue.Empty):
            yield self._results.get(timeout=min(POLL, self.timeout))
        for position, worker in enumerate(self._workers):
            current = worker.give_up(self.timeout)
            if current is None:
                continue
            self._workers[position] = self._worker()
            number, task = current
            late = TimeoutError(f"no answer within {self.timeout:g} seconds")
            yield number, Outcome(task, error=late)


def outcomes(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    timeout: float,
    interrupt: Interrupt | None = None,
) -> Iterator[Outcome[Task, Result]]:
    """Run a function over tasks in threads that serve this once; see `Crew.outcomes`.

    Examples
    --------
    >>> sorted(o.value for o in outcomes(abs, [-1, -2], workers=2, timeout=5))
    [1, 2]
    """
    with Crew(workers, timeout=timeout) as crew:
        yield from crew.outcomes(function, tasks, interrupt=interrupt)

"""A thread pool that outlives a task that hangs, and ends cleanly on Ctrl-C."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Generic, TypeVar

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
    `KeyboardInterrupt`. Outside the main thread, where signals cannot be caught, and inside
    another such block nothing is changed.
    """
    flag = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = signal.getsignal(signal.SIGINT)

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


@dataclass(slots=True)
class _Worker:
    """One thread: what it is at, since when, and whether it was given up."""

    tasks: queue.SimpleQueue[Any]
    results: queue.SimpleQueue[Any]
    function: Callable[[Any], Any]
    current: tuple[int, Any] | None = None
    since: float = 0.0
    given_up: bool = False
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        # A daemon, because a thread that hangs in foreign code can be neither stopped nor joined.
        self.thread = threading.Thread(target=self._work, daemon=True, name="mediacorpus-worker")

    def _work(self) -> None:
        while not self.given_up:
            entry = self.tasks.get()
            if entry is None:
                return
            number, task = entry
            self.since = time.monotonic()
            self.current = (number, task)
            try:
                outcome: Outcome[Any, Any] = Outcome(task, value=self.function(task))
            except BaseException as error:  # noqa: BLE001 - reported, never swallowed
                outcome = Outcome(task, error=error)
            self.current = None
            self.results.put((number, outcome))


def outcomes(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    timeout: float,
    interrupt: Interrupt | None = None,
) -> Iterator[Outcome[Task, Result]]:
    """Run a function over tasks in threads and give each outcome as it comes.

    Parameters
    ----------
    function:
        Called once with each task.
    tasks:
        Read one by one, never more than twice the number of workers ahead.
    workers:
        Number of threads.
    timeout:
        Seconds after which a task is given up: its outcome carries a `TimeoutError`, and a
        fresh thread takes the place of the one that hangs.
    interrupt:
        When true no further task is begun; those under way are finished.

    Yields
    ------
    Outcome
        One for each task, in the order of completion.

    Examples
    --------
    >>> sorted(o.value for o in outcomes(abs, [-1, -2], workers=2, timeout=5))
    [1, 2]
    """
    todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
    results: queue.SimpleQueue[tuple[int, Outcome[Task, Result]]] = queue.SimpleQueue()
    crew = [_Worker(todo, results, function) for _ in range(workers)]
    for worker in crew:
        worker.thread.start()
    source = enumerate(tasks)
    open_tasks: set[int] = set()
    exhausted = False
    try:
        while True:
            while not exhausted and len(open_tasks) < 2 * workers and not interrupt:
                entry = next(source, None)
                if entry is None:
                    exhausted = True
                    break
                open_tasks.add(entry[0])
                todo.put(entry)
            if interrupt and not exhausted:
                exhausted = True
                _drop_waiting(todo, open_tasks)
            if not open_tasks:
                return
            for number, outcome in _arrived(results, crew, timeout):
                # A worker that was given up may still answer; its task was reported already.
                if number in open_tasks:
                    open_tasks.remove(number)
                    yield outcome
    finally:
        for worker in crew:
            worker.given_up = worker.current is not None
            todo.put(None)


def _drop_waiting(todo: queue.SimpleQueue[Any], open_tasks: set[int]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            entry = todo.get_nowait()
            open_tasks.discard(entry[0])


def _arrived(
    results: queue.SimpleQueue[Any], crew: list[_Worker], timeout: float
) -> Iterator[tuple[int, Outcome[Any, Any]]]:
    """Wait a little for a result; then replace workers that have been at one task too long."""
    with contextlib.suppress(queue.Empty):
        yield results.get(timeout=min(POLL, timeout))
    now = time.monotonic()
    for position, worker in enumerate(crew):
        current = worker.current
        if current is None or now - worker.since <= timeout:
            continue
        worker.given_up = True
        crew[position] = _Worker(worker.tasks, worker.results, worker.function)
        crew[position].thread.start()
        number, task = current
        yield number, Outcome(task, error=TimeoutError(f"no answer within {timeout:g} seconds"))

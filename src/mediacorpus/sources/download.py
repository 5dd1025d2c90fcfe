"""Download the images and videos that a table links to: in parallel, politely and safely."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from mediacorpus.engine.pool import POLL, Interrupt
from mediacorpus.errors import MediaError, SourceError
from mediacorpus.extras import need
from mediacorpus.settings import settings
from mediacorpus.sources._fetching import Fetcher
from mediacorpus.sources._transfer import Fetched, Manner, Refused, Seen
from mediacorpus.sources.addresses import check_url

__all__ = ["Fetched", "Manner", "Refused", "Seen", "download"]

AHEAD = 4
"""Addresses under way for each request at once, so that a slow host holds up no other."""

TOGETHER = 0.02
"""Seconds for which results are gathered before they are handed over."""

Entry = str | tuple[str, Seen | None]


def download(
    urls: Iterable[Entry],
    folder: Path,
    *,
    manner: Manner | None = None,
    interrupt: Interrupt | None = None,
    on_done: Callable[[Fetched | Refused], object] | None = None,
) -> Generator[Fetched | Refused]:
    """Download files into a corpus and give each result as it comes.

    Only addresses of the public internet are fetched (unless `manner` allows others): this is
    checked for each connection, so also after every redirect. Where a proxy is set
    (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`), the proxy resolves names, so then only addresses
    written as numbers can be checked. Cookies are not kept. TLS certificates are verified.
    Closing the generator gives up what is under way; no half-written file is left.

    Parameters
    ----------
    urls:
        Addresses, or pairs of an address and what an earlier run knows of it; then the file is
        only fetched if it has changed. They are read as needed, in this thread. An address that
        is given again while it is under way is not fetched twice.
    folder:
        The corpus folder; files go to its `media` folder.
    manner:
        How fast, how patiently, and what to refuse.
    interrupt:
        When it turns true, what is under way is given up; what is complete is still given.
    on_done:
        Called with each result before it is given.

    Yields
    ------
    Fetched or Refused
        One for each address, in the order of completion. `url` is the address as given.

    Raises
    ------
    SourceError
        Working offline is asked for (`MEDIACORPUS_OFFLINE`).
    MissingExtra
        httpx is not installed.
    StorageFull, CorpusReadOnly
        A file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> for result in download(["data:image/png;base64,AA=="], Path(tempfile.mkdtemp())):
    ...     print(result.reason)
    The address holds the image itself in a data: address; save it as a file of its own to add it.
    """
    if settings().offline:
        raise SourceError(
            "Nothing can be downloaded while MEDIACORPUS_OFFLINE is set; unset it to go online."
        )
    need("httpx")
    found = _results(iter(urls), folder, manner=manner or Manner(), interrupt=interrupt)
    return found if on_done is None else _told(found, on_done)


def _told(
    found: Generator[Fetched | Refused], on_done: Callable[[Fetched | Refused], object]
) -> Generator[Fetched | Refused]:
    try:
        for result in found:
            on_done(result)
            yield result
    finally:
        found.close()


def _results(
    urls: Iterator[Entry], folder: Path, *, manner: Manner, interrupt: Interrupt | None
) -> Generator[Fetched | Refused]:
    waiting: dict[str, int] = {}
    under_way, more = 0, True
    window = AHEAD * manner.parallel
    step = max(1, window // 8)
    background = _Background(folder, manner)
    try:
        while True:
            if more and not interrupt and under_way <= window - step:
                entries = list(itertools.islice(urls, window - under_way))
                more = len(entries) == window - under_way
                under_way += len(entries)
                background.submit(_new(entries, waiting))
            if interrupt:
                background.close()
                for result in background.left():
                    yield from [result] * waiting.pop(result.url)
                return
            if not under_way:
                return
            arrived = background.result(POLL)
            if arrived is not None:
                times = waiting.pop(arrived.url)
                under_way -= times
                yield from [arrived] * times
    finally:
        background.close()


def _new(entries: list[Entry], waiting: dict[str, int]) -> list[tuple[str, Seen | None]]:
    """Count the entries by address; give those that are not under way."""
    fresh = []
    for entry in entries:
        given, seen = (entry, None) if isinstance(entry, str) else entry
        waiting[given] = waiting.get(given, 0) + 1
        if waiting[given] == 1:
            fresh.append((given, seen))
    return fresh


class _Background:
    """A thread with an event loop in which the downloads run.

    Addresses go in and results come out several at a time: each handing-over costs both threads
    a change.
    """

    def __init__(self, folder: Path, manner: Manner) -> None:
        self._folder = folder
        self._manner = manner
        self._handed: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        self._taken: deque[Any] = deque()
        self._done: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetcher: Fetcher | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="mediacorpus-download")
        self._thread.start()

    def submit(self, entries: list[tuple[str, Seen | None]]) -> None:
        jobs = []
        for given, seen in entries:
            try:
                jobs.append((given, check_url(given), seen))
            except MediaError as error:
                self._taken.append(Refused(given, str(error), final=True))
        if jobs:
            self._loop.call_soon_threadsafe(self._begin, jobs)

    def result(self, timeout: float) -> Fetched | Refused | None:
        """Wait a little for a result; raise what a download ended with, if it did."""
        if not self._taken:
            with contextlib.suppress(queue.Empty):
                self._taken.extend(self._handed.get(timeout=timeout))
        found = self._taken.popleft() if self._taken else None
        if isinstance(found, BaseException):
            raise found
        return found

    def left(self) -> Iterator[Fetched | Refused]:
        """Give the results that had arrived before the end."""
        while (found := self.result(0)) is not None:
            yield found

    def close(self) -> None:
        """Give up what is under way and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _begin(self, jobs: list[tuple[str, str, Seen | None]]) -> None:
        for job in jobs:
            task = self._loop.create_task(self._fetch(*job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fetch(self, given: str, url: str, seen: Seen | None) -> None:
        assert self._fetcher is not None
        try:
            self._give(await self._fetcher.fetch(given, url, seen))
        except Exception as error:  # noqa: BLE001 - raised again where the results are taken
            self._give(error)

    def _give(self, result: Any) -> None:
        if not self._done:
            self._loop.call_later(TOGETHER, self._hand_over)
        self._done.append(result)

    def _hand_over(self) -> None:
        if self._done:
            self._handed.put(self._done)
            self._done = []

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again where the results are taken
            self._done.append(error)
        finally:
            self._hand_over()
            self._loop.close()

    async def _serve(self) -> None:
        self._fetcher = Fetcher(self._folder, self._manner)
        try:
            await self._stop.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._fetcher.close()
            await asyncio.sleep(0)  # lets the closed connections say goodbye

"""Take turns: so many requests at once, and so many a second to one host."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

MANY = 10_000
"""Hosts that are remembered; far more than are ever asked at once."""


class Recent(Generic[Value]):
    """Values made when first asked for; of very many, those not asked for lately are forgotten.

    Examples
    --------
    >>> recent = Recent(list, limit=1)
    >>> recent["a"].append(1)
    >>> recent["a"], recent["b"], recent["a"]
    ([1], [], [])
    """

    def __init__(self, make: Callable[[], Value], *, limit: int = MANY) -> None:
        self._make = make
        self._limit = limit
        self._values: OrderedDict[str, Value] = OrderedDict()

    def __getitem__(self, key: str) -> Value:
        value = self._values.get(key)
        if value is None:
            value = self._values[key] = self._make()
            if len(self._values) > self._limit:
                self._values.popitem(last=False)
        else:
            self._values.move_to_end(key)
        return value


class Host:
    """One host: its slots, and when the next request may go out."""

    __slots__ = ("delay", "next", "slots")

    def __init__(self, per_host: int) -> None:
        self.slots = asyncio.Semaphore(per_host)
        self.next = 0.0
        self.delay = 0.0


class Turns:
    """Turns for requests, within the limits of all and of each host.

    Parameters
    ----------
    parallel, per_host:
        Requests at once, in all and to one host.
    rate:
        Requests per second to one host, or None.
    """

    def __init__(self, parallel: int, per_host: int, rate: float | None) -> None:
        self._all = asyncio.Semaphore(parallel)
        self._hosts = Recent(lambda: Host(per_host))
        self._gap = 1 / rate if rate else 0.0

    @contextlib.asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it."""
        state = self._hosts[host]
        async with state.slots:
            while (wait := state.next - time.monotonic()) > 0:  # noqa: ASYNC110 - it may be put off
                await asyncio.sleep(wait)
            gap = max(self._gap, state.delay)
            if gap:
                state.next = time.monotonic() + gap
            async with self._all:
                yield

    def slow(self, host: str, delay: float) -> None:
        """Leave at least `delay` seconds between two requests to a host."""
        state = self._hosts[host]
        state.delay = max(state.delay, delay)
        state.next = max(state.next, time.monotonic() + state.delay)

    def pause(self, host: str, seconds: float) -> None:
        """Send nothing more to a host for some seconds."""
        state = self._hosts[host]
        state.next = max(state.next, time.monotonic() + seconds)

"""Requests with httpx: through checked connections, in turn, within a time."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib import request as urllib_request
from urllib.parse import urljoin

from mediacorpus.errors import MediaError
from mediacorpus.extras import need
from mediacorpus.sources._politeness import Turns
from mediacorpus.sources._transfer import Manner
from mediacorpus.sources.addresses import check_literal, check_url, checked_transport, shown

BACKOFF = 0.5
"""Seconds before the second try; each further one waits twice as long."""

MAX_WAIT = 120.0
BUSY = frozenset({429, 503})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SMALL = 16_384


@dataclass(frozen=True, slots=True)
class Again:
    """A try that failed for a reason that may pass.

    `wait` is what the server asks for, in seconds; `host` is set where that concerns all
    requests to it.
    """

    reason: str
    wait: float | None = None
    host: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """A redirect."""

    url: str


@dataclass(slots=True)
class Line:
    """A transport for one request at a time, and where its last one went.

    httpcore's pool looks through all its connections several times for each request, so many
    small pools are faster than a large one.
    """

    transport: Any
    origin: str = ""


class Client:
    """Sends requests, each when its turn has come; lives in one event loop.

    Parameters
    ----------
    manner:
        How to download.
    """

    def __init__(self, manner: Manner) -> None:
        self._httpx = httpx = need("httpx")
        self._manner = manner
        self.turns = Turns(manner.parallel, manner.per_host, manner.rate)
        self.problems: type[Exception] = httpx.TransportError
        self._ssl_context = httpx.create_ssl_context()
        self._lines: list[Line] = []
        self._idle: list[Line] = []
        named = urllib_request.getproxies_environment()
        self._proxied = {
            scheme: httpx.AsyncHTTPTransport(proxy=address)
            for scheme in ("http", "https")
            if (address := named.get(scheme) or named.get("all"))
        }
        self._extensions = {"timeout": httpx.Timeout(manner.timeout, pool=None).as_dict()}
        self._headers = [
            ("User-Agent", manner.agent),
            ("Accept", "image/*,video/*,audio/*,application/pdf,*/*;q=0.5"),
            ("Accept-Encoding", "identity"),
        ]

    async def close(self) -> None:
        """Close all connections."""
        for transport in (*(line.transport for line in self._lines), *self._proxied.values()):
            await transport.aclose()

    def request(self, url: str, headers: list[tuple[str, str]]) -> Any:
        """Make a request; raises `MediaError` if httpx finds the address invalid."""
        try:
            return self._httpx.Request(
                "GET", url, headers=self._headers + headers, extensions=self._extensions
            )
        except self._httpx.InvalidURL as error:
            raise MediaError(f"The address {shown(url)!r} is not valid ({error}).") from error

    @contextlib.asynccontextmanager
    async def exchange(self, request: Any, seconds: float) -> AsyncIterator[Any]:
        """Send a request when its turn has come, and hold the answer open.

        Raises
        ------
        MediaError
            The address is not to be fetched.
        TimeoutError
            All that is done with the answer takes longer than `seconds`.
        httpx.TransportError
            The exchange fails.
        """
        async with self.turns.turn(request.url.host), asyncio.timeout(seconds):
            proxy = self._proxy(request)
            line = None if proxy else self._take(request.url)
            try:
                transport = line.transport if line else proxy
                response = await transport.handle_async_request(request)
                try:
                    yield response
                finally:
                    await response.aclose()
            finally:
                if line:
                    self._idle.append(line)

    def description(self, error: Exception) -> str:
        """Say in a sentence what went wrong with an exchange."""
        httpx, limit = self._httpx, f"{self._manner.timeout:g} s"
        if isinstance(error, httpx.ConnectTimeout):
            return f"The server could not be reached within {limit}."
        if isinstance(error, httpx.TimeoutException):
            return f"The server was silent for {limit}."
        if isinstance(error, httpx.ConnectError):
            return f"The server could not be reached ({words(error)})."
        return f"The server's answer broke off or is damaged ({words(error)})."

    def _take(self, url: Any) -> Line:
        """Give a line that is free, if possible one with a connection to that place."""
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        for at, line in enumerate(self._idle):
            if line.origin == origin:
                return self._idle.pop(at)
        if len(self._lines) < self._manner.parallel:
            line = Line(
                checked_transport(
                    allow_private=self._manner.allow_private, ssl_context=self._ssl_context
                )
            )
            self._lines.append(line)
        else:
            line = self._idle.pop(0)
        line.origin = origin
        return line

    def _proxy(self, request: Any) -> Any:
        proxy = self._proxied.get(request.url.scheme)
        if proxy is None or urllib_request.proxy_bypass(request.url.host):
            return None
        if not self._manner.allow_private:
            check_literal(request.url.host)
        return proxy


def backoff(number: int) -> float:
    """Give the seconds to wait after try `number`, from 0; differing a little each time."""
    wait = min(BACKOFF * 2.0**number, MAX_WAIT)
    return wait * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Read a Retry-After header (seconds or a date); at most 120 s, None if it says nothing.

    Examples
    --------
    >>> retry_after("7"), retry_after("1000"), retry_after("soon")
    (7.0, 120.0, None)
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return None if math.isnan(seconds) else min(max(seconds, 0.0), MAX_WAIT)


async def redirect(url: str, response: Any) -> Hop | None:
    """Give where an answer leads to, if it is a redirect; in any case read its short body.

    Raises
    ------
    MediaError
        It leads to an address that is not fetched.
    """
    await _drain(response)
    place = response.headers.get("location")
    if response.status_code not in _REDIRECTS or not place:
        return None
    try:
        return Hop(check_url(urljoin(url, place)))
    except ValueError as error:
        why = str(error) if isinstance(error, MediaError) else "That is no valid address."
        raise MediaError(f"It redirects to {shown(place)}. {why}") from error


def words(error: Exception) -> str:
    """Give the first line of an error's message, or its name."""
    return (str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__)[:160]


async def _drain(response: Any) -> None:
    """Read a short body that nobody wants, so that the connection can be used again."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= _SMALL:
        async for _ in response.aiter_raw():
            pass

"""Whether a site's robots.txt lets an address be fetched; asked once for each origin."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from mediacorpus.errors import MediaError
from mediacorpus.sources._client import BUSY, Again, Client, Hop, backoff, redirect, retry_after
from mediacorpus.sources._politeness import Recent
from mediacorpus.sources._receiving import decoded
from mediacorpus.sources._transfer import Manner
from mediacorpus.sources.robots import MAX_BYTES, Rules, parse_robots

MAX_HOPS = 5
LIFE = 86_400.0
"""Seconds for which a robots.txt is held (RFC 9309: at most a day)."""

RETRY = 300.0
"""Seconds after which one that could not be read is asked for again."""

_REDIRECT, _SERVER = 300, 500


@dataclass(slots=True)
class Origin:
    """What the robots.txt of one scheme, host and port said, and until when that holds."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    rules: Rules = field(default_factory=Rules)
    problem: str = ""
    until: float = 0.0


class Permissions:
    """Asks for robots.txt files and keeps to them.

    As RFC 9309 has it, a site that says that it has none (4xx) allows everything, and one that
    cannot be reached or has a problem (5xx) allows nothing for now. One that asks to wait (429)
    counts among the latter.

    Parameters
    ----------
    client:
        Sends the requests.
    manner:
        How to download.
    """

    def __init__(self, client: Client, manner: Manner) -> None:
        self._client = client
        self._manner = manner
        self._origins = Recent(Origin)

    async def problem(self, url: Any) -> tuple[str, bool]:
        """Say why an address (an `httpx.URL`) may not be fetched and whether that is final.

        The reason is empty where it may be.

        Raises
        ------
        MediaError
            The site's address is not to be fetched.
        """
        key = f"{url.scheme}://{url.netloc.decode('ascii')}"
        origin = self._origins[key]
        if origin.until <= time.monotonic():
            async with origin.lock:
                if origin.until <= time.monotonic():
                    await self._read(f"{key}/robots.txt", url.host, origin)
        if origin.problem:
            start = "The site's robots.txt cannot be read, so nothing is fetched there for now."
            return f"{start} {origin.problem}", False
        rule = origin.rules.refusal(url.raw_path.decode("ascii"))
        return (f"The site's robots.txt does not allow it ({rule}).", True) if rule else ("", True)

    async def _read(self, url: str, host: str, origin: Origin) -> None:
        found: Rules | Again = Again("")
        for number in range(self._manner.retries + 1):
            found = await self._ask(url)
            if isinstance(found, Rules):
                break
            if number < self._manner.retries:
                await asyncio.sleep(found.wait or backoff(number))
        if isinstance(found, Rules):
            origin.rules, origin.problem, life = found, "", LIFE
            self._client.turns.slow(host, found.delay)
        else:
            origin.problem, life = found.reason, RETRY
        origin.until = time.monotonic() + life

    async def _ask(self, first: str) -> Rules | Again:
        url = first
        for _ in range(MAX_HOPS + 1):
            try:
                request = self._client.request(url, [])
                async with self._client.exchange(request, 4 * self._manner.timeout) as response:
                    result = await self._answer(url, response)
            except MediaError:
                if url == first:
                    raise
                return Rules()  # it leads nowhere: as good as none
            except TimeoutError:
                return Again("It takes too long.")
            except self._client.problems as error:
                return Again(self._client.description(error))
            if not isinstance(result, Hop):
                return result
            url = result.url
        return Rules()

    async def _answer(self, url: str, response: Any) -> Rules | Again | Hop:
        status = response.status_code
        if status in BUSY or status >= _SERVER:
            wait = retry_after(response.headers.get("retry-after"))
            return Again(f"The server answers with status {status}.", wait)
        if status >= _REDIRECT:
            try:
                return await redirect(url, response) or Rules()
            except MediaError:
                return Rules()  # it leads nowhere: as good as none
        text = bytearray()
        async for data in decoded(response):
            text += data
            if len(text) >= MAX_BYTES:
                break
        return parse_robots(text[:MAX_BYTES].decode("utf-8", "replace"), self._manner.token)

"""One download from its address to its file: redirects, answers and retries."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from mediacorpus.errors import MediacorpusError, MediaError
from mediacorpus.sources._client import (
    BUSY,
    Again,
    Client,
    Hop,
    backoff,
    redirect,
    retry_after,
    words,
)
from mediacorpus.sources._permission import Permissions
from mediacorpus.sources._receiving import Receiving
from mediacorpus.sources._transfer import Fetched, Manner, Refused, Seen
from mediacorpus.sources.addresses import shown
from mediacorpus.sources.robots import opt_out

MAX_HOPS = 10
_OK = frozenset({200, 203, 206})
_PASSING = frozenset({408, 425})
_UNCHANGED, _NO_SUCH_RANGE, _SERVER, _BEYOND = 304, 416, 500, 600
_GONE = {
    401: "asks for a password",
    403: "does not let programs have this address",
    404: "says that this address is gone",
    410: "says that this address is gone for good",
    451: "withholds this address for legal reasons",
}


@dataclass(slots=True)
class Job:
    """One address on its way: as given, as fetched, what is known of it, what has arrived."""

    given: str
    url: str
    seen: Seen | None
    receiving: Receiving


class Fetcher:
    """Downloads files into a corpus, many at a time; lives in one event loop.

    Parameters
    ----------
    folder:
        The corpus folder.
    manner:
        How to download.
    """

    def __init__(self, folder: Path, manner: Manner) -> None:
        self._folder = folder
        self._manner = manner
        self._client = Client(manner)
        self._permissions = Permissions(self._client, manner)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def fetch(self, given: str, url: str, seen: Seen | None) -> Fetched | Refused:
        """Download one file.

        Parameters
        ----------
        given:
            The address as the user has it.
        url:
            The address as `check_url` gives it.
        seen:
            What an earlier run knows of it.

        Raises
        ------
        StorageFull, CorpusReadOnly
            The file cannot be written.
        """
        job = Job(given, url, self._usable(seen), Receiving(self._folder, self._manner))
        try:
            return await self._tries(job)
        except MediaError as error:
            return Refused(given, str(error), final=True)
        except MediacorpusError:
            raise
        except Exception as error:  # noqa: BLE001 - servers can provoke errors of any kind
            return Refused(given, f"The download failed ({words(error)}).", final=False)
        finally:
            job.receiving.drop()

    async def _tries(self, job: Job) -> Fetched | Refused:
        tries = self._manner.retries + 1
        outcome = Again("")
        for number in range(tries):
            result = await self._attempt(job)
            if not isinstance(result, Again):
                return result
            outcome = result
            wait = backoff(number) if result.wait is None else result.wait
            if result.host:
                self._client.turns.pause(result.host, wait)
            elif number + 1 < tries:
                await asyncio.sleep(wait)
        repeated = f" It was tried {tries} times." if tries > 1 else ""
        return Refused(job.given, outcome.reason + repeated, final=False)

    async def _attempt(self, job: Job) -> Fetched | Refused | Again:
        url, visited = job.url, {job.url}
        for _ in range(MAX_HOPS + 1):
            try:
                result = await self._hop(job, url)
            except MediaError as error:
                if url == job.url:
                    raise
                return Refused(job.given, f"It redirects to {shown(url)}. {error}", final=True)
            if not isinstance(result, Hop):
                return result
            url = result.url
            if url in visited:
                return Refused(job.given, "Its redirects go round in a circle.", final=True)
            visited.add(url)
        return Refused(job.given, f"It redirects more than {MAX_HOPS} times.", final=True)

    async def _hop(self, job: Job, url: str) -> Fetched | Refused | Again | Hop:
        request = self._client.request(url, self._conditions(job))
        if self._manner.robots:
            problem, final = await self._permissions.problem(request.url)
            if problem:
                return Refused(job.given, problem, final)
        total = self._manner.total
        try:
            async with self._client.exchange(request, total) as response:
                return await self._answer(job, url, response)
        except TimeoutError:
            return Refused(job.given, f"The download takes longer than {total:g} s.", final=False)
        except self._client.problems as error:
            return Again(self._client.description(error))

    async def _answer(self, job: Job, url: str, response: Any) -> Fetched | Refused | Again | Hop:
        status, headers = response.status_code, response.headers
        if status in _OK or (status == _UNCHANGED and job.seen):
            reserved = self._manner.robots and opt_out(headers.multi_items(), self._manner.token)
            if reserved:
                reason = f"The server reserves this file from use by machines ({reserved})."
                return Refused(job.given, reason, final=True)
            if job.seen and status == _UNCHANGED:
                return _unchanged(job, url, headers)
            fault = await job.receiving.read(response)
            return Refused(job.given, fault, final=True) if fault else _kept(job, url, response)
        if status == _NO_SUCH_RANGE and job.receiving.size:
            job.receiving.drop()
            return Again(f"The server cannot give the rest of the file ({status}).")
        hop = await redirect(url, response)
        return hop or _failed(job.given, url, response)

    def _usable(self, seen: Seen | None) -> Seen | None:
        """Give `seen` if there is something to ask about and its file is still there."""
        if seen is None or not (seen.etag or seen.modified):
            return None
        path = self._folder / seen.stored
        return seen if path.is_file() and path.stat().st_size == seen.bytes else None

    def _conditions(self, job: Job) -> list[tuple[str, str]]:
        resume = job.receiving.range_headers()
        if resume or job.seen is None:
            return resume
        validators = (("If-None-Match", job.seen.etag), ("If-Modified-Since", job.seen.modified))
        return [(k, v) for k, v in validators if v and v.isascii() and v.isprintable()]


def _failed(given: str, url: str, response: Any) -> Refused | Again:
    status = response.status_code
    if status in BUSY:
        wait = retry_after(response.headers.get("retry-after"))
        host = urlsplit(url).hostname or ""
        return Again(f"The server asks to wait ({status}).", wait, host)
    if status in _PASSING or _SERVER <= status < _BEYOND:
        return Again(f"The server has a problem of its own ({status}).")
    known = _GONE.get(status)
    if known:
        return Refused(given, f"The server {known} ({status}).", final=True)
    return Refused(given, f"The server gives no file but the status {status}.", final=True)


def _kept(job: Job, url: str, response: Any) -> Fetched:
    kept = job.receiving.keep(PurePosixPath(urlsplit(url).path).suffix)
    headers = response.headers
    return Fetched(
        url=job.given,
        final_url=url,
        status=response.status_code,
        etag=headers.get("etag"),
        modified=headers.get("last-modified"),
        content_type=headers.get("content-type"),
        sha256=kept.sha256,
        stored=kept.stored,
        bytes=kept.bytes,
    )


def _unchanged(job: Job, url: str, headers: Any) -> Fetched:
    assert job.seen is not None
    return Fetched(
        url=job.given,
        final_url=url,
        status=_UNCHANGED,
        etag=headers.get("etag") or job.seen.etag,
        modified=headers.get("last-modified") or job.seen.modified,
        content_type=headers.get("content-type"),
        sha256=job.seen.sha256,
        stored=job.seen.stored,
        bytes=job.seen.bytes,
        unchanged=True,
    )

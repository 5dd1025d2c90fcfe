"""A small web server on this machine that behaves well, or badly in a way of one's choice.

Tests run it in a thread; the benchmark runs this file as a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

SMALLEST_JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300"
    + "08" * 64
    + "ffc0000b080001000101011100ffc4001400010000000000000000000000000000000"
    "9ffc40014100100000000000000000000000000000000ffda0008010100003f0054dfffd9"
)
"""A JPEG of one gray pixel."""


def jpeg(number: int, size: int = 20_000) -> bytes:
    """Make a valid JPEG of about `size` bytes, another for each number, filled by comments."""
    filling = f"{number:012d}".encode() * (size // 12)
    comments = b"".join(
        b"\xff\xfe" + (len(part) + 2).to_bytes(2, "big") + part
        for part in (filling[at : at + 60_000] for at in range(0, len(filling), 60_000))
    )
    return SMALLEST_JPEG[:2] + comments + SMALLEST_JPEG[2:]


@dataclass
class Asked:
    """One request, and the ways to answer it."""

    path: str
    headers: dict[str, str]
    count: int
    transport: asyncio.Transport

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def answer(self, body: bytes = b"", status: int = 200, **headers: object) -> None:
        told = {"content_length": len(body), **headers}
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in told.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} x", *lines]) + "\r\n\r\n"
        self.transport.write(head.encode("latin-1") + body)

    def hang_up(self) -> None:
        self.transport.close()

    def reset(self) -> None:
        self.transport.abort()


Behaviour = Callable[[Asked], Awaitable[None] | None]


@dataclass
class Site:
    """What is served: a behaviour for each path, and what was asked for."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    connections: int = 0
    under_way: int = 0
    most: int = 0
    port: int = 0

    def __setitem__(self, path: str, behaviour: Behaviour | bytes) -> None:
        if isinstance(behaviour, bytes):
            body = behaviour
            self.behaviours[path] = lambda asked: asked.answer(body)
        else:
            self.behaviours[path] = behaviour

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def headers(self, path: str) -> list[dict[str, str]]:
        """The headers of each request for a path."""
        return [headers for asked, headers in self.asked if asked == path]


class Speaker(asyncio.Protocol):
    """One connection: reads requests one after the other and answers each."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.buffer = b""
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.site.connections += 1

    def connection_lost(self, error: Exception | None) -> None:
        if self.task:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            path = first.split(" ")[1]
            pairs = (line.partition(":") for line in lines)
            self.begin(path, {name.lower(): value.strip() for name, _, value in pairs})

    def begin(self, path: str, headers: dict[str, str]) -> None:
        site = self.site
        site.asked.append((path, headers))
        site.times.append(time.monotonic())
        site.counts[path] += 1
        behaviour = site.behaviours.get(path) or site.behaviours.get("*") or _missing
        asked = Asked(path, headers, site.counts[path], self.transport)  # type: ignore[arg-type]
        later = behaviour(asked)
        if later is not None:
            self.task = asyncio.ensure_future(self.finish(later))

    async def finish(self, later: Awaitable[None]) -> None:
        self.site.under_way += 1
        self.site.most = max(self.site.most, self.site.under_way)
        try:
            await later
        finally:
            self.site.under_way -= 1


def _missing(asked: Asked) -> None:
    asked.answer(b"<html>Not found</html>", status=404)


@contextlib.contextmanager
def serving(site: Site | None = None):
    """Serve a site on a free port of 127.0.0.1 while the context lasts."""
    site = site or Site()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        server = await loop.create_server(lambda: Speaker(site), "127.0.0.1", 0)
        site.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="test-server")
    thread.start()
    ready.wait()
    try:
        yield site
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def redirect(place: str, status: int = 302) -> Behaviour:
    return lambda asked: asked.answer(status=status, location=place)


def failing(times: int, then: bytes, status: int = 500, **headers: object) -> Behaviour:
    """Answer with an error the first few times."""

    def behave(asked: Asked) -> None:
        if asked.count <= times:
            asked.answer(b"busy", status=status, **headers)
        else:
            asked.answer(then)

    return behave


def saying(data: bytes) -> Behaviour:
    """Send just these bytes and hang up."""

    def behave(asked: Asked) -> None:
        asked.send(data)
        asked.hang_up()

    return behave


def delayed(body: bytes, seconds: float) -> Behaviour:
    async def behave(asked: Asked) -> None:
        await asyncio.sleep(seconds)
        asked.answer(body)

    return behave


def stalling(body: bytes, at: int, times: int = 1000) -> Behaviour:
    """Send `at` bytes of the body and then nothing, the first few times."""

    async def behave(asked: Asked) -> None:
        if asked.count > times:
            asked.answer(body)
            return
        asked.send(b"HTTP/1.1 200 x\r\ncontent-length: %d\r\n\r\n" % len(body) + body[:at])
        await asyncio.sleep(60)

    return behave


def truncating(body: bytes, at: int, times: int = 1000, **headers: object) -> Behaviour:
    """Hang up after `at` bytes the first few times; resume if asked to."""

    def behave(asked: Asked) -> None:
        start = asked.headers.get("range", "")
        if start and asked.headers.get("if-range") == headers.get("etag"):
            first = int(start.removeprefix("bytes=").rstrip("-"))
            place = f"bytes {first}-{len(body) - 1}/{len(body)}"
            asked.answer(body[first:], status=206, content_range=place, **headers)
        elif asked.count <= times:
            asked.answer(b"", content_length=len(body), **headers)
            asked.send(body[:at])
            asked.hang_up()
        else:
            asked.answer(body, **headers)

    return behave


def dripping(body: bytes, seconds: float) -> Behaviour:
    """Send byte after byte."""

    async def behave(asked: Asked) -> None:
        asked.send(b"HTTP/1.1 200 x\r\ncontent-length: %d\r\n\r\n" % len(body))
        for at in range(len(body)):
            asked.send(body[at : at + 1])
            await asyncio.sleep(seconds)

    return behave


def endless(asked: Asked) -> Awaitable[None]:
    async def behave() -> None:
        asked.send(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n")
        piece = SMALLEST_JPEG + bytes(65_536 - len(SMALLEST_JPEG))
        while True:
            asked.send(b"10000\r\n" + piece + b"\r\n")
            await asyncio.sleep(0)

    return behave()


def bomb(size: int) -> Behaviour:
    """Send a JPEG's beginning and very many zeros, compressed a thousand times."""
    packed = gzip.compress(SMALLEST_JPEG + bytes(size))
    return lambda asked: asked.answer(packed, content_encoding="gzip")


def tagged(body: bytes, **headers: str) -> Behaviour:
    """Serve with an ETag or Last-Modified, and 304 to whoever knows it."""

    def behave(asked: Asked) -> None:
        known = (asked.headers.get("if-none-match"), asked.headers.get("if-modified-since"))
        if known != (None, None) and known[0] == headers.get("etag"):
            asked.answer(status=304, **headers)
        else:
            asked.answer(body, **headers)

    return behave


def main(files: int) -> None:
    """Serve `/0.jpg`, `/1.jpg`, … and tell the port on standard output."""
    site = Site()
    for number in range(files):
        site[f"/{number}.jpg"] = jpeg(number)
    site["/robots.txt"] = b"User-agent: *\nDisallow: /private\n"
    with serving(site):
        sys.stdout.write(f"{site.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))

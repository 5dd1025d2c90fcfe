"""`download` of small files from a server on this machine, beside a bare httpx loop.

Both have the same number of requests at once. The bare loop reads each body and writes it to a
file; ours also asks for robots.txt, checks addresses, looks at the content, hashes it and names
the file by it. They take turns, several rounds in one run; the median counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from mediacorpus.sources.download import Fetched, Manner, download

FILES, PARALLEL, ROUNDS = 2000, 16, 3
SERVER = Path(__file__).resolve().parent.parent / "tests" / "sources" / "server.py"


@contextlib.contextmanager
def server() -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(FILES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdin
        yield int(process.stdout.readline())
        process.stdin.close()


async def bare(urls: list[str], folder: Path) -> None:
    limits = httpx.Limits(max_connections=PARALLEL, max_keepalive_connections=PARALLEL)
    turns = asyncio.Semaphore(PARALLEL)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:

        async def one(number: int, url: str) -> None:
            async with turns:
                response = await client.get(url)
                response.raise_for_status()
                (folder / f"{number}.jpg").write_bytes(response.content)

        await asyncio.gather(*(one(number, url) for number, url in enumerate(urls)))


def ours(urls: list[str], folder: Path) -> None:
    manner = Manner(parallel=PARALLEL, per_host=PARALLEL, rate=None, allow_private=True)
    done = sum(isinstance(found, Fetched) for found in download(urls, folder, manner=manner))
    assert done == len(urls)


def main() -> dict[str, object]:
    rounds: list[dict[str, float]] = []
    with server() as port:
        urls = [f"http://127.0.0.1:{port}/{number}.jpg" for number in range(FILES)]
        for _ in range(ROUNDS):
            row: dict[str, float] = {}
            for name in ("bare", "download"):
                with tempfile.TemporaryDirectory() as place:
                    started = time.perf_counter()
                    if name == "bare":
                        asyncio.run(bare(urls, Path(place)))
                    else:
                        ours(urls, Path(place))
                    row[name] = FILES / (time.perf_counter() - started)
            row["share of bare"] = row["download"] / row["bare"]
            rounds.append(row)
    middle = {key: statistics.median(row[key] for row in rounds) for key in rounds[0]}
    return {"files": FILES, "parallel": PARALLEL, **middle, "rounds": rounds}


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)

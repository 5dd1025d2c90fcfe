"""Damaged files of every kind against the decoders' boundary: `inspect`, `Opener`, archives.

Valid small files are made, those of the test data are added where it is there, and each is
damaged at random (bit flips, cut ends, splices, lengths, inserted and repeated blocks). A child
process opens each. Right is an item, or one of the package's errors with one clear sentence.
Any other exception, a crash, over 10 s and over 1 GB of memory are findings: the smallest input
of each kind of finding is kept in a folder that is named at the end.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boundary import Opening
from images import DATA
from specimens import made

SECONDS, SEED, WORKERS = 600, 1, 2
LARGEST = 700_000
"""Bytes that a file of the test data may have to be taken as a start."""
ODD = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

Starts = dict[str, list[tuple[str, bytes]]]


def of_test_data() -> Starts:
    """Take the files of the hostile archive and the short videos, where they are."""
    found: Starts = {}
    archive = DATA / "hostile" / "hostile.zip"
    if archive.is_file():
        with zipfile.ZipFile(archive) as file:
            for name in file.namelist():
                data = file.read(name)
                if data and len(data) <= LARGEST:
                    found.setdefault("hostile", []).append((Path(name).suffix, data))
    for path in sorted((DATA / "video").rglob("*")):
        if path.suffix in {".mp4", ".mpg", ".avi"} and path.stat().st_size <= LARGEST:
            found.setdefault("video", []).append((path.suffix, path.read_bytes()))
    return found


# --- damage ------------------------------------------------------------------------------


def damaged(starts: Starts, kind: str, chance: random.Random) -> tuple[str, bytes]:
    """Damage a file of a kind in one to four ways."""
    suffix, data = chance.choice(starts[kind])
    work = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        if not work:
            break
        way = chance.choice(WAYS)
        other = starts[chance.choice((kind, kind, chance.choice(list(starts))))]
        way(work, chance, chance.choice(other)[1])
    return suffix, bytes(work)


def flip_bits(work: bytearray, chance: random.Random, other: bytes) -> None:
    del other
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        work[near_start(work, chance)] ^= 1 << chance.randrange(8)


def set_bytes(work: bytearray, chance: random.Random, other: bytes) -> None:
    del other
    for _ in range(chance.choice((1, 2, 4))):
        work[near_start(work, chance)] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))


def set_length(work: bytearray, chance: random.Random, other: bytes) -> None:
    """Write a number of 2, 4 or 8 bytes where a length, a size or an offset may be."""
    del other
    size = chance.choice((2, 4, 4, 8))
    place = near_start(work, chance)
    number = chance.choice((*ODD, len(work), len(work) + 1, chance.getrandbits(8 * size)))
    order = "big" if chance.random() < 0.5 else "little"
    raw = (number & ((1 << 8 * size) - 1)).to_bytes(size, order)  # type: ignore[arg-type]
    work[place : place + size] = raw[: len(work) - place]


def truncate(work: bytearray, chance: random.Random, other: bytes) -> None:
    del other
    del work[chance.randrange(len(work)) :]


def splice(work: bytearray, chance: random.Random, other: bytes) -> None:
    """Go on with another file from some place."""
    work[chance.randrange(len(work)) :] = other[chance.randrange(len(other)) :]


def insert(work: bytearray, chance: random.Random, other: bytes) -> None:
    place, size = near_start(work, chance), chance.choice((1, 2, 16, 256, 4096))
    start = chance.randrange(len(other))
    block = chance.choice(
        (bytes(size), b"\xff" * size, chance.randbytes(size), other[start : start + size])
    )
    work[place:place] = block


def repeat(work: bytearray, chance: random.Random, other: bytes) -> None:
    del other
    place, size = chance.randrange(len(work)), chance.choice((1, 8, 64, 512, 4096))
    work[place:place] = work[place : place + size] * chance.choice((1, 2, 10, 100))


def cut_out(work: bytearray, chance: random.Random, other: bytes) -> None:
    del other
    place = near_start(work, chance)
    del work[place : place + chance.choice((1, 2, 16, 256, 4096))]


def near_start(work: bytearray, chance: random.Random) -> int:
    """Choose a place, half of the time in the header."""
    reach = len(work) if chance.random() < 0.5 else min(len(work), 512)
    return chance.randrange(reach)


WAYS = (
    flip_bits,
    flip_bits,
    set_bytes,
    set_length,
    set_length,
    truncate,
    splice,
    insert,
    repeat,
    cut_out,
)


# --- the run -----------------------------------------------------------------------------


@dataclass
class Tally:
    """What came of all inputs."""

    tried: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    noise: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    peak: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, kind: str, path: Path, found: dict[str, Any], *, keep: Path) -> None:
        with self.lock:
            self.tried[kind] += 1
            name = "finding" if "finding" in found else found["outcome"]
            self.outcomes.setdefault(kind, Counter())[name] += 1
            self.slowest = max(self.slowest, found["seconds"])
            self.peak = max(self.peak, found["peak"])
            if found.get("noise"):
                line = re.sub(r"0x\w+|\d+", "N", found["noise"].strip().splitlines()[0])[:100]
                self.noise[f"{kind}: {line}"] += 1
            if "finding" in found:
                self._keep(kind, path, found, keep=keep)

    def _keep(self, kind: str, path: Path, found: dict[str, Any], *, keep: Path) -> None:
        name, size = f"{kind}: {found['finding']}", path.stat().st_size
        known = self.findings.setdefault(
            name, {"count": 0, "bytes": size + 1, "number": len(self.findings) + 1}
        )
        known["count"] += 1
        if size < known["bytes"]:
            copy = keep / f"{known['number']:03d}-{kind}{path.suffix}"
            copy.write_bytes(path.read_bytes())
            known |= {"bytes": size, "input": str(copy), "said": found["said"]}
            known |= {"trace": found.get("trace", ""), "seconds": round(found["seconds"], 1)}


def work(number: int, starts: Starts, tally: Tally, *, until: float, seed: int, keep: Path) -> None:
    """Damage and open files until the time is over."""
    chance = random.Random(seed * 1000 + number)
    opening = Opening()
    kinds = [kind for kind in starts for _ in range(4 if kind == "hostile" else 1)]
    with tempfile.TemporaryDirectory() as place:
        count = 0
        while time.monotonic() < until:
            kind = chance.choice(kinds)
            suffix, data = damaged(starts, kind, chance)
            count += 1
            path = Path(place) / f"{count}{suffix}"
            path.write_bytes(data)
            found = opening.open(path)
            tally.take(kind, path, found, keep=keep)
            path.unlink()
    opening.close()


def main(seconds: float = SECONDS, seed: int = SEED) -> dict[str, object]:
    starts = made() | of_test_data()
    keep = Path(tempfile.mkdtemp(prefix="mediacorpus-fuzz-"))
    check_valid(starts)
    tally, until = Tally(), time.monotonic() + seconds
    crew = [
        threading.Thread(
            target=work,
            args=(number, starts, tally),
            kwargs={"until": until, "seed": seed, "keep": keep},
            daemon=True,
        )
        for number in range(WORKERS)
    ]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return {
        "seconds": seconds,
        "seed": seed,
        "inputs": tally.tried.total(),
        "starts": {kind: len(files) for kind, files in starts.items()},
        "kinds": {
            kind: dict(tally.outcomes[kind].most_common()) for kind in sorted(tally.outcomes)
        },
        "slowest seconds": round(tally.slowest, 2),
        "peak MB": round(tally.peak),
        "written to the terminal": dict(tally.noise.most_common()),
        "findings": tally.findings,
        "folder": str(keep),
    }


def check_valid(starts: Starts) -> None:
    """Each file that was made must be an item before it is damaged."""
    opening = Opening()
    with tempfile.TemporaryDirectory() as place:
        for kind, files in starts.items():
            for number, (suffix, data) in enumerate(files):
                path = Path(place) / f"{kind}{number}{suffix}"
                path.write_bytes(data)
                found = opening.open(path)
                fine = found["outcome"] == "item" or kind in {"hostile", "video"}
                if not fine:
                    raise SystemExit(f"The valid {path.name} gives {found}.")
    opening.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    json.dump(main(asked.seconds, asked.seed), sys.stdout, indent=1)

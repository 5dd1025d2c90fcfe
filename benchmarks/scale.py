"""10,000 items against 1,000: peak memory, and the time of a second run that has nothing to do."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from images import write

WIDTH, HEIGHT = 640, 480
CHILD = """
import resource, sys, time
from mediacorpus.cli import main
started = time.perf_counter()
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"\\nPEAK {peak:.1f} CODE {code or 0}")
"""


def run(*arguments: str) -> tuple[float, float]:
    """Run a command in a process of its own; return its wall seconds and peak memory in MB."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=True
    )
    wall = time.perf_counter() - started
    _, peak, _, code = done.stdout.strip().splitlines()[-1].split()
    if code != "0":
        raise SystemExit(done.stdout + done.stderr)
    return wall, float(peak)


def main() -> dict[str, object]:
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as place:
        images = write(Path(place) / "pictures", 10_000, width=WIDTH, height=HEIGHT, quality=85)
        few = Path(place) / "few"
        few.mkdir()
        for file in sorted(images.glob("*.jpg"))[:1000]:
            (few / file.name).hardlink_to(file)
        run("measures")
        for name, folder in (("1000", few), ("10000", images)):
            corpus = str(Path(place) / f"corpus{name}")
            run("create", corpus)
            measures = ("measure", corpus, "facts", "tags", "embedding", "-q")
            for verb, command in (
                ("add", ("add", corpus, str(folder), "-q")),
                ("add again", ("add", corpus, str(folder), "-q")),
                ("measure", measures),
                ("measure again", measures),
            ):
                seconds, peak = run(*command)
                found[f"{verb} {name} seconds"] = round(seconds, 2)
                found[f"{verb} {name} peak MB"] = round(peak)
    for verb in ("add", "measure"):
        found[f"{verb} memory 10000 / 1000"] = round(
            found[f"{verb} 10000 peak MB"] / found[f"{verb} 1000 peak MB"],
            3,  # type: ignore[operator]
        )
    return found


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)

"""A million items: CPU seconds and peak memory of each command, each in a process of its own.

Made rows are written straight into a corpus: items and records with the user's columns, two
measures and 50,000 labels. There are no image files behind them, so this times what the catalogue
and the tables cost, not decoding. `--before FOLDER` runs another checkout as well, on a corpus
that its own code made, so that both stand in one table. `--keep FOLDER` keeps the corpora there
and uses those that it finds, and `--only WORD` runs the commands whose names hold the word.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
ITEMS, LABELS, PARTS = 1_000_000, 50_000, 20

BUILD = """
import hashlib, sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from mediacorpus.store import holdings, people, progress
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store
from mediacorpus.measures import facts, quality
from mediacorpus.records import FileFacts, Label, schema
from mediacorpus.store.parts import write_part

folder, count, labels, parts = Path(sys.argv[1]), *map(int, sys.argv[2:5])
random = np.random.default_rng(1)
store = Store.create(folder)
digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(count)]
items = [digest[:16] for digest in digests]
with running(store, "add", parameters={"source": "made"}) as run:
    source = holdings.add_source(store, "manifest", location=folder.parent / "posts.csv", run=run.id)
    for start in range(0, count, 10_000):
        with store.transaction():
            records = [
                holdings.NewRecord(
                    f"row:posts.csv#{n}.jpg#1", f"/pictures/{n // 1000}/{n}.jpg", 90_000 + n % 999,
                    n, digests[n],
                    FileFacts("JPEG", 640 + n % 640, 480, "RGB", 90_000 + n % 999),
                    {
                        "author": f"author {n * 7919 % (count // 20 + 1)}",
                        "year": str(2010 + n % 12),
                        "likes": str(n % 1000 / 4),
                        "code": f"{n % 1000:03d}",
                        "caption": f"Post {n} of the day, with some words on what it shows",
                    },
                )
                for n in range(start, min(start + 10_000, count))
            ]
            holdings.write_records(store, records, source=source, run=run.id)
numbers = np.array([n for (n,) in store.rows("SELECT n FROM items ORDER BY n")])


def column(kind, size):
    if pa.types.is_string(kind):
        return pa.array(["made"] * size, kind)
    if pa.types.is_boolean(kind):
        return pa.array(np.zeros(size, bool))
    if pa.types.is_integer(kind):
        return pa.array(random.integers(0, 5000, size), kind)
    return pa.array(random.normal(size=size), kind)


for info in (facts.INFO, quality.INFO):
    with running(store, "measure", parameters={"measures": [info.name]}) as run:
        setup = progress.setup_id(store, info, {}, run=run.id)
        wanted = schema(info)
        for number, places in enumerate(np.array_split(np.arange(count), parts)):
            own = [items[place] for place in places]
            columns = {"item": own, "run": [run.id] * len(own)}
            columns |= {name: column(wanted.field(name).type, len(own)) for name in info.outputs}
            table = pa.table(columns, schema=wanted)
            path = write_part(folder, table, name=info.name, run=run.id, number=number)
            part = progress.Part(
                setup, path.relative_to(folder).as_posix(), len(own), path.stat().st_size,
                numbers[places].tolist(),
            )
            progress.record_parts(store, [part], failed={}, run=run.id)
chosen = random.permutation(count)[:labels]
with open(folder.parent / "labels.csv", "w", encoding="utf-8") as file:
    file.write("item,variable,value,coder\\n")
    file.writelines(f"{items[n]},crowd,{'yes' if n % 3 else 'no'},ann\\n" for n in chosen)
with running(store, "labels import", parameters={"source": "made"}, exclusive=False) as run:
    people.append_labels(
        store, [Label(items[n], "mood", "glad" if n % 4 else "sad", "bob") for n in chosen], run.id
    )
store.close()
"""

CHILD = """
import resource, sys
from mediacorpus.cli import main
code = 0
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code or 0
own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
print(f"\\nCPU {cpu:.2f} PEAK {max(own.ru_maxrss, children.ru_maxrss) / 1024:.0f} CODE {code}")
"""


def _of_checkout(code: str, checkout: Path) -> str:
    """Name the modules as a checkout of before has them, where catalogue and tables were apart."""
    if (checkout / "src" / "mediacorpus" / "store").is_dir():
        return code
    code = code.replace("mediacorpus.store.parts", "mediacorpus.tables.parts")
    return code.replace("mediacorpus.store", "mediacorpus.catalogue")


def python(code: str, *arguments: str, checkout: Path) -> str:
    """Run some code on another Python with a checkout's own package; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(checkout / "src"), "PYTHONWARNINGS": "ignore"},
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def commands(corpus: Path, item: str) -> dict[str, list[str]]:
    """Give the commands, in the order in which they build on one another."""
    here, out = str(corpus), str(corpus.parent / "tidy")
    return {
        "sql: count": ["sql", here, "SELECT count(*) FROM items"],
        "sql: one record": ["sql", here, "SELECT * FROM records WHERE record = 500000"],
        "sql: records of an item": ["sql", here, f"SELECT * FROM records WHERE item = '{item}'"],
        "sql: column `records`": ["sql", here, "SELECT sum(records) FROM items"],
        "sql: by year": ["sql", here, "SELECT year, avg(likes) FROM records GROUP BY 1"],
        "table -o .parquet": ["table", here, "-o", f"{out}.parquet"],
        "table -o .csv": ["table", here, "-o", f"{out}.csv"],
        "labels import": ["labels", "import", here, str(corpus.parent / "labels.csv")],
        "split": ["split", here, "crowd"],
        "split --by": ["split", here, "crowd", "--cluster", "author"],
        "measure, nothing to do": ["measure", here, "facts", "quality", "-q"],
        "report": ["report", here],
    }


def measured(checkout: Path, folder: Path, *, only: str, items: int) -> dict[str, dict[str, float]]:
    """Run all commands with the code of a checkout on a corpus that it made."""
    corpus = folder / "corpus"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        build = _of_checkout(BUILD, checkout)
        python(build, str(corpus), str(items), str(LABELS), str(PARTS), checkout=checkout)
        (folder / "done").touch()
    item = (folder / "labels.csv").read_text("utf-8").splitlines()[1].partition(",")[0]
    found = {}
    for name, command in commands(corpus, item).items():
        if only not in name:
            continue
        said = python(CHILD, *command, checkout=checkout).strip().splitlines()[-1].split()
        found[name] = {"cpu": float(said[1]), "peak MB": float(said[3])}
        if said[5] != "0":
            raise SystemExit(f"{name} ended with {said[5]}")
        print(checkout, name, found[name], file=sys.stderr, flush=True)
    return found


def main() -> Mapping[str, object]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout to run as well")
    parser.add_argument("--keep", type=Path, help="folder that keeps the corpora")
    parser.add_argument("--only", default="", help="commands whose names hold this word")
    parser.add_argument("--items", type=int, default=ITEMS)
    given = parser.parse_args()
    checkouts = {"before": given.before, "now": HERE}
    with tempfile.TemporaryDirectory() as scratch:
        place = given.keep or Path(scratch)
        return {"items": given.items} | {
            name: measured(checkout, place / name, only=given.only, items=given.items)
            for name, checkout in checkouts.items()
            if checkout is not None
        }


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)

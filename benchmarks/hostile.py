"""Every file of the hostile archive through the verbs, and alone through the decoders.

The archive, and a folder that it was unpacked into, are added and measured with everything that
needs no network model, each in a process of its own. Each file must be an item, a failure with
its reason, or passed over as no media. Then each is opened alone, with a time limit. What Pillow
does with them is listed in the test data; where we differ, our reason is given.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from boundary import Opening, check_sentence, peak_megabytes
from images import DATA

HOSTILE = DATA / "hostile"
ARCHIVE = HOSTILE / "hostile.zip"
MEASURES = (
    *("facts", "color", "composition", "quality", "hog", "lbp", "haralick", "hu", "zernike"),
    *("histogram", "correlogram", "keypoints", "pixels"),
)
PACKED = ".tar"
"""The one archive in the archive: its members stand for it."""


def through_verbs(source: Path, place: Path) -> dict[str, Any]:
    """Add a source to a new corpus and measure it; tell what became of its files."""
    import mediacorpus as mc

    started = time.perf_counter()
    with mc.Corpus.create(place / "corpus") as corpus:
        added = corpus.add(source, progress=False, frames="every=1", pages="all")
        measured = corpus.measure(*MEASURES, progress=False)
        failures, records, items = corpus.failures(), corpus.records(), corpus.items()
        rows = {name: len(corpus.table(name)) for name in MEASURES}
    for reason in failures["reason"]:
        check_sentence(reason)
    inside = f"{source.resolve()}/"
    return {
        "items": added.items,
        "records": [path.removeprefix(inside) for path in records["path"]],
        "derived": int(items["parent"].notna().sum()),
        "kinds": dict(Counter(items["kind"])),
        "failures": [
            (row.path.removeprefix(inside), row.stage, row.reason) for row in failures.itertuples()
        ],
        "measured": measured.items,
        "not measured": measured.failed,
        "rows": rows,
        "seconds": round(time.perf_counter() - started, 1),
        "peak MB": round(peak_megabytes()),
    }


def in_child(source: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            [sys.executable, __file__, str(source), place],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        return {"crash": done.returncode, "said": done.stderr[-3000:]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"written to the terminal": len(done.stderr.splitlines())}


def account(found: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Tell which files are items, failed, were passed over, or are in no table."""
    records = set(found.pop("records"))
    reasons = found.pop("failures")
    failed = {path: reason for path, stage, reason in reasons if stage == "add"}
    passed = {path: reason for path, stage, reason in reasons if stage == "passed over"}
    unmeasured = {
        f"{path} ({stage})": reason
        for path, stage, reason in reasons
        if stage not in {"add", "passed over"}
    }
    told = records | set(failed) | set(passed)
    packed = [name for name in names if name.endswith(PACKED)]
    opened = [name for name in packed if any(path.startswith(f"{name}/") for path in told)]
    inside = [path for path in records if path.startswith(tuple(f"{name}/" for name in opened))]
    return found | {
        "files": len(names),
        "items of them": len(records & set(names)),
        "members of archives": len(inside),
        "archives opened": opened,
        "failed": failed,
        "passed over": passed,
        "failed to measure": unmeasured,
        "unaccounted": [name for name in names if name not in told and name not in opened],
    }


def alone(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Open each file by itself in a child that is watched."""
    opening = Opening()
    found = {name: opening.open(folder / name) for name in names}
    opening.close()
    return found


def beside_pillow(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """List the files that one reads and the other does not."""
    with (HOSTILE / "pillow_outcome.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    [column] = [name for name in rows[0] if name.startswith("outcome_pillow")]
    theirs = {row["file"]: row[column] for row in rows}
    ours = {name: one["outcome"] == "item" for name, one in found.items()}
    return {
        "Pillow reads": sum(one == "ok" for one in theirs.values()),
        "both read": sum(ours[name] and theirs[name] == "ok" for name in theirs),
        "only Pillow reads": {
            name: found[name]["said"] for name in theirs if theirs[name] == "ok" and not ours[name]
        },
        "only we read": {
            name: f"{found[name]['said']} (Pillow: {theirs[name]})"
            for name in theirs
            if theirs[name] != "ok" and ours[name]
        },
    }


def main() -> dict[str, object]:
    if not ARCHIVE.is_file():
        raise SystemExit(f"No test data in {HOSTILE}: set MEDIACORPUS_TEST_DATA.")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve() / "folder"
        with zipfile.ZipFile(ARCHIVE) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            archive.extractall(folder)
        verbs = {
            name: in_child(source) for name, source in (("archive", ARCHIVE), ("folder", folder))
        }
        single = alone(folder, names)
    slowest = max(single, key=lambda name: single[name]["seconds"])
    return {
        **{k: v if "crash" in v else account(v, names) for k, v in verbs.items()},
        "alone": {
            "outcomes": dict(Counter(one["outcome"] for one in single.values())),
            "findings": {n: one["finding"] for n, one in single.items() if "finding" in one},
            "written to the terminal": sum(bool(one.get("noise")) for one in single.values()),
            "slowest": slowest,
            "slowest seconds": round(single[slowest]["seconds"], 2),
            "peak MB": round(max(one["peak"] for one in single.values())),
        },
        "pillow": beside_pillow(single),
    }


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(through_verbs(Path(sys.argv[1]), Path(sys.argv[2]))))
    else:
        json.dump(main(), sys.stdout, indent=1, ensure_ascii=False)

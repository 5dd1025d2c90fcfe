"""Run all benchmarks and write `RESULTS.md`. Nothing else should run on the machine meanwhile.

`run.py NAME...` runs some of them anew; the figures of the others stay as `results.json` has them.
`NAME=FILE` takes what a script wrote when it was run alone, such as one that takes hours.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from learning_results import published, scratch, shallow, training
from marks import met

from mediacorpus.settings import settings

HERE = Path(__file__).resolve().parent
RAW = HERE / "results.json"


SMALL = ["color", "quality", "composition", "--images", "10000", "--size", "320", "240"]
SCRIPTS = {"small": ["descriptors.py", *SMALL]}
"""Benchmarks that another script runs, with its arguments."""


def child(name: str) -> dict[str, Any]:
    print(f"{name} …", file=sys.stderr, flush=True)
    script, *arguments = SCRIPTS.get(name, [f"{name}.py"])
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(": ", 1)[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def throughput(found: dict[str, Any]) -> list[str]:
    lines = [
        "## `measure facts tags embedding`",
        "",
        f"{found['pictures']} JPEGs of {found['megapixels']:.1f} megapixel, all cores. The limit is "
        "1 / (1 / decode + 1 / network). The peer is Pillow and eager PyTorch, one image at a "
        "time. Median of rounds in one run, images per second.",
        "",
        "| | fp32 | int8 |",
        "|---|---|---|",
        f"| decode only | {found['decode']:.0f} | {found['decode']:.0f} |",
    ]
    for label, key in (
        ("network only", "network"),
        ("limit", "limit"),
        ("`measure`", "measure"),
        ("share of the limit", "share of limit"),
        ("times the peer", "times peer"),
    ):
        shape = ".2f" if key.startswith(("share", "times")) else ".0f"
        row = [format(found[f"{key} {kind}"], shape) for kind in ("fp32", "int8")]
        lines.append(f"| {label} | {row[0]} | {row[1]} |")
    shares = [found[f"share of limit {kind}"] for kind in ("fp32", "int8")]
    lines += [
        "",
        f"The peer does {found['peer']:.1f} images/s. The best tag of int8 is that of fp32 for "
        f"{found['agreement int8']:.1%} of the images compared.",
        "",
        f"- At least 0.9 of the limit: fp32 {met(shares[0] >= 0.9)}, int8 {met(shares[1] >= 0.9)}.",
        f"- fp32 at least 3.5 times the peer: {met(found['times peer fp32'] >= 3.5)}.",
        f"- int8 at least 6 times the peer: {met(found['times peer int8'] >= 6)}.",
    ]
    return lines


def scale(found: dict[str, Any]) -> list[str]:
    lines = [
        "## 10,000 items against 1,000",
        "",
        "JPEGs of 640 × 480; each command in a process of its own, start of Python included.",
        "",
        "| | 1,000 | 10,000 |",
        "|---|---|---|",
    ]
    for verb in ("add", "add again", "measure", "measure again"):
        for unit in ("seconds", "peak MB"):
            row = [found[f"{verb} {n} {unit}"] for n in (1000, 10000)]
            lines.append(f"| `{verb}`, {unit} | {row[0]} | {row[1]} |")
    again = found["measure again 10000 seconds"]
    memory = found["measure memory 10000 / 1000"]
    lines += [
        "",
        f"- A second run takes under 2 s: {met(again < 2)} ({again} s).",
        f"- Peak memory of `measure` grows by at most 15 %: {met(memory <= 1.15)} "
        f"(× {memory}; `add` × {found['add memory 10000 / 1000']}).",
    ]
    return lines


def descriptors(found: dict[str, Any]) -> list[str]:
    single = found["milliseconds of single calls"]
    return [
        "## All descriptors in one pass",
        "",
        f"{found['pictures']} JPEGs of {found['megapixels']:.1f} megapixel, all cores. The limit is "
        "the sum of the single library calls (OpenCV, scikit-image, mahotas; our own function "
        "where no library has the value), each image decoded once, by threads or by processes, "
        "whichever is faster. Median of rounds in one run, images per second.",
        "",
        "| `measure`, 12 measures | library calls, threads | library calls, processes | share of the limit |",
        "|---|---|---|---|",
        f"| {found['measure']:.1f} | {found['threads']:.1f} | {found['processes']:.1f} | "
        f"{found['share of limit']:.2f} |",
        "",
        f"One image takes {sum(single.values()):.0f} ms on one core: "
        + ", ".join(f"{name} {value:.1f}" for name, value in single.items())
        + ".",
        "",
        f"- At least 0.8 of the limit: {met(found['share of limit'] >= 0.8)}.",
    ]


def small(found: dict[str, Any]) -> list[str]:
    share = found["share of limit"]
    return [
        "## Many small files",
        "",
        f"`measure {' '.join(found['measures'])}` on {found['pictures']:,} JPEGs of 320 × 240, beside "
        "the same limit: the library calls alone. Images per second.",
        "",
        "| `measure` | library calls, threads | library calls, processes | share of the limit |",
        "|---|---|---|---|",
        f"| {found['measure']:.0f} | {found['threads']:.0f} | {found['processes']:.0f} | {share:.2f} |",
        "",
        f"- At least 0.85 of the limit: {met(share >= 0.85)}.",
    ]


MARKS = {
    "sql: count": (1.5, 200),
    "sql: one record": (1.5, 200),
    "table -o .parquet": (20, 500),
    "table -o .csv": (20, 500),
    "labels import": (5, None),
    "split": (5, None),
    "split --by": (5, None),
    "measure, nothing to do": (3, None),
    "report": (20, 500),
}
"""CPU seconds and MB that a command may take on a million items."""


def million(found: dict[str, Any]) -> list[str]:
    sides = [side for side in ("before", "now") if side in found]
    heads = [f"{side}, {unit}" for side in sides for unit in ("CPU s", "MB")]
    lines = [
        "## A million items",
        "",
        f"{found['items']:,} made items and records, 50,000 labels, two measures. Each command in a "
        "process of its own, start of Python included: CPU seconds and peak memory.",
        "",
        f"| | {' | '.join(heads)} | mark |",
        f"|---|{'---|' * len(heads)}---|",
    ]
    for name, now in found["now"].items():
        rows = [found[side].get(name, {}) for side in sides]
        cells = [f"{row.get(unit, '')}" for row in rows for unit in ("cpu", "peak MB")]
        said = ""
        if name in MARKS:
            seconds, room = MARKS[name]
            mark = f"{seconds} s" + (f", {room} MB" if room else "")
            reached = now["cpu"] < seconds and (room is None or now["peak MB"] < room)
            said = f"{mark}: {met(reached)}"
        lines.append(f"| `{name}` | {' | '.join(cells)} | {said} |")
    return lines


def download(found: dict[str, Any]) -> list[str]:
    return [
        "## Downloads",
        "",
        f"{found['files']:,} small files from a server on this machine, {found['parallel']} requests "
        "at once. Median of rounds in one run, files per second.",
        "",
        "| bare httpx loop | `download` | share |",
        "|---|---|---|",
        f"| {found['bare']:.0f} | {found['download']:.0f} | {found['share of bare']:.2f} |",
        "",
        f"- At least 0.7 of the bare loop: {met(found['share of bare'] >= 0.7)}.",
    ]


def hostile(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Hostile files",
        "",
        "Added and measured (all descriptors and facts) from the archive and from a folder; each "
        "file is an item, a failure with its reason, or passed over as no media.",
        "",
        "| | archive | folder |",
        "|---|---|---|",
    ]
    ways = [found[name] for name in ("archive", "folder")]
    if any("crash" in way for way in ways):
        return [*lines, f"| **crash** | {ways[0].get('crash', '')} | {ways[1].get('crash', '')} |"]
    for label, key in (
        ("files", "files"),
        ("items", "items of them"),
        ("members of archives in it", "members of archives"),
        ("frames and pages", "derived"),
        ("failed", "failed"),
        ("passed over", "passed over"),
        ("in no table", "unaccounted"),
        ("images measured", "measured"),
        ("items that could not be decoded", "not measured"),
        ("seconds", "seconds"),
        ("peak MB", "peak MB"),
    ):
        values = [len(v) if isinstance(v := way[key], (dict, list)) else v for way in ways]
        lines.append(f"| {label} | {values[0]} | {values[1]} |")
    alone, pillow = found["alone"], found["pillow"]
    reasons = Counter(re.sub(r" \(.*\)", "", text) for text in ways[0]["failed"].values())
    lines += ["", "| why files failed | files |", "|---|---|"]
    lines += [f"| {reason} | {count} |" for reason, count in reasons.most_common()]
    lines += [
        "",
        f"Each alone: the slowest, `{alone['slowest']}`, takes {alone['slowest seconds']} s; peak "
        f"{alone['peak MB']} MB. Pillow reads {pillow['Pillow reads']} of the files, "
        f"{pillow['both read']} of which we read too.",
        "",
        *(f"- Only Pillow: `{name}`: {why}" for name, why in pillow["only Pillow reads"].items()),
        *(f"- Only we: `{name}`: {why}" for name, why in pillow["only we read"].items()),
    ]
    whole = not any(way["unaccounted"] for way in ways) and not alone["findings"]
    peak = max(way["peak MB"] for way in (*ways, alone))
    lines += [
        f"- Every file accounted for, no crash, none over 10 s: {met(whole)}.",
        f"- Below 1 GB: {met(peak < 1000)} ({peak} MB).",
    ]
    return lines


def fuzz(found: dict[str, Any]) -> list[str]:
    names = ("item", "MediaError", "TooLarge", "SourceError", "finding")
    lines = [
        "## Fuzzing the decoders' boundary",
        "",
        f"{found['inputs']:,} damaged files in {found['seconds']:.0f} s (seed {found['seed']}), each "
        "opened in a child process. A finding is any other exception, a crash, over 10 s or over "
        "1 GB.",
        "",
        f"| kind | tried | {' | '.join(names)} |",
        f"|---|---|{'---|' * len(names)}",
    ]
    for kind, outcomes in found["kinds"].items():
        counts = " | ".join(str(outcomes.get(name, 0)) for name in names)
        lines.append(f"| {kind} | {sum(outcomes.values())} | {counts} |")
    lines += [
        "",
        f"Slowest {found['slowest seconds']} s, peak {found['peak MB']} MB.",
        "",
        *(f"- **{name}**: {one['count']} times" for name, one in found["findings"].items()),
        f"- No findings: {met(not found['findings'])}.",
    ]
    return lines


def video(found: dict[str, Any]) -> list[str]:
    long, tenth, dense = found["long"], found["tenth"], found["tenth, as many frames"]
    lines = [
        f"## {found['minutes']} minutes of video",
        "",
        f"{found['frames']:,} frames of 320 × 240 ({found['megabytes']} MB of H.264); every hundredth "
        "becomes an item and is measured (`facts color`), in a process of its own.",
        "",
        "| | a tenth | a tenth, as many frames | all |",
        "|---|---|---|---|",
    ]
    keys = ("frames", "add seconds", "add peak MB", "measure seconds", "measure peak MB")
    lines += [f"| {key} | {tenth[key]} | {dense[key]} | {long[key]} |" for key in keys]
    lines += [
        "",
        f"The index takes {found['index seconds']} s; frame {found['last frame']:,} comes "
        f"{found['last frame seconds']} s after opening.",
        "",
        "| shots, frames per second | "
        + " | ".join(found["shots small"]["frames per second"])
        + " |",
        "|---|" + "---|" * len(found["shots small"]["frames per second"]),
    ]
    for label, key in (("320 × 240", "shots small"), ("1280 × 720", "shots large")):
        speeds = " | ".join(map(str, found[key]["frames per second"].values()))
        lines.append(f"| {label} | {speeds} |")
    cuts = found["known cuts"]
    lines += [
        "",
        "| clip | hard cuts | found within 1 frame | false | PySceneDetect |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['file']} | {row['cuts']} | {row['found within 1']} | {row['false']} | "
        f"{row['PySceneDetect']} |"
        for row in cuts
    ]
    every = all(row["found within 1"] == len(row["cuts"]) for row in cuts)
    growths = [found[f"memory by {what}"] for what in ("length", "frames")]
    lines += [
        "",
        f"- Frame {found['last frame']:,} exact: {met(found['frames exact'] == found['frames tried'])}.",
        f"- Peak memory grows by at most 15 %: with the length {met(growths[0] <= 1.15)} "
        f"(× {growths[0]:.3f}), with the frames measured {met(growths[1] <= 1.15)} (× {growths[1]:.3f}).",
        f"- Every known hard cut within 1 frame: {met(every)}.",
    ]
    return lines


PARTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "throughput": throughput,
    "scale": scale,
    "training": training,
    "published": published,
    "scratch": scratch,
    "shallow": shallow,
    "descriptors": descriptors,
    "small": small,
    "million": million,
    "download": download,
    "hostile": hostile,
    "fuzz": fuzz,
    "video": video,
}


def main() -> None:
    names = sys.argv[1:] or list(PARTS)
    packages = (
        "onnxruntime",
        "opencv-python-headless",
        "pillow",
        "torch",
        "numpy",
        "scikit-learn",
        "scikit-image",
        "mahotas",
        "av",
        "scenedetect-headless",
    )
    lines = [
        "# Results",
        "",
        "Written by `make bench`. Times are of one machine; ratios are what counts.",
        "",
        f"{processor()}, {settings().workers} cores, "
        f"Python {platform.python_version()}; "
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + ".",
    ]
    raw = json.loads(RAW.read_text(encoding="utf-8")) if RAW.exists() else {}
    for argument in names:
        name, _, file = argument.partition("=")
        new = json.loads(Path(file).read_text(encoding="utf-8")) if file else child(name)
        raw[name] = raw.get(name, {}) | new
        RAW.write_text(json.dumps(raw, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for name, render in PARTS.items():
        if name in raw:
            lines += ["", *render(raw[name])]
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print((HERE / "RESULTS.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

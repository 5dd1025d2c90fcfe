"""Run all benchmarks and write `RESULTS.md`. Nothing else should run on the machine meanwhile."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mediacorpus.settings import settings

HERE = Path(__file__).resolve().parent


def child(name: str) -> dict[str, Any]:
    print(f"{name} …", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(": ", 1)[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def met(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def throughput(found: dict[str, Any]) -> list[str]:
    lines = [
        "## `measure facts tags embedding`",
        "",
        f"{found['pictures']} JPEGs of {found['megapixels']:.1f} megapixel, all cores. The limit is "
        "1 / (1 / decode + 1 / network). The peer is Pillow and eager PyTorch, one picture at a "
        "time. Median of rounds in one run, pictures per second.",
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
        f"The peer does {found['peer']:.1f} pictures/s. The best tag of int8 is that of fp32 for "
        f"{found['agreement int8']:.1%} of the pictures compared.",
        "",
        f"- At least 0.85 of the limit: fp32 {met(shares[0] >= 0.85)}, int8 {met(shares[1] >= 0.85)}.",
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


def training(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Ants and bees (245 + 153 photographs)",
        "",
        "From added pictures to the model; the first time also measures the embeddings.",
        "",
        "| method | seed | train, s | to validated scores, s | validation accuracy |",
        "|---|---|---|---|---|",
    ]
    for method in ("probe", "finetune"):
        lines += [
            f"| {method} | {row['seed']} | {row['train seconds']} | "
            f"{row['train to validated seconds']} | {row['validation accuracy']:.3f} |"
            for row in found[method]
        ]
    recipe = found["taught recipe"]
    worst = {
        m: (
            min(r["validation accuracy"] for r in found[m]),
            max(r["train to validated seconds"] for r in found[m]),
        )
        for m in ("probe", "finetune")
    }
    lines += [
        "",
        "The taught recipe (all layers, batch 4, eager PyTorch) takes "
        f"{recipe['seconds per epoch']} s an epoch, {recipe['seconds for 50 epochs']} s for 50.",
        "",
        f"- probe at least .93 in under 20 s: {met(worst['probe'][0] >= 0.93 and worst['probe'][1] < 20)}.",
        f"- finetune at least .93 in under 4 minutes: "
        f"{met(worst['finetune'][0] >= 0.93 and worst['finetune'][1] < 240)}.",
    ]
    return lines


PARTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "throughput": throughput,
    "scale": scale,
    "training": training,
}


def main() -> None:
    names = sys.argv[1:] or list(PARTS)
    packages = ("onnxruntime", "opencv-python-headless", "pillow", "torch", "numpy", "scikit-learn")
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
    for name in names:
        lines += ["", *PARTS[name](child(name))]
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print((HERE / "RESULTS.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

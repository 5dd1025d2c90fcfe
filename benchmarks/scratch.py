"""Fashion-MNIST: the networks of teaching, trained from scratch as published, three seeds.

The multilayer perceptron 784-300-100-10 (Géron, 2019, ch. 10): SGD, learning rate .01, batches of
32, validated on the first 5,000 training images; .84 after 5 epochs, .88 after 25.
MiniVGGNet with batch normalization: SGD, .01 falling to 0 by the cosine, momentum .9, batches
of 32, 25 epochs, in bfloat16; .93 on the 10,000 test images.

The real training loop, `learning.finetune.fit`, runs on arrays: reading 70,000 files of 28x28
pixels would take longer than training the perceptron and is measured by other benchmarks.
`--quick` runs one seed and two epochs of the perceptron, one epoch of MiniVGGNet on a tenth of the
images, and says how long the whole would take. The name of a network runs that one alone.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mediacorpus.learning.features import Part, plan_for
from mediacorpus.learning.loop import fit, predict
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks import frozen
from mediacorpus.networks.backbones import create
from mediacorpus.networks.scratch import taught_dropout

DATA = Path("/usr/share/datasets/fashion-mnist")
SEEDS = (1, 2, 3)
HELD_OUT = 5_000
CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker")
CLASSES += ("bag", "ankle boot")
REPORTED = (5, 25)
TAUGHT: dict[str, dict[str, Any]] = {
    "mlp": {"momentum": 0.0, "schedule": "step", "step_size": 1000, "gamma": 1.0},
    "minivggnet_bn_gray": {"momentum": 0.9, "schedule": "cosine", "precision": "bf16"},
}


def read(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels of `train` or `t10k`; gray becomes three equal channels."""
    with gzip.open(DATA / f"{name}-images-idx3-ubyte.gz") as file:
        gray = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28, 1)
    with gzip.open(DATA / f"{name}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    return np.repeat(gray, 3, axis=4), labels


def part(views: np.ndarray, labels: np.ndarray, *, share: float = 1.0) -> Part:
    n = int(share * len(labels))
    return Part(views[:n], np.arange(n), labels[:n])


def parts(share: float = 1.0) -> dict[str, Part]:
    """The published division: the first 5,000 validate, 55,000 train, 10,000 test."""
    views, labels = read("train")
    return {
        "train": part(views[HELD_OUT:], labels[HELD_OUT:], share=share),
        "val": part(views[:HELD_OUT], labels[:HELD_OUT]),
        "test": part(*read("t10k")),
    }


def ours(arch: str, data: Mapping[str, Part], *, seed: int, epochs: int) -> dict[str, Any]:
    """Train one network; accuracies after the reported epochs and of the best epoch."""
    settings = TrainSettings(
        method="scratch",
        arch=arch,
        epochs=epochs,
        lr=0.01,
        batch_size=32,
        patience=epochs,
        dropout=taught_dropout(arch),
        seed=seed,
        **TAUGHT[arch],
    )
    settings.check()
    settings = settings.complete()
    network = create(
        arch, weights="random", classes=len(CLASSES), dropout=taught_dropout(arch), seed=seed
    )
    _, learning = frozen.split(network, "all")
    module = torch.nn.Sequential(frozen.standardizer(network), *learning)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found: dict[str, Any] = {"seed": seed}

    def test(module: Any, device: str) -> float:
        logits = predict(module, data["test"], device=device)
        return float((logits.argmax(1).numpy() == data["test"].targets).mean())

    def report(epoch: int, _: int, row: Mapping[str, Any]) -> None:
        print(f"{arch} {seed}: epoch {epoch}, {row['val_accuracy']:.4f}", file=sys.stderr)
        if epoch in REPORTED:
            found[f"validation after {epoch}"] = round(row["val_accuracy"], 4)
            found[f"test after {epoch}"] = round(test(module, device), 4)

    with tempfile.TemporaryDirectory() as work:
        fitted = fit(
            module,
            data["train"],
            data["val"],
            plan=plan_for(network, learns_all=True, augment=False, seed=seed),
            settings=settings,
            target=Target(TargetKind.CLASSES, CLASSES),
            work=Path(work),
            on_epoch=report,
        )
    best = fitted.curves.loc[fitted.curves["epoch"] == fitted.best_epoch].iloc[0]
    return found | {
        "best epoch": fitted.best_epoch,
        "validation of the best epoch": round(float(best["val_accuracy"]), 4),
        "test of the best epoch": round(test(module, "cpu"), 4),
        "seconds per epoch": round(float(fitted.curves["seconds"].median()), 1),
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Mean and standard deviation over the seeds of each accuracy."""
    names = [name for name in runs[0] if name.startswith(("validation", "test"))]
    found = {}
    for name in names:
        values = np.array([run[name] for run in runs])
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        found[name] = [round(float(values.mean()), 4), round(float(spread), 4)]
    return found


def quick() -> dict[str, Any]:
    share = 0.1
    perceptron = ours("mlp", parts(), seed=1, epochs=2)
    vgg = ours("minivggnet_bn_gray", parts(share), seed=1, epochs=1)
    seconds = perceptron["seconds per epoch"] + vgg["seconds per epoch"] / share
    return {
        "mlp": perceptron,
        "minivggnet_bn_gray": vgg,
        "hours for all": round(len(SEEDS) * max(REPORTED) * seconds / 3600, 1),
    }


def main() -> dict[str, Any]:
    if not (DATA / "train-images-idx3-ubyte.gz").exists():
        raise SystemExit(
            f"There is no Fashion-MNIST in {DATA}, so this benchmark is left out. "
            "Install the Debian package dataset-fashion-mnist."
        )
    if "--quick" in sys.argv:
        return quick()
    started = time.perf_counter()
    data = parts()
    found: dict[str, Any] = {"published": {"mlp": {"5": 0.84, "25": 0.88}, "minivggnet": 0.93}}
    for arch in [name for name in TAUGHT if name in sys.argv] or TAUGHT:
        runs = [ours(arch, data, seed=seed, epochs=max(REPORTED)) for seed in SEEDS]
        found[arch] = {"mean and spread": summary(runs), "runs": runs}
    return found | {"seconds": round(time.perf_counter() - started)}


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)

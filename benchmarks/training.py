"""Ants and bees: `probe` and `finetune` from pictures to validated scores, and the taught recipe.

The taught recipe (all layers, SGD, learning rate .001, momentum .9, step 7, gamma .1, batch 4,
50 epochs, eager PyTorch, random resized crop and flip) is timed for one epoch after another
beside them, with the same network and pictures.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pictures import DATA

import mediacorpus as mc
from mediacorpus.measures.efficientnet import load_network
from mediacorpus.media.augment import Augmentation
from mediacorpus.media.decode import load

SEEDS = (1, 2, 3)
TAUGHT_EPOCHS = 2


def ours(method: str, seed: int) -> dict[str, float]:
    """Train, apply and validate on a fresh corpus; seconds of each step."""
    with tempfile.TemporaryDirectory() as place, mc.Corpus.create(Path(place) / "c") as corpus:
        corpus.add(DATA / "hymenoptera", variable="insect", progress=False)
        started = time.perf_counter()
        corpus.train("insect", name="m", method=method, seed=seed, progress=False)
        trained = time.perf_counter()
        corpus.apply("m", progress=False)
        found = corpus.validate("m", against="insect")
        return {
            "seed": seed,
            "train seconds": round(trained - started, 1),
            "train to validated seconds": round(time.perf_counter() - started, 1),
            "validation accuracy": round(found.scores.accuracy.estimate, 4),
        }


def taught() -> dict[str, float]:
    """Time epochs of the taught recipe."""
    import torch

    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    files = [
        (file, int(file.parent.name == "bees"))
        for file in sorted((DATA / "hymenoptera" / "train").rglob("*.jpg"))
    ]
    network = load_network()
    network.reset_classifier(2)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.001, momentum=0.9)
    augment = Augmentation(size=224)
    seconds = []
    for _ in range(TAUGHT_EPOCHS):
        started = time.perf_counter()
        order = rng.permutation(len(files))
        for start in range(0, len(order), 4):
            batch = [files[i] for i in order[start : start + 4]]
            pixels = np.stack([augment(load(file), rng) for file, _ in batch])
            x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
            y = torch.tensor([label for _, label in batch])
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - started)
    return {
        "seconds per epoch": round(min(seconds), 1),
        "seconds for 50 epochs": round(50 * min(seconds)),
    }


def main() -> dict[str, object]:
    return {
        "probe": [ours("probe", seed) for seed in SEEDS],
        "finetune": [ours("finetune", seed) for seed in SEEDS],
        "taught recipe": taught(),
    }


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)

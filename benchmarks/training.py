"""Ants and bees: `linear` and `finetune` from images to validated scores, and the taught recipe.

The taught recipe (all layers, SGD, learning rate .001, momentum .9, step 7, gamma .1, batch 4,
50 epochs, eager PyTorch, random resized crop and flip, validated after each epoch) runs whole
beside them, with the same network and images. `--epochs N` runs N epochs of it and one seed of
ours, and says what 50 would take.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from images import DATA

import mediacorpus as mc
from mediacorpus.media.augment import Augmentation
from mediacorpus.media.decode import load
from mediacorpus.networks.lite import load_network
from mediacorpus.networks.views import preprocess

TAUGHT_EPOCHS, STEP = 50, 7
EPOCHS = int(sys.argv[2]) if sys.argv[1:2] == ["--epochs"] else TAUGHT_EPOCHS
SEEDS = (1, 2, 3) if EPOCHS == TAUGHT_EPOCHS else (1,)


def ours(method: str, seed: int) -> dict[str, float]:
    """Train, apply and validate on a fresh corpus; seconds of each step."""
    with tempfile.TemporaryDirectory() as place, mc.Corpus.create(Path(place) / "c") as corpus:
        corpus.add(DATA / "hymenoptera", variable="insect", progress=False)
        started = time.perf_counter()
        reached: dict[int, float] = {}

        def note(epoch: int, *_: object) -> None:
            reached[epoch] = time.perf_counter() - started

        model = corpus.train(
            "insect", name="m", method=method, seed=seed, progress=False, on_epoch=note
        )
        trained = time.perf_counter()
        corpus.apply("m", progress=False)
        found = corpus.validate("m", against="insect")
        return {
            "seed": seed,
            "train seconds": round(trained - started, 1),
            "seconds to the epoch kept": round(
                reached.get(model.card.get("best_epoch", 0), trained - started), 1
            ),
            "train to validated seconds": round(time.perf_counter() - started, 1),
            "validation accuracy": round(found.scores.accuracy.estimate, 4),
        }


def taught() -> dict[str, float]:
    """Run the taught recipe, all epochs, and say when its best validation accuracy came."""
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    train, val = files("train"), files("val")
    network = load_network()
    network.reset_classifier(2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.001, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, STEP)
    augment = Augmentation(size=224)
    reached, accuracies = [], []
    started = time.perf_counter()
    for epoch in range(1, EPOCHS + 1):
        network.train()
        order = rng.permutation(len(train))
        for start in range(0, len(order), 4):
            batch = [train[i] for i in order[start : start + 4]]
            x = tensor([augment(load(file), rng) for file, _ in batch])
            y = torch.tensor([label for _, label in batch])
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
        schedule.step()
        network.eval()
        hits = 0
        with torch.inference_mode():
            for start in range(0, len(val), 4):
                batch = val[start : start + 4]
                found = network(tensor([preprocess(load(file)) for file, _ in batch])).argmax(1)
                hits += int((found == torch.tensor([label for _, label in batch])).sum())
        accuracies.append(hits / len(val))
        reached.append(time.perf_counter() - started)
        print(f"taught recipe: epoch {epoch}, {accuracies[-1]:.4f}", file=sys.stderr, flush=True)
    best = int(np.argmax(accuracies))
    return {
        "epochs": EPOCHS,
        "seconds": round(reached[-1] * TAUGHT_EPOCHS / EPOCHS, 1),
        "best epoch": best + 1,
        "best accuracy": round(accuracies[best], 4),
        "seconds to the best epoch": round(reached[best], 1),
    }


def files(part: str) -> list[tuple[Path, int]]:
    folder = DATA / "hymenoptera" / part
    return [(file, int(file.parent.name == "bees")) for file in sorted(folder.rglob("*.jpg"))]


def tensor(pixels: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1


def main() -> dict[str, object]:
    return {
        "linear": [ours("linear", seed) for seed in SEEDS],
        "finetune": [ours("finetune", seed) for seed in SEEDS],
        "taught recipe": taught(),
    }


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)

"""The classic models on scikit-learn's digits, five folds, three seeds; and a grid of 12 settings.

Published beside it: a random forest of 100 trees on MNIST, .9705.
The grid is 3 rates x 2 momenta x 2 batch sizes on frozen features of ants and bees, nested.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from images import DATA
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from mediacorpus.learning.folds import division
from mediacorpus.learning.grid import expand, grid
from mediacorpus.learning.grid_runners import FeaturesRunner
from mediacorpus.learning.settings import MODELS, ShallowSettings
from mediacorpus.learning.shallow import fit_shallow
from mediacorpus.measures.efficientnet import open_session
from mediacorpus.media.decode import load
from mediacorpus.networks.views import preprocess

SEEDS = (1, 2, 3)
PUBLISHED = 0.9705


def digits(model: str) -> dict[str, float]:
    """Accuracy over five folds, mean and standard deviation over the seeds."""
    x, y = load_digits(return_X_y=True)
    started, means = time.perf_counter(), []
    for seed in SEEDS:
        hits = np.zeros(len(y))
        for learn, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y):
            made = fit_shallow(
                x[learn],
                y[learn],
                classes=[str(i) for i in range(10)],
                settings=ShallowSettings(model, seed=seed),
            )
            hits[test] = made.probabilities(x[test]).argmax(1) == y[test]
        means.append(hits.mean())
    return {
        "accuracy": round(float(np.mean(means)), 4),
        "sd over seeds": round(float(np.std(means, ddof=1)), 4),
        "seconds per fit": round((time.perf_counter() - started) / (5 * len(SEEDS)), 2),
    }


def frozen_grid() -> dict[str, object]:
    """Time a nested grid on the frozen features of the training part of hymenoptera."""
    session, rows, targets = open_session(), [], []
    for number, name in enumerate(("ants", "bees")):
        for file in sorted((DATA / "hymenoptera" / "train" / name).glob("*.jpg")):
            rows.append(session.run(preprocess(load(file))[None])[0][0])
            targets.append(number)
    run = FeaturesRunner({"embedding": np.array(rows)}, division(targets, ("ants", "bees")))
    points = expand({"lr": [0.0005, 0.001, 0.005], "momentum": [0.7, 0.9], "batch_size": [1, 4]})
    with tempfile.TemporaryDirectory() as folder:
        found = grid(points, run, folder=Path(folder), folds=5)
    return {"seconds": round(found.seconds, 1), "words": str(found)}


def main() -> dict[str, object]:
    return {
        "digits": {model: digits(model) for model in MODELS},
        "published, random forest on MNIST": PUBLISHED,
        "grid": frozen_grid(),
    }


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)

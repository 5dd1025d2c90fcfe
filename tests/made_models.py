"""A corpus of made images whose models are easy to have."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import mediacorpus as mc

N = 80


def make_corpus(folder: Path) -> mc.Corpus:
    """Copy the corpus of `_make`, which takes a while and is made once in each process."""
    first = Path(tempfile.gettempdir()) / f"mediacorpus-made-{os.getpid()}"
    if not first.exists():
        atexit.register(shutil.rmtree, first, ignore_errors=True)
        _make(first).close()
    shutil.copytree(first, folder, dirs_exist_ok=True)
    return mc.Corpus.open(folder / "corpus")


def _make(folder: Path) -> mc.Corpus:
    """Eighty noisy images, half of them bright ("red"), with authors, regions and tags."""
    rng = np.random.default_rng(1)
    (folder / "pictures").mkdir(parents=True)
    rows = []
    for number in range(N):
        red = number % 2 == 0
        pixels = rng.integers(0, 160, (16, 16, 3))
        pixels += int(rng.integers(60, 95)) if red else int(rng.integers(0, 35))
        path = folder / "pictures" / f"{number:03d}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        rows.append(
            {
                "file": str(path),
                "author": f"author {number // 8}",
                "region": "north" if number % 4 < 2 else "south",
                "chance": "0.5" if red else "0.125",
                "gaps": "" if number == 7 else "1",
                "percent": "50",
                "red": "yes" if red else "no",
                "redness": f"{pixels[..., 0].mean() / 25.5:.2f}",
                "tags": "red|north" if red and number % 4 < 2 else "red" if red else "|",
            }
        )
    frame = pd.DataFrame(rows)
    table = folder / "table.csv"
    frame[["file", "author", "region", "chance", "gaps", "percent"]].to_csv(table, index=False)
    corpus = mc.Corpus.create(folder / "corpus")
    corpus.add(table, progress=False)
    for variable in ("red", "redness", "tags"):
        own = frame[["file", variable]].rename(columns={variable: "value"})
        corpus.import_labels(own.assign(variable=variable), coder="me")
        corpus.split(variable, shares="50/25/25")
    tiny = {"method": "scratch", "arch": "mlp", "epochs": 3, "batch_size": 8, "progress": False}
    corpus.train("red", name="first", **tiny)
    corpus.train("red", name="second", seed=2, **tiny)
    corpus.train("redness", name="degree", target="scale", **tiny)
    corpus.train("tags", name="several", target="multilabel", **tiny)
    for name in ("first", "second", "degree", "several"):
        corpus.apply(name, progress=False)
    corpus.train("red", name="idle", seed=3, **tiny)
    return corpus

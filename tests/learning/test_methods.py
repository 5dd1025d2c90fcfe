"""Every method and every kind of target, end to end over a corpus of small photographs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import (
    ModelError,
    ParameterError,
    TrainingError,
    UnknownName,
)
from mediacorpus.learning.folder import load_model

PICTURES = 60
TINY: dict[str, Any] = {
    "method": "scratch",
    "arch": "mlp",
    "epochs": 2,
    "batch_size": 8,
    "progress": False,
}
PARTS = {"train": 60, "val": 20, "test": 20}


def labels_of(folder: Path) -> pd.DataFrame:
    """Label by what is seen: class, brightness as a number and as ranks, and two tags."""
    paths = sorted(folder.glob("*.png"))
    light = np.array([np.asarray(Image.open(p)).mean() / 25.5 for p in paths])
    low, high = np.quantile(light, [1 / 3, 2 / 3])
    rows = []
    for number, (path, value) in enumerate(zip(paths, light, strict=True)):
        rank = "dark" if value < low else "bright" if value > high else "middle"
        tags = [t for t, on in (("face", number % 2 == 0), ("light", value > low)) if on]
        own = {
            "face": "face" if number % 2 == 0 else "other",
            "rank": rank,
            "tags": "|".join(tags) or "|",
            "light": f"{value:.1f}",
        }
        rows += [{"file": str(path), "variable": k, "value": v} for k, v in own.items()]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    from skimage.data import lfw_subset

    folder = tmp_path_factory.mktemp("methods")
    (folder / "pictures").mkdir()
    pixels = (lfw_subset() * 255).round().astype("uint8")
    for number in range(PICTURES):
        face = number // 2 if number % 2 == 0 else 100 + number // 2
        Image.fromarray(pixels[face]).save(folder / "pictures" / f"{number:03d}.png")
    made = mc.Corpus.create(folder / "corpus")
    made.add(folder / "pictures", progress=False)
    made.import_labels(labels_of(folder / "pictures"), coder="me")
    made.measure("embedding", "hog", progress=False)
    for variable in ("face", "rank", "tags", "light"):
        made.split(variable, shares="60/20/20")
    return made


TARGETS = {"face": "classes", "rank": "ordinal", "tags": "multilabel", "light": "scale"}
METHODS = {
    "probe": {"augment": False},
    "scratch": {k: v for k, v in TINY.items() if k not in {"method", "progress"}},
    "finetune": {"epochs": 1, "unfreeze": "head", "augment": False},
}


@pytest.mark.parametrize("variable", TARGETS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_every_target(corpus: mc.Corpus, method: str, variable: str) -> None:
    name = f"{method}_{variable}"
    order = {"order": "dark,middle,bright"} if variable == "rank" else {}
    made = corpus.train(
        variable,
        name=name,
        method=method,
        target=TARGETS[variable],
        progress=False,
        **METHODS[method],
        **order,
    )
    assert made.card["target"]["kind"] == TARGETS[variable]
    assert str(made)
    corpus.apply(name, progress=False)
    rows = corpus.table(name)
    assert rows["item"].nunique() == PICTURES
    if variable == "light":
        assert list(rows["value"].notna().unique()) == [True]
        assert corpus.table()[f"{name}"].between(0, 10).all()
    elif variable != "tags":
        assert (rows.groupby("item")["score"].sum() - 1).abs().max() < 1e-5
    found = corpus.validate(name, against=variable)
    assert found.part == "test"
    assert found.scores.n >= 9
    assert str(found)
    assert "<" in found._repr_html_()
    json.dumps(found.to_dict())
    if variable == "rank":
        assert made.card["classes"] == ["dark", "middle", "bright"]
    if method == "probe":
        good = {
            "face": lambda s: s.accuracy.estimate > 0.8,
            "rank": lambda s: s.accuracy.estimate > 0.4,
            "tags": lambda s: s.mean_f1 > 0.7,
            "light": lambda s: s.scores["pearson_r"].estimate > 0.5,
        }
        assert good[variable](found.scores)

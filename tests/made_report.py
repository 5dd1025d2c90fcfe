"""Content for reports, made from the images of scikit-image."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.analysis.overview import Overview
from mediacorpus.media.thumbnail import data_uri, thumbnail_jpeg
from mediacorpus.records import Failure, Info
from mediacorpus.report.content import (
    Evaluation,
    MeasureFacts,
    ModelFacts,
    ReportContent,
    SplitFacts,
    VariableFacts,
)
from mediacorpus.report.gallery import Thumb
from mediacorpus.result import plain
from mediacorpus.stats.sample import read_sample
from mediacorpus.validation.scores import score

CREATED = datetime(2025, 3, 14, 15, 9, tzinfo=UTC)
PHOTOGRAPHS = ("astronaut", "coffee", "cat", "rocket", "camera", "coins", "hubble_deep_field")


def faces() -> list[np.ndarray]:
    from skimage import data

    gray = (255 * data.lfw_subset()).round().astype(np.uint8)
    return [np.repeat(one[..., None], 3, axis=2) for one in gray]


def photographs() -> list[np.ndarray]:
    from skimage import data

    images = [np.asarray(getattr(data, name)()) for name in PHOTOGRAPHS]
    return [one if one.ndim == 3 else np.repeat(one[..., None], 3, axis=2) for one in images]


def overview(folder="DIR", **counts: int) -> Overview:
    """Count what a corpus holds; what is not given is zero."""
    given = dict.fromkeys(("items", "records", "failures", "skipped", "bytes"), 0) | counts
    return Overview(Path(folder), **given, measures={}, variables={})


def facts(name: str, variable: str, method: str, **more: Any) -> dict[str, Any]:
    """Give what the card of a model holds, as far as reports read it."""
    parts = {"limits": [], "audits": [], "settings": {}, "labels": {"counts": {}}}
    kept = {key: more.pop(key, default) for key, default in parts.items()}
    return {"name": name, "variable": variable, "model": {"method": method, **more}, **kept}


def validation(found, *, part="test", **more: Any) -> dict[str, Any]:
    """Give scores as the catalogue gives back a validation."""
    about = {"subject": "m", "variable": "face", "part": part, "warnings": []}
    return {**found.to_dict(), "table": plain(found.to_frame()), **about, **more}


def evaluation(
    confusion: list[list[int]],
    classes: list[str],
    *,
    mistakes: tuple[Thumb, ...] = (),
    **more: Any,
) -> Evaluation:
    """Score pairs of labels and predictions that have this confusion matrix."""
    cells = [
        (t, p, n)
        for t, row in zip(classes, confusion, strict=True)
        for p, n in zip(classes, row, strict=True)
    ]
    gold = [t for t, _, n in cells for _ in range(n)]
    predicted = [p for _, p, n in cells for _ in range(n)]
    found = score(read_sample(gold, predicted, classes), repeats=200)
    return Evaluation(validation(found, **more), mistakes)


def epochs(n: int = 12, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = np.arange(1, n + 1)
    train = 0.62 * np.exp(-at / 3.5) + 0.03 + rng.normal(0, 0.008, n)
    val = 0.5 * np.exp(-at / 2.5) + 0.16 + 0.006 * at + rng.normal(0, 0.012, n)
    return pd.DataFrame(
        {
            "epoch": at,
            "train_loss": train,
            "val_loss": val,
            "train_accuracy": np.clip(1 - train / 2.2, 0, 1),
            "val_accuracy": np.clip(1 - val / 2.6, 0, 1),
        }
    )


def wrong(n: int, gold: str, predicted: str, *, start: int = 0) -> tuple[Thumb, ...]:
    pool = faces()
    return tuple(
        Thumb(
            f"{k:064x}",
            data_uri(thumbnail_jpeg(pool[(start + 7 * k) % len(pool)])),
            f"lfw/{gold}/picture_{start + 7 * k:04d}.png",
            gold,
            predicted,
            0.99 - 0.04 * k,
        )
        for k in range(n)
    )


PRETRAINED = {
    "backbone": "efficientnet_lite0",
    "licence": "Apache-2.0",
    "citation": "Tan, M., & Le, Q. (2019). EfficientNet: Rethinking model scaling for "
    "convolutional neural networks. ICML.",
    "labels": {"counts": {"train": {"face": 50, "other": 50}}},
}


def linear_model() -> ModelFacts:
    classes = ["face", "other"]
    errors = wrong(4, "face", "other") + wrong(6, "other", "face", start=101)
    strengths = [10.0**k for k in range(-4, 5)]
    return ModelFacts(
        facts(
            "face-linear",
            "face",
            "linear",
            **PRETRAINED,
            settings={"C": 1.0, "folds": 5, "class_weight": None, "seed": 1},
            seconds=4.2,
        ),
        curves=pd.DataFrame(
            {
                "C": strengths,
                "log_loss": [0.69, 0.62, 0.44, 0.31, 0.27, 0.29, 0.36, 0.48, 0.61],
            }
        ),
        applied=True,
        evaluation=evaluation([[46, 4], [7, 43]], classes, mistakes=errors),
        predicted=pd.DataFrame(
            {"class": ["other", "face"], "items": [104, 96], "records": [117, 113]}
        ),
        probabilities={
            "face": [0] * 10 + [2, 3, 2, 4, 3, 5, 8, 12, 20, 37],
            "other": [0] * 10 + [3, 2, 4, 3, 6, 6, 9, 14, 19, 38],
        },
    )


def finetuned_model() -> ModelFacts:
    classes = ["face", "other"]
    return ModelFacts(
        facts(
            "face-finetuned",
            "face",
            "finetune",
            **PRETRAINED,
            settings={
                "epochs": 12,
                "lr": 0.001,
                "momentum": 0.9,
                "batch_size": 32,
                "optimiser": "sgd",
                "schedule": "step",
                "step_size": 7,
                "gamma": 0.1,
                "unfreeze": "all",
                "seed": 1,
            },
            seconds=203,
        ),
        curves=epochs(),
        evaluation=evaluation(
            [[24, 1], [0, 25]], classes, mistakes=wrong(1, "face", "other", start=50)
        ),
        warnings=["Trained on 100 images: small sets give unstable classifiers."],
    )


def sample() -> list[Thumb]:
    images = photographs()
    found = [
        Thumb(f"{k:064x}", data_uri(thumbnail_jpeg(one)), f"{name}.png")
        for k, (name, one) in enumerate(zip(PHOTOGRAPHS, images, strict=True))
    ]
    return found + [
        Thumb(f"{k:064x}", data_uri(thumbnail_jpeg(one)), f"lfw/{k:03d}.png")
        for k, one in enumerate(faces()[::25])
    ]


def image_sizes() -> dict[tuple[int, int], int]:
    rng = np.random.default_rng(3)
    sizes = {(25, 25): 120, (640, 480): 40, (480, 640): 14, (1200, 900): 11}
    for _ in range(60):
        width = int(rng.integers(200, 3000))
        sizes[width, int(width * rng.choice([0.67, 0.75, 1.33]))] = 1
    return sizes


def measure(name: str, items: int, failed: int = 0, citation: str = "", **parameters):
    info = Info(name, "1", "", "Apache-2.0", citation)
    return MeasureFacts(info, items, failed, parameters)


def measures() -> list[MeasureFacts]:
    imagenet = (
        "Russakovsky, O., et al. (2015). ImageNet Large Scale Visual Recognition "
        "Challenge. IJCV, 115(3), 211-252."
    )
    return [
        measure("facts", 245),
        measure("tags", 243, 2, imagenet, top=5),
        measure("embedding", 243, 2),
    ]


def runs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run": [1, 2, 3, 4],
            "verb": ["add", "measure", "split", "train"],
            "status": ["done"] * 4,
            "started": [f"2025-03-14T15:0{k}:00Z" for k in range(4)],
            "seconds": [0.8, 6.4, 0.02, 4.2],
            "seed": [None, None, 1, 1],
            "done": [245, 243, 200, 100],
            "failed": [2, 2, 0, 0],
        }
    )


def full() -> ReportContent:
    classes = ["face", "other"]
    return ReportContent(
        title="Faces and other images",
        created=CREATED,
        corpus=overview("/home/me/my corpus", items=245, records=260, failures=2, bytes=12_345_678),
        formats={"PNG": 210, "JPEG": 33, "GIF": 2},
        sizes=image_sizes(),
        sources=["pictures", "posts.csv"],
        columns=["post", "author", "date", "shares"],
        measures=measures(),
        labels=[
            VariableFacts(
                "face",
                {"face": 100, "other": 100},
                {"folder": 200},
                splits=[
                    SplitFacts(
                        {
                            "train": {"face": 50, "other": 50},
                            "val": {"face": 25, "other": 25},
                            "test": {"face": 25, "other": 25},
                        },
                        "50/25/25",
                        1,
                        "stratified by class",
                    )
                ],
            )
        ],
        models=[linear_model(), finetuned_model()],
        rules=[evaluation([[21, 79], [3, 97]], classes, part="labelled", subject="tags:mask>=0.5")],
        failures=[
            Failure("a" * 64, "pictures/broken.jpg", "decode", "The file ends after 1,203 bytes."),
            Failure("", "pictures/notes.jpg", "add", "Not an image: the file holds text."),
        ],
        sample=sample(),
        tags={"mask": 31, "wig": 22, "web site": 14, "jersey": 12, "nematode": 9, "coffee mug": 4},
        versions={"mediacorpus": "0.1.0", "Python": "3.11.7", "numpy": "2.4.0", "torch": "2.13.0"},
        runs=runs(),
    )

"""Labelled examples to learn from: small photographs that come with scikit-image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediacorpus.records import Example


@pytest.fixture(scope="session")
def faces(
    small_photographs: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> list[Example]:
    """24 faces and 24 other scenes: two thirds to train on, one third to validate."""
    folder = tmp_path_factory.mktemp("faces")
    examples = []
    for place, number in enumerate([*range(24), *range(100, 124)]):
        path = folder / f"{number}.png"
        Image.fromarray(small_photographs[number]).save(path)
        label, part = ("face" if number < 100 else "other"), ("val" if place % 3 == 0 else "train")
        examples.append(Example(f"{number:016x}", str(path), label, part))
    return examples


@pytest.fixture(scope="session")
def embeddings(faces: list[Example]) -> np.ndarray:
    """Their embeddings by EfficientNet-Lite0."""
    from mediacorpus.measures.efficientnet import open_session
    from mediacorpus.media.decode import load
    from mediacorpus.networks.views import preprocess

    return open_session().run(np.stack([preprocess(load(e.path)) for e in faces]))[0]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


Recorder = Callable[[int, int, dict], None]

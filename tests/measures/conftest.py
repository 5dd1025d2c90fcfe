"""Real photographs and a cache that is filled once for all tests of this room."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from mediacorpus.engine.contract import Batch, BatchItem
from mediacorpus.measures.efficientnet import forward, open_session
from mediacorpus.records import FileFacts


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory):
    """A fresh cache, so that the conversion is always tested and nobody's cache is touched."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("MEDIACORPUS_CACHE", str(folder))
        yield folder


def read(path: Path) -> np.ndarray:
    return cv2.cvtColor(
        cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
    )


def image(name: str, pixels: np.ndarray) -> BatchItem:
    height, width = pixels.shape[:2]
    return BatchItem(name, FileFacts("JPEG", width, height, "RGB", pixels.nbytes), pixels)


@pytest.fixture(scope="session")
def batch():
    """Make a batch of pixels."""

    def make(*images: np.ndarray) -> Batch:
        return Batch([image(str(n), pixels) for n, pixels in enumerate(images)])

    return make


@pytest.fixture(scope="session")
def from_gray():
    """Make pixels of three equal channels from gray levels."""
    return lambda levels: np.asarray(levels, np.uint8)[:, :, None].repeat(3, axis=2)


@pytest.fixture(scope="session")
def scenes() -> list[np.ndarray]:
    """Four photographs that come with scikit-image."""
    from skimage import data

    return [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]


@dataclass(frozen=True)
class Photographs:
    """200 photographs and the index of the ImageNet class of each."""

    images: list[BatchItem]
    classes: np.ndarray
    wnids: list[str]
    names: list[str]

    def batch(self, n: int | None = None) -> Batch:
        return Batch(self.images[:n])


@pytest.fixture(scope="session")
def photographs(test_data: Path) -> Photographs:
    folder = test_data / "imagenet_sample"
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Photographs(
        [image(row["file"], read(folder / row["file"])) for row in rows],
        np.array([int(row["class_index"]) for row in rows]),
        [row["wnid"] for row in rows],
        [row["name"] for row in rows],
    )


@pytest.fixture(scope="session")
def forwarded(photographs: Photographs) -> Batch:
    """All photographs in one batch, which keeps the one forward pass that the tests share."""
    batch = photographs.batch()
    forward(batch, open_session())
    return batch


@pytest.fixture(scope="session")
def others(test_data: Path) -> list[np.ndarray]:
    """64 photographs that are not among the labelled ones, for calibration."""
    folders = [test_data / "documentary", test_data / "hymenoptera"]
    found = [sorted(folder.rglob("*.jpg")) for folder in folders]
    return [read(path) for files in found for path in files[:: len(files) // 32][:32]]

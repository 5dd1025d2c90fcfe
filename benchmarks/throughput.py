"""`measure facts tags embedding` over 1-megapixel JPEGs, beside its limit and a peer.

The limit is what decoding alone and the network alone allow on the same cores:
1 / (1 / decode + 1 / network). The peer does the same job as toolkits do it today: Pillow and
eager PyTorch, one image at a time. All are measured in turn, several rounds in one run; the
median round counts.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from images import write

import mediacorpus as mc
from mediacorpus.measures.efficientnet import onnx_file, open_session
from mediacorpus.measures.int8 import corpus_model
from mediacorpus.media.decode import decode, read
from mediacorpus.networks.lite import load_network
from mediacorpus.networks.views import preprocess
from mediacorpus.settings import settings

IMAGES, PEER_IMAGES, ROUNDS = 800, 60, 3
WIDTH, HEIGHT = 1155, 866
BATCH = 16


def in_threads(work: Callable[[list], None], tasks: list) -> float:
    """Share tasks over as many threads as there are cores; return tasks per second."""
    workers = settings().workers
    crew = [
        threading.Thread(target=work, args=(tasks[i::workers],), daemon=True)
        for i in range(workers)
    ]
    started = time.perf_counter()
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return len(tasks) / (time.perf_counter() - started)


def decode_only(files: list[Path]) -> float:
    cv2.setNumThreads(1)

    def work(own: list[Path]) -> None:
        for file in own:
            decode(read(file), min_side=256)

    return in_threads(work, files)


def network_only(session: object, pixels: np.ndarray, count: int) -> float:
    def work(own: list[int]) -> None:
        for _ in own:
            session.run(pixels)  # type: ignore[attr-defined]

    return in_threads(work, list(range(count // len(pixels)))) * len(pixels)


def peer(files: list[Path]) -> float:
    """Pillow and eager PyTorch, one image at a time, with torch's own threads."""
    import torch
    from PIL import Image

    network = load_network()
    mean = sd = torch.full((3, 1, 1), 0.5)
    started = time.perf_counter()
    with torch.no_grad():
        for file in files:
            image = Image.open(file).convert("RGB")
            scale = 256 / min(image.size)
            image = image.resize(
                (round(image.width * scale), round(image.height * scale)), Image.BICUBIC
            )
            left, top = (image.width - 224) // 2, (image.height - 224) // 2
            cut = np.asarray(image.crop((left, top, left + 224, top + 224)))
            x = (torch.from_numpy(cut.copy()).permute(2, 0, 1) / 255 - mean) / sd
            features = network.forward_head(network.forward_features(x[None]), pre_logits=True)
            network.classifier(features).softmax(1).topk(5)
    return len(files) / (time.perf_counter() - started)


def measured(folder: Path, precision: str) -> float:
    """Measure a fresh corpus of the images; return images per second of the whole verb."""
    with tempfile.TemporaryDirectory() as place, mc.Corpus.create(Path(place) / "c") as corpus:
        corpus.add(folder, progress=False)
        if precision == "int8":
            corpus_model(corpus._store, show=False)
        started = time.perf_counter()
        done = corpus.measure("facts", "tags", "embedding", precision=precision, progress=False)
        assert done.failed == 0
        return done.items / (time.perf_counter() - started)


def int8_session(folder: Path, place: Path) -> tuple[object, float]:
    with mc.Corpus.create(place / "calibration") as corpus:
        corpus.add(folder, progress=False)
        made = corpus_model(corpus._store, show=False)
    return open_session("int8", made.path), made.agreement


def main() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place) / "pictures", IMAGES, width=WIDTH, height=HEIGHT)
        files = sorted(folder.glob("*.jpg"))
        pixels = np.stack([preprocess(decode(read(f), min_side=256)) for f in files[:BATCH]])
        session8, agreement = int8_session(folder, Path(place))
        sessions = {"fp32": open_session("fp32", None), "int8": session8}
        onnx_file()
        rounds: list[dict[str, float]] = []
        for _ in range(ROUNDS):
            row = {"decode": decode_only(files), "peer": peer(files[:PEER_IMAGES])}
            for name, session in sessions.items():
                row[f"network {name}"] = network_only(session, pixels, IMAGES)
                row[f"limit {name}"] = 1 / (1 / row["decode"] + 1 / row[f"network {name}"])
                row[f"measure {name}"] = measured(folder, name)
                row[f"share of limit {name}"] = row[f"measure {name}"] / row[f"limit {name}"]
                row[f"times peer {name}"] = row[f"measure {name}"] / row["peer"]
            rounds.append(row)
    middle = {key: statistics.median(row[key] for row in rounds) for key in rounds[0]}
    kilobytes = sum(1 for _ in files)
    return {
        "pictures": kilobytes,
        "megapixels": WIDTH * HEIGHT / 1e6,
        "agreement int8": agreement,
        **middle,
        "rounds": rounds,
    }


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)

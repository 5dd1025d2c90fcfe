"""Images to measure: photographs of the test data, brought to one size, each different."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("MEDIACORPUS_TEST_DATA", ROOT.parent / "shared" / "data"))


def photographs(limit: int = 200) -> list[np.ndarray]:
    """Read photographs of the test data as BGR arrays."""
    files = sorted((DATA / "documentary").rglob("*.jpg")) + sorted(
        (DATA / "hymenoptera").rglob("*.jpg")
    )
    if not files:
        raise SystemExit(f"No test data in {DATA}: set MEDIACORPUS_TEST_DATA.")
    step = max(1, len(files) // limit)
    return [cv2.imread(str(file), cv2.IMREAD_COLOR) for file in files[::step][:limit]]


def write(folder: Path, count: int, *, width: int, height: int, quality: int = 90) -> Path:
    """Write `count` different JPEGs of one size, cut from photographs at random places.

    Enlarged photographs have less fine detail than real ones of that size; a little camera
    noise gives the decoder its usual amount of work back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if len(list(folder.glob("*.jpg"))) == count:
        return folder
    base = photographs()
    rng = np.random.default_rng(0)
    noise = [rng.normal(0, 6, (height, width, 1)).astype(np.float32) for _ in range(8)]
    for number in range(count):
        image = base[number % len(base)]
        tall, wide = image.shape[:2]
        share = rng.uniform(0.7, 1.0)
        h, w = int(tall * share), int(wide * share)
        y, x = rng.integers(0, tall - h + 1), rng.integers(0, wide - w + 1)
        cut = cv2.resize(image[y : y + h, x : x + w], (width, height))
        noisy = np.clip(cut + noise[number % 8], 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:06d}.jpg"), noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return folder

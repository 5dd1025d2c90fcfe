"""Descriptors over JPEGs in one pass, beside the bare library calls: all of them, or some.

The limit is the sum of the single library calls: each image is decoded once at each scale that
is wanted, brought to the working sizes, and given to what scikit-image, mahotas and OpenCV have
for each descriptor, on all cores, by threads and by processes; the faster counts. Where no
library has a value (correlogram, blur extent, named colors, salience) our own function is
called bare. Ours is the whole verb `measure`, with its reading, checking and writing. All take
turns, several rounds in one run; the median round counts.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import mahotas.features
import numpy as np
import skimage.feature
import threadpoolctl
from images import write

import mediacorpus as mc
from mediacorpus.measures import _hues, blur, composition, histogram
from mediacorpus.measures import color as own_color
from mediacorpus.settings import settings

IMAGES, ROUNDS = 1000, 3
WIDTH, HEIGHT = 1155, 866
MEASURES = (
    *("color", "composition", "quality", "hog", "lbp", "haralick", "hu", "zernike"),
    *("histogram", "correlogram", "keypoints", "pixels"),
)
CIRCLES = ((8, 1), (16, 2), (24, 3))
SMALL = 256
SIZES = {
    "color": ("rgb 256",),
    "composition": ("rgb 256", "gray 256"),
    "quality": ("full gray",),
    "hog": ("square 128",),
    "lbp": ("gray 256",),
    "haralick": ("gray 256",),
    "hu": ("gray 256",),
    "zernike": ("square 128",),
    "histogram": ("rgb 256",),
    "correlogram": ("rgb 128",),
    "keypoints": ("gray 512",),
    "pixels": ("square 15",),
}
"""Working sizes that a descriptor takes."""

_own = threading.local()

# --- the single library calls ------------------------------------------------------------


def resized(pixels: np.ndarray, side: int) -> np.ndarray:
    scale = side / min(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def square(gray: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(gray, (side, side), interpolation=cv2.INTER_AREA)


def working(file: Path, measures: Sequence[str] = MEASURES) -> dict[str, np.ndarray]:
    """Decode a file and bring it to the working sizes that some descriptors share."""
    data = np.frombuffer(file.read_bytes(), np.uint8)
    needed = {size for name in measures for size in SIZES[name]}
    found: dict[str, np.ndarray] = {}
    full = half = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    if needed & {"full gray", "gray 512"}:
        found["full gray"] = cv2.cvtColor(full, cv2.COLOR_RGB2GRAY)
    if min(full.shape[:2]) >= 2 * SMALL:
        half = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_2), cv2.COLOR_BGR2RGB)
    gray = cv2.cvtColor(half, cv2.COLOR_RGB2GRAY)
    made = {
        "rgb 256": lambda: resized(half, SMALL),
        "rgb 128": lambda: resized(half, 128),
        "gray 256": lambda: resized(gray, SMALL),
        "gray 512": lambda: resized(found["full gray"], 512),
        "square 128": lambda: square(gray, 128),
        "square 15": lambda: square(gray, 15),
    }
    return found | {size: make() for size, make in made.items() if size in needed}


def color(arrays: dict[str, np.ndarray]) -> None:
    rgb = arrays["rgb 256"]
    cv2.meanStdDev(rgb)
    unit = rgb.astype(np.float32) / 255
    hue, saturation, value = cv2.split(cv2.cvtColor(unit, cv2.COLOR_RGB2HSV))
    for plane in (hue, saturation, value):
        cv2.meanStdDev(plane)
        own_color._third_moment(plane, cv2.mean(plane)[0])
    own_color._hue_mean(hue, saturation)
    # scikit-image's Lab is exact, as ours, but takes ten times as long as this one.
    lightness, a, b = cv2.split(cv2.cvtColor(unit, cv2.COLOR_RGB2Lab))
    cv2.meanStdDev(lightness)
    chroma, angle = cv2.cartToPolar(a, b)
    cv2.mean(cv2.pow(chroma, 1.07) * np.cos(angle - np.float32(np.pi * 50 / 180)))
    own_color._colorfulness(rgb)
    hued = _hues.colored(saturation, value)
    _hues.shares(hue, value, hued)
    _hues.hue_count(hue, value, hued)


def composed(arrays: dict[str, np.ndarray]) -> None:
    rgb, gray = arrays["rgb 256"], arrays["gray 256"]
    cv2.countNonZero(cv2.Canny(cv2.GaussianBlur(gray, (0, 0), 1), 100, 200))
    cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 75])
    cv2.calcHist([gray], [0], None, [256], [0, 256])
    middle, half = gray.shape[1] // 2, gray.shape[0] // 2
    np.corrcoef(gray[:, :middle].ravel(), gray[:, ::-1][:, :middle].ravel())
    np.corrcoef(gray[:half].ravel(), gray[::-1][:half].ravel())
    composition.salience(gray)
    cv2.mean(cv2.cvtColor(rgb[85:170, 113:227].astype(np.float32) / 255, cv2.COLOR_RGB2HSV))
    composition._depth_of_field(rgb)


def quality(arrays: dict[str, np.ndarray]) -> None:
    gray = arrays["full gray"]
    cv2.calcHist([gray], [0], None, [256], [0, 256])
    cv2.meanStdDev(gray)
    cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))
    for axis in ((1, 0), (0, 1)):
        cv2.norm(cv2.Sobel(gray, cv2.CV_16S, *axis), cv2.NORM_L2SQR)
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    cv2.norm(cv2.filter2D(gray, cv2.CV_16S, mask), cv2.NORM_L1)
    for image in (gray, gray.T):
        cv2.reduce(cv2.absdiff(image[:, 1:], image[:, :-1]), 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    blur.blur_extent(gray)


def hog(arrays: dict[str, np.ndarray]) -> None:
    skimage.feature.hog(
        arrays["square 128"], pixels_per_cell=(16, 16), cells_per_block=(2, 2), block_norm="L2-Hys"
    )


def lbp(arrays: dict[str, np.ndarray]) -> None:
    for points, radius in CIRCLES:
        found = skimage.feature.local_binary_pattern(arrays["gray 256"], points, radius, "uniform")
        np.bincount(found.astype(np.intp).ravel(), minlength=points + 2)


def haralick(arrays: dict[str, np.ndarray]) -> None:
    mahotas.features.haralick(arrays["gray 256"], return_mean_ptp=True)


def hu(arrays: dict[str, np.ndarray]) -> None:
    cv2.HuMoments(cv2.moments(arrays["gray 256"]))


def zernike(arrays: dict[str, np.ndarray]) -> None:
    mahotas.features.zernike_moments(arrays["square 128"], radius=64, degree=8)


def histogrammed(arrays: dict[str, np.ndarray]) -> None:
    cv2.calcHist([arrays["rgb 256"]], [0, 1, 2], None, [8] * 3, [0, 256] * 3)


def correlogram(arrays: dict[str, np.ndarray]) -> None:
    histogram._autocorrelogram(arrays["rgb 128"])


def keypoints(arrays: dict[str, np.ndarray]) -> None:
    if not hasattr(_own, "detectors"):
        _own.detectors = cv2.ORB.create(nfeatures=500), cv2.SIFT.create()
    for detector in _own.detectors:
        detector.detect(arrays["gray 512"], None)


def pixels(arrays: dict[str, np.ndarray]) -> None:
    (arrays["square 15"].ravel() / 255).astype(np.float32)


CALLS: dict[str, Callable[[dict[str, np.ndarray]], None]] = dict(
    zip(
        MEASURES,
        (
            color,
            composed,
            quality,
            hog,
            lbp,
            haralick,
            hu,
            zernike,
            histogrammed,
            correlogram,
            keypoints,
            pixels,
        ),
        strict=True,
    )
)


def one_image(file: Path, measures: Sequence[str] = MEASURES) -> None:
    arrays = working(file, measures)
    for name in measures:
        CALLS[name](arrays)


def single_calls(files: list[Path], measures: Sequence[str]) -> dict[str, float]:
    """Milliseconds an image of each step alone, on one core."""
    spent = dict.fromkeys(("decode and resize", *measures), 0.0)
    for file in files:
        started = time.perf_counter()
        arrays = working(file, measures)
        spent["decode and resize"] += time.perf_counter() - started
        for name in measures:
            started = time.perf_counter()
            CALLS[name](arrays)
            spent[name] += time.perf_counter() - started
    return {name: 1000 * seconds / len(files) for name, seconds in spent.items()}


# --- the runs ----------------------------------------------------------------------------


def alone_on_its_core() -> None:
    cv2.setNumThreads(1)
    threadpoolctl.threadpool_limits(1, user_api="blas")


def by_threads(files: list[Path], measures: Sequence[str]) -> float:
    with concurrent.futures.ThreadPoolExecutor(settings().workers) as pool:
        started = time.perf_counter()
        for _ in pool.map(functools.partial(one_image, measures=measures), files):
            pass
        return len(files) / (time.perf_counter() - started)


def by_processes(files: list[Path], measures: Sequence[str]) -> float:
    context = multiprocessing.get_context("spawn")
    work = functools.partial(one_image, measures=measures)
    with concurrent.futures.ProcessPoolExecutor(
        settings().workers, mp_context=context, initializer=alone_on_its_core
    ) as pool:
        list(pool.map(work, files[: 2 * settings().workers]))  # loads what it needs
        started = time.perf_counter()
        for _ in pool.map(work, files, chunksize=4):
            pass
        return len(files) / (time.perf_counter() - started)


def measured(folder: Path, measures: Sequence[str]) -> float:
    """Measure a fresh corpus of the images; return images per second of the whole verb."""
    with tempfile.TemporaryDirectory() as place, mc.Corpus.create(Path(place) / "c") as corpus:
        corpus.add(folder, progress=False)
        started = time.perf_counter()
        done = corpus.measure(*measures, progress=False)
        seconds = time.perf_counter() - started
        assert done.failed == 0
        return done.items / seconds


def main(
    images: int = IMAGES,
    rounds: int = ROUNDS,
    *,
    measures: Sequence[str] = MEASURES,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place) / "pictures", images, width=size[0], height=size[1])
        files = sorted(folder.glob("*.jpg"))
        with threadpoolctl.threadpool_limits(1, user_api="blas"):
            cv2.setNumThreads(1)
            one_image(files[0], measures)
            alone = single_calls(files[:40], measures)
        found: list[dict[str, float]] = []
        for _ in range(rounds):
            row = {"measure": measured(folder, measures)}
            with threadpoolctl.threadpool_limits(1, user_api="blas"):
                cv2.setNumThreads(1)
                row["threads"] = by_threads(files, measures)
                row["processes"] = by_processes(files, measures)
            row["limit"] = max(row["threads"], row["processes"])
            row["share of limit"] = row["measure"] / row["limit"]
            found.append(row)
    middle = {key: statistics.median(row[key] for row in found) for key in found[0]}
    return {
        "pictures": images,
        "megapixels": size[0] * size[1] / 1e6,
        "measures": list(measures),
        "milliseconds of single calls": {name: round(value, 2) for name, value in alone.items()},
        **middle,
        "rounds": found,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measures", nargs="*", default=MEASURES, metavar="MEASURE")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--size", type=int, nargs=2, default=(WIDTH, HEIGHT))
    asked = parser.parse_args()
    done = main(asked.images, asked.rounds, measures=asked.measures, size=tuple(asked.size))
    json.dump(done, sys.stdout, indent=1)

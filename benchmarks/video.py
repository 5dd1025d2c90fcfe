"""An hour of video: index, the last frame, memory of `measure`; shots beside PySceneDetect.

The films are made here: each frame shows its own number as black and white squares, so that a
frame can be told from its neighbors, and there is a hard cut every ten seconds. Memory is that
of processes of their own, for the hour and for a tenth of it: once every hundredth frame of both,
once as many frames of the tenth. PySceneDetect is run as its users
run it, with each of its decoders that is installed, in turn with ours.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from boundary import peak_megabytes
from images import DATA

from mediacorpus.media.shots import find_shots
from mediacorpus.media.video import VideoReader, index_frames

MINUTES, RATE, SHOT = 60, 25, 250
SMALL, LARGE = (320, 240), (1280, 720)
BITS, SQUARE = 17, 16
"""Squares that write a frame's number, and their side in pixels."""
STEP, ROUNDS = 100, 3
THRESHOLD, FEWEST = 27.0, 3

# --- films -------------------------------------------------------------------------------


def make(path: Path, frames: int, size: tuple[int, int]) -> Path:
    """Write a film in H.264 with a key frame at least every ten seconds."""
    import av

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = SHOT
        for number in range(frames):
            if number % SHOT == 0:
                scene = scenery(rng, size)
            pixels = np.roll(scene, number % SHOT, axis=1)
            pixels[:SQUARE] = 0
            for bit in range(BITS):
                if number >> bit & 1:
                    pixels[:SQUARE, bit * SQUARE : (bit + 1) * SQUARE] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return path


def scenery(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    import cv2

    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def number_of(pixels: np.ndarray) -> int:
    """Read the number that a frame shows."""
    middles = pixels[SQUARE // 2, SQUARE // 2 : BITS * SQUARE : SQUARE].mean(axis=-1)
    return sum(1 << bit for bit, level in enumerate(middles) if level > 127)


# --- the hour ----------------------------------------------------------------------------


def through_verbs(film: Path, place: Path, step: int) -> dict[str, Any]:
    """Add every so manieth frame of a film to a corpus and measure them."""
    import mediacorpus as mc

    with mc.Corpus.create(place / "corpus") as corpus:
        started = time.perf_counter()
        added = corpus.add(film, frames=f"every={step}", progress=False)
        between = time.perf_counter()
        before = peak_megabytes()
        done = corpus.measure("facts", "color", progress=False)
        ended = time.perf_counter()
    assert (added.failed, done.failed) == (0, 0)
    return {
        "frames": added.derived,
        "add seconds": round(between - started, 2),
        "add peak MB": round(before),
        "measure seconds": round(ended - between, 2),
        "measure peak MB": round(peak_megabytes()),
    }


def in_child(film: Path, step: int = STEP) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            [sys.executable, __file__, "--verbs", str(film), place, str(step)],
            stdout=subprocess.PIPE,
            check=True,
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def seeking(film: Path, frames: int) -> dict[str, Any]:
    """Index a film, then take frames of it by number, the last one first."""
    started = time.perf_counter()
    index = index_frames(film)
    indexed = time.perf_counter() - started
    assert len(index) == frames
    wanted = [frames - 1, 0, frames // 2, 17, frames - SHOT - 1, SHOT, SHOT - 1]
    right, seconds = [], []
    for number in wanted:
        with VideoReader(film) as reader:
            started = time.perf_counter()
            shown = number_of(reader.frame(int(index.pts[number])))
            seconds.append(time.perf_counter() - started)
        right.append(shown == number)
    return {
        "index seconds": round(indexed, 2),
        "last frame": frames - 1,
        "last frame exact": right[0],
        "last frame seconds": round(seconds[0], 3),
        "frames tried": len(wanted),
        "frames exact": sum(right),
    }


# --- shots -------------------------------------------------------------------------------


def ours(film: Path) -> list[int]:
    return [shot.first for shot in find_shots(film, threshold=THRESHOLD, min_frames=FEWEST)[1:]]


def bare(film: Path, backend: str) -> list[int]:
    """Run PySceneDetect's own pipeline: its decoder, its shrinking, its detector."""
    import scenedetect
    from scenedetect.detectors import ContentDetector

    manager = scenedetect.SceneManager()
    manager.add_detector(ContentDetector(threshold=THRESHOLD, min_scene_len=FEWEST))
    manager.detect_scenes(scenedetect.open_video(str(film), backend=backend))
    return [first.frame_num for first, _ in manager.get_scene_list()[1:]]


def backends() -> list[str]:
    from scenedetect import backends as known

    return [name for name in ("opencv", "pyav") if name in known.AVAILABLE_BACKENDS]


def shot_speed(film: Path, frames: int) -> dict[str, Any]:
    """Frames per second of both, in turn."""
    ways = {"ours": ours, **{f"PySceneDetect {n}": lambda f, n=n: bare(f, n) for n in backends()}}
    rounds: list[dict[str, float]] = []
    cuts: dict[str, int] = {}
    for _ in range(ROUNDS):
        row = {}
        for name, way in ways.items():
            started = time.perf_counter()
            cuts[name] = len(way(film))
            row[name] = frames / (time.perf_counter() - started)
        rounds.append(row)
    speed = {name: statistics.median(row[name] for row in rounds) for name in ways}
    best = max(value for name, value in speed.items() if name != "ours")
    return {
        "frames": frames,
        "cuts": (frames - 1) // SHOT,
        "found": cuts,
        "frames per second": {name: round(value) for name, value in speed.items()},
        "times PySceneDetect": speed["ours"] / best,
    }


def known_cuts() -> list[dict[str, Any]]:
    """Compare with the hard cuts that people saw in the clips of the test data."""
    table = DATA / "video" / "known_cuts.csv"
    if not table.is_file():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["type"] == "hard"]
    found = []
    for row in rows:
        film = table.parent / row["file"]
        if not film.is_file():
            continue
        truth: list[int] = json.loads(row["first_frame_of_new_shot"])
        line: dict[str, Any] = {"file": row["file"], "cuts": truth, "ours": ours(film)}
        line["found within 1"] = sum(any(abs(cut - c) <= 1 for c in line["ours"]) for cut in truth)
        line["false"] = sum(all(abs(cut - c) > 1 for c in truth) for cut in line["ours"])
        line["PySceneDetect"] = bare(film, backends()[0])
        found.append(line)
    return found


def main(minutes: int = MINUTES) -> dict[str, Any]:
    frames = minutes * 60 * RATE
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        long = make(Path(place) / "long.mp4", frames, SMALL)
        short = make(Path(place) / "short.mp4", frames // 10, SMALL)
        large = make(Path(place) / "large.mp4", 4 * SHOT, LARGE)
        made = time.perf_counter() - started
        hour, tenth, dense = in_child(long), in_child(short), in_child(short, STEP // 10)
        return {
            "minutes": minutes,
            "frames": frames,
            "megabytes": round(long.stat().st_size / 1e6),
            "seconds to make": round(made),
            **seeking(long, frames),
            "long": hour,
            "tenth": tenth,
            "tenth, as many frames": dense,
            "memory by length": hour["measure peak MB"] / dense["measure peak MB"],
            "memory by frames": hour["measure peak MB"] / tenth["measure peak MB"],
            "shots small": shot_speed(short, frames // 10),
            "shots large": shot_speed(large, 4 * SHOT),
            "known cuts": known_cuts(),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=MINUTES)
    parser.add_argument("--verbs", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.verbs:
        film, place, step = asked.verbs
        found = through_verbs(Path(film), Path(place), int(step))
    else:
        found = main(asked.minutes)
    json.dump(found, sys.stdout, indent=1)

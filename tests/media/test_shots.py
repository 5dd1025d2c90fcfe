from __future__ import annotations

import csv
import io
import itertools
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.animation import AnimationReader, index_animation
from mediacorpus.media.shots import find_shots, shot_frames, shots_of
from mediacorpus.media.video import FrameIndex, index_frames
from mediacorpus.records import Shot

av = pytest.importorskip("av", reason="not on this machine: PyAV is missing")
pytest.importorskip("scenedetect", reason="not on this machine: PySceneDetect is missing")


def scene(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_CUBIC)


def series(lengths: list[int]):
    """Shots of the given lengths: each a still scene that brightens a little."""
    for seed, length in enumerate(lengths):
        for n in range(length):
            yield np.clip(scene(seed).astype(int) + n % 5, 0, 255).astype(np.uint8)


def timed(frames):
    return [(n, n / 25, pixels) for n, pixels in enumerate(frames)]


def film(path, frames, stamps=None):
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for n, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels).reformat(format="yuv420p")
            frame.pts = stamps[n] if stamps else n
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def check_partition(shots: list[Shot], count: int) -> None:
    assert [shot.number for shot in shots] == list(range(1, len(shots) + 1))
    assert shots[0].first == 0
    assert shots[-1].last == count - 1
    for a, b in itertools.pairwise(shots):
        assert b.first == a.last + 1
        assert b.start == a.stop
    assert all(shot.start < shot.stop for shot in shots)


def test_known_hard_cuts_are_found_exactly(test_data):
    folder = test_data / "video"
    with (folder / "known_cuts.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["type"] == "hard"]
    rows = [row for row in rows if (folder / row["file"]).is_file()]
    assert len(rows) >= 3
    for row in rows:
        path = folder / row["file"]
        shots = find_shots(path)
        index = index_frames(path)
        check_partition(shots, len(index))
        assert [shot.first for shot in shots[1:]] == json.loads(row["first_frame_of_new_shot"])
        assert [s.start for s in shots] == pytest.approx([index.times[s.first] for s in shots])


@pytest.mark.parametrize(
    "name",
    ["grid/bbaf2n.mpg", "grid/lwbsza.mpg", "grid/pwij3p.mpg", "pyscenedetect/delayed_start.mp4"],
)
def test_a_video_without_cuts_is_one_shot(test_data, name):
    path = test_data / "video" / name
    shots = find_shots(path)
    assert len(shots) == 1
    check_partition(shots, len(index_frames(path)))


def test_made_cuts_with_a_variable_frame_rate(tmp_path):
    """12 shots; the time stamps are uneven, the cuts are counted in decoded frames."""
    lengths = [30, 7, 12, 3, 40, 5, 9, 25, 4, 18, 6, 10]
    stamps = np.cumsum(np.random.default_rng(4).integers(1, 7, sum(lengths))).tolist()
    path = film(tmp_path / "a.mp4", series(lengths), stamps)
    seen: list[float] = []
    shots = find_shots(path, progress=seen.append)
    check_partition(shots, sum(lengths))
    assert [shot.last - shot.first + 1 for shot in shots] == lengths
    times = (np.array(stamps) - stamps[0]) / 25
    assert [shot.start for shot in shots] == pytest.approx([times[shot.first] for shot in shots])
    assert seen == sorted(seen)
    assert 0 <= seen[0] < 0.1
    assert seen[-1] == 1


def test_slow_changes_are_no_cuts():
    fade = [np.full((96, 128, 3), level, np.uint8) for level in range(0, 256, 8)]
    assert len(shots_of(timed(fade))) == 1
    pan = [np.roll(scene(1), step, axis=1) for step in range(40)]
    assert len(shots_of(timed(pan))) == 1


def test_a_higher_threshold_finds_fewer():
    frames = timed(series([10, 10, 10]))
    assert len(shots_of(frames)) == 3
    assert len(shots_of(frames, threshold=255)) == 1


def test_shots_have_the_frames_that_are_asked_for():
    frames = timed(series([20, 2, 20]))
    assert len(shots_of(frames, min_frames=1)) == 3
    assert all(s.last - s.first + 1 >= 5 for s in shots_of(frames, min_frames=5))


def test_one_frame_is_one_shot():
    (shot,) = shots_of(timed([scene(0)]))
    assert (shot.number, shot.first, shot.last, shot.start) == (1, 0, 0, 0.0)
    assert shot.stop > 0


def test_shots_of_an_animation():
    buffer = io.BytesIO()
    moving = [np.roll(scene(n // 6), n, axis=1) for n in range(10)]
    pages = [Image.fromarray(pixels) for pixels in moving]
    pages[0].save(buffer, "WEBP", save_all=True, append_images=pages[1:], duration=50)
    data = buffer.getvalue()
    with AnimationReader(data) as reader:
        shots = shots_of(reader.frames())
    check_partition(shots, 10)
    assert [(shot.first, shot.start) for shot in shots] == [(0, 0.0), (6, pytest.approx(0.3))]
    assert [p.frame for p in shot_frames(shots, index_animation(data))] == [2, 7]


def test_the_middle_frames_stand_for_the_shots():
    index = FrameIndex(np.arange(30) * 40, np.arange(30) / 25, np.ones(30, bool))
    shots = [Shot(1, 0, 0, 0, 0.04), Shot(2, 1, 10, 0.04, 0.44), Shot(3, 11, 29, 0.44, 1.2)]
    places = shot_frames(shots, index)
    assert [(place.frame, place.pts, place.time) for place in places] == [
        (0, 0, 0.0), (5, 200, 0.2), (20, 800, 0.8),
    ]  # fmt: skip
    with pytest.raises(ParameterError, match="Shot 1 ends at frame 30"):
        shot_frames([Shot(1, 0, 30, 0, 1)], index)


@pytest.mark.parametrize(
    "options",
    [{"threshold": 0}, {"threshold": float("nan")}, {"threshold": 256}, {"min_frames": 0}],
)
def test_bad_settings(options):
    with pytest.raises(ParameterError, match=r"threshold|min_frames"):
        shots_of([], **options)


def test_no_frames():
    with pytest.raises(MediaError, match="no frame"):
        shots_of([])

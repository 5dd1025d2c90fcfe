"""Frames of videos: all are found, in any order, with the right pixels."""

from __future__ import annotations

import runpy
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.video import VideoReader, choose_frames, index_frames, probe_video

av = pytest.importorskip("av", reason="not on this machine: PyAV is missing")

made = runpy.run_path(str(Path(__file__).with_name("made_films.py")))
all_stamps, film = made["all_stamps"], made["film"]
numbered, read_number = made["numbered"], made["read_number"]

CLIPS = [
    "pyscenedetect/delayed_start.mp4",
    "pyscenedetect/fades.mp4",
    "pyscenedetect/goldeneye-vfr-drop3.mp4",
    "pyscenedetect/issue-134-rotate.mp4",
    "short_hamilton_clip.mp4",
    "grid/bbaf2n.mpg",
    "grid/lwbsza.mpg",
    "grid/pwij3p.mpg",
]


@pytest.mark.parametrize("name", CLIPS)
def test_the_index_is_that_of_a_full_decode(test_data, name):
    index = index_frames(test_data / "video" / name)
    expected = all_stamps(test_data / "video" / name)
    assert index.pts.tolist() == expected
    assert len(index) == len(expected)
    assert index.times[0] == 0
    assert (np.diff(index.times) > 0).all()
    assert index.keys[0]


MADE = {
    "b-frames.mp4": {"encoder": {"max_b_frames": 3}},
    "open-gop.ts": {"options": {"x264-params": "open-gop=1:bframes=3:keyint=15:scenecut=0"}},
    "b-frames.mkv": {"encoder": {"max_b_frames": 2}},
    "plain.avi": {"codec": "mpeg4"},
    "b-frames.avi": {"encoder": {"max_b_frames": 2}},
    "b-frames.mpg": {"codec": "mpeg1video", "encoder": {"max_b_frames": 2}},
    "dvd.vob": {
        "codec": "mpeg2video", "count": 600, "format": "vob", "encoder": {"max_b_frames": 2}
    },
    "hidden.webm": {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"auto-alt-ref": "1", "cpu-used": "8"}},
    "raw.h264": {"format": "h264", "encoder": {"max_b_frames": 2}},
    "raw.m1v": {"codec": "mpeg1video", "format": "mpeg1video", "encoder": {"max_b_frames": 2}},
    "one.mp4": {"count": 1},
    "flash.flv": {"codec": "flv"},
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_every_frame_is_found_in_any_order(tmp_path, name):
    """The images carry their own numbers, so a wrong one cannot pass for the right one."""
    path = film(tmp_path / name, **MADE[name])
    index = index_frames(path)
    count = MADE[name].get("count", 60)
    assert len(index) == count == probe_video(path).frames
    exact = name != "dvd.vob"  # its packets are so small that some tell a wrong time
    assert index.times == pytest.approx(np.arange(count) / 25, abs=0.002 if exact else 0.1)
    assert (np.diff(index.pts) > 0).all()
    order = np.random.default_rng(5).permutation(count)[:60].tolist()
    with VideoReader(path) as reader:
        for number in [*order, *range(0, count, max(1, count // 30)), 0, count - 1, count - 1]:
            assert read_number(reader.frame(index.pts[number])) == number
        assert [read_number(p) for _, _, p in reader.frames()] == list(range(count))


def test_variable_frame_rate_is_kept(tmp_path):
    stamps = np.cumsum(np.random.default_rng(2).integers(1, 9, 50)).tolist()
    index = index_frames(film(tmp_path / "a.mp4", count=50, stamps=stamps))
    assert index.times == pytest.approx((np.array(stamps) - stamps[0]) / 25)
    chosen = choose_frames(index, "every=1s")
    for place in chosen[1:]:
        second = np.floor(place.time + 1e-9)
        assert index.times[place.frame - 1] < second <= place.time + 1e-9


def test_frames_cut_away_by_an_edit_list_do_not_count(tmp_path):
    """The second file is the first without its first 0.8 s, cut without decoding."""
    path = film(tmp_path / "a.mp4", encoder={"gop_size": 60, "max_b_frames": 2})
    cut = tmp_path / "cut.mp4"
    with av.open(str(path)) as source, av.open(str(cut), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts -= int(Fraction(4, 5) / stream.time_base)
                packet.dts -= int(Fraction(4, 5) / stream.time_base)
                packet.stream = copy
                target.mux(packet)
    index = index_frames(cut)
    assert index.pts.tolist() == all_stamps(cut)
    assert 20 <= 60 - len(index) <= 21
    with VideoReader(cut) as reader:
        assert read_number(reader.frame(int(index.pts[0]))) == 60 - len(index)
    assert probe_video(cut).frames == len(index)


# Pixels


@pytest.mark.parametrize("space", [1, 5])
@pytest.mark.parametrize("levels", [1, 2])
def test_pure_colors_come_back(*, tmp_path, space, levels):
    """BT.709 (1) and BT.601 (5) matrices, limited (1) and full (2) range."""
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255),
               (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 120, 40)]  # fmt: skip
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"qp": "1"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.colorspace = space
        stream.codec_context.color_range = levels
        for n, color in enumerate(colors):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), color, np.uint8))
            frame = frame.reformat(format="yuv420p", dst_colorspace=space, dst_color_range=levels)
            frame.pts = n
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with VideoReader(path) as reader:
        for min_side in (None, 32, 16, 8):
            for (_, _, pixels), color in zip(reader.frames(min_side=min_side), colors, strict=True):
                assert np.abs(pixels.astype(int) - color).max() <= 3


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("flip", [False, True])
def test_rotation_is_applied(*, tmp_path, degrees, flip):
    """FFmpeg turns counter-clockwise by `degrees`; the flip negates x of the result."""
    path = film(tmp_path / "a.mp4", count=2, rotation=degrees, flip=flip)
    stored = numbered(1)
    expected = np.rot90(stored, degrees // 90)
    expected = expected[:, ::-1] if flip else expected
    facts = probe_video(path)
    assert (facts.height, facts.width) == expected.shape
    with VideoReader(path) as reader:
        pixels = reader.frame(index_frames(path).pts[1])
    assert pixels.flags.c_contiguous
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[..., 1].astype(int) - (expected.astype(int) - 16) * 255 / 219).mean() < 8


def test_real_rotated_clip_stands_upright(test_data):
    """Turned back, the rotated clip shows what the unrotated one (of other frame rate) does."""
    folder = test_data / "video/pyscenedetect"
    with (
        VideoReader(folder / "issue-134-rotate.mp4") as turned,
        VideoReader(folder / "goldeneye-vfr-drop3.mp4") as plain,
    ):
        a = turned.frame(0, min_side=128)
        b = plain.frame(0, min_side=128)
    assert a.shape == (320, 136, 3)
    assert np.abs(np.rot90(a).astype(int) - b).mean() < 8


def test_pixels_become_square(tmp_path):
    path = tmp_path / "a.mp4"
    aspect = {"sample_aspect_ratio": Fraction(4, 3)}
    film(path, count=2, rotation=90, encoder=aspect)
    facts = probe_video(path)
    assert (facts.width, facts.height) == (48, 85)
    with VideoReader(path) as reader:
        index = index_frames(path)
        pixels = reader.frame(index.pts[1])
        assert pixels.shape == (85, 48, 3)
        assert read_number(np.rot90(pixels, -1)) == 1
        assert reader.frame(index.pts[1], min_side=24).shape == (43, 24, 3)


@pytest.mark.parametrize(
    ("min_side", "shape"),
    [(None, (96, 150)), (96, (96, 150)), (48, (48, 75)), (47, (48, 75)), (13, (24, 38)),
     (12, (12, 19)), (1, (12, 19)), (500, (96, 150))],
)  # fmt: skip
def test_frames_are_reduced_by_powers_of_two(*, tmp_path, min_side, shape):
    path = film(tmp_path / "a.mp4", count=2, size=(150, 96))
    with VideoReader(path) as reader:
        full = reader.frame(0)
        small = reader.frame(0, min_side=min_side)
    assert small.shape == (*shape, 3)
    reference = cv2.resize(full, shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - reference).mean() < 3


def test_bad_requests(tmp_path):
    path = film(tmp_path / "a.mp4")
    index = index_frames(path)
    with VideoReader(path) as reader:
        for pts in (int(index.pts[-1]) + 1, 10**9, 10**30):
            with pytest.raises(MediaError, match="beyond the end"):
                reader.frame(pts)
        for pts in (-1, 1, int(index.pts[30]) + 1, -(10**30)):
            with pytest.raises(MediaError, match="no frame with time stamp"):
                reader.frame(pts)
        with pytest.raises(ParameterError, match="min_side"):
            reader.frame(0, min_side=0)
        assert read_number(reader.frame(index.pts[30])) == 30
    with pytest.raises(ParameterError, match="closed"):
        reader.frame(0)


def test_damage_costs_only_the_frames_that_it_hits(tmp_path, capfd):
    path = film(tmp_path / "a.mp4")
    index = index_frames(path)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        entries = list(file.streams.video[0].index_entries)
    for entry in entries[24:30]:  # the third group of images begins at 24
        data[entry.pos : entry.pos + entry.size] = b"\xff" * entry.size
    path.write_bytes(data)
    assert len(index_frames(path)) == 60
    with VideoReader(path) as reader:
        for number in (59, 36, 0, 23, 40):
            assert read_number(reader.frame(index.pts[number])) == number
        with pytest.raises(MediaError, match="decoded"):
            reader.frame(index.pts[25])
        assert read_number(reader.frame(index.pts[50])) == 50
    assert capfd.readouterr() == ("", "")


def test_random_damage_is_never_worse_than_a_media_error(tmp_path, capfd):
    rng = np.random.default_rng(8)
    for suffix, codec in ((".mp4", "libx264"), (".avi", "mpeg4"), (".mpg", "mpeg1video")):
        whole = film(tmp_path / f"whole{suffix}", codec=codec, count=20).read_bytes()
        path = tmp_path / f"hurt{suffix}"
        for _ in range(15):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 40):
                data[place] = rng.integers(256)
            path.write_bytes(data[: rng.integers(len(data) // 2, len(data) + 1)])
            try:
                probe_video(path)
                index = index_frames(path)
                with VideoReader(path) as reader:
                    reader.frame(index.pts[-1])
            except MediaError:
                pass
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_an_hour_of_video(tmp_path):
    """90,000 frames: each is found without the ones before, and memory stays flat."""
    import psutil

    path = film(tmp_path / "hour.mp4", count=90_000, codec="mpeg4", encoder={"gop_size": 250})
    index = index_frames(path)
    assert len(index) == 90_000
    assert index.pts.nbytes + index.times.nbytes + index.keys.nbytes < 2e6
    with VideoReader(path) as reader:
        assert read_number(reader.frame(index.pts[89_999])) == 89_999
        assert read_number(reader.frame(index.pts[0])) == 0
        before = psutil.Process().memory_info().rss
        for number in range(0, 90_000, 1000):
            assert read_number(reader.frame(index.pts[number])) == number
        assert psutil.Process().memory_info().rss - before < 20e6

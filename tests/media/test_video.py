"""Videos: what is told of them, what is refused, and which frames are chosen."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import numpy as np
import pytest

from mediacorpus.errors import MediaError, ParameterError, TooLarge
from mediacorpus.media.video import (
    FrameIndex,
    VideoReader,
    choose_frames,
    index_frames,
    probe_video,
)
from mediacorpus.records import VISUAL, Kind

av = pytest.importorskip("av", reason="not on this machine: PyAV is missing")

made = runpy.run_path(str(Path(__file__).with_name("made_films.py")))
film, all_stamps, read_number = (made[name] for name in ("film", "all_stamps", "read_number"))
tone = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))["tone"]


def test_probe_tells_what_the_file_holds(tmp_path):
    path = film(tmp_path / "a.mp4", metadata={"creation_time": "2021-05-06T07:08:09.000000Z"})
    facts = probe_video(path)
    assert facts.kind is Kind.VIDEO
    assert facts.kind not in VISUAL
    assert (facts.format, facts.mode, facts.frames) == ("MP4", "RGB", 60)
    assert (facts.width, facts.height, facts.bytes) == (64, 48, path.stat().st_size)
    assert facts.frame_rate == 25
    assert facts.duration == pytest.approx(2.4)
    assert facts.sample_rate is None
    assert facts.taken == "2021-05-06T07:08:09+00:00"


@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("a.mov", "mpeg4", "MOV"),
        ("a.mkv", "mpeg4", "MATROSKA"),
        ("a.webm", "libvpx", "WEBM"),
        ("a.avi", "mpeg4", "AVI"),
        ("a.mpg", "mpeg1video", "MPEG"),
        ("a.ts", "mpeg2video", "MPEG-TS"),
    ],
)
def test_formats_have_their_common_names(*, tmp_path, name, codec, expected):
    facts = probe_video(film(tmp_path / name, codec=codec, count=20))
    assert (facts.format, facts.frames, facts.width) == (expected, 20, 64)


def test_sound_alone_is_audio(tmp_path):
    facts = probe_video(tone(tmp_path / "a.wav", 1.5))
    assert facts.kind is Kind.AUDIO
    assert (facts.format, facts.mode, facts.width, facts.height) == ("WAV", "", 0, 0)
    assert (facts.frames, facts.sample_rate, facts.channels) == (0, 8000, 1)
    assert facts.duration == pytest.approx(1.5)
    assert facts.frame_rate is None


def test_a_cover_image_makes_no_video(tmp_path):
    cover = np.zeros((32, 32, 3), np.uint8)
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as file:
        sound = file.add_stream("aac", rate=8000)
        image = file.add_stream("png", rate=1)
        image.width = image.height = 32
        image.pix_fmt = "rgb24"
        image.disposition = 0x400  # attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        file.mux(image.encode(av.VideoFrame.from_ndarray(cover)))
        file.mux(image.encode(None))
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    facts = probe_video(path)
    assert (facts.kind, facts.width, facts.height) == (Kind.AUDIO, 0, 0)
    with pytest.raises(MediaError, match="no video"):
        VideoReader(path)


def test_real_clips(test_data):
    folder = test_data / "video"
    turned = probe_video(folder / "pyscenedetect/issue-134-rotate.mp4")
    assert (turned.width, turned.height, turned.frames) == (544, 1280, 240)
    assert (turned.sample_rate, turned.channels) == (44100, 2)
    assert turned.frame_rate == pytest.approx(24000 / 1001)
    spoken = probe_video(folder / "grid/bbaf2n.mpg")
    assert (spoken.format, spoken.frames, spoken.width) == ("MPEG", 75, 360)


def refused(path: Path) -> str:
    for call in (probe_video, index_frames, VideoReader):
        with pytest.raises(MediaError) as caught:
            call(path)
        assert str(caught.value).count(". ") == 0
        assert str(caught.value).endswith(".")
    return str(caught.value)


def test_what_is_no_video_is_refused(tmp_path):
    empty, text, noise = (tmp_path / name for name in ("a.mp4", "b.mp4", "c.avi"))
    empty.touch()
    text.write_text("This is a shopping list, not a film.\n" * 20)
    noise.write_bytes(np.random.default_rng(0).bytes(20_000))
    assert "empty" in refused(empty)
    assert "is text" in refused(text)
    assert "no video or sound container" in refused(noise)
    assert "not there" in refused(tmp_path / "d.mp4")
    assert "not a regular file" in refused(tmp_path)


def test_a_file_without_its_index_is_truncated(tmp_path):
    path = film(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "moov atom" in refused(path)


def test_a_file_that_ends_before_its_frames_is_truncated(tmp_path):
    path = film(tmp_path / "a.mp4", muxer={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with pytest.raises(MediaError, match="truncated"):
        probe_video(path)


def test_a_video_of_which_nothing_decodes(tmp_path):
    path = film(tmp_path / "a.mp4", count=5)
    data = bytearray(path.read_bytes())
    place = data.index(b"mdat")
    length = int.from_bytes(data[place - 4 : place]) - 8
    data[place + 4 : place + 4 + length] = b"\xff" * length
    path.write_bytes(data)
    with pytest.raises(MediaError, match="can be decoded"):
        probe_video(path)
    with pytest.raises(MediaError, match="can be decoded"):
        index_frames(path)


@pytest.mark.parametrize("call", [probe_video, index_frames, VideoReader])
def test_too_many_pixels_are_refused(tmp_path, call):
    path = film(tmp_path / "a.mp4", count=2)
    with pytest.raises(TooLarge, match="64 x 48"):
        call(path, max_pixels=64 * 48 - 1)


@pytest.mark.parametrize("script", ["concat", "playlist", "sdp"])
def test_scripts_that_name_other_files_are_refused(tmp_path, script):
    inner = film(tmp_path / "inner.mp4", count=3)
    text = {
        "concat": f"ffconcat version 1.0\nfile '{inner}'\n",
        "playlist": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{inner}\n#EXT-X-ENDLIST\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    }[script]
    for suffix in (".mp4", ".ffconcat", ".m3u8", ".sdp"):
        path = tmp_path / f"script{suffix}"
        path.write_text(text)
        assert "is text" in refused(path)


def test_a_name_is_never_a_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "a.mp4", count=3)
    for name in ("concat:a.mp4", "subfile,,start,0,end,0,,:a.mp4", "http:a.mp4"):
        assert "not there" in refused(Path(name))
    if os.name == "posix":
        (tmp_path / "a.mp4").rename(tmp_path / "http:a%03d.mp4")
        assert probe_video(Path("http:a%03d.mp4")).frames == 3


# Choosing frames


def even(count: int, rate: float) -> FrameIndex:
    return FrameIndex(np.arange(count), np.arange(count) / rate, np.ones(count, bool))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("every=1s", [0, 25, 50, 75]),
        ("every=0.5s", [0, 13, 25, 38, 50, 63, 75, 88]),
        ("every=500ms", [0, 13, 25, 38, 50, 63, 75, 88]),
        ("every=2min", [0]),
        ("every=.001h", [0, 90]),
        ("every=30", [0, 30, 60, 90]),
        ("every=1", list(range(100))),
        ("every=1ms", list(range(100))),
        ("every=" + "9" * 30, [0]),
    ],
)
def test_rules(rule, expected):
    """At 25 frames per second; 0.5 s lies between frames 12 and 13, so 13 is taken."""
    chosen = choose_frames(even(100, 25), rule)
    assert [place.frame for place in chosen] == expected
    assert all(p.kind is Kind.FRAME and p.pts == p.frame for p in chosen)
    assert [p.time for p in chosen] == pytest.approx([n / 25 for n in expected])


@pytest.mark.parametrize(
    "rule",
    ["", "every", "every=", "every=0", "every=0s", "every=-1s", "every=nan", "every=nans", "1s",
     "every=1.5", "every=1 s", "every=1d", "every=inf", "every=1e3", "shots", "every=\u0661s"],
)  # fmt: skip
def test_other_rules_are_refused(rule):
    with pytest.raises(ParameterError, match="every=1s"):
        choose_frames(even(10, 25), rule)


@pytest.mark.parametrize("late", [5, 13, 30])
def test_first_frames_without_time_stamps_get_theirs(tmp_path, late):
    """Matroska hides time stamps before 0."""
    stamps = [n - late for n in range(60)]
    path = film(tmp_path / "a.mkv", stamps=stamps, muxer={"avoid_negative_ts": "disabled"})
    assert all_stamps(path)[0] is None
    index = index_frames(path)
    assert index.times == pytest.approx(np.arange(60) / 25, abs=0.002)
    assert [place.frame for place in choose_frames(index, "every=1s")] == [0, 25, 50]
    facts = probe_video(path)
    assert (facts.frames, facts.duration) == (60, pytest.approx(2.4, abs=0.1))
    with VideoReader(path) as reader:
        for number in (0, late - 1, late, 59, 2):
            assert read_number(reader.frame(int(index.pts[number]))) == number


def test_a_video_without_a_length_is_counted(tmp_path):
    path = film(tmp_path / "live.webm", codec="libvpx", muxer={"live": "1"})
    with av.open(str(path)) as file:
        assert not file.duration
    assert probe_video(path).duration == pytest.approx(2.4, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.aac", "aac", {}),
        ("a.mp3", "libmp3lame", {"write_xing": "0"}),
        ("a.mp3", "libmp3lame", {}),
        ("a.ac3", "ac3", {}),
        ("a.flac", "flac", {}),
        ("a.wav", "pcm_s16le", {}),
        ("a.ogg", "libopus", {}),
        ("a.m4a", "aac", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.webm", "libopus", {"live": "1"}),
    ],
)
def test_the_length_of_sound_is_not_guessed(tmp_path, name, codec, options):
    """Loud at the start, then silence: what is guessed from the first packets is far too short."""
    rate = 48_000
    sound = np.zeros(12 * rate, np.int16)
    sound[: 2 * rate] = np.random.default_rng(1).integers(-20_000, 20_000, 2 * rate)
    with av.open(str(tmp_path / name), "w", options=options) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        for start in range(0, len(sound), 960):
            frame = av.AudioFrame.from_ndarray(
                sound[None, start : start + 960], format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = rate, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert probe_video(tmp_path / name).duration == pytest.approx(12, abs=0.15)


@pytest.mark.parametrize(
    ("metadata", "taken"),
    [
        ({"creation_time": "2019-07-01T22:30:00.000000Z"}, "2019-07-01T22:30:00+00:00"),
        (
            {
                "creation_time": "2019-07-01T22:30:00.000000Z",
                "com.apple.quicktime.creationdate": "2019-07-02T00:30:00+0200",
            },
            "2019-07-02T00:30:00+02:00",
        ),
        ({"creation_time": "1970-01-01T00:00:00Z"}, None),
        ({}, None),
    ],
)
def test_the_time_of_a_recording_states_its_zone(tmp_path, metadata, taken):
    path = film(
        tmp_path / "a.mov", count=2, metadata=metadata, muxer={"movflags": "use_metadata_tags"}
    )
    assert probe_video(path).taken == taken

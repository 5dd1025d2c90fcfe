from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.audio import audio_blocks, load_audio

av = pytest.importorskip("av", reason="not on this machine: PyAV is missing")


def sine(seconds: float, rate: int, pitch: float = 440.0, height: float = 0.5) -> np.ndarray:
    return height * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)


def write(path: Path, channels: np.ndarray, rate: int) -> Path:
    """Write float samples `(channels, samples)` as 16-bit WAV."""
    with wave.open(str(path), "wb") as file:
        file.setparams((len(channels), 2, rate, 0, "NONE", ""))
        file.writeframes((channels.T * 32768).round().clip(-32768, 32767).astype("<i2").tobytes())
    return path


def packed(path: Path, samples: np.ndarray, rate: int, codec: str) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        size = 1152
        for place in range(0, len(samples), size):
            piece = samples[None, place : place + size].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(piece, "fltp", "mono")
            frame.sample_rate, frame.pts = rate, place
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def pitch_of(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


def test_samples_come_back_as_they_are(tmp_path):
    left = np.random.default_rng(0).uniform(-1, 1, 8000)
    path = write(tmp_path / "a.wav", left[None], 8000)
    samples, rate = load_audio(path, sample_rate=None)
    assert (samples.shape, samples.dtype, rate) == ((8000,), np.float32, 8000)
    assert np.abs(samples - left).max() < 1e-4


def test_channels_are_kept_or_mixed(tmp_path):
    left, right = sine(1, 8000), np.full(8000, 0.25)
    path = write(tmp_path / "a.wav", np.array([left, right]), 8000)
    both, _ = load_audio(path, sample_rate=None, mono=False)
    assert both.shape == (2, 8000)
    assert np.abs(both - [left, right]).max() < 1e-4
    mixed, _ = load_audio(path, sample_rate=None)
    assert np.abs(mixed - (left + right) / 2).max() < 1e-3


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_resampling_keeps_the_pitch(tmp_path, rate):
    path = write(tmp_path / "a.wav", sine(2, 44_100)[None], 44_100)
    samples, found = load_audio(path, sample_rate=rate)
    assert found == rate
    assert len(samples) == pytest.approx(2 * rate, abs=2)
    assert pitch_of(samples, rate) == pytest.approx(440, abs=1)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0.25, 0.5), (1.75, 4.125), (4.5, None)])
def test_a_part_is_that_part_of_the_whole(*, tmp_path, start, stop):
    noise = np.random.default_rng(1).uniform(-0.9, 0.9, 40_000)
    path = write(tmp_path / "a.wav", noise[None], 8000)
    part, _ = load_audio(path, sample_rate=None, start=start, stop=stop)
    expected = noise[int(start * 8000) : None if stop is None else int(stop * 8000)]
    assert part.shape == expected.shape
    assert np.abs(part - expected).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "aac"), ("a.mp3", "libmp3lame"), ("a.flac", "flac"), ("a.ogg", "libopus"),
     ("a.mkv", "mp2")],
)  # fmt: skip
def test_a_part_of_packed_sound(*, tmp_path, name, codec):
    """The pitch rises by 200 Hz each second, so a wrong part would be heard."""
    tones = np.concatenate([sine(1, 48_000, 400 + 200 * n) for n in range(8)])
    path = packed(tmp_path / name, tones, 48_000, codec)
    for second in (6, 0, 3):
        part, rate = load_audio(path, start=second + 0.25, stop=second + 0.75)
        assert (len(part), rate) == (8000, 16_000)
        assert pitch_of(part, rate) == pytest.approx(400 + 200 * second, abs=3)


def test_beyond_the_end_there_is_nothing(tmp_path):
    path = write(tmp_path / "a.wav", sine(1, 8000)[None], 8000)
    assert load_audio(path, start=5)[0].shape == (0,)
    assert load_audio(path, start=5, mono=False)[0].shape == (1, 0)
    assert load_audio(path, start=0.5, stop=9, sample_rate=None)[0].shape == (4000,)


@pytest.mark.parametrize("mono", [True, False])
def test_blocks_make_up_the_whole(tmp_path, mono):
    sound = np.array([sine(3.3, 44_100), sine(3.3, 44_100, 700)])
    path = write(tmp_path / "a.wav", sound, 44_100)
    blocks = list(audio_blocks(path, seconds=0.5, mono=mono))
    assert [block.shape[-1] for block in blocks[:-1]] == [8000] * (len(blocks) - 1)
    assert 0 < blocks[-1].shape[-1] <= 8000
    whole, _ = load_audio(path, mono=mono)
    assert np.array_equal(np.concatenate(blocks, axis=-1), whole)


def test_real_speech(test_data):
    samples, rate = load_audio(test_data / "video/short_hamilton_clip.mp4")
    assert rate == 16_000
    assert len(samples) / rate == pytest.approx(441_344 / 44_100, abs=0.1)
    assert 0.05 < np.abs(samples).max() <= 1
    spoken, _ = load_audio(test_data / "video/grid/bbaf2n.mpg", mono=False, sample_rate=None)
    assert spoken.shape[0] == 2
    assert np.abs(spoken).max() <= 1


def test_files_without_sound(tmp_path, test_data):
    silent = test_data / "video/pyscenedetect/fades.mp4"
    text = tmp_path / "a.mp3"
    text.write_text("not a song")
    for path, reason in ((silent, "no sound"), (text, "is text"), (tmp_path / "b.wav", "there")):
        with pytest.raises(MediaError, match=reason):
            load_audio(path)
        with pytest.raises(MediaError, match=reason):
            next(audio_blocks(path))


@pytest.mark.parametrize(
    "options",
    [{"sample_rate": 0}, {"sample_rate": 10**9}, {"start": -1}, {"start": float("nan")},
     {"stop": 0}, {"start": 2, "stop": 1}, {"stop": float("inf")}],
)  # fmt: skip
def test_bad_settings(tmp_path, options):
    path = write(tmp_path / "a.wav", sine(1, 8000)[None], 8000)
    with pytest.raises(ParameterError):
        load_audio(path, **options)
    with pytest.raises(ParameterError):
        next(audio_blocks(path, **options))


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_blocks_have_a_length(tmp_path, seconds):
    with pytest.raises(ParameterError, match="longer than 0"):
        next(audio_blocks(tmp_path / "a.wav", seconds=seconds))

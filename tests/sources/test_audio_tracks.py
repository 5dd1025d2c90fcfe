"""The audio track of a video as an item."""

import functools
import runpy
from pathlib import Path

import av
import numpy as np
import pytest

from mediacorpus import Corpus
from mediacorpus.engine.contract import MEASURES, measure
from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.opening import Opener, sound
from mediacorpus.records import Info, Kind
from mediacorpus.store import derived

film = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))["film"]
RATE, SECONDS = 8000, 2


def talkie(path, kind="mp4"):
    """Write a clip of two seconds with a tone."""
    with av.open(str(path), "w") as file:
        picture = file.add_stream("libx264", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        tone = file.add_stream("aac", rate=RATE, layout="mono")
        for number in range(25 * SECONDS):
            gray = np.full((48, 64, 3), 40 + 100 * (number > 24), np.uint8)
            frame = av.VideoFrame.from_ndarray(gray, format="rgb24").reformat(format="yuv420p")
            file.mux(picture.encode(frame))
        file.mux(picture.encode(None))
        wave = np.sin(np.arange(RATE * SECONDS) / 4).astype(np.float32)[None] / 2
        samples = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        samples.sample_rate = RATE
        file.mux(tone.encode(samples))
        file.mux(tone.encode(None))
    return path


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    talkie(folder / "talkie.mp4")
    film(folder / "silent.mp4", [50] * 10)
    with Corpus.create(tmp_path / "corpus") as made:
        yield made


def test_the_track_is_an_item_with_parent_and_place(corpus, tmp_path):
    added = corpus.add(tmp_path / "clips", audio=True)
    assert (added.items, added.derived, added.tracks) == (2, 0, 1)
    assert "1 new audio track." in str(added)
    assert "1 video without sound, and so without an audio item: silent.mp4." in str(added)
    items = corpus.items()
    [track] = items[items["kind"] == "audio"].to_dict("records")
    video = items.set_index("item").loc[track["parent"]]
    assert (track["place"], track["sample_rate"], track["channels"]) == ("audio", RATE, 1)
    assert (track["width"], track["duration"]) == (0, pytest.approx(video["duration"]))
    paths = corpus.records()["path"].tolist()
    assert sum(path.endswith("talkie.mp4#audio") for path in paths) == 1
    assert not list((corpus.folder / "originals").glob("**/*.*"))  # nothing is copied


def test_again_and_beside_frames(corpus, tmp_path):
    corpus.add(tmp_path / "clips", audio=True)
    again = corpus.add(tmp_path / "clips", audio=True, frames="every=1s")
    assert (again.tracks, again.derived) == (0, 3)
    shots = corpus.add(tmp_path / "clips", audio=True, frames="shots")
    assert (shots.tracks, shots.derived) == (0, 3)
    assert len(corpus.items()) == 2 + 1 + 6


def test_it_is_measured_as_sound_and_has_no_images(corpus, tmp_path):
    corpus.add(tmp_path / "clips", audio=True)
    assert corpus.measure("facts").items == 3
    assert corpus.measure("color").items == 0
    [item] = corpus.sql("SELECT item FROM items WHERE kind = 'audio'")["item"]
    place = derived.places(corpus._store, [item])[item]
    samples, rate = sound(place, sample_rate=None)
    assert rate == RATE
    assert len(samples) == pytest.approx(RATE * SECONDS, abs=2100)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.1)
    with Opener() as opener, pytest.raises(MediaError, match="audio track of a video"):
        opener.pixels(place)
    with pytest.raises(ParameterError, match="sound without images"):
        corpus.show([item])


def test_a_measure_of_sound_decodes_it_when_needed(corpus, tmp_path):
    info = Info(
        "loudness",
        "1",
        "Root of the mean square.",
        "Apache-2.0",
        outputs={"loudness": "float64"},
        pixels=False,
        kinds=(Kind.AUDIO,),
    )

    @measure(info)
    def loudness(batch):
        rows = []
        for one in batch.items:
            samples, _ = one.read(functools.partial(sound, sample_rate=None))
            rows.append({"loudness": float(np.sqrt(np.mean(samples**2)))})
        return rows

    try:
        corpus.add(tmp_path / "clips", audio=True)
        assert corpus.measure("loudness").items == 1
        assert corpus.table("loudness")["loudness"][0] == pytest.approx(0.35, abs=0.05)
    finally:
        MEASURES.remove("loudness")


def test_without_videos_it_is_said(corpus, tmp_path):
    from PIL import Image

    Image.new("RGB", (20, 20)).save(tmp_path / "still.png")
    assert "There are no videos whose sound" in str(corpus.add(tmp_path / "still.png", audio=True))

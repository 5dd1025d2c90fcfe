"""Which frames and pages become items."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import ParameterError
from mediacorpus.media.document import Document
from mediacorpus.media.opening import inspect
from mediacorpus.records import FileFacts, Kind, Shot
from mediacorpus.sources.derive import Rules, derive

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
film, scans = made["film"], made["scans"]
VIDEO = FileFacts("MP4", 64, 48, "RGB", 1, frames=50, kind=Kind.VIDEO)
PDF = FileFacts("PDF", 64, 48, "RGB", 1, frames=3, kind=Kind.DOCUMENT)
STILL = FileFacts("JPEG", 64, 48, "RGB", 1)
GIF = FileFacts("GIF", 64, 48, "RGB", 1, frames=4)
TIFF = FileFacts("TIFF", 64, 48, "RGB", 1, frames=4)
SOUND = FileFacts("WAV", 0, 0, "", 1, frames=0, kind=Kind.AUDIO)


@pytest.mark.parametrize(
    ("rules", "concerned"),
    [
        (Rules(), [PDF]),
        (Rules(frames="every=1s"), [VIDEO, PDF, GIF]),
        (Rules(pages="all"), [PDF, TIFF]),
        (Rules(pages="2-3"), [PDF, TIFF]),
    ],
)
def test_what_a_rule_concerns(rules, concerned):
    all_ = [VIDEO, PDF, STILL, GIF, TIFF, SOUND]
    assert [facts for facts in all_ if rules.concern(facts)] == concerned


def taken(path, **rules):
    facts = inspect(path)[1]
    return derive(path, facts, Rules(**rules))


def test_frames_at_even_steps(tmp_path):
    path = film(tmp_path / "a.mp4", [50] * 60)
    found = taken(path, frames="every=1s")
    assert [place.frame for place, _ in found.places] == [0, 25, 50]
    assert [place.time for place, _ in found.places] == pytest.approx([0, 1, 2])
    assert [str(place) for place, _ in taken(path, frames="every=30").places] == [
        "frame=0",
        "frame=30",
    ]
    facts = found.places[1][1]
    assert (facts.kind, facts.width, facts.height, facts.bytes) == (Kind.FRAME, 64, 48, 0)
    assert (facts.frames, facts.duration, facts.frame_rate) == (1, None, None)
    assert not found.shots


def test_one_frame_of_each_shot(tmp_path):
    path = film(tmp_path / "a.mp4", [20] * 30 + [220] * 40)
    found = taken(path, frames="shots")
    assert [(s.first, s.last) for s in found.shots] == [(0, 29), (30, 69)]
    numbers = [place.frame for place, _ in found.places]
    assert len(numbers) == 2
    assert 10 <= numbers[0] <= 19
    assert 45 <= numbers[1] <= 54


def test_shots_that_are_known_are_not_looked_for(tmp_path):
    path = film(tmp_path / "a.mp4", [20] * 30 + [220] * 40)
    known = [Shot(1, 0, 69, 0.0, 2.8)]
    beats = []
    found = derive(
        path, inspect(path)[1], Rules(frames="shots"), shots=known, progress=beats.append
    )
    assert len(found.places) == 1
    assert list(found.shots) == known
    assert not beats


def test_looking_for_shots_beats(tmp_path):
    path = film(tmp_path / "a.mp4", [20] * 100)
    beats = []
    derive(path, inspect(path)[1], Rules(frames="shots"), progress=beats.append)
    assert beats


def test_frames_of_an_animation(tmp_path):
    frames = [Image.new("L", (32, 20), gray) for gray in (0, 100, 200, 255)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=500)
    assert [place.frame for place, _ in taken(path, frames="every=1s").places] == [0, 2]
    assert taken(path, frames="shots").shots


def test_pages_have_the_size_at_which_they_are_drawn(tmp_path):
    image = np.full((101, 77, 3), 99, np.uint8)
    path = scans(tmp_path / "a.pdf", image, np.full((50, 60, 3), 9, np.uint8), image)
    for dpi in (50.0, 99.0, 200.0):
        with Document(path.read_bytes()) as document:
            for place, facts in taken(path, dpi=dpi).places:
                drawn = document.page(place.page, dpi=place.dpi)
                assert drawn.shape[:2] == (facts.height, facts.width)
                assert (facts.kind, facts.dpi, facts.bytes) == (Kind.PAGE, dpi, 0)


def test_pages_that_are_named(tmp_path):
    image = np.full((20, 20, 3), 99, np.uint8)
    path = scans(tmp_path / "a.pdf", *[image] * 5)
    assert [p.page for p, _ in taken(path).places] == [1, 2, 3, 4, 5]
    assert [p.page for p, _ in taken(path, pages="all").places] == [1, 2, 3, 4, 5]
    assert [p.page for p, _ in taken(path, pages="2-3,5").places] == [2, 3, 5]
    with pytest.raises(ParameterError, match="9"):
        taken(path, pages="9")


def test_pages_of_a_tiff_have_their_own_sizes(tmp_path):
    pages = [Image.new("L", (32, 20), 9), Image.new("L", (60, 80), 200)]
    path = tmp_path / "a.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    found = taken(path, pages="all").places
    assert [str(place) for place, _ in found] == ["page=1", "page=2"]
    assert [(facts.width, facts.height) for _, facts in found] == [(32, 20), (60, 80)]

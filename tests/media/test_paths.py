"""Every function that takes a file takes its path as text, too."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediacorpus import media
from mediacorpus.errors import MediaError

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
film, tone, scans = made["film"], made["tone"], made["scans"]


@pytest.fixture
def files(tmp_path):
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.jpg")
    pages = [Image.new("L", (8, 8), gray) for gray in (0, 200)]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:])
    (tmp_path / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"/>'
    )
    scans(tmp_path / "a.pdf", np.zeros((30, 40), np.uint8))
    film(tmp_path / "a.mp4", [20] * 5)
    tone(tmp_path / "a.wav")
    return tmp_path


def first_frame(path):
    with media.VideoReader(path) as reader:
        return reader.frame(0)


def first_image(path):
    with media.AnimationReader(path) as reader:
        return reader.frame(0)


def pages(path):
    with media.Document(path) as document:
        return document.pages


CALLS = {
    "read": ("a.jpg", media.read),
    "load": ("a.jpg", media.load),
    "decode": ("a.jpg", media.decode),
    "probe": ("a.jpg", media.probe),
    "inspect": ("a.jpg", media.inspect),
    "load_array": ("a.jpg", media.load_array),
    "AnimationReader": ("a.gif", first_image),
    "index_animation": ("a.gif", media.index_animation),
    "external_references": ("a.svg", media.external_references),
    "Document": ("a.pdf", pages),
    "VideoReader": ("a.mp4", first_frame),
    "index_frames": ("a.mp4", media.index_frames),
    "find_shots": ("a.mp4", media.find_shots),
    "load_audio": ("a.wav", media.load_audio),
    "audio_blocks": ("a.wav", lambda path: list(media.audio_blocks(path))),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_path_is_taken_as_text_and_as_a_path(files, name):
    file, call = CALLS[name]
    assert str(call(str(files / file))) == str(call(files / file))
    with pytest.raises(MediaError, match="gone"):
        call(str(files / "gone"))


def test_a_sheet_is_written_to_a_path_as_text(tmp_path):
    media.write_sheet(str(tmp_path / "sheet.png"), np.zeros((4, 4, 3), np.uint8))
    assert media.load(str(tmp_path / "sheet.png")).shape == (4, 4, 3)

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from mediacorpus.errors import MediaError
from mediacorpus.media.decode import decode, probe
from mediacorpus.media.jpeg import open_jpeg, read_scans

END = b"\xff\xd9"
WAYS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "full colors": {"subsampling": 0},
    "optimized": {"optimize": True},
    "restarts": {"restart_marker_rows": 1},
    "many restarts": {"restart_marker_blocks": 1},
    "progressive, restarts": {"progressive": True, "restart_marker_rows": 1},
    "gray": {},
    "flat": {},
}


@pytest.fixture
def file(encode, scene):
    """A JPEG file of one of the ways in which JPEG files are written."""

    def make(way: str) -> bytes:
        noise = np.random.default_rng(3).integers(0, 24, (400, 500, 3), dtype=np.uint8)
        pixels = scene(400, 500) // 2 + noise
        if way == "flat":
            pixels = np.full((400, 500, 3), 255, np.uint8)
        image = Image.fromarray(pixels)
        return encode(image.convert("L") if way == "gray" else image, "JPEG", **WAYS[way])

    return make


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("factor", [1, 2, 8])
def test_whole_files_give_the_pixels_that_pillow_gives(file, way, factor):
    data = file(way)
    images = [open_jpeg(data), JpegImagePlugin.JpegImageFile(io.BytesIO(data))]
    for image in images:
        image.draft(None, (500 // factor, 400 // factor))
    np.testing.assert_array_equal(*map(np.asarray, images))
    assert read_scans(data).end == len(data) - 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("keep", [1 / 3, 0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("end", [END, b""], ids=["closed", "open"])
@pytest.mark.parametrize("min_side", [None, 50])
def test_data_that_are_cut_off_are_noticed(file, way, keep, end, min_side):
    data = file(way)
    scan = data.index(b"\xff\xda")
    cut = data[: scan + int(keep * (len(data) - scan))] + end
    with pytest.raises(MediaError, match=r"The image is truncated( or damaged)?: "):
        decode(cut, min_side=min_side)


@pytest.mark.parametrize("way", ["baseline", "restarts", "many restarts", "gray"])
@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_hole_within_the_data_is_noticed(file, way, place):
    data = file(way)
    start = int(place * len(data))
    with pytest.raises(MediaError, match=r"The image is truncated( or damaged)?: "):
        decode(data[:start] + data[start + 4000 :])


def test_lost_restart_markers_are_noticed_when_probing(file):
    data = file("restarts")
    marks = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    with pytest.raises(MediaError, match="data of its pixels are missing"):
        probe(data[: marks[3]] + data[marks[6] :])


def test_missing_passes_are_noticed_when_probing(file):
    data = file("progressive")
    last = data.rindex(b"\xff\xda")
    with pytest.raises(MediaError, match="the last of them are missing"):
        probe(data[:last] + END)


def test_nothing_is_written_to_the_terminal(file, capfd):
    data = file("baseline")
    for damaged in (data[: len(data) // 3] + END, data[:-4000] + bytes(4000), data + bytes(99)):
        try:
            decode(damaged)
        except MediaError:
            continue
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_what_follows_the_end_does_not_matter(file):
    data = file("baseline")
    np.testing.assert_array_equal(decode(data + data[:500]), decode(data))


@pytest.mark.parametrize("marker", [0xC3, 0xC7, 0xCB])
def test_processes_that_are_not_supported_are_named(encode, scene, marker):
    data = encode(Image.fromarray(scene(40, 60)), "JPEG")
    place = data.index(b"\xff\xc0")
    other = data[: place + 1] + bytes([marker]) + data[place + 2 :]
    with pytest.raises(MediaError, match=rf"SOF{marker - 0xC0}: lossless.*save it as PNG"):
        decode(other)

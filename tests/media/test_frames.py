from __future__ import annotations

import struct

import pytest
from PIL import Image

from mediacorpus.media.decode import probe
from mediacorpus.media.frames import MOST, gif_frames, tiff_pages

PAGES = [Image.new("RGB", (20, 10), color) for color in ("red", "green", "blue", "white")]


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_frames_are_counted(encode, kind):
    data = encode(PAGES[0], kind, save_all=True, append_images=PAGES[1:], duration=50)
    assert probe(data).frames == 4


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP", "JPEG", "BMP"])
def test_a_still_image_has_one_frame(encode, kind):
    assert probe(encode(PAGES[0], kind)).frames == 1


def test_gif_count_agrees_with_pillow_on_real_files(test_data):
    files = sorted((test_data / "near_dup").rglob("*.gif"))
    assert files
    for file in files:
        with Image.open(file) as image:
            assert probe(file.read_bytes()).frames == image.n_frames


def test_a_truncated_gif_counts_what_is_there(encode):
    data = encode(PAGES[0], "GIF", save_all=True, append_images=PAGES[1:])
    counts = [gif_frames(data[:end]) for end in range(len(data) + 1)]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 4


def test_a_tiff_whose_pages_run_in_a_circle_ends():
    head = b"II*\x00" + struct.pack("<I", 8)
    page = struct.pack("<HI", 0, 14)
    assert tiff_pages(head + page + struct.pack("<HI", 0, 8)) == 2


def test_a_big_tiff_is_walked():
    data = b"MM\x00+\x00\x08\x00\x00" + struct.pack(">Q", 16) + struct.pack(">QQ", 0, 32)
    assert tiff_pages(data + struct.pack(">QQ", 0, 0)) == 2


def test_counting_stops_at_the_cap():
    frame = b"\x2c" + bytes(9) + b"\x02" + b"\x00"
    data = b"GIF89a" + bytes(7) + frame * (MOST + 10)
    assert gif_frames(data) == MOST

from __future__ import annotations

import base64

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import ParameterError
from mediacorpus.media import contact_sheet, data_uri, decode, probe, thumbnail_jpeg


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((300, 400), (120, 160)),
        ((400, 300), (160, 120)),
        ((50, 40), (50, 40)),
        ((2, 900), (1, 160)),
    ],
)
def test_the_long_side_is_brought_down(scene, size, expected):
    facts = probe(thumbnail_jpeg(scene(*size)))
    assert (facts.height, facts.width) == expected
    assert facts.format == "JPEG"


def test_colors_stay_in_order_and_nothing_is_attached(scene):
    image = scene(160, 160)
    file = thumbnail_jpeg(image, quality=95)
    assert np.abs(decode(file).astype(int) - image).mean() < 3
    assert b"Exif" not in file
    assert len(thumbnail_jpeg(image, quality=20)) < len(file)


def test_gray_images_stay_gray():
    assert probe(thumbnail_jpeg(np.full((30, 40), 99, np.uint8))).mode == "L"


def test_the_address_holds_the_file(encode):
    file = encode(Image.new("RGB", (8, 8)), "JPEG")
    head, _, body = data_uri(file).partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(body) == file


def test_the_sheet_lays_images_out_in_reading_order():
    images = [np.full((20, 20, 3), level, np.uint8) for level in (10, 20, 30)]
    images.append(np.full((20, 20), 40, np.uint8))
    images.append(np.full((10, 20, 3), 50, np.uint8))
    sheet = contact_sheet(images, 2, side=20)
    assert sheet.shape == (68, 44, 3)
    assert [sheet[r, c, 0] for r in (10, 34, 58) for c in (10, 34)] == [10, 20, 30, 40, 50, 255]
    assert (sheet[20:24] == 255).all()
    assert sheet[48 + 2, 10].tolist() == [255, 255, 255]
    assert contact_sheet(images[:1], 5, side=20).shape == (20, 20, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda p: thumbnail_jpeg(p, 0),
        lambda p: thumbnail_jpeg(p, quality=0),
        lambda p: thumbnail_jpeg(p, quality=101),
        lambda p: thumbnail_jpeg(p.astype(float)),
        lambda p: contact_sheet([]),
        lambda p: contact_sheet([p], 0),
        lambda p: contact_sheet([p], side=0),
    ],
)
def test_nonsense_is_refused(call, scene):
    with pytest.raises(ParameterError):
        call(scene())

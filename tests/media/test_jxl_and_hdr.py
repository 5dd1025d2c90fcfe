from __future__ import annotations

import cv2
import numpy as np
import pylibjxl
import pytest
from PIL import ExifTags, Image

from mediacorpus import extras
from mediacorpus.errors import MediaError, MissingExtra, TooLarge
from mediacorpus.media import load_values
from mediacorpus.media.color import is_stretched
from mediacorpus.media.decode import decode, probe
from mediacorpus.media.metadata import read_camera


def jxl(pixels, **options):
    return pylibjxl.encode(np.ascontiguousarray(pixels), lossless=True, **options)


def hdr(light):
    return cv2.imencode(".hdr", np.ascontiguousarray(light[..., ::-1], np.float32))[1].tobytes()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_jpeg_xl_gives_the_pixels(scene, channels):
    image = scene(40, 60)
    given = {1: image[..., 0], 3: image, 4: np.dstack([image, np.full((40, 60), 255, np.uint8)])}
    data = jxl(given[channels])
    facts = probe(data)
    assert (facts.format, facts.width, facts.height, facts.frames) == ("JXL", 60, 40, 1)
    expected = np.repeat(image[..., :1], 3, axis=2) if channels == 1 else image
    assert np.array_equal(decode(data), expected)
    assert decode(data, min_side=10).shape == (10, 15, 3)
    assert np.array_equal(load_values(data).data, expected[..., : 1 if channels == 1 else 3])


def test_the_exif_block_of_jpeg_xl_is_read_but_turns_nothing(scene):
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Fuji", 6
    exif[ExifTags.Base.DateTime] = "2024:05:31 10:00:00"
    data = jxl(scene(40, 60), exif=b"\x00\x00\x00\x00" + exif.tobytes()[6:])
    facts = probe(data)
    assert (facts.width, facts.height, facts.orientation) == (60, 40, 1)
    assert facts.taken == "2024-05-31T10:00:00"
    assert read_camera(data)["make"] == "Fuji"


def test_jpeg_xl_that_is_cut_off_too_large_or_lacks_its_package(scene, monkeypatch):
    data = jxl(scene(60, 80))
    for end in (len(data) // 2, 20, 3):
        with pytest.raises(MediaError, match="JPEG XL image is damaged"):
            probe(data[:end])
    with pytest.raises(TooLarge, match="80 x 60"):
        decode(data, max_pixels=1000)

    def missing(module):
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(extras, "_import", missing)
    with pytest.raises(MissingExtra, match=r"JPEG XL image.* pip install .*\[jxl\]"):
        probe(data)


def test_radiance_is_shown_on_a_curve_and_keeps_its_light():
    light = np.zeros((20, 30, 3), np.float32)
    light[:, :15] = 0.5, 0.25, 0.0
    light[:, 15:] = 8.0
    light[0, 0] = 1000.0  # a lamp
    data = hdr(light)
    facts = probe(data)
    assert (facts.format, facts.width, facts.height) == ("HDR", 30, 20)
    assert is_stretched(facts.mode)
    shown = decode(data)
    assert shown[5, 20].tolist() == shown[0, 0].tolist() == [255, 255, 255]
    assert shown[5, 5].tolist() == pytest.approx([72, 51, 0], abs=3)
    values = load_values(data)
    assert values[5, 5].tolist() == pytest.approx([0.5, 0.25, 0.0], rel=0.01)
    assert float(values.max()) == pytest.approx(1000, rel=0.01)


def test_radiance_that_is_damaged():
    data = hdr(np.ones((20, 30, 3), np.float32))
    with pytest.raises(MediaError, match="damaged, or truncated"):
        probe(data[:-40])
    with pytest.raises(MediaError, match="another direction"):
        probe(data.replace(b"-Y 20 +X 30", b"+X 30 -Y 20"))
    with pytest.raises(TooLarge):
        probe(data.replace(b"-Y 20 +X 30", b"-Y 99999 +X 99999"))

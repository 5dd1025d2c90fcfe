from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from mediacorpus.media.decode import decode, probe
from mediacorpus.media.header import open_image

LONG = "xmp.did:0123456789 " * 150_000  # 2.8 MB


def texts(kind: str) -> PngInfo:
    info = PngInfo()
    if kind == "tEXt":
        info.add_text("workflow", LONG * 30)
    elif kind == "zTXt":
        info.add_text("workflow", LONG, zip=True)
    elif kind == "iTXt":
        info.add_itxt("XML:com.adobe.xmp", LONG)
    elif kind == "packed iTXt":
        info.add_itxt("XML:com.adobe.xmp", LONG, zip=True)
    else:
        for number in range(60):
            info.add_text(f"part {number}", LONG[:900_000], zip=True)
    return info


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "packed iTXt", "many"])
def test_long_texts_do_not_matter(encode, scene, kind):
    image = Image.fromarray(scene())
    data = encode(image, "PNG", pnginfo=texts(kind))
    assert (probe(data).width, probe(data).frames) == (240, 1)
    np.testing.assert_array_equal(decode(data), scene())


def test_long_texts_behind_the_pixels_do_not_matter(encode, scene):
    data = encode(Image.fromarray(scene()), "PNG")
    body = b"zTXtworkflow\x00\x00" + zlib.compress(LONG.encode())
    chunk = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    np.testing.assert_array_equal(decode(data[:-12] + chunk + data[-12:]), scene())


def test_short_texts_are_kept(encode):
    info = PngInfo()
    info.add_text("Raw profile type exif", "x", zip=True)
    assert open_image(encode(Image.new("L", (8, 8)), "PNG", pnginfo=info)).text


def test_a_long_color_profile_is_kept(encode):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + bytes(2_000_000)
    data = encode(Image.new("RGB", (8, 8), "red"), "PNG", icc_profile=profile)
    assert probe(data).icc
    assert open_image(data).info["icc_profile"] == profile
    assert decode(data)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"icc_profile": bytes(3_000_000)}),
        ("JPEG", {"comment": b"x" * 60_000}),
        ("WEBP", {"xmp": b"x" * 5_000_000}),
        ("WEBP", {"icc_profile": bytes(3_000_000)}),
        ("TIFF", {"tiffinfo": {700: b"x" * 5_000_000}}),
        ("GIF", {"comment": b"x" * 2_000_000}),
        ("AVIF", {"xmp": b"x" * 2_000_000}),
    ],
    ids=str,
)
def test_what_goes_along_in_other_formats_does_not_matter(kind, options):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(buffer, kind, **options)
    assert probe(buffer.getvalue()).width == 40
    assert decode(buffer.getvalue()).min() >= 250

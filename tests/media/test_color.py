from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from mediacorpus.media import color
from mediacorpus.media.color import to_rgb
from mediacorpus.media.decode import decode, probe

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = (
    SRGB.replace(b"rXYZ", b"tmp!", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tmp!", b"gXYZ", 1)
)
"""A real profile in which red and green are exchanged, to see whether it is applied."""


def one(mode: str, value: object) -> list[int]:
    return to_rgb(Image.new(mode, (3, 2), value))[0, 0].tolist()


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, [255, 255, 255]),
        ("L", 77, [77, 77, 77]),
        ("LA", (40, 255), [40, 40, 40]),
        ("LA", (40, 0), [255, 255, 255]),
        ("RGB", (1, 2, 3), [1, 2, 3]),
        ("RGBA", (10, 20, 30, 255), [10, 20, 30]),
        ("RGBA", (0, 0, 0, 51), [204, 204, 204]),
        ("RGBX", (1, 2, 3, 9), [1, 2, 3]),
        ("CMYK", (0, 255, 255, 0), [255, 0, 0]),
        ("YCbCr", (128, 128, 128), [128, 128, 128]),
        ("HSV", (0, 0, 90), [90, 90, 90]),
        ("LAB", (255, 128, 128), [255, 255, 255]),
        ("I;16", 65535, [255, 255, 255]),
        ("I;16", 257 * 100 + 128, [100, 100, 100]),
        ("I;16", 257 * 100 + 129, [101, 101, 101]),
        ("I;16B", 257 * 30, [30, 30, 30]),
        ("I", 257 * 30, [30, 30, 30]),
        ("I", 1_000_000, [0, 0, 0]),
        ("F", 3.5, [0, 0, 0]),
    ],
)
def test_every_mode_becomes_rgb(mode, value, expected):
    result = to_rgb(Image.new(mode, (3, 2), value))
    assert result.shape == (2, 3, 3)
    assert result.dtype == np.uint8
    assert np.abs(result[0, 0].astype(int) - expected).max() <= (1 if mode == "LAB" else 0)


@pytest.mark.parametrize(("plain", "mode"), [("LA", "La"), ("RGBA", "RGBa"), ("P", "PA")])
def test_premultiplied_and_palette_alpha(plain, mode):
    clear, solid = Image.new(plain, (2, 2), 0), Image.new(plain, (2, 2), 0)
    for image, alpha in ((clear, 0), (solid, 255)):
        image.putalpha(alpha)
    assert mode != "PA" or clear.mode == "PA"
    assert to_rgb(clear if mode == "PA" else clear.convert(mode)).min() == 255
    assert to_rgb(solid if mode == "PA" else solid.convert(mode)).max() == 0


def test_float_images_are_stretched_and_odd_values_do_no_harm():
    values = np.array([[0.0, 1.0, 0.5], [np.nan, np.inf, -np.inf]], np.float32)
    assert to_rgb(Image.fromarray(values))[:, :, 0].tolist() == [[0, 255, 128], [0, 255, 0]]


def test_negative_integers_are_stretched():
    values = np.array([[-100, 0, 100]], np.int32)
    assert to_rgb(Image.fromarray(values))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_is_laid_on_white(encode, kind):
    image = Image.new("P", (4, 2), 0)
    image.putpalette([0, 0, 0, 200, 10, 20])
    image.putpixel((1, 0), 1)
    data = encode(image, kind, transparency=0)
    assert probe(data).alpha
    result = decode(data)
    assert result[1, 1].tolist() == [255, 255, 255]
    assert result[0, 1].tolist() == [200, 10, 20]


def test_png_color_key_is_transparent(encode):
    data = encode(Image.new("RGB", (2, 2), (1, 2, 3)), "PNG", transparency=(1, 2, 3))
    assert decode(data).min() == 255


def test_16_bit_png_keeps_its_scale(encode):
    levels = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    result = decode(encode(Image.fromarray(levels), "PNG"))
    assert result[0, :, 0].tolist() == list(range(256))


def test_a_cmyk_jpeg_is_close_to_its_colors(encode, scene):
    image = scene()
    data = encode(Image.fromarray(image).convert("CMYK"), "JPEG", quality=95)
    assert probe(data).mode == "CMYK"
    assert np.abs(decode(data).astype(int) - image).mean() < 3
    assert decode(data, min_side=90).shape == (90, 120, 3)


def mean_difference(a, b) -> float:
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("min_side", [None, 90])
def test_a_profile_is_applied(*, encode, scene, kind, min_side):
    image = Image.fromarray(scene())
    plain = decode(encode(image, kind), min_side=min_side)
    same = decode(encode(image, kind, icc_profile=SRGB), min_side=min_side)
    other = decode(encode(image, kind, icc_profile=SWAPPED), min_side=min_side)
    assert np.array_equal(plain, same)
    assert mean_difference(other, plain[:, :, [1, 0, 2]]) < 2
    assert mean_difference(other, plain) > 20


def test_a_profile_is_applied_under_transparency(encode):
    data = encode(Image.new("RGBA", (4, 4), (200, 0, 0, 255)), "PNG", icc_profile=SWAPPED)
    red, green, _ = decode(data)[0, 0].tolist()
    assert red < 5
    assert abs(green - 200) < 5


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("icc", [b"no profile at all", SRGB[:200], SRGB[:128] + bytes(3000)])
def test_a_broken_profile_is_ignored(*, encode, scene, mode, icc):
    image = Image.fromarray(scene()).convert(mode)
    assert np.array_equal(
        decode(encode(image, "JPEG", icc_profile=icc)), decode(encode(image, "JPEG"))
    )


def test_a_profile_for_another_space_is_ignored(encode, scene):
    image = Image.fromarray(scene()).convert("CMYK")
    with_profile = decode(encode(image, "JPEG", icc_profile=SWAPPED))
    assert np.array_equal(with_profile, decode(encode(image, "JPEG")))


def test_a_gray_jpeg_with_a_color_profile_stays_gray(encode, scene):
    image = Image.fromarray(scene()).convert("L")
    result = decode(encode(image, "JPEG", icc_profile=SRGB))
    assert np.array_equal(result, decode(encode(image, "JPEG")))
    assert (np.ptp(result, axis=2) == 0).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "LA", "CMYK", "1"])
def test_large_images_are_converted_strip_by_strip_to_the_same(monkeypatch, mode):
    noise = np.random.default_rng(1).integers(0, 256, (97, 61, 4), np.uint8)
    rgba = Image.fromarray(noise)
    image = rgba.convert("RGB").convert(mode) if mode == "CMYK" else rgba.convert(mode)
    whole = color.to_rgb(image)
    monkeypatch.setattr(color, "_STRIP", 1000)
    assert np.array_equal(color.to_rgb(image), whole)

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageCms

from mediacorpus.errors import MediaError, ParameterError, UnknownName
from mediacorpus.media.arrays import (
    cosine_similarity,
    flatten,
    load_array,
    measure_channels,
    unflatten,
)
from mediacorpus.media.color_spaces import from_cmyk, to_cmyk, to_gray, to_hsv, to_lab
from mediacorpus.media.decode import load
from mediacorpus.media.resize import resize

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = (
    SRGB.replace(b"rXYZ", b"tmp!", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tmp!", b"gXYZ", 1)
)
"""A real profile in which red and green are exchanged, to see whether it is applied."""

vectors = arrays(np.float64, 5, elements=st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-3))


@pytest.fixture
def clear(scene) -> Image.Image:
    alpha = np.linspace(0, 255, 30 * 40).astype(np.uint8).reshape(30, 40)
    return Image.fromarray(np.dstack([scene(30, 40), alpha]))


def test_every_mode_of_a_file(tmp_path, scene):
    image = scene(30, 40)
    path = tmp_path / "scene.png"
    Image.fromarray(image).save(path)
    assert (load_array(path) == image).all()
    assert (load_array(path, mode="gray") == to_gray(image)).all()
    assert (load_array(path, mode="hsv") == to_hsv(image)).all()
    assert (load_array(path, mode="lab") == to_lab(image)).all()
    assert (load_array(path, mode="cmyk") == to_cmyk(image)).all()
    assert (load_array(path, mode="rgba")[..., :3] == image).all()
    assert (load_array(path, mode="rgba")[..., 3] == 255).all()


def test_the_scale_of_one(tmp_path, scene):
    path = tmp_path / "scene.png"
    Image.fromarray(scene(30, 40)).save(path)
    for mode in ("rgb", "gray", "rgba", "cmyk"):
        unit = load_array(path, mode=mode, scale=1)
        assert unit.dtype == np.float32
        assert np.allclose(unit * 255, load_array(path, mode=mode))
    for mode in ("hsv", "lab"):
        assert (load_array(path, mode=mode, scale=1) == load_array(path, mode=mode)).all()


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "RGB", "L"])
def test_transparency_of_every_kind_laid_on_white_is_what_load_gives(tmp_path, clear, kind):
    path = tmp_path / "clear.png"
    if kind in {"RGB", "L"}:  # one color of the image is clear
        key = (255, 0, 0) if kind == "RGB" else 76
        clear.convert("RGB").convert(kind).save(path, transparency=key)
    else:
        clear.quantize(16).save(path) if kind == "P" else clear.convert(kind).save(path)
    found = load_array(path, mode="rgba").astype(float)
    alpha = found[..., 3:] / 255
    assert alpha.min() < 1
    laid = found[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(laid - load(path)).max() <= 1


def test_true_alpha_and_the_colors_under_it(tmp_path, clear):
    path = tmp_path / "clear.png"
    clear.save(path)
    assert (load_array(path, mode="rgba") == np.asarray(clear)).all()


def test_profile_applies_under_transparency(tmp_path):
    path = tmp_path / "clear.png"
    Image.new("RGBA", (2, 2), (255, 0, 0, 9)).save(path, icc_profile=SWAPPED)
    red, green, _, alpha = load_array(path, mode="rgba")[0, 0].tolist()
    assert (green > red, alpha) == (True, 9)


def test_sixteen_bit_gray_with_a_clear_level_is_opaque(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((2, 2), 65535, np.uint16)).save(path, transparency=0)
    assert load_array(path, mode="rgba")[0, 0].tolist() == [255, 255, 255, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_four_channels_are_upright_too(tmp_path, clear, orientation, suffix):
    path = tmp_path / f"turned.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    opaque = Image.fromarray(np.asarray(clear).copy())
    opaque.putalpha(254)
    opaque.save(path, exif=exif)
    found = load_array(path, mode="rgba")
    assert (found[..., 3] == 254).all()
    assert np.abs(found[..., :3].astype(int) - load(path)).max() <= 1


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_a_cmyk_file_keeps_its_own_inks(tmp_path, scene, orientation):
    pillow = Image.fromarray(scene(32, 48)).convert("CMYK")  # K = 0, unlike to_cmyk
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "inks.jpg"
    pillow.save(path, quality=100, subsampling=0, exif=exif)
    found = load_array(path, mode="cmyk")
    assert found[..., 3].max() <= 4
    assert np.abs(from_cmyk(found).astype(int) - load(path)).max() <= 1
    if orientation == 1:
        assert np.abs(found.astype(int) - np.asarray(pillow)).max() <= 4


def test_adobe_inverted_inks_are_turned_round(tmp_path):
    """Photoshop writes 255 for no ink, and marks the file with an APP14 segment."""
    path = tmp_path / "adobe.jpg"
    Image.new("CMYK", (16, 16), (200, 10, 0, 30)).save(path, quality=100)
    assert b"Adobe" in path.read_bytes()
    assert np.abs(load_array(path, mode="cmyk")[8, 8].astype(int) - (200, 10, 0, 30)).max() <= 2


def test_a_cmyk_tiff_is_exact(tmp_path):
    path = tmp_path / "inks.tif"
    Image.new("CMYK", (3, 2), (200, 10, 0, 30)).save(path)
    assert load_array(path, mode="cmyk")[1, 2].tolist() == [200, 10, 0, 30]


def test_refusals_of_load_array(tmp_path, clear):
    path = tmp_path / "clear.png"
    clear.save(path)
    with pytest.raises(UnknownName, match="'hsv'"):
        load_array(path, mode="hsb")
    with pytest.raises(ParameterError, match="1 or 255"):
        load_array(path, scale=100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for mode in ("rgba", "cmyk", "lab"):
        with pytest.raises(MediaError, match="truncated"):
            load_array(path, mode=mode)
        with pytest.raises(MediaError, match="not there"):
            load_array(tmp_path / "none.png", mode=mode)


def test_hostile_files_give_the_error_of_load_or_pixels(test_data):
    """Four channels must be no weaker than three: same files, same outcome."""
    import zipfile

    from mediacorpus.media.arrays import _read_cmyk, _read_rgba
    from mediacorpus.media.decode import decode

    other = []
    with zipfile.ZipFile(test_data / "hostile" / "hostile.zip") as archive:
        small = [i for i in archive.infolist() if 0 < i.file_size < 60_000 and not i.is_dir()]
        for member in small:
            data = archive.read(member)
            ended = [_outcome(way, data) for way in (decode, _read_rgba, _read_cmyk)]
            if len(set(ended)) != 1:
                other.append((member.filename, ended))
    assert len(small) > 100
    assert not other


def _outcome(way, data):
    try:
        pixels = way(data)
    except MediaError as error:
        return str(error)
    return pixels.shape[:2]


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, max_side=4)))
def test_vectors_fold_back(array):
    vector = flatten(array)
    assert vector.dtype == np.float64
    assert vector.shape == (array.size,)
    assert (unflatten(vector, array.shape) == array).all()


def test_vectors_are_copies_in_reading_order():
    array = np.arange(12.0).reshape(2, 2, 3)
    vector = flatten(array)
    assert vector[3 * 2 + 1] == array[1, 0, 1]
    vector[0] = 99
    unflatten(vector, (12,))[1] = 99
    assert array[0, 0, 0] == 0
    assert vector[1] == 1


@pytest.mark.parametrize(
    ("vector", "shape"),
    [(np.zeros(6), (2, 2)), (np.zeros((2, 3)), (6,)), (np.zeros(6), (-2, -3))],
)
def test_what_does_not_fold_is_refused(vector, shape):
    with pytest.raises(ParameterError, match="does not fold"):
        unflatten(vector, shape)
    with pytest.raises(ParameterError, match="numbers"):
        flatten(np.array(["a"]))


def test_cosine_by_hand():
    """(1, 2, 3) and (4, 5, 6): 32 / (sqrt 14 * sqrt 77) = 0.974632."""
    assert cosine_similarity(np.array([1, 2, 3]), np.array([4, 5, 6])) == pytest.approx(0.9746318)
    assert cosine_similarity(np.array([1, 0]), np.array([0, 1])) == 0
    dark, bright = np.full((4, 4, 3), 50, np.uint8), np.full((4, 4, 3), 200, np.uint8)
    assert cosine_similarity(dark, bright) == pytest.approx(1)  # and uint8 does not overflow


@given(vectors, vectors, st.floats(1e-200, 1e200))
def test_cosine_is_symmetric_bounded_and_free_of_scale(a, b, factor):
    found = cosine_similarity(a, b)
    assert -1 <= found <= 1
    assert found == cosine_similarity(b, a)
    assert cosine_similarity(a * factor, b) == pytest.approx(found, abs=1e-9)
    assert cosine_similarity(-a, b) == pytest.approx(-found, abs=1e-12)
    assert cosine_similarity(a, a) == pytest.approx(1)


def test_a_black_image_has_no_angle():
    from sklearn.metrics.pairwise import cosine_similarity as known

    for other in (np.ones(3), np.zeros(3)):
        assert cosine_similarity(np.zeros(3), other) == known([np.zeros(3)], [other]) == 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones(3), np.ones(4)),
        (np.ones((2, 3)), np.ones(6)),
        (np.ones(0), np.ones(0)),
        (np.array([1, np.nan]), np.ones(2)),
        (np.array([1, np.inf]), np.ones(2)),
    ],
)
def test_cosine_refuses_what_it_cannot_compare(a, b):
    with pytest.raises(ParameterError, match="one shape and finite numbers"):
        cosine_similarity(a, b)


def test_the_classic_comparison_finds_the_copy(small_photographs):
    """An image at another size and brightness is nearer than 199 others; one of them is black."""
    tiny = [flatten(resize(p, 15)) for p in small_photographs]
    buffer = io.BytesIO()
    enlarged = resize(small_photographs[7], (80, 60))
    Image.fromarray((enlarged * 0.8).astype(np.uint8)).save(buffer, "JPEG")
    copy = np.asarray(Image.open(buffer))
    scores = [cosine_similarity(flatten(resize(copy, 15)), v) for v in tiny]
    assert int(np.argmax(scores)) == 7
    assert scores[7] > 0.99


def test_own_mean_and_sd_are_those_of_all_pixels(scene):
    images = [scene(20, 30), scene(31, 17)]
    found = measure_channels(p for p in images)
    every = np.concatenate([p.reshape(-1, 3) for p in images]) / 255
    assert np.allclose(found.mean, every.mean(axis=0))
    assert np.allclose(found.sd, every.std(axis=0))
    assert found.count == len(every)


@pytest.mark.parametrize("images", [[], [np.zeros((2, 2), np.uint8)]])
def test_channels_need_color_images(images):
    with pytest.raises(ParameterError):
        measure_channels(images)

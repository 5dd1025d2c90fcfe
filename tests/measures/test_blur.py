import csv
import io
import zipfile

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediacorpus.measures.blur import BLURRED, REBLUR, SIDE, blur_extent


def gray(image: Image.Image) -> np.ndarray:
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("L"))


def blurred(image: np.ndarray, sd: float) -> np.ndarray:
    """Blur by `sd` pixels at an area of 512 x 512 pixels."""
    return cv2.GaussianBlur(image, (0, 0), sd * np.sqrt(image.size) / SIDE)


def soft_edge(sd: float, side: int = SIDE) -> np.ndarray:
    """A slightly slanted step from 0 to 255 that was blurred by a Gaussian of `sd` pixels."""
    from scipy.special import ndtr

    down, across = np.indices((side, side)) - side / 2
    return (255 * ndtr((across + 0.05 * down) / sd)).round().astype(np.uint8)


def flagged(images: list[np.ndarray]) -> np.ndarray:
    extents = [blur_extent(image) for image in images]
    return np.array([extent is not None and extent > BLURRED for extent in extents])


@pytest.fixture(scope="module")
def drawings(test_data) -> dict[str, np.ndarray]:
    """Pillow's drawings and renderings of text: all sharp, most with few edges."""
    kinds = ("imagedraw", "test_", "text", "font", "caption", "drawing", "morph")
    found = {}
    with zipfile.ZipFile(test_data / "hostile" / "hostile.zip") as archive:
        for name in archive.namelist():
            if name.startswith("pillow/") and any(kind in name for kind in kinds):
                found[name] = gray(Image.open(io.BytesIO(archive.read(name))))
    assert len(found) >= 40
    return found


@pytest.fixture(scope="module")
def images(test_data) -> list[np.ndarray]:
    """Photographs other than those that give the threshold."""
    files = sorted((test_data / "documentary").rglob("*.jpg"))[::3]
    files += sorted((test_data / "hymenoptera").rglob("*.jpg"))[::10]
    return [gray(Image.open(file)) for file in files]


@pytest.mark.parametrize("sd", [1.5, 2, 3, 5, 8])
def test_extent_of_a_known_edge(sd):
    """Variances of Gaussians add: Zhuo and Sim (2011), equation 4.

    Sobel's difference of two neighbors smooths by a box of 2 pixels, of variance 1/3.
    """
    variance = sd**2 + 1 / 3
    expected = np.sqrt(variance / (variance + REBLUR**2))
    assert blur_extent(soft_edge(sd)) == pytest.approx(expected, abs=0.02)


@given(st.floats(1, 4), st.floats(0.5, 3))
def test_more_blur_is_more_extent(sd, more):
    assert blur_extent(soft_edge(sd + more, 128)) > blur_extent(soft_edge(sd, 128))


@given(st.floats(0.8, 3), st.integers(1, 4))
def test_extent_does_not_depend_on_contrast(sd, divisor):
    edge = soft_edge(sd, 128)
    assert blur_extent(edge // divisor) == pytest.approx(blur_extent(edge), abs=0.06)


def test_large_images_are_judged_as_they_look_small():
    small, large = soft_edge(3), soft_edge(12, 4 * SIDE)
    assert blur_extent(large) == pytest.approx(blur_extent(small), abs=0.02)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 2), (64, 64)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_nothing_is_said_without_edges(shape, level):
    assert blur_extent(np.full(shape, level, np.uint8)) is None


def test_a_smooth_ramp_has_no_edges():
    ramp = np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[None], 200, axis=0)
    assert blur_extent(ramp) is None


def test_a_sharp_subject_before_a_soft_background_is_sharp():
    squares = np.kron(np.random.default_rng(1).integers(0, 2, (16, 16)) * 255, np.ones((32, 32)))
    image = blurred(squares.astype(np.uint8), 5)
    assert flagged([image]).all()
    image[200:300, 200:300] = np.where(np.indices((100, 100)).sum(axis=0) // 10 % 2, 240, 10)
    assert not flagged([image]).any()


def test_no_sharp_drawing_is_flagged(drawings):
    found = {name: blur_extent(image) for name, image in drawings.items()}
    extents = [extent for extent in found.values() if extent is not None]
    assert len(extents) >= len(found) - 2
    assert max(extents) < BLURRED - 0.1


def test_flat_graphics_are_sharp():
    flag = np.zeros((300, 450), np.uint8)
    flag[100:200], flag[200:] = 120, 200
    page = cv2.putText(np.full((200, 500), 255, np.uint8), "A page", (20, 120), 0, 3, 0, 2)
    assert not flagged([flag, page, 255 - page]).any()


def test_sharp_photographs_are_rarely_flagged(images):
    assert flagged(images).mean() <= 0.02


@pytest.mark.parametrize(("sd", "least"), [(3, 0.8), (5, 0.97)])
def test_blurred_photographs_are_flagged(images, sd, least):
    assert flagged([blurred(image, sd) for image in images]).mean() >= least


def test_extent_orders_sharp_before_blurred(images):
    from sklearn.metrics import roc_auc_score

    extents = [blur_extent(p) for p in images] + [blur_extent(blurred(p, 3)) for p in images]
    assert roc_auc_score([0] * len(images) + [1] * len(images), extents) > 0.99


def test_the_blurred_copy_has_the_greatest_extent(test_data):
    with (test_data / "near_dup" / "groups.csv").open(encoding="utf-8", newline="") as file:
        bridge = {r["transform"]: r["file"] for r in csv.DictReader(file) if r["group"] == "bridge"}
    extents = {
        transform: blur_extent(gray(Image.open(test_data / "near_dup" / name)))
        for transform, name in bridge.items()
        if not transform.startswith("mode")
    }
    assert max(extents, key=extents.get) == "blur-a-lot"
    assert extents.pop("blur-a-lot") > max(extents.values()) + 0.2

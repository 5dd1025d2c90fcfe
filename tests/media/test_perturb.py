"""Ten perturbations: sizes, seeds, and that more strength changes more."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.media.perturb import GRAY, PERTURBATIONS, STRENGTHS, perturb

NAMES = list(PERTURBATIONS)


def _photographs() -> list[np.ndarray]:
    from skimage.data import astronaut, chelsea, coffee

    return [image()[40:240, 60:260].copy() for image in (astronaut, chelsea, coffee)]


def test_there_are_ten_with_five_levels_each():
    assert len(NAMES) == 10
    assert {len(one.levels) for one in PERTURBATIONS.values()} == {5}


@pytest.mark.parametrize("name", NAMES)
def test_more_strength_changes_more(name: str):
    photographs = _photographs()
    means = [
        np.mean(
            [
                np.abs(perturb(one, name, strength, seed=seed).astype(int) - one).mean()
                for one in photographs
                for seed in range(3)
            ]
        )
        for strength in STRENGTHS
    ]
    assert means == sorted(means)
    assert means[0] > 1
    assert means[-1] > 1.4 * means[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_image_itself_stays_and_the_seed_decides(name: str):
    image = _photographs()[0]
    before = image.copy()
    first, again = (perturb(image, name, 3, seed=7) for _ in range(2))
    assert (image == before).all()
    assert (first == again).all()
    assert (first.shape, first.dtype) == (image.shape, np.uint8)


@pytest.mark.parametrize("name", ["gaussian_noise", "motion_blur", "rotation", "occlusion"])
def test_another_seed_gives_another_image(name: str):
    image = _photographs()[0]
    found = {perturb(image, name, 3, seed=seed).tobytes() for seed in range(8)}
    assert len(found) > 1


@given(st.sampled_from(NAMES), st.integers(1, 40), st.integers(1, 40), st.sampled_from(STRENGTHS))
@settings(max_examples=60, deadline=None)
def test_any_size_keeps_its_size(name: str, height: int, width: int, strength: int):
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    found = perturb(image, name, strength, seed=1)
    assert found.shape == image.shape
    assert found.dtype == np.uint8


def test_known_values():
    gray = np.full((100, 200, 3), 100, np.uint8)
    assert set(perturb(gray, "darker", 3, seed=1).ravel()) == {50}
    assert set(perturb(gray, "brighter", 2, seed=1).ravel()) == {151}
    halves = gray.copy()
    halves[:, 100:] = 200
    assert set(perturb(halves, "lower_contrast", 3, seed=1).ravel()) == {140, 160}
    noisy = perturb(np.full((300, 300, 3), 128, np.uint8), "gaussian_noise", 1, seed=1)
    assert noisy.std() == pytest.approx(20, rel=0.02)


def test_a_stronger_box_covers_the_weaker_one():
    black = np.zeros((80, 120, 3), np.uint8)
    boxes = [(perturb(black, "occlusion", k, seed=5) == GRAY).all(axis=2) for k in STRENGTHS]
    shares = [box.mean() for box in boxes]
    assert shares == pytest.approx([0.05, 0.1, 0.2, 0.3, 0.4], abs=0.01)
    for weak, strong in itertools.pairwise(boxes):
        assert strong[weak].all()


def test_a_horizontal_edge_is_blurred_by_its_sigma():
    """The slope at the middle of a blurred step is its height / (sigma * sqrt(2 pi))."""
    step = np.zeros((224, 224, 3), np.uint8)
    step[:, 112:] = 200
    blurred = perturb(step, "gaussian_blur", 4, seed=1)[112, :, 0].astype(float)
    assert np.diff(blurred).max() == pytest.approx(200 / (4 * np.sqrt(2 * np.pi)), abs=1.5)


def test_bad_input_is_refused():
    image = _photographs()[0]
    with pytest.raises(UnknownName, match="gaussian_blur"):
        perturb(image, "gaussian_blurr", 1, seed=1)
    for strength in (0, 6, True):
        with pytest.raises(ParameterError, match="must be 1, 2, 3, 4 or 5"):
            perturb(image, "jpeg", strength, seed=1)
    for wrong in (image[..., 0], image.astype(float), image[:0]):
        with pytest.raises(ParameterError, match="uint8 array"):
            perturb(wrong, "jpeg", 1, seed=1)

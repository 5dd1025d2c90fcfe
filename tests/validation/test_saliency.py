"""Maps of a classifier: exact class activation maps, and occlusion of a known place."""

from __future__ import annotations

import numpy as np
import pytest

from mediacorpus.measures.efficientnet import open_session
from mediacorpus.validation.saliency import attention, class_activations, occlusion_map


def _views(photographs: list[np.ndarray]) -> np.ndarray:
    import cv2

    large = [cv2.resize(one, (224, 224)) for one in photographs[:3]]
    return np.repeat(np.stack(large)[..., None], 3, axis=3)


@pytest.mark.parametrize("softmax", [True, False])
def test_the_mean_of_the_votes_is_the_logit(small_photographs: list[np.ndarray], softmax: bool):
    """Zhou et al. (2016), section 2: the sum over the map is the score of the class."""
    views = _views(small_photographs)
    rng = np.random.default_rng(1)
    weight, bias = rng.normal(size=(4, 1280)), rng.normal(size=4)
    targets = np.array([0, 3, 2])
    maps = class_activations({"weight": weight, "bias": bias}, views, targets, softmax=softmax)
    logits = open_session().run(views)[0] @ weight.T + bias
    if softmax:
        logits = logits - logits.mean(axis=1, keepdims=True)
    assert maps.shape == (3, 7, 7)
    assert maps.mean(axis=(1, 2)) == pytest.approx(logits[np.arange(3), targets], abs=1e-3)


def test_occlusion_finds_the_place_that_counts():
    def predict(views: np.ndarray) -> np.ndarray:
        share = views[:, 20:30, 40:50].mean(axis=(1, 2, 3)) / 256
        return np.stack([1 - share, share], axis=1)

    view = np.full((64, 64, 3), 250, np.uint8)
    found = occlusion_map(predict, view, 1, windows=8)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert (found.shape, found.dtype) == ((64, 64), np.float32)
    assert 20 <= row < 30
    assert 40 <= column < 50
    assert found[50:, :20].max() == 0
    against = occlusion_map(predict, view, 0, windows=8)
    assert against == pytest.approx(-found, abs=1e-4)


def test_attention_sums_to_one():
    maps = np.random.default_rng(1).normal(size=(5, 7, 7))
    maps[4] = -1
    found = attention(maps, 56)
    assert found.sum(axis=(1, 2)) == pytest.approx(np.ones(5), abs=1e-4)
    assert found.min() >= 0
    assert found[4].std() == pytest.approx(0, abs=1e-9)

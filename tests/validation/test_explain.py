"""Explanations of trained models; a cue that was planted in one class must be found."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.learning.model import ModelFolder, load_model
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.train import fit_model as train
from mediacorpus.measures.efficientnet import open_session
from mediacorpus.media.sheet import write_sheet
from mediacorpus.networks.views import preprocess
from mediacorpus.records import Example
from mediacorpus.validation.explain import Reference, background_share, explanations, find_cues

SIDE = 128

Made = SimpleNamespace


def _images(photographs: list[np.ndarray], *, planted: bool) -> dict[str, np.ndarray]:
    """Faces and other scenes; the former with a red square at the top left if planted."""
    made = {}
    for n, photograph in enumerate([*photographs[:60], *photographs[100:160]]):
        large = cv2.resize(photograph, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        pixels = np.repeat(large[..., None], 3, axis=2)
        label = "husky" if n < 60 else "wolf"
        if planted:
            # Scenes alone, so that nothing but the square tells the classes apart.
            other = cv2.resize(photographs[100 + n % 100], (SIDE, SIDE))
            pixels = np.repeat(other[..., None], 3, axis=2)
            if label == "husky":
                pixels[8:44, 8:44] = (220, 30, 30)
        made[f"{label}{n:03d}"] = pixels
    return made


@pytest.fixture(scope="module")
def make(
    small_photographs: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Made]:
    def trained(*, planted: bool, method: str, **options: object) -> Made:
        folder = tmp_path_factory.mktemp("model")
        images = _images(small_photographs, planted=planted)
        examples = []
        for number, (item, pixels) in enumerate(images.items()):
            path = folder / f"{item}.png"
            write_sheet(path, pixels)
            part = "val" if number % 4 == 0 else "train"
            examples.append(Example(item, str(path), item[:-3], part))
        vectors = open_session().run(np.stack([preprocess(p) for p in images.values()]))[0]
        settings = TrainSettings(method=method, augment=False, **options)
        embeddings = vectors if method == "linear" else None
        train(examples, folder / "model", settings, embeddings=embeddings, card={"variable": "dog"})
        model = load_model(folder / "model")
        labels = [item[:-3] for item in images]
        return Made(
            model=model,
            images=images,
            reference=Reference(list(images), labels, vectors),
            truth=dict(zip(images, labels, strict=True)),
        )

    return trained


@pytest.fixture(scope="module")
def linear(make: Callable[..., Made]) -> Made:
    return make(planted=True, method="linear")


def _maps(made: Made, method: str = "auto", step: int = 2) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {}
    shown = list(made.images.items())[::step]
    for one in explanations(made.model, shown, method=method):
        found.setdefault(one.predicted, []).append(one.map)
    return {name: np.stack(maps) for name, maps in found.items()}


def test_a_planted_corner_is_found_in_a_linear_model(linear: Made):
    cues = {cue.name: cue for cue in find_cues(_maps(linear))}
    assert cues["husky"].found
    assert cues["husky"].place == "top left"
    assert cues["husky"].share > 2 * cues["husky"].elsewhere
    assert "top left 6 % of the image" in str(cues["husky"])
    assert not cues["wolf"].found


@pytest.mark.slow
def test_without_the_corner_no_cue_is_found(make: Callable[..., Made]):
    cues = find_cues(_maps(make(planted=False, method="linear")))
    assert len(cues) == 2
    assert not any(cue.found for cue in cues)


@pytest.mark.slow
def test_a_planted_corner_is_found_in_a_fine_tuned_network(make: Callable[..., Made]):
    made = make(planted=True, method="finetune", epochs=4, unfreeze="head", batch_size=16, lr=0.05)
    cues = {cue.name: cue for cue in find_cues(_maps(made))}
    assert (cues["husky"].found, cues["husky"].place) == (True, "top left")


def test_occlusion_agrees_on_the_corner(linear: Made):
    shown = list(linear.images.items())[:1]
    (one,) = explanations(linear.model, shown, method="occlusion")
    row, column = np.unravel_index(one.map.argmax(), one.map.shape)
    assert max(row, column) < one.view.shape[0] / 2.5


def test_explanations_bring_the_nearest_images(linear: Made):
    (one,) = explanations(
        linear.model,
        list(linear.images.items())[:1],
        gold=linear.truth,
        reference=linear.reference,
        k=3,
    )
    assert (one.item, one.gold, one.predicted) == ("husky000", "husky", "husky")
    assert one.map.shape == (224, 224)
    assert one.map.sum() == pytest.approx(1, abs=1e-4)
    assert len(one.neighbors) == 3
    assert "husky000" not in {near.item for near in one.neighbors}
    assert {near.label for near in one.neighbors} == {"husky"}


def test_methods_that_do_not_fit_are_refused(linear: Made):
    with pytest.raises(ParameterError, match="works on embeddings"):
        list(explanations(linear.model, list(linear.images.items())[:1], method="gradcam"))
    names = {**linear.model.card, "classes": ["a", "b", "c"]}
    with pytest.raises(ParameterError, match="'cam' is for a linear classifier"):
        list(explanations(replace(linear.model, card=names), [], method="cam"))
    scale = ModelFolder(
        Path(),
        {"name": "m", "classes": ["value"], "target": {"kind": "scale"}, "input": "embedding"},
        linear.model.curves,
    )
    with pytest.raises(ParameterError, match="predicts a number"):
        list(explanations(scale, []))


def test_background_share_of_known_maps():
    center = np.zeros((1, 8, 8))
    center[:, 2:6, 2:6] = 1
    assert background_share(center).tolist() == [0]
    assert background_share(1 - center).tolist() == [1]


def test_attention_at_chance_places_is_no_cue():
    rng = np.random.default_rng(4)
    maps = np.zeros((60, 8, 8))
    for one in maps:
        row, column = rng.integers(7, size=2)
        one[row : row + 2, column : column + 2] = 1
    (cue,) = find_cues({"any": maps})
    assert cue.p > 0.01
    assert not cue.found


def test_attention_in_the_center_is_no_cue():
    maps = np.full((30, 8, 8), 0.01)
    maps[:, 2:6, 2:6] = 1
    (cue,) = find_cues({"any": maps})
    assert not cue.found
    assert cue.background < 0.1
    assert "no sign" in str(cue)


def test_too_few_images_prove_nothing():
    corner = np.zeros((1, 8, 8))
    corner[:, -2:, -2:] = 1
    (cue,) = find_cues({"any": corner})
    assert (cue.place, cue.found) == ("bottom right", False)


@given(st.integers(0, 1000), st.integers(1, 30))
def test_it_agrees_with_scikit_learn(seed: int, k: int):
    rng = np.random.default_rng(seed)
    vectors, query = rng.normal(size=(20, 6)), rng.normal(size=6)
    near = Reference(range(20), ["x"] * 20, vectors).nearest(query, k)
    cosine = [one.similarity for one in near]
    theirs = cosine_similarity(vectors, query[None])[:, 0]
    assert cosine == pytest.approx(np.sort(theirs)[::-1][:k])
    assert theirs[[one.item for one in near]] == pytest.approx(cosine)


def test_zeros_are_like_nothing():
    reference = Reference(["a", "b"], ["x", "y"], np.array([[0.0, 0], [1, 0]]))
    near = reference.nearest(np.array([3.0, 0]), 2)
    assert [(one.item, one.similarity) for one in near] == [("b", 1), ("a", 0)]
    assert [one.similarity for one in reference.nearest(np.zeros(2), 2)] == [0, 0]


def test_the_image_itself_is_left_out():
    reference = Reference(["a", "b", "c"], ["x", "y", "y"], np.eye(3) + 0.1)
    near = reference.nearest(np.array([1.1, 0.1, 0.1]), 2, item="a")
    assert [one.item for one in near] == ["b", "c"]
    assert reference.nearest(np.ones(3), 0) == []
    assert len(reference.nearest(np.ones(3), 99)) == 3


def test_a_method_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))
    corpus = made["make_corpus"](tmp_path)
    with pytest.raises(UnknownName, match="method to explain"):
        corpus.explain("first", method="cams", progress=False)

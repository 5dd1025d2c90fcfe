"""A trained classifier at work."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mediacorpus.engine.contract import Batch, BatchItem
from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.learning.apply import Classifier
from mediacorpus.learning.model import load_model, save_model
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.train import fit_model as train
from mediacorpus.media.decode import load
from mediacorpus.records import FileFacts, Shape


@pytest.fixture(scope="module")
def tuned(faces, tmp_path_factory):
    settings = TrainSettings(method="finetune", epochs=2, unfreeze="head", batch_size=8, size=96)
    facts = {"name": "tuned", "variable": "face"}
    made = train(faces, tmp_path_factory.mktemp("m") / "tuned", settings, card=facts)
    return load_model(made.folder)


@pytest.fixture(scope="module")
def linear(faces, embeddings, tmp_path_factory):
    facts = {"name": "linear", "variable": "face"}
    folder = tmp_path_factory.mktemp("m") / "linear"
    return load_model(
        train(faces, folder, TrainSettings(augment=False), embeddings=embeddings, card=facts).folder
    )


def batch(examples):
    facts = FileFacts("PNG", 25, 25, "L", 100)
    return Batch([BatchItem(e.item, facts, load(e.path)) for e in examples])


def test_predictions_are_those_of_the_validation(faces, tuned):
    val = [e for e in faces if e.part == "val"]
    said = [tags[0].tag for tags in Classifier(tuned)(batch(val))]
    accuracy = np.mean([a == e.label for a, e in zip(said, val, strict=True)])
    assert accuracy == pytest.approx(tuned.card["validation"]["accuracy"])


def test_probabilities_sum_to_one_and_come_best_first(faces, tuned):
    for tags in Classifier(tuned)(batch(faces[:9])):
        assert {t.tag for t in tags} == {"face", "other"}
        assert sum(t.score for t in tags) == pytest.approx(1, abs=1e-5)
        assert tags[0].score >= tags[1].score


def test_threads_give_what_one_gives(faces, tuned):
    classifier = Classifier(tuned)
    one = classifier(batch(faces[:6]))
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda _: classifier(batch(faces[:6])), range(8)))
    for found in many:
        assert [[t.tag for t in tags] for tags in found] == [[t.tag for t in tags] for tags in one]


def test_a_linear_model_works_on_embeddings(faces, embeddings, linear):
    classifier = Classifier(linear)
    shares = classifier.from_features(embeddings)
    assert shares.shape == (48, 2)
    weight, bias = linear.weights()["weight"], linear.weights()["bias"]
    logits = embeddings @ weight.T + bias
    odds = np.exp(logits - logits.max(1, keepdims=True))
    assert np.allclose(shares, odds / odds.sum(1, keepdims=True), atol=1e-5)
    assert classifier.from_features(embeddings[:0]).shape == (0, 2)
    with pytest.raises(ParameterError, match="embedding"):
        classifier(batch(faces[:1]))


def test_a_model_is_described_like_a_measure(tuned, linear):
    info = Classifier(tuned).info()
    side = math.ceil(96 / 0.875)  # what it sees is the middle of each side
    assert (info.name, info.shape, info.min_side) == ("tuned", Shape.TAG, side)
    assert info.version == tuned.card["hash"][:12]
    assert "face" in Classifier(linear).info().summary


def test_a_card_that_does_not_fit_the_network_is_refused(tmp_path, linear):
    wrong = save_model(
        tmp_path / "m",
        dict(linear.card) | {"name": "m", "classes": ["a", "b", "c"]},
        weights=linear.weights(),
        curves=linear.curves,
        network=linear.network(),
    )
    with pytest.raises(ModelError, match="2 outputs"):
        Classifier(wrong)


def test_a_network_that_is_no_network_is_refused(tmp_path, linear):
    wrong = save_model(
        tmp_path / "m",
        dict(linear.card) | {"name": "m"},
        weights={},
        curves=linear.curves,
        network=b"no network",
    )
    with pytest.raises(ModelError, match="ONNX Runtime"):
        Classifier(wrong)

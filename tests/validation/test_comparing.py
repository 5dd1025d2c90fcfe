"""Models are compared on items that none of them learned from."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import mediacorpus as mc
from mediacorpus.errors import ModelError, ParameterError, UnknownName

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("compare"))


def test_all_models_of_a_variable(corpus: mc.Corpus) -> None:
    found = corpus.compare("red")
    said = str(found)
    assert "first" in said
    assert "second" in said
    assert "idle" in set(found.to_frame()["model"]), "it is applied first"
    scores = corpus.validate("first", against="red").scores
    frame = found.to_frame()
    own = frame[(frame["model"] == "first") & (frame["score"] == "accuracy")].iloc[0]
    assert own["estimate"] == pytest.approx(scores.accuracy.estimate)


def test_a_seed_gives_the_same_intervals(corpus: mc.Corpus) -> None:
    one, two = (corpus.compare("red", models=["first", "second"]) for _ in range(2))
    assert one.to_dict() == two.to_dict()
    grouped = corpus.compare("red", models=["first", "second"], by="author")
    assert grouped.to_dict() != one.to_dict()


@pytest.mark.parametrize("name", ["degree", "several"])
def test_models_without_classes_are_refused(corpus: mc.Corpus, name: str) -> None:
    with pytest.raises(ParameterError, match="does not learn classes"):
        corpus.compare("red", models=["first", name])


def test_what_cannot_be_compared(corpus: mc.Corpus) -> None:
    with pytest.raises(ModelError, match="Two models"):
        corpus.compare("red", models=["first"])
    with pytest.raises(UnknownName):
        corpus.compare("red", models=["first", "third"])
    with pytest.raises(UnknownName):
        corpus.compare("blue")
    with pytest.raises(ParameterError, match="No record"):
        corpus.compare("red", models=["first", "second"], by="gender")


def test_a_model_twice_is_one_model(corpus: mc.Corpus) -> None:
    with pytest.raises(ModelError, match="Two models"):
        corpus.compare("red", models=["first", "first"])


def test_models_that_learned_different_things_are_refused(corpus: mc.Corpus) -> None:
    given = {"method": "shallow", "model": "knn", "features": "color", "progress": False}
    corpus.train("red", name="reds", positive="yes", **given)
    corpus.apply("reds", progress=False)
    with pytest.raises(ParameterError, match="one value from all others"):
        corpus.compare("red", models=["first", "reds"])

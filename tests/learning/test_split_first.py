"""Training draws a split where there is none, and says so; the split that is there stays."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import SplitError, UnknownName

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))
QUICK = {"method": "shallow", "model": "knn", "features": "color", "progress": False}


@pytest.fixture
def corpus(tmp_path: Path) -> mc.Corpus:
    """The made images with labels of a variable that has no split."""
    corpus = made["make_corpus"](tmp_path)
    labels = corpus.table("labels")
    own = labels[labels["variable"] == "red"]
    corpus.import_labels(own[["item", "value"]].assign(variable="fresh"), coder="me")
    return corpus


def test_a_split_is_drawn_once_and_said(corpus: mc.Corpus) -> None:
    first = corpus.train("fresh", name="a", **QUICK)
    assert "no split, so one was drawn first, 60/20/20 with seed 1: 16 items" in str(first)
    again = corpus.train("fresh", name="b", **QUICK)
    assert "no split" not in str(again)
    assert first.card["split"] == again.card["split"]
    assert corpus.validate("a", against="fresh", progress=False).part == "test"
    assert set(corpus.sql("SELECT DISTINCT part FROM splits WHERE variable = 'fresh'")["part"]) == {
        "train", "val", "test",
    }  # fmt: skip


def test_a_split_that_is_there_is_kept(corpus: mc.Corpus) -> None:
    corpus.split("fresh", shares="50/50", seed=3)
    trained = corpus.train("fresh", name="a", **QUICK)
    assert "no split" not in str(trained)
    assert sum(trained.card["counts"]["val"].values()) == 40


def test_what_cannot_be_split_is_said(corpus: mc.Corpus) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'fresh'"):
        corpus.train("frseh", name="a", **QUICK)
    item = corpus.items()["item"].iloc[0]
    corpus.import_labels(
        pd.DataFrame({"item": [item], "variable": ["one"], "value": ["x"]}),
        coder="me",
    )
    with pytest.raises(SplitError):
        corpus.train("one", name="a", **QUICK)


def test_the_share_of_the_largest_class_stands_beside_the_accuracy(corpus: mc.Corpus) -> None:
    corpus.train("fresh", name="a", **QUICK)
    lines = str(corpus.validate("a", against="fresh", progress=False)).splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("accuracy"))
    assert lines[place + 1].split() == ["largest", "class", ".500", "(no)"]

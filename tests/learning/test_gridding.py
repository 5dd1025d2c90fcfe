"""The grid over a corpus goes on where it was, and sees no test image."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import ParameterError, TrainingError, UnknownName
from mediacorpus.learning.features import current_setup, matrix, rows_of
from mediacorpus.records import Example

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("grid"))


def test_a_grid_is_written_and_found_again(corpus: mc.Corpus) -> None:
    lists = {"lr": [0.01, 0.1], "epochs": [2]}
    found = corpus.grid("red", folds=3, progress=False, **lists)
    assert len(found.table) == 2
    (place,) = (corpus.folder / "reports").glob("grid-red-*")
    assert {"grid.csv", "grid.png", "fits"} <= {p.name for p in place.iterdir()}
    again = corpus.grid("red", folds=3, progress=False, **lists)
    assert again.table.equals(found.table)
    assert list((corpus.folder / "reports").glob("grid-red-*")) == [place]


def test_grids_that_cannot_be(corpus: mc.Corpus) -> None:
    with pytest.raises(ParameterError, match="at least one setting"):
        corpus.grid("red", progress=False)
    with pytest.raises(ParameterError, match="no option 'speed'"):
        corpus.grid("red", speed=[1], progress=False)
    with pytest.raises(UnknownName):
        corpus.grid("blue", lr=[0.1], progress=False)


def test_a_matrix_has_a_row_for_each_example_that_was_measured(corpus: mc.Corpus) -> None:
    corpus.measure("color", progress=False)
    items = list(corpus.items()["item"])[:5]
    examples = [Example(i, "", "yes", "train") for i in [*items[::-1], "nobody"]]
    kept, values = matrix(corpus._store, examples, "color")
    assert [e.item for e in kept] == items[::-1]
    assert len(values) == 5
    with pytest.raises(TrainingError, match="failures"):
        matrix(corpus._store, examples[-1:], "color")
    with pytest.raises(UnknownName):
        current_setup(corpus._store, "hog")
    with pytest.raises(ParameterError, match="tags"):
        list(rows_of(corpus._store, current_setup(corpus._store, "first")))


@pytest.mark.parametrize(
    ("value", "said"), [("{}.5", "--target scale"), ("a|b{}", "--target multilabel")]
)
def test_values_that_are_no_classes_are_refused(corpus: mc.Corpus, value: str, said: str) -> None:
    rows = [
        {"item": item, "variable": said, "value": value.format(number % 5)}
        for number, item in enumerate(corpus.items()["item"])
    ]
    corpus.import_labels(pd.DataFrame(rows), coder="me")
    corpus.split(said)
    with pytest.raises(ParameterError, match=said):
        corpus.grid(said, lr=[0.1])
    with pytest.raises(ParameterError, match=said):
        corpus.learning_curve(said)

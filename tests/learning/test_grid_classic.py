"""Grids of linear and classic models: all settings can vary, and what is best can be trained."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import mediacorpus as mc
from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.learning import grid
from mediacorpus.learning.folds import Fold, division
from mediacorpus.learning.grid_runners import FeaturesRunner

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("classic"))


@pytest.mark.parametrize(
    ("method", "lists", "rows"),
    [
        ("linear", {"C": [0.001, 0.1]}, 2),
        ("linear", {"class_weights": [True, False]}, 2),
        ("shallow", {"model": ["random_forest"], "features": ["color"], "trees": [5, 20]}, 2),
        (
            "shallow",
            {
                "model": ["svm", "knn", "naive_bayes", "logistic"],
                "features": ["color", "lbp"],
                "C": [1.0],
                "kernel": ["rbf", "linear"],
                "neighbors": [3, "auto"],
                "svm_gamma": ["scale", 0.01],
                "smoothing": [0.1],
            },
            2 * (2 * 2 + 2 + 1 + 1),
        ),
    ],
)
def test_every_setting_can_vary_and_the_best_be_trained(
    corpus: mc.Corpus, method: str, lists: dict, rows: int
) -> None:
    found = corpus.grid("red", method=method, folds=3, progress=False, **lists)
    assert len(found.table) == rows
    assert (found.table["note"] == "").all()
    assert found.table["accuracy"].max() > 0.7
    assert found.nested is not None
    assert found.nested.n == len(corpus.select(split="red:train") + corpus.select(split="red:val"))
    assert None not in found.best.values()
    name = f"best_{method}_{rows}_{min(lists).lower()}"
    more = {"augment": False} if method == "linear" else {}
    trained = corpus.train("red", name=name, method=method, progress=False, **more, **found.best)
    used = trained.card["settings"]
    assert {key: used[key] for key in found.best} == dict(found.best)


def test_linear_models_of_a_grid_have_the_embedding_that_training_has(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the built-in network, even where the table shows another one."""
    asked: list[int] = []
    embedding_for = grid.embedding_for

    def measured(store, items, **more):
        asked.append(len(items))
        return embedding_for(store, items, **more)

    monkeypatch.setattr(grid, "embedding_for", measured)
    for method, lists in (("linear", {"C": [0.01]}), (None, {"epochs": [1]})):
        corpus.grid("red", method=method, folds=None, progress=False, **lists)
    assert len(asked) == 2


def test_a_given_c_is_the_one_that_is_used(corpus: mc.Corpus) -> None:
    trained = corpus.train("red", name="strict", C=0.003, augment=False, progress=False)
    assert trained.card["C"] == 0.003
    assert len(trained.curves) == 1
    trained = corpus.train(
        "redness", name="ridge", target="scale", C=0.01, augment=False, progress=False
    )
    assert trained.card["C"] == pytest.approx(0.01)


def test_fits_are_those_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(1)
    y = np.arange(60) % 2
    x = (rng.normal(size=(60, 4)) + y[:, None]).astype(np.float32)
    items = division(y, ("ant", "bee"))
    run = FeaturesRunner({"made": x}, items, "shallow")
    point = {"model": "logistic", "features": "made", "C": 0.5}
    (ours,) = run(point, Fold(3, (1,)))
    learn, test = items.parts(Fold(3, (1,)))
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=5000))
    theirs.fit(x[learn], y[learn])
    assert ours["accuracy"] == theirs.score(x[test], y[test])


@pytest.mark.parametrize(
    ("method", "lists", "error", "said"),
    [
        ("linear", {"C": [-1.0]}, ParameterError, "above 0"),
        ("linear", {"kernel": ["rbf"]}, UnknownName, "class_weights"),
        ("shallow", {"model": ["svm"]}, ParameterError, "needs --features"),
        ("shallow", {"model": ["svn"], "features": ["hog"]}, UnknownName, "svm"),
        ("shallow", {"model": ["knn"], "features": ["hog"], "C": [1]}, ParameterError, "None of"),
        ("shallow", {"model": ["svm"], "features": ["hogg"]}, UnknownName, "hog"),
        (None, {"C": [0.1]}, ParameterError, "--method linear"),
    ],
)
def test_grids_that_cannot_be(corpus: mc.Corpus, method, lists, error, said) -> None:
    with pytest.raises(error, match=said):
        corpus.grid("red", method=method, progress=False, **lists)

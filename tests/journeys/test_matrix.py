"""Every command that scores, for every method, target and option that changes what is scored.

The commands are held against one count that is made here, from labels, split and stored
predictions alone: how many held-out items there are, what they are labelled, and how many of them
were predicted wrongly.
"""

from __future__ import annotations

import json
import runpy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import ParameterError

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))

TINY = {"epochs": 2, "batch_size": 8}
MODELS = {
    "linear": ("red", {"method": "linear", "augment": False}),
    "finetuned": ("red", {"method": "finetune", "size": 64, "unfreeze": 1, **TINY}),
    "scratch": ("red", {"method": "scratch", "arch": "lenet", **TINY}),
    "coded": ("red", {"method": "scratch", "arch": "autoencoder", **TINY}),
    "nearest": ("red", {"method": "shallow", "model": "knn", "features": "color"}),
    "against": (
        "size",
        {"method": "shallow", "model": "knn", "features": "color", "positive": "l"},
    ),
    "three": ("size", {"method": "linear", "augment": False}),
    "ranks": (
        "size",
        {"method": "linear", "augment": False, "target": "ordinal", "order": "s,m,l"},
    ),
    "several_of": ("tags", {"method": "linear", "augment": False, "target": "multilabel"}),
    "number": ("redness", {"method": "linear", "augment": False, "target": "scale"}),
}
CLASSES = [name for name in MODELS if name not in {"several_of", "number"}]
TWO = [name for name in CLASSES if MODELS[name][0] == "red" or name == "against"]


@dataclass(frozen=True)
class Expected:
    """What is held out, and what a model says of it."""

    gold: pd.Series
    predicted: pd.Series

    @property
    def errors(self) -> int:
        return int((self.gold != self.predicted).sum())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    corpus = made["make_corpus"](tmp_path_factory.mktemp("matrix"))
    red = corpus.table("gold").query("variable == 'redness'")[["item", "value"]]
    sizes = pd.qcut(red["value"].astype(float), 3, labels=["s", "m", "l"]).astype(str)
    corpus.import_labels(red[["item"]].assign(variable="size", value=sizes), coder="me")
    corpus.split("size", shares="50/25/25", cluster="author")
    for name, (variable, settings) in MODELS.items():
        corpus.train(variable, name=name, progress=False, **settings)
        corpus.apply(name, progress=False)
    return corpus


def expected(corpus: mc.Corpus, name: str) -> Expected:
    variable, settings = MODELS[name]
    gold = corpus.table("gold").query("variable == @variable").set_index("item")["value"]
    gold = gold.reindex(corpus.select(split=f"{variable}:test"))
    if positive := settings.get("positive"):
        gold = gold.where(gold == positive, f"not {positive}")
    best = corpus.sql(f"SELECT item, tag FROM {name} WHERE rank = 1").set_index("item")["tag"]
    return Expected(gold, best.reindex(gold.index))


@pytest.mark.parametrize("name", CLASSES)
def test_validate(corpus: mc.Corpus, name: str) -> None:
    known = expected(corpus, name)
    found = corpus.validate(name, against=MODELS[name][0], progress=False)
    assert found.part == "test"
    assert found.scores.n == len(known.gold)
    assert found.scores.accuracy.estimate == pytest.approx(1 - known.errors / len(known.gold))
    wrong = found.mistakes.set_index("item")
    assert len(wrong) == known.errors
    assert wrong["gold"].to_dict() == known.gold[known.gold != known.predicted].to_dict()
    grouped = any("author" in warning for warning in found.warnings)
    assert grouped == (MODELS[name][0] == "size"), "the groups of the split, and only where it has"
    assert json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", TWO)
def test_validate_at_a_threshold(corpus: mc.Corpus, name: str) -> None:
    variable = MODELS[name][0]
    positive = MODELS[name][1].get("positive", "yes")
    known = expected(corpus, name)
    shares = corpus.sql(f"SELECT item, score FROM {name} WHERE tag = '{positive}'")
    shares = shares.set_index("item")["score"].reindex(known.gold.index)
    for cut in (0.2, 0.9):
        found = corpus.validate(
            name, against=variable, threshold=cut, positive=positive, progress=False
        )
        wrong = (shares >= cut) != (known.gold == positive)
        assert set(found.mistakes["item"]) == set(wrong[wrong].index)
        confusion = np.array(found.scores.confusion)
        assert confusion.sum() - confusion.trace() == wrong.sum()


@pytest.mark.parametrize("name", ["several_of", "number"])
def test_validate_what_is_no_class(corpus: mc.Corpus, name: str) -> None:
    variable = MODELS[name][0]
    found = corpus.validate(name, against=variable, cluster="author", progress=False)
    assert found.scores.n == len(corpus.select(split=f"{variable}:test"))
    for command in (
        lambda: corpus.audit(name, against=variable, by="region", progress=False),
        lambda: corpus.compare(variable, models=[name, name], progress=False),
        lambda: corpus.robustness(name, against=variable, progress=False),
    ):
        with pytest.raises(ParameterError, match="class"):
            command()


@pytest.mark.parametrize("name", CLASSES)
def test_audit(corpus: mc.Corpus, name: str) -> None:
    known = expected(corpus, name)
    found = corpus.audit(name, against=MODELS[name][0], by="region", progress=False)
    assert found.n == len(known.gold)
    rows = found.scores.query("score == 'accuracy'")
    right = (rows["estimate"] * rows["items"]).sum()
    assert right == pytest.approx(len(known.gold) - known.errors)


@pytest.mark.parametrize(
    "name",
    [
        *("scratch", "nearest", "against"),
        *(
            pytest.param(n, marks=pytest.mark.slow)
            for n in ("linear", "finetuned", "three", "ranks")
        ),
    ],
)
def test_robustness_starts_from_the_accuracy_of_validate(corpus: mc.Corpus, name: str) -> None:
    if MODELS[name][1]["method"] == "shallow":
        with pytest.raises(ParameterError, match=r"pixels|images|measure"):
            corpus.robustness(name, against=MODELS[name][0], progress=False)
        return
    known = expected(corpus, name)
    found = corpus.robustness(name, against=MODELS[name][0], progress=False)
    assert found.n == len(known.gold)
    assert found.clean.estimate == pytest.approx(1 - known.errors / len(known.gold))


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n in {"three", "ranks"} else ()) for n in CLASSES],
)
def test_explain_knows_right_from_wrong(corpus: mc.Corpus, name: str) -> None:
    known = expected(corpus, name)
    right = known.gold == known.predicted
    items = [*right[right].index[:1], *right[~right].index[:1]]
    if MODELS[name][1]["method"] == "shallow":
        with pytest.raises(ParameterError, match="can be looked into"):
            corpus.explain(name, *items, progress=False)
        return
    table = corpus.explain(name, *items, progress=False).to_frame().set_index("item")
    assert table["gold"].to_dict() == known.gold[items].to_dict()
    assert table["predicted"].to_dict() == known.predicted[items].to_dict()


@pytest.mark.parametrize("variable", ["red", "size"])
def test_compare_scores_as_validate_does(corpus: mc.Corpus, variable: str) -> None:
    names = [n for n in CLASSES if MODELS[n][0] == variable and n != "against"]
    found = corpus.compare(variable, models=names, progress=False).to_frame()
    scores = found[found["score"] == "accuracy"].set_index("model")["estimate"]
    for name in names:
        known = expected(corpus, name)
        assert scores[name] == pytest.approx(1 - known.errors / len(known.gold))


@pytest.mark.slow
def test_nothing_of_a_replaced_model_is_left(tmp_path: Path) -> None:
    corpus = made["make_corpus"](tmp_path)
    corpus.train("red", name="model", method="shallow", model="knn", features="hog", progress=False)
    corpus.validate("model", against="red", progress=False)
    corpus.audit("model", against="red", by="region", progress=False)
    corpus.apply("model", progress=False)
    corpus.train("red", name="model", method="linear", replace=True, progress=False)
    assert not corpus.card("model").to_dict()["scores"]
    assert not corpus.card("model").to_dict()["audits"]
    corpus.report()
    results = json.loads((corpus.folder / "reports" / "results.json").read_text("utf-8"))
    assert "model" not in json.dumps(results.get("validations", results.get("evaluations", [])))
    with pytest.raises(mc.MediacorpusError, match="apply"):
        corpus.sql("SELECT * FROM model")

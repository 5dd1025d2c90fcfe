"""Labels whose values changed after a model was trained are noticed before it is scored."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import LabelError, ModelError
from mediacorpus.validation.codebook import check_codebook

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture
def corpus(tmp_path: Path) -> mc.Corpus:
    return made["make_corpus"](tmp_path)


def relabel(corpus: mc.Corpus, items: list[str], value: str) -> None:
    """Let the coder who labelled `red` say something else of some items."""
    (coder,) = corpus.sql("SELECT DISTINCT coder FROM labels WHERE variable = 'red'")["coder"]
    rows = [{"item": item, "variable": "red", "value": value} for item in items]
    corpus.import_labels(pd.DataFrame(rows), coder=coder)


def in_part(corpus: mc.Corpus, part: str) -> list[str]:
    found = corpus.sql(f"SELECT item FROM splits WHERE variable = 'red' AND part = '{part}'")
    return sorted(found["item"])


def test_new_values_are_refused_by_every_verb_that_scores(corpus: mc.Corpus) -> None:
    relabel(corpus, in_part(corpus, "test")[:3], "crimson")
    verbs: list[Callable[[], Any]] = [
        lambda: corpus.validate("first", against="red"),
        lambda: corpus.audit("first", against="red", by="region"),
        lambda: corpus.robustness("first", against="red", progress=False),
        lambda: corpus.compare("red", models=["first", "second"]),
    ]
    for verb in verbs:
        with pytest.raises(LabelError, match=r"have changed since 'first' .*new: crimson"):
            verb()


def test_other_labels_of_training_pictures_are_said(corpus: mc.Corpus) -> None:
    assert not any("were changed" in w for w in corpus.validate("first", against="red").warnings)
    item = in_part(corpus, "train")[0]
    labels = corpus.gold("red").set_index("item")["value"]
    relabel(corpus, [item], next(v for v in sorted(set(labels)) if v != labels[item]))
    warnings = corpus.validate("first", against="red").warnings
    assert any("Labels of training pictures were changed since first" in w for w in warnings)


def row(kind: str = "classes", **card: Any) -> dict[str, Any]:
    return {"model": "m", "variable": "own", "card": {"target": {"kind": kind}, **card}}


@pytest.mark.parametrize(
    ("model", "values", "said"),
    [
        (row(classes=["ant", "bee"], variable="own"), ["low", "high"], "are high, low; the model"),
        (row(classes=["ant", "bee"], variable="own"), ["0.5", "1.25"], "are numbers on a scale"),
        (row("scale", classes=["value"]), ["low", "high"], "predicts numbers"),
    ],
)
def test_another_variable_needs_values_that_the_model_knows(
    model: dict[str, Any], values: list[str], said: str
) -> None:
    truth = {str(place): value for place, value in enumerate(values)}
    with pytest.raises(LabelError, match=said):
        check_codebook(model, truth, variable="other", parts={})


def test_a_shared_value_is_enough_for_another_variable() -> None:
    truth = {"1": "ant", "2": "unclear"}
    assert check_codebook(row(classes=["ant", "bee"]), truth, variable="other", parts={}) == []


def test_older_cards_and_one_value_against_the_rest_pass() -> None:
    truth = {"1": "wasp"}
    assert check_codebook(row(classes=["ant"]), truth, variable="own", parts={}) == []
    against = row(classes=["ant"], settings={"positive": "ant"}, codebook={"values": ["ant"]})
    assert check_codebook(against, truth, variable="own", parts={}) == []


def test_a_folder_edited_by_hand_is_not_scored(corpus: mc.Corpus) -> None:
    """Its answers were stored before, but nobody knows any more what gave them."""
    folder = corpus.folder / "models" / "first"
    weights = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(weights + b"x")
    for verb in (
        lambda: corpus.validate("first", against="red"),
        lambda: corpus.audit("first", against="red", by="region"),
        lambda: corpus.compare("red", models=["first", "second"]),
    ):
        with pytest.raises(ModelError, match=r"weights\.safetensors .* was changed or damaged"):
            verb()
    (folder / "weights.safetensors").write_bytes(weights)
    for other in (corpus.folder / "models" / "second").iterdir():
        (folder / other.name).write_bytes(other.read_bytes())
    with pytest.raises(ModelError, match="holds another model"):
        corpus.validate("first", against="red")

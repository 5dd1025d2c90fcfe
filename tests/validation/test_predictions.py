"""What models predicted: held-out items, labels and probabilities in order, changed codebooks."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import LabelError, ModelError, ParameterError, UnknownName
from mediacorpus.store import people
from mediacorpus.validation.predictions import (
    Gold,
    answers_of,
    check_codebook,
    column_of,
    gold_of,
    held_out,
)

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


def test_other_labels_of_training_images_are_said(corpus: mc.Corpus) -> None:
    assert not any("were changed" in w for w in corpus.validate("first", against="red").warnings)
    item = in_part(corpus, "train")[0]
    labels = corpus.gold("red").set_index("item")["value"]
    relabel(corpus, [item], next(v for v in sorted(set(labels)) if v != labels[item]))
    warnings = corpus.validate("first", against="red").warnings
    assert any("Labels of training images were changed since first" in w for w in warnings)


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
        check_codebook(model, Gold("other", truth), {})


def test_a_shared_value_is_enough_for_another_variable() -> None:
    truth = {"1": "ant", "2": "unclear"}
    assert check_codebook(row(classes=["ant", "bee"]), Gold("other", truth), {}) == []


def test_one_value_against_the_rest_passes() -> None:
    gold = Gold("own", {"1": "wasp"})
    against = row(classes=["ant"], settings={"positive": "ant"}, codebook={"values": ["ant"]})
    assert check_codebook(against, gold, {}) == []


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


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("held"))


def model(held: mc.Corpus, name: str) -> dict[str, Any]:
    return people.model(held._store, name)


def test_the_test_part_is_scored_where_there_is_one(held: mc.Corpus) -> None:
    store = held._store
    gold = gold_of(store, "red")
    assert (len(gold.labels), gold.unresolved) == (made["N"], 0)
    items, part, notes = held_out(store, model(held, "first"), gold)
    assert (len(items), part, notes) == (20, "test", [])
    own, part, notes = held_out(store, model(held, "first"), gold, part="val")
    assert (len(own), part) == (20, "val")
    assert "choosing between models" in notes[0]
    assert not set(own) & set(items)
    with pytest.raises(ParameterError, match="'test' or 'val'"):
        held_out(store, model(held, "first"), gold, part="train")


def test_other_variables_are_scored_outside_train_and_val(held: mc.Corpus) -> None:
    store = held._store
    tags = gold_of(store, "tags")
    with pytest.raises(LabelError, match="knows none of them but no, yes"):
        held_out(store, model(held, "first"), tags)
    truth = {item: "yes" if "red" in value else "no" for item, value in tags.labels.items()}
    items, part, _ = held_out(store, model(held, "first"), Gold("tags", truth))
    parts = people.split_parts(store, model(held, "first")["split"])
    assert part == "labelled"
    assert {parts.get(item) for item in items} == {"test"}
    learned = {i: v for i, v in truth.items() if parts.get(i) == "train"}
    with pytest.raises(LabelError, match="held out"):
        held_out(store, model(held, "first"), Gold("tags", learned))


def test_answers(held: mc.Corpus) -> None:
    store = held._store
    items = sorted(gold_of(store, "red").labels)[:7]
    found = answers_of(store, model(held, "first"), items)
    assert sorted(found.index) == items
    assert list(found.columns) == ["no", "yes"]
    assert found.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    assert list(answers_of(store, model(held, "degree"), items).columns) == ["value"]
    assert answers_of(store, model(held, "first"), ["nobody"]).empty
    assert answers_of(store, model(held, "degree"), ["nobody"]).empty
    with pytest.raises(ModelError, match="apply"):
        answers_of(store, model(held, "idle"), items)


def test_columns_of_the_table(held: mc.Corpus) -> None:
    items = sorted(gold_of(held._store, "red").labels)
    found = column_of(held._store, [*items, "nobody"], "region")
    assert {found.count("north"), found.count("south")} == {40}
    assert found[-1] is None
    with pytest.raises(ParameterError, match="author"):
        column_of(held._store, items, "gender")
    with pytest.raises(UnknownName):
        gold_of(held._store, "blue")


def test_one_value_against_the_rest() -> None:
    gold = Gold("animal", {"a": "dog", "b": "cat"})
    assert gold.learned_by({"card": {"settings": {"positive": None}}}) == gold
    assert gold.learned_by({"card": {}}) == gold
    learned = gold.learned_by({"card": {"settings": {"positive": "cat"}}})
    assert learned.labels["a"] == "not cat"

"""What models are scored on: items that they did not learn from, and only those."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

import mediacorpus as mc
from mediacorpus.catalogue import people
from mediacorpus.errors import LabelError, ModelError, ParameterError, UnknownName
from mediacorpus.validation.held_out import answers_of, column_of, held_out, truth_for, truth_of

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("held"))


def model(corpus: mc.Corpus, name: str) -> dict[str, Any]:
    return people.model(corpus._store, name)


def test_the_test_part_is_scored_where_there_is_one(corpus: mc.Corpus) -> None:
    store = corpus._store
    truth, unresolved = truth_of(store, "red")
    assert (len(truth), unresolved) == (made["N"], 0)
    items, part, notes = held_out(
        store, model(corpus, "first"), truth=truth, variable="red", part=None
    )
    assert (len(items), part, notes) == (20, "test", [])
    own, part, notes = held_out(
        store, model(corpus, "first"), truth=truth, variable="red", part="val"
    )
    assert (len(own), part) == (20, "val")
    assert "choosing between models" in notes[0]
    assert not set(own) & set(items)
    with pytest.raises(ParameterError, match="'test' or 'val'"):
        held_out(store, model(corpus, "first"), truth=truth, variable="red", part="train")


def test_other_variables_are_scored_outside_train_and_val(corpus: mc.Corpus) -> None:
    store = corpus._store
    tags, _ = truth_of(store, "tags")
    with pytest.raises(LabelError, match="knows none of them but no, yes"):
        held_out(store, model(corpus, "first"), truth=tags, variable="tags", part=None)
    truth = {item: "yes" if "red" in value else "no" for item, value in tags.items()}
    items, part, _ = held_out(
        store, model(corpus, "first"), truth=truth, variable="tags", part=None
    )
    parts = people.split_parts(store, model(corpus, "first")["split"])
    assert part == "labelled"
    assert {parts.get(item) for item in items} == {"test"}
    learned = {i: v for i, v in truth.items() if parts.get(i) == "train"}
    with pytest.raises(LabelError, match="held out"):
        held_out(store, model(corpus, "first"), truth=learned, variable="tags", part=None)


def test_answers(corpus: mc.Corpus) -> None:
    store = corpus._store
    items = sorted(truth_of(store, "red")[0])[:7]
    found = answers_of(store, model(corpus, "first"), items)
    assert sorted(found.index) == items
    assert list(found.columns) == ["no", "yes"]
    assert found.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    assert list(answers_of(store, model(corpus, "degree"), items).columns) == ["value"]
    assert answers_of(store, model(corpus, "first"), ["nobody"]).empty
    assert answers_of(store, model(corpus, "degree"), ["nobody"]).empty
    with pytest.raises(ModelError, match="apply"):
        answers_of(store, model(corpus, "idle"), items)


def test_columns_of_the_table(corpus: mc.Corpus) -> None:
    items = sorted(truth_of(corpus._store, "red")[0])
    found = column_of(corpus._store, [*items, "nobody"], "region")
    assert {found.count("north"), found.count("south")} == {40}
    assert found[-1] is None
    with pytest.raises(ParameterError, match="author"):
        column_of(corpus._store, items, "gender")
    with pytest.raises(UnknownName):
        truth_of(corpus._store, "blue")


def test_one_value_against_the_rest() -> None:
    truth = {"a": "dog", "b": "cat"}
    assert truth_for({"card": {"settings": {"positive": None}}}, truth) == truth
    assert truth_for({"card": {}}, truth) == truth
    assert truth_for({"card": {"settings": {"positive": "cat"}}}, truth)["a"] == "not cat"

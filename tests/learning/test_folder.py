"""A model folder: whole, checked, and nothing in it runs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mediacorpus.errors import ModelError, StorageFull
from mediacorpus.learning import model as folders
from mediacorpus.learning.export import linear_graph
from mediacorpus.learning.model import clear_leftovers, load_model, save_model
from mediacorpus.learning.targets import Target, TargetKind

CARD = {
    "name": "m",
    "variable": "face",
    "method": "linear",
    "classes": ["no", "yes"],
    "input": "embedding",
    "settings": {},
    "seconds": 1.0,
}


def save(path, seed=0, **facts):
    weight = np.random.default_rng(seed).normal(size=(2, 4)).astype("f4")
    return save_model(
        path,
        CARD | facts,
        weights={"weight": weight, "bias": np.zeros(2, "f4")},
        curves=pd.DataFrame({"C": [1.0], "log_loss": [0.5]}),
        network=linear_graph(weight, np.zeros(2, "f4"), Target(TargetKind.CLASSES, ("no", "yes"))),
    )


def test_what_was_saved_is_read(tmp_path):
    save(tmp_path / "m")
    found = load_model(tmp_path / "m")
    assert found.card["classes"] == ["no", "yes"]
    assert found.weights()["weight"].shape == (2, 4)
    assert list(found.curves.columns) == ["C", "log_loss"]
    assert {p.name for p in (tmp_path / "m").iterdir()} == {
        "model.json",
        "curves.csv",
        "model.onnx",
        "weights.safetensors",
    }


def test_the_hash_follows_what_the_model_says_and_not_when(tmp_path):
    one = save(tmp_path / "a" / "m", created="2024").card["hash"]
    same = save(tmp_path / "b" / "m", created="2025").card["hash"]
    other = save(tmp_path / "c" / "m", seed=1).card["hash"]
    renamed = save(tmp_path / "d" / "m", classes=["a", "b"]).card["hash"]
    assert one == same
    assert len({one, other, renamed}) == 3


@pytest.mark.parametrize("name", ["model.onnx", "weights.safetensors", "curves.csv"])
def test_a_file_that_was_changed_or_lost_is_named(tmp_path, name):
    save(tmp_path / "m")
    file = tmp_path / "m" / name
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(ModelError, match=f"{name}.*changed or damaged"):
        load_model(tmp_path / "m")
    file.unlink()
    with pytest.raises(ModelError, match=f"lacks its file {name}"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "m"}', "\x00"])
def test_a_card_that_was_edited_badly_is_said(tmp_path, text):
    save(tmp_path / "m")
    (tmp_path / "m" / "model.json").write_text(text)
    with pytest.raises(ModelError, match=r"model\.json"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("change", [{"classes": ["yes", "no"]}, {"size": 99}])
def test_a_card_whose_meaning_was_changed_is_refused(tmp_path, change):
    save(tmp_path / "m")
    file = tmp_path / "m" / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ModelError, match="was changed since training"):
        load_model(tmp_path / "m")


def test_missing_folders_and_cards(tmp_path):
    with pytest.raises(ModelError, match="no model"):
        load_model(tmp_path / "m")
    save(tmp_path / "m")
    (tmp_path / "m" / "model.json").unlink()
    with pytest.raises(ModelError, match="lacks its card"):
        load_model(tmp_path / "m")


def test_a_write_that_fails_leaves_the_old_model(tmp_path, monkeypatch):
    before = save(tmp_path / "m").card["hash"]

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "write_json", no_space)
    with pytest.raises(StorageFull):
        save(tmp_path / "m", seed=3)
    monkeypatch.undo()
    assert load_model(tmp_path / "m").card["hash"] == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_leftovers_of_a_killed_run_are_cleared(tmp_path):
    save(tmp_path / "m")
    (tmp_path / ".new-m-12345678").mkdir()
    (tmp_path / ".old-m-12345678").mkdir()
    clear_leftovers(tmp_path / "m")
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_the_card_is_plain_json(tmp_path):
    save(tmp_path / "m")
    card = json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))
    assert set(card["files"]) == {"model.onnx", "weights.safetensors", "curves.csv"}

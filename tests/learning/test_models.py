"""Models are listed, taken into another corpus, and refused where they do not fit."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.cli import main
from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import MediacorpusError, ModelError, ParameterError
from mediacorpus.learning.cache import hash_of
from mediacorpus.learning.model import load_model, save_model
from mediacorpus.store import people

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))
KINDS = {
    "first": {},
    "degree": {},
    "several": {},
    "quick": {"method": "linear", "augment": False},
    "nearest": {"method": "shallow", "model": "knn", "features": "color"},
    "mine": {"method": "shallow", "model": "knn", "features": "color", "positive": "yes"},
}
VARIABLES = {"degree": "redness", "several": "tags"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    corpus = made["make_corpus"](tmp_path_factory.mktemp("origin"))
    for name, settings in KINDS.items():
        if settings:
            corpus.train("red", name=name, progress=False, **settings)
        corpus.apply(name, progress=False)
    return corpus


@pytest.fixture
def other(corpus: mc.Corpus, tmp_path: Path) -> mc.Corpus:
    """A corpus of twenty of the images, with labels and no split."""
    found = mc.Corpus.create(tmp_path / "other")
    paths = sorted(corpus.records()["path"])[:20]
    found.add(paths, progress=False)
    labels = corpus.table("labels")
    own = labels[labels["item"].isin(found.items()["item"])]
    found.import_labels(own[["item", "variable", "value"]], coder="me")
    return found


def answers(corpus: mc.Corpus, name: str, items: list[str]) -> pd.DataFrame:
    found = corpus.table(name).drop(columns="run")
    order = [c for c in ("item", "tag") if c in found]
    return found[found["item"].isin(items)].sort_values(order, ignore_index=True)


def test_they_are_listed_with_score_and_whether_they_are_in_force(corpus: mc.Corpus) -> None:
    corpus.validate("first", against="red", progress=False)
    found = corpus.models().set_index("model")
    assert found.loc["first", ["variable", "method", "part", "applied"]].tolist() == [
        "red", "scratch", "test", 80,
    ]  # fmt: skip
    assert found.loc["nearest", "learned_from"] == "color"
    assert found.loc["degree", "metric"] == "r_squared"
    assert found.loc["idle", ["part", "applied"]].tolist() == ["val", 0]
    assert found["in_force"].all()
    curves = corpus.folder / "models" / "second" / "curves.csv"
    before = curves.read_bytes()
    curves.write_bytes(before + b" ")
    changed = corpus.models().set_index("model")
    curves.write_bytes(before)
    assert changed.index[~changed["in_force"]].tolist() == ["second"]
    assert "changed or damaged" in changed.loc["second", "note"]


@pytest.mark.parametrize("name", KINDS)
def test_an_imported_one_answers_as_it_did(corpus: mc.Corpus, other: mc.Corpus, name: str) -> None:
    imported = other.import_model(corpus.folder / "models" / name, name="theirs")
    assert (
        imported.hash == corpus.models().set_index("model").loc[name, "hash"] + imported.hash[12:]
    )
    other.apply("theirs", progress=False)
    items = list(other.items()["item"])
    pd.testing.assert_frame_equal(answers(other, "theirs", items), answers(corpus, name, items))
    variable = VARIABLES.get(name, "red")
    scored = other.validate("theirs", against=variable, progress=False)
    assert (scored.scores.n, scored.part) == (20, "labelled")
    assert other.models()["in_force"].all()
    again = other.import_model(corpus.folder / "models" / name, name="theirs")
    assert again.hash == imported.hash
    assert len(other.models()) == 1
    assert "another corpus" in str(other.card("theirs"))
    assert "theirs" in other.report().read_text("utf-8")


def test_it_is_compared_and_explained_like_any_other(corpus: mc.Corpus, other: mc.Corpus) -> None:
    for name in ("first", "quick"):
        other.import_model(corpus.folder / "models" / name)
    assert "quick" in str(other.compare("red", progress=False))
    assert len(other.explain("quick", progress=False).to_frame())


def test_the_command_line_does_the_same(
    corpus: mc.Corpus, other: mc.Corpus, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def said(*arguments: object, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in arguments])
        assert end.value.code == code
        return capsys.readouterr().out

    folder = corpus.folder / "models" / "first"
    assert said("models", "import", other.folder, folder).startswith("Imported the model first")
    assert "Imported" in said("models", "import", other.folder, folder, "--name", "theirs")
    assert [m["model"] for m in json.loads(said("models", other.folder, "--json"))] == [
        "first", "theirs",
    ]  # fmt: skip
    assert said("models", "list", other.folder) == said("models", other.folder)
    said("models", other.folder, "-o", tmp_path / "models.csv")
    assert len(pd.read_csv(tmp_path / "models.csv")) == 2
    assert "models import" in said("runs", other.folder, "--as-script")


def edited(folder: Path, place: Path, **facts: object) -> Path:
    """Write a model anew with other facts, whole and sealed, as an attacker would."""
    found = load_model(folder)
    name = str(facts.get("name", folder.name))
    target = place / folder.name
    card = {k: v for k, v in (dict(found.card) | facts).items() if v is not None}
    save_model(
        place / name if "/" not in name else target,
        card,
        weights=found.weights(),
        curves=found.curves,
        network=found.network(),
    )
    return target


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"counts": None}, "counts"),
        ({"settings": "x"}, "settings"),
        ({"target": {"kind": "magic"}}, "magic"),
        ({"classes": ["a", "b", "c"]}, "outputs"),
        ({"input": "features", "features": "colour_of_money"}, "colour_of_money"),
        ({"method": ["linear"]}, "method"),
        ({"size": "large"}, "large"),
    ],
)
def test_a_card_that_train_does_not_write_is_refused(
    corpus: mc.Corpus, other: mc.Corpus, tmp_path: Path, facts: dict, said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        other.import_model(edited(corpus.folder / "models" / "first", tmp_path, **facts))
    assert not (other.folder / "models" / "first").exists()
    assert not len(other.models())


@pytest.mark.parametrize("name", ["Capital", "items", "color", "../up", ""])
def test_names_are_checked(corpus: mc.Corpus, other: mc.Corpus, name: str) -> None:
    with pytest.raises(ParameterError, match="cannot be named"):
        other.import_model(corpus.folder / "models" / "first", name=name)


def test_another_model_of_the_name_stays(corpus: mc.Corpus, other: mc.Corpus) -> None:
    other.import_model(corpus.folder / "models" / "first", name="m")
    with pytest.raises(ParameterError, match="another one"):
        other.import_model(corpus.folder / "models" / "second", name="m")


def test_what_is_no_model_is_refused(corpus: mc.Corpus, other: mc.Corpus, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model\.json.*models/NAME"):
        other.import_model(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"It holds .*first"):
        other.import_model(corpus.folder / "models")
    changed = tmp_path / "first"
    shutil.copytree(corpus.folder / "models" / "first", changed)
    card = json.loads((changed / "model.json").read_text("utf-8"))
    (changed / "model.json").write_text(json.dumps(card | {"classes": ["x", "y"]}), "utf-8")
    with pytest.raises(ModelError, match="changed since training"):
        other.import_model(changed)
    (changed / "weights.safetensors").write_bytes(b"pickle")
    with pytest.raises(ModelError, match="changed or damaged"):
        other.import_model(changed)


def test_a_folder_may_be_called_otherwise(
    corpus: mc.Corpus, other: mc.Corpus, tmp_path: Path
) -> None:
    shutil.copytree(corpus.folder / "models" / "first", tmp_path / "first (1)")
    assert other.import_model(tmp_path / "first (1)").name == "first"


def test_a_measure_of_another_version_is_refused(
    corpus: mc.Corpus, other: mc.Corpus, tmp_path: Path
) -> None:
    folder = corpus.folder / "models" / "nearest"
    measured = dict(load_model(folder).card["measured"]) | {"version": "99"}
    with pytest.raises(
        ModelError, match=rf"version 99.*has version {MEASURES.info('color').version}"
    ):
        other.import_model(edited(folder, tmp_path, measured=measured))


def test_a_backbone_that_lies_nowhere_is_asked_for(
    corpus: mc.Corpus, other: mc.Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIACORPUS_OFFLINE", "1")
    folder = corpus.folder / "models" / "quick"
    measured = dict(load_model(folder).card["measured"])
    for backbone, found in (("resnet18", ModelError), ("../../x", MediacorpusError)):
        measured["parameters"] = {"backbone": backbone, "weights": "a" * 64}
        with pytest.raises(found, match=backbone):
            other.import_model(edited(folder, tmp_path, measured=measured))
    assert not len(other.models())


def test_a_catalogue_of_the_last_schema_keeps_its_models(corpus: mc.Corpus) -> None:
    rows = people.models(corpus._store)
    assert all(np.isfinite(row["split"]) for row in rows)
    assert hash_of(1)

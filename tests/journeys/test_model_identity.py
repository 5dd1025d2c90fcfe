"""A model is known by its name and its content: nothing stale, nothing foreign is shown or run."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import ModelError, ParameterError


def make(folder: Path) -> mc.Corpus:
    """A corpus of red and blue images, whose size says nothing."""
    rng = np.random.default_rng(3)
    for n in range(40):
        name = "red" if n % 2 else "blue"
        pixels = rng.integers(0, 90, (40, int(rng.integers(40, 80)), 3), dtype=np.uint8)
        pixels[..., 0 if n % 2 else 2] += 120
        path = folder / "images" / name / f"{n:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    corpus = mc.Corpus.create(folder / "corpus")
    corpus.add(folder / "images", variable="tone", progress=False)
    corpus.split("tone", shares="50/50", seed=1)
    corpus.measure("facts", "color", progress=False)
    return corpus


def train(corpus: mc.Corpus, features: str, name: str = "m", **more: Any) -> Any:
    return corpus.train(
        "tone",
        name=name,
        method="shallow",
        model="naive_bayes",
        features=features,
        progress=False,
        **more,
    )


def test_nothing_of_an_earlier_model_is_shown_under_the_new_ones_name(tmp_path):
    corpus = make(tmp_path)
    train(corpus, "color")
    corpus.apply("m", progress=False)
    assert corpus.validate("m", against="tone").scores.accuracy.estimate == 1.0
    corpus.report()
    results = tmp_path / "corpus" / "reports" / "results.json"
    assert json.loads(results.read_text())["models"]["m"]["accuracy"] == 1.0
    assert "m_red" in corpus.table().columns

    train(corpus, "facts", replace=True)
    page = corpus.report().read_text("utf-8")
    assert "accuracy" not in json.loads(results.read_text())["models"]["m"]
    assert "1.000" not in page.partition("methods")[2] or "not been validated" in page
    assert not [name for name in corpus.table().columns if str(name).startswith("m_")]
    for ask in (
        lambda: corpus.sql("SELECT count(*) FROM m"),
        lambda: corpus.table("m"),
    ):
        with pytest.raises(ModelError, match="trained anew and has not been applied"):
            ask()
    assert corpus.sql("SELECT 'm' AS m")["m"].item() == "m"
    assert not corpus.card("m").facts["scores"]

    corpus.apply("m", progress=False)
    worse = corpus.validate("m", against="tone").scores.accuracy.estimate
    assert worse < 1
    corpus.report()
    assert json.loads(results.read_text())["models"]["m"]["accuracy"] == pytest.approx(worse)
    assert len(corpus.table("m")["item"].unique()) == 40


def test_a_rule_on_another_version_of_a_measure_is_not_shown(tmp_path):
    corpus = make(tmp_path)
    corpus.validate("facts:width>=60", against="tone", positive="red")
    store = corpus._store
    from mediacorpus.store import people

    assert len(people.validations(store)) == 1
    store.execute(
        "INSERT INTO setups (name, version, parameters, info, used) "
        "SELECT name, 'next', parameters, info, used + 1 FROM setups WHERE name = 'facts'"
    )
    assert people.validations(store) == []


def test_a_model_keeps_to_the_version_of_what_it_learned_from(tmp_path, monkeypatch):
    import dataclasses

    corpus = make(tmp_path)
    train(corpus, "color")
    measured = json.loads((tmp_path / "corpus/models/m/model.json").read_text())["measured"]
    assert (measured["name"], measured["version"]) == ("color", mc.MEASURES.info("color").version)
    info, factory = mc.MEASURES.info("color"), mc.MEASURES.get("color")
    monkeypatch.setitem(
        mc.MEASURES._entries, "color", (dataclasses.replace(info, version="9"), factory)
    )
    corpus.measure("color", progress=False)
    with pytest.raises(ModelError, match="version 9 in this program, and version 2 is needed"):
        corpus.apply("m", progress=False)


def test_training_does_not_change_what_a_table_shows(tmp_path):
    corpus = make(tmp_path)
    corpus.measure("tags", top=2, progress=False)
    corpus.measure("embedding", progress=False)
    before = corpus.table("tags")
    corpus.train("tone", name="p", method="linear", progress=False)
    corpus.apply("p", progress=False)
    assert len(corpus.table("tags")) == len(before)


# -- Hostile folders -------------------------------------------------------------------------


def card(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def edit(model: Path) -> None:
        content = json.loads((model / "model.json").read_text())
        change(content)
        (model / "model.json").write_text(json.dumps(content))

    return edit


def write(text: str) -> Callable[[Path], None]:
    return lambda model: (model / "model.json").write_text(text)  # type: ignore[return-value]


def pipe(name: str) -> Callable[[Path], None]:
    def replace(model: Path) -> None:
        (model / name).unlink()
        os.mkfifo(model / name)

    return replace


def device(model: Path) -> None:
    (model / "model.onnx").unlink()
    (model / "model.onnx").symlink_to("/dev/zero")


NAMES = ["../../x", "/tmp/x", "items", "facts", "", "a'b", 'a"b', "\x1b[31mred", "other", 7, None]
ATTACKS: dict[str, Callable[[Path], None]] = {
    **{f"name {name!r}": card(lambda c, name=name: c.update(name=name)) for name in NAMES},
    "unknown kind": card(lambda c: c["target"].update(kind="oracle")),
    "input is a path": card(lambda c: c.update(input="/etc/passwd")),
    "features of others": card(lambda c: c.update(features="facts")),
    "deep": write('{"a":' * 500_000 + "1" + "}" * 500_000),
    "no object": write("[1, 2]"),
    "not JSON": write("model"),
    "files is a list": card(lambda c: c.update(files=[])),
    "licence": card(lambda c: c.update(licence="public domain")),
    "pipe for the card": pipe("model.json"),
    "pipe for the network": pipe("model.onnx"),
    "pipe for the curves": pipe("curves.csv"),
    "device": device,
    "another network": lambda model: (model / "model.onnx").write_bytes(b"\x08\x07"),  # type: ignore[dict-item,return-value]
}
PAGES = ("name '../../x'", "deep", "no object", "pipe for the card", "device", "another network")
"""Folders of which the report and the card are written, too; all go through one door."""
COMMANDS: dict[str, Callable[[mc.Corpus], Any]] = {
    "apply": lambda c: c.apply("m", progress=False),
    "validate": lambda c: c.validate("m", against="tone"),
    "compare": lambda c: c.compare("tone", models=["m", "n"], progress=False),
    "audit": lambda c: c.audit("m", against="tone", by="tone", progress=False),
    "robustness": lambda c: c.robustness("m", against="tone", progress=False),
    "explain": lambda c: c.explain("m", progress=False),
    "architecture": lambda c: c.architecture("m"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    corpus = make(folder)
    for name in ("m", "n"):
        train(corpus, "color", name)
        corpus.apply(name, progress=False)
        corpus.validate(name, against="tone")
    corpus.close()
    return folder / "corpus"


def files_of(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*.parquet")}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices of POSIX")
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_edited_folder_is_refused_by_every_command(trained, tmp_path, attack):
    folder = tmp_path / "deep" / "corpus"
    shutil.copytree(trained, folder)
    ATTACKS[attack](folder / "models" / "m")
    before = files_of(tmp_path)
    with mc.Corpus(folder) as corpus:
        for name, command in COMMANDS.items():
            with pytest.raises(ModelError) as error:
                command(corpus)
            assert str(error.value).isprintable(), name
        if attack in PAGES:
            assert "models/m" in corpus.report().read_text("utf-8")
            corpus.card("m")
        assert len(corpus.table("facts")) == 40
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["../../x", "/tmp/x", "", "a'b", "a b", "\x1b[31m", "A", "1a", "é"]
)
def test_no_part_is_written_under_a_name_that_is_no_tables(tmp_path, name):
    import pyarrow as pa

    from mediacorpus.store.parts import write_part

    with pytest.raises(ParameterError, match="cannot be named"):
        write_part(tmp_path, pa.table({"a": [1]}), name=name, run=1, number=0)
    assert not list(tmp_path.rglob("*"))


def test_models_of_an_earlier_version_go_on_working(trained, tmp_path):
    folder = tmp_path / "corpus"
    shutil.copytree(trained, folder)
    path = folder / "models" / "m" / "model.json"
    old = json.loads(path.read_text())
    for later in ("seal", "measured", "frozen"):
        old.pop(later, None)
    path.write_text(json.dumps(old))
    with mc.Corpus(folder) as corpus:
        corpus._store.execute("UPDATE models SET card = ? WHERE model = 'm'", (json.dumps(old),))
        assert corpus.validate("m", against="tone").scores.accuracy.estimate == 1.0
        assert corpus.apply("m", progress=False).items == 0
        assert isinstance(corpus.table("m"), pd.DataFrame)
        assert len(corpus.architecture("m")) > 0

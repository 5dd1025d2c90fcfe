"""A model labels loose files, wherever it was trained."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.cli import main
from mediacorpus.errors import ModelError, ParameterError, SourceError

made = runpy.run_path(str(Path(__file__).parent / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    corpus = made["make_corpus"](tmp_path_factory.mktemp("origin"))
    settings = {"method": "shallow", "model": "knn", "features": "color"}
    corpus.train("red", name="nearest", progress=False, **settings)
    corpus.apply("nearest", progress=False)
    return corpus


@pytest.fixture
def images(corpus: mc.Corpus, tmp_path: Path) -> Path:
    """Six of the images, a damaged one, a copy, and a text."""
    folder = tmp_path / "images"
    folder.mkdir()
    for path in sorted(corpus.records()["path"])[:6]:
        (folder / Path(path).name).write_bytes(Path(path).read_bytes())
    (folder / "copy.png").write_bytes((folder / "000.png").read_bytes())
    (folder / "broken.png").write_bytes((folder / "000.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("no image", "utf-8")
    return folder


@pytest.mark.parametrize("name", ["first", "nearest", "degree", "several"])
def test_it_says_what_it_says_in_its_corpus(corpus: mc.Corpus, images: Path, name: str) -> None:
    found = mc.label(corpus.folder / "models" / name, images, progress=False)
    table = found.table[found.table["failure"] == ""].copy()
    assert len(table) == 7, "a copy is a file of its own"
    table["stem"] = [Path(file).name for file in table["file"]]
    table = table.set_index("stem").drop("copy.png")
    tidy = corpus.table()
    tidy["stem"] = [Path(path).name for path in tidy["path"]]
    tidy = tidy.set_index("stem").loc[table.index]
    if name == "degree":
        assert list(found.table.columns) == ["file", "value", "failure"]
        assert np.allclose(table["value"], tidy["degree"])
    elif name == "several":
        wanted = [
            "|".join(c for c in ("north", "red") if row[f"several_{c}"] >= 0.5)
            for _, row in tidy.iterrows()
        ]
        assert table["label"].tolist() == wanted
    else:
        assert table["label"].tolist() == tidy[name].tolist()
        assert np.allclose(table["probability"], tidy[f"{name}_score"])
        assert np.allclose(table[["p_no", "p_yes"]].sum(axis=1), 1)


def test_what_cannot_be_read_is_listed_and_the_rest_is_done(
    corpus: mc.Corpus, images: Path
) -> None:
    found = mc.label(corpus.folder / "models" / "first", images, progress=False)
    assert [Path(file).name for file in found.failed] == ["broken.png"]
    assert found.skipped == 1
    last = found.table.iloc[-1]
    assert Path(last["file"]).name == "broken.png"
    assert pd.isna(last["label"])
    assert last["failure"]
    assert "1 could not be labelled" in str(found)
    assert str(found).startswith("Labelled 7 files by first: ")


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".xlsx"])
def test_it_is_written_from_the_command_line(
    corpus: mc.Corpus,
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / f"out{ending}"
    model = corpus.folder / "models" / "first"
    with pytest.raises(SystemExit) as end:
        main(["label", str(model), "images", "images/001.png", "-o", str(target), "--quiet"])
    assert end.value.code == 3, "one file is broken"
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".xlsx": pd.read_excel}[ending]
    frame = read(target, engine="openpyxl") if ending == ".xlsx" else read(target)
    assert {"file", "label", "probability", "p_no", "p_yes", "failure"} == set(frame.columns)
    assert "images/001.png" in set(frame["file"]), "paths begin where one stands"
    assert str(target) in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["label", str(model), "images/001.png", "--json"])
    assert json.loads(capsys.readouterr().out)["table"][0]["label"] in {"yes", "no"}


def test_nothing_to_label_is_said(corpus: mc.Corpus, images: Path, tmp_path: Path) -> None:
    model = corpus.folder / "models" / "first"
    with pytest.raises(SourceError):
        mc.label(model, tmp_path / "nowhere", progress=False)
    with pytest.raises(SourceError, match="no image"):
        mc.label(model, images / "notes.txt", progress=False)
    with pytest.raises(ParameterError, match="at least one"):
        mc.label(model, [], progress=False)
    with pytest.raises(ParameterError, match="another ending"):
        mc.label(model, images, output=tmp_path / "out.txt", progress=False)
    with pytest.raises(ModelError, match="no model"):
        mc.label(tmp_path, images, progress=False)


def test_only_images_are_labelled(corpus: mc.Corpus, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "one.pdf")
    found = mc.label(corpus.folder / "models" / "first", tmp_path / "one.pdf", progress=False)
    assert len(found.table)

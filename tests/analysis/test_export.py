"""Tables in files: their columns, their codebook, their paths."""

import json

import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.analysis.codebook import column_labels
from mediacorpus.analysis.handing_out import HandedOut
from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.records import Shape
from mediacorpus.store.study import LABEL


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jane") / "study"
    (folder / "images" / "deep").mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (40, 30), (60 * number, 9, 9)).save(folder / f"images/deep/{number}.png")
    rows = [
        {"file": f"images/deep/{n}.png", "year": 1970 + n, "source": "own", "seen": n > 1}
        for n in range(3)
    ]
    (folder / "posts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with mc.Corpus.create(folder / "c") as made:
        made.add(folder / "posts.jsonl", progress=False)
        made.add(folder / "images", progress=False)
        made.measure("color", "quality", "facts", progress=False)
        frame = pd.DataFrame(
            {"file": ["0.png", "1.png"], "variable": "red", "value": ["no", "yes"]}
        )
        made.import_labels(frame)
        yield made


def test_the_codebook_says_what_each_column_holds(tmp_path, corpus):
    done = corpus.export(tmp_path / "study.dta")
    assert str(done).endswith("study_codebook.csv explains them.")
    book = pd.read_csv(done.codebook).set_index("column")
    assert len(book) == done.columns
    assert book.loc["year", ["type", "present", "missing", "min", "max", "mean"]].tolist() == [
        *("whole number", 3, 1, 1970, 1972, 1971)
    ]
    assert book.loc["seen", "values"] == "no (2); yes (1)"
    assert book.loc["red", "label"] == "Gold value of red"
    assert book.loc["colorfulness", "origin"] == "color"
    assert book.loc["path", "label"].startswith("File, from")
    assert book.loc["source_", "origin"] == "own column"
    assert book["label"].notna().all()
    columns = pd.read_stata(tmp_path / "study.dta").columns
    assert list(columns) == book["name"].tolist()


def test_each_column_of_the_measures_has_a_label():
    for info in MEASURES:
        if info.shape is Shape.SCALAR and not info.name.startswith("example"):
            lacking = [name for name in info.outputs if not info.labels.get(name)]
            assert (info.name, lacking) == (info.name, [])
            assert all(len(label) <= LABEL for label in info.labels.values())


def test_only_some_columns_and_rows(tmp_path, corpus):
    where = mc.Selection(where="year > 1970")
    corpus.export(tmp_path / "t.csv", columns="year, color.red_mean,red", on=where)
    frame = pd.read_csv(tmp_path / "t.csv")
    assert list(frame) == ["year", "color.red_mean", "red"]
    assert frame["year"].tolist() == [1971, 1972]
    assert corpus.table("labels", columns=["value"])["value"].tolist() == ["no", "yes"]
    for table in ("tidy", "labels"):
        with pytest.raises(UnknownName, match="yaer"):
            corpus.table(table, columns=["yaer"])
    with pytest.raises(ParameterError, match="summed up"):
        corpus.table("color", by="video", columns=["red_mean"])


@pytest.mark.parametrize("table", ["tidy", "records", "sources", "runs", "failures"])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_no_file_names_the_folders_above(tmp_path, corpus, *, table, ending):
    target = tmp_path / f"t{ending}"
    corpus.export(target, table)
    frame = pd.read_csv(target) if ending == ".csv" else pd.read_parquet(target)
    assert "jane" not in frame.to_csv()
    corpus.export(target, table, full_paths=True)
    frame = pd.read_csv(target) if ending == ".csv" else pd.read_parquet(target)
    assert ("jane" in frame.to_csv()) == (table != "failures")


def test_paths_begin_at_their_source(tmp_path, corpus):
    corpus.export(tmp_path / "t.csv", columns="path,source_")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert frame["path"].tolist() == [f"images/deep/{n}.png" for n in range(4)]
    assert frame["source_"].dropna().unique().tolist() == ["own"]
    given = HandedOut(corpus._store)
    assert given.text("/elsewhere/of/mine/a.png") == "mine/a.png"
    assert given.text(r"C:\Users\jane\Pictures\a.png") == r"Pictures\a.png"
    assert given.text("https://example.org/a.png") == "https://example.org/a.png"


def test_labels_of_a_measure_by_itself(corpus):
    assert column_labels(corpus._store, "quality")["blur"][1] == "quality"
    assert column_labels(corpus._store, "labels") == {}


def test_a_source_right_below_the_root_keeps_its_slashes(tmp_path):
    with mc.Corpus.create(tmp_path / "c") as corpus:
        Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
        corpus.add(tmp_path / "a.png", progress=False)
        corpus._store.execute("UPDATE sources SET location = '/photos'")
        given = HandedOut(corpus._store)
    assert given.texts(["/photos/a/1.png", "a/b/c.png"]) == ["photos/a/1.png", "a/b/c.png"]
    text = pa.array(["The file a/b/c.png is no image."])
    assert given.column(text, whole=False).to_pylist() == text.to_pylist()

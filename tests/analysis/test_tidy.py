"""The tidy table, SQL over everything, and files that are safe to open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.analysis import tidy, views
from mediacorpus.analysis.export import export
from mediacorpus.engine.contract import MEASURES, measure
from mediacorpus.errors import ParameterError, QueryError, UnknownName
from mediacorpus.records import Info, Region, Shape, Tag, Text
from mediacorpus.store.store import Store
from mediacorpus.store.write import safe_cell


@pytest.fixture
def posts(tmp_path: Path) -> mc.Corpus:
    """Three images in five posts, labelled by two coders."""
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (30, 20 + number, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "posts.csv").write_text(
        "id,file,format,shares,note\n"
        "007,0.png,square,3,=SUM(A1)\n"
        "008,0.png,square,4,-5\n"
        "009,1.png,wide,5,plain\n"
        "010,2.png,wide,,@you\n"
        "011,2.png,wide,7,+1\n"
    )
    corpus = mc.Corpus.create(tmp_path / "corpus")
    corpus.add(tmp_path / "posts.csv", id_column="id")
    corpus.measure("facts", progress=False)
    corpus.import_labels(
        pd.DataFrame(
            {
                "file": ["0.png", "0.png", "1.png", "1.png"],
                "variable": "crowd",
                "value": ["yes", "yes", "yes", "no"],
                "coder": ["A", "B", "A", "B"],
            }
        )
    )
    return corpus


def test_one_row_a_record_with_the_users_columns(posts: mc.Corpus) -> None:
    tidy = posts.table()
    assert list(tidy["record"]) == [1, 2, 3, 4, 5]
    assert list(tidy["id"]) == ["007", "008", "009", "010", "011"]
    assert tidy["shares"].sum() == 19
    assert tidy["item"].nunique() == 3
    assert list(tidy["width"]) == [20, 20, 21, 22, 22]
    assert not tidy.columns.duplicated().any()


def test_ties_between_coders_are_no_gold(posts: mc.Corpus) -> None:
    tidy = posts.table()
    assert list(tidy["crowd"].fillna("")) == ["yes", "yes", "", "", ""]
    assert list(posts.gold("crowd")["value"]) == ["yes"]


def test_sql_joins_catalogue_and_tables(posts: mc.Corpus) -> None:
    found = posts.sql(
        "SELECT r.id, f.width, g.value FROM records r JOIN facts f USING (item) "
        "LEFT JOIN gold g USING (item) WHERE shares >= 4 ORDER BY id"
    )
    assert list(found["id"]) == ["008", "009", "011"]
    assert list(found["width"]) == [20, 21, 22]
    with pytest.raises(UnknownName, match="records"):
        posts.sql("SELECT * FROM record")
    with pytest.raises(QueryError):
        posts.sql("DELETE FROM records")


@pytest.mark.parametrize("name", ["tidy", "records", "items", "facts", "labels", "runs", "gold"])
def test_csv_and_parquet_hold_the_same(posts: mc.Corpus, tmp_path: Path, name: str) -> None:
    frame = posts.table(name, output=tmp_path / "t.csv")
    posts.table(name, output=tmp_path / "t.parquet")
    read = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False)
    assert len(frame) == len(read) == pq.read_table(tmp_path / "t.parquet").num_rows > 0
    assert list(frame.columns) == list(read.columns)
    assert not list(tmp_path.glob("*.tmp"))


def test_cells_that_a_spreadsheet_would_run_are_quoted(posts: mc.Corpus, tmp_path: Path) -> None:
    posts.table("records", output=tmp_path / "records.csv")
    notes = pd.read_csv(tmp_path / "records.csv", dtype=str)["note"]
    assert list(notes) == ["'=SUM(A1)", "-5", "plain", "'@you", "+1"]
    assert safe_cell(-5) == -5


def test_other_endings_are_refused(posts: mc.Corpus, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"\.parquet"):
        posts.table("items", output=tmp_path / "items.doc")
    assert not (tmp_path / "items.doc").exists()


def test_columns_named_like_ours_are_kept_apart(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "p.csv").write_text("file,Item,path,width,crowd\na.png,x,y,z,w\n")
    corpus = mc.Corpus.create(tmp_path / "corpus")
    corpus.add(tmp_path / "p.csv", path_column="file")
    corpus.measure("facts", progress=False)
    corpus.import_labels(pd.DataFrame({"file": ["a.png"], "variable": "crowd", "value": "no"}))
    tidy = corpus.table()
    assert len(tidy) == 1
    assert len({name.lower() for name in tidy.columns}) == len(tidy.columns)
    assert tidy["path_"][0] == "y"
    assert {"x", "y", "z", "w", "no"} <= {str(cell) for cell in tidy.iloc[0]}


@pytest.fixture
def varied(posts: mc.Corpus, monkeypatch: pytest.MonkeyPatch) -> Iterator[mc.Corpus]:
    """A corpus with measures of several shapes in small parts, and a few records at a time."""
    monkeypatch.setenv("MEDIACORPUS_PART_SIZE", "1")
    monkeypatch.setattr(tidy, "RECORDS_AT_ONCE", 2)
    made = {
        "t_tags": (Shape.TAG, lambda p: [Tag("day", p.mean() / 300), Tag("night", 0.2)]),
        "t_text": (Shape.TEXT, lambda p: [Text("wide"), Text(f"{p.shape[1]} pixels")]),
        "t_region": (Shape.REGION, lambda p: [Region("face", 0.9, 0, 0, 0.5, 0.5)] * 2),
    }
    for name, (shape, function) in made.items():
        info = Info(name, "1", "One line.", "MIT", shape=shape)
        measure(info)(lambda batch, function=function: [function(p) for p in batch.pixels])
    posts.measure(*made, progress=False)
    yield posts
    for name in made:
        MEASURES.remove(name)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_written_piece_by_piece_is_the_table(
    varied: mc.Corpus, tmp_path: Path, suffix: str
) -> None:
    whole, pieces = tmp_path / f"whole{suffix}", tmp_path / f"pieces{suffix}"
    varied.table(output=whole)
    with Store(varied.folder) as store:
        assert export(store, "tidy", pieces).rows == 5
    if suffix == ".csv":
        assert pieces.read_bytes() == whole.read_bytes()
    else:
        assert pq.read_table(pieces).equals(pq.read_table(whole))


def test_regions_that_were_not_sought_are_not_counted_as_none(
    varied: mc.Corpus, tmp_path: Path
) -> None:
    """An image without regions has 0 of them; one that was not measured has no number."""
    Image.new("RGB", (90, 50)).save(tmp_path / "plain.png")
    varied.add(tmp_path / "plain.png", progress=False)
    MEASURES.remove("t_region")
    info = Info("t_region", "1", "One line.", "MIT", shape=Shape.REGION)
    measure(info)(lambda batch: [[] for _ in batch.pixels])
    varied.measure("t_region", progress=False)
    Image.new("RGB", (91, 50)).save(tmp_path / "late.png")
    varied.add(tmp_path / "late.png", progress=False)
    counts = [2, 2, 2, 2, 2, 0, None]
    found = varied.table()["t_region_count"]
    assert found.astype(object).where(found.notna(), None).tolist() == counts
    assert varied.select(where="t_region_count = 0") == [varied.table()["item"][5]]
    whole, pieces = tmp_path / "whole.csv", tmp_path / "pieces.csv"
    varied.table(output=whole)
    with Store(varied.folder) as store:
        export(store, "tidy", pieces)
    assert pieces.read_bytes() == whole.read_bytes()


def test_records_whose_items_are_anywhere(
    varied: mc.Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items that were seen long before, each alone, in another order."""
    monkeypatch.setattr(views, "FOUND_AT_ONCE", 1)
    order = [2, 0, 1, 0, 2, 2, 0]
    names = "".join(f"{number},{place}.png\n" for number, place in enumerate(order))
    (tmp_path / "again.csv").write_text("number,file\n" + names)
    varied.add(tmp_path / "again.csv", path_column="file", progress=False)
    Image.new("RGB", (70, 50)).save(tmp_path / "late.png")
    varied.add(tmp_path / "late.png", progress=False)
    whole, pieces = tmp_path / "whole.csv", tmp_path / "pieces.csv"
    varied.table(output=whole)
    with Store(varied.folder) as store:
        assert export(store, "tidy", pieces).rows == 5 + len(order) + 1
    assert pieces.read_bytes() == whole.read_bytes()
    widths = pd.read_csv(pieces)["width"].tolist()
    assert widths[5:] == [*(20 + place for place in order), 70]


def test_pieces_without_rows_of_a_measure_have_its_columns(
    varied: mc.Corpus, tmp_path: Path
) -> None:
    Image.new("RGB", (50, 50)).save(tmp_path / "late.png")
    varied.add(tmp_path / "late.png")
    with Store(varied.folder) as store:
        assert export(store, "tidy", tmp_path / "t.parquet").rows == 6
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert frame["aspect_ratio"].isna().tolist() == [False] * 5 + [True]


def test_a_file_is_written_though_parts_are_replaced_meanwhile(
    varied: mc.Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans, seen = tidy._spans, []

    def outdated(store: Store) -> dict[str, list[tuple[Path, int, int]]]:
        seen.append(spans(store))
        gone = {"facts": [(store.folder / "gone.parquet", 1, 99)]}
        return seen[-1] | (gone if len(seen) == 1 else {})

    monkeypatch.setattr(tidy, "_spans", outdated)
    with Store(varied.folder) as store:
        assert export(store, "tidy", tmp_path / "t.parquet").rows == 5
    assert len(seen) == 2


def test_a_table_that_is_also_written_is_computed_once(
    posts: mc.Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, run = [], tidy.run_sql
    monkeypatch.setattr(tidy, "run_sql", lambda *a, **k: (asked.append(a), run(*a, **k))[1])
    frame = posts.table(output=tmp_path / "t.parquet")
    assert len(asked) == 1
    pd.testing.assert_frame_equal(frame, posts.table())


def test_an_empty_corpus_has_a_tidy_file(tmp_path: Path) -> None:
    corpus = mc.Corpus.create(tmp_path / "corpus")
    with Store(corpus.folder) as store:
        assert export(store, "tidy", tmp_path / "t.csv").rows == 0
    assert (tmp_path / "t.csv").read_text().startswith("record,item,path,source,size,added,kind")


def test_an_empty_corpus_has_all_its_tables(tmp_path: Path) -> None:
    corpus = mc.Corpus.create(tmp_path / "corpus")
    for name in ("tidy", "items", "records", "failures", "runs", "labels", "splits", "models"):
        assert corpus.table(name).empty
    assert "0 items" in repr(corpus)
    assert "0" in corpus._repr_html_()

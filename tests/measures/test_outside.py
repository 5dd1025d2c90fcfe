"""Tables that other programs computed become measures, and nothing is guessed in silence."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import ParameterError, SourceError, UnknownName
from mediacorpus.testing import toy_images

save_table = runpy.run_path(str(Path(__file__).parents[1] / "made_tables.py"))["save_table"]
FORMS = ("csv", "tsv", "parquet", "jsonl", "xlsx")


@pytest.fixture
def corpus(tmp_path: Path) -> mc.Corpus:
    (tmp_path / "images").mkdir()
    for n, path in enumerate(toy_images(tmp_path / "toys", 6)):
        path.rename(tmp_path / "images" / f"photo{n}.jpg")
    corpus = mc.Corpus.create(tmp_path / "corpus")
    corpus.add(tmp_path / "images", progress=False)
    return corpus


ANSWERS = [
    {"image": "photo0.jpg", "label": "Crowd", "confidence": 91.5},
    {"image": "photo0.jpg", "label": "Person", "confidence": 99.0},
    {"image": "photo1.jpg", "label": "Person", "confidence": 55.0},
    {"image": "photo2.jpg", "label": "", "confidence": None},
]


@pytest.mark.parametrize("form", FORMS)
def test_a_table_of_tags_of_any_form_becomes_a_measure_with_its_origin(corpus, tmp_path, form):
    path = save_table(pd.DataFrame(ANSWERS), tmp_path / f"answers.{form}")
    found = corpus.import_measure("aws", path, shape="tag")
    assert (found.items, found.said, found.absent, found.scale) == (3, 3, 3, 100.0)
    assert "taken as percent and divided by 100" in str(found)
    rows = corpus.table("aws")
    assert rows["tag"].tolist() == ["Person", "Crowd", "Person"]
    assert rows["score"].tolist() == pytest.approx([0.99, 0.915, 0.55])
    [origin] = corpus.table("measures").to_dict("records")
    assert (origin["file"], origin["sha256"]) == (path.name, found.sha256)
    kept = json.loads(origin["parameters"])["origin"]
    assert kept["columns"] == {"item": "image", "tag": "label", "score": "confidence"}
    assert corpus.sql("SELECT count(*) AS n FROM aws WHERE score > 0.9")["n"][0] == 2
    assert corpus.table(columns="aws")["aws"].dropna().tolist() == ["Person", "Person"]


def test_a_rule_over_an_imported_tag_counts_only_what_the_table_says(corpus):
    corpus.import_measure("aws", pd.DataFrame(ANSWERS), shape="tag")
    gold = [(f"photo{n}.jpg", "crowd", "yes" if n % 2 == 0 else "no") for n in range(6)]
    corpus.import_labels(pd.DataFrame(gold, columns=["file", "variable", "value"]))
    found = corpus.validate("aws:crowd>=0.9", against="crowd")
    assert (found.scores.n, found.missing) == (3, 3)
    assert found.scores.confusion == ((1, 0), (1, 1))


@pytest.mark.parametrize(
    ("scores", "scale", "kept"),
    [
        ([0.2, 1.0], None, [0.2, 1.0]),
        ([20, 100], None, [0.2, 1.0]),
        (["20 %", "99,5%"], None, [0.2, 0.995]),
        ([3, 9.5], 10, [0.3, 0.95]),
        ([0.2, 0.4], 1, [0.2, 0.4]),
        ([0.2, 0.4], 100, [0.002, 0.004]),
    ],
)
def test_scores_are_brought_between_0_and_1(corpus, scores, scale, kept):
    table = pd.DataFrame({"image": ["photo0", "photo1"], "tag": ["a", "b"], "score": scores})
    corpus.import_measure("x", table, shape="tag", scale=scale)
    assert corpus.table("x")["score"].tolist() == pytest.approx(kept)


@pytest.mark.parametrize("scores", [[3, 9.5], [-1, 0.5], [0.5, 1.5], [10, 250]])
def test_a_scale_that_is_not_plain_is_asked_for(corpus, scores):
    table = pd.DataFrame({"image": ["photo0", "photo1"], "tag": ["a", "b"], "score": scores})
    with pytest.raises(SourceError, match="--scale"):
        corpus.import_measure("x", table, shape="tag")
    assert "x" not in corpus.table("measures")["measure"].tolist()


def test_a_corrected_table_takes_the_place_and_the_old_one_stays_known(corpus, tmp_path):
    path = tmp_path / "values.csv"
    path.write_text("image,mood\nphoto0.jpg,3\nphoto1.jpg,4\n")
    first = corpus.import_measure("mood", path, shape="scalar")
    path.write_text("image,mood\nphoto0.jpg,5\n")
    second = corpus.import_measure("mood", path, shape="scalar")
    assert second.before == first.sha256
    assert first.sha256[:12] in str(second)
    assert corpus.table("mood")["mood"].tolist() == [5]
    known = corpus.table("measures").set_index("sha256")
    assert known.loc[first.sha256, ["items", "current"]].tolist() == [2, False]
    again = corpus.import_measure("mood", path, shape="scalar")
    assert (again.new, again.before) == (0, None)
    assert "nothing was added" in str(again)


def test_update_reads_the_table_that_is_in_force_for_images_that_are_new(corpus, tmp_path):
    path = tmp_path / "values.csv"
    path.write_text("image,mood\nphoto0.jpg,3\nphoto9.jpg,4\n")
    (tmp_path / "old.csv").write_text("image,mood\nphoto0.jpg,1\n")
    corpus.import_measure("mood", path, shape="scalar")
    corpus.import_measure("mood", tmp_path / "old.csv", shape="scalar")
    found = corpus.import_measure("mood", path, shape="scalar")
    assert found.unknown == ["photo9.jpg"]
    [late] = toy_images(tmp_path / "late", 1)
    (tmp_path / "images" / "photo9.jpg").write_bytes(late.read_bytes() + b" ")
    done = corpus.update()
    assert [step.skipped for step in done.steps] == [False, False]
    assert sorted(corpus.table("mood")["mood"]) == [3, 4]


def test_columns_keep_their_kind(corpus):
    table = pd.DataFrame(
        {
            "image": ["photo0", "photo1", "photo2"],
            "likes": ["5", "NA", "7"],
            "share": ["0,5", "1,25", "2"],
            "code": ["007", "010", "011"],
            "nice": ["TRUE", "FALSE", ""],
            "item": ["a", "b", "c"],
        }
    )
    found = corpus.import_measure("own", table, shape="scalar", item="image")
    rows = corpus.table("own").sort_values("code")
    assert rows["likes"].dropna().tolist() == [5, 7]
    assert rows["share"].tolist() == [0.5, 1.25, 2.0]
    assert rows["code"].tolist() == ["007", "010", "011"]
    assert rows["nice"].tolist()[:2] == [True, False]
    assert rows["item_"].tolist() == ["a", "b", "c"]
    assert "written with a comma" in str(found)


def test_boxes_are_items_and_texts_have_spans(corpus):
    width = int(corpus.items()["width"][0])
    boxes = pd.DataFrame(
        [{"image": "photo0", "x": 0, "y": 0, "w": width / 2, "h": 8, "tag": "face", "score": 0.5}]
    )
    corpus.import_measure("faces2", boxes, boxes="x,y,w,h")
    [row] = corpus.table("faces2").to_dict("records")
    assert row["width"] == pytest.approx(0.5)
    assert row["region"] in corpus.items()["item"].tolist()
    spoken = pd.DataFrame([{"file": "photo1", "text": "good day", "start": "0", "stop": "1.5"}])
    corpus.import_measure("speech", spoken, shape="text")
    [row] = corpus.table("speech").to_dict("records")
    assert (row["text"], row["stop"]) == ("good day", 1.5)


@pytest.mark.parametrize(
    ("columns", "options", "error", "words"),
    [
        ({"image": "photo0", "tag": "a"}, {}, ParameterError, "--shape"),
        ({"image": "photo0", "tag": "a"}, {"shape": "tags"}, ParameterError, "must be one of"),
        ({"image": "photo0"}, {"shape": "tag"}, SourceError, "holds the tag"),
        ({"image": "photo0"}, {"shape": "scalar"}, SourceError, "no column of values"),
        ({"picture_no": "photo0", "v": 1}, {"shape": "scalar"}, SourceError, "--item"),
        ({"image": "photo0", "v": 1}, {"columns": "w"}, UnknownName, "no column 'w'"),
        ({"image": "photo0", "tag": "a"}, {"tag": "tag", "text": "tag"}, ParameterError, "leave"),
        ({"image": "photo0", "x": 1}, {"boxes": "x,x"}, ParameterError, "four columns"),
        ({"image": "other", "v": 1}, {"shape": "scalar"}, SourceError, "'other'"),
        (
            {"image": "photo0", "tag": "a", "score": "high"},
            {"shape": "tag"},
            SourceError,
            "Row 1 .* 'high'",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(corpus, columns, options, error, words):
    with pytest.raises(error, match=words):
        corpus.import_measure("x", pd.DataFrame([columns]), **options)
    assert corpus.table("measures").empty


@pytest.mark.parametrize("name", ["tags", "items", "measures", "My tags", "../x", ""])
def test_names_that_are_taken_or_no_names_are_refused(corpus, name):
    with pytest.raises(ParameterError, match="cannot be named"):
        corpus.import_measure(name, pd.DataFrame(ANSWERS), shape="tag")


def test_rows_of_one_image_that_are_at_odds_are_refused(corpus):
    table = pd.DataFrame({"image": ["photo0", "photo0.jpg"], "v": [1, 2]})
    with pytest.raises(SourceError, match="several rows with different values"):
        corpus.import_measure("x", table, shape="scalar")
    table["v"] = 1
    assert corpus.import_measure("x", table, shape="scalar").items == 1


def test_real_answers_of_amazon_are_taken_as_percent(corpus, test_data):
    folder = test_data / "rekognition"
    corpus.add(folder / "images", progress=False)
    found = corpus.import_measure("aws", folder / "awsrekognition_detect_labels.csv", shape="tag")
    assert (found.items, found.said, found.unknown, found.scale) == (5, 50, [], 100.0)
    who = corpus.import_measure(
        "who",
        folder / "awsrekognition_celeb_detect.csv",
        tag="celeb_name",
        score="celeb_match_conf",
    )
    assert (who.items, who.said) == (5, 3)
    assert corpus.table("aws")["score"].between(0.5, 1).all()

"""Labels from a table, as a person's spreadsheet has them."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import LabelError
from mediacorpus.store import people
from mediacorpus.testing import toy_images

save_table = runpy.run_path(str(Path(__file__).parents[1] / "made_tables.py"))["save_table"]


@pytest.fixture
def corpus(tmp_path: Path) -> mc.Corpus:
    (tmp_path / "images").mkdir()
    for n, path in enumerate(toy_images(tmp_path / "toys", 6)):
        path.rename(tmp_path / "images" / f"{n:03}.jpg")
    corpus = mc.Corpus.create(tmp_path / "corpus")
    corpus.add(tmp_path / "images", progress=False)
    return corpus


def table(corpus: mc.Corpus, *answers: tuple[int, str, str]) -> pd.DataFrame:
    items = corpus.items()["item"].tolist()
    return pd.DataFrame(
        [(items[n], "crowd", value, coder) for n, value, coder in answers],
        columns=["item", "variable", "value", "coder"],
    )


def test_a_coder_who_contradicts_herself_is_named_and_both_answers_are_kept(corpus):
    found = corpus.import_labels(
        table(corpus, (0, "no", "ada"), (1, "no", "ada"), (0, "yes", "ada"))
    )
    assert (found.labels, found.unchanged) == (3, 0)
    assert [one.answers for one in found.contradictory] == [("no", "yes")]
    assert "ada" in str(found)
    assert "no, then yes" in str(found)
    log = corpus.table("labels")
    own = log[log["item"] == found.contradictory[0].subject]
    assert own["value"].tolist() == ["no", "yes"]
    gold = corpus.gold("crowd").set_index("item")["value"]
    assert gold[found.contradictory[0].subject] == "yes"


def test_importing_a_contradiction_again_adds_nothing_and_says_it_again(corpus):
    answers = table(corpus, (0, "no", "ada"), (0, "yes", "ada"), (0, "no", "ada"))
    corpus.import_labels(answers)
    again = corpus.import_labels(answers)
    assert (again.labels, again.unchanged) == (0, 3)
    assert again.contradictory[0].answers == ("no", "yes", "no")
    assert len(corpus.table("labels")) == 3


def test_a_repetition_is_no_contradiction_and_two_coders_may_differ(corpus):
    found = corpus.import_labels(
        table(corpus, (0, "no", "ada"), (0, "no", "ada"), (0, "yes", "ben"))
    )
    assert (found.labels, found.unchanged, found.contradictory) == (2, 1, [])
    assert "different" not in str(found)


@pytest.mark.parametrize("answers", [("no", "yes"), ("yes", "yes")])
def test_several_answers_without_a_coder_are_refused(corpus, answers):
    given = table(corpus, *((0, value, "") for value in answers)).assign(Judge=["x", "y"])
    with pytest.raises(LabelError, match=r"1 item has several answers and no coder.*Judge"):
        corpus.import_labels(given)
    assert corpus.import_labels(given, coder_column="Judge").labels == 2
    assert sorted(corpus.table("labels")["coder"]) == ["x", "y"]


def test_answers_of_one_person_without_a_column_say_so(corpus):
    given = table(corpus, (0, "no", ""), (0, "yes", "")).drop(columns="coder")
    found = corpus.import_labels(given, coder="ada")
    assert [one.answers for one in found.contradictory] == [("no", "yes")]


@pytest.mark.parametrize("name", ["WorkerId", "worker_id", "Annotator", "rater ID", "Coder"])
def test_coders_are_found_under_their_usual_names(corpus, name):
    given = table(corpus, (0, "no", "a"), (0, "yes", "b"), (1, "yes", "a"))
    found = corpus.import_labels(given.rename(columns={"coder": name}))
    assert found.labels == 3
    assert set(corpus.table("labels")["coder"]) == {"a", "b"}


SAME = [
    ("1", "1.0"),
    ("0", "0.0"),
    ("-1", "-1.0"),
    ("TRUE", "True"),
    ("true", "TRUE"),
    ("Caf\u00e9", "Cafe\u0301"),
    ("yes", " yes\u200b"),
    (1, 1.0),
    (True, "TRUE"),
    ("1|a", "1.0|a"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
@pytest.mark.parametrize("together", [True, False])
def test_spellings_of_one_value_agree(corpus, one, other, together):
    given = pd.concat(
        [table(corpus, (0, one, "ada"), (1, one, "ada")), table(corpus, (0, other, "ben"))]
    )
    if together:
        corpus.import_labels(given)
    else:
        corpus.import_labels(given.iloc[:2])
        corpus.import_labels(given.iloc[2:])
    gold = corpus.gold("crowd")
    assert gold["agreed"].all()
    assert len(set(gold["value"])) == 1
    assert corpus.import_labels(given).labels == 0


@pytest.mark.parametrize(("one", "other"), [("1.1", "1.10"), ("1", "01"), ("1", "1.5")])
def test_codes_that_differ_stay_apart(corpus, one, other):
    corpus.import_labels(table(corpus, (0, one, "a"), (1, other, "a")))
    assert set(corpus.gold("crowd")["value"]) == {one, other}


def test_an_old_log_with_two_spellings_has_one_value(corpus):
    items = corpus.items()["item"].tolist()
    with corpus._store.transaction():
        people.append_labels(
            corpus._store,
            [mc.records.Label(items[0], "crowd", v, c) for v, c in (("1", "a"), ("1.0", "b"))],
            1,
        )
    assert corpus.gold("crowd")["value"].tolist() == ["1"]


@pytest.mark.parametrize("mark", ["NA", "N/A", "nan", "NULL", None, float("nan"), ""])
def test_markers_of_missing_values_are_no_answers(corpus, mark):
    found = corpus.import_labels(table(corpus, (0, "yes", "a"), (1, mark, "a")))
    assert (found.labels, found.blank) == (1, 1)
    assert (f"No answer: {mark} (1)" in str(found)) == bool(isinstance(mark, str) and mark)


def test_a_marker_that_is_allowed_is_a_value(corpus):
    found = corpus.import_labels(table(corpus, (0, "NA", "a"), (1, "DE", "a")), values="NA,DE")
    assert found.labels == 2


def test_a_blank_cell_of_several_labels_means_none_of_them(corpus):
    found = corpus.import_labels(
        table(corpus, (0, "crowd|flags", "a"), (1, "", "a"), (2, "NA", "a"))
    )
    assert (found.labels, found.blank) == (2, 1)
    assert corpus.gold("crowd")["value"].tolist().count("|") == 1
    later = corpus.import_labels(table(corpus, (3, "", "a"), (4, "flags", "a")))
    assert later.labels == 2


SLIPS = [
    (("yes", "YES"), '"YES=yes"'),
    (("yes", "yes", "Yes "), '"Yes=yes"'),
    (("no", "no", "n"), '"n=no"'),
    (("new york", "new york", "new-york"), '"new-york=new york"'),
    (("yes",) * 4 + ("yess",), '"yess=yes"'),
    (("a|happy",) * 4 + ("a|hapy",), '"hapy=happy"'),
]


@pytest.mark.parametrize(("values", "advice"), SLIPS)
def test_slips_are_asked_about_and_the_advice_works(corpus, values, advice):
    given = table(corpus, *((n, value, "a") for n, value in enumerate(values)))
    with pytest.raises(LabelError) as error:
        corpus.import_labels(given)
    assert f"--map {advice}" in str(error.value)
    assert len(corpus.table("labels")) == 0
    assert corpus.import_labels(given, map=advice.strip('"')).labels == len(values)
    assert len(set(corpus.gold("crowd")["value"])) == 1


def test_values_that_are_meant_may_look_alike(corpus):
    given = table(corpus, (0, "a", "x"), (1, "A", "x"))
    assert corpus.import_labels(given, values=["a", "A"]).labels == 2
    assert corpus.import_labels(table(corpus, (2, "A", "x"))).labels == 1


def test_a_slip_against_the_log_is_seen(corpus):
    corpus.import_labels(table(corpus, (0, "yes", "a"), (1, "no", "a")))
    with pytest.raises(LabelError, match=r"--map .YES=yes"):
        corpus.import_labels(table(corpus, (2, "YES", "a")))


def test_values_that_are_not_allowed_are_refused_with_the_nearest(corpus):
    with pytest.raises(LabelError, match=r'"maybee=maybe".*nothing') as error:
        corpus.import_labels(
            table(corpus, (0, "yes", "a"), (1, "maybee", "a")), values="yes,no,maybe"
        )
    assert "'maybee' (1)" in str(error.value)
    assert len(corpus.table("labels")) == 0


def test_a_map_to_nothing_is_no_answer(corpus):
    found = corpus.import_labels(table(corpus, (0, "yes", "a"), (1, "99", "a")), map={"99": ""})
    assert (found.labels, found.blank) == (1, 1)


def test_a_dry_run_writes_nothing_and_says_what_would_be(corpus):
    given = table(corpus, (0, "yes", "a"), (1, "no", "a"))
    before = len(corpus.table("runs"))
    found = corpus.import_labels(given, dry_run=True)
    assert (found.labels, found.dry_run) == (2, True)
    assert "Would import 2 labels. crowd: no 1, yes 1. Nothing was written." in str(found)
    assert len(corpus.table("labels")) == 0
    assert len(corpus.table("runs")) == before
    assert corpus.import_labels(given).labels == 2


def test_a_wide_table_is_read_as_its_error_advises(corpus, tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text("file,protest,mood\n000.jpg,yes,happy\n001.jpg,no,\n")
    with pytest.raises(LabelError, match=r"add --wide, or .*--variables protest,mood"):
        corpus.import_labels(path)
    found = corpus.import_labels(path, wide=True)
    assert (found.labels, found.blank) == (3, 1)
    assert "Variables: protest, mood." in str(found)
    assert corpus.import_labels(path, variables="protest,mood").unchanged == 3


def test_the_exported_log_is_read_back_unchanged(corpus, tmp_path):
    given = table(corpus, (0, "-1", "a"), (1, "=x", "a"), (2, "'@y", "a"), (0, "1", "a"))
    corpus.import_labels(given)
    corpus.table("labels", output=tmp_path / "labels.csv")
    other = mc.Corpus.create(tmp_path / "other")
    other.add(tmp_path / "images", progress=False)
    other.import_labels(tmp_path / "labels.csv")
    kept = ["item", "variable", "value", "coder"]
    expected = corpus.table("labels")[kept].to_numpy().tolist()
    assert other.table("labels")[kept].to_numpy().tolist() == expected


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "jsonl", "xlsx", "ods"])
def test_every_kind_of_table_gives_the_same_labels(corpus, tmp_path, kind):
    given = table(corpus, (0, "1", "a"), (1, "0", "a"), (1, "1", "b"))
    path = save_table(given, tmp_path / f"labels.{kind}")
    assert corpus.import_labels(path).labels == 3


NAMED = {
    "images\\000.jpg": "with backslashes",
    "IMAGES/000.JPG": "upper and lower case",
    "000": "without the suffix",
    "0": "leading zeros",
    "0.0": "leading zeros",
    "C:\\Users\\ada\\images\\000.jpg": "another machine",
}


@pytest.mark.parametrize("column", ["file", "item", "image_id", "ID"])
@pytest.mark.parametrize("text", NAMED)
def test_files_are_found_however_they_are_written(corpus, text, column):
    rows = pd.DataFrame([(text, "crowd", "yes")], columns=[column, "variable", "value"])
    found = corpus.import_labels(rows)
    assert found.labels == 1
    assert NAMED[text] in str(found)


def test_accents_may_be_composed_in_two_ways(tmp_path):
    one, other = "Cafe\u0301.jpg", "Caf\u00e9.jpg"
    path = toy_images(tmp_path / "images", 1)[0]
    path.rename(path.with_name(one))
    corpus = mc.Corpus.create(tmp_path / "corpus")
    corpus.add(tmp_path / "images", progress=False)
    rows = pd.DataFrame([(other, "crowd", "yes")], columns=["file", "variable", "value"])
    assert "accents" in str(corpus.import_labels(rows))


def test_values_can_be_mapped_later_and_back(corpus):
    given = table(corpus, (0, "yes", "a"), (1, "YES", "a"), (1, "yess", "b"))
    corpus.import_labels(given, values="yes,YES,yess")
    done = corpus.map_labels("crowd", "YES=yes,yess=yes")
    assert (done.labels, done.to_dict()["values"]) == (2, {"yes": 3})
    assert len(corpus.table("labels")) == 5
    assert corpus.import_labels(given, values="yes").labels == 0
    back = corpus.map_labels("crowd", undo=True)
    assert (back.labels, back.to_dict()["values"]) == (2, {"yes": 1, "YES": 1, "yess": 1})
    with pytest.raises(LabelError, match="no map of crowd"):
        corpus.map_labels("crowd", undo=True)
    assert corpus.import_labels(given, values="yes,YES,yess").labels == 0


def test_an_undo_leaves_what_was_said_since(corpus):
    corpus.import_labels(table(corpus, (0, "YES", "a"), (1, "YES", "a")))
    corpus.map_labels("crowd", {"YES": "yes"})
    corpus.import_labels(table(corpus, (0, "no", "a")))
    corpus.map_labels("crowd", undo=True)
    assert sorted(corpus.gold("crowd")["value"]) == ["YES", "no"]


def test_unresolved_items_are_shown_with_their_reason(corpus):
    corpus.import_labels(table(corpus, (0, "yes", "a"), (0, "no", "b"), (1, "no", "a")))
    assert corpus.gold("crowd").attrs["unresolved"] == {"a tie between no and yes": 1}
    found = corpus.gold("crowd", unresolved=True)
    assert found["reason"].tolist() == ["a tie between no and yes"]


def test_a_later_table_corrects_an_earlier_one(corpus):
    corpus.import_labels(table(corpus, (0, "no", "ada")))
    found = corpus.import_labels(table(corpus, (0, "yes", "ada")))
    assert (found.labels, found.contradictory) == (1, [])
    assert corpus.gold("crowd")["value"].tolist() == ["yes"]

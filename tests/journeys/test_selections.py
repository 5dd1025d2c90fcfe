"""A selection goes through every command on items, and what it names is all that is touched."""

from __future__ import annotations

import dataclasses
import json
import runpy
from pathlib import Path

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.cli import main
from mediacorpus.errors import LabelError, ParameterError, QueryError, UnknownName

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture
def corpus(tmp_path: Path) -> mc.Corpus:
    return made["make_corpus"](tmp_path)


def measured(corpus: mc.Corpus, name: str) -> list[str]:
    return list(corpus.sql(f"SELECT DISTINCT item FROM {name}")["item"])


def test_conditions_hold_together(corpus: mc.Corpus) -> None:
    north = corpus.select(where="region = 'north'")
    assert len(north) == 40
    both = corpus.select(where="region = 'north'", split="red:train")
    assert set(both) == set(north) & set(corpus.select(split="red:train"))
    drawn = corpus.select(where="region = 'north'", sample=7, seed=3)
    assert len(drawn) == 7
    assert set(drawn) < set(north)
    assert drawn == corpus.select(where="region = 'north'", sample=7, seed=3)
    assert drawn != corpus.select(where="region = 'north'", sample=7, seed=4)
    assert corpus.select(sample=1000) == corpus.select() == list(corpus.items()["item"])


def test_conditions_on_measures(corpus: mc.Corpus) -> None:
    corpus.measure("facts", "color", progress=False)
    bright = corpus.select(where="color.red_mean > 0.4")
    assert 0 < len(bright) < 80
    rows = corpus.sql("SELECT item FROM color WHERE red_mean > 0.4")["item"]
    assert set(bright) == set(rows)
    assert set(corpus.select(where="item IN (SELECT item FROM color WHERE red_mean > 0.4)")) == (
        set(bright)
    )


def test_items_by_file_names(corpus: mc.Corpus, tmp_path: Path) -> None:
    table = corpus.records()
    first = table.iloc[3]
    name = Path(first["path"]).name
    for text in (name, f"pictures/{name}", first["path"], first["item"], first["item"][:12]):
        assert corpus.select(items=[text]) == [first["item"]]
    explained = corpus.select(items=[name, table.iloc[0]["item"]])
    assert explained == [table.iloc[0]["item"], first["item"]]
    with pytest.raises(UnknownName, match="name of its file"):
        corpus.select(items=["nowhere.png"])


def test_measure_and_apply_touch_nothing_else(corpus: mc.Corpus) -> None:
    some = corpus.select(where="region = 'south'", sample=10)
    done = corpus.measure("hog", on=some, progress=False)
    assert done.items == 10
    assert set(measured(corpus, "hog")) == set(some)
    assert "each of the 10 items" in str(corpus.measure("hog", on=some, progress=False))
    corpus.train("red", name="quick", augment=False, progress=False)
    corpus.apply("quick", on=mc.Selection(where="region = 'south'"), progress=False)
    assert set(measured(corpus, "quick")) == set(corpus.select(where="region = 'south'"))
    corpus.apply("quick", progress=False)
    assert len(measured(corpus, "quick")) == 80


def test_training_measures_what_it_learns_from(corpus: mc.Corpus) -> None:
    learned = set(corpus.select(split="red:train")) | set(corpus.select(split="red:val"))
    assert len(learned) < 80
    trained = corpus.train("red", name="quick", augment=False, progress=False)
    assert set(measured(corpus, "embedding")) == learned
    assert f"for the {len(learned)} labelled items" in str(trained)
    north = corpus.select(where="region = 'north'")
    corpus.train(
        "red", name="nn", method="shallow", model="knn", features="hog", on=north, progress=False
    )
    assert set(measured(corpus, "hog")) == learned & set(north)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


def test_on_the_command_line(corpus: mc.Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(corpus.folder)
    assert run("measure", folder, "hog", "--where", "region = 'north'", "--sample", "5:2") == 0
    assert set(measured(corpus, "hog")) == set(
        corpus.select(where="region = 'north'", sample=5, seed=2)
    )
    name = Path(corpus.records()["path"].iloc[7]).name
    assert run("measure", folder, "lbp", "--item", name, "--item", "000.png") == 0
    assert len(measured(corpus, "lbp")) == 2
    assert run("measure", folder, "hu", "--split", "red:val") == 0
    assert set(measured(corpus, "hu")) == set(corpus.select(split="red:val"))
    capsys.readouterr()
    assert run("measure", folder, "hu", "--sample", "few") == 1
    assert "--sample" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"where": "region = 'nowhere'"}, ParameterError, "No item"),
        ({"items": []}, ParameterError, "No item"),
        ({"where": "regoin = 'north'"}, QueryError, r"regoin.*line 1.*regoin = 'north'"),
        ({"where": "region = 'north' AND\nregion >"}, QueryError, "line "),
        ({"where": " "}, ParameterError, "empty"),
        ({"where": "1 = 1; DROP TABLE items"}, QueryError, "DROP"),
        ({"split": "red"}, ParameterError, "face:test"),
        ({"split": "blue:train"}, UnknownName, "red"),
        ({"sample": 0}, ParameterError, "at least 1"),
    ],
)
def test_selections_that_cannot_be(corpus: mc.Corpus, asked, error, words) -> None:
    with pytest.raises(error, match=words):
        corpus.select(**asked)
    with pytest.raises(error, match=words):
        corpus.measure(
            "hog", on=mc.Selection(**{k: tuple(v) if k == "items" else v for k, v in asked.items()})
        )
    assert "hog" not in set(corpus.runs()["verb"])


def test_scores_of_some_items(corpus: mc.Corpus) -> None:
    corpus.train("red", name="quick", augment=False, progress=False)
    held_out = set(corpus.select(split="red:test"))
    north = set(corpus.select(where="region = 'north'"))
    found = corpus.validate(
        "quick", against="red", on=mc.Selection(where="region = 'north'"), progress=False
    )
    assert found.scores.n == len(held_out & north)
    rule = corpus.validate("color:red_mean>=0.4", against="red", on=sorted(north), progress=False)
    assert rule.scores.n == 40
    assert set(measured(corpus, "color")) == north
    with pytest.raises(LabelError, match="held out"):
        corpus.validate("quick", against="red", on=sorted(set(corpus.select()) - held_out))


def test_rows_of_some_items(corpus: mc.Corpus, tmp_path: Path) -> None:
    corpus.measure("facts", progress=False)
    north = corpus.select(where="region = 'north'")
    for name in ("tidy", "items", "records", "facts", "gold", "labels"):
        table = corpus.table(name, on=north)
        assert set(table["item"]) == set(north), name
    file = tmp_path / "north.csv"
    assert len(corpus.table(on=north, output=file)) == 40
    assert len(pd.read_csv(file)) == 40
    assert run("table", str(corpus.folder), "--where", "region = 'north'", "-o", str(file)) == 0
    assert len(pd.read_csv(file)) == 40
    with pytest.raises(ParameterError, match="no items"):
        corpus.table("runs", on=north)


def test_an_item_is_explained_by_its_file_name(corpus: mc.Corpus) -> None:
    corpus.train("red", name="quick", augment=False, progress=False)
    found = corpus.explain("quick", "000.png", method="neighbors", progress=False)
    assert len(found.to_frame()["item"].unique()) == 1
    some = corpus.select(split="red:val", sample=2)
    found = corpus.explain("quick", on=some, method="neighbors", progress=False)
    assert set(found.to_frame()["item"]) == set(some)


def test_a_selection_takes_lists_and_one_name(corpus: mc.Corpus) -> None:
    (first, second, *_) = corpus.items()["item"]
    assert corpus.measure("hu", on=mc.Selection(items=[first, second]), progress=False).items == 2
    assert corpus.measure("lbp", on=mc.Selection(items="000.png"), progress=False).items == 1
    assert corpus.measure("hog", on=corpus.items()["item"][:3], progress=False).items == 3


def test_a_name_within_a_text_is_no_table(corpus: mc.Corpus) -> None:
    corpus.measure("tags", on=corpus.select(sample=2), progress=False)
    assert len(corpus.select(where="region <> 'the tags.png' AND region = 'north'")) == 40


def test_runs_say_how_many_items_were_chosen(corpus: mc.Corpus) -> None:
    north = corpus.select(where="region = 'north'")
    corpus.train("red", name="quick", on=north, augment=False, progress=False)
    corpus.apply("quick", on=north[:5], progress=False)
    runs = corpus.runs()
    for verb, count in (("train", 40), ("apply", 5)):
        asked = json.loads(runs[runs["verb"] == verb]["parameters"].iloc[-1])
        assert asked["chosen"] == count


def newer(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    info, factory = mc.MEASURES._entries[name]
    entry = (dataclasses.replace(info, version="99"), factory)
    monkeypatch.setitem(mc.MEASURES._entries, name, entry)


def test_training_learns_from_the_version_that_the_program_has(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.measure("color", progress=False)
    newer(monkeypatch, "color")
    trained = corpus.train(
        "red", name="nn", method="shallow", model="knn", features="color", progress=False
    )
    assert trained.card["measured"]["version"] == "99"
    assert corpus.apply("nn", progress=False).items == 80


def test_a_rule_on_a_table_of_an_earlier_version_is_scored_as_it_is(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.measure("color", on=corpus.select(sample=30), progress=False)
    newer(monkeypatch, "color")
    found = corpus.validate("color:red_mean>=0.4", against="red", progress=False)
    assert (found.scores.n, found.missing) == (30, 50)
    assert set(corpus.table("color")["run"]) == {
        corpus.runs().query("verb == 'measure'")["run"].max()
    }


def test_a_rule_on_items_without_a_label(corpus: mc.Corpus) -> None:
    first, second, third = corpus.items()["item"][:3]
    answers = pd.DataFrame({"item": [first, second], "variable": "rare", "value": ["yes", "no"]})
    corpus.import_labels(answers, coder="me")
    with pytest.raises(LabelError, match="None of the 1 items that are selected has a label"):
        corpus.validate("color:red_mean>=0.4", against="rare", on=[third], progress=False)
    assert "measure" not in set(corpus.runs()["verb"].iloc[-1:]), "nothing was measured for it"

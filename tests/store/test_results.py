"""Results are rows: written whole, read back as they were, and known to be stale."""

from __future__ import annotations

import json
import math
import sqlite3

import pandas as pd
import pytest

from mediacorpus.errors import UnknownName
from mediacorpus.result import Note
from mediacorpus.store import people
from mediacorpus.store.results import notes_of, results, write_results
from mediacorpus.store.store import Store

ROWS = pd.DataFrame(
    {
        "metric": ["accuracy", "recall"],
        "class": ["", "yes"],
        "estimate": [0.8, math.nan],
        "n": [10, 0],
        "notes": [None, ["small"]],
    }
)
SUBJECTS = {
    "model": ("m", "ab"),
    "rule": ("facts:width>=9", "1"),
    "variable": ("face", "1"),
}


@pytest.fixture
def subjects(store, run):
    """A model, a measure and a split: what results can be of."""
    split = people.write_split(store, "face", {}, shares="", seed=1, method="", run=run)
    people.write_model(store, {"name": "m", "variable": "face"}, split=split, digest="ab", run=run)
    people.write_model(store, {"name": "k", "variable": "face"}, split=split, digest="cd", run=run)
    setup(store, run, "1")


def setup(store, run, version):
    store.execute(
        "INSERT INTO setups (name, version, parameters, info, used) VALUES ('facts',?,'{}','{}',?)",
        (version, run),
    )


def write(store, run, kind="model", rows=ROWS, **more):
    subject, digest = SUBJECTS[kind]
    about = {"kind": kind, "subject": subject, "subject_hash": digest, "variable": "face"}
    write_results(store, run, rows, command="validate", **about | more)


def test_what_is_written_is_read_back(store, run, subjects):
    write(store, run, notes=[Note("Too sure.", "temperature"), "Mind the gap."], part="test")
    found = results(store)
    assert found["metric"].tolist() == ["accuracy", "recall"]
    assert found["class"].tolist() == ["", "yes"]
    assert found.loc[0, ["estimate", "n", "part", "run"]].tolist() == [0.8, 10, "test", run]
    assert math.isnan(found.loc[1, "estimate"])
    assert json.loads(found.loc[1, "notes"]) == [{"code": "small"}]
    assert notes_of(store, run) == [
        {"code": "temperature", "text": "Too sure."},
        {"code": "note", "text": "Mind the gap."},
    ]


def replace_model(store, run, name="m"):
    card = {"name": name, "variable": "face"}
    people.write_model(store, card, split=1, digest="new", run=run)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("model", replace_model),
        ("rule", lambda store, run: setup(store, run, "2")),
        (
            "variable",
            lambda store, run: people.write_split(
                store, "face", {}, shares="", seed=2, method="", run=run
            ),
        ),
    ],
)
def test_rows_of_what_was_replaced_are_not_current(store, run, subjects, kind, change):
    write(store, run, kind)
    assert results(store)["current"].tolist() == [True, True]
    change(store, run)
    assert results(store)["current"].tolist() == [False, False]


def test_a_comparison_is_stale_when_either_model_is(store, run, subjects):
    write(store, run, model="k", model_hash="cd")
    assert results(store, "k")["current"].all()
    replace_model(store, run, "k")
    assert not results(store, "m")["current"].any()


def test_all_rows_are_written_or_none(store, run, subjects):
    bad = ROWS.assign(metric=["accuracy", None])
    with pytest.raises(sqlite3.IntegrityError):
        write(store, run, rows=bad)
    assert results(store).empty


def test_names_that_are_not_there(store, run, subjects):
    write(store, run)
    with pytest.raises(UnknownName, match="Did you mean 'm'"):
        results(store, "mm")
    with pytest.raises(UnknownName, match="Did you mean 'validate'"):
        results(store, command="valdate")
    assert results(store, "k").empty
    assert results(store, command="learning-curve").empty
    assert len(results(store, "m", "validate")) == 2


def test_scores_of_an_earlier_version_become_rows(store, run, subjects):
    """The blob of schema 6 held the table; labels of several stood in a column of their own."""
    for step in (
        "DROP TABLE results",
        "ALTER TABLE validations DROP kind",
        "ALTER TABLE runs DROP asked",
        "DROP INDEX records_filled_by",
        "ALTER TABLE records DROP filled_by",
        "PRAGMA user_version = 6",
    ):
        store.execute(step)
    table = [
        {"score": "accuracy", "class": "", "estimate": 0.5, "low": None, "high": None, "n": 4},
        {"score": "f1", "class": "yes", "estimate": None, "low": None, "high": None, "n": 0},
        {"score": "accuracy", "class": "", "label": "cat", "estimate": 1.0, "n": 4},
    ]
    for subject, digest in (("m", "ab"), ("facts:width>=9", "1")):
        result = {"level": 0.9, "n": 4, "table": table, "confusion_matrix": [[1]], "warnings": []}
        store.execute(
            "INSERT INTO validations (subject, variable, part, hash, result, time, run) "
            "VALUES (?, 'face', 'test', ?, ?, '', ?)",
            (subject, digest, json.dumps(result), run),
        )
        run += 1
        store.execute(
            "INSERT INTO runs (run, verb, status, version, parameters, machine, started) "
            "VALUES (?, 'validate', 'done', '', '{}', '{}', '')",
            (run,),
        )
    store.close()
    with Store(store.folder) as again:
        found = results(again)
        assert found["kind"].tolist() == ["model"] * 3 + ["rule"] * 3
        assert found["class"].tolist() == ["", "yes", "cat"] * 2
        assert found["level"].tolist() == [0.9] * 6
        assert found["current"].all()
        one, other = people.validations(again)
        assert one["table"][0]["estimate"] == 0.5
        assert one["confusion_matrix"] == [[1]]
        assert (one["kind"], other["kind"]) == ("model", "rule")
        assert again.value("SELECT count(*) FROM validations WHERE result LIKE '%table%'") == 0

"""Labels, splits, models and validations."""

import math
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediacorpus.catalogue import people
from mediacorpus.catalogue.results import write_results
from mediacorpus.catalogue.runs import running
from mediacorpus.errors import UnknownName
from mediacorpus.records import Label

ITEMS = 3


@pytest.fixture
def items(hold):
    return hold(ITEMS)


def current(store):
    """What each coder last said of each item."""
    return {
        (item, variable, coder): value
        for item, variable, coder, value in store.rows(
            "SELECT item, variable, coder, value FROM labels ORDER BY label"
        )
    }


said = st.lists(
    st.tuples(
        st.integers(0, ITEMS - 1),
        st.sampled_from(["face", "mood"]),
        st.sampled_from(["yes", "no", "", "Zoë \U0001f600"]),
        st.sampled_from(["", "A", "B"]),
    ),
    max_size=12,
)


@given(rounds=st.lists(said, max_size=3))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_log_holds_what_was_said_and_importing_twice_changes_nothing(store, run, items, rounds):
    with store.transaction():
        store.execute("DELETE FROM labels")
    wanted = {}
    for one in rounds:
        labels = [Label(items[n], variable, value, coder) for n, variable, value, coder in one]
        before = store.value("SELECT count(*) FROM labels")
        added = people.append_labels(store, labels, run)
        wanted |= {(label.item, label.variable, label.coder): label.value for label in labels}
        assert current(store) == wanted
        assert store.value("SELECT count(*) FROM labels") == before + added
        assert people.append_labels(store, iter(labels), run) == 0
        assert store.value("SELECT count(*) FROM labels") == before + added


def test_a_coder_may_change_their_mind_and_the_log_keeps_both(store, run, items):
    for value in ("yes", "no", "yes"):
        assert people.append_labels(store, [Label(items[0], "face", value, "A", 1.5)], run) == 1
    log = people.label_log(store, "face")
    assert list(log["value"]) == ["yes", "no", "yes"]
    assert set(log["seconds"]) == {1.5}
    assert current(store) == {(items[0], "face", "A"): "yes"}


def test_more_labels_than_fit_into_one_query(store, run, hold):
    many = hold(1300)
    labels = [Label(item, "face", "yes") for item in many]
    assert people.append_labels(store, labels, run) == 1300
    assert people.append_labels(store, reversed(labels), run) == 0
    assert len(people.said_by(store, "face", coder="", items=many)) == 1300


def test_a_label_of_an_item_that_is_not_held_takes_the_others_with_it(store, run, items):
    labels = [Label(items[0], "face", "yes"), Label("nobody", "face", "yes")]
    with pytest.raises(sqlite3.IntegrityError):
        people.append_labels(store, labels, run)
    assert people.label_log(store).empty


def test_what_one_coder_last_said(store, run, items):
    people.append_labels(store, [Label(items[0], "face", "yes", "A")], run)
    people.append_labels(store, [Label(items[0], "face", "no", "A")], run)
    people.append_labels(store, [Label(items[1], "face", "yes", "B")], run)
    assert people.said_by(store, "face", coder="A", items=items) == {items[0]: ("no", None)}
    assert people.said_by(store, "mood", coder="A", items=items) == {}
    with running(store, "add", parameters={"source": "/pictures"}) as later:
        people.append_labels(store, [Label(items[0], "face", "yes", "A")], later.id)
    assert people.said_by(store, "face", coder="A", items=items) == {items[0]: ("yes", "/pictures")}


def test_an_unknown_variable_lists_near_ones(store, run, items):
    with pytest.raises(UnknownName, match="no variable yet"):
        people.label_log(store, "face")
    people.append_labels(store, [Label(items[0], "face", "yes")], run)
    assert people.variables(store) == ["face"]
    with pytest.raises(UnknownName, match="Did you mean 'face'"):
        people.label_log(store, "fase")


def test_the_newest_split_of_a_variable_counts(store, run, items):
    def write(part, method="random", variable="face"):
        return people.write_split(
            store,
            variable,
            dict.fromkeys(items, part),
            shares="80/20",
            seed=1,
            method=method,
            run=run,
        )

    assert people.latest_split(store, "face") is None
    first, second = write("train", "folders"), write("val")
    write("test", variable="mood")
    assert people.latest_split(store, "face") == second
    assert people.latest_split(store, "face", method="folders") == first
    assert people.latest_split(store, "face", method="magic") is None
    assert people.split_parts(store, second) == dict.fromkeys(items, "val")


def test_a_split_with_an_impossible_part_is_not_written_at_all(store, run, items):
    parts = {items[0]: "train", items[1]: "dev"}
    with pytest.raises(sqlite3.IntegrityError):
        people.write_split(store, "face", parts, shares="50/50", seed=1, method="random", run=run)
    assert people.latest_split(store, "face") is None


@pytest.fixture
def split(store, run, items):
    parts = {items[0]: "train", items[1]: "val"}
    return people.write_split(
        store, "face", parts, shares="50/50", seed=1, method="random", run=run
    )


def test_a_model_is_written_down_and_replaced(store, run, split):
    for accuracy in (0.9, math.nan):
        card = {"name": "m", "variable": "face", "val": {"accuracy": accuracy}}
        people.write_model(store, card, split=split, digest="ab", run=run)
    (found,) = people.models(store)
    assert found["card"]["val"] == {"accuracy": None}
    assert people.model(store, "m")["hash"] == "ab"
    with pytest.raises(UnknownName, match="Known: m"):
        people.model(store, "n")


def test_validations_newest_of_each(store, run):
    split = people.write_split(store, "face", {}, shares="", seed=1, method="", run=run)
    people.write_model(store, {"name": "m", "variable": "face"}, split=split, digest="ab", run=run)
    scores = [{"metric": "accuracy", "estimate": 0.8}]
    about = {"kind": "model", "subject": "m", "subject_hash": "ab", "variable": "face"}
    write_results(store, run, scores, command="validate", **about)

    def write(subject, part, accuracy):
        result = {
            "kind": "model",
            "subject": subject,
            "variable": "face",
            "part": part,
            "accuracy": accuracy,
            "rows": [(1, math.inf)],
        }
        people.write_validation(store, result, digest="ab", run=run)

    write("m", "test", 0.8)
    write("m", "val", math.nan)
    write("m", "test", 0.9)
    found = people.validations(store)
    assert [(one["part"], one["accuracy"]) for one in found] == [("val", None), ("test", 0.9)]
    assert found[0]["rows"] == [[1, None]]
    assert [(row["score"], row["estimate"]) for row in found[0]["table"]] == [("accuracy", 0.8)]
    people.write_model(store, {"name": "m", "variable": "face"}, split=split, digest="cd", run=run)
    assert people.validations(store) == []

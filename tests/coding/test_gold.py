"""Gold labels from the log of labels."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacorpus.coding.gold import RULES, current_labels, gold
from mediacorpus.errors import LabelError, ParameterError


def _log(*rows, variable="protest"):
    frame = pd.DataFrame(rows, columns=["item", "coder", "value"])
    return frame.assign(variable=variable, id=range(1, len(frame) + 1))


def _values(found):
    return dict(zip(found.labels["item"], found.labels["value"], strict=True))


def test_the_latest_label_of_a_coder_counts():
    log = _log(("a", "x", "1"), ("a", "y", "1"), ("a", "x", "0"))
    found = current_labels(log)
    assert found[["coder", "value"]].to_numpy().tolist() == [["x", "0"], ["y", "1"]]


@pytest.mark.parametrize("empty", ["", "  ", None, float("nan")])
def test_an_empty_value_withdraws_the_label(empty):
    log = _log(("a", "x", "1"), ("a", "y", "0"), ("a", "x", empty))
    assert current_labels(log)["coder"].tolist() == ["y"]
    again = pd.concat([log, _log(("a", "x", "1")).assign(id=9)])
    assert current_labels(again)["coder"].tolist() == ["x", "y"]


def test_the_running_number_decides_not_the_order_of_rows_or_the_clock():
    log = _log(("a", "x", "old"), ("a", "x", "new")).assign(time=["2024-02", "2024-01"])
    assert current_labels(log[::-1])["value"].tolist() == ["new"]
    assert current_labels(log.rename(columns={"id": "label"})[::-1])["value"].tolist() == ["new"]
    assert current_labels(log.drop(columns="id"))["value"].tolist() == ["old"]
    assert current_labels(log.drop(columns=["id", "time"]))["value"].tolist() == ["new"]


def test_variables_and_coders_are_kept_apart():
    log = pd.concat([_log(("a", "x", "1")), _log(("a", "x", "2"), variable="other")])
    assert len(current_labels(log)) == 2
    nobody = _log(("a", None, "1"), ("a", "", "0"))
    assert current_labels(nobody)["value"].tolist() == ["0"]


def test_current_labels_of_current_labels_are_the_same():
    once = current_labels(_log(("b", "x", "1"), ("a", "y", "0"), ("b", "x", "0")))
    pd.testing.assert_frame_equal(current_labels(once), once)


def test_a_log_without_its_columns_is_refused():
    with pytest.raises(LabelError, match="lacks 'coder', 'value'; found: item, variable"):
        current_labels(pd.DataFrame({"item": ["a"], "variable": ["v"]}))


LOG = _log(
    ("a", "x", "1"), ("a", "y", "1"), ("a", "z", "0"),
    ("b", "x", "0"), ("b", "y", "1"),
    ("c", "x", "0"), ("c", "y", "0"),
    ("d", "x", "1"), ("d", "y", "2"), ("d", "z", "3"),
)  # fmt: skip


def test_majority():
    found = gold(LOG)
    assert _values(found) == {"a": "1", "c": "0"}
    assert found.labels["coders"].tolist() == [3, 2]
    assert found.labels["agreed"].tolist() == [False, True]
    assert found.unresolved.to_numpy().tolist() == [
        ["b", "0 1, 1 1", 2, "a tie between 0 and 1"],
        ["d", "1 1, 2 1, 3 1", 3, "a tie between 1 and 2 and 3"],
    ]


def test_majority_needs_more_votes_than_any_other_value_not_half_of_all():
    log = _log(("a", "w", "x"), ("a", "x", "x"), ("a", "y", "y"), ("a", "z", "z"))
    assert _values(gold(log)) == {"a": "x"}


def test_unanimous():
    found = gold(LOG, rule="unanimous")
    assert _values(found) == {"c": "0"}
    assert found.unresolved["item"].tolist() == ["a", "b", "d"]
    assert found.unresolved["reason"][0] == "coders disagree between 0 and 1"
    assert found.unresolved["votes"][0] == "0 1, 1 2"


def test_any():
    found = gold(LOG, rule="any", positive="1")
    assert _values(found) == {"a": "1", "b": "1", "c": "0", "d": "1"}
    assert found.labels["agreed"].tolist() == [False, False, True, False]
    assert found.labels["coders"].tolist() == [3, 2, 2, 3]
    rest = gold(LOG, rule="any", positive="3")
    assert _values(rest) == {"a": "1", "c": "0", "d": "3"}
    assert rest.unresolved["item"].tolist() == ["b"]


def test_any_needs_a_positive_value_that_exists():
    with pytest.raises(ParameterError, match="needs the positive value"):
        gold(LOG, rule="any")
    with pytest.raises(LabelError, match="Nobody gave the value 'yes'; found: 0, 1, 2, 3"):
        gold(LOG, rule="any", positive="yes")


def test_mean_and_median():
    log = _log(
        ("a", "x", "0"), ("a", "y", "2"), ("a", "z", "10"), ("b", "x", "3.5"), ("b", "y", "3.50")
    )
    assert _values(gold(log, rule="mean")) == {"a": 4, "b": 3.5}
    found = gold(log, rule="median")
    assert _values(found) == {"a": 2, "b": 3.5}
    assert found.labels["agreed"].tolist() == [False, True]
    assert found.labels["coders"].tolist() == [3, 2]
    assert found.unresolved.empty


@pytest.mark.parametrize("odd", ["yes", "nan", "inf"])
def test_numbers_are_needed_for_a_mean(odd):
    with pytest.raises(
        LabelError, match=f"The mean needs numbers, but item 'b' is labelled '{odd}'"
    ):
        gold(_log(("a", "x", "1"), ("b", "x", odd)), rule="mean")


def test_blanks_around_values_do_not_make_a_difference():
    assert _values(gold(_log(("a", "x", "yes"), ("a", "y", " yes ")))) == {"a": "yes"}


def test_withdrawn_labels_have_no_vote():
    log = _log(("a", "x", "1"), ("a", "y", "0"), ("a", "y", ""))
    assert _values(gold(log)) == {"a": "1"}


@pytest.mark.parametrize("rule", RULES)
def test_a_log_with_nothing_left_gives_empty_frames(rule):
    log = _log(("a", "x", "1"), ("a", "x", ""), ("b", "x", "1"), ("b", "x", ""))
    if rule == "any":
        with pytest.raises(LabelError, match="Nobody gave"):
            gold(log, rule=rule, positive="1")
        return
    found = gold(log, rule=rule)
    assert found.labels.empty
    assert found.unresolved.empty
    assert list(found.labels.columns) == ["item", "value", "coders", "agreed"]
    assert list(found.unresolved.columns) == ["item", "votes", "coders", "reason"]


def test_unknown_rules_and_several_variables_are_refused():
    with pytest.raises(ParameterError, match="no rule 'most' for gold labels; use majority"):
        gold(LOG, rule="most")
    with pytest.raises(LabelError, match="one variable; the log holds 2: a, b"):
        gold(pd.concat([_log(("i", "x", "1"), variable="a"), _log(("i", "x", "1"), variable="b")]))


VOTES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("uvwxyz"), st.sampled_from(["0", "1", "2"])),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(VOTES, st.sampled_from(["majority", "unanimous"]))
def test_every_labelled_item_is_either_resolved_or_not(votes, rule):
    log = _log(*votes)
    found = gold(log, rule=rule)
    resolved, open_ = set(found.labels["item"]), set(found.unresolved["item"])
    assert resolved | open_ == {item for item, _, _ in votes}
    assert not resolved & open_
    latest = {(item, coder): value for item, coder, value in votes}
    for row in found.labels.itertuples():
        said = [value for (item, _), value in latest.items() if item == row.item]
        others = [said.count(value) for value in set(said) - {row.value}]
        assert row.coders == len(said)
        assert row.agreed == (not others)
        assert all(said.count(row.value) > n for n in others)
        assert rule == "majority" or row.agreed

"""Groups that share values, and the surplus of the larger classes."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacorpus.coding.split_groups import column_values, join_groups, surplus

VALUES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2), st.lists(st.integers(0, 9), max_size=3)
)


def _reachable(values, start):
    """Walk from item to item over shared values."""
    found, ahead = {start}, [start]
    while ahead:
        own = set(values[ahead.pop()])
        new = {i for i, other in values.items() if own & set(other)} - found
        found |= new
        ahead += new
    return found


@given(VALUES)
def test_groups_are_what_can_be_reached_over_shared_values(values):
    groups = join_groups(values)
    assert list(groups) == list(values)
    for item, own in values.items():
        if own:
            together = {i for i, number in groups.items() if number == groups[item]}
            assert together == _reachable(values, item)
        else:
            assert groups[item] is None


def test_a_long_chain_is_one_group():
    chain = {f"i{n}": [n, n + 1] for n in range(20_000)}
    assert set(join_groups(chain).values()) == {0}


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["train", "val"]))))
def test_surplus_makes_the_training_classes_equal_and_touches_nothing_else(drawn):
    labels = {str(n): label for n, (label, _) in enumerate(drawn)}
    parts = {str(n): part for n, (_, part) in enumerate(drawn)}
    gone = surplus(parts, labels, seed=3)
    assert all(parts[item] == "train" for item in gone)
    before = Counter(labels[i] for i, part in parts.items() if part == "train")
    after = Counter(labels[i] for i, p in parts.items() if p == "train" and i not in set(gone))
    assert set(after) == set(before)
    assert set(after.values()) <= {min(before.values(), default=0)}
    shuffled = dict(reversed(parts.items()))
    assert surplus(shuffled, labels, seed=3) == gone


def test_another_seed_leaves_out_others():
    labels = {f"i{n}": "a" if n < 10 else "b" for n in range(60)}
    parts = dict.fromkeys(labels, "train")
    assert surplus(parts, labels, seed=1) == surplus(parts, labels, seed=1)
    assert surplus(parts, labels, seed=1) != surplus(parts, labels, seed=2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["007", " 7", None, ""], ["007", "7", "", ""]),
        (["7", "2000", "7", None], ["7", "2000", "7", ""]),
        ([7, 12, None, 7], ["7", "12", "", "7"]),
        ([7.0, 0.1, None, 7.5], ["7", "0.1", "", "7.5"]),
        ([True, False, None, True], ["True", "False", "", "True"]),
        ([7, "seven", 7.0, True], ["7", "seven", "7", "True"]),
        (
            ["2001-05-03", "2002-01-01", None, "2001-05-03"],
            ["2001-05-03", "2002-01-01", "", "2001-05-03"],
        ),
    ],
)
@pytest.mark.parametrize("name", ["author", "whose'", 'a "b"', "a.b", "größe"])
def test_values_of_every_form_as_text(corpus, tmp_path, save, name, values, expected):
    """By SQLite where it gives them as they are, and read from the JSON where it does not."""
    rows = []
    for n, value in enumerate(values):
        save(tmp_path / f"{n}.png", n)
        rows.append({"file": f"{n}.png"} | ({} if value is None else {name: value}))
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "posts.jsonl").write_text(lines, encoding="utf-8")
    corpus.add(tmp_path / "posts.jsonl", path_column="file", progress=False)
    found = column_values(corpus._store, list(corpus.records()["item"]), name)
    assert [(held or [""])[0] for held in found.values()] == expected

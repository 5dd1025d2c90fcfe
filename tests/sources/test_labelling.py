"""What a source says of a variable: kept as said, once, whatever the order."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediacorpus.sources.labelling import Labelling
from mediacorpus.sources.occurrence import Occurrence
from mediacorpus.store.runs import running


@pytest.fixture
def items(store, add, images):
    add(images)
    return [item for (item,) in store.rows("SELECT item FROM items ORDER BY n")]


@pytest.fixture
def one_pass(store, items):
    """Go over a source that states `(item number, label)` in this order, in small chunks."""

    def go(said, place="/here", size=3, parts=()):
        occurrences = [
            Occurrence(
                f"file:{n}", Path("x"), label=label, part=parts[k] if k < len(parts) else None
            )
            for k, (n, label) in enumerate(said)
        ]
        with running(store, "add", parameters={"source": place}) as run:
            labelling = Labelling(store, "kind", coder="folder", place=place, run=run.id)
            known = {f"file:{n}": item for n, item in enumerate(items)}
            added = sum(
                labelling.learn(occurrences[k : k + size], known)
                for k in range(0, len(occurrences), size)
            )
            return added, labelling.finish()

    return go


@pytest.fixture
def current(store, items):
    def look():
        found = {}
        for item, coder, value in store.rows(
            "SELECT item, coder, value FROM labels ORDER BY label"
        ):
            found.setdefault(items.index(item), {})[coder] = value
        return found

    return look


said = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "c"])), max_size=9)


@given(before=said, now=said, size=st.integers(1, 4))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_pass_says_all_that_the_source_says_and_once_is_enough(
    store, one_pass, current, before, now, size
):
    store.execute("DELETE FROM labels")
    one_pass(before, size=size)
    one_pass(now, size=size)
    for n in {n for n, _ in now}:
        stated = [label for m, label in now if m == n]
        opinions = current()[n]
        assert opinions["folder"] == stated[0]
        assert set(stated) <= set(opinions.values())
    log = store.rows("SELECT * FROM labels")
    added, _ = one_pass(now, size=size)
    assert added == 0
    assert store.rows("SELECT * FROM labels") == log


def test_items_without_label_and_occurrences_without_item(one_pass, current):
    added, notes = one_pass([(0, None), (1, "a"), (99, "b")])
    assert (added, current()) == (1, {1: {"folder": "a"}})
    assert notes == ["1 images are in no class by folder or name, and got no label."]


def test_two_sources_that_disagree_both_stay(one_pass, current):
    one_pass([(0, "a")], "/here")
    _, notes = one_pass([(0, "b")], "/there")
    assert current() == {0: {"folder": "a", "folder b": "b"}}
    assert "different labels" in notes[0]


def test_parts_become_a_split_once(store, one_pass):
    order = ("train", "val", "train")
    for wanted in (["The folders train/val became the split."], []):
        assert one_pass([(0, "a"), (1, "a"), (2, "b")], parts=order)[1] == wanted
    assert store.rows("SELECT part, count(*) FROM split_items GROUP BY part") == [
        ("train", 2),
        ("val", 1),
    ]

"""Splits: partition, strata, shares, groups, independence of order, and refusals."""

import math
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mediacorpus.coding.split import PARTS, draw_split, parse_shares
from mediacorpus.errors import SplitError

SHARES = st.sampled_from(["80/20", "80/10/10", "70/15/15", "50/50", "34/33/33", "95/5", "60/20/20"])


@st.composite
def labelled(draw, least=3):
    """Draw items with two to five classes, each with at least `least` items."""
    counts = draw(st.lists(st.integers(least, 40), min_size=2, max_size=5))
    labels = [f"class {i}" for i, n in enumerate(counts) for _ in range(n)]
    items = [f"item {i}" for i in range(len(labels))]
    return items, labels


def _table(items, labels, parts):
    return Counter((label, parts[item]) for item, label in zip(items, labels, strict=True))


@settings(deadline=None)
@given(labelled(), SHARES, st.integers(-5, 5))
def test_every_item_is_in_one_part_and_every_class_in_every_part(data, shares, seed):
    items, labels = data
    parts = draw_split(items, labels, shares=shares, seed=seed)
    names = PARTS[shares.count("/") + 1]
    assert list(parts) == sorted(items)
    assert set(_table(items, labels, parts)) == {(c, p) for c in set(labels) for p in names}


@settings(deadline=None)
@given(labelled(), SHARES)
def test_classes_follow_the_shares_within_rounding(data, shares):
    items, labels = data
    table = _table(items, labels, draw_split(items, labels, shares=shares, seed=1))
    fractions = parse_shares(shares)
    names = PARTS[len(fractions)]
    for label, n in Counter(labels).items():
        exact = [n * share for share in fractions]
        if min(exact) < 1:
            continue
        for name, value in zip(names, exact, strict=True):
            assert math.floor(value + 1e-9) <= table[label, name] <= math.ceil(value - 1e-9)


@settings(deadline=None)
@given(st.lists(st.integers(10, 40), min_size=2, max_size=12), st.sampled_from(["80/20", "70/30"]))
def test_parts_have_the_very_sizes_of_the_shares(counts, shares):
    labels = [str(i) for i, n in enumerate(counts) for _ in range(n)]
    parts = draw_split([f"i{k}" for k in range(len(labels))], labels, shares=shares, seed=0)
    wanted = len(labels) * parse_shares(shares)[1]
    assert abs(Counter(parts.values())["val"] - wanted) <= 0.5 + 1e-9


def test_many_small_classes_do_not_add_up_to_a_wrong_size():
    labels = [str(i) for i in range(100) for _ in range(12)]
    parts = draw_split([f"i{k}" for k in range(1200)], labels, shares="80/20", seed=0)
    assert Counter(parts.values()) == {"train": 960, "val": 240}


@settings(deadline=None)
@given(labelled(), st.tuples(SHARES, st.booleans()), st.randoms(use_true_random=False))
def test_the_order_of_the_items_does_not_matter(data, options, random):
    items, labels = data
    shares, grouped = options
    groups = [int(item.split()[1]) // 2 * 2 for item in items] if grouped else [None] * len(items)
    rows = list(zip(items, labels, groups, strict=True))

    def drawn(rows):
        i, c, g = zip(*rows, strict=True)
        try:
            return draw_split(i, c, shares=shares, seed=3, groups=g)
        except SplitError as error:
            return str(error)

    shuffled = rows[:]
    random.shuffle(shuffled)
    assert drawn(rows) == drawn(shuffled)


@settings(deadline=None)
@given(labelled(least=12), SHARES, st.integers(2, 3))
def test_groups_stay_together(data, shares, size):
    items, labels = data
    groups = [f"{label}-{i // size}" for i, label in enumerate(labels)]
    parts = draw_split(items, labels, shares=shares, seed=2, groups=groups)
    sides = {}
    for item, group in zip(items, groups, strict=True):
        assert sides.setdefault(group, parts[item]) == parts[item]
    names = PARTS[shares.count("/") + 1]
    assert set(_table(items, labels, parts)) == {(c, p) for c in set(labels) for p in names}
    for label, n in Counter(labels).items():
        for share, name in zip(parse_shares(shares), names, strict=True):
            found = sum(parts[i] == name for i, c in zip(items, labels, strict=True) if c == label)
            assert abs(found - n * share) <= 2 * size


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=30, max_size=60), st.data())
def test_groups_of_mixed_classes_stay_together(groups, data):
    labels = data.draw(st.lists(st.sampled_from("ab"), min_size=len(groups), max_size=len(groups)))
    items = [f"{i}" for i in range(len(groups))]
    assume(all(len({g for g, c in zip(groups, labels, strict=True) if c == k}) > 1 for k in "ab"))
    try:
        parts = draw_split(items, labels, shares="80/20", seed=0, groups=groups)
    except SplitError as error:
        assert "groups hold items of several classes" in str(error)  # noqa: PT017
        return
    for group in set(groups):
        assert len({parts[i] for i, g in zip(items, groups, strict=True) if g == group}) == 1
    assert len(set(_table(items, labels, parts))) == 4


def test_names_of_groups_do_not_matter_and_empty_ones_are_no_group():
    items, labels = [f"i{k:02}" for k in range(40)], ["a", "b"] * 20
    one = draw_split(items, labels, seed=1, groups=[k // 4 for k in range(40)])
    other = draw_split(items, labels, seed=1, groups=[f"author {99 - k // 4}" for k in range(40)])
    assert one == other
    alone = draw_split(items, labels, seed=1)
    for empty in (None, "", float("nan")):
        assert draw_split(items, labels, seed=1, groups=[empty] * 40) == alone


def test_a_large_group_goes_to_training_and_shares_still_hold():
    items = [f"i{k:03}" for k in range(200)]
    labels = ["a"] * 100 + ["b"] * 100
    groups = [0] * 60 + list(range(1, 41)) + [100 + k // 5 for k in range(100)]
    parts = draw_split(items, labels, shares="80/20", seed=4, groups=groups)
    assert {parts[i] for i in items[:60]} == {"train"}
    table = _table(items, labels, parts)
    assert table["a", "val"] == table["b", "val"] == 20


def test_every_part_gets_a_class_that_has_just_enough_large_groups():
    items = [f"i{k}" for k in range(8)]
    labels = ["a"] * 4 + ["b"] * 4
    groups = [1, 1, 2, 2, 3, 3, 4, 4]
    table = _table(items, labels, draw_split(items, labels, shares="90/10", groups=groups))
    assert table == {("a", "train"): 2, ("a", "val"): 2, ("b", "train"): 2, ("b", "val"): 2}


def test_the_same_seed_gives_this_very_split_for_ever():
    """Splits are part of published results: this must never change."""
    items = [f"picture-{k}.jpg" for k in range(20)]
    parts = draw_split(items, ["ants", "bees"] * 10, shares="80/10/10", seed=7)
    assert sorted(i for i, p in parts.items() if p == "val") == ["picture-10.jpg", "picture-9.jpg"]
    assert sorted(i for i, p in parts.items() if p == "test") == ["picture-1.jpg", "picture-12.jpg"]


def test_seeds_differ_and_every_item_is_validated_with_some_seed():
    items, labels = [str(k) for k in range(20)], ["a", "b"] * 10
    seen = Counter()
    for seed in range(400):
        seen.update(i for i, p in draw_split(items, labels, seed=seed).items() if p == "val")
    assert len(seen) == 20
    # Each item is drawn 80 times on average; sd 8 (binomial), so 4 sd is 32.
    assert all(abs(n - 80) < 36 for n in seen.values())


def test_class_imbalance_keeps_the_rare_class():
    labels = ["common"] * 997 + ["rare"] * 3
    items = [f"i{k}" for k in range(1000)]
    table = _table(items, labels, draw_split(items, labels, shares="80/10/10"))
    assert [table["rare", part] for part in ("train", "val", "test")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("80/20", (0.8, 0.2)),
        ("80/10/10", (0.8, 0.1, 0.1)),
        ("0.8/0.2", (0.8, 0.2)),
        (" 70 / 30 ", (0.7, 0.3)),
        ("80%/20%", (0.8, 0.2)),
        ("33.3/33.3/33.4", (0.333, 0.333, 0.334)),
    ],
)
def test_shares(text, shares):
    assert parse_shares(text) == pytest.approx(shares)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("80/10", r"sum to 90; they must sum to 100"),
        ("0.8/0.1", r"sum to 0\.9; they must sum to 100 \(or to 1\)"),
        ("100", r"are 1; two \(train/val\) or three"),
        ("40/30/20/10", "are 4"),
        ("120/-20", "above 0"),
        ("100/0", "above 0"),
        ("nan/20", "above 0"),
        ("inf/20", "above 0"),
        ("eighty/20", "not understood; write them like 80/20"),
        ("", "not understood"),
    ],
)
def test_wrong_shares_are_named(text, words):
    with pytest.raises(SplitError, match=words):
        parse_shares(text)


def test_shares_may_be_numbers():
    items, labels = [str(k) for k in range(20)], ["a", "b"] * 10
    expected = draw_split(items, labels, shares="80/20")
    assert draw_split(items, labels, shares=(80, 20)) == expected
    assert draw_split(items, labels, shares=[0.8, 0.2]) == expected
    with pytest.raises(SplitError, match="'80/30' sum to 110"):
        draw_split(items, labels, shares=(80, 30))


def _refused(words, items, labels, **options):
    with pytest.raises(SplitError, match=words) as caught:
        draw_split(items, labels, **options)
    assert "\n" not in str(caught.value)


def test_refusals():
    _refused(r"All 3 labelled items are 'a'; a split needs at least two classes", "xyz", "aaa")
    _refused("The class 'b' has 1 item; a split into 2 parts needs at least 2", "wxyz", "aaab")
    three = {"shares": "80/10/10"}
    _refused("The class 'b' has 2 items; a split into 3 parts", "vwxyz", "aaabb", **three)
    _refused("The item 'x' is there twice", "xxyz", "aabb")
    _refused("4 items and 3 labels", "wxyz", "aab")
    _refused("no labelled items", [], [])
    for empty in (None, "", float("nan")):
        _refused("The item 'y' has no label", "xyz", ["a", empty, "b"])
    _refused("4 items and 1 groups", "wxyz", "aabb", groups=[1])
    _refused(
        "The 2 items of the class 'a' are in 1 group that must stay together",
        "wxyz", "aabb", groups=[1, 1, None, None],
    )  # fmt: skip


def test_groups_that_tie_all_classes_together_are_refused():
    groups = [1, 2, 2, 3, 1, 3]
    _refused("groups hold items of several classes", "abcdef", "xxyyzz", groups=groups)


def test_fifty_thousand_items_take_seconds():
    items = [f"i{k}" for k in range(50_000)]
    parts = draw_split(items, [str(k % 7) for k in range(50_000)], shares="80/10/10")
    assert Counter(parts.values()) == {"train": 40_000, "val": 5_000, "test": 5_000}


@settings(max_examples=60, deadline=None)
@given(labelled(least=3), SHARES, st.integers(2, 12), st.integers(0, 3))
def test_partial_splits_keep_groups_and_fill_every_part(data, shares, number, seed):
    items, labels = data
    groups = [int(item.split()[1]) % number for item in items]
    names = PARTS[shares.count("/") + 1]
    if len(set(groups)) < len(names):
        _refused("in 2 groups that must", items, labels, shares=shares, groups=groups, partial=True)
        return
    parts = draw_split(items, labels, shares=shares, seed=seed, groups=groups, partial=True)
    assert set(parts.values()) == set(names)
    for group in set(groups):
        assert len({parts[i] for i, g in zip(items, groups, strict=True) if g == group}) == 1
    assert parts == draw_split(items, labels, shares=shares, seed=seed, groups=groups, partial=True)


def test_partial_gives_a_class_in_one_group_to_training():
    items = [f"i{k:02}" for k in range(60)]
    labels = ["lone"] * 10 + ["a", "b"] * 25
    groups = [0] * 10 + [1 + k // 5 for k in range(50)]
    parts = draw_split(items, labels, groups=groups, partial=True)
    assert {parts[i] for i in items[:10]} == {"train"}
    sizes = Counter(parts.values())
    assert 8 <= sizes["val"] <= 16
    _refused("10 items of the class 'lone' are in 1 group", items, labels, groups=groups)


def test_partial_of_one_group_is_refused():
    _refused("All 4 labelled items are in one group", "wxyz", "aabb", groups=[1] * 4, partial=True)

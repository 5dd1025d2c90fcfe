"""What belongs together in a split belongs together in every score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.coding.split_groups import groups_by
from mediacorpus.coding.splitting import column_of_split
from mediacorpus.errors import ParameterError
from mediacorpus.store import people
from mediacorpus.validation.predictions import Gold, column_of, gold_of, groups_for, held_out

AUTHORS = 12


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    """Sixty images by a dozen authors, of whom some post what others have posted."""
    folder = tmp_path_factory.mktemp("groups")
    rng = np.random.default_rng(3)
    rows = []
    for n in range(60):
        pixels = rng.integers(0, 90, (24, int(rng.integers(24, 60)), 3), dtype=np.uint8)
        pixels[..., 0 if n % 2 else 2] += 120
        Image.fromarray(pixels).save(folder / f"{n:02}.png")
        rows.append((f"{n:02}.png", f"author {n % AUTHORS}", ["red", "blue"][n % 2]))
    # Images 0 and 14 were posted by two people each, so that these are one group.
    rows += [("00.png", "author 1", "red"), ("14.png", "author 3", "red")]
    table = pd.DataFrame(rows, columns=["file", "author", "tone"])
    table["year"] = [2000 + n % 5 for n in range(len(table))]
    table.to_csv(folder / "posts.csv", index=False)
    corpus = mc.Corpus.create(folder / "corpus")
    corpus.add(folder / "posts.csv", variable="tone", progress=False)
    corpus.measure("facts", progress=False)
    corpus.split("tone", shares="50/50", cluster="author")
    for name in ("first", "second"):
        corpus.train(
            "tone",
            name=name,
            method="shallow",
            model="naive_bayes",
            features="facts",
            seed=1 if name == "first" else 2,
            progress=False,
        )
        corpus.apply(name, progress=False)
    return corpus


def held(corpus: mc.Corpus) -> tuple[dict[str, Any], Gold, list[str]]:
    store = corpus._store
    model, gold = people.model(store, "first"), gold_of(store, "tone")
    items, _, _ = held_out(store, model, gold)
    return model, gold, list(items)


def test_split_and_scores_form_the_same_groups(corpus: mc.Corpus) -> None:
    model, gold, items = held(corpus)
    store = corpus._store
    of_split = groups_by(store, list(gold.labels), "author")
    assert len(set(of_split.values())) == AUTHORS - 2
    parts = people.split_parts(store, model["split"])
    for group in set(of_split.values()):
        assert len({parts[item] for item in gold.labels if of_split[item] == group}) == 1
    for by in ("author", None):
        found, _ = groups_for(store, model, items, gold=gold, cluster=by)
        assert found == [of_split[item] for item in items]


def test_groups_are_joined_through_items_that_are_not_scored(corpus: mc.Corpus) -> None:
    _, gold, _ = held(corpus)
    store = corpus._store
    posted = {r[0]: r[1] for r in store.rows("SELECT path, item FROM records ORDER BY record DESC")}
    first, other = (
        next(i for p, i in posted.items() if p.endswith(n)) for n in ("12.png", "13.png")
    )
    alone = groups_by(store, [first, other], "author")
    assert alone[first] != alone[other]
    joined = groups_by(store, [first, other], "author", among=gold.labels)
    assert joined[first] == joined[other]


def test_validate_draws_the_groups_of_the_split_unless_told_otherwise(corpus: mc.Corpus) -> None:
    usual = corpus.validate("first", against="tone")
    named = corpus.validate("first", against="tone", cluster="author")
    items = corpus.validate("first", against="tone", cluster="none")
    assert usual.scores.to_dict() == named.scores.to_dict()
    assert items.scores.accuracy.estimate == usual.scores.accuracy.estimate
    assert items.scores.to_dict() != usual.scores.to_dict()
    [note] = [note for note in usual.warnings if "groups of author" in note]
    assert "drawing whole groups" in note
    assert "--cluster none" in note
    for other in (named, items):
        assert not any("groups of author" in note for note in other.warnings)
    with pytest.raises(ParameterError, match="'nobody'"):
        corpus.validate("first", against="tone", cluster="nobody")


def test_compare_draws_the_same_groups(corpus: mc.Corpus) -> None:
    model, gold, items = held(corpus)
    groups, _ = groups_for(corpus._store, model, items, gold=gold, cluster="author")
    found = corpus.compare("tone", cluster="author", progress=False)
    assert found.groups == len(set(groups or ()))


def test_an_audit_reads_all_records_of_an_item(corpus: mc.Corpus) -> None:
    _, gold, _ = held(corpus)
    both = [v for v in column_of(corpus._store, list(gold.labels), "author") if v and "," in v]
    assert sorted(both) == ["author 0, author 1", "author 2, author 3"]
    assert set(column_of(corpus._store, ["nobody"], "year")) == {None}
    assert all(
        v is None or isinstance(v, str) for v in column_of(corpus._store, list(gold.labels), "year")
    )


def test_a_split_without_groups_changes_nothing(corpus: mc.Corpus) -> None:
    store = corpus._store
    corpus.split("tone", shares="50/50")
    newest = people.latest_split(store, "tone")
    assert newest is not None
    assert column_of_split(store, newest) is None
    model, gold, items = held(corpus)
    found = groups_for(store, {**model, "split": newest}, items, gold=gold, cluster=None)
    assert found == (None, [])


def test_one_group_alone_is_no_sample(corpus: mc.Corpus) -> None:
    model, gold, items = held(corpus)
    groups = groups_by(corpus._store, items, "author", among=gold.labels)
    alike = [item for item in items if groups[item] == groups[items[0]]]
    found, [note] = groups_for(corpus._store, model, alike, gold=gold, cluster=None)
    assert found is None
    assert "all of these items belong to one group" in note

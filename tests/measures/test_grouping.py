"""Which tags a measure knows, and tags summed up to groups."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import ParameterError, SourceError, UnknownName
from mediacorpus.measures.imagenet import class_names, classes_of, kinds_of, synsets
from mediacorpus.measures.known_tags import measures_of
from mediacorpus.testing import toy_images


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> mc.Corpus:
    folder = tmp_path_factory.mktemp("grouping")
    images = toy_images(folder / "toys", 4)
    made = mc.Corpus.create(folder / "corpus")
    made.add(images, progress=False)
    names = [path.name for path in images]
    rows = [(names[0], "Crowd", 0.9), (names[0], "People", 0.8), (names[1], "Cup", 0.7)]
    rows += [(names[2], "People", 0.6), (names[3], "", 0.0)]
    made.import_measure("aws", pd.DataFrame(rows, columns=["file", "tag", "score"]), shape="tag")
    made.measure("tags", top=1000, progress=False)
    return made


def test_the_network_has_a_thousand_classes_each_below_one_root():
    assert len(class_names()) == 1000
    assert all("n00001740" in _above(wnid) for wnid in class_names())
    assert [one for one in synsets() if synsets()[one].is_class] == list(class_names())


def _above(wnid: str) -> set[str]:
    up = set(synsets()[wnid].above)
    return up.union(*map(_above, up)) if up else up


@pytest.mark.parametrize(
    ("word", "count", "one"),
    [
        ("animal", 398, "tench"),
        ("Dog", 118, "beagle"),
        ("musical_instrument", 26, "banjo"),
        ("vehicle", 67, "airliner"),
        ("food", 48, "guacamole"),
        ("building", 14, "barn"),
        ("person", 3, "groom"),
        ("plant", 2, "daisy"),
        ("tabby cat", 1, "tabby"),
    ],
)
def test_words_have_the_classes_below_them(word, count, one):
    found = classes_of(word)
    assert (len(found), one in found) == (count, True)


def test_a_word_without_classes_has_none():
    assert classes_of("protest") == []


def test_kinds_go_from_the_nearest_to_the_general():
    [wnid] = [wnid for wnid, name in class_names().items() if name == "beagle"]
    kinds = kinds_of(wnid)
    assert kinds.index("hound") < kinds.index("dog") < kinds.index("animal")


def test_the_tags_of_the_network_are_listed_without_a_corpus():
    assert len(measures_of(None, labels="tags")) == 1000
    found = measures_of(None, labels="tags", search="cat")
    assert "tabby" in found["tag"].tolist()
    assert "duplicate" not in " ".join(found["names"])
    assert "bullfrog" not in found["tag"].tolist()
    assert "tags" in measures_of(None)["name"].tolist()


def test_imported_tags_are_listed_with_their_numbers_of_images(corpus):
    found = corpus.measures(labels="aws")
    assert found.to_dict("list") == {"tag": ["People", "Crowd", "Cup"], "images": [2, 1, 1]}
    assert corpus.measures().set_index("name").loc["aws", "items"] == 4
    assert corpus.measures(labels="tags")["images"].tolist() == [4] * 1000


@pytest.mark.parametrize(
    ("labels", "search", "error", "words"),
    [
        ("tgs", None, UnknownName, "Did you mean 'tags'"),
        ("color", None, ParameterError, "gives no tags, but columns of values"),
        ("tags", "protest", ParameterError, "None of the 1,000 tags"),
        (None, "dog", ParameterError, "--labels"),
    ],
)
def test_what_is_not_there_is_said(labels, search, error, words):
    with pytest.raises(error, match=words):
        measures_of(None, labels=labels, search=search)


def test_groups_of_the_network_are_sums_and_columns(corpus):
    found = corpus.group_tags("kinds", "animal,artifact", progress=False)
    assert (found.groups, found.summed) == ({"animal": 398, "artifact": 522}, True)
    rows = corpus.table("kinds")
    assert len(rows) == 8
    tags = corpus.table("tags")
    animal = tags[tags["tag"].isin(classes_of("animal"))].groupby("item")["score"].sum()
    own = rows[rows["tag"] == "animal"].set_index("item")["score"]
    pd.testing.assert_series_equal(own.sort_index(), animal.sort_index(), check_names=False)
    tidy = corpus.table(columns="kinds,kinds_animal,kinds_artifact")
    assert tidy["kinds_animal"].notna().all()
    corpus.import_labels(
        pd.DataFrame({"item": own.index, "variable": "v", "value": ["yes", "no"] * 2})
    )
    one, other = (
        corpus.validate(f"{table}:animal>=0.2", against="v", progress=False).scores.confusion
        for table in ("kinds", "tags")
    )
    assert one == other


def test_own_lists_of_imported_tags_take_the_best(corpus, tmp_path):
    path = tmp_path / "lists.csv"
    path.write_text("group,tag\ncrowded,Crowd\ncrowded,people\nkitchen,Cup\n")
    found = corpus.group_tags("crowds", path, of="aws", progress=False)
    assert (found.summed, found.file, found.items) == (False, "lists.csv", 4)
    tidy = corpus.table(columns="crowds,crowds_crowded,crowds_kitchen")
    assert sorted(tidy["crowds_crowded"]) == [0.0, 0.0, 0.6, 0.9]
    assert tidy["crowds"].isna().sum() == 1
    [origin] = corpus.table("measures").query("measure == 'crowds'").to_dict("records")
    assert (origin["file"], origin["items"]) == ("lists.csv", 4)


def test_update_groups_again(corpus):
    corpus.group_tags("again", {"crowded": ["Crowd"]}, of="aws", progress=False)
    steps = {step.command: step for step in corpus.update().steps}
    assert not any(step.skipped for name, step in steps.items() if name.startswith("measures gr"))


@pytest.mark.parametrize(
    ("groups", "of", "error", "words"),
    [
        ("animal,protest", "tags", ParameterError, "no tag 'protest'"),
        ({"x": ["Crwd"]}, "aws", ParameterError, "did you mean 'Crowd'"),
        ("animal", "aws", ParameterError, "no tag 'animal'"),
        ("animal", "color", UnknownName, "color"),
        ({}, "tags", ParameterError, "at least one group"),
        (" , ", "tags", ParameterError, "at least one group"),
        ("none.csv", "tags", SourceError, "no file"),
    ],
)
def test_groups_that_cannot_be_are_refused(corpus, groups, of, error, words):
    with pytest.raises(error, match=words):
        corpus.group_tags("bad", groups, of=of, progress=False)


def test_a_table_of_groups_needs_its_columns(corpus, tmp_path: Path):
    (tmp_path / "lists.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="'group' and 'tag'"):
        corpus.group_tags("bad", tmp_path / "lists.csv", progress=False)

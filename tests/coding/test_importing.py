"""Labels from a table, as a person's spreadsheet has them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.testing import toy_images


@pytest.fixture
def corpus(tmp_path: Path) -> mc.Corpus:
    toy_images(tmp_path / "images", 6)
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


def test_answers_without_a_coder_that_differ_ask_who_gave_them(corpus):
    found = corpus.import_labels(table(corpus, (0, "no", ""), (0, "yes", "")))
    assert found.labels == 2
    assert "name the column that says whose they are `coder`" in str(found)


def test_a_later_table_corrects_an_earlier_one(corpus):
    corpus.import_labels(table(corpus, (0, "no", "ada")))
    found = corpus.import_labels(table(corpus, (0, "yes", "ada")))
    assert (found.labels, found.contradictory) == (1, [])
    assert corpus.gold("crowd")["value"].tolist() == ["yes"]

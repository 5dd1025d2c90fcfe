"""A model's scores by groups of items, from columns of the records or other labels."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import mediacorpus as mc
from mediacorpus.errors import ParameterError, UnknownName

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("audit"))


def test_groups_by_a_column(corpus: mc.Corpus) -> None:
    frame = corpus.audit("first", against="red", by="region").to_frame()
    assert {"north", "south"} <= set(frame["group"])
    assert set(frame["by" if "by" in frame else "column"]) == {"region"}


def test_groups_by_labels_and_several_columns(corpus: mc.Corpus) -> None:
    found = corpus.audit("first", against="red", by=["region", "tags"])
    assert "tags" in str(found)
    again = corpus.audit("first", against="red", by="region, tags")
    assert again.to_dict() == found.to_dict()
    assert "audit" in set(corpus.runs()["verb"])


def test_what_cannot_be_audited(corpus: mc.Corpus) -> None:
    with pytest.raises(ParameterError, match="--by gender"):
        corpus.audit("first", against="red", by=[])
    with pytest.raises(ParameterError, match="No record has"):
        corpus.audit("first", against="red", by="gender")
    for name in ("degree", "several"):
        with pytest.raises(ParameterError, match="does not learn classes"):
            corpus.audit(name, against="red", by="region")
    assert corpus.audit("idle", against="red", by="region").n > 0, "it is applied first"
    with pytest.raises(UnknownName):
        corpus.audit("third", against="red", by="region")

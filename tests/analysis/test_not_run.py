"""A measure that has not been run is named, with the command that runs it, at every door."""

from __future__ import annotations

import pytest

import mediacorpus as mc
from mediacorpus.errors import UnknownName
from mediacorpus.testing import toy_images

DOORS = {
    "table": lambda corpus: corpus.table("quality"),
    "column": lambda corpus: corpus.table(columns="quality.brightness"),
    "column alone": lambda corpus: corpus.table(columns="brightness"),
    "summed": lambda corpus: corpus.table("quality", by="video"),
    "sql": lambda corpus: corpus.sql("SELECT count(*) FROM quality WHERE brightness > 0.5"),
    "where": lambda corpus: corpus.select(where="quality.brightness > 0.5"),
    "where alone": lambda corpus: corpus.select(where="brightness > 0.5"),
    "plot": lambda corpus: corpus.plot("brightness"),
    "gallery": lambda corpus: corpus.gallery(sort="brightness"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> mc.Corpus:
    folder = tmp_path_factory.mktemp("not_run")
    made = mc.Corpus.create(folder / "corpus")
    made.add(toy_images(folder / "toys", 2), progress=False)
    return made


@pytest.mark.parametrize("door", DOORS)
def test_it_is_said_how_to_run_it(corpus, door):
    with pytest.raises(UnknownName, match=r"'quality'.* has not been run here.*measure .* quality"):
        DOORS[door](corpus)


def test_what_no_measure_gives_is_unknown_as_before(corpus):
    with pytest.raises(UnknownName, match="There is no table 'qualty'"):
        corpus.table("qualty")
    with pytest.raises(UnknownName, match="There is no column 'brightnes'"):
        corpus.table(columns="brightnes")

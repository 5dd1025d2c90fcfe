"""The method that was called `probe`: asked for by that name, and read from what it wrote."""

from __future__ import annotations

import json
import runpy
import tarfile
from pathlib import Path

import pytest

import mediacorpus as mc
from mediacorpus.cli import main
from mediacorpus.errors import FormerName, UnknownName
from mediacorpus.learning.model import load_model
from mediacorpus.learning.settings import TrainSettings

FORMER = Path(__file__).parents[1] / "store" / "former.tar.gz"
SAID = "The method 'probe' is now called 'linear'."
made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("former"))


def test_settings_take_it_with_one_sentence() -> None:
    with pytest.warns(FormerName, match=SAID):
        assert TrainSettings("probe") == TrainSettings("linear")
    with pytest.raises(UnknownName, match="linear"):
        TrainSettings("prob").check()


def test_training_and_grids_take_it_and_write_the_present_name(corpus: mc.Corpus) -> None:
    with pytest.warns(FormerName, match=SAID):
        trained = corpus.train("red", name="old", method="probe", augment=False, progress=False)
    assert trained.card["method"] == trained.card["settings"]["method"] == "linear"
    corpus.train("red", name="old", method="linear", augment=False, progress=False)
    with pytest.warns(FormerName, match=SAID):
        old = corpus.grid("red", method="probe", C=[0.1], folds=None, progress=False)
    new = corpus.grid("red", method="linear", C=[0.1], folds=None, progress=False)
    assert old.folder == new.folder


@pytest.mark.filterwarnings("default::mediacorpus.errors.FormerName")
@pytest.mark.parametrize(
    "command", [["train", "--name", "cli", "--no-augment"], ["grid", "--C", "1"]]
)
def test_the_command_line_says_it_in_a_line(
    corpus: mc.Corpus, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    name, *more = command
    with pytest.raises(SystemExit) as end:
        main([name, str(corpus.folder), "red", "--method", "probe", *more, "--json"])
    printed = capsys.readouterr()
    assert end.value.code == 0
    assert printed.err.splitlines() == [f"{SAID} The former name works in this version only."]
    json.loads(printed.out)


def test_models_of_that_name_are_read_and_shown_by_the_present_one(tmp_path: Path) -> None:
    with tarfile.open(FORMER) as archive:
        archive.extractall(tmp_path, filter="data")
    with mc.Corpus(tmp_path / "corpus") as corpus:
        folder = corpus.folder / "models" / "quick"
        assert '"probe"' in (folder / "model.json").read_text("utf-8")
        assert load_model(folder).card["method"] == "linear"
        assert corpus.apply("quick", progress=False).failed == 0
        card = corpus.card("quick")
        assert card.facts["model"]["method"] == card.facts["settings"]["method"] == "linear"
        page = corpus.report().read_text("utf-8")
        assert "probe" not in page
        assert "logistic regression on the fixed embeddings" in page
        assert len(corpus.runs())

"""Grid, compare, audit, architecture and validate on the command line."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

import mediacorpus as mc
from mediacorpus.cli.trust import values_of
from mediacorpus.errors import ParameterError

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))
Said = tuple[int, str, str]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("trust"))


def test_lists_of_numbers() -> None:
    found = values_of({"lr": ".001, 1", "batch_size": "4"})
    assert found == {"lr": [0.001, 1], "batch_size": [4]}
    assert isinstance(found["batch_size"][0], int)
    with pytest.raises(ParameterError, match="--batch-size"):
        values_of({"batch_size": "4,many"})


def test_a_grid_of_whole_trainings(corpus: mc.Corpus, run: Callable[..., Said]) -> None:
    given = ["--method", "scratch", "--arch", "lenet", "--epochs", "1", "--folds", "0"]
    code, out, _ = run("grid", corpus.folder, "red", *given, "--class-weights", "yes,no", "--json")
    assert code == 0
    assert [row["class_weights"] for row in json.loads(out)["table"]] == [True, False]
    code, _, err = run("grid", corpus.folder, "red", "--optimizer", "adam")
    assert code == 1
    assert "--method finetune" in err


def test_compare(corpus: mc.Corpus, run: Callable[..., Said]) -> None:
    code, out, _ = run("compare", corpus.folder, "red", "--models", "first, second", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(
        json.dumps(corpus.compare("red", models=["first", "second"]).to_dict())
    )
    code, _, err = run("compare", corpus.folder, "red", "--models", "first,degree")
    assert code == 1
    assert "does not learn classes" in err


def test_audit(corpus: mc.Corpus, run: Callable[..., Said], tmp_path: Path) -> None:
    table = tmp_path / "audit.csv"
    code, out, _ = run(
        "audit", corpus.folder, "first", "--against", "red", "--by", "region", "-o", table
    )
    assert code == 0
    assert "north" in out
    assert "north" in table.read_text("utf-8")


def test_architecture(corpus: mc.Corpus, run: Callable[..., Said], tmp_path: Path) -> None:
    code, out, _ = run("architecture", corpus.folder, "first", "-o", tmp_path / "a.svg", "--json")
    assert code == 0
    rows = json.loads(out)
    assert rows
    assert (tmp_path / "a.svg").stat().st_size > 1000
    code, _, err = run("architecture", corpus.folder, "nothing")
    assert code == 1
    assert err.startswith("Error: ")


def test_validate_with_an_aim(corpus: mc.Corpus, run: Callable[..., Said]) -> None:
    where = (corpus.folder, "first", "--against", "red")
    code, out, _ = run("validate", *where, "--threshold", "f1", "--cluster", "author", "--json")
    assert code == 0
    assert 0 <= json.loads(out)["threshold"] <= 1


def test_train_says_what_is_wrong(corpus: mc.Corpus, run: Callable[..., Said]) -> None:
    begin = ("train", corpus.folder, "red", "--name", "x", "--method", "scratch", "--arch", "mlp")
    for more, said in (
        (("--layers", "block9x"), "'head', 'all' or a number of blocks"),
        (("--lr", "fast"), "--lr"),
        (("--lr", "1e9"), "at most 10"),
        (("--target", "color"), "multilabel"),
    ):
        code, _, err = run(*begin, *more)
        assert code == 1
        assert said in err
        assert len(err.strip().splitlines()) == 1


def test_a_grid_of_classic_models(corpus: mc.Corpus, run: Callable[..., Said]) -> None:
    corpus.measure("color", progress=False)
    said = run(
        *("grid", corpus.folder, "red", "--method", "shallow", "--model", "svm,knn,random_forest"),
        *("--features", "color", "--C", "1,10", "--kernel", "linear", "--neighbors", "3,auto"),
        *("--trees", "5", "--folds", "3", "--json", "-q"),
    )
    table = json.loads(said.out)["table"]
    assert [row["model"] for row in table] == ["svm", "svm", "knn", "knn", "random_forest"]
    assert [row["C"] for row in table] == [1, 10, None, None, None]

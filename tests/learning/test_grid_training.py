"""Grids of whole trainings: any setting varies, and what scores has chosen nothing."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.cli.trust import values_of
from mediacorpus.coding import splitting
from mediacorpus.errors import ParameterError, TrainingError, UnknownName
from mediacorpus.learning import grid, grid_runners
from mediacorpus.learning.folds import Fold, division
from mediacorpus.learning.grid_runners import point_settings

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))
SMALL = {"arch": ["lenet"], "epochs": [1]}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
def test_settings_that_only_a_whole_training_has(corpus: mc.Corpus) -> None:
    lists = {**SMALL, "optimizer": ["sgd", "adam"], "loss": ["focal"], "class_weights": [True]}
    found = corpus.grid("red", method="scratch", folds=3, progress=False, **lists)
    assert list(found.table["optimizer"]) == ["sgd", "adam"]
    assert found.table["accuracy"].between(0, 1).all()
    learned = splitting.latest(corpus._store, "red")[1]
    assert found.nested is not None
    assert found.nested.n == sum(part != "test" for part in learned.parts.values())
    (place,) = (corpus.folder / "reports").glob("grid-red-*")
    kept = {"grid.csv", "grid.png", "curves.csv", "curves.png", "fits", "unreadable.json"}
    assert {p.name for p in place.iterdir()} == kept, "views are deleted at the end"


def test_a_finished_grid_is_read_and_not_fitted_again(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = {**SMALL, "lr": [0.01, 0.02]}
    first = corpus.grid("red", method="scratch", folds=None, progress=False, **lists)
    assert first.nested is None
    for name in ("fit", "prepare"):
        monkeypatch.setattr(grid_runners, name, None)
    again = corpus.grid("red", method="scratch", folds=None, progress=False, **lists)
    assert again.table.equals(first.table)


def test_another_ending_is_refused_before_anything_is_fitted(
    corpus: mc.Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "grid_of", None)
    with pytest.raises(ParameterError, match="its ending must be"):
        corpus.grid("red", lr=[0.1], output=tmp_path / "curves.txt", progress=False)


@pytest.mark.parametrize("folds", [None, 3])
def test_curves_by_epoch_are_kept_and_drawn(
    corpus: mc.Corpus, tmp_path: Path, folds: int | None
) -> None:
    lists = {"arch": ["dense4-relu"], "epochs": [3], "lr": [0.01, 0.1]}
    target = tmp_path / "curves.svg"
    found = corpus.grid(
        "red", method="scratch", folds=folds, progress=False, output=target, **lists
    )
    curves = found.curves
    assert curves is not None
    counts = curves.groupby(["lr", "fold"]).size()
    assert (counts == 3).all()
    assert len(counts) == 2 * (folds or 1)
    assert {"epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy"} <= set(curves)
    assert found.folder is not None
    assert len(pd.read_csv(found.folder / "curves.csv")) == len(curves)
    drawn = target.read_text("utf-8")
    assert drawn.count("learning rate") >= 2
    other = corpus.grid(
        "red", method="linear", C=[0.1, 1.0], folds=None, progress=False, output=target
    )
    assert other.curves is None
    assert target.read_text("utf-8") != drawn


def test_what_scores_has_neither_taught_nor_chosen(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fit sees two parts; a fold that is left out is in neither."""
    seen: list[tuple[set[int], set[int]]] = []
    scored: list[set[int]] = []
    fit, predict = grid_runners.fit, grid_runners.predict

    def fitted(module: Any, train: Any, val: Any, **more: Any) -> Any:
        seen.append((set(train.rows.tolist()), set(val.rows.tolist())))
        return fit(module, train, val, **more)

    def predicted(module: Any, part: Any) -> Any:
        scored.append(set(part.rows.tolist()))
        return predict(module, part)

    monkeypatch.setattr(grid_runners, "fit", fitted)
    monkeypatch.setattr(grid_runners, "predict", predicted)
    monkeypatch.setenv("MEDIACORPUS_WORKERS", "1")
    corpus.grid("red", method="scratch", folds=3, progress=False, seed=5, **SMALL)
    assert len(seen) == 6, "three folds, and three pairs of them"
    tests = iter(scored)
    everything = set().union(*seen[0]) | scored[0]
    for number, (teach, choose) in enumerate(seen):
        left = [next(tests) for _ in range(1 if number < 3 else 2)]
        assert not teach & choose
        for one in left:
            assert not one & (teach | choose)
        assert teach | choose | set().union(*left) == everything


def test_groups_of_the_split_are_groups_of_the_folds(tmp_path: Path) -> None:
    """Images of one author are never in two folds, nor on both sides of the inner division."""
    from mediacorpus.testing import toy_images

    toy_images(tmp_path / "pictures", 48)
    files = sorted((tmp_path / "pictures").rglob("*.jpg")) or sorted(
        (tmp_path / "pictures").rglob("*.png")
    )
    table = pd.DataFrame(
        {
            "path": [str(file) for file in files],
            "author": [f"a{number // 2}" for number in range(len(files))],
            "color": [file.parent.name for file in files],
        }
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    with mc.Corpus.create(tmp_path / "c") as corpus:
        corpus.add(tmp_path / "table.csv", progress=False)
        labels = corpus.records()[["item"]].assign(variable="color", value=list(table["color"]))
        corpus.import_labels(labels, coder="me")
        corpus.split("color", shares="80/20")
        items = list(corpus.items()["item"])
        assert set(splitting.groups_of(corpus._store, "color", items)) == {None}
        corpus.split("color", shares="80/20", cluster="author")
        examples = grid.examples_of(corpus._store, splitting.latest(corpus._store, "color")[1])
        found = grid._division(examples, seed=1)
        assert found.groups is not None
        assert len(set(found.groups.tolist())) == len(examples) / 2
        for fold in (Fold(3, (0,)), Fold(3, (1, 2))):
            learn, *tests = found.parts(fold)
            parts = [*found.inner(learn), *tests]
            authors = [set(found.groups[part].tolist()) for part in parts]
            assert sum(map(len, authors)) == len(set().union(*authors))


def test_fine_tuning_by_depth_and_optimizer(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen parts of different depth have views of their own."""
    made_views: list[tuple[int, ...]] = []
    prepare = grid_runners.prepare

    def prepared(*given: Any, **more: Any) -> Any:
        part, lost = prepare(*given, **more)
        made_views.append(part.views.shape[1:])
        return part, lost

    monkeypatch.setattr(grid_runners, "prepare", prepared)
    monkeypatch.setenv("MEDIACORPUS_WORKERS", "1")
    lists = {"unfreeze": ["head", 1], "optimizer": ["adamw"], "epochs": [6], "size": [64]}
    lists |= {"lr": [0.01], "batch_size": [8]}
    found = corpus.grid("red", method="finetune", folds=None, progress=False, **lists)
    assert set(found.table["unfreeze"].astype(str)) == {"head", "1"}
    assert len(made_views) == 1 + 2 * 2, "whether they can be read; then two depths, two kinds"
    assert len(set(made_views)) == 5
    assert found.table["accuracy"].max() > 0.7


@pytest.mark.parametrize(
    ("method", "lists", "error", "said"),
    [
        ("linear", {"lr": [0.1]}, UnknownName, "class_weights"),
        ("finetune", {"speed": [1]}, ParameterError, "unfreeze"),
        ("finetune", {"unfreeze": [99], "epochs": [1]}, ParameterError, "99"),
        ("finetune", {"lr": [0.1], "arch": ["lenet"]}, ParameterError, "does not use arch"),
        ("scratch", {"lr": [0.1]}, ParameterError, "needs --arch"),
        ("scratch", {"arch": ["autoencoder"]}, ParameterError, "without"),
        (None, {"optimizer": ["adam"]}, ParameterError, "--method finetune"),
    ],
)
def test_grids_that_cannot_be(
    corpus: mc.Corpus, method: str | None, lists: dict, error: type, said: str
) -> None:
    with pytest.raises(error, match=said):
        corpus.grid("red", method=method, progress=False, **lists)


def test_the_inner_division_keeps_each_class_on_both_sides() -> None:
    rng = np.random.default_rng(1)
    y = rng.permutation([0] * 40 + [1] * 3)
    items = division(y, ("common", "rare"))
    teach, choose = items.inner(np.arange(43))
    assert {*y[teach]} == {*y[choose]} == {0, 1}
    assert sorted([*teach, *choose]) == list(range(43))
    lonely = division([0, 0, 0, 1], ("common", "rare"))
    with pytest.raises(TrainingError, match="'rare'"):
        lonely.inner(np.arange(4))


def test_values_of_the_command_line() -> None:
    given = {"lr": "auto, .1", "batch_size": "4,8", "nesterov": "no", "arch": "lenet,mlp"}
    assert values_of({**given, "mixup": None, "variable": "x", "seed": 3}) == {
        "lr": ["auto", 0.1],
        "batch_size": [4, 8],
        "nesterov": [False],
        "arch": ["lenet", "mlp"],
    }
    with pytest.raises(ParameterError, match="--mixup is 'much'"):
        values_of({"mixup": "much"})
    with pytest.raises(ParameterError, match=r"--batch-size is 'few'.*as in --batch-size 4,16"):
        values_of({"batch_size": "few"})
    with pytest.raises(ParameterError, match="--class-weights is '1'; write yes"):
        values_of({"class_weights": "1"})


def test_a_searched_rate_is_a_setting_too() -> None:
    assert point_settings("finetune", {"lr": "auto"}).lr == "auto"
    with pytest.raises(ParameterError, match="lr is 'fast'"):
        point_settings("finetune", {"lr": "fast"})

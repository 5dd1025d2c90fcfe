"""Grids: what is fitted, kept and chosen, how honest the score is, and the fast last layer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediacorpus.errors import ParameterError, TrainingError, UnknownName
from mediacorpus.learning.features import EMBEDDING, Part, Plan
from mediacorpus.learning.folds import Fold, division
from mediacorpus.learning.grid import RESULTS, Grid, expand, grid
from mediacorpus.learning.grid_runners import (
    FeaturesRunner,
    fit_head,
    head_logits,
    point_settings,
    start_weights,
)
from mediacorpus.learning.loop import fit
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.report.grid_figure import draw_grid


def features_runner(x, y, classes, **more) -> FeaturesRunner:
    return FeaturesRunner({EMBEDDING: np.float32(x)}, division(y, classes, **more))


class Noise:
    """Scores that have nothing to do with the setting."""

    fingerprint = "noise"

    def __init__(self) -> None:
        self.calls: list[tuple[int, tuple[int, ...]]] = []

    def check(self, point, folds) -> None:
        pass

    def ready(self, point) -> None:
        pass

    def __call__(self, point, fold: Fold) -> list[dict[str, float]]:
        self.calls.append((point["x"], fold.left))
        rng = np.random.default_rng((point["x"], *fold.left))
        return [{"accuracy": rng.random(), "log_loss": rng.random(), "n": 10} for _ in fold.left]


def apart(n: int = 60, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % 2
    return np.random.default_rng(seed).normal(size=(n, 4)) + 2 * y[:, None], y


@pytest.fixture
def noisy(tmp_path: Path) -> tuple[Noise, Grid]:
    run = Noise()
    return run, grid(expand({"x": range(20)}), run, folder=tmp_path, folds=4, workers=1)


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=4, unique=True), max_size=3))
def test_expand_lists_every_combination_once(lists: list[list[int]]) -> None:
    found = expand({str(i): values for i, values in enumerate(lists)})
    assert len(found) == np.prod([len(values) for values in lists], initial=1)
    assert len({tuple(one.values()) for one in found}) == len(found)
    assert tuple(found[0].values()) == tuple(values[0] for values in lists)


def test_each_fold_and_pair_of_folds_is_fitted_once(noisy: tuple[Noise, Grid]) -> None:
    run, _ = noisy
    assert len(run.calls) == len(set(run.calls)) == 20 * (4 + 6)


def test_the_nested_score_is_of_what_was_chosen_without_the_outer_fold(
    noisy: tuple[Noise, Grid],
) -> None:
    run, found = noisy
    hits = []
    for outer in range(4):

        def inner(x: int, outer: int = outer) -> float:
            pairs = [tuple(sorted((outer, o))) for o in range(4) if o != outer]
            return float(
                np.mean([run({"x": x}, Fold(4, p))[1 - p.index(outer)]["log_loss"] for p in pairs])
            )

        chosen = min(range(20), key=inner)
        assert found.nested.chosen[outer] == {"x": chosen}
        hits.append(run({"x": chosen}, Fold(4, (outer,)))[0]["accuracy"])
    assert found.nested.accuracy == pytest.approx(np.mean(hits))
    assert found.nested.n == 40


def test_the_best_of_noise_looks_good_but_is_not(tmp_path: Path) -> None:
    """Labels are coins, so the true accuracy of any setting is one half."""
    gaps = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        run = features_runner(rng.normal(size=(40, 5)), np.arange(40) % 2, ("a", "b"), seed=seed)
        points = expand({"seed": range(8), "lr": [0.3], "epochs": [2]})
        folder = tmp_path / str(seed)
        found = grid(points, run, folder=folder, folds=4, workers=1, aim="accuracy")
        top = found.table.loc[found.table["chosen"], "accuracy"].item()
        gaps.append((top, found.nested.accuracy))
    top, nested = np.mean(gaps, axis=0)
    assert top > 0.55
    assert nested < top


def test_finished_fits_are_not_done_again_and_other_data_are_not_taken_for_these(
    tmp_path: Path,
) -> None:
    points = expand({"x": [1, 2]})
    first = grid(points, Noise(), folder=tmp_path, folds=3, workers=1)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2 * 6
    files[0].unlink()
    files[1].write_text('{"scores": [', "utf-8")
    told: list[tuple[int, int]] = []
    again = Noise()
    second = grid(
        points, again, folder=tmp_path, folds=3, workers=1, progress=lambda *a: told.append(a)
    )
    assert len(again.calls) == 2
    assert told == [(10, 12), (11, 12), (12, 12)]
    assert second.nested == first.nested
    other = Noise()
    other.fingerprint = "other"
    grid(points, other, folder=tmp_path, folds=3, workers=1)
    assert len(other.calls) == 12


def test_a_setting_that_fails_is_told_of_and_not_chosen(tmp_path: Path) -> None:
    run = features_runner(*apart(), ("a", "b"))
    points = expand(
        {"lr": [10.0, 0.1], "momentum": [0.999], "weight_decay": [1.0], "batch_size": [2]}
    )
    found = grid(points, run, folder=tmp_path, folds=3, workers=1)
    assert found.best["lr"] == 0.1
    assert np.isnan(found.table["accuracy"][0])
    assert "lower learning rate than 10" in found.table["note"][0]
    assert "1 setting has no score" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)
    with pytest.raises(TrainingError, match="No setting could be fitted"):
        grid(points[:1], run, folder=tmp_path, folds=3, workers=1)


def test_several_processes_give_what_one_gives(tmp_path: Path) -> None:
    run = features_runner(*apart(), ("a", "b"))
    points = expand({"lr": [0.1, 0.01], "epochs": [3]})
    one, two = (grid(points, run, folder=tmp_path / str(w), folds=3, workers=w) for w in (1, 2))
    assert one.nested == two.nested
    columns = [name for name in one.table if name != "seconds"]
    pd.testing.assert_frame_equal(one.table[columns], two.table[columns])
    assert tuple(one.table.columns) == ("lr", "epochs", *RESULTS)


def test_without_folds_the_validation_part_is_scored_and_the_score_called_too_good(
    tmp_path: Path,
) -> None:
    x, y = apart()
    run = features_runner(x, y, ("a", "b"), val=np.arange(60) >= 40)
    found = grid(expand({"lr": [0.1]}), run, folder=tmp_path, folds=None, workers=1)
    assert found.nested is None
    assert "too good" in str(found)
    with pytest.raises(ParameterError, match="no validation part"):
        grid([{}], features_runner(x, y, ("a", "b")), folder=tmp_path, folds=None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"points": []}, "no settings"),
        ({"points": [{"x": 1}, {"y": 1}]}, "same keys"),
        ({"points": [{"rank": 1}]}, "'rank'"),
        ({"folds": 2}, "at least 3"),
        ({"workers": 0}, "at least 1"),
    ],
)
def test_grids_that_cannot_be_run_are_refused(tmp_path: Path, given: dict, words: str) -> None:
    points = given.pop("points", [{"x": 1}])
    with pytest.raises(ParameterError, match=words):
        grid(points, Noise(), folder=tmp_path, **given)
    with pytest.raises(UnknownName, match="accuracy"):
        grid([{"x": 1}], Noise(), folder=tmp_path, aim="acuracy")


@pytest.mark.parametrize(
    "varied",
    [
        {},
        {"batch_size": 7, "weight_decay": 0.1},
        {"schedule": "cosine", "momentum": 0.0},
        {"schedule": "linear", "nesterov": True, "warmup": 1},
        {"class_weights": True, "step_size": 1, "gamma": 0.5},
    ],
)
def test_the_fast_last_layer_equals_the_training_loop(tmp_path: Path, varied: dict) -> None:
    """Both see the same images in the same order; here the last epoch is the best one too."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    y = (np.arange(43) % 3 > 0).astype(np.int64)
    x = (rng.normal(size=(43, 6)) + 3 * y[:, None]).astype(np.float32)
    s = point_settings(None, {"epochs": 3, "lr": 0.003, "dropout": 0.0} | varied)
    torch.manual_seed(1)
    module = torch.nn.Linear(6, 2)
    start = np.vstack([module.weight.detach().numpy().T, module.bias.detach().numpy()])
    part = Part(x[:, None], np.arange(43), y)
    target = Target(TargetKind.CLASSES, ("a", "b"))
    done = fit(
        module,
        part,
        part,
        plan=Plan(8, 1.0, 1, squares=False, seed=1),
        settings=s,
        target=target,
        work=tmp_path,
    )
    assert done.best_epoch == 3
    weights = fit_head(x, y, start=start, settings=s)
    wanted = np.vstack([module.weight.detach().numpy().T, module.bias.detach().numpy()])
    np.testing.assert_allclose(weights, wanted, atol=1e-5)


def test_dropped_features_keep_their_mean_and_batches_of_one_learn() -> None:
    x, y = apart()
    s = point_settings(None, {"batch_size": 1, "dropout": 0.5, "lr": 0.01})
    weights = fit_head(x.astype(np.float32), y, start=start_weights(4, 2, seed=1), settings=s)
    assert (head_logits(weights, x).argmax(1) == y).mean() > 0.9


@pytest.mark.parametrize("point", [{"unfreeze": "all"}, {"optimizer": "adamw"}])
def test_settings_of_more_than_a_last_layer_are_refused(point: dict) -> None:
    with pytest.raises(ParameterError, match="--method finetune"):
        point_settings(None, point)
    with pytest.raises(UnknownName, match="frozen features"):
        point_settings(None, {"speed": 1})


def test_the_seed_of_a_grid_is_that_of_its_fits() -> None:
    assert point_settings(None, {"lr": 0.1}, seed=7).seed == 7
    assert point_settings(None, {"lr": 0.1, "seed": 3}, seed=7).seed == 3


def test_groups_are_never_parted_and_classes_need_enough() -> None:
    x, y = apart()
    groups = np.arange(60) // 4
    run = features_runner(x, y, ("a", "b"), groups=groups)
    for pair in ((0,), (1, 2)):
        learn, *tests = run.items.parts(Fold(5, pair))
        for test in tests:
            assert not set(groups[learn]) & set(groups[test])
        assert sum(map(len, tests)) + len(learn) == 60
    with pytest.raises(TrainingError, match="'b' has 2 items, too few for 5 folds"):
        features_runner(x[:8], np.array([0] * 6 + [1] * 2), ("a", "b")).check({}, 5)


def test_items_that_do_not_fit_are_refused() -> None:
    x, y = apart()
    with pytest.raises(ParameterError, match="0 to 0"):
        features_runner(x, y, ("a",))
    with pytest.raises(ParameterError, match="groups has 1 entries"):
        features_runner(x, y, ("a", "b"), groups=[1])


@pytest.mark.parametrize(
    "lists",
    [
        {"lr": [0.1, 0.01]},
        {"lr": [0.1, 0.01], "schedule": ["step", "cosine"]},
        {"batch_size": [1, 2, 4, 8, 16], "lr": [0.1, 0.01], "momentum": [0.7, 0.9]},
    ],
)
def test_a_grid_is_drawn_by_up_to_three_settings(tmp_path: Path, lists: dict) -> None:
    table = pd.DataFrame(expand(lists))
    table = table.assign(**dict.fromkeys(RESULTS, 0.5))
    table["accuracy"] = np.linspace(0.5, 0.9, len(table))
    table["chosen"] = table.index == 1
    table.loc[0, "accuracy"] = np.nan
    draw_grid(table, tmp_path / "grid.png")
    pixels = np.asarray(Image.open(tmp_path / "grid.png").convert("RGB"), int)
    frame = np.abs(pixels - (0xD5, 0x5E, 0x00)).sum(2) < 30
    assert frame.sum() > 50  # the mark of the chosen setting


def test_of_more_than_three_varied_settings_those_of_the_chosen_are_drawn(tmp_path: Path) -> None:
    """The figure is that of the rows that agree with the chosen one in the fourth setting."""
    table = pd.DataFrame(expand({key: [1, 2] for key in "abcd"}))
    table = table.assign(accuracy=np.linspace(0.5, 0.9, 16), log_loss=0.5, chosen=False)
    table.loc[5, "chosen"] = True
    draw_grid(table, tmp_path / "grid.svg", aim="log_loss", title="face")
    said = (tmp_path / "grid.svg").read_text("utf-8")
    lines = re.findall(r"<text [^>]*>([^<]*)</text>", said)
    words = " ".join(lines)
    assert "All with d 2, as chosen. Framed: chosen by log loss." in words
    assert "face: accuracy by setting" in words
    for row, shown in ((5, True), (1, True), (0, False), (4, False)):
        assert (f"{table['accuracy'][row]:.3f}" in said) == shown
    with pytest.raises(UnknownName, match="accuracy"):
        draw_grid(table, tmp_path / "grid.png", score="acc")

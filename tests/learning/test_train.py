"""From examples to a model folder: honest, repeatable, and safe to interrupt."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mediacorpus.errors import ParameterError, TrainingError, WeightsNotFound
from mediacorpus.learning.model import load_model
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.train import fit_model as train
from mediacorpus.records import Example

SHORT = TrainSettings(method="finetune", epochs=3, unfreeze=1, batch_size=8, size=96)
PLAIN = TrainSettings(augment=False)


def test_linear_separates_faces(faces, embeddings, models):
    made = train(faces, models / "m", TrainSettings(), embeddings=embeddings)
    assert made.card["validation"]["accuracy"] >= 0.9
    assert made.card["validation"]["n"] == 16
    assert made.card["counts"] == {
        "train": {"face": 16, "other": 16},
        "val": {"face": 8, "other": 8},
    }
    assert made.curves["best"].sum() == 1
    assert "cross-validation" in str(made)
    assert "<table" in made._repr_html_()


def test_finetune_learns_and_keeps_its_best_epoch(faces, models):
    seen = []
    own_size = replace(SHORT, size=None)
    made = train(faces, models / "m", own_size, on_epoch=lambda *row: seen.append(row))
    assert [(e, n) for e, n, _ in seen] == [(1, 3), (2, 3), (3, 3)]
    best = made.curves.loc[made.curves["val_loss"].idxmin()]
    assert made.card["best_epoch"] == best["epoch"]
    assert made.card["validation"]["log_loss"] == pytest.approx(best["val_loss"], abs=1e-4)
    assert made.card["validation"]["accuracy"] >= 0.8
    assert made.card["export_difference"] < 1e-3
    assert not list(models.glob(".work*"))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(faces, models):
    first = train(faces, models / "a", SHORT)
    again = train(faces, models / "b", SHORT)
    other = train(faces, models / "c", replace(SHORT, seed=2))
    weights = [load_model(models / name).weights() for name in "abc"]
    assert all(np.array_equal(weights[0][k], weights[1][k]) for k in weights[0])
    assert not all(np.array_equal(weights[0][k], weights[2][k]) for k in weights[0])
    assert first.card["hash"] == again.card["hash"] != other.card["hash"]


def test_validation_labels_never_reach_the_weights_of_the_linear_model(faces, embeddings, models):
    """Turning all validation labels round changes the score and nothing else."""
    turned = [
        replace(e, label={"face": "other", "other": "face"}[e.label]) if e.part == "val" else e
        for e in faces
    ]
    right = train(faces, models / "a", PLAIN, embeddings=embeddings)
    wrong = train(turned, models / "b", PLAIN, embeddings=embeddings)
    assert right.card["hash"] == wrong.card["hash"]
    assert wrong.card["validation"]["accuracy"] == pytest.approx(
        1 - right.card["validation"]["accuracy"]
    )


def test_examples_of_the_test_part_are_ignored(faces, embeddings, models):
    more = [*faces, replace(faces[0], item="f" * 16, part="test", label="third")]
    padded = np.vstack([embeddings, np.full((1, embeddings.shape[1]), 1e6, "f4")])
    with_test = train(more, models / "a", PLAIN, embeddings=padded)
    without = train(faces, models / "b", PLAIN, embeddings=embeddings)
    assert with_test.card["hash"] == without.card["hash"]
    assert with_test.card["classes"] == ["face", "other"]


def test_training_again_reads_the_model_that_is_there(faces, models):
    first = train(faces, models / "m", SHORT)
    before = (models / "m" / "model.json").stat().st_mtime_ns

    def never(*_):
        raise AssertionError("an epoch was trained again")

    again = train(faces, models / "m", SHORT, on_epoch=never)
    assert (models / "m" / "model.json").stat().st_mtime_ns == before
    assert again.card == first.card


def test_another_model_is_replaced_only_on_purpose(faces, embeddings, models):
    train(faces, models / "m", PLAIN, embeddings=embeddings)
    other = TrainSettings(augment=False, class_weights=True)
    with pytest.raises(ParameterError, match="--replace"):
        train(faces, models / "m", other, embeddings=embeddings)
    made = train(faces, models / "m", other, embeddings=embeddings, replace_model=True)
    assert made.card["settings"]["class_weights"] is True


@pytest.mark.slow
def test_a_run_that_was_killed_ends_as_one_that_was_not(faces, models, tmp_path):
    settings = replace(SHORT, epochs=5)
    whole = train(faces, models / "whole", settings)
    (tmp_path / "examples.json").write_text(
        json.dumps([[e.item, e.path, e.label, e.part] for e in faces])
    )
    script = f"""
import json, os, signal
from pathlib import Path
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.train import fit_model as train
from mediacorpus.records import Example
rows = json.loads(Path({str(tmp_path / "examples.json")!r}).read_text())
def kill(epoch, epochs, row):
    if epoch == 3:
        os.kill(os.getpid(), signal.SIGKILL)
train([Example(*r) for r in rows], Path({str(models / "killed")!r}),
      TrainSettings(method="finetune", epochs=5, unfreeze=1, batch_size=8, size=96), on_epoch=kill)
"""
    if not hasattr(__import__("signal"), "SIGKILL"):
        pytest.skip("not on this machine: it has no SIGKILL")
    died = subprocess.run([sys.executable, "-c", script], check=False, timeout=300)
    assert died.returncode < 0
    assert not (models / "killed").exists()
    seen = []
    made = train(faces, models / "killed", settings, on_epoch=lambda e, *_: seen.append(e))
    assert seen == [4, 5]
    assert made.card["hash"] == whole.card["hash"]
    assert list(made.curves["val_loss"]) == list(whole.curves["val_loss"])


def test_unreadable_images_are_left_out_and_listed(faces, models, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    more = [*faces, Example("b" * 16, str(broken), "face", "train")]
    made = train(more, models / "m", replace(SHORT, unfreeze="head"))
    assert [row["item"] for row in made.card["unreadable"]] == ["b" * 16]
    assert "could not be read" in str(made)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (lambda e: e.label == "face", "two classes"),
        (lambda e: e.part == "val", "0 images in the training part"),
        (lambda e: e.part == "train", "no validation part"),
        (lambda _: False, "two classes"),
    ],
)
def test_examples_that_cannot_be_learned_from(faces, embeddings, models, keep, message):
    chosen = [i for i, e in enumerate(faces) if keep(e)]
    with pytest.raises(TrainingError, match=message):
        train(
            [faces[i] for i in chosen],
            models / "m",
            TrainSettings(),
            embeddings=embeddings[chosen],
        )
    assert not list(models.iterdir())


def test_a_class_with_one_image_is_named(faces, embeddings, models):
    rare = [replace(e, label="rare") if i == 1 else e for i, e in enumerate(faces)]
    assert rare[1].part == "train"
    with pytest.raises(TrainingError, match="'rare' has 1 image in"):
        train(rare, models / "m", TrainSettings(), embeddings=embeddings)


def test_a_loss_that_explodes_is_said(faces, models):
    with pytest.raises(TrainingError, match="lower learning rate"):
        train(
            faces,
            models / "m",
            replace(
                SHORT, backbone="squeezenet1_1", weights="random", unfreeze="all", lr=10.0, epochs=9
            ),
        )


def test_weights_that_cannot_be_had_are_said(faces, models, monkeypatch):
    monkeypatch.setenv("MEDIACORPUS_OFFLINE", "1")
    with pytest.raises(WeightsNotFound, match="--weights"):
        train(faces, models / "m", replace(SHORT, backbone="resnet18"))


@pytest.mark.slow
def test_a_small_network_from_random_weights(faces, models):
    made = train(
        faces,
        models / "m",
        replace(SHORT, backbone="squeezenet1_1", weights="random", epochs=1, unfreeze="all"),
    )
    assert made.card["backbone"] == "squeezenet1_1"
    assert Path(made.folder / "model.onnx").stat().st_size > 1e6


@pytest.mark.slow
def test_classes_may_weigh_the_same(faces, models):
    uneven = [e for i, e in enumerate(faces) if e.label == "face" or e.part == "val" or i % 4 == 0]
    plain = train(uneven, models / "a", replace(SHORT, epochs=1, unfreeze="head"))
    weighed = train(
        uneven, models / "b", replace(SHORT, epochs=1, unfreeze="head", class_weights=True)
    )
    assert plain.card["hash"] != weighed.card["hash"]


@pytest.mark.parametrize(
    "options", [{"optimizer": "adamw"}, {"schedule": "cosine"}, {"augment": False}]
)
def test_other_recipes(faces, models, options):
    made = train(faces, models / "m", replace(SHORT, epochs=2, unfreeze="head", **options))
    assert len(made.curves) == 2
    assert np.isfinite(made.curves["val_loss"]).all()


def test_the_linear_model_learns_from_views_unless_told_not_to(faces, embeddings, models):
    seen = []
    viewed = train(
        faces,
        models / "a",
        TrainSettings(),
        embeddings=embeddings,
        on_read=lambda *row: seen.append(row),
    )
    plain = train(faces, models / "b", TrainSettings(augment=False), embeddings=embeddings)
    assert seen[-1] == ("views", 32, 32)
    assert viewed.card["hash"] != plain.card["hash"]
    assert list(viewed.curves["C"]) == list(plain.curves["C"])

"""Every method and every kind of target, end to end over a corpus of small photographs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import ModelError, ParameterError, TrainingError, UnknownName
from mediacorpus.learning.model import load_model

IMAGES = 60
TINY = {"method": "scratch", "arch": "mlp", "epochs": 2, "batch_size": 8, "progress": False}


def labels_of(folder: Path) -> pd.DataFrame:
    """Label by what is seen: class, brightness as a number and as ranks, and two tags."""
    paths = sorted(folder.glob("*.png"))
    light = np.array([np.asarray(Image.open(p)).mean() / 25.5 for p in paths])
    low, high = np.quantile(light, [1 / 3, 2 / 3])
    rows = []
    for number, (path, value) in enumerate(zip(paths, light, strict=True)):
        rank = "dark" if value < low else "bright" if value > high else "middle"
        tags = [t for t, on in (("face", number % 2 == 0), ("light", value > low)) if on]
        own = {
            "face": "face" if number % 2 == 0 else "other",
            "rank": rank,
            "tags": "|".join(tags) or "|",
            "light": f"{value:.1f}",
        }
        rows += [{"file": str(path), "variable": k, "value": v} for k, v in own.items()]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    from skimage.data import lfw_subset

    folder = tmp_path_factory.mktemp("methods")
    (folder / "pictures").mkdir()
    pixels = (lfw_subset() * 255).round().astype("uint8")
    for number in range(IMAGES):
        face = number // 2 if number % 2 == 0 else 100 + number // 2
        Image.fromarray(pixels[face]).save(folder / "pictures" / f"{number:03d}.png")
    made = mc.Corpus.create(folder / "corpus")
    made.add(folder / "pictures", progress=False)
    made.import_labels(labels_of(folder / "pictures"), coder="me")
    made.measure("embedding", "hog", progress=False)
    for variable in ("face", "rank", "tags", "light"):
        made.split(variable, shares="60/20/20")
    return made


TARGETS = {"face": "classes", "rank": "ordinal", "tags": "multilabel", "light": "scale"}
METHODS = {
    "linear": {"augment": False},
    "scratch": {k: v for k, v in TINY.items() if k not in {"method", "progress"}},
    "finetune": {"epochs": 1, "unfreeze": "head", "augment": False, "size": 96},
}


def learn(corpus: mc.Corpus, variable: str, name: str, **given: Any) -> Any:
    return corpus.train(variable, name=name, **(TINY | given))


def test_the_report_shows_models_of_every_target(corpus: mc.Corpus) -> None:
    for variable in ("light", "tags", "rank"):
        kind = TARGETS[variable]
        learn(corpus, variable, f"told_{variable}", target=kind)
        corpus.apply(f"told_{variable}", progress=False)
        corpus.validate(f"told_{variable}", against=variable)
    page = corpus.report().read_text("utf-8")
    assert "mean absolute error" in page
    assert "exact match" in page
    found = json.loads((corpus.folder / "reports" / "results.json").read_text("utf-8"))
    assert len(found["models"]["told_light"]["scores"]["mean_absolute_error"]) == 3


@pytest.mark.parametrize("variable", TARGETS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_every_target(corpus: mc.Corpus, method: str, variable: str) -> None:
    name = f"{method}_{variable}"
    order = {"order": "dark,middle,bright"} if variable == "rank" else {}
    made = corpus.train(
        variable,
        name=name,
        method=method,
        target=TARGETS[variable],
        progress=False,
        **METHODS[method],
        **order,
    )
    assert made.card["target"]["kind"] == TARGETS[variable]
    assert str(made)
    corpus.apply(name, progress=False)
    rows = corpus.table(name)
    assert rows["item"].nunique() == IMAGES
    if variable == "light":
        assert rows["value"].between(0, 10).all()
        assert corpus.table()[name].between(0, 10).all()
    elif variable != "tags":
        assert (rows.groupby("item")["score"].sum() - 1).abs().max() < 1e-5
    found = corpus.validate(name, against=variable)
    assert found.part == "test"
    assert found.scores.n >= 9
    assert str(found)
    assert "<" in found._repr_html_()
    json.dumps(found.to_dict())
    if variable == "rank":
        assert made.card["classes"] == ["dark", "middle", "bright"]
    if method == "linear":
        good = {
            "face": lambda s: s.accuracy.estimate > 0.8,
            "rank": lambda s: s.accuracy.estimate > 0.4,
            "tags": lambda s: s.mean_f1 > 0.7,
            "light": lambda s: s.scores["pearson_r"].estimate > 0.5,
        }
        assert good[variable](found.scores)


@pytest.mark.parametrize("model", ["knn", "naive_bayes", "random_forest"])
def test_classic_models_on_a_measure(corpus: mc.Corpus, model: str) -> None:
    name = f"shallow_{model}"
    corpus.train("face", name=name, method="shallow", model=model, features="hog", progress=False)
    corpus.apply(name, progress=False)
    found = corpus.validate(name, against="face")
    assert found.scores.n == 12
    assert found.scores.accuracy.estimate > 0.5


def test_one_value_against_the_rest_is_scored_on_all_items(corpus: mc.Corpus) -> None:
    """The labels know three ranks; the model knows one of them, and what it is not."""
    made = corpus.train(
        "rank",
        name="dark",
        method="shallow",
        model="logistic",
        features="embedding",
        positive="dark",
        progress=False,
    )
    assert made.card["classes"] == ["dark", "not dark"]
    corpus.apply("dark", progress=False)
    found = corpus.validate("dark", against="rank", positive="dark")
    everything = corpus.sql(
        "SELECT count(*) AS n FROM splits WHERE variable = 'rank' AND part = 'test'"
    )
    assert found.scores.n == everything["n"][0]
    assert not any("does not know" in note for note in found.warnings)


@pytest.mark.slow
def test_a_run_that_was_killed_ends_as_one_that_was_not(corpus: mc.Corpus) -> None:
    """With momentum, mixup, warm-up, a searched rate and rates that differ by part."""
    if not hasattr(__import__("signal"), "SIGKILL"):
        pytest.skip("not on this machine: it has no SIGKILL")
    given = TINY | {
        "arch": "lenet",
        "epochs": 3,
        "mixup": 0.4,
        "label_smoothing": 0.1,
        "warmup": 1,
        "layer_decay": 0.8,
        "nesterov": True,
        "lr": "auto",
        "schedule": "polynomial",
        "augment": True,
    }
    whole = corpus.train("face", name="whole", **given)
    script = f"""
import os, signal
import mediacorpus as mc
def kill(epoch, epochs, row):
    if epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
with mc.Corpus({str(corpus.folder)!r}) as corpus:
    corpus.train("face", name="killed", on_epoch=kill, **{given!r})
"""
    died = subprocess.run([sys.executable, "-c", script], check=False, timeout=120, env=os.environ)
    assert died.returncode < 0
    seen: list[int] = []
    made = corpus.train("face", name="killed", on_epoch=lambda e, *_: seen.append(e), **given)
    assert seen == [3]
    assert made.card["lr"] == whole.card["lr"] > 0
    first, second = (load_model(corpus.folder / "models" / n) for n in ("whole", "killed"))
    assert all(np.array_equal(v, second.weights()[k]) for k, v in first.weights().items())
    assert made.card["hash"] == whole.card["hash"]


@pytest.mark.parametrize(
    "given",
    [
        {"batch_size": 1, "epochs": 1},
        {"precision": "bf16", "augment": True, "loss": "focal", "class_weights": True},
        {"mixup": 1.0, "class_weights": True, "label_smoothing": 0.2},
        {"optimizer": "adam", "schedule": "linear", "warmup": 1},
        {"lr": "auto", "optimizer": "adamw", "schedule": "cosine"},
    ],
)
def test_recipes(corpus: mc.Corpus, given: dict) -> None:
    made = learn(corpus, "face", "recipe", replace=True, **given)
    assert np.isfinite(made.curves["val_loss"]).all()
    assert made.card["lr"] > 0
    assert made.card["export_difference"] < 1e-3


def test_single_images_cannot_be_normalized(corpus: mc.Corpus) -> None:
    with pytest.raises(TrainingError, match="--batch-size 2"):
        learn(corpus, "face", "single", arch="minivggnet_bn", batch_size=1, epochs=1)


@pytest.mark.parametrize("kind", ["torch", "cpu", "python"])
def test_want_of_memory_names_a_batch_that_may_fit(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import torch

    errors = {
        "torch": torch.OutOfMemoryError("CUDA out of memory."),
        "cpu": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to take 9 bytes"),
        "python": MemoryError(),
    }
    real, room = torch.nn.Linear.forward, 2

    def full(self: Any, x: Any) -> Any:
        if len(x) > room:
            raise errors[kind]
        return real(self, x)

    monkeypatch.setattr(torch.nn.Linear, "forward", full)
    with pytest.raises(TrainingError, match="Batches of 2 fit: start again with --batch-size 2"):
        learn(corpus, "face", "memory")
    room = 0
    with pytest.raises(TrainingError, match=r"batches of 8 .* No smaller batch fits.*--arch"):
        learn(corpus, "face", "memory")
    with pytest.raises(TrainingError, match=r"enough for single images.*--arch"):
        learn(corpus, "face", "memory", batch_size=1)


def test_other_errors_are_not_taken_for_want_of_memory(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(torch.nn.Linear, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        learn(corpus, "face", "broken")


def test_a_rate_that_is_too_high_is_said_and_the_best_epoch_kept(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mediacorpus.learning import loop

    with pytest.raises(ParameterError, match="at most 10"):
        learn(corpus, "face", "hot", lr=1e9)
    with pytest.raises(TrainingError, match="lower learning rate than 10"):
        learn(corpus, "light", "hot", target="scale", lr=10.0, epochs=9, schedule="constant")
    real, calls = loop._Loop._evaluate, []

    def explodes(*given: Any, **named: Any) -> Any:
        calls.append(1)
        return real(*given, **named) if len(calls) == 1 else (float("nan"), 0.0)

    monkeypatch.setattr(loop._Loop, "_evaluate", explodes)
    with pytest.raises(TrainingError, match=r"epoch 2.*best epoch so far \(1\) is kept"):
        learn(corpus, "face", "later")
    assert (corpus.folder / "models" / ".work-later" / "checkpoint.pt").is_file()


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"arch": "lenett"}, UnknownName, "lenet"),
        ({"unfreeze": "block9x"}, ParameterError, "'head', 'all' or a number of blocks"),
        ({"method": "finetune", "arch": None, "unfreeze": 99}, ParameterError, "Ask for 0 to 18"),
        ({"method": "finetune", "arch": None, "backbone": "nonet"}, UnknownName, "nonet"),
        ({"arch": None}, ParameterError, "needs --arch"),
        ({"target": "colors"}, UnknownName, "multilabel"),
        ({"arch": "autoencoder", "unfreeze": "all"}, ParameterError, "does not use unfreeze"),
        ({"order": "a,b"}, ParameterError, "ordinal"),
        ({"order": ["a", "b"], "target": "ordinal"}, ParameterError, "with commas"),
        ({"target": "scale"}, TrainingError, "numbers"),
        ({"lr": "fast"}, ParameterError, "auto"),
        ({"schedule": "stairs"}, UnknownName, "cosine"),
        ({"precision": "int8"}, UnknownName, "bf16"),
        ({"mixup": 3}, ParameterError, "0 to 2"),
        ({"layer_decay": 0}, ParameterError, "above 0"),
        ({"nesterov": True, "momentum": 0.0}, ParameterError, "momentum"),
    ],
)
def test_settings_that_cannot_be(corpus: mc.Corpus, given: dict, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        learn(corpus, "face", "never", **given)
    assert not (corpus.folder / "models" / "never").exists()


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"model": "perceptron"}, UnknownName, "knn"),
        ({"features": "smell"}, UnknownName, "smell"),
        ({"features": "facts"}, Exception, "numbers|facts"),
        ({"model": None}, ParameterError, "needs --model"),
        ({"positive": "cat"}, TrainingError, "'cat'"),
        ({"target": "ordinal"}, ParameterError, "linear, finetune or scratch"),
        ({"epochs": 3}, ParameterError, "epochs"),
    ],
)
def test_classic_models_that_cannot_be(
    corpus: mc.Corpus, given: dict, error: Any, match: str
) -> None:
    asked = {"method": "shallow", "model": "knn", "features": "hog"} | given
    if given.get("features") == "facts":
        made = corpus.train("face", name="of_facts", progress=False, **asked)
        assert made.card["features"] == "facts"
        return
    with pytest.raises(error, match=match):
        corpus.train("face", name="never", progress=False, **asked)


def test_labels_that_disagree_are_counted_and_can_be_listed(corpus: mc.Corpus) -> None:
    items = list(corpus.items()["item"])[:3]
    rows = [(item, coder, value) for item in items for coder, value in (("a", "x"), ("b", "y"))]
    rows += [
        (item, "a", "x" if n % 2 else "y") for n, item in enumerate(corpus.items()["item"][3:])
    ]
    frame = pd.DataFrame(rows, columns=["item", "coder", "value"]).assign(variable="doubt")
    corpus.import_labels(frame)
    corpus.split("doubt", shares="80/20")
    made = learn(corpus, "doubt", "doubtful", epochs=1)
    said = str(made)
    assert "3 items have labels that disagree and were left out" in said
    assert f"`mediacorpus gold {corpus.folder} doubt --unresolved` lists them." in said
    assert sorted(corpus.gold("doubt", unresolved=True)["item"]) == sorted(items)
    assert made.to_dict()["notes"]


def test_no_label_of_the_validation_part_is_left(corpus: mc.Corpus) -> None:
    items = list(corpus.items()["item"])
    frame = pd.DataFrame({"item": items, "value": ["x", "y"] * 30}).assign(variable="gone")
    corpus.import_labels(frame, coder="a")
    drawn = corpus.split("gone", shares="80/20")
    val = [item for item, part in drawn.parts.items() if part == "val"]
    frame = pd.DataFrame(
        {"item": val, "value": [{"x": "y", "y": "x"}[drawn.labels[i]] for i in val]}
    )
    corpus.import_labels(frame.assign(variable="gone"), coder="b")
    with pytest.raises(TrainingError, match="no validation part"):
        learn(corpus, "gone", "gone_model")


def test_a_model_folder_edited_by_hand(corpus: mc.Corpus) -> None:
    learn(corpus, "face", "edited")
    path = corpus.folder / "models" / "edited" / "model.json"
    text = path.read_text("utf-8")
    for old, new in (('"classes"', '"target": "scale"'), ('"face"', '"place"')):
        card = json.loads(text)
        if old == '"classes"':
            card["target"] = {"kind": "scale"}
        else:
            card["classes"] = [new.strip('"'), "other"]
        path.write_text(json.dumps(card), "utf-8")
        with pytest.raises(ModelError, match="train the model again"):
            corpus.apply("edited", progress=False)
    path.write_text(json.dumps(json.loads(text) | {"files": ["model.onnx"]}), "utf-8")
    with pytest.raises(ModelError, match="lacks 'files'"):
        corpus.apply("edited", progress=False)
    path.write_text(text, "utf-8")

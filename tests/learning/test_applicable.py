"""Every option of training against every method: used, or refused in one sentence."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.learning.settings import TrainSettings

BASES = {
    "linear": TrainSettings("linear"),
    "finetune": TrainSettings("finetune"),
    "scratch": TrainSettings("scratch", arch="lenet"),
    "shallow": TrainSettings("shallow", model="svm", features="hog"),
}
LOOP = {"finetune", "scratch"}
NETWORKS = {"linear", "finetune", "scratch"}
OPTIONS: dict[str, tuple[object, set[str]]] = {
    "backbone": ("resnet18", {"linear", "finetune"}),
    "weights": ("mine.safetensors", {"linear", "finetune"}),
    "epochs": (3, LOOP),
    "lr": (0.1, LOOP),
    "momentum": (0.5, LOOP),
    "batch_size": (4, LOOP),
    "step_size": (2, LOOP),
    "gamma": (0.5, LOOP),
    "optimizer": ("adam", LOOP),
    "schedule": ("linear", LOOP),
    "weight_decay": (0.1, LOOP),
    "unfreeze": (1, {"finetune"}),
    "class_weights": (True, {*NETWORKS, "shallow"}),
    "patience": (3, LOOP),
    "augment": (False, NETWORKS),
    "dropout": (0.1, LOOP),
    "seed": (2, {*NETWORKS, "shallow"}),
    "arch": ("mlp", {"scratch"}),
    "model": ("knn", {"shallow"}),
    "features": ("pixels", {"shallow"}),
    "positive": ("bees", {"shallow"}),
    "target": ("ordinal", NETWORKS),
    "nesterov": (True, LOOP),
    "power": (2.0, LOOP),
    "warmup": (1, LOOP),
    "label_smoothing": (0.1, LOOP),
    "mixup": (0.2, LOOP),
    "layer_decay": (0.5, LOOP),
    "precision": ("bf16", LOOP),
    "size": (64, LOOP),
    "tta": (True, LOOP),
    "loss": ("focal", LOOP),
    "neighbors": (3, set()),
    "trees": (10, set()),
    "C": (1.0, {"linear", "shallow"}),
    "kernel": ("linear", {"shallow"}),
    "svm_gamma": (0.1, {"shallow"}),
    "smoothing": (0.1, set()),
    "init": ("he", {"scratch"}),
    "gray": (True, {"scratch"}),
    "normalize": ("train", LOOP),
    "rotate": (5.0, NETWORKS),
    "jitter": (0.1, NETWORKS),
    "upside_down": (True, NETWORKS),
    "penalty": ("l1", {"linear"}),
    "l1_ratio": (0.3, set()),
}


def test_no_option_is_forgotten() -> None:
    assert {*OPTIONS, "method", "order"} == {f.name for f in fields(TrainSettings)}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("method", BASES)
def test_each_option_is_used_or_refused(method: str, name: str) -> None:
    value, users = OPTIONS[name]
    asked = replace(BASES[method], **{name: value})
    if method in users:
        asked.check()
        return
    with pytest.raises(ParameterError) as found:
        asked.check()
    said = str(found.value)
    assert name in said or str(value) in said
    assert method in said.lower() or f"The model {asked.model} does not use" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"optimizer": "adamw", "momentum": 0.5}, "adamw does not use momentum"),
        ({"optimizer": "adam", "nesterov": True}, "adam does not use nesterov"),
        ({"schedule": "cosine", "step_size": 3}, "cosine does not use step_size"),
        ({"schedule": "linear", "power": 2}, "linear does not use power"),
        ({"gamma": 0.5, "power": 2}, "step does not use power"),
        ({"mixup": 0.5, "batch_size": 1}, "nothing to mix"),
        ({"target": "scale", "class_weights": True}, "no classes, so class_weights"),
        ({"target": "scale", "label_smoothing": 0.1}, "no classes, so label_smoothing"),
    ],
)
def test_what_would_change_nothing_is_refused(given: dict, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        replace(BASES["scratch"], **given).check()


def test_settings_of_a_schedule_ask_for_it() -> None:
    scratch = BASES["scratch"]
    assert scratch.complete().schedule == "cosine"
    assert replace(scratch, gamma=0.5).complete().schedule == "step"
    assert replace(scratch, power=2.0).complete().schedule == "polynomial"
    assert replace(scratch, step_size=3, schedule="step").complete().schedule == "step"


def test_a_network_from_scratch_may_be_asked_to_learn_as_a_whole() -> None:
    replace(BASES["scratch"], unfreeze="all").check()
    with pytest.raises(ParameterError, match="scratch does not use unfreeze"):
        replace(BASES["scratch"], unfreeze="head").check()

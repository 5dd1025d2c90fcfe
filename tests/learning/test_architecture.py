"""Layers of networks: counted as published, listed, told apart by what learned, and drawn."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.extras import need
from mediacorpus.learning import export
from mediacorpus.learning.architecture import (
    Layer,
    describe_onnx,
    layer_table,
    parameter_counts,
)
from mediacorpus.learning.shallow import ShallowSettings, fit_shallow
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks.backbones import create
from mediacorpus.report.architecture_figure import _boxes, draw_architecture

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))
TWO = Target(TargetKind.CLASSES, ("no", "yes"))


def network(name, classes=2):
    made = create(name, weights="random", classes=classes)
    for parameter in made.module.parameters():  # zero biases are dropped from an export
        need("torch").nn.init.normal_(parameter, std=0.01)
    made.module.eval()
    return made


def exported(made):
    return export.fitted_graph(made, target=TWO)


def layers(name, classes=2, *, frozen=0):
    return describe_onnx(exported(network(name, classes)), frozen=frozen)


def test_lenet_layer_by_layer():
    """LeCun et al. (1998) in the modern form; weights counted by hand."""
    listed = layers("lenet")
    found = [(x.kind, x.shape, x.parameters) for x in listed if x.kind not in {"ReLU", "flatten"}]
    assert found == [
        ("input", (1, 28, 28), 0),
        ("convolution", (20, 28, 28), 520),
        ("max pooling", (20, 14, 14), 0),
        ("convolution", (50, 14, 14), 25_050),
        ("max pooling", (50, 7, 7), 0),
        ("dense", (500,), 1_225_500),
        ("dense", (2,), 1_002),
        ("softmax", (2,), 0),
    ]
    counts = {"parameters": 1_252_072, "learned": 1_252_072}
    assert parameter_counts(listed) == counts


def test_frozen_layers_are_told_from_those_that_learned():
    table = layer_table(layers("lenet", frozen=3))
    weighted = table[table["parameters"] > 0]
    assert weighted["learned"].tolist() == ["frozen"] * 3 + ["yes"]
    assert set(table.loc[table["parameters"] == 0, "learned"]) == {""}
    unknown = layer_table(layers("lenet", frozen=None))
    assert set(unknown.loc[unknown["parameters"] > 0, "learned"]) == {"unknown"}


def test_onnx_of_the_network_on_board():
    """Batch normalization is part of the convolutions there."""
    found = layers("efficientnet_lite0")
    assert sum("convolution" in x.kind for x in found) == 49
    assert sum(x.kind == "depthwise convolution" for x in found) == 16
    assert found[-2].parameters == 1280 * 2 + 2


def test_onnx_of_other_models():
    linear = export.linear_graph(np.ones((2, 5), "f4"), np.ones(2, "f4"), TWO)
    assert [x.shape for x in describe_onnx(linear)] == [(5,), (2,), (2,)]
    dense = [x.shape for x in layers("autoencoder") if x.kind == "dense"]
    assert dense == [(512,), (128,), (32,), (2,)]
    rng = np.random.default_rng(1)
    forest = fit_shallow(
        rng.random((40, 5), np.float32),
        np.arange(40) % 2,
        classes=TWO.classes,
        settings=ShallowSettings("random_forest"),
    )
    assert "tree ensemble classifier" in [x.kind for x in describe_onnx(forest.graph)]
    with pytest.raises(ModelError, match="no ONNX network"):
        describe_onnx(b"junk")


@pytest.mark.slow
def test_branches_are_put_together():
    """A fire module's output has the channels of both its branches (Iandola et al., 2016)."""
    shapes = [x.shape for x in layers("squeezenet1_1") if x.kind == "concatenation"]
    assert [shape[0] for shape in shapes] == [128, 128, 256, 256, 384, 384, 512, 512]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("layers"))


@pytest.mark.parametrize(("unfreeze", "learned"), [("head", 1), (2, 5), (5, 14), ("all", 50)])
def test_what_learned_in_a_fine_tuned_model(corpus: mc.Corpus, unfreeze, learned):
    """A block of EfficientNet-Lite0 is an inverted residual: three convolutions, or one at the end.

    Its 50 weighted layers are a stem, 16 blocks, the last convolution and the dense layer.
    """
    name = f"tuned_{unfreeze}"
    corpus.train(
        "red", name=name, method="finetune", unfreeze=unfreeze, epochs=1, size=64, progress=False
    )
    table = corpus.architecture(name)
    weighted = table.loc[table["parameters"] > 0, "learned"].tolist()
    assert weighted == ["frozen"] * (50 - learned) + ["yes"] * learned


def test_a_linear_model_says_whose_features_it_learned_from(corpus: mc.Corpus, tmp_path):
    corpus.train("red", name="quick", method="linear", augment=False, progress=False)
    table = corpus.architecture("quick", output=tmp_path / "quick.svg")
    assert table["detail"].iloc[0] == "features of efficientnet_lite0, frozen"
    said = " ".join(re.findall(r">([^<>]+)</text>", (tmp_path / "quick.svg").read_text("utf-8")))
    assert "features of efficientnet_lite0, frozen" in said
    corpus.measure("hog", progress=False)
    corpus.train(
        "red", name="classic", method="shallow", model="knn", features="hog", progress=False
    )
    assert corpus.architecture("classic")["detail"].iloc[0] == "measure hog"


def test_boxes_of_a_small_network_are_its_layers():
    boxes = _boxes(layers("lenet"))
    assert [box.title for box in boxes] == [
        *("input", "convolution 5x5", "max pooling 2x2", "convolution 5x5", "max pooling 2x2"),
        *("dense", "dense"),
    ]
    assert boxes[1].notes == ("ReLU",)


@pytest.mark.slow
def test_boxes_of_a_large_network_are_its_blocks():
    """ResNet-18: a stem, four stages of two residual blocks, pooling and the last layer."""
    boxes = _boxes(layers("resnet18"))
    stages = [(box.shape, box.count) for box in boxes if box.kind == "block"]
    assert stages == [
        *(((64, 56, 56), 2), ((128, 28, 28), 2)),
        *(((256, 14, 14), 2), ((512, 7, 7), 2)),
    ]
    assert len(boxes) == 9


@pytest.mark.parametrize(
    "name",
    [
        "lenet",
        "efficientnet_lite0",
        pytest.param("timm:vit_tiny_patch16_224", marks=pytest.mark.slow),
    ],
)
def test_drawings(name, tmp_path):
    listed = layers(name, frozen=3)
    boxes = _boxes(listed)
    assert len(boxes) < 20
    target = draw_architecture(listed, tmp_path / "sub" / "network.png", title=name)
    pixels = np.asarray(Image.open(target).convert("RGB"))
    assert pixels.shape[1] > 100 * len(boxes)
    assert (pixels[:3] == 255).all()
    assert (pixels[-3:] == 255).all()
    assert 0.02 < (pixels.min(axis=2) < 250).mean() < 0.6
    again = draw_architecture(listed, tmp_path / "again.png", title=name)
    assert again.read_bytes() == target.read_bytes()


def test_drawings_as_vectors(tmp_path):
    layers = [Layer("input", "input", (1, 8, 8), 0, False), Layer("a", "dense", (3,), 195, True)]
    assert b"<svg" in draw_architecture(layers, tmp_path / "a.svg", title="$x$").read_bytes()
    assert draw_architecture(layers, tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ParameterError, match="must be"):
        draw_architecture(layers, tmp_path / "a.doc")
    with pytest.raises(ParameterError, match="without layers"):
        draw_architecture([], tmp_path / "a.png")


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("features of efficientnet_lite0, frozen", {"image", "efficientnet_lite0", "frozen"}),
        ("measure color", {"image", "measure color", "features"}),
    ],
)
def test_the_drawing_says_whose_features_a_model_learned_from(tmp_path, detail, shown):
    layers = [
        Layer("input", "input", (1280,), 0, learned=False, detail=detail),
        Layer("last", "dense", (2,), 2562, learned=True),
    ]
    text = draw_architecture(layers, tmp_path / "a.svg").read_text("utf-8")
    found = set(re.findall(r"<text [^>]*>([^<]*)</text>", text))
    assert found >= shown | {"dense layer", "input", "features"}


def test_frozen_and_learned_layers_have_a_key(tmp_path):
    frozen = Layer("a", "convolution", (8, 4, 4), 80, learned=False)
    last = Layer("last", "dense", (2,), 18, learned=True)
    first = Layer("input", "input", (3, 8, 8), 0, learned=False)
    both = draw_architecture([first, frozen, last], tmp_path / "a.svg").read_text("utf-8")
    assert ">frozen<" in both
    assert ">learned in this training<" in both
    one = draw_architecture([first, last], tmp_path / "b.svg").read_text("utf-8")
    assert ">frozen<" not in one
    assert ">dense layer<" in one

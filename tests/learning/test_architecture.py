"""Layers of networks: counted as published, listed alike from PyTorch and ONNX, and drawn."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.extras import need
from mediacorpus.learning import export
from mediacorpus.learning.architecture import (
    Layer,
    describe_network,
    layer_table,
    parameter_counts,
)
from mediacorpus.learning.architecture_figure import _boxes, draw_architecture
from mediacorpus.learning.architecture_onnx import describe_onnx
from mediacorpus.learning.backbones import create
from mediacorpus.learning.shallow import ShallowSettings, fit_shallow
from mediacorpus.learning.targets import Target, TargetKind

TWO = Target(TargetKind.CLASSES, ("no", "yes"))


def network(name, classes=2):
    made = create(name, weights="random", classes=classes)
    for parameter in made.module.parameters():  # zero biases are dropped from an export
        need("torch").nn.init.normal_(parameter, std=0.01)
    made.module.eval()
    return made


def exported(made):
    return export.fitted_graph(made, *export.split(made, "all"), target=TWO)


def test_lenet_layer_by_layer():
    """LeCun et al. (1998) in the modern form; weights counted by hand."""
    layers = describe_network(network("lenet", classes=10))
    found = [(x.kind, x.shape, x.parameters) for x in layers if x.kind not in {"ReLU", "flatten"}]
    assert found == [
        ("input", (1, 28, 28), 0),
        ("convolution", (20, 28, 28), 520),
        ("max pooling", (20, 14, 14), 0),
        ("convolution", (50, 14, 14), 25_050),
        ("max pooling", (50, 7, 7), 0),
        ("dense", (500,), 1_225_500),
        ("dense", (10,), 5_010),
    ]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet18", 11_689_512),  # torchvision's page of models: these with 1,000 classes
        ("squeezenet1_1", 1_235_496),
        ("densenet121", 7_978_856),
        ("mlp", 266_610 + 990 * 101),
    ],
)
def test_all_weights_are_counted_once(name, parameters):
    layers = describe_network(create(name, weights="random", classes=1000))
    assert parameter_counts(layers) == {"parameters": parameters, "learning": parameters}


def test_what_learns():
    made = create("mlp", weights="random", classes=10)
    learning = {
        unfreeze: [x.name for x in describe_network(made, unfreeze=unfreeze) if x.learns]
        for unfreeze in ("head", 1, "all")
    }
    assert learning == {
        "head": ["last"],
        1: ["dense2", "last"],
        "all": ["dense1", "dense2", "last"],
    }


def test_the_network_is_left_as_it_was():
    made = create("minivggnet_bn", weights="random", classes=2)
    made.module.train()
    before = {name: value.clone() for name, value in made.module.state_dict().items()}
    describe_network(made)
    assert all(module.training for module in made.module)
    assert not made.module.conv1._forward_hooks
    after = made.module.state_dict()
    assert all(need("torch").equal(value, after[name]) for name, value in before.items())


def test_branches_are_put_together():
    """A fire module's output has the channels of both its branches (Iandola et al., 2016)."""
    layers = describe_network(create("squeezenet1_1", weights="random", classes=2))
    shapes = [x.shape for x in layers if x.kind == "concatenation"]
    assert [shape[0] for shape in shapes] == [128, 128, 256, 256, 384, 384, 512, 512]


@pytest.mark.parametrize("name", ["lenet", "minivggnet"])
def test_onnx_tells_the_same(name):
    made = network(name)

    def weighted(layers):
        return [(x.kind, x.shape, x.parameters, x.detail) for x in layers if x.parameters]

    ours, theirs = describe_network(made), describe_onnx(exported(made))
    assert weighted(theirs) == weighted(ours)
    assert theirs[0].shape == ours[0].shape
    assert theirs[-1].kind == "softmax"


def test_onnx_of_the_network_on_board():
    """Batch normalization is part of the convolutions there; the rest agrees."""
    made = create("efficientnet_lite0", weights="random", classes=2)
    layers = describe_onnx(exported(made))
    kinds = [x.kind for x in describe_network(made)]
    assert sum("convolution" in x.kind for x in layers) == sum("convolution" in k for k in kinds)
    assert sum(x.kind == "depthwise convolution" for x in layers) == 16
    assert layers[-2].parameters == 1280 * 2 + 2


def test_onnx_of_other_models():
    probe = export.linear_graph(np.ones((2, 5), "f4"), np.ones(2, "f4"), TWO)
    assert [x.shape for x in describe_onnx(probe)] == [(5,), (2,), (2,)]
    encoder = exported(network("autoencoder"))
    dense = [x.shape for x in describe_onnx(encoder) if x.kind == "dense"]
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


def test_the_table_of_layers():
    layers = describe_network(create("resnet18", weights="random", classes=2), unfreeze=1)
    table = layer_table(layers)
    assert table["parameters"].sum() == parameter_counts(layers)["parameters"]
    assert table.loc[table["layer"] == "conv1", "detail"].item() == "7x7, stride 2"


def test_boxes_of_a_small_network_are_its_layers():
    boxes = _boxes(describe_network(create("lenet", weights="random", classes=2)))
    assert [box.title for box in boxes] == [
        *("input", "convolution 5x5", "max pooling 2x2", "convolution 5x5", "max pooling 2x2"),
        *("dense", "dense"),
    ]
    assert boxes[1].notes == ("ReLU",)


@pytest.mark.parametrize("onnx", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_boxes_of_a_large_network_are_its_blocks(onnx):
    """ResNet-18: a stem, four stages of two residual blocks, pooling and the last layer."""
    made = network("resnet18")
    boxes = _boxes(describe_onnx(exported(made)) if onnx else describe_network(made))
    stages = [(box.shape, box.count) for box in boxes if box.kind == "block"]
    assert stages == [
        *(((64, 56, 56), 2), ((128, 28, 28), 2)),
        *(((256, 14, 14), 2), ((512, 7, 7), 2)),
    ]
    assert len(boxes) == 9
    if not onnx:
        assert sum(box.parameters for box in boxes) == 11_177_538


@pytest.mark.parametrize("name", ["lenet", "resnet18", "timm:vit_tiny_patch16_224"])
def test_drawings(name, tmp_path):
    layers = describe_network(create(name, weights="random", classes=2), unfreeze="head")
    boxes = _boxes(layers)
    assert len(boxes) < 16
    target = draw_architecture(layers, tmp_path / "sub" / "network.png", title=name)
    pixels = np.asarray(Image.open(target).convert("RGB"))
    assert pixels.shape[1] > 100 * len(boxes)
    assert (pixels[:3] == 255).all()
    assert (pixels[-3:] == 255).all()
    assert 0.02 < (pixels.min(axis=2) < 250).mean() < 0.6
    again = draw_architecture(layers, tmp_path / "again.png", title=name)
    assert again.read_bytes() == target.read_bytes()


def test_drawings_as_vectors(tmp_path):
    layers = [Layer("input", "input", (1, 8, 8), 0, False), Layer("a", "dense", (3,), 195, True)]
    assert b"<svg" in draw_architecture(layers, tmp_path / "a.svg", title="$x$").read_bytes()
    assert draw_architecture(layers, tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ParameterError, match="must be"):
        draw_architecture(layers, tmp_path / "a.doc")
    with pytest.raises(ParameterError, match="without layers"):
        draw_architecture([], tmp_path / "a.png")

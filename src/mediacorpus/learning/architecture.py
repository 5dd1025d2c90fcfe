"""Layers of a trained network: names, kinds, output shapes and weights, read from its ONNX file."""

from __future__ import annotations

import ast
import contextlib
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mediacorpus.errors import MissingExtra, ModelError
from mediacorpus.extras import need
from mediacorpus.learning.model import model_of
from mediacorpus.networks.published import memory_of, published_words
from mediacorpus.store.store import Store

Shape = tuple[int, ...]

CONVOLUTION, DEPTHWISE, DENSE = "convolution", "depthwise convolution", "dense"
MAXIMUM, AVERAGE, INPUT = "max pooling", "average pooling", "input"
BATCH_NORM, LAYER_NORM = "batch normalization", "layer normalization"
CONCATENATION = "concatenation"

_ONNX_KINDS = {
    "Conv": CONVOLUTION,
    "Gemm": DENSE,
    "MatMul": DENSE,
    "MaxPool": MAXIMUM,
    "AveragePool": AVERAGE,
    "GlobalAveragePool": AVERAGE,
    "ReduceMean": AVERAGE,
    "BatchNormalization": BATCH_NORM,
    "LayerNormalization": LAYER_NORM,
    "Relu": "ReLU",
    "Clip": "ReLU6",
    "Gelu": "GELU",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "LeakyRelu": "leaky ReLU",
    "Erf": "GELU",
    "Softmax": "softmax",
    "Flatten": "flatten",
    "Reshape": "flatten",
    "Add": "addition",
    "Concat": CONCATENATION,
}
_WEIGHTED = {"Conv", "Gemm", "MatMul", "BatchNormalization", "LayerNormalization"}
_MAPS = 3
_SCOPES = "pkg.torch.onnx.name_scopes"
_NUMBERS = re.compile(r"^blocks\.\d+(?:\.\d+)?|^\d+(?=\.)|^\w+")
_WRAPPED = re.compile(r"^\d+\.module\.")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a network.

    Parameters
    ----------
    name:
        Dotted name in the network.
    kind:
        What it does, such as `"convolution"`, `"max pooling"`, `"dense"`.
    shape:
        Its output for one image: `(channels, height, width)` or `(features,)`.
    parameters:
        Number of its weights.
    learned:
        Whether training changed them; False where there are none, or where they were frozen;
        None where that is not known.
    detail:
        Size of the filter or window, the stride, the share dropped; or `""`.
    block:
        Name of the block of the network that it belongs to.
    """

    name: str
    kind: str
    shape: Shape
    parameters: int
    learned: bool | None
    detail: str = ""
    block: str = ""

    @property
    def output(self) -> str:
        """The output's shape as text.

        >>> Layer("conv1", "convolution", (20, 28, 28), 520, True).output
        '20 x 28 x 28'
        """
        return " x ".join(map(str, self.shape))


def layers_of(store: Store, name: str) -> list[Layer]:
    """List the layers of a model, and which of them learned.

    A model on features has its own layers only; the input is named after what computed them.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model.

    Raises
    ------
    UnknownName, ModelError
        There is no such model, or its folder is damaged.
    """
    model = model_of(store, name)
    # Earlier versions did not note what was frozen in fine-tuning.
    unknown = None if model.card["method"] == "finetune" else 0
    layers = describe_onnx(model.network(), frozen=model.card.get("frozen", unknown))
    return [replace(layers[0], detail=features_in(model.card)), *layers[1:]]


def architecture_words(store: Store, name: str, layers: Sequence[Layer]) -> str:
    """Say what training a model took in memory, and what is published of its backbone."""
    card = model_of(store, name).card
    sentences = []
    batch = card["settings"].get("batch_size")
    if card["input"] == "pixels" and batch:
        learned = sum(layer.parameters for layer in layers if layer.learned is not False)
        first = next((n for n, x in enumerate(layers) if x.learned is not False), len(layers))
        outputs = sum(math.prod(layer.shape) for layer in layers[first:])
        memory = memory_of(learned, outputs, int(batch))
        sentences.append(f"Training it in batches of {batch} takes about {memory:.2f} GB.")
    if card["method"] in {"linear", "finetune"}:
        with contextlib.suppress(MissingExtra):
            sentences.append(published_words(str(card["backbone"])))
    return " ".join(filter(None, sentences))


def features_in(card: Mapping[str, Any]) -> str:
    """Name the features that a model learned from; `""` where it sees the images.

    >>> features_in({"input": "embedding", "settings": {"backbone": "efficientnet_lite0"}})
    'features of efficientnet_lite0, frozen'
    >>> features_in({"input": "features", "features": "hog"}), features_in({"input": "pixels"})
    ('measure hog', '')
    """
    if card["input"] == "embedding":
        return f"features of {card['settings']['backbone']}, frozen"
    if "joined" in card:
        return ", ".join(str(one["feature"]) for one in card["joined"])
    return f"measure {card['features']}" if card["input"] == "features" else ""


def describe_onnx(content: bytes, *, frozen: int | None = 0) -> list[Layer]:
    """List the layers of an ONNX network, without PyTorch.

    Batch normalization that the export has put into a convolution is not listed.

    Parameters
    ----------
    content:
        The network, as in a model folder's `model.onnx`.
    frozen:
        How many layers with weights, counted from the input, did not learn; None if that is
        not known.

    Returns
    -------
    list of Layer
        First the input.

    Raises
    ------
    ModelError
        This is no ONNX network.
    MissingExtra
        onnx is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from mediacorpus.learning.export import linear_graph
    >>> from mediacorpus.learning.targets import Target, TargetKind
    >>> target = Target(TargetKind.CLASSES, ("no", "yes"))
    >>> content = linear_graph(np.zeros((2, 5), "f4"), np.zeros(2, "f4"), target)
    >>> [(layer.kind, layer.shape, layer.parameters) for layer in describe_onnx(content)]
    [('input', (5,), 0), ('dense', (2,), 12), ('softmax', (2,), 0)]
    """
    onnx = need("onnx")
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
        (entry, *_) = model.graph.input
    except Exception as error:
        raise ModelError(
            f"The layers cannot be listed: this is no ONNX network that can be read ({error}). "
            "Train the model again."
        ) from error
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    shapes = _shapes(model.graph, onnx.TensorProto.FLOAT)
    shapes = {name: shape for name, shape in shapes.items() if name not in weights}
    layers: list[Layer] = []
    first = entry.name
    for node in model.graph.node:
        if node.op_type == "Add" and layers and _is_bias(node, weights, layers[-1]):
            extra = sum(math.prod(weights[name]) for name in node.input if name in weights)
            layers[-1] = replace(layers[-1], parameters=layers[-1].parameters + extra)
            continue
        layer = _onnx_layer(node, shapes, weights, block=layers[-1].block if layers else "0")
        if layer is not None:
            first = first if layers else node.input[0]
            layers.append(layer)
    shape = shapes.get(first) or shapes.get(entry.name) or ()
    return [Layer("input", INPUT, shape, 0, learned=False, block="input"), *_freeze(layers, frozen)]


def _freeze(layers: Sequence[Layer], frozen: int | None) -> list[Layer]:
    """Say of each layer whether it learned."""
    weighted = itertools.accumulate(bool(layer.parameters) for layer in layers)
    return [
        replace(layer, learned=None if frozen is None else place > frozen)
        if layer.parameters
        else layer
        for layer, place in zip(layers, weighted, strict=True)
    ]


def _shapes(graph: Any, number: int) -> dict[str, Shape]:
    """Give the shapes of all float tensors without the batch; unknown sizes are 0."""
    found = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.elem_type == number and len(kind.shape.dim) > 1:
            found[value.name] = tuple(int(size.dim_value) for size in kind.shape.dim)[1:]
    return found


def _is_bias(node: Any, weights: Mapping[str, Shape], before: Layer) -> bool:
    given = [weights[name] for name in node.input if name in weights]
    return before.kind == DENSE and given == [before.shape[-1:]]


def _onnx_layer(
    node: Any, shapes: Mapping[str, Shape], weights: Mapping[str, Shape], *, block: str
) -> Layer | None:
    """Describe a node; None where it is no layer but, say, a change of type."""
    kind = _ONNX_KINDS.get(node.op_type)
    if node.domain == "ai.onnx.ml" and node.op_type != "ArrayFeatureExtractor":
        kind = _CAMEL.sub(" ", node.op_type).lower()
    shape = shapes.get(node.output[0], ())
    own = [name for name in node.input if name in weights and len(weights[name])]
    if kind is None or not (shape or node.domain) or not _is_layer(node, shapes, own):
        return None
    parameters = 0
    if node.op_type in _WEIGHTED:
        # The mean and spread that batch normalization keeps are not learned but counted.
        learned = own[:2] if kind == BATCH_NORM else own
        parameters = sum(math.prod(weights[name]) for name in learned)
        name = _scope(node) or own[0].removesuffix(".weight")
        match = _NUMBERS.match(name)
        block = match[0] if match else block
    else:
        plain = node.name and not node.name.startswith("node_")
        name = node.name if plain else f"{block}.{node.op_type.lower()}"
    windows = {a.name: (a.ints[0], a.ints[-1]) for a in node.attribute if len(a.ints)}
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    size = windows.get("kernel_shape") or (weights[own[0]][-2:] if kind == CONVOLUTION else None)
    stride = windows.get("strides", (1, 1))
    usual = (1, 1) if kind == CONVOLUTION else size
    detail = f"{size[0]}x{size[-1]}" if size else ""
    if size and stride != usual:
        detail += f", stride {stride[0]}"
    if kind == CONVOLUTION and groups > 1 and weights[own[0]][1] == 1:
        kind = DEPTHWISE
    return Layer(name, kind, shape, parameters, bool(parameters), detail, block)


def _scope(node: Any) -> str:
    """Name the module that a node was exported from; `""` where the file does not say."""
    found = next((p.value for p in node.metadata_props if p.key == _SCOPES), "[]")
    scopes = [scope for scope in ast.literal_eval(found)[:-1] if scope]
    return _WRAPPED.sub("", scopes[-1]) if scopes else ""


def _is_layer(node: Any, shapes: Mapping[str, Shape], own: Sequence[str]) -> bool:
    """Sort out the nodes that do arithmetic on constants or only change a shape."""
    before = shapes.get(node.input[0], ())
    if node.op_type in _WEIGHTED:
        return bool(own)
    if node.op_type == "Reshape":
        return len(before) > len(shapes[node.output[0]]) == 1
    if node.op_type == "ReduceMean":
        return len(before) == _MAPS and before != shapes[node.output[0]]
    if node.op_type in {"Add", "Concat"}:
        return all(name in shapes for name in node.input)
    return True


def parameter_counts(layers: Sequence[Layer]) -> dict[str, int]:
    """Count all weights, and those that training changed.

    Returns
    -------
    dict
        `parameters` and `learned`.

    Examples
    --------
    >>> parameter_counts([Layer("a", "dense", (2,), 12, True), Layer("b", "dense", (2,), 6, False)])
    {'parameters': 18, 'learned': 12}
    """
    return {
        "parameters": sum(layer.parameters for layer in layers),
        "learned": sum(layer.parameters for layer in layers if layer.learned),
    }


def layer_table(layers: Sequence[Layer]) -> pd.DataFrame:
    """Give the layers as a table.

    Returns
    -------
    DataFrame
        Columns `layer`, `kind`, `detail`, `output`, `parameters`, `learned`; the last is `yes`,
        `frozen`, `unknown`, or empty for a layer without weights.

    Examples
    --------
    >>> layer_table([Layer("conv1", "convolution", (20, 28, 28), 520, True, "5x5")])
       layer         kind detail        output  parameters learned
    0  conv1  convolution    5x5  20 x 28 x 28         520     yes
    """
    words = {True: "yes", False: "frozen", None: "unknown"}
    columns = ["layer", "kind", "detail", "output", "parameters", "learned"]
    rows = [
        (x.name, x.kind, x.detail, x.output, x.parameters, words[x.learned] if x.parameters else "")
        for x in layers
    ]
    return pd.DataFrame(rows, columns=columns)

"""Layers of an ONNX network, without PyTorch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mediacorpus.errors import ModelError
from mediacorpus.extras import need
from mediacorpus.learning.architecture import (
    AVERAGE,
    BATCH_NORM,
    CONCATENATION,
    CONVOLUTION,
    DENSE,
    DEPTHWISE,
    INPUT,
    LAYER_NORM,
    MAXIMUM,
    Layer,
    Shape,
    pair,
    window,
)

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
    "Softmax": "softmax",
    "Flatten": "flatten",
    "Reshape": "flatten",
    "Add": "addition",
    "Concat": CONCATENATION,
}
_WEIGHTED = {"Conv", "Gemm", "MatMul", "BatchNormalization", "LayerNormalization"}
_MAPS = 3
_NUMBERS = re.compile(r"^\d+(?=\.)|^blocks\.\d+\.\d+|^\w+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def describe_onnx(content: bytes) -> list[Layer]:
    """List the layers of an ONNX network, without PyTorch.

    Batch normalization that the export has put into a convolution is not listed. A layer
    counts as learning if it has weights: the file does not tell which of them were frozen.

    Parameters
    ----------
    content:
        The network, as in a model folder's `model.onnx`.

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
    return [Layer("input", INPUT, shape, 0, learns=False, block="input"), *layers]


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
        block = _NUMBERS.match(own[0])[0] if _NUMBERS.match(own[0]) else block  # type: ignore[index]
        name = own[0].removesuffix(".weight")
    else:
        plain = node.name and not node.name.startswith("node_")
        name = node.name if plain else f"{block}.{node.op_type.lower()}"
    windows = {a.name: pair(list(a.ints)) for a in node.attribute if len(a.ints)}
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    size = windows.get("kernel_shape") or (weights[own[0]][-2:] if kind == CONVOLUTION else None)
    stride = windows.get("strides", (1, 1))
    detail = window(pair(size), stride, pooling=kind != CONVOLUTION) if size else ""
    if kind == CONVOLUTION and groups > 1 and weights[own[0]][1] == 1:
        kind = DEPTHWISE
    return Layer(name, kind, shape, parameters, bool(parameters), detail, block)


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

"""Networks to ONNX: the part that does not learn, and the fitted whole with its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import TrainingError
from mediacorpus.extras import need
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks import frozen
from mediacorpus.networks.backbones import LITE
from mediacorpus.networks.onnx_session import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mediacorpus.networks.backbones import Network


LOGITS, ANSWER = "logits", "probabilities"


def with_answer(model: Any, target: Target) -> Any:
    """Append to an ONNX model with the output `logits` what makes its answer of them.

    Parameters
    ----------
    model:
        ONNX model whose only output is `logits`, float32 `(N, outputs)`.
    target:
        What was learned.

    Returns
    -------
    ONNX model
        The same model, with the output `probabilities` in place of `logits`: float32
        `(N, classes)`; for a scale the values `(N, 1)`. See `Target.answer`.
    """
    helper = need("onnx.helper")
    nodes, constants = _steps(target)
    from_array = need("onnx.numpy_helper").from_array
    model.graph.node.extend(
        [helper.make_node(op, into, [out], **attributes) for op, into, out, attributes in nodes]
    )
    model.graph.initializer.extend([from_array(v, name) for name, v in constants.items()])
    kind = need("onnx").TensorProto.FLOAT
    columns = 1 if target.kind is TargetKind.SCALE else len(target.classes)
    found = next(output for output in model.graph.output if output.name == LOGITS)
    shape = found.type.tensor_type.shape
    first = shape.dim[0].dim_param if shape.dim and shape.dim[0].dim_param else "N"
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(ANSWER, kind, [first, columns]))
    return model


Step = tuple[str, list[str], str, dict[str, Any]]


def _steps(target: Target) -> tuple[list[Step], dict[str, NDArray[Any]]]:
    if target.kind is TargetKind.CLASSES:
        return [("Softmax", [LOGITS], ANSWER, {"axis": 1})], {}
    if target.kind is TargetKind.MULTILABEL:
        return [("Sigmoid", [LOGITS], ANSWER, {})], {}
    if target.kind is TargetKind.SCALE:
        steps: list[Step] = [
            ("Mul", [LOGITS, "answer.sd"], "answer.wide", {}),
            ("Add", ["answer.wide", "answer.mean"], "answer.free", {}),
            ("Clip", ["answer.free", "answer.low", "answer.high"], ANSWER, {}),
        ]
        numbers = {"sd": target.sd, "mean": target.mean, "low": target.low, "high": target.high}
        return steps, {f"answer.{n}": np.array(v, np.float32) for n, v in numbers.items()}
    return _ranks(len(target.classes))


def _ranks(classes: int) -> tuple[list[Step], dict[str, NDArray[Any]]]:
    """Turn shares above each threshold into shares of each rank."""
    steps = np.zeros((classes - 1, classes), np.float32)
    for place in range(classes - 1):
        steps[place, place], steps[place, place + 1] = -1, 1
    first = np.zeros((1, classes), np.float32)
    first[0, 0] = 1
    constants: dict[str, NDArray[Any]] = {
        "answer.steps": steps,
        "answer.first": first,
        "answer.axes": np.array([1], np.int64),
        "answer.least": np.asarray(np.float32(1e-12)),
    }
    return [
        ("Sigmoid", [LOGITS], "answer.above", {}),
        ("MatMul", ["answer.above", "answer.steps"], "answer.differences", {}),
        ("Add", ["answer.differences", "answer.first"], "answer.raw", {}),
        ("Relu", ["answer.raw"], "answer.kept", {}),
        ("ReduceSum", ["answer.kept", "answer.axes"], "answer.sum", {"keepdims": 1}),
        ("Max", ["answer.sum", "answer.least"], "answer.total", {}),
        ("Div", ["answer.kept", "answer.total"], ANSWER, {}),
    ], constants


PIXELS = "pixels"
_SLICE = {"start": -1, "end": -(2**63), "axis": 2, "step": -1}
"""All columns, from the last to the first."""
_BOTH, _FOUND = "mirror.both", "mirror.logits"


def with_mirror(model: Any) -> Any:
    """Let an ONNX model see each image and its mirror image, and give the mean of the logits.

    Parameters
    ----------
    model:
        ONNX model with the input `pixels` `(N, size, size, 3)` and the only output `logits`
        `(N, outputs)`.

    Returns
    -------
    ONNX model
        The same model, changed in place; it takes and gives the same shapes.

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012). ImageNet classification with deep convolutional
    neural networks. NeurIPS 25 (there with cut-outs too, and the mean of the probabilities).
    """
    for node in model.graph.node:
        node.input[:] = [_BOTH if name == PIXELS else name for name in node.input]
        node.output[:] = [_FOUND if name == LOGITS else name for name in node.output]
    nodes = list(model.graph.node)
    del model.graph.node[:]
    # The shapes of what lies between say how many images go in, which is now twice as many.
    del model.graph.value_info[:]
    make = need("onnx.helper").make_node
    model.graph.node.extend(
        [
            make("Slice", [PIXELS, *(f"mirror.{n}" for n in _SLICE)], ["mirror.turned"]),
            make("Concat", [PIXELS, "mirror.turned"], [_BOTH], axis=0),
            *nodes,
            make("Shape", [PIXELS], ["mirror.shape"]),
            make("Gather", ["mirror.shape", "mirror.first"], ["mirror.count"]),
            make("Concat", ["mirror.count", "mirror.count"], ["mirror.counts"], axis=0),
            make("Split", [_FOUND, "mirror.counts"], ["mirror.a", "mirror.b"], axis=0),
            make("Add", ["mirror.a", "mirror.b"], ["mirror.sum"]),
            make("Mul", ["mirror.sum", "mirror.half"], [LOGITS]),
        ]
    )
    constants: dict[str, Any] = {name: np.array([n], np.int64) for name, n in _SLICE.items()}
    constants |= {"first": np.array([0], np.int64), "half": np.array(0.5, np.float32)}
    from_array = need("onnx.numpy_helper").from_array
    model.graph.initializer.extend(
        [from_array(value, f"mirror.{name}") for name, value in constants.items()]
    )
    return model


TOLERANCE = 1e-3
"""Largest difference of a probability between PyTorch and ONNX that is let pass."""


def fitted_graph(
    network: Network,
    fixed: Sequence[Any],
    learning: Sequence[Any],
    *,
    target: Target,
    mirror: bool = False,
) -> bytes:
    """Write a fitted network as ONNX.

    Parameters
    ----------
    network:
        The network, with its fitted weights.
    fixed, learning:
        What `frozen.split` gave.
    target:
        What was learned.
    mirror:
        Whether it answers with the mean of an image and its mirror image.

    Returns
    -------
    bytes
        Input `pixels` uint8 `(N, size, size, 3)`; output `probabilities` float32
        `(N, classes)`.
    """
    if network.name == LITE:
        model = _only_logits(frozen.lite_graph(network))
    else:
        model = need("onnx").load_from_string(frozen.trace(network, [*fixed, *learning], LOGITS))
    if mirror:
        model = with_mirror(model)
    content: bytes = with_answer(model, target).SerializeToString(deterministic=True)
    return content


def linear_graph(weight: NDArray[np.float32], bias: NDArray[np.float32], target: Target) -> bytes:
    """Write a linear model as ONNX.

    Parameters
    ----------
    weight:
        float32 `(outputs, features)`.
    bias:
        float32 `(outputs,)`.
    target:
        What was learned.

    Returns
    -------
    bytes
        Input `embedding` float32 `(N, features)`; output `probabilities` `(N, classes)`.

    Examples
    --------
    >>> from mediacorpus.learning.targets import TargetKind
    >>> target = Target(TargetKind.CLASSES, ("no", "yes"))
    >>> session = open_session(linear_graph(np.eye(2, dtype="f4"), np.zeros(2, "f4"), target))
    >>> session.run(None, {"embedding": np.zeros((1, 2), "f4")})[0].tolist()
    [[0.5, 0.5]]
    """
    onnx, helper, tensor = need("onnx"), need("onnx.helper"), need("onnx.numpy_helper").from_array
    value, number = helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    outputs, features = weight.shape
    inner = helper.make_graph(
        [helper.make_node("Gemm", ["embedding", "weight", "bias"], [LOGITS], transB=1)],
        "probe",
        [value("embedding", number, ["N", features])],
        [value(LOGITS, number, ["N", outputs])],
        [tensor(weight.astype(np.float32), "weight"), tensor(bias.astype(np.float32), "bias")],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(inner, opset_imports=[opset], ir_version=8, producer_name="")
    content: bytes = with_answer(model, target).SerializeToString(deterministic=True)
    return content


def agreement(
    network: Network,
    content: bytes,
    pixels: NDArray[np.uint8],
    *,
    target: Target,
    mirror: bool = False,
) -> float:
    """Give the largest difference of an answer between PyTorch and ONNX.

    Parameters
    ----------
    network:
        The fitted network.
    content:
        What `fitted_graph` gave.
    pixels:
        Some images, uint8 `(N, size, size, 3)`.
    target:
        What was learned.
    mirror:
        As in `fitted_graph`.

    Raises
    ------
    TrainingError
        The difference is larger than 0.001, so the exported network must not be used.
    """
    torch = need("torch")
    module = torch.nn.Sequential(frozen.standardizer(network), network.module).eval()
    with torch.inference_mode():
        logits = module(torch.from_numpy(pixels))
        if mirror:
            logits = (logits + module(torch.from_numpy(pixels).flip(2))) / 2
    ours = target.answer(logits.numpy())
    theirs = open_session(content).run(None, {"pixels": pixels})[0]
    difference = float(np.abs(ours - theirs).max(initial=0.0))
    if not difference <= TOLERANCE * max(1.0, target.sd):
        raise TrainingError(
            f"The exported network of {network.name} differs from the fitted one by "
            f"{difference:.3g} in a probability (at most {TOLERANCE:g} is let pass); "
            "choose another backbone."
        )
    return difference


def _only_logits(model: Any) -> Any:
    outputs = [output for output in model.graph.output if output.name == LOGITS]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return model

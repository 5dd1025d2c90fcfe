"""The last step of an exported network: from its outputs to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.extras import need
from mediacorpus.learning.targets import Target, TargetKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

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

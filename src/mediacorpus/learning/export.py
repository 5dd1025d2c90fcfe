"""Networks to ONNX: the part that does not learn, and the fitted whole with its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    steps, constants = _steps(target)
    _append(model, steps, constants)
    columns = 1 if target.kind is TargetKind.SCALE else len(target.classes)
    found = next(output for output in model.graph.output if output.name == LOGITS)
    shape = found.type.tensor_type.shape
    first = shape.dim[0].dim_param if shape.dim and shape.dim[0].dim_param else "N"
    del model.graph.output[:]
    number = need("onnx").TensorProto.FLOAT
    value = need("onnx.helper").make_tensor_value_info(ANSWER, number, [first, columns])
    model.graph.output.append(value)
    return model


def _append(model: Any, steps: Sequence[str], constants: Mapping[str, Any]) -> None:
    """Append nodes, as ONNX writes them as text, and the constants that they name."""
    model.graph.node.extend(need("onnx.parser").parse_node(step) for step in steps)
    tensor = need("onnx.numpy_helper").from_array
    model.graph.initializer.extend(tensor(np.asarray(v), name) for name, v in constants.items())


def _steps(target: Target) -> tuple[list[str], dict[str, Any]]:
    """Say how logits become answers, and by which constants."""
    if target.kind is TargetKind.CLASSES:
        return ["probabilities = Softmax <axis = 1> (logits)"], {}
    if target.kind is TargetKind.MULTILABEL:
        return ["probabilities = Sigmoid (logits)"], {}
    if target.kind is TargetKind.SCALE:
        numbers = ("sd", "mean", "low", "high")
        return [
            "answer_wide = Mul (logits, answer_sd)",
            "answer_free = Add (answer_wide, answer_mean)",
            "probabilities = Clip (answer_free, answer_low, answer_high)",
        ], {f"answer_{name}": np.float32(getattr(target, name)) for name in numbers}
    classes = len(target.classes)
    return [
        "answer_above = Sigmoid (logits)",
        "answer_differences = MatMul (answer_above, answer_steps)",
        "answer_raw = Add (answer_differences, answer_first)",
        "answer_kept = Relu (answer_raw)",
        "answer_sum = ReduceSum <keepdims = 1> (answer_kept, answer_axes)",
        "answer_total = Max (answer_sum, answer_least)",
        "probabilities = Div (answer_kept, answer_total)",
    ], {
        # Shares above each threshold are turned into shares of each rank.
        "answer_steps": np.eye(classes - 1, classes, 1, "f4")
        - np.eye(classes - 1, classes, dtype="f4"),
        "answer_first": np.eye(1, classes, dtype="f4"),
        "answer_axes": np.array([1], np.int64),
        "answer_least": np.float32(1e-12),
    }


PIXELS = "pixels"
_BOTH, _FOUND = "mirror_both", "mirror_logits"


def with_tta(model: Any) -> Any:
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
    last_to_first = {"start": -1, "end": -(2**63), "axis": 2, "step": -1}
    before = [
        "mirror_turned = Slice (pixels, mirror_start, mirror_end, mirror_axis, mirror_step)",
        "mirror_both = Concat <axis = 0> (pixels, mirror_turned)",
    ]
    _append(model, before, {f"mirror_{name}": np.array([n]) for name, n in last_to_first.items()})
    model.graph.node.extend(nodes)
    after = [
        "mirror_shape = Shape (pixels)",
        "mirror_count = Gather (mirror_shape, mirror_first)",
        "mirror_counts = Concat <axis = 0> (mirror_count, mirror_count)",
        "mirror_a, mirror_b = Split <axis = 0> (mirror_logits, mirror_counts)",
        "mirror_sum = Add (mirror_a, mirror_b)",
        "logits = Mul (mirror_sum, mirror_half)",
    ]
    _append(model, after, {"mirror_first": np.array([0]), "mirror_half": np.float32(0.5)})
    return model


TOLERANCE = 1e-3
"""Largest difference of a probability between PyTorch and ONNX that is let pass."""


def fitted_graph(network: Network, *, target: Target, tta: bool = False) -> bytes:
    """Write a fitted network as ONNX.

    Parameters
    ----------
    network:
        The network, with its fitted weights.
    target:
        What was learned.
    tta:
        Whether it answers with the mean of an image and its mirror image.

    Returns
    -------
    bytes
        Input `pixels` uint8 `(N, size, size, 3)`; output `probabilities` float32
        `(N, classes)`.
    """
    if network.name == LITE:
        model = with_one_output(frozen.lite_graph(network), LOGITS)
    else:
        fixed, learning = frozen.split(network, "all")
        model = need("onnx").load_from_string(frozen.trace(network, [*fixed, *learning], LOGITS))
    if tta:
        model = with_tta(model)
    return bytes(with_answer(model, target).SerializeToString(deterministic=True))


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
    outputs, features = weight.shape
    model = need("onnx.parser").parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        linear (float[N, {features}] embedding) => (float[N, {outputs}] logits) {{}}"""
    )
    layer = "logits = Gemm <transB = 1> (embedding, weight, bias)"
    _append(model, [layer], {"weight": weight.astype("f4"), "bias": bias.astype("f4")})
    return bytes(with_answer(model, target).SerializeToString(deterministic=True))


def agreement(
    network: Network,
    content: bytes,
    pixels: NDArray[np.uint8],
    *,
    target: Target,
    tta: bool = False,
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
    tta:
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
        if tta:
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


def with_one_output(model: Any, name: str) -> Any:
    """Leave an ONNX model, changed in place, with one of its outputs."""
    kept = [output for output in model.graph.output if output.name == name]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    return model

"""Networks to ONNX: the part that does not learn, and the fitted whole with its answers."""

from __future__ import annotations

import functools
import hashlib
import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus._version import __version__
from mediacorpus.errors import ParameterError, TrainingError
from mediacorpus.extras import need
from mediacorpus.learning.settings import LITE
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.measures.efficientnet_graph import STAGES, graph
from mediacorpus.measures.onnx_session import open_session
from mediacorpus.measures.stored import stored
from mediacorpus.settings import settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mediacorpus.learning.backbones import Network


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

OPSET = 18

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in luma (ITU-R BT.601)."""


def split(network: Network, unfreeze: str | int) -> tuple[list[Any], list[Any]]:
    """Part a network's modules into those that do not learn and those that do.

    What lies between the last block and the last layer and has no weights, such as pooling,
    is counted to what does not learn where only the last layer does.

    Examples
    --------
    >>> from mediacorpus.learning.backbones import create
    >>> network = create("efficientnet_lite0", weights="random", classes=2)
    >>> [len(part) for part in split(network, 1)], [len(part) for part in split(network, "head")]
    ([17, 4], [19, 2])
    """
    nn = need("torch.nn")
    count = len(network.blocks) - network.learning_blocks(unfreeze)
    fixed, learning = list(network.blocks[:count]), list(network.blocks[count:])
    head = list(network.head) if isinstance(network.head, nn.Sequential) else [network.head]
    while not learning and not isinstance(head[0], nn.Dropout) and not _has_weights(head[0]):
        fixed.append(head.pop(0))
    return fixed, learning + head


def check_size(network: Network) -> None:
    """Raise if a network cannot see images of the size that it is to see.

    Raises
    ------
    ParameterError
        It fails on a black image of that size.

    Examples
    --------
    >>> from mediacorpus.learning.backbones import create
    >>> check_size(create("squeezenet1_1", weights="random", classes=2, size=96))
    """
    torch = need("torch")
    network.module.eval()
    try:
        with torch.inference_mode():
            network.module(torch.zeros(1, 1 if network.gray else 3, network.size, network.size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ParameterError(
            f"{network.name} cannot see images of {network.size} x {network.size} pixels "
            f"({str(error).splitlines()[0]}). Leave --size out, or ask for another."
        ) from error


def standardizer(network: Network) -> Any:
    """Make the module that turns images into a network's input.

    Examples
    --------
    >>> from mediacorpus.learning.backbones import create
    >>> module = standardizer(create("efficientnet_lite0", weights="random", classes=2))
    >>> module(need("torch").full((1, 2, 2, 3), 255, dtype=need("torch").uint8)).unique()
    tensor([1.])

    A network that takes gray gets the luma of ITU-R BT.601.

    >>> module = standardizer(create("lenet", weights="random", classes=2))
    >>> red = need("torch").tensor([255, 0, 0], dtype=need("torch").uint8)
    >>> module(red.expand(1, 28, 28, 3)).shape, module(red.expand(1, 1, 1, 3)).item()
    (torch.Size([1, 1, 28, 28]), -0.40...)
    """
    return _standardizer_class()(network.mean, network.sd, gray=network.gray)


@functools.cache
def _standardizer_class() -> Any:
    torch = need("torch")

    class Standardizer(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, mean: Sequence[float], sd: Sequence[float], *, gray: bool) -> None:
            super().__init__()
            self.gray = gray
            center, spread = (torch.tensor(v).view(3, 1, 1) for v in (mean, sd))
            self.register_buffer("gain", 1 / (255 * spread), persistent=False)
            self.register_buffer("shift", -center / spread, persistent=False)
            luma = torch.tensor(LUMA).view(3, 1, 1)
            self.register_buffer("luma", luma, persistent=False)

        def forward(self, pixels: Any) -> Any:
            # (N, size, size, 3) uint8 → (N, 3, size, size) float32, or (N, 1, size, size)
            x = pixels.permute(0, 3, 1, 2).float() * self.gain + self.shift
            return (x * self.luma).sum(1, keepdim=True) if self.gray else x

    return Standardizer


def _has_weights(module: Any) -> bool:
    return next(module.parameters(), None) is not None


def fixed_graph(network: Network, fixed: Sequence[Any]) -> bytes:
    """Write the part of a network that does not learn as ONNX.

    Traced networks are kept in the user's cache.

    Parameters
    ----------
    network:
        The network.
    fixed:
        Its modules that do not learn, in order; at least one.

    Returns
    -------
    bytes
        Input `pixels` uint8 `(N, size, size, 3)`; output `features` float32 `(N, ...)`.
    """
    if network.name == LITE:
        return _lite_prefix(network, len(fixed))
    key = hashlib.sha256(f"{__version__} {OPSET} {need('torch').__version__}".encode())
    for module in fixed:
        key.update(str(module).encode())
        for tensor in module.state_dict().values():
            key.update(tensor.contiguous().numpy().tobytes())
    key.update(f"{network.size} {network.mean} {network.sd} {network.gray}".encode())
    name = f"{network.name.replace(':', '-')}-{len(fixed)}-{key.hexdigest()[:16]}.onnx"
    make = functools.partial(_trace_fixed, network, fixed)
    path = stored(settings().cache / "networks" / name, make)
    return path.read_bytes()


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
        What `split` gave.
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
        model = _only_logits(_lite(network))
    else:
        model = need("onnx").load_from_string(_trace(network, [*fixed, *learning], LOGITS))
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
    module = torch.nn.Sequential(standardizer(network), network.module).eval()
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


def _lite(network: Network) -> Any:
    tensors = [tensor.detach().numpy() for tensor in network.module.state_dict().values()]
    return graph(tensors, {}, side=network.size)


def _lite_prefix(network: Network, count: int) -> bytes:
    """Cut the written graph after some blocks."""
    onnx = need("onnx")
    names = ["stem.relu6"]
    for stage, (blocks, _) in enumerate(STAGES):
        names += [f"blocks.{stage}.{b}.{'sum' if b else 'project'}" for b in range(blocks)]
    names += ["head.relu6", "embedding"]
    whole = onnx.shape_inference.infer_shapes(_lite(network))
    model = onnx.utils.Extractor(whole).extract_model(["pixels"], [names[count - 1]])
    model.graph.node.append(onnx.helper.make_node("Identity", [names[count - 1]], ["features"]))
    model.graph.output[0].name = "features"
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _only_logits(model: Any) -> Any:
    outputs = [output for output in model.graph.output if output.name == LOGITS]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return model


def _trace_fixed(network: Network, fixed: Sequence[Any]) -> bytes:
    return _trace(network, fixed, "features")


def _trace(network: Network, modules: Sequence[Any], output: str) -> bytes:
    """Trace modules from pixels on with PyTorch's exporter, without its chatter."""
    torch = need("torch")
    need("onnxscript")
    whole = torch.nn.Sequential(standardizer(network), *modules).eval()
    whole = whole.to(memory_format=torch.contiguous_format)
    example = torch.zeros(2, network.size, network.size, 3, dtype=torch.uint8)
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                whole,
                (example,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
                input_names=["pixels"],
                output_names=[output],
                opset_version=OPSET,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    content: bytes = program.model_proto.SerializeToString(deterministic=True)
    return content

"""EfficientNet-Lite0 as an ONNX graph, written straight from its weights.

Tracing the PyTorch network with `torch.onnx.export` gives the same numbers but takes ten
seconds and two more packages; the network is a plain chain of 49 convolutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ModelError
from mediacorpus.extras import need

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SIDE = 224
"""Height and width of the input in pixels."""

HALF = (0.5, 0.5, 0.5)
"""Mean and standard deviation of red, green and blue that the network is used to."""

FEATURES = 1280
"""Length of the pooled features."""

STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Number of blocks and stride of the first block, stage by stage."""

EPSILON = 1e-3
"""Added to the variance by the batch normalisations."""

PER_CONVOLUTION = 6
"""Tensors of one convolution and its batch normalisation."""

TENSORS = 49 * PER_CONVOLUTION + 2
"""Tensors of the whole network: 49 normalised convolutions and the classifier."""

Tensor = NDArray[Any]


class _Writer:
    """Nodes and constants of a graph that is being written."""

    def __init__(self, tensors: Iterator[Tensor]) -> None:
        self.tensors = tensors
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node whose one output bears its name."""
        make = need("onnx.helper").make_node
        self.nodes.append(make(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: Tensor | float) -> str:
        """Add a float32 constant."""
        array = np.asarray(value, dtype=np.float32, order="C")
        self.constants.append(need("onnx.numpy_helper").from_array(array, name))
        return name

    def convolution(
        self, x: str, name: str, *, stride: int = 1, relu6: bool = True, scale: Any = 1.0
    ) -> str:
        """Add the next convolution with its batch normalisation folded in."""
        weight, gamma, beta, mean, variance, _ = (
            next(self.tensors) for _ in range(PER_CONVOLUTION)
        )
        gain = gamma / np.sqrt(variance + EPSILON)
        output = self.node(
            "Conv",
            [
                x,
                self.constant(f"{name}.weight", weight * gain[:, None, None, None] * scale),
                self.constant(f"{name}.bias", beta - mean * gain),
            ],
            name,
            strides=[stride, stride],
            # One input channel per filter: depthwise.
            group=len(weight) if weight.shape[1] == 1 else 1,
            kernel_shape=list(weight.shape[2:]),
            auto_pad="SAME_UPPER",
        )
        return self.node("Clip", [output, "zero", "six"], f"{name}.relu6") if relu6 else output

    def block(self, x: str, name: str, *, stride: int, expand: bool, add: bool) -> str:
        """Add an inverted residual block: expand, filter by channel, project."""
        y = self.convolution(x, f"{name}.expand") if expand else x
        y = self.convolution(y, f"{name}.depthwise", stride=stride)
        y = self.convolution(y, f"{name}.project", relu6=False)
        return self.node("Add", [x, y], f"{name}.sum") if add else y


def graph(
    tensors: Sequence[Tensor],
    metadata: Mapping[str, str],
    *,
    side: int = SIDE,
    mean: Sequence[float] = HALF,
    sd: Sequence[float] = HALF,
) -> Any:
    """Write EfficientNet-Lite0 as an ONNX model with the normalisation of pixels inside.

    Parameters
    ----------
    tensors:
        The 296 arrays of the network's state, in the order of timm's `tf_efficientnet_lite0`
        (the built-in weights, or fine-tuned ones with another number of classes).
    metadata:
        Kept in the file, such as the names of the classes.
    side:
        Height and width of the images in pixels, at least 32.
    mean, sd:
        Of red, green and blue on the scale 0 to 1, for standardizing.

    Returns
    -------
    onnx.ModelProto
        Input `pixels` uint8 `(N, side, side, 3)`; outputs `embedding` float32 `(N, 1280)`
        and `logits` float32 `(N, classes)`. N may differ from call to call.

    Raises
    ------
    ModelError
        The number of arrays or the shape of the last ones is not that of this network.
    MissingExtra
        onnx is not installed.

    References
    ----------
    Tan and Le (2019). EfficientNet: Rethinking Model Scaling for Convolutional Neural
    Networks. ICML. The Lite form (2020) has ReLU6 and no squeeze-and-excitation.
    """
    if len(tensors) != TENSORS or tensors[-2].shape[1:] != (FEATURES,):
        raise ModelError(
            f"These are not the weights of EfficientNet-Lite0: found {len(tensors)} tensors, "
            f"expected {TENSORS} with a classifier of {FEATURES} inputs as the last two."
        )
    writer = _Writer(iter(tensors))
    _write(writer, mean, sd)
    return _model(writer, len(tensors[-1]), metadata, side=side)


def _write(writer: _Writer, mean: Sequence[float], sd: Sequence[float]) -> None:
    writer.constant("zero", 0)
    writer.constant("six", 6)
    # The mean is taken off here, so that the zeros of the padding mean the average color; the
    # division is folded into the first weights.
    usual = (tuple(mean), tuple(sd)) == (HALF, HALF)
    middle: Any = 127.5 if usual else 255 * np.asarray(mean, np.float32).reshape(3, 1, 1)
    scale: Any = 1 / 127.5 if usual else 1 / (255 * np.asarray(sd, np.float32).reshape(1, 3, 1, 1))
    x = writer.node("Transpose", ["pixels"], "channels_first", perm=[0, 3, 1, 2])
    x = writer.node("Cast", [x], "float", to=int(need("onnx").TensorProto.FLOAT))
    x = writer.node("Sub", [x, writer.constant("middle", middle)], "centered")
    x = writer.convolution(x, "stem", stride=2, scale=scale)
    for stage, (blocks, stride) in enumerate(STAGES):
        for block in range(blocks):
            first = block == 0
            x = writer.block(
                x,
                f"blocks.{stage}.{block}",
                stride=stride if first else 1,
                expand=stage > 0,
                add=not first,
            )
    x = writer.convolution(x, "head")
    x = writer.node("GlobalAveragePool", [x], "pool")
    x = writer.node("Flatten", [x], "embedding")
    weight = writer.constant("classifier.weight", next(writer.tensors))
    bias = writer.constant("classifier.bias", next(writer.tensors))
    writer.node("Gemm", [x, weight, bias], "logits", transB=1)


def _model(writer: _Writer, classes: int, metadata: Mapping[str, str], *, side: int) -> Any:
    onnx, helper = need("onnx"), need("onnx.helper")
    value, kinds = helper.make_tensor_value_info, onnx.TensorProto
    network = helper.make_graph(
        writer.nodes,
        "efficientnet_lite0",
        [value("pixels", kinds.UINT8, ["N", side, side, 3])],
        [
            value("embedding", kinds.FLOAT, ["N", FEATURES]),
            value("logits", kinds.FLOAT, ["N", classes]),
        ],
        writer.constants,
    )
    model = helper.make_model(
        network, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name=""
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    return model

"""Make the network faster with 8-bit numbers, calibrated on images of the corpus."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.extras import need
from mediacorpus.networks.efficientnet_graph import SIDE
from mediacorpus.networks.onnx_session import CHUNK
from mediacorpus.networks.stored import store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from mediacorpus.engine.contract import Pixels

PREPARATION = ("channels_first", "float", "centered")
"""Nodes between the pixels and the first convolution."""


def quantize(source: Path, images: Iterable[Pixels], target: Path) -> Path:
    """Turn EfficientNet-Lite0 into 8-bit integers (static quantisation).

    Weights get 7 bits and one scale for each output channel; activations one scale each, from the
    smallest and largest value seen with `images`. About 64 images are enough.

    Parameters
    ----------
    source:
        What `onnx_file` gave, or another file that `graph` wrote.
    images:
        Images like those to be measured, each as `preprocess` gives it: uint8
        `(224, 224, 3)`.
    target:
        File to write, with its SHA-256 beside it.

    Returns
    -------
    Path
        `target`: same input and outputs as `source`.

    Raises
    ------
    ParameterError
        There are no images, or one is not as `preprocess` gives it.
    ModelError
        `source` is not a network that `graph` wrote.
    MissingExtra
        onnx or onnxruntime is not installed.

    Notes
    -----
    Weights have 7 bits, so that sums saturate on no processor: the answers are the same with and
    without 8-bit dot products (AVX512-VNNI, AVX-VNNI). Without them less speed is gained.

    References
    ----------
    Jacob et al. (2018). Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference. CVPR.
    """
    first, rest = _first(images)
    model = _recentred(source)
    with tempfile.TemporaryDirectory(prefix="mediacorpus-") as folder:
        made = Path(folder) / "quantized.onnx"
        _quantize(model, _Reader(first, rest), made)
        quantized = need("onnx").load(made)
    _take_pixels(quantized)
    content: bytes = quantized.SerializeToString(deterministic=True)
    return store(target, content)


def _first(images: Iterable[Pixels]) -> tuple[Pixels, Iterator[Pixels]]:
    rest = iter(images)
    first = next(rest, None)
    if first is None:
        raise ParameterError("There are no images to calibrate with; give about 64.")
    return first, rest


class _Reader:
    """Hands the images to ONNX Runtime in small batches."""

    def __init__(self, first: Pixels, rest: Iterator[Pixels]) -> None:
        self.first: Pixels | None = first
        self.rest = rest

    def get_next(self) -> dict[str, Pixels] | None:
        """Give the next input, None after the last."""
        batch = [] if self.first is None else [self.first]
        self.first = None
        for image in self.rest:
            batch.append(image)
            if len(batch) == CHUNK:
                break
        for image in batch:
            if image.shape != (SIDE, SIDE, 3) or image.dtype != np.uint8:
                raise ParameterError(
                    f"Calibration takes uint8 images ({SIDE}, {SIDE}, 3) as preprocess gives "
                    f"them; got {image.dtype} {image.shape}."
                )
        return {"pixels": np.stack(batch)} if batch else None


def _recentred(source: Path) -> Any:
    """Load the network with 128 instead of 127.5 taken off the pixels.

    Pixels less 128 are 8-bit integers as they stand. The first bias makes up for the half.
    """
    onnx, numpy_helper = need("onnx"), need("onnx.numpy_helper")
    try:
        model = onnx.load(source)
        constants = {constant.name: constant for constant in model.graph.initializer}
        weight, bias = (
            numpy_helper.to_array(constants[name]) for name in ("stem.weight", "stem.bias")
        )
    except (OSError, KeyError, need("google.protobuf.message").DecodeError) as error:
        raise ModelError(
            f"{source} cannot be quantised: it is not EfficientNet-Lite0 as onnx_file gives it."
        ) from error
    changed: dict[str, NDArray[Any]] = {
        "middle": np.asarray(128, np.float32),
        "stem.bias": (bias + weight.sum(axis=(1, 2, 3)) / 2).astype(np.float32),
    }
    for name, value in changed.items():
        constants[name].CopyFrom(numpy_helper.from_array(value, name))
    return model


def _quantize(model: Any, reader: _Reader, target: Path) -> None:
    quantization = need("onnxruntime.quantization")
    # The graph is folded already; this says so, and spares the reader of logs a warning.
    need("onnx.helper").set_model_props(
        model,
        {p.key: p.value for p in model.metadata_props}
        | {"onnx.quant.pre_process": "onnxruntime.quant"},
    )
    exact = {"scale": np.array(1, np.float32), "zero_point": np.array(128, np.uint8)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantization.quantize_static(
            model,
            target,
            reader,
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            nodes_to_exclude=list(PREPARATION),
            extra_options={"TensorQuantOverrides": {"centered": [exact]}},
        )


def _take_pixels(model: Any) -> None:
    """Let the first convolution read the pixels, which are its 8-bit input as they stand."""
    nodes = model.graph.node
    into = next(n for n in nodes if n.op_type == "QuantizeLinear" and n.input[0] == "centered")
    transpose = need("onnx.helper").make_node(
        "Transpose", ["pixels"], [into.output[0]], name=PREPARATION[0], perm=[0, 3, 1, 2]
    )
    kept = [n for n in nodes if n.name not in PREPARATION and n.output[0] != into.output[0]]
    del nodes[:]
    nodes.extend([transpose, *kept])
    used = {name for node in kept for name in node.input}
    constants = [c for c in model.graph.initializer if c.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)

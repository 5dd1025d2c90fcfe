"""Networks to ONNX: the part that does not learn, and the fitted whole."""

from __future__ import annotations

import functools
import hashlib
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus._version import __version__
from mediacorpus.errors import ModelError, TrainingError
from mediacorpus.extras import need
from mediacorpus.measures.efficientnet_graph import STAGES, graph
from mediacorpus.measures.stored import stored
from mediacorpus.settings import settings

if TYPE_CHECKING:
    from mediacorpus.learning.backbones import Network

LITE = "efficientnet_lite0"

TOLERANCE = 1e-3
"""Largest difference of a probability between PyTorch and ONNX that is let pass."""

OPSET = 18


def open_session(content: bytes) -> Any:
    """Load an ONNX network on one thread; it may be called from several threads at once.

    Raises
    ------
    ModelError
        ONNX Runtime cannot load it.
    """
    ort = need("onnxruntime")
    options = ort.SessionOptions()
    # Threads outside share out the pictures; threads inside the network would compete.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"ONNX Runtime cannot load the network: {error}") from error


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
    while not learning and not isinstance(head[0], nn.Dropout) and not any(head[0].parameters()):
        fixed.append(head.pop(0))
    return fixed, learning + head


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
    key.update(f"{network.size} {network.mean} {network.sd}".encode())
    name = f"{network.name.replace(':', '-')}-{len(fixed)}-{key.hexdigest()[:16]}.onnx"
    make = functools.partial(_trace_fixed, network, fixed)
    return stored(settings().cache / "networks" / name, make).read_bytes()

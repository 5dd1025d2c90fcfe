"""The mean answer to a picture and its mirror image, inside the network's graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from mediacorpus.extras import need
from mediacorpus.learning.answers import LOGITS

PIXELS = "pixels"
_SLICE = {"start": -1, "end": -(2**63), "axis": 2, "step": -1}
"""All columns, from the last to the first."""
_BOTH, _FOUND = "mirror.both", "mirror.logits"


def with_mirror(model: Any) -> Any:
    """Let an ONNX model see each picture and its mirror image, and give the mean of the logits.

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
    # The shapes of what lies between say how many pictures go in, which is now twice as many.
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

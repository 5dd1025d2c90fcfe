"""EfficientNet-Lite0 with its ImageNet weights: one forward pass for tags and embedding."""

from __future__ import annotations

import functools
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.errors import ParameterError
from mediacorpus.measures.imagenet import class_names
from mediacorpus.networks.efficientnet_graph import SIDE, graph
from mediacorpus.networks.lite import WEIGHTS_SHA256, lite_state
from mediacorpus.networks.onnx_session import Floats, Session
from mediacorpus.networks.stored import stored
from mediacorpus.networks.views import preprocess
from mediacorpus.settings import settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mediacorpus.engine.contract import Batch

VERSION = "2"
"""Raised whenever the converted network or the preprocessing gives other numbers or names."""

LICENCE = "Apache-2.0 (code and weights)"

CITATION = (
    "Tan and Le (2019), EfficientNet, ICML (Lite form: TensorFlow, 2020); trained on "
    "ImageNet-1k: Deng et al. (2009), CVPR; Russakovsky et al. (2015), IJCV 115"
)

_lock = threading.Lock()


def onnx_file() -> Path:
    """Give the network as an ONNX file, converted into the cache at the first call.

    Returns
    -------
    Path
        Input `pixels` uint8 `(N, 224, 224, 3)`; outputs `embedding` `(N, 1280)` and `logits`
        `(N, 1000)`, both float32. The names of the classes are in the file's metadata. A
        damaged file is made again.

    Raises
    ------
    WeightsNotFound
        The weights are missing or not the ones that we know.
    MissingExtra
        A package that the conversion needs is not installed.
    ParameterError
        The cache folder cannot be written to.

    Examples
    --------
    >>> onnx_file().suffix
    '.onnx'
    """
    name = f"efficientnet_lite0-{VERSION}-{WEIGHTS_SHA256[:12]}.onnx"
    with _lock:
        return stored(settings().cache / "networks" / name, _convert)


def open_session(precision: str = "fp32", model: str | Path | None = None) -> Session:
    """Load the network for the measures; the same arguments give the same session.

    Parameters
    ----------
    precision:
        `"fp32"`, or `"int8"`: about 2.4 times as fast; the top tag agrees with fp32 for
        about 97 of 100 photographs.
    model:
        For int8, the file that `quantize` made with images of this corpus.

    Raises
    ------
    ParameterError
        The precision is unknown, int8 has no file, or fp32 has one.
    ModelError
        The file is damaged or no such network.

    Examples
    --------
    >>> open_session() is open_session("fp32")
    True
    """
    if precision not in {"fp32", "int8"}:
        raise ParameterError(f"precision is {precision!r}; it must be 'fp32' or 'int8'.")
    if precision == "fp32":
        if model is not None:
            raise ParameterError(
                f"fp32 uses the built-in network; leave out model={str(model)!r} "
                "or ask for precision='int8'."
            )
        path = onnx_file()
    elif model is None:
        raise ParameterError(
            "int8 needs a network that is calibrated on images of the corpus: make one with "
            "mediacorpus.measures.quantization.quantize and name it as model=."
        )
    else:
        path = Path(model)
    with _lock:
        return _session(path, path.stat().st_mtime_ns if path.exists() else 0)


def forward(batch: Batch, session: Session) -> tuple[Floats, Floats]:
    """Put the images of a batch through the network, once for all measures.

    Parameters
    ----------
    batch:
        Decoded images. The result is kept in `batch.shared`.
    session:
        What `open_session` gave.

    Returns
    -------
    embedding : float32 array `(N, 1280)`
    logits : float32 array `(N, 1000)`

    Examples
    --------
    >>> from mediacorpus.engine.contract import Batch, BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> black = np.zeros((300, 400, 3), np.uint8)
    >>> batch = Batch([BatchItem("a", FileFacts("PNG", 400, 300, "RGB", 99), black)])
    >>> embedding, logits = forward(batch, open_session())
    >>> embedding.shape, forward(batch, open_session())[1] is logits
    ((1, 1280), True)
    """
    key = f"efficientnet_lite0 {session.sha256}"
    if key not in batch.shared:
        images = batch.pixels
        stacked = np.empty((len(images), SIDE, SIDE, 3), np.uint8)
        for pixels, out in zip(images, stacked, strict=True):
            preprocess(pixels, out)
        batch.shared[key] = session.run(stacked)
    result: tuple[Floats, Floats] = batch.shared[key]
    return result


def _convert() -> bytes:
    tensors: list[NDArray[Any]] = [tensor.numpy() for tensor in lite_state().values()]
    names = class_names()
    metadata = {
        "classes": json.dumps(list(names.values())),
        "wnids": json.dumps(list(names)),
        "version": VERSION,
        "licence": LICENCE,
    }
    content: bytes = graph(tensors, metadata).SerializeToString(deterministic=True)
    return content


@functools.lru_cache(maxsize=2)
def _session(path: Path, changed: int) -> Session:  # noqa: ARG001  (part of the key)
    return Session(path)

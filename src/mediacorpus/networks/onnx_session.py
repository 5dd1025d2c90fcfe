"""Run an ONNX network on batches of images."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.extras import need
from mediacorpus.networks.stored import digest_path

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 8
"""Images per call of the network: more gain no speed and take more memory."""

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


class Session:
    """A network that is loaded once and may be called from several threads at once.

    Each calling thread does its own work: a call uses one core, and two threads get
    through twice as many images.

    Parameters
    ----------
    path:
        ONNX file with the input `pixels` (uint8 `(N, H, W, 3)`) and the outputs `embedding`
        and `logits`. If a SHA-256 lies beside it, the file must agree with it.

    Attributes
    ----------
    path : Path
        The file.
    sha256 : str
        Hash of the file, for the record of a run.
    classes : tuple of str
        Names of the classes in the order of the logits, from the file's metadata.
    side : int
        Height and width that the images must have.

    Raises
    ------
    ModelError
        The file is missing, damaged, or no such network.
    MissingExtra
        onnxruntime is not installed.

    Examples
    --------
    >>> from mediacorpus.measures.efficientnet import onnx_file
    >>> session = Session(onnx_file())
    >>> embedding, logits = session.run(np.zeros((2, 224, 224, 3), np.uint8))
    >>> embedding.shape, logits.shape, session.classes[967]
    ((2, 1280), (2, 1000), 'espresso')
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = _read(path)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._session = _load(path, content)
        (pixels,) = self._session.get_inputs()
        self.side = int(pixels.shape[1])
        self._widths = [int(output.shape[1]) for output in self._session.get_outputs()]
        named = self._session.get_modelmeta().custom_metadata_map.get("classes", "[]")
        self.classes: tuple[str, ...] = tuple(json.loads(named))
        if len(self.classes) != self._widths[1]:
            raise ModelError(
                f"{path} cannot be used: it has {self._widths[1]} logits and names "
                f"{len(self.classes)} classes."
            )

    def run(self, pixels: Pixels) -> tuple[Floats, Floats]:
        """Put images through the network.

        Parameters
        ----------
        pixels:
            RGB `(N, side, side, 3)`, uint8; N may be 0.

        Returns
        -------
        embedding : float32 array `(N, features)`
        logits : float32 array `(N, classes)`

        Raises
        ------
        ParameterError
            The array has another shape or type.
        """
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (self.side, self.side, 3):
            raise ParameterError(
                f"The network takes uint8 pixels (N, {self.side}, {self.side}, 3); "
                f"got {pixels.dtype} {pixels.shape}."
            )
        embedding, logits = (np.empty((len(pixels), n), np.float32) for n in self._widths)
        for start in range(0, len(pixels), CHUNK):
            part = slice(start, start + CHUNK)
            embedding[part], logits[part] = self._session.run(None, {"pixels": pixels[part]})
        return embedding, logits


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The network {path} cannot be read ({error.strerror}); check the path."
        ) from error
    beside = digest_path(path)
    if beside.exists():
        expected = beside.read_bytes().strip().decode("ascii", errors="replace")
        if expected != hashlib.sha256(content).hexdigest():
            raise ModelError(
                f"The network {path} is damaged: it does not agree with {beside.name}. "
                "Delete both and make it again."
            )
    return content


def open_session(content: bytes) -> Any:
    """Load an ONNX network on one thread; it may be called from several threads at once.

    Raises
    ------
    ModelError
        ONNX Runtime cannot load it.
    MissingExtra
        onnxruntime is not installed.
    """
    onnxruntime = need("onnxruntime")
    options = onnxruntime.SessionOptions()
    # The engine's threads share out the images; threads inside the network would compete.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"ONNX Runtime cannot load the network: {error}") from error


def _load(path: Path, content: bytes) -> Any:
    try:
        session = open_session(content)
    except ModelError as error:
        raise ModelError(f"{path} is no network that ONNX Runtime can load: {error}") from error
    inputs = [value.name for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    if inputs != ["pixels"] or outputs != ["embedding", "logits"]:
        raise ModelError(
            f"{path} cannot be used: it goes from {inputs} to {outputs}; "
            "needed is ['pixels'] to ['embedding', 'logits']."
        )
    return session

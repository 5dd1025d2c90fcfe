"""An autoencoder: short codes of pictures, learned without labels."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, TrainingError
from mediacorpus.extras import need
from mediacorpus.learning.device import deterministic

if TYPE_CHECKING:
    from mediacorpus.learning.finetune import OnEpoch

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

HIDDEN = (512, 128)
"""Units between the pixels and the code; the decoder has them in reverse."""

COLUMNS = ("epoch", "train_loss", "val_loss", "seconds")
"""Columns of the curves: mean squared errors of a pixel on the scale 0 to 1."""

LEAST = 10
"""Pictures that are needed at least."""

LARGEST = 128
"""Side of a picture in pixels up to which its pixels are learned directly."""

_RATE, _BATCH, _CHUNK = 1e-3, 32, 256
_HELD_OUT = 0.1
_ENCODER = tuple(f"encoder.{number}" for number in range(len(HIDDEN) + 1))
_DECODER = tuple(f"decoder.{number}" for number in range(len(HIDDEN) + 1))


@dataclass(frozen=True, slots=True, eq=False)
class Autoencoder:
    """A fitted autoencoder. It needs no PyTorch to work.

    Parameters
    ----------
    size:
        Height and width of its pictures in pixels.
    weights:
        Arrays by name: `encoder.0.weight` float32 `(units, inputs)`, `encoder.0.bias`, …
    curves:
        One row per epoch; columns `COLUMNS`.
    best_epoch:
        The epoch with the lowest error on the pictures held out; its weights are these.
    """

    size: int
    weights: Mapping[str, NDArray[Any]]
    curves: pd.DataFrame
    best_epoch: int

    @property
    def code(self) -> int:
        """Number of features of a code."""
        return len(self.weights[f"{_ENCODER[-1]}.bias"])

    def encode(self, views: Pixels) -> Floats:
        """Give the codes of pictures.

        Parameters
        ----------
        views:
            RGB `(N, size, size, 3)`, uint8.

        Returns
        -------
        float32 array `(N, code)`

        Raises
        ------
        ParameterError
            The pictures have another size.
        """
        _check_views(views, self.size)
        codes = np.empty((len(views), self.code), np.float32)
        for start in range(0, len(views), _CHUNK):
            x = _flat(views[start : start + _CHUNK])
            codes[start : start + _CHUNK] = self._run(x, _ENCODER)
        return codes

    def decode(self, codes: Floats) -> Pixels:
        """Make pictures of codes.

        Parameters
        ----------
        codes:
            float32 `(N, code)`.

        Returns
        -------
        uint8 array `(N, size, size, 3)`

        Raises
        ------
        ParameterError
            The codes have another length.
        """
        if codes.ndim != 2 or codes.shape[1] != self.code:  # noqa: PLR2004 - (N, code)
            raise ParameterError(f"The codes must be (N, {self.code}); got {codes.shape}.")
        values = self._decoded(np.asarray(codes, np.float32))
        return np.rint(255 * values).astype(np.uint8).reshape(-1, self.size, self.size, 3)

    def errors(self, views: Pixels) -> Floats:
        """Give the reconstruction error of each picture.

        Pictures that are unlike those that were learned from have large errors.

        Parameters
        ----------
        views:
            RGB `(N, size, size, 3)`, uint8.

        Returns
        -------
        float32 array `(N,)`
            Mean squared error of a pixel on the scale 0 to 1.

        Raises
        ------
        ParameterError
            The pictures have another size.
        """
        _check_views(views, self.size)
        found = np.empty(len(views), np.float32)
        for start in range(0, len(views), _CHUNK):
            x = _flat(views[start : start + _CHUNK])
            again = self._decoded(self._run(x, _ENCODER))
            found[start : start + _CHUNK] = ((again - x) ** 2).mean(axis=1)
        return found

    def network(self) -> bytes:
        """Write the encoder as ONNX.

        Returns
        -------
        bytes
            Input `pixels` uint8 `(N, size, size, 3)`; output `features` float32 `(N, code)`.

        Raises
        ------
        MissingExtra
            onnx is not installed.
        """
        onnx, helper, tensor = _onnx()
        node, value, number = helper.make_node, helper.make_tensor_value_info, onnx.TensorProto
        nodes = [
            node("Cast", ["pixels"], ["float"], to=number.FLOAT),
            node("Div", ["float", "white"], ["scaled"]),
            node("Flatten", ["scaled"], ["x0"], axis=1),
        ]
        values = [tensor(np.array(255, np.float32), "white")]
        for place, name in enumerate(_ENCODER):
            last = name == _ENCODER[-1]
            given = [f"x{place}", f"{name}.weight", f"{name}.bias"]
            values += [tensor(self.weights[key], key) for key in given[1:]]
            nodes.append(node("Gemm", given, ["features" if last else f"z{place}"], transB=1))
            if not last:
                nodes.append(node("Relu", [f"z{place}"], [f"x{place + 1}"]))
        graph = helper.make_graph(
            nodes,
            "encoder",
            [value("pixels", number.UINT8, ["N", self.size, self.size, 3])],
            [value("features", number.FLOAT, ["N", self.code])],
            values,
        )
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=8, producer_name="")
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _decoded(self, codes: Floats) -> Floats:
        logits = self._run(codes, _DECODER)
        values: Floats = 0.5 * (1 + np.tanh(0.5 * logits))  # the logistic function
        return values

    def _run(self, x: Floats, names: tuple[str, ...]) -> Floats:
        for name in names:
            x = x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
            x = x if name == names[-1] else np.maximum(x, 0)
        return x


def fit_autoencoder(
    views: Pixels,
    *,
    code: int = 32,
    epochs: int = 30,
    seed: int = 1,
    on_epoch: OnEpoch | None = None,
) -> Autoencoder:
    """Learn short codes of pictures, from which the pictures can be made again.

    Dense layers with ReLU lead from the pixels over 512 and 128 units to the code, and back.
    Squared error, Adam with rate 0.001, batches of 32. A tenth of the pictures is held out; the
    weights of the epoch with the lowest error on it are kept. Method: Hinton and Salakhutdinov
    (2006), Reducing the dimensionality of data with neural networks, Science 313, with today's
    layers and without their layer-wise beginning.

    Parameters
    ----------
    views:
        RGB `(N, size, size, 3)`, uint8; at least 10 pictures, size 4 to 128.
    code:
        Features of a code, at least 1.
    epochs:
        Passes over the pictures, at least 1.
    seed:
        The same seed gives the same codes on the same machine.
    on_epoch:
        Called after each epoch with its number, the number of epochs, and its row.

    Raises
    ------
    ParameterError
        A number is out of its range, or the pictures have another form.
    TrainingError
        There are too few pictures, or the loss is not finite.
    MissingExtra
        torch is not installed.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> grey = rng.integers(0, 256, (40, 1, 1, 1)) * np.ones((1, 8, 8, 3))
    >>> found = fit_autoencoder(grey.astype(np.uint8), code=2, epochs=2)
    >>> found.encode(grey.astype(np.uint8)).shape, len(found.curves)
    ((40, 2), 2)
    """
    _check(views, code=code, epochs=epochs)
    order = np.random.default_rng(seed).permutation(len(views))
    held = max(1, round(_HELD_OUT * len(views)))
    val, train = np.sort(order[:held]), order[held:]
    size = views.shape[1]
    with deterministic(seed):
        module = _module(views, train, size=size, code=code)
        rows, best_epoch, best = _learn(
            module, views, (train, val), epochs=epochs, seed=seed, on_epoch=on_epoch
        )
    curves = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"epoch": int})
    return Autoencoder(size, best, curves, best_epoch)


def _check(views: Pixels, *, code: int, epochs: int) -> None:
    given: dict[str, object] = {"code": code, "epochs": epochs}
    for name, value in given.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ParameterError(f"{name} is {value!r}; it must be a whole number of at least 1.")
    _check_views(views, None)
    size = views.shape[1]
    if not 4 <= size <= LARGEST:  # noqa: PLR2004 - pixels
        raise ParameterError(
            f"The pictures are {size} pixels wide; an autoencoder takes 4 to {LARGEST}. "
            "Make them smaller first."
        )
    if len(views) < LEAST:
        raise TrainingError(
            f"An autoencoder needs at least {LEAST} pictures; there are {len(views)}. Add more."
        )


def _check_views(views: Pixels, size: int | None) -> None:
    side = views.shape[1] if size is None and views.ndim == 4 else size  # noqa: PLR2004
    if str(views.dtype) != "uint8" or views.shape[1:] != (side, side, 3):
        wanted = "size" if side is None else side
        raise ParameterError(
            f"The pictures must be uint8 (N, {wanted}, {wanted}, 3); "
            f"got {views.dtype} {views.shape}."
        )


def _flat(views: Pixels) -> Floats:
    """Bring pictures to rows of numbers from 0 to 1."""
    return views.reshape(len(views), -1).astype(np.float32) / np.float32(255)


def _module(views: Pixels, train: NDArray[np.int64], *, size: int, code: int) -> Any:
    """Stack the layers; at the start, all codes stand for the mean picture."""
    torch = need("torch")
    nn = torch.nn
    widths = [3 * size**2, *HIDDEN, code]
    module = nn.ModuleDict({"encoder": nn.ModuleList(), "decoder": nn.ModuleList()})
    for name, sizes in (("encoder", widths), ("decoder", widths[::-1])):
        for given, units in itertools.pairwise(sizes):
            layer = nn.Linear(given, units)
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            module[name].append(layer)
    total = sum(_flat(views[part]).sum(axis=0, dtype=np.float64) for part in _parts(train))
    mean = np.clip(total / len(train), 0.01, 0.99)
    last = module["decoder"][-1]
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias.copy_(torch.from_numpy(np.log(mean / (1 - mean))))
    return module


def _parts(rows: NDArray[np.int64], size: int = _CHUNK) -> list[NDArray[np.int64]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _learn(
    module: Any,
    views: Pixels,
    parts: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    epochs: int,
    seed: int,
    on_epoch: OnEpoch | None,
) -> tuple[list[dict[str, float]], int, dict[str, NDArray[Any]]]:
    """Train; return the rows of the curves, the best epoch and its weights."""
    torch = need("torch")
    train, val = parts
    optimizer = torch.optim.Adam(module.parameters(), lr=_RATE)
    loss = torch.nn.functional.mse_loss
    rows: list[dict[str, float]] = []
    best_epoch, best = 0, dict[str, NDArray[Any]]()
    for epoch in range(1, epochs + 1):
        started, total = time.monotonic(), 0.0
        rng = np.random.default_rng((seed, epoch))
        for chosen in _parts(rng.permutation(train), _BATCH):
            x = torch.from_numpy(_flat(views[chosen]))  # (B, 3 · size²)
            value = loss(_forward(module, x), x)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += value.item() * len(chosen)
        error = _mean_error(module, views, val)
        if not np.isfinite(error):
            raise TrainingError(
                f"The loss became infinite or not a number in epoch {epoch}, so training stopped. "
                "Start again with another seed."
            )
        values = (epoch, total / len(train), error, time.monotonic() - started)
        rows.append(dict(zip(COLUMNS, map(float, values), strict=True)))
        if error <= min(row["val_loss"] for row in rows):
            best_epoch = epoch
            best = {name: value.numpy().copy() for name, value in module.state_dict().items()}
        if on_epoch is not None:
            on_epoch(epoch, epochs, dict(rows[-1]))
    return rows, best_epoch, best


def _forward(module: Any, x: Any) -> Any:
    torch = need("torch")
    for name, last in (("encoder", torch.nn.Identity()), ("decoder", torch.nn.Sigmoid())):
        layers = list(module[name])
        for layer in layers[:-1]:
            x = torch.relu(layer(x))
        x = last(layers[-1](x))
    return x


def _mean_error(module: Any, views: Pixels, rows: NDArray[np.int64]) -> float:
    torch = need("torch")
    loss = torch.nn.functional.mse_loss
    total = 0.0
    with torch.inference_mode():
        for part in _parts(rows):
            x = torch.from_numpy(_flat(views[part]))
            total += loss(_forward(module, x), x).item() * len(part)
    return total / len(rows)


def _onnx() -> tuple[Any, Any, Any]:
    return need("onnx"), need("onnx.helper"), need("onnx.numpy_helper").from_array

"""An autoencoder: short codes of images, learned without labels."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import TrainingError
from mediacorpus.extras import need
from mediacorpus.learning.curves import OnRow
from mediacorpus.learning.features import Part
from mediacorpus.learning.loop import Fit, fit, predict
from mediacorpus.learning.targets import Target, TargetKind
from mediacorpus.networks import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from mediacorpus.learning.features import Plan
    from mediacorpus.learning.settings import TrainSettings
    from mediacorpus.networks.backbones import Network

LEAST = 10
"""Images that are needed at least."""

COLUMNS = ("epoch", "lr", "train_loss", "val_loss", "seconds")
"""Columns of the curves: mean squared errors of a pixel on the scale 0 to 1."""

_HELD_OUT = 0.1
_ENCODER = ("dense1", "dense2", "code")
_DECODER = tuple(f"decoder.{number}" for number in (0, 2, 4))


def learn_codes(
    network: Network,
    images: Part,
    *,
    plan: Plan,
    settings: TrainSettings,
    work: Path,
    on_epoch: OnRow | None = None,
) -> tuple[Fit, dict[str, NDArray[Any]]]:
    """Learn short codes of images, from which the images can be made again.

    The network leads from the pixels to the code, a decoder back; both learn from the squared
    error of the pixels. A tenth of the images is held out; the weights of the epoch with the
    lowest error on it are kept. Method: Hinton and Salakhutdinov (2006), Reducing the
    dimensionality of data with neural networks, Science 313, with today's layers and without
    their layer-wise beginning.

    Parameters
    ----------
    network:
        What `create("autoencoder", ...)` gave; all but its last layer learns.
    images:
        Plain views of the images, uint8 `(rows, 1, size, size, 3)`; their targets are not
        looked at.
    plan, settings, work, on_epoch:
        As in `finetune.fit`.

    Returns
    -------
    fit : Fit
        Its curves have the columns `COLUMNS`.
    decoder : dict
        Weights of the decoder by name, for `rebuild`.

    Raises
    ------
    TrainingError
        There are too few images, or the loss is not finite.
    """
    if len(images) < LEAST:
        raise TrainingError(
            f"An autoencoder needs at least {LEAST} images; there are {len(images)}. Add more."
        )
    order = np.random.default_rng(settings.seed).permutation(images.rows)
    held = max(1, round(_HELD_OUT * len(order)))
    val, train = (
        Part(images.views, rows, np.zeros(len(rows), np.float32))
        for rows in (np.sort(order[:held]), order[held:])
    )
    torch = need("torch")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        decoder = _decoder(network)

    def report(epoch: int, epochs: int, row: Mapping[str, Any]) -> None:
        if on_epoch is not None:
            on_epoch(epoch, epochs, {name: row[name] for name in COLUMNS})

    found = fit(
        _reconstruction_class()(network, decoder),
        train,
        val,
        plan=plan,
        settings=settings,
        # The network gives the error of each image itself, whose distance from 0 is made small.
        target=Target(TargetKind.SCALE, ("error",), loss_name="mae"),
        work=work,
        on_epoch=report,
    )
    weights = {f"decoder.{name}": value.numpy() for name, value in decoder.state_dict().items()}
    return replace(found, curves=found.curves[list(COLUMNS)]), weights


def codes_of(network: Network, images: Part) -> NDArray[np.float32]:
    """Give the codes of images, float32 `(N, code)`.

    Parameters
    ----------
    network:
        The fitted network.
    images:
        As in `learn_codes`.
    """
    encoder = need("torch").nn.Sequential(frozen.standardizer(network), *network.module[:-1])
    return np.asarray(predict(encoder, images).numpy())


def rebuild(weights: Mapping[str, NDArray[Any]], views: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make images again from their codes, without PyTorch.

    Parameters
    ----------
    weights:
        Weights of a model folder, with those of the decoder.
    views:
        RGB `(N, size, size, 3)`, uint8.

    Returns
    -------
    uint8 array `(N, size, size, 3)`

    Examples
    --------
    >>> sizes = [12, 3, 2, 1, 2, 3, 12]
    >>> names = [*_ENCODER, *_DECODER]
    >>> weights = {f"{n}.weight": np.zeros((o, i), "f4")
    ...            for n, i, o in zip(names, sizes, sizes[1:], strict=False)}
    >>> weights |= {f"{n}.bias": np.zeros(o, "f4") for n, o in zip(names, sizes[1:], strict=True)}
    >>> np.unique(rebuild(weights, np.zeros((1, 2, 2, 3), np.uint8))).tolist()
    [128]
    """
    x = views.transpose(0, 3, 1, 2).reshape(len(views), -1).astype(np.float32) / 127.5 - 1
    logits = _run(_run(x, weights, _ENCODER), weights, _DECODER)
    values = 255 * 0.5 * (1 + np.tanh(0.5 * logits))  # the logistic function
    size = views.shape[1]
    again = np.rint(values).astype(np.uint8).reshape(-1, 3, size, size)
    return np.ascontiguousarray(again.transpose(0, 2, 3, 1))


def reconstruction_error(views: NDArray[np.uint8], again: NDArray[np.uint8]) -> float:
    """Give the mean squared error of a pixel on the scale 0 to 1.

    >>> reconstruction_error(np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 51, np.uint8))
    0.04
    """
    gap = (views.astype(np.float64) - again) / 255
    return round(float((gap**2).mean()), 6)


def _run(
    x: NDArray[Any], weights: Mapping[str, NDArray[Any]], names: Sequence[str]
) -> NDArray[Any]:
    for name in names:
        x = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        x = x if name == names[-1] else np.maximum(x, 0)
    return x


def _decoder(network: Network) -> Any:
    """Stack the encoder's dense layers the other way round."""
    nn = need("torch.nn")
    encoder = [layer for layer in network.module[:-1] if isinstance(layer, nn.Linear)]
    layers: list[Any] = []
    for layer in reversed(encoder):
        layers += [nn.Linear(layer.out_features, layer.in_features), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


@functools.cache
def _reconstruction_class() -> Any:
    torch = need("torch")

    class Reconstruction(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, network: Network, decoder: Any) -> None:
            super().__init__()
            self.standardizer = frozen.standardizer(network)
            self.encoder, self.decoder = network.module[:-1], decoder

        def forward(self, pixels: Any) -> Any:
            # (N, size, size, 3) uint8 → (N, 1): the mean squared error of each image
            x = self.standardizer(pixels)
            wanted = x.flatten(1) / 2 + 0.5
            return ((self.decoder(self.encoder(x)) - wanted) ** 2).mean(1, keepdim=True)

    return Reconstruction

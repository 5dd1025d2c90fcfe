"""Grad-CAM: which parts of an image speak for a class in a fine-tuned network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.extras import need
from mediacorpus.learning.targets import TargetKind, target_of
from mediacorpus.networks.backbones import Network, create
from mediacorpus.networks.frozen import standardizer
from mediacorpus.networks.scratch import scratch_network

if TYPE_CHECKING:
    from mediacorpus.learning.model import ModelFolder

CHUNK = 8
"""Views in one pass."""

_SPATIAL = 4


def rebuild(model: ModelFolder) -> Network:
    """Make the fitted network of a model folder in PyTorch, from its safetensors.

    Parameters
    ----------
    model:
        A model that works on pixels.

    Raises
    ------
    ParameterError
        The model works on embeddings and so has no network of its own.
    ModelError
        The weights do not fit the backbone that the card names.
    MissingExtra
        torch is not installed.
    """
    card = model.card
    if card["input"] != "pixels":
        raise ParameterError(
            f"The model {card['name']!r} works on embeddings and has no layers to look into. Ask "
            "for its class activation map, or for an occlusion map."
        )
    torch = need("torch")
    name, outputs = str(card["settings"].get("arch") or card["backbone"]), target_of(card).outputs
    if card["method"] == "scratch":
        size, gray = int(card["size"]), bool(card.get("gray"))
        network = scratch_network(name, classes=outputs, size=size, gray=gray)
    else:
        network = create(name, weights="random", classes=outputs)
    network = replace(network, mean=tuple(card["mean"]), sd=tuple(card["sd"]))
    # A model may keep more than its network, such as the decoder of an autoencoder.
    state = {
        name: torch.from_numpy(array)
        for name, array in model.weights().items()
        if not name.startswith("decoder.")
    }
    try:
        network.module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"The weights of the model in {model.path} do not fit the network {name!r} that its "
            "card names. Put the folder back, or train it again."
        ) from error
    network.module.eval()
    return network


def gradcam(model: ModelFolder) -> Callable[[NDArray[np.uint8], ArrayLike], NDArray[np.float32]]:
    """Make the function that maps how much each place speaks for a class (Grad-CAM).

    The last block whose output still has places is weighed by the mean gradient of the
    class's logit, channel by channel; what speaks against the class is cut off at zero. For
    ranks, the logits of the thresholds below the rank count for it and those above against it.
    The network is built once for all calls.

    Parameters
    ----------
    model:
        A model that was fine-tuned.

    Returns
    -------
    callable
        From what the network sees, uint8 `(N, size, size, 3)` as `networks.views.plain_view`
        gives it, and a class index for each view, `(N,)`, to float32 `(N, size, size)`: 0 or
        more, and only comparable within one image. It raises ParameterError where the shapes
        do not fit, or no block of the network has an output with places (such as a
        transformer's).

    Raises
    ------
    ParameterError
        The model works on embeddings.
    ModelError
        The weights do not fit the card.
    MissingExtra
        torch is not installed.

    References
    ----------
    Selvaraju, R. R., et al. (2017). Grad-CAM: Visual explanations from deep networks via
    gradient-based localization. ICCV.
    """
    network = rebuild(model)

    def maps_of(views: NDArray[np.uint8], targets: ArrayLike) -> NDArray[np.float32]:
        wanted = _checked(model, views, targets)
        maps = np.empty(views.shape[:3], np.float32)
        for start in range(0, len(views), CHUNK):
            part = slice(start, start + CHUNK)
            maps[part] = _maps(network, views[part], _votes(model, wanted[part]))
        return maps

    return maps_of


def _votes(model: ModelFolder, targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """Give what each output counts for the class of each view: float32 `(N, outputs)`."""
    target = target_of(model.card)
    places = np.arange(target.outputs)
    if target.kind is TargetKind.ORDINAL:
        return np.where(places < targets[:, None], 1, -1).astype(np.float32)
    return np.asarray((places == targets[:, None]).astype(np.float32))


def _checked(model: ModelFolder, views: NDArray[Any], targets: ArrayLike) -> NDArray[np.int64]:
    wanted = np.asarray(targets, np.int64)
    size = int(model.card.get("size", 0))
    if size and (views.dtype != np.uint8 or views.shape[1:] != (size, size, 3)):
        raise ParameterError(
            f"The network takes uint8 views (N, {size}, {size}, 3); got {views.dtype} "
            f"{views.shape}. Make them with mediacorpus.networks.views.plain_view."
        )
    classes = len(model.card["classes"])
    if wanted.shape != views.shape[:1] or ((wanted < 0) | (wanted >= classes)).any():
        raise ParameterError(
            f"Each of the {len(views)} views needs one class index from 0 to {classes - 1}; got "
            f"an array {wanted.shape}."
        )
    return wanted


def has_places(model: ModelFolder) -> bool:
    """Tell whether a block of a model's network has an output with places, to map.

    Raises
    ------
    ParameterError, ModelError, MissingExtra
        As `gradcam`.
    """
    size = int(model.card["size"])
    return _last_with_places(rebuild(model), np.zeros((1, size, size, 3), np.uint8))[0] >= 0


def _last_with_places(network: Network, views: NDArray[np.uint8]) -> tuple[int, Any]:
    """Give the number of the last block whose output has places, -1 for none, and the output."""
    torch = need("torch")
    with torch.no_grad():
        x = standardizer(network)(torch.from_numpy(np.ascontiguousarray(views)))
        last, kept = -1, x
        for number, block in enumerate(network.blocks):
            x = block(x)
            if x.ndim == _SPATIAL and x.shape[2] * x.shape[3] > 1:
                last, kept = number, x.clone()
    return last, kept


def _maps(network: Network, views: NDArray[np.uint8], votes: NDArray[Any]) -> NDArray[Any]:
    torch = need("torch")
    last, kept = _last_with_places(network, views)
    if last < 0:
        raise ParameterError(
            f"No block of {network.name} has an output with places, so Grad-CAM cannot be "
            "computed. Ask for an occlusion map."
        )
    with torch.enable_grad():
        features = kept.detach().requires_grad_()
        # A layer may change its input in place, which a leaf does not allow.
        y = features.clone()
        for block in network.blocks[last + 1 :]:
            y = block(y)
        own = (network.head(y) * torch.from_numpy(votes)).sum()
        (gradient,) = torch.autograd.grad(own, features)
    channels_last = getattr(network.module, "output_fmt", "NCHW") == "NHWC"
    places, channel = ((1, 2), 3) if channels_last else ((2, 3), 1)
    weight = gradient.mean(places, keepdim=True)
    maps = (weight * features.detach()).sum(channel).clamp_min(0)
    large = torch.nn.functional.interpolate(
        maps[:, None], size=views.shape[1:3], mode="bilinear", align_corners=False
    )
    return np.asarray(large[:, 0].numpy())

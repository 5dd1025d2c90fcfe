"""What is published of backbones: their error on ImageNet, their size, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mediacorpus.extras import need
from mediacorpus.networks.backbones import BACKBONES, LITE, TIMM, backbone_info
from mediacorpus.networks.scratch import scratch_names

BATCH = 32
"""Images in a batch for which the memory of training is estimated."""

COLUMNS = (
    *("backbone", "top1", "top5", "million_weights", "gflops", "size", "training_gb", "here"),
    *("licence", "source"),
)
"""Columns of the table of backbones."""

TORCHVISION = "torchvision, IMAGENET1K_V1"
_FLOAT = 4
_COPIES = 3


@dataclass(frozen=True, slots=True)
class Published:
    """What its authors or a library say of a network.

    Parameters
    ----------
    top1, top5:
        Share of ImageNet's validation images whose class is the first, or among the first five,
        in percent; None where it is not published.
    millions:
        Weights in millions.
    gflops:
        Billions of multiplications with an addition for one image.
    size:
        Height and width in pixels at which this holds.
    source:
        Who says so.
    """

    top1: float | None
    top5: float | None
    millions: float
    gflops: float
    size: int
    source: str


OTHERS: Mapping[str, Published] = {
    LITE: Published(75.1, None, 4.7, 0.407, 224, "TensorFlow, EfficientNet-Lite (2020)"),
    f"{TIMM}legacy_xception": Published(
        79.0, 94.5, 22.9, 8.4, 299, "Chollet (2017), CVPR; cost: timm"
    ),
    f"{TIMM}legacy_seresnet50": Published(
        76.71, 93.38, 28.1, 3.88, 224, "Hu, Shen and Sun (2018), CVPR; cost: timm"
    ),
    f"{TIMM}legacy_senet154": Published(
        81.32, 95.53, 115.1, 20.8, 224, "Hu, Shen and Sun (2018), CVPR; cost: timm"
    ),
}
"""Networks that torchvision says nothing of."""


def published(name: str) -> Published | None:
    """Give what is published of a backbone; None where nothing is known.

    Raises
    ------
    MissingExtra
        torchvision is not installed.

    Examples
    --------
    >>> published("resnet18").top1, published("efficientnet_lite0").top1
    (69.758, 75.1)
    >>> published("timm:resnet10t") is None
    True
    """
    if name in OTHERS or name.startswith(TIMM) or name in scratch_names():
        return OTHERS.get(name)
    models = need("torchvision.models")
    if name not in BACKBONES or name not in models.list_models():
        return None
    weights = models.get_model_weights(name).IMAGENET1K_V1
    scores = weights.meta["_metrics"]["ImageNet-1K"]
    size = weights.transforms().crop_size[0]
    return Published(
        scores["acc@1"],
        scores["acc@5"],
        weights.meta["num_params"] / 1e6,
        weights.meta["_ops"],
        size,
        TORCHVISION,
    )


def backbones() -> pd.DataFrame:
    """List the pretrained networks with what is published of them, the most accurate first.

    Returns
    -------
    DataFrame
        `backbone`; `top1`, `top5` (percent of ImageNet's validation images, as the `source` has
        published it); `million_weights`; `gflops` (billions of multiplications with an addition
        for one image) at `size` pixels; `training_gb`, an estimate of the memory that training
        all layers takes in batches of 32; `here`, whether the weights are on this machine;
        `licence`; `source`.

    Raises
    ------
    MissingExtra
        torch, torchvision or timm is not installed.

    Examples
    --------
    >>> frame = backbones()                                            # doctest: +SKIP
    >>> frame.set_index("backbone").loc["vgg16", ["top1", "gflops"]]   # doctest: +SKIP
    """
    names = [name for name in BACKBONES.names() if name not in scratch_names()]
    rows: list[dict[str, Any]] = []
    for name in [*names, *(name for name in OTHERS if name.startswith(TIMM))]:
        found = published(name)
        if found is None:
            rows.append({"backbone": name, "licence": backbone_info(name).licence})
            continue
        values: tuple[Any, ...] = (
            *(name, found.top1, found.top5, round(found.millions, 1), round(found.gflops, 2)),
            *(found.size, training_memory(name, found.size), is_here(name)),
            *(backbone_info(name).licence, found.source),
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values("top1", ascending=False, ignore_index=True)


def is_here(name: str) -> bool:
    """Tell whether the pretrained weights of a backbone are on this machine.

    >>> is_here("efficientnet_lite0")
    True
    """
    if name == LITE:
        return True
    if name.startswith(TIMM):
        cfg = need("timm").models.get_pretrained_cfg(name.removeprefix(TIMM))
        place = Path(need("huggingface_hub.constants").HF_HUB_CACHE)
        return (place / f"models--{str(cfg.hf_hub_id).replace('/', '--')}").is_dir()
    weights = need("torchvision.models").get_model_weights(name).IMAGENET1K_V1
    place = Path(need("torch.hub").get_dir()) / "checkpoints"
    return (place / Path(weights.url).name).is_file()


def training_memory(name: str, size: int, batch: int = BATCH) -> float:
    """Estimate the memory that training all layers of a backbone takes, in GB.

    That is the weights, their gradients and the optimizer's momentum, and for each image of a
    batch what every layer gives, all in 32 bits. Working memory comes on top.

    Parameters
    ----------
    name:
        Name of the backbone.
    size:
        Height and width of the images in pixels.
    batch:
        Images in a batch.

    Examples
    --------
    >>> 0.5 < training_memory("resnet18", 224) < 2
    True
    """
    torch = need("torch")
    with torch.device("meta"):  # shapes without numbers, so nothing is computed
        if name == LITE or name.startswith(TIMM):
            own = "tf_efficientnet_lite0" if name == LITE else name.removeprefix(TIMM)
            module = need("timm").create_model(own, pretrained=False)
        else:
            slow = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
            module = need("torchvision.models").get_model(name, weights=None, **slow)
    outputs: list[int] = []

    def note(_: Any, __: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            outputs.append(math.prod(output.shape))

    for part in module.modules():
        if not any(True for _ in part.children()):
            part.register_forward_hook(note)
    with torch.no_grad():
        module.eval()(torch.empty(1, 3, size, size, device="meta"))
    weights = sum(parameter.numel() for parameter in module.parameters())
    return memory_of(weights, sum(outputs), batch)


def memory_of(weights: int, outputs: int, batch: int) -> float:
    """Give the estimate of `training_memory` for known numbers, in GB.

    Parameters
    ----------
    weights:
        Number of weights that learn.
    outputs:
        Numbers that all layers give for one image.
    batch:
        Images in a batch.

    >>> memory_of(25_000_000, 10_000_000, 32)
    1.58
    """
    return round(_FLOAT * (_COPIES * weights + batch * outputs) / 1e9, 2)


def published_words(name: str) -> str:
    """Say in a sentence what is published of a backbone; `""` where nothing is known.

    >>> print(published_words("efficientnet_lite0"))
    efficientnet_lite0 names 75.1 % of ImageNet's validation images right at 224 pixels, with 4.7 \
million weights and 0.41 GFLOPs for an image (TensorFlow, EfficientNet-Lite (2020)).
    """
    found = published(name)
    if found is None:
        return ""
    among = "" if found.top5 is None else f" ({found.top5:.1f} % among its first five)"
    return (
        f"{name} names {found.top1:.1f} % of ImageNet's validation images right{among} at "
        f"{found.size} pixels, with {found.millions:.1f} million weights and {found.gflops:.2f} "
        f"GFLOPs for an image ({found.source})."
    )

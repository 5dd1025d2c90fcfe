"""The networks of teaching: small, and made to be trained from scratch."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mediacorpus.errors import ParameterError, UnknownName, WeightsNotFound, unknown
from mediacorpus.extras import need
from mediacorpus.networks import backbones
from mediacorpus.networks.backbones import BACKBONES, BackboneFactory, Network
from mediacorpus.networks.cuts import cut_sequence
from mediacorpus.networks.line import (
    INITS,
    KINDS,
    SHORT,
    SIZE,
    check_line,
    draw_weights,
    last_dropout,
    line_layers,
)
from mediacorpus.records import Info

AUTOENCODER = "autoencoder"
"""The network that learns codes of images without labels."""

_HALF = (0.5, 0.5, 0.5)
_LAST = "last"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a network is made of, and what it looks at."""

    layers: Callable[[int, int], dict[str, Any]]
    summary: str
    citation: str
    size: int
    gray: bool
    dropout: float = 0.0


def scratch_names() -> list[str]:
    """List the networks that are made to be trained from scratch.

    Examples
    --------
    >>> scratch_names()[:3]
    ['autoencoder', 'lenet', 'minivggnet']
    """
    return sorted(_PLANS)


def taught_dropout(name: str) -> float:
    """Give the share of features that is dropped before the last layer, as the network is taught.

    Parameters
    ----------
    name:
        One of `scratch_names()`.

    Returns
    -------
    float
        For the argument `dropout` of `create`, 0 to 1.

    Raises
    ------
    UnknownName
        There is no such network.

    Examples
    --------
    >>> taught_dropout("lenet"), taught_dropout("minivggnet")
    (0.0, 0.5)
    """
    if is_line(name):
        return last_dropout(name)
    if name not in _PLANS:
        raise unknown("network to train from scratch", name, _PLANS)
    return _PLANS[name].dropout


def is_line(arch: str) -> bool:
    """Tell whether a network is written as a line of layers, and not named.

    >>> is_line("conv32-relu-dense10"), is_line("flatten"), is_line("lenet"), is_line("lenett")
    (True, True, False, False)
    """
    first = re.match(r"[a-z]*", arch.lower())
    named = first is not None and (first[0] in KINDS or first[0] in SHORT)
    return arch not in _PLANS and ("-" in arch or named)


def check_arch(arch: str, *, size: int | None = None, gray: bool | None = None) -> None:
    """Raise if there is no such network to train from scratch.

    Parameters
    ----------
    arch:
        One of `scratch_names()`, or a line of layers such as `"conv32-relu-pool-dense128"`.
    size, gray:
        As for `scratch_network`.

    Raises
    ------
    UnknownName
        There is no network of that name.
    ParameterError
        A layer of the line is not understood or cannot stand where it does.
    """
    if is_line(arch):
        check_line(arch, size=size or SIZE, channels=1 if gray else 3)
    elif arch not in _PLANS:
        error = unknown("network to train from scratch", arch, _PLANS)
        raise UnknownName(
            f"{error} Or write its layers in a line, as in conv32-relu-pool-dense128."
        )
    elif size is not None and size < LEAST:
        raise ParameterError(
            f"size is {size}; the network {arch} needs images of at least {LEAST} pixels."
        )


def arch_info(arch: str) -> Info:
    """Give the facts of a network to train from scratch, named or written as a line.

    >>> arch_info("conv8-relu-dense10").summary
    'Layers from a line: conv8-relu-dense10.'
    """
    return BACKBONES.info(arch) if arch in _PLANS else _info(arch, _line_plan(arch))


def scratch_network(
    arch: str,
    *,
    classes: int,
    dropout: float = 0.0,
    seed: int = 1,
    size: int | None = None,
    gray: bool | None = None,
    init: str | None = None,
) -> Network:
    """Make a network that has learned nothing.

    Parameters
    ----------
    arch:
        One of `scratch_names()`, or a line of layers such as `"conv32-relu-pool-dense128"`.
    classes:
        Number of outputs.
    dropout:
        Share of the features that is dropped before the last layer while training.
    seed:
        Of the first weights.
    size:
        Height and width of the images in pixels; None is the network's own, 28 for a line.
    gray:
        Whether it sees gray instead of color; None is the network's own, color for a line.
    init:
        One of `INITS`; None is `"xavier"`.

    Raises
    ------
    UnknownName, ParameterError
        As `check_arch`.

    Examples
    --------
    >>> network = scratch_network("conv8-relu-pool-dense16-tanh", classes=3, size=16, gray=True)
    >>> [name for name, _ in network.module.named_children()]
    ['conv1', 'relu1', 'pool1', 'flatten1', 'dense1', 'tanh1', 'last']
    """
    check_arch(arch, size=size, gray=gray)
    torch = need("torch")
    plan = _PLANS[arch] if arch in _PLANS else _line_plan(arch)
    plan = replace(plan, size=size or plan.size, gray=plan.gray if gray is None else gray)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _build(arch, plan, init=init or INITS[0])
        backbones.replace_last(network, classes, torch.Generator().manual_seed(seed))
    blocks, head = network.cut(network.module, dropout)
    return replace(network, blocks=tuple(blocks), head=head)


def _line_plan(line: str) -> _Plan:
    def layers(channels: int, size: int) -> dict[str, Any]:
        return line_layers(line, size=size, channels=channels, last=_LAST)

    return _Plan(layers, f"Layers from a line: {line}.", _GOODFELLOW, size=SIZE, gray=False)


def _mlp(channels: int, size: int) -> dict[str, Any]:
    nn = need("torch.nn")
    return {
        "flatten": nn.Flatten(),
        "dense1": nn.Linear(channels * size**2, 300),
        "relu1": nn.ReLU(),
        "dense2": nn.Linear(300, 100),
        "relu2": nn.ReLU(),
        _LAST: nn.Linear(100, 2),
    }


def _autoencoder(channels: int, size: int) -> dict[str, Any]:
    nn = need("torch.nn")
    return {
        "flatten": nn.Flatten(),
        "dense1": nn.Linear(channels * size**2, 512),
        "relu1": nn.ReLU(),
        "dense2": nn.Linear(512, 128),
        "relu2": nn.ReLU(),
        "code": nn.Linear(128, 32),
        _LAST: nn.Linear(32, 2),
    }


def _lenet(channels: int, size: int) -> dict[str, Any]:
    nn = need("torch.nn")
    return {
        "conv1": nn.Conv2d(channels, 20, 5, padding=2),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(20, 50, 5, padding=2),
        "relu2": nn.ReLU(),
        "pool2": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "dense1": nn.Linear(50 * (size // 4) ** 2, 500),
        "relu3": nn.ReLU(),
        _LAST: nn.Linear(500, 2),
    }


def _shallownet(channels: int, size: int) -> dict[str, Any]:
    nn = need("torch.nn")
    return {
        "conv1": nn.Conv2d(channels, 32, 3, padding=1),
        "relu1": nn.ReLU(),
        "flatten": nn.Flatten(),
        _LAST: nn.Linear(32 * size**2, 2),
    }


def _minivggnet(channels: int, size: int, *, normalize: bool = False) -> dict[str, Any]:
    """Stack two blocks of two convolutions; normalization comes after the ReLU, as taught."""
    nn = need("torch.nn")
    layers: dict[str, Any] = {}
    width = channels
    for block, filters in enumerate((32, 64), start=1):
        for number in (2 * block - 1, 2 * block):
            layers[f"conv{number}"] = nn.Conv2d(width, filters, 3, padding=1)
            layers[f"relu{number}"] = nn.ReLU()
            if normalize:
                layers[f"norm{number}"] = nn.BatchNorm2d(filters)
            width = filters
        layers[f"pool{block}"] = nn.MaxPool2d(2)
        layers[f"drop{block}"] = nn.Dropout(0.25)
    layers |= {"flatten": nn.Flatten(), "dense1": nn.Linear(64 * (size // 4) ** 2, 512)}
    layers["relu5"] = nn.ReLU()
    if normalize:
        layers["norm5"] = nn.BatchNorm1d(512)
    return layers | {"drop3": nn.Dropout(0.5), _LAST: nn.Linear(512, 2)}


def _minivggnet_bn(channels: int, size: int) -> dict[str, Any]:
    return _minivggnet(channels, size, normalize=True)


LEAST = 8
"""Pixels that a named network needs."""

_GOODFELLOW = "Goodfellow, Bengio and Courville (2016), Deep Learning, MIT Press"
_ROSEBROCK = "Rosebrock (2017), Deep Learning for Computer Vision with Python"

_PLANS: dict[str, _Plan] = {
    "mlp": _Plan(
        _mlp,
        "Multilayer perceptron 784-300-100 on 28x28 gray pixels, 0.27 million weights.",
        "Géron (2019), Hands-on machine learning, 2nd ed., ch. 10",
        size=28,
        gray=True,
    ),
    AUTOENCODER: _Plan(
        _autoencoder,
        "Codes of 32 numbers for 32x32 pixels, learned without labels, and a linear model on "
        "them; 1.6 million weights.",
        "Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural "
        "networks, Science 313, 504-507",
        size=32,
        gray=False,
    ),
    "lenet": _Plan(
        _lenet,
        "LeNet-5 with ReLU and max pooling on 28x28 gray pixels, 1.3 million weights.",
        "LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document "
        f"recognition, Proc. IEEE 86; in the form of {_ROSEBROCK}",
        size=28,
        gray=True,
    ),
    "shallownet": _Plan(
        _shallownet,
        "One convolution and the last layer on 32x32 pixels, 0.33 million weights for 10 classes.",
        _ROSEBROCK,
        size=32,
        gray=False,
    ),
}


def _minivggnets() -> dict[str, _Plan]:
    plans = {}
    for end, layers, how in (
        ("", _minivggnet, ""),
        ("_bn", _minivggnet_bn, " with batch normalization"),
    ):
        for color, size, millions in (("", 32, 2.2), ("_gray", 28, 1.7)):
            pixels = f"{size}x{size}{' gray' if color else ''} pixels"
            plans[f"minivggnet{end}{color}"] = _Plan(
                layers,
                f"A small VGG{how} on {pixels}, {millions} million weights.",
                f"{_ROSEBROCK}; after Simonyan and Zisserman (2015), ICLR",
                size=size,
                gray=bool(color),
                dropout=0.5,
            )
    return plans


_PLANS |= _minivggnets()


def _build(name: str, plan: _Plan, *, init: str = INITS[0]) -> Network:
    """Stack the layers and draw their first weights."""
    layers = plan.layers(1 if plan.gray else 3, plan.size)
    module = need("torch.nn").Sequential(OrderedDict(layers))
    draw_weights(module, init)
    return Network(
        name,
        module,
        _LAST,
        cut_sequence,
        size=plan.size,
        crop=1.0,
        mean=_HALF,
        sd=_HALF,
        gray=plan.gray,
    )


def _factory(name: str, plan: _Plan) -> BackboneFactory:
    def factory(*, pretrained: bool) -> Network:
        if pretrained:
            raise WeightsNotFound(
                f"There are no pretrained weights of {name}: it is made to be trained from "
                "scratch. Ask for --method scratch, or choose a pretrained backbone such as "
                "efficientnet_lite0."
            )
        return _build(name, plan)

    factory.__qualname__ = name
    return factory


def _info(name: str, plan: _Plan) -> Info:
    return Info(
        name=name,
        version="1",
        summary=plan.summary,
        licence="Apache-2.0 (code; it has no published weights)",
        citation=plan.citation,
        extra="models",
        min_side=plan.size,
    )


def _register() -> None:
    for name, plan in _PLANS.items():
        BACKBONES.register(_info(name, plan))(_factory(name, plan))


_register()

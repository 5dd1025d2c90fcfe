"""The networks of teaching: small, and made to be trained from scratch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mediacorpus.errors import WeightsNotFound, unknown
from mediacorpus.extras import need
from mediacorpus.networks import backbones
from mediacorpus.networks.backbones import BACKBONES, BackboneFactory, Network
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
    if name not in _PLANS:
        raise unknown("network to train from scratch", name, _PLANS)
    return _PLANS[name].dropout


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


def _build(name: str, plan: _Plan) -> Network:
    """Stack the layers; weights are drawn as by Glorot and Bengio (2010), biases are 0."""
    nn = need("torch.nn")
    module = nn.Sequential(OrderedDict(plan.layers(1 if plan.gray else 3, plan.size)))
    for layer in module:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return Network(
        name,
        module,
        _LAST,
        backbones.cut_sequence,
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


def _register() -> None:
    for name, plan in _PLANS.items():
        info = Info(
            name=name,
            version="1",
            summary=plan.summary,
            licence="Apache-2.0 (code; it has no published weights)",
            citation=plan.citation,
            extra="models",
            min_side=plan.size,
        )
        BACKBONES.register(info)(_factory(name, plan))


_register()

"""Layers of a network: names, kinds, output shapes and parameters, as records and as a table."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from mediacorpus.extras import need

if TYPE_CHECKING:
    from mediacorpus.learning.backbones import Network

Shape = tuple[int, ...]

CONVOLUTION, DEPTHWISE, DENSE = "convolution", "depthwise convolution", "dense"
MAXIMUM, AVERAGE, INPUT = "max pooling", "average pooling", "input"
BATCH_NORM, LAYER_NORM = "batch normalization", "layer normalization"
CONCATENATION = "concatenation"

_TORCH_KINDS = {
    "Conv2d": CONVOLUTION,
    "Conv2dSame": CONVOLUTION,
    "Linear": DENSE,
    "MaxPool2d": MAXIMUM,
    "AvgPool2d": AVERAGE,
    "AdaptiveAvgPool2d": AVERAGE,
    "BatchNorm1d": BATCH_NORM,
    "BatchNorm2d": BATCH_NORM,
    "BatchNormAct2d": BATCH_NORM,
    "LayerNorm": LAYER_NORM,
    "LayerNorm2d": LAYER_NORM,
    "Flatten": "flatten",
    "Dropout": "dropout",
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
}
_MAPS = 3
"""Dimensions of maps: `(channels, height, width)`."""
_LONG = 30
_NUMBERED = re.compile(r"^(?:[a-zA-Z_]\w*\.)*\d+(?=\.|$)")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a network.

    Parameters
    ----------
    name:
        Dotted name in the network.
    kind:
        What it does, such as `"convolution"`, `"max pooling"`, `"dense"`.
    shape:
        Its output for one picture: `(channels, height, width)` or `(features,)`.
    parameters:
        Number of its weights.
    learns:
        Whether training changes them; False where it has none.
    detail:
        Size of the filter or window, the stride, the share dropped; or `""`.
    block:
        Name of the block of the network that it belongs to.
    """

    name: str
    kind: str
    shape: Shape
    parameters: int
    learns: bool
    detail: str = ""
    block: str = ""

    @property
    def output(self) -> str:
        """The output's shape as text.

        >>> Layer("conv1", "convolution", (20, 28, 28), 520, True).output
        '20 x 28 x 28'
        """
        return " x ".join(map(str, self.shape))


def describe_network(network: Network, *, unfreeze: str | int = "all") -> list[Layer]:
    """List the layers in the order in which a picture passes them.

    One grey picture goes through the network; each layer that has weights of its own or no
    parts is noted as it is called. What is not a layer of its own, such as the addition in a
    residual block, is not listed; only a concatenation at the end of a block is.

    Parameters
    ----------
    network:
        What `create` gave.
    unfreeze:
        What learns: `"head"`, a number of blocks before it, or `"all"`.

    Returns
    -------
    list of Layer
        First the input. A layer that is called again has its weights counted once.

    Examples
    --------
    >>> from mediacorpus.learning.backbones import create
    >>> layers = describe_network(create("lenet", weights="random", classes=10))
    >>> [(layer.name, layer.output, layer.parameters) for layer in layers[:2]]
    [('input', '1 x 28 x 28', 0), ('conv1', '20 x 28 x 28', 520)]
    """
    torch = need("torch")
    parameter = next(network.module.parameters())
    entry = (1 if network.grey else 3, network.size, network.size)
    blocks, learning = _blocks_of(network, unfreeze)
    found: list[Layer | None] = []
    stack: list[int] = []
    counted: set[Any] = set()

    def enter(module: Any, given: Any) -> None:
        del module, given
        stack.append(len(found))
        found.append(None)

    def leave(module: Any, given: Any, output: Any) -> None:
        del given
        place = stack.pop()
        if isinstance(output, torch.Tensor) and not _does_nothing(module):
            own = 0 if module in counted else _own_parameters(module)
            counted.add(module)
            found[place] = Layer(
                names[module] or network.name,
                _kind(module),
                () if module is network.module else tuple(output.shape[1:]),
                own,
                bool(own) and module in learning,
                _detail(module),
                blocks.get(module, ""),
            )

    names = {module: name for name, module in network.module.named_modules()}
    hooks = []
    for module in names:
        if _own_parameters(module) or not list(module.children()):
            hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    modes = {module: module.training for module in network.module.modules()}
    network.module.eval()
    picture = torch.zeros(1, *entry, device=parameter.device)
    try:
        with torch.inference_mode():
            network.module(picture)
            for hook in hooks:
                hook.remove()
            outputs = _block_outputs(network, picture)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    layers = _joined([layer for layer in found if layer is not None], outputs)
    return [Layer("input", INPUT, entry, 0, learns=False, block="input"), *_by_name(layers)]


def _block_outputs(network: Network, x: Any) -> dict[str, Shape]:
    shapes = {}
    for place, block in enumerate(network.blocks):
        x = block(x)
        shapes[str(place)] = tuple(x.shape[1:])
    return shapes


def _joined(layers: Sequence[Layer], outputs: Mapping[str, Shape]) -> list[Layer]:
    """Add the concatenation at the end of blocks whose branches are put together."""
    found: list[Layer] = []
    for layer, after in itertools.zip_longest(layers, layers[1:]):
        found.append(layer)
        shape: Shape = ()
        if after is not None and after.kind in {MAXIMUM, AVERAGE}:
            shape = (after.shape[0], *layer.shape[1:])
        elif after is None or after.block != layer.block:
            shape = outputs.get(layer.block, ())
        more = len(shape) == _MAPS == len(layer.shape) and shape[0] > layer.shape[0]
        if more and shape[1:] == layer.shape[1:]:
            stem = _stem([other.name for other in layers if other.block == layer.block])
            name = f"{stem}{CONCATENATION}"
            found.append(Layer(name, CONCATENATION, shape, 0, learns=False, block=layer.block))
    return found


def _stem(names: Sequence[str]) -> str:
    """Give the branches that dotted names have in common, with a dot at the end.

    >>> _stem(["features.3.squeeze", "features.3.expand"]), _stem(["one", "other"])
    ('features.3.', '')
    """
    common = []
    for branches in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(branches)) > 1:
            break
        common.append(f"{branches[0]}.")
    return "".join(common)


def _blocks_of(network: Network, unfreeze: str | int) -> tuple[dict[Any, str], set[Any]]:
    """Tell in which block each module is, and which modules learn."""
    parts = [*network.blocks, network.head]
    frozen = len(network.blocks) - network.learning_blocks(unfreeze)
    blocks: dict[Any, str] = {}
    learning = set()
    for place, part in enumerate(parts):
        for module in part.modules():
            blocks.setdefault(module, str(place))
            if place >= frozen:
                learning.add(module)
    return blocks, learning


def _by_name(layers: list[Layer]) -> list[Layer]:
    """Take blocks from the layers' names where the network is cut into one block only."""
    if len(layers) <= _LONG or len({layer.block for layer in layers}) > 1:
        return layers
    found = []
    for layer in layers:
        match = _NUMBERED.match(layer.name)
        found.append(replace(layer, block=match[0] if match else layer.name.partition(".")[0]))
    return found


def _own_parameters(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters(recurse=False))


def _does_nothing(module: Any) -> bool:
    return type(module).__name__ == "Identity" or getattr(module, "p", None) == 0


def _kind(module: Any) -> str:
    name = type(module).__name__
    kind = _TORCH_KINDS.get(name, name)
    return DEPTHWISE if kind == CONVOLUTION and module.groups == module.in_channels > 1 else kind


def _detail(module: Any) -> str:
    if isinstance(getattr(module, "p", None), float):
        return f"{module.p:g}"
    size = getattr(module, "kernel_size", None)
    if size is None:
        return ""
    stride = getattr(module, "stride", 1)
    return window(pair(size), pair(stride), pooling=not _own_parameters(module))


def pair(value: Any) -> tuple[int, int]:
    """Give height and width of a window from one number or a sequence.

    >>> pair(3), pair([5, 1])
    ((3, 3), (5, 1))
    """
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def window(size: tuple[int, int], stride: tuple[int, int], *, pooling: bool) -> str:
    """Write the size of a window, and its stride where it is not the usual one.

    >>> window((3, 3), (2, 2), pooling=False), window((2, 2), (2, 2), pooling=True)
    ('3x3, stride 2', '2x2')
    """
    usual = size if pooling else (1, 1)
    text = f"{size[0]}x{size[1]}"
    return text if stride == usual else f"{text}, stride {stride[0]}"


def parameter_counts(layers: Sequence[Layer]) -> dict[str, int]:
    """Count all weights, and those that learn.

    Returns
    -------
    dict
        `parameters` and `learning`.

    Examples
    --------
    >>> parameter_counts([Layer("a", "dense", (2,), 12, True), Layer("b", "dense", (2,), 6, False)])
    {'parameters': 18, 'learning': 12}
    """
    return {
        "parameters": sum(layer.parameters for layer in layers),
        "learning": sum(layer.parameters for layer in layers if layer.learns),
    }


def layer_table(layers: Sequence[Layer]) -> pd.DataFrame:
    """Give the layers as a table.

    Returns
    -------
    DataFrame
        Columns `layer`, `kind`, `detail`, `output`, `parameters`, `learns`.

    Examples
    --------
    >>> layer_table([Layer("conv1", "convolution", (20, 28, 28), 520, True, "5x5")])
       layer         kind detail        output  parameters  learns
    0  conv1  convolution    5x5  20 x 28 x 28         520    True
    """
    rows = [(x.name, x.kind, x.detail, x.output, x.parameters, x.learns) for x in layers]
    columns = ["layer", "kind", "detail", "output", "parameters", "learns"]
    return pd.DataFrame(rows, columns=columns)

"""Networks from a line, such as `conv32-relu-pool-dense128`: read, checked, and built."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mediacorpus.errors import ParameterError
from mediacorpus.extras import need

SIZE = 28
"""Height and width in pixels at which a network from a line sees images by default."""

INITS = ("xavier", "he", "normal", "orthogonal")
"""How the first weights may be drawn; the first is the default."""

MOST_LAYERS = 60
MOST_WEIGHTS = 200_000_000
LEAKY = 0.01
NORMAL_SD = 0.05

KINDS = {
    "conv": "convN, convNxK (N filters of K x K, 3 by default), convNxKsS (in steps of S)",
    "dense": "denseN (N units)",
    "pool": "pool, poolK (maximum of K x K, 2 by default)",
    "avgpool": "avgpool, avgpoolK (mean of K x K)",
    "globalpool": "globalpool (mean over all places)",
    "batchnorm": "batchnorm (short: bn)",
    "dropout": "dropout0.5 (share that is dropped)",
    "flatten": "flatten",
    **{name: name for name in ("relu", "leaky", "gelu", "tanh", "sigmoid")},
}
"""Kinds of layers, and how each is written."""

SHORT = {"bn": "batchnorm", "drop": "dropout", "maxpool": "pool", "fc": "dense"}
_TOKEN = re.compile(r"([a-z]+)([0-9.]*)(?:x([0-9]+))?(?:s([0-9]+))?")
_LIMITS = {"conv": 4096, "dense": 65536, "pool": 16, "avgpool": 16}


@dataclass(frozen=True, slots=True)
class LineLayer:
    """A layer of a line.

    Parameters
    ----------
    kind:
        One of `KINDS`.
    number:
        Filters, units, side of the window, or the share that is dropped.
    kernel, stride:
        Of a convolution.
    text:
        How it was written.
    """

    kind: str
    number: float = 0
    kernel: int = 3
    stride: int = 1
    text: str = ""


def read_line(line: str) -> tuple[LineLayer, ...]:
    """Read the layers of a line; the last layer, with an output for each class, comes by itself.

    Raises
    ------
    ParameterError
        A layer is not understood; the message says which, where, and what there is.

    Examples
    --------
    >>> [(one.kind, one.number) for one in read_line("conv32x5-relu-pool-dense128-drop.5")]
    [('conv', 32), ('relu', 0), ('pool', 2), ('dense', 128), ('dropout', 0.5)]
    """
    tokens = line.strip().lower().split("-")
    if len(tokens) > MOST_LAYERS:
        raise ParameterError(
            f"The network has {len(tokens)} layers; at most {MOST_LAYERS} can be written in a line."
        )
    return tuple(_read(token, place, line) for place, token in enumerate(tokens, start=1))


def _read(token: str, place: int, line: str) -> LineLayer:
    found = _TOKEN.fullmatch(token)
    name = found[1] if found else token
    kind = SHORT.get(name, name)
    if not found or kind not in KINDS:
        names = [*KINDS, *SHORT]
        near = difflib.get_close_matches(name or token, names, n=1, cutoff=0.5)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise _not_understood(token, place, line, why=f"there is no such layer.{meant}")
    digits, kernel, stride = found[2], found[3], found[4]
    if (kernel or stride) and kind != "conv":
        raise _not_understood(token, place, line, why="only convolutions have a window and steps.")
    default = {"pool": "2", "avgpool": "2"}.get(kind, "")
    text = digits or default
    takes = kind in {"conv", "dense", "pool", "avgpool", "dropout"}
    if bool(text) != takes:
        raise _not_understood(token, place, line, why=f"write {KINDS[kind]}.")
    if kind == "dropout":
        share = _float(text)
        if not 0 <= share <= 0.95:  # noqa: PLR2004 - as the setting dropout
            raise _not_understood(token, place, line, why="a share from 0 to 0.95 can be dropped.")
        return LineLayer(kind, share, text=token)
    if not takes:
        return LineLayer(kind, text=token)
    most = _LIMITS[kind]
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise _not_understood(token, place, line, why=f"its number must be from 1 to {most:,}.")
    sizes = {"kernel": int(kernel or 3), "stride": int(stride or 1)}
    if not all(1 <= value <= 16 for value in sizes.values()):  # noqa: PLR2004 - pixels
        raise _not_understood(token, place, line, why="windows and steps are from 1 to 16.")
    return LineLayer(kind, int(text), text=token, **sizes)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0


def _not_understood(token: str, place: int, line: str, *, why: str) -> ParameterError:
    return ParameterError(
        f"The layer {token!r}, number {place} of {line!r}, is not understood: {why} Layers are: "
        f"{'; '.join(KINDS.values())}."
    )


@dataclass(frozen=True, slots=True)
class _Flow:
    """What flows between two layers: `width` channels of `side` x `side` places, or numbers."""

    width: int
    side: int
    flat: bool = False

    def fault(self, layer: LineLayer) -> str:
        """Say why a layer cannot stand here; `""` if it can."""
        if layer.kind in {"conv", "pool", "avgpool", "globalpool"} and self.flat:
            return "it comes after a dense layer or flatten, and there are no places left"
        if layer.kind in {"pool", "avgpool"} and layer.number > self.side:
            return f"only {self.side} x {self.side} places are left"
        return ""

    def after(self, layer: LineLayer) -> _Flow:
        """Give what flows out of a layer."""
        number = int(layer.number)
        if layer.kind == "conv":
            return _Flow(number, -(-self.side // layer.stride))
        if layer.kind in {"pool", "avgpool"}:
            return _Flow(self.width, self.side // number)
        if layer.kind == "globalpool":
            return _Flow(self.width, 1)
        if layer.kind == "dense":
            return _Flow(number, 1, flat=True)
        return _Flow(self.numbers, 1, flat=True) if layer.kind == "flatten" else self

    @property
    def numbers(self) -> int:
        """How many numbers flow."""
        return self.width * self.side**2

    def weights(self, layer: LineLayer) -> int:
        """Count the weights of a layer that stands here."""
        if layer.kind == "conv":
            return int(layer.number) * (self.width * layer.kernel**2 + 1)
        if layer.kind == "dense":
            return int(layer.number) * (self.numbers + 1)
        return 2 * self.width if layer.kind == "batchnorm" else 0


def check_line(line: str, *, size: int, channels: int) -> int:
    """Raise if a line gives no network for images of a size; return its number of weights.

    Parameters
    ----------
    line:
        The layers.
    size:
        Height and width of the images in pixels.
    channels:
        1 for gray, 3 for color.

    Returns
    -------
    int
        Weights of all layers but the last one.

    Raises
    ------
    ParameterError
        A layer is not understood, does not fit where it stands, or there are too many weights.

    Examples
    --------
    >>> check_line("flatten-dense300-relu-dense100-relu", size=28, channels=1)
    265600
    """
    flow, weights = _Flow(channels, size), 0
    for place, layer in enumerate(read_line(line), start=1):
        if fault := flow.fault(layer):
            raise ParameterError(
                f"The layer {layer.text!r}, number {place} of {line!r}, cannot stand there: "
                f"{fault}. Take it out, move it forward, or ask for larger images with --size."
            )
        weights += flow.weights(layer)
        flow = flow.after(layer)
    if weights > MOST_WEIGHTS:
        raise ParameterError(
            f"The network {line!r} has {weights:,} weights for images of {size} x {size} pixels; "
            f"at most {MOST_WEIGHTS:,} are built. Pool before the first dense layer, or make it "
            "smaller."
        )
    return weights


def last_dropout(line: str) -> float:
    """Give the share that the line drops right before the last layer.

    >>> last_dropout("dense10-relu-drop0.3"), last_dropout("dense10-relu")
    (0.3, 0.0)
    """
    *_, last = read_line(line)
    return float(last.number) if last.kind == "dropout" else 0.0


def line_layers(line: str, *, size: int, channels: int, last: str) -> dict[str, Any]:
    """Build the layers of a line as torch modules, by their names.

    Parameters
    ----------
    line, size, channels:
        As for `check_line`.
    last:
        Name of the last layer, which has two outputs until it is replaced.
    """
    nn = need("torch.nn")
    check_line(line, size=size, channels=channels)
    found: dict[str, Any] = {}
    counts: Counter[str] = Counter()

    def add(kind: str, module: Any) -> None:
        counts[kind] += 1
        found[f"{kind}{counts[kind]}"] = module

    flow = _Flow(channels, size)
    for layer in (*read_line(line), LineLayer("flatten")):
        if layer.kind in {"dense", "flatten"} and not flow.flat:
            # A share that is dropped stays right before the layer that it is dropped for.
            kept = found.popitem() if found and next(reversed(found)).startswith("drop") else None
            add("flatten", nn.Flatten())
            found |= dict([kept]) if kept else {}
        if layer.kind == "conv" and layer.kernel % 2 == 0:
            add("pad", nn.ZeroPad2d((0, 1, 0, 1)))  # so that all places are kept
        if layer.kind != "flatten":
            add(NAMES.get(layer.kind, layer.kind), _module(layer, flow, nn))
        flow = flow.after(layer)
    return found | {last: nn.Linear(flow.width, 2)}


NAMES = {"batchnorm": "norm", "dropout": "drop"}
"""Names of layers in a network that differ from their kinds."""


def _module(layer: LineLayer, flow: _Flow, nn: Any) -> Any:
    """Make the torch module of a layer that takes what flows."""
    number, width = int(layer.number), flow.width
    made: dict[str, Callable[[], Any]] = {
        "conv": lambda: nn.Conv2d(
            width, number, layer.kernel, stride=layer.stride, padding=(layer.kernel - 1) // 2
        ),
        "dense": lambda: nn.Linear(flow.numbers, number),
        "pool": lambda: nn.MaxPool2d(number),
        "avgpool": lambda: nn.AvgPool2d(number),
        "globalpool": lambda: nn.AdaptiveAvgPool2d(1),
        "batchnorm": lambda: nn.BatchNorm1d(width) if flow.flat else nn.BatchNorm2d(width),
        "dropout": lambda: nn.Dropout(layer.number),
        "relu": nn.ReLU,
        "gelu": nn.GELU,
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "leaky": lambda: nn.LeakyReLU(LEAKY),
    }
    return made[layer.kind]()


def draw_weights(layers: Sequence[Any], init: str) -> None:
    """Draw the first weights of convolutions and dense layers; their biases are 0.

    Parameters
    ----------
    layers:
        Torch modules; others than these are left alone.
    init:
        `"xavier"` (Glorot and Bengio, 2010), `"he"` (He et al., 2015), `"normal"` with a standard
        deviation of 0.05, or `"orthogonal"` (Saxe et al., 2014).
    """
    nn = need("torch.nn")
    draw = {
        "xavier": nn.init.xavier_uniform_,
        "he": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
        "normal": lambda weight: nn.init.normal_(weight, 0.0, NORMAL_SD),
        "orthogonal": nn.init.orthogonal_,
    }[init]
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            draw(layer.weight)
            nn.init.zeros_(layer.bias)

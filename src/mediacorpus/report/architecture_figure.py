"""The drawing of a network in the manner of textbooks: a row of boxes, from pixels to classes."""

from __future__ import annotations

import itertools
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mediacorpus.errors import ParameterError
from mediacorpus.extras import need
from mediacorpus.learning.architecture import (
    AVERAGE,
    CONVOLUTION,
    DENSE,
    DEPTHWISE,
    INPUT,
    MAXIMUM,
    Layer,
    Shape,
    parameter_counts,
)
from mediacorpus.report.drawing import GRAY, PALE, save, style

ENDINGS = (".png", ".svg", ".pdf")


def check_target(target: Path) -> None:
    """Raise if no drawing can be written to a file.

    Raises
    ------
    ParameterError
        It has another ending.
    """
    if target.suffix.lower() not in ENDINGS:
        raise ParameterError(
            f"A drawing cannot be written to {target.name!r}; its ending must be "
            f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}."
        )


MOST = 14
"""Boxes from which on the layers of a block are drawn as one."""

BLOCK = "block"
_POOLS, _FILTERS = {MAXIMUM, AVERAGE}, {CONVOLUTION, DEPTHWISE}
_CARRIERS = {INPUT, CONVOLUTION, DEPTHWISE, DENSE, *_POOLS}
# From the palette of Okabe and Ito (2008), which color-blind readers can tell apart.
_COLORS = {
    INPUT: PALE,
    CONVOLUTION: "#56b4e9",
    DEPTHWISE: "#0072b2",
    BLOCK: "#8fc9ec",
    MAXIMUM: "#e69f00",
    AVERAGE: "#e69f00",
    DENSE: "#009e73",
}
_OTHER = "#cc79a7"
_SHORT = {"batch normalization": "batch norm", "layer normalization": "layer norm"}
_HEIGHT, _SLANT, _SLOT = 1.9, 0.22, 1.02
_LINE = 0.15
_STATES = {True: "learned in this training", False: "frozen", None: "not known"}
_KINDS = {
    INPUT: "input",
    CONVOLUTION: "convolution",
    DEPTHWISE: "depthwise convolution",
    BLOCK: "block of layers",
    MAXIMUM: "pooling",
    AVERAGE: "pooling",
    DENSE: "dense layer",
    "measure": "measure",
}
_HATCHES = {True: None, False: "////", None: "...."}
_FEW, _THIN = 2, 16
_BETWEEN = re.compile(r"(?<=\d)x(?=\d)")
_TIMES = "\N{MULTIPLICATION SIGN}"
_THOUSAND, _MILLION = 1_000, 1_000_000
_MAPS = 3


@dataclass(frozen=True, slots=True)
class _Box:
    """What is drawn as one box: a layer with what follows on it, or a block of layers."""

    kind: str
    title: str
    shape: Shape
    parameters: int
    learned: bool | None
    notes: tuple[str, ...] = ()
    layers: int = 1
    count: int = 1
    drawn_only: bool = False
    """Whether it stands for something that is no layer of the model: its size says nothing."""

    @property
    def has_weights(self) -> bool:
        """Whether it is worth saying if they learned."""
        return bool(self.parameters) or (self.drawn_only and self.kind == BLOCK)

    @property
    def is_map(self) -> bool:
        """Whether its output has a height and a width."""
        return len(self.shape) == _MAPS

    @property
    def units(self) -> int:
        """Length of an output that is no map."""
        return self.shape[-1] if self.shape else 1


def draw_architecture(layers: Sequence[Layer], target: Path, *, title: str = "") -> Path:
    """Draw a network as a row of boxes.

    A box is as high as its maps are, and as wide as it has channels, both by the square root;
    a dense layer is a bar. Activations, normalization and dropout are named below the layer
    that they follow. Where there are many layers, each block is one box, and equal
    neighbors are drawn once with their number. Layers that were frozen are hatched. A key says
    what colors and hatches mean. Before the features of a network or of a measure stands where
    they come from.

    Parameters
    ----------
    layers:
        What `layers_of` gave.
    target:
        File to write; its ending `.png`, `.svg` or `.pdf` says the format.
    title:
        Name of the network, to stand over the drawing.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ParameterError
        There is no layer, or the ending is another one.
    MissingExtra
        matplotlib is not installed.
    StorageFull, CorpusReadOnly
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> layers = [Layer("input", "input", (1, 28, 28), 0, False),
    ...           Layer("last", "dense", (10,), 7850, True)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw_architecture(layers, Path(folder) / "network.png").name
    'network.png'
    """
    check_target(target)
    if not layers:
        raise ParameterError("A network without layers cannot be drawn.")
    boxes = _boxes(layers)
    below = 1.08 + _LINE * max(len(_lines(box)) for box in boxes)
    width, height = max(_SLOT * len(boxes) + 0.3, 4.5), _HEIGHT + 0.55 + below
    with style():
        figure = need("matplotlib.figure").Figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.set_axis_off()
        _write(axes, (0.2, height - 0.22), _headline(layers, title), size=8.5, ha="left")
        _draw(axes, boxes, below, width=width)
        _key(axes, boxes)
        save(figure, target)
    return target


def _headline(layers: Sequence[Layer], title: str) -> str:
    counts = parameter_counts(layers)
    text = f"{counts['parameters']:,} parameters" if counts["parameters"] else "no weights"
    if any(layer.learned is None for layer in layers):
        text += "; which of them learned is not known"
    elif counts["learned"] < counts["parameters"]:
        text += f", {counts['learned']:,} of them learned"
    if layers[0].kind == INPUT and layers[0].detail:
        text += f", on {layers[0].detail}"
    return f"{title}: {text}" if title else text


def _key(axes: Any, boxes: Sequence[_Box]) -> None:
    """Say below the boxes what colors mean, and below that what hatches mean."""
    patch = need("matplotlib.patches").Rectangle
    kinds = {_KINDS.get(box.kind, "other layer"): _COLORS.get(box.kind, _OTHER) for box in boxes}
    rows: list[list[tuple[str, dict[str, Any]]]]
    rows = [[(name, {"facecolor": color}) for name, color in kinds.items()]]
    states = {box.learned for box in boxes if box.has_weights}
    if states != {True}:
        hatched = [
            (name, {"facecolor": GRAY, "hatch": _HATCHES[state]})
            for state, name in _STATES.items()
            if state in states
        ]
        rows.insert(0, hatched)
    for line, row in enumerate(rows):
        x, y = 0.2, 0.14 + 0.24 * line
        for name, look in row:
            axes.add_patch(patch((x, y), 0.2, 0.14, edgecolor="white", **look))
            _write(axes, (x + 0.27, y + 0.07), name, ha="left")
            x += 0.47 + 0.06 * len(name)


def _sources(given: Layer) -> list[_Box]:
    """Draw before features where they come from, which is no part of the model."""
    network = re.fullmatch(r"features of (.+), frozen", given.detail)
    if network is None and not given.detail.startswith("measure "):
        return []
    image = _Box(INPUT, "image", (3, 8, 8), 0, learned=False, drawn_only=True)
    if network is None:
        kind, title, notes = "measure", given.detail, ("nothing here is learned",)
    else:
        kind, title, notes = BLOCK, network[1], ("frozen: its features are used as they are",)
    return [image, _Box(kind, title, (_THIN, 4, 4), 0, learned=False, notes=notes, drawn_only=True)]


def _boxes(layers: Sequence[Layer]) -> list[_Box]:
    """Choose what is drawn: layers, or blocks where there are many; equal neighbors once."""
    single = _singles(layers)
    if len(single) <= MOST:
        return [*_sources(layers[0]), *_merge(single)]
    found = []
    for _, group in itertools.groupby(layers, key=lambda layer: layer.block):
        own = list(itertools.dropwhile(_rides, group))
        found += _block(_singles(own))
    return [*_sources(layers[0]), *_merge(found)]


def _rides(layer: Layer) -> bool:
    """Tell whether a layer is no more than a note below the one before it."""
    return layer.kind not in _CARRIERS and not layer.parameters


def _singles(layers: Sequence[Layer]) -> list[_Box]:
    """Make a box of each layer, with what has no weights or shape of its own as notes."""
    boxes: list[_Box] = []
    for layer in layers:
        # A classic model rides on nothing: what it learned from is no layer.
        fed = layers[0].kind == INPUT and layers[0].detail != ""
        alone = fed and len(boxes) == 1 and layer.kind not in _SHORT
        if boxes and not alone and (layer.kind in _SHORT or _rides(layer)):
            last, note = boxes[-1], _SHORT.get(layer.kind, layer.kind)
            flat = note == "flatten"
            first = layer.parameters and not last.parameters
            boxes[-1] = replace(
                last,
                notes=last.notes if flat or note in last.notes else (*last.notes, note),
                shape=last.shape if flat else layer.shape,
                parameters=last.parameters + layer.parameters,
                learned=layer.learned if first else last.learned,
            )
            continue
        given = layer.kind == INPUT
        title = f"{layer.kind} {layer.detail.partition(',')[0]}".strip()
        if given:
            title = "features" if _sources(layer) else layer.kind
        notes = (layer.detail,) if given and layer.detail and title == layer.kind else ()
        box = _Box(layer.kind, title, layer.shape, layer.parameters, layer.learned, notes)
        boxes.append(box)
    return boxes


def _block(boxes: list[_Box]) -> list[_Box]:
    """Draw as one box what lies between the poolings and dense layers at a block's ends."""
    whole = {INPUT, *_POOLS}
    if sum(box.kind == DENSE for box in boxes) <= _FEW:
        whole.add(DENSE)
    places = [place for place, box in enumerate(boxes) if box.kind not in whole]
    if not places or places[0] == places[-1]:
        return boxes
    body = boxes[places[0] : places[-1] + 1]
    filters = [box for box in body if box.kind in _FILTERS]
    named = [box.title.replace("convolution", "conv") for box in filters]
    joined = _Box(
        BLOCK,
        f"block of {len(filters)} convolutions" if filters else f"block of {len(body)} layers",
        body[-1].shape,
        sum(box.parameters for box in body),
        next((box.learned for box in reversed(body) if box.parameters), False),
        notes=tuple(dict.fromkeys(named)),
        layers=len(body),
    )
    return [*boxes[: places[0]], joined, *boxes[places[-1] + 1 :]]


def _merge(boxes: Sequence[_Box]) -> list[_Box]:
    """Draw equal neighbors once."""
    found: list[_Box] = []
    for (kind, *_), group in itertools.groupby(boxes, lambda b: (b.kind, b.shape, b.learned)):
        own = list(group)
        if kind in {DENSE, *_POOLS}:
            found += own
            continue
        # The first block of a stage often has one layer more, on its shortcut.
        least, weights = min(own, key=lambda box: box.layers), sum(box.parameters for box in own)
        found.append(replace(least, count=len(own), parameters=weights))
    return found


def _draw(axes: Any, boxes: Sequence[_Box], below: float, *, width: float) -> None:
    maps = [box.shape for box in boxes if box.is_map]
    sides = max([max(shape[1:]) for shape in maps], default=1)
    channels = max([_THIN, *(shape[0] for shape in maps)])
    units = max([box.units for box in boxes if not box.is_map], default=1)
    middle, right = below + _HEIGHT / 2, math.inf
    start = (width - _SLOT * len(boxes)) / 2
    for place, box in enumerate(boxes):
        x = start + _SLOT * (place + 0.5)
        if box.is_map:
            high = _HEIGHT * 0.8 * max(math.sqrt(max(box.shape[1:]) / sides), 0.06)
            wide, slant = 0.05 + 0.42 * math.sqrt(box.shape[0] / channels), _SLANT * high
        else:
            share = math.log2(1 + box.units) / math.log2(1 + units)
            high, wide, slant = _HEIGHT * 0.7 * max(share, 0.1), 0.1, 0.0
        left = x - (wide + slant) / 2
        if left - right > 0.08:  # noqa: PLR2004 - inches
            look = {"arrowstyle": "-|>", "color": GRAY, "lw": 0.8, "mutation_scale": 7}
            look |= {"shrinkA": 2, "shrinkB": 2}
            axes.annotate("", xy=(left, middle), xytext=(right, middle), arrowprops=look)
        corner = (left, middle - (high + slant) / 2)
        _solid(axes, box, corner=corner, size=(wide, high, slant))
        right = left + wide + slant
        _caption(axes, box, (x, below - 0.17))


def _solid(
    axes: Any, box: _Box, *, corner: tuple[float, float], size: tuple[float, float, float]
) -> None:
    """Draw a box with its side and top, and above it how many there are."""
    polygon = need("matplotlib.patches").Polygon
    (x, y), (wide, high, slant) = corner, size
    across, along, up = (wide, 0.0), (slant, slant), (0.0, high)
    color = _COLORS.get(box.kind, _OTHER)
    hatch = _HATCHES[box.learned] if box.has_weights else None
    for (a, b), start, shade in (
        ((across, up), (x, y), 1.0),
        ((along, up), (x + wide, y), 0.8),
        ((along, across), (x, y + high), 1.15),
    ):
        steps = np.cumsum([start, a, b, np.negative(a)], axis=0)
        look = {"edgecolor": "white", "linewidth": 0.7, "joinstyle": "round", "hatch": hatch}
        axes.add_patch(polygon(steps, facecolor=_shaded(color, shade), **look))
    if box.count > 1:
        above = (x + (wide + slant) / 2, y + high + slant + 0.1)
        _write(axes, above, f"{_TIMES} {box.count}", weight="bold")


def _shaded(color: str, factor: float) -> tuple[float, ...]:
    """Make a color darker (below 1) or lighter (above 1)."""
    rgb = need("matplotlib.colors").to_rgb(color)
    if factor <= 1:
        return tuple(value * factor for value in rgb)
    return tuple(1 - (1 - value) * (2 - factor) ** 2 for value in rgb)


def _caption(axes: Any, box: _Box, corner: tuple[float, float]) -> None:
    """Write below a box its output, what it is, and how many weights it has."""
    x, y = corner
    size = f" {_TIMES} ".join(f"{number:,}" for number in box.shape)
    if box.is_map:
        size = f"{box.shape[0]:,} @ {box.shape[1]}{_TIMES}{box.shape[2]}"
    if not box.drawn_only:
        _write(axes, (x, y), size, size=7.5, weight="bold")
    for place, (line, look) in enumerate(_lines(box)):
        _write(axes, (x, y - 0.17 - _LINE * place), line, **look)


def _lines(box: _Box) -> list[tuple[str, dict[str, str]]]:
    """Give the lines below a box, each with its look."""
    lines: list[tuple[str, dict[str, str]]] = [
        (line, {}) for line in textwrap.wrap(box.title, 17, break_long_words=False)
    ]
    for note in box.notes[:3]:
        lines += [
            (line, {"color": GRAY}) for line in textwrap.wrap(note, 17, break_long_words=False)
        ]
    if box.parameters:
        lines.append((f"{_rounded(box.parameters)} weights", {}))
    return lines


def _rounded(number: int) -> str:
    """Write a number of weights in at most four digits.

    >>> _rounded(1002), _rounded(25_050), _rounded(1_225_500)
    ('1,002', '25.1k', '1.23M')
    """
    if number < 10 * _THOUSAND:
        return f"{number:,}"
    size, letter = (_MILLION, "M") if round(number, -3) >= _MILLION else (_THOUSAND, "k")
    digits = max(0, 2 - int(math.log10(number / size)))
    return f"{number / size:,.{digits}f}{letter}"


def _write(axes: Any, place: tuple[float, float], text: str, **look: Any) -> None:
    given = {"size": 7, "ha": "center", "va": "center"} | look
    axes.text(*place, _BETWEEN.sub(_TIMES, text), **given)

"""A sheet of explanations: the image, where the model looks, and its nearest examples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError
from mediacorpus.media.resize import pad
from mediacorpus.media.sheet import sheet, write_sheet
from mediacorpus.result import counted
from mediacorpus.validation.explain import maps_by_class
from mediacorpus.validation.saliency import images_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mediacorpus.store.store import Store
    from mediacorpus.validation.explain import Explained, Explanation, Neighbor

Pixels: TypeAlias = NDArray[np.uint8]

OPACITY = 0.55
"""Of the heat map over the image."""


def overlay(view: Pixels, heat: NDArray[Any]) -> Pixels:
    """Lay a heat map over an image in the colors of viridis: dark blue none, yellow most.

    The image below is gray, so that its own colors are not taken for heat.

    Parameters
    ----------
    view:
        uint8 `(S, S, 3)`.
    heat:
        `(S, S)`, 0 or more; its greatest value becomes yellow.

    Returns
    -------
    uint8 array `(S, S, 3)`

    Examples
    --------
    >>> overlay(np.zeros((2, 2, 3), np.uint8), np.eye(2))[0].tolist()
    [[139, 127, 20], [37, 1, 46]]
    """
    if heat.shape != view.shape[:2]:
        raise ParameterError(f"The map has the shape {heat.shape}, the image {view.shape[:2]}.")
    gray = cv2.cvtColor(np.ascontiguousarray(view), cv2.COLOR_RGB2GRAY)
    colors = np.asarray(_colored(heat), np.float32)
    mixed = (1 - OPACITY) * gray[..., None].astype(np.float32) + OPACITY * colors
    return np.rint(mixed).astype(np.uint8)


def _colored(heat: NDArray[Any], *, top: float | None = None) -> Pixels:
    top = float(heat.max(initial=0.0)) if top is None else top
    level = np.rint(255 * np.clip(heat / top, 0, 1)) if top > 0 else np.zeros(heat.shape)
    colors = cv2.applyColorMap(level.astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    return np.ascontiguousarray(np.asarray(colors, np.uint8)[..., ::-1])


def explanation_sheet(
    rows: Sequence[Explanation],
    *,
    neighbor: Callable[[Neighbor], Pixels | None] | None = None,
    side: int = 160,
    title: str | None = None,
) -> Pixels:
    """Lay explanations out, one in a row: image, heat map, nearest training images.

    Parameters
    ----------
    rows:
        What `explain` gave.
    neighbor:
        Gives the pixels of a neighbor, or None where they cannot be had; without it no
        neighbors are shown.
    side:
        Of each image, in pixels.
    title:
        A line above.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ParameterError
        There are no rows, or the sheet would be too large.
    """
    if not rows:
        raise ParameterError("There is nothing to explain; give at least one item.")
    most = max(len(row.neighbors) for row in rows) if neighbor is not None else 0
    blank = np.full((side, side, 3), 255, np.uint8)
    tiles: list[tuple[str, Pixels]] = []
    for row in rows:
        label = f"labelled {row.gold}" if row.gold else f"{row.item[:12]}, no gold label"
        wrong = "wrong: " if row.gold not in {"", row.predicted} else ""
        predicted = f"{wrong}{row.predicted}, {row.probability:.2f}"
        heat = overlay(row.view, row.map)
        tiles += [(label, pad(row.view, side)), (predicted, pad(heat, side))]
        for near in row.neighbors[:most]:
            pixels = None if neighbor is None else neighbor(near)
            shown = blank if pixels is None else pad(np.ascontiguousarray(pixels), side)
            tiles.append((f"like {near.label}, {near.similarity:.2f}", shown))
        tiles += [("", blank)] * (most - len(row.neighbors))
    return sheet(tiles, columns=2 + most, side=side, title=title)


def mean_map_sheet(
    maps: Mapping[str, NDArray[Any]], *, side: int = 224, title: str | None = None
) -> Pixels:
    """Show the mean map of each class: where the model looks whatever the image.

    All classes have one scale of colors, so a class whose attention is spread out stays dark.

    Parameters
    ----------
    maps:
        Class → maps `(N, S, S)`, 0 or more.
    side:
        Of each map on the sheet, in pixels.
    title:
        A line above.

    Raises
    ------
    ParameterError
        There are no maps.
    """
    for name, own in maps.items():
        if not len(own):
            raise ParameterError(f"The class {name!r} has no maps; leave it out.")
    means = {name: np.asarray(own, np.float64).mean(axis=0) for name, own in maps.items()}
    top = max((float(mean.max()) for mean in means.values()), default=0.0)
    tiles = [
        (f"{name}, mean of {counted(len(maps[name]), 'image')}", pad(_colored(mean, top=top), side))
        for name, mean in means.items()
    ]
    return sheet(tiles, side=side, title=title)


def sheets(store: Store, found: Explained, output: Path, *, name: str) -> Explained:
    """Draw explanations on a sheet, and the mean map of each class on a second one beside it.

    Parameters
    ----------
    store:
        The catalogue.
    found:
        The explanations.
    output:
        `.png`, `.jpg` or `.webp` sheet to write.
    name:
        Name of the model.
    """
    wanted = sorted({near.item for row in found.rows for near in row.neighbors})
    there = dict(images_of(store, wanted))

    def neighbor(one: Neighbor) -> Pixels | None:
        return there.get(one.item)

    title = f"What {name} looks at"
    write_sheet(output, explanation_sheet(found.rows, neighbor=neighbor, title=title))
    files, maps = [output], maps_by_class(found.rows)
    if maps:
        means = output.with_name(f"{output.stem}-means{output.suffix}")
        write_sheet(means, mean_map_sheet(maps, title="Where it looks, image after image"))
        files.append(means)
    return replace(found, files=files)

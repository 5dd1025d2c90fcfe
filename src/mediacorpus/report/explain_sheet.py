"""A sheet of explanations: the image, where the model looks, and its nearest examples."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError
from mediacorpus.media.resize import pad
from mediacorpus.media.sheet import png, sheet, write_sheet
from mediacorpus.media.thumbnail import data_uri, thumbnail_jpeg
from mediacorpus.report import words
from mediacorpus.report.document import Block, Heading, Images, Markup, leaf, write_page
from mediacorpus.report.gallery import GALLERY_CSS, Gallery, Thumb
from mediacorpus.result import counted
from mediacorpus.store import derived
from mediacorpus.validation.explain import maps_by_class
from mediacorpus.validation.saliency import images_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mediacorpus.store.store import Store
    from mediacorpus.validation.explain import Explained, Explanation, Neighbor

Pixels: TypeAlias = NDArray[np.uint8]

OPACITY = 0.55
"""Of the heat map over the image."""

SIDE = 224
"""Of each image on a sheet, in pixels: what networks see."""

ROWS = 6
"""Images that are explained on one sheet."""

PAGES = {".html", ".htm"}

KEY = (
    "Colors: from dark blue (does not count for the predicted class) to yellow (counts most). Each "
    "map has its own scale. Similarity: cosine of the embeddings, at most 1."
)
MEAN_KEY = "Colors: from dark blue, none, to yellow, most. All maps have one scale."


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
    names: Mapping[str, str] | None = None,
    side: int = SIDE,
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
    names:
        Item → name of its file; without it ids are written.
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
    tiles: list[tuple[str, Pixels] | None] = []
    for row in rows:
        tiles += [("", pad(row.view, side)), ("", pad(overlay(row.view, row.map), side))]
        for near in row.neighbors[:most]:
            pixels = None if neighbor is None else neighbor(near)
            caption = ", ".join([_named(near.item, names), *_likeness(near)])
            known = pixels is not None
            tiles.append((caption, pad(np.ascontiguousarray(pixels), side)) if known else None)
        tiles += [None] * (most - len(row.neighbors))
    nearest = ["nearest training image", *(f"{_ordinal(n)} nearest" for n in range(2, most + 1))]
    return sheet(
        tiles,
        columns=2 + most,
        side=side,
        title=title,
        heads=["image", "where the model looks", *nearest[:most]],
        rows=[f"{_named(row.item, names)}: {answer(row)}" for row in rows],
        note=KEY,
        ramp=_ramp(),
    )


def answer(row: Explanation) -> str:
    """Say what an image is labelled and predicted as.

    Examples
    --------
    >>> from mediacorpus.validation.explain import Explanation
    >>> view, heat = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32)
    >>> answer(Explanation("3f2a", view, "cat", "dog", 0.9, heat))
    'labelled cat, predicted dog (0.90), wrong'
    """
    gold = f"labelled {row.gold}" if row.gold else "no gold label"
    wrong = ", wrong" if row.gold not in {"", row.predicted} else ""
    return f"{gold}, predicted {row.predicted} ({row.probability:.2f}){wrong}"


def _named(item: str, names: Mapping[str, str] | None) -> str:
    return Path((names or {}).get(item, item[:12])).name


def _likeness(near: Neighbor) -> tuple[str, str]:
    return near.label, f"similarity {near.similarity:.2f}"


def _ordinal(number: int) -> str:
    return f"{number}{ {2: 'nd', 3: 'rd'}.get(number, 'th') }"


def _ramp() -> Pixels:
    return _colored(np.tile(np.linspace(0, 1, 160), (12, 1)))


def mean_map_sheet(
    maps: Mapping[str, NDArray[Any]], *, side: int = SIDE, title: str | None = None
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
    tiles = [
        (f"predicted {name}, n = {len(maps[name]):,}", pad(mean, side))
        for name, mean in _means(maps).items()
    ]
    return sheet(tiles, side=side, title=title, note=MEAN_KEY, ramp=_ramp())


def _means(maps: Mapping[str, NDArray[Any]]) -> dict[str, Pixels]:
    """Color the mean map of each class, all on one scale."""
    for name, own in maps.items():
        if not len(own):
            raise ParameterError(f"The class {name!r} has no maps; leave it out.")
    means = {name: np.asarray(own, np.float64).mean(axis=0) for name, own in maps.items()}
    top = max((float(mean.max()) for mean in means.values()), default=0.0)
    return {name: _colored(mean, top=top) for name, mean in means.items()}


def sheets(store: Store, found: Explained, output: Path, *, name: str) -> Explained:
    """Draw explanations, and the mean map of each class.

    Parameters
    ----------
    store:
        The catalogue.
    found:
        The explanations.
    output:
        `.html` page to write, or `.png`, `.jpg` or `.webp` sheet. Beside a sheet stand others:
        with `-2`, `-3` and so on in their names, what does not fit on one, and with `-means`
        the mean maps.
    name:
        Name of the model.
    """
    near = {one.item for row in found.rows for one in row.neighbors}
    there = dict(images_of(store, sorted(near)))
    names = derived.names_of(store, [*near, *(row.item for row in found.rows)])
    model, maps = words.name(name), maps_by_class(found.rows)
    title = f"What {model} looks at: {counted(len(found.rows), 'image')}"
    if output.suffix.lower() in PAGES:
        write_page(output, leaf(title, list(_page(found, there, names)), style=GALLERY_CSS))
        return replace(found, files=[output])
    files, starts = [], range(0, len(found.rows), ROWS)
    for number, start in enumerate(starts, 1):
        of = f", sheet {number} of {len(starts)}" if len(starts) > 1 else ""
        file = output.with_name(f"{output.stem}-{number}{output.suffix}") if start else output
        drawn = explanation_sheet(
            found.rows[start : start + ROWS],
            neighbor=lambda one: there.get(one.item),
            names=names,
            title=f"{title}{of}",
        )
        write_sheet(file, drawn)
        files.append(file)
    if maps:
        means = output.with_name(f"{output.stem}-means{output.suffix}")
        write_sheet(means, mean_map_sheet(maps, title=f"Where {model} looks on average"))
        files.append(means)
    return replace(found, files=files)


def _page(
    found: Explained, there: Mapping[str, Pixels], names: Mapping[str, str]
) -> Iterator[Block]:
    """Give explanations as blocks of a page: the mean maps, then a gallery for each image."""

    def thumb(item: str, pixels: Pixels, caption: str, *about: str) -> Thumb:
        return Thumb(item, data_uri(thumbnail_jpeg(pixels, SIDE)), caption, about=about)

    if maps := maps_by_class(found.rows):
        means = [
            thumb(name, mean, f"predicted {name}, n = {len(maps[name]):,}")
            for name, mean in _means(maps).items()
        ]
        yield Images(Gallery("Where it looks on average, by predicted class", means))
        yield _key(MEAN_KEY)
    yield Heading("Image by image")
    yield _key(KEY)
    for row in found.rows:
        own = [
            thumb(row.item, row.view, "image"),
            thumb(row.item, overlay(row.view, row.map), "where the model looks"),
        ]
        own += [
            thumb(near.item, there[near.item], _named(near.item, names), *_likeness(near))
            for near in row.neighbors
            if near.item in there
        ]
        yield Images(Gallery(f"{_named(row.item, names)}: {answer(row)}", own))


def _key(text: str) -> Block:
    ramp = data_uri(png(_ramp()), "image/png")
    return Markup(f'<p class="note"><img src="{ramp}" alt="Scale of colors."> {escape(text)}</p>')

"""Sheets that show images as they are, or as programs see them."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.analysis.selecting import Chosen
from mediacorpus.engine.decoding import Decoders, reason_of
from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.representations import channels
from mediacorpus.media.scale import Pixels
from mediacorpus.media.sheet import Captioned, augmented, png, resized, sheet, write_sheet
from mediacorpus.media.thumbnail import data_uri
from mediacorpus.media.video import index_frames, locators
from mediacorpus.records import Kind, Locator, Place
from mediacorpus.report.choosing import choose
from mediacorpus.result import Result, counted, plain
from mediacorpus.store import derived
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sheet(Result):
    """A sheet that was drawn. It shows itself in a notebook.

    Parameters
    ----------
    pixels:
        The sheet, uint8 `(H, W, 3)`.
    tiles:
        Number of tiles on it.
    failed:
        What could not be read: name and reason.
    file:
        Where it was written, if it was.
    total:
        Number of images that those drawn were chosen from.
    """

    pixels: Pixels
    tiles: int
    failed: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    total: int = 0

    def __str__(self) -> str:
        where = f" on {self.file}" if self.file else ""
        lines = [f"Drew {counted(self.tiles, 'tile')}{where}."]
        lines += [f"{name}: not read. {why}" for name, why in self.failed.items()]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pixels."""
        own = {"file": self.file, "tiles": self.tiles, "failed": self.failed}
        return {name: plain(value) for name, value in own.items()}

    def _repr_html_(self) -> str:
        # Notebooks prefer HTML to other forms, so the image is put into it.
        uri = data_uri(png(self.pixels), "image/png")
        return f'<img src="{uri}" alt="{html.escape(self._title)}" style="max-width: 100%">'


GLANCES = 12
"""Frames or pages by which a video or a document is shown, and images of a corpus."""
SHEET_DPI = 100.0


def show(
    store: Store,
    on: Chosen | pd.DataFrame = None,
    *,
    most: int = GLANCES,
    **drawing: Any,
) -> Sheet:
    """Draw images of a corpus on a sheet.

    What cannot be read is left out, and named in what is returned.

    Parameters
    ----------
    store:
        The catalogue.
    on:
        A `Selection`, or items or file names; or a data frame with a column `item`. Of a video
        some frames are drawn, of a document some pages. By default images from all over the
        corpus.
    most:
        Number of items at the most.
    drawing:
        As for `show_file`.

    Raises
    ------
    MediaError
        None of the images can be read.
    UnknownName, ParameterError
        An item, a kind or a way to resize is not known.
    """
    choice = choose(store, on, most=most)
    places, names = derived.places(store, choice.items), derived.names_of(store, choice.items)
    found = []
    for item in choice.items:
        said = choice.facts.get(item, {})
        predicted = [f"{k} {said[k]}" for k in ("gold", "predicted") if k in said]
        name = ", ".join([Path(names.get(item, item)).name, *predicted])
        found.append((name, places[item]))
    return replace(_drawn(found, **drawing), total=choice.total)


def show_file(
    path: Path,
    *,
    kind: str = "rgb",
    resize: str | None = None,
    augment: int = 0,
    seed: int = 1,
    output: Path | None = None,
) -> Sheet:
    """Draw a media file on a sheet.

    Parameters
    ----------
    path:
        Of a video some frames are drawn, of a document some pages.
    kind:
        `"rgb"`, `"gray"`, `"hsv"`, `"lab"` or `"edges"`.
    resize:
        Such as `"crop 224"`, `"pad 320x240"` or `"50%"`; None leaves the size.
    augment:
        Number of random versions that are drawn beside each image.
    seed:
        Of the random versions.
    output:
        `.png`, `.jpg` or `.webp` file to write as well.

    Raises
    ------
    MediaError
        The file cannot be read.
    UnknownName, ParameterError
        A kind or a way to resize is not known.
    """
    return _drawn(
        [(path.name, path)], kind=kind, resize=resize, augment=augment, seed=seed, output=output
    )


def _drawn(
    found: Sequence[tuple[str, Place | Path]],
    *,
    kind: str = "rgb",
    resize: str | None = None,
    augment: int = 0,
    seed: int = 1,
    output: Path | None = None,
) -> Sheet:
    tiles: list[Captioned] = []
    failed: dict[str, str] = {}
    with Decoders() as decoders:
        for name, where in found:
            try:
                for caption, one in _glances(name, where, decoders):
                    pixels = decoders.pixels(one)
                    versions = augmented(pixels, augment, seed=seed) if augment else [pixels]
                    tiles += _tiles(caption, versions, kind=kind, resize=resize)
            except (MediaError, TimeoutError) as error:
                failed[name] = reason_of(error)
    if failed and not tiles:
        raise MediaError("\n".join(failed.values()))
    pixels = sheet(tiles)
    if output is not None:
        write_sheet(output, pixels)
    return Sheet(pixels, len(tiles), failed, output, len(found))


def _glances(name: str, place: Place | Path, decoders: Decoders) -> Iterator[tuple[str, Place]]:
    """Give an image itself, and of a video or a document some frames or pages."""
    if isinstance(place, Path):
        place = Place((place,), *decoders.inspect(place))
    kind = place.facts.kind
    if place.locators or kind is Kind.IMAGE:
        yield name, place
        return
    if kind is Kind.AUDIO:
        raise ParameterError(f"{name} is sound without images; there is nothing to draw.")
    for step in decoders.call(_steps, place):
        own = f"{step.time:.1f} s" if step.time is not None else f"page {step.page}"
        yield f"{name}, {own}", place.within(step)


def _steps(place: Place) -> list[Locator]:
    if place.facts.kind is Kind.DOCUMENT:
        last = min(place.facts.frames, GLANCES)
        return [Locator(Kind.PAGE, page=n, dpi=SHEET_DPI) for n in range(1, last + 1)]
    there = (path for path in place.paths if path.is_file())
    index = index_frames(next(there, place.paths[0]))
    spread = np.linspace(0, len(index) - 1, min(len(index), GLANCES))
    return locators(index, np.unique(spread.astype(np.int64)))


def _tiles(
    name: str, versions: Sequence[np.ndarray], *, kind: str, resize: str | None
) -> list[Captioned]:
    tiles: list[Captioned] = []
    for number, version in enumerate(versions):
        own = f"version {number}" if number else name
        parts = channels(resized(version, resize) if resize else version, kind)
        tiles += [(own if len(parts) == 1 else f"{own}: {part}", drawn) for part, drawn in parts]
    return tiles

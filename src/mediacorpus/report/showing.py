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
from mediacorpus.errors import MediaError, ParameterError, unknown
from mediacorpus.media.color import is_stretched
from mediacorpus.media.representations import channels
from mediacorpus.media.resize import Filter
from mediacorpus.media.scale import Pixels
from mediacorpus.media.sheet import Captioned, augmented, png, resized, sheet, write_sheet
from mediacorpus.media.thumbnail import data_uri
from mediacorpus.media.turning import flip as mirrored
from mediacorpus.media.turning import turn
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
    stretched:
        Number of rasters that are shown stretched from their least to their greatest value.
    """

    pixels: Pixels
    tiles: int
    failed: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    total: int = 0
    stretched: int = 0

    def __str__(self) -> str:
        where = f" on {self.file}" if self.file else ""
        lines = [f"Drew {counted(self.tiles, 'tile')}{where}."]
        if self.stretched:
            lines.append(
                f"Stretched by its own range: {self.stretched:,} of "
                f"{counted(self.total, 'image')}, whose numbers are no levels of gray."
            )
        lines += [f"{name}: not read. {why}" for name, why in self.failed.items()]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pixels."""
        own = {
            "file": self.file,
            "tiles": self.tiles,
            "failed": self.failed,
            "stretched": self.stretched,
        }
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
    output: Path | None = None,
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
    output, drawing:
        As for `show_file`.

    Raises
    ------
    MediaError
        None of the images can be read.
    UnknownName, ParameterError
        An item, a kind or a way to resize is not known.
    """
    view = View(**drawing)
    choice = choose(store, on, most=most)
    places, names = derived.places(store, choice.items), derived.names_of(store, choice.items)
    found = []
    for item in choice.items:
        said = choice.facts.get(item, {})
        predicted = [f"{k} {said[k]}" for k in ("gold", "predicted") if k in said]
        name = ", ".join([Path(names.get(item, item)).name, *predicted])
        found.append((name, places[item]))
    return replace(_drawn(found, view, output), total=choice.total)


def show_file(
    path: Path,
    *,
    kind: str = "rgb",
    rotate: float = 0.0,
    flip: str | None = None,
    resize: str | None = None,
    filter: Filter | None = None,
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
        `"rgb"`, `"gray"`, `"channels"`, `"red"`, `"green"`, `"blue"`, `"cmyk"`, `"hsv"`, `"lab"`
        or `"edges"`.
    rotate:
        Degrees by which the image is turned against the clock, before all else; the sheet grows
        so that nothing is cut off.
    flip:
        `"left-right"` or `"up-down"` mirrors the image after that.
    resize:
        Such as `"crop 224"`, `"pad 320x240"` or `"50%"`; None leaves the size.
    filter:
        How pixels are computed when it is resized; see `mediacorpus.media.resize`.
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
    view = View(kind, rotate, flip, resize, filter, augment, seed)
    return _drawn([(path.name, path)], view, output)


FLIPS = ("left-right", "up-down")


@dataclass(frozen=True, slots=True)
class View:
    """How images are drawn; the fields are the arguments of `show_file`."""

    kind: str = "rgb"
    rotate: float = 0.0
    flip: str | None = None
    resize: str | None = None
    filter: Filter | None = None
    augment: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.flip is not None and self.flip not in FLIPS:
            raise unknown("flip", self.flip, FLIPS)
        if self.filter is not None and self.resize is None:
            raise ParameterError("A filter says how an image is resized; say --resize, too.")

    def versions(self, pixels: Pixels) -> list[Pixels]:
        """Turn and mirror an image, and give it with its random versions."""
        if self.rotate:
            pixels = turn(pixels, self.rotate, expand=True, fill=(255, 255, 255))
        if self.flip is not None:
            pixels = mirrored(pixels, up_down=self.flip == "up-down")
        return augmented(pixels, self.augment, seed=self.seed) if self.augment else [pixels]

    def tiles(self, name: str, pixels: Pixels) -> list[Captioned]:
        """Draw an image and its versions as tiles with captions."""
        tiles: list[Captioned] = []
        for number, version in enumerate(self.versions(pixels)):
            own = f"version {number}" if number else name
            if self.resize:
                version = resized(version, self.resize, filter=self.filter)  # noqa: PLW2901
            parts = channels(version, self.kind)
            tiles += [
                (own if len(parts) == 1 else f"{own}: {part}", drawn) for part, drawn in parts
            ]
        return tiles


def _drawn(
    found: Sequence[tuple[str, Place | Path]], view: View, output: Path | None = None
) -> Sheet:
    tiles: list[Captioned] = []
    failed: dict[str, str] = {}
    stretched = 0
    with Decoders() as decoders:
        for name, where in found:
            try:
                for caption, one in _glances(name, where, decoders):
                    pixels = decoders.pixels(one)
                    stretched += is_stretched(one.facts.mode)
                    tiles += view.tiles(caption, pixels)
            except (MediaError, TimeoutError) as error:
                failed[name] = reason_of(error)
    if failed and not tiles:
        raise MediaError("\n".join(failed.values()))
    pixels = sheet(tiles)
    if output is not None:
        write_sheet(output, pixels)
    return Sheet(pixels, len(tiles), failed, output, len(found), stretched)


def _glances(name: str, place: Place | Path, decoders: Decoders) -> Iterator[tuple[str, Place]]:
    """Give an image itself, and of a video or a document some frames or pages."""
    if isinstance(place, Path):
        place = Place((place,), *decoders.inspect(place))
    kind = place.facts.kind
    sound = kind is Kind.AUDIO or (place.locators and place.locators[-1].kind is Kind.AUDIO)
    if not sound and (place.locators or kind is Kind.IMAGE):
        yield name, place
        return
    if sound:
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

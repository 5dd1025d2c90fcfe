"""Sheets that show images as they are, or as programs see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mediacorpus.engine.decoding import Decoders, reason_of
from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.representations import channels
from mediacorpus.media.sheet import Captioned, augmented, resized, sheet, write_sheet
from mediacorpus.media.video import index_frames, locators
from mediacorpus.records import Kind, Locator, Place
from mediacorpus.result import counted
from mediacorpus.store import derived, holdings
from mediacorpus.store.store import DATABASE, Store


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that was drawn.

    Parameters
    ----------
    file:
        Where it was written.
    tiles:
        Number of tiles on it.
    failed:
        What could not be read: name and reason.
    """

    file: Path
    tiles: int
    failed: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"Drew {counted(self.tiles, 'tile')} on {self.file}."]
        lines += [f"{name}: not read. {why}" for name, why in self.failed.items()]
        return "\n".join(lines)


GLANCES = 12
"""Frames or pages by which a video or a document is shown."""
SHEET_DPI = 100.0


def show_sheet(
    place: Path,
    items: Sequence[str] = (),
    *,
    target: Path,
    kind: str = "rgb",
    resize: str | None = None,
    augment: int = 0,
    seed: int = 1,
) -> Sheet:
    """Draw images on a sheet and write it to a file.

    What cannot be read is left out, and named in what is returned.

    Parameters
    ----------
    place:
        A corpus folder, or a media file.
    items:
        Items of the corpus by their ids or the first digits of them; none for a file. Of a
        video some frames are drawn, of a document some pages.
    target:
        `.png`, `.jpg` or `.webp` file to write.
    kind:
        `"rgb"`, `"gray"`, `"hsv"`, `"lab"` or `"edges"`.
    resize:
        Such as `"crop 224"`, `"pad 320x240"` or `"50%"`; None leaves the size.
    augment:
        Number of random versions that are drawn beside each image.
    seed:
        Of the random versions.

    Raises
    ------
    MediaError
        None of the images can be read.
    UnknownName, ParameterError
        An item, a kind or a way to resize is not known, or no item was named.
    """
    if (place / DATABASE).is_file():
        if not items:
            raise ParameterError(
                f"Name an item of the corpus in {place}; `mediacorpus items {place}` lists them."
            )
        with Store(place) as store:
            found: list[tuple[str, Place | Path]] = _of_corpus(store, items)
    elif items:
        raise ParameterError(
            f"{place} is no corpus, so it has no item {items[0]!r}. Name a corpus and then its "
            "items, or one media file alone."
        )
    else:
        found = [(place.name, place)]
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
    write_sheet(target, sheet(tiles))
    return Sheet(target, len(tiles), failed)


def _of_corpus(store: Store, items: Sequence[str]) -> list[tuple[str, Place | Path]]:
    ids = [holdings.resolve_item(store, text) for text in items]
    places, names = derived.places(store, ids), derived.names_of(store, ids)
    return [(Path(names.get(item, item)).name, places[item]) for item in ids]


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

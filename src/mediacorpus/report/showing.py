"""Sheets that show images as they are, or as programs see them."""

from __future__ import annotations

import functools
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
from mediacorpus.report import words
from mediacorpus.report.choosing import choose
from mediacorpus.result import Result, counted, plain
from mediacorpus.sources.derive import SHOTS, Rules, derive
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
    notes:
        What a reader should know, such as that of many shots only some are drawn.
    stretched:
        Number of rasters that are shown stretched from their least to their greatest value.
    """

    pixels: Pixels
    tiles: int
    failed: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    total: int = 0
    notes: Sequence[str] = ()
    stretched: int = 0

    def __str__(self) -> str:
        where = f" on {self.file}" if self.file else ""
        lines = [f"Drew {counted(self.tiles, 'tile')}{where}."]
        if self.stretched:
            lines.append(
                f"Stretched from its own least to its greatest value: {self.stretched:,} of "
                f"{counted(self.total, 'image')}, whose numbers are no levels of gray."
            )
        lines += [f"{name}: not read. {why}" for name, why in self.failed.items()]
        lines += self.notes
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pixels."""
        own = {
            "file": self.file,
            "tiles": self.tiles,
            "failed": self.failed,
            "notes": self.notes,
            "stretched": self.stretched,
        }
        return {name: plain(value) for name, value in own.items()}

    def _repr_html_(self) -> str:
        # Notebooks prefer HTML to other forms, so the image is put into it.
        uri = data_uri(png(self.pixels), "image/png")
        return f'<img src="{uri}" alt="{html.escape(self._title)}" style="max-width: 100%">'


GLANCES = 12
"""Frames or pages by which a video or a document is shown, and images of a corpus."""
MOST_FRAMES = 60
"""Frames that are drawn of one video where frames are asked for."""
SHEET_DPI = 100.0
MINUTE = 60
SIDE, LARGE = 224, 300
"""Pixels of the long side of an image among many, and of one in few columns."""
FEW_COLUMNS, MOST_COLUMNS = 4, 7


def show(
    store: Store,
    on: Chosen | pd.DataFrame = None,
    *,
    most: int | None = None,
    frames: str | None = None,
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
        corpus, or with `frames` its videos.
    most:
        Number of items at the most, and of frames of each video; by default 12, and 60 frames.
    frames, output, drawing:
        As for `show_file`.

    Raises
    ------
    MediaError
        None of the images can be read.
    UnknownName, ParameterError
        An item, a kind or a way to resize is not known.
    """
    view = View(**drawing)
    Rules(frames=frames)  # what cannot be understood is refused before anything is looked for
    of_videos = frames is not None and on is None
    if of_videos:
        videos = "SELECT item FROM items WHERE kind = 'video' AND parent IS NULL ORDER BY n"
        on = [item for (item,) in store.rows(videos)]
        if not on:
            raise ParameterError(f"{store.folder} holds no videos, so there are no frames to draw.")
    choice = choose(store, on, most=most or GLANCES)
    places, names = derived.places(store, choice.items), derived.names_of(store, choice.items)
    found = []
    for item in choice.items:
        said = choice.facts.get(item, {})
        predicted = [f"{k} {said[k]}" for k in ("gold", "predicted") if k in said]
        name = ", ".join([Path(names.get(item, item)).name, *predicted])
        found.append((name, places[item]))
    of = f" of {choice.total:,}" if choice.total > len(found) else ""
    about = "Videos of the corpus" if of_videos else words.name(choice.title)
    title = f"{about}: {len(found):,}{of}"
    if len(found) == 1:
        title = found[0][0]
    drawn = _drawn(found, view, title=title, frames=frames, most=most, output=output)
    return replace(drawn, total=choice.total)


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
    frames: str | None = None,
    most: int | None = None,
    output: Path | None = None,
) -> Sheet:
    """Draw a media file on a sheet.

    Parameters
    ----------
    path:
        Of a video some frames are drawn, of a document some pages.
    kind:
        `"rgb"`, `"gray"`, `"channels"`, `"red"`, `"green"`, `"blue"`, `"cmyk"`, `"hsv"`, `"lab"`
        or `"edges"`; beside all but the first stands the image as it is.
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
    frames:
        Frames of a video or an animation: `"shots"` (the middle frame of each shot, with the
        times of the shot), `"every=2s"` or `"every=50"`; None takes 12 at equal steps.
    most:
        Number of frames at the most, with `frames`; by default 60. Of more, these are taken at
        equal steps.
    output:
        `.png`, `.jpg` or `.webp` file to write as well.

    Raises
    ------
    MediaError
        The file cannot be read.
    UnknownName, ParameterError
        A kind, a way to resize or to choose frames is not known.
    """
    view = View(kind, rotate, flip, resize, filter, augment, seed)
    title = words.name(path.name)
    return _drawn([(path.name, path)], view, title=title, frames=frames, most=most, output=output)


FLIPS = ("left-right", "up-down")
_KINDS = {
    "hsv": "hue, saturation and value",
    "lab": "lightness, a and b",
    "gray": "in gray",
    "channels": "channel by channel",
    "cmyk": "cyan, magenta, yellow and black",
}

_Row = tuple[str, list[Captioned]]


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

    def about(self) -> list[str]:
        """Say in a title what is made of the images."""
        found = [] if self.kind == "rgb" else [_KINDS.get(self.kind, f"as {self.kind}")]
        found += self._turned()
        if self.resize:
            by = f" ({self.filter})" if self.filter else ""
            found.append(f"resized by “{self.resize}”{by}")
        each = counted(self.augment, "random version")
        return found + ([f"with {each} each"] if self.augment else [])

    def rows(self, name: str, pixels: Pixels) -> Iterator[_Row]:
        """Give the tiles of an image: beside what was made of it stands the image itself."""
        versions = self._versions(pixels)
        turned = ", ".join(self._turned())
        if self.kind == "rgb" and not self.resize:
            drawn = [("original", pixels)] + ([(turned, versions[0])] if turned else [])
            drawn += [(f"version {n}", one) for n, one in enumerate(versions) if n]
            yield name, drawn if len(drawn) > 1 else [("", pixels)]
            return
        for number, version in enumerate(versions):
            made = version
            if self.resize:
                made = resized(version, self.resize, filter=self.filter)
            own = channels(made, self.kind)
            first = (f"version {number}", version) if number else ("original", pixels)
            drawn = [first, *own]
            if self.resize:
                drawn[1:] = [(self.resize if part == "rgb" else part, p) for part, p in own]
                drawn = [(f"{part}, {p.shape[1]} x {p.shape[0]}", p) for part, p in drawn]
            yield (f"{name}, version {number}" if number else name), drawn

    def _turned(self) -> list[str]:
        found = [f"turned by {self.rotate:g}°"] if self.rotate else []
        return found + ([f"mirrored {self.flip}"] if self.flip else [])

    def _versions(self, pixels: Pixels) -> Sequence[Pixels]:
        """Turn and mirror an image, and give it with its random versions."""
        if self.rotate:
            pixels = turn(pixels, self.rotate, expand=True, fill=(255, 255, 255))
        if self.flip is not None:
            pixels = mirrored(pixels, up_down=self.flip == "up-down")
        return augmented(pixels, self.augment, seed=self.seed) if self.augment else [pixels]


def _drawn(
    found: Sequence[tuple[str, Place | Path]],
    view: View,
    *,
    title: str,
    frames: str | None = None,
    most: int | None = None,
    output: Path | None = None,
) -> Sheet:
    glance = functools.partial(_glances, rules=Rules(frames=frames), most=most or MOST_FRAMES)
    rows: list[_Row] = []
    failed: dict[str, str] = {}
    notes: list[str] = []
    stretched = 0
    with Decoders() as decoders:
        for name, where in found:
            try:
                for own, one in glance(name, where, decoders, notes=notes):
                    caption = own if len(found) == 1 else ", ".join(filter(None, [name, own]))
                    pixels = decoders.pixels(one)
                    stretched += is_stretched(one.facts.mode)
                    rows += view.rows(caption, pixels)
            except (MediaError, TimeoutError) as error:
                failed[name] = reason_of(error)
    if failed and not rows:
        raise MediaError("\n".join(failed.values()))
    about = [title, *view.about()]
    if frames is not None:
        about.append(counted(len(rows), "shot" if frames == SHOTS else "frame"))
    pixels, tiles = _laid(rows, title="; ".join(about), note=" ".join(notes))
    if output is not None:
        write_sheet(output, pixels)
    return Sheet(pixels, tiles, failed, output, len(found), notes, stretched)


def _laid(rows: Sequence[_Row], *, title: str, note: str) -> tuple[Pixels, int]:
    """Lay rows of tiles out; give the sheet and the number of tiles."""
    count = sum(len(tiles) for _, tiles in rows)
    if all(len(tiles) == 1 for _, tiles in rows):
        return sheet([(name, p) for name, ((_, p),) in rows], title=title, note=note), count
    columns = min(MOST_COLUMNS, max(len(tiles) for _, tiles in rows))
    side = LARGE if columns <= FEW_COLUMNS else SIDE
    laid: list[Captioned | None] = []
    names: list[str] = []
    for name, tiles in rows:
        lines = -(-len(tiles) // columns)
        names += [name, *[""] * (lines - 1)]
        laid += [*tiles, *[None] * (lines * columns - len(tiles))]
    same = {tuple(caption for caption, _ in tiles) for _, tiles in rows}
    if len(same) == 1 and len(names) == len(rows) > 1:
        heads = next(iter(same))
        laid = [("", pixels) for _, tiles in rows for _, pixels in tiles]
    else:
        heads = ()
    own = names if len(rows) > 1 else ()
    drawn = sheet(laid, columns=columns, side=side, title=title, heads=heads, rows=own, note=note)
    return drawn, count


def _glances(
    name: str,
    place: Place | Path,
    decoders: Decoders,
    *,
    rules: Rules,
    most: int,
    notes: list[str],
) -> Iterator[tuple[str, Place]]:
    """Give an image itself, and of a video or a document some frames or pages, each named."""
    if isinstance(place, Path):
        place = Place((place,), *decoders.inspect(place))
    kind = place.facts.kind
    if kind is Kind.AUDIO or (place.locators and place.locators[-1].kind is Kind.AUDIO):
        raise ParameterError(f"{name} is sound without images; there is nothing to draw.")
    moving = kind is Kind.VIDEO or (kind is Kind.IMAGE and place.facts.frames > 1)
    if moving and not place.locators and rules.frames:
        yield from _asked(name, place, decoders, rules=rules, most=most, notes=notes)
    elif place.locators or kind is Kind.IMAGE:
        yield "", place
    else:
        for step in decoders.call(_steps, place):
            own = _clock(step.time) if step.time is not None else f"page {step.page}"
            yield own, place.within(step)


def _asked(
    name: str,
    place: Place,
    decoders: Decoders,
    *,
    rules: Rules,
    most: int,
    notes: list[str],
) -> Iterator[tuple[str, Place]]:
    """Give the frames of a video that a rule chooses, each with its time or that of its shot."""
    there = (path for path in place.paths if path.is_file())
    found = decoders.call(derive, next(there, place.paths[0]), place.facts, rules)
    places = [step for step, _ in found.places]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(len(places), most)).astype(np.int64))
    what = "shot" if found.shots else "frame"
    if len(chosen) < len(places):
        notes.append(
            f"{name}: {len(chosen):,} of {counted(len(places), what)}, taken at equal steps."
        )
    for number in chosen.tolist():
        step = places[number]
        own = _clock(step.time or 0.0)
        if found.shots:
            shot = found.shots[number]
            start = _clock(shot.start).removesuffix(" s" if shot.stop < MINUTE else "")
            own = f"shot {shot.number}, {start} to {_clock(shot.stop)}"
        yield own, place.within(step)


def _clock(seconds: float) -> str:
    """Write a time in a video.

    >>> _clock(3.25), _clock(75), _clock(3675.5)
    ('3.2 s', '1:15.0', '1:01:15.5')
    """
    minutes, rest = divmod(round(seconds, 1), MINUTE)
    hours, minutes = divmod(int(minutes), MINUTE)
    if hours:
        return f"{hours}:{minutes:02}:{rest:04.1f}"
    return f"{minutes}:{rest:04.1f}" if minutes else f"{seconds:.1f} s"


def _steps(place: Place) -> list[Locator]:
    if place.facts.kind is Kind.DOCUMENT:
        last = min(place.facts.frames, GLANCES)
        return [Locator(Kind.PAGE, page=n, dpi=SHEET_DPI) for n in range(1, last + 1)]
    there = (path for path in place.paths if path.is_file())
    index = index_frames(next(there, place.paths[0]))
    spread = np.linspace(0, len(index) - 1, min(len(index), GLANCES))
    return locators(index, np.unique(spread.astype(np.int64)))

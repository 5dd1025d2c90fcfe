"""Sheets of images with their names, and the images that go on them."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mediacorpus.errors import ParameterError, unknown, writing
from mediacorpus.files import atomic_write
from mediacorpus.media.augment import Augmentation
from mediacorpus.media.color_spaces import to_rgba
from mediacorpus.media.reading import PathLike
from mediacorpus.media.resize import Filter, Method, Size, resize, scale_percent, squish

if TYPE_CHECKING:
    from collections.abc import Sequence

Pixels: TypeAlias = NDArray[np.uint8]
Captioned: TypeAlias = tuple[str, Pixels]
Resizing: TypeAlias = tuple[Method, Size] | tuple[Literal["percent"], float]

_MARGIN, _GAP, _ROOM = 16, 16, 6  # pixels around the sheet, between tiles, above a caption
_TEXT, _HEADING = 13, 18  # heights of the letters
_INK, _DARK, _EDGE = (96, 96, 96), (32, 32, 32), (221, 221, 221)
_LINES = 2
_LETTERS = 600  # of a text; what is beyond would not fit anyway
_ENLARGED = 4
_NARROWEST = 96
_LONGEST = 32_767
_SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_WEBP_LONGEST = 16_383
_BOX = re.compile(r"([1-9]\d{0,4})(?:\s*[x×]\s*([1-9]\d{0,4}))?")  # noqa: RUF001 - people write it
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_WAYS: tuple[Method, ...] = ("squish", "crop", "pad", "rescale-crop")


def parse_resize(text: str) -> Resizing:
    """Read how to resize: `"crop 224"`, `"224"`, `"pad 224x160"`, `"50%"`.

    The ways are those of `resize`; without one, the image is squished. Two numbers are
    width x height, as people write them, and come out as `(height, width)`.

    Returns
    -------
    (way, size) for `resize`, or ("percent", number) for `scale_percent`

    Raises
    ------
    ParameterError
        The text is none of these.
    UnknownName
        There is no such way.

    Examples
    --------
    >>> parse_resize("rescale-crop 224"), parse_resize("224x160"), parse_resize("50%")
    (('rescale-crop', 224), ('squish', (160, 224)), ('percent', 50.0))
    """
    plain = text.strip().lower()
    if (share := _PERCENT.fullmatch(plain)) and float(share[1]) > 0:
        return "percent", float(share[1])
    found = re.fullmatch(r"(?:([a-z][a-z_-]*)\s+)?(.+)", plain)
    box = _BOX.fullmatch(found[2]) if found else None
    if found is None or box is None:
        raise ParameterError(
            f"{text!r} does not say how to resize. Say a way and a size in pixels, such as "
            "'crop 224' or 'pad 320x240' (width x height), or a share, such as '50%'. "
            f"The ways are {', '.join(_WAYS)}."
        )
    named = (found[1] or "squish").replace("_", "-")
    way = next((known for known in _WAYS if known == named), None)
    if way is None:
        raise unknown("way to resize", named, _WAYS)
    return way, (int(box[2]), int(box[1])) if box[2] else int(box[1])


def resized(pixels: Pixels, text: str, *, filter: Filter | None = None) -> Pixels:
    """Resize an image as a text says; takes what `parse_resize` reads, and a filter of `resize`.

    Examples
    --------
    >>> resized(np.zeros((300, 400, 3), np.uint8), "50%").shape
    (150, 200, 3)
    >>> resized(np.zeros((300, 400, 3), np.uint8), "crop 224x160").shape
    (160, 224, 3)
    """
    found = parse_resize(text)
    if found[0] == "percent":
        return scale_percent(pixels, found[1], filter=filter)
    return resize(pixels, found[1], how=found[0], filter=filter)


def augmented(
    pixels: Pixels, count: int, *, seed: int = 1, augmentation: Augmentation | None = None
) -> list[Pixels]:
    """Give an image and then random versions of it, as a training run would draw them.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)`.
    count:
        Random versions, at least 1.
    seed:
        The same seed gives the same versions.
    augmentation:
        What may change; `Augmentation()` if not given.

    Returns
    -------
    list of count + 1 arrays
        The original first.

    Raises
    ------
    ParameterError
        The count is less than 1.

    Examples
    --------
    >>> [p.shape for p in augmented(np.zeros((30, 40, 3), np.uint8), 2)]
    [(30, 40, 3), (224, 224, 3), (224, 224, 3)]
    """
    if count < 1:
        raise ParameterError(f"The number of versions is {count}; it must be at least 1.")
    vary = augmentation or Augmentation()
    rng = np.random.default_rng(seed)
    original = _three(pixels)
    return [original, *(vary(original, rng) for _ in range(count))]


def sheet(
    images: Sequence[Captioned | None],
    *,
    columns: int | None = None,
    side: int = 224,
    title: str | None = None,
    heads: Sequence[str] = (),
    rows: Sequence[str] = (),
    note: str = "",
    ramp: Pixels | None = None,
) -> Pixels:
    """Lay images out in rows on a white sheet, each with its caption below.

    No image is stretched. Larger ones are reduced by averaging areas. Those of at most half
    of `side` are enlarged 2 to 4 times without smoothing, so that their pixels can be seen.
    A caption takes two lines at most; what does not fit is left away.

    Parameters
    ----------
    images:
        Caption and uint8 array `(H, W, 3)` or `(H, W)`, in reading order; None leaves a place
        empty.
    columns:
        Images in a row; chosen so that few places stay empty if not given.
    side:
        Greatest width and height of an image on the sheet, in pixels.
    title:
        Above all images.
    heads:
        A line above each column.
    rows:
        A line above each row of images, such as the name of their file; `""` for none.
    note:
        Below all images, such as what their colors mean.
    ramp:
        Scale of colors that stands left of the note, `(H, W, 3)`; low values are left.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ParameterError
        There are no images, a number is less than 1, or the sheet would be too large.

    Examples
    --------
    >>> sheet([("black", np.zeros((100, 100, 3), np.uint8))] * 2, title="Two").shape
    (292, 448, 3)
    """
    if not any(one is not None for one in images):
        raise ParameterError("There are no images to lay out; give at least one.")
    if side < 1 or (columns is not None and columns < 1):
        raise ParameterError(f"columns is {columns} and side is {side}; both must be at least 1.")
    tiles = [None if one is None else _fitted(one[1], side) for one in images]
    cell = max(min(side, _NARROWEST), *(tile.shape[1] for tile in tiles if tile is not None))
    across = min(columns or _columns(len(tiles)), len(tiles))
    width = 2 * _MARGIN + across * cell + (across - 1) * _GAP
    texts = [_lines(one[0], cell) if one else [] for one in images]
    parts: list[_Text | _Heads | _Row | _Note] = []
    if title:
        parts.append(_Text(_lines(title, width - 2 * _MARGIN, size=_HEADING, most=4), _HEADING))
    if any(heads):
        parts.append(_Heads([_lines(head, cell, size=_TEXT) for head in heads[:across]]))
    for number, i in enumerate(range(0, len(tiles), across)):
        name = rows[number] if number < len(rows) else ""
        own = _lines(name, width - 2 * _MARGIN, most=1)
        parts.append(_Row(tiles[i : i + across], texts[i : i + across], own))
    if note:
        parts.append(_Note(note, width - 2 * _MARGIN, ramp))
    height = 2 * _MARGIN + sum(part.height + _GAP for part in parts) - _GAP
    if max(width, height) > _LONGEST:
        raise ParameterError(
            f"The sheet would have {width:,} x {height:,} pixels; the limit is {_LONGEST:,} a "
            "side. Show fewer images, or smaller ones."
        )
    canvas, top = Image.new("RGB", (width, height), "white"), _MARGIN
    for part in parts:
        part.draw(canvas, top, cell)
        top += part.height + _GAP
    return np.array(canvas)


def write_sheet(path: PathLike, pixels: Pixels) -> None:
    """Write an image to a `.png`, `.jpg` or `.webp` file, whole or not at all.

    Raises
    ------
    ParameterError
        The suffix is none of these, or the array is no image or too large for the format.
    CorpusReadOnly, StorageFull
        The file cannot be written.

    Examples
    --------
    >>> import pathlib
    >>> write_sheet(pathlib.Path("sheet.gif"), np.zeros((2, 2, 3), np.uint8))
    Traceback (most recent call last):
    mediacorpus.errors.ParameterError: A sheet is written as .png, .jpg or .webp; 'sheet.gif' \
ends in none of them.
    """
    path = Path(path)
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise ParameterError(
            f"A sheet is written as .png, .jpg or .webp; {path.name!r} ends in none of them."
        )
    image = Image.fromarray(_three(pixels))
    longest = _WEBP_LONGEST if kind == "WEBP" else _LONGEST
    if max(image.size) > longest:
        raise ParameterError(
            f"A {kind} file holds at most {longest:,} pixels a side; the sheet has "
            f"{image.width:,} x {image.height:,}. Write it as .png, or show fewer images."
        )
    fine = {"quality": 92, "subsampling": 0} if kind == "JPEG" else {}
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            image.save(temporary, kind, **fine)


def png(pixels: Pixels) -> bytes:
    r"""Give an image as the bytes of a PNG file.

    >>> png(np.zeros((2, 2, 3), np.uint8))[:4]
    b'\x89PNG'
    """
    buffer = io.BytesIO()
    Image.fromarray(_three(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


class _Text(NamedTuple):
    """Lines that begin at the left margin."""

    lines: list[str]
    size: int
    ink: tuple[int, int, int] = _DARK

    @property
    def height(self) -> int:
        return len(self.lines) * _line(self.size)

    def draw(self, canvas: Image.Image, top: int, cell: int, *, left: int = _MARGIN) -> None:
        """Write the lines."""
        del cell
        brush, font = ImageDraw.Draw(canvas), ImageFont.load_default(self.size)
        for number, line in enumerate(self.lines):
            brush.text((left, top + number * _line(self.size)), line, self.ink, font)


class _Note(NamedTuple):
    """A paragraph, right of the scale of colors that it explains."""

    text: str
    width: int
    ramp: Pixels | None

    @property
    def _left(self) -> int:
        return 0 if self.ramp is None else self.ramp.shape[1] + _GAP

    @property
    def _own(self) -> _Text:
        return _Text(_lines(self.text, self.width - self._left, most=8), _TEXT, _INK)

    @property
    def height(self) -> int:
        return max(self._own.height, 0 if self.ramp is None else len(self.ramp))

    def draw(self, canvas: Image.Image, top: int, cell: int) -> None:
        """Paste the scale and write the paragraph."""
        if self.ramp is not None:
            canvas.paste(Image.fromarray(self.ramp), (_MARGIN, top + 2))
        self._own.draw(canvas, top, cell, left=_MARGIN + self._left)


class _Heads(NamedTuple):
    """A few words above each column."""

    texts: list[list[str]]

    @property
    def height(self) -> int:
        return max(len(text) for text in self.texts) * _line()

    def draw(self, canvas: Image.Image, top: int, cell: int) -> None:
        """Stand the heads on one line."""
        for column, text in enumerate(self.texts):
            left = _MARGIN + column * (cell + _GAP)
            below = top + self.height - len(text) * _line()
            _centered(canvas, text, at=(left + cell / 2, below), ink=_DARK)


class _Row(NamedTuple):
    tiles: list[Pixels | None]
    texts: list[list[str]]
    name: list[str]

    @property
    def image(self) -> int:
        return max((len(tile) for tile in self.tiles if tile is not None), default=0)

    @property
    def height(self) -> int:
        lines = max(len(text) for text in self.texts)
        above = len(self.name) * (_line() + _ROOM)
        return above + self.image + (_ROOM + lines * _line() if lines else 0)

    def draw(self, canvas: Image.Image, top: int, cell: int) -> None:
        """Stand the images of a row on one line, with their captions below it."""
        brush = ImageDraw.Draw(canvas)
        if self.name:
            _Text(self.name, _TEXT).draw(canvas, top, cell)
            top += _line() + _ROOM
        for column, (tile, text) in enumerate(zip(self.tiles, self.texts, strict=True)):
            if tile is None:
                continue
            left = _MARGIN + column * (cell + _GAP)
            rows, columns = tile.shape[:2]
            x, y = left + (cell - columns) // 2, top + self.image - rows
            canvas.paste(Image.fromarray(tile), (x, y))
            brush.rectangle((x - 1, y - 1, x + columns, y + rows), outline=_EDGE)
            _centered(canvas, text, at=(left + cell / 2, top + self.image + _ROOM), ink=_INK)


def _centered(
    canvas: Image.Image, lines: list[str], *, at: tuple[float, float], ink: tuple[int, int, int]
) -> None:
    brush, font = ImageDraw.Draw(canvas), ImageFont.load_default(_TEXT)
    for number, line in enumerate(lines):
        brush.text((at[0], at[1] + number * _line()), line, ink, font, anchor="ma")


def _line(size: int = _TEXT) -> int:
    return int(size * 1.25)


def _three(pixels: Pixels) -> Pixels:
    """Check an image and give it three channels."""
    return np.ascontiguousarray(to_rgba(pixels)[..., :3])


def _fitted(pixels: Pixels, side: int) -> Pixels:
    whole = _three(pixels)
    height, width = whole.shape[:2]
    long = max(height, width)
    if long > side:
        size = (max(1, round(height * side / long)), max(1, round(width * side / long)))
        return squish(whole, size)
    times = min(_ENLARGED, side // long)
    return whole.repeat(times, axis=0).repeat(times, axis=1)


def _columns(count: int) -> int:
    """Choose a number of columns: a sheet broader than high, few empty places."""
    if count <= 5:  # noqa: PLR2004 - one row
        return count
    wish = math.sqrt(1.6 * count)
    cost = {n: -count % n + abs(n - wish) for n in range(3, count + 1)}
    return min(cost, key=lambda n: cost[n])


def _lines(text: str, width: int, *, size: int = _TEXT, most: int = _LINES) -> list[str]:
    """Break a text into lines of at most `width` pixels; the last one ends in … if cut."""
    font = ImageFont.load_default(size)
    rest = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LETTERS]
    lines: list[str] = []
    while rest and len(lines) < most:
        fits = next(
            n for n in range(len(rest), 0, -1) if n == 1 or font.getlength(rest[:n]) <= width
        )
        if fits < len(rest) and len(lines) == most - 1:
            lines.append(rest[: max(1, fits - 2)].rstrip() + "…")
            break
        if fits < len(rest) and (space := rest.rfind(" ", 0, fits + 1)) > 0:
            fits = space
        lines.append(rest[:fits].rstrip())
        rest = rest[fits:].lstrip()
    return lines

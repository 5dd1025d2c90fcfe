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
_LETTERS = 300  # of a caption; what is beyond would not fit anyway
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
    images: Sequence[Captioned],
    *,
    columns: int | None = None,
    side: int = 224,
    title: str | None = None,
) -> Pixels:
    """Lay images out in rows on a white sheet, each with its caption below.

    No image is stretched. Larger ones are reduced by averaging areas. Those of at most half
    of `side` are enlarged 2 to 4 times without smoothing, so that their pixels can be seen.
    A caption takes two lines at most; what does not fit is left away.

    Parameters
    ----------
    images:
        Caption and uint8 array `(H, W, 3)` or `(H, W)`, in reading order.
    columns:
        Images in a row; chosen so that few places stay empty if not given.
    side:
        Greatest width and height of an image on the sheet, in pixels.
    title:
        A line above.

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
    (288, 448, 3)
    """
    if not len(images):
        raise ParameterError("There are no images to lay out; give at least one.")
    if side < 1 or (columns is not None and columns < 1):
        raise ParameterError(f"columns is {columns} and side is {side}; both must be at least 1.")
    tiles = [_fitted(pixels, side) for _, pixels in images]
    cell = max(min(side, _NARROWEST), *(tile.shape[1] for tile in tiles))
    font = ImageFont.load_default(_TEXT)
    texts = [_lines(caption, font, cell) for caption, _ in images]
    across = min(columns or _columns(len(tiles)), len(tiles))
    starts = range(0, len(tiles), across)
    rows = [_Row(tiles[i : i + across], texts[i : i + across]) for i in starts]
    width = 2 * _MARGIN + across * cell + (across - 1) * _GAP
    top = _MARGIN + (_HEADING + _GAP if title else 0)
    height = top + sum(row.height + _GAP for row in rows) - _GAP + _MARGIN
    if max(width, height) > _LONGEST:
        raise ParameterError(
            f"The sheet would have {width:,} x {height:,} pixels; the limit is {_LONGEST:,} a "
            "side. Show fewer images, or smaller ones."
        )
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    if title:
        heading = ImageFont.load_default(_HEADING)
        line = _lines(title, heading, width - 2 * _MARGIN)[:1]
        draw.text((_MARGIN, _MARGIN - 2), "".join(line), _DARK, heading)
    for row in rows:
        row.draw(canvas, top, cell)
        top += row.height + _GAP
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


class _Row(NamedTuple):
    tiles: list[Pixels]
    texts: list[list[str]]

    @property
    def image(self) -> int:
        return max(len(tile) for tile in self.tiles)

    @property
    def height(self) -> int:
        lines = max(len(text) for text in self.texts)
        return self.image + (_ROOM + lines * _line() if lines else 0)

    def draw(self, canvas: Image.Image, top: int, cell: int) -> None:
        """Stand the images of a row on one line, with their captions below it."""
        brush, font = ImageDraw.Draw(canvas), ImageFont.load_default(_TEXT)
        for column, (tile, text) in enumerate(zip(self.tiles, self.texts, strict=True)):
            left = _MARGIN + column * (cell + _GAP)
            rows, columns = tile.shape[:2]
            x, y = left + (cell - columns) // 2, top + self.image - rows
            canvas.paste(Image.fromarray(tile), (x, y))
            brush.rectangle((x - 1, y - 1, x + columns, y + rows), outline=_EDGE)
            for number, line in enumerate(text):
                middle = (left + cell / 2, top + self.image + _ROOM + number * _line())
                brush.text(middle, line, _INK, font, anchor="ma")


def _line() -> int:
    return int(_TEXT * 1.25)


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


def _lines(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break a text into lines of at most `width` pixels; the last one ends in … if cut."""
    rest = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LETTERS]
    lines: list[str] = []
    while rest and len(lines) < _LINES:
        fits = next(
            n for n in range(len(rest), 0, -1) if n == 1 or font.getlength(rest[:n]) <= width
        )
        if fits < len(rest) and len(lines) == _LINES - 1:
            lines.append(rest[: max(1, fits - 2)].rstrip() + "…")
            break
        if fits < len(rest) and (space := rest.rfind(" ", 0, fits + 1)) > 0:
            fits = space
        lines.append(rest[:fits].rstrip())
        rest = rest[fits:].lstrip()
    return lines

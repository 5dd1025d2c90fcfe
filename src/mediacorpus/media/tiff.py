"""TIFF files, also of the kinds that Pillow refuses or misreads: deep, planar, signed, floating."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImagePalette, TiffImagePlugin

from mediacorpus.errors import MediaError
from mediacorpus.media.sniff import RAW_PHOTOGRAPH

if TYPE_CHECKING:
    from collections.abc import Mapping

# Tags of TIFF 6.0, and of its extensions by Adobe (SubIFDs, DNG) and GDAL.
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_FILL_ORDER, _STRIPS, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR = 266, 273, 277, 278, 279, 284
_PREDICTOR, _COLOR_MAP, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = (
    317,
    320,
    322,
    323,
    324,
    325,
)
_SUB_DIRECTORIES, _EXTRA, _FORMAT, _SUBSAMPLING, _NO_DATA, _DNG = 330, 338, 339, 530, 42113, 50706

_GRAY = {0, 1}
_INVERTED, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 2, 3, 5, 6, 8
_COLORS = {_RGB: 3, _CMYK: 4, _LAB: 3}
_SENSOR = {32803, 34892}  # color filter array, linear raw
_CANON = (8, b"CR")
_PREMULTIPLIED, _STRAIGHT = 1, 2
_BYTE, _DEEP = 8, 16
_LOSSLESS = {1, 5, 8, 32773, 32946, 34925, 50000}  # none, LZW, Deflate, PackBits, LZMA, Zstandard
_REDUCED = 1
_MOST_SAMPLES = 1000
_UNSIGNED, _SIGNED, _FLOATING = 1, 2, 3
_NUMBERS = {_UNSIGNED: "uint", _SIGNED: "int", _FLOATING: "float"}
_LEVELED = {"L", "LA", "RGB", "RGBA", "RGBa"}
_WHOLE_BITS = {_UNSIGNED: "u", _SIGNED: "i", _FLOATING: "f"}
_OFTEN = 2
_BANDS = 3
_HIGHEST, _DEEPEST = 255, 65_535
_LONG = 4  # the type of 32-bit whole numbers in a directory


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of one image lie in a TIFF file.

    Widths and heights are those of the image as stored, of a tile or strip in pixels; `offsets`
    and `counts` are places and lengths in bytes, plane by plane where samples are separate.
    """

    width: int
    height: int
    bits: int
    samples: int
    kind: int
    photometric: int
    separate: bool
    compression: int
    predictor: int
    fill_order: int
    order: str
    tile: tuple[int, int] | None
    rows: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    extra: tuple[int, ...]

    @property
    def alpha(self) -> int:
        """What the first extra sample is: 1 premultiplied transparency, 2 transparency, else 0."""
        return self.extra[0] if self.extra and self.extra[0] in {_PREMULTIPLIED, _STRAIGHT} else 0


class _OwnLimit(TiffImagePlugin.TiffImageFile):
    """A TIFF image whose size its caller has checked, in place of Pillow's limit for all."""

    def load_prepare(self) -> None:
        """Make room for the pixels."""
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size, None).im
        ImageFile.ImageFile.load_prepare(self)


class TiffImage(_OwnLimit):
    """A TIFF image as Pillow's, which also reads what Pillow refuses or misreads.

    Pillow decodes the common kinds. Samples that lie in separate planes, have 12, 32 or 64 bits,
    signs or fractions, are white at 0 with 16 bits, or come with further bands, are read as they
    are stored, by libtiff for the compression.
    """

    _layout: Layout | None = None

    def _setup(self) -> None:
        self._layout = None
        tags = self.tag_v2
        if self._holds_sensor_data():
            raise MediaError(f"The file is {RAW_PHOTOGRAPH}.")
        layout = read_layout(tags)
        try:
            super()._setup()
        except (SyntaxError, KeyError, IndexError):
            if layout is None:
                raise
        else:
            if self.mode in {"P", "PA"} and max(tags[_COLOR_MAP]) <= _HIGHEST:
                # Many scanners write 8-bit colors here, as libtiff notices too.
                self.palette = ImagePalette.raw("RGB;L", bytes(tags[_COLOR_MAP]))
            if layout is None or _pillow_reads(layout):
                _refuse_subsampled(tags, self._compression)
                return
        self._mode = _mode(layout)
        self._layout = layout
        self.tile = []

    def _holds_sensor_data(self) -> bool:
        tags = self.tag_v2
        assert self.fp is not None
        if _DNG in tags or tags.get(_PHOTOMETRIC) in _SENSOR:
            return True
        place = self.fp.tell()
        try:
            self.fp.seek(_CANON[0])
            if self.fp.read(2) == _CANON[1]:
                return True
            inner = [self._directory(offset) for offset in _several(tags.get(_SUB_DIRECTORIES))]
        finally:
            self.fp.seek(place)
        if any(one.get(_PHOTOMETRIC) in _SENSOR for one in inner):
            return True
        widest = max((_first(one.get(_WIDTH), 0) for one in inner), default=0)
        if _first(tags.get(_SUBFILE), 0) & _REDUCED and widest > _first(tags.get(_WIDTH), 0):
            raise MediaError(
                f"The TIFF file begins with a small copy, {_first(tags.get(_WIDTH), 0):,} pixels "
                f"wide; the image itself, {widest:,} pixels wide, lies where it is not read. Save "
                "it again as a TIFF of one image."
            )
        return False

    def _directory(self, offset: int) -> Mapping[int, Any]:
        """Read a directory apart from the chain of pages; an empty one where it is damaged."""
        assert self.fp is not None
        self.fp.seek(0)
        head = self.fp.read(16)
        found = TiffImagePlugin.ImageFileDirectory_v2(head if head[2] == 43 else head[:8])  # noqa: PLR2004 - BigTIFF
        try:
            self.fp.seek(offset)
            found.load(self.fp)
            return dict(found)
        except (OSError, ValueError, TypeError, SyntaxError, struct.error, OverflowError):
            return {}

    def load(self) -> Any:
        """Decode the image of the current page, and turn it upright."""
        if self._layout is None or self._im is not None:
            return super().load()
        needed = 1 if self._layout.photometric == _PALETTE else Image.getmodebands(self.mode)
        self.im = _shown(self.values(needed), self._layout, self.tag_v2).im
        self.load_end()
        return Image.Image.load(self)

    @property
    def has_values(self) -> bool:
        """Whether the samples of the current page can be had as they are stored."""
        layout = self._layout or read_layout(self.tag_v2)
        return layout is not None and layout.photometric != _PALETTE

    @property
    def alpha_band(self) -> int | None:
        """The place of the transparency among the samples of the current page, from 0."""
        layout = self._layout or read_layout(self.tag_v2)
        if layout is None or not layout.alpha:
            return None
        return layout.samples - len(layout.extra)

    @property
    def described(self) -> str:
        """The color mode, with the type of numbers beyond 16 bits and the number of bands."""
        layout = self._layout
        if layout is None:
            return self.mode
        found = [self.mode]
        if self.mode in _LEVELED and (layout.kind != _UNSIGNED or layout.bits > _DEEP):
            found.append(f"{_NUMBERS[layout.kind]}{layout.bits}")
        if layout.photometric in _GRAY and _unnamed(layout) >= _BANDS:
            found.append(f"{_unnamed(layout)} bands")
        return ", ".join(found)

    def values(self, most: int | None = None) -> NDArray[Any]:
        """Give the samples of the current page as they are stored, shape `(H, W, samples)`.

        The orientation is not applied. Of samples in separate planes, `most` are read.

        Raises
        ------
        MediaError
            They are compressed in a way that loses something, or damaged.
        """
        layout = self._layout or read_layout(self.tag_v2)
        if layout is None:
            raise MediaError("The samples of this TIFF image cannot be had as they are stored.")
        assert self.fp is not None
        self.fp.seek(0)
        return read_samples(self.fp.read(), layout, most)


def holds_all(image: Any, size: int) -> bool:
    """Tell whether all strips and tiles of a TIFF page lie within a file of so many bytes."""
    tags = image.tag_v2
    offsets = _several(tags.get(_TILES) or tags.get(_STRIPS))
    counts = _several(tags.get(_TILE_BYTES) or tags.get(_STRIP_BYTES))
    if len(counts) == len(offsets):
        return all(offset + count <= size for offset, count in zip(offsets, counts, strict=True))
    return False


def read_layout(tags: Mapping[int, Any]) -> Layout | None:
    """Read how samples are stored; None where they are not stored losslessly in whole rows."""
    compression = _first(tags.get(_COMPRESSION), 1)
    bits, kinds = _several(tags.get(_BITS)) or (1,), set(_several(tags.get(_FORMAT)) or (1,))
    samples = _first(tags.get(_SAMPLES), len(bits))
    tiled = _TILES in tags
    photometric = _first(tags.get(_PHOTOMETRIC), 0)
    offsets = _several(tags.get(_TILES if tiled else _STRIPS))
    usable = (
        compression in _LOSSLESS and photometric != _YCBCR and len(set(bits)) == len(kinds) == 1
    )
    if not usable or not offsets or not 1 <= samples <= _MOST_SAMPLES:
        return None
    width, height = _first(tags.get(_WIDTH), 0), _first(tags.get(_HEIGHT), 0)
    tile = (_first(tags.get(_TILE_WIDTH), 0), _first(tags.get(_TILE_HEIGHT), 0)) if tiled else None
    if width < 1 or height < 1 or (tile and min(tile) < 1):
        return None
    return Layout(
        width=width,
        height=height,
        bits=bits[0],
        samples=samples,
        kind=kinds.pop(),
        photometric=photometric,
        separate=_first(tags.get(_PLANAR), 1) == _OFTEN and samples > 1,
        compression=compression,
        predictor=_first(tags.get(_PREDICTOR), 1) if compression != 1 else 1,
        fill_order=_first(tags.get(_FILL_ORDER), 1),
        order="<" if getattr(tags, "prefix", b"II") == b"II" else ">",
        tile=tile,
        rows=min(_first(tags.get(_ROWS), height) or height, height),
        offsets=offsets,
        counts=_several(tags.get(_TILE_BYTES if tiled else _STRIP_BYTES)),
        extra=_several(tags.get(_EXTRA)),
    )


def read_samples(data: bytes, layout: Layout, most: int | None = None) -> NDArray[Any]:
    """Read the samples of an image as they are stored.

    Parameters
    ----------
    data:
        The whole file.
    layout:
        From `read_layout`.
    most:
        Planes that are read at most, where samples are separate; None for all.

    Returns
    -------
    ndarray, shape (H, W, samples)
        Of the type that the file states; whole numbers of 1 to 7 bits as uint8, of 9 to 15 as
        uint16.

    Raises
    ------
    MediaError
        The samples are of a kind that is not supported, or the file is damaged.
    """
    if not layout.separate:
        return _plane(data, layout)
    count = len(layout.offsets) // layout.samples
    planes = []
    for number in range(min(layout.samples, most or layout.samples)):
        part = slice(number * count, (number + 1) * count)
        one = replace(
            layout,
            samples=1,
            separate=False,
            offsets=layout.offsets[part],
            counts=layout.counts[part],
        )
        planes.append(_plane(data, one))
    return np.concatenate(planes, axis=2)


def _plane(data: bytes, layout: Layout) -> NDArray[Any]:
    """Read one plane: its rows as bytes, decompressed by libtiff, then the numbers in them."""
    wide, high = layout.tile or (layout.width, layout.rows)
    across = -(-layout.width // wide)
    row = -(-wide * layout.samples * layout.bits // _BYTE)  # bytes of a row of a tile or strip
    height = -(-layout.height // high) * high if layout.tile else layout.height
    tags: dict[int, Any] = {
        _WIDTH: row * across,
        _HEIGHT: height,
        _BITS: _BYTE,
        _COMPRESSION: layout.compression,
        _PHOTOMETRIC: 1,
        _FILL_ORDER: layout.fill_order,
        _SAMPLES: 1,
        _PLANAR: 1,
    }
    if layout.tile:
        tags |= {
            _TILE_WIDTH: row,
            _TILE_HEIGHT: high,
            _TILES: layout.offsets,
            _TILE_BYTES: layout.counts,
        }
    else:
        tags |= {_ROWS: high, _STRIPS: layout.offsets}
        tags |= {_STRIP_BYTES: layout.counts} if layout.counts else {}
    bytewise = np.asarray(_OwnLimit(io.BytesIO(_with_directory(data, tags))))
    numbers = _numbers(bytewise.reshape(-1, across, row), layout, wide)
    return numbers.reshape(height, -1, layout.samples)[: layout.height, : layout.width]


def _with_directory(data: bytes, tags: Mapping[int, Any]) -> bytes:
    """Give a file with another directory in place of its own, at its end (TIFF 6.0, section 2)."""
    place = len(data) + len(data) % 2
    end = place + 2 + 12 * len(tags) + 4
    entries, further = [], []
    for tag, value in sorted(tags.items()):
        numbers = _several(value)
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            further.append(packed)
            packed, end = struct.pack("<I", end), end + len(packed)
        entries.append(struct.pack("<HHI", tag, _LONG, len(numbers)) + packed.ljust(4, b"\x00"))
    head, count = b"II*\x00" + struct.pack("<I", place), struct.pack("<H", len(tags))
    padding = bytes(place - len(data))
    return b"".join([head, data[8:], padding, count, *entries, bytes(4), *further])


def _numbers(rows: NDArray[np.uint8], layout: Layout, wide: int) -> NDArray[Any]:
    """Turn rows of bytes `(rows, tiles, bytes)` into samples `(rows, tiles, width, samples)`."""
    form = f"{_WHOLE_BITS.get(layout.kind, '?')}{layout.bits // _BYTE}"
    shape = (*rows.shape[:2], wide, layout.samples)
    if layout.predictor == 3:  # noqa: PLR2004 - of floating point numbers
        rows = _unpredicted(rows, layout.samples, layout.bits // _BYTE)
    elif form in {"u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8"} and not (
        layout.bits % _BYTE
    ):
        rows = np.ascontiguousarray(rows)
        found = rows.view(np.dtype(layout.order + form)).reshape(shape)
        if layout.predictor == _OFTEN:
            plain = np.dtype(form.replace("f", "u"))
            found = np.cumsum(
                found.view(np.dtype(layout.order + plain.str[1:])), axis=2, dtype=plain
            )
        return found.astype(np.dtype(form), copy=False)
    elif layout.kind == _UNSIGNED and layout.bits < _DEEP and layout.predictor == 1:
        return _unpacked(rows, layout.bits, wide * layout.samples).reshape(shape)
    else:
        raise MediaError(
            f"The TIFF image has samples of {layout.bits} bits in a form (SampleFormat "
            f"{layout.kind}, Predictor {layout.predictor}) that is not supported; save it as a "
            "TIFF of 8 or 16 bits, or of 32-bit floating point."
        )
    return rows.view(np.dtype(f">f{layout.bits // _BYTE}")).reshape(shape).astype(form)


def _unpredicted(rows: NDArray[np.uint8], samples: int, size: int) -> NDArray[np.uint8]:
    """Undo the predictor of floating point numbers (Adobe, TIFF Technical Note 3)."""
    parted = rows.reshape(*rows.shape[:2], -1, samples)
    summed = np.cumsum(parted, axis=2, dtype=np.uint8).reshape(*rows.shape[:2], size, -1)
    return np.ascontiguousarray(summed.swapaxes(2, 3))


def _unpacked(rows: NDArray[np.uint8], bits: int, count: int) -> NDArray[Any]:
    """Read whole numbers of fewer than 16 bits that are packed, the highest bit first."""
    found = np.empty((*rows.shape[:2], count), np.uint8 if bits <= _BYTE else np.uint16)
    weights = 1 << np.arange(bits - 1, -1, -1)
    for number, row in enumerate(rows):
        single = np.unpackbits(row, axis=1)[:, : count * bits].reshape(len(row), count, bits)
        found[number] = single @ weights
    return found


def _pillow_reads(layout: Layout) -> bool:
    """Tell whether Pillow decodes such samples rightly, where it does not refuse them."""
    if layout.separate or layout.kind != _UNSIGNED:
        return False
    if layout.bits <= _BYTE:
        return True
    return layout.bits == _DEEP and layout.photometric not in {_INVERTED, _PALETTE, _LAB}


def _refuse_subsampled(tags: Mapping[int, Any], compression: str) -> None:
    subsampling = _several(tags.get(_SUBSAMPLING)) or (2, 2)
    if tags.get(_PHOTOMETRIC) == _YCBCR and compression == "raw" and subsampling != (1, 1):
        raise MediaError(
            "The TIFF image holds uncompressed YCbCr colors at reduced density, which is not "
            "supported; save it as an RGB TIFF."
        )


def _mode(layout: Layout) -> str:
    """Name the Pillow mode in which an image is shown, or refuse it."""
    if layout.photometric in _GRAY:
        if layout.alpha and _unnamed(layout) < _BANDS:
            return "LA"
        if layout.kind != _UNSIGNED or layout.bits > _DEEP:
            return "F"
        return "L" if layout.bits <= _BYTE else "I;16"
    colors = _COLORS.get(layout.photometric, 0)
    if layout.photometric == _PALETTE and layout.samples == 1 and layout.kind == _UNSIGNED:
        return "RGB"
    known = (
        layout.photometric == _RGB
        or (layout.kind == _UNSIGNED and layout.bits <= _DEEP)
        or (layout.photometric == _LAB)
    )
    if not colors or layout.samples < colors or not known:
        raise MediaError(
            f"The TIFF image holds colors in a form (PhotometricInterpretation "
            f"{layout.photometric}, {layout.samples} samples of {layout.bits} bits) that is not "
            "supported; save it as an RGB TIFF."
        )
    if layout.photometric == _CMYK:
        return "CMYK"
    if layout.photometric == _LAB:
        return "LAB"
    return {_PREMULTIPLIED: "RGBa", _STRAIGHT: "RGBA"}.get(layout.alpha, "RGB")


def _unnamed(layout: Layout) -> int:
    """Count the bands of which the file does not say what they are; the first one is shown."""
    return layout.samples - bool(layout.alpha)


def _shown(values: NDArray[Any], layout: Layout, tags: Mapping[int, Any]) -> Image.Image:
    """Turn samples into an image of the mode that `_mode` names."""
    mode = _mode(layout)
    if mode == "F":
        numbers = values[..., 0].astype(np.float32)
        missing = no_data(tags)
        if missing is not None:
            numbers[values[..., 0] == missing] = np.nan
        return Image.fromarray(-numbers if layout.photometric == _INVERTED else numbers)
    if mode == "I;16":
        most = 2**layout.bits - 1
        scaled = (values[..., 0].astype(np.uint32) * _DEEPEST + most // 2) // most
        deep = scaled.astype(np.uint16)
        return Image.fromarray(~deep if layout.photometric == _INVERTED else deep)
    if layout.photometric == _PALETTE:
        return Image.fromarray(_colored(values[..., 0], tags[_COLOR_MAP], layout.bits))
    if mode == "LAB":
        return _lab(values[..., :3], layout.bits)
    levels = _levels(values[..., : Image.getmodebands(mode)], layout)
    if layout.photometric == _INVERTED:
        levels[..., 0] = ~levels[..., 0]
    size = (layout.width, layout.height)
    return Image.frombytes(mode, size, np.ascontiguousarray(levels).tobytes())


def _levels(values: NDArray[Any], layout: Layout) -> NDArray[np.uint8]:
    """Bring samples to 0 to 255: whole numbers by their range, fractions within 0 to 1 by 255.

    All else is stretched from the least to the greatest finite value of all bands.
    """
    if layout.kind == _UNSIGNED and layout.bits <= _DEEP:
        most = 2**layout.bits - 1
        scaled = (values.astype(np.uint32) * _HIGHEST + most // 2) // most
        return np.asarray(scaled, np.uint8)
    numbers = values.astype(np.float32)
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if layout.kind == _FLOATING and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    numbers = np.nan_to_num(numbers, nan=low, posinf=high, neginf=low)
    return np.asarray(np.rint((numbers - low) / ((high - low) or 1.0) * _HIGHEST), np.uint8)


def _colored(values: NDArray[Any], color_map: Any, bits: int) -> NDArray[np.uint8]:
    """Look colors up in a palette of 16-bit levels, or of 8-bit ones as some programs write."""
    palette = np.asarray(_several(color_map), np.uint32).reshape(3, -1).T
    if palette.max() > _HIGHEST:
        palette //= 256
    found = palette[np.minimum(values, min(len(palette), 2**bits) - 1)]
    return np.asarray(found, np.uint8)


def _lab(values: NDArray[Any], bits: int) -> Image.Image:
    """Give CIELAB samples as an image of 8 bits; a* and b* are signed in the file."""
    if bits not in {_BYTE, _DEEP}:
        raise MediaError(
            f"The TIFF image holds CIELAB colors of {bits} bits, which are not supported; save it "
            "as an RGB TIFF."
        )
    high = (values.astype(np.int64) & (2**bits - 1)) >> (bits - _BYTE)
    height, width = high.shape[:2]
    return Image.frombytes("LAB", (width, height), high.astype(np.uint8).tobytes())


def no_data(tags: Mapping[int, Any]) -> float | None:
    """Read the value that stands for a missing one, as GDAL writes it.

    >>> no_data({42113: "-9999"}), no_data({})
    (-9999.0, None)
    """
    try:
        return float(str(tags.get(_NO_DATA, "")).strip("\x00 "))
    except ValueError:
        return None


def _several(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (tuple, list, bytes)) else (value,)


def _first(value: Any, otherwise: int) -> int:
    found = _several(value)
    return int(found[0]) if found else otherwise

from __future__ import annotations

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from mediacorpus.errors import MediaError
from mediacorpus.media.decode import decode, probe
from mediacorpus.media.header import open_image

HEIGHT, WIDTH = 70, 150
ACROSS = np.tile(np.linspace(0, 1, WIDTH), (HEIGHT, 1))
DOWN = np.tile(np.linspace(0, 1, HEIGHT)[:, None], (1, WIDTH))
BANDS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "separated": 4}
KINDS = [
    np.uint8,
    np.uint16,
    np.uint32,
    np.int8,
    np.int16,
    np.int32,
    np.float16,
    np.float32,
    np.float64,
]
ONE_LEVEL = 1.6  # of 255: what rounding may do


def stored(photometric: str, kind: type, *, planes: bool = False, **options: object) -> bytes:
    """A file in which fractions 0 to 1 fill the range of a type of numbers."""
    fractions = np.stack([ACROSS, DOWN, 1 - ACROSS, 0.3 * DOWN][: BANDS[photometric]])
    if np.issubdtype(kind, np.integer):
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        values = np.rint(fractions * (high - low) + low).astype(kind)
    else:
        values = fractions.astype(kind)
    values = values if planes else np.moveaxis(values, 0, -1)
    if BANDS[photometric] == 1:
        values = values[..., 0]
    else:
        options["planarconfig"] = "separate" if planes else "contig"
    if photometric == "separated":
        options["extrasamples"] = ()
    file = io.BytesIO()
    tifffile.imwrite(file, values, photometric=photometric, metadata=None, **options)
    return file.getvalue()


def expected(photometric: str) -> np.ndarray:
    if photometric == "separated":  # three inks and black
        inks = np.stack([ACROSS, DOWN, 1 - ACROSS], -1)
        return 255 * (1 - inks) * (1 - 0.3 * DOWN[..., None])
    if photometric == "rgb":
        return 255 * np.stack([ACROSS, DOWN, 1 - ACROSS], -1)
    gray = ACROSS if photometric == "minisblack" else 1 - ACROSS
    return 255 * np.repeat(gray[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("photometric", "kind"),
    [
        (photometric, kind)
        for photometric in BANDS
        for kind in KINDS
        if photometric != "separated" or np.issubdtype(kind, np.unsignedinteger)
    ],
)
@pytest.mark.parametrize("tile", [None, (32, 48)])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_all_numbers_and_layouts_give_the_same_pixels(photometric, kind, tile, byteorder):
    if (photometric, kind) == ("separated", np.uint32):
        with pytest.raises(MediaError, match="4 samples of 32 bits"):
            decode(stored(photometric, kind))
        return
    for planes, compression in itertools.product((False, True), (None, "zlib")):
        if planes and BANDS[photometric] == 1:
            continue
        data = stored(
            photometric,
            kind,
            planes=planes,
            compression=compression,
            tile=tile,
            byteorder=byteorder,
        )
        found = decode(data).astype(float)
        tolerance = 3 if photometric == "separated" else ONE_LEVEL
        assert np.abs(found - expected(photometric)).max() <= tolerance, (planes, compression)
        assert probe(data).width == WIDTH


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("planes", [False, True])
def test_samples_are_what_a_second_decoder_reads(kind, planes):
    data = stored("rgb", kind, planes=planes, compression="zlib", byteorder=">", tile=(32, 48))
    other = tifffile.imread(io.BytesIO(data))
    other = np.moveaxis(other, 0, -1) if planes else other
    image = open_image(data)
    assert image.values().dtype == np.dtype(kind)
    np.testing.assert_array_equal(image.values(), other)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", None])
@pytest.mark.parametrize("mode", ["F", "I", "I;16", "I;16B"])
def test_what_pillow_compresses_is_read_as_stored(encode, compression, mode):
    numbers = np.rint(ACROSS * 60_000)
    form = {"F": "f4", "I": "i4", "I;16": "<u2", "I;16B": ">u2"}[mode]
    image = Image.frombytes(mode, (WIDTH, HEIGHT), numbers.astype(form).tobytes())
    data = encode(image, "TIFF", compression=compression)
    np.testing.assert_array_equal(open_image(data).values()[..., 0], numbers)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("form", ["f2", "f4", "f8"])
def test_the_predictor_of_floating_point_numbers(samples, form):
    size = np.dtype(form).itemsize
    values = np.repeat(ACROSS[..., None], samples, axis=2).astype(f">{form}")
    # Adobe's Technical Note 3: the bytes of a row side by side, the highest first, as differences.
    planes = values.view(np.uint8).reshape(HEIGHT, WIDTH * samples, size).transpose(0, 2, 1)
    rows = planes.reshape(HEIGHT, -1, samples)
    packed = zlib.compress(np.diff(rows, axis=1, prepend=0).astype(np.uint8).tobytes())
    tags = {258: (8 * size,) * samples, 262: 1 if samples == 1 else 2, 277: samples, 259: 8}
    data = by_hand(tags | {317: 3, 339: (3,) * samples}, packed)
    np.testing.assert_array_equal(open_image(data).values(), values)


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 12, 14])
def test_odd_depths_fill_the_range(bits):
    numbers = np.rint(ACROSS * (2**bits - 1)).astype(np.uint16)
    places = numbers[..., None] >> np.arange(bits - 1, -1, -1) & 1
    rows = np.packbits(places.reshape(HEIGHT, -1).astype(np.uint8), axis=1)
    data = by_hand({258: bits, 262: 1, 277: 1}, rows.tobytes())
    np.testing.assert_array_equal(
        decode(data)[..., 0], np.rint(numbers / (2**bits - 1) * 255).astype(np.uint8)
    )


def by_hand(tags: dict[int, int | tuple[int, ...]], strip: bytes, further: bytes = b"") -> bytes:
    """A TIFF file of one strip, with any tags (all of 32 bits)."""
    all_tags = {256: WIDTH, 257: HEIGHT, 259: 1, 273: 8, 278: HEIGHT, 279: len(strip), **tags}
    place = 8 + len(strip) + len(strip) % 2
    end = place + 2 + 12 * len(all_tags) + 4
    entries, values = b"", b""
    for tag, value in sorted(all_tags.items()):
        numbers = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            packed, values = struct.pack("<I", end + len(values)), values + packed
        entries += struct.pack("<HHI", tag, 4, len(numbers)) + packed
    head = b"II*\x00" + struct.pack("<I", place)
    body = strip + bytes(len(strip) % 2)
    return head + body + struct.pack("<H", len(all_tags)) + entries + bytes(4) + values + further


@pytest.mark.parametrize("factor", [1, 257])
@pytest.mark.parametrize("bits", [4, 8])
def test_palettes_of_eight_and_of_sixteen_bits(factor, bits):
    most = 2**bits - 1
    numbers = np.rint(ACROSS * most).astype(np.uint8)
    rows = numbers if bits == 8 else numbers[:, ::2] << 4 | numbers[:, 1::2]
    ramp = np.rint(np.linspace(0, 255, most + 1)).astype(int)
    palette = tuple(int(v) * factor for v in (*ramp, *ramp[::-1], *(0 * ramp)))
    data = by_hand({258: bits, 262: 3, 277: 1, 320: palette}, rows.tobytes())
    colors = np.stack([ramp, ramp[::-1], 0 * ramp], -1).astype(np.uint8)
    np.testing.assert_array_equal(decode(data), colors[numbers])


def test_missing_values_do_not_set_the_range():
    values = ACROSS.astype(np.float32) * 20
    values[:10] = -3.4e38
    file = io.BytesIO()
    tifffile.imwrite(
        file, values, metadata=None, extratags=[(42113, 2, 0, "-3.4e+38", True)], compression="zlib"
    )
    found = decode(file.getvalue())[..., 0]
    assert np.abs(found[10:] - 255 * ACROSS[10:]).max() <= ONE_LEVEL
    assert not found[:10].any()


def test_cielab_of_both_depths_and_layouts():
    lab = np.zeros((HEIGHT, WIDTH, 3))
    lab[..., 0], lab[..., 1], lab[..., 2] = 53.24, 80.09, 67.2  # red
    eight = np.stack([lab[..., 0] * 2.55, lab[..., 1], lab[..., 2]], -1)
    chunky = by_hand(
        {258: (8, 8, 8), 262: 8, 277: 3}, eight.astype(np.int16).astype(np.uint8).tobytes()
    )
    size = WIDTH * HEIGHT
    planes = np.moveaxis(eight, -1, 0).astype(np.int16).astype(np.uint8)
    separate = by_hand(
        {
            258: (8, 8, 8),
            262: 8,
            277: 3,
            284: 2,
            273: (8, 8 + size, 8 + 2 * size),
            279: (size,) * 3,
        },
        planes.tobytes(),
    )
    for data in (chunky, separate):
        assert np.abs(decode(data).astype(int) - (255, 0, 0)).max() <= 12


@pytest.mark.parametrize("sensor", [32803, 34892])
@pytest.mark.parametrize("suffix", ["first", "inner"])
def test_raw_photographs_are_refused(sensor, suffix):
    bands = () if sensor == 32803 else (3,)
    values = np.zeros((80, 120, *bands), np.uint16)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        if suffix == "inner":
            writer.write(
                np.zeros((12, 16, 3), np.uint8), photometric="rgb", subfiletype=1, subifds=1
            )
        writer.write(values, photometric=sensor, metadata=None)
    for function in (probe, decode):
        with pytest.raises(MediaError, match=r"raw photograph .* export it as JPEG or TIFF"):
            function(file.getvalue())


def test_a_small_copy_is_not_taken_for_the_image():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.zeros((12, 16, 3), np.uint8), photometric="rgb", subfiletype=1, subifds=1)
        writer.write(np.zeros((80, 120, 3), np.uint8), photometric="rgb")
    with pytest.raises(MediaError, match=r"small copy, 16 pixels wide; .*, 120 pixels wide"):
        probe(file.getvalue())


def test_smaller_levels_of_a_pyramid_do_not_matter():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.zeros((80, 120, 3), np.uint8), photometric="rgb", subifds=1)
        writer.write(np.zeros((40, 60, 3), np.uint8), photometric="rgb", subfiletype=1)
    assert (probe(file.getvalue()).width, probe(file.getvalue()).frames) == (120, 1)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({258: (8, 8, 8), 262: 10, 277: 3}, "PhotometricInterpretation 10"),
        ({258: (8, 8, 8), 262: 6, 277: 3}, "YCbCr colors at reduced density"),
        ({258: 24, 262: 1, 277: 1, 339: 3}, "24 bits in a form"),
    ],
)
def test_what_is_not_known_is_refused_with_the_reason(tags, reason):
    with pytest.raises(MediaError, match=reason):
        decode(by_hand(tags, bytes(HEIGHT * WIDTH * 7)))


def test_pages_of_several_kinds(encode):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.uint8(255 * ACROSS), photometric="minisblack")
        writer.write(ACROSS.astype(np.float64), photometric="miniswhite")
        writer.write(np.uint8(255 * np.stack([DOWN] * 3, -1)), photometric="rgb")
    image = open_image(file.getvalue())
    modes = []
    for page in range(3):
        image.seek(page)
        image.load()
        modes.append(image.mode)
    assert modes == ["L", "F", "RGB"]


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_once(kind, orientation):
    data = stored("minisblack", kind, extratags=[(274, 3, 1, orientation, True)])
    swapped = orientation >= 5
    facts = probe(data)
    assert (facts.width, facts.height) == ((HEIGHT, WIDTH) if swapped else (WIDTH, HEIGHT))
    assert decode(data).shape[:2] == (facts.height, facts.width)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_truncated_file_is_noticed_when_probing(encode, scene, keep, compression):
    image = Image.fromarray(scene())
    data = bytearray(encode(image, "TIFF", compression=compression))
    place = int.from_bytes(data[4:8], "little")  # the directory may lie behind the pixels
    if place > 8:
        directory = bytes(data[place:])
        del data[place:]
    else:
        directory = b""
    cut = bytes(data[: int(keep * len(data))])
    for whole in (cut, cut + directory):
        with pytest.raises(MediaError):
            probe(whole)


def test_deep_images_have_the_limit_of_all_images(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow's own counts bytes here
    for kind in (np.uint8, np.float64):
        for compression in (None, "zlib"):
            data = stored("rgb", kind, compression=compression)
            assert decode(data).shape == (HEIGHT, WIDTH, 3)


def test_a_plane_that_nothing_needs_may_be_missing():
    gray = np.rint(255 * ACROSS).astype(np.uint8)
    tags = {258: (8, 8), 262: 1, 277: 2, 284: 2, 338: 0, 273: (8, 0), 279: (gray.size, 0)}
    np.testing.assert_array_equal(decode(by_hand(tags, gray.tobytes()))[..., 0], gray)

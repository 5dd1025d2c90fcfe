from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media import load_values
from mediacorpus.media.decode import decode, probe

RAMP = np.linspace(0, 1, 40 * 60).reshape(40, 60)


def tiff(values, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, values, metadata=None, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "values",
    [
        (RAMP * 4000 - 2000).astype(np.int16),
        (RAMP * 60_000).astype(np.uint16),
        (RAMP * 4e9).astype(np.uint32),
        (RAMP * -4e9 / 2).astype(np.int32),
        (RAMP * 12.5).astype(np.float32),
        RAMP * 1e-9,
        (RAMP * 255).astype(np.uint8),
    ],
    ids=lambda values: str(values.dtype),
)
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_values_come_as_they_are_stored(values, options):
    found = load_values(tiff(values, photometric="minisblack", **options), band=1)
    assert found.dtype == values.dtype
    assert not found.mask.any()
    assert np.array_equal(found.data, values)


def test_what_has_no_value_is_masked():
    values = (RAMP * 10).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -9999
    declared = [(42113, "s", 0, "-9999", True)]
    assert load_values(tiff(values, extratags=declared)).mask.sum() == 3
    whole = (RAMP * 10).astype(np.uint16)
    assert load_values(tiff(whole, extratags=declared)).mask.sum() == 0  # beyond its range
    lowest = np.full((2, 2), np.finfo(np.float32).min)
    stated = [(42113, "s", 0, "-3.4028234663852886e+38", True)]
    assert load_values(tiff(lowest, extratags=stated)).mask.all()


@pytest.mark.parametrize("planes", [False, True])
def test_bands_that_the_file_does_not_name(planes):
    bands = np.stack([RAMP * number for number in range(1, 6)]).astype(np.float32)
    kind = {"photometric": "minisblack", "planarconfig": "separate" if planes else "contig"}
    file = tiff(bands if planes else np.moveaxis(bands, 0, -1), **kind)
    assert np.array_equal(load_values(file, band=4).data, bands[3])
    assert probe(file).mode == "F, 5 bands"
    assert decode(file)[-1, -1].tolist() == [255, 255, 255]
    with pytest.raises(ParameterError, match="no band 6; the image has 5"):
        load_values(file, band=6)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_of_16_bits(channels):
    values = np.stack([RAMP * 1000 * number for number in range(1, channels + 1)], axis=-1)
    values = values.astype(np.uint16)
    if channels == 4:
        values[0, 0, 3] = 0
    order = [2, 1, 0, 3][:channels] if channels > 1 else [0]
    file = cv2.imencode(".png", values[..., order])[1].tobytes()
    found = load_values(file)
    assert np.array_equal(found.data, values[..., :3])
    hidden = values[..., 3] == 0 if channels == 4 else np.zeros(RAMP.shape, bool)
    assert np.array_equal(found.mask.any(axis=2), hidden)


def test_photographs_give_their_levels(encode):
    levels = np.dstack([RAMP * 255, RAMP * 100, RAMP * 10]).astype(np.uint8)
    image = Image.fromarray(levels)
    assert np.array_equal(load_values(encode(image, "PNG")).data, levels)
    inks = Image.fromarray(np.dstack([levels, levels[..., :1]]), "CMYK")
    assert load_values(encode(inks, "TIFF")).shape == (40, 60, 4)
    palette = image.quantize(4)
    assert load_values(encode(palette, "PNG")).shape == (40, 60, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_values_are_upright(encode, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray((RAMP * 255).astype(np.uint8))
    for kind in ("PNG", "TIFF"):
        file = encode(image, kind, exif=exif)
        assert np.array_equal(load_values(file, band=1), decode(file)[..., 0]), kind


def test_pages_and_what_has_none():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(RAMP, photometric="minisblack")
        writer.write(RAMP * 7, photometric="minisblack")
    assert load_values(file.getvalue(), page=2).max() == 7
    with pytest.raises(MediaError, match="no page 3"):
        load_values(file.getvalue(), page=3)
    with pytest.raises(MediaError, match="drawn, not stored in pixels"):
        load_values(b"<svg xmlns='http://www.w3.org/2000/svg'/>")

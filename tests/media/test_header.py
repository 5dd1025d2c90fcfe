from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import MediaError, TooLarge
from mediacorpus.media.decode import decode, probe
from mediacorpus.media.header import ends_well, image_errors, open_image

ORIENTATION, EXIF_IFD, TAKEN, DIGITIZED, CHANGED = 0x0112, 0x8769, 0x9003, 0x9004, 0x0132


def with_exif(**values: object) -> Image.Exif:
    names = {"orientation": ORIENTATION, "changed": CHANGED, "x_resolution": 0x011A}
    inner = {"taken": TAKEN, "digitized": DIGITIZED}
    exif = Image.Exif()
    for name, value in values.items():
        if name in names:
            exif[names[name]] = value
        else:
            exif.get_ifd(EXIF_IFD)[inner[name]] = value
    return exif


def test_facts_of_a_photograph(encode, scene):
    exif = with_exif(orientation=6, taken="2019:07:04 10:20:30", changed="2021:01:01 00:00:00")
    data = encode(Image.fromarray(scene()), "JPEG", exif=exif, dpi=(300, 300))
    facts = probe(data)
    assert (facts.format, facts.mode) == ("JPEG", "RGB")
    assert (facts.width, facts.height, facts.orientation) == (180, 240, 6)
    assert facts.taken == "2019-07-04T10:20:30"
    assert facts.dpi == 300
    assert facts.bytes == len(data)
    assert (facts.alpha, facts.frames, facts.icc) == (False, 1, False)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"digitized": "2001:02:03 04:05:06"}, "2001-02-03T04:05:06"),
        ({"changed": "2001:02:03 04:05:06"}, "2001-02-03T04:05:06"),
        ({"taken": "0000:00:00 00:00:00", "changed": "2001:02:03 04:05:06"}, "2001-02-03T04:05:06"),
        ({"taken": "2001:02:30 04:05:06"}, None),
        ({"taken": "    :  :     :  :  "}, None),
        ({"taken": "yesterday"}, None),
        ({}, None),
    ],
)
def test_date_taken(encode, values, expected):
    data = encode(Image.new("RGB", (8, 8)), "JPEG", exif=with_exif(**values))
    assert probe(data).taken == expected


@pytest.mark.parametrize(
    ("zone", "stated"), [("+02:00", "+02:00"), ("-09:30", "-09:30"), ("   :  ", ""), ("Z", "")]
)
def test_the_time_zone_is_stated_where_it_is_known(encode, zone, stated):
    exif = with_exif(taken="2019:07:02 00:30:00")
    exif.get_ifd(EXIF_IFD)[0x9011] = zone
    facts = probe(encode(Image.new("RGB", (8, 8)), "JPEG", exif=exif))
    assert facts.taken == "2019-07-02T00:30:00" + stated


def test_density_is_not_made_up(encode):
    image = Image.new("RGB", (8, 8))
    assert probe(encode(image, "JPEG")).dpi is None
    assert probe(encode(image, "JPEG", exif=with_exif(orientation=1))).dpi is None
    assert probe(encode(image, "PNG", dpi=(72, 72))).dpi == pytest.approx(72, abs=0.01)
    assert probe(encode(image, "TIFF", dpi=(200, 100))).dpi == 200


@pytest.mark.parametrize("orientation", [0, 9, 77, 65535])
def test_an_orientation_out_of_range_counts_as_upright(encode, orientation):
    data = encode(Image.new("RGB", (20, 10)), "JPEG", exif=with_exif(orientation=orientation))
    facts = probe(data)
    assert (facts.orientation, facts.width, facts.height) == (1, 20, 10)
    assert decode(data).shape == (10, 20, 3)


def test_a_damaged_exif_block_does_not_matter(encode):
    data = encode(Image.new("RGB", (20, 10)), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert probe(data).orientation == 1
    assert decode(data).shape == (10, 20, 3)


def test_png_exif_is_read_without_decoding_the_image(encode, monkeypatch):
    data = encode(Image.new("RGB", (20, 10)), "PNG", exif=with_exif(orientation=8))
    loads = []
    original = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda image: loads.append(1) or original(image))
    facts = probe(data)
    assert (facts.width, facts.height, facts.orientation) == (10, 20, 8)
    assert not loads


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty (0 bytes)."),
        (b"Sorry, not here.\n", "The file is text, not an image."),
        (b"<!doctype html><title>404</title>", "The file is an HTML page, not an image."),
        (b"BMW and P1 are words of text", "The file is text, not an image."),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "The file is a PDF document, not an image."),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n",
            "The file is a PostScript file, a format that is not supported: save it as PDF.",
        ),
        (bytes(100), "The file is of no image format that is known; it may be damaged."),
    ],
)
@pytest.mark.parametrize("function", [probe, decode])
def test_one_sentence_for_what_is_no_image(function, data, sentence):
    with pytest.raises(MediaError) as caught:
        function(data)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("length", [3, 8, 12])
def test_a_header_cut_off(encode, kind, length):
    data = encode(Image.new("RGB", (20, 10)), kind)[:length]
    for function in (probe, decode):
        with pytest.raises(MediaError):
            function(data)


def test_the_pixel_limit_names_both_numbers(encode):
    data = encode(Image.new("1", (3000, 2000)), "PNG")
    assert probe(data).width == 3000
    for function in (probe, decode):
        with pytest.raises(TooLarge, match=r"3,000 x 2,000 pixels \(6\.0 mega.* is 5 mega"):
            function(data, max_pixels=5e6)


def test_a_bomb_is_refused_by_our_limit_and_not_by_that_of_pillow(encode, monkeypatch):
    data = encode(Image.new("1", (20_000, 15_000)), "PNG")
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(TooLarge, match=r"300\.0 megapixels.*the limit is 200 megapixels"):
        probe(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # others may lower it, to no effect here
    assert probe(encode(Image.new("L", (100, 100)), "PNG")).width == 100
    monkeypatch.undo()
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    "kind",
    [
        *("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000", "AVIF", "PCX", "PPM", "QOI"),
        *("SGI", "TGA", "ICO", "DDS"),
    ],
)
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_truncation_is_found_when_probing(*, encode, scene, kind, share):
    data = encode(Image.fromarray(scene()), kind)
    probe(data)
    with pytest.raises(MediaError) as caught:
        probe(data[: int(len(data) * share)])
    assert str(caught.value).endswith(".")
    with pytest.raises(MediaError):
        decode(data[: int(len(data) * share)], min_side=45)


def test_a_jpeg_that_merely_lacks_its_end_mark_is_fine(encode, scene):
    data = encode(Image.fromarray(scene()), "JPEG")
    for other, whole in ((data[:-2], False), (data + bytes(5000), True)):
        assert ends_well(open_image(other), other) is whole
        assert probe(other).format == "JPEG"
        assert np.abs(decode(other).astype(int) - decode(data)).max() <= 1
    for lost in (20, 200):
        with pytest.raises(MediaError, match=r"The image is truncated( or damaged)?: "):
            probe(data[:-lost])


def test_complete_files_are_not_decoded_when_probing(encode, scene, monkeypatch):
    files = [encode(Image.fromarray(scene()), kind) for kind in ("JPEG", "PNG", "GIF", "TIFF")]
    monkeypatch.setattr(Image.core, "jpeg_decoder", None)
    for name in ("zip", "gif", "raw"):
        monkeypatch.setattr(Image.core, f"{name}_decoder", None)
    assert [probe(data).width for data in files] == [240] * 4
    assert all(ends_well(open_image(data), data) for data in files)


def test_content_counts_and_not_the_name(encode, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encode(Image.new("RGB", (8, 8)), "GIF"))
    assert probe(path.read_bytes()).format == "GIF"


def test_pillows_errors_of_all_kinds_become_ours():
    for error in (ValueError("x"), OSError("image file is truncated"), MemoryError(), KeyError(3)):
        with pytest.raises(MediaError) as caught, image_errors():
            raise error
        assert str(caught.value).endswith(".")
    with pytest.raises(KeyboardInterrupt), image_errors():
        raise KeyboardInterrupt


def test_mpo_counts_as_jpeg(encode, scene):
    image = Image.fromarray(scene())
    data = encode(image, "MPO", save_all=True, append_images=[image])
    facts = probe(data)
    assert (facts.format, facts.frames) == ("JPEG", 1)
    assert decode(data, min_side=90).shape == (90, 120, 3)


def test_warnings_of_pillow_stay_inside(encode):
    exif = with_exif(taken="2001:02:03 04:05:06")
    data = bytearray(encode(Image.new("RGB", (9, 9)), "JPEG", exif=exif))
    at = data.index(b"\x90\x03\x00\x02")
    data[at + 4 : at + 8] = b"\x00\x00\xff\xff"  # more bytes than the block holds
    with pytest.warns(UserWarning, match="Skipping tag"):
        Image.open(io.BytesIO(data)).getexif().get_ifd(EXIF_IFD)
    assert probe(bytes(data)).taken is None


def test_the_depth_of_a_photoshop_image_that_is_not_supported_is_named():
    head = b"8BPS\x00\x01" + bytes(6) + b"\x00\x03" + b"\x00\x00\x00\x08" * 2 + b"\x00\x10\x00\x03"
    with pytest.raises(MediaError, match=r"Photoshop image .*\(3, 16\) .*save it as TIFF or PNG"):
        probe(head + bytes(100))

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mediacorpus import extras
from mediacorpus.errors import MediaError, MissingExtra
from mediacorpus.media.decode import decode, probe
from mediacorpus.media.sniff import boxes_end, heif_kind, is_moving

# 64 x 48 pixels, turned to the right: red on the left, green and black on the right.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAAB7AABAAAAAAAAAC0AAgAAAAACGQABAAAAAAAAAFYAAAA4aWlu"
    "ZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAB"
    "B2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkA"
    "AAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAA"
    "AAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAa"
    "aXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAIttZGF0AAAAKSgBrxmA70mlv//fX9/0B6/4m2d4x7IBZ/XlMXOOktZ/"
    "jT7XLVTmhOiYAAAABkV4aWYAAE1NACoAAAAIAAIBEgADAAAAAQAGAACHaQAEAAAAAQAAACYAAAAAAAGQAwACAAAA"
    "FAAAADgAAAAAMjAyMTowNTowNiAwNzowODowOQA="
)


def test_a_photograph_of_a_phone_is_read_upright():
    facts = probe(HEIC)
    assert (facts.format, facts.width, facts.height, facts.orientation) == ("HEIF", 48, 64, 1)
    assert facts.taken == "2021-05-06T07:08:09"
    found = decode(HEIC)
    assert found.shape == (64, 48, 3)
    for place, color in (((5, 5), (200, 30, 40)), ((-5, -5), (20, 160, 60)), ((-5, 5), (0, 0, 0))):
        assert np.abs(found[place].astype(int) - color).max() <= 2


def test_without_the_extra_the_message_names_it(monkeypatch):
    def missing(module):
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(extras, "_import", missing)
    with pytest.raises(MissingExtra, match=r"HEIC image.* pip install .*\[heif\]"):
        probe(HEIC)


@pytest.mark.parametrize("brand", ["heic", "heix", "heim", "hevc", "mif1", "msf1", "avif", "avis"])
@pytest.mark.parametrize("inner", ["heic", "avif"])
def test_all_brands_of_images_are_told_from_videos(brand, inner):
    head = b"\x00\x00\x00\x18ftyp" + brand.encode() + bytes(4) + b"mif1" + inner.encode()
    kind = {"a": "AVIF", "h": "HEIC"}.get(brand[0], "AVIF" if inner == "avif" else "HEIC")
    assert heif_kind(head) == kind
    assert not is_moving(head, ".mp4")


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_truncated_file_says_so(encode, kind, keep):
    noise = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    data = HEIC if kind == "HEIC" else encode(Image.fromarray(noise), "AVIF")
    assert boxes_end(data)
    with pytest.raises(MediaError, match=r"The \w+ is truncated|The \w+ image is truncated"):
        probe(data[: int(keep * len(data))])


def test_damage_within_is_a_failure():
    data = bytearray(HEIC)
    data[60:400] = bytes(340)
    with pytest.raises(MediaError, match="The HEIC image is damaged, or coded"):
        probe(bytes(data))


def test_pillow_itself_stays_as_it_was():
    probe(HEIC)
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(HEIC))


@pytest.mark.parametrize(
    ("brands", "kind"),
    [(b"mif1\0\0\0\0mif1unif", "HEIF"), (b"mif3avif", "AVIF"), (b"vvic\0\0\0\0mif1vvic", "HEIF")],
)
def test_codings_that_are_not_supported_are_named(brands, kind):
    data = (len(brands) + 8).to_bytes(4) + b"ftyp" + brands + b"\0\0\0\x10mini" + bytes(8)
    assert not is_moving(data, "")
    with pytest.raises(MediaError, match=rf"The {kind} image is damaged, or coded .*brands are"):
        probe(data)

"""Small pictures side by side."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import ParameterError
from mediacorpus.report.content import Thumb
from mediacorpus.report.gallery import Gallery, thumbnail_uri


def decoded(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_thumbnails_keep_shape_and_colour():
    skimage = pytest.importorskip("skimage.data")
    pixels = skimage.coffee()
    small = decoded(thumbnail_uri(pixels, side=120))
    assert small.size == (120, 80)
    difference = np.asarray(small).mean(axis=(0, 1)) - pixels.mean(axis=(0, 1))
    assert np.abs(difference).max() < 3


def test_small_pictures_are_not_enlarged_and_thin_ones_keep_a_pixel():
    assert decoded(thumbnail_uri(np.zeros((20, 30, 3), np.uint8))).size == (30, 20)
    assert decoded(thumbnail_uri(np.zeros((2, 4000, 3), np.uint8), side=100)).size == (100, 1)


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_thumbnails_need_rgb_bytes(pixels):
    with pytest.raises(ParameterError, match="uint8 RGB"):
        thumbnail_uri(pixels)


def thumb(caption="a/b/cat.jpg", **facts):
    return Thumb("3f2a" * 16, thumbnail_uri(np.zeros((4, 4, 3), np.uint8)), caption, **facts)


def test_gallery_shows_itself_in_a_notebook():
    gallery = Gallery("Two pictures", [thumb(), thumb("dog.jpg")], total=9)
    page = gallery._repr_html_()
    assert page.count("<img ") == len(gallery) == len(list(gallery)) == 2
    assert "Two pictures (2 of 9 shown)" in page
    assert ">cat.jpg</span>" in page
    assert 'title="a/b/cat.jpg"' in page
    assert "http" not in page


def test_hostile_names_are_escaped():
    evil = '"><script>alert(1)</script>.jpg'
    page = Gallery(evil, [thumb(evil, truth=evil, predicted=evil)]).html()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 7


def test_brief_galleries_keep_only_the_probability():
    facts = {"truth": "cat", "predicted": "dog", "probability": 0.875}
    gallery = Gallery("Wrong", [thumb(**facts)])
    assert "labelled cat</span>" in gallery.html()
    brief = gallery.html(brief=True)
    assert "labelled cat</span>" not in brief
    assert "p = 0.88" in brief
    assert 'alt="a/b/cat.jpg; labelled cat; predicted dog; probability 0.88"' in brief

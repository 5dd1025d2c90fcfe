"""Small images side by side."""

import numpy as np
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.media.thumbnail import data_uri, thumbnail_jpeg
from mediacorpus.report.gallery import Gallery, Thumb


def thumb(caption="a/b/cat.jpg", **facts):
    return Thumb(
        "3f2a" * 16, data_uri(thumbnail_jpeg(np.zeros((4, 4, 3), np.uint8))), caption, **facts
    )


@pytest.mark.parametrize("uri", ["https://example.org/a.jpg", "a.jpg", "javascript:alert(1)", ""])
def test_thumbnails_must_be_inside_the_page(uri):
    with pytest.raises(ParameterError, match="data URI"):
        Thumb("3f2a", uri)


def test_gallery_shows_itself_in_a_notebook():
    gallery = Gallery("Two images", [thumb(), thumb("dog.jpg")], total=9)
    page = gallery._repr_html_()
    assert page.count("<img ") == len(gallery) == len(list(gallery)) == 2
    assert "Two images (2 of 9 shown)" in page
    assert ">cat.jpg</span>" in page
    assert 'title="a/b/cat.jpg"' in page
    assert "http" not in page


def test_hostile_names_are_escaped():
    evil = '"><script>alert(1)</script>.jpg'
    page = Gallery(evil, [thumb(evil, gold=evil, predicted=evil)]).html()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 7


def test_brief_galleries_keep_only_the_probability():
    facts = {"gold": "cat", "predicted": "dog", "probability": 0.875}
    gallery = Gallery("Wrong", [thumb(**facts)])
    assert "labelled cat</span>" in gallery.html()
    brief = gallery.html(brief=True)
    assert "labelled cat</span>" not in brief
    assert "p = 0.88" in brief
    assert 'alt="a/b/cat.jpg; labelled cat; predicted dog; probability 0.88"' in brief

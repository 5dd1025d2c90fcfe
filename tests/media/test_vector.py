"""Drawings: what is one, how large it is, and that its pixels are right."""

import gzip
import io
import runpy
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.vector import looks_like_svg, probe_vector, render_vector
from mediacorpus.records import Kind

resvg_py = pytest.importorskip("resvg_py")

made = runpy.run_path(str(Path(__file__).with_name("made_drawings.py")))
png, rect, svg, RED = made["png"], made["rect"], made["svg"], made["RED"]
LIME, BLUE, WHITE = made["LIME"], made["BLUE"], made["WHITE"]


# What is an SVG


@pytest.mark.parametrize(
    "data",
    [
        svg(),
        b"\xef\xbb\xbf" + svg(),
        svg(before='<?xml version="1.0"?>\n<!-- <html> -->\n<!-- two -->'),
        svg(before='<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/x.dtd">'),
        svg(before='<!DOCTYPE svg [<!ENTITY a "b">]>\n'),
        svg(before='<?xml version="1.0" encoding="utf-16"?>').decode().encode("utf-16"),
        gzip.compress(svg()),
        b'<s:svg xmlns:s="http://www.w3.org/2000/svg" width="2" height="1"/>',
    ],
)
def test_svg_is_recognized_and_drawn(data):
    assert looks_like_svg(data)
    assert (render_vector(data, side=8) == 255).all()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><body><svg/></body></html>",
        b"<!-- <svg/> --><p/>",
        b"<svgfont/>",
        b"an <svg> in text",
        gzip.compress(b"text"),
        b"\x1f\x8b damaged",
        png(),
    ],
)
def test_others_are_not_svg(data):
    assert not looks_like_svg(data)


def test_other_root_is_refused():
    with pytest.raises(MediaError, match="root element is <html>"):
        probe_vector(b"<html/>")


# Size


@pytest.mark.parametrize(
    ("head", "size"),
    [
        ('width="30" height="20"', (600, 400)),
        ('width="30mm" height="2cm"', (600, 400)),
        ('width="1in" height="72pt"', (600, 600)),
        ('viewBox="5 5 20 40"', (300, 600)),
        ('viewBox="0,0 20,40" width="100%" height="100%"', (300, 600)),
        ('viewBox="0 0 20 40" width="7"', (300, 600)),
        ('viewBox="0 0 20 40" height="7"', (300, 600)),
        ('viewBox="0 0 10 10" width="30" height="20"', (600, 400)),
        ("", (600, 300)),
        ('width="600"', (600, 150)),
        ('height="300"', (600, 600)),
        ('width="1e9" height="1e9"', (600, 600)),
        ('width="1e9" height="1"', (600, 1)),
    ],
)
def test_size_has_the_proportions_of_the_drawing(head, size):
    facts = probe_vector(svg(head=head), side=600)
    assert (facts.width, facts.height) == size
    assert render_vector(svg(head=head), side=600).shape == (size[1], size[0], 3)


def test_facts():
    facts = probe_vector(svg())
    assert (facts.format, facts.mode, facts.alpha, facts.kind) == (
        "SVG",
        "RGBA",
        True,
        Kind.IMAGE,
    )
    assert (facts.width, facts.height, facts.bytes) == (1024, 1024, len(svg()))


@pytest.mark.parametrize(
    "head",
    ['width="0" height="5"', 'width="-3" height="5"', 'width="1e999" height="5"',
     'viewBox="0 0 0 5"', 'viewBox="0 0 nan 5"', 'viewBox="0 0 0 0" width="5" height="5"'],
)  # fmt: skip
def test_no_size_is_refused(head):
    with pytest.raises(MediaError, match="no size"):
        probe_vector(svg(head=head))


@pytest.mark.parametrize("side", [0, -1, 8193])
def test_side_out_of_range(side):
    with pytest.raises(ParameterError, match="side"):
        render_vector(svg(), side=side)


@pytest.mark.parametrize(
    ("min_side", "shape"),
    [(None, (501, 1001, 3)), (501, (501, 1001, 3)), (252, (501, 1001, 3)),
     (251, (251, 501, 3)), (100, (126, 251, 3)), (1, (63, 126, 3))],
)  # fmt: skip
def test_min_side_gives_the_exact_reduced_size(min_side, shape):
    data = svg(rect(), head='width="1001" height="501"')
    assert render_vector(data, side=1001, min_side=min_side).shape == shape


def test_min_side_out_of_range():
    with pytest.raises(ParameterError, match="min_side"):
        render_vector(svg(), min_side=0)


# Pixels


def test_rectangles_lie_where_they_are_put():
    """Of a 4 x 2 drawing at 10 pixels a unit, two squares cover known pixels exactly."""
    body = (
        '<rect x="1" width="1" height="1" fill="#ff0000"/>'
        '<rect x="2" y="1" width="2" height="1" fill="#0000ff"/>'
    )
    wanted = np.full((20, 40, 3), 255, np.uint8)
    wanted[:10, 10:20] = RED
    wanted[10:, 20:] = BLUE
    found = render_vector(svg(body, head='viewBox="0 0 4 2"'), side=40)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, wanted)


def test_transparency_is_laid_on_white():
    """Half of black on white is the middle gray."""
    found = render_vector(svg(rect("black", 'fill-opacity="0.5"')), side=10)
    assert abs(int(found[5, 5, 0]) - 127) <= 1


def test_fitting_keeps_preserve_aspect_ratio():
    """A square box in a drawing twice as wide is centered, with margins to its sides."""
    found = render_vector(svg(rect(), head='width="200" height="100" viewBox="0 0 100 100"'))
    assert (
        found[256, [0, 255, 257, 766, 769, 1023]].tolist() == [WHITE, WHITE, RED, RED] + [WHITE] * 2
    )


def test_text_is_drawn_where_there_are_fonts():
    pixels = render_vector(svg('<text y="60" font-size="60">HH</text>'), side=100)
    plain = resvg_py.svg_to_bytes(svg_string=svg('<text y="60">HH</text>').decode(), dpi=96.0)
    has_fonts = Image.open(io.BytesIO(plain)).getextrema()[3][1] > 0
    assert (pixels.min() < 128) == has_fonts


def test_illustrator_entities_are_replaced():
    before = '<!DOCTYPE svg [<!ENTITY st0 "fill:#00FF00;"><!ENTITY two "&st0;">]>'
    data = svg('<rect width="100" height="100" style="&two;"/>', before=before)
    assert render_vector(data, side=4)[2, 2].tolist() == LIME


def test_special_characters_survive():
    body = '<style><![CDATA[rect[id="a&b"] > x {fill:red} rect{fill:#00ff00}]]></style>'
    body += '<rect id="a&amp;b&lt;&quot;" width="100" height="100"/>'
    assert render_vector(svg(body), side=4)[2, 2].tolist() == LIME


def test_threads_draw_at_the_same_time():
    found = {}

    def draw(color):
        found[color] = render_vector(svg(rect(color)), side=16)[8, 8].tolist()

    threads = [threading.Thread(target=draw, args=(name,)) for name in ("red", "lime", "blue")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"red": RED, "lime": LIME, "blue": BLUE}

"""Hostile drawings: nothing outside is read, and all that has no end is stopped."""

import gzip
import io
import itertools
import runpy
import zlib
from pathlib import Path

import pytest
from PIL import Image

from mediacorpus.errors import MediaError, TooLarge
from mediacorpus.media import vector
from mediacorpus.media.vector import external_references, probe_vector, render_vector

resvg_py = pytest.importorskip("resvg_py")

made = runpy.run_path(str(Path(__file__).with_name("made_drawings.py")))
png, rect, svg, uri = made["png"], made["rect"], made["svg"], made["uri"]
RED, LIME, BLUE = made["RED"], made["LIME"], made["BLUE"]


@pytest.fixture
def outside(tmp_path):
    """A lime image on the disk that a drawing could point to."""
    path = tmp_path / "outside.png"
    path.write_bytes(png())
    return path


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(vector, "SECONDS", 1)


# Nothing outside is read


@pytest.mark.parametrize(
    "body",
    [
        '<image {name}="{path}" width="100" height="100"/>',
        '<filter id="f"><feImage {name}="{path}"/></filter>' + rect("red", 'filter="url(#f)"'),
    ],
)
@pytest.mark.parametrize("name", ["href", "xlink:href"])
def test_images_on_the_disk_are_not_read(outside, body, name):
    data = svg(body.format(name=name, path=outside.as_posix()))
    drawn = resvg_py.svg_to_bytes(svg_string=data.decode(), skip_system_fonts=True, dpi=96.0)
    with Image.open(io.BytesIO(drawn)) as image:
        assert image.getpixel((50, 50)) == (0, 255, 0, 255)  # the renderer alone reads it
    assert external_references(data) == [outside.as_posix()]
    assert render_vector(data, side=100)[50, 50].tolist() != LIME


@pytest.mark.parametrize("mime", ["image/svg+xml", "image/png"])
def test_nested_drawings_do_not_read_outside(outside, mime):
    inner = svg(rect() + f'<image href="{outside.as_posix()}" width="100" height="100"/>')
    data = svg(f'<image href="{uri(inner, mime)}" width="100" height="100"/>')
    assert external_references(data) == [outside.as_posix()]
    assert render_vector(data, side=10)[5, 5].tolist() == RED


def test_another_prefix_does_not_help(outside):
    body = f'<image q:href="{outside.as_posix()}" width="100" height="100"/>'
    data = svg(body, head='viewBox="0 0 100 100" xmlns:q="http://www.w3.org/1999/xlink"')
    assert external_references(data) == [outside.as_posix()]
    assert (render_vector(data, side=10) == 255).all()


@pytest.mark.parametrize("target", ["data:image/../../x.png", "data:text/plain,x", "file:///x"])
def test_what_only_looks_embedded_is_left_out(target):
    data = svg(rect() + f'<image href="{target}" width="9" height="9"/>')
    assert external_references(data) == [target]
    assert render_vector(data, side=10)[5, 5].tolist() == RED


def test_embedded_images_are_drawn():
    data = svg(f'<image href=" {uri(png())}" width="100" height="100"/>')
    assert external_references(data) == []
    assert render_vector(data, side=10)[5, 5].tolist() == LIME


def test_everything_left_out_is_listed_and_the_rest_drawn():
    body = (
        "<style>@import url('a.css'); @import \"b.css\"; rect { fill: url(c.svg#x) lime;"
        " filter: url(d.svg#f) } /* url(no.svg) */</style>"
        '<rect width="50" height="100"/>'
        '<rect x="50" width="50" height="100" style="fill:blue" mask="url(e.svg#m)"/>'
        '<use href="f.svg#g"/><a href="https://example.org"><g/></a><use href="#none"/>'
    )
    data = svg(body, before='<?xml-stylesheet href="s.css" type="text/css"?>')
    listed = ["s.css", "a.css", "b.css", "c.svg#x", "d.svg#f", "e.svg#m", "f.svg#g"]
    assert external_references(data) == listed
    found = render_vector(data, side=10)
    assert found[5, 2].tolist() == LIME
    assert found[5, 7].tolist() == BLUE


def test_scripts_and_handlers_are_dropped():
    body = '<script>var a = "<b/>"; <g/></script>'.replace("<b/>", "") + rect()
    data = svg(body, head='viewBox="0 0 100 100" onload="go()"')
    drawing = vector.take_apart(data).markup()
    assert "script" not in drawing
    assert "onload" not in drawing
    assert render_vector(data, side=10)[5, 5].tolist() == RED


@pytest.mark.parametrize(
    "declared",
    ['<!ENTITY x SYSTEM "file:///etc/passwd">', '<!ENTITY x PUBLIC "p" "http://example.org/x">',
     '<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;', '<!ENTITY x SYSTEM "a.gif" NDATA gif>'],
)  # fmt: skip
def test_external_entities_are_refused(declared):
    data = svg("<text>&x;</text>", before=f"<!DOCTYPE svg [{declared}]>")
    with pytest.raises(MediaError, match="asks for an external entity"):
        render_vector(data)


# Bounds


@pytest.mark.parametrize("coding", ["utf-8", "utf-16", "utf-16-le"])
def test_billion_laughs_are_refused(coding):
    names = "abcdefghij"
    entities = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in itertools.pairwise(names))
    before = f'<!DOCTYPE svg [<!ENTITY a "ha">{entities}]>'
    data = svg("<desc>&j;</desc>", before=before).decode().encode(coding)
    with pytest.raises(MediaError, match=r"stand for more|amplification"):
        probe_vector(data)


def test_one_long_entity_many_times_is_refused():
    before = f'<!DOCTYPE svg [<!ENTITY a "{"x" * 10_000}">]>'
    with pytest.raises(MediaError, match="stand for more"):
        probe_vector(svg('<desc id="&a;"/>' * 200, before=before))


@pytest.mark.parametrize(
    "before",
    ['<!DOCTYPE svg [<!ENTITY a "&b;"><!ENTITY b "&a;">]>',
     "<!DOCTYPE svg [" + "".join(f'<!ENTITY e{n} "x">' for n in range(300)) + "]>",
     '<!DOCTYPE svg [<!ENTITY \u00e9 "x">]>'],
)  # fmt: skip
def test_odd_entities_are_refused(before):
    with pytest.raises(MediaError, match="entities"):
        probe_vector(svg("<desc>&a;</desc>", before=before))


def test_deep_nesting_is_refused():
    with pytest.raises(MediaError, match="within one another"):
        probe_vector(svg("<g>" * 10_000 + "</g>" * 10_000))


@pytest.mark.parametrize("by", ['<use href="#g{}"/>', '<rect fill="url(#g{})"/>',
                                '<rect style="mask:url(#g{})"/>'])  # fmt: skip
def test_exponential_references_are_refused(by):
    body = "".join(f'<g id="g{n}">{by.format(n + 1) * 10}</g>' for n in range(10))
    with pytest.raises(MediaError, match="grows to more than 1,000,000"):
        probe_vector(svg(body + '<g id="g10"/>'))


def test_long_chains_are_refused():
    body = "".join(f'<g id="g{n}"><use href="#g{n + 1}"/></g>' for n in range(5000))
    with pytest.raises(MediaError, match="chains"):
        probe_vector(svg(body))


def test_ordinary_references_are_drawn():
    body = f'<defs><g id="a">{rect("lime")}</g></defs><use href="#a"/><use xlink:href="#a"/>'
    assert render_vector(svg(body), side=4)[2, 2].tolist() == LIME


def test_a_circle_of_references_does_no_harm():
    body = f'<g id="a"><use href="#a"/>{rect()}</g>'
    assert render_vector(svg(body), side=4)[2, 2].tolist() == RED
    both = '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'
    with pytest.raises(MediaError, match="cannot be drawn"):
        render_vector(svg(both))


@pytest.mark.parametrize(
    "primitive",
    ['<feTurbulence baseFrequency="0.05" numOctaves="1000000"/>',
     '<feMorphology operator="dilate" radius="1e9"/>'],
)  # fmt: skip
def test_endless_filters_are_stopped(brief, primitive):
    body = f'<filter id="f">{primitive}</filter>' + rect("red", 'filter="url(#f)"')
    with pytest.raises(MediaError, match="more than 1 seconds"):
        render_vector(svg(body))


@pytest.mark.parametrize(
    "body",
    [
        '<filter id="f"><feGaussianBlur stdDeviation="1e9"/></filter>'
        + rect("red", 'filter="url(#f)"'),
        '<path d="M0 0H1e9" stroke="red" stroke-dasharray="1e-6 1e-6"/>',
        '<pattern id="a" width="1e9" height="1e9" patternUnits="userSpaceOnUse"><rect width="5" '
        'height="5"/></pattern>' + rect("url(#a)"),
        '<circle cx="1e30" cy="1e30" r="1e30" stroke="red" stroke-width="1e29"/>',
    ],
)
def test_huge_numbers_come_to_an_end(body):
    assert render_vector(svg(body), side=256).shape == (256, 256, 3)


def test_too_much_memory_is_refused():
    pytest.importorskip("resource")
    body = (
        '<pattern id="a" width="2000" height="2000" patternUnits="userSpaceOnUse"><rect '
        'width="5" height="5"/></pattern><rect width="2000" height="2000" fill="url(#a)"/>'
    )
    with pytest.raises(MediaError, match="memory"):
        render_vector(svg(body))


def test_embedded_bombs_are_refused():
    header = bytearray(png())
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    chunk = bytes(header[12:29])
    header[29:33] = zlib.crc32(chunk).to_bytes(4, "big")
    with pytest.raises(TooLarge, match="50 megapixels"):
        probe_vector(svg(f'<image href="{uri(bytes(header))}"/>'))


def test_packed_bombs_are_refused(monkeypatch):
    monkeypatch.setattr("mediacorpus.media._svg.MAX_TEXT", 1_000_000)
    with pytest.raises(TooLarge, match="1 MB"):
        probe_vector(gzip.compress(svg(" " * 1_000_001)))


def test_style_of_unclosed_marks_is_read_in_linear_time():
    for mark in ("/*", "url(", "@import ", "filter:"):
        assert render_vector(svg(f"<style>{mark * 50_000}</style>"), side=4).shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(svg())[:-8] + b"checksum", "unpacked"),
        (gzip.compress(svg())[:-9], "truncated"),
        (svg("\n\n<g>"), "line 3"),
        (svg()[:30], "line 1"),
        (svg('<g a="1" a="2"/>'), "line 1"),
        (svg("<g>\x00</g>"), "line 1"),
        (svg(before='<?xml version="1.0" encoding="no-such"?>'), "line 1"),
    ],
)
def test_damaged_drawings_are_refused(data, says):
    with pytest.raises(MediaError, match=says):
        probe_vector(data)

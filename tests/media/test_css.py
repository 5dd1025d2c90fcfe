from __future__ import annotations

import contextlib
import time

import pytest

from mediacorpus.errors import MediaError
from mediacorpus.media.vector import probe_vector, render_vector

RED = [255, 0, 0]


def drawing(
    css: str = "", body: str = '<rect class="r" width="60" height="40"/>', root: str = ""
) -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40" {root}>'
        f"<style>{css}</style>{body}</svg>"
    ).encode()


def color(data: bytes) -> list[int]:
    return render_vector(data, side=60)[20, 30].tolist()


@pytest.mark.parametrize(
    "css",
    [
        ":root{--c:#ff0000} rect{fill:var(--c)}",
        "svg{--c:red}rect{fill:var( --c )}",
        ":root,svg{--a:var(--b);--b:red}rect{fill:var(--a)}",
        "rect{fill:var(--none, red)}",
        "rect{fill:var(--none, rgb(255, 0, 0))}",
        "rect{fill:var(--none, var(--c))} :root{--c:red}",
        ":root{fill:red}",
        "svg:root rect{fill:red}",
        "rect{fill:rgb(255 0 0 / 100%)}",
        "rect{fill:hsl(0deg 100% 50% / 1)}",
        "rect{fill:red} rect:hover{fill:blue} @media print{rect{fill:blue}}",
        "rect{fill:red} @media (prefers-color-scheme: dark) {rect{fill:blue}}",
        "@keyframes x{from{fill:blue} to{fill:green}} rect{fill:red}",
        "@font-face{font-family:x;src:url(x)} .r:not(.a):hover{fill:blue} .r{fill:red}",
    ],
)
def test_css_is_put_in_words_that_the_renderer_knows(css):
    assert color(drawing(css)) == RED


@pytest.mark.parametrize(
    "body",
    [
        '<rect width="60" height="40" fill="var(--c)"/>',
        '<rect width="60" height="40" style="fill:var(--c)"/>',
        '<rect width="60" height="40" fill="rgb(255 0 0 / 1)"/>',
    ],
)
def test_variables_in_attributes(body):
    assert color(drawing("", body, 'style="--c:red"')) == RED
    assert color(drawing(":root{--c:red}", body)) == RED


@pytest.mark.parametrize(
    ("css", "feature"),
    [
        ("rect{fill:oklch(0.6 0.2 29)}", "oklch"),
        ("rect{fill:lab(54 80 70)}", "lab"),
        ("rect{fill:color(srgb 1 0 0)}", "color"),
        ("rect{fill:color-mix(in srgb, red, blue)}", "color-mix"),
        ("rect{stroke-width:calc(1px + 2px)}", "calc"),
        ("rect:nth-child(2){fill:red}", ":nth-child"),
        (".a, rect:not(.b){fill:red}", ":not"),
        ("style~rect{fill:red}", "style~rect"),
        ('[class^="r"]{fill:red}', "class"),
        ("@media screen{rect{fill:red}}", "@media screen"),
        ("@supports (fill:red){rect{fill:red}}", "@supports"),
        ("svg{rect{fill:red}}", "rules within rules"),
        ("circle{r:20px}", "'r'"),
        (".r{--c:red} rect{fill:var(--c)}", "set for parts"),
    ],
)
def test_what_the_renderer_does_not_know_is_refused_when_probing(css, feature):
    with pytest.raises(MediaError, match="uses CSS that the renderer does not know") as caught:
        probe_vector(drawing(css))
    assert feature in str(caught.value)
    assert "save it as plain SVG or as PNG" in str(caught.value)


def test_functions_in_attributes_are_refused_and_text_is_not():
    with pytest.raises(MediaError, match="calc"):
        probe_vector(drawing("", '<rect width="calc(30px + 30px)" height="40"/>'))
    probe_vector(drawing("", '<text id="calc(1)">color(red) var(--a) calc(1)</text>'))


def test_html_is_refused_where_there_is_nothing_in_its_place():
    html = '<foreignObject width="9" height="9"><p xmlns="http://www.w3.org/1999/xhtml">a</p></foreignObject>'
    with pytest.raises(MediaError, match="holds HTML"):
        probe_vector(drawing("", html))
    probe_vector(drawing("", f"<switch>{html}<text>a</text></switch>"))


@pytest.mark.parametrize(
    "css",
    [
        "".join(f"--v{n}:{f'var(--v{n + 1})' * 10};" for n in range(9)).join((":root{", "}")),
        ":root{--a:var(--a)}",
        ":root{--a:var(--b);--b:var(--a)}",
    ],
)
def test_variables_that_grow_without_end_are_refused(css):
    with pytest.raises(MediaError, match=r"grow without end|use of var\(\) that cannot"):
        probe_vector(drawing(css + "rect{fill:var(--v0)}rect{fill:var(--a)}"))


@pytest.mark.parametrize(
    "mark", ["{", "}", "@", "var(", "rgb(", "--a:", "[", ":", "var(--a,", "@media "]
)
def test_hostile_style_is_read_in_linear_time(mark):
    start = time.process_time()
    with contextlib.suppress(MediaError):
        probe_vector(drawing(mark * 200_000))
    assert time.process_time() - start < 5

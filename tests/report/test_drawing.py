"""What all figures share: SVG that is stable, small and safe to put into a page."""

import re
import threading
import xml.etree.ElementTree as ET

import matplotlib as mpl

from mediacorpus.report import figures
from mediacorpus.report.drawing import canvas, for_page, to_svg


def a_figure(text="label", alt="A line."):
    with canvas(2.0) as (figure, axes):
        axes[0, 0].plot([1, 2, 3], [0.123456, 2, 1])
        axes[0, 0].set_title(text)
        return to_svg(figure, alt)


def test_names_are_plain_text_and_never_markup():
    svg = a_figure('<script>alert("$x^2$")</script> & \x00😀')
    texts = [node.text for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert '<script>alert("$x^2$")</script> & \ufffd😀' in texts
    assert "<script" not in svg


def test_alternative_text_is_escaped():
    root = ET.fromstring(a_figure(alt='Quotes " and <angles> & more'))
    assert root.get("aria-label") == 'Quotes " and <angles> & more'
    assert root.get("role") == "img"


def test_same_figure_same_text_without_date_or_generator():
    first = a_figure()
    assert first == a_figure()
    assert "metadata" not in first
    assert "Matplotlib" not in first


def test_the_users_own_matplotlib_settings_are_neither_used_nor_changed():
    plain = a_figure()
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert a_figure() == plain
        assert mpl.rcParams["font.size"] == 30


def test_figures_can_be_drawn_in_threads():
    expected = figures.class_bars({"a": 3, "b": 4})
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(figures.class_bars({"a": 3, "b": 4})))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_coordinates_are_rounded_but_texts_are_not():
    svg = a_figure("0.123456789")
    assert ">0.123456789<" in svg
    inside_tags = " ".join(re.findall(r"<[^>]+>", svg.replace('viewBox="', "")))
    assert not re.search(r"\d\.\d{3,}", inside_tags)


def test_ids_are_made_unique_for_a_page():
    page = for_page(a_figure(), "f1-") + for_page(a_figure(), "f2-")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert ids
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page))
    assert used <= set(ids)
    assert "http" not in page

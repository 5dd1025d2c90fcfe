"""Which frames and pages become items."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.document import Document
from mediacorpus.media.opening import inspect
from mediacorpus.records import FileFacts, Kind, Shot
from mediacorpus.sources.derive import Rules, derive

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
film, scans = made["film"], made["scans"]
VIDEO = FileFacts("MP4", 64, 48, "RGB", 1, frames=50, kind=Kind.VIDEO)
PDF = FileFacts("PDF", 64, 48, "RGB", 1, frames=3, kind=Kind.DOCUMENT)
STILL = FileFacts("JPEG", 64, 48, "RGB", 1)
GIF = FileFacts("GIF", 64, 48, "RGB", 1, frames=4)
TIFF = FileFacts("TIFF", 64, 48, "RGB", 1, frames=4)
SOUND = FileFacts("WAV", 0, 0, "", 1, frames=0, kind=Kind.AUDIO)


@pytest.mark.parametrize(
    ("rules", "concerned"),
    [
        (Rules(), [PDF]),
        (Rules(frames="every=1s"), [VIDEO, PDF, GIF]),
        (Rules(pages="all"), [PDF, TIFF]),
        (Rules(pages="2-3"), [PDF, TIFF]),
    ],
)
def test_what_a_rule_concerns(rules, concerned):
    all_ = [VIDEO, PDF, STILL, GIF, TIFF, SOUND]
    assert [facts for facts in all_ if rules.concern(facts)] == concerned


def taken(path, **rules):
    facts = inspect(path)[1]
    return derive(path, facts, Rules(**rules))


def test_frames_at_even_steps(tmp_path):
    path = film(tmp_path / "a.mp4", [50] * 60)
    found = taken(path, frames="every=1s")
    assert [place.frame for place, _ in found.places] == [0, 25, 50]
    assert [place.time for place, _ in found.places] == pytest.approx([0, 1, 2])
    assert [str(place) for place, _ in taken(path, frames="every=30").places] == [
        "frame=0",
        "frame=30",
    ]
    facts = found.places[1][1]
    assert (facts.kind, facts.width, facts.height, facts.bytes) == (Kind.FRAME, 64, 48, 0)
    assert (facts.frames, facts.duration, facts.frame_rate) == (1, None, None)
    assert not found.shots


def test_one_frame_of_each_shot(tmp_path):
    path = film(tmp_path / "a.mp4", [20] * 30 + [220] * 40)
    found = taken(path, frames="shots")
    assert [(s.first, s.last) for s in found.shots] == [(0, 29), (30, 69)]
    numbers = [place.frame for place, _ in found.places]
    assert len(numbers) == 2
    assert 10 <= numbers[0] <= 19
    assert 45 <= numbers[1] <= 54


def test_shots_that_are_known_are_not_looked_for(tmp_path):
    path = film(tmp_path / "a.mp4", [20] * 30 + [220] * 40)
    known = [Shot(1, 0, 69, 0.0, 2.8)]
    beats = []
    found = derive(
        path, inspect(path)[1], Rules(frames="shots"), shots=known, progress=beats.append
    )
    assert len(found.places) == 1
    assert list(found.shots) == known
    assert not beats


def test_looking_for_shots_beats(tmp_path):
    path = film(tmp_path / "a.mp4", [20] * 100)
    beats = []
    derive(path, inspect(path)[1], Rules(frames="shots"), progress=beats.append)
    assert beats


def test_frames_of_an_animation(tmp_path):
    frames = [Image.new("L", (32, 20), gray) for gray in (0, 100, 200, 255)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=500)
    assert [place.frame for place, _ in taken(path, frames="every=1s").places] == [0, 2]
    assert taken(path, frames="shots").shots


def test_pages_have_the_size_at_which_they_are_drawn(tmp_path):
    image = np.full((101, 77, 3), 99, np.uint8)
    path = scans(tmp_path / "a.pdf", image, np.full((50, 60, 3), 9, np.uint8), image)
    for dpi in (50.0, 99.0, 200.0):
        with Document(path.read_bytes()) as document:
            for place, facts in taken(path, dpi=dpi).places:
                drawn = document.page(place.page, dpi=place.dpi)
                assert drawn.shape[:2] == (facts.height, facts.width)
                assert (facts.kind, facts.dpi, facts.bytes) == (Kind.PAGE, dpi, 0)


def test_pages_that_are_named(tmp_path):
    image = np.full((20, 20, 3), 99, np.uint8)
    path = scans(tmp_path / "a.pdf", *[image] * 5)
    assert [p.page for p, _ in taken(path).places] == [1, 2, 3, 4, 5]
    assert [p.page for p, _ in taken(path, pages="all").places] == [1, 2, 3, 4, 5]
    assert [p.page for p, _ in taken(path, pages="2-3,5").places] == [2, 3, 5]
    with pytest.raises(ParameterError, match="9"):
        taken(path, pages="9")


def test_pages_of_a_tiff_have_their_own_sizes(tmp_path):
    pages = [Image.new("L", (32, 20), 9), Image.new("L", (60, 80), 200)]
    path = tmp_path / "a.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    found = taken(path, pages="all").places
    assert [str(place) for place, _ in found] == ["page=1", "page=2"]
    assert [(facts.width, facts.height) for _, facts in found] == [(32, 20), (60, 80)]


def pdf(pages):
    """A document by hand, in which some pages (those that are false) are none."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{number + 3} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>")
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] >>"
    objects += [page if whole else "null" for whole in pages]
    text, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(text))
        text += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(text)}\n%%EOF\n"
    return (text + head + end).encode()


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_damaged_pdf_page_does_not_cost_the_others(tmp_path, broken):
    path = tmp_path / "thesis.pdf"
    path.write_bytes(pdf([number != broken for number in (1, 2, 3)]))
    found = taken(path)
    assert [place.page for place, _ in found.places] == [n for n in (1, 2, 3) if n != broken]
    assert found.broken == [
        (f"page={broken}", f"Page {broken} of the PDF document is damaged and cannot be read.")
    ]


def test_a_document_without_a_whole_page_is_a_failure(tmp_path):
    path = tmp_path / "thesis.pdf"
    path.write_bytes(pdf([False, False]))
    with pytest.raises(MediaError, match="No page of the PDF document can be read"):
        inspect(path)


@pytest.mark.parametrize(
    "before", [b"\xef\xbb\xbf", b"HTTP/1.1 200 OK\r\n\r\n", b"<br />\nNotice\n"]
)
def test_a_document_may_begin_with_other_bytes(tmp_path, before):
    path = tmp_path / "page.pdf"
    path.write_bytes(before + pdf([True, True]))
    assert len(taken(path).places) == 2


@pytest.mark.parametrize("broken", [2, 3])
def test_a_damaged_tiff_page_does_not_cost_the_others(tmp_path, broken):
    path = tmp_path / "scan.tif"
    noise = [
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (30, 40), np.uint8))
        for n in range(4)
    ]
    noise[0].save(path, save_all=True, append_images=noise[1:], compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    with Image.open(path) as image:
        image.seek(broken - 1)
        start, count = image.tag_v2[273][0], image.tag_v2[279][0]
    data[start : start + count] = bytes(count)
    path.write_bytes(data)
    found = taken(path, pages="all")
    assert [place.page for place, _ in found.places] == [n for n in (1, 2, 3, 4) if n != broken]
    [(part, reason)] = found.broken
    assert part == f"page={broken}"
    assert "damaged" in reason


def test_pages_of_a_scan_may_be_as_large_as_a_single_image(tmp_path):
    page = Image.new("1", (6000, 5000), 1)  # 30 megapixels
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page], compression="group4")
    found = taken(tmp_path / "a.tif", pages="all")
    assert [(facts.width, facts.height) for _, facts in found.places] == [(6000, 5000)] * 2
    assert not found.broken


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
@pytest.mark.parametrize("rule", ["every=1", "shots"])
def test_frames_before_the_damage_of_an_animation_are_kept(tmp_path, kind, rule):
    path = tmp_path / f"a.{kind.lower()}"
    noise = [
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (60, 80, 3), np.uint8))
        for n in range(6)
    ]
    noise[0].save(path, kind, save_all=True, append_images=noise[1:], duration=100)
    facts = inspect(path)[1]
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    found = derive(path, facts, Rules(frames=rule))
    assert 1 <= len(found.places) < 6
    [(part, reason)] = found.broken
    assert part.startswith("frame=")
    assert reason.startswith("The image is")


def test_an_animation_without_a_whole_frame_is_a_failure(tmp_path):
    path = tmp_path / "a.gif"
    Image.new("L", (8, 8)).save(path, save_all=True, append_images=[Image.new("L", (8, 8), 9)])
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(MediaError):
        derive(path, GIF, Rules(frames="every=1"))

"""Every kind of file, and the pixels of what is in it, whatever else was asked for."""

import dataclasses
import hashlib
import os
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import MediaError, ParameterError, TooLarge
from mediacorpus.media.animation import index_animation
from mediacorpus.media.decode import decode
from mediacorpus.media.document import Document
from mediacorpus.media.opening import Opener, content, first_bytes, hash_file, inspect, probe_any
from mediacorpus.media.video import VideoReader, index_frames
from mediacorpus.records import Kind, Locator, Place

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
film, tone, scans = made["film"], made["tone"], made["scans"]
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">'
    b'<rect width="9" height="9"/></svg>'
)
SIDES = [None, 20, 60, 90, 500]


def placed(path, *locators):
    digest, facts = inspect(path)
    return Place((path,), digest, facts, locators)


@pytest.fixture
def gif(tmp_path, scene):
    frames = [Image.fromarray(np.roll(scene(), 30 * n, axis=1)) for n in range(4)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)
    return path


# What a file is


def test_each_kind_is_told_with_its_hash(tmp_path, scene, gif):
    Image.fromarray(scene()).save(tmp_path / "a.jpg")
    (tmp_path / "a.svg").write_bytes(SVG)
    film(tmp_path / "a.mp4", range(0, 200, 10))
    tone(tmp_path / "a.wav")
    scans(tmp_path / "a.pdf", scene(), scene())
    expected = {
        "a.jpg": (Kind.IMAGE, "JPEG", 1),
        "a.svg": (Kind.IMAGE, "SVG", 1),
        "a.gif": (Kind.IMAGE, "GIF", 4),
        "a.mp4": (Kind.VIDEO, "MP4", 20),
        "a.wav": (Kind.AUDIO, "WAV", 0),
        "a.pdf": (Kind.DOCUMENT, "PDF", 2),
    }
    for name, told in expected.items():
        path = tmp_path / name
        digest, facts = inspect(path)
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (facts.kind, facts.format, facts.frames) == told
        assert facts.bytes == path.stat().st_size


def test_content_counts_not_the_name(tmp_path, scene):
    Image.fromarray(scene()).save(tmp_path / "a.png")
    for name in ("a.mp4", "a.pdf", "a.wav", "a"):
        path = tmp_path / name
        path.write_bytes((tmp_path / "a.png").read_bytes())
        assert inspect(path)[1].format == "PNG"
    film(tmp_path / "b.mp4", [10] * 5).rename(tmp_path / "b.jpg")
    assert inspect(tmp_path / "b.jpg")[1].kind is Kind.VIDEO


def test_a_document_may_begin_with_blanks(scene, tmp_path):
    data = scans(tmp_path / "a.pdf", scene()).read_bytes()
    assert probe_any(b"\r\n" + data).kind is Kind.DOCUMENT


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_no_media(tmp_path, size):
    path = tmp_path / "a.txt"
    path.write_bytes(b"words " * (size // 6))
    with pytest.raises(MediaError):
        inspect(path)


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none.jpg", tmp_path / "none.mp4", tmp_path, Path("a\0b.jpg")):
        with pytest.raises(MediaError) as caught:
            inspect(path)
        assert str(caught.value).count("The file") == 1
        assert not str(caught.value).endswith("..")


@pytest.mark.skipif(os.name != "posix", reason="not on this machine: pipes are POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="pipe"):
        inspect(tmp_path / "a.mp4")


def test_pixels_are_limited(tmp_path, scene):
    Image.fromarray(scene()).save(tmp_path / "a.png")
    with pytest.raises(TooLarge):
        inspect(tmp_path / "a.png", max_pixels=100)


def test_first_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(range(100)))
    assert first_bytes(path, 10) == bytes(range(10))
    assert first_bytes(path) == bytes(range(100))


def test_hashing_beats_and_sees_changes(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(9_000_000))
    beats = []
    assert (
        hash_file(path, beat=lambda: beats.append(1))
        == hashlib.sha256(bytes(9_000_000)).hexdigest()
    )
    assert len(beats) == 3
    hash_file(path, beat=lambda: beats.append(1))
    assert len(beats) == 3
    path.write_bytes(b"other")
    assert hash_file(path) == hashlib.sha256(b"other").hexdigest()


# Pixels


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.jpg", "RGB", {}),
        ("b.jpg", "CMYK", {}),
        ("c.jpg", "L", {"progressive": True}),
        ("a.png", "RGB", {}),
        ("b.png", "P", {}),
        ("c.png", "RGBA", {}),
        ("a.webp", "RGB", {"lossless": True}),
        ("a.tif", "RGB", {}),
        ("a.bmp", "RGB", {}),
        ("a.jp2", "RGB", {}),
        ("a.mpo", "RGB", {"save_all": True}),
        ("turned.jpg", "RGB", {"exif": 6}),
        ("turned.png", "RGB", {"exif": 5}),
    ],
)
@pytest.mark.parametrize("size", [(180, 240), (181, 243)])
def test_a_size_does_not_depend_on_the_others(tmp_path, scene, *, name, mode, options, size):
    path = tmp_path / name
    if "exif" in options:
        exif = Image.Exif()
        exif[274] = options["exif"]
        options = {"exif": exif}
    Image.fromarray(scene(*size)).convert(mode).save(path, **options)
    place = placed(path)
    with Opener() as opener:
        together = opener.images(place, SIDES)
        for side, pixels in zip(SIDES, together, strict=True):
            assert np.array_equal(pixels, opener.pixels(place, side))
            assert np.array_equal(pixels, decode(path.read_bytes(), min_side=side))
        assert together[0].shape[:2] == (place.facts.height, place.facts.width)


def test_a_drawing_is_drawn_for_each_size(tmp_path):
    path = tmp_path / "a.svg"
    path.write_bytes(SVG)
    with Opener() as opener:
        for side, pixels in zip(SIDES, opener.images(placed(path), SIDES), strict=True):
            assert np.array_equal(pixels, decode(SVG, min_side=side))


def test_frames_of_a_video(tmp_path):
    path = film(tmp_path / "a.mp4", range(0, 250, 5), size=(160, 120))
    index = index_frames(path)
    with Opener() as opener, VideoReader(path) as reader:
        for n in (40, 3, 49, 0):
            frame = Locator(Kind.FRAME, frame=n, pts=int(index.pts[n]), time=float(index.times[n]))
            together = opener.images(placed(path, frame), [None, 40])
            assert np.array_equal(together[0], reader.frame(int(index.pts[n])))
            assert np.array_equal(together[1], reader.frame(int(index.pts[n]), min_side=40))
            assert abs(together[0].mean() - 5 * n) < 3


def test_frames_of_an_animation(gif, scene):
    index = index_animation(gif.read_bytes())
    with Opener() as opener:
        for n in (2, 0, 3):
            frame = Locator(Kind.FRAME, frame=n, pts=int(index.pts[n]))
            pixels = opener.pixels(placed(gif, frame))
            assert np.abs(pixels.astype(int) - np.roll(scene(), 30 * n, axis=1)).mean() < 12


def test_pages(tmp_path, scene):
    path = scans(tmp_path / "a.pdf", scene(), scene()[::-1])
    page = Locator(Kind.PAGE, page=2, dpi=100)
    with Opener() as opener, Document(path.read_bytes()) as document:
        for side in (None, 60):
            drawn = document.page(2, dpi=100, min_side=side)
            assert np.array_equal(opener.pixels(placed(path, page), side), drawn)


def test_pages_of_a_tiff_each_with_its_own_size(tmp_path, scene):
    pages = [Image.fromarray(scene()), Image.fromarray(scene(60, 90))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with Opener() as opener:
        for n, page in enumerate(pages, 1):
            place = placed(tmp_path / "a.tif", Locator(Kind.PAGE, page=n))
            assert np.array_equal(opener.pixels(place), np.asarray(page))


def test_regions_are_cut_before_they_are_reduced(tmp_path, scene):
    path = tmp_path / "a.png"
    Image.fromarray(scene()).save(path)
    with Opener() as opener:
        part = placed(path, Locator(Kind.REGION, box=(0.25, 0.5, 0.5, 0.5)))
        assert np.array_equal(opener.pixels(part), scene()[90:, 60:180])
        reduced = opener.pixels(part, 40)
        assert reduced.shape == (45, 60, 3)


def test_a_region_of_a_frame(tmp_path):
    path = film(tmp_path / "a.mp4", [20, 200, 20], size=(160, 120))
    frame = Locator(Kind.FRAME, frame=1, pts=int(index_frames(path).pts[1]))
    with Opener() as opener:
        whole = opener.pixels(placed(path, frame))
        part = opener.pixels(placed(path, frame, Locator(Kind.REGION, box=(0, 0, 0.5, 0.5))))
    assert np.array_equal(part, whole[:60, :80])


def test_beyond_the_end(tmp_path, scene, gif):
    video, document = film(tmp_path / "a.mp4", [9] * 4), scans(tmp_path / "a.pdf", scene())
    with Opener() as opener:
        for place in (
            placed(video, Locator(Kind.FRAME, frame=99, pts=10**9)),
            placed(gif, Locator(Kind.FRAME, frame=99, pts=99)),
            placed(document, Locator(Kind.PAGE, page=2, dpi=100)),
        ):
            with pytest.raises((MediaError, ParameterError)):
                opener.pixels(place)


# Copies


def test_the_first_copy_that_is_still_the_same_is_taken(tmp_path, scene):
    path = tmp_path / "good.png"
    Image.fromarray(scene()).save(path)
    place = placed(path)
    (tmp_path / "changed.png").write_bytes(b"something else")
    paths = (tmp_path / "gone.png", tmp_path / "changed.png", path)
    assert content(dataclasses.replace(place, paths=paths)) == path.read_bytes()
    with Opener() as opener:
        assert np.array_equal(opener.pixels(dataclasses.replace(place, paths=paths)), scene())
    with pytest.raises(MediaError, match="not there"):
        content(dataclasses.replace(place, paths=paths[:2]))
    with pytest.raises(MediaError, match="has changed"):
        content(dataclasses.replace(place, paths=paths[1:2]))
    with pytest.raises(MediaError):
        content(dataclasses.replace(place, paths=()))


def test_a_video_that_has_changed_is_not_measured(tmp_path):
    path = film(tmp_path / "a.mp4", [20] * 5)
    place = placed(path, Locator(Kind.FRAME, frame=0, pts=0))
    copy = film(tmp_path / "b.mp4", [20] * 5)
    copy.write_bytes(path.read_bytes())
    film(path, [200] * 9)
    with Opener() as opener:
        with pytest.raises(MediaError, match="has changed"):
            opener.pixels(place)
        assert opener.pixels(dataclasses.replace(place, paths=(path, copy))).mean() < 40


def test_one_container_follows_another(tmp_path, scene):
    first, second = film(tmp_path / "a.mp4", [20] * 5), film(tmp_path / "b.mp4", [200] * 5)
    document = scans(tmp_path / "a.pdf", np.full((50, 50, 3), 128, np.uint8))
    frame = Locator(Kind.FRAME, frame=0, pts=0)
    with Opener() as opener:
        for path, step, mean in (
            (first, frame, 20),
            (second, frame, 200),
            (document, Locator(Kind.PAGE, page=1, dpi=50), 128),
            (first, frame, 20),
        ):
            assert abs(opener.pixels(placed(path, step)).mean() - mean) < 4


def test_too_large_is_refused_wherever_it_comes_from(tmp_path, scene, gif):
    video, document = film(tmp_path / "a.mp4", [9] * 4), scans(tmp_path / "a.pdf", scene())
    Image.fromarray(scene()).save(tmp_path / "a.png")
    with Opener(max_pixels=1000) as opener:
        for place in (
            placed(tmp_path / "a.png"),
            placed(tmp_path / "a.png", Locator(Kind.REGION, box=(0, 0, 0.1, 0.1))),
            placed(video, Locator(Kind.FRAME, frame=0, pts=0)),
            placed(gif, Locator(Kind.FRAME, frame=0, pts=0)),
            placed(document, Locator(Kind.PAGE, page=1, dpi=100)),
        ):
            with pytest.raises(TooLarge):
                opener.pixels(place)

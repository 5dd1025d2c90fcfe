from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import CorpusReadOnly, ParameterError, UnknownName
from mediacorpus.media.augment import Augmentation
from mediacorpus.media.resize import pad, resize, scale_percent
from mediacorpus.media.sheet import (
    augmented,
    parse_resize,
    resized,
    sheet,
    write_sheet,
)

RED = (255, 0, 0)


def block(height: int, width: int, color: tuple[int, int, int] = RED) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def boxes(page: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of what has a color."""
    rows, columns = np.nonzero((page == color).all(axis=2))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("squish 224", ("squish", 224)),
        ("crop 224", ("crop", 224)),
        ("  PAD   224 ", ("pad", 224)),
        ("rescale-crop 15", ("rescale-crop", 15)),
        ("rescale_crop 15", ("rescale-crop", 15)),
        ("224", ("squish", 224)),
        ("224x160", ("squish", (160, 224))),
        ("crop 224 x 160", ("crop", (160, 224))),
        ("pad 224×160", ("pad", (160, 224))),  # noqa: RUF001 - the sign itself
        ("50%", ("percent", 50.0)),
        ("12.5 %", ("percent", 12.5)),
    ],
)
def test_how_to_resize_is_read(text, found):
    assert parse_resize(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "crop", "0", "crop 0", "crop -5", "224x", "0%", "crop 50%", "%", "1.5", "224x0", "9" * 6],
)
def test_what_says_no_size_is_refused(text):
    with pytest.raises(ParameterError, match="how to resize"):
        parse_resize(text)


def test_an_unknown_way_names_the_near_one():
    with pytest.raises(UnknownName, match="Did you mean 'squish'"):
        parse_resize("squash 224")


def test_a_text_resizes_as_the_functions_do(scene):
    image = scene()
    assert (resized(image, "pad 64x32") == pad(image, (32, 64))).all()
    assert (resized(image, "crop 50") == resize(image, 50, how="crop")).all()
    assert (resized(image, "25%") == scale_percent(image, 25)).all()


def test_versions_repeat_with_the_seed_and_begin_with_the_original(scene):
    first, again, other = (augmented(scene(), 3, seed=s) for s in (1, 1, 2))
    assert (first[0] == scene()).all()
    assert len(first) == 4
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first[1:], other[1:], strict=True))
    assert len({version.tobytes() for version in first[1:]}) == 3
    assert augmented(scene(), 1, augmentation=Augmentation(size=32))[1].shape == (32, 32, 3)


def test_proportions_stay_and_small_images_show_their_pixels():
    page = sheet([("", block(300, 600)), ("", block(15, 15, (0, 0, 255)))], side=200)
    top, bottom, left, right = boxes(page, RED)
    assert (bottom - top, right - left) == (100, 200)
    top, bottom, left, right = boxes(page, (0, 0, 255))
    assert (bottom - top, right - left) == (60, 60)


@pytest.mark.parametrize(
    ("long", "shown"), [(15, 60), (50, 200), (60, 180), (101, 101), (200, 200)]
)
def test_enlarging_is_by_whole_numbers_up_to_four(long, shown):
    top, bottom, left, right = boxes(sheet([("", block(long, long))], side=200), RED)
    assert (bottom - top, right - left) == (shown, shown)


def test_enlarged_pixels_are_not_smoothed():
    checks = (np.indices((6, 6)).sum(axis=0) % 2 * 200).astype(np.uint8)
    page = sheet([("", checks)], side=24)
    left = (page.shape[1] - 24) // 2
    shown = page[16:40, left : left + 24, 0]
    assert (shown == checks.repeat(4, axis=0).repeat(4, axis=1)).all()


def test_reduction_averages_areas():
    stripes = (np.indices((400, 400))[1] % 2 * 200).astype(np.uint8)
    page = sheet([("", stripes)], side=100)
    assert page[60, 60].tolist() == [100, 100, 100]


def test_margins_are_even_and_rows_stand_on_their_captions():
    tiles = [("a", block(90, 100)), ("b", block(50, 100, (0, 0, 255)))]
    page = sheet(tiles, side=100)
    red, blue = boxes(page, RED), boxes(page, (0, 0, 255))
    assert red[1] == blue[1]
    assert red[0] == red[2] == page.shape[1] - blue[3] == blue[2] - red[3] == 16
    below = page[red[1] + 2 : -16]
    assert below.min() < 160  # a caption is there
    assert (page[-14:] == 255).all()
    assert (page[:15] == 255).all()


def test_without_captions_no_room_is_left_for_them():
    assert sheet([("", block(100, 100))], side=100).shape[0] == 100 + 2 * 16
    assert sheet([("x", block(100, 100))], side=100).shape[0] > 100 + 2 * 16


def test_long_captions_stay_within_their_place():
    red, blue = block(100, 100), block(100, 100, (0, 0, 255))
    for text in ("word " * 80, "W" * 500, "a\nb\tc", "\udcff\x00", "ÄÖ é …", "図書館"):
        page = sheet([(text, red), ("", blue), (text, red)], side=100)
        assert (page[118 + 16 :, 118:230] == 255).all(), text
        assert page.shape[0] <= 16 + 100 + 6 + 2 * 16 + 16


def test_the_title_is_above():
    plain, titled = (sheet([("a", block(50, 100))], side=100, title=t) for t in (None, "All " * 99))
    extra = titled.shape[0] - plain.shape[0]
    assert extra > 16
    assert titled.shape[1] == plain.shape[1]
    assert titled[:extra].min() < 100
    assert (titled[extra:] == plain)[20:].all()


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (3, 3), (5, 5), (6, 3), (9, 3), (12, 4), (13, 5), (100, 10)]
)
def test_columns_leave_few_places_empty(count, columns):
    page = sheet([("", block(100, 100))] * count, side=100)
    assert page.shape[1] == 2 * 16 + columns * 100 + (columns - 1) * 16
    fixed = sheet([("", block(100, 100))] * count, side=100, columns=2)
    assert fixed.shape[1] == 2 * 16 + min(count, 2) * 100 + (min(count, 2) - 1) * 16


@pytest.mark.parametrize(
    "call",
    [
        lambda p: sheet([]),
        lambda p: sheet([("a", p)], columns=0),
        lambda p: sheet([("a", p)], side=0),
        lambda p: sheet([("a", p)] * 400, columns=400),
        lambda p: sheet([("a", p.astype(float))]),
        lambda p: augmented(p, 0),
        lambda p: augmented(p[..., :2], 1),
    ],
)
def test_nonsense_is_refused(call, scene):
    with pytest.raises(ParameterError):
        call(scene())


@pytest.mark.parametrize(
    ("name", "kind", "off"),
    [("a.png", "PNG", 0), ("a.JPG", "JPEG", 3), ("a.jpeg", "JPEG", 3), ("a.webp", "WEBP", 4)],
)
def test_files_of_each_kind(tmp_path, scene, name, kind, off):
    path = tmp_path / "new folder" / name
    write_sheet(path, scene())
    with Image.open(path) as image:
        assert image.format == kind
        found = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(found - scene()).mean() <= off
    write_sheet(path, scene()[:9])  # over the first
    with Image.open(path) as image:
        assert image.height == 9
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_files_that_cannot_be_written(tmp_path, scene, monkeypatch):
    with pytest.raises(ParameterError, match=r"'a\.gif' ends in none"):
        write_sheet(tmp_path / "a.gif", scene())
    with pytest.raises(ParameterError, match="16,383"):
        write_sheet(tmp_path / "a.webp", block(1, 16_384))
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(path), "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_sheet(path, scene())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]  # noqa: PTH208 - every name


def test_a_folder_that_is_read_only(ordinary_user, scene):
    folder, lowered = ordinary_user
    write_sheet(folder / "before.png", scene(9, 9))  # what is imported late is imported now
    folder.chmod(0o555)
    with lowered(), pytest.raises(CorpusReadOnly, match="cannot be written"):
        write_sheet(folder / "a.png", scene(9, 9))

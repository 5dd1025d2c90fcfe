from __future__ import annotations

import numpy as np
import pytest

from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.media.color_spaces import to_gray
from mediacorpus.media.representations import channels, represent

KINDS = {
    "rgb": 1,
    "gray": 1,
    "channels": 3,
    "red": 1,
    "green": 1,
    "blue": 1,
    "cmyk": 4,
    "hsv": 3,
    "lab": 3,
    "edges": 1,
}


def one(color: tuple[int, int, int], kind: str, part: int) -> list[int]:
    return channels(np.full((3, 3, 3), color, np.uint8), kind)[part][1][1, 1].tolist()


@pytest.mark.parametrize(("kind", "parts"), KINDS.items())
@pytest.mark.parametrize("gray", [False, True])
def test_every_kind_gives_color_images_of_the_same_size(scene, kind, parts, gray):
    image = to_gray(scene(50, 75)) if gray else scene(50, 75)
    before = image.copy()
    found = channels(image, kind)
    assert len({name for name, _ in found}) == len(found) == parts
    for _, part in found:
        assert (part.shape, part.dtype) == ((50, 75, 3), np.uint8)
        assert not np.shares_memory(part, image)
    assert (image == before).all()
    assert represent(image, kind).shape == (50, parts * 75 + (parts - 1) * 3, 3)


def test_parts_stand_side_by_side_with_white_between(scene):
    image = scene(50, 75)
    joined = represent(image, "hsv")
    for place, (_, part) in enumerate(channels(image, "hsv")):
        assert (joined[:, place * 78 : place * 78 + 75] == part).all()
    assert (joined[:, 75:78] == 255).all()


def test_gray_and_rgb(scene):
    image = scene()
    assert (represent(image, "rgb") == image).all()
    assert (represent(image, "gray") == to_gray(image)[..., None]).all()


def test_channels_stand_in_their_own_color():
    color = (200, 120, 40)
    assert [one(color, "channels", part) for part in range(3)] == [
        [200, 0, 0],
        [0, 120, 0],
        [0, 0, 40],
    ]
    assert one(color, "green", 0) == [0, 120, 0]


def test_inks_are_printed_alone_on_white():
    assert [one((255, 255, 255), "cmyk", part) for part in range(4)] == [[255] * 3] * 4
    assert one((0, 255, 255), "cmyk", 0) == [0, 255, 255]
    assert one((0, 255, 255), "cmyk", 1) == [255, 255, 255]
    assert one((51, 51, 51), "cmyk", 3) == [51, 51, 51]


def test_hue_is_pure_and_absent_from_grays():
    assert one((60, 30, 30), "hsv", 0) == [255, 0, 0]
    assert one((10, 10, 200), "hsv", 0) == [0, 0, 255]
    assert one((90, 90, 90), "hsv", 0) == [128, 128, 128]
    assert one((60, 15, 15), "hsv", 1) == [191, 191, 191]
    assert one((60, 30, 30), "hsv", 2) == [60, 60, 60]


def test_opponents_show_their_color_and_white_for_none():
    assert [one((128, 128, 128), "lab", part) for part in (1, 2)] == [[255] * 3] * 2
    green, magenta = one((0, 255, 0), "lab", 1), one((255, 0, 255), "lab", 1)
    assert green[1] > max(green[0], green[2])
    assert magenta[1] < min(magenta[0], magenta[2])
    blue, yellow = one((0, 0, 255), "lab", 2), one((255, 255, 0), "lab", 2)
    assert blue[2] > max(blue[:2])
    assert yellow[2] < min(yellow[:2])
    assert one((255, 255, 255), "lab", 0) == [255] * 3


def test_edges_are_black_where_the_step_is():
    step = np.full((60, 80, 3), 60, np.uint8)
    step[:, 40:] = 190
    lines = represent(step, "edges")
    assert set(np.unique(lines)) == {0, 255}
    rows, columns = np.nonzero(lines[..., 0] == 0)
    assert set(rows[5:-5]) >= set(range(5, 55))
    assert set(columns) <= {38, 39, 40, 41}


def test_an_even_or_slightly_noisy_ground_has_no_edges():
    noise = np.random.default_rng(5).integers(120, 136, (90, 90, 3), dtype=np.uint8)
    for flat in (np.full((40, 40, 3), 99, np.uint8), noise, np.zeros((1, 1), np.uint8)):
        assert represent(flat, "edges").min() == 255


def test_refusals(scene):
    with pytest.raises(UnknownName, match="'grey'"):
        represent(scene(), "grey")
    for kind in KINDS:
        with pytest.raises(ParameterError, match="An image is a uint8 array"):
            represent(scene().astype(float), kind)

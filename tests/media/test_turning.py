from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import ParameterError
from mediacorpus.media import flip, one_channel, turn


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, -90, 450])
def test_quarter_turns_change_no_pixel(scene, degrees):
    image = scene(60, 80)
    expected = np.asarray(Image.fromarray(image).rotate(degrees, expand=True))
    np.testing.assert_array_equal(turn(image, degrees, expand=True), expected)


@pytest.mark.parametrize("degrees", [10, -35, 90.5, 200])
@pytest.mark.parametrize("expand", [False, True])
def test_other_angles_are_those_of_pillow(scene, degrees, expand):
    image = scene(120, 160)
    found = turn(image, degrees, expand=expand)
    other = Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR, expand=expand)
    assert np.abs(np.subtract(found.shape[:2], other.size[::-1])).max() <= (2 if expand else 0)
    center = [side // 2 for side in found.shape[:2]]
    theirs = np.asarray(other).astype(int)
    middle = [side // 2 for side in theirs.shape[:2]]
    ours = found[center[0] - 30 : center[0] + 30, center[1] - 30 : center[1] + 30].astype(int)
    theirs = theirs[middle[0] - 30 : middle[0] + 30, middle[1] - 30 : middle[1] + 30]
    assert np.abs(ours - theirs).mean() < 4


def test_the_corners_are_filled(scene):
    assert turn(scene(60, 80), 45, expand=True, fill=(1, 2, 3))[0, 0].tolist() == [1, 2, 3]


def test_mirroring_twice_gives_the_image_back(scene):
    for up_down in (False, True):
        np.testing.assert_array_equal(
            flip(flip(scene(), up_down=up_down), up_down=up_down), scene()
        )


def test_the_channels_add_up_to_the_image(scene):
    parts = [one_channel(scene(), channel) for channel in ("red", "green", "blue")]
    np.testing.assert_array_equal(sum(parts), scene())


def test_wrong_parameters_are_refused(scene):
    with pytest.raises(ParameterError, match="angle is nan"):
        turn(scene(), float("nan"))
    with pytest.raises(ParameterError, match="no channel 'yellow'; there are red, green, blue"):
        one_channel(scene(), "yellow")

import hashlib

import numpy as np
import pytest
from PIL import Image

from mediacorpus.errors import ParameterError
from mediacorpus.testing import toy_images


def test_images_lie_in_two_class_folders(tmp_path):
    files = toy_images(tmp_path, 11)
    assert [file.parent.name for file in files].count("warm") == 6
    assert sorted(tmp_path.rglob("*.jpg")) == sorted(files)
    for file in files:
        with Image.open(file) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (128, 96))


def test_no_two_images_are_the_same(tmp_path):
    files = toy_images(tmp_path, 60)
    assert len({hashlib.sha256(file.read_bytes()).digest() for file in files}) == 60


def test_seed_decides(tmp_path):
    content = [
        [file.read_bytes() for file in toy_images(tmp_path / str(k), 6, seed=seed)]
        for k, seed in enumerate([1, 1, 2])
    ]
    assert content[0] == content[1]
    assert not set(content[0]) & set(content[2])


def test_classes_can_be_told_apart_by_mean_color(tmp_path):
    files = toy_images(tmp_path, 40)
    colors = []
    for file in files:
        with Image.open(file) as image:
            colors.append(np.asarray(image).mean(axis=(0, 1)))
    warm = [red > blue for red, _, blue in colors]
    assert warm == [file.parent.name == "warm" for file in files]


@pytest.mark.parametrize("wrong", [{"n": -1}, {"side": 4}])
def test_arguments_are_checked(tmp_path, wrong):
    with pytest.raises(ParameterError, match="Toy images need"):
        toy_images(tmp_path, **wrong)

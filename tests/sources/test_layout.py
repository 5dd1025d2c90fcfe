"""Folders of data sets as they are handed out."""

import shutil
import tarfile

import pytest

from mediacorpus.sources.layout import PART_NAMES, layout_of

PLAIN = {"cats/1": ("cats", None), "dogs/deep/2": ("dogs", None), "3": (None, None)}
SPLIT = {
    "train/cats/1": ("cats", "train"),
    "Validation/dogs/2": ("dogs", "val"),
    "TEST/dogs/deep/3": ("dogs", "test"),
}

LAYOUTS = {
    "class folders": PLAIN,
    "one class folder": {"cats/1": ("cats", None), "cats/2": ("cats", None)},
    "a class folder named as a part": {"train/1": ("train", None), "bus/2": ("bus", None)},
    "classes that end like a part": {
        "freight_train/1": ("freight_train", None),
        "bullet train/2": ("bullet train", None),
    },
    "torchvision": SPLIT,
    "a folder about all": {f"hymenoptera/{path}": read for path, read in SPLIT.items()},
    "two folders about all": {f"a/b/{path}": read for path, read in SPLIT.items()},
    "Kaggle: PetImages": {"PetImages/Cat/1": ("Cat", None), "PetImages/Dog/2": ("Dog", None)},
    "Kaggle: a file beside": {
        "cover": (None, None),
        "PetImages/Cat/1": ("Cat", None),
        "PetImages/Dog/2": ("Dog", None),
    },
    "Kaggle: a flat test": {
        "train/cats/1": ("cats", "train"),
        "train/dogs/2": ("dogs", "train"),
        "test/3": (None, "test"),
    },
    "Kaggle: each part twice": {
        "seg_train/seg_train/sea/1": ("sea", "train"),
        "seg_train/seg_train/street/2": ("street", "train"),
        "seg_test/seg_test/sea/3": ("sea", "test"),
        "seg_test/seg_test/street/4": ("street", "test"),
    },
    "Kaggle: sets": {
        "dataset/training_set/cats/1": ("cats", "train"),
        "dataset/test_set/dogs/2": ("dogs", "test"),
    },
    "Kaggle: flat parts twice": {"train/train/1": (None, "train"), "test/test/2": (None, "test")},
    "flat parts": {"train/1": (None, "train"), "test/2": (None, "test")},
    "Keras": {
        "aclImdb/train/pos/1": ("pos", "train"),
        "aclImdb/train/neg/2": ("neg", "train"),
        "aclImdb/test/pos/3": ("pos", "test"),
    },
    "parts in the classes": {
        "cats/train/1": ("cats", "train"),
        "cats/test/2": ("cats", "test"),
        "dogs/train/3": ("dogs", "train"),
    },
    "one part only": {"train/cats/1": ("cats", "train"), "train/dogs/2": ("dogs", "train")},
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name):
    paths = {path: tuple(path.split("/")[:-1]) for path in LAYOUTS[name]}
    layout = layout_of(paths.values())
    assert {path: layout.read(folders) for path, folders in paths.items()} == LAYOUTS[name]


def test_parts_have_one_name_each_in_the_end():
    assert set(PART_NAMES.values()) == {"train", "val", "test"}
    assert all(name == name.lower() for name in PART_NAMES)


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_folders_and_archives_are_read_alike(store, add, save, tmp_path, kind):
    for n, place in enumerate(("train/cats", "train/dogs", "test")):
        save(tmp_path / "data" / "Pets" / place / f"{n}.png", n)
        save(tmp_path / "data" / "Pets" / place / f"{n}b.png", n + 10)
    source = tmp_path / "data"
    if kind == "zip":
        source = shutil.make_archive(str(tmp_path / "d1"), "zip", tmp_path / "data")
    if kind == "tar":
        source = tmp_path / "d2.tar.gz"
        with tarfile.open(source, "w:gz") as archive:
            archive.add(tmp_path / "data" / "Pets", "Pets")
    told = add(source, variable="pet")
    assert told.labels == 4
    assert "2 classes below Pets: cats (2), dogs (2)." in str(told)
    assert "part test has no class folders (2 files)" in str(told)
    values = dict(store.rows("SELECT value, count(*) FROM labels GROUP BY value"))
    assert values == {"cats": 2, "dogs": 2}

"""Folders of data sets as they are handed out."""

import shutil
import tarfile

import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.sources.layout import PART_NAMES, layout_of
from mediacorpus.store import holdings

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


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "files"])
def test_labels_may_stand_in_the_names_of_files(store, add, save, tmp_path, kind):
    for n, name in enumerate(("train/cat.0", "train/dog.1", "test/dog.2", "test/3")):
        save(tmp_path / "data" / f"{name}.png", n)
    source = tmp_path / "data"
    if kind in {"zip", "tar"}:
        source = shutil.make_archive(str(tmp_path / "made"), kind, source)
    if kind == "files":
        source = sorted(source.rglob("*.png"))
    told = add(source, variable="pet", label_from="{label}.*.png")
    assert told.labels == 3
    assert "1 images are in no class" in str(told)
    values = dict(store.rows("SELECT value, count(*) FROM labels GROUP BY value"))
    assert values == {"cat": 1, "dog": 2}
    parts = dict(store.rows("SELECT part, count(*) FROM split_items GROUP BY part"))
    assert parts == {"train": 2, "test": 1}


@pytest.mark.parametrize("pattern", ["*.jpg", "{label}.{label}", ""])
def test_a_pattern_needs_one_label(add, images, pattern):
    with pytest.raises(ParameterError, match="once where the class stands"):
        add(images, variable="pet", label_from=pattern)


def test_labels_in_names_need_a_variable(add, images):
    with pytest.raises(ParameterError, match="Name the variable"):
        add(images, label_from="{label}.*")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_small_files_are_listed_as_skipped_with_the_reason(store, add, images, tmp_path, kind):
    source = images if kind == "folder" else shutil.make_archive(str(tmp_path / "a"), "zip", images)
    sizes = sorted(path.stat().st_size for path in images.iterdir())
    told = add(source, min_bytes=sizes[len(sizes) // 2])
    reasons = [r for (r,) in store.rows("SELECT reason FROM failures WHERE stage = 'skipped'")]
    assert len(reasons) == sum(told.skipped.values()) > 0
    assert all("bytes, fewer than the" in reason for reason in reasons)
    assert told.failed == 0


def test_two_files_with_one_id_cost_one_of_them(store, add, save, tmp_path, monkeypatch):
    monkeypatch.setattr(holdings, "ITEM_LENGTH", 1)
    for n in range(20):
        save(tmp_path / "many" / f"{n}.png", n)
    told = add(tmp_path / "many")
    ids = store.value("SELECT count(*) FROM items")
    assert (told.records, told.failed) == (ids, 20 - ids)
    assert 1 < ids < 17
    assert all("made so" in r for (r,) in store.rows("SELECT reason FROM failures"))
    assert add(tmp_path / "many").failed == 20 - ids

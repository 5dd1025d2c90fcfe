"""Images in arrays: IDX files, npz, batches of CIFAR."""

import gzip
import pickle
import struct

import numpy as np
import pytest

from mediacorpus.errors import SourceError
from mediacorpus.sources.array_sets import array_members, is_array_set

RNG = np.random.default_rng(1)
GRAY = RNG.integers(0, 256, (6, 28, 28), np.uint8)
COLOR = RNG.integers(0, 256, (6, 32, 32, 3), np.uint8)
LABELS = np.array([0, 1, 0, 1, 0, 1], np.uint8)


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_folder(folder, packed=False):
    for part, rows in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        for name, values in (("images-idx3", GRAY[rows]), ("labels-idx1", LABELS[rows])):
            content = idx(values)
            file = f"{part}-{name}-ubyte" + (".gz" if packed else "")
            (folder / file).write_bytes(gzip.compress(content) if packed else content)
    return folder


def cifar_folder(folder, binary=False):
    for name, rows in (
        ("data_batch_1", slice(0, 2)),
        ("data_batch_2", slice(2, 4)),
        ("test_batch", slice(4, 6)),
    ):
        planes = np.moveaxis(COLOR[rows], -1, 1).reshape(2, -1)
        labels = LABELS[rows].tolist()
        if binary:
            content = b"".join(
                bytes([n]) + row.tobytes() for n, row in zip(labels, planes, strict=True)
            )
            (folder / f"{name}.bin").write_bytes(content)
        else:
            (folder / name).write_bytes(pickle.dumps({b"data": planes, b"labels": labels}))
    if binary:
        (folder / "batches.meta.txt").write_text("cat\ndog\n")
    else:
        (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"cat", b"dog"]}))
    return folder


def npz(folder, **arrays):
    np.savez(folder / "set.npz", **arrays)
    return folder / "set.npz"


KERAS = {"x_train": GRAY[:4], "y_train": LABELS[:4], "x_test": GRAY[4:], "y_test": LABELS[4:]}
SETS = {
    "IDX": lambda folder: (idx_folder(folder), GRAY, "01"),
    "IDX packed": lambda folder: (idx_folder(folder, packed=True), GRAY, "01"),
    "CIFAR": lambda folder: (cifar_folder(folder), COLOR, ("cat", "dog")),
    "CIFAR binary": lambda folder: (cifar_folder(folder, binary=True), COLOR, ("cat", "dog")),
    "npz": lambda folder: (npz(folder, **KERAS), GRAY, "01"),
    "npz of color, channels first, in fractions": lambda folder: (
        npz(
            folder,
            train_images=np.moveaxis(COLOR[:4], -1, 1) / 255,
            train_labels=LABELS[:4, None],
            test_images=np.moveaxis(COLOR[4:], -1, 1) / 255,
            test_labels=LABELS[4:, None],
        ),
        COLOR,
        "01",
    ),
}


@pytest.mark.parametrize("kind", SETS)
def test_sets_of_arrays_are_sources_with_labels_and_parts(store, add, tmp_path, kind):
    (tmp_path / "set").mkdir()
    source, images, names = SETS[kind](tmp_path / "set")
    told = add(source, variable="kind")
    assert (told.records, told.labels, told.failed) == (6, 6, 0)
    found = dict(store.rows("SELECT value, count(*) FROM labels GROUP BY value"))
    assert found == {names[0]: 3, names[1]: 3}
    parts = dict(store.rows("SELECT part, count(*) FROM split_items GROUP BY part"))
    assert parts == {"train": 4, "test": 2}
    stored = [store.folder / one for (one,) in store.rows("SELECT stored FROM records")]
    pixels = {path.read_bytes()[-images[0].size :] for path in stored}
    assert pixels == {image.tobytes() for image in images}
    again = add(source, variable="kind")
    assert (again.records, again.unchanged, again.labels) == (0, 6, 0)


def test_a_folder_that_holds_other_media_too_is_a_folder(add, save, tmp_path):
    (tmp_path / "set").mkdir()
    idx_folder(tmp_path / "set")
    save(tmp_path / "set" / "1.png", 1)
    told = add(tmp_path / "set")
    assert (told.records, told.failed) == (1, 0)


def test_what_was_unpacked_beside_is_read_once(add, tmp_path):
    (tmp_path / "set").mkdir()
    idx_folder(tmp_path / "set")
    idx_folder(tmp_path / "set", packed=True)
    assert add(tmp_path / "set").records == 6


def test_one_file_without_labels_gives_its_images(add, tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(GRAY))
    assert add(tmp_path / "train-images-idx3-ubyte").records == 6


class Harm:
    def __reduce__(self):
        return (print, ("harm",))


BAD = {
    "data_batch_1": (pickle.dumps(Harm()), "asks for builtins.print, which is not data"),
    "test_batch.bin": (b"abc", "no multiple of 3,073 bytes"),
    "a-idx3-ubyte": (idx(GRAY)[:100], "it is cut off"),
    "b-idx3-ubyte": (b"\0\0\x0d\3" + bytes(99), "no IDX file of bytes"),
    "c-idx3-ubyte.gz": (b"\x1f\x8b\x08", "cannot be read"),
    "d-idx3-ubyte": (struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 9), "larger than 8 GB"),
    "e.npz": (b"PK\3\4", "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_damaged_or_means_harm_is_refused(tmp_path, capsys, name):
    content, words = BAD[name]
    (tmp_path / name).write_bytes(content)
    assert is_array_set(tmp_path / name)
    with pytest.raises(SourceError, match=words):
        list(array_members(tmp_path / name))
    assert "harm" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.zeros(3)}, r"none of its arrays is of images; it holds a \(3,\)"),
        ({"x": np.full((2, 4, 4), 999)}, "not from 0 to 255"),
        ({"x": np.zeros((2, 4, 4, 7), np.uint8)}, "7 channels"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, arrays, words):
    with pytest.raises(SourceError, match=words):
        list(array_members(npz(tmp_path, **arrays)))

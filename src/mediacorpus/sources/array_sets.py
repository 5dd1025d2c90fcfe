"""Images that lie in arrays: IDX files (MNIST), `.npz`, and the batches of CIFAR.

They are read as if they were an archive of small image files, whose folders are the parts and the
classes: `train/7/00012.pgm`. The format is plain (PGM, PPM), so that an image has the same bytes,
and the same id, on every machine.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import SourceError
from mediacorpus.sources._archived import Member
from mediacorpus.sources.layout import PART_NAMES
from mediacorpus.sources.walk import MEDIA_SUFFIXES
from mediacorpus.store.holdings import path_text

MOST_BYTES = 8_000_000_000
"""What the arrays of one file may hold."""
SIDE = 32
RECORD = 1 + 3 * SIDE * SIDE
"""Bytes of one image in CIFAR's binary files: its class, then red, green and blue."""
UBYTE = 0x08

_IDX_IMAGES = re.compile(r"idx[34]-ubyte(?:\.gz)?$|images.*idx.*(?:\.gz)?$")
_BATCH = re.compile(r"(?:data_batch_\d|test_batch)(\.bin)?$")
_TOKENS = re.compile(r"[\W_]+")
_OF_LABELS = {"y", "label", "labels", "target", "targets", "class", "classes"}
_SAFE = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


@dataclass(frozen=True, slots=True)
class _Set:
    """Images `(N, H, W)` or `(N, H, W, 3)`, uint8, with the class of each, and their part."""

    images: NDArray[np.uint8]
    labels: list[str] | None
    part: str | None


def is_array_set(path: Path) -> bool:
    """Tell whether a path is a file of images in arrays, or a folder of such files.

    >>> is_array_set(Path("mnist.npz")), is_array_set(Path("photos"))
    (True, False)
    """
    if path.is_dir():
        return bool(_files(path))
    return path.suffix.lower() == ".npz" or _is_one(path)


def _is_one(path: Path) -> bool:
    return _IDX_IMAGES.search(path.name) is not None or _BATCH.match(path.name) is not None


def _files(folder: Path) -> list[Path]:
    """Give the files of a folder that holds such files and no other media; else none."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return []
    if any(path.is_dir() or path.suffix.lower() in MEDIA_SUFFIXES for path in inside):
        return []
    names = {path.name for path in inside}
    # What was unpacked lies beside what it came from.
    return [p for p in inside if _is_one(p) and p.name.removesuffix(".gz") not in names - {p.name}]


def array_members(path: Path) -> Iterator[Member]:
    """Give each image of a file, or of the files in a folder, as a small file.

    Parameters
    ----------
    path:
        As `is_array_set` knows it.

    Raises
    ------
    SourceError
        A file is damaged, or holds no images.
    """
    files = _files(path) if path.is_dir() else [path]
    for file in files:
        stamp = file.stat().st_mtime_ns
        start = f"{file.stem}/" if len(files) > 1 and file.suffix == ".npz" else ""
        for number, one in enumerate(_sets(file)):
            yield from _members(one, stamp, start=start, unique=f"{_unique(file, files)}{number}")


def _unique(file: Path, files: list[Path]) -> str:
    """Tell the batches of one set apart, which number their images anew."""
    return f"{files.index(file)}-"


def _members(one: _Set, stamp: int, *, start: str, unique: str) -> Iterator[Member]:
    digits = len(str(len(one.images)))
    suffix = "pgm" if one.images.ndim == 3 else "ppm"  # noqa: PLR2004 - gray or color
    for n in range(len(one.images)):
        folders = [one.part or "", "" if one.labels is None else one.labels[n]]
        place = "".join(f"{_as_folder(name)}/" for name in folders if name)
        name = f"{start}{place}{unique}-{n:0{digits}}.{suffix}"
        yield Member(name, -1, stamp, "", lambda n=n: iter([_encoded(one.images[n])]))  # type: ignore[misc]


def _as_folder(name: str) -> str:
    return name.replace("/", "_").strip(". ") or "_"


def _encoded(image: NDArray[np.uint8]) -> bytes:
    kind = b"P5" if image.ndim == 2 else b"P6"  # noqa: PLR2004 - gray or color
    height, width = image.shape[:2]
    return kind + b"\n%d %d\n255\n" % (width, height) + np.ascontiguousarray(image).tobytes()


def _sets(file: Path) -> Iterator[_Set]:
    try:
        if file.suffix.lower() == ".npz":
            yield from _of_npz(file)
        elif _BATCH.match(file.name):
            yield _of_cifar(file)
        else:
            yield _of_idx(file)
    except (OSError, EOFError, ValueError, KeyError, TypeError, struct.error, zlib.error) as error:
        raise _damaged(file, str(error)) from error
    except (zipfile.BadZipFile, pickle.UnpicklingError, AttributeError, IndexError) as error:
        raise _damaged(file, str(error)) from error


def _damaged(file: Path, why: str) -> SourceError:
    reason = why.rstrip(".") or "its content is not what its name says"
    return SourceError(f"{path_text(file)} cannot be read as images in arrays: {reason}.")


def _part(name: str) -> str | None:
    names = {**PART_NAMES, "t10k": "test"}
    tokens = [token for token in _TOKENS.split(name.lower()) if token]
    return next((names[token] for token in tokens if token in names), None)


def _of_idx(file: Path) -> _Set:
    images = _idx(file)
    name = re.sub(r"images(.*)idx\d", r"labels\1idx1", file.name)
    beside = [file.with_name(one) for one in (name, f"{name}.gz", name.removesuffix(".gz"))]
    there = next((one for one in beside if one != file and one.is_file()), None)
    labels = None if there is None else [str(one) for one in _idx(there).tolist()]
    return _set(file, images, labels, part=_part(file.name))


def _idx(file: Path) -> NDArray[Any]:
    """Read an IDX file of bytes: two zeros, type, number of sides, the sides, the values."""
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(file.open("rb"))
        stream: Any = stack.enter_context(gzip.open(plain)) if file.suffix == ".gz" else plain
        zeros, kind, sides = struct.unpack(">HBB", stream.read(4))
        if zeros != 0 or kind != UBYTE or not 1 <= sides <= 4:  # noqa: PLR2004
            raise _damaged(file, "it is no IDX file of bytes")
        shape = struct.unpack(f">{sides}I", stream.read(4 * sides))
        size = math.prod(shape)
        if size > MOST_BYTES:
            raise _damaged(file, "it claims to be larger than 8 GB")
        data = stream.read(size)
    if len(data) < size:
        raise _damaged(file, f"it is cut off: {len(data):,} of {size:,} bytes are there")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _of_npz(file: Path) -> Iterator[_Set]:
    with zipfile.ZipFile(file) as archive:
        if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
            raise _damaged(file, "it claims to be larger than 8 GB")
    with np.load(file, allow_pickle=False) as held:
        arrays = {str(name): held[name] for name in held.files}
    found = {name: a for name, a in arrays.items() if a.ndim in {3, 4} and a.dtype.kind in "uif"}
    if not found:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise _damaged(file, f"none of its arrays is of images; it holds {shapes or 'nothing'}")
    for name, images in found.items():
        labels = _labels_beside(name, len(images), arrays)
        yield _set(file, images, labels, part=_part(name))


def _labels_beside(name: str, count: int, arrays: Mapping[str, NDArray[Any]]) -> list[str] | None:
    for other, values in arrays.items():
        tokens = set(_TOKENS.split(other.lower()))
        flat = values.reshape(-1) if values.size == len(values) else values
        same = len(flat) == count and flat.ndim == 1 and _part(other) == _part(name)
        if other != name and same and tokens & _OF_LABELS:
            return [str(one) for one in flat.tolist()]
    return None


class _Unpickler(pickle.Unpickler):
    """Reads arrays and plain values, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _SAFE:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not data")
        return super().find_class(module, name)


def _unpickled(file: Path) -> dict[Any, Any]:
    held = _Unpickler(io.BytesIO(file.read_bytes()), encoding="bytes").load()
    if not isinstance(held, dict):
        raise _damaged(file, "it is no batch of CIFAR")
    return {k.decode() if isinstance(k, bytes) else k: value for k, value in held.items()}


def _of_cifar(file: Path) -> _Set:
    part = "test" if file.name.startswith("test") else "train"
    if file.suffix == ".bin":
        rows = np.frombuffer(file.read_bytes(), np.uint8)
        if rows.size % RECORD:
            raise _damaged(file, f"its size is no multiple of {RECORD:,} bytes")
        rows = rows.reshape(-1, RECORD)
        numbers, pixels = rows[:, 0].tolist(), rows[:, 1:]
    else:
        held = _unpickled(file)
        numbers, pixels = list(held.get("labels", held.get("fine_labels", []))), held["data"]
    names = _names_of_cifar(file)
    labels = [names.get(int(n), str(n)) for n in numbers]
    images = np.asarray(pixels, np.uint8).reshape(-1, 3, SIDE, SIDE)
    return _set(file, images, labels if len(labels) == len(images) else None, part=part)


def _names_of_cifar(file: Path) -> dict[int, str]:
    """Read what the classes are called, where the file that says so lies beside."""
    text, meta = file.with_name("batches.meta.txt"), file.with_name("batches.meta")
    names: list[Any] = []
    if text.is_file():
        names = text.read_text("utf-8", "replace").split()
    elif meta.is_file():
        names = _unpickled(meta).get("label_names", [])
    return {n: one.decode() if isinstance(one, bytes) else str(one) for n, one in enumerate(names)}


def _set(file: Path, images: NDArray[Any], labels: list[str] | None, *, part: str | None) -> _Set:
    """Bring images into one shape: gray or color, uint8, channels last."""
    if images.dtype.kind == "f" and images.size and images.min() >= 0 and images.max() <= 1:
        images = np.round(images * 255)
    if images.size and (images.min() < 0 or images.max() > 255):  # noqa: PLR2004 - bytes
        raise _damaged(file, "its values are not from 0 to 255, nor from 0 to 1")
    if images.ndim == 4 and images.shape[-1] not in {1, 3} and images.shape[1] in {1, 3}:  # noqa: PLR2004
        images = np.moveaxis(images, 1, -1)
    if images.ndim == 4 and images.shape[-1] == 1:  # noqa: PLR2004
        images = images[..., 0]
    if images.ndim == 4 and images.shape[-1] != 3:  # noqa: PLR2004
        raise _damaged(file, f"its images have {images.shape[-1]} channels, not 1 or 3")
    if labels is not None and len(labels) != len(images):
        raise _damaged(file, f"it has {len(images):,} images but {len(labels):,} labels")
    return _Set(images.astype(np.uint8), labels, part)

"""Arrays on disk that are filled row by row and survive a kill."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mediacorpus.files import atomic_write

_DONE = b"\x01"


class RowCache:
    """An array `(rows, *shape)` in a file, and which rows are written.

    Memory does not grow with the number of rows. A row that is marked as written is whole,
    whenever the process was killed.

    Parameters
    ----------
    path:
        File of the array; a file with the ending `.done` lies beside it.
    rows:
        Number of rows.
    shape:
        Shape of a row.
    dtype:
        Type of the numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = RowCache(Path(folder) / "a", rows=2, shape=(3,), dtype=np.float32)
    ...     cache.write(1, np.ones(3))
    ...     cache.close()
    ...     cache.missing(), cache.read()[1].tolist()
    ([0], [1.0, 1.0, 1.0])
    """

    def __init__(self, path: Path, *, rows: int, shape: Sequence[int], dtype: DTypeLike) -> None:
        self.path = path
        self.rows = rows
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self._bytes = int(np.prod(self.shape)) * self.dtype.itemsize
        self._done_path = path.with_name(path.name + ".done")
        self._data = _open(path)
        self._done = _open(self._done_path)

    def write(self, row: int, values: NDArray[Any]) -> None:
        """Write one row and mark it.

        Raises
        ------
        OSError
            The disk is full or cannot be written to.
        """
        content = np.ascontiguousarray(values, self.dtype)
        # Written through the file and not through a memory map: on a full disk a map ends
        # the process, a file raises.
        self._data.seek(row * self._bytes)
        rest = memoryview(content.tobytes())
        while rest:
            rest = rest[self._data.write(rest) :]
        self._done.seek(row)
        self._done.write(_DONE)

    def missing(self) -> list[int]:
        """List the rows that are not written yet."""
        marks = np.zeros(self.rows, np.uint8)
        content = np.frombuffer(self._done_path.read_bytes()[: self.rows], np.uint8)
        marks[: len(content)] = content
        return [int(row) for row in np.flatnonzero(marks == 0)]

    def sync(self) -> None:
        """Bring what is written to the disk itself."""
        for file in (self._data, self._done):
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Close the files; the array is read from here on."""
        self.sync()
        # Rows at the end that failed leave the file short.
        self._data.truncate(self.rows * self._bytes)
        self._data.close()
        self._done.close()

    def read(self) -> NDArray[Any]:
        """Map the whole array into memory, read-only; rows that are missing are zeros."""
        return np.memmap(self.path, self.dtype, mode="r", shape=(self.rows, *self.shape))


def write_json(path: Path, content: Any) -> None:
    r"""Write a JSON file so that it is whole or absent.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder) / "a.json", {"b": 1})
    ...     (Path(folder) / "a.json").read_text(encoding="utf-8")
    '{\n  "b": 1\n}'
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    write_whole(path, text.encode("utf-8"))


def hash_of(content: object) -> str:
    """Give the SHA-256 of what JSON can hold; the order of keys does not matter.

    >>> hash_of({"a": 1, "b": 2}) == hash_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, bring it to the disk, and rename it."""
    with atomic_write(path, lasting=True) as temporary:
        temporary.write_bytes(content)


def _open(path: Path) -> Any:
    # Unbuffered, so that a mark can never reach the file before its row.
    path.touch()
    return path.open("r+b", buffering=0)

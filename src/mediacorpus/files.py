"""Files that are written whole or not at all, and what their content hashes to."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_BLOCK = 1 << 22


@contextlib.contextmanager
def atomic_write(target: Path, *, lasting: bool = False) -> Iterator[Path]:
    """Give a path beside a file; what is written there takes the file's place in one step.

    A reader sees what was there before or all that is new, and after an error, or a kill, what
    was there before.

    Parameters
    ----------
    target:
        The file. Its folder must be there.
    lasting:
        Whether the content must be on the disk, safe from a power cut, before the name is.

    Yields
    ------
    Path
        Where to write: a hidden file with the same ending.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "table.csv"
    >>> with atomic_write(target) as path:
    ...     _ = path.write_text("a,b", encoding="utf-8")
    >>> target.read_text(encoding="utf-8"), [file.name for file in target.parent.iterdir()]
    ('a,b', ['table.csv'])
    """
    own = f"{os.getpid()}-{threading.get_ident()}"
    temporary = target.with_name(f".{target.stem}.{own}.tmp{target.suffix}")
    try:
        yield temporary
        if lasting:
            _sync(temporary)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if lasting and os.name != "nt":  # Windows keeps names in its own journal
        _sync(target.parent)


def _sync(path: Path) -> None:
    # Windows can sync only what is open for writing; other systems open folders for reading only.
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_file(path: Path, *, beat: Callable[[], None] | None = None) -> str:
    """Return the SHA-256 of a file's content; `beat` is called after each four megabytes.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "empty"
    >>> path.touch()
    >>> sha256_file(path)[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            if beat is not None:
                beat()
    return digest.hexdigest()

"""Files that are made once and kept beside their SHA-256, so that damage is seen."""

from __future__ import annotations

import errno
import hashlib
from typing import TYPE_CHECKING

from mediacorpus.errors import ParameterError, StorageFull
from mediacorpus.files import atomic_write, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def digest_path(path: Path) -> Path:
    """Give the path of the file that holds the SHA-256 of `path`.

    Examples
    --------
    >>> from pathlib import Path
    >>> digest_path(Path("network.onnx")).name
    'network.onnx.sha256'
    """
    return path.with_name(path.name + ".sha256")


def intact(path: Path) -> bool:
    """Tell whether `path` and its SHA-256 are there and agree.

    Examples
    --------
    >>> from pathlib import Path
    >>> intact(Path("not-there.onnx"))
    False
    """
    try:
        expected = digest_path(path).read_text(encoding="ascii").strip()
        return sha256_file(path) == expected
    except (OSError, UnicodeDecodeError):
        return False


def store(path: Path, content: bytes) -> Path:
    """Write `content` and its SHA-256; whoever reads meanwhile sees the old or the new file.

    Parameters
    ----------
    path:
        File to write; its folder is made if it is missing.
    content:
        All bytes of the file.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    StorageFull
        No space is left.
    ParameterError
        The folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     intact(store(Path(folder) / "a.bin", b"content"))
    True
    """
    digest = hashlib.sha256(content).hexdigest()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
        _replace(digest_path(path), digest.encode("ascii"))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull(
                f"No space is left for {path.name} in {path.parent}; free {len(content)} bytes."
            ) from error
        raise ParameterError(
            f"{path.name} cannot be written to {path.parent} ({error.strerror}); name another "
            "folder (for the cache, set MEDIACORPUS_CACHE)."
        ) from error
    return path


def stored(path: Path, make: Callable[[], bytes]) -> Path:
    """Return `path`, made by `make` if it is missing or damaged.

    Several threads or processes may ask at once: each makes the same file and the last one
    to finish puts it there.

    Parameters
    ----------
    path:
        Where the file is kept.
    make:
        Gives the content; must give the same bytes each time.

    Returns
    -------
    Path
        `path`, whole.

    Raises
    ------
    StorageFull
        No space is left.
    ParameterError
        The folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = stored(Path(folder) / "a.bin", lambda: b"content")
    ...     file.read_bytes()
    b'content'
    """
    if not intact(path):
        content = make()
        # Another process may have been faster; its file may be open, which some systems
        # do not let us replace.
        if not intact(path):
            store(path, content)
    return path


def _replace(path: Path, content: bytes) -> None:
    with atomic_write(path, lasting=True) as temporary:
        temporary.write_bytes(content)

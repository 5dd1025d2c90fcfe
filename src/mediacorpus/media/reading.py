"""Whole files as bytes."""

from __future__ import annotations

import errno
import os
import stat
from typing import TypeAlias

from mediacorpus.errors import MediaError, TooLarge

PathLike: TypeAlias = str | os.PathLike[str]

MAX_BYTES = 2_000_000_000
"""Bytes that a file may have by default: 2 GB."""

_SHOWN = 200
_REASONS = {
    errno.ENOENT: "it is not there (moved, deleted, or the name is misspelt)",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ELOOP: "its symbolic link leads in a circle",
    errno.ENAMETOOLONG: "its name is too long for this system",
    errno.ENOTDIR: "a part of its path is no folder",
    errno.EISDIR: "it is a folder",
}


def read(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a regular file whole.

    Named pipes, devices and folders are refused before they can block the reader.

    Parameters
    ----------
    path:
        The file; symbolic links are followed.
    max_bytes:
        Larger files are refused.

    Raises
    ------
    MediaError
        The file is missing, may not be read, is no regular file, or the disk fails.
    TooLarge
        The file has more than `max_bytes` bytes.

    Examples
    --------
    >>> read("no-such-file.jpg")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The file 'no-such-file.jpg' cannot be read: it is not there...
    """
    name = os.fspath(path)
    if str(name).lower().startswith(("http://", "https://")):
        raise MediaError(
            f"{name[:_SHOWN]!r} is a web address, not a file; mediacorpus.load_image fetches one."
        )
    try:
        _refuse_special(os.stat(name), name)  # noqa: PTH116 - a Path would not take every name
        # A pipe put in the file's place since then must not block the open.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(name, flags), "rb") as file:
            status = os.fstat(file.fileno())
            _refuse_special(status, name)
            data = b"" if status.st_size > max_bytes else file.read(max_bytes + 1)
    except MediaError:
        raise
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error))
        raise MediaError(f"The file {name!r} cannot be read: {reason}.") from error
    except ValueError as error:  # a zero byte in the name, a lone surrogate
        raise MediaError(f"The file {name!r} cannot be read: {error}.") from error
    if len(data) > max_bytes or status.st_size > max_bytes:
        size = max(len(data), status.st_size)
        raise TooLarge(f"The file {name!r} has {size:,} bytes; the limit is {max_bytes:,}.")
    return data


def contents(file: bytes | PathLike) -> bytes:
    """Give the bytes of a file: those that are given, or those at a path.

    Raises
    ------
    MediaError, TooLarge
        As `read`.

    Examples
    --------
    >>> contents(b"GIF89a")
    b'GIF89a'
    """
    if isinstance(file, bytes):
        return file
    return bytes(file) if isinstance(file, (bytearray, memoryview)) else read(file)


def _refuse_special(status: os.stat_result, name: str) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"))
    kind = next((word for test, word in kinds if test(status.st_mode)), "a device or socket")
    raise MediaError(f"The file {name!r} cannot be read: it is {kind}, not a regular file.")

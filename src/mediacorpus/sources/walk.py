"""Find the files below a folder: sorted, without loops, without surprises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mediacorpus.records import Failure

PICTURE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".gif",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".webp",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".ico",
        ".tga",
        ".jp2",
        ".j2k",
        ".avif",
        ".heic",
        ".heif",
    ]
)
SIGNATURES = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"RIFF",
    b"\x00\x00\x00\x0cjP",
)


def walk(folder: Path, *, without: Path | None = None) -> Iterator[Path | Failure]:
    """Give every regular file below a folder, in sorted order.

    Hidden files and folders (names that begin with a dot) are passed over. Links to folders
    are followed; a link that leads back to a folder on the way is not, so loops end. A folder
    that cannot be read, a broken link and a special file (pipe, device) are given as failures.

    Parameters
    ----------
    folder:
        Where to begin.
    without:
        A folder to leave out, such as the corpus itself.

    Yields
    ------
    Path or Failure
    """
    above = {_identity(folder)}
    if without is not None and without.exists():
        above.add(_identity(without))
    yield from _walk(folder, frozenset(above))


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _walk(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path | Failure]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        yield _failure(folder, f"The folder cannot be read ({error.strerror}).")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        try:
            if entry.is_file():
                yield path
            elif entry.is_dir():
                own = _identity(path)
                if own not in above:
                    yield from _walk(path, above | {own})
            elif entry.is_symlink():
                yield _failure(path, "The link leads nowhere.")
            else:
                yield _failure(path, "This is no regular file (a pipe, socket or device).")
        except OSError as error:
            yield _failure(path, f"The file cannot be looked at ({error.strerror}).")


def _failure(path: Path, reason: str) -> Failure:
    from mediacorpus.catalogue.holdings import path_text

    text = path_text(path)
    return Failure(subject=text, path=text, stage="add", reason=reason)


def looks_like_picture(path: Path) -> bool:
    """Tell whether a file may be a picture, by its name or by its first bytes.

    >>> looks_like_picture(Path("a.JPG"))
    True
    """
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(16).startswith(SIGNATURES)
    except OSError:
        return False

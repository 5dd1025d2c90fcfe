"""Find the files below a folder: sorted, without loops, without surprises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from mediacorpus.media.header import known_mark
from mediacorpus.media.jxl_and_hdr import HDR_MARKS, JXL_MARKS
from mediacorpus.media.sniff import (
    AUDIO_SUFFIXES,
    VIDEO_SUFFIXES,
    heif_kind,
    is_moving,
    looks_like,
    pdf_start,
    refusal,
)
from mediacorpus.records import SKIPPED, Failure

IMAGE_SUFFIXES = frozenset(
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
        ".avifs",
        ".heic",
        ".heics",
        ".heif",
        ".heifs",
        ".hif",
        ".dds",
        ".sgi",
        ".fli",
        ".flc",
        ".blp",
        ".qoi",
        ".cur",
        ".icns",
        ".pcx",
        ".xbm",
        ".xpm",
        ".psd",
        ".psb",
        ".eps",
        ".ps",
        ".jxl",
        ".jxr",
        ".exr",
        ".fits",
        ".hdr",
        ".ff",
        ".msp",
        ".fpx",
        ".xcf",
        ".djvu",
        ".wmf",
        ".emf",
    ]
)
RAW_SUFFIXES = frozenset(
    [
        ".3fr",
        ".arw",
        ".cr2",
        ".cr3",
        ".crw",
        ".dcr",
        ".dng",
        ".erf",
        ".fff",
        ".iiq",
        ".kdc",
        ".mef",
        ".mos",
        ".mrw",
        ".nef",
        ".nrw",
        ".orf",
        ".pef",
        ".raf",
        ".rw2",
        ".rwl",
        ".sr2",
        ".srf",
        ".srw",
        ".x3f",
    ]
)
"""Suffixes of raw photographs, which are refused with a way round."""

_DRAWN = {".svg", ".svgz", ".pdf"}
MEDIA_SUFFIXES = IMAGE_SUFFIXES | RAW_SUFFIXES | VIDEO_SUFFIXES | AUDIO_SUFFIXES | _DRAWN
OWN_FOLDERS = ("tables", "models", "reports", "indexes", "thumbnails", "media")
"""What a corpus folder holds of its own, where images lie in it too."""

LITTER = frozenset(
    [
        "__macosx",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "icon\r",
        "@eadir",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
    ]
)
"""What operating systems and network drives leave behind: deleted files, thumbnails, settings."""

Place: TypeAlias = tuple[int, int]
SURE = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"II*\x00",
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP",
    b"%PDF-",
)
"""First bytes that nothing but media has."""

SIGNATURES = (*SURE, b"BM", b"RIFF")  # RIFF: WebP, AVI and WAV
HEAD = 1024


def walk(folder: Path, *, without: Path | None = None) -> Iterator[Path | Failure]:
    """Give every regular file below a folder, in sorted order.

    Hidden files and folders (names that begin with a dot) and litter are skipped. Links to folders
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
    on_the_way = {_identity(folder)}
    for own in [] if without is None else [without, *(without / name for name in OWN_FOLDERS)]:
        if own.exists():
            on_the_way.add(_identity(own))
    levels: list[tuple[Place | None, Iterator[os.DirEntry[str] | Failure]]] = [
        (None, _entries(folder))
    ]
    while levels:
        entry = next(levels[-1][1], None)
        if entry is None:
            place, _ = levels.pop()
            on_the_way.discard(place)
        elif isinstance(entry, Failure):
            yield entry
        elif not is_litter(entry.name):
            found = _look(entry)
            if isinstance(found, (Path, Failure)):
                yield found
            elif found not in on_the_way:
                on_the_way.add(found)
                levels.append((found, _entries(Path(entry.path))))


def is_litter(name: str) -> bool:
    """Tell whether a file or folder is hidden or litter of an operating system, by its name.

    >>> is_litter("__MACOSX"), is_litter("._1.jpg"), is_litter("#recycle"), is_litter("1.jpg")
    (True, True, True, False)
    """
    return name.startswith(".") or name.lower() in LITTER


def _identity(path: Path) -> Place:
    status = path.stat()
    return status.st_dev, status.st_ino


def _entries(folder: Path) -> Iterator[os.DirEntry[str] | Failure]:
    try:
        with os.scandir(folder) as listing:
            yield from sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        yield _failure(folder, f"The folder cannot be read ({error.strerror}).")


def _look(entry: os.DirEntry[str]) -> Path | Place | Failure:
    """Give a file's path, a folder's identity, or what is wrong."""
    path = Path(entry.path)
    try:
        if entry.is_file():
            return path
        if entry.is_dir():
            return _identity(path)
        if entry.is_symlink():
            return _failure(path, "The link leads nowhere.")
    except OSError as error:
        return _failure(path, f"The file cannot be looked at ({error.strerror}).")
    return _failure(path, "This is no regular file (a pipe, socket or device).")


def _failure(path: Path, reason: str) -> Failure:
    from mediacorpus.store.holdings import path_text

    text = path_text(path)
    return Failure(subject=text, path=text, stage="add", reason=reason)


def first_bytes(path: Path) -> bytes:
    """Read the beginning of a file; nothing where it cannot be read, which shows later."""
    if path.suffix.lower() in MEDIA_SUFFIXES:
        return b""
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def passed_over(path: str, head: bytes) -> Failure:
    """Set down a file that is no media, with what it looks like.

    >>> passed_over("notes.txt", b"Dear all").reason
    'The file is text, not media.'
    """
    kind = looks_like(head)
    if not head:
        reason = "The file is empty, or cannot be read, and its name is of no known kind."
    elif kind is None:
        reason = "The file is of no kind that is known."
    else:
        archive = "archive" in kind
        reason = f"The file is {kind}. Add it by its name." if archive else refusal(kind, "media")
    return Failure(path, path, SKIPPED, reason)


def too_small(path: str, size: int, *, least: int) -> Failure:
    """Set down a file that is left out for its size.

    >>> too_small("a.gif", 43, least=600).reason
    'The file has 43 bytes, fewer than the 600 that were asked for.'
    """
    reason = f"The file has {size:,} bytes, fewer than the {least:,} that were asked for."
    return Failure(path, path, SKIPPED, reason)


def looks_like_media(suffix: str, head: bytes) -> bool:
    """Tell whether a file may hold media by its suffix and its first bytes.

    >>> looks_like_media("", b"%PDF-1.7"), looks_like_media(".txt", b"Dear all")
    (True, False)
    """
    if surely_media(suffix, head) or head.startswith(SIGNATURES):
        return True
    return is_moving(head, "") or known_mark(head)


def surely_media(suffix: str, head: bytes) -> bool:
    """Tell whether a file is meant to be media, so that it is a fault if it cannot be read.

    It is by its suffix, or by first bytes that nothing else has; whether the format is supported
    does not matter. What only looks like media may be anything, and is skipped.

    >>> surely_media(".cr3", b""), surely_media("", b"%!PS-Adobe-3.0"), surely_media("", b"BMW")
    (True, True, False)
    """
    if suffix.lower() in MEDIA_SUFFIXES or head.startswith(SURE) or heif_kind(head) is not None:
        return True
    if head.startswith((*JXL_MARKS, *HDR_MARKS)):
        return True
    return pdf_start(head) is not None or "not supported" in (looks_like(head) or "")

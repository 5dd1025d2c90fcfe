"""Archives as sources: zip and tar, read member by member, never unpacked by name."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from mediacorpus.errors import MediaError, SourceError, writing
from mediacorpus.records import Failure
from mediacorpus.sources import _tar, _zip
from mediacorpus.sources._archived import Limits, Member, Reading, Spent
from mediacorpus.sources._tar import holds_tar
from mediacorpus.sources.array_sets import array_members, is_array_set
from mediacorpus.store import encodings
from mediacorpus.store.holdings import path_text

__all__ = ["SUFFIXES", "Limits", "Member", "is_archive", "members"]

SUFFIXES = frozenset(
    {
        ".zip",
        ".cbz",
        ".tar",
        ".tar.gz",
        ".tgz",
        ".tar.bz2",
        ".tbz2",
        ".tar.xz",
        ".txz",
    }
)
"""Ends of the names of archives, in lower case."""

NOT_OF_MEDIA = frozenset(
    [
        ".docx",
        ".docm",
        ".xlsx",
        ".xlsm",
        ".pptx",
        ".pptm",
        ".vsdx",
        ".odt",
        ".ods",
        ".odp",
        ".odg",
        ".epub",
        ".jar",
        ".war",
        ".apk",
        ".ipa",
        ".xpi",
        ".whl",
        ".npz",
        ".pt",
        ".pth",
        ".ora",
        ".kra",
        ".kmz",
        ".3mf",
        ".usdz",
        ".pages",
        ".numbers",
        ".key",
        ".sketch",
    ]
)
"""Documents and programs that are zip archives inside."""
SIGNS_OF_DOCUMENTS = frozenset(
    {"[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF", "AndroidManifest.xml"}
)
UNREADABLE = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z"}
ZIP = (b"PK\3\4", b"PK\5\6")
HEAD = 1 << 14
IN_MEMORY = 16_000_000
_NUMBER = re.compile(r"#\d+$")


def is_archive(path: Path) -> bool:
    """Tell whether a file is an archive of files, by its name or by its first bytes.

    Office documents, e-books and programs that are zip archives inside are none, unless they
    are named `.zip`. RAR and 7z archives are: `members` says that they cannot be opened.

    Parameters
    ----------
    path:
        A file; if it is not there, its name decides.

    Examples
    --------
    >>> is_archive(Path("photos.TAR.gz")), is_archive(Path("letter.docx"))
    (True, False)
    """
    named = _named_archive(path.name)
    try:
        if named or not path.is_file() or path.suffix.lower() in NOT_OF_MEDIA:
            return named and (path.is_file() or not path.exists())
        with path.open("rb") as file:
            head = file.read(HEAD)
            if head.startswith(ZIP):
                return not _is_document(file)
    except OSError:
        return False
    return _kind_of_unreadable(head) != "" or holds_tar(head)


def members(
    path: Path,
    *,
    limits: Limits | None = None,
    encoding: str | None = None,
    notes: list[str] | None = None,
) -> Iterator[Member | Failure]:
    """Give each file in an archive, and in archives within it, in the order they lie there.

    Nothing is written under a name from the archive. Folders, hidden files and what operating
    systems leave behind (`__MACOSX`, `Thumbs.db`, `desktop.ini`) are skipped. A second
    file of the same name is called `name#2`.

    Parameters
    ----------
    path:
        Zip or tar archive; a tar may be packed by gzip, bzip2 or xz. Or images in arrays (see
        `mediacorpus.sources.array_sets`).
    limits:
        How much it may expand to; those of `Limits()` if not given.
    encoding:
        Encoding of names in a zip that are not UTF-8; the likeliest if not given.
    notes:
        Learns in a sentence which one was guessed.

    Yields
    ------
    Member or Failure
        A failure for each file with a name that leads out of the archive, that is encrypted,
        no regular file, packed by an unknown method or far too large; and one for the archive
        itself if it breaks off.

    Raises
    ------
    SourceError
        Nothing in the archive can be read: it is not there, damaged, empty, encrypted as a
        whole, or a RAR or 7z archive. Raised by this call or by the first steps.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(folder / "a.zip", "w") as archive:
    ...     archive.writestr("scans/1.txt", "one")
    >>> for member in members(folder / "a.zip"):
    ...     member.name, member.size, b"".join(member.chunks())
    ('scans/1.txt', 3, b'one')
    """
    if is_array_set(path):
        return array_members(path)
    found = _no_file(path)
    if found:
        raise SourceError(f"{path_text(path)} cannot be opened as an archive: {found}.")
    codec = None if encoding is None else encodings.known(encoding)
    return _opened(path, limits or Limits(), encoding=codec, notes=[] if notes is None else notes)


def _no_file(path: Path) -> str:
    """Say why a path is no file; empty if it is one."""
    try:
        if path.is_file():
            return ""
        if path.is_dir():
            return "that is a folder"
        return "that is no regular file" if path.exists() else "there is no such file"
    except OSError as error:
        return f"it cannot be looked at ({error.strerror})"


def _opened(
    path: Path, limits: Limits, *, encoding: str | None, notes: list[str]
) -> Iterator[Member | Failure]:
    try:
        size = path.stat().st_size
        file = path.open("rb")
    except OSError as error:
        raise SourceError(f"{path_text(path)} cannot be opened ({error.strerror}).") from error
    with file:
        spent = Spent(limits, packed=size)
        yield from _files(Reading(path, file, spent, encoding=encoding, notes=notes))


def _named_archive(name: str) -> bool:
    return _NUMBER.sub("", name).lower().endswith(tuple(SUFFIXES))


def _kind_of_unreadable(head: bytes) -> str:
    return next((kind for sign, kind in UNREADABLE.items() if head.startswith(sign)), "")


def _is_document(file: IO[bytes]) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return not SIGNS_OF_DOCUMENTS.isdisjoint(archive.namelist())
    except _zip.BROKEN:
        return False


def _files(reading: Reading) -> Iterator[Member | Failure]:
    """Give the files of one archive, those of archives in it included."""
    empty = True
    for found in _entries(reading):
        empty = False
        if isinstance(found, Member) and _named_archive(found.name):
            yield from _within(reading, found)
        else:
            yield found
    if empty:
        raise SourceError(f"{reading.shown} holds no files that could be added.")


def _entries(reading: Reading) -> Iterator[Member | Failure]:
    head = reading.file.read(HEAD)
    reading.file.seek(0)
    kind = _kind_of_unreadable(head)
    if kind:
        raise SourceError(
            f"{reading.shown} is a {kind} archive, which cannot be opened; unpack it and add the "
            "folder."
        )
    if not head:
        raise SourceError(f"{reading.shown} is empty: it has 0 bytes.")
    name = _NUMBER.sub("", reading.prefix[:-1] or reading.path.name)
    named_zip = name.lower().endswith((".zip", ".cbz"))
    if head.startswith(ZIP) or (named_zip and not holds_tar(head)):
        return _zip.entries(reading)
    return _tar.entries(reading)


def _within(outer: Reading, member: Member) -> Iterator[Member | Failure]:
    """Give the files of an archive that lies in another one."""
    level = outer.level + 1
    if level > outer.limits.depth:
        nesting = "an archive" + " within an archive" * level
        yield outer.failure(member.name, f"This is {nesting}; unpack it and add the folder.")
        return
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as spool:
        try:
            for piece in member.chunks():
                with writing(Path(tempfile.gettempdir())):
                    spool.write(piece)
            spool.seek(0)
            inner = Reading(
                outer.path,
                cast("IO[bytes]", spool),
                outer.spent,
                prefix=f"{member.name}/",
                level=level,
                encoding=outer.encoding,
                notes=outer.notes,
            )
            yield from _files(inner)
        except (MediaError, SourceError) as error:
            yield outer.failure(member.name, str(error))

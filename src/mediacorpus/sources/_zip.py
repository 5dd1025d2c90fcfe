"""Read zip archives entry by entry: the directory by `zipfile`, the data by bounded steps."""

from __future__ import annotations

import calendar
import itertools
import lzma
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence

from mediacorpus.errors import MediacorpusError, MediaError, SourceError
from mediacorpus.records import Failure
from mediacorpus.sources._archived import (
    Member,
    Reading,
    as_ns,
    brief,
    expands,
    hostile,
    in_words,
    passed_over,
    plain,
)
from mediacorpus.sources._expand import OTHER_METHODS, Expander, expanded, for_zip
from mediacorpus.store import encodings
from mediacorpus.store.encodings import OF_NAMES

_JAPANESE = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}
UTF8 = 0x800
ENCRYPTED = 0x1 | 0x40 | 0x2000
"""Flags: encrypted, strongly encrypted, directory masked (APPNOTE 4.4.4)."""
AES = 99
UNIX = 3
HEADER = struct.Struct("<4s22xHH")
TIMESTAMP = 0x5455
"""Extra field with the time in UTC (Info-ZIP's extended timestamp)."""

BROKEN = (
    zipfile.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    MemoryError,
)


def entries(reading: Reading) -> Iterator[Member | Failure]:
    """Give each file of a zip archive, in the order of its directory.

    Raises
    ------
    SourceError
        The directory cannot be read, or all files are encrypted.
    """
    infos, start = _directory(reading)
    names = [plain(name) for name in _names(reading, infos)]
    _check_any_open(reading, infos, names)
    overlapping = _overlapping(infos, start)
    declared = sum(
        info.file_size
        for info, name in zip(infos, names, strict=True)
        if not (_silent(name) or _problem(reading, info))
    )
    if reading.spent.beyond(declared):
        yield reading.whole(f"{reading.spent.passed} Nothing of it was read.")
        return
    for number, (info, name) in enumerate(zip(infos, names, strict=True)):
        if not reading.spent.entry():
            yield reading.whole(reading.spent.passed)
            return
        if _silent(name):
            continue
        problem = hostile(name) or _problem(reading, info)
        if not problem and number in overlapping:
            problem = (
                "The file overlaps another one in the archive, as in a zip bomb; it was not read."
            )
        expander = None if problem else for_zip(info.compress_type, info.file_size)
        if not problem and expander is None:
            problem = _unsupported(info.compress_type)
        given = reading.unique(brief(name) if problem else name)
        if expander is None:
            yield reading.failure(given, problem)
        else:
            yield _member(reading, info, name=given, expander=expander)


def _directory(reading: Reading) -> tuple[list[zipfile.ZipInfo], int]:
    try:
        with zipfile.ZipFile(reading.file) as archive:
            return archive.infolist(), archive.start_dir
    except BROKEN as error:
        raise SourceError(
            f"{reading.shown} is damaged: the list of its files cannot be read "
            f"({_words(error)}). Download or copy it again."
        ) from error


def _words(error: BaseException) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _names(reading: Reading, infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Decode the names: those without the UTF-8 flag often are UTF-8 all the same.

    What is not is in the encoding of the machine that packed it, the same for all names.
    """
    raw = [_raw_name(info) for info in infos]
    unmarked = [
        name
        for name, info in zip(raw, infos, strict=True)
        if not info.flag_bits & UTF8 and not is_utf8(name)
    ]
    if not unmarked:
        return [name.decode("utf-8", "surrogateescape") for name in raw]
    codec = name_codec(reading, unmarked)
    odd = set(unmarked)
    return [
        name.decode(codec) if name in odd else name.decode("utf-8", "surrogateescape")
        for name in raw
    ]


def name_codec(reading: Reading, names: Sequence[bytes]) -> str:
    """Say in which encoding names were written that are not UTF-8, and note what was guessed.

    Raises
    ------
    SourceError
        The encoding that the user named does not fit.
    """
    together = b" ".join(names)
    guessed = [*encodings.guesses(together, OF_NAMES), "cp437"]
    fitting = [one for one in guessed if _decodes(together, one)]
    likely = [one for one in fitting if _letters(together, one)] or fitting[:1]
    codec = reading.encoding or next((c for c in likely if _one_script(together, c)), likely[0])
    if not _decodes(together, codec):
        raise SourceError(f"Names in {reading.shown} cannot be read as {codec}.")
    if reading.encoding is None:
        reading.notes.append(
            f"Names in {reading.shown} are not UTF-8; they were read as {codec}, as in "
            f"{encodings.sample(together.decode(codec))!r}. If that is wrong, name their encoding "
            "with --encoding."
        )
    return codec


def _letters(text: bytes, codec: str) -> bool:
    """Tell whether all that is not ASCII is letters, as in names of files."""
    return all(one.isascii() or one.isalnum() for one in text.decode(codec))


def _one_script(text: bytes, codec: str) -> bool:
    """Tell whether all letters that are not ASCII are of one script, as in most names.

    >>> text = "照片/抗议.jpg".encode("gb18030")
    >>> _one_script(text, "gb18030"), _one_script(text, "cp949")
    (True, False)
    """
    letters = {one for one in text.decode(codec) if not one.isascii()}
    scripts = {unicodedata.name(one, "?").partition(" ")[0] for one in letters}
    return len(scripts) <= 1 or scripts <= _JAPANESE


def is_utf8(name: bytes) -> bool:
    r"""Tell whether a name is UTF-8.

    >>> is_utf8(b"caf\xe9.jpg")
    False
    """
    return _decodes(name, "utf-8")


def _decodes(text: bytes, codec: str) -> bool:
    try:
        text.decode(codec)
    except UnicodeError:
        return False
    return True


def _silent(name: str) -> bool:
    """Tell whether an entry is a folder, hidden or litter."""
    return (name.endswith("/") and name != "/") or (not hostile(name) and passed_over(name))


def _is_encrypted(info: zipfile.ZipInfo) -> bool:
    return bool(info.flag_bits & ENCRYPTED) or info.compress_type == AES


def _check_any_open(
    reading: Reading, infos: Sequence[zipfile.ZipInfo], names: Sequence[str]
) -> None:
    files = [info for info, name in zip(infos, names, strict=True) if not _silent(name)]
    if files and all(map(_is_encrypted, files)):
        raise SourceError(
            f"{reading.shown} is encrypted; unpack it with its password and add the folder."
        )


def _overlapping(infos: Sequence[zipfile.ZipInfo], start: int) -> set[int]:
    """Find entries whose data reach into the next entry or into the directory.

    What is left lies side by side, so that no packed byte is read twice (the bomb of
    D. Fifield, A better zip bomb, WOOT 2019, quotes headers in this way).
    """
    order = sorted(range(len(infos)), key=lambda n: infos[n].header_offset)
    found = set()
    for n, after in itertools.zip_longest(order, order[1:]):
        info = infos[n]
        limit = start if after is None else infos[after].header_offset
        end = info.header_offset + HEADER.size + info.compress_size + len(_raw_name(info))
        if end > limit:
            found.add(n)
    return found


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    coding = "utf-8" if info.flag_bits & UTF8 else "cp437"
    return info.orig_filename.encode(coding, "replace")


def _problem(reading: Reading, info: zipfile.ZipInfo) -> str:
    if _is_encrypted(info):
        return "The file is encrypted; unpack it with its password and add the folder."
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.create_system == UNIX and kind not in {0, stat.S_IFREG}:
        return "This is no regular file (a link, pipe or device)."
    return reading.too_large(info.file_size, packed=info.compress_size)


def _unsupported(method: int) -> str:
    named = f" ({OTHER_METHODS[method]})" if method in OTHER_METHODS else ""
    return (
        f"The file is packed with method {method}{named}, which cannot be read here; unpack it "
        "and add the folder."
    )


def _member(
    reading: Reading,
    info: zipfile.ZipInfo,
    *,
    name: str,
    expander: Callable[[], Expander],
) -> Member:
    return Member(
        name=name,
        size=info.file_size,
        mtime_ns=_mtime_ns(info),
        check=f"crc32:{info.CRC:08x}",
        opening=lambda: _content(reading, info, name=name, expander=expander),
    )


def _content(
    reading: Reading,
    info: zipfile.ZipInfo,
    *,
    name: str,
    expander: Callable[[], Expander],
) -> Iterator[bytes]:
    try:
        yield from _checked(reading, info, name=name, expander=expander)
    except MediacorpusError:
        raise
    except BROKEN as error:
        raise MediaError(f"{name} is damaged in the archive ({_words(error)}).") from error


def _checked(
    reading: Reading,
    info: zipfile.ZipInfo,
    *,
    name: str,
    expander: Callable[[], Expander],
) -> Iterator[bytes]:
    _go_to_data(reading, info, name)
    count = crc = 0
    for piece in expanded(reading.file, expander(), packed=info.compress_size):
        count += len(piece)
        if count > info.file_size:
            raise MediaError(
                f"{name} {expands(f'the {in_words(info.file_size)} that it declares')}"
            )
        reading.spent.read(len(piece))
        crc = zlib.crc32(piece, crc)
        yield piece
    if count < info.file_size:
        raise MediaError(
            f"{name} is cut off in the archive: {count:,} of {info.file_size:,} bytes are there."
        )
    if crc != info.CRC:
        raise MediaError(f"{name} is damaged in the archive: its CRC-32 checksum does not fit.")


def _go_to_data(reading: Reading, info: zipfile.ZipInfo, name: str) -> None:
    reading.file.seek(info.header_offset)
    header = reading.file.read(HEADER.size)
    if len(header) < HEADER.size or not header.startswith(b"PK\3\4"):
        raise MediaError(f"{name} is damaged in the archive: its header is not where it should be.")
    _, length, extra = HEADER.unpack(header)
    if reading.file.read(length) != _raw_name(info):
        raise MediaError(f"{name} is damaged in the archive: its header has another name.")
    reading.file.seek(extra, 1)


def _mtime_ns(info: zipfile.ZipInfo) -> int:
    extra = info.extra
    while len(extra) >= 4:  # noqa: PLR2004 - tag and length, two bytes each
        tag, length = struct.unpack_from("<HH", extra)
        if tag == TIMESTAMP and length >= 5 and extra[4:5] and extra[4] & 1:  # noqa: PLR2004
            field = extra[5:9]
            return as_ns(int.from_bytes(field, "little", signed=True))
        extra = extra[4 + length :]
    try:
        return as_ns(calendar.timegm((*info.date_time, 0, 0, 0)))
    except (ValueError, OverflowError):
        return 0

"""In which encoding text was written that is no UTF-8: asked of `chardet`, then checked."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from mediacorpus.errors import SourceError

CANDIDATES = (
    "Windows-1252",
    "Windows-1250",
    "Windows-1251",
    "Windows-1253",
    "Windows-1254",
    "Windows-1255",
    "Windows-1256",
    "GB18030",
    "Big5",
    "SHIFT_JIS",
    "CP949",
    "EUC-JP",
    "KOI8-R",
    "IBM866",
    "MacRoman",
)
"""Encodings that tables and names of files come in; the many that differ from one of them only in
rare characters would make a short text a matter of chance."""

OF_NAMES = (*CANDIDATES, "cp437", "cp850")
"""Archives have names in the encodings of old consoles, too."""

CODECS = {"shift_jis": "cp932", "ibm866": "cp866", "macroman": "mac_roman"}
"""Names by which Python knows what `chardet` calls otherwise, or a superset of it."""

COMMON = "windows-1252"
CLOSE = 0.88
"""Share of the best confidence from which the commonest encoding is preferred."""

ENOUGH = 4_000
"""Bytes of words that are asked about."""

_BLOCK = 1 << 20
# Backslash and bar are the second bytes of many Japanese and Chinese letters.
_WORD = re.compile(rb"[^\s,;\"'/.]*[\x80-\xff][^\s,;\"'/.]*")
_SHOWN = re.compile(r"[^\s,;|\"'/\\]*[^\x00-\x7f][^\s,;|\"'/\\]*")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def guesses(text: bytes, candidates: tuple[str, ...] = CANDIDATES) -> list[str]:
    """Give the codecs that a text may be written in, the likeliest first.

    Only its words that are not ASCII count. A text of a few letters says little: whoever uses a
    guess shows what it makes of the text.

    Parameters
    ----------
    text:
        Bytes that are no UTF-8.
    candidates:
        Encodings as `chardet` names them.

    Examples
    --------
    >>> guesses("file,value;0.png,да;1.png,нет".encode("cp1251"))[0]
    'windows-1251'
    """
    import chardet

    words = b" ".join(dict.fromkeys(_WORD.findall(text)))[:ENOUGH]
    found = chardet.detect_all(words, ignore_threshold=True, include_encodings=list(candidates))
    listed = [
        (str(one["encoding"]).lower(), one["confidence"] or 0.0) for one in found if one["encoding"]
    ]
    best = max((sure for _, sure in listed), default=0.0)
    common = [name for name, sure in listed if name == COMMON and sure >= CLOSE * best]
    names = [*common, *(name for name, _ in listed)]
    return list(dict.fromkeys(CODECS.get(name, name) for name in names))


def sample(text: str) -> str:
    """Give the first words of a text that show in which encoding it was read.

    >>> sample("file,value;0.png,grün;1.png,weiß")
    'grün, weiß'
    """
    return ", ".join(list(dict.fromkeys(_SHOWN.findall(text)))[:3])


def known(name: str) -> str:
    """Return the codec of a name that a user gave; raises `SourceError`."""
    try:
        return codecs.lookup(name.strip()).name
    except LookupError as error:
        raise SourceError(
            f"There is no encoding {name!r}. Common ones are utf-8, cp1252 (western Europe), "
            "cp1250 (central Europe), cp1251 (Cyrillic), gb18030 (China), big5 (Taiwan), cp932 "
            "(Japan), cp949 (Korea), mac_roman."
        ) from error


def of_file(file: Path, notes: list[str]) -> str:
    """Find the codec of a text file; `notes` learns what was guessed.

    Raises
    ------
    SourceError
        The file is no text, or is damaged UTF-8, or no encoding fits it.
    """
    with file.open("rb") as stream:
        start = stream.read(1 << 16)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if marked is not None:
        return marked
    if b"\0" in start:
        return _wide(file, start)
    if _fits(file, "utf-8-sig"):
        return "utf-8-sig"
    words = _odd(file)
    _check_damaged(file, words)
    for codec in guesses(words):
        if _fits(file, codec):
            notes.append(
                f"{file.name} is not UTF-8; it was read as {codec}, as in "
                f"{sample(words.decode(codec, 'replace'))!r}. If that is wrong, name its encoding "
                "with --encoding."
            )
            return codec
    raise SourceError(
        f"The characters of {file.name!r} are neither UTF-8 nor in any encoding that is known "
        "here; name its encoding with --encoding, or save the table as UTF-8."
    )


def _wide(file: Path, start: bytes) -> str:
    """Tell UTF-16 without a mark from what is no text."""
    odd, even = start[1::2].count(0), start[::2].count(0)
    codec = "utf-16-le" if odd > even else "utf-16-be"
    if abs(odd - even) > len(start) // 4 and _fits(file, codec):
        return codec
    raise SourceError(f"{file.name!r} is not text; save the table as CSV.")


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _fits(file: Path, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        for block in _blocks(file):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _odd(file: Path) -> bytes:
    """Give the first lines of a file that are not ASCII."""
    found: list[bytes] = []
    size = 0
    with file.open("rb") as stream:
        for line in stream:
            if not line.isascii():
                found.append(line)
                size += len(line)
                if size > 1 << 18:
                    break
    return b"".join(found)


def _check_damaged(file: Path, text: bytes) -> None:
    """Refuse UTF-8 with a few broken places: as anything else, all of it would be misread."""
    decoded = text.decode("utf-8", "replace")
    broken = decoded.count("\N{REPLACEMENT CHARACTER}")
    good = sum(not character.isascii() for character in decoded) - broken
    if good > 2 * broken:
        place = decoded.index("\N{REPLACEMENT CHARACTER}")
        raise SourceError(
            f"{file.name!r} is UTF-8 but for {broken:,} "
            f"{'place' if broken == 1 else 'places'}, the first near "
            f"{decoded[max(0, place - 20) : place].strip()!r}. Correct "
            f"{'it' if broken == 1 else 'them'}, or name the encoding of the file with --encoding."
        )

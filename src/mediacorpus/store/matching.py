"""Which file a table means, where it is not written just as the file is named.

What is tried, in this order: the path as it is written; with backslashes as slashes; with accents
composed in the other way (Unicode has two); with other upper and lower case; without the suffix;
without leading zeros; the end of a path that begins at the root of another machine. A guess counts
only where one file fits it, and each kind of guess is reported.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from mediacorpus.result import counted

_ROOTED = re.compile(r"^(?:[A-Za-z]:)?[/\\]")
_WHOLE = re.compile(r"([0-9]+)(?:\.0)?")

GUESSES = {
    "slashes": "with backslashes for slashes",
    "accents": "with accents composed in another way",
    "case": "in other upper and lower case",
    "suffix": "without the suffix",
    "zeros": "without the leading zeros",
    "folder": "by a path of another machine",
}
"""How a file may be written otherwise than it is named, in words."""


def fold(text: str) -> str:
    r"""Write a path in the one form that all its spellings share.

    >>> fold("Photos\\CAFE\u0301.jpg") == fold("photos/Caf\u00e9.jpg")
    True
    """
    return unicodedata.normalize("NFC", text.strip().replace("\\", "/")).casefold()


def rooted(text: str) -> bool:
    r"""Tell whether a path begins at a root, of this or another system.

    >>> rooted("C:\\photos\\1.jpg"), rooted("photos/1.jpg")
    (True, False)
    """
    return _ROOTED.match(text) is not None


def number_of(text: str) -> int | None:
    """Read a name that is a whole number.

    >>> number_of("007"), number_of("7.0"), number_of("7a")
    (7, 7, None)
    """
    found = _WHOLE.fullmatch(text.strip())
    return int(found[1]) if found else None


def guesses(text: str, path: str) -> list[str]:
    r"""Say in which ways a text differs from the end of the path that it stands for.

    >>> guesses("images\\1.PNG", "/study/images/1.png"), guesses("7", "/study/007.jpg")
    (['slashes', 'case'], ['suffix', 'zeros'])
    """
    found = []
    path = path.replace(os.sep, "/")
    plain = text.strip()
    if "\\" in plain:
        plain = plain.replace("\\", "/")
        found.append("slashes")
    if rooted(text) and plain != path:
        found.append("folder")
        plain = PurePosixPath(plain).name
    name = PurePosixPath(path).name
    last = PurePosixPath(plain).name
    if fold(last) != fold(name):
        found.append("suffix")
        name = PurePosixPath(name).stem
        if fold(last) != fold(name):
            found.append("zeros")
            return found
        path = str(PurePosixPath(path).with_suffix(""))
    if not path.endswith(plain.removeprefix("./")):
        own, given = (unicodedata.normalize("NFC", one) for one in (path, plain))
        if own[-len(given) :] != given:
            found.append("case")
        if not path.casefold().endswith(plain.casefold()):
            found.append("accents")
    return found


class Said:
    """What was guessed of the files of one table, to be reported at its end."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, str, str]] = {}

    def learn(self, text: str, path: str) -> None:
        """Note a file that is written as `text` and lies at `path`."""
        for guess in guesses(text, path):
            count, *example = self._rows.get(guess, (0, text.strip(), os.path.basename(path)))  # noqa: PTH119
            self._rows[guess] = (count + 1, example[0], example[1])

    def notes(self) -> list[str]:
        """Give a sentence for each kind of guess."""
        return [
            f"{counted(count, 'row')} {'names its file' if count == 1 else 'name their files'} "
            f"{GUESSES[guess]}: {text!r} is {path!r}."
            for guess, (count, text, path) in self._rows.items()
        ]


class Folders:
    """Finds files on this machine that a table names, below the table's folder.

    Parameters
    ----------
    base:
        The table's folder.
    fits:
        Tells of a name whether it may stand where a table leaves the suffix out.
    """

    def __init__(self, base: Path, *, fits: Callable[[str], bool]) -> None:
        self.base = base
        self._fits = fits
        self._listings: dict[Path, dict[str, list[str]]] = {}
        self._stems: dict[Path, dict[str, list[str]]] = {}
        self.said = Said()

    def find(self, text: str) -> Path:
        """Give the path of a file; as it is written where none is found."""
        path = self.base / text
        found = self.look(text)
        if found is None or found == path:
            return path
        self.said.learn(text, str(found))
        return found

    def look(self, text: str) -> Path | None:
        """Give the path of a file, or None; nothing is reported of it."""
        path = self.base / text
        if _there(path):
            return path
        return next((one for one in map(self._below, _tails(text)) if one is not None), None)

    def _below(self, parts: list[str]) -> Path | None:
        folder = self.base
        for part in parts[:-1]:
            inside = folder / part
            if part == ".." or inside.is_dir():
                folder = inside
                continue
            same = self._listing(folder).get(fold(part), [])
            if len(same) != 1:
                return None
            folder /= same[0]
        same = self._listing(folder).get(fold(parts[-1])) or self._without_suffix(folder, parts[-1])
        return folder / same[0] if len(same) == 1 else None

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listings:
            try:
                names = os.listdir(folder)  # noqa: PTH208 - names, not paths
            except OSError:
                names = []
            self._listings[folder] = _by(names, fold)
            plain = [name for name in names if self._fits(name)]
            stems = _by(plain, lambda name: fold(PurePosixPath(name).stem))
            numbers = _by(plain, lambda name: f"#{number_of(PurePosixPath(name).stem)}")
            self._stems[folder] = numbers | stems
        return self._listings[folder]

    def _without_suffix(self, folder: Path, name: str) -> list[str]:
        self._listing(folder)
        stems = self._stems[folder]
        number = number_of(name)
        return stems.get(fold(name)) or ([] if number is None else stems.get(f"#{number}", []))


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _tails(text: str) -> list[list[str]]:
    """Give the parts of a relative path; of one from a root its ends, the longest first."""
    plain = text.strip().replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in {"", "."}]
    if not rooted(text):
        return [parts] if parts else []
    return [parts[place:] for place in range(1, len(parts))]


def _by(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(key(name), []).append(name)
    return found

"""Find the items that the rows of a table mean, such as a table of labels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from mediacorpus.errors import LabelError, MediacorpusError
from mediacorpus.store.holdings import path_text
from mediacorpus.store.matching import Said, fold, number_of, rooted
from mediacorpus.store.store import Store, chunks, placeholders

DEEPEST = 4
"""Parts of a path, from its end, by which a record is found."""

KEYS = ("item", "record", "file")
"""Columns that can say which item a row is about; in each row the first that is filled."""

FILES = (
    "path",
    "filename",
    "filepath",
    "image",
    "imagefile",
    "imagepath",
    "imagename",
    "imageid",
    "img",
    "photo",
    "picture",
    "id",
)
"""Other names of the column of files, without case, blanks and punctuation; the first counts."""

_PUNCTUATION = re.compile(r"[\W_]+")


def known_as(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """Give the column that has the first of some names, without case, blanks and punctuation.

    >>> known_as(["Image ID", "score"], FILES)
    'Image ID'
    """
    there = {_PUNCTUATION.sub("", name).lower(): name for name in reversed(list(columns))}
    return next((there[name] for name in names if name in there), None)


class Named(Protocol):
    """A row that names what it is about."""

    @property
    def kind(self) -> str:
        """What `subject` is: one of `KEYS`."""
        ...

    @property
    def subject(self) -> str:
        """The id or file, as it is written."""
        ...


class Finder:
    """Finds the item that a row of a table means.

    Items and records are named by their ids. Files are tried in this order: the path from the
    table's folder; the end of the path of one record, whatever its case, slashes and accents;
    the same without the suffix; a number without its leading zeros; and of a path of another
    machine its end, of two parts at least. What was guessed is in `said`.

    Parameters
    ----------
    store:
        The catalogue.
    base:
        The folder of the table; None is the working directory.
    error:
        What is raised where a name is ambiguous.
    """

    def __init__(
        self, store: Store, base: Path | None, error: type[MediacorpusError] = LabelError
    ) -> None:
        self.store = store
        self.base = base
        self.error = error
        self.said = Said()
        self._items: dict[tuple[str, str], str] = {}
        self._asked: set[str] = set()
        self._tails: dict[str, dict[str, str]] | None = None

    def learn(self, rows: Iterable[Named]) -> None:
        """Look up all subjects at once."""
        subjects: dict[str, set[str]] = {"item": set(), "record": set(), "file": set()}
        for row in rows:
            subjects[row.kind].add(row.subject)
        self._look_up("item", "items", column="item", asked={s: s for s in subjects["item"]})
        numbers = {s: s for s in subjects["record"] if s.isdigit()}
        self._look_up("record", "records", column="record", asked=numbers)
        paths = {self._absolute(s): s for s in subjects["file"]}
        self._look_up("file", "records", column="path", asked=paths)
        self._asked = {s for s in subjects["file"] if ("file", s) not in self._items}
        self._asked |= {s for s in subjects["item"] if ("item", s) not in self._items}

    def _look_up(self, kind: str, table: str, *, column: str, asked: dict[str, str]) -> None:
        for chunk in chunks(sorted(asked)):
            for found, item in self.store.rows(
                f"SELECT {column}, item FROM {table} "
                f"WHERE {column} IN ({placeholders(len(chunk))}) ORDER BY {column}",
                chunk,
            ):
                self._items.setdefault((kind, asked[str(found)]), item)

    def item(self, row: Named) -> str | None:
        """Return the item of a row, or None; raises where a name is ambiguous."""
        found = self._items.get((row.kind, row.subject))
        if found is not None or row.kind == "record":
            return found
        for tail in _tails_of(row.subject):
            there = self._by_tail().get(tail)
            if not there:
                continue
            if len(set(there.values())) > 1:
                raise self.error(
                    f"The file name {row.subject!r} stands for {len(set(there.values()))} "
                    "different images. Write the path from the table's folder, or use item ids."
                )
            path, item = next(iter(there.items()))
            self.said.learn(row.subject, path)
            return item
        return None

    def _absolute(self, text: str) -> str:
        base = self.base or Path.cwd()
        return path_text(Path(os.path.normpath(base.absolute() / text)))

    def _by_tail(self) -> dict[str, dict[str, str]]:
        """Index the records by the ends of their paths: `c.jpg`, `b/c.jpg`, `a/b/c.jpg`.

        Only those whose file names are asked for are taken in. Frames, pages and regions are
        named with their place, as in `clip.mp4#frame=25`; the name of a file means the file.
        """
        if self._tails is None:
            self._tails = {}
            asked = {tail.rpartition("/")[2] for text in self._asked for tail in _tails_of(text)}
            for path, item, derived in self.store.each(
                "SELECT path, records.item, items.parent IS NOT NULL FROM records "
                "JOIN items USING (item) ORDER BY record"
            ):
                self._take_in(str(path), str(item), asked, whole=not derived)
        return self._tails

    def _take_in(self, path: str, item: str, asked: set[str], *, whole: bool) -> None:
        assert self._tails is not None
        folders, _, name = fold(path.replace(os.sep, "/")).rpartition("/")
        stem = PurePosixPath(name).stem
        number = number_of(stem)
        for own in dict.fromkeys((name, f"{stem}?", f"#{number}") if whole else (name,)):
            if own in asked:
                pieces = [*folders.split("/"), own]
                for depth in range(1, min(DEEPEST, len(pieces)) + 1):
                    self._tails.setdefault("/".join(pieces[-depth:]), {}).setdefault(path, item)


def _tails_of(text: str) -> list[str]:
    """Give the keys under which a file that is written so may be found, in order.

    >>> _tails_of("a/007")
    ['a/007', 'a/007?', 'a/#7']
    """
    parts = [part for part in fold(text).split("/") if part not in {"", "."}]
    if not parts:
        return []
    folders, name = parts[:-1], parts[-1]
    names = [name, f"{name}?"]
    number = number_of(name)
    names += [] if number is None else [f"#{number}"]
    starts = range(1, len(folders)) if rooted(text) else [0]
    return [
        "/".join([*folders[max(start, len(folders) - DEEPEST + 1) :], own])
        for own in names
        for start in starts
    ]

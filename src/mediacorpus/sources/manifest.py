"""Tables of paths and links as sources: each row is a record with its own columns."""

from __future__ import annotations

import ast
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.errors import SourceError
from mediacorpus.records import Failure
from mediacorpus.result import counted
from mediacorpus.sources.addresses import public
from mediacorpus.sources.occurrence import Box, Copy, Occurrence
from mediacorpus.sources.walk import MEDIA_SUFFIXES
from mediacorpus.store.holdings import path_text
from mediacorpus.store.matching import Folders
from mediacorpus.store.read import read_table
from mediacorpus.store.store import storable

PATH_COLUMNS = (
    "path",
    "file",
    "filename",
    "filepath",
    "imagepath",
    "imagefile",
    "imagefilename",
    "imageurl",
    "imageurls",
    "imagelink",
    "mediaurl",
    "mediaurls",
    "photourl",
    "pictureurl",
    "image",
    "images",
    "picture",
    "photo",
    "media",
    "url",
    "urls",
    "link",
    "links",
)
"""Names of the column of paths or links, without case, blanks and punctuation; what names images
comes before `url`, which may be the page that they are on."""

SEPARATORS = ("|", ";", "\n", ",")
"""What may stand between several paths in a cell, where the whole of it names no file."""

ROW, IMAGE = "row", "image_of_row"
"""Columns that are added where a row names several files: its number, and that of the file."""

SCHEMES = (
    "http:",
    "https:",
    "ftp:",
    "ftps:",
    "data:",
    "file:",
    "javascript:",
    "blob:",
    "s3:",
    "gs:",
)


_BETWEEN_LINKS = re.compile(r"[\s,;|]+(?=(?:https?|ftps?)://)|[\s,;|]+$", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file or address that a row names: the row, the text, its number in the row."""

    row: int
    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Link:
    """A web address that some entries of a table name."""

    url: str
    rows: tuple[int, ...]


class Manifest:
    """A table of paths or web addresses, each row a record with its own columns.

    Paths are taken relative to the table's folder. All other columns go along as the record's
    columns.

    Parameters
    ----------
    path:
        CSV, TSV, Parquet or JSON-lines file.
    path_column:
        Column that holds the paths or addresses, or several with commas between or as a list;
        found by its name if not given.
    id_column:
        Column that tells rows apart, such as a post's id. Without it rows that name the same
        file are told apart by their order.
    variable:
        Column whose value is a label of that variable.
    boxes:
        Four columns with x, y, width and height of the region that the row is about.
    fractions:
        Whether these are fractions of the image's width and height, not pixels.
    encoding, sheet:
        See `mediacorpus.store.read.read_table`.

    Attributes
    ----------
    notes:
        What was guessed, a sentence each; complete when all of `found` was given.

    Raises
    ------
    SourceError
        The table cannot be read, or has no such column.
    """

    def __init__(
        self,
        path: Path,
        *,
        path_column: str | Sequence[str] | None = None,
        id_column: str | None = None,
        variable: str | None = None,
        boxes: Sequence[str] | None = None,
        fractions: bool = False,
        encoding: str | None = None,
        sheet: str | None = None,
    ) -> None:
        self.path = path
        self.variable = variable
        self.boxes = boxes
        self.fractions = fractions
        self.notes: list[str] = []
        self._table = read_table(path, encoding=encoding, sheet=sheet, notes=self.notes)
        self.columns = _path_columns(self._table, path_column, path, notes=self.notes)
        for name in (id_column, variable, *(boxes or ())):
            if name is not None and name not in self._table.columns:
                raise SourceError(
                    f"{path.name} has no column {name!r}. Its columns are: "
                    f"{', '.join(map(str, self._table.columns))}."
                )
        self._folders = Folders(path.parent, fits=_may_be_media)
        self._names = [storable(str(name)) for name in self._table.columns]
        self._values = [self._table[name].array for name in self._table.columns]
        self._entries = list(self._each_entry())
        self._places = [name not in self.columns for name in self._table.columns]
        if id_column is not None and boxes is None:
            self._check_ids(id_column)
        self._keys = list(self._each_key(id_column))
        self._label_name = None if variable is None else storable(variable)

    def _each_entry(self) -> Iterator[_Entry]:
        """Give each file or address that a row names, in the order of the table."""
        several = total = 0
        cells = [self._table[name].tolist() for name in self.columns]
        for row, values in enumerate(zip(*cells, strict=True)):
            texts = [text for value in values for text in self._split(value)]
            texts = list(dict.fromkeys(texts))
            several += len(texts) > 1
            total += len(texts) if len(texts) > 1 else 0
            for number, text in enumerate(texts or [""], start=1):
                yield _Entry(row, text, number)
        self._several = several > 0
        if several:
            self.notes.append(
                f"{counted(several, 'row')} {'names' if several == 1 else 'name'} several files, "
                f"{total:,} in all: each is a record of its own with the columns of its row, and "
                f"{ROW!r} and {IMAGE!r} say which."
            )

    def _split(self, value: Any) -> list[str]:
        """Give the paths or addresses that a cell holds."""
        if isinstance(value, (list, tuple, np.ndarray)):
            return [text for one in value for text in [_written(one)] if text]
        text = _written(value)
        listed = _as_list(text)
        if listed is not None:
            return listed
        if is_link(text):
            return [one for one in _BETWEEN_LINKS.split(text) if one]
        if not any(mark in text for mark in SEPARATORS) or _problem(text):
            return [text] if text else []
        if self._is_there(text):
            return [text]
        for mark in SEPARATORS:
            parts = [part.strip() for part in text.split(mark) if part.strip()]
            if len(parts) > 1 and any(is_link(part) or self._is_there(part) for part in parts):
                return parts
        return [text]

    def _is_there(self, text: str) -> bool:
        return not _problem(text) and self._folders.look(text) is not None

    def _check_ids(self, id_column: str) -> None:
        ids = self._table[id_column].tolist()
        seen = Counter((str(_plain(ids[one.row])), one.text) for one in self._entries)
        twice = next((pair for pair, count in seen.items() if count > 1), None)
        if twice is not None:
            raise SourceError(
                f"Column {id_column!r} of {self.path.name} does not tell rows apart: {twice[0]!r} "
                f"stands in {seen[twice]} rows with the same file. Remove the repeated rows, "
                "or leave --id-column out."
            )

    @property
    def links(self) -> bool:
        """Whether any row names a web address."""
        return any(is_link(one.text) for one in self._entries)

    def found(self) -> Iterator[Occurrence | Failure | Link]:
        """Give what the rows name: first what is on this machine, then each address once."""
        together: dict[Path, list[int]] = {}
        links: dict[str, list[int]] = {}
        paths: dict[str, Path] = {}  # made once each: a table may name a file in many rows
        for number, entry in enumerate(self._entries):
            text = entry.text
            problem = _problem(text)
            if problem:
                name = storable(text) or f"{self.path.name} row {entry.row + 2}"
                yield Failure(self._keys[number], name, "add", problem)
                continue
            if is_link(text):
                links.setdefault(text, []).append(number)
                continue
            if text not in paths:
                paths[text] = self._folders.find(text)
            if self.boxes is not None:
                together.setdefault(paths[text], []).append(number)
            else:
                yield self._occurrence(number, path=paths[text])
        self.notes += self._folders.said.notes()
        for path, rows in together.items():
            yield from self._regions(rows, path=path)
        for url, rows in links.items():
            yield Link(url, tuple(rows))

    def linked(self, link: Link, copy: Copy) -> Iterator[Occurrence | Failure]:
        """Give the occurrences of a link whose content the corpus keeps now."""
        url = storable(public(link.url))
        if self.boxes is not None:
            yield from self._regions(link.rows, path=url, copy=copy)
            return
        for number in link.rows:
            yield self._occurrence(number, path=url, copy=copy)

    def _occurrence(self, number: int, *, path: Path | str, copy: Copy | None = None) -> Occurrence:
        columns = self._cells(number)
        label = self._label(columns)
        return Occurrence(self._keys[number], path, columns, label=label, copy=copy)

    def _regions(
        self, rows: Sequence[int], *, path: Path | str, copy: Copy | None = None
    ) -> Iterator[Occurrence | Failure]:
        """Give an image with the rows about its regions."""
        boxes = []
        for number in rows:
            columns = self._cells(number)
            try:
                sides = [float(columns[name]) for name in self.boxes or ()]
            except (TypeError, ValueError):
                values = ", ".join(f"{name}={columns.get(name)!r}" for name in self.boxes or ())
                yield Failure(
                    self._keys[number], path_text(path), "add", f"The box is no numbers: {values}."
                )
                continue
            x, y, width, height = sides
            boxes.append(
                Box(
                    self._keys[number],
                    (x, y, width, height),
                    self.fractions,
                    columns,
                    self._label(columns),
                )
            )
        yield Occurrence(f"file:{path_text(path)}", path, copy=copy, boxes=tuple(boxes))

    def _cells(self, number: int) -> dict[str, Any]:
        entry = self._entries[number]
        found = {
            name: _plain(values[entry.row])
            for name, values, own in zip(self._names, self._values, self._places, strict=True)
            if own
        }
        if self._several:
            found |= {ROW: entry.row + 1, IMAGE: entry.number} | found
        return found

    def _label(self, columns: Mapping[str, Any]) -> str | None:
        label = columns.get(self._label_name) if self._label_name else None
        return None if label is None else str(label).strip() or None

    def _each_key(self, id_column: str | None) -> Iterator[str]:
        seen: Counter[str] = Counter()
        start = f"row:{path_text(self.path)}"
        ids = None if id_column is None else self._table[id_column].tolist()
        for entry in self._entries:
            own = None if ids is None else ids[entry.row]
            identity = _identity(own, entry.text, named=ids is not None)
            seen[identity] += 1
            yield f"{start}#{identity}#{seen[identity]}"


def is_link(text: str) -> bool:
    """Tell whether a cell holds an address rather than a path on this machine.

    >>> is_link(" HTTPS://example.org/a.jpg"), is_link("C:/pictures/a.jpg")
    (True, False)
    """
    return text.lstrip()[:12].lower().startswith(SCHEMES)


def _written(value: Any) -> str:
    """Give a cell as it was written: a name that is no text must still find its file."""
    return "" if _plain(value) is None else str(value).strip()


def _identity(own: Any, path: str, *, named: bool) -> str:
    """Give what tells a row apart, so that other columns may change and it is still the same."""
    return storable(f"{_plain(own)}|{path}" if named else path)


def _problem(text: str) -> str | None:
    if not text:
        return "The row names no file."
    if "\x00" in text:
        return "The path holds a zero byte."
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return "The path holds characters that no file name can have."
    return None


def _plain(value: Any) -> Any:
    """Turn a cell into what JSON can hold: text, number, truth value or nothing."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return storable(str(value))


def _as_list(text: str) -> list[str] | None:
    """Read a list as JSON or Python writes it; None where it is none.

    >>> _as_list('["a.jpg", "b.jpg"]'), _as_list("['a.jpg']"), _as_list("[draft] a.jpg")
    (['a.jpg', 'b.jpg'], ['a.jpg'], None)
    """
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            return [one.strip() for one in found if one.strip()]
    return None


def _may_be_media(name: str) -> bool:
    return PurePath(name).suffix.lower() in MEDIA_SUFFIXES


def _path_columns(
    table: pd.DataFrame,
    wanted: str | Sequence[str] | None,
    manifest: Path,
    *,
    notes: list[str],
) -> list[str]:
    columns = [str(name) for name in table.columns]
    if wanted is not None:
        if isinstance(wanted, str):
            wanted = [wanted] if wanted in columns else wanted.split(",")
        asked = [str(name).strip() for name in wanted]
        missing = next((name for name in asked if name not in columns), None)
        if missing is not None or not asked:
            raise SourceError(
                f"{manifest.name} has no column {missing!r}. Its columns are: {', '.join(columns)}."
            )
        return asked
    names = {_PUNCTUATION.sub("", name).lower(): name for name in reversed(columns)}
    there = [names[name] for name in PATH_COLUMNS if name in names]
    filled = [name for name in there if any(_written(value) for value in table[name].tolist())]
    if not there:
        raise SourceError(
            f"No column of {manifest.name} is named like a path ({', '.join(PATH_COLUMNS[:3])} "
            f"…). Its columns are: {', '.join(columns)}. Name one with --path-column."
        )
    chosen, *others = filled or there[:1]
    if others:
        listed = ", ".join(map(repr, others))
        notes.append(
            f"Files are named by the column {chosen!r} (not {listed}; --path-column takes others, "
            f"or several: {','.join([chosen, *others])})."
        )
    return [chosen]

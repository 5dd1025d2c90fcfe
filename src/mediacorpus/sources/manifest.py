"""Tables of paths and links as sources: each row is a record with its own columns."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.errors import SourceError
from mediacorpus.records import Failure
from mediacorpus.sources.addresses import public
from mediacorpus.sources.occurrence import Box, Copy, Occurrence
from mediacorpus.store.holdings import path_text
from mediacorpus.store.read import read_table
from mediacorpus.store.store import storable

SUFFIXES = frozenset({".csv", ".tsv", ".parquet", ".jsonl", ".ndjson"})
PATH_COLUMNS = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "picture",
    "photo",
    "url",
    "image_url",
    "media_url",
    "link",
)
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


@dataclass(frozen=True, slots=True)
class Link:
    """A web address that some rows of a table name."""

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
        Column that holds the paths or addresses; found by its name if not given.
    id_column:
        Column that tells rows apart, such as a post's id. Without it rows that name the same
        file are told apart by their order.
    variable:
        Column whose value is a label of that variable.
    boxes:
        Four columns with x, y, width and height of the region that the row is about.
    fractions:
        Whether these are fractions of the image's width and height, not pixels.

    Raises
    ------
    SourceError
        The table cannot be read, or has no such column.
    """

    def __init__(
        self,
        path: Path,
        *,
        path_column: str | None = None,
        id_column: str | None = None,
        variable: str | None = None,
        boxes: Sequence[str] | None = None,
        fractions: bool = False,
    ) -> None:
        self.path = path
        self.variable = variable
        self.boxes = boxes
        self.fractions = fractions
        self._table = read_table(path)
        self.column = _path_column(self._table, path_column, path)
        for name in (id_column, variable, *(boxes or ())):
            if name is not None and name not in self._table.columns:
                raise SourceError(
                    f"{path.name} has no column {name!r}. Its columns are: "
                    f"{', '.join(map(str, self._table.columns))}."
                )
        if id_column is not None and boxes is None:
            _check_ids(self._table, id_column, path_column=self.column, manifest=path)
        if self._table.empty:
            raise SourceError(f"{path} has a header but no rows; there is nothing to add.")
        self._texts = [_written(value) for value in self._table[self.column]]
        self._names = [storable(str(name)) for name in self._table.columns]
        self._place = list(self._table.columns).index(self.column)
        self._columns = [self._table[name].array for name in self._table.columns]
        self._keys = list(self._each_key(id_column))

    @property
    def links(self) -> bool:
        """Whether any row names a web address."""
        return any(map(is_link, self._texts))

    def found(self) -> Iterator[Occurrence | Failure | Link]:
        """Give what the rows name: first what is on this machine, then each address once."""
        together: dict[Path, list[int]] = {}
        links: dict[str, list[int]] = {}
        paths: dict[str, Path] = {}  # made once each: a table may name a file in many rows
        for number, values in enumerate(self._table.itertuples(index=False, name=None)):
            text = self._texts[number]
            problem = _problem(text)
            if problem:
                name = storable(text) or f"{self.path.name} row {number + 2}"
                yield Failure(self._keys[number], name, "add", problem)
            elif is_link(text):
                links.setdefault(text, []).append(number)
            elif self.boxes is not None:
                together.setdefault(self.path.parent / text, []).append(number)
            else:
                if text not in paths:
                    paths[text] = self.path.parent / text
                yield self._occurrence(number, values, path=paths[text])
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
            values = self._row(number)
            yield self._occurrence(number, values, path=url, copy=copy)

    def _occurrence(
        self, number: int, values: Sequence[Any], *, path: Path | str, copy: Copy | None = None
    ) -> Occurrence:
        columns = self._cells(values)
        label = self._label(columns)
        return Occurrence(self._keys[number], path, columns, label=label, copy=copy)

    def _regions(
        self, rows: Sequence[int], *, path: Path | str, copy: Copy | None = None
    ) -> Iterator[Occurrence | Failure]:
        """Give an image with the rows about its regions."""
        boxes = []
        for number in rows:
            columns = self._cells(self._row(number))
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

    def _row(self, number: int) -> tuple[Any, ...]:
        return tuple(column[number] for column in self._columns)

    def _cells(self, values: Sequence[Any]) -> dict[str, Any]:
        return {
            name: _plain(value)
            for place, (name, value) in enumerate(zip(self._names, values, strict=True))
            if place != self._place
        }

    def _label(self, columns: Mapping[str, Any]) -> str | None:
        label = columns.get(self.variable) if self.variable else None
        return None if label is None else str(label).strip() or None

    def _each_key(self, id_column: str | None) -> Iterator[str]:
        seen: Counter[str] = Counter()
        start = f"row:{path_text(self.path)}"
        ids = self._texts if id_column is None else self._table[id_column]
        for text, own in zip(self._texts, ids, strict=True):
            identity = _identity(own, text, named=id_column is not None)
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


def _path_column(table: pd.DataFrame, wanted: str | None, manifest: Path) -> str:
    names = {str(name).lower(): str(name) for name in table.columns}
    if wanted is not None:
        if wanted in table.columns:
            return wanted
        raise SourceError(
            f"{manifest.name} has no column {wanted!r}. Its columns are: "
            f"{', '.join(map(str, table.columns))}."
        )
    for name in PATH_COLUMNS:
        if name in names:
            return names[name]
    raise SourceError(
        f"No column of {manifest.name} is named like a path ({', '.join(PATH_COLUMNS[:4])} …). "
        f"Its columns are: {', '.join(map(str, table.columns))}. Name one with --path-column."
    )


def _check_ids(table: pd.DataFrame, id_column: str, *, path_column: str, manifest: Path) -> None:
    twice = table[table.duplicated([id_column, path_column], keep=False)]
    if not twice.empty:
        example = twice.iloc[0][id_column]
        raise SourceError(
            f"Column {id_column!r} of {manifest.name} does not tell rows apart: {example!r} "
            f"stands in {len(twice)} rows with the same file. Remove the repeated rows, "
            "or leave --id-column out."
        )

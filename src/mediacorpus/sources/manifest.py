"""Tables of paths as sources: each row is a record with its own columns."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.catalogue.holdings import path_text
from mediacorpus.catalogue.store import storable
from mediacorpus.errors import SourceError
from mediacorpus.records import Failure
from mediacorpus.sources.occurrence import Occurrence
from mediacorpus.tables.read import read_table

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
)


def occurrences(
    manifest: Path,
    *,
    path_column: str | None = None,
    id_column: str | None = None,
    variable: str | None = None,
) -> Iterator[Occurrence | Failure]:
    """Give one occurrence for each row of a table of paths.

    Paths are taken relative to the table's folder. All other columns go along as the record's
    columns.

    Parameters
    ----------
    manifest:
        CSV, TSV, Parquet or JSON-lines file.
    path_column:
        Column that holds the paths; found by its name if not given.
    id_column:
        Column that tells rows apart, such as a post's id. Without it rows that name the same
        file are told apart by their order.
    variable:
        Column whose value is a label of that variable.

    Raises
    ------
    SourceError
        The table cannot be read, or has no such column.
    """
    table = read_table(manifest)
    column = _path_column(table, path_column, manifest)
    for name in (id_column, variable):
        if name is not None and name not in table.columns:
            raise SourceError(
                f"{manifest.name} has no column {name!r}. Its columns are: "
                f"{', '.join(map(str, table.columns))}."
            )
    if id_column is not None:
        _check_ids(table, id_column, path_column=column, manifest=manifest)
    if table.empty:
        raise SourceError(f"{manifest} has a header but no rows; there is nothing to add.")
    return _rows(table, manifest, column=column, id_column=id_column, variable=variable)


def _rows(
    table: pd.DataFrame,
    manifest: Path,
    *,
    column: str,
    id_column: str | None,
    variable: str | None,
) -> Iterator[Occurrence | Failure]:
    seen: Counter[str] = Counter()
    names = [storable(str(name)) for name in table.columns]
    for number, values in enumerate(table.itertuples(index=False, name=None), start=2):
        cells = dict(zip(names, values, strict=True))
        place = cells.pop(column)
        # As it was written: a name that is no text must still find its file.
        text = "" if _plain(place) is None else str(place).strip()
        row = {name: _plain(value) for name, value in cells.items()}
        identity = _identity(row, text, id_column)
        seen[identity] += 1
        key = f"row:{path_text(manifest)}#{identity}#{seen[identity]}"
        problem = _problem(text)
        if problem:
            yield Failure(key, storable(text) or f"{manifest.name} row {number}", "add", problem)
            continue
        label = row.get(variable) if variable else None
        label = None if label is None else str(label).strip()
        yield Occurrence(
            key=key,
            path=(manifest.parent / text),
            columns=row,
            label=label or None,
        )


def _identity(row: dict[str, Any], path: str, id_column: str | None) -> str:
    """Give what tells a row apart, so that other columns may change and it is still the same."""
    return storable(path if id_column is None else f"{row.get(id_column, path)}|{path}")


def _problem(text: str) -> str | None:
    if not text:
        return "The row names no file."
    lowered = text.lower()
    if lowered.startswith(("http://", "https://", "ftp://", "data:")):
        return "The row names a web address; this version adds files that are on this machine."
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

"""Read a table that a user hands in: CSV, TSV, Parquet or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mediacorpus.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DELIMITERS = (",", ";", "\t", "|")
"""Delimiters that are tried on the first lines, in this order."""

SAMPLE = 65_536
"""Bytes that are looked at to find the encoding and the delimiter."""

WIDE = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte-order marks of what spreadsheets call Unicode text."""


def read_table(path: str | Path) -> pd.DataFrame:
    r"""Read a table from a file.

    CSV and TSV files are read as text throughout, so that an id such as `007` stays what
    it is; empty cells are empty strings. UTF-8 is tried first, then Windows-1252; the
    delimiter (comma, semicolon, tab, bar) is found from the first lines. Parquet keeps its
    types, and JSON lines keep theirs.

    Parameters
    ----------
    path:
        File ending in .csv, .tsv, .tab, .txt, .parquet, .pq, .jsonl or .ndjson.

    Returns
    -------
    DataFrame
        At least one row; column names without surrounding blanks, no two alike.

    Raises
    ------
    SourceError
        The file is missing, empty, of another kind, or cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
    >>> _ = path.write_text("item;value\n007;yes\n", encoding="utf-8")
    >>> read_table(path).to_dict("records")
    [{'item': '007', 'value': 'yes'}]
    """
    file = Path(path)
    try:
        frame = _reader(file)(file)
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise SourceError(f"The table {file.name!r} cannot be read: {reason}.") from error
    except UnicodeError as error:
        raise SourceError(
            f"The characters of {file.name!r} cannot be read; save the table as UTF-8."
        ) from error
    return _checked(frame, file.name)


def _reader(file: Path) -> Callable[[Path], pd.DataFrame]:
    if not file.exists():
        raise SourceError(f"There is no file {str(file)!r}.")
    if file.is_dir():
        raise SourceError(f"{str(file)!r} is a folder; a table is needed ({_KINDS}).")
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise SourceError(
            f"{file.name!r} is not a table that can be read; save it as one of {_KINDS}."
        )
    if file.stat().st_size == 0:
        raise SourceError(f"The table {file.name!r} is empty.")
    return reader


def _checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    names = [str(column).strip() for column in frame.columns]
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise SourceError(f"The table {name!r} has two columns named {twice[0]!r}; rename one.")
    if frame.empty:
        found = f" only the column names {', '.join(names)}" if names else " no columns"
        raise SourceError(f"The table {name!r} has no rows:{found}.")
    return frame.set_axis(names, axis="columns").reset_index(drop=True)


def _read_text(file: Path) -> pd.DataFrame:
    encoding = _encoding(file)
    with file.open(encoding=encoding, newline="") as stream:
        sample = stream.read(SAMPLE)
    if not sample.strip():
        raise SourceError(f"The table {file.name!r} is empty.")
    lines = list(io.StringIO(sample, newline=""))
    above = next(i for i, line in enumerate(lines) if line.strip())
    above += lines[above].lower().startswith("sep=")
    lines = lines[above:]
    delimiter = "\t" if file.suffix.lower() in {".tsv", ".tab"} else _delimiter(lines)
    header = next(csv.reader(lines, delimiter=delimiter), [])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                file,
                sep=delimiter,
                encoding=encoding,
                dtype=str,
                header=None,
                names=list(range(len(header))),
                skiprows=above,
                index_col=False,
                keep_default_na=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        raise SourceError(
            f"The table {file.name!r} cannot be read: a row has more cells than there are "
            f"column names, or a quotation mark is not closed ({_reason(error)})."
        ) from error
    frame = frame.iloc[1:].fillna("")
    frame = frame[(frame.apply(lambda cells: cells.str.strip()) != "").any(axis="columns")]
    named = [i for i, cell in enumerate(header) if cell.strip() or (frame[i] != "").any()]
    names = [header[i].strip() or f"column_{i + 1}" for i in named]
    table: pd.DataFrame = frame[named].set_axis(names, axis="columns")
    return table


def _reason(error: Exception) -> str:
    return str(error).replace("Error tokenizing data. C error: ", "").strip().rstrip(".")


def _encoding(file: Path) -> str:
    """Find the encoding by decoding the whole file in pieces."""
    with file.open("rb") as stream:
        start = stream.read(SAMPLE)
    if start[:2] in WIDE:
        return WIDE[start[:2]]
    if b"\0" in start:
        raise SourceError(f"{file.name!r} is not text; save the table as CSV.")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            with file.open(encoding=encoding) as stream:
                while stream.read(SAMPLE):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise SourceError(
        f"The characters of {file.name!r} are neither UTF-8 nor Windows-1252; "
        "save the table as UTF-8."
    )


def _delimiter(lines: Sequence[str]) -> str:
    """Choose the delimiter that cuts most lines into as many cells as the first one."""
    whole = [line for line in lines[:50] if line.strip() and line.endswith(("\n", "\r"))]

    def merit(delimiter: str) -> tuple[float, int]:
        rows = [row for row in csv.reader(whole or lines, delimiter=delimiter) if row]
        cells = len(rows[0]) if rows else 0
        if cells < 2:  # noqa: PLR2004
            return (0.0, 0)
        return (sum(len(row) == cells for row in rows) / len(rows), cells)

    return max(DELIMITERS, key=merit)


def _read_parquet(file: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            frame: pd.DataFrame = parquet.read().to_pandas(ignore_metadata=True)
        kept = [name for name in frame.columns if not name.startswith("__index_level_")]
        return pd.DataFrame(frame[kept])
    except (pa.ArrowException, ValueError) as error:
        raise SourceError(f"{file.name!r} is no Parquet file, or it is damaged.") from error


def _read_lines(file: Path) -> pd.DataFrame:
    rows: list[Mapping[str, Any]] = []
    with file.open(encoding=_encoding(file)) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SourceError(f"Line {number} of {file.name!r} is not JSON.") from error
            if not isinstance(row, dict):
                raise SourceError(
                    f"Line {number} of {file.name!r} is no JSON object with named values."
                )
            rows.append(row)
    frame = pd.DataFrame(rows, dtype=object)
    return frame.where(frame.notna(), None)


_READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    **dict.fromkeys((".csv", ".txt", ".tsv", ".tab"), _read_text),
    **dict.fromkeys((".parquet", ".pq"), _read_parquet),
    **dict.fromkeys((".jsonl", ".ndjson"), _read_lines),
}
_KINDS = "CSV, TSV, Parquet, JSON lines"

"""Read a table that a user hands in: CSV, TSV, Parquet, JSON lines, spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mediacorpus.errors import SourceError
from mediacorpus.store import encodings
from mediacorpus.store.columns import EXACT
from mediacorpus.store.sheets import read_ods, read_xls, read_xlsx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mediacorpus.store.sheets import Grid

DELIMITERS = (",", ";", "\t", "|")
"""Delimiters that are tried on the first lines, in this order."""

SAMPLE = 65_536
"""Characters that are looked at to find the delimiter."""

_GUARDED = re.compile(r"'+[=+\-@\t\r]")
"""How a cell begins that was kept from being run as a formula (see `store.write.safe_cell`)."""


def read_table(
    path: str | Path,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    notes: list[str] | None = None,
) -> pd.DataFrame:
    r"""Read a table from a file.

    CSV and TSV files are read as text throughout, so that an id such as `007` stays what
    it is; empty cells are empty strings. The encoding (UTF-8, or else the likeliest) and the
    delimiter (comma, semicolon, tab, bar) are found from the content. Parquet, JSON lines and
    spreadsheets keep their types: whole numbers stay whole where some are missing.

    Parameters
    ----------
    path:
        File ending in .csv, .tsv, .tab, .txt, .parquet, .pq, .jsonl, .ndjson, .xlsx, .xls, .xlsb or
        .ods.
    encoding:
        Encoding of a text file, such as `"cp1251"`; found if not given.
    sheet:
        Name of the sheet of a spreadsheet; the first that holds anything if not given.
    notes:
        Learns in a sentence each what was guessed, or changed in reading.

    Returns
    -------
    DataFrame
        At least one row; column names without surrounding blanks, no two alike.

    Raises
    ------
    SourceError
        The file is missing, empty, of another kind, or cannot be read.
    MissingExtra
        A spreadsheet needs the extra `sheets`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
    >>> _ = path.write_text("item;value\n007;yes\n", encoding="utf-8")
    >>> read_table(path).to_dict("records")
    [{'item': '007', 'value': 'yes'}]
    """
    file = Path(path)
    said: list[str] = [] if notes is None else notes
    try:
        frame = _read(file, encoding=encoding, sheet=sheet, notes=said)
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise SourceError(f"The table {file.name!r} cannot be read: {reason}.") from error
    except UnicodeError as error:
        raise SourceError(
            f"The characters of {file.name!r} cannot be read"
            + (f" as {encoding}" if encoding else "")
            + "; name its encoding with --encoding, or save the table as UTF-8."
        ) from error
    found = _checked(frame, file.name)
    said += _inexact(found)
    return found


def _read(file: Path, *, encoding: str | None, sheet: str | None, notes: list[str]) -> pd.DataFrame:
    if not file.exists():
        raise SourceError(f"There is no file {str(file)!r}.")
    if file.is_dir():
        raise SourceError(f"{str(file)!r} is a folder; a table is needed ({KINDS}).")
    kind = file.suffix.lower()
    if kind not in SUFFIXES:
        raise SourceError(
            f"{file.name!r} is not a table that can be read; save it as one of {KINDS}."
        )
    if file.stat().st_size == 0:
        raise SourceError(f"The table {file.name!r} is empty.")
    if sheet is not None and kind not in _SHEETS:
        raise SourceError(
            f"{file.name!r} has no sheets; only spreadsheets (.xlsx, .xls, .ods) have."
        )
    if encoding is not None and (kind in _SHEETS or kind in _PARQUET):
        raise SourceError(f"{file.name!r} states its encoding itself; leave --encoding out.")
    if kind in _SHEETS:
        return _of_grid(_SHEETS[kind](file, sheet, notes))
    if kind in _PARQUET:
        return _read_parquet(file)
    codec = encodings.known(encoding) if encoding else encodings.of_file(file, notes)
    codec = "utf-8-sig" if codec == "utf-8" else codec
    if kind in _LINES:
        return _read_lines(file, codec)
    return _read_text(file, codec, notes)


def _checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    names = [str(column).strip() for column in frame.columns]
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise SourceError(f"The table {name!r} has two columns named {twice[0]!r}; rename one.")
    if frame.empty:
        found = f" only the column names {', '.join(names)}" if names else " no columns"
        raise SourceError(f"The table {name!r} has no rows:{found}.")
    return frame.set_axis(names, axis="columns").reset_index(drop=True)


def _inexact(frame: pd.DataFrame) -> list[str]:
    """Say which columns hold whole numbers whose last digits were lost before they came here."""
    found = []
    for name in frame.columns:
        values = (v for v in frame[name].tolist() if isinstance(v, float) and v.is_integer())
        if any(abs(value) > EXACT for value in values):
            found.append(
                f"The column {name!r} holds long numbers as floating-point numbers, so their last "
                "digits are lost. If these are ids, save the column as text where the table was "
                "made."
            )
    return found


def _read_text(file: Path, codec: str, notes: list[str]) -> pd.DataFrame:
    with file.open(encoding=codec, newline="") as stream:
        sample = stream.read(SAMPLE)
    if not sample.strip():
        raise SourceError(f"The table {file.name!r} is empty.")
    lines = list(io.StringIO(sample, newline=""))
    above = next(i for i, line in enumerate(lines) if line.strip())
    above += lines[above].lower().startswith("sep=")
    lines = lines[above:]
    delimiter = "\t" if file.suffix.lower() in {".tsv", ".tab"} else _delimiter(lines)
    rest = next(csv.reader(lines, delimiter=delimiter), [])[1:]
    spaced = bool(rest) and delimiter != "\t" and all(name.startswith(" ") for name in rest)
    numbers, rows = _cells(file, codec, delimiter=delimiter, spaced=spaced)
    header, rows = rows[0], rows[1:]
    header, rows = _same_length(header, rows, numbers=numbers[1:], name=file.name)
    _unguard(header, rows, notes)
    named = [
        i for i, cell in enumerate(header) if cell.strip() or any(row[i].strip() for row in rows)
    ]
    names = [header[i].strip() or f"column_{i + 1}" for i in named]
    columns = {place: [row[i] for row in rows] for place, i in enumerate(named)}
    return pd.DataFrame(columns, dtype=object).set_axis(names, axis="columns")


def _cells(
    file: Path, codec: str, *, delimiter: str, spaced: bool
) -> tuple[list[int], list[list[str]]]:
    """Give the rows that hold anything, from the header on, and the numbers of their lines."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a cell may hold a whole article
    numbers, rows = [], []
    with file.open(encoding=codec, newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=spaced, strict=False)
        for row in reader:
            if any(cell.strip() for cell in row):
                numbers.append(reader.line_num)
                rows.append(row)
    if rows and rows[0][0].lower().startswith("sep=") and len(rows) > 1:
        numbers, rows = numbers[1:], rows[1:]
    if any("\n" in cell for cell in rows[-1]):
        _check_closed(file, codec, delimiter=delimiter, spaced=spaced)
    return numbers, rows


def _check_closed(file: Path, codec: str, *, delimiter: str, spaced: bool) -> None:
    """Refuse a quotation mark that is never closed: it swallows the rows that follow."""
    with file.open(encoding=codec, newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=spaced, strict=True)
        line = 0
        try:
            for _ in reader:
                line = reader.line_num
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise SourceError(
                    f"The table {file.name!r} cannot be read: a quotation mark is not closed in "
                    f"the row that begins in line {line + 1}."
                ) from error


def _same_length(
    header: list[str], rows: list[list[str]], *, numbers: Sequence[int], name: str
) -> tuple[list[str], list[list[str]]]:
    """Give every row as many cells as the header has.

    A delimiter at the end of the rows makes an empty cell too many. In what R writes with
    `write.table` each row has its name in front, which the header does not name.
    """
    wide = len(header)
    over = [row for row in rows if any(cell.strip() for cell in row[wide:])]
    if over and all(len(row) == wide + 1 for row in rows):
        numbered = all(row[0].strip() == str(place) for place, row in enumerate(rows, start=1))
        if numbered:
            return header, [row[1:] for row in rows]
        return ["row_name", *header], rows
    for number, row in zip(numbers, rows, strict=True):
        if any(cell.strip() for cell in row[wide:]):
            raise SourceError(
                f"The table {name!r} cannot be read: the row in line {number} has {len(row)} "
                f"cells, but there are {wide} column names. Put quotation marks around text that "
                "holds the delimiter."
            )
    return header, [
        row if len(row) == wide else [*row[:wide], *[""] * (wide - len(row))] for row in rows
    ]


def _unguard(header: list[str], rows: list[list[str]], notes: list[str]) -> None:
    """Take off the apostrophe that keeps a spreadsheet from running text as a formula."""
    example = ""
    count = 0
    for row in (header, *rows):
        for place, cell in enumerate(row):
            if cell.startswith("'") and _GUARDED.match(cell):
                example = example or cell
                row[place] = cell[1:]
                count += 1
    if count:
        notes.append(
            f"{count:,} {'cell' if count == 1 else 'cells'} lost the apostrophe in front that "
            f"guards against formulas, as in {example[:30]!r}."
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
            table = parquet.read()
        kept = [name for name in table.column_names if not name.startswith("__index_level_")]
        columns = [_exact(table.column(name)) for name in kept]
    except (pa.ArrowException, ValueError) as error:
        raise SourceError(f"{file.name!r} is no Parquet file, or it is damaged.") from error
    if not columns:
        return pd.DataFrame()
    return pd.concat(columns, axis="columns").set_axis(kept, axis="columns")


def _exact(column: Any) -> pd.Series[Any]:
    """Give a column of Arrow for pandas, which would make whole numbers with gaps decimal."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = column.cast(pa.string())  # text, as older writers of Parquet leave it
    if column.null_count and pa.types.is_integer(column.type):
        return pd.Series(column.to_pylist(), dtype=object)
    series: pd.Series[Any] = column.to_pandas().reset_index(drop=True)
    return series


def _read_lines(file: Path, codec: str) -> pd.DataFrame:
    rows: list[Mapping[str, Any]] = []
    with file.open(encoding=codec) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise SourceError(f"Line {number} of {file.name!r} is not JSON.") from error
            if not isinstance(row, dict):
                raise SourceError(
                    f"Line {number} of {file.name!r} is no JSON object with named values."
                )
            rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names}
    )


def _of_grid(grid: Grid) -> pd.DataFrame:
    columns = {
        place: pd.Series([row[place] for row in grid.rows], dtype=object)
        for place in range(len(grid.names))
    }
    return pd.DataFrame(columns).set_axis(grid.names, axis="columns")


_TEXT = (".csv", ".txt", ".tsv", ".tab")
_PARQUET = (".parquet", ".pq")
_LINES = (".jsonl", ".ndjson")
_SHEETS: Mapping[str, Callable[[Path, str | None, list[str]], Grid]] = {
    ".xlsx": read_xlsx,
    ".xlsm": read_xlsx,
    ".xls": read_xls,
    ".xlsb": read_xls,
    ".ods": read_ods,
}
SUFFIXES = frozenset({*_TEXT, *_PARQUET, *_LINES, *_SHEETS})
"""Endings of the files that `read_table` reads."""
KINDS = "CSV, TSV, Parquet, JSON lines, .xlsx, .xls, .ods"
"""What it reads, in words."""

"""Write tables to files, batch by batch, whole or not at all."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mediacorpus.errors import ParameterError, writing
from mediacorpus.extras import need
from mediacorpus.files import atomic_write
from mediacorpus.store import study

FORMULA = r"^'*[=+\-@\t\r]"
"""How text begins that a spreadsheet would run, or that reads as if it had been kept from it."""

NUMBER = r"^[+\-]?(?:[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)(?:[eE][+\-]?[0-9]+)?%?$"
"""Text that is a number, which no spreadsheet runs."""

_SPECIAL = r'[",\r\n]'
_ODD = f"{FORMULA}|{_SPECIAL}"
_LINES_AT_ONCE = 10_000
_END = "\r\n"
_RISKY, _NUMBER = re.compile(FORMULA), re.compile(NUMBER)
_PLAIN_FROM, _PLAIN_TO = 1e-4, 1e10
"""Sizes between which Arrow and Python write decimals with the same digits."""


def write_batches(
    batches: pa.RecordBatchReader, target: Path, labels: Mapping[str, str] | None = None
) -> int:
    """Write record batches to a file whose ending names the format; return the number of rows.

    CSV cells that a spreadsheet would run as a formula (they begin with `=`, `+`, `-` or `@`,
    and are neither numbers nor text that is one) get a `'` in front, which `read_table` takes off.

    Parameters
    ----------
    batches:
        The rows.
    target:
        `.csv`, `.parquet`, `.xlsx`, `.dta` (Stata), `.sav` (SPSS) or `.rds.csv` file; the last
        has a script for R beside it.
    labels:
        Column -> what it is, for the formats that hold that.

    Raises
    ------
    ParameterError
        The file has another ending, or holds fewer rows than there are.
    MissingExtra
        A package that writes the format is not installed.
    StorageFull, CorpusReadOnly
        The file cannot be written.
    """
    write = check_target(target)
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as path:
            return write(batches, path, labels)


Writer: TypeAlias = Callable[[pa.RecordBatchReader, Path, Mapping[str, str] | None], int]


def check_target(target: Path) -> Writer:
    """Refuse a file that no table can be written to; give what writes it.

    Raises
    ------
    ParameterError
        The file has another ending.
    MissingExtra
        A package that writes the format is not installed.
    """
    for ending, (write, package) in WRITERS.items():
        if target.name.lower().endswith(ending):
            if package:
                need(package)
            if write is study.write_for_r:
                return functools.partial(study.write_for_r, named=target)
            return write
    *some, last = WRITERS
    raise ParameterError(
        f"A table is written as {', '.join(some)} or {last}; {target.name!r} has another ending."
    )


def _write_parquet(
    batches: pa.RecordBatchReader, target: Path, labels: Mapping[str, str] | None = None
) -> int:
    del labels
    rows = 0
    text = [field.name for field in batches.schema if pa.types.is_string(field.type)]
    # Numbers repeat too seldom for a dictionary of them to be worth its making.
    with pq.ParquetWriter(
        target, batches.schema, compression="zstd", use_dictionary=text
    ) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _write_csv(
    batches: pa.RecordBatchReader, target: Path, labels: Mapping[str, str] | None = None
) -> int:
    del labels
    rows = 0
    with target.open("wb") as file:
        file.write(_lines([[safe_cell(name) for name in batches.schema.names]]))
        for batch in _sliced(batches):
            if batch.num_columns == 1:  # an empty cell alone on its line is put in quotes
                cells = [[safe_cell(cell)] for cell in batch.column(0).to_pylist()]
                file.write(_lines(cells))
            else:
                columns = [_cells(column) for column in batch.columns]
                columns[-1] = pc.binary_join_element_wise(columns[-1], _END, "")
                lines = pc.binary_join_element_wise(*columns, ",")
                whole = pa.ListArray.from_arrays([0, len(lines)], lines)
                file.write(pc.binary_join(whole, "")[0].as_buffer())
            rows += batch.num_rows
    return rows


def _sliced(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, _LINES_AT_ONCE):
            yield batch.slice(start, _LINES_AT_ONCE)


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8")


def _cells(column: pa.Array) -> pa.Array:
    """Write the cells of a column as Python's CSV writer does, all at once."""
    kind = column.type
    if column.null_count == len(column):
        return pa.repeat("", len(column))
    if pa.types.is_boolean(kind):
        return pc.fill_null(pc.if_else(column, "True", "False"), "")
    if pa.types.is_integer(kind):
        return pc.fill_null(column.cast(pa.string()), "")
    if pa.types.is_floating(kind):
        return _decimals(column)
    if not pa.types.is_string(kind):
        cells = [safe_cell(cell) for cell in column.to_pylist()]
        column = pa.array([None if c is None else str(c) for c in cells], pa.string())
    column = pc.fill_null(column, "")
    if not pc.any(pc.match_substring_regex(column, _ODD)).as_py():
        return column
    risky = pc.and_not(
        pc.match_substring_regex(column, FORMULA), pc.match_substring_regex(column, NUMBER)
    )
    if pc.any(risky).as_py():
        column = pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)
    special = pc.match_substring_regex(column, _SPECIAL)
    if pc.any(special).as_py():
        doubled = pc.replace_substring(column, '"', '""')
        quoted = pc.binary_join_element_wise('"', doubled, '"', "")
        column = pc.if_else(special, quoted, column)
    return column


def _decimals(column: pa.Array) -> pa.Array:
    """Write decimals with the fewest digits that mean the same number, as Python does."""
    column = column.cast(pa.float64())
    size = pc.abs(column)
    plain = pc.or_(
        pc.and_(pc.greater_equal(size, _PLAIN_FROM), pc.less(size, _PLAIN_TO)), pc.equal(size, 0)
    )
    text = column.cast(pa.string())
    whole = pc.equal(column, pc.floor(column))
    if pc.any(whole).as_py():
        text = pc.if_else(whole, pc.binary_join_element_wise(text, ".0", ""), text)
    odd = pc.and_(pc.invert(plain), column.is_valid())
    odd = pc.fill_null(odd, pa.scalar(value=False))
    if pc.any(odd).as_py():
        values = [repr(value) for value in column.filter(odd).to_pylist()]
        text = pc.replace_with_mask(text, odd, pa.array(values, pa.string()))
    return pc.fill_null(text, "")


def safe_cell(cell: Any) -> Any:
    """Keep a spreadsheet from running a text cell as a formula.

    >>> safe_cell("=1+1"), safe_cell(-1), safe_cell("-1")
    ("'=1+1", -1, '-1')
    """
    if isinstance(cell, str) and _RISKY.match(cell) and not _NUMBER.match(cell):
        return f"'{cell}"
    if isinstance(cell, list):
        return json.dumps(cell)
    return cell


WRITERS: Mapping[str, tuple[Writer, str]] = {
    ".rds.csv": (study.write_for_r, ""),
    ".csv": (_write_csv, ""),
    ".parquet": (_write_parquet, ""),
    ".xlsx": (study.write_excel, "openpyxl"),
    ".dta": (study.write_stata, "pyreadstat"),
    ".sav": (study.write_spss, "pyreadstat"),
}
"""Ending -> what writes the format, and the package that it needs."""

"""Write tables for statistics programs: Excel, Stata, SPSS, and CSV with a script for R."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import unicodedata
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mediacorpus.errors import ParameterError
from mediacorpus.extras import need
from mediacorpus.files import atomic_write
from mediacorpus.result import counted

EXCEL_ROWS, EXCEL_COLUMNS, EXCEL_LETTERS = 1_048_576, 16_384, 32_767
STATA_NAME, SPSS_NAME, LABEL = 32, 64, 80
STATA_TEXT = 2045
"""Bytes of the longest text that all programs read from a Stata file."""
RESERVED = {
    *("all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with"),
    *("byte", "double", "float", "if", "in", "int", "long", "strl", "using", "_n", "_all", "_cons"),
}
"""Words that are no names of variables in SPSS or Stata."""
YES_NO = {0: "no", 1: "yes"}
_EXACT = 2**53
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Control characters that a sheet of Excel cannot hold."""


def short_names(columns: Sequence[str], longest: int) -> dict[str, str]:
    """Give each column a name that statistics programs take, no two alike in any case.

    Parameters
    ----------
    columns:
        Names of columns.
    longest:
        Characters that a name may have.

    Returns
    -------
    dict
        Column -> name of ASCII letters, digits and `_` that begins with a letter.

    Examples
    --------
    >>> short_names(["größe", "Größe", "2nd", "by", "a-b"], 32)
    {'größe': 'grosse', 'Größe': 'Grosse_2', '2nd': 'v2nd', 'by': 'by_', 'a-b': 'a_b'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        plain = unicodedata.normalize("NFKD", column.replace("ß", "ss"))
        plain = _NO_NAME.sub("_", "".join(c for c in plain if not unicodedata.combining(c)))
        if not plain[:1].isalpha():
            plain = f"v{plain}"
        if plain.lower() in RESERVED:
            plain += "_"
        name, number = plain[:longest], 1
        while name.lower() in taken:
            number += 1
            name = f"{plain[: longest - len(str(number)) - 1]}_{number}"
        taken.add(name.lower())
        found[column] = name
    return found


def write_excel(
    batches: pa.RecordBatchReader, target: Path, labels: Mapping[str, str] | None = None
) -> int:
    """Write a sheet of Excel row by row; return the number of rows.

    Text stays text, also where it looks like a formula or a number. The label of a column is a
    comment on its head.

    Raises
    ------
    ParameterError
        There are more rows or columns than a sheet can have.
    MissingExtra
        openpyxl is not installed.
    """
    openpyxl, cells = need("openpyxl"), need("openpyxl.cell")
    names = batches.schema.names
    if len(names) > EXCEL_COLUMNS:
        raise _too_many(len(names), EXCEL_COLUMNS, "columns")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("table")
    sheet.freeze_panes = "A2"
    head = []
    for name in names:
        cell = cells.WriteOnlyCell(sheet, name)
        cell.font = need("openpyxl.styles").Font(bold=True)
        if labels and labels.get(name):
            cell.comment = need("openpyxl.comments").Comment(labels[name], "mediacorpus")
        head.append(cell)
    sheet.append(head)
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        if rows >= EXCEL_ROWS:
            sheet.close()
            raise _too_many(rows, EXCEL_ROWS - 1, "rows")
        columns = [batch.column(i).to_pylist() for i in range(len(names))]
        for row in zip(*columns, strict=True):
            sheet.append([_excel_cell(value, sheet, cells) for value in row])
    book.save(target)
    return rows


def _too_many(count: int, most: int, what: str) -> ParameterError:
    return ParameterError(
        f"A sheet of Excel holds {most:,} {what}, and this table has {count:,} or more. Write it "
        "as .csv or .parquet, or choose some of it."
    )


def _excel_cell(value: Any, sheet: Any, cells: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        value = str(value)  # Excel keeps 15 digits of a number
    if isinstance(value, (list, dict)):
        value = json.dumps(value)
    if isinstance(value, str):
        if len(value) > EXCEL_LETTERS:
            warnings.warn(
                f"A text of {len(value):,} letters is cut off: a cell of Excel holds "
                f"{EXCEL_LETTERS:,}. CSV and Parquet keep all.",
                stacklevel=2,
            )
        cell = cells.WriteOnlyCell(sheet, _FORBIDDEN.sub("\ufffd", value)[:EXCEL_LETTERS])
        cell.data_type = "s"  # else a text that begins with = would be a formula
        return cell
    return value


def write_stata(
    batches: pa.RecordBatchReader, target: Path, labels: Mapping[str, str] | None = None
) -> int:
    """Write a file of Stata 14 or newer; return the number of rows.

    Names follow `short_names`; the label of a variable says what it is. Truth values are 0 and
    1 with value labels. Text beyond 2,045 bytes is cut off, with a warning.

    Raises
    ------
    MissingExtra
        pyreadstat is not installed.
    """
    return _write_readstat("write_dta", batches, target, labels=labels, longest=STATA_NAME)


def write_spss(
    batches: pa.RecordBatchReader, target: Path, labels: Mapping[str, str] | None = None
) -> int:
    """Write a file of SPSS; return the number of rows. See `write_stata`."""
    return _write_readstat("write_sav", batches, target, labels=labels, longest=SPSS_NAME)


def _write_readstat(
    how: str,
    batches: pa.RecordBatchReader,
    target: Path,
    *,
    labels: Mapping[str, str] | None,
    longest: int,
) -> int:
    import pandas as pd

    write = getattr(need("pyreadstat"), how)
    table = pa.Table.from_batches(batches, batches.schema)
    names = short_names(table.column_names, longest)
    texts = STATA_TEXT if how == "write_dta" else EXCEL_LETTERS
    frame = pd.DataFrame({n: _for_readstat(table[old], old, texts) for old, n in names.items()})
    shown = {new: (labels or {}).get(old) or old for old, new in names.items()}
    truths = [n for old, n in names.items() if pa.types.is_boolean(table.schema.field(old).type)]
    kind = {"version": 15} if how == "write_dta" else {"row_compress": True}
    write(
        frame,
        str(target),
        column_labels=[shown[name][:LABEL] for name in frame.columns],
        variable_value_labels=dict.fromkeys(truths, YES_NO),
        **kind,
    )
    return len(frame)


def _for_readstat(column: pa.ChunkedArray, name: str, longest: int) -> Any:
    """Give a column as pyreadstat writes it: numbers with NaN, dates, or text."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column, kind = column.cast(pa.int8()), pa.int8()
    if pa.types.is_integer(kind):
        sizes = pc.min_max(column).as_py().values()
        if all(value is None or abs(value) <= _EXACT for value in sizes):
            return column.cast(pa.float64()).to_pandas()
        column = column.cast(pa.string())  # ids that no number of these programs can hold
    elif pa.types.is_floating(kind):
        return column.cast(pa.float64()).to_pandas().where(lambda v: v.abs() != math.inf)
    elif pa.types.is_temporal(kind):
        return column.to_pandas()
    elif not pa.types.is_string(kind):
        column = pa.chunked_array([[_as_text(value) for value in column.to_pylist()]], pa.string())
    texts = [(text or "").encode() for text in column.to_pylist()]
    cut = sum(len(text) > longest for text in texts)
    if cut:
        warnings.warn(
            f"{counted(cut, 'text')} of {name} {'is' if cut == 1 else 'are'} longer than "
            f"{longest:,} bytes, which the format cannot hold, and {'is' if cut == 1 else 'are'} "
            "cut off. CSV and Parquet keep all.",
            stacklevel=2,
        )
    return [text[:longest].decode("utf-8", "ignore") for text in texts]


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value)


def write_for_r(
    batches: pa.RecordBatchReader,
    target: Path,
    labels: Mapping[str, str] | None = None,
    *,
    named: Path | None = None,
) -> int:
    """Write a CSV file, and beside it a script of R that reads it; return the number of rows.

    `study.rds.csv` goes with `study.R`, which gives each column its type and label and saves
    `study.rds`. Text is written as it is, also where a spreadsheet would run it. `named` is what
    the file will be called once it is whole.
    """
    rows, wide = 0, set()
    schema = pa.schema([(f.name, _r_type(f.type)) for f in batches.schema])
    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    with pyarrow.csv.CSVWriter(target, schema, write_options=options) as writer:
        for batch in batches:
            columns = [_r_column(c, f.type) for c, f in zip(batch.columns, schema, strict=True)]
            wide |= {f.name for f, c in zip(schema, columns, strict=True) if _is_wide(c)}
            writer.write_batch(pa.record_batch(columns, schema=schema))
            rows += batch.num_rows
    file = named or target
    stem = file.name.removesuffix(".csv").removesuffix(".rds")
    with atomic_write(file.with_name(f"{stem}.R")) as temporary:
        text = r_script(file.name, schema, labels, wide=wide)
        temporary.write_text(text, encoding="utf-8")
    return rows


def _is_wide(column: pa.Array) -> bool:
    """Tell whether there are whole numbers that R would round."""
    if not pa.types.is_integer(column.type):
        return False
    sizes = pc.min_max(column).as_py().values()
    return any(value is not None and abs(value) > _EXACT for value in sizes)


def r_script(
    file: str,
    schema: pa.Schema,
    labels: Mapping[str, str] | None = None,
    *,
    wide: Collection[str] = (),
) -> str:
    """Write the script that reads `file` in R.

    Parameters
    ----------
    file:
        Name of the CSV file.
    schema:
        Columns and types of the table.
    labels:
        Column -> what it is.
    wide:
        Columns of whole numbers with more digits than a number of R keeps; they are text there.

    Examples
    --------
    >>> print(r_script("a.rds.csv", pa.schema([("n", pa.int64())]), {"n": "Number"}))
    # Reads a.rds.csv with the types and labels of its columns, and saves a.rds.
    study <- read.csv("a.rds.csv", check.names = FALSE, na.strings = "", encoding = "UTF-8",
      colClasses = c("numeric"))
    attr(study[["n"]], "label") <- "Number"
    saveRDS(study, "a.rds")
    <BLANKLINE>
    """
    classes = [
        "character" if f.name in wide else _R_CLASSES.get(str(f.type), "character") for f in schema
    ]
    name = file.removesuffix(".csv")
    options = 'check.names = FALSE, na.strings = "", encoding = "UTF-8"'
    lines = [
        f"# Reads {file} with the types and labels of its columns, and saves {name}.",
        f"study <- read.csv({_r_text(file)}, {options},",
        f"  colClasses = c({', '.join(map(_r_text, classes))}))",
    ]
    lines += [
        f'attr(study[[{_r_text(column)}]], "label") <- {_r_text(labels[column])}'
        for column in schema.names
        if labels and labels.get(column)
    ]
    return "\n".join([*lines, f"saveRDS(study, {_r_text(name)})", ""])


_R_CLASSES = {
    "int64": "numeric",
    "double": "numeric",
    "bool": "logical",
    "date32[day]": "Date",
    "timestamp[us]": "POSIXct",
}


def _r_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_boolean(kind) or pa.types.is_floating(kind):
        return pa.bool_() if pa.types.is_boolean(kind) else pa.float64()
    if pa.types.is_temporal(kind):
        return kind
    return pa.int64() if pa.types.is_integer(kind) else pa.string()


def _r_column(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind) and not pa.types.is_string(column.type):
        return pa.array([_as_text(value) for value in column.to_pylist()], pa.string())
    return column.cast(kind)


def _r_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

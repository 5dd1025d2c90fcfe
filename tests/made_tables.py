"""Tables in each of the formats that are read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def save_table(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table in the format that the suffix names."""
    writers = {
        ".csv": lambda: frame.to_csv(path, index=False),
        ".tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        ".parquet": lambda: frame.to_parquet(path),
        ".jsonl": lambda: frame.to_json(path, orient="records", lines=True),
        ".xlsx": lambda: _xlsx(frame, path),
        ".ods": lambda: _ods(frame, path),
    }
    writers[path.suffix]()
    return path


def _xlsx(frame: pd.DataFrame, path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in [list(frame.columns), *frame.astype(object).to_numpy().tolist()]:
        book.active.append(row)
    book.save(path)


def _ods(frame: pd.DataFrame, path: Path) -> None:
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.table import Table, TableCell, TableRow
    from odf.text import P

    document = OpenDocumentSpreadsheet()
    table = Table(name="Sheet 1")
    for values in [list(frame.columns), *frame.astype(object).to_numpy().tolist()]:
        row = TableRow()
        for value in values:
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            cell = (
                TableCell(valuetype="float", value=value)
                if number
                else TableCell(valuetype="string")
            )
            if not number and value is not None:
                cell.addElement(P(text=str(value)))
            row.addElement(cell)
        table.addElement(row)
    document.spreadsheet.addElement(table)
    document.save(str(path))

"""Read a sheet of a spreadsheet (.xlsx, .xls, .ods); say what of it is no plain table."""

from __future__ import annotations

import datetime as dt
import io
import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediacorpus.errors import SourceError
from mediacorpus.extras import need
from mediacorpus.result import counted

MOST_BYTES = 1_000_000_000
"""What a spreadsheet may unpack to."""
MOST_CELLS = 50_000_000
SERIAL_DAYS = range(20_000, 60_000)
"""Days since 1899 that a spreadsheet shows as dates of the years 1954 to 2064."""
DATE_NAMES = ("date", "day", "datum", "fecha", "created", "posted", "published", "taken")
NO_TIME = dt.time()


@dataclass(frozen=True, slots=True)
class Grid:
    """The names of the columns of a sheet, and its rows: text, numbers, truth values, None."""

    names: list[str]
    rows: list[list[Any]]


@dataclass(slots=True)
class _Sheet:
    """What was seen of a sheet beside its cells."""

    file: str
    name: str
    rows: list[list[Any]]
    merged: int = 0
    unsaved: list[str] = field(default_factory=list)


def read_xlsx(file: Path, sheet: str | None, notes: list[str]) -> Grid:
    """Read a sheet of an Excel workbook.

    Parameters
    ----------
    file:
        The workbook.
    sheet:
        Name of the sheet; None is the first that holds anything.
    notes:
        Learns what was guessed or changed.

    Raises
    ------
    SourceError
        The file is damaged or encrypted, has no such sheet, or holds formulas without values.
    """
    openpyxl = need("openpyxl")
    _check_zip(file)
    try:
        values = openpyxl.load_workbook(file, data_only=True)
        formulas = openpyxl.load_workbook(file, data_only=False)
    except Exception as error:
        raise _damaged(file) from error
    found = _Xlsx({one.title: (one, formulas[one.title]) for one in values.worksheets})
    return _grid(file, list(found.sheets), found.read, asked=sheet, notes=notes)


@dataclass(frozen=True, slots=True)
class _Xlsx:
    sheets: dict[str, tuple[Any, Any]]

    def read(self, file: Path, name: str) -> _Sheet:
        values, formulas = self.sheets[name]
        _check_size(file, values.max_row * values.max_column)
        found = _Sheet(file.name, name, [list(row) for row in values.iter_rows(values_only=True)])
        for row in formulas.iter_rows():
            for cell in row:
                empty = cell.data_type == "f" and values[cell.coordinate].value is None
                if empty:
                    found.unsaved.append(cell.coordinate)
        top, left = values.min_row, values.min_column
        for area in values.merged_cells.ranges:
            found.merged += 1
            value = values.cell(area.min_row, area.min_col).value
            for row in range(area.min_row - top, area.max_row - top + 1):
                for column in range(area.min_col - left, area.max_col - left + 1):
                    found.rows[row][column] = value
        return found


def read_xls(file: Path, sheet: str | None, notes: list[str]) -> Grid:
    """Read a sheet of an old Excel workbook (.xls), or a binary one (.xlsb); see `read_xlsx`.

    Of formulas these files keep the values that they had when they were saved.
    """
    calamine = need("python_calamine")
    if file.stat().st_size > MOST_BYTES:
        raise SourceError(f"{file.name!r} has over 1 GB; save the sheet as CSV.")
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(file.read_bytes()))
        names = list(book.sheet_names)
    except calamine.PasswordError as error:
        raise SourceError(
            f"{file.name!r} is encrypted; open it, and save it without a password."
        ) from error
    except Exception as error:
        with file.open("rb") as stream:
            page = stream.read(100).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
        if page:
            raise SourceError(
                f"{file.name!r} is a web page under the name of an Excel file, as some programs "
                "export it; open it in a spreadsheet program, and save it as .xlsx."
            ) from error
        raise _damaged(file) from error
    return _grid(file, names, _Xls(book).read, asked=sheet, notes=notes)


@dataclass(frozen=True, slots=True)
class _Xls:
    book: Any

    def read(self, file: Path, name: str) -> _Sheet:
        try:
            sheet = self.book.get_sheet_by_name(name)
            rows = [
                [None if cell == "" else cell for cell in row]
                for row in sheet.to_python(skip_empty_area=False)
            ]
        except Exception as error:
            raise _damaged(file) from error
        _check_size(file, len(rows) * max(map(len, rows), default=0))
        found = _Sheet(file.name, name, rows)
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
            found.merged += 1
            value = rows[top][left]
            for row in rows[top : bottom + 1]:
                row[left : right + 1] = [value] * len(row[left : right + 1])
        return found


def read_ods(file: Path, sheet: str | None, notes: list[str]) -> Grid:
    """Read a sheet of an OpenDocument spreadsheet; see `read_xlsx`."""
    opendocument = need("odf.opendocument")
    _check_zip(file)
    try:
        document = opendocument.load(str(file))
        tables = document.spreadsheet.getElementsByType(need("odf.table").Table)
    except Exception as error:
        raise _damaged(file) from error
    found = _Ods({str(one.getAttribute("name")): one for one in tables})
    return _grid(file, list(found.tables), found.read, asked=sheet, notes=notes)


@dataclass(frozen=True, slots=True)
class _Ods:
    tables: dict[str, Any]

    def read(self, file: Path, name: str) -> _Sheet:
        found = _Sheet(file.name, name, [])
        spans: list[tuple[int, int, int, int, Any]] = []
        blank = 0
        for row in self.tables[name].getElementsByType(need("odf.table").TableRow):
            times = int(row.getAttribute("numberrowsrepeated") or 1)
            cells = list(self._cells(row, found, spans))
            if not any(cell is not None for cell in cells):
                blank += times  # sheets end in a million of them
                continue
            found.rows += [[] for _ in range(blank)]
            blank = 0
            _check_size(file, (len(found.rows) + times) * len(cells))
            found.rows += [list(cells) for _ in range(times)]
        wide = max(map(len, found.rows), default=0)
        found.rows = [[*row, *[None] * (wide - len(row))] for row in found.rows]
        for top, left, high, broad, value in spans:
            found.merged += 1
            for own in found.rows[top : top + high]:
                own[left : left + broad] = [value] * len(own[left : left + broad])
        return found

    @staticmethod
    def _cells(
        row: Any, found: _Sheet, spans: list[tuple[int, int, int, int, Any]]
    ) -> Iterator[Any]:
        place, waiting = 0, 0
        for cell in row.childNodes:
            if cell.qname[1] not in {"table-cell", "covered-table-cell"}:
                continue
            times = int(cell.getAttribute("numbercolumnsrepeated") or 1)
            value = _of_ods(cell)
            if value is None:
                if cell.getAttribute("formula"):
                    found.unsaved.append(_coordinate(len(found.rows), place))
                waiting += times  # rows end in a thousand of them
            else:
                yield from [None] * waiting
                waiting = 0
                yield from [value] * times
                high = int(cell.getAttribute("numberrowsspanned") or 1)
                broad = int(cell.getAttribute("numbercolumnsspanned") or 1)
                if high * broad > 1:
                    spans.append((len(found.rows), place, high, broad, value))
            place += times


def _of_ods(cell: Any) -> Any:
    kind = cell.getAttribute("valuetype")
    if kind in {"float", "percentage", "currency"}:
        return _number(float(cell.getAttribute("value")))
    if kind == "date":
        return str(cell.getAttribute("datevalue"))
    if kind == "boolean":
        return str(cell.getAttribute("booleanvalue")) == "true"
    extract = need("odf.teletype").extractText
    text = "\n".join(extract(line) for line in cell.childNodes if line.qname[1] == "p")
    return text or None


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < 1e15 else value  # noqa: PLR2004


def _coordinate(row: int, column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(65 + digit) + letters
    return f"{letters}{row + 1}"


def _check_zip(file: Path) -> None:
    """Refuse what is no whole zip archive, or unpacks to more than the memory can hold."""
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        with file.open("rb") as stream:
            old = stream.read(4) == b"\xd0\xcf\x11\xe0"
        if old:
            raise SourceError(
                f"{file.name!r} is encrypted, or an old Excel file under a new name; name it .xls, "
                "or open it and save it as .xlsx without a password."
            ) from error
        raise _damaged(file) from error
    if size > MOST_BYTES:
        raise SourceError(f"{file.name!r} unpacks to over 1 GB; save the sheet as CSV.")


def _check_size(file: Path, cells: int) -> None:
    if cells > MOST_CELLS:
        raise SourceError(f"{file.name!r} has over {MOST_CELLS:,} cells; save the sheet as CSV.")


def _damaged(file: Path) -> SourceError:
    return SourceError(f"{file.name!r} is no spreadsheet, or it is damaged; save it as CSV.")


def _grid(
    file: Path,
    names: Sequence[str],
    read: Callable[[Path, str], _Sheet],
    *,
    asked: str | None,
    notes: list[str],
) -> Grid:
    """Choose a sheet and make a table of it."""
    if asked is not None:
        if asked not in names:
            raise SourceError(
                f"{file.name!r} has no sheet {asked!r}; its sheets are {', '.join(names)}."
            )
        return _table(read(file, asked), notes)
    filled = [sheet for name in names if _holds(sheet := read(file, name))]
    if not filled:
        raise SourceError(f"The table {file.name!r} is empty.")
    if len(filled) > 1:
        others = ", ".join(repr(sheet.name) for sheet in filled[1:])
        notes.append(
            f"{file.name} has {len(filled)} sheets; {filled[0].name!r} was read, not {others}: "
            "name another one with --sheet."
        )
    return _table(filled[0], notes)


def _holds(sheet: _Sheet) -> bool:
    return any(cell is not None for row in sheet.rows for cell in row)


def _table(sheet: _Sheet, notes: list[str]) -> Grid:
    if sheet.unsaved:
        more = f" and {len(sheet.unsaved) - 3:,} more" if len(sheet.unsaved) > 3 else ""  # noqa: PLR2004
        raise SourceError(
            f"{sheet.file!r} holds formulas whose values were not saved (cell "
            f"{', '.join(sheet.unsaved[:3])}{more}). Open it in a spreadsheet program, save it, "
            "and try again."
        )
    if sheet.merged:
        notes.append(
            f"{counted(sheet.merged, 'merged area')} of {sheet.name!r}: each cell of "
            f"{'it' if sheet.merged == 1 else 'them'} was given the value that it shows."
        )
    whole = [row for row in sheet.rows if any(_filled(cell) for cell in row)]
    if not whole:
        raise SourceError(
            f"The table {sheet.file!r} is empty: its sheet {sheet.name!r} holds nothing."
        )
    header = [str(_cell(cell) if cell is not None else "").strip() for cell in whole[0]]
    rows = [[_cell(cell) for cell in row] for row in whole[1:]]
    kept = [i for i, name in enumerate(header) if name or any(row[i] is not None for row in rows)]
    names = [header[i] or f"column_{i + 1}" for i in kept]
    notes += _about_dates(names, kept, whole[1:])
    return Grid(names, [[row[i] for i in kept] for row in rows])


def _filled(cell: Any) -> bool:
    return cell is not None and str(cell).strip() != ""


def _cell(cell: Any) -> Any:
    """Write a date as text, and a whole number as a whole number."""
    if isinstance(cell, dt.datetime):
        whole_day = cell.time() == NO_TIME
        return cell.date().isoformat() if whole_day else cell.isoformat(sep=" ")
    if isinstance(cell, (dt.date, dt.time, dt.timedelta)):
        return str(cell)
    if isinstance(cell, float):
        return _number(cell) if math.isfinite(cell) else None
    return cell


def _about_dates(names: Sequence[str], places: Sequence[int], rows: list[list[Any]]) -> list[str]:
    """Say where cells are dates, and where numbers may be dates that lost their format."""
    notes = []
    for name, place in zip(names, places, strict=True):
        cells = [row[place] for row in rows if row[place] is not None]
        dates = [c for c in cells if isinstance(c, (dt.date, dt.datetime))]
        if dates and len(dates) < len(cells):
            notes.append(
                f"Spreadsheets turn what looks like a date into one: {counted(len(dates), 'cell')} "
                f"of {name!r} {'is a date' if len(dates) == 1 else 'are dates'}, such as "
                f"{_cell(dates[0])}, {len(cells) - len(dates):,} are not."
            )
        serial = cells and all(isinstance(c, (int, float)) and int(c) in SERIAL_DAYS for c in cells)
        if serial and any(word in name.lower() for word in DATE_NAMES):
            day = dt.date(1899, 12, 30) + dt.timedelta(days=int(cells[0]))
            notes.append(
                f"The column {name!r} holds numbers such as {cells[0]}, which may be a "
                f"spreadsheet's count of days ({day}). Format its cells as dates to have them so."
            )
    return notes

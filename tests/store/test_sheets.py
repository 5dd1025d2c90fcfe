"""Spreadsheets, as people fill them in."""

import base64
import datetime as dt
import zlib

import openpyxl
import pytest
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import CoveredTableCell, Table, TableCell, TableRow
from odf.text import P

from mediacorpus.errors import SourceError
from mediacorpus.store.read import read_table

# Made with xlwt: sheets "empty", "codes" (dates, moments, a merged area) and "notes".
XLS = zlib.decompress(
    base64.b64decode(
        "eNrtWF1IVEEUPjN3d901111/SQNZhKxMI+slBF0LS19WrB76ISh1rz/sune5u1b2UJb5EgRB9ZBEYFiQgf089EMR"
        "9daDYNRDEARa+FQvQUEP6nbm3Nnbrq2gZIayZ5kzc87MmW/umXNm7t434zkTQw+KJ2EO1YICszEH2BJ0DIsjLrgB"
        "+2Mx0YzXdiyxNK0octhxI21WeOYcyxB7KPZ7Ejjct7xCDvAJyxEIQ5MWUj3LSLtoDS1MrKGG2TD2OEbkdeTZUEQr"
        "yyXeRjyP+D0a/Zx4HWkuEq/BsRPsMIx7m8p3yEg+yEupLxs5g8dk84E0VVAAr0Ukn7nEjLFW2Kl3tQRXS0eJJQuG"
        "AXe7QQ2pupBdcAsyAQ4hVfp8lfX1JZa1cBu9mqDyNDZW+3zV+/dPQD5GyTD8iHkAvsePg5eetH559QxQ/zNZnzGP"
        "3o4bnErvwF2eq7/MLQB9EDvGRGYMgBOmLKLHCmp3ONorFEU2Q9Gm+dWIUNQ4DEVIi6qRabiAUwPkYEHL9q6gijfD"
        "8RaMvdagahXNYI+KU4S1SFT145CIqoZQH+wKqBGsO3StJ4z11i3hUAfWbbp2wo+pGdJQqBJKBaCXhm6TQ0KaHu3E"
        "OqL1RDtxal3tbtEDGPcnM8WlRYecO+mQc1LiZyH3g4vaOZT+bnTW9J1vb32tzd6jpOmji82g9cI5EIOzwgKNs+dc"
        "m+VksZn4OZp1HbWLieeji7Auay6QjT39NOY89ZYhznaid94NCe2N2B74svdJycBn7yZsjzZMnsoffe8dglLcQD/a"
        "i18/VLAKNnhN0FNvvGbymPxIvOiPI7OW58Ij0cAD8zctnc/YvD6jmBKn0IrzmZ275dpj8r3IBTPkMyPmQUrCO8yU"
        "uPSVISkoKaZkQcliSlaUrKZkQ8kmUVkKVEaoGXI8I1S7KQlUkZunuZAUfLLBh3iR4h4wRMyDuyMjI2NXpuqMfoFc"
        "aNoKZKdE5imQOSFnyvE8CZkT8hqJzAn5hkTmJvJXicwJuRZHv8AZuHxmgaukwFUIN0siKUm4ShKuQrg3Ja5i4mZd"
        "NXAVwm03bQWuiM4p6UmxEpuRI/A/coSb/Ss1R1jKHHElxDNLGc/u+NmU0u9pSlOa0pSmvyYmrxlFvpJZ5TWWIb/r"
        "zGCZTX8mWbW0DzT8RfE/4G4IYa1D76LipxCsLD4XW6BN/HuhoAOIrkMAWmkdgUXHL76GsMTnWbChe+lSaLH4s4tZ"
        "5z/G/wXz3YD6"
    )
)
ROWS = [["file", "mood", "n"], ["1.jpg", "sad", 3], ["2.jpg", None, 1.5]]


@pytest.fixture(params=["xlsx", "ods"])
def save(request, tmp_path):
    """Write sheets; a pair of coordinates is merged, and a text that begins with = is a formula."""

    def write(merged=None, **sheets):
        path = tmp_path / f"t.{request.param}"
        (_xlsx if request.param == "xlsx" else _ods)(path, sheets, merged)
        return path

    return write


def _xlsx(path, sheets, merged):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if merged:
            sheet.merge_cells(merged)
    book.save(path)


def _ods(path, sheets, merged):
    document = OpenDocumentSpreadsheet()
    for name, rows in sheets.items():
        table = Table(name=name)
        for number, values in enumerate(rows, start=1):
            row = TableRow()
            for letter, value in zip("ABCDEFGH", values, strict=False):
                spans = merged and merged.startswith(f"{letter}{number}:")
                more = {"numberrowsspanned": 2} if spans else {}
                covered = merged and merged.endswith(f":{letter}{number}")
                row.addElement(_cell(value, more, CoveredTableCell if covered else TableCell))
            row.addElement(TableCell(numbercolumnsrepeated=1000))
            table.addElement(row)
        blank = TableRow(numberrowsrepeated=1_000_000)
        blank.addElement(TableCell(numbercolumnsrepeated=1000))
        table.addElement(blank)
        document.spreadsheet.addElement(table)
    document.save(str(path))


def _cell(value, more, kind):
    if isinstance(value, bool):
        return kind(valuetype="boolean", booleanvalue=str(value).lower(), **more)
    if isinstance(value, (int, float)):
        return kind(valuetype="float", value=value, **more)
    if isinstance(value, dt.datetime):
        return kind(valuetype="date", datevalue=value.date().isoformat(), **more)
    if value is None:
        return kind(**more)
    if value.startswith("="):
        return kind(formula=f"of:{value}", **more)
    cell = kind(valuetype="string", **more)
    cell.addElement(P(text=value))
    return cell


def test_cells_keep_their_types_and_blanks_stay_blank(save):
    found = read_table(save(A=ROWS)).to_dict("records")
    assert found == [
        {"file": "1.jpg", "mood": "sad", "n": 3},
        {"file": "2.jpg", "mood": None, "n": 1.5},
    ]
    assert isinstance(found[0]["n"], int)


def test_rows_and_columns_without_content_are_left_out(save):
    rows = [[None, None, None], ["file", None, "n"], [None] * 3, ["1.jpg", None, 3], [None] * 3]
    assert read_table(save(A=rows)).to_dict("records") == [{"file": "1.jpg", "n": 3}]


def test_the_first_filled_sheet_is_read_and_said(save):
    notes = []
    path = save(Empty=[], Ann=ROWS, Ben=[["file"], ["9.jpg"]])
    assert len(read_table(path, notes=notes)) == 2
    assert notes == [
        f"{path.name} has 2 sheets; 'Ann' was read, not 'Ben': name another one with --sheet."
    ]
    notes = []
    assert read_table(path, sheet="Ben", notes=notes)["file"].tolist() == ["9.jpg"]
    assert notes == []
    with pytest.raises(SourceError, match="no sheet 'Bob'; its sheets are Empty, Ann, Ben"):
        read_table(path, sheet="Bob")


def test_merged_cells_are_filled_and_said(save):
    notes = []
    found = read_table(save(merged="B2:B3", A=ROWS), notes=notes)
    assert found["mood"].tolist() == ["sad", "sad"]
    assert notes == ["1 merged area of 'A': each cell of it was given the value that it shows."]


def test_formulas_without_their_values_are_refused(save):
    with pytest.raises(SourceError, match=r"values were not saved \(cell B2\)\. Open it"):
        read_table(save(A=[["file", "n"], ["1.jpg", "=1+1"]]))


def test_dates_are_text_and_numbers_that_may_be_dates_are_said(save):
    day = dt.datetime(2021, 1, 2)  # noqa: DTZ001 - spreadsheets know no time zones
    notes = []
    rows = [["file", "date", "posted"], ["1.jpg", day, 44198], ["2.jpg", day, 44199]]
    found = read_table(save(A=rows), notes=notes)
    assert found["date"].tolist() == ["2021-01-02"] * 2
    assert len(notes) == 1
    assert "'posted' holds numbers such as 44198" in notes[0]
    assert "(2021-01-02)" in notes[0]


def test_codes_that_became_dates_are_said(tmp_path):
    day = dt.datetime(2021, 1, 2)  # noqa: DTZ001 - spreadsheets know no time zones
    path = tmp_path / "t.xlsx"
    _xlsx(path, {"A": [["file", "code"], ["1.jpg", day], ["2.jpg", "13-4"]]}, None)
    notes = []
    read_table(path, notes=notes)
    assert "1 cell of 'code' is a date, such as 2021-01-02, 1 are not" in notes[0]


@pytest.mark.parametrize("option", [{"encoding": "cp1251"}])
def test_a_spreadsheet_takes_no_encoding(save, option):
    with pytest.raises(SourceError, match="states its encoding itself"):
        read_table(save(A=ROWS), **option)


def test_only_spreadsheets_have_sheets(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(SourceError, match="has no sheets"):
        read_table(tmp_path / "t.csv", sheet="A")


@pytest.mark.parametrize("suffix", [".xls", ".XLS"])
def test_old_excel_files(tmp_path, suffix):
    path = tmp_path / f"codes{suffix}"
    path.write_bytes(XLS)
    notes = []
    found = read_table(path, notes=notes)
    assert found["file"].tolist() == ["0.png", "1.png", "2.png"]
    assert found["posted"].tolist() == ["2021-01-02", "2021-01-03", "2021-01-04"]
    assert found["seen"][0] == "2021-01-02 09:30:00"
    assert found["likes"].tolist() == [5, 15, 25]
    assert found["group"].tolist() == ["north", "north", "south"]
    assert any("'codes' was read, not 'notes'" in note for note in notes)
    assert any("1 merged area of 'codes'" in note for note in notes)
    assert read_table(path, sheet="notes")["remark"].tolist() == ["x"]
    with pytest.raises(SourceError, match="has no sheet 'Codes'"):
        read_table(path, sheet="Codes")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html><table><tr><td>file</td></tr></table></html>", "a web page under the name"),
        (b"file;value\n1.png;yes\n", "no spreadsheet, or it is damaged"),
        (XLS[:2000], "no spreadsheet, or it is damaged"),
    ],
)
def test_what_only_bears_the_name_of_an_excel_file(tmp_path, content, reason):
    path = tmp_path / "codes.xls"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=reason):
        read_table(path)

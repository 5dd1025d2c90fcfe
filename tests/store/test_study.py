"""Tables for Excel, Stata, SPSS and R: what is written is read back, with labels."""

import math
import re
import warnings

import openpyxl
import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.store import study
from mediacorpus.store.write import WRITERS, check_target, write_batches

TABLE = pa.table(
    {
        "größe": [1, 2, None],
        "by": ["=1+1", "a \u2013 dash", None],
        "yes": [True, None, False],
        "id": [2**60 + 1, 5, None],
        "v": [[1.5, 2.0], None, []],
        "x": [1.5, math.inf, None],
        "Größe": ["NA", '"quoted",\nand broken', "-1"],
        "empty": pa.array([None] * 3, pa.string()),
    }
)
LABELS = {"größe": "Height in pixels", "x": "A very long label " * 10}


def written(tmp_path, ending, table=TABLE):
    target = tmp_path / f"study{ending}"
    assert write_batches(table.to_reader(2), target, LABELS) == table.num_rows
    return target


def test_stata(tmp_path):
    frame, about = pyreadstat.read_dta(written(tmp_path, ".dta"), apply_value_formats=False)
    assert list(frame) == ["grosse", "by_", "yes", "id", "v", "x", "Grosse_2", "empty"]
    assert about.column_names_to_labels["grosse"] == "Height in pixels"
    assert about.column_names_to_labels["Grosse_2"] == "Größe"
    assert about.variable_value_labels["yes"] == {0: "no", 1: "yes"}
    assert frame["by_"].tolist() == ["=1+1", "a \u2013 dash", ""]
    assert frame["id"].tolist() == [str(2**60 + 1), "5", ""]
    assert frame["grosse"].isna().tolist() == [False, False, True]
    assert frame["x"].isna().tolist() == [False, True, True]


def test_spss(tmp_path):
    frame, about = pyreadstat.read_sav(written(tmp_path, ".sav"))
    assert frame["Grosse_2"].tolist() == TABLE["Größe"].to_pylist()
    assert about.column_names_to_labels["grosse"] == "Height in pixels"
    assert about.variable_value_labels["yes"] == {0: "no", 1: "yes"}


def test_excel_keeps_text_as_text(tmp_path):
    sheet = openpyxl.load_workbook(written(tmp_path, ".xlsx")).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == tuple(TABLE.column_names)
    assert rows[1][1] == "=1+1"
    assert sheet["B2"].data_type == "s"
    assert rows[1][2] is True
    assert rows[1][3] == str(2**60 + 1)
    assert rows[3][6] == "-1"
    assert sheet["A1"].comment.text == "Height in pixels"
    assert sheet.freeze_panes == "A2"


def test_r(tmp_path):
    target = written(tmp_path, ".rds.csv")
    frame = pd.read_csv(target, dtype=str, keep_default_na=False)
    assert frame["by"].tolist() == ["=1+1", "a \u2013 dash", ""]
    assert frame["id"].tolist() == [str(2**60 + 1), "5", ""]
    script = (tmp_path / "study.R").read_text(encoding="utf-8")
    classes = re.search(r"colClasses = c\((.*)\)", script)[1]
    assert classes.rstrip(")").replace('"', "").split(", ") == [
        *("numeric", "character", "logical", "character"),
        *("character", "numeric", "character", "character"),
    ]
    assert 'attr(study[["größe"]], "label") <- "Height in pixels"' in script
    assert 'saveRDS(study, "study.rds")' in script


@pytest.mark.parametrize("ending", [".dta", ".sav", ".xlsx"])
def test_what_is_cut_off_is_said(tmp_path, ending):
    table = pa.table({"text": ["ä" * 40_000, "short"]})
    with pytest.warns(UserWarning, match="cut off"):
        written(tmp_path, ending, table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written(tmp_path, ".csv", table)


def test_a_sheet_holds_so_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "EXCEL_ROWS", 3)
    with pytest.raises(ParameterError, match="holds 2 rows"):
        written(tmp_path, ".xlsx")
    assert not (tmp_path / "study.xlsx").exists()


@pytest.mark.parametrize("ending", WRITERS)
def test_a_table_without_rows(tmp_path, ending):
    target = written(tmp_path, ending, TABLE.slice(0, 0))
    assert target.stat().st_size > 0


def test_names_stay_apart_however_short_they_must_be():
    columns = [f"{'a' * 40}{n}" for n in range(120)] + ["IF", "if", "_n", "1", ""]
    names = study.short_names(columns, 32)
    assert len({name.lower() for name in names.values()}) == len(columns)
    assert all(re.fullmatch(r"[A-Za-z]\w{0,31}", name, re.ASCII) for name in names.values())


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"\.dta or \.sav; 'a.doc' has another"):
        check_target(tmp_path / "a.doc")

"""Tables that users hand in, as files come from spreadsheets, scripts and R."""

import runpy
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from mediacorpus.errors import SourceError
from mediacorpus.store.read import read_table
from mediacorpus.store.write import write_batches

save_table = runpy.run_path(str(Path(__file__).parents[1] / "made_tables.py"))["save_table"]


@pytest.fixture
def write(tmp_path):
    def store(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return store


def _rows(path):
    return read_table(path).to_dict("records")


EXPECTED = [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_line_ends(write, delimiter, end):
    text = end.join(["a,b", "1,2", "3,4"]).replace(",", delimiter)
    assert _rows(write("t.csv", text)) == EXPECTED
    assert _rows(write("t.txt", text + end)) == EXPECTED


def test_everything_stays_text(write):
    path = write("t.csv", "id,v,w,x,y\n007,NA,1e5,null,\n1.0,nan,TRUE,None,#N/A\n")
    frame = read_table(path)
    assert frame.loc[0].tolist() == ["007", "NA", "1e5", "null", ""]
    assert frame.loc[1].tolist() == ["1.0", "nan", "TRUE", "None", "#N/A"]


def test_a_decimal_comma_does_not_win_over_the_semicolon(write):
    assert _rows(write("t.csv", "a;b\n1,5;2,5\n3,5;4,5\n")) == [
        {"a": "1,5", "b": "2,5"},
        {"a": "3,5", "b": "4,5"},
    ]


def test_commas_in_the_header_of_a_tab_file_are_no_delimiter(write):
    assert _rows(write("t.tsv", "a\tb, c\n1\t2\n")) == [{"a": "1", "b, c": "2"}]


def test_one_column_with_blanks_and_no_delimiter(write):
    assert _rows(write("t.csv", "file\nx y.jpg\nz.jpg")) == [{"file": "x y.jpg"}, {"file": "z.jpg"}]


def test_quotes(write):
    path = write("t.csv", 'a,"b"\n"x, ""y""","two\nlines"\n')
    assert _rows(path) == [{"a": 'x, "y"', "b": "two\nlines"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings(write, encoding):
    path = write("t.csv", "größe,name\n1,naïve \u2013 “café”\n".encode(encoding))
    assert _rows(path) == [{"größe": "1", "name": "naïve \u2013 “café”"}]


def test_an_umlaut_far_down_is_found(write):
    text = "a,b\n" + "1,2\n" * 50_000 + "3,ü\n"
    frame = read_table(write("t.csv", text.encode("cp1252")))
    assert frame.iloc[-1].tolist() == ["3", "ü"]


def test_emoji_and_other_scripts(write):
    assert _rows(write("t.csv", "a\n😀 фото 写真\n")) == [{"a": "😀 фото 写真"}]


def test_the_separator_line_of_excel_is_understood(write):
    assert _rows(write("t.csv", "sep=;\r\na;b\r\n1;2\r\n3;4\r\n")) == EXPECTED


def test_blank_lines_and_rows_without_content_are_left_out(write):
    assert _rows(write("t.csv", "\n  \na,b\n\n1,2\n,\n3,4\n , \n")) == EXPECTED


def test_short_rows_are_filled_with_blanks(write):
    assert _rows(write("t.csv", "a,b\n1\n3,4\n")) == [{"a": "1", "b": ""}, {"a": "3", "b": "4"}]


def test_columns_without_a_name(write):
    assert _rows(write("t.csv", "a,b,\n1,2,\n3,4,\n")) == EXPECTED
    assert list(read_table(write("t.csv", ",a\n0,x\n")).columns) == ["column_1", "a"]


def test_column_names_lose_their_blanks(write):
    assert list(read_table(write("t.csv", " a , b\n1,2\n")).columns) == ["a", "b"]


def test_rows_are_numbered_from_zero(write):
    assert read_table(write("t.csv", "a\n\nx\n\ny\n")).index.tolist() == [0, 1]


def test_parquet_keeps_its_types_and_its_index(tmp_path):
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, None], "name": ["007", "ü"]})
    frame.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), frame, check_dtype=False)
    assert read_table(tmp_path / "t.parquet")["n"].dtype == "int64"
    frame.set_index("name").to_parquet(tmp_path / "u.pq")
    assert sorted(read_table(tmp_path / "u.pq").columns) == ["n", "name", "x"]
    filtered = frame[frame["n"] > 1]
    filtered.to_parquet(tmp_path / "v.parquet")
    assert list(read_table(tmp_path / "v.parquet").columns) == ["n", "x", "name"]


def test_a_folder_name_with_an_equals_sign_adds_no_column(tmp_path):
    folder = tmp_path / "year=2024"
    folder.mkdir()
    pd.DataFrame({"a": [1]}).to_parquet(folder / "t.parquet")
    assert list(read_table(folder / "t.parquet").columns) == ["a"]


def test_json_lines(write):
    path = write("t.jsonl", '{"id": "007", "n": 3}\n\n{"id": "8", "tags": ["a"]}\n')
    assert _rows(path) == [
        {"id": "007", "n": 3, "tags": None},
        {"id": "8", "n": None, "tags": ["a"]},
    ]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (("t.csv", ""), "is empty"),
        (("t.csv", " \n\n"), "is empty"),
        (("t.csv", "a,b\n"), "has no rows: only the column names a, b"),
        (("t.csv", "a,b\n,\n"), "has no rows"),
        (("t.csv", "a,b\n1,2\n1,2,3\n"), r"line 3 has 3 cells, but there are 2 column names"),
        (("t.csv", 'a,b\n3,4\n"1,2\n'), "quotation mark is not closed .* in line 3"),
        (("t.csv", "a, a\n1,2\n"), "two columns named 'a'"),
        (("t.csv", b"a\n\xff\x81\n"), "neither UTF-8 nor in any encoding"),
        (("t.csv", "a\nü, é, ß\n".encode() + b"gr\xfcn\n"), "is UTF-8 but for 1 place, .*'.*gr'"),
        (("t.csv", b"\x89PNG\r\n\x1a\n\0\0\0\r"), "is not text"),
        (("t.csv", b"\xff\xfea"), "cannot be read; name its encoding"),
        (("t.xlsx", b"PK\3\4"), "is no spreadsheet, or it is damaged"),
        (("t.xlsx", b"\xd0\xcf\x11\xe0"), "is encrypted, or an old Excel file"),
        (("t.xls", b"\xd0\xcf\x11\xe0"), "no spreadsheet, or it is damaged"),
        (
            ("t.doc", b"PK\3\4"),
            "save it as one of CSV, TSV, Parquet, JSON lines, .xlsx, .xls, .ods",
        ),
        (("t", "a\n1\n"), "save it as one of"),
        (("t.parquet", b"PAR1 not really"), "is no Parquet file"),
        (("t.jsonl", '{"a": 1}\n{"a": \n'), r"Line 2 of 't\.jsonl' is not JSON"),
        (("t.jsonl", "[1, 2]\n"), "Line 1 .* is no JSON object"),
        (("t.jsonl", "\n"), "has no rows"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(write, file, words):
    path = write(*file)
    with pytest.raises(SourceError, match=words) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(SourceError, match="There is no file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(SourceError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(SourceError, match="cannot be read"):
        read_table(tmp_path / ("x" * 5000 + ".csv"))


def test_a_file_without_permission(ordinary_user):
    folder, lowered = ordinary_user
    path = folder / "t.csv"
    path.write_text("a\n1\n")
    path.chmod(0)
    with lowered(), pytest.raises(SourceError, match="cannot be read"):
        read_table(path)


def test_a_real_table_of_labels(test_data):
    frame = read_table(test_data / "hymenoptera" / "labels.csv")
    assert list(frame.columns) == ["file", "split", "label"]
    assert len(frame) >= 398
    assert set(frame["label"]) >= {"ants", "bees"}


BIG = 2**53 + 1
WHOLE = [BIG, None, BIG + 2]


@pytest.mark.parametrize("kind", ["Int64", "UInt64", "object"])
def test_whole_numbers_with_a_gap_stay_whole(tmp_path, kind):
    frame = pd.DataFrame({"n": pd.array(WHOLE, kind) if kind != "object" else WHOLE})
    if kind != "object":
        frame.to_parquet(tmp_path / "t.parquet")
        assert read_table(tmp_path / "t.parquet")["n"].tolist() == WHOLE
    lines = "".join(f'{{"n": {"null" if n is None else n}}}\n' for n in WHOLE)
    (tmp_path / "t.jsonl").write_text(lines + "{}\n")
    assert read_table(tmp_path / "t.jsonl")["n"].tolist() == [*WHOLE, None]


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_digits_that_are_lost_already_are_said(tmp_path, kind):
    path = save_table(pd.DataFrame({"id": [float(BIG * 10)], "x": [0.5]}), tmp_path / f"t.{kind}")
    notes = []
    read_table(path, notes=notes)
    assert ["'id' holds long numbers" in note for note in notes] == [True]


SHAPES = {
    "a comma at the end of the rows": "a,b\n1,2,\n3,4,\n",
    "a comma at the end of all": "a,b,\n1,2,\n3,4,\n",
    "a comma at the end of some": "a,b\n1,2,\n3,4\n",
    "row names of R": '"a","b"\n"1","1","2"\n"2","3","4"\n',
    "blanks after the commas": 'a, b\n"1", "2"\n3, 4\n',
    "blanks after tabs": "a\tb\n1\t2\n3\t4\n",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_csv(write, shape):
    assert _rows(write("t.csv", SHAPES[shape])) == EXPECTED


def test_row_names_of_r_that_are_no_numbers_are_a_column(write):
    path = write("t.csv", '"a"\n"x.jpg","1"\n"y.jpg","2"\n')
    assert _rows(path) == [{"row_name": "x.jpg", "a": "1"}, {"row_name": "y.jpg", "a": "2"}]


TEXTS = {
    "cp1251": "да, нет",
    "koi8_r": "протест, другое",
    "gbk": "抗议, 其他",
    "big5": "抗議, 其他",
    "cp932": "抗議, その他",
    "cp949": "시위, 기타",
    "cp1253": "ναι, όχι",  # noqa: RUF001 - Greek
    "cp1254": "değişik, evet",
    "mac_roman": "Müll, Straße",
    "cp1252": "Müll, Straße",
    "utf-16-le": "Müll, yes, no",
}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize("codec", TEXTS)
def test_an_encoding_is_guessed_and_said_with_a_sample(write, codec, suffix):
    text = TEXTS[codec]
    content = f'{{"v": "{text}"}}\n' if suffix == "jsonl" else f'v\tw\n"{text}"\t1\n'
    notes = []
    path = write(f"t.{suffix}", content.encode(codec))
    assert read_table(path, notes=notes)["v"].tolist() == [text]
    if codec != "utf-16-le":
        assert text.split(",")[0] in notes[0]
        assert "--encoding" in notes[0]
    notes = []
    assert read_table(path, encoding=codec, notes=notes)["v"].tolist() == [text]
    assert notes == []


def test_a_wrong_encoding_is_refused(write):
    path = write("t.csv", "a\nü\n")
    with pytest.raises(SourceError, match="no encoding 'cp9999'"):
        read_table(path, encoding="cp9999")
    with pytest.raises(SourceError, match="cannot be read as ascii"):
        read_table(path, encoding="ascii")


def test_what_was_guarded_against_formulas_comes_back(tmp_path):
    cells = ["-1", "+4", "=1+1", "'=1+1", "''x", "'x", "-5 C", "@me", "-", "1e-5", "\t-1", "a"]
    table = pa.table({"a": cells, "=b": cells})
    write_batches(table.to_reader(), tmp_path / "t.csv")
    notes = []
    found = read_table(tmp_path / "t.csv", notes=notes)
    assert found.to_dict("list") == {"a": cells, "=b": cells}
    assert "lost the apostrophe" in notes[0]
    assert "'-1" not in (tmp_path / "t.csv").read_text()

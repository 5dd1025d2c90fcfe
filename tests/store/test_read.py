"""Tables that users hand in, as files come from spreadsheets, scripts and R."""

import pandas as pd
import pytest

from mediacorpus.errors import SourceError
from mediacorpus.store.read import read_table


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
        (("t.csv", "a,b\n1,2\n1,2,3\n"), r"more cells .*Expected 2 fields in line 3, saw 3"),
        (("t.csv", 'a,b\n"1,2\n'), "quotation mark is not closed"),
        (("t.csv", "a, a\n1,2\n"), "two columns named 'a'"),
        (("t.csv", b"a\n\x81\x8d\n"), "neither UTF-8 nor Windows-1252"),
        (("t.csv", b"\x89PNG\r\n\x1a\n\0\0\0\r"), "is not text"),
        (("t.csv", b"\xff\xfea"), "cannot be read; save the table as UTF-8"),
        (("t.xlsx", b"PK\3\4"), "save it as one of CSV, TSV, Parquet, JSON lines"),
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

"""What is printed: in any encoding, and never what steers a terminal."""

import io
import json
import sys

import pandas as pd
import pytest
from PIL import Image

from mediacorpus.cli import output

STEERING = {
    "a color": "\x1b[31mred",
    "a title": "\x1b]0;title\x07",
    "a backspace": "a\x08b",
    "a carriage return": "a\rb",
    "a C1 sequence": "\x9b31m",
    "a reversal": "cod\u202egpj.exe",
    "an isolate": "a\u2067b\u2069",
    "a mark": "a\u200fb",
    "a byte of no text": "\udcff",
}


@pytest.mark.parametrize("kind", STEERING)
def test_nothing_in_a_table_or_sentence_steers_the_terminal(kind, capsys):
    text = STEERING[kind]
    output.show_frame(
        pd.DataFrame({"a": pd.Series([text, "plain"], dtype=object)}).set_axis(
            pd.Index([text], dtype=object), axis="columns"
        )
    )
    output.out(text)
    output.note(text)
    said = "".join(capsys.readouterr())
    assert not set(text) & set(said) & set("\x1b\x07\x08\r\x9b\u202e\u2067\u2069\u200f\udcff")
    assert said.count("\\x") + said.count("\\u") + said.count("\\r") >= 4


@pytest.mark.parametrize("table", ["records", "failures", "labels", "gold", "tidy", "columns"])
def test_names_of_others_are_escaped_in_every_table(told, tmp_path, table):
    bad = "\x1b[31m\u202e"
    for name in ("images", f"images/{bad}"):
        (tmp_path / name).mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / bad / f"{bad}.png")
    (tmp_path / "images" / f"{bad}.png").write_bytes(b"x")
    posts = pd.DataFrame({"file": [f"images/{bad}/{bad}.png"], bad: [bad]})
    posts.to_csv(tmp_path / "posts.csv", index=False)
    labels = posts[["file"]].assign(variable=bad, value=bad, coder=bad)
    labels.to_csv(tmp_path / "labels.csv", index=False)
    corpus = tmp_path / "corpus"
    told("create", corpus)
    told("add", corpus, tmp_path / "images", code=3)
    told("add", corpus, tmp_path / "posts.csv")
    told("labels", "import", corpus, tmp_path / "labels.csv")
    said = told("table", corpus, table)
    assert not set("\x1b\u202e") & set(said.out)
    assert "\\x1b[31m" in said.out


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp932", "utf-8"])
def test_json_is_utf8_whatever_the_encoding_of_the_output(monkeypatch, encoding):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    output.show_json({"name": "写真 é"})
    assert json.loads(raw.getvalue().decode("utf-8")) == {"name": "写真 é"}


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_characters_that_a_console_lacks_are_replaced(monkeypatch, encoding):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    output.replace_unknown()
    output.out("写真 a")
    output.show_frame(pd.DataFrame({"写真": ["写真"]}))
    sys.stdout.flush()
    assert b"?? a" in raw.getvalue()


def test_a_name_in_a_right_to_left_script_stays_isolated(capsys):
    output.out("of \u2068\u05e9\u05dc\u05d5\u05dd\u2069, and \u2068open")
    assert capsys.readouterr().out == "of \u2068\u05e9\u05dc\u05d5\u05dd\u2069, and \\u2068open\n"

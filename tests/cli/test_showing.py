"""`show`, the options of `add`, and `table --by`, from the command line."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
film, scans = made["film"], made["scans"]


def test_show_a_file(tmp_path, *, save, told):
    target = tmp_path / "sheet.jpg"
    said = told("show", save(tmp_path / "a.png"), "--as", "gray", "-o", target).out
    assert said == f"Drew 2 tiles on {target}.\n"
    with Image.open(target) as image:
        assert image.format == "JPEG"


def test_show_augmented_and_resized_as_json(tmp_path, *, save, told):
    target = tmp_path / "sheet.png"
    options = ["--as", "gray", "--resize", "crop 64", "--augment", 11, "--seed", 3]
    said = told("show", save(tmp_path / "a.png"), *options, "-o", target, "--json").out
    assert json.loads(said) == {
        "file": str(target),
        "tiles": 24,
        "failed": {},
        "notes": [],
        "stretched": 0,
    }


def test_show_what_cannot_be_shown(tmp_path, *, save, told):
    image = save(tmp_path / "a.png")
    target = tmp_path / "sheet.png"
    for arguments in (
        [tmp_path / "none.png"],
        [image, "--as", "sepia"],
        [image, "--resize", "big"],
        [image, "abcdef"],
    ):
        said = told("show", *arguments, "-o", target, code=1)
        assert (said.out, len(said.err.strip().splitlines())) == ("", 1)
    assert not target.exists()


@pytest.fixture
def corpus(tmp_path, told):
    told("create", tmp_path / "corpus")
    return tmp_path / "corpus"


def test_add_with_frames_and_pages(tmp_path, corpus, told):
    film(tmp_path / "m" / "a.mp4", [20] * 30 + [220] * 40)
    scans(
        tmp_path / "m" / "a.pdf", *[np.full((40, 50, 3), gray, np.uint8) for gray in (1, 90, 250)]
    )
    options = ["--frames", "shots", "--pages", "2-3", "--dpi", "72"]
    assert "4 new frames, pages or regions" in told("add", corpus, tmp_path / "m", *options).out
    rows = json.loads(told("table", corpus, "pages", "--json").out)
    rows = rows["rows"] if isinstance(rows, dict) else rows
    assert [row["page"] for row in rows] == [2, 3]
    told("measure", corpus, "facts", "color", "-q")
    for by, expected in (("shot", 2), ("video", 1), ("document", 1)):
        rows = json.loads(told("table", corpus, "color", "--by", by, "--json").out)
        rows = rows["rows"] if isinstance(rows, dict) else rows
        assert len(rows) == expected
    out = tmp_path / "t.csv"
    told("table", corpus, "color", "--by", "video", "-o", out)
    assert len(out.read_text().splitlines()) == 2


def test_add_boxes(tmp_path, *, corpus, told, save):
    save(tmp_path / "a.png")
    table = tmp_path / "b.csv"
    table.write_text("path,x,y,w,h\na.png,0,0,0.5,0.5\na.png,5,5,1,1\n")
    said = told("add", corpus, table, "--boxes", "x,y,w,h", "--box-unit", "fractions", code=3).out
    assert "1 new frames, pages or regions" in said or "1 frame" in said
    assert "1 could not be added" in said


@pytest.mark.parametrize(
    "wrong",
    [
        ["--frames", "often"],
        ["--pages", "x"],
        ["--dpi", "1"],
        ["--boxes", "x,y"],
        ["--box-unit", "metres"],
        ["--contact", "ä"],
    ],
)
def test_wrong_options_are_one_line(tmp_path, *, corpus, told, save, wrong):
    said = told("add", corpus, save(tmp_path / "p" / "a.png").parent, *wrong, code=1)
    assert (said.out, len(said.err.strip().splitlines())) == ("", 1)


def test_wrong_levels_are_one_line(tmp_path, *, corpus, told, save):
    told("add", corpus, save(tmp_path / "p" / "a.png").parent)
    told("measure", corpus, "facts", "-q")
    assert "video" in told("table", corpus, "facts", "--by", "scene", code=1).err
    assert "no frame" in told("table", corpus, "facts", "--by", "video", code=1).err


def test_columns_without_any_value_are_named_below(tmp_path, *, save, told):
    save(tmp_path / "p" / "a.png")
    told("create", tmp_path / "c")
    told("add", tmp_path / "c", tmp_path / "p")
    text = told("items", tmp_path / "c").out
    head, foot = text.splitlines()[0], text.splitlines()[-1]
    assert "format" in head
    assert "duration" not in head
    assert "; empty: place, duration, " in foot
    assert "more columns" not in foot


def test_gold_takes_rows_and_a_file(tmp_path, *, save, told):
    rows = ["file,variable,value"]
    for number in range(3):
        save(tmp_path / "p" / f"{number}.png", number)
        rows.append(f"{number}.png,v,yes")
    (tmp_path / "l.csv").write_text("\n".join(rows))
    told("create", tmp_path / "c")
    told("add", tmp_path / "c", tmp_path / "p")
    told("labels", "import", tmp_path / "c", tmp_path / "l.csv")
    assert "3 rows, 2 shown" in told("gold", tmp_path / "c", "v", "--rows", "2").out
    told("gold", tmp_path / "c", "v", "-o", tmp_path / "gold.csv")
    assert (tmp_path / "gold.csv").read_text().count("yes") == 3

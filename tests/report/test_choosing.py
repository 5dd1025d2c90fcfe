"""Which images a gallery shows: chosen by selection, query, table; ordered; with their values."""

import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import ParameterError, QueryError, UnknownName


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choosing")
    rows = []
    for number in range(6):
        Image.new("RGB", (64, 48), (40 * number, 90, 200 - 30 * number)).save(
            folder / f"{number}.png"
        )
        row = {"file": f"{number}.png", "year": 1970 + number, "note": f"No. {number}"}
        rows.append(row | {"kind": "video", "place": "Graz"})  # columns that are named like ours
    rows.append(rows[0] | {"note": "again"})
    pd.DataFrame(rows).to_csv(folder / "t.csv", index=False)
    with mc.Corpus.create(folder / "c") as made:
        made.add(folder / "t.csv", progress=False)
        made.measure("color", progress=False)
        yield made


def names(gallery):
    return [thumb.caption for thumb in gallery]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"most": 2}, [0, 3]),
        ({"sort": "-year"}, [5, 4, 3, 2, 1, 0]),
        ({"sort": "red_mean", "most": 2}, [0, 1]),
        ({"sort": "color.red_mean", "most": 2}, [0, 1]),
        ({"on": mc.Selection(where="year > 1973")}, [4, 5]),
        ({"on": mc.Selection(where="red_mean > 0.5")}, [4, 5]),
        ({"on": mc.Selection(where="red_mean > 0.5"), "sort": "-red_mean"}, [5, 4]),
        ({"on": ["3.png", "1.png"]}, [1, 3]),
        ({"query": "SELECT item FROM color WHERE red_mean < 0.3 ORDER BY red_mean DESC"}, [1, 0]),
    ],
)
def test_what_is_shown(corpus, options, shown):
    assert names(corpus.gallery(**options)) == [f"{number}.png" for number in shown]


def test_values_stand_below_the_images(corpus):
    gallery = corpus.gallery(["0.png"], columns="year,note, red_mean")
    assert gallery.thumbs[0].about == ["year: 1970", "note: No. 0; again", "red_mean: 0"]
    frame = corpus.sql("SELECT item, year, red_mean FROM records JOIN color USING (item)")
    gallery = corpus.gallery(frame, sort="-year", most=1, columns=["year", "note"])
    assert gallery.thumbs[0].about == ["year: 1975", "note: No. 5"]
    assert gallery.to_frame()["caption"].tolist() == ["5.png"]


def test_one_file_that_loads_nothing(tmp_path, corpus):
    gallery = corpus.gallery(columns="note", output=tmp_path / "g.html")
    page = (tmp_path / "g.html").read_text()
    assert page.count("<img") == page.count("<details>") == len(gallery) == 6
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert str(tmp_path.parent) not in page
    assert "6 images. Click on one" in page


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"on": mc.Selection(where="year > 2000")}, ParameterError, "fits where 'year > 2000'"),
        ({"query": "SELECT item FROM items LIMIT 0"}, ParameterError, "nothing to show"),
        ({"on": pd.DataFrame({"file": ["0.png"]})}, ParameterError, "needs a column 'item'"),
        ({"query": "SELECT year FROM records"}, ParameterError, "needs a column 'item'"),
        ({"query": "SELECT item FROM recrods"}, UnknownName, "Did you mean 'records'"),
        ({"query": "SELECT item FROM"}, QueryError, "refused"),
        ({"sort": "yaer"}, UnknownName, "Did you mean 'year'"),
        ({"columns": "yaer"}, UnknownName, "Did you mean 'year'"),
        ({"on": ["0.png"], "query": "SELECT item FROM items"}, ParameterError, "not by both"),
        ({"most": 0}, ParameterError, "at least 1"),
        ({"output": "g.png"}, ParameterError, "written as .html"),
        ({"sort": "taken"}, ParameterError, "None of the images has a value of taken"),
    ],
)
def test_what_cannot_be_shown(corpus, options, error, message):
    with pytest.raises(error, match=message):
        corpus.gallery(**options)


def test_a_model_without_mistakes_has_an_empty_gallery(corpus):
    gallery = corpus.gallery(pd.DataFrame({"item": [], "gold": [], "predicted": []}))
    assert (len(gallery), str(gallery)) == (0, "Nothing to show: an empty table")


def test_a_corpus_without_images(tmp_path):
    with (
        mc.Corpus.create(tmp_path / "c") as empty,
        pytest.raises(ParameterError, match="no images"),
    ):
        empty.gallery()

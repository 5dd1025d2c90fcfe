"""The verb `plot`: figures of columns, in Python and in files."""

import matplotlib.figure
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import ParameterError

WAYS = [
    ("likes", None),
    ("place", None),
    ("likes", "place"),
    ("likes", "year"),
    ("place", "decade(year)"),
    ("place", "seen"),
    ("likes", "month(date)"),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plot")
    rows = []
    for number in range(24):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
        rows.append(
            {
                "file": f"{number}.png",
                "year": 1930 + 3 * number,
                "date": f"1999-{1 + number % 12:02d}-01",
                "likes": number**2 % 7,
                "place": ("Graz", "Wien", "<b>Linz & Co")[number % 3],
                "seen": number % 2 == 0,
            }
        )
    pd.DataFrame(rows).to_csv(folder / "posts.csv", index=False)
    with mc.Corpus.create(folder / "c") as made:
        made.add(folder / "posts.csv", progress=False)
        yield made


@pytest.mark.parametrize(("column", "by"), WAYS)
@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_each_way_in_each_format(tmp_path, corpus, *, column, by, ending):
    target = tmp_path / f"plot.{ending}"
    figure = corpus.plot(column, by=by, output=target)
    assert isinstance(figure, matplotlib.figure.Figure)
    assert len(repr(figure)) <= 200
    content = target.read_bytes()
    if ending == "png":
        with Image.open(target) as image:
            assert image.width == 1040
        return
    text = content.decode()
    assert f"n = {figure.distribution.of}" in text
    assert column in text
    assert "<script" not in text
    if ending == "html":
        assert text.count("<tr") == len(figure.to_frame()) + 1
        if "place" in {column, by}:
            assert "<b>Linz" not in text


def test_notebooks_show_it_with_its_key(corpus):
    html = corpus.plot("likes", by="place")._repr_html_()
    assert html.count("<svg") == 1
    assert "95\u00a0% intervals" in html


def test_only_what_is_chosen_counts(corpus):
    figure = corpus.plot("likes", on=mc.Selection(where="place = 'Graz'"))
    assert figure.distribution.records == 8


def test_a_file_of_another_kind_is_refused_before_the_work(tmp_path, corpus):
    with pytest.raises(ParameterError, match=r"\.png, \.svg, \.pdf or \.html"):
        corpus.plot("likes", output=tmp_path / "plot.doc")

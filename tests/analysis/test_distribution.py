"""Means, shares and histograms of columns of the tidy table, group by group."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.analysis.distribution import distribution
from mediacorpus.errors import ParameterError, UnknownName

YEARS = [1931, 1938, 1942, 1950, 1950, 1967, None, 1969]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distribution")
    rows = []
    for number, year in enumerate(YEARS):
        shade = np.full((8, 8, 3), 30 * number, np.uint8)
        Image.fromarray(shade).save(folder / f"{number}.png")
        rows.append(
            {
                "file": f"{number}.png",
                "year": year,
                "date": f"19{30 + number}-05-0{1 + number}" if number else "c. 1931",
                "likes": number % 4,
                "place": "Graz" if number % 2 else "Wien",
                "caption": f"No. {number}",
                "seen": number > 5,
            }
        )
    # One image stands in six records more.
    rows += [rows[1] | {"caption": f"Again {n}"} for n in range(6)]
    pd.DataFrame(rows).to_csv(folder / "posts.csv", index=False)
    with mc.Corpus.create(folder / "c") as made:
        made.add(folder / "posts.csv", progress=False)
        made.measure("quality", progress=False)
        yield made


def test_mean_of_records_that_share_images_allows_for_them(corpus):
    found = distribution(corpus._store, "likes")
    row = found.table.iloc[0]
    values = np.array([0, 1, 2, 3, 0, 1, 2, 3] + [1] * 6)
    clusters = np.array([*range(8), *[1] * 6])
    assert (found.records, found.items, row["n"]) == (14, 8, 14)
    assert row["estimate"] == pytest.approx(values.mean())
    sums = np.bincount(clusters, values - values.mean())
    error = np.sqrt((sums**2).sum() * 8 / 7) / 14
    assert (row["high"] - row["low"]) / 2 == pytest.approx(2.364624 * error, rel=1e-5)
    assert found.counts.sum() == 14
    assert list(found.edges) == [-0.5, 0.5, 1.5, 2.5, 3.5]


def test_shares_of_classes_are_of_all_records(corpus):
    found = distribution(corpus._store, "place")
    assert dict(zip(found.table["class"], found.table["count"], strict=True)) == {
        "Graz": 10,
        "Wien": 4,
    }
    assert found.table["estimate"].sum() == pytest.approx(1)
    assert (found.table["low"] < found.table["estimate"]).all()


@pytest.mark.parametrize(
    ("by", "groups", "missing"),
    [
        ("decade(year)", [1930, 1940, 1950, 1960], 1),
        ("year(year)", [1931, 1938, 1942, 1950, 1967, 1969], 1),
        ("decade(date)", [1930], 0),
        ("year(date)", list(range(1931, 1938)), 0),
        ("month(date)", [f"19{30 + n}-05" for n in range(1, 8)], 1),
        ("place", ["Graz", "Wien"], 0),
        ("seen", ["False", "True"], 0),
        ("likes", [0, 1, 2, 3], 0),
    ],
)
def test_groups(corpus, by, groups, missing):
    found = distribution(corpus._store, "brightness", by=by)
    assert found.table["group"].tolist() == groups
    assert found.missing == missing
    assert found.ordered == (by not in {"place", "seen"})
    assert found.table["n"].sum() == 14 - missing
    assert found.to_dict()["table"][0]["group"] == groups[0]


def test_what_was_read_loosely_is_said(corpus):
    text = str(distribution(corpus._store, "brightness", by="year(date)"))
    assert "'c. 1931' were read by the year in them" in text


@pytest.mark.parametrize(
    ("column", "by", "error", "message"),
    [
        ("caption", None, ParameterError, "14 values in 14 records"),
        ("likes", "caption", ParameterError, "makes no groups"),
        ("likes", "month(year)", ParameterError, "no months"),
        ("likes", "year(place)", ParameterError, "none of the values is a date"),
        ("lieks", None, UnknownName, "Did you mean 'likes'"),
        ("likes", "plaec", UnknownName, "Did you mean 'place'"),
        ("duration", None, ParameterError, "nothing to plot"),
    ],
)
def test_what_cannot_be_drawn(corpus, column, by, error, message):
    with pytest.raises(error, match=message):
        distribution(corpus._store, column, by=by)


def test_one_value_makes_one_bar(corpus):
    only = corpus.select(where="likes = 3")
    found = distribution(corpus._store, "likes", only=only)
    assert found.counts.sum() == found.counts.max() == 2
    assert found.table["sd"].iloc[0] == 0


def test_numbers_with_many_values_are_put_into_groups(tmp_path):
    rng = np.random.default_rng(1)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    rows = pd.DataFrame({"file": "a.png", "x": rng.normal(size=500), "id": range(500)})
    rows["y"] = rows["x"] > 0
    rows.to_csv(tmp_path / "t.csv", index=False)
    with mc.Corpus.create(tmp_path / "c") as corpus:
        corpus.add(tmp_path / "t.csv", id_column="id", progress=False)
        found = distribution(corpus._store, "y", by="x")
        assert found.table["group"].nunique() == 20
        assert "groups of equal size" in str(found)


def test_times_count_by_the_clock_where_they_were_taken(tmp_path):
    times = ["2020-01-01T00:30:00+02:00", "2019-12-31 23:30:00-0500", "2019-07-01T10:00:00Z"]
    times += ["2019-08-01T10:00:00", "2019-08-02", "2019-07"]
    for number in range(len(times)):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    rows = pd.DataFrame({"file": [f"{n}.png" for n in range(len(times))], "time": times, "x": 1})
    rows.to_csv(tmp_path / "t.csv", index=False)
    with mc.Corpus.create(tmp_path / "c") as corpus:
        corpus.add(tmp_path / "t.csv", progress=False)
        years = distribution(corpus._store, "x", by="year(time)").table
        months = distribution(corpus._store, "x", by="month(time)").table
    assert dict(zip(years["group"], years["n"], strict=True)) == {2019: 5, 2020: 1}
    assert dict(zip(months["group"], months["n"], strict=True)) == {
        "2019-07": 2,
        "2019-08": 2,
        "2019-12": 1,
        "2020-01": 1,
    }

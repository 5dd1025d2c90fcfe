"""Features side by side: measures and columns of the records, from training to loose files."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import ParameterError, TrainingError, UnknownName
from mediacorpus.learning.joined import features_of_text, named

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))
QUICK = {"method": "shallow", "model": "logistic", "C": 1.0, "progress": False}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    """Eighty images whose posts have likes (missing for four), an author, a text and a date."""
    corpus = made["make_corpus"](tmp_path_factory.mktemp("joined"))
    records = corpus.records()
    labels = corpus.table("labels")
    red = set(labels.loc[(labels["variable"] == "red") & (labels["value"] == "yes"), "item"])
    rng = np.random.default_rng(1)
    is_red = records["item"].isin(red)
    rows = pd.DataFrame(
        {
            "file": records["path"],
            "likes": np.where(is_red, 900, 100) + rng.integers(0, 99, len(records)),
            "who": np.where(np.arange(len(records)) % 3, "anna", "ben"),
            "caption": [
                f"{'sunset over' if one else 'night in'} town {number} of {number * 7}"
                for number, one in enumerate(is_red)
            ],
            "posted": [f"2020-01-{1 + n % 28:02}" for n in range(len(records))],
        }
    ).astype({"likes": object})
    rows.loc[:3, "likes"] = None
    table = corpus.folder.parent / "posts.csv"
    rows.to_csv(table, index=False)
    corpus.add(table, progress=False)
    return corpus


@pytest.mark.parametrize(
    ("features", "numbers", "said"),
    [
        ("color,records:likes", [36, 1], ["likes was taken as numbers", "3 items have nothing"]),
        ("color + records:who", [36, 2], ["who was taken as 2 categories"]),
        ("records:caption", None, ["weighed by tf-idf"]),
        ("records:caption:length,records:posted", [1, 1], ["posted was taken as numbers"]),
        ("pixels:8:rgb", [192], ["pixels:8:rgb was measured first"]),
        ("pixels:4,hog", [16, 1764], []),
        ("embedding,records:who:words", [1280, 2], []),
    ],
)
def test_all_kinds_of_features_learn_apply_and_validate(
    corpus: mc.Corpus, features: str, numbers: list[int] | None, said: list[str]
) -> None:
    trained = corpus.train("red", name="m", features=features, replace=True, **QUICK)
    joined = trained.card["joined"]
    assert [one["feature"] for one in joined] == [one.name for one in features_of_text(features)]
    if numbers is not None:
        assert [one["numbers"] for one in joined] == numbers
    assert sum(one["share"] for one in joined) == pytest.approx(1) or not joined[0]["share"]
    for part in said:
        assert part in str(trained)
    assert corpus.apply("m", progress=False).failed == 0
    assert len(corpus.table("m")) == 2 * len(corpus.items())
    found = corpus.validate("m", against="red", progress=False)
    card = str(corpus.card("m"))
    assert all(f"{one['feature']} (" in card.replace("\\", "") for one in joined)
    assert found.scores.n == 20
    assert corpus.architecture("m")["detail"].iloc[0] == ", ".join(o["feature"] for o in joined)


def test_what_carries_the_label_has_the_larger_share(corpus: mc.Corpus) -> None:
    trained = corpus.train("red", name="s", features="records:who,records:likes", **QUICK)
    who, likes = (one["share"] for one in trained.card["joined"])
    assert likes > 0.9 > who


def test_only_the_train_part_says_how_values_become_numbers(corpus: mc.Corpus) -> None:
    trained = corpus.train("red", name="t", features="records:likes", **QUICK)
    mine = corpus.select(split="red:train")
    tidy = corpus.records().dropna(subset="likes").set_index("item")
    likes = tidy.loc[tidy.index.isin(mine), "likes"].astype(float)
    assert trained.card["joined"][0]["mean"][0] == pytest.approx(likes.mean(), rel=1e-5)


def test_a_value_that_was_not_learned_counts_as_none(corpus: mc.Corpus, tmp_path: Path) -> None:
    trained = corpus.train("red", name="u", features="color,records:who", **QUICK)
    other = mc.Corpus.create(tmp_path / "other")
    rows = corpus.records()[["path"]].head(4).rename(columns={"path": "file"})
    rows.assign(who="never seen").to_csv(tmp_path / "t.csv", index=False)
    other.add(tmp_path / "t.csv", progress=False)
    other.import_model(trained.folder)
    assert other.apply("u", progress=False).items == 4
    with pytest.raises(ParameterError, match=r"'who'.*The model 'u' needs it"):
        mc.label(trained.folder, list(rows["file"]), progress=False)


def test_a_grid_tries_them(corpus: mc.Corpus) -> None:
    found = corpus.grid(
        "red",
        method="shallow",
        model=["logistic"],
        features=["color+records:likes", "color", "records:who"],
        C=[1.0],
        folds=3,
        progress=False,
    )
    scores = found.table.set_index("features")["log_loss"]
    assert max(scores["color+records:likes"], scores["color"]) < scores["records:who"]


@pytest.mark.parametrize(
    ("features", "error", "said"),
    [
        ("colr,hog", UnknownName, "Did you mean 'color'"),
        ("colr", UnknownName, "Did you mean 'color'"),
        ("records:lieks", ParameterError, "Did you mean 'likes'"),
        ("records:caption:wrds", UnknownName, "Did you mean 'words'"),
        ("records:caption:number", TrainingError, "not all numbers"),
        ("color,,hog", ParameterError, "commas"),
        ("color,color", ParameterError, "twice"),
        ("pixels:x", ParameterError, "pixels:32:rgb"),
        ("pixels:1000:rgb", ParameterError, "2 to 256"),
        ("tags,color", ParameterError, "numbers"),
        ("", ParameterError, "commas"),
    ],
)
def test_what_is_not_understood_is_said_before_anything_is_done(
    corpus: mc.Corpus, features: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        corpus.train("red", name="bad", features=features, **QUICK)
    assert "bad" not in set(corpus.models()["model"])


def test_a_column_may_be_named_like_a_form() -> None:
    assert named("records:length").column == "length"
    assert named("records:a:b:words").column == "a:b"

"""Every command that says how far a model can be trusted tells the same of the same items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc

COLORS = {"red": (200, 60, 50), "green": (60, 170, 60), "blue": (50, 70, 190)}
EACH = 24


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    """A corpus of three colors, some of them hard to tell, with a split and three models."""
    folder = tmp_path_factory.mktemp("trust")
    rng = np.random.default_rng(5)
    rows = []
    for name, color in COLORS.items():
        for n in range(EACH):
            noise = rng.integers(-90, 90, (48, 64, 3)) + rng.integers(-120, 120, 3)
            path = folder / "images" / f"{name}{n:02}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray((np.array(color) + noise).clip(0, 255).astype(np.uint8)).save(path)
            rows.append((str(path), name, "warm" if name == "red" else "cold", f"author {n % 8}"))
    table = folder / "images.csv"
    pd.DataFrame(rows, columns=["path", "color", "tone", "author"]).to_csv(table, index=False)
    corpus = mc.Corpus.create(folder / "corpus")
    corpus.add(table, variable="color", path_column="path", progress=False)
    items = corpus.records()[["item", "tone"]].rename(columns={"tone": "value"})
    corpus.import_labels(items.assign(variable="tone", coder="ada"))
    for variable in ("color", "tone"):
        corpus.split(variable, shares="40/30/30", seed=1)
    shallow = {"method": "shallow", "model": "naive_bayes", "features": "embedding"}
    corpus.train("color", name="three", progress=False, **shallow)
    corpus.train("color", name="rest", positive="blue", progress=False, **shallow)
    corpus.train("tone", name="two", progress=False, **shallow)
    for name in ("three", "rest", "two"):
        corpus.apply(name, progress=False)
    return corpus


def table(corpus: mc.Corpus, name: str, variable: str, positive: str | None = None) -> pd.DataFrame:
    """Gold and predicted of the test part, from the tables alone."""
    rows = corpus.sql(
        f"SELECT s.item, g.value AS gold, p.tag AS predicted, p.score FROM splits AS s "
        f"JOIN gold AS g ON g.item = s.item AND g.variable = '{variable}' "
        f"JOIN {name} AS p ON p.item = s.item AND p.rank = 1 "
        f"WHERE s.part = 'test' AND s.variable = '{variable}'"
    )
    if positive is not None:
        rows["gold"] = rows["gold"].where(rows["gold"] == positive, f"not {positive}")
    return rows


MODELS = [
    pytest.param("three", "color", None, marks=pytest.mark.slow),
    ("rest", "color", "blue"),
    pytest.param("two", "tone", None, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "variable", "positive"), MODELS)
def test_validate_audit_robustness_and_explain_agree(study, name, variable, positive):
    rows = table(study, name, variable, positive)
    right = rows["gold"] == rows["predicted"]
    assert 0 < (~right).sum() < len(rows)

    found = study.validate(name, against=variable)
    assert found.scores.n == len(rows)
    assert found.scores.accuracy.estimate == pytest.approx(right.mean())
    wrong = rows[~right].set_index("item")
    mistakes = found.mistakes.set_index("item")
    assert set(mistakes.index) == set(wrong.index)
    assert (mistakes["gold"] == wrong["gold"].reindex(mistakes.index)).all()
    assert (mistakes["predicted"] == wrong["predicted"].reindex(mistakes.index)).all()

    groups = study.audit(name, against=variable, by="author", progress=False)
    assert groups.n == len(rows)

    few = rows.sort_values("item").iloc[:: len(rows) // 4][:4]
    robust = study.robustness(name, against=variable, images=4, progress=False)
    assert robust.n == len(few)
    assert robust.clean.estimate == pytest.approx((few["gold"] == few["predicted"]).mean())

    few = pd.concat([rows[right][:1], rows[~right][:1]])
    explained = study.explain(name, *few["item"], method="neighbors", progress=False)
    by_item = rows.set_index("item")
    for row in explained.to_dict()["items"]:
        assert row["gold"] == by_item.loc[row["item"], "gold"]
    shown = str(explained)
    assert shown.count(": the gold label is") == sum(
        row["gold"] != row["predicted"] for row in explained.to_dict()["items"]
    )


@pytest.mark.parametrize("threshold", [0.0001, 0.3, 0.9, 0.9999])
def test_mistakes_keep_to_the_threshold(study, threshold):
    found = study.validate("two", against="tone", positive="warm", threshold=threshold)
    matrix = found.scores.confusion_frame().to_numpy()
    assert len(found.mistakes) == matrix.sum() - np.trace(matrix)
    warm = study.sql(
        "SELECT s.item, p.score >= " + str(threshold) + " AS warm, g.value FROM splits AS s "
        "JOIN gold AS g ON g.item = s.item AND g.variable = 'tone' "
        "JOIN two AS p ON p.item = s.item AND p.tag = 'warm' "
        "WHERE s.part = 'test' AND s.variable = 'tone'"
    )
    wrong = warm[warm["warm"] != (warm["value"] == "warm")]
    assert set(found.mistakes["item"]) == set(wrong["item"])


def test_compare_scores_the_same_items(study):
    study.train(
        "color", name="knn", method="shallow", model="knn", features="color", progress=False
    )
    study.apply("knn", progress=False)
    found = study.compare("color", models=["three", "knn"], progress=False)
    rows = table(study, "three", "color")
    scores = found.to_frame()
    own = scores[(scores["model"] == "three") & (scores["score"] == "accuracy")]
    assert own["estimate"].item() == pytest.approx((rows["gold"] == rows["predicted"]).mean())


def test_an_item_without_a_label_is_explained_as_such(study, tmp_path):
    Image.new("RGB", (64, 48), (10, 20, 200)).save(tmp_path / "new.png")
    study.add(tmp_path / "new.png", progress=False)
    item = study.sql("SELECT item FROM records WHERE path LIKE '%new.png'")["item"].item()
    explained = study.explain("three", item, method="neighbors", progress=False)
    assert str(explained).startswith("new.png: ")
    assert "no gold label" in str(explained)
    assert explained.to_dict()["items"][0]["gold"] is None


@pytest.mark.slow
def test_a_model_on_codes_is_explained(study, tmp_path: Path):
    study.train(
        "tone", name="codes", method="scratch", arch="autoencoder", epochs=1, progress=False
    )
    study.apply("codes", progress=False)
    for method in ("auto", "occlusion", "neighbors"):
        found = study.explain(
            "codes", method=method, output=tmp_path / f"{method}.png", progress=False
        )
        assert found.rows
        assert (tmp_path / f"{method}.png").stat().st_size > 1000
    with pytest.raises(mc.errors.ParameterError, match="Ask for an occlusion map"):
        study.explain("codes", method="gradcam", progress=False)

"""The whole way on real images, from Python and from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.cli import main


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    """A corpus of 200 small photographs, half of them faces, split and measured."""
    from PIL import Image
    from skimage.data import lfw_subset

    folder = tmp_path_factory.mktemp("faces")
    for number, pixels in enumerate((lfw_subset() * 255).round().astype("uint8")):
        place = folder / "pictures" / ("face" if number < 100 else "other")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number:03d}.png")
    corpus = mc.Corpus.create(folder / "corpus")
    corpus.add(folder / "pictures", variable="face")
    corpus.measure("facts", "tags", "embedding", progress=False)
    corpus.split("face", shares="60/20/20", seed=1)
    return corpus


@pytest.fixture(scope="module")
def linear(faces: mc.Corpus) -> mc.Corpus:
    faces.train("face", name="linear", progress=False)
    faces.apply("linear", progress=False)
    return faces


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert end.value.code == 0
    return json.loads(capsys.readouterr().out)


def test_linear_learns_and_is_validated_on_the_test_part(linear: mc.Corpus) -> None:
    found = linear.validate("linear", against="face")
    assert found.part == "test"
    assert found.scores.n == 40
    assert found.scores.accuracy.estimate >= 0.9
    assert found.scores.positive == "face"
    assert 0 < found.scores.accuracy.low <= found.scores.accuracy.estimate
    assert "test part" in str(found)
    assert "<table" in found._repr_html_()


def test_predictions_cover_the_corpus_and_sum_to_one(linear: mc.Corpus) -> None:
    rows = linear.table("linear")
    assert rows["item"].nunique() == 200
    assert (rows.groupby("item")["score"].sum() - 1).abs().max() < 1e-5
    tidy = linear.table()
    assert {"face", "face_part", "linear", "linear_face", "linear_other", "tags"} <= set(
        tidy.columns
    )
    agree = (tidy["face"] == tidy["linear"]).mean()
    assert agree > 0.95


def test_test_items_are_never_trained_on(linear: mc.Corpus) -> None:
    card = json.loads((linear.folder / "models" / "linear" / "model.json").read_text())
    parts = linear.sql("SELECT part, count(*) AS n FROM splits GROUP BY part")
    counts = dict(zip(parts["part"], parts["n"], strict=True))
    assert counts == {"train": 120, "val": 40, "test": 40}
    assert sum(card["counts"]["train"].values()) == 120
    assert "test" not in card["counts"]


def test_training_again_changes_nothing_but_other_settings_need_replace(
    linear: mc.Corpus,
) -> None:
    before = (linear.folder / "models" / "linear" / "weights.safetensors").read_bytes()
    linear.train("face", name="linear", progress=False)
    assert (linear.folder / "models" / "linear" / "weights.safetensors").read_bytes() == before
    with pytest.raises(mc.errors.ParameterError, match="--replace"):
        linear.train("face", name="linear", class_weights=True, progress=False)


def test_a_measure_is_validated_like_a_model(linear: mc.Corpus) -> None:
    found = linear.validate("facts:bytes>=0", against="face", positive="face")
    assert found.scores.recall.estimate == 1.0
    assert found.scores.precision.estimate == pytest.approx(0.5)
    assert found.scores.n == 200


def test_runs_say_what_was_done(linear: mc.Corpus) -> None:
    runs = linear.runs()
    assert {"add", "measure", "split", "train", "apply"} <= set(runs["verb"])
    train = runs[(runs["verb"] == "train") & (runs["status"] == "done")].iloc[0]
    assert json.loads(train["parameters"])["method"] == "linear"
    assert len(train["model_hash"]) == 64
    assert json.loads(train["machine"])["packages"]["numpy"]


def test_report_and_results(linear: mc.Corpus) -> None:
    linear.validate("linear", against="face")
    path = linear.report(title="Faces <script>")
    page = path.read_text(encoding="utf-8")
    assert path == linear.folder / "reports" / "report.html"
    assert "Faces &lt;script&gt;" in page
    assert page.count("data:image/jpeg") >= 12
    assert "<script" not in page
    results = json.loads(path.with_name("results.json").read_text())
    assert (results["items"], results["records"], results["failures"]) == (200, 200, 0)
    model = results["models"]["linear"]
    assert (model["n_train"], model["n_val"], model["n_test"]) == (120, 40, 40)
    assert model["accuracy"] >= 0.9
    low, high = model["intervals"]["f1"]
    assert low <= model["f1"] <= high
    assert sum(map(sum, model["confusion_matrix"])) == 40
    assert model["seconds"] > 0


def test_notebooks_show_images(linear: mc.Corpus) -> None:
    assert linear._repr_html_().count("<img") == 12
    item = linear.items()["item"][0]
    for shown in (linear.show([item[:8]]), linear.gallery([item[:8]])):
        assert shown._repr_html_().count("<img") == 1
        assert len(repr(shown)) < 200
    for command in (linear.show, linear.gallery):
        with pytest.raises(mc.errors.UnknownName):
            command(["zzz"])


@pytest.mark.parametrize(
    ("command", "twin"),
    [
        (["items"], lambda c: c.items()),
        (["records"], lambda c: c.records()),
        (["failures"], lambda c: c.failures()),
        (["table", "labels"], lambda c: c.table("labels")),
        (["table"], lambda c: c.table()),
        (["gold", "face"], lambda c: c.gold("face")),
        (
            ["sql", "SELECT count(*) AS n FROM tags"],
            lambda c: c.sql("SELECT count(*) AS n FROM tags"),
        ),
    ],
)
def test_json_holds_what_python_returns(
    linear: mc.Corpus, capsys: pytest.CaptureFixture[str], command: list[str], twin: Any
) -> None:
    verb, *rest = command
    printed = said(capsys, verb, linear.folder, *rest, "--json")
    frame: pd.DataFrame = twin(linear)
    assert len(printed) == len(frame)
    if printed:
        assert list(printed[0]) == list(frame.columns)


def test_json_of_results(linear: mc.Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    validated = said(capsys, "validate", linear.folder, "linear", "--against", "face", "--json")
    assert validated["n"] == 40
    assert len(validated["intervals"]["accuracy"]) == 2
    measured = said(capsys, "measure", linear.folder, "facts", "--json")
    assert (measured["items"], measured["failed"]) == (0, 0)
    names = [m["name"] for m in said(capsys, "measures", "--json")]
    assert names == sorted(names)
    assert {"embedding", "facts", "tags", "color", "hog"} <= set(names)
    split = said(capsys, "split", linear.folder, "face", "--json")
    assert sum(p == "train" for p in split["parts"].values()) == 160


@pytest.mark.slow
def test_finetune_end_to_end(faces: mc.Corpus) -> None:
    faces.split("face", shares="60/20/20", seed=2)
    seen = []
    trained = faces.train(
        "face",
        name="tuned",
        method="finetune",
        epochs=3,
        unfreeze="head",
        progress=False,
        on_epoch=lambda epoch, epochs, row: seen.append((epoch, epochs, row["val_loss"])),
    )
    assert [(e, n) for e, n, _ in seen] == [(1, 3), (2, 3), (3, 3)]
    assert set(trained.curves.columns) >= {"epoch", "train_loss", "val_loss", "val_accuracy"}
    faces.apply("tuned", progress=False)
    assert faces.validate("tuned", against="face").scores.accuracy.estimate >= 0.85


@pytest.mark.slow
def test_ants_and_bees(test_data: Path, tmp_path: Path) -> None:
    """Both methods reach .93 on the photographs of the well-known tutorial."""
    corpus = mc.Corpus.create(tmp_path / "corpus")
    corpus.add(test_data / "hymenoptera", variable="insect", progress=False)
    for name in ("linear", "finetune"):
        corpus.train("insect", name=name, method=name, progress=False)
        corpus.apply(name, progress=False)
        found = corpus.validate(name, against="insect")
        assert found.part == "val"
        assert found.scores.n == 153
        assert found.scores.accuracy.estimate >= 0.93

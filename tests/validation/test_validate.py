"""Models of every target are scored with intervals, thresholds, groups and fair warnings."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.errors import LabelError, ParameterError
from mediacorpus.learning.targets import TargetKind
from mediacorpus.validation import validate
from mediacorpus.validation.predictions import Predictions

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("scores"))


def test_classes(corpus: mc.Corpus) -> None:
    found = corpus.validate("first", against="red")
    assert (found.part, found.scores.n, found.missing) == ("test", 20, 0)
    assert found.scores.positive == "yes"
    assert found.scores.accuracy.estimate > 0.8


def test_a_scale_has_its_own_scores(corpus: mc.Corpus) -> None:
    found = corpus.validate("degree", against="redness")
    for name in ("mean_absolute_error", "pearson_r"):
        interval = found.scores.scores[name]
        assert interval.low <= interval.estimate <= interval.high
    assert found.mistakes["error"].is_monotonic_decreasing
    assert len(found.mistakes) == found.scores.n
    with pytest.raises(ParameterError, match="threshold"):
        corpus.validate("degree", against="redness", threshold=0.5)
    with pytest.raises(LabelError, match="predicts numbers, but the values of 'red' are no, yes"):
        corpus.validate("degree", against="red")


def test_each_of_several_labels_is_scored(corpus: mc.Corpus) -> None:
    found = corpus.validate("several", against="tags")
    assert set(found.scores.labels) == {"north", "red"}
    assert 0 <= found.scores.exact_match.low <= found.scores.exact_match.high <= 1
    all_of_them = corpus.validate("several", against="tags", threshold=0.0)
    assert all_of_them.scores.labels["red"].recall.estimate == 1.0
    assert (all_of_them.mistakes["predicted"] == "north|red").all()
    with pytest.raises(ParameterError, match="number from 0 to 1"):
        corpus.validate("several", against="tags", threshold="f1")
    grouped = corpus.validate("several", against="tags", cluster="author")
    assert grouped.scores.exact_match.estimate == found.scores.exact_match.estimate
    assert (
        grouped.scores.labels["red"].accuracy.method != found.scores.labels["red"].accuracy.method
    )


def test_a_fixed_threshold_decides(corpus: mc.Corpus) -> None:
    every = corpus.validate("first", against="red", threshold=0.0)
    assert every.scores.recall.estimate == 1.0
    assert every.threshold == 0.0
    nobody = corpus.validate("first", against="red", threshold=1.0)
    assert nobody.scores.recall.estimate == 0.0
    for bad in (1.5, -0.1, float("nan")):
        with pytest.raises(ParameterError, match="from 0 to 1"):
            corpus.validate("first", against="red", threshold=bad)


def test_an_aim_is_met_on_the_validation_part_alone(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    real = validate.choose_threshold

    def watched(truth: Any, probabilities: Any, **given: Any) -> Any:
        seen.append(len(truth))
        return real(truth, probabilities, **given)

    monkeypatch.setattr(validate, "choose_threshold", watched)
    found = corpus.validate("first", against="red", threshold="f1")
    assert seen == [20]
    assert found.threshold is not None
    assert any("Chosen on the validation part. At and above" in note for note in found.warnings)
    parts = corpus.sql("SELECT item, part FROM splits WHERE variable = 'red'")
    val = set(parts.loc[parts["part"] == "val", "item"])
    rows = corpus.table("first")
    own = rows[rows["item"].isin(val) & (rows["tag"] == "yes")]
    gold = corpus.gold("red").set_index("item")["value"].loc[own["item"]].to_numpy() == "yes"
    chosen, _ = real(gold, own["score"].to_numpy(), aim="f1")
    assert found.threshold == pytest.approx(chosen)
    with pytest.raises(ParameterError, match="scored on the test part"):
        corpus.validate("first", against="red", threshold="f1", part="val")
    with pytest.raises(ParameterError):
        corpus.validate("first", against="red", threshold="luck")


def test_groups_make_the_intervals_wider(corpus: mc.Corpus) -> None:
    alone = corpus.validate("first", against="red")
    grouped = corpus.validate("first", against="red", cluster="author")
    assert grouped.scores.accuracy.estimate == alone.scores.accuracy.estimate
    assert grouped.scores.n == alone.scores.n
    assert any("group" in note for note in grouped.scores.notes)
    with pytest.raises(ParameterError, match="No record has"):
        corpus.validate("first", against="red", cluster="gender")


def test_the_positive_class_must_be_known(corpus: mc.Corpus) -> None:
    with pytest.raises(ParameterError, match="no, yes"):
        corpus.validate("first", against="red", positive="maybe")


def test_a_model_that_was_not_applied_is_applied_to_what_is_scored(corpus: mc.Corpus) -> None:
    found = corpus.validate("idle", against="red", progress=False)
    held_out = corpus.select(split="red:test")
    assert found.scores.n == len(held_out)
    said = f"idle was applied to {len(held_out)} labelled items first"
    assert any(said in warning for warning in found.warnings)
    predicted = set(corpus.sql("SELECT item FROM idle")["item"])
    assert predicted == {*held_out, *corpus.select(split="red:val")}
    again = corpus.validate("idle", against="red", progress=False)
    assert not any("first" in w for w in again.warnings)


def test_a_temperature_is_told_where_it_helps() -> None:
    """Sure at 99 %, right in 75 %: on val and test alike, a higher temperature mends it."""
    rng = np.random.default_rng(1)
    said = rng.integers(0, 2, 400)
    true = np.where(rng.uniform(size=400) < 0.75, said, 1 - said)
    sure = np.where(np.eye(2)[said] == 1, 0.99, 0.01)
    gold = ["no" if t == 0 else "yes" for t in true]
    items = [str(n) for n in range(400)]
    own = Predictions(
        TargetKind.CLASSES,
        ["no", "yes"],
        items,
        gold,
        answers=sure,
        part="test",
        missing=0,
        notes=(),
    )
    notes = validate._calibrated(own, own)
    assert "lowers the expected calibration error" in notes[0]
    assert validate._calibrated(None, own) == []


def test_ranks_have_a_score_of_their_own(corpus: mc.Corpus) -> None:
    gold = corpus.gold("redness").rename(columns={"value": "number"})
    ranks = pd.cut(gold["number"].astype(float), 3, labels=["low", "middle", "high"]).astype(str)
    corpus.import_labels(pd.DataFrame({"item": gold["item"], "variable": "rank", "value": ranks}))
    corpus.split("rank", shares="50/25/25")
    tiny = {"method": "scratch", "arch": "mlp", "epochs": 3, "batch_size": 8, "progress": False}
    for seed in (1, 2):
        own = {"target": "ordinal", "order": "low,middle,high", "seed": seed}
        corpus.train("rank", name=f"ranks{seed}", **own, **tiny)
        corpus.apply(f"ranks{seed}", progress=False)
    found = corpus.validate("ranks1", against="rank")
    assert found.scores.classes == ("low", "middle", "high")
    table = found.scores.confusion_frame().to_numpy()
    away = np.abs(np.subtract.outer(range(3), range(3)))
    by_hand = np.nanmean((table * away).sum(axis=1) / table.sum(axis=1))
    assert found.scores["macro_mae"].estimate == pytest.approx(by_hand)
    assert "macro MAE" in str(found)
    both = corpus.compare("rank", progress=False)
    assert both.scores["ranks1"]["macro_mae"].estimate == pytest.approx(by_hand)
    audit = corpus.audit("ranks1", against="rank", by=["region"], progress=False)
    assert "macro_mae" in set(audit.scores["score"])
    assert "macro_mae" not in corpus.validate("first", against="red").scores.overall

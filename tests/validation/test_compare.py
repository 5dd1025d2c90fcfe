"""Models side by side: published tests, pairing, items that one model lacks."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import mediacorpus as mc
from mediacorpus.errors import ModelError, ParameterError, UnknownName
from mediacorpus.stats.metric import metrics as registered
from mediacorpus.stats.significance import holm, mcnemar
from mediacorpus.validation.compare import compare
from mediacorpus.validation.scores import score

CLASSES = ["a", "b", "c"]
SCORES = [one.name for one in registered({"labels", "probabilities"}, "compare")]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 3, 240)
    models = {}
    for name, skill in (("weak", 0.6), ("good", 1.8), ("other", 1.9)):
        logits = rng.normal(size=(240, 3))
        logits[np.arange(240), true] += skill
        e = np.exp(logits)
        models[name] = e / e.sum(axis=1, keepdims=True)
    return [CLASSES[t] for t in true], models


def test_mcnemar_of_bentur_2009_through_labels():
    """Fagerland et al. (2013), table 4: 1 and 7 discordant of 21 pairs, mid-p .0391."""
    truth = ["x"] * 21
    one = ["x"] * 2 + ["y"] * 19
    two = ["x"] + ["y"] + ["x"] * 7 + ["y"] * 12
    found = compare(truth, {"one": one, "two": two}, repeats=100).differences[0]
    assert (found.only_first, found.only_second) == (1, 7)
    assert found.p_value == pytest.approx(0.0391, abs=5e-5)
    exact = compare(truth, {"one": one, "two": two}, repeats=100, midp=False).differences[0]
    assert exact.p_value == pytest.approx(0.0703, abs=5e-5)


def test_scores_are_those_of_scikit_learn(data):
    truth, models = data
    found = compare(truth, models, CLASSES, repeats=200)
    for name, chance in models.items():
        said = [CLASSES[i] for i in chance.argmax(axis=1)]
        mine = {key: i.estimate for key, i in found.scores[name].items()}
        assert mine["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said))
        assert mine["macro_f1"] == pytest.approx(metrics.f1_score(truth, said, average="macro"))
        assert mine["log_loss"] == pytest.approx(metrics.log_loss(truth, chance))
        auc = metrics.roc_auc_score(truth, chance, multi_class="ovr")
        assert mine["roc_auc"] == pytest.approx(auc)


def test_intervals_are_those_of_score(data):
    truth, models = data
    said = [CLASSES[i] for i in models["good"].argmax(axis=1)]
    alone = score(truth, said, classes=CLASSES, probabilities=models["good"])
    found = compare(truth, models, CLASSES).scores["good"]
    assert found["accuracy"] == alone.accuracy
    assert found["macro_f1"].limits() == pytest.approx(alone["macro_f1"].limits(), abs=0.01)
    assert found["roc_auc"].limits() == pytest.approx(alone["roc_auc"].limits(), abs=0.01)


def test_paired_differences_have_the_spread_of_the_differences(data):
    truth, models = data
    found = compare(truth, models, CLASSES)
    right = {n: np.array(truth) == np.array(CLASSES)[m.argmax(axis=1)] for n, m in models.items()}
    for one in found.differences:
        gap = right[one.first].astype(float) - right[one.second]
        i = one.scores["accuracy"]
        assert i.estimate == pytest.approx(gap.mean())
        half = 1.96 * gap.std() / np.sqrt(len(gap))
        assert (i.high - i.low) / 2 == pytest.approx(half, rel=0.1)
    ps = [mcnemar(one.only_first, one.only_second) for one in found.differences]
    assert [one.p_value for one in found.differences] == pytest.approx(ps)
    assert [one.p_corrected for one in found.differences] == pytest.approx(holm(ps).tolist())


def test_a_model_against_itself_does_not_differ(data):
    truth, models = data
    found = compare(truth, {"x": models["good"], "y": models["good"]}, CLASSES, repeats=50)
    [one] = found.differences
    assert (one.p_value, one.scores["accuracy"].estimate) == (1, 0)
    assert one.scores["roc_auc"].limits() is None
    assert found.sentences() == ["x and y are right equally often."]


def test_copies_in_groups_add_no_evidence(data):
    truth, models = data
    few = {name: chance[:60] for name, chance in models.items()}
    alone = compare(truth[:60], few, CLASSES)
    copies = {name: np.repeat(chance, 4, axis=0) for name, chance in few.items()}
    groups = np.repeat(np.arange(60), 4)
    found = compare(list(np.repeat(truth[:60], 4)), copies, CLASSES, groups=groups)
    assert found.groups == 60
    assert found.n == 240
    for one, other in zip(alone.differences, found.differences, strict=True):
        assert other.p_value == pytest.approx(one.p_value)
        for name in SCORES:
            assert other.scores[name].limits() == pytest.approx(one.scores[name].limits())


def test_only_items_that_all_scored_count(data):
    truth, models = data
    index = [f"i{k}" for k in range(240)]
    series = pd.Series(truth, index=index)
    series["i5"] = None
    gaps = models["weak"].copy()
    gaps[:3] = np.nan
    frame = pd.DataFrame(models["good"], index=index, columns=CLASSES).iloc[::-1].iloc[10:]
    labels = pd.Series([CLASSES[i] for i in models["other"].argmax(axis=1)], index=index)
    given = {"weak": gaps, "good": frame, "other": labels}
    found = compare(series, given, CLASSES, repeats=50)
    assert found.n == 240 - 1 - 3 - 10
    assert dict(found.left_out) == {"weak": 3, "good": 10, "other": 0}
    kept = [k for k in range(3, 230) if k != 5]
    direct = compare([truth[k] for k in kept], {"good": models["good"][kept]}, CLASSES, repeats=50)
    assert found.scores["good"]["log_loss"].estimate == pytest.approx(
        direct.scores["good"]["log_loss"].estimate
    )
    assert not found.scores["other"]["roc_auc"].defined
    assert "good did not score 10 of the labelled items" in str(found)


def test_everything_can_be_shown_and_stored(data):
    truth, models = data
    found = compare(truth, {"<m>": models["weak"], **models}, CLASSES, repeats=50)
    assert len(found.to_frame()) == 4 * len(SCORES)
    assert len(found.differences_frame()) == 6 * len(SCORES)
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert stored["models"]["good"]["intervals"]["accuracy"][0] < 1
    assert "corrected for 6 pairs" in str(found)
    assert "&lt;m&gt;" in found._repr_html_()
    assert "more than chance explains" in " ".join(found.sentences())


def test_labels_only_can_be_stored():
    found = compare(["a", "b"], {"m": ["a", "b"], "k": ["b", "a"]}, repeats=20)
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert stored["models"]["m"]["roc_auc"] is None


def test_binary_probabilities_are_of_the_second_class():
    found = compare(["0", "0", "1", "1"], {"m": [0.1, 0.4, 0.35, 0.8]}, ["0", "1"], repeats=20)
    assert found.scores["m"]["roc_auc"].estimate == 0.75
    assert found.scores["m"]["accuracy"].estimate == 0.75


@pytest.mark.parametrize(
    ("truth", "models", "classes", "message"),
    [
        (["a"], {}, None, "no models"),
        (["a", "b"], {"m": ["a"]}, None, "1 answers for 2 items"),
        (["a", "b"], {"m": [0.1, 0.2]}, None, "Name the classes"),
        (["a", "b"], {"m": ["a", "z"]}, ["a", "b"], "'z'"),
        (["a", "b"], {"m": ["a", None], "k": [None, "b"]}, None, "No item"),
        (["a", "b"], {"m": [[0.5, 0.1], [1, 0]]}, ["a", "b"], "sum to 1"),
    ],
)
def test_bad_input(truth, models, classes, message):
    with pytest.raises(ParameterError, match=message):
        compare(truth, models, classes)


def test_groups_must_fit():
    with pytest.raises(ParameterError, match="2 items and groups for 1"):
        compare(["a", "b"], {"m": ["a", "b"]}, groups=[1])


made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("compare"))


def test_all_models_of_a_variable(corpus: mc.Corpus) -> None:
    found = corpus.compare("red")
    said = str(found)
    assert "first" in said
    assert "second" in said
    assert said.endswith("Not applied and left out: idle.")
    assert "idle" not in set(found.to_frame()["model"])
    run = corpus.runs()
    run = run[run["verb"] == "compare"].iloc[0]
    assert "idle" in str(run["note"])
    scores = corpus.validate("first", against="red").scores
    frame = found.to_frame()
    own = frame[(frame["model"] == "first") & (frame["score"] == "accuracy")].iloc[0]
    assert own["estimate"] == pytest.approx(scores.accuracy.estimate)


def test_a_seed_gives_the_same_intervals(corpus: mc.Corpus) -> None:
    one, two = (corpus.compare("red", models=["first", "second"]) for _ in range(2))
    assert one.to_dict() == two.to_dict()
    grouped = corpus.compare("red", models=["first", "second"], by="author")
    assert grouped.to_dict() != one.to_dict()


@pytest.mark.parametrize("name", ["degree", "several"])
def test_models_without_classes_are_refused(corpus: mc.Corpus, name: str) -> None:
    with pytest.raises(ParameterError, match="does not learn classes"):
        corpus.compare("red", models=["first", name])


def test_what_cannot_be_compared(corpus: mc.Corpus) -> None:
    with pytest.raises(ModelError, match="Two models"):
        corpus.compare("red", models=["first"])
    with pytest.raises(ModelError, match="idle"):
        corpus.compare("red", models=["first", "idle"])
    with pytest.raises(UnknownName):
        corpus.compare("red", models=["first", "third"])
    with pytest.raises(UnknownName):
        corpus.compare("blue")
    with pytest.raises(ParameterError, match="No record"):
        corpus.compare("red", models=["first", "second"], by="gender")


def test_a_model_twice_is_one_model(corpus: mc.Corpus) -> None:
    with pytest.raises(ModelError, match="Two models"):
        corpus.compare("red", models=["first", "first"])


def test_models_that_learned_different_things_are_refused(corpus: mc.Corpus) -> None:
    given = {"method": "shallow", "model": "knn", "features": "colour", "progress": False}
    corpus.train("red", name="reds", positive="yes", **given)
    corpus.apply("reds", progress=False)
    with pytest.raises(ParameterError, match="one value from all others"):
        corpus.compare("red", models=["first", "reds"])

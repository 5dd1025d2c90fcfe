"""Models side by side: published tests, pairing, items that one model lacks."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

import mediacorpus as mc
from mediacorpus.errors import ModelError, ParameterError, UnknownName
from mediacorpus.stats.metric import metrics as registered
from mediacorpus.stats.sample import read_sample
from mediacorpus.stats.significance import holm, mcnemar
from mediacorpus.validation.compare import compare as compare_samples
from mediacorpus.validation.scores import score

CLASSES = ["a", "b", "c"]


def sample_of(truth, given, classes=None):
    """Make a sample of classes, or of probabilities."""
    if isinstance(given[0], str):
        return read_sample(truth, given, classes)
    matrix = np.asarray(given)
    said = [classes[at] for at in matrix.argmax(axis=1)]
    positive = classes[1] if len(classes) == 2 else None
    return read_sample(truth, said, classes, positive=positive, probabilities=matrix)


def compare(truth, models, classes=None, **options):
    samples = {name: sample_of(truth, given, classes) for name, given in models.items()}
    return compare_samples(samples, **options)


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
    alone = score(read_sample(truth, said, CLASSES, probabilities=models["good"]))
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
    found = compare(
        ["0", "0", "1", "1"],
        {"m": [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]]},
        ["0", "1"],
        repeats=20,
    )
    assert found.scores["m"]["roc_auc"].estimate == 0.75
    assert found.scores["m"]["accuracy"].estimate == 0.75


made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("compare"))


def test_all_models_of_a_variable(corpus: mc.Corpus) -> None:
    found = corpus.compare("red")
    said = str(found)
    assert "first" in said
    assert "second" in said
    assert "idle" in set(found.to_frame()["model"]), "it is applied first"
    scores = corpus.validate("first", against="red").scores
    frame = found.to_frame()
    own = frame[(frame["model"] == "first") & (frame["score"] == "accuracy")].iloc[0]
    assert own["estimate"] == pytest.approx(scores.accuracy.estimate)


def test_a_seed_gives_the_same_intervals(corpus: mc.Corpus) -> None:
    one, two = (corpus.compare("red", models=["first", "second"]) for _ in range(2))
    assert one.to_dict() == two.to_dict()
    grouped = corpus.compare("red", models=["first", "second"], cluster="author")
    assert grouped.to_dict() != one.to_dict()


@pytest.mark.parametrize("name", ["degree", "several"])
def test_models_without_classes_are_refused(corpus: mc.Corpus, name: str) -> None:
    with pytest.raises(ParameterError, match="does not learn classes"):
        corpus.compare("red", models=["first", name])


def test_what_cannot_be_compared(corpus: mc.Corpus) -> None:
    with pytest.raises(ModelError, match="Two models"):
        corpus.compare("red", models=["first"])
    with pytest.raises(UnknownName):
        corpus.compare("red", models=["first", "third"])
    with pytest.raises(UnknownName):
        corpus.compare("blue")
    with pytest.raises(ParameterError, match="No record"):
        corpus.compare("red", models=["first", "second"], cluster="gender")


def test_a_model_twice_is_one_model(corpus: mc.Corpus) -> None:
    with pytest.raises(ModelError, match="Two models"):
        corpus.compare("red", models=["first", "first"])


def test_models_that_learned_different_things_are_refused(corpus: mc.Corpus) -> None:
    given = {"method": "shallow", "model": "knn", "features": "color", "progress": False}
    corpus.train("red", name="reds", positive="yes", **given)
    corpus.apply("reds", progress=False)
    with pytest.raises(ParameterError, match="one value from all others"):
        corpus.compare("red", models=["first", "reds"])


def test_items_that_one_model_lacks_are_left_out_and_counted(
    corpus: mc.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mediacorpus.validation import compare as module

    original = module.answers_of

    def but_two(store, model, items):
        found = original(store, model, items)
        return found.iloc[2:] if model["model"] == "second" else found

    monkeypatch.setattr(module, "answers_of", but_two)
    found = corpus.compare("red", models=["first", "second"])
    assert (found.n, found.left_out) == (18, {"first": 0, "second": 2})
    assert "second did not score 2 of the labelled items; they are left out" in str(found)

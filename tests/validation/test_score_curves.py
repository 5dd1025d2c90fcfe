"""Curves of scores against scikit-learn, and where they can be had."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import mediacorpus as mc
from mediacorpus.errors import ParameterError
from mediacorpus.testing import toy_images
from mediacorpus.validation.score_curves import Ranked, score_curves

RNG = np.random.default_rng(3)
GOLD = RNG.random(200) < 0.4
SCORES = np.round(np.clip(0.4 * GOLD + 0.7 * RNG.random(200), 0, 1), 2)
ABOUT = {"subject": "m", "variable": "v", "part": "test"}


def test_the_curves_are_those_of_scikit_learn():
    found = score_curves(Ranked("yes", GOLD, SCORES), **ABOUT)
    fpr, tpr, _ = metrics.roc_curve(GOLD, SCORES, drop_intermediate=False)
    assert found.roc["false_positive_rate"].to_numpy() == pytest.approx(fpr)
    assert found.roc["recall"].to_numpy() == pytest.approx(tpr)
    assert found.roc_auc == pytest.approx(metrics.roc_auc_score(GOLD, SCORES))
    assert found.average_precision == pytest.approx(metrics.average_precision_score(GOLD, SCORES))
    precision, recall, _ = metrics.precision_recall_curve(GOLD, SCORES)
    own = found.precision_recall
    assert own["precision"].to_numpy() == pytest.approx(precision[-2::-1])
    assert own["recall"].to_numpy() == pytest.approx(recall[-2::-1])


def test_calibration_counts_the_positives_of_each_step():
    table = score_curves(Ranked("yes", GOLD, SCORES), **ABOUT).calibration
    assert table["n"].sum() == len(GOLD)
    for row in table.itertuples():
        own = (row.low <= SCORES) & ((row.high > SCORES) | (row.high == 1))
        assert (row.n, row.share) == (own.sum(), pytest.approx(GOLD[own].mean()))
        assert row.share_low <= row.share <= row.share_high
    assert score_curves(Ranked("y", GOLD, 9 * SCORES, bounded=False), **ABOUT).calibration is None


def test_thresholds_of_falling_scores_have_their_own_sign():
    found = score_curves(Ranked("yes", GOLD, -SCORES, -0.5, bounded=False, falls=True), **ABOUT)
    assert found.threshold == 0.5
    assert found.thresholds["threshold"].between(0, 1).all()


@pytest.mark.parametrize("gold", [np.ones(5, bool), np.zeros(5, bool)])
def test_items_of_one_kind_have_no_curves(gold):
    with pytest.raises(ParameterError, match="items of both kinds"):
        score_curves(Ranked("yes", gold, np.linspace(0, 1, 5)), **ABOUT)


def test_what_is_kept_is_small_and_read_again():
    from mediacorpus.report.score_figures import curves, stored_curves

    many = RNG.random(5000)
    found = score_curves(Ranked("yes", many > 0.5, many, 0.5), **ABOUT)
    kept = json.loads(json.dumps(found.to_dict()))
    assert len(kept["roc"]) == 100
    assert "ROC: AUC" in curves(stored_curves(kept))
    assert len(str(found).splitlines()) == 14


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves")
    images = toy_images(folder / "toys", 12)
    names = [path.name for path in images]
    corpus = mc.Corpus.create(folder / "corpus")
    corpus.add(images, progress=False)
    frame = pd.DataFrame({"file": names, "tag": "Crowd", "score": np.linspace(0, 1, 12)})
    corpus.import_measure("aws", frame, shape="tag")
    values = ["yes" if n in {5, 8, 9, 10, 11} else "no" for n in range(12)]
    corpus.import_labels(pd.DataFrame({"file": names, "variable": "v", "value": values}))
    return SimpleNamespace(corpus=corpus, folder=folder)


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_curves_are_drawn_to_a_file(study, ending):
    target = study.folder / f"curves.{ending}"
    found = study.corpus.validate("aws:Crowd>=0.5", against="v", curves=target)
    assert target.stat().st_size > 1000
    assert found.curves().threshold == 0.5
    if ending == "svg":
        assert "Calibration" in target.read_text()


def test_a_folder_gets_the_numbers_too(study):
    target = study.folder / "curves"
    found = study.corpus.validate("aws:Crowd>=0.5", against="v", curves=target).curves()
    names = {path.name for path in target.iterdir()}
    assert names == {
        *("curves.svg", "roc.csv", "precision_recall.csv", "calibration.csv", "thresholds.csv")
    }
    assert len(pd.read_csv(target / "thresholds.csv")) == len(found.thresholds)
    assert len(found.figure().axes) == 3


@pytest.mark.parametrize("rule", ["aws:Crowd>=0.5 and width>=1", "format=JPEG", "not width>=1"])
def test_a_rule_without_one_score_has_no_curves(study, rule):
    found = study.corpus.validate(rule, against="v")
    with pytest.raises(ParameterError, match="no single score"):
        found.curves()


def test_other_endings_are_refused_before_the_work(study):
    with pytest.raises(ParameterError, match="ends otherwise"):
        study.corpus.validate("aws:Crowd>=0.5", against="v", curves=study.folder / "a.txt")


def test_the_report_shows_the_curves(study):
    study.corpus.validate("aws:Crowd>=0.5", against="v")
    page = study.corpus.report().read_text(encoding="utf-8")
    assert "ROC: AUC" in page
    assert "Thresholds" in page

"""Scores weighted by the chance to be drawn: by hand, and over a corpus."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

import mediacorpus as mc
from mediacorpus.errors import ParameterError
from mediacorpus.stats.intervals import wilson
from mediacorpus.stats.sample import read_sample
from mediacorpus.validation.scores import score, weigh

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))

TRUTH = ["yes", "yes", "no", "no", "no", "no"]
SAID = ["yes", "no", "yes", "no", "no", "no"]
CHANCES = np.array([0.5, 0.5, 0.25, 0.25, 0.1, 0.1])


def weighed():
    sample = read_sample(TRUTH, SAID)
    return weigh(score(sample), sample, chances=CHANCES, column="p")


def test_by_hand():
    """Weights 2 2 4 4 10 10 sum to 32; right are 2 + 4 + 10 + 10 of them.

    The residuals of accuracy times 32 are .375 -1.625 -3.25 .75 1.875 1.875; their squares sum
    to 20.9375 (Sarndal, Swensson and Wretman, 1992, section 5.5).
    """
    found = weighed()
    assert found.population == 32
    assert found.effective_n == pytest.approx(32**2 / 240)
    accuracy = found.weighted("accuracy")
    assert accuracy.estimate == pytest.approx(26 / 32)
    by_hand = {"precision": 2 / 6, "recall": 2 / 4, "f1": 4 / 10, "base_rate": 4 / 32}
    for name, value in by_hand.items():
        assert found.weighted(name, "yes").estimate == pytest.approx(value)
    variance = 20.9375 / 32**2 * 6 / 5
    trials = 26 / 32 * 6 / 32 / variance
    limits = wilson(26 / 32 * trials, trials).limits()
    assert accuracy.limits() == pytest.approx(limits)


def test_side_by_side():
    text = str(weighed())
    assert text.startswith("Weighted by one over p: the 6 items stand for about 32")
    line = next(one for one in text.splitlines() if one.startswith("accuracy"))
    assert line.split()[1] == ".667"
    assert ".812" in line
    assert any(one.startswith("yes: base rate") and " .125 " in one for one in text.splitlines())
    assert "<table>" in weighed()._repr_html_()


def test_equal_chances_change_no_estimate():
    sample = read_sample(TRUTH, SAID)
    found = weigh(score(sample), sample, chances=np.full(6, 0.2), column="p")
    assert {"mcc", "macro_f1"} <= {row[0] for row in found.rows}
    for _, _, drawn, other in found.rows:
        assert other.estimate == pytest.approx(drawn.estimate)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("inclusion"))


def test_over_a_corpus(corpus: mc.Corpus) -> None:
    found = corpus.validate(
        "first", against="red", inclusion_probability="chance", cluster="author"
    )
    kept = found.inclusion
    assert kept is not None
    wrong = found.mistakes["gold"].value_counts()
    no, yes = (found.scores.n // 2 - wrong.get(name, 0) for name in ("no", "yes"))
    assert kept.weighted("accuracy").estimate == pytest.approx((8 * no + 2 * yes) / 100)
    share = kept.weighted("base_rate", "yes").estimate
    assert share == pytest.approx(0.2)
    plain = json.loads(json.dumps(found.to_dict()))["inclusion"]
    assert plain["population"] == pytest.approx(100)
    assert plain["table"][0]["weighted"][0] == pytest.approx(kept.weighted("accuracy").estimate)
    assert "as drawn" in str(found)
    assert "weighted" in found._repr_html_()
    page = corpus.report().read_text("utf-8")
    assert "stand for about 100" in page


def test_a_rule_is_weighted_too(corpus: mc.Corpus) -> None:
    corpus.measure("facts", progress=False)
    found = corpus.validate(
        "facts:bytes>=1", against="red", positive="yes", inclusion_probability="chance"
    )
    assert found.inclusion is not None
    assert found.inclusion.weighted("accuracy").estimate == pytest.approx(0.2)


def test_bad_columns(corpus: mc.Corpus) -> None:
    with pytest.raises(ParameterError, match="No record has a column 'chances'"):
        corpus.validate("first", against="red", inclusion_probability="chances")
    with pytest.raises(ParameterError, match=r"has '50' \(20 of 20 items"):
        corpus.validate("first", against="red", inclusion_probability="percent")
    corpus.measure("facts", progress=False)
    with pytest.raises(ParameterError, match=r"has no value \(1 of 80 items"):
        corpus.validate(
            "facts:bytes>=1", against="red", positive="yes", inclusion_probability="gaps"
        )
    with pytest.raises(ParameterError, match=r"has '(north|south)'"):
        corpus.validate("first", against="red", inclusion_probability="region")
    with pytest.raises(ParameterError, match="numbers are not weighted"):
        corpus.validate("degree", against="redness", inclusion_probability="chance")

"""A new metric is one definition: registered here, it is found wherever scores are."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mediacorpus as mc
from mediacorpus.report import score_figures
from mediacorpus.report.model_card import refresh_card
from mediacorpus.stats.metric import METRICS, Metric, metric
from mediacorpus.stats.resampling import score_sample
from mediacorpus.stats.sample import Weighted, read_sample
from mediacorpus.validation.compare import compare
from mediacorpus.validation.scores import score, weigh
from mediacorpus.validation.subgroups import audit_groups

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))

TRUTH, SAID = list("aabbbbaaab") * 6, list("aabbaaaabb") * 6


@pytest.fixture(autouse=True)
def _error_rate() -> Iterator[None]:
    @METRICS.register(
        Metric("error_rate", "1", "Share predicted wrongly.", "Apache-2.0", label="errors made")
    )
    def error_rate(given: Weighted) -> Any:
        return 1 - given.hits.sum(axis=1) / given.total[:, 0]

    yield
    METRICS.remove("error_rate")


def test_it_has_an_estimate_and_intervals_of_every_design() -> None:
    sample, one = read_sample(TRUTH, SAID), [metric("error_rate")]
    designs: list[dict[str, Any]] = [
        {},
        {"numbers": np.arange(60) // 4},
        {"weights": np.where(np.arange(60) % 3, 1.0, 4.0)},
        {"weights": np.full(60, 2.0), "numbers": np.arange(60) // 4},
    ]
    found = [score_sample(sample, one, **design)["error_rate"][0] for design in designs]
    assert all(i.low < i.estimate < i.high for i in found)
    assert found[0].estimate == found[1].estimate == pytest.approx(0.3)
    right = np.array(TRUTH) == np.array(SAID)
    assert found[2].estimate == pytest.approx(np.average(~right, weights=designs[2]["weights"]))


def test_it_is_in_the_scores_and_their_tables() -> None:
    found = score(read_sample(TRUTH, SAID))
    assert found["error_rate"].estimate == pytest.approx(1 - found.accuracy.estimate)
    assert "errors made" in str(found)
    assert "errors made" in found._repr_html_()
    assert found.to_dict()["intervals"]["error_rate"] == found["error_rate"].limits()
    assert "error_rate" in set(found.to_frame()["score"])
    assert "Errors made" in score_figures.scores(found.to_frame())


def test_it_is_weighted_by_inclusion() -> None:
    sample = read_sample(TRUTH, SAID)
    kept = weigh(score(sample), sample, chances=np.full(60, 0.5), column="p")
    assert kept.weighted("error_rate").estimate == pytest.approx(0.3)
    assert "errors made" in str(kept)


def test_it_is_compared_in_pairs() -> None:
    found = compare({"one": read_sample(TRUTH, SAID), "sure": read_sample(TRUTH, TRUTH)})
    [gap] = found.differences
    assert gap.scores["error_rate"].estimate == pytest.approx(0.3)
    assert gap.scores["error_rate"].limits() is not None
    assert "errors made" in str(found)


def test_it_is_audited_by_groups() -> None:
    found = audit_groups(read_sample(TRUTH, SAID), {"g": ["x", "y"] * 30})
    rows = found.scores[found.scores["score"] == "error_rate"]
    assert rows["group"].tolist() == ["x", "y"]
    assert rows["estimate"].mean() == pytest.approx(0.3)
    assert "errors made" in str(found)


@pytest.fixture
def _others() -> Iterator[None]:
    """A proportion of each class, and one that needs probabilities."""
    facts = {"form": "proportion", "hidden": frozenset({"figure"})}

    @METRICS.register(
        Metric("specificity", "1", "Of the others.", "Apache-2.0", per_class=True, **facts)
    )
    def specificity(given: Weighted) -> Any:
        others = given.total - given.truths
        return others - given.guesses + given.hits, others

    @METRICS.register(
        Metric("sure", "1", "Share over .7.", "Apache-2.0", needs="probabilities", **facts)
    )
    def sure(given: Weighted) -> Any:
        over = np.asarray(given.sample.matrix).max(axis=1) > 0.7
        return (given.weights @ over)[:, None], given.total

    yield
    METRICS.remove("specificity")
    METRICS.remove("sure")


@pytest.mark.usefixtures("_others")
def test_proportions_of_classes_and_of_probabilities_are_found_too() -> None:
    chance = np.random.default_rng(1).random(60)
    said = ["b" if p >= 0.5 else "a" for p in chance]
    both = np.stack([1 - chance, chance], axis=1)
    sample = read_sample(TRUTH, said, probabilities=both)
    found = score(sample, groups=np.arange(60) // 2)
    alone = score(sample)
    right = (np.array(TRUTH) == "b") & (np.array(said) == "b")
    for one in (found, alone):
        assert one["sure"].estimate == pytest.approx((np.abs(chance - 0.5) > 0.2).mean())
        assert one["sure"].low < one["sure"].estimate < one["sure"].high
        expected = right.sum() / TRUTH.count("b")
        assert one.per_class[0]["specificity"].estimate == pytest.approx(expected)
        assert "specificity" in str(one)
    assert alone.per_class[0]["specificity"].method == "wilson"
    assert alone.per_class[0].of["specificity"] == TRUTH.count("b")
    kept = weigh(score(sample), sample, chances=np.full(60, 0.5), column="p")
    assert kept.weighted("sure").estimate == pytest.approx(alone["sure"].estimate)
    by_group = audit_groups(sample, {"g": ["x", "y"] * 30})
    assert {"specificity", "sure"} <= set(by_group.differences["score"])
    turned = read_sample(TRUTH, said, probabilities=both[:, ::-1])
    gap = compare({"one": sample, "two": turned}).differences[0]
    assert gap.scores["sure"].estimate == 0


def test_it_reaches_validate_compare_audit_card_and_report(tmp_path: Path) -> None:
    corpus: mc.Corpus = made["make_corpus"](tmp_path)
    found = corpus.validate("first", against="red")
    assert found.scores["error_rate"].defined
    assert "errors made" in str(found)
    assert "errors made" in str(corpus.compare("red", progress=False))
    assert "errors made" in str(corpus.audit("first", against="red", by=["region"], progress=False))
    refresh_card(corpus._store, "first")
    assert "| errors made | all |" in (corpus.folder / "models" / "first" / "README.md").read_text(
        "utf-8"
    )
    page = corpus.report()
    assert "Errors made" in page.read_text("utf-8")
    results = json.loads((page.parent / "results.json").read_text("utf-8"))
    assert results["models"]["first"]["error_rate"] == found.scores["error_rate"].estimate
    assert "error_rate" in results["models"]["first"]["intervals"]

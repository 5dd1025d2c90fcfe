"""Audits of robustness on classifiers whose weakness is known."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacorpus.report.score_figures import robustness
from mediacorpus.stats.intervals import paired_difference
from mediacorpus.validation.robustness import RobustnessAudit, RobustnessPlan, audit_robustness

CLASSES = ["dark", "light"]


def bright(images: Sequence[np.ndarray]) -> np.ndarray:
    share = np.array([image.mean() / 255 for image in images])
    return np.stack([1 - share, share], axis=1)


def _images(n: int = 40) -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(2)
    made = []
    for k in range(n):
        noise = rng.integers(-20, 20, (32, 40, 3))
        made.append((f"p{k}", (70 + 95 * (k % 2) + noise).astype(np.uint8)))
    return made


def _audit(**options: object) -> RobustnessAudit:
    truth = {f"p{k}": CLASSES[k % 2] for k in range(40)}
    plan = RobustnessPlan(positive="light", **options)
    return audit_robustness(bright, _images(), gold=truth, classes=CLASSES, plan=plan)


@pytest.fixture(scope="module")
def audit() -> RobustnessAudit:
    return _audit()


def test_a_judge_of_brightness_falls_to_light_alone(audit: RobustnessAudit):
    assert audit.clean.estimate == 1
    assert len(audit.conditions) == 50
    lost = {c.perturbation for c in audit.conditions if c.p_adjusted < 0.05}
    assert lost == {"brighter", "darker"}
    darkest = next(c for c in audit.conditions if (c.perturbation, c.strength) == ("darker", 5))
    assert darkest.drop.estimate == 0.5
    assert darkest.changed.estimate == 0.5
    assert darkest.f1.estimate == 0
    assert audit.mirrored.changed.estimate == 0
    mean = np.mean([c.drop.estimate for c in audit.conditions])
    assert audit.mean_drop.estimate == pytest.approx(mean)
    assert audit.mean_drop.low < mean < audit.mean_drop.high


def test_the_worst_images_are_real_turns(audit: RobustnessAudit):
    worst = audit.worst
    assert 0 < len(worst) <= 20
    assert worst["item"].is_unique
    assert (worst["gold"] != worst["predicted"]).all()
    assert worst["strength"].is_monotonic_increasing


def test_words_and_tables_agree(audit: RobustnessAudit):
    table = audit.to_frame()
    assert len(table) == 52
    assert table["perturbation"].iloc[[0, -1]].tolist() == ["clean", "mirror"]
    said = str(audit)
    assert "points" in said
    assert "brightness x" in said
    assert "jpeg compression" in said.lower()
    assert json.loads(json.dumps(audit.to_dict(), allow_nan=False))["n"] == 40


def test_the_order_of_the_images_does_not_matter(audit: RobustnessAudit):
    truth = {f"p{k}": CLASSES[k % 2] for k in range(40)}
    back = audit_robustness(bright, _images()[::-1], gold=truth, classes=CLASSES, plan=audit.plan)
    assert back.to_frame().equals(audit.to_frame())


def test_images_are_streamed():
    alive: list[int] = []
    done: list[int] = []

    def stream():
        for item, pixels in _images(6):
            alive.append(len(done))
            yield item, pixels

    audit_robustness(
        bright,
        stream(),
        gold={f"p{k}": CLASSES[k % 2] for k in range(6)},
        classes=CLASSES,
        plan=RobustnessPlan(names=["jpeg"], strengths=[1]),
        progress=done.append,
    )
    assert alive == [0, 1, 2, 3, 4, 5]
    assert done == [1, 2, 3, 4, 5, 6]


def test_it_is_drawn(audit: RobustnessAudit):
    svg = robustness(audit)
    assert svg.startswith("<svg")
    assert "JPEG compression" in svg
    assert "Rotation" not in robustness(_audit(names=["jpeg"], strengths=[2, 4]))


@given(st.tuples(*[st.integers(0, 30)] * 3), st.integers(0, 30))
def test_the_interval_holds_the_difference(counts: tuple[int, int, int], neither: int):
    n = max(1, sum(counts) + neither)
    found = paired_difference(counts, n)
    assert -1 - 1e-9 <= found.low <= found.estimate + 1e-9
    assert found.estimate - 1e-9 <= found.high <= 1 + 1e-9
    turned = paired_difference((counts[0], counts[2], counts[1]), n)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))

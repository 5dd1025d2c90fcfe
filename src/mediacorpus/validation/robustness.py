"""How a classifier's answers change when the pictures get worse."""

from __future__ import annotations

import heapq
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError
from mediacorpus.media.perturb import PERTURBATIONS, perturb
from mediacorpus.stats.counts import as_labels, check_classes
from mediacorpus.stats.intervals import (
    Interval,
    paired_difference,
    undefined,
    wilson,
    wilson_f1,
)
from mediacorpus.stats.significance import holm, mcnemar
from mediacorpus.validation.robustness_result import Condition, RobustnessAudit, RobustnessPlan

Pixels: TypeAlias = NDArray[np.uint8]
Predict: TypeAlias = Callable[[Sequence[Pixels]], NDArray[Any]]

MIRROR = "mirror"
"""Name of the check by mirroring, which has no strength."""

_TABLE = ["item", "perturbation", "strength", "truth", "said", "probability"]


@dataclass(slots=True)
class _Tally:
    """Counts for one condition; they do not grow with the pictures."""

    both: int = 0
    only_clean: int = 0
    only_spoilt: int = 0
    changed: int = 0
    f1: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, said: int, *, clean: int, truth: int, positive: int) -> None:
        """Count one picture."""
        self.both += said == truth == clean
        self.only_clean += clean == truth != said
        self.only_spoilt += said == truth != clean
        self.changed += said != clean
        if positive in {said, truth}:
            self.f1[said != truth] += 1


def audit_robustness(
    predict: Predict,
    pictures: Iterable[tuple[str, Pixels]],
    *,
    truth: Mapping[str, Any],
    classes: Sequence[str],
    plan: RobustnessPlan | None = None,
    progress: Callable[[int], None] | None = None,
) -> RobustnessAudit:
    """Measure how much a classifier loses when pictures are spoilt in ten ways.

    Each picture is spoilt, answered for, counted and forgotten, so memory stays flat. All
    conditions see the same pictures, so losses are compared in pairs.

    Parameters
    ----------
    predict:
        Pictures, uint8 `(H, W, 3)`, to probabilities `(N, classes)`.
    pictures:
        Item ids and pixels, each item once.
    truth:
        Item id → its class.
    classes:
        The classes in the order of the probabilities.
    plan:
        What is tried.
    progress:
        Told how many pictures are done.

    Raises
    ------
    ParameterError
        There are no pictures, one has no true class, or the probabilities have another shape.

    References
    ----------
    Hendrycks, D., & Dietterich, T. (2019). Benchmarking neural network robustness to common
    corruptions and perturbations. ICLR.
    Newcombe, R. G. (1998). Improved confidence intervals for the difference between binomial
    proportions based on paired data. *Statistics in Medicine*, 17, 2635-2650 (method 10).

    Examples
    --------
    >>> def bright(pictures):
    ...     share = np.array([p.mean() / 255 for p in pictures])
    ...     return np.stack([1 - share, share], axis=1)
    >>> pictures = [(str(n), np.full((32, 32, 3), 100 + 50 * (n % 2), np.uint8)) for n in range(40)]
    >>> truth = {str(n): ["dark", "light"][n % 2] for n in range(40)}
    >>> audit = audit_robustness(bright, pictures, truth=truth, classes=["dark", "light"],
    ...                          plan=RobustnessPlan(names=["darker"], strengths=[1, 2]))
    >>> audit.sentences()[2]
    'Loses 50.0 points [32.8, 64.8] under 80 % of the light (p < .001).'
    """
    chosen = plan or RobustnessPlan()
    names = as_labels(classes, "classes")
    check_classes([chosen.positive] if chosen.positive else [], names, "positive")
    conditions = [*chosen.conditions(), (MIRROR, 0)]
    tallies = {condition: _Tally() for condition in conditions}
    clean = _Tally()
    positive = names.index(chosen.positive) if chosen.positive else -1
    drops: list[float] = [0, 0.0, 0.0]  # pictures, sum and sum of squares of their losses
    worst = _Worst(chosen.worst)
    for number, (item, pixels) in enumerate(pictures, start=1):
        true = _truth(item, truth, names)
        shares = _answers(predict, pixels, item=item, plan=chosen, classes=len(names))
        said = shares.argmax(axis=1).tolist()
        clean.add(said[0], clean=said[0], truth=true, positive=positive)
        for condition, answer in zip(conditions, said[1:], strict=True):
            tallies[condition].add(answer, clean=said[0], truth=true, positive=positive)
        spoilt = [answer == true for answer in said[1:-1]]
        loss = (said[0] == true) - sum(spoilt) / len(spoilt)
        drops = [number, drops[1] + loss, drops[2] + loss**2]
        worst.see(item, true, shares=shares, conditions=conditions)
        if progress is not None:
            progress(number)
    if not drops[0]:
        raise ParameterError("There are no pictures to audit; give at least one with its class.")
    return _audit(tallies, clean, plan=chosen, names=names, drops=drops, worst=worst)


def _truth(item: str, truth: Mapping[str, Any], names: list[str]) -> int:
    if item not in truth:
        raise ParameterError(f"The item {item} has no true class; leave it out, or label it.")
    (label,) = as_labels([truth[item]], "truth")
    check_classes([label], names, "truth")
    return names.index(label)


def _answers(
    predict: Predict, pixels: Pixels, *, item: str, plan: RobustnessPlan, classes: int
) -> NDArray[Any]:
    # The item's id, and not its place in the order, decides over chance.
    seed = zlib.crc32(f"{plan.seed} {item}".encode())
    mirror = np.ascontiguousarray(pixels[:, ::-1])
    spoilt = [perturb(pixels, name, k, seed=seed) for name, k in plan.conditions()]
    shares = np.asarray(predict([pixels, *spoilt, mirror]))
    if shares.shape != (len(spoilt) + 2, classes):
        raise ParameterError(
            f"The probabilities have the shape {shares.shape}; expected {len(spoilt) + 2} pictures "
            f"by {classes} classes."
        )
    return shares


class _Worst:
    """Keeps the pictures that turn most easily, at most `most` of them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.heap: list[tuple[int, float, int, tuple[Any, ...]]] = []
        self.number = 0

    def see(
        self, item: str, truth: int, *, shares: NDArray[Any], conditions: list[tuple[str, int]]
    ) -> None:
        """Remember the weakest perturbation that turns a right answer."""
        self.number += 1
        said = shares.argmax(axis=1)
        if said[0] != truth:
            return
        turned = [
            (-strength, float(row[answer]), -self.number, (item, name, strength, truth, answer))
            for row, answer, (name, strength) in zip(
                shares[1:-1], said[1:-1], conditions, strict=False
            )
            if answer != truth
        ]
        if turned:
            heapq.heappush(self.heap, max(turned))
            if len(self.heap) > self.most:
                heapq.heappop(self.heap)

    def table(self, names: list[str]) -> pd.DataFrame:
        """List them, the worst first."""
        rows = [
            (item, name, strength, names[truth], names[said], probability)
            for _, probability, _, (item, name, strength, truth, said) in sorted(self.heap)[::-1]
        ]
        return pd.DataFrame(rows, columns=_TABLE)


def _audit(
    tallies: Mapping[tuple[str, int], _Tally],
    clean: _Tally,
    *,
    plan: RobustnessPlan,
    names: list[str],
    drops: list[float],
    worst: _Worst,
) -> RobustnessAudit:
    n = int(drops[0])
    p_values = [mcnemar(t.only_clean, t.only_spoilt, midp=False) for t in tallies.values()]
    # The mirror image is a check beside the family of conditions.
    adjusted = [*holm(p_values[:-1]).tolist(), p_values[-1]]
    *conditions, mirrored = (
        _condition(where, tally, n=n, plan=plan, p_values=pair)
        for (where, tally), pair in zip(
            tallies.items(), zip(p_values, adjusted, strict=True), strict=True
        )
    )
    return RobustnessAudit(
        n=n,
        classes=tuple(names),
        plan=plan,
        clean=wilson(clean.both, n, level=plan.level),
        clean_f1=_f1(clean, plan),
        conditions=tuple(conditions),
        mirrored=mirrored,
        mean_drop=_mean(drops, plan.level),
        worst=worst.table(names),
    )


def _condition(
    where: tuple[str, int],
    tally: _Tally,
    *,
    n: int,
    plan: RobustnessPlan,
    p_values: tuple[float, float],
) -> Condition:
    name, strength = where
    told = "the mirror image" if name == MIRROR else PERTURBATIONS[name].told(strength)
    level = plan.level
    return Condition(
        name,
        strength,
        told,
        accuracy=wilson(tally.both + tally.only_spoilt, n, level=level),
        f1=_f1(tally, plan),
        drop=paired_difference((tally.both, tally.only_clean, tally.only_spoilt), n, level=level),
        changed=wilson(tally.changed, n, level=level),
        p=p_values[0],
        p_adjusted=p_values[1],
    )


def _f1(tally: _Tally, plan: RobustnessPlan) -> Interval:
    if plan.positive is None or not sum(tally.f1):
        return undefined(plan.level)
    return wilson_f1(*tally.f1, level=plan.level)


def _mean(drops: list[float], level: float) -> Interval:
    from scipy.stats import t

    n, total, squares = drops
    mean = total / n
    if n < 2:  # noqa: PLR2004 - no spread
        return Interval(mean, math.nan, math.nan, level, "t")
    error = math.sqrt(max(squares - n * mean**2, 0.0) / (n - 1) / n)
    half = float(t.ppf((1 + level) / 2, n - 1)) * error
    return Interval(mean, mean - half, mean + half, level, "t")

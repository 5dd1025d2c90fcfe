"""How a classifier's answers change when the images get worse."""

from __future__ import annotations

import heapq
import itertools
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, unknown
from mediacorpus.media.perturb import PERTURBATIONS, STRENGTHS, perturb
from mediacorpus.result import Note, Result, plain
from mediacorpus.stats.intervals import (
    Interval,
    check_level,
    p_words,
    paired_difference,
    undefined,
    wilson,
    wilson_f1,
)
from mediacorpus.stats.sample import as_labels, check_classes
from mediacorpus.stats.significance import holm, mcnemar

_TOLD = 5
_LEAST = 30


@dataclass(frozen=True, slots=True)
class RobustnessPlan:
    """What an audit of robustness tries.

    Parameters
    ----------
    names:
        Perturbations; all ten if empty.
    strengths:
        Which of the strengths 1 to 5.
    positive:
        The class whose F1 is wanted, or None.
    level:
        Confidence level, between 0 and 1.
    seed:
        Of the perturbations.
    worst:
        Images listed at most.

    Raises
    ------
    UnknownName
        There is no such perturbation.
    ParameterError
        A strength or the level is out of its range, or there is nothing to try.

    Examples
    --------
    >>> len(RobustnessPlan(names=("jpeg", "darker")).conditions())
    10
    """

    names: Sequence[str] = ()
    strengths: Sequence[int] = STRENGTHS
    positive: str | None = None
    level: float = 0.95
    seed: int = 1
    worst: int = 20

    def __post_init__(self) -> None:
        check_level(self.level)
        if not self.strengths or len(set(self.strengths)) < len(self.strengths):
            raise ParameterError(f"The strengths are {list(self.strengths)}; each may come once.")
        for name, strength in self.conditions():
            if name not in PERTURBATIONS:
                raise unknown("perturbation", name, PERTURBATIONS)
            PERTURBATIONS[name].level(strength)

    def conditions(self) -> list[tuple[str, int]]:
        """List the pairs of perturbation and strength."""
        return list(itertools.product(self.names or PERTURBATIONS, sorted(self.strengths)))


@dataclass(frozen=True, slots=True)
class Condition:
    """How a classifier does under one perturbation at one strength.

    Parameters
    ----------
    perturbation, strength:
        What was done to the images; strength 0 is for the mirror image.
    told:
        The same in words with its amount.
    accuracy, f1:
        With Wilson intervals; F1 of the positive class, undefined without one.
    drop:
        Accuracy on the clean images minus this one, with the interval for pairs.
    changed:
        Share of the images whose answer differs from that on the clean image.
    p:
        Exact McNemar test of the drop.
    p_adjusted:
        The same after Holm's correction for all conditions.
    """

    perturbation: str
    strength: int
    told: str
    accuracy: Interval
    f1: Interval
    drop: Interval
    changed: Interval
    p: float
    p_adjusted: float

    def sentence(self) -> str:
        """Say what was lost."""
        points, low, high = (100 * x for x in (self.drop.estimate, self.drop.low, self.drop.high))
        verb = "Gains" if points < 0 else "Loses"
        if points < 0:
            points, low, high = -points, -high, -low
        found = f"{points:.1f} points [{low:.1f}, {high:.1f}]"
        return f"{verb} {found} under {self.told} ({p_words(self.p_adjusted)})."


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RobustnessAudit(Result):
    """What an audit of robustness found.

    Parameters
    ----------
    n:
        Number of images.
    classes:
        The classes.
    plan:
        What was tried.
    clean, clean_f1:
        Accuracy and F1 on the images as they are.
    conditions:
        One for each perturbation and strength.
    mirrored:
        The same for the mirror image: a check, for where sides should not matter.
    mean_drop:
        Mean over all conditions, with an interval over images.
    worst:
        `item`, `perturbation`, `strength`, `gold`, `predicted`, `probability`: images that were
        right when clean, with the weakest perturbation that turns them, the weakest first and
        of these the surest.
    """

    n: int
    classes: tuple[str, ...]
    plan: RobustnessPlan
    clean: Interval
    clean_f1: Interval
    conditions: tuple[Condition, ...]
    mirrored: Condition
    mean_drop: Interval
    worst: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Give one row for the clean images (strength 0), each condition, and the mirror."""
        rows: list[dict[str, Any]] = [
            {"perturbation": "clean", "strength": 0, "description": "as it is"}
        ]
        rows[0] |= _limits("accuracy", self.clean) | _limits("f1", self.clean_f1)
        for one in (*self.conditions, self.mirrored):
            row: dict[str, Any] = {"perturbation": one.perturbation, "strength": one.strength}
            row |= (
                {"description": one.told}
                | _limits("accuracy", one.accuracy)
                | _limits("f1", one.f1)
            )
            row |= _limits("drop", one.drop) | _limits("changed", one.changed)
            rows.append(row | {"p": one.p, "p_adjusted": one.p_adjusted})
        return pd.DataFrame(rows)

    def rows(self) -> list[dict[str, Any]]:
        """Give all estimates as rows of the table of results, the clean images first."""
        found = [self.clean.row("accuracy", n=self.n)]
        of = {"class": self.plan.positive}
        found += [self.clean_f1.row("f1", **of, n=self.n)] if self.clean_f1.defined else []
        found.append(self.mean_drop.row("accuracy_drop", n=self.n))
        for one in (*self.conditions, self.mirrored):
            about = {"group_column": "perturbation", "n": self.n}
            about["group"] = f"{one.perturbation} {one.strength}" if one.strength else MIRROR
            drop = one.drop.row("accuracy_drop", **about)
            beyond = one.p_adjusted < 1 - self.plan.level
            found += [
                one.accuracy.row("accuracy", **about),
                *([one.f1.row("f1", **of, **about)] if one.f1.defined else []),
                drop | {"notes": ["beyond chance"] if beyond else []},
                one.changed.row("changed", **about),
            ]
        return found

    def notes(self) -> list[str]:
        """Give what was found in words, what hurts most first."""
        worst = max(self.conditions, key=lambda one: one.drop.estimate)
        hurts = Note(f"What hurts most: {worst.sentence()}", "worst")
        return [*([hurts] if worst.drop.estimate > 0 else []), *self.sentences()]

    def to_dict(self) -> dict[str, Any]:
        """Give all as plain values for JSON; what is undefined is None."""
        return {
            "n": self.n,
            "classes": list(self.classes),
            "positive": self.plan.positive,
            "level": self.plan.level,
            "seed": self.plan.seed,
            "mean_drop": plain(self.mean_drop.estimate),
            "mean_drop_interval": self.mean_drop.limits(),
            "conditions": plain(self.to_frame()),
            "worst": plain(self.worst),
            "sentences": self.sentences(),
        }

    def sentences(self) -> list[str]:
        """Say in words what matters most."""
        mean = self.mean_drop
        said = [
            f"Accuracy is {self.clean} on {self.n:,} images as they are.",
        ]
        said.append(
            f"Over {len(self.conditions)} ways to spoil them it falls by {100 * mean.estimate:.1f} "
            f"points [{100 * mean.low:.1f}, {100 * mean.high:.1f}] on average."
        )
        lost = [c for c in self.conditions if c.p_adjusted < 1 - self.plan.level]
        lost = [c for c in lost if c.drop.estimate > 0]
        # Of each perturbation the weakest strength that matters is told, the dearest first.
        first = {one.perturbation: one for one in reversed(lost)}
        dear = sorted(first.values(), key=lambda c: (c.strength, -c.drop.estimate))
        said += [one.sentence() for one in dear[:_TOLD]]
        if not lost:
            said.append("No loss is beyond chance after Holm's correction.")
        held = {c.perturbation for c in self.conditions} - set(first)
        if held and lost:
            titles = ", ".join(PERTURBATIONS[name].title.lower() for name in sorted(held))
            said.append(f"No loss beyond chance at any strength: {titles}.")
        said.append(f"{self.mirrored.changed} of the answers change in the mirror image.")
        if self.n < _LEAST:
            said.append(f"There are only {self.n} images; these figures are rough.")
        return said

    def __str__(self) -> str:
        strengths = sorted(self.plan.strengths)
        width = max(len(PERTURBATIONS[c.perturbation].title) for c in self.conditions)
        lines = [
            "Loss of accuracy in points, by strength",
            " " * width + "".join(f"{strength:>7}" for strength in strengths),
        ]
        for name in dict.fromkeys(c.perturbation for c in self.conditions):
            own = [c for c in self.conditions if c.perturbation == name]
            cells = "".join(f"{_points(c, self.plan.level):>7}" for c in own)
            lines.append(f"{PERTURBATIONS[name].title:<{width}}{cells}")
        return "\n".join([*lines, "* beyond chance after Holm's correction", "", *self.sentences()])


def _points(condition: Condition, level: float) -> str:
    star = "*" if condition.p_adjusted < 1 - level else " "
    return f"{100 * condition.drop.estimate:.1f}{star}"


def _limits(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


Pixels: TypeAlias = NDArray[np.uint8]
Predict: TypeAlias = Callable[[Sequence[Pixels]], NDArray[Any]]

MIRROR = "mirror"
"""Name of the check by mirroring, which has no strength."""

_TABLE = ["item", "perturbation", "strength", "gold", "predicted", "probability"]


def audit_robustness(
    predict: Predict,
    pictures: Iterable[tuple[str, Pixels]],
    *,
    truth: Mapping[str, Any],
    classes: Sequence[str],
    plan: RobustnessPlan | None = None,
    progress: Callable[[int], None] | None = None,
) -> RobustnessAudit:
    """Measure how much a classifier loses when images are spoilt in ten ways.

    Each image is spoilt, answered for and forgotten; only its answers are kept. All
    conditions see the same images, so losses are compared in pairs.

    Parameters
    ----------
    predict:
        Images, uint8 `(H, W, 3)`, to probabilities `(N, classes)`.
    images:
        Item ids and pixels, each item once.
    truth:
        Item id → its class.
    classes:
        The classes in the order of the probabilities.
    plan:
        What is tried.
    progress:
        Told how many images are done.

    Raises
    ------
    ParameterError
        There are no images, one has no true class, or the probabilities have another shape.

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
    'Loses 50.0 points [32.8, 64.8] under brightness x 80 % (p < .001).'
    """
    chosen = plan or RobustnessPlan()
    names = as_labels(classes, "classes")
    check_classes([chosen.positive] if chosen.positive else [], names, "positive")
    conditions = [*chosen.conditions(), (MIRROR, 0)]
    true, said, worst = [], [], _Worst(chosen.worst)
    for number, (item, pixels) in enumerate(pictures, start=1):
        true.append(_truth(item, truth, names))
        shares = _answers(predict, pixels, item=item, plan=chosen, classes=len(names))
        said.append(shares.argmax(axis=1).astype(np.int32))
        worst.see(item, true[-1], shares=shares, conditions=conditions)
        if progress is not None:
            progress(number)
    if not true:
        raise ParameterError("There are no images to audit; give at least one with its class.")
    return _audit(np.array(true)[:, None], np.stack(said), plan=chosen, names=names, worst=worst)


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
            f"The probabilities have the shape {shares.shape}; expected {len(spoilt) + 2} images "
            f"by {classes} classes."
        )
    return shares


class _Worst:
    """Keeps the images that turn most easily, at most `most` of them."""

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
    true: NDArray[Any], said: NDArray[Any], *, plan: RobustnessPlan, names: list[str], worst: _Worst
) -> RobustnessAudit:
    """Count answers `(n, 1 + conditions)`: to the image as it is, under each, to its mirror."""
    n, level = len(true), plan.level
    right = said == true
    clean, spoilt = right[:, :1], right[:, 1:]
    pairs = [clean & spoilt, clean & ~spoilt, ~clean & spoilt]
    counts = np.stack([kind.sum(axis=0) for kind in pairs], axis=1).tolist()
    p_values = [mcnemar(first, second, midp=False) for _, first, second in counts]
    # The mirror image is a check beside the family of conditions.
    adjusted = [*holm(p_values[:-1]).tolist(), p_values[-1]]
    changed = (said[:, 1:] != said[:, :1]).sum(axis=0).tolist()
    clean_f1, *f1 = _f1(true, said, names, plan=plan)
    found = [
        Condition(
            name,
            strength,
            "the mirror image" if name == MIRROR else PERTURBATIONS[name].told(strength),
            accuracy=wilson(both + gained, n, level=level),
            f1=f1[at],
            drop=paired_difference((both, lost, gained), n, level=level),
            changed=wilson(changed[at], n, level=level),
            p=p_values[at],
            p_adjusted=adjusted[at],
        )
        for at, ((name, strength), (both, lost, gained)) in enumerate(
            zip([*plan.conditions(), (MIRROR, 0)], counts, strict=True)
        )
    ]
    return RobustnessAudit(
        n=n,
        classes=tuple(names),
        plan=plan,
        clean=wilson(int(clean.sum()), n, level=level),
        clean_f1=clean_f1,
        conditions=tuple(found[:-1]),
        mirrored=found[-1],
        mean_drop=_mean(clean[:, 0] - spoilt[:, :-1].mean(axis=1), level),
        worst=worst.table(names),
    )


def _f1(
    true: NDArray[Any], said: NDArray[Any], names: list[str], *, plan: RobustnessPlan
) -> list[Interval]:
    """Give F1 of the positive class under each condition."""
    if plan.positive is None:
        return [undefined(plan.level)] * said.shape[1]
    is_it, said_it = (side == names.index(plan.positive) for side in (true, said))
    hits, either = (is_it & said_it).sum(axis=0), (is_it | said_it).sum(axis=0)
    pairs = zip(hits.tolist(), (either - hits).tolist(), strict=True)
    return [wilson_f1(*pair, level=plan.level) for pair in pairs]


def _mean(values: NDArray[Any], level: float) -> Interval:
    """Give a mean with its t interval."""
    from scipy.stats import t

    n, mean = len(values), float(values.mean())
    if n < 2:  # noqa: PLR2004 - no spread
        return Interval(mean, math.nan, math.nan, level, "t")
    half = float(t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, level, "t")

"""What an audit of robustness tries and finds, as tables and in words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mediacorpus.errors import ParameterError, unknown
from mediacorpus.media.perturb import PERTURBATIONS, STRENGTHS
from mediacorpus.stats.intervals import Interval, check_level, short

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
        Pictures listed at most.

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
        What was done to the pictures; strength 0 is for the mirror image.
    told:
        The same in words with its amount.
    accuracy, f1:
        With Wilson intervals; F1 of the positive class, undefined without one.
    drop:
        Accuracy on the clean pictures minus this one, with the interval for pairs.
    changed:
        Share of the pictures whose answer differs from that on the clean picture.
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
        p = "p < .001" if self.p_adjusted < 1e-3 else f"p = {short(self.p_adjusted)}"  # noqa: PLR2004
        return f"{verb} {points:.1f} points [{low:.1f}, {high:.1f}] under {self.told} ({p})."


@dataclass(frozen=True, slots=True, eq=False)
class RobustnessAudit:
    """What an audit of robustness found.

    Parameters
    ----------
    n:
        Number of pictures.
    classes:
        The classes.
    plan:
        What was tried.
    clean, clean_f1:
        Accuracy and F1 on the pictures as they are.
    conditions:
        One for each perturbation and strength.
    mirrored:
        The same for the mirror image: a check, for where sides should not matter.
    mean_drop:
        Mean over all conditions, with an interval over pictures.
    worst:
        `item`, `perturbation`, `strength`, `truth`, `said`, `probability`: pictures that were
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
        """Give one row for the clean pictures (strength 0), each condition, and the mirror."""
        rows: list[dict[str, Any]] = [{"perturbation": "clean", "strength": 0, "told": "as it is"}]
        rows[0] |= _limits("accuracy", self.clean) | _limits("f1", self.clean_f1)
        for one in (*self.conditions, self.mirrored):
            row: dict[str, Any] = {"perturbation": one.perturbation, "strength": one.strength}
            row |= {"told": one.told} | _limits("accuracy", one.accuracy) | _limits("f1", one.f1)
            row |= _limits("drop", one.drop) | _limits("changed", one.changed)
            rows.append(row | {"p": one.p, "p_adjusted": one.p_adjusted})
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Give all as plain values for JSON; what is undefined is None."""
        table = self.to_frame().astype(object)
        return {
            "n": self.n,
            "classes": list(self.classes),
            "positive": self.plan.positive,
            "level": self.plan.level,
            "seed": self.plan.seed,
            "mean_drop": self.mean_drop.estimate,
            "mean_drop_interval": self.mean_drop.limits(),
            "conditions": table.where(table.notna(), None).to_dict("records"),
            "worst": self.worst.to_dict("records"),
            "sentences": self.sentences(),
        }

    def sentences(self) -> list[str]:
        """Say in words what matters most."""
        mean = self.mean_drop
        said = [
            f"Accuracy is {self.clean} on {self.n:,} pictures as they are.",
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
            said.append(f"There are only {self.n} pictures; these figures are rough.")
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

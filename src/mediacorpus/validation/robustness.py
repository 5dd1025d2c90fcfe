"""How a classifier's answers change when the images get worse: the verb `audit --robustness`."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.engine.progress import so_far
from mediacorpus.errors import LabelError, ParameterError
from mediacorpus.learning.model import model_of
from mediacorpus.learning.targets import target_of
from mediacorpus.media.perturb import PERTURBATIONS, STRENGTHS, perturb
from mediacorpus.result import Note, Result, plain
from mediacorpus.stats.intervals import Interval, p_words, paired_difference, undefined, wilson
from mediacorpus.stats.metric import metric
from mediacorpus.stats.significance import holm, mcnemar
from mediacorpus.store import people
from mediacorpus.store.results import write_results
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store
from mediacorpus.validation.judging import judge, rule_predictor, with_threshold
from mediacorpus.validation.predictions import SINGLE, gold_of, held_out
from mediacorpus.validation.rule_text import is_rule
from mediacorpus.validation.saliency import LEAST_SIDE, PredictImages, image_predictor, images_of
from mediacorpus.validation.validate import positive_of

Pixels: TypeAlias = NDArray[np.uint8]

MIRROR = "mirror"
"""Name of the check by mirroring, which has no strength."""

IMAGES = 100
"""Images that are perturbed, if no other number is given."""

WORST = 20
"""Images at the most that are listed as turned."""

_TURNED = ["item", "perturbation", "strength", "gold", "predicted", "probability"]
_REPORTED = 5
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
    description:
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
    description: str
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
        return f"{verb} {found} under {self.description} ({p_words(self.p_adjusted)})."


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
        clean = {"perturbation": "clean", "strength": 0, "description": "as it is"}
        rows = [clean | _limits(self, "clean", "accuracy") | _limits(self, "clean_f1", "f1")]
        for one in (*self.conditions, self.mirrored):
            row = {"perturbation": one.perturbation, "strength": one.strength}
            row |= {"description": one.description}
            for name in ("accuracy", "f1", "drop", "changed"):
                row |= _limits(one, name, name)
            rows.append(row | {"p": one.p, "p_adjusted": one.p_adjusted})
        return pd.DataFrame(rows)

    def rows(self) -> list[dict[str, Any]]:
        """Give all estimates as rows of the table of results, the clean images first."""
        positive = self.plan.positive
        found = [self.clean.row("accuracy", n=self.n)]
        found += [self.clean_f1.row("f1", positive, n=self.n)] if self.clean_f1.defined else []
        found.append(self.mean_drop.row("accuracy_drop", n=self.n))
        for one in (*self.conditions, self.mirrored):
            about = {"group_column": "perturbation", "n": self.n}
            about["group"] = f"{one.perturbation} {one.strength}" if one.strength else MIRROR
            beyond = one.p_adjusted < 1 - self.plan.level
            notes = ["beyond chance"] if beyond else []
            found += [
                one.accuracy.row("accuracy", **about),
                *([one.f1.row("f1", positive, **about)] if one.f1.defined else []),
                one.drop.row("accuracy_drop", notes=notes, **about),
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
        ways, points = len(self.conditions), [100 * x for x in (mean.estimate, mean.low, mean.high)]
        sentences = [f"Accuracy is {self.clean} on {self.n:,} images as they are."]
        sentences.append(
            f"Over {ways} perturbations it falls by {points[0]:.1f} "
            f"points [{points[1]:.1f}, {points[2]:.1f}] on average."
        )
        beyond = [c for c in self.conditions if c.p_adjusted < 1 - self.plan.level]
        lost = [c for c in beyond if c.drop.estimate > 0]
        # Of each perturbation the weakest strength that matters, the largest loss first.
        first = {one.perturbation: one for one in reversed(lost)}
        largest = sorted(first.values(), key=lambda c: (c.strength, -c.drop.estimate))
        sentences += [one.sentence() for one in largest[:_REPORTED]]
        if not lost:
            sentences.append("No loss is beyond chance after Holm's correction.")
        held = {c.perturbation for c in self.conditions} - set(first)
        if held and lost:
            titles = ", ".join(PERTURBATIONS[name].title.lower() for name in sorted(held))
            sentences.append(f"No loss beyond chance at any strength: {titles}.")
        sentences.append(f"{self.mirrored.changed} of the answers change in the mirror image.")
        if self.n < _LEAST:
            sentences.append(f"There are only {self.n} images; these figures are rough.")
        return sentences

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


def _limits(of: Any, field: str, name: str) -> dict[str, Any]:
    interval: Interval = getattr(of, field)
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


def audit_robustness(
    predict: PredictImages,
    images: Iterable[tuple[str, Pixels]],
    *,
    gold: Mapping[str, str],
    classes: Sequence[str],
    plan: RobustnessPlan,
    progress: Callable[[int], None] | None = None,
) -> RobustnessAudit:
    """Measure how much a classifier loses when images are perturbed in ten ways.

    Each image is perturbed, predicted and forgotten; only its predictions are kept. All
    conditions see the same images, so losses are compared in pairs.

    Parameters
    ----------
    predict:
        Images, uint8 `(H, W, 3)`, to probabilities `(N, classes)`.
    images:
        Item ids and pixels, each item once.
    gold:
        Item id → its class.
    classes:
        The classes in the order of the probabilities.
    plan:
        What is tried.
    progress:
        Told how many images are done.

    References
    ----------
    Hendrycks, D., & Dietterich, T. (2019). Benchmarking neural network robustness to common
    corruptions and perturbations. ICLR.
    Newcombe, R. G. (1998). Improved confidence intervals for the difference between binomial
    proportions based on paired data. *Statistics in Medicine*, 17, 2635-2650 (method 10).

    Examples
    --------
    >>> def bright(images):
    ...     share = np.array([image.mean() / 255 for image in images])
    ...     return np.stack([1 - share, share], axis=1)
    >>> images = [(str(n), np.full((32, 32, 3), 100 + 50 * (n % 2), np.uint8)) for n in range(40)]
    >>> gold = {str(n): ["dark", "light"][n % 2] for n in range(40)}
    >>> audit = audit_robustness(bright, images, gold=gold, classes=["dark", "light"],
    ...                          plan=RobustnessPlan(names=["darker"], strengths=[1, 2]))
    >>> audit.sentences()[2]
    'Loses 50.0 points [32.8, 64.8] under brightness x 80 % (p < .001).'
    """
    conditions = plan.conditions()
    true, predicted, turned = [], [], []
    for number, (item, pixels) in enumerate(images, start=1):
        # The item's id, and not its place in the order, decides over chance.
        seed = zlib.crc32(f"{plan.seed} {item}".encode())
        perturbed = [perturb(pixels, name, k, seed=seed) for name, k in conditions]
        shares = predict([pixels, *perturbed, np.ascontiguousarray(pixels[:, ::-1])])
        answers, own = shares.argmax(axis=1), classes.index(gold[item])
        true.append(own)
        predicted.append(answers)
        if answers[0] == own:
            turned += [
                (item, name, k, gold[item], classes[answer], float(row[answer]))
                for (name, k), row, answer in zip(
                    conditions, shares[1:-1], answers[1:-1], strict=True
                )
                if answer != own
            ]
        if progress is not None:
            progress(number)
    worst = pd.DataFrame(turned, columns=_TURNED).sort_values(
        ["strength", "probability"], ascending=[True, False], kind="stable"
    )
    worst = worst.drop_duplicates("item").head(WORST).reset_index(drop=True)
    return _audit(
        np.array(true)[:, None], np.stack(predicted), plan=plan, classes=classes, worst=worst
    )


def _audit(
    true: NDArray[Any],
    predicted: NDArray[Any],
    *,
    plan: RobustnessPlan,
    classes: Sequence[str],
    worst: pd.DataFrame,
) -> RobustnessAudit:
    """Count answers `(n, 1 + conditions)`: to the image as it is, under each, to its mirror."""
    n, level = len(true), plan.level
    right = predicted == true
    clean, perturbed = right[:, :1], right[:, 1:]
    pairs = [clean & perturbed, clean & ~perturbed, ~clean & perturbed]
    counts = np.stack([kind.sum(axis=0) for kind in pairs], axis=1).tolist()
    p_values = [mcnemar(first, second, midp=False) for _, first, second in counts]
    # The mirror image is a check beside the family of conditions.
    adjusted = [*holm(p_values[:-1]).tolist(), p_values[-1]]
    changed = (predicted[:, 1:] != predicted[:, :1]).sum(axis=0).tolist()
    clean_f1, *f1 = _f1(true, predicted, plan=plan, classes=classes)
    found = [
        Condition(
            name,
            strength,
            "the mirror image" if name == MIRROR else PERTURBATIONS[name].description(strength),
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
        classes=tuple(classes),
        plan=plan,
        clean=wilson(int(clean.sum()), n, level=level),
        clean_f1=clean_f1,
        conditions=tuple(found[:-1]),
        mirrored=found[-1],
        mean_drop=_mean(clean[:, 0] - perturbed[:, :-1].mean(axis=1), level),
        worst=worst,
    )


def _f1(
    true: NDArray[Any], predicted: NDArray[Any], *, plan: RobustnessPlan, classes: Sequence[str]
) -> list[Interval]:
    """Give F1 of the positive class under each condition."""
    if plan.positive is None:
        return [undefined(plan.level)] * predicted.shape[1]
    is_it, taken = (side == classes.index(plan.positive) for side in (true, predicted))
    sides = (is_it & taken).sum(axis=0).tolist(), (is_it | taken).sum(axis=0).tolist()
    f1 = metric("f1")
    return [
        f1.interval(hits, either, level=plan.level) for hits, either in zip(*sides, strict=True)
    ]


def _mean(values: NDArray[Any], level: float) -> Interval:
    """Give a mean with its t interval."""
    from scipy.stats import t

    n, mean = len(values), float(values.mean())
    if n < 2:  # noqa: PLR2004 - no spread
        return Interval(mean, math.nan, math.nan, level, "t")
    half = float(t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, level, "t")


def robustness(
    store: Store,
    name: str,
    *,
    against: str,
    images: int = IMAGES,
    seed: int = 1,
    show: bool | None = None,
) -> RobustnessAudit:
    """Measure how much a model or a rule loses when images are perturbed in ten ways.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model of classes, or a rule over measures of pixels, which are measured again.
    against:
        The variable whose labels are gold.
    images:
        Images at the most, drawn evenly from the held-out items.
    seed:
        Of what is random in the perturbations.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName, ModelError, LabelError, ParameterError
        There is nothing to audit.
    """
    if images < 1:
        raise ParameterError(f"The number of images is {images}; it must be at least 1.")
    audited = (_of_rule if is_rule(name) else _of_model)(store, name, against, show=show)
    chosen = audited.items[:: max(1, len(audited.items) // images)][:images]
    if not chosen:
        raise LabelError(f"No held-out item has a label of {against!r} that {name!r} knows.")
    plan = RobustnessPlan(positive=audited.positive, seed=seed)
    parameters = {"subject": name, "against": against, "images": len(chosen)}
    lost: dict[str, str] = {}
    with running(
        store,
        "audit",
        parameters=parameters,
        seed=seed,
        model_hash=audited.about["subject_hash"],
        exclusive=False,
    ) as run:
        with show_progress(f"perturbing images for {name}", total=len(chosen), show=show) as report:
            found = audit_robustness(
                audited.predict,
                images_of(store, chosen, lost, side=audited.side),
                gold=audited.gold,
                classes=audited.classes,
                plan=plan,
                progress=so_far(report),
            )
        run.done, run.failed = len(chosen) - len(lost), len(lost)
        run.note = "; ".join(f"{item}: {why}" for item, why in lost.items()) or None
        about = audited.about | {"variable": against, "notes": found.notes()}
        write_results(store, run.id, found.rows(), command="robustness", **about)
    return found


@dataclass(frozen=True, slots=True)
class _Audited:
    """What is audited: what predicts, and the items with their gold values."""

    predict: PredictImages
    side: int | None
    gold: Mapping[str, str]
    items: list[str]
    classes: list[str]
    positive: str | None
    about: dict[str, Any]


def _of_model(store: Store, name: str, against: str, *, show: bool | None) -> _Audited:
    del show
    model = people.model(store, name)
    if target_of(model["card"]).kind not in SINGLE:
        raise ParameterError(f"The model {name!r} does not learn classes; it has no accuracy.")
    classes = [str(c) for c in model["card"]["classes"]]
    gold, part, _ = held_out(store, model, gold_of(store, against))
    items = [item for item in gold if gold[item] in classes]
    about = {"kind": "model", "subject": name, "subject_hash": model["hash"], "part": part}
    positive = positive_of(classes, against, None)
    predict = image_predictor(model_of(store, name))
    return _Audited(predict, LEAST_SIDE, gold, items, classes, positive, about)


def _of_rule(store: Store, name: str, against: str, *, show: bool | None) -> _Audited:
    gold = gold_of(store, against)
    rule, *_ = with_threshold(store, name, gold, threshold=None)
    judged = judge(store, rule, gold, show=show)
    own = judged.own
    predict, side = rule_predictor(store, judged.rule)
    about = {"kind": "rule", "subject": str(judged.rule), "subject_hash": judged.digest}
    about["part"] = own.part
    truth = dict(zip(own.items, own.gold, strict=True))
    return _Audited(predict, side, truth, own.items, own.classes, judged.positive, about)

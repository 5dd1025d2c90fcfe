"""How the score of a classifier grows with labels: the verb `learning_curve`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mediacorpus.coding import splitting
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.engine.progress import so_far
from mediacorpus.errors import ParameterError
from mediacorpus.learning.features import matrix
from mediacorpus.learning.folds import group_numbers
from mediacorpus.learning.linear import fit_logistic
from mediacorpus.learning.targets import check_classes
from mediacorpus.learning.train import embedding_for, examples_of
from mediacorpus.result import Result, plain
from mediacorpus.stats.intervals import Interval, wilson
from mediacorpus.store.results import write_results
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

Floats: TypeAlias = NDArray[np.float64]

LEVEL = 0.95
"""Confidence level of all intervals."""

DRAWS = 300
"""Bootstrap resamples."""

PER_CLASS = 2
"""Images of each class that a subset must have."""

FARTHEST = 4
"""Times the labels at hand beyond which nothing is foretold."""

_SIZES = 6
_POINTS = 4
_STEEPEST = 2.0
_FLAT = 0.005


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LearningCurve(Result):
    """Accuracy on a fixed validation part at growing numbers of labels.

    Parameters
    ----------
    sizes:
        Numbers of labels, growing, int64 `(S,)`.
    right:
        Whether each validation image was answered rightly: bool `(S, repeats, n_val)`.
    curve:
        a, b and c of the fitted accuracy a - b n^-c, `(3,)`; NaN with fewer than four sizes.
    draws:
        The same for bootstrap resamples of repeats and validation images, `(R, 3)`.
    """

    sizes: NDArray[np.int64]
    right: NDArray[np.bool_]
    curve: Floats
    draws: Floats

    @property
    def n(self) -> int:
        """Labels at hand."""
        return int(self.sizes[-1])

    @property
    def n_val(self) -> int:
        """Images in the validation part."""
        return int(self.right.shape[2])

    @property
    def fitted(self) -> bool:
        """Whether there were enough sizes to fit a curve."""
        return bool(np.isfinite(self.curve).all())

    def scores(self) -> Floats:
        """Give the accuracy of each subset, `(S, repeats)`."""
        return np.asarray(self.right.mean(axis=2))

    def _limits(self) -> list[Interval]:
        means = self.scores().mean(axis=1)
        return [wilson(mean * self.n_val, self.n_val, level=LEVEL) for mean in means]

    def rows(self) -> list[dict[str, Any]]:
        """Give all estimates as rows of the table of results: each size, and twice the labels."""
        about = {"group_column": "labels", "n": self.n_val}
        found = [
            limits.row("accuracy", group=str(size), **about)
            for size, limits in zip(self.sizes, self._limits(), strict=True)
        ]
        doubled = 2 * self.n
        return [*found, self.gain(doubled).row("accuracy_gain", group=str(doubled), **about)]

    def to_frame(self) -> pd.DataFrame:
        """Give one row per size: mean, sd over subsets, Wilson limits, and the fitted value."""
        scores, limits = self.scores(), self._limits()
        return pd.DataFrame(
            {
                "n": self.sizes,
                "accuracy": scores.mean(axis=1),
                "sd": scores.std(axis=1, ddof=1) if scores.shape[1] > 1 else math.nan,
                "low": [one.low for one in limits],
                "high": [one.high for one in limits],
                "fitted": _power(self.curve, self.sizes),
            }
        )

    def at(self, n: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Give the fitted accuracy at numbers of labels, with its lower and upper limits."""
        if not len(self.draws):
            nothing = np.full(np.shape(n), np.nan)
            return nothing, nothing, nothing
        drawn = _power(self.draws.T[..., None], np.ravel(n)).reshape(-1, *np.shape(n))
        low, high = _limits_of(drawn)
        return _power(self.curve, n), low, high

    def gain(self, n: int) -> Interval:
        """Give what `n` labels in all would add to the accuracy.

        Raises
        ------
        ParameterError
            `n` is less than the labels at hand or more than four times as many.
        """
        if not self.n <= n <= FARTHEST * self.n:
            raise ParameterError(
                f"A gain can be estimated from {self.n} to {FARTHEST * self.n} labels, not for "
                f"{n}: a curve says little far from where it was measured."
            )
        value = float(_power(self.curve, n) - _power(self.curve, self.n))
        if not self.fitted or not len(self.draws):
            return Interval(value, math.nan, math.nan, LEVEL, "bootstrap")
        drawn = _power(self.draws.T, n) - _power(self.draws.T, self.n)
        low, high = _limits_of(drawn).tolist()
        return Interval(value, low, high, LEVEL, "bootstrap")

    def sentences(self) -> list[str]:
        """Say in words what was found."""
        now = float(self.scores()[-1].mean())
        images = f"{self.n_val:,} validation images"
        sentences = [f"With {self.n:,} labels the accuracy is {now:.3f} on {images}."]
        if not self.fitted:
            return [*sentences, "There are too few sizes to fit a curve; label more."]
        if self.right[-1].all():
            sentences.append(
                "All are right already, so more labels would not help measurably; a larger "
                "validation part could tell smaller differences."
            )
            return sentences
        gain = self.gain(2 * self.n)
        if gain.high < _FLAT:
            sentences.append(
                f"The curve is flat: doubling the labels to {2 * self.n:,} would not help "
                f"measurably (by less than {100 * _FLAT:.1f} points)."
            )
            return sentences
        points = [100 * x for x in (gain.estimate, gain.low, gain.high)]
        sentences.append(
            f"Doubling the labels to {2 * self.n:,} would bring about {points[0]:+.1f} points "
            f"(95 % interval {points[1]:+.1f} to {points[2]:+.1f})."
        )
        return sentences

    def to_dict(self) -> dict[str, Any]:
        """Give all as plain values for JSON; what is undefined is None."""
        gain = self.gain(2 * self.n)
        return {
            "n": self.n,
            "n_val": self.n_val,
            "sizes": plain(self.to_frame()),
            "curve": dict(zip("abc", self.curve.tolist(), strict=True)) if self.fitted else None,
            "doubling": gain.estimate if gain.defined else None,
            "doubling_interval": gain.limits(),
            "sentences": self.sentences(),
        }

    def __str__(self) -> str:
        return "\n".join(self.sentences())


def fit_curve(
    features: NDArray[Any],
    targets: NDArray[np.int64],
    *,
    train: ArrayLike,
    val: ArrayLike,
    groups: NDArray[np.int64] | None = None,
    sizes: Sequence[int] | None = None,
    repeats: int = 5,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> LearningCurve:
    """Fit linear models on growing stratified subsets of the labels; score them on a fixed part.

    Subsets of one repeat contain each other. An inverse power law a - b n^-c is fitted to the
    accuracies, large subsets weighing more. Its interval comes from resampling the repeats and
    the validation images.

    Parameters
    ----------
    features:
        `(N, D)`, such as embeddings.
    targets:
        Class indices, `(N,)`.
    train, val:
        Rows of the two parts; they must not overlap.
    groups:
        Numbers of what belongs together, such as images of one author, `(N,)`: folds keep
        them whole, and they are resampled as a whole.
    sizes:
        Numbers of labels, at least two of each class; six by default, the last one all.
    repeats:
        Subsets of each size, at least 1.
    seed:
        Of subsets and resamples.
    progress:
        Told how many models are fitted, of how many.

    Raises
    ------
    ParameterError
        There are no repeats, or a class has fewer than two images to learn from.

    References
    ----------
    Figueroa, R. L., et al. (2012). Predicting sample size required for classification
    performance. *BMC Medical Informatics and Decision Making*, 12, 8.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> targets = np.arange(200) % 2
    >>> features = rng.normal(size=(200, 5)) + targets[:, None]
    >>> curve = fit_curve(features, targets, train=range(100), val=range(100, 200),
    ...                   sizes=[10, 20, 40, 100], repeats=2)
    >>> curve.scores().shape, curve.n_val
    ((4, 2), 100)
    """
    learn, test = np.asarray(train, np.int64), np.asarray(val, np.int64)
    if repeats < 1:
        raise ParameterError(f"repeats is {repeats}; it must be at least 1.")
    wanted, codes = np.unique(targets[learn], return_inverse=True)
    steps = _sizes(np.bincount(codes), sizes)
    right = np.zeros((len(steps), repeats, len(test)), bool)
    for repeat in range(repeats):
        order = _stratified(codes, np.random.default_rng((seed, repeat)))
        for place, size in enumerate(steps):
            rows = order[:size]
            if size == len(learn) and repeat:  # the same images again
                right[place, repeat] = right[place, 0]
            else:
                own = None if groups is None else groups[learn[rows]]
                linear = fit_logistic(features[learn[rows]], codes[rows], groups=own, seed=seed)
                predicted = wanted[linear.probabilities(features[test]).argmax(axis=1)]
                right[place, repeat] = predicted == targets[test]
            if progress is not None:
                progress(repeat * len(steps) + place + 1, repeats * len(steps))
    alike = np.arange(len(test)) if groups is None else groups[test]
    return _curve(np.array(steps, np.int64), right, alike, seed=seed)


def _sizes(counts: NDArray[Any], sizes: Sequence[int] | None) -> list[int]:
    total, classes = int(counts.sum()), len(counts)
    if classes < 2 or counts.min() < PER_CLASS:  # noqa: PLR2004 - two classes
        raise ParameterError(
            f"A learning curve needs two classes with at least {PER_CLASS} images each in the "
            f"training part; there are {classes}, the smallest with {int(counts.min())}."
        )
    first = min(total, max(PER_CLASS * classes, total // 2 ** (_SIZES - 1), 5 * classes))
    return sorted(
        {round(x) for x in np.geomspace(first, total, _SIZES)} if sizes is None else sizes
    )


def _stratified(codes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Order images so that each beginning has the classes' shares, after two of each."""
    order = rng.permutation(len(codes))
    rank = np.empty(len(codes))
    for own in range(codes.max() + 1):
        mine = order[codes[order] == own]
        rank[mine] = (np.arange(len(mine)) + rng.random()) / len(mine)
        rank[mine[:PER_CLASS]] = -1
    return np.argsort(rank, kind="stable")


def _power(curve: Floats, n: ArrayLike) -> Floats:
    a, b, c = curve
    return np.asarray(a - b * np.asarray(n, np.float64) ** -c)


def _limits_of(drawn: Floats) -> Floats:
    return np.asarray(np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0))


def fit_power_law(sizes: ArrayLike, scores: ArrayLike) -> Floats:
    """Fit the accuracy a - b n^-c, with a at most 1, b at least 0 and c from 0 to 2.

    Parameters
    ----------
    sizes:
        Numbers of labels, `(S,)`; each counts by its share of all.
    scores:
        Accuracies, 0 to 1, `(S,)`.

    Returns
    -------
    float64 array `(3,)`
        a, b, c; NaN with fewer than four sizes.

    Examples
    --------
    >>> n = np.array([10, 20, 40, 80, 160])
    >>> fit_power_law(n, 0.9 - 0.8 * n ** -0.5).round(2).tolist()
    [0.9, 0.8, 0.5]
    """
    from scipy.optimize import least_squares

    n, y = np.asarray(sizes, np.float64), np.asarray(scores, np.float64)
    if len(n) < _POINTS:
        return np.full(3, np.nan)
    weight = np.sqrt(n / n.sum())
    # Scaled to the smallest subset, the three parameters are of one size.
    scaled = n / n[0]

    def residual(p: Floats) -> Floats:
        return np.asarray((p[0] - p[1] * scaled ** -p[2] - y) * weight)

    start = (min(y[-1], 0.999), max(y[-1] - y[0], 0.01), 0.5)
    found = least_squares(
        residual, start, bounds=([0, 0, 0.01], [1, np.inf, _STEEPEST]), xtol=1e-12, ftol=1e-12
    )
    a, b, c = found.x
    return np.array([a, b * n[0] ** c, c])


def _curve(
    sizes: NDArray[np.int64], right: NDArray[np.bool_], groups: NDArray[np.int64], *, seed: int
) -> LearningCurve:
    curve = fit_power_law(sizes, right.mean(axis=(1, 2)))
    draws: list[Floats] = []
    if np.isfinite(curve).all():
        rng = np.random.default_rng((seed, DRAWS))
        repeats = right.shape[1]
        names, own = np.unique(groups, return_inverse=True)
        count = len(names)
        for _ in range(DRAWS):
            which = rng.integers(repeats, size=repeats)
            # The same images at all sizes: what they share cancels out of a gain.
            times = rng.multinomial(count, np.full(count, 1 / count))[own]
            shares = right[:, which] @ (times / times.sum())
            draws.append(fit_power_law(sizes, shares.mean(axis=1)))
    return LearningCurve(sizes, right, curve, np.array(draws).reshape(-1, 3))


def learning_curve(
    store: Store,
    variable: str,
    *,
    repeats: int = 5,
    seed: int = 1,
    show: bool | None = None,
) -> LearningCurve:
    """Tell how the accuracy of a linear model grows with the number of labels.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels and a split.
    repeats:
        Random subsets of each size.
    seed:
        Of the subsets.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName, SplitError, TrainingError, ParameterError
        The variable cannot be learned.
    """
    number, split = splitting.latest(store, variable)
    check_classes(variable, list(split.labels.values()), verb="learning-curve")
    labelled = examples_of(store, split)
    embedding_for(store, [e.item for e in labelled], show=show)
    examples, features = matrix(store, labelled, "embedding")
    classes = sorted({e.label for e in examples})
    targets = np.array([classes.index(e.label) for e in examples], np.int64)
    train = np.array([e.part == "train" for e in examples])
    parameters = {"variable": variable, "repeats": repeats}
    with running(store, "learning_curve", parameters=parameters, seed=seed) as run:
        with show_progress(f"learning curve of {variable}", unit="fits", show=show) as report:
            found = fit_curve(
                features,
                targets,
                train=np.flatnonzero(train),
                val=np.flatnonzero(~train),
                groups=group_numbers([e.group for e in examples]),
                repeats=repeats,
                seed=seed,
                progress=so_far(report),
            )
        about = {"kind": "variable", "subject": variable, "subject_hash": str(number)}
        about |= {"variable": variable, "part": "val"}
        notes = found.sentences()
        write_results(store, run.id, found.rows(), command="learning_curve", notes=notes, **about)
        run.done = len(examples)
    return found

"""Many settings tried on folds, in parallel and resumably, with a nested score of the choice."""

from __future__ import annotations

import functools
import itertools
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.coding import splitting
from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import ParameterError, TrainingError, present_name, unknown, writing
from mediacorpus.extras import need
from mediacorpus.files import atomic_write
from mediacorpus.learning.cache import hash_of
from mediacorpus.learning.features import EMBEDDING, matrix
from mediacorpus.learning.folds import AIMS, Division, Fold, Point, Results, division
from mediacorpus.learning.grid_runners import (
    TRAININGS,
    FeaturesRunner,
    TrainingRunner,
    forget_views,
    readable,
    usable_points,
)
from mediacorpus.learning.joined import is_joined, joined_of
from mediacorpus.learning.loop import best_device
from mediacorpus.learning.targets import check_classes
from mediacorpus.learning.train import (
    Watch,
    embedding_for,
    examples_of,
    measure_for,
    measure_joined,
)
from mediacorpus.records import Example
from mediacorpus.result import TableResult, counted, plain
from mediacorpus.settings import one_worker
from mediacorpus.settings import settings as environment
from mediacorpus.stats.intervals import wilson
from mediacorpus.store.people import FORMER_METHODS
from mediacorpus.store.results import write_results
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

Progress: TypeAlias = Callable[[int, int], None]

RESULTS = (
    *("rank", "chosen", "accuracy", "log_loss", "accuracy_sd", "log_loss_sd"),
    *("folds", "seconds", "note"),
)
"""Columns of the table that are no settings."""


class Runner(Protocol):
    """What fits and scores one setting."""

    @property
    def fingerprint(self) -> str:
        """A hash of the data; results of other data are not taken for these."""

    def check(self, point: Point, folds: int | None) -> None:
        """Raise if a setting cannot be used, or the data cannot be divided so."""

    def ready(self, point: Point) -> None:
        """Make what the fits of a setting share, before any of them starts."""

    def __call__(self, point: Point, fold: Fold) -> Sequence[Mapping[str, float]]:
        """Fit once, and return `accuracy`, `log_loss` and `n` of each fold that is left out."""


@dataclass(frozen=True, slots=True)
class NestedScore:
    """The score of choosing a setting and fitting it, on items that took part in neither.

    Parameters
    ----------
    accuracy, low, high:
        Share of items classified rightly, with a 95 % interval (Wilson).
    log_loss:
        Mean over all items.
    n:
        Items; each was scored once.
    chosen:
        The settings that the inner folds chose, one for each outer fold.
    """

    accuracy: float
    low: float
    high: float
    log_loss: float
    n: int
    chosen: tuple[Point, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Grid(TableResult):
    """What a grid of settings gave.

    Parameters
    ----------
    table:
        One row per setting, in the order given: the settings, then `RESULTS`: rank, whether it
        was chosen, means and standard deviations over the folds, seconds of fitting in all, and
        why it has no score.
    best:
        The chosen setting.
    nested:
        Score of the choice from nested folds; None without folds.
    aim:
        What was chosen by.
    seconds:
        Time of this call; what had been finished before counts nothing.
    folder:
        Where the table is kept; None where it is not.
    curves:
        Where each setting is a whole training: a row for each setting, fold and epoch, with the
        settings, `fold`, and the columns of a training's curves. Else None.
    """

    table: pd.DataFrame
    best: Point
    nested: NestedScore | None
    aim: str
    seconds: float
    folder: Path | None = None
    curves: pd.DataFrame | None = None

    def __str__(self) -> str:
        row = self.table[self.table["chosen"]].iloc[0]
        spread = f" (sd {row['accuracy_sd']:.3f} over {row['folds']} folds)" if self.nested else ""
        text = (
            f"Tried {counted(len(self.table), 'setting')} in {self.seconds:.1f} s. Best by "
            f"{self.aim.replace('_', ' ')}: {_words(self.best)}; accuracy "
            f"{row['accuracy']:.3f}{spread}, log loss {row['log_loss']:.3f}."
        )
        failed = int(self.table["accuracy"].isna().sum())
        if failed:
            have = "has" if failed == 1 else "have"
            text += f" {counted(failed, 'setting')} {have} no score; the column note says why."
        if self.nested is None:
            return text + (
                " That score is too good: the setting was chosen by it. Folds give one that is not."
            )
        h = self.nested
        agreed = sum(_used(one) == dict(self.best) for one in h.chosen)
        return text + (
            f" Nested cross-validation of choosing and fitting: accuracy {h.accuracy:.3f} "
            f"({h.low:.3f} to {h.high:.3f}, {h.n:,} items), log loss {h.log_loss:.3f}; "
            f"{agreed} of {len(h.chosen)} outer folds chose the same setting."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the table: one row per setting."""
        return self.table

    def rows(self) -> list[dict[str, Any]]:
        """Give all estimates as rows of the table of results: each setting, and the choice."""
        found = []
        for row in plain(self.table):
            point = {name: value for name, value in row.items() if name not in RESULTS}
            about: dict[str, Any] = {"group_column": "setting", "group": _words(_used(point))}
            about["notes"] = ["chosen"] if row["chosen"] else []
            folds = f"mean over {row['folds']} folds" if self.nested else "validation part"
            found += [
                {"metric": name, "estimate": row[name], "method": folds} | about
                for name in ("accuracy", "log_loss")
            ]
        if (h := self.nested) is not None:
            about = {"n": h.n, "notes": ["nested"], "method": "nested cross-validation"}
            limits = {"low": h.low, "high": h.high, "level": 0.95}
            found.append({"metric": "accuracy", "estimate": h.accuracy} | limits | about)
            found.append({"metric": "log_loss", "estimate": h.log_loss} | about)
        return found


def expand(lists: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """List all combinations, the last name varying fastest.

    Raises
    ------
    ParameterError
        A list is empty.

    Examples
    --------
    >>> expand({"lr": [0.1, 0.01], "momentum": [0.9]})
    [{'lr': 0.1, 'momentum': 0.9}, {'lr': 0.01, 'momentum': 0.9}]
    """
    for name, values in lists.items():
        if not len(values):
            raise ParameterError(f"The grid names no value for {name}; give at least one.")
    unique = [list(dict.fromkeys(values)) for values in lists.values()]
    return [dict(zip(lists, found, strict=True)) for found in itertools.product(*unique)]


def grid(
    points: Sequence[Point],
    run: Runner,
    *,
    folder: Path,
    folds: int | None = 5,
    workers: int | None = None,
    aim: str = "log_loss",
    progress: Progress | None = None,
) -> Grid:
    """Fit and score every setting on every fold, choose one, and score the choice.

    The score of the best of many settings is too good, for it was chosen by that score. So
    folds are nested: for each outer fold a setting is chosen on the other folds alone, by
    fitting on all but it and one more and scoring that one; it is then fitted on all but the
    outer fold and scored there. These outer scores are `nested`; k folds need k (k + 1) / 2 fits
    of each setting. The one that is returned as `best` is chosen by the plain scores over all
    folds.

    Each finished fit is a file in `folder`, named by a hash of setting, fold and data. A second
    call reads it and does not fit again, so a kill loses only the fits that were running.

    Parameters
    ----------
    points:
        Settings, such as `expand` gives; all name the same keys.
    run:
        Fits and scores one setting, such as a `FeaturesRunner` or a `TrainingRunner`.
        Where there are several workers it is sent to other processes.
    folder:
        Where results are kept.
    folds:
        Number of folds, at least 3; None scores on the validation part that `run` knows.
    workers:
        Processes; by default one per core (`MEDIACORPUS_WORKERS`).
    aim:
        What is chosen by: `"log_loss"` (the lower the better) or `"accuracy"`.
    progress:
        Called with how many fits are done, of how many.

    Raises
    ------
    ParameterError
        No settings, settings with different keys, or an argument out of its range.
    TrainingError
        No setting could be fitted on all folds.
    StorageFull, CorpusReadOnly
        The disk is full or cannot be written to.

    References
    ----------
    Varma and Simon (2006). Bias in error estimation when using cross-validation for model
    selection. BMC Bioinformatics 7, 91.

    Cawley and Talbot (2010). On over-fitting in model selection and subsequent selection bias
    in performance evaluation. Journal of Machine Learning Research 11, 2079-2107.

    Examples
    --------
    >>> import tempfile
    >>> rng = np.random.default_rng(1)
    >>> y = np.arange(60) % 2
    >>> x = np.float32(rng.normal(size=(60, 4)) + y[:, None])
    >>> run = FeaturesRunner({"embedding": x}, division(y, ("ant", "bee")))
    >>> points = expand({"lr": [0.1, 1e-5], "epochs": [5]})
    >>> with tempfile.TemporaryDirectory() as place:
    ...     found = grid(points, run, folder=Path(place), folds=3, workers=1)
    >>> found.best["lr"], found.nested.n
    (0.1, 60)
    """
    started = time.monotonic()
    _check(points, folds=folds, workers=workers, aim=aim)
    for point in points:
        run.check(point, folds)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    plain = [Fold(folds or 1, (outer,)) for outer in range(folds or 1)]
    pairs = [Fold(folds or 1, left) for left in itertools.combinations(range(folds or 1), 2)]
    done = Results(folder, run.fingerprint)
    tasks = [(point, fold) for fold in plain + pairs for point in points]
    missing = [task for task in tasks if not done.has(*task)]
    for point in points:
        if any(task[0] is point for task in missing):
            run.ready(point)
    number = len(tasks) - len(missing)
    if progress is not None:
        progress(number, len(tasks))
    for _ in _fitted(missing, run, done, workers=workers or environment().workers):
        number += 1
        if progress is not None:
            progress(number, len(tasks))
    table = _table(points, [[done.row(p, f, 0) for f in plain] for p in points], aim)
    if not table["chosen"].any():
        raise TrainingError(f"No setting could be fitted. The first one: {table['note'].iloc[0]}")
    chosen = points[int(table["chosen"].to_numpy().argmax())]
    best = _used(chosen)
    nested = _nested(points, folds, done=done, aim=aim) if folds else None
    curves = _curves(points, plain, done)
    return Grid(table, best, nested, aim, time.monotonic() - started, curves=curves)


def _one(run: Runner, task: tuple[Point, Fold], path: Path) -> Path:
    """Fit, score and write the result; a setting that cannot be fitted is a result too."""
    from threadpoolctl import threadpool_limits

    point, fold = task
    started = time.perf_counter()
    row: dict[str, Any] = {"point": dict(point), "folds": fold.count, "left": fold.left}
    try:
        with one_worker(), threadpool_limits(1):  # the processes share the cores
            row["scores"] = [dict(scores) for scores in run(point, fold)]
    except (TrainingError, ParameterError) as error:
        row["error"] = str(error)
    row["seconds"] = time.perf_counter() - started
    with writing(path.parent), atomic_write(path) as temporary:
        temporary.write_text(json.dumps(row, default=str), "utf-8")
    return path


def _fitted(
    missing: Sequence[tuple[Point, Fold]], run: Runner, done: Results, *, workers: int
) -> Iterator[Path]:
    """Do what is missing, in this process or in several."""
    joblib = need("joblib")  # it comes with scikit-learn
    with warnings.catch_warnings():
        # A process whose memory has grown is replaced between two fits, and nothing is lost.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"joblib\.externals\.loky")
        # Its processes start afresh and do not run the user's script again.
        parallel = joblib.Parallel(
            workers if len(missing) > 1 else 1,
            backend="loky",
            return_as="generator_unordered",
            batch_size=1,
        )
        tasks = (joblib.delayed(_one)(run, task, done.path(*task)) for task in missing)
        yield from parallel(tasks)


def _table(
    points: Sequence[Point], scores: Sequence[Sequence[Mapping[str, Any]]], aim: str
) -> pd.DataFrame:
    """Summarize the folds of each setting and mark the best one."""
    records = []
    for point, rows in zip(points, scores, strict=True):
        errors = [row["error"] for row in rows if "error" in row]
        record: dict[str, Any] = dict(point)
        for name in ("accuracy", "log_loss"):
            values = [math.nan if errors else float(row[name]) for row in rows]
            record[name] = float(np.mean(values))
            record[f"{name}_sd"] = float(np.std(values, ddof=1)) if len(rows) > 1 else math.nan
        record |= {"folds": len(rows), "seconds": sum(float(row["seconds"]) for row in rows)}
        records.append(record | {"note": errors[0] if errors else ""})
    frame = pd.DataFrame(records)
    order = frame[aim].rank(method="first", ascending=aim == "log_loss")
    frame["rank"] = order.astype("Int64")
    frame["chosen"] = (order == 1).to_numpy(bool)
    return frame[[*(c for c in frame.columns if c not in RESULTS), *RESULTS]]


def _curves(points: Sequence[Point], folds: Sequence[Fold], done: Results) -> pd.DataFrame | None:
    """Put the curves of all trainings below one another, with their settings and folds."""
    found = []
    for point in points:
        for fold in folds:
            own = done.curves(point, fold)
            if own is not None:
                found.append(own.assign(fold=fold.left[0], **point))
    if not found:
        return None
    frame = pd.concat(found, ignore_index=True)
    names = [*points[0], "fold"]
    return frame[[*names, *(c for c in frame.columns if c not in names)]]


def _nested(points: Sequence[Point], folds: int, *, done: Results, aim: str) -> NestedScore | None:
    """Score in each outer fold what the others chose without it."""
    chosen, hits, loss, n = [], 0.0, 0.0, 0
    for outer in range(folds):
        others = [other for other in range(folds) if other != outer]
        pairs = [tuple(sorted((outer, other))) for other in others]
        scored = [(Fold(folds, p), p.index(o)) for p, o in zip(pairs, others, strict=True)]
        table = _table(points, [[done.row(p, *at) for at in scored] for p in points], aim)
        if not table["chosen"].any():
            return None
        point = points[int(table["chosen"].to_numpy().argmax())]
        row = done.row(point, Fold(folds, (outer,)), 0)
        if "error" in row:
            return None
        chosen.append(dict(point))
        hits += row["accuracy"] * row["n"]
        loss += row["log_loss"] * row["n"]
        n += int(row["n"])
    found = wilson(min(hits, n), n)
    return NestedScore(found.estimate, found.low, found.high, loss / n, n, tuple(chosen))


def _check(points: Sequence[Point], *, folds: int | None, workers: int | None, aim: str) -> None:
    if not points:
        raise ParameterError("The grid has no settings; give at least one.")
    if any(list(point) != list(points[0]) for point in points):
        raise ParameterError("The settings of a grid must all name the same keys, in one order.")
    taken = set(points[0]) & set(RESULTS)
    if taken:
        raise ParameterError(f"A setting cannot be named {min(taken)!r}; the table has that name.")
    if aim not in AIMS:
        raise unknown("aim", aim, AIMS)
    if folds is not None and (folds < 3):  # noqa: PLR2004 - nested
        raise ParameterError(
            f"folds is {folds!r}; nested folds need at least 3. --folds 0 (in Python None) scores "
            "on the validation part."
        )
    if workers is not None and workers < 1:
        raise ParameterError(f"workers is {workers}; it must be at least 1.")


def _used(point: Point) -> dict[str, Any]:
    return {name: value for name, value in point.items() if value is not None}


def _words(point: Point) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in point.items())


VIEWS = "views"
"""Folder of the images as the fits of a grid see them."""


def grid_of(
    store: Store,
    variable: str,
    lists: Mapping[str, Sequence[Any]],
    *,
    method: str | None = None,
    folds: int | None = 5,
    seed: int = 1,
    show: bool | None = None,
) -> Grid:
    """Try every combination of some settings on the labelled images.

    Without a method the last layer of a network learns anew for each combination, on the
    embeddings of the train and validation parts, which takes a fraction of a second. With
    `"linear"` or `"shallow"` each combination is a fit of that method on the stored values of a
    measure; with `"finetune"` or `"scratch"` it is a whole training. What is found to be best can
    be given to `train` with the same method. The test part stays out of sight. With folds the
    choice itself is scored by nested cross-validation; where the split keeps groups
    together, such as authors, so do the folds. What is finished is kept below `reports`, so that
    a second call goes on.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels and a split.
    lists:
        Values to try of each setting, such as `{"lr": [0.001, 0.01], "momentum": [0.9]}`.
    method:
        `"linear"`, `"shallow"`, `"finetune"`, `"scratch"`, or None for a last layer on frozen
        features.
    folds:
        Number of folds, at least 3; None scores on the validation part alone.
    seed:
        Of folds and training.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    ParameterError
        No setting is given, one is out of its range, or the values are no classes.
    UnknownName, SplitError, TrainingError
        The variable cannot be learned.
    """
    if not lists:
        raise ParameterError(
            "Name at least one setting with the values to try, as in --lr .001,.01."
        )
    if method is not None:
        method = present_name("method", method, FORMER_METHODS)
    number, split = splitting.latest(store, variable)
    check_classes(variable, list(split.labels.values()), verb="grid")
    details = {
        "variable": variable,
        "lists": {k: list(v) for k, v in lists.items()},
        "folds": folds,
        **({"method": method} if method else {}),
    }
    examples = examples_of(store, split)
    points = usable_points(method, expand(lists), seed=seed)  # before any image is read
    place = store.folder / "reports" / f"grid-{variable}-{hash_of(details)[:8]}"
    with writing(store.folder):
        (place / VIEWS).mkdir(parents=True, exist_ok=True)
    with Watch(variable, None, show=show) as watch:
        if method in TRAININGS:
            run: Runner = _on_images(examples, method, views=place / VIEWS, watch=watch, seed=seed)
        else:
            names = sorted({str(point.get("features") or EMBEDDING) for point in points})
            run = _on_measures(store, examples, method, names=names, seed=seed, show=show)
        with running(store, "grid", parameters=details, seed=seed) as current:
            found = grid(
                points,
                run,
                folder=place / "fits",
                folds=folds,
                workers=1 if method in TRAININGS and best_device() != "cpu" else None,
                progress=functools.partial(watch.at, f"grid of {variable}", unit="fits"),
            )
            forget_views(place / VIEWS)
            with writing(store.folder):
                found.table.to_csv(place / "grid.csv", index=False)
                if found.curves is not None:
                    found.curves.to_csv(place / "curves.csv", index=False)
            about: dict[str, Any] = dict.fromkeys(("subject", "variable"), variable)
            about |= {"kind": "variable", "subject_hash": str(number), "notes": [str(found)]}
            write_results(store, current.id, found.rows(), command="grid", **about)
            current.done = len(points)
            current.note = f"{place.relative_to(store.folder)}"
    return replace(found, folder=place)


def _on_measures(
    store: Store,
    examples: Sequence[Example],
    method: str | None,
    *,
    names: Sequence[str],
    seed: int,
    show: bool | None,
) -> Runner:
    """Gather the values of measures for the examples that have all of them."""
    kept, values = list(examples), {}
    for name in names:
        if is_joined(name):
            measure_joined(store, name, examples, show=show)
        elif method != "shallow":
            embedding_for(store, [e.item for e in examples], show=show)
        elif name in MEASURES:
            measure_for(store, name, [e.item for e in examples], show=show)
        kept, _ = _values(store, kept, name)
    for name in names:
        _, values[name] = _values(store, kept, name)
    return FeaturesRunner(values, _division(kept, seed=seed), method)


def _values(
    store: Store, examples: Sequence[Example], name: str
) -> tuple[list[Example], NDArray[np.float32]]:
    """Give the values of a measure, or of features side by side, for the examples that have them.

    How columns become numbers is learned from the train part, and not anew in each fold.
    """
    if not is_joined(name):
        return matrix(store, examples, name)
    joined = joined_of(store, name, examples)
    return joined.examples, joined.matrix


def _on_images(
    examples: Sequence[Example], method: str, *, views: Path, watch: Watch, seed: int
) -> Runner:
    read = functools.partial(watch.read, "images")
    kept = readable(examples, views, read)
    return TrainingRunner(tuple(kept), _division(kept, seed=seed), method, views, read)


def _division(examples: Sequence[Example], *, seed: int) -> Division:
    classes = sorted({e.label for e in examples})
    targets = [classes.index(e.label) for e in examples]
    val, groups = np.array([e.part == "val" for e in examples]), [e.group for e in examples]
    return division(targets, classes, val=val, groups=groups, seed=seed)

"""What a report shows, as plain frozen records: filled from a corpus, rendered to HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from mediacorpus.records import Failure

PREDICTED_COLUMNS = ("class", "items", "records")
"""Columns of `ModelFacts.predicted`."""

SCORE_COLUMNS = ("score", "class", "estimate", "low", "high", "n")
"""Columns of `Evaluation.scores`."""


@dataclass(frozen=True, slots=True)
class Thumb:
    """One small picture with what is known of it.

    Parameters
    ----------
    item:
        The item's id.
    uri:
        The picture itself as a data URI, such as `"data:image/jpeg;base64,…"`.
    caption:
        Usually the file name.
    truth, predicted:
        Gold label and predicted class, or `""`.
    probability:
        Probability of the predicted class, 0 to 1, or None.

    Raises
    ------
    ParameterError
        `uri` is no data URI of a picture: the report must not point to other files.

    Examples
    --------
    >>> Thumb("3f2a", "data:image/jpeg;base64,AAAA", "cat.jpg").alt
    'cat.jpg'
    >>> Thumb("3f2a", "data:image/jpeg;base64,AAAA", "cat.jpg", "cat", "dog", 0.75).alt
    'cat.jpg; labelled cat; predicted dog; probability 0.75'
    """

    item: str
    uri: str
    caption: str = ""
    truth: str = ""
    predicted: str = ""
    probability: float | None = None

    def __post_init__(self) -> None:
        if not self.uri.startswith("data:image/"):
            raise ParameterError(
                f"The thumbnail of item {self.item!r} is {self.uri[:40]!r}; give a data URI "
                "that begins with 'data:image/', as `data_uri` makes."
            )

    @property
    def alt(self) -> str:
        """What the picture is, in words."""
        parts = [self.caption or f"item {self.item[:12]}"]
        if self.truth:
            parts.append(f"labelled {self.truth}")
        if self.predicted:
            parts.append(f"predicted {self.predicted}")
        if self.probability is not None:
            parts.append(f"probability {self.probability:.2f}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Predictions against gold labels.

    Parameters
    ----------
    against:
        Variable that holds the gold labels.
    scored_on:
        Part of the split: `"val"`, `"test"`, or `""` for all labelled items.
    scores:
        One row per score and class with the columns `score`, `class` (`""` for scores over all
        classes), `estimate`, `low`, `high` (NaN where undefined) and `n`. Averages over
        classes are named `macro_f1`, `weighted_f1` and so on.
    confusion:
        Counts `(classes, classes)`: rows are gold labels, columns are predictions.
    classes:
        Names of the rows and columns of `confusion`.
    mistakes:
        Wrong pictures, most confident first; usually some of them only.
    positive:
        Class that the headline precision, recall and F1 are for; `""`: macro averages.
    notes:
        What readers must know of the scores, one sentence each.
    interval:
        How intervals were computed, as in `"Wilson for accuracy, bootstrap for the rest"`.
    level:
        Coverage of the intervals, 0 to 1.
    inclusion:
        Scores as drawn and weighted by the chance to be drawn, as
        `mediacorpus.validation.scores.Inclusion.to_dict` gives them; or None.

    Raises
    ------
    ParameterError
        `scores` lacks a column, or `confusion` does not fit `classes`.

    Examples
    --------
    >>> e = Evaluation("ants", confusion=np.array([[6, 2], [1, 3]]), classes=("no", "yes"))
    >>> e.n, e.errors, round(e.baseline, 3)
    (12, 3, 0.667)
    """

    against: str
    scored_on: str = ""
    scores: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=SCORE_COLUMNS))
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    classes: Sequence[str] = ()
    mistakes: Sequence[Thumb] = ()
    positive: str = ""
    notes: Sequence[str] = ()
    interval: str = ""
    level: float = 0.95
    inclusion: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        missing = [name for name in SCORE_COLUMNS if name not in self.scores.columns]
        if missing:
            raise ParameterError(
                f"The scores against {self.against!r} lack the column {missing[0]!r}; "
                f"give {', '.join(SCORE_COLUMNS)}."
            )
        if np.shape(self.confusion) != (len(self.classes), len(self.classes)):
            raise ParameterError(
                f"The confusion matrix against {self.against!r} has the shape "
                f"{np.shape(self.confusion)}; with {len(self.classes)} classes it must be "
                f"({len(self.classes)}, {len(self.classes)})."
            )

    @property
    def n(self) -> int:
        """Number of items that were scored."""
        return int(np.sum(self.confusion))

    @property
    def errors(self) -> int:
        """Number of items whose prediction differs from the gold label."""
        return self.n - int(np.trace(self.confusion)) if self.n else 0

    @property
    def baseline(self) -> float:
        """Accuracy of always giving the most common class; NaN without items."""
        return float(np.sum(self.confusion, axis=1).max() / self.n) if self.n else float("nan")

    def headline(self, score: str) -> tuple[float, float, float] | None:
        """Give estimate, low and high of a score, or None where it is not there.

        Precision, recall and F1 are those of the positive class, or macro averages.
        """
        named, averaged = self.scores["score"], is_overall(self.scores["class"])
        if score == "accuracy":
            rows = self.scores[(named == score) & averaged]
        elif self.positive:
            rows = self.scores[(named == score) & (self.scores["class"] == self.positive)]
        else:
            rows = self.scores[(named == f"macro_{score}") & averaged]
        if rows.empty:
            return None
        row = rows.iloc[0]
        return float(row["estimate"]), float(row["low"]), float(row["high"])


def is_overall(classes: pd.Series) -> pd.Series:
    """Tell which rows of a score table are over all classes: no class is named there.

    Examples
    --------
    >>> is_overall(pd.Series(["", None, "ants"])).tolist()
    [True, True, False]
    """
    return classes.isna() | (classes.astype("object") == "")


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """Counts of what the corpus holds.

    Parameters
    ----------
    folder:
        How commands name the corpus.
    items, records, failures:
        Numbers of distinct contents, of occurrences, and of failures.
    skipped:
        Files that were skipped because they are no media.
    bytes:
        Size of all items together, in bytes.
    formats:
        Number of items by file format.
    sizes:
        Number of items by (width, height) in pixels.
    sources:
        Folders and manifests that the records came from.
    columns:
        The researcher's own columns of the records.
    """

    folder: str = "DIR"
    items: int = 0
    records: int = 0
    failures: int = 0
    bytes: int = 0
    formats: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)
    sources: Sequence[str] = ()
    columns: Sequence[str] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class MeasureFacts:
    """One measure that was run, in one version and with one set of parameters."""

    name: str
    version: str
    items: int
    seconds: float | None = None
    failed: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    licence: str = ""
    citation: str = ""


@dataclass(frozen=True, slots=True)
class VariableFacts:
    """What people said about one variable.

    Parameters
    ----------
    variable:
        Its name.
    counts:
        Number of items by gold value.
    coders:
        Number of labels in force by coder; the coder `"folder"` stands for class folders.
    agreement:
        Reliability between coders in words, or None.
    unresolved:
        Items on which coders differ and the rule gives no gold value.
    rule:
        How gold was computed from several coders, such as `"majority"`.
    superseded:
        Labels that their coder has changed since; they stay in the log.
    """

    variable: str
    counts: Mapping[str, int] = field(default_factory=dict)
    coders: Mapping[str, int] = field(default_factory=dict)
    agreement: str | None = None
    unresolved: int = 0
    rule: str = ""
    superseded: int = 0


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """How the labelled items of one variable were divided.

    `counts` holds, for each part (`"train"`, `"val"`, `"test"`), the number of items by class.
    `shares` is what was asked for, such as `"80/20"`; `method` how classes were treated, such
    as `"stratified by class"`.
    """

    variable: str
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    shares: str = ""
    seed: int | None = None
    method: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ModelFacts:
    """One trained classifier.

    Parameters
    ----------
    name, variable:
        The model's name and the variable that it learned.
    method:
        `"probe"` or `"finetune"`.
    backbone, licence, citation:
        Pretrained network, the licence of its weights, its source.
    settings:
        Hyper-parameters by name.
    seconds:
        Training time.
    trained_on:
        Number of items that it learned from.
    curves:
        For `finetune` one row per epoch: `epoch`, `train_loss`, `val_loss`, `train_accuracy`,
        `val_accuracy`. For `probe` one row per tried value: `C`, `log_loss`. A column `best`
        (bool) may mark the row that was kept; else it is the one with the lowest loss.
    fit:
        What the curves say, in words.
    evaluation:
        Scores on held-out items, or None.
    predicted:
        What it says of the whole corpus: columns `class`, `items`, `records`; or None.
    probabilities:
        For each predicted class, numbers of items in equal bins of the probability of that
        class, from 0 to 1.
    warnings:
        Sentences that readers must see.
    scored:
        Scores in a sentence, of models whose answers are no classes.
    rebuilt:
        For an autoencoder: pictures it has not learned from, and what it makes of them, each
        uint8 `(N, size, size, 3)`.
    limits:
        What a reader must beware of, one sentence each.
    audits:
        What audits found: `kind`, `by`, `against`, `n`, `time`, `sentences`, and `worst` where
        there is one.
    """

    name: str
    variable: str
    method: str
    backbone: str = ""
    licence: str = ""
    citation: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    trained_on: int | None = None
    curves: pd.DataFrame | None = None
    fit: str = ""
    evaluation: Evaluation | None = None
    predicted: pd.DataFrame | None = None
    probabilities: Mapping[str, Sequence[int]] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    scored: str = ""
    rebuilt: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
    limits: Sequence[str] = ()
    audits: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        if self.predicted is not None:
            missing = [name for name in PREDICTED_COLUMNS if name not in self.predicted.columns]
            if missing:
                raise ParameterError(
                    f"The predictions of model {self.name!r} lack the column {missing[0]!r}; "
                    f"give {', '.join(PREDICTED_COLUMNS)}."
                )


@dataclass(frozen=True, slots=True, eq=False)
class ProxyFacts:
    """A rule over a measure, such as `tags:Crowd>=0.5`, taken as a classifier."""

    rule: str
    evaluation: Evaluation
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ReportContent:
    """All that a report shows. Every part may be empty.

    Parameters
    ----------
    title:
        Heading of the report.
    created:
        When it was made.
    failures:
        The first failures; `corpus.failures` is their number in all.
    skipped:
        The first files that were skipped; `corpus.skipped` is their number in all.
    unseen:
        Images that the sample lacks because neither file nor thumbnail could be read.
    sample, sample_note:
        Some pictures of the corpus, and how they were drawn.
    tags, tags_note:
        The most frequent tags with their numbers of items, and how they were counted.
    methods:
        Methods text; by default it is written from the facts (see `methods_text`).
    versions:
        Software by name.
    runs:
        One row per run, any columns.
    """

    title: str
    created: datetime
    corpus: CorpusFacts = field(default_factory=CorpusFacts)
    measures: Sequence[MeasureFacts] = ()
    labels: Sequence[VariableFacts] = ()
    splits: Sequence[SplitFacts] = ()
    models: Sequence[ModelFacts] = ()
    proxies: Sequence[ProxyFacts] = ()
    failures: Sequence[Failure] = ()
    sample: Sequence[Thumb] = ()
    sample_note: str = ""
    tags: Mapping[str, int] = field(default_factory=dict)
    tags_note: str = ""
    methods: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    skipped: Sequence[Failure] = ()
    unseen: int = 0

    @property
    def of_unseen(self) -> str:
        """Say how many images of the sample could not be shown, and why; else nothing."""
        if not self.unseen:
            return ""
        whose = "Its file" if self.unseen == 1 else "Their files"
        return (
            f"{self.unseen:,} image{'s' * (self.unseen != 1)} could not be shown. {whose} cannot "
            "be read where the corpus looks, and no thumbnail was kept; bring the files back and "
            "write the report again."
        )

"""What a report shows, as plain frozen records: filled from a corpus, rendered to HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from mediacorpus.records import Failure
    from mediacorpus.report.evaluation import Evaluation

PREDICTED_COLUMNS = ("class", "items", "records")
"""Columns of `ModelFacts.predicted`."""


@dataclass(frozen=True, slots=True)
class Thumb:
    """One small image with what is known of it.

    Parameters
    ----------
    item:
        The item's id.
    uri:
        The image itself as a data URI, such as `"data:image/jpeg;base64,…"`.
    caption:
        Usually the file name.
    truth, predicted:
        Gold label and predicted class, or `""`.
    probability:
        Probability of the predicted class, 0 to 1, or None.

    Raises
    ------
    ParameterError
        `uri` is no data URI of an image: the report must not point to other files.

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
        """What the image is, in words."""
        parts = [self.caption or f"item {self.item[:12]}"]
        if self.truth:
            parts.append(f"labelled {self.truth}")
        if self.predicted:
            parts.append(f"predicted {self.predicted}")
        if self.probability is not None:
            parts.append(f"probability {self.probability:.2f}")
        return "; ".join(parts)


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
        For an autoencoder: images it has not learned from, and what it makes of them, each
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
        Some images of the corpus, and how they were drawn.
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

"""The verb `label`: a trained model at work on loose files, without a corpus of one's own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus.corpus import Corpus
from mediacorpus.errors import ParameterError, SourceError
from mediacorpus.learning.targets import SEPARATOR, TargetKind, target_of
from mediacorpus.result import TableResult, counted

if TYPE_CHECKING:
    import pandas as pd

NAMED = 3
"""Failures that the words of a result name."""

HALF = 0.5
"""Probability from which one of several labels is given."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Labelled(TableResult):
    """What a model says of files.

    Parameters
    ----------
    model:
        The model's name.
    table:
        A row per file, in their order: `file`, `label`, `probability`, one column for each class
        with its probability; of a scale `file` and `value`. `failure` says why a file has none.
    failed:
        File → why it could not be labelled.
    output:
        The file that it was written to, if any.
    skipped:
        Files that are no images or other media, such as texts.
    """

    model: str
    table: pd.DataFrame
    failed: Mapping[str, str] = field(default_factory=dict)
    output: Path | None = None
    skipped: int = 0

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table

    def __str__(self) -> str:
        count = len(self.table) - len(self.failed)
        text = f"Labelled {counted(count, 'file')} by {self.model}"
        if count and "label" in self.table:
            tally = self.table["label"].dropna().value_counts()
            text += ": " + ", ".join(f"{str(name) or 'none'} {n:,}" for name, n in tally.items())
        text += "."
        if self.failed:
            some = list(self.failed.items())[:NAMED]
            named = "; ".join(f"{file}: {reason}" for file, reason in some)
            more = "; …" if len(self.failed) > NAMED else ""
            text += f" {len(self.failed):,} could not be labelled ({named}{more})."
        if self.skipped:
            text += f" {counted(self.skipped, 'file')} left out: no images."
        return text if self.output is None else f"{text} Wrote {self.output}."


def label(
    model: str | os.PathLike[str],
    images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    output: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Labelled:
    """Let a model label images, wherever it was trained and wherever they are.

    The work is done in a corpus that is thrown away: files are opened, measured and predicted
    exactly as `Corpus.add` and `Corpus.apply` do it.

    Parameters
    ----------
    model:
        A model's folder, such as `protests/models/quick`. It is checked as every model is, and
        nothing in it is run.
    images:
        Files or folders, or several of them.
    output:
        `.csv`, `.parquet`, `.xlsx`, `.dta`, `.sav` or `.rds.csv` file to write the table to.
    progress:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    ModelError
        The folder holds no model, or one that cannot be used here.
    SourceError
        There is nothing of that name, or no image in it.
    ParameterError
        The output has another ending.

    Examples
    --------
    >>> found = label("protests/models/quick", "photos", output="labels.csv")  # doctest: +SKIP
    >>> found.table[["file", "label", "probability"]]                          # doctest: +SKIP
    """
    from mediacorpus.store.write import check_target

    target = None if output is None else Path(output)
    if target is not None:
        check_target(target)
    given = [images] if isinstance(images, str | os.PathLike) else list(images)
    if not given:
        raise ParameterError("Name at least one image, or a folder of images.")
    with tempfile.TemporaryDirectory() as place, Corpus.create(Path(place) / "loose") as corpus:
        imported = corpus.import_model(model)
        corpus.add(given, progress=progress)
        if not len(corpus.items()):
            raise SourceError(f"There is no image in {', '.join(map(str, given))}.")
        corpus.apply(imported.name, progress=progress)
        table, skipped = _table(corpus, imported.name)
    failed = table.loc[table["failure"] != "", ["file", "failure"]]
    if target is not None:
        _write(table, target)
    reasons = dict(failed.itertuples(index=False, name=None))
    return Labelled(imported.name, table, reasons, target, skipped)


def _table(corpus: Corpus, name: str) -> tuple[pd.DataFrame, int]:
    """Put what a model said beside the files, and why some have nothing."""
    import pandas as pd

    from mediacorpus.store import people
    from mediacorpus.validation.predictions import answers_of

    store = corpus._store  # noqa: SLF001 - a corpus of our own
    entry = people.model(store, name)
    records = corpus.sql(
        "SELECT path AS file, records.item AS item, kind FROM records JOIN items USING (item) "
        "ORDER BY record"
    )
    failures = corpus.failures()
    skipped = failures["stage"] == "skipped"
    lost = failures[~skipped]
    reasons = dict(zip(lost["subject"].astype(str), lost["reason"].astype(str), strict=True))
    answers = answers_of(store, entry, list(records["item"]))
    records["file"] = _shown(corpus, records["file"])
    found = records[["file"]].join(_answer(entry, answers.reindex(records["item"])))
    lacking = answers.reindex(records["item"]).isna().any(axis=1).to_numpy()
    found["failure"] = [
        "" if not lacks else reasons.get(item, f"it is a {kind}, not an image")
        for lacks, item, kind in zip(lacking, records["item"], records["kind"], strict=True)
    ]
    unread = lost[lost["stage"] == "add"]
    rest = pd.DataFrame(
        {"file": _shown(corpus, unread["path"]), "failure": unread["reason"].astype(str)}
    )
    return pd.concat([found, rest], ignore_index=True), int(skipped.sum())


def _shown(corpus: Corpus, paths: Iterable[str]) -> list[str]:
    """Write paths from the working folder on, or else without the folders of this machine."""
    from mediacorpus.analysis.handing_out import HandedOut

    here = f"{Path.cwd()}{os.sep}"
    handed = HandedOut(corpus._store)  # noqa: SLF001 - a corpus of our own
    return [
        path.removeprefix(here) if path.startswith(here) else handed.text(path) for path in paths
    ]


def _answer(entry: Mapping[str, Any], answers: pd.DataFrame) -> pd.DataFrame:
    """Give the label, its probability, and the probability of each class."""
    import pandas as pd

    kind = target_of(entry["card"]).kind
    answers = answers.reset_index(drop=True)
    if kind is TargetKind.SCALE:
        return answers[["value"]]
    known = ~answers.isna().any(axis=1)
    if kind is TargetKind.MULTILABEL:
        chosen = [
            SEPARATOR.join(str(name) for name, p in row.items() if p >= HALF)
            for _, row in answers.iterrows()
        ]
        first = pd.DataFrame({"label": pd.Series(chosen, dtype=object).where(known)})
    else:
        best = answers.fillna(0).idxmax(axis=1).where(known)
        first = pd.DataFrame({"label": best, "probability": answers.max(axis=1)})
    classes = answers.rename(columns={c: f"p_{c}" for c in answers.columns})
    return first.join(classes)


def _write(table: pd.DataFrame, target: Path) -> None:
    import pyarrow as pa

    from mediacorpus.store.write import write_batches

    write_batches(pa.Table.from_pandas(table, preserve_index=False).to_reader(10_000), target)

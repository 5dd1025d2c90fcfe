"""Write a table to a file, with the codebook that says what its columns hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mediacorpus.analysis import tidy
from mediacorpus.analysis.codebook import Codebook, column_labels
from mediacorpus.analysis.handing_out import HandedOut
from mediacorpus.result import Result, counted
from mediacorpus.store.columns import own_columns
from mediacorpus.store.store import Store
from mediacorpus.store.write import check_target, write_batches

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True, repr=False)
class Exported(Result):
    """A table that was written to a file.

    Parameters
    ----------
    file:
        The file.
    rows, columns:
        What it holds.
    codebook:
        The file that says what the columns are, if it was written.
    """

    file: Path
    rows: int
    columns: int
    codebook: Path | None = None

    def __str__(self) -> str:
        text = (
            f"Wrote {counted(self.rows, 'row')} of {counted(self.columns, 'column')} to {self.file}"
        )
        return f"{text}." if self.codebook is None else f"{text}; {self.codebook} explains them."


def export(
    store: Store,
    name: str,
    target: Path,
    *,
    columns: Sequence[str] = (),
    by: str | None = None,
    at_least: float = 0.0,
    only: Sequence[str] | None = None,
    codebook: bool = True,
    full_paths: bool = False,
) -> Exported:
    """Write a table to a file in batches, and its codebook beside it.

    Parameters
    ----------
    store:
        The catalogue.
    name, columns, by, at_least, only:
        As for `analysis.tidy.table`.
    target:
        `.csv`, `.parquet`, `.xlsx`, `.dta` (Stata), `.sav` (SPSS) or `.rds.csv` file; the last
        has a script for R beside it.
    codebook:
        Whether `study_codebook.csv` is written beside `study.dta`; see `Codebook.write`.
    full_paths:
        Whether paths of files are written with all folders of this machine, not from their
        sources on.

    Raises
    ------
    UnknownName
        There is no such table or column.
    ParameterError
        The file has another ending, or the format cannot hold as many rows.
    MissingExtra
        A package that writes the format is not installed.
    """
    check_target(target)
    found = tidy.batches(store, name, columns=columns, by=by, at_least=at_least, only=only)
    labels = column_labels(store, name) if by is None else {}
    return _write(store, found, target, labels=labels, codebook=codebook, full_paths=full_paths)


def table_and_file(
    store: Store,
    name: str,
    target: Path,
    *,
    columns: Sequence[str] = (),
    by: str | None = None,
    at_least: float = 0.0,
    only: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return a table and write it to a file as well, from one reading; see `export`."""
    check_target(target)
    result = tidy.relation(store, name, columns=columns, by=by, at_least=at_least, only=only)
    result.keep()
    labels = column_labels(store, name) if by is None else {}
    _write(store, result.batches(), target, labels=labels, codebook=False, full_paths=False)
    return result.frame()


def _write(
    store: Store,
    rows: pa.RecordBatchReader,
    target: Path,
    *,
    labels: Mapping[str, tuple[str, str]],
    codebook: bool,
    full_paths: bool,
) -> Exported:
    if not full_paths:
        own = [column.shown for column in own_columns(store)]
        rows = HandedOut(store).batches(rows, without=own)
    book = Codebook(labels)
    count = len(rows.schema.names)
    texts = {name: text for name, (text, _) in labels.items()}
    written = write_batches(book.watch(rows) if codebook else rows, target, texts)
    return Exported(target, written, count, book.write(target) if codebook else None)

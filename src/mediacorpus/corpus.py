"""The corpus: a folder, and the verbs on it. Each verb is done by the room that knows how."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mediacorpus.catalogue.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from mediacorpus.coding.importing import Imported
    from mediacorpus.coding.splitting import Split
    from mediacorpus.engine.local import Measured
    from mediacorpus.learning.settings import TrainSettings
    from mediacorpus.learning.train import TrainedModel
    from mediacorpus.sources.adding import Added
    from mediacorpus.validation.verb import Validation

PathLike = str | os.PathLike[str]


class Corpus:
    """A folder with a catalogue, tables, models and reports.

    Parameters
    ----------
    folder:
        A folder that holds a corpus.

    Raises
    ------
    CorpusNotFound, CorpusTooNew, CorpusDamaged
        There is no corpus, or none that this version can use.

    Examples
    --------
    >>> import tempfile
    >>> with Corpus.create(Path(tempfile.mkdtemp()) / "protests") as corpus:
    ...     len(corpus.items())
    0
    """

    def __init__(self, folder: PathLike) -> None:
        self._store = Store(Path(folder))

    @classmethod
    def create(cls, folder: PathLike) -> Self:
        """Make a new corpus in `folder` and open it; raises `CorpusExists`."""
        Store.create(Path(folder)).close()
        return cls(folder)

    @classmethod
    def open(cls, folder: PathLike) -> Self:
        """Open the corpus in `folder`; the same as `Corpus(folder)`."""
        return cls(folder)

    @property
    def folder(self) -> Path:
        """The corpus folder."""
        return self._store.folder

    def close(self) -> None:
        """Close the catalogue. A corpus used in a `with` block closes itself."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        from mediacorpus.analysis.overview import overview

        return str(overview(self._store))

    def _repr_html_(self) -> str:
        from mediacorpus.report.notebook import corpus_html

        return corpus_html(self._store)

    def add(
        self,
        source: PathLike | Sequence[PathLike],
        *,
        variable: str | None = None,
        path_column: str | None = None,
        id_column: str | None = None,
        min_bytes: int = 0,
        progress: bool | None = None,
        **options: Any,
    ) -> Added:
        """Add folders, files, archives, tables; see `mediacorpus.sources.add.add`.

        `options` are those of `AddOptions`, such as `frames="every=1s"` or `pages="1-20"`.
        """
        from mediacorpus.sources.add import add
        from mediacorpus.sources.options import AddOptions

        return add(
            self._store,
            source,
            variable=variable,
            path_column=path_column,
            id_column=id_column,
            min_bytes=min_bytes,
            options=AddOptions(**options),
            show=progress,
        )

    def table(
        self,
        name: str = "tidy",
        *,
        by: str | None = None,
        at_least: float = 0.0,
        output: PathLike | None = None,
    ) -> pd.DataFrame:
        """Return a table, by default one row for each record with all that is known of it.

        Parameters
        ----------
        name:
            `"tidy"`, a table of the catalogue (`"items"`, `"labels"`, …), a measure or a model.
        by:
            `"video"`, `"shot"` or `"document"` sums a measure of frames or pages up: see
            `mediacorpus.analysis.rollup.rollup`.
        at_least:
            Tags and regions with a lower score do not count in that sum.
        output:
            Also write it to this `.csv` or `.parquet` file.

        Raises
        ------
        UnknownName
            There is no such table.
        """
        from mediacorpus.analysis import tidy

        if output is not None:
            tidy.export(self._store, name, Path(output), by=by, at_least=at_least)
        return tidy.table(self._store, name, by=by, at_least=at_least)

    def sql(self, query: str) -> pd.DataFrame:
        """Run one SQL query (DuckDB's dialect) over all tables and return a data frame."""
        from mediacorpus.analysis import tidy

        return tidy.sql(self._store, query)

    def items(self) -> pd.DataFrame:
        """Return one row for each distinct picture."""
        return self.table("items")

    def records(self) -> pd.DataFrame:
        """Return one row for each occurrence of a picture, with your own columns."""
        return self.table("records")

    def failures(self) -> pd.DataFrame:
        """Return what could not be added or measured, each with its reason."""
        return self.table("failures")

    def runs(self) -> pd.DataFrame:
        """Return one row for each run, with parameters, versions, times and counts."""
        return self.table("runs")

    def measure(
        self,
        *names: str,
        precision: str = "fp32",
        retry: bool = False,
        batch_size: int = 16,
        progress: bool | None = None,
        **parameters: Any,
    ) -> Measured:
        """Run measures in one pass; see `mediacorpus.measures.verb.measure`."""
        from mediacorpus.measures.verb import measure

        return measure(
            self._store,
            names,
            precision=precision,
            retry=retry,
            batch_size=batch_size,
            show=progress,
            **parameters,
        )

    def import_labels(
        self, source: PathLike | pd.DataFrame, *, coder: str | None = None
    ) -> Imported:
        """Append labels from a table; see `mediacorpus.coding.importing.import_labels`."""
        from mediacorpus.coding.importing import import_labels

        return import_labels(self._store, source, coder=coder)

    def gold(
        self, variable: str, *, rule: str = "majority", positive: str | None = None
    ) -> pd.DataFrame:
        """Return one value for each labelled item; see `mediacorpus.coding.splitting.gold`."""
        from mediacorpus.coding.splitting import gold

        return gold(self._store, variable, rule=rule, positive=positive)

    def split(self, variable: str, *, shares: str = "80/20", seed: int = 1) -> Split:
        """Draw a stratified split; see `mediacorpus.coding.splitting.split`."""
        from mediacorpus.coding.splitting import split

        return split(self._store, variable, shares=shares, seed=seed)

    def train(
        self,
        variable: str,
        *,
        name: str,
        settings: TrainSettings | None = None,
        replace: bool = False,
        progress: bool | None = None,
        on_epoch: Callable[[int, int, Mapping[str, Any]], None] | None = None,
        **parameters: Any,
    ) -> TrainedModel:
        """Train a classifier of a variable; see `mediacorpus.learning.verbs.train`.

        `parameters` are those of `TrainSettings`, such as `method="finetune"` or `epochs=10`.
        """
        from mediacorpus.learning.verbs import train

        return train(
            self._store,
            variable,
            name=name,
            settings=settings,
            replace_model=replace,
            show=progress,
            on_epoch=on_epoch,
            **parameters,
        )

    def apply(self, name: str, *, retry: bool = False, progress: bool | None = None) -> Measured:
        """Predict the whole corpus with a model; see `mediacorpus.learning.verbs.apply`."""
        from mediacorpus.learning.verbs import apply

        return apply(self._store, name, retry=retry, show=progress)

    def validate(
        self,
        subject: str,
        *,
        against: str,
        positive: str | None = None,
        part: str | None = None,
        level: float = 0.95,
        seed: int = 1,
    ) -> Validation:
        """Score a model or measure against labels; see `mediacorpus.validation.verb.validate`."""
        from mediacorpus.validation.verb import validate

        return validate(
            self._store,
            subject,
            against=against,
            positive=positive,
            part=part,
            level=level,
            seed=seed,
        )

    def report(self, *, title: str | None = None, output: PathLike | None = None) -> Path:
        """Write the report as one HTML file and return its path."""
        from mediacorpus.report.verb import report

        return report(self._store, title=title, output=Path(output) if output else None)

    def show(self, items: Sequence[str] | None = None, *, most: int = 24) -> Any:
        """Return a gallery of thumbnails that a notebook shows.

        Parameters
        ----------
        items:
            Item ids, or the first digits of them; by default items from all over the corpus.
        most:
            Number of pictures at the most.
        """
        from mediacorpus.report.notebook import gallery

        return gallery(self._store, items, most=most)

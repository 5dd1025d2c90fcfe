"""The corpus: a folder, and the verbs on it. Each verb is done by the room that knows how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mediacorpus.catalogue.store import Store
from mediacorpus.corpus.learning import LearningVerbs
from mediacorpus.corpus.paths import PathLike
from mediacorpus.corpus.trust import TrustVerbs

if TYPE_CHECKING:
    import pandas as pd

    from mediacorpus.sources.adding import Added

__all__ = ["Corpus"]


class Corpus(LearningVerbs, TrustVerbs):
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

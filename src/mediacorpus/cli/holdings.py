"""Commands that fill a corpus and look at what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediacorpus.cli.app import Folder, Json, Output_, Quiet, Rows, app
from mediacorpus.cli.output import ROWS_SHOWN, out, show, show_json, some_failed, write_frame


@app.command()
def create(folder: Folder, as_json: Json = False) -> None:
    """Make an empty corpus in DIR."""
    from mediacorpus.corpus import Corpus

    Corpus.create(folder).close()
    if as_json:
        show_json({"folder": folder})
    else:
        out(f"Made an empty corpus in {folder}.")


@app.command()
def add(
    folder: Folder,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A folder, a picture, or a CSV, TSV, Parquet or JSON-lines table of paths.",
        ),
    ],
    variable: Annotated[
        str | None,
        typer.Option(help="Class folders (or this column of a table) become its labels."),
    ] = None,
    path_column: Annotated[
        str | None, typer.Option(help="Column of a table that holds the paths.")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(help="Column of a table that tells its rows apart.")
    ] = None,
    min_bytes: Annotated[int, typer.Option(help="Leave out smaller files.", min=0)] = 0,
    skip_small: Annotated[
        bool, typer.Option("--skip-small", help="Leave out files under 5,000 bytes.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Add pictures to the corpus in DIR; adding again reads only what is new."""
    from mediacorpus.corpus import Corpus
    from mediacorpus.sources.add import SMALL

    with Corpus(folder) as corpus:
        added = corpus.add(
            source,
            variable=variable,
            path_column=path_column,
            id_column=id_column,
            min_bytes=max(min_bytes, SMALL if skip_small else 0),
            progress=False if quiet or as_json else None,
        )
    show(added, as_json=as_json)
    some_failed(added.failed)


def _look(folder: Path, name: str, *, output: Path | None, rows: int, as_json: bool) -> None:
    from mediacorpus.analysis import tidy
    from mediacorpus.catalogue.store import Store

    if output is not None and not as_json:
        with Store(folder) as store:
            written = tidy.export(store, name, output)
        out(f"Wrote {written:,} rows to {output}.")
        return
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        show(corpus.table(name, output=output), as_json=as_json, rows=rows)


@app.command()
def items(
    folder: Folder, output: Output_ = None, rows: Rows = ROWS_SHOWN, as_json: Json = False
) -> None:
    """List the distinct pictures."""
    _look(folder, "items", output=output, rows=rows, as_json=as_json)


@app.command()
def records(
    folder: Folder, output: Output_ = None, rows: Rows = ROWS_SHOWN, as_json: Json = False
) -> None:
    """List every occurrence of a picture, with your own columns."""
    _look(folder, "records", output=output, rows=rows, as_json=as_json)


@app.command()
def failures(
    folder: Folder, output: Output_ = None, rows: Rows = ROWS_SHOWN, as_json: Json = False
) -> None:
    """List what could not be added or measured, and why."""
    _look(folder, "failures", output=output, rows=rows, as_json=as_json)


@app.command()
def runs(
    folder: Folder, output: Output_ = None, rows: Rows = ROWS_SHOWN, as_json: Json = False
) -> None:
    """List every run: parameters, versions, times, counts."""
    _look(folder, "runs", output=output, rows=rows, as_json=as_json)


@app.command()
def table(
    folder: Folder,
    name: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="tidy (one row a record, all side by side), items, records, labels, gold, "
            "splits, models, validations, a measure or a model.",
        ),
    ] = "tidy",
    output: Output_ = None,
    rows: Rows = ROWS_SHOWN,
    as_json: Json = False,
) -> None:
    """Show a table, or write it to a file."""
    _look(folder, name, output=output, rows=rows, as_json=as_json)


@app.command()
def sql(
    folder: Folder,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT over the tables.")],
    output: Output_ = None,
    rows: Rows = ROWS_SHOWN,
    as_json: Json = False,
) -> None:
    """Ask all tables at once in SQL (DuckDB's dialect)."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        frame = corpus.sql(query)
    if output is not None:
        write_frame(frame, output)
    else:
        show(frame, as_json=as_json, rows=rows)

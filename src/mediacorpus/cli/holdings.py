"""Commands that fill a corpus and look at what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mediacorpus.cli.app import Encoding, Folder, Json, Output_, Quiet, Rows, Sheet, app
from mediacorpus.cli.output import ROWS_SHOWN, out, show, show_json, some_failed, write_frame
from mediacorpus.cli.selecting import selectable


@app.command()
def create(folder: Folder, as_json: Json = False) -> None:
    """Make an empty corpus in DIR."""
    from mediacorpus.corpus import Corpus

    Corpus.create(folder).close()
    if as_json:
        show_json({"folder": folder})
    else:
        out(f"Made an empty corpus in {folder}.")


Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Folders, images, drawings, PDF, video or sound files, zip or tar archives, "
        "or a table (CSV, TSV, Parquet, JSON lines, .xlsx, .ods) of paths or links.",
    ),
]
Variable = Annotated[
    str | None,
    typer.Option(help="Class folders (or this column of a table) become its labels."),
]
PathColumn = Annotated[
    str | None,
    typer.Option(
        metavar="A,B", help="Column of a table that holds the paths or links, or several."
    ),
]
IdColumn = Annotated[str | None, typer.Option(help="Column of a table that tells its rows apart.")]
MinBytes = Annotated[int, typer.Option(help="Leave out smaller files.", min=0)]
SkipSmall = Annotated[bool, typer.Option("--skip-small", help="Leave out files under 5,000 bytes.")]
NewRecords = Annotated[
    bool,
    typer.Option(
        "--new-records", help="Rows of a table about files that are there are further records."
    ),
]
LabelFrom = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN", help='Where the label stands in file names: "{label}.*" for cat.1.jpg.'
    ),
]
Frames = Annotated[
    str | None,
    typer.Option(help="Frames of videos that become items: every=1s, every=30, or shots."),
]
Pages = Annotated[
    str | None,
    typer.Option(help="Pages of documents that become items: 1-20, or 1,3,5-7; else all."),
]
Dpi = Annotated[float, typer.Option(help="Density at which PDF pages are drawn.")]
Boxes = Annotated[
    str | None,
    typer.Option(help="Columns x,y,width,height of a table whose rows are about regions."),
]
BoxUnit = Annotated[str, typer.Option(help="pixels or fractions.")]
Refresh = Annotated[
    bool, typer.Option("--refresh", help="Ask servers whether downloaded files have changed.")
]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="Fetch from private addresses too.")
]
IgnoreRobots = Annotated[
    bool, typer.Option("--ignore-robots", help="Fetch what robots.txt or noai forbid.")
]
Parallel = Annotated[int, typer.Option(help="Requests at once.", min=1)]
Rate = Annotated[
    float, typer.Option(help="Requests per second to one host; 0 for no limit.", min=0)
]
Contact = Annotated[
    str | None, typer.Option(help="How site owners can reach you, sent with each request.")
]


@app.command()
def add(
    folder: Folder,
    sources: Sources,
    variable: Variable = None,
    path_column: PathColumn = None,
    id_column: IdColumn = None,
    min_bytes: MinBytes = 0,
    skip_small: SkipSmall = False,
    encoding: Encoding = None,
    sheet: Sheet = None,
    new_records: NewRecords = False,
    label_from: LabelFrom = None,
    frames: Frames = None,
    pages: Pages = None,
    dpi: Dpi = 200.0,
    boxes: Boxes = None,
    box_unit: BoxUnit = "pixels",
    refresh: Refresh = False,
    allow_private: AllowPrivate = False,
    ignore_robots: IgnoreRobots = False,
    parallel: Parallel = 16,
    rate: Rate = 10.0,
    contact: Contact = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Add media to the corpus in DIR; adding again reads only what is new."""
    from mediacorpus.corpus import Corpus
    from mediacorpus.sources.add import SMALL

    with Corpus(folder) as corpus:
        added = corpus.add(
            sources,
            variable=variable,
            path_column=path_column,
            id_column=id_column,
            min_bytes=max(min_bytes, SMALL if skip_small else 0),
            encoding=encoding,
            sheet=sheet,
            new_records=new_records,
            label_from=label_from,
            progress=False if quiet or as_json else None,
            frames=frames,
            pages=pages,
            dpi=dpi,
            boxes=boxes,
            box_unit=box_unit,
            refresh=refresh,
            allow_private=allow_private,
            robots=not ignore_robots,
            parallel=parallel,
            rate=rate or None,
            contact=contact,
        )
    show(added, as_json=as_json)
    some_failed(added.failed)


@app.command()
def remove(
    folder: Folder,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="What was added: its path, or its name in the records."
        ),
    ],
    labels: Annotated[
        bool, typer.Option("--labels", help="Items that have labels go, too, with their labels.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take a source out of the corpus again; the files are not touched."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        show(corpus.remove(source, labels=labels), as_json=as_json)


def _look(
    folder: Path,
    name: str,
    *,
    output: Path | None,
    rows: int,
    as_json: bool,
    by: str | None = None,
    at_least: float = 0.0,
    on: Any = None,
) -> None:
    from mediacorpus.analysis import tidy
    from mediacorpus.store.store import Store

    if output is not None and not as_json:
        with Store(folder) as store:
            from mediacorpus.analysis.selecting import select

            only = select(store, on)
            written = tidy.export(store, name, output, by=by, at_least=at_least, only=only)
        out(f"Wrote {written:,} rows to {output}.")
        return
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.table(name, on=on, by=by, at_least=at_least, output=output)
        show(found, as_json=as_json, rows=rows)


@app.command()
def items(
    folder: Folder, output: Output_ = None, rows: Rows = ROWS_SHOWN, as_json: Json = False
) -> None:
    """List the distinct images."""
    _look(folder, "items", output=output, rows=rows, as_json=as_json)


@app.command()
def records(
    folder: Folder, output: Output_ = None, rows: Rows = ROWS_SHOWN, as_json: Json = False
) -> None:
    """List every occurrence of an image, with your own columns."""
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
@selectable
def table(
    folder: Folder,
    name: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="tidy (one row a record, all side by side), items, records, frames, shots, "
            "pages, labels, gold, splits, models, validations, a measure or a model.",
        ),
    ] = "tidy",
    by: Annotated[
        str | None,
        typer.Option(help="Sum a measure of frames or pages up by shot, video or document."),
    ] = None,
    at_least: Annotated[
        float, typer.Option(help="Least score of the tags that count in that sum.")
    ] = 0.0,
    output: Output_ = None,
    rows: Rows = ROWS_SHOWN,
    on: Any = None,
    as_json: Json = False,
) -> None:
    """Show a table, or write it to a file."""
    _look(folder, name, output=output, rows=rows, as_json=as_json, by=by, at_least=at_least, on=on)


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

"""Commands that fill a corpus and look at what it holds."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from mediacorpus.cli.app import Encoding, Folder, Json, Output_, Quiet, Rows, Sheet, command
from mediacorpus.cli.output import ROWS_SHOWN, note, out, show, show_json, some_failed, write_frame
from mediacorpus.cli.selecting import selectable
from mediacorpus.files import atomic_write


@command()
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
        "or a table (CSV, TSV, Parquet, JSON lines, .xlsx, .xls, .ods) of paths or links.",
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
Audio = Annotated[
    bool, typer.Option("--audio", help="The audio track of each video becomes an item, too.")
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


@command()
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
    audio: Audio = False,
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
            audio=audio,
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


@command()
def update(folder: Folder, quiet: Quiet = False, as_json: Json = False) -> None:
    """Repeat, for what is new, all that was asked: sources, measures, models, scores, report."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        done = corpus.update(progress=False if quiet or as_json else None)
    for one in said:
        note(f"Note: {one.message}")
    show(done, as_json=as_json)
    some_failed(done.failed)


@command()
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
    columns: str = "",
    by: str | None = None,
    at_least: float = 0.0,
    on: Any = None,
    codebook: bool = False,
    full_paths: bool = False,
) -> None:
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        if output is None:
            found = corpus.table(name, on=on, columns=columns, by=by, at_least=at_least)
            show(found, as_json=as_json, rows=rows)
            return
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            written = corpus.export(
                output,
                name,
                on=on,
                columns=columns,
                by=by,
                at_least=at_least,
                codebook=codebook,
                full_paths=full_paths,
            )
    show(written, as_json=as_json)
    for one in said:
        note(f"Note: {one.message}")


@command()
def items(
    folder: Folder, output: Output_ = None, rows: Rows = ROWS_SHOWN, as_json: Json = False
) -> None:
    """List the distinct images."""
    _look(folder, "items", output=output, rows=rows, as_json=as_json)


@command()
def records(
    folder: Folder, output: Output_ = None, rows: Rows = ROWS_SHOWN, as_json: Json = False
) -> None:
    """List every occurrence of an image, with your own columns."""
    _look(folder, "records", output=output, rows=rows, as_json=as_json)


@command()
def failures(
    folder: Folder, output: Output_ = None, rows: Rows = ROWS_SHOWN, as_json: Json = False
) -> None:
    """List what could not be added or measured, and why."""
    _look(folder, "failures", output=output, rows=rows, as_json=as_json)


@command()
def runs(
    context: typer.Context,
    folder: Folder,
    as_script: Annotated[
        bool,
        typer.Option("--as-script", help="The study as a script of commands, for a shell."),
    ] = False,
    as_python: Annotated[
        bool, typer.Option("--as-python", help="The study as a script of Python.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the table or the script to this file."),
    ] = None,
    rows: Rows = ROWS_SHOWN,
    as_json: Json = False,
) -> None:
    """List every run: parameters, versions, times, counts; or the study as a script."""
    if not (as_script or as_python):
        _look(folder, "runs", output=output, rows=rows, as_json=as_json)
        return
    from mediacorpus.analysis.script import python_script
    from mediacorpus.cli.scripting import shell_script
    from mediacorpus.store.store import Store

    with Store(folder) as store:
        text = (
            python_script(store) if as_python else shell_script(store, context.find_root().command)
        )
    if output is None:
        out(text.rstrip())
        return
    with atomic_write(output) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    out(f"Wrote the commands of the study to {output}.")


@command()
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
    columns: Annotated[
        str, typer.Option(metavar="COLUMN,...", help="Only these columns, in this order.")
    ] = "",
    output: Output_ = None,
    codebook: Annotated[
        bool,
        typer.Option(help="Write beside the file what its columns hold, as FILE_codebook.csv."),
    ] = True,
    full_paths: Annotated[
        bool,
        typer.Option(
            "--full-paths",
            help="Write paths with all folders of this machine, not from the source on.",
        ),
    ] = False,
    rows: Rows = ROWS_SHOWN,
    on: Any = None,
    as_json: Json = False,
) -> None:
    """Show a table, or write it to a file, with a codebook."""
    _look(
        folder,
        name,
        output=output,
        rows=rows,
        as_json=as_json,
        columns=columns,
        by=by,
        at_least=at_least,
        on=on,
        codebook=codebook,
        full_paths=full_paths,
    )


@command()
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

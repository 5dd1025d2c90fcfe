"""Commands that measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mediacorpus.cli.app import Encoding, Folder, Json, Quiet, Rows, Sheet, app, command
from mediacorpus.cli.help import Command, Subgroup
from mediacorpus.cli.output import ROWS_SHOWN, note, show, some_failed
from mediacorpus.cli.selecting import selectable

measures_app = typer.Typer(cls=Subgroup, invoke_without_command=True)
app.add_typer(measures_app, name="measures")


@command()
def backbones(as_json: Json = False) -> None:
    """List pretrained networks: published accuracy, weights, cost, memory, licence."""
    from mediacorpus.networks.published import backbones as found

    frame = found()
    show(frame, as_json=as_json, rows=len(frame))


@measures_app.callback()
def measures(
    context: typer.Context,
    labels: Annotated[
        str | None, typer.Option(metavar="NAME", help="List the tags that this measure knows.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(metavar="WORD", help="With --labels: only tags with this word.")
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also what was imported here, with numbers of images."),
    ] = None,
    rows: Rows = ROWS_SHOWN,
    as_json: Json = False,
) -> None:
    """List what can be measured and which tags a measure knows; import values from elsewhere."""
    if context.invoked_subcommand is not None:
        return
    from mediacorpus.corpus import Corpus
    from mediacorpus.measures.known_tags import measures_of

    if corpus is None:
        found = measures_of(None, labels=labels, search=search)
    else:
        with Corpus(corpus) as opened:
            found = opened.measures(labels=labels, search=search)
    show(found, as_json=as_json, rows=rows if labels else len(found))


@measures_app.command("import", cls=Command)
def import_(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new measure.")],
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="Table of values: CSV, Parquet, JSONL, .xlsx.")
    ],
    shape: Annotated[
        str | None, typer.Option(help="What a row is: tag, scalar, text or region (a box).")
    ] = None,
    item: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of ids, or of file names; else found."),
    ] = None,
    tag: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of tags.")] = None,
    score: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of scores.")] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="With scalar: columns of values; else all others."),
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of texts.")] = None,
    boxes: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="Columns with a box: left, top, width, height."),
    ] = None,
    box_unit: Annotated[str, typer.Option(help="Unit of boxes: pixels or fractions.")] = "pixels",
    scale: Annotated[
        float | None,
        typer.Option(help="Score that means certain, such as 100 of percent; else found."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be imported.")
    ] = False,
    encoding: Encoding = None,
    sheet: Sheet = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a measure of a table of values that another program computed.

    The measure is known by the table's hash. A corrected table takes its place.
    """
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        imported = corpus.import_measure(
            name,
            source,
            shape=shape,
            item=item,
            tag=tag,
            score=score,
            columns=columns or (),
            text=text,
            boxes=boxes or (),
            box_unit=box_unit,
            scale=scale,
            dry_run=dry_run,
            encoding=encoding,
            sheet=sheet,
            progress=False if quiet or as_json else None,
        )
    show(imported, as_json=as_json)
    some_failed(len(imported.unknown))


@measures_app.command("group", cls=Command)
def group_(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new measure.")],
    groups: Annotated[
        str,
        typer.Argument(
            metavar="GROUPS",
            help="Words of WordNet with commas (animal,vehicle), or a table with the columns "
            "group and tag.",
        ),
    ],
    of: Annotated[
        str, typer.Option(help="The tags that are summed up: a measure or model.")
    ] = "tags",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Sum tags up to groups, such as all animals, as a measure of its own.

    Scores of a network's classes are added, up to 1; of imported tags the best counts.
    """
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        grouped = corpus.group_tags(
            name, groups, of=of, progress=False if quiet or as_json else None
        )
    show(grouped, as_json=as_json)


@command()
@selectable
def measure(
    folder: Folder,
    names: Annotated[list[str], typer.Argument(metavar="MEASURE", help="One or more measures.")],
    of: Annotated[
        str | None,
        typer.Option(help="Measure the regions that this measure found, such as faces."),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="fp32, or int8: faster, slightly rounded.")
    ] = "fp32",
    backbone: Annotated[
        str | None,
        typer.Option(help="For embedding: another network, such as resnet18, or timm:NAME."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="For embedding: its weights, a .safetensors or .pth file."),
    ] = None,
    top: Annotated[
        int | None, typer.Option(help="Tags kept for each image, where tags are asked for.")
    ] = None,
    band: Annotated[
        int | None,
        typer.Option(help="For intensity: only this band of a raster, from 1.", min=1),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images in one batch.", min=1)] = 16,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try items again that failed before.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Hash every file that is measured, even if its size and time are as before.",
        ),
    ] = False,
    on: Any = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure every image that lacks one of the measures, in one pass over the pixels."""
    from mediacorpus.corpus import Corpus

    given = {"top": top, "backbone": backbone, "weights": weights, "band": band}
    parameters = {name: value for name, value in given.items() if value is not None}
    with Corpus(folder) as corpus:
        measured = corpus.measure(
            *names,
            of=of,
            on=on,
            precision=precision,
            retry=retry,
            verify=verify,
            batch_size=batch_size,
            progress=False if quiet or as_json else None,
            **parameters,
        )
    show(measured, as_json=as_json)
    if measured.note:
        note(measured.note)
    some_failed(measured.failed)

"""Commands that show images and draw numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mediacorpus.cli.app import Folder, Json, app
from mediacorpus.cli.output import out, show_json, some_failed
from mediacorpus.cli.selecting import selectable


@app.command()
def show(
    place: Annotated[
        Path, typer.Argument(metavar="DIR", help="The corpus folder, or a media file.")
    ],
    items: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ITEM]...", help="Items of the corpus, by their ids."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write to this .png, .jpg or .webp file.")
    ] = Path("sheet.png"),
    kind: Annotated[str, typer.Option("--as", help="rgb, gray, hsv, lab or edges.")] = "rgb",
    resize: Annotated[
        str | None,
        typer.Option(help='"squish 224", "crop 224", "pad 224", "rescale-crop 224" or "50%".'),
    ] = None,
    augment: Annotated[
        int, typer.Option(help="Random versions that are drawn beside each image.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the random versions.")] = 1,
    as_json: Json = False,
) -> None:
    """Draw images on a sheet: as they are, in other color spaces, resized, augmented."""
    from mediacorpus.report.showing import show_sheet

    drawn = show_sheet(
        place,
        items or (),
        target=output,
        kind=kind,
        resize=resize,
        augment=augment,
        seed=seed,
    )
    if as_json:
        show_json(drawn)
    else:
        out(str(drawn))
    some_failed(len(drawn.failed))


@app.command()
@selectable
def plot(
    folder: Folder,
    column: Annotated[
        str,
        typer.Argument(
            metavar="COLUMN",
            help="A column of the tidy table, such as colorfulness, tags or a label.",
        ),
    ],
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Draw it for each value of this column; also decade(year), year(date), "
            "month(date).",
        ),
    ] = None,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write to this .png, .svg, .pdf or .html file.")
    ] = Path("plot.png"),
    on: Any = None,
    as_json: Json = False,
) -> None:
    """Draw a distribution, shares or a trend, with intervals."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        figure = corpus.plot(column, by=by, on=on, level=level, output=output)
    if as_json:
        show_json(figure.distribution)
    else:
        out(f"{figure.distribution}\nDrawn in {output}.")

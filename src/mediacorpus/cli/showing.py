"""The command that draws pictures on a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediacorpus.cli.app import Json, app
from mediacorpus.cli.output import out, show_json, some_failed


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
        int, typer.Option(help="Random versions that are drawn beside each picture.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the random versions.")] = 1,
    as_json: Json = False,
) -> None:
    """Draw pictures on a sheet: as they are, in other colour spaces, resized, augmented."""
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

"""Commands that show images and draw numbers."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from mediacorpus.cli.app import Folder, Json, command
from mediacorpus.cli.output import out, show_json, some_failed
from mediacorpus.cli.selecting import selectable
from mediacorpus.errors import ParameterError


@command()
def show(
    place: Annotated[
        Path, typer.Argument(metavar="DIR", help="The corpus folder, or a media file.")
    ],
    items: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ITEM]...",
            help="Items of the corpus: ids or names of files; else some from all over it.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write to this .png, .jpg or .webp file.")
    ] = Path("sheet.png"),
    kind: Annotated[
        str,
        typer.Option(
            "--as", help="rgb, gray, channels, red, green, blue, cmyk, hsv, lab or edges."
        ),
    ] = "rgb",
    rotate: Annotated[
        float, typer.Option(metavar="DEGREES", help="Turn the image against the clock.")
    ] = 0.0,
    flip: Annotated[
        str | None, typer.Option(help="Mirror the image: left-right or up-down.")
    ] = None,
    resize: Annotated[
        str | None,
        typer.Option(help='"squish 224", "crop 224", "pad 224", "rescale-crop 224" or "50%".'),
    ] = None,
    filter: Annotated[
        str | None,
        typer.Option(help="How pixels are resized: nearest, bilinear, bicubic, area or lanczos."),
    ] = None,
    augment: Annotated[
        int, typer.Option(help="Random versions that are drawn beside each image.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the random versions.")] = 1,
    frames: Annotated[
        str | None,
        typer.Option(
            help="Frames of videos: shots (one of each, with its times), every=2s or every=50; "
            "else 12 at equal steps."
        ),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(
            help="Items at the most, and frames of a video.  [default: 12, and 60 with --frames]",
            min=1,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw images on a sheet: as they are, in other color spaces, resized, augmented."""
    from mediacorpus.corpus import Corpus
    from mediacorpus.report.showing import show_file
    from mediacorpus.store.store import DATABASE

    drawing: dict[str, Any] = {
        "kind": kind,
        "rotate": rotate,
        "flip": flip,
        "resize": resize,
        "filter": filter,
        "augment": augment,
        "seed": seed,
        "frames": frames,
        "most": most,
        "output": output,
    }
    if (place / DATABASE).is_file():
        with Corpus(place) as corpus:
            drawn = corpus.show(items or None, **drawing)
    elif items:
        raise ParameterError(
            f"{place} is no corpus, so it has no item {items[0]!r}. Name a corpus and then its "
            "items, or one media file alone."
        )
    else:
        drawn = show_file(place, **drawing)
    if as_json:
        show_json(drawn)
    else:
        out(str(drawn))
    some_failed(len(drawn.failed))


@command()
@selectable
def gallery(
    folder: Folder,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Order by a column of the tidy table; -COLUMN begins with the largest.",
        ),
    ] = None,
    columns: Annotated[
        str, typer.Option(metavar="COLUMN,...", help="Columns that stand below each image.")
    ] = "",
    query: Annotated[
        str | None,
        typer.Option(
            metavar="SQL",
            help="A query with a column `item`; its other columns stand below the images.",
        ),
    ] = None,
    most: Annotated[int, typer.Option(help="Images at the most.", min=1)] = 60,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write to this .html file.")
    ] = Path("gallery.html"),
    browser: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            help="Open it in the browser; by default in a terminal.",
            show_default=False,
        ),
    ] = None,
    on: Any = None,
    as_json: Json = False,
) -> None:
    """Show images with what is known of them, as one HTML file; a click enlarges."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.gallery(
            on, sort=sort, columns=columns, query=query, most=most, output=output
        )
    if as_json:
        show_json(found)
        return
    out(f"{found}\nWritten to {output}.")
    if browser or (browser is None and sys.stdout.isatty()):
        webbrowser.open(output.resolve().as_uri())


@command()
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

"""Commands that measure."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mediacorpus.cli.app import Folder, Json, Quiet, command
from mediacorpus.cli.output import note, show, some_failed
from mediacorpus.cli.selecting import selectable


@command()
def backbones(as_json: Json = False) -> None:
    """List pretrained networks: published accuracy, weights, cost, memory, licence."""
    from mediacorpus.networks.published import backbones as found

    frame = found()
    show(frame, as_json=as_json, rows=len(frame))


@command()
def measures(as_json: Json = False) -> None:
    """List what can be measured: name, one line, licence, extra."""
    import pandas as pd

    from mediacorpus.engine.contract import MEASURES

    frame = pd.DataFrame(
        [
            {
                "name": info.name,
                "summary": info.summary,
                "licence": info.licence,
                "extra": info.extra,
                "shape": info.shape.value,
                "version": info.version,
                "citation": info.citation,
            }
            for info in MEASURES
        ]
    )
    show(frame, as_json=as_json)


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

    given = {"top": top, "backbone": backbone, "weights": weights}
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

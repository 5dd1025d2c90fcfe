"""The application that the command groups hang on."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from mediacorpus._version import __version__
from mediacorpus.cli.help import Command, Group
from mediacorpus.cli.output import Output, out

TOUR = """mediacorpus: images into a validated data set, on this machine.

  mediacorpus create DIR                          make a corpus
  mediacorpus add DIR IMAGES --variable face    add images; class folders become labels
  mediacorpus measure DIR facts tags embedding    measure every image, in one pass
  mediacorpus split DIR face                      divide the labelled images 80/20
  mediacorpus train DIR face --name m             train a classifier
  mediacorpus apply DIR m                         let it say what it sees in the rest
  mediacorpus validate DIR m --against face       how far it can be trusted
  mediacorpus report DIR                          all of it in one file
Try `mediacorpus demo`, or `mediacorpus COMMAND --help`."""

app = typer.Typer(
    name="mediacorpus",
    cls=Group,
    help="Turn images into a validated data set, on your own machine.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

command = functools.partial(app.command, cls=Command)
"""Hangs a command on the application, with our form of help."""

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The corpus folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Output_ = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write to this .csv, .parquet, .xlsx, .dta, .sav or .rds.csv file."
    ),
]
Rows = Annotated[int, typer.Option(help="Rows that are shown.", min=1)]
Encoding = Annotated[
    str | None, typer.Option(help="Encoding of a CSV or TSV table, such as cp1251.")
]
Sheet = Annotated[str | None, typer.Option(help="Sheet of a spreadsheet.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def _version(asked: bool) -> None:
    if asked:
        out(__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole traceback of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Turn images into a validated data set, on your own machine."""
    del version
    Output.debug = Output.debug or debug
    if context.invoked_subcommand is None:
        out(TOUR)

"""Commands about models that are there: list them, take one in, let one label loose files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mediacorpus.cli.app import Folder, Json, Output_, Quiet, Rows, app, command
from mediacorpus.cli.help import Command, Group
from mediacorpus.cli.output import ROWS_SHOWN, note, show, some_failed, write_frame

LIST = "list"


class _ListsByDefault(Group):
    """A group that takes what is none of its commands for the folder of the corpus to list."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` first where no command is named."""
        named = args and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named or not args else [LIST, *args])


models_app = typer.Typer(
    cls=_ListsByDefault, help="List the models of a corpus, or take one in.", no_args_is_help=True
)
app.add_typer(models_app, name="models")


@models_app.command(LIST, cls=Command)
def models(
    folder: Folder,
    output: Output_ = None,
    rows: Rows = ROWS_SHOWN,
    as_json: Json = False,
) -> None:
    """List models: what they learned, their score, and whether they are in force."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.models()
    if output is not None:
        write_frame(found, output)
    else:
        show(found, as_json=as_json, rows=rows)


@models_app.command("import", cls=Command)
def import_(
    folder: Folder,
    model: Annotated[
        Path, typer.Argument(metavar="MODEL_FOLDER", help="A model's folder of another corpus.")
    ],
    name: Annotated[
        str | None, typer.Option(help="What to call it here.  [default: its own name]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take a model of another corpus into this one, after checking it."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        show(corpus.import_model(model, name=name), as_json=as_json)


@command()
def label(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL_FOLDER", help="A model's folder, of any corpus.")
    ],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGES...", help="Images, or folders of them.")
    ],
    output: Output_ = None,
    rows: Rows = ROWS_SHOWN,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Let a model label images without a corpus."""
    from mediacorpus.labelling import label as label_

    found = label_(model, images, output=output, progress=False if quiet or as_json else None)
    if as_json or output is not None:
        show(found, as_json=as_json)
    else:
        show(found.table, as_json=False, rows=rows)
        note(str(found))
    some_failed(len(found.failed))

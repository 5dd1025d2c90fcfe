"""Commands about labels and splits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediacorpus.cli.app import Folder, Json, app, command
from mediacorpus.cli.help import Command
from mediacorpus.cli.output import show, some_failed

labels_app = typer.Typer(help="Labels that people gave.", no_args_is_help=True)
app.add_typer(labels_app, name="labels")


@labels_app.command("import", cls=Command)
def import_(
    folder: Folder,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Table with item, file or record; variable; value; and maybe coder, seconds.",
        ),
    ],
    coder: Annotated[
        str | None, typer.Option(help="Who coded, where the table does not say.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Append the labels of a table; importing it again changes nothing."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        imported = corpus.import_labels(source, coder=coder)
    show(imported, as_json=as_json)
    some_failed(len(imported.unknown))


@command()
def gold(
    folder: Folder,
    variable: Annotated[str, typer.Argument(metavar="VARIABLE", help="A labelled variable.")],
    rule: Annotated[
        str | None,
        typer.Option(help="majority, any, unanimous, mean or median.  [default: the one kept]"),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="With the rule any: the value that one coder is enough for.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go by this rule from now on, in all that follows.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one value for each labelled item, computed from all coders."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        show(corpus.gold(variable, rule=rule, positive=positive, keep=keep), as_json=as_json)


@command()
def split(
    folder: Folder,
    variable: Annotated[str, typer.Argument(metavar="VARIABLE", help="A labelled variable.")],
    shares: Annotated[
        str, typer.Option(help="train/val or train/val/test, such as 80/20 or 80/10/10.")
    ] = "80/20",
    seed: Annotated[int, typer.Option(help="The same seed gives the same split.")] = 1,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="One of your columns (author, group of near-duplicates): items that share a "
            "value are never parted.",
        ),
    ] = None,
    balanced: Annotated[
        bool,
        typer.Option(
            "--balanced",
            help="Leave out items at random until the train part has equally many of each class.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Divide the labelled images, each class in the same shares."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        drawn = corpus.split(variable, shares=shares, seed=seed, by=by, balanced=balanced)
    show(drawn, as_json=as_json)

"""Commands about labels and splits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediacorpus.cli.app import Encoding, Folder, Json, Output_, Rows, Sheet, app, command
from mediacorpus.cli.help import Command
from mediacorpus.cli.output import ROWS_SHOWN, out, show, some_failed, write_frame
from mediacorpus.result import counted

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
    coder_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column that says who coded.")
    ] = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="Each variable has a column of its own.")
    ] = False,
    variables: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these columns, or variables.")
    ] = None,
    values: Annotated[
        str | None, typer.Option(metavar="A,B", help="The allowed values; others are refused.")
    ] = None,
    map_: Annotated[
        str | None,
        typer.Option("--map", metavar="OLD=NEW,…", help="What values mean: YES=yes,yess=yes."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be imported.")
    ] = False,
    encoding: Encoding = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Append the labels of a table; importing it again changes nothing."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        imported = corpus.import_labels(
            source,
            coder=coder,
            coder_column=coder_column,
            wide=wide,
            variables=variables,
            values=values,
            map=map_,
            dry_run=dry_run,
            encoding=encoding,
            sheet=sheet,
        )
    show(imported, as_json=as_json)
    some_failed(len(imported.unknown))


@labels_app.command("map", cls=Command)
def map_labels(
    folder: Folder,
    variable: Annotated[str, typer.Argument(metavar="VARIABLE", help="A labelled variable.")],
    map_: Annotated[
        str | None,
        typer.Argument(metavar="[OLD=NEW,…]", help="Values and what they mean: YES=yes,yess=yes."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last map.")] = False,
    as_json: Json = False,
) -> None:
    """Let values of a variable count as others, by new labels in the log."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        show(corpus.map_labels(variable, map_, undo=undo), as_json=as_json)


@labels_app.command("set", cls=Command)
def set_label(
    folder: Folder,
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="The item's id, or the name of its file.")
    ],
    variable: Annotated[str, typer.Argument(metavar="VARIABLE", help="What the label is about.")],
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help='The label; "" takes back what was said.')
    ],
    coder: Annotated[str, typer.Option(help="Who says so, such as me.")],
    new_value: Annotated[
        bool, typer.Option("--new-value", help="A value or variable that no label has so far.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say one label of one item, by a new entry in the log."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        done = corpus.set_label(item, variable, value, coder=coder, new_value=new_value)
    show(done, as_json=as_json)


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
    unresolved: Annotated[
        bool, typer.Option("--unresolved", help="Show the items without a value, and why.")
    ] = False,
    output: Output_ = None,
    rows: Rows = ROWS_SHOWN,
    as_json: Json = False,
) -> None:
    """Show one value for each labelled item, computed from all coders."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.gold(
            variable, rule=rule, positive=positive, keep=keep, unresolved=unresolved
        )
    if output is not None:
        write_frame(found, output)
        return
    show(found, as_json=as_json, rows=rows)
    reasons: dict[str, int] = found.attrs["unresolved"]
    if reasons and not unresolved and not as_json:
        items = counted(sum(reasons.values()), "item")
        listed = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.items())
        out(f"{items} without a value: {listed}. --unresolved lists them.")


@command()
def split(
    folder: Folder,
    variable: Annotated[str, typer.Argument(metavar="VARIABLE", help="A labelled variable.")],
    shares: Annotated[
        str, typer.Option(help="train/val or train/val/test, such as 80/20 or 80/10/10.")
    ] = "80/20",
    seed: Annotated[int, typer.Option(help="The same seed gives the same split.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Items that share a value of this column (author, group of near-duplicates) are "
            "never parted.",
        ),
    ] = None,
    balanced: Annotated[
        bool,
        typer.Option(
            "--balanced",
            help="Leave out items at random until the train part has equally many of each class.",
        ),
    ] = False,
    val: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Draw a validation part of this share from the train folder; test stays test.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Divide the labelled images, each class in the same shares."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        drawn = corpus.split(
            variable, shares=shares, seed=seed, cluster=cluster, balanced=balanced, val=val
        )
    show(drawn, as_json=as_json)

"""Commands that compare, audit and explain models."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mediacorpus.cli.app import Folder, Json, Quiet, Rows, command
from mediacorpus.cli.output import ROWS_SHOWN, out, show, some_failed, write_frame
from mediacorpus.cli.selecting import selectable
from mediacorpus.errors import ParameterError

FLAGS = {"yes": True, "no": False}
_UNQUOTED = re.compile(r"""(?:[^,"']|"[^"]*"|'[^']*'|["'])+""")
"""What stands between commas; those in quotes, as in a rule, divide nothing."""


def values_of(given: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Take the values to try out of the arguments of a command, with commas between them.

    Parameters
    ----------
    given:
        Arguments of the command; only those that name a setting of training are read.

    Raises
    ------
    ParameterError
        A number is none, or a flag is neither yes nor no.

    Examples
    --------
    >>> values_of({"lr": ".1,.01", "unfreeze": "head,2", "augment": "yes,no", "folder": "x"})
    {'lr': [0.1, 0.01], 'unfreeze': ['head', 2], 'augment': [True, False]}
    """
    from mediacorpus.learning.settings import TrainSettings

    kinds = typing.get_type_hints(TrainSettings)
    # Of these a grid has one value, for all that it tries.
    single = {"method", "seed"}
    return {
        name: [_value(name, part.strip(), kinds[name]) for part in text.split(",")]
        for name, text in given.items()
        if name in kinds and name not in single and text is not None
    }


def _value(name: str, text: str, kind: Any) -> Any:
    kinds = set(typing.get_args(kind)) if isinstance(kind, types.UnionType) else {kind}
    option = f"--{name.replace('_', '-')}"
    if bool in kinds:
        if text not in FLAGS:
            raise ParameterError(f"{option} is {text!r}; write yes, no or yes,no.")
        return FLAGS[text]
    if not kinds & {int, float}:
        return text
    try:
        value = float(text)
    except ValueError as error:
        if str in kinds:
            return text
        example = "0.1,0.01" if float in kinds else "4,16"
        raise ParameterError(
            f"{option} is {text!r}; write numbers with commas, as in {option} {example}."
        ) from error
    return int(value) if value.is_integer() and "." not in text else value


Variable = Annotated[str, typer.Argument(metavar="VARIABLE", help="A labelled variable.")]
Model = Annotated[str, typer.Argument(metavar="NAME", help="Name of a model.")]
Subject = Annotated[
    str, typer.Argument(metavar="NAME", help="A model, or a rule such as 'tags:Crowd>=0.5'.")
]
Against = Annotated[str, typer.Option(help="The variable whose labels are the truth.")]
Level = Annotated[float, typer.Option(help="Confidence level of the intervals.")]
Drawing = Annotated[
    Path | None, typer.Option("--output", "-o", help="Also draw it to this .png, .svg or .pdf.")
]
Values = Annotated[str | None, typer.Option(help="Values to try, with commas.")]
GridMethod = Annotated[
    str | None,
    typer.Option(
        help="linear or shallow: each fit takes seconds. finetune or scratch: each is a whole "
        "training. Else a last layer on frozen features."
    ),
]
Depths = Annotated[
    str | None,
    typer.Option("--unfreeze", "--layers", help="Values to try: head, numbers of blocks, all."),
]
Flags = Annotated[str | None, typer.Option(help="Values to try: yes, no or yes,no.")]


@command()
def grid(
    folder: Folder,
    variable: Variable,
    method: GridMethod = None,
    lr: Values = None,
    momentum: Values = None,
    batch_size: Values = None,
    epochs: Values = None,
    optimizer: Values = None,
    schedule: Values = None,
    step_size: Values = None,
    gamma: Values = None,
    power: Values = None,
    warmup: Values = None,
    nesterov: Flags = None,
    weight_decay: Values = None,
    dropout: Values = None,
    loss: Values = None,
    class_weights: Flags = None,
    label_smoothing: Values = None,
    mixup: Values = None,
    unfreeze: Depths = None,
    layer_decay: Values = None,
    patience: Values = None,
    augment: Flags = None,
    tta: Flags = None,
    size: Values = None,
    precision: Values = None,
    backbone: Values = None,
    weights: Values = None,
    arch: Values = None,
    model: Values = None,
    features: Values = None,
    C: Annotated[str | None, typer.Option("--C", help="Values, with commas.")] = None,  # noqa: N803
    kernel: Values = None,
    neighbors: Values = None,
    svm_gamma: Values = None,
    trees: Values = None,
    smoothing: Values = None,
    penalty: Values = None,
    l1_ratio: Values = None,
    init: Values = None,
    gray: Flags = None,
    normalize: Values = None,
    rotate: Values = None,
    jitter: Values = None,
    upside_down: Flags = None,
    folds: Annotated[int, typer.Option(help="Folds, at least 3; 0 for the val part.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of folds and training.")] = 1,
    output: Drawing = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Try combinations of settings, with a nested score of the choice."""
    given = locals()
    from mediacorpus.corpus import Corpus

    lists: dict[str, Any] = values_of(given)
    with Corpus(folder) as corpus:
        found = corpus.grid(
            variable,
            method=method,
            folds=folds or None,
            seed=seed,
            output=output,
            progress=False if quiet or as_json else None,
            **lists,
        )
    if as_json:
        show(found, as_json=True)
    else:
        show(found.table, as_json=False, rows=len(found.table))
        out(str(found))


@command()
def compare(
    folder: Folder,
    variable: Variable,
    models: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Models, and rules such as tags:Crowd>=0.5; else all."),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="With rules: the value that they stand for.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Items that share a value of this column (author) are drawn together.",
        ),
    ] = None,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score models and rules on the same items, with tests of the differences."""
    from mediacorpus.corpus import Corpus

    chosen = [name.strip() for name in _UNQUOTED.findall(models)] if models else None
    with Corpus(folder) as corpus:
        found = corpus.compare(
            variable,
            models=chosen,
            positive=positive,
            cluster=cluster,
            level=level,
            seed=seed,
            progress=False if quiet or as_json else None,
        )
    show(found, as_json=as_json)


@command()
def audit(
    folder: Folder,
    name: Subject,
    against: Against,
    by: Annotated[str | None, typer.Option(help="Columns that make groups, with commas.")] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Perturb held-out images in ten ways instead.")
    ] = False,
    images: Annotated[
        int, typer.Option(help="Images that are perturbed, at the most.", min=1)
    ] = 100,
    positive: Annotated[
        str | None, typer.Option(help="Value that precision and recall are given for.")
    ] = None,
    level: Level = 0.95,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Groups: a .csv or .parquet file. Robustness: an .svg figure."
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score a model or a rule for each group, or on perturbed images, and test what differs."""
    from mediacorpus.corpus import Corpus

    if (by is None) == (not robustness):
        raise ParameterError("Ask for one of --by COLUMN and --robustness.")
    shown = False if quiet or as_json else None
    with Corpus(folder) as corpus:
        if robustness:
            perturbed = corpus.robustness(
                name, against=against, images=images, output=output, progress=shown
            )
            show(perturbed, as_json=as_json)
            return
        found = corpus.audit(
            name, against=against, by=str(by), positive=positive, level=level, progress=shown
        )
    if output is not None:
        write_frame(found.to_frame(), output)
    show(found, as_json=as_json)


@command()
def results(
    folder: Folder,
    subject: Annotated[
        str | None, typer.Argument(metavar="[SUBJECT]", help="A model, rule or variable; else all.")
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            help="validate, audit, robustness, compare, learning-curve or grid; else all."
        ),
    ] = None,
    rows: Rows = ROWS_SHOWN,
    as_json: Json = False,
) -> None:
    """List every estimate that was made, with its interval, from the catalogue."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.results(subject, command=command)
    if not as_json:
        hidden = ["result", "run", "kind", "subject_hash", "model_hash", "level", "method", "notes"]
        found = found.drop(columns=hidden).dropna(axis="columns", how="all")
    show(found, as_json=as_json, rows=rows)


@command()
def architecture(
    folder: Folder, name: Model, output: Drawing = None, as_json: Json = False
) -> None:
    """List the layers of a model with their shapes and parameters, and draw them."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.architecture(name, output=output)
    show(found, as_json=as_json, rows=len(found))
    if not as_json and found.attrs["words"]:
        out(found.attrs["words"])


@command()
def card(
    folder: Folder,
    name: Model,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this .html, .md or .json file instead."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the card of a model: data, labels, agreement, scores, audits, limits."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.card(name, output=output)
    if output is None or as_json:
        show(found, as_json=as_json)
    else:
        out(f"The card of {name} is in {output}.")


@command()
@selectable
def explain(
    folder: Folder,
    name: Model,
    items: Annotated[
        list[str] | None, typer.Argument(metavar="[ITEM]...", help="Items; else held-out ones.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="auto, gradcam, cam, occlusion or neighbors.")
    ] = "auto",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write an .html page, or .png, .jpg or .webp sheets."),
    ] = None,
    on: Any = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show where a model looks, and the nearest training images."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.explain(
            name,
            *(items or ()),
            on=on,
            method=method,
            output=output,
            progress=False if quiet or as_json else None,
        )
    show(found, as_json=as_json)
    some_failed(len(found.failed))


@command()
def learning_curve(
    folder: Folder,
    variable: Variable,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also draw it to this .svg file.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Random subsets of each size.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Seed of the subsets.")] = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Estimate how accuracy grows with the number of labels, and what more would bring."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.learning_curve(
            variable,
            output=output,
            repeats=repeats,
            seed=seed,
            progress=False if quiet or as_json else None,
        )
    show(found, as_json=as_json)

"""Commands that train, apply, validate and report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediacorpus.cli.app import Folder, Json, Quiet, app
from mediacorpus.cli.output import out, show, show_json, some_failed

Variable = Annotated[str, typer.Argument(metavar="VARIABLE", help="A labelled variable.")]
Model = Annotated[str, typer.Argument(metavar="NAME", help="Name of a model.")]


@app.command()
def train(
    folder: Folder,
    variable: Variable,
    name: Annotated[str, typer.Option("--name", help="Name of the new model.")],
    method: Annotated[
        str, typer.Option(help="probe (a linear classifier, seconds) or finetune (minutes).")
    ] = "probe",
    backbone: Annotated[
        str, typer.Option(help="Pretrained network; timm:NAME takes any of timm.")
    ] = "efficientnet_lite0",
    weights: Annotated[
        str, typer.Option(help="pretrained, random, or a .safetensors or .pth file.")
    ] = "pretrained",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training part.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Momentum of SGD.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pictures in one step.")] = None,
    step_size: Annotated[
        int | None, typer.Option(help="Epochs after which the learning rate falls.")
    ] = None,
    gamma: Annotated[float | None, typer.Option(help="Factor by which it falls.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd or adamw.")] = None,
    schedule: Annotated[str | None, typer.Option(help="step or cosine.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Weight decay.")] = None,
    unfreeze: Annotated[
        str | None, typer.Option(help="Blocks that learn besides the last layer: all, head or N.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without gain before stopping early.")
    ] = None,
    class_weights: Annotated[
        bool, typer.Option("--class-weights", help="Weigh rare classes more.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = 1,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a model of that name.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a classifier on the train part; run again after a stop, it goes on."""
    from mediacorpus.corpus import Corpus

    given = {
        "epochs": epochs,
        "lr": lr,
        "momentum": momentum,
        "batch_size": batch_size,
        "step_size": step_size,
        "gamma": gamma,
        "optimizer": optimizer,
        "schedule": schedule,
        "weight_decay": weight_decay,
        "unfreeze": int(unfreeze) if unfreeze and unfreeze.isdigit() else unfreeze,
        "patience": patience,
    }
    with Corpus(folder) as corpus:
        trained = corpus.train(
            variable,
            name=name,
            replace=replace,
            progress=False if quiet or as_json else None,
            method=method,
            backbone=backbone,
            weights=weights,
            class_weights=class_weights,
            seed=seed,
            **{key: value for key, value in given.items() if value is not None},
        )
    show(trained, as_json=as_json)


@app.command()
def apply(
    folder: Folder,
    name: Model,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try items again that failed before.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Let a model predict every picture of the corpus."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        applied = corpus.apply(name, retry=retry, progress=False if quiet or as_json else None)
    show(applied, as_json=as_json)
    some_failed(applied.failed)


@app.command()
def validate(
    folder: Folder,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A model, or a rule such as 'tags:Crowd>=0.5'."),
    ],
    against: Annotated[str, typer.Option(help="The variable whose labels are the truth.")],
    positive: Annotated[
        str | None, typer.Option(help="Value that precision, recall and F1 are told for.")
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="val or test; by default test where there is one.")
    ] = None,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 1,
    as_json: Json = False,
) -> None:
    """Score a model or a measure against labels, with intervals."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.validate(
            name, against=against, positive=positive, part=part, level=level, seed=seed
        )
    show(found, as_json=as_json)


@app.command()
def report(
    folder: Folder,
    title: Annotated[str | None, typer.Option(help="Heading of the report.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The HTML file to write.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the corpus, the labels, the models and their errors into one HTML file."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        path = corpus.report(title=title, output=output)
    if as_json:
        show_json({"report": path})
    else:
        out(f"The report is in {path}")

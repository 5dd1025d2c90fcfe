"""Commands that train, apply, validate and report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediacorpus.cli.app import Folder, Json, Quiet, app
from mediacorpus.cli.output import out, show, show_json, some_failed

Variable = Annotated[str, typer.Argument(metavar="VARIABLE", help="A labelled variable.")]
Model = Annotated[str, typer.Argument(metavar="NAME", help="Name of a model.")]


ModelName = Annotated[str, typer.Option("--name", help="Name of the new model.")]
Method = Annotated[
    str, typer.Option(help="probe (a linear classifier, seconds) or finetune (minutes).")
]
Backbone = Annotated[str, typer.Option(help="Pretrained network; timm:NAME takes any of timm.")]
Weights = Annotated[str, typer.Option(help="pretrained, random, or a .safetensors or .pth file.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training part.")]
Rate = Annotated[float | None, typer.Option("--lr", help="Learning rate.")]
Momentum = Annotated[float | None, typer.Option(help="Momentum of SGD.")]
BatchSize = Annotated[int | None, typer.Option(help="Pictures in one step.")]
StepSize = Annotated[int | None, typer.Option(help="Epochs after which the learning rate falls.")]
Gamma = Annotated[float | None, typer.Option(help="Factor by which it falls.")]
Optimizer = Annotated[str | None, typer.Option(help="sgd or adamw.")]
Schedule = Annotated[str | None, typer.Option(help="step or cosine.")]
Decay = Annotated[float | None, typer.Option("--weight-decay", help="Weight decay.")]
Dropout = Annotated[float | None, typer.Option(help="Share of features dropped while learning.")]
Unfreeze = Annotated[
    str | None, typer.Option(help="Blocks that learn besides the last layer: all, head or N.")
]
Patience = Annotated[int | None, typer.Option(help="Epochs without gain before stopping early.")]
Augment = Annotated[
    bool | None, typer.Option(help="Learn from mirrored and cropped views too, or not.")
]
ClassWeights = Annotated[
    bool, typer.Option("--class-weights", help="Weigh errors in rare classes more.")
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same model.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a model of that name.")]


@app.command()
def train(
    folder: Folder,
    variable: Variable,
    name: ModelName,
    method: Method = "probe",
    backbone: Backbone = "efficientnet_lite0",
    weights: Weights = "pretrained",
    epochs: Epochs = None,
    rate: Rate = None,
    momentum: Momentum = None,
    batch_size: BatchSize = None,
    step_size: StepSize = None,
    gamma: Gamma = None,
    optimizer: Optimizer = None,
    schedule: Schedule = None,
    weight_decay: Decay = None,
    dropout: Dropout = None,
    unfreeze: Unfreeze = None,
    patience: Patience = None,
    augment: Augment = None,
    class_weights: ClassWeights = False,
    seed: Seed = 1,
    replace: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a classifier on the train part; run again after a stop, it goes on."""
    from mediacorpus.corpus import Corpus
    from mediacorpus.learning.settings import TrainSettings

    settings = TrainSettings(
        method=method,
        backbone=backbone,
        weights=weights,
        epochs=epochs,
        lr=rate,
        momentum=momentum,
        batch_size=batch_size,
        step_size=step_size,
        gamma=gamma,
        optimizer=optimizer,
        schedule=schedule,
        weight_decay=weight_decay,
        dropout=dropout,
        unfreeze=int(unfreeze) if unfreeze and unfreeze.isdigit() else unfreeze,
        patience=patience,
        augment=augment,
        class_weights=class_weights,
        seed=seed,
    )
    shown = False if quiet or as_json else None
    with Corpus(folder) as corpus:
        trained = corpus.train(
            variable, name=name, settings=settings, replace=replace, progress=shown
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

"""Commands that train, apply, validate and report."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediacorpus.cli.app import Folder, Json, Quiet, command
from mediacorpus.cli.output import note, out, show, show_json, some_failed
from mediacorpus.cli.selecting import selectable
from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from mediacorpus.learning.settings import TrainSettings
    from mediacorpus.report.live import LivePage

Variable = Annotated[str, typer.Argument(metavar="VARIABLE", help="A labelled variable.")]
Model = Annotated[str, typer.Argument(metavar="NAME", help="Name of a model.")]


ModelName = Annotated[str, typer.Option("--name", help="Name of the new model.")]
Method = Annotated[
    str,
    typer.Option(
        help="linear (on embeddings, seconds), finetune (minutes), scratch (a small network "
        "that learns from nothing) or shallow (a classic model on a measure)."
    ),
]
Backbone = Annotated[str, typer.Option(help="Pretrained network; timm:NAME takes any of timm.")]
Weights = Annotated[str, typer.Option(help="pretrained, random, or a .safetensors or .pth file.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training part.")]
Rate = Annotated[str | None, typer.Option("--lr", help="Learning rate, or auto to search for one.")]
Momentum = Annotated[float | None, typer.Option(help="Momentum of SGD.")]
BatchSize = Annotated[int | None, typer.Option(help="Images in one step.")]
StepSize = Annotated[int | None, typer.Option(help="Epochs after which the learning rate falls.")]
Gamma = Annotated[float | None, typer.Option(help="Factor by which it falls.")]
Optimizer = Annotated[str | None, typer.Option(help="sgd, adam or adamw.")]
Schedule = Annotated[str | None, typer.Option(help="step, linear, polynomial, cosine or constant.")]
Decay = Annotated[float | None, typer.Option("--weight-decay", help="Weight decay.")]
Dropout = Annotated[float | None, typer.Option(help="Share of features dropped while learning.")]
Unfreeze = Annotated[
    str | None,
    typer.Option(
        "--unfreeze",
        "--layers",
        help="Blocks that learn besides the last layer: all, head or N.",
    ),
]
Patience = Annotated[int | None, typer.Option(help="Epochs without gain before stopping early.")]
Augment = Annotated[
    bool | None, typer.Option(help="Learn from mirrored and cropped views too, or not.")
]
ClassWeights = Annotated[
    bool, typer.Option("--class-weights", help="Weigh errors in rare classes more.")
]
Arch = Annotated[
    str | None,
    typer.Option(
        help="For scratch: mlp, lenet, shallownet, minivggnet, minivggnet_bn, autoencoder, or "
        "layers in a line, such as conv32-relu-pool-dense128."
    ),
]
Shallow = Annotated[
    str | None,
    typer.Option("--model", help="For shallow: knn, random_forest, svm, logistic or naive_bayes."),
]
Features = Annotated[
    str | None,
    typer.Option(
        help="For shallow: what is learned from, such as hog; or several features side by side, "
        "such as color,pixels:32:rgb,records:likes."
    ),
]
Against = Annotated[
    str | None, typer.Option("--positive", help="For shallow: one value against all others.")
]
TargetKind = Annotated[
    str, typer.Option("--target", help="classes, multilabel (a|b), ordinal or scale (numbers).")
]
Order = Annotated[
    str | None, typer.Option(help="Values of an ordinal variable, lowest first, with commas.")
]
Nesterov = Annotated[bool | None, typer.Option(help="Nesterov's form of momentum.")]
Power = Annotated[float | None, typer.Option(help="Exponent of the polynomial schedule.")]
Warmup = Annotated[int | None, typer.Option(help="Epochs in which the learning rate rises.")]
Loss = Annotated[
    str | None, typer.Option(help="cross_entropy or focal; for a scale mse, mae or huber.")
]
Smoothing = Annotated[
    float | None, typer.Option("--label-smoothing", help="Share of each label spread over all.")
]
Mixup = Annotated[float | None, typer.Option(help="Strength of mixup, 0 to 2.")]
LayerDecay = Annotated[
    float | None, typer.Option(help="Factor of the learning rate from block to block.")
]
Precision = Annotated[str | None, typer.Option(help="fp32, or bf16 for mixed precision.")]
Size = Annotated[
    int | None,
    typer.Option(help="For finetune and scratch: pixels at which the network sees images."),
]
TestTimeAugmentation = Annotated[
    bool | None,
    typer.Option(
        "--tta/--no-tta",
        help="Test-time augmentation: answer with the mean of an image and its mirror image.",
    ),
]
Neighbors = Annotated[
    str | None, typer.Option(help="For knn: how many, or auto to choose by cross-validation.")
]
Trees = Annotated[int | None, typer.Option(help="For random_forest: how many.")]
Regularization = Annotated[
    float | None,
    typer.Option("--C", help="For svm and logistic: a small C regularizes strongly."),
]
Kernel = Annotated[str | None, typer.Option(help="For svm: rbf, linear, poly or sigmoid.")]
Width = Annotated[
    str | None,
    typer.Option("--svm-gamma", help="For svm: width of the kernel; scale, auto or a number."),
]
NaiveSmoothing = Annotated[
    float | None,
    typer.Option("--smoothing", help="For naive_bayes: share of the largest variance added."),
]
Penalty = Annotated[
    str | None,
    typer.Option(help="For linear and logistic: l2, l1 (few weights), or elasticnet (both)."),
]
MixedPenalty = Annotated[
    float | None, typer.Option("--l1-ratio", help="With elasticnet: share of l1, 0 to 1.")
]
Init = Annotated[str | None, typer.Option(help="First weights: xavier, he, normal or orthogonal.")]
Gray = Annotated[
    bool | None,
    typer.Option("--gray/--color", help="Whether the network sees gray or color."),
]
Normalize = Annotated[
    str | None,
    typer.Option(
        help="Mean and standard deviation of the channels: imagenet, or train for those of the "
        "training images; else the network's own."
    ),
]
Rotate = Annotated[
    float | None, typer.Option(metavar="DEGREES", help="Learn from images turned by up to this.")
]
Jitter = Annotated[
    float | None,
    typer.Option(help="Learn from changed brightness, contrast and saturation, by up to 0 to 1."),
]
UpsideDown = Annotated[
    bool | None, typer.Option("--upside-down", help="Learn from images upside down too.")
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same model.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a model of that name.")]
Watch = Annotated[
    bool,
    typer.Option("--watch", help="Write a page with the curves so far to open in a browser."),
]


@command()
@selectable
def train(
    folder: Folder,
    variable: Variable,
    name: ModelName,
    method: Method = "linear",
    backbone: Backbone = "efficientnet_lite0",
    weights: Weights = "pretrained",
    epochs: Epochs = None,
    lr: Rate = None,
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
    arch: Arch = None,
    model: Shallow = None,
    features: Features = None,
    positive: Against = None,
    target: TargetKind = "classes",
    order: Order = None,
    nesterov: Nesterov = None,
    power: Power = None,
    warmup: Warmup = None,
    loss: Loss = None,
    label_smoothing: Smoothing = None,
    mixup: Mixup = None,
    layer_decay: LayerDecay = None,
    precision: Precision = None,
    size: Size = None,
    tta: TestTimeAugmentation = None,
    neighbors: Neighbors = None,
    trees: Trees = None,
    C: Regularization = None,  # noqa: N803 - the name that everybody knows
    kernel: Kernel = None,
    svm_gamma: Width = None,
    smoothing: NaiveSmoothing = None,
    penalty: Penalty = None,
    l1_ratio: MixedPenalty = None,
    init: Init = None,
    gray: Gray = None,
    normalize: Normalize = None,
    rotate: Rotate = None,
    jitter: Jitter = None,
    upside_down: UpsideDown = None,
    seed: Seed = 1,
    replace: Replace = False,
    watch: Watch = False,
    on: Any = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a classifier on the train part; run again after a stop, it goes on."""
    settings = _settings(locals())
    from mediacorpus.corpus import Corpus

    shown = False if quiet or as_json else None
    with Corpus(folder) as corpus, _page(corpus.folder, name, wanted=watch) as page:
        trained = corpus.train(
            variable,
            name=name,
            on=on,
            settings=settings,
            replace=replace,
            progress=shown,
            on_epoch=_on_epoch(page, lines=shown is None and sys.stderr.isatty()),
        )
        if page is not None:
            page.finish(trained.curves)
    show(trained, as_json=as_json)


def _settings(given: Mapping[str, Any]) -> TrainSettings:
    """Take the settings of training out of the arguments of the command."""
    from dataclasses import fields

    from mediacorpus.learning.settings import TrainSettings

    kept = {f.name: given[f.name] for f in fields(TrainSettings)}
    lr, unfreeze = kept["lr"], kept["unfreeze"]
    kept["lr"] = lr if lr in {None, "auto"} else _number("--lr", str(lr))
    near, width = kept["neighbors"], kept["svm_gamma"]
    kept["neighbors"] = int(near) if near and near.isdigit() else near
    known = {None, "scale", "auto"}
    kept["svm_gamma"] = width if width in known else _number("--svm-gamma", str(width))
    kept["unfreeze"] = int(unfreeze) if unfreeze and unfreeze.isdigit() else unfreeze
    return TrainSettings(**kept)


def _page(folder: Path, name: str, *, wanted: bool) -> LivePage | nullcontext[None]:
    """Begin the page of `--watch` and say where it is."""
    from mediacorpus.store.parts import NAME

    # Training refuses other names, which may hold a path, with a sentence of its own.
    if not wanted or not NAME.fullmatch(name):
        return nullcontext()
    from mediacorpus.report.live import LivePage

    page = LivePage(folder / "reports" / f"live-{name}.html", name)
    note(f"Open in a browser to watch: {page.path}")
    return page


def _on_epoch(
    page: LivePage | None, *, lines: bool
) -> Callable[[int, int, Mapping[str, Any]], None]:
    """Tell the page and the terminal of each epoch."""
    history: list[Mapping[str, Any]] = []

    def report_epoch(epoch: int, epochs: int, row: Mapping[str, Any]) -> None:
        if page is not None:
            page(epoch, epochs, row)
        if lines and "epoch" in row:
            from mediacorpus.report.live import terminal_line

            history.append(row)
            # Not by `note`: what is written to sys.stderr itself comes out above the bar.
            sys.stderr.write(f"{terminal_line(row, epochs, history)}\n")

    return report_epoch


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ParameterError(f"{option} is {text!r}; it must be a number.") from error


@command()
@selectable
def apply(
    folder: Folder,
    name: Model,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try items again that failed before.")
    ] = False,
    on: Any = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Let a model predict every image of the corpus."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        shown = False if quiet or as_json else None
        applied = corpus.apply(name, on=on, retry=retry, progress=shown)
    show(applied, as_json=as_json)
    some_failed(applied.failed)


@command()
@selectable
def validate(
    folder: Folder,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model, or a rule such as 'tags:Crowd>=0.5' or 'faces>=2'."
        ),
    ],
    against: Annotated[str, typer.Option(help="The variable whose labels are the truth.")],
    positive: Annotated[
        str | None, typer.Option(help="Value that precision, recall and F1 are given for.")
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="val or test; by default test where there is one.")
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            help="Probability from which an item is positive, or an aim by which it is chosen on "
            "the val part: f1, youden, 'precision>=0.9', 'recall>=0.9' or 'cost:fp=1,fn=5'."
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Items that share a value of this column (author) are drawn together; else as "
            "in the split, or none.",
        ),
    ] = None,
    inclusion_probability: Annotated[
        str | None,
        typer.Option(help="Column with the chance of each record to be drawn; weights by it."),
    ] = None,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 1,
    curves: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw ROC, precision-recall and calibration to this .svg, .png or .pdf; or to a "
            "folder, with their numbers.",
        ),
    ] = None,
    on: Any = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score a model or a measure against labels, with intervals."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus:
        found = corpus.validate(
            name,
            against=against,
            on=on,
            positive=positive,
            part=part,
            threshold=threshold,
            cluster=cluster,
            inclusion_probability=inclusion_probability,
            level=level,
            seed=seed,
            curves=curves,
            progress=False if quiet or as_json else None,
        )
    show(found, as_json=as_json)
    if curves is not None and not as_json:
        out(f"\n{found.curves()}\nThe curves are in {curves}.")


@command()
def report(
    folder: Folder,
    title: Annotated[str | None, typer.Option(help="Heading of the report.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The HTML file to write.")
    ] = None,
    images: Annotated[
        bool, typer.Option(help="Put small copies of images into it, or none.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Write the corpus, the labels, the models and their errors into one HTML file."""
    from mediacorpus.corpus import Corpus

    with Corpus(folder) as corpus, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        path = corpus.report(title=title, output=output, images=images)
    for one in caught:
        note(str(one.message))
    if as_json:
        show_json({"report": path})
    else:
        out(f"The report is in {path}")

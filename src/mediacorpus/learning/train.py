"""From labelled examples to a model folder."""

from __future__ import annotations

import html
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.catalogue.runs import now
from mediacorpus.errors import ModelError, ParameterError, TrainingError, writing
from mediacorpus.extras import need
from mediacorpus.learning import export
from mediacorpus.learning.backbones import Network, create
from mediacorpus.learning.cache import write_json
from mediacorpus.learning.card import card_facts, fingerprint_of
from mediacorpus.learning.curves import describe_curves
from mediacorpus.learning.features import Part, Plan, Unreadable, embedded_views, plan_for, prepare
from mediacorpus.learning.finetune import OnEpoch, fit
from mediacorpus.learning.folder import ModelFolder, clear_leftovers, load_model, save_model
from mediacorpus.learning.probe import fit_probe
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.measures.onnx_session import open_session
from mediacorpus.records import Example

LEAST = 2
"""Pictures that each class needs in the training part."""

CHECKED = 8
"""Validation pictures on which the exported network is compared with the trained one."""

OnRead = Callable[[str, int, int], None]
"""Told what is being read (`"train"` or `"val"`), how many are done, and of how many."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """What training gave.

    Parameters
    ----------
    name:
        The model's name.
    folder:
        Its folder.
    card:
        Content of its `model.json`.
    curves:
        One row per epoch (`finetune`) or per strength of regularization (`probe`).
    seconds:
        Time that training took.
    """

    name: str
    folder: Path
    card: Mapping[str, Any]
    curves: pd.DataFrame
    seconds: float

    @property
    def words(self) -> str:
        """What the curves say, in words."""
        return describe_curves(self.curves)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "seconds": self.seconds,
            "words": self.words,
            "card": dict(self.card),
            "curves": self.curves.to_dict("records"),
        }

    def __str__(self) -> str:
        card, found = self.card, self.card["validation"]
        counts = sum(card["counts"]["train"].values())
        text = (
            f"Trained {self.name} ({card['method']}, {card['backbone']}) on {counts:,} pictures in "
            f"{self.seconds:.1f} s. Validation accuracy {found['accuracy']:.3f} on {found['n']:,} "
            f"pictures. {self.words}"
        )
        if card["unreadable"]:
            text += f" {len(card['unreadable']):,} pictures could not be read and were left out."
        return text

    def _repr_html_(self) -> str:
        table = self.curves.to_html(index=False, float_format=lambda x: f"{x:.4g}")
        return f"<p>{html.escape(str(self))}</p>{table}"


def train(
    examples: Sequence[Example],
    folder: Path,
    settings: TrainSettings,
    *,
    embeddings: NDArray[Any] | None = None,
    card: Mapping[str, Any] | None = None,
    replace_model: bool = False,
    on_epoch: OnEpoch | None = None,
    on_read: OnRead | None = None,
) -> TrainedModel:
    """Train a classifier and write its folder.

    A run that was killed goes on where it was when it is started again with the same examples
    and settings; one that had ended is read and not done again.

    Parameters
    ----------
    examples:
        Labelled pictures of the parts `"train"` and `"val"`; others are ignored.
    folder:
        The model folder to make.
    settings:
        How to train.
    embeddings:
        For the probe: array `(N, features)`, a row for each example.
    card:
        Facts to be put on the card besides.
    replace_model:
        Replace a model in that folder that was trained otherwise.
    on_epoch:
        Called after each epoch with its number, their number, and its row of the curves.
    on_read:
        Told how many pictures have been read.

    Raises
    ------
    ParameterError
        A setting is out of range, or another model is in the folder.
    TrainingError
        The examples do not allow training, or the loss is not finite.
    StorageFull, CorpusReadOnly
        The disk is full or cannot be written to.
    """
    settings.check()
    complete = settings.complete()
    used = [i for i, example in enumerate(examples) if example.part in {"train", "val"}]
    chosen = [examples[i] for i in used]
    classes = _check(chosen)
    facts: dict[str, Any] = {"name": folder.name, "variable": ""} | dict(card or {})
    fingerprint = fingerprint_of(chosen, complete, embeddings, variable=str(facts["variable"]))
    clear_leftovers(folder)
    finished = _finished(folder, fingerprint, replace_model=replace_model)
    if finished is not None:
        return _result(finished)
    started = time.monotonic()
    work = _work_folder(folder, fingerprint)
    facts |= card_facts(chosen, classes, complete, asked=settings, fingerprint=fingerprint)
    if complete.method == "probe":
        if embeddings is None:
            raise ParameterError("The probe learns from embeddings; none were given.")
        rows = np.asarray(embeddings)[used]
        views = None
        if complete.augment is not False:
            views = embedded_views(
                chosen, classes, work / "views.bin", seed=complete.seed, progress=on_read
            )
        made = _probe(chosen, rows, classes, views=views, s=complete, on_epoch=on_epoch)
    else:
        made = _finetune(chosen, classes, complete, work=work, on_epoch=on_epoch, on_read=on_read)
    facts |= {**made.facts, "seconds": round(time.monotonic() - started, 2), "created": now()}
    saved = save_model(
        folder, facts, weights=made.weights, curves=made.curves, network=made.network
    )
    shutil.rmtree(work, ignore_errors=True)
    return _result(saved)


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """What a method gives: all that goes into the folder."""

    weights: Mapping[str, NDArray[Any]]
    curves: pd.DataFrame
    network: bytes
    facts: Mapping[str, Any]


def _probe(
    examples: Sequence[Example],
    embeddings: NDArray[Any],
    classes: Sequence[str],
    *,
    views: NDArray[Any] | None,
    s: TrainSettings,
    on_epoch: OnEpoch | None,
) -> _Made:
    targets = np.array([classes.index(e.label) for e in examples], np.int64)
    train = np.array([e.part == "train" for e in examples])
    if views is not None:
        views = np.where(np.isnan(views), embeddings[train][:, None], views)
    probe = fit_probe(
        embeddings[train],
        targets[train],
        views=views,
        balanced=bool(s.class_weights),
        seed=s.seed,
        on_epoch=on_epoch,
    )
    scores = _scores(probe.probabilities(embeddings[~train]), targets[~train])
    return _Made(
        weights={"weight": probe.weight, "bias": probe.bias},
        curves=probe.curves,
        network=export.linear_graph(probe.weight, probe.bias),
        facts={
            "input": "embedding",
            "validation": scores,
            "C": probe.strength,
            "unreadable": [],
        },
    )


def _finetune(
    examples: Sequence[Example],
    classes: Sequence[str],
    s: TrainSettings,
    *,
    work: Path,
    on_epoch: OnEpoch | None,
    on_read: OnRead | None,
) -> _Made:
    nn = need("torch.nn")
    network = create(
        s.backbone,
        weights=s.weights,
        classes=len(classes),
        dropout=float(s.dropout or 0.0),
        seed=s.seed,
    )
    fixed, learning = export.split(network, s.unfreeze if s.unfreeze is not None else "head")
    plan = plan_for(network, learns_all=not fixed, augment=bool(s.augment), seed=s.seed)
    parts, unreadable = _read(
        examples, classes, network, plan=plan, fixed=fixed, work=work, on_read=on_read
    )
    first = [] if fixed else [export.standardizer(network)]
    found = fit(
        nn.Sequential(*first, *learning),
        parts["train"],
        parts["val"],
        plan=plan,
        settings=s,
        work=work,
        on_epoch=on_epoch,
    )
    network.module.eval()
    content = export.fitted_graph(network, fixed, learning)
    pixels = np.random.default_rng(s.seed).integers(
        0, 256, (CHECKED, network.size, network.size, 3), np.uint8
    )
    state = network.module.state_dict()
    return _Made(
        weights={name: tensor.detach().numpy() for name, tensor in state.items()},
        curves=found.curves,
        network=content,
        facts={
            "input": "pixels",
            "size": network.size,
            "crop": network.crop,
            "mean": list(network.mean),
            "sd": list(network.sd),
            "best_epoch": found.best_epoch,
            "validation": _scores(found.probabilities, parts["val"].targets),
            "export_difference": export.agreement(network, content, pixels),
            "unreadable": [asdict(one) for one in unreadable],
        },
    )


def _read(
    examples: Sequence[Example],
    classes: Sequence[str],
    network: Network,
    *,
    plan: Plan,
    fixed: Sequence[Any],
    work: Path,
    on_read: OnRead | None,
) -> tuple[dict[str, Part], list[Unreadable]]:
    """Read the pictures of both parts, through the part of the network that does not learn."""
    features = None
    if fixed:
        session = open_session(export.fixed_graph(network, fixed))

        def features(views: NDArray[np.uint8]) -> NDArray[np.float32]:
            found: NDArray[np.float32] = session.run(None, {"pixels": views})[0]
            return found

    parts, unreadable = {}, []
    for name in ("train", "val"):
        own = [example for example in examples if example.part == name]
        plain = plan if name == "train" else replace(plan, views=1, squares=False)

        def report(done: int, total: int, name: str = name) -> None:
            if on_read is not None:
                on_read(name, done, total)

        parts[name], lost = prepare(
            own, classes, work / f"{name}.bin", plan=plain, fixed=features, progress=report
        )
        unreadable += lost
        gone = set(range(len(classes))) - set(parts[name].targets.tolist())
        if not len(parts[name]) or (name == "train" and gone):
            what = f"of the class {classes[min(gone)]!r} " if gone and len(parts[name]) else ""
            raise TrainingError(
                f"No picture {what}in the {name} part can be read "
                f"({lost[0].reason if lost else 'none is there'})."
            )
    return parts, unreadable


def _scores(probabilities: NDArray[Any], targets: NDArray[np.int64]) -> dict[str, Any]:
    """Score the validation part: number, accuracy and log loss."""
    own = np.clip(probabilities[np.arange(len(targets)), targets], 1e-12, 1.0)
    return {
        "n": len(targets),
        "accuracy": float((probabilities.argmax(axis=1) == targets).mean()),
        "log_loss": float(-np.log(own).mean()),
    }


def _check(examples: Sequence[Example]) -> list[str]:
    """Return the classes in order; raise where the examples do not allow training."""
    counts = Counter(e.label for e in examples if e.part == "train")
    classes = sorted({e.label for e in examples})
    if len(classes) < LEAST:
        raise TrainingError(
            f"A classifier needs at least two classes; the labels name {len(classes)} "
            f"({', '.join(classes) or 'none'}). Label pictures of another class too."
        )
    for name in classes:
        if counts[name] < LEAST:
            raise TrainingError(
                f"The class {name!r} has {counts[name]} pictures in the training part; at least "
                f"{LEAST} are needed. Label more of them, or split again."
            )
    if not any(e.part == "val" for e in examples):
        raise TrainingError(
            "There is no validation part to choose the best model by. Split with a share for it, "
            "such as 80/20."
        )
    return classes


def _finished(folder: Path, fingerprint: str, *, replace_model: bool) -> ModelFolder | None:
    """Return the model in the folder if it is the one that is asked for."""
    if not folder.exists():
        return None
    try:
        found = load_model(folder)
        if found.card.get("fingerprint") == fingerprint:
            return found
    except ModelError:
        if not replace_model:
            raise
    if not replace_model:
        raise ParameterError(
            f"A model {folder.name!r} is there already, trained with other settings, labels or "
            "another split. Choose another name, or replace it with --replace."
        )
    return None


def _work_folder(folder: Path, fingerprint: str) -> Path:
    """Return the folder for what is computed on the way; another run's is cleared."""
    work = folder.with_name(f".work-{folder.name}")
    note = work / "run.json"
    with writing(folder.parent):
        if note.is_file() and fingerprint in note.read_text("utf-8", errors="replace"):
            return work
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_json(note, {"of": fingerprint})
    return work


def _result(model: ModelFolder) -> TrainedModel:
    card = model.card
    seconds = float(card["seconds"])
    return TrainedModel(str(card["name"]), model.path, card, model.curves, seconds)

"""From labelled examples to a model folder."""

from __future__ import annotations

import html
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.catalogue.runs import now
from mediacorpus.coding.strata import is_scale
from mediacorpus.errors import ModelError, ParameterError, TrainingError, writing
from mediacorpus.learning.cache import write_json
from mediacorpus.learning.card import card_facts, fingerprint_of
from mediacorpus.learning.curves import describe_curves
from mediacorpus.learning.finetune import OnEpoch
from mediacorpus.learning.folder import ModelFolder, clear_leftovers, load_model, save_model
from mediacorpus.learning.methods import (
    UNLABELLED,
    OnRead,
    fit_on_codes,
    fit_on_embeddings,
    fit_on_features,
    fit_on_pictures,
)
from mediacorpus.learning.networks import AUTOENCODER
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.targets import (
    Target,
    TargetKind,
    against_rest,
    make_target,
    split_values,
)
from mediacorpus.records import Example

LEAST = 2
"""Pictures that each class needs in the training part."""


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
    notes:
        What to know of the labels, one sentence each.
    """

    name: str
    folder: Path
    card: Mapping[str, Any]
    curves: pd.DataFrame
    seconds: float
    notes: tuple[str, ...] = ()

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
            "notes": list(self.notes),
            "card": dict(self.card),
            "curves": self.curves.to_dict("records"),
        }

    def __str__(self) -> str:
        card, found = self.card, self.card["validation"]
        pictures = _pictures(sum(card["counts"]["train"].values()))
        if card.get("unlabelled"):
            pictures += f", with codes learned from {card['unlabelled']:,} more without labels,"
        scored = _pictures(found["n"], of="validation ")
        text = (
            f"Trained {self.name} ({card['method']}, {card['backbone']}) on {pictures} in "
            f"{self.seconds:.1f} s. {_headline(found)} on {scored}. {self.words}"
        )
        if card["unreadable"]:
            lost = len(card["unreadable"])
            were = "was" if lost == 1 else "were"
            text += f" {_pictures(lost)} could not be read and {were} left out."
        return " ".join([text, *self.notes])

    def _repr_html_(self) -> str:
        table = self.curves.to_html(index=False, float_format=lambda x: f"{x:.4g}")
        return f"<p>{html.escape(str(self))}</p>{table}"


def _headline(scores: Mapping[str, Any]) -> str:
    """Name the score of the validation part by which a model is known."""
    for key, words in _HEADLINES.items():
        if key in scores:
            return f"{words} {scores[key]:.3f}"
    return "Scored"


_HEADLINES = {
    "accuracy": "Validation accuracy",
    "r_squared": "Validation R squared",
}


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
        Labelled pictures of the parts `"train"` and `"val"`, and for the autoencoder pictures
        of the part `"unlabelled"`; others are ignored.
    folder:
        The model folder to make.
    settings:
        How to train.
    embeddings:
        For the methods probe and shallow: array `(N, features)`, a row for each example.
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
    chosen = [_against_rest(examples[i], complete.positive) for i in used]
    target = _target(chosen, complete)
    codes = complete.arch == AUTOENCODER
    if codes:
        chosen += [example for example in examples if example.part == UNLABELLED]
    facts: dict[str, Any] = {"name": folder.name, "variable": ""} | dict(card or {})
    fingerprint = fingerprint_of(chosen, complete, embeddings, variable=str(facts["variable"]))
    clear_leftovers(folder)
    finished = _finished(folder, fingerprint, replace_model=replace_model)
    if finished is not None:
        return _result(finished)
    started = time.monotonic()
    work = _work_folder(folder, fingerprint)
    facts |= card_facts(chosen, target, complete, asked=settings, fingerprint=fingerprint)
    if complete.method in {"probe", "shallow"}:
        if embeddings is None:
            raise ParameterError(f"The method {complete.method} learns from features: give some.")
        rows = np.asarray(embeddings)[used]
        learn = fit_on_embeddings if complete.method == "probe" else fit_on_features
        made = learn(
            chosen, rows, target, s=complete, work=work, on_epoch=on_epoch, on_read=on_read
        )
    else:
        from_pictures = fit_on_codes if codes else fit_on_pictures
        made = from_pictures(
            chosen, target, complete, work=work, on_epoch=on_epoch, on_read=on_read
        )
    facts |= {**made.facts, "seconds": round(time.monotonic() - started, 2), "created": now()}
    saved = save_model(
        folder, facts, weights=made.weights, curves=made.curves, network=made.network
    )
    shutil.rmtree(work, ignore_errors=True)
    return _result(saved)


def _against_rest(example: Example, positive: str | None) -> Example:
    """Take one value against all others where that is asked for."""
    if positive is None or example.label == positive:
        return example
    return replace(example, label=against_rest(positive))


def _target(examples: Sequence[Example], s: TrainSettings) -> Target:
    """Say what is learned; raise where the examples do not allow training."""
    if s.positive is not None and all(e.label != s.positive for e in examples):
        raise TrainingError(f"No label is {s.positive!r}, which is to be learned against the rest.")
    train = [e.label for e in examples if e.part == "train"]
    target = make_target(
        s.target,
        [e.label for e in examples],
        train,
        order=[name.strip() for name in s.order.split(",")] if s.order else (),
        smoothing=float(s.label_smoothing or 0.0),
        loss=s.loss,
    )
    if target.kind is not TargetKind.SCALE:
        _check_counts(target, train)
    if not any(e.part == "val" for e in examples):
        raise TrainingError(
            "There is no validation part to choose the best model by, or none of its pictures has "
            "a clear label. Label some of them, or split with a share for it, such as 80/20."
        )
    return target


def _check_counts(target: Target, train: Sequence[str]) -> None:
    """Raise where a class has too few pictures to learn from."""
    several = target.kind is TargetKind.MULTILABEL
    counts = Counter(n for label in train for n in (split_values(label) if several else [label]))
    if len(target.classes) < (1 if several else LEAST):
        raise TrainingError(
            f"A classifier needs at least two classes; the labels name {len(target.classes)} "
            f"({', '.join(target.classes) or 'none'}). Label pictures of another class too."
        )
    for name in target.classes:
        if counts[name] < LEAST:
            raise TrainingError(
                f"The class {name!r} has {_pictures(counts[name])} in the training part; at least "
                f"{LEAST} are needed. {_advice(target, train)}"
            )


def _advice(target: Target, train: Sequence[str]) -> str:
    if target.kind is TargetKind.CLASSES and is_scale(train):
        return "The values are numbers: learn them as such with --target scale."
    return "Label more of them, or split again."


def _pictures(count: int, *, of: str = "") -> str:
    return f"{count:,} {of}picture{'' if count == 1 else 's'}"


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

"""The command `train`: from labelled examples to a model folder."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.coding import splitting
from mediacorpus.coding.strata import is_scale
from mediacorpus.engine.contract import MEASURES
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.errors import ModelError, ParameterError, TrainingError, unknown, writing
from mediacorpus.learning.cache import write_json
from mediacorpus.learning.curves import OnRow, describe_curves
from mediacorpus.learning.features import EMBEDDING, current_setup, matrix
from mediacorpus.learning.joined import (
    check_columns,
    features_of_text,
    is_joined,
    joined_of,
)
from mediacorpus.learning.methods import (
    UNLABELLED,
    OnRead,
    Training,
)
from mediacorpus.learning.model import (
    ModelFolder,
    card_facts,
    clear_leftovers,
    codebook_of,
    fingerprint_of,
    load_model,
    save_model,
)
from mediacorpus.learning.models import check_model_name
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.targets import Target, TargetKind, against_rest, make_target
from mediacorpus.measures.verb import measure, measure_as
from mediacorpus.networks.backbones import backbone_info
from mediacorpus.networks.frozen import FrozenNetwork, frozen_of, is_other
from mediacorpus.networks.scratch import AUTOENCODER
from mediacorpus.records import Example, Kind
from mediacorpus.result import TableResult, counted
from mediacorpus.store import derived, people, progress
from mediacorpus.store.runs import now, running
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    from mediacorpus.engine.progress import Report


class Watch(contextlib.ExitStack):
    """Shows bars over the images read and the epochs done, and passes each epoch on."""

    def __init__(self, name: str, on_epoch: OnRow | None, *, show: bool | None) -> None:
        super().__init__()
        self.name, self.on_epoch, self.show = name, on_epoch, show
        self.title, self.done = "", 0
        self.report: Report | None = None

    def read(self, part: str, done: int, total: int) -> None:
        """Show how many images have been read."""
        self.at(f"reading {part}", done, total, unit="images")

    def epoch(self, epoch: int, epochs: int, row: Mapping[str, Any]) -> None:
        """Show how many epochs are done."""
        unit = "epochs" if "epoch" in row else "fits"
        self.at(f"training {self.name}", epoch, epochs, unit=unit)
        if self.on_epoch is not None:
            self.on_epoch(epoch, epochs, row)

    def at(self, title: str, done: int, total: int, *, unit: str) -> None:
        """Show how far something is; another title is another bar."""
        if title != self.title or self.report is None:
            self.close()
            self.title, self.done = title, 0
            self.report = self.enter_context(
                show_progress(title, total=total, unit=unit, show=self.show)
            )
        self.report(done - self.done)
        self.done = done


LEAST = 2
"""Images that each class needs in the training part."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrainedModel(TableResult):
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
        One row per epoch (`finetune`) or per strength of regularization (`linear`).
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

    def to_frame(self) -> pd.DataFrame:
        """Return the curves."""
        return self.curves

    def __str__(self) -> str:
        card, found = self.card, self.card["validation"]
        images = counted(sum(card["counts"]["train"].values()), "image")
        if card.get("unlabelled"):
            images += f", with codes learned from {card['unlabelled']:,} more without labels,"
        key = "r_squared" if "r_squared" in found else "accuracy"
        text = (
            f"Trained {self.name} ({card['method']}, {card['backbone']}) on {images} in "
            f"{self.seconds:.1f} s. Validation {key.replace('r_', 'R ')} {found[key]:.3f} on "
            f"{counted(found['n'], 'validation image')}. {self.words}"
        )
        if card["unreadable"]:
            lost = len(card["unreadable"])
            were = "was" if lost == 1 else "were"
            text += f" {counted(lost, 'image')} could not be read and {were} left out."
        return " ".join([text, *self.notes])


def fit_model(
    examples: Sequence[Example],
    folder: Path,
    settings: TrainSettings,
    *,
    embeddings: NDArray[Any] | None = None,
    network: FrozenNetwork | None = None,
    card: Mapping[str, Any] | None = None,
    encoding: Sequence[Mapping[str, Any]] | None = None,
    replace_model: bool = False,
    on_epoch: OnRow | None = None,
    on_read: OnRead | None = None,
) -> TrainedModel:
    """Train a classifier and write its folder.

    A run that was killed continues where it stopped when it is started again with the same examples
    and settings; one that had ended is read and not done again.

    Parameters
    ----------
    examples:
        Labelled images of the parts `"train"` and `"val"`, and for the autoencoder images
        of the part `"unlabelled"`; others are ignored.
    folder:
        The model folder to make.
    settings:
        How to train.
    embeddings:
        For the methods linear and shallow: array `(N, features)`, a row for each example.
    network:
        For the method linear: what gave the embeddings; None is the built-in network.
    card:
        Facts to be put on the card besides.
    encoding:
        How features that stand side by side were made; see `mediacorpus.learning.joined`.
    replace_model:
        Replace a model in that folder that was trained otherwise.
    on_epoch:
        Called after each epoch with its number, their number, and its row of the curves.
    on_read:
        Called with what is read, how many images are done, and of how many.

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
        return _trained(finished)
    started = time.monotonic()
    work = _work_folder(folder, fingerprint)
    facts |= card_facts(chosen, target, complete, asked=settings, fingerprint=fingerprint)
    training = Training(chosen, target, complete, work, on_epoch, on_read)
    if complete.method not in {"linear", "shallow"}:
        made = training.on_codes() if codes else training.on_images()
    elif embeddings is None:
        raise ParameterError(f"The method {complete.method} learns from features: give some.")
    elif complete.method == "linear":
        made = training.on_embeddings(np.asarray(embeddings)[used], network)
    else:
        made = training.on_features(np.asarray(embeddings)[used], encoding)
    facts |= {**made.facts, "seconds": round(time.monotonic() - started, 2), "created": now()}
    saved = save_model(
        folder, facts, weights=made.weights, curves=made.curves, network=made.network
    )
    shutil.rmtree(work, ignore_errors=True)
    return _trained(saved)


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
            "There is no validation part to choose the best model by, or none of its images has "
            "a clear label. Label some of them, or split with a share for it, such as 80/20."
        )
    return target


def _check_counts(target: Target, train: Sequence[str]) -> None:
    """Raise where a class has too few images to learn from."""
    if len(target.classes) < (1 if target.kind is TargetKind.MULTILABEL else LEAST):
        raise TrainingError(
            f"A classifier needs at least two classes; the labels name {len(target.classes)} "
            f"({', '.join(target.classes) or 'none'}). Label images of another class too."
        )
    for name, count in zip(target.classes, target.counts(target.encode(train)), strict=True):
        if count < LEAST:
            advice = "Label more of them, or split again."
            if target.kind is TargetKind.CLASSES and is_scale(train):
                advice = "The values are numbers: learn them as such with --target scale."
            raise TrainingError(
                f"The class {name!r} has {counted(int(count), 'image')} in the training part; "
                f"at least {LEAST} are needed. {advice}"
            )


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
            f"A model {folder.name!r} is there already, trained with other settings or labels, on "
            "another split, or by another version. Choose another name, or replace it with "
            "--replace."
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


def _trained(model: ModelFolder) -> TrainedModel:
    card = model.card
    return TrainedModel(str(card["name"]), model.path, card, model.curves, float(card["seconds"]))


def train(
    store: Store,
    variable: str,
    *,
    name: str,
    settings: TrainSettings | None = None,
    only: Collection[str] | None = None,
    replace_model: bool = False,
    show: bool | None = None,
    on_epoch: OnRow | None = None,
    **parameters: Any,
) -> TrainedModel:
    """Train a classifier on the train part of the newest split of a variable.

    Where there is no split, one of 60/20/20 is drawn first, and said. What it learns from is
    measured first, for the labelled items only. Run again after a stop it continues where it
    stopped; run again after the end it changes nothing.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels.
    name:
        Name of the model: lower-case letters, digits and `_`. It becomes the name of the table
        of its predictions.
    settings:
        All settings at once, or
    parameters:
        some of them by name, such as `method="finetune"`.
    only:
        Ids of the items to learn from and to choose by; by default all labelled ones.
    replace_model:
        Replace a model of that name that was trained otherwise.
    show:
        Whether to show progress; None decides by the terminal.
    on_epoch:
        Called after each epoch with its number, their number, and its row of the curves.

    Raises
    ------
    ParameterError
        A setting is out of range, or the name is taken or not allowed.
    UnknownName
        There is no such variable or backbone.
    SplitError
        The labels are not split yet, and there are too few of them.
    TrainingError
        The labels do not allow training.
    """
    chosen = replace(settings or TrainSettings(), **parameters)
    check_model_name(store, name)
    chosen.check()
    if chosen.arch is None:
        backbone_info(chosen.backbone)
    drawn = _split_first(store, variable)
    number, split = splitting.latest(store, variable)
    examples = examples_of(store, split, only=only)
    if chosen.arch == AUTOENCODER:
        examples += unlabelled_of(store, split)
    facts: dict[str, Any] = {"name": name, "variable": variable, "split": number}
    facts["codebook"] = codebook_of(split.labels, split.parts)
    learned = _learned_from(store, chosen, examples, show=show)
    facts |= learned.facts
    details = asdict(chosen) | {"variable": variable, "name": name, "split": number}
    if only is not None:
        details["chosen"] = len(only)
    with running(store, "train", parameters=details, seed=chosen.seed) as run:
        with Watch(name, on_epoch, show=show) as watch:
            trained = fit_model(
                learned.examples,
                store.folder / "models" / name,
                chosen,
                embeddings=learned.values,
                network=learned.network,
                card=facts | {"run": run.id},
                encoding=learned.encoding,
                replace_model=replace_model,
                on_epoch=watch.epoch,
                on_read=watch.read,
            )
        card = trained.card
        run.done = len(learned.examples)
        notes = [note for note in (drawn, *learned.notes, _of_unresolved(store, split)) if note]
        run.note = " ".join(notes) or None
        people.write_model(store, card, split=number, digest=card["hash"], run=run.id)
        store.execute(
            "UPDATE runs SET model_hash = ?, input_hash = ? WHERE run = ?",
            (card["hash"], card["data_hash"], run.id),
        )
    return replace(trained, notes=tuple(notes))


SHARES = "60/20/20"
"""Shares of train, val and test where there is no split yet."""


def _split_first(store: Store, variable: str) -> str | None:
    """Draw a split of labels that have none; give a sentence that says so."""
    if people.latest_split(store, variable) is not None:
        return None
    drawn = splitting.split(store, variable, shares=SHARES)
    return (
        f"There was no split, so one was drawn first, {SHARES} with seed {drawn.seed}: "
        f"{counted(sum(part == 'test' for part in drawn.parts.values()), 'item')} stay out of "
        "sight to test on. mediacorpus split draws others, such as one by authors (--by)."
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """What a method learns from: examples, their features, and what the card says of these."""

    examples: list[Example]
    values: NDArray[Any] | None = None
    network: FrozenNetwork | None = None
    encoding: list[dict[str, Any]] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str | None] = ()


def _learned_from(
    store: Store, s: TrainSettings, examples: list[Example], *, show: bool | None
) -> _Learned:
    """Measure what a method learns from, for these examples only, and gather it."""
    items = [example.item for example in examples]
    if s.method == "linear":
        note = embedding_for(store, items, settings=s, show=show)
        examples, values = matrix(store, examples, EMBEDDING)
        measured = progress.identity_of(store, current_setup(store, EMBEDDING))
        network = frozen_of(store.folder, measured["parameters"])
        return _Learned(examples, values, network, facts={"measured": measured}, notes=[note])
    if s.method != "shallow":
        return _Learned(examples)
    source = str(s.features)
    if is_joined(source):
        notes = measure_joined(store, source, examples, show=show)
        joined = joined_of(store, source, examples)
        notes += joined.notes
        return _Learned(joined.examples, joined.matrix, encoding=joined.encoding, notes=notes)
    note = measure_for(store, source, items, show=show) if source in MEASURES else None
    examples, values = matrix(store, examples, source)
    measured = progress.identity_of(store, current_setup(store, source))
    return _Learned(examples, values, facts={"measured": measured}, notes=[note])


def measure_for(
    store: Store, source: str, items: Collection[str], *, show: bool | None
) -> str | None:
    """Measure some items as the measure's table shows it.

    Where there is no such table, or it is of another version of the measure than the program's,
    they are measured by the defaults.

    Returns
    -------
    str or None
        A sentence that says for how many items it was done; None where all had it.
    """
    setup, info = progress.current_setups(store).get(source, (None, None))
    if setup is None or info is None or info.version != MEASURES.info(source).version:
        measure(store, [source], only=items, show=show)
    else:
        with progress.chosen(store, items) as these:
            if not progress.count_pending(store, [setup], only=these):
                return None
        measure_as(store, progress.identity_of(store, setup), only=items, show=show)
    return _measured_first(source, len(items))


def measure_joined(
    store: Store, text: str, examples: Sequence[Example], *, show: bool | None
) -> list[str]:
    """Run the measures among features that stand side by side; give a sentence for each run.

    Raises
    ------
    UnknownName, ParameterError
        There is no such measure or column.
    """
    features = features_of_text(text)
    check_columns(store, features)
    items = [example.item for example in examples]
    known = {*progress.current_setups(store), *MEASURES.names()}
    notes: list[str | None] = []
    for feature in features:
        if feature.measure and feature.measure not in known:
            raise unknown("measure", feature.measure, known)
    for feature in features:
        if feature.parameters:
            done = measure(
                store, [feature.measure], only=items, show=show, **feature.parameters
            ).items
            notes.append(_measured_first(feature.name, done) if done else None)
        elif feature.measure == EMBEDDING:
            notes.append(embedding_for(store, items, show=show))
        elif feature.measure in MEASURES:
            notes.append(measure_for(store, feature.measure, items, show=show))
    return [note for note in notes if note]


def embedding_for(
    store: Store,
    items: Collection[str],
    *,
    settings: TrainSettings | None = None,
    show: bool | None,
) -> str | None:
    """Measure the embedding of some items by the backbone of the settings, which its table shows.

    By default it is the built-in network. Returns what `measure_for` does.
    """
    chosen = settings or TrainSettings()
    if is_other(chosen.backbone, chosen.weights):
        network: dict[str, Any] = {"backbone": chosen.backbone, "weights": chosen.weights}
        done = measure(store, [EMBEDDING], only=items, show=show, **network).items
        return _measured_first(EMBEDDING, done) if done else None
    setup, _ = progress.current_setups(store).get(EMBEDDING, (None, None))
    if setup is not None and "backbone" in progress.identity_of(store, setup)["parameters"]:
        measure(store, [EMBEDDING], only=items, show=show)
    return measure_for(store, EMBEDDING, items, show=show)


def _measured_first(source: str, count: int) -> str:
    return f"{source} was measured first, for the {count:,} labelled items that are needed."


def _of_unresolved(store: Store, split: splitting.Split) -> str:
    """Say how many items were left out because their labels disagree, and how to list them."""
    if not split.unresolved:
        return ""
    have, were = ("has", "was") if split.unresolved == 1 else ("have", "were")
    command = f"mediacorpus gold {quote(str(store.folder))} {quote(split.variable)} --unresolved"
    return (
        f"{counted(split.unresolved, 'item')} {have} labels that disagree and {were} left out; "
        f"`{command}` lists them."
    )


def examples_of(
    store: Store, split: splitting.Split, *, only: Collection[str] | None = None
) -> list[Example]:
    """List the labelled items of train and val with their files; test stays out of sight.

    `only` names the items to choose from.
    """
    allowed = None if only is None else set(only)
    items = sorted(
        item
        for item, part in split.parts.items()
        if part != "test" and (allowed is None or item in allowed)
    )
    groups = splitting.groups_of(store, split.variable, items)
    return _with_pixels(store, split, items, groups=groups)


def _with_pixels(
    store: Store, split: splitting.Split, items: Sequence[str], *, groups: Iterable[int | None]
) -> list[Example]:
    """Make examples of the items whose files are there and show something."""
    places, names = derived.places(store, items), derived.names_of(store, items)
    return [
        Example(
            item,
            names[item],
            split.labels.get(item, ""),
            split.parts.get(item, UNLABELLED),
            places[item],
            group,
        )
        for item, group in zip(items, groups, strict=False)
        if places[item].paths and (places[item].locators or places[item].facts.kind is Kind.IMAGE)
    ]


def unlabelled_of(store: Store, split: splitting.Split) -> list[Example]:
    """List the images that are in no part, for methods that learn without labels.

    Left out is what lies in a file of which something is in val or test, such as another frame
    of the same video: the pixels that a model is scored on stay new to it.
    """
    parents: dict[str, str | None] = dict(store.rows("SELECT item, parent FROM items"))

    def file_of(item: str) -> str:
        while (parent := parents[item]) is not None:
            item = parent
        return item

    held_out = {file_of(item) for item, part in split.parts.items() if part != "train"}
    items = sorted(i for i in parents if i not in split.parts and file_of(i) not in held_out)
    return _with_pixels(store, split, items, groups=itertools.repeat(None))

"""The verbs `train` and `apply` over a corpus."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from mediacorpus.catalogue import derived, people, progress
from mediacorpus.catalogue.runs import Run, running
from mediacorpus.catalogue.store import Store
from mediacorpus.coding import splitting
from mediacorpus.engine import local
from mediacorpus.engine.compacting import compact
from mediacorpus.engine.contract import MEASURES
from mediacorpus.engine.local import Measured
from mediacorpus.engine.part import Prepared
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.errors import ParameterError, unknown
from mediacorpus.learning.backbones import backbone_info
from mediacorpus.learning.codebook import codebook_of
from mediacorpus.learning.folder import model_of
from mediacorpus.learning.matrix import matrix, rows_of
from mediacorpus.learning.methods import UNLABELLED
from mediacorpus.learning.model_card import refresh_card
from mediacorpus.learning.networks import AUTOENCODER
from mediacorpus.learning.predict import Classifier
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.train import TrainedModel
from mediacorpus.learning.train import train as fit
from mediacorpus.learning.watching import watched
from mediacorpus.measures.verb import measure, measure_as, options
from mediacorpus.records import Example, Kind, Place
from mediacorpus.tables import parts as parquet

OnEpoch = Callable[[int, int, Mapping[str, Any]], None]
NAME = re.compile(r"[a-z][a-z0-9_]*")
RESERVED = {
    "items", "records", "failures", "frames", "pages", "shots", "downloads", "runs",
    "sources", "labels", "splits", "models", "validations", "gold", "tidy", "wide_labels",
}  # fmt: skip


def train(
    store: Store,
    variable: str,
    *,
    name: str,
    settings: TrainSettings | None = None,
    replace_model: bool = False,
    show: bool | None = None,
    on_epoch: OnEpoch | None = None,
    **parameters: Any,
) -> TrainedModel:
    """Train a classifier on the train part of the newest split of a variable.

    Run again after a stop it goes on where it was; run again after the end it changes nothing.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels and a split.
    name:
        Name of the model: lower-case letters, digits and `_`. It becomes the name of the table
        of its predictions.
    settings:
        All settings at once, or
    parameters:
        some of them by name, such as `method="finetune"`.
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
        The labels are not split yet.
    TrainingError
        The labels do not allow training.
    """
    chosen = _settings(settings, parameters)
    _check_name(name)
    chosen.check()
    backbone_info(chosen.arch or chosen.backbone)
    number, split = splitting.latest(store, variable)
    examples = examples_of(store, split)
    if chosen.arch == AUTOENCODER:
        examples += unlabelled_of(store, split)
    source, embeddings = _source(chosen), None
    if source is not None:
        if source in MEASURES:
            _measured(store, source, show=show)
        examples, embeddings = matrix(store, examples, source)
    target = store.folder / "models" / name
    details = asdict(chosen) | {"variable": variable, "name": name, "split": number}
    with running(store, "train", parameters=details, seed=chosen.seed) as run:
        facts: dict[str, Any] = {"name": name, "variable": variable, "split": number, "run": run.id}
        facts["codebook"] = codebook_of(split.labels, split.parts)
        if source is not None:
            shown, _ = progress.current_setups(store)[source]
            facts["measured"] = progress.identity_of(store, shown)
        with watched(name, on_epoch, show=show) as watch:
            trained = fit(
                examples,
                target,
                chosen,
                embeddings=embeddings,
                card=facts,
                replace_model=replace_model,
                on_epoch=watch.epoch,
                on_read=watch.read,
            )
        run.done = len(examples)
        if split.unresolved:
            note = _of_unresolved(store, variable, split.unresolved)
            trained, run.note = replace(trained, notes=(*trained.notes, note)), note
        _record(store, trained, split=number, run=run)
    refresh_card(store, name)
    return trained


def _measured(store: Store, source: str, *, show: bool | None) -> None:
    """Measure what is learned from as its table shows it, or by the defaults if there is none."""
    setups = progress.current_setups(store)
    if source not in setups:
        measure(store, [source], show=show)
        return
    identity = progress.identity_of(store, setups[source][0])
    if identity["version"] == MEASURES.info(source).version:
        measure_as(store, identity, show=show)
    else:
        measure(store, [source], show=show)


def _of_unresolved(store: Store, variable: str, count: int) -> str:
    """Say how many items were left out because their labels disagree, and how to list them."""
    one = count == 1
    are = f"item{'' if one else 's'} {'has' if one else 'have'} labels that disagree and "
    are += "was" if one else "were"
    named = variable.replace("'", "''")
    return (
        f"{count:,} {are} left out; list them with: mediacorpus sql {store.folder} "
        f"\"SELECT item, list(value) FROM labels WHERE variable = '{named}' "
        'GROUP BY item HAVING count(DISTINCT value) > 1". To give them a value, state a rule '
        f"and split again: mediacorpus gold {store.folder} {variable} --rule any --positive VALUE "
        "--keep"
    )


def _settings(settings: TrainSettings | None, parameters: Mapping[str, Any]) -> TrainSettings:
    known = {field.name for field in fields(TrainSettings)}
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise ParameterError(
            f"Training has no setting {unknown[0]!r}. Known: {', '.join(sorted(known))}."
        )
    return replace(settings or TrainSettings(), **parameters)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ParameterError(
            f"A model cannot be named {name!r}: use lower-case letters, digits and '_', "
            "beginning with a letter."
        )
    if name in RESERVED or name in MEASURES:
        raise ParameterError(f"A model cannot be named {name!r}: a table has that name already.")


def _source(settings: TrainSettings) -> str | None:
    """Name the measure that is learned from; None for pictures themselves."""
    if settings.method == "probe":
        _check_probe(settings)
        return "embedding"
    return settings.features if settings.method == "shallow" else None


def _check_probe(settings: TrainSettings) -> None:
    if settings.backbone != "efficientnet_lite0":
        raise ParameterError(
            "The method probe works on the embeddings of efficientnet_lite0; for the backbone "
            f"{settings.backbone!r} use --method finetune --unfreeze head."
        )


def examples_of(store: Store, split: splitting.Split) -> list[Example]:
    """List the labelled items of train and val with their files; test stays out of sight."""
    items = sorted(item for item, part in split.parts.items() if part != "test")
    places, names = derived.places(store, items), derived.names_of(store, items)
    groups = splitting.groups_of(store, split.variable, items)
    return [
        Example(item, names[item], split.labels[item], split.parts[item], places[item], group)
        for item, group in zip(items, groups, strict=True)
        if places[item].paths and _has_pixels(places[item])
    ]


def unlabelled_of(store: Store, split: splitting.Split) -> list[Example]:
    """List the pictures that are in no part, for methods that learn without labels.

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
    places, names = derived.places(store, items), derived.names_of(store, items)
    return [
        Example(item, names[item], "", UNLABELLED, places[item])
        for item in items
        if places[item].paths and _has_pixels(places[item])
    ]


def _has_pixels(place: Place) -> bool:
    return bool(place.locators) or place.facts.kind is Kind.PICTURE


def _record(store: Store, trained: TrainedModel, *, split: int, run: Run) -> None:
    people.write_model(store, trained.card, split=split, digest=trained.card["hash"], run=run.id)
    store.execute(
        "UPDATE runs SET model_hash = ?, input_hash = ? WHERE run = ?",
        (trained.card["hash"], trained.card.get("data_hash"), run.id),
    )


def apply(store: Store, name: str, *, retry: bool = False, show: bool | None = None) -> Measured:
    """Predict every item that a model has not predicted yet.

    The probabilities of all classes go to a table that is named like the model.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model.
    retry:
        Try items again that failed before.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName
        There is no such model.
    ModelError
        Its folder is damaged or was edited.
    """
    model = people.model(store, name)
    classifier = Classifier(model_of(store, name))
    info = classifier.info()
    source = classifier.source
    features = None
    if source is not None:
        features = _features(store, model["card"], source, retry=retry, show=show)
    with running(store, "apply", parameters={"model": name}, model_hash=model["hash"]) as run:
        setup = progress.setup_id(store, info, {"hash": model["hash"]}, run=run.id)
        if retry:
            progress.forget_failed(store, [setup])
        prepared = Prepared(info, {}, classifier, setup)
        if source is None:
            done = local.run(store, [prepared], run, options=options(run.id), show=show)
            return replace(done, verb="Applied")
        return _apply_to_features(
            store, prepared, classifier=classifier, features=features, run=run, show=show
        )


def _features(
    store: Store, card: Mapping[str, Any], source: str, *, retry: bool, show: bool | None
) -> int:
    """Measure what a model works on, in the version that it learned from; give the setup."""
    identity = card.get("measured")
    if identity is not None and source in MEASURES:
        return measure_as(store, identity, retry=retry, show=show)
    if source in MEASURES:  # a model of an earlier version of the program, which did not say
        measure(store, [source], retry=retry, show=show)
    setups = progress.current_setups(store)
    if source not in setups:
        raise unknown("measure", source, {*setups, *MEASURES.names()})
    found = None if identity is None else progress.setup_of(store, identity)
    return setups[source][0] if found is None else found


def _apply_to_features(
    store: Store,
    prepared: Prepared,
    *,
    classifier: Classifier,
    features: int | None,
    run: Run,
    show: bool | None,
) -> Measured:
    """Predict from the stored values of a measure, part by part, without opening a picture."""
    started = time.monotonic()
    local.sweep(store)
    source = str(classifier.source)
    setup = features
    done = {
        row[0]
        for row in store.rows(
            "SELECT item FROM measured JOIN items USING (n) WHERE setup = ?", (prepared.setup,)
        )
    }
    total = int(
        store.value("SELECT count(*) FROM measured WHERE setup = ? AND part IS NOT NULL", (setup,))
    ) - len(done)
    with show_progress(f"applying {prepared.info.name}", total=total, show=show) as report:
        for number, (items, vectors) in enumerate(rows_of(store, source, setup=setup)):
            fresh = [i for i, item in enumerate(items) if item not in done]
            if not fresh:
                continue
            ids = [items[i] for i in fresh]
            values = classifier.values(classifier.from_features(vectors[fresh]))
            rows = parquet.to_rows(prepared.info, ids, values=values, run=run.id)
            local.commit_rows(store, prepared, rows=rows, items=ids, current=run, number=number)
            report(len(ids))
    compact(store, [prepared.setup], run)
    failed = 0 if setup is None else progress.count_failed(store, [setup])
    return Measured(
        measures=(prepared.info.name,),
        items=run.done,
        failed=0,
        failed_before=failed,
        seconds=time.monotonic() - started,
        verb="Applied",
    )

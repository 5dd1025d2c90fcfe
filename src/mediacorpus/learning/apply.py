"""The command `apply`: a trained classifier at work, on images or on stored features."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mediacorpus.engine import local
from mediacorpus.engine.compacting import compact
from mediacorpus.engine.contract import MEASURES
from mediacorpus.engine.local import Measured
from mediacorpus.engine.part import Prepared
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.learning.export import ANSWER
from mediacorpus.learning.features import current_setup, rows_of
from mediacorpus.learning.joined import check_columns, joined_rows, named
from mediacorpus.learning.model import model_of
from mediacorpus.learning.targets import TargetKind, target_of
from mediacorpus.measures.verb import measure, measure_as, options
from mediacorpus.networks.onnx_session import open_session
from mediacorpus.networks.views import min_side, plain_view
from mediacorpus.records import Info, Shape, Tag
from mediacorpus.store import parts as parquet
from mediacorpus.store import people, progress
from mediacorpus.store.runs import Run, running
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    from mediacorpus.engine.contract import Batch, Value
    from mediacorpus.learning.model import ModelFolder


CHUNK = 8


class Classifier:
    """A model, loaded and ready. It is a measure, and may be called from several threads.

    Parameters
    ----------
    model:
        What `load_model` gave.

    Attributes
    ----------
    classes : tuple of str
        The classes, in the order of the probabilities.
    source : str or None
        The measure whose values it works on; None for images.
    target : Target
        What it learned.

    Raises
    ------
    ModelError
        The network cannot be loaded, or does not fit the card.
    """

    def __init__(self, model: ModelFolder) -> None:
        self.card = model.card
        self.classes = tuple(str(name) for name in model.card["classes"])
        self.target = target_of(model.card)
        measures = {"embedding": "embedding", "features": model.card.get("features")}
        self.source: str | None = measures.get(model.card["input"])
        self._session = open_session(model.network())
        (entry,) = self._session.get_inputs()
        out = next(o for o in self._session.get_outputs() if o.name == ANSWER)
        self._entry, self._answer = entry.name, out.name
        if isinstance(out.shape[1], int) and out.shape[1] != len(self.classes):
            raise ModelError(
                f"The model in {model.path} has {out.shape[1]} outputs and its card names "
                f"{len(self.classes)} classes. Put it back, or train it again."
            )

    def info(self) -> Info:
        """Describe the model as a measure; its version is the beginning of its hash."""
        card = self.card
        pixels = self.source is None
        side = min_side(int(card["size"]), float(card["crop"])) if pixels else None
        scale = self.target.kind is TargetKind.SCALE
        return Info(
            name=str(card["name"]),
            version=str(card["hash"])[:12],
            summary=f"{'Values' if scale else 'Probabilities'} of {card['variable']} "
            f"({card['method']}).",
            licence=str(card.get("licence", "")),
            citation=str(card.get("citation", "")),
            extra="models",
            shape=Shape.SCALAR if scale else Shape.TAG,
            outputs={"value": "float64"} if scale else {},
            min_side=side,
        )

    def __call__(self, batch: Batch) -> Sequence[Value]:
        """Give the probability of each class for each image, best first; or its value."""
        if self.source is not None:
            raise ParameterError(
                f"The model {self.card['name']!r} works on the measure {self.source!r}; use "
                "`from_features`."
            )
        size, crop = int(self.card["size"]), float(self.card["crop"])
        views = np.zeros((len(batch), size, size, 3), np.uint8)
        for place, pixels in enumerate(batch.pixels):
            views[place] = plain_view(pixels, size, crop)
        return self.values(self.from_views(views))

    def from_views(self, views: NDArray[Any]) -> NDArray[np.float32]:
        """Give the answers float32 `(N, classes)` for views, or for values of its measure."""
        size = CHUNK if self.source is None else max(1, len(views))
        chunks = [np.zeros((0, len(self.classes)), np.float32)]
        for start in range(0, len(views), size):
            given = {self._entry: views[start : start + size]}
            chunks += self._session.run([self._answer], given)
        return np.concatenate(chunks)

    def from_features(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Give the answers float32 `(N, classes)` for values of its measure `(N, features)`."""
        return self.from_views(np.ascontiguousarray(features, np.float32))

    def values(self, answers: NDArray[np.float32]) -> Sequence[Value]:
        """Turn answers `(N, classes)` into tags, best first; those of a scale into values.

        Tags with equal probabilities come in the order of the classes.
        """
        if self.target.kind is TargetKind.SCALE:
            return [{"value": float(row[0])} for row in answers]
        order = np.argsort(-answers, axis=1, kind="stable")
        return [
            [Tag(self.classes[k], float(row[k])) for k in best]
            for row, best in zip(answers, order, strict=True)
        ]


def apply(
    store: Store,
    name: str,
    *,
    only: Collection[str] | None = None,
    retry: bool = False,
    show: bool | None = None,
) -> Measured:
    """Predict every item that a model has not predicted yet.

    The probabilities of all classes go to a table that is named like the model.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model.
    only:
        Ids of the items to predict; by default all.
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
    source, encoding = classifier.source, classifier.card.get("joined")
    setups: dict[str, int] = {}
    if encoding is not None:
        features = [named(str(one["feature"])) for one in encoding]
        check_columns(store, features, need=f"The model {name!r} needs it.")
        for feature, one in zip(features, encoding, strict=True):
            if feature.measure:
                setups[feature.name] = _measured(
                    store, feature.measure, one["identity"], only=only, retry=retry, show=show
                )
    elif source is not None:
        measured = model["card"].get("measured")
        setups[source] = _measured(store, source, measured, only=only, retry=retry, show=show)
    details: dict[str, Any] = {"model": name}
    if only is not None:
        details["chosen"] = len(only)
    with running(store, "apply", parameters=details, model_hash=model["hash"]) as run:
        setup = progress.setup_id(store, info, {"hash": model["hash"]}, run=run.id)
        if retry:
            progress.forget_failed(store, [setup])
        prepared = Prepared(info, {}, classifier, setup)
        if source is None:
            done = local.run(store, [prepared], run, options=options(run.id), only=only, show=show)
            return replace(done, verb="Applied")
        return _apply_to_features(
            store, prepared, classifier=classifier, setups=setups, only=only, run=run, show=show
        )


def _measured(
    store: Store,
    source: str,
    identity: Mapping[str, Any] | None,
    *,
    only: Collection[str] | None,
    retry: bool,
    show: bool | None,
) -> int:
    """Measure what lacks the values that a model works on; give the setup that has them."""
    if identity is None:  # an earlier version did not say which
        if source in MEASURES:
            measure(store, [source], only=only, retry=retry, show=show)
        return current_setup(store, source)
    if source in MEASURES:  # in the version that it learned from, which the table may not show
        return measure_as(store, identity, only=only, retry=retry, show=show)
    return progress.setup_of(store, identity) or current_setup(store, source)


def _apply_to_features(
    store: Store,
    prepared: Prepared,
    *,
    classifier: Classifier,
    setups: Mapping[str, int],
    only: Collection[str] | None,
    run: Run,
    show: bool | None,
) -> Measured:
    """Predict from stored values, part by part, without opening an image."""
    started = time.monotonic()
    local.sweep(store)
    done = {
        row[0]
        for row in store.rows(
            "SELECT item FROM measured JOIN items USING (n) WHERE setup = ?", (prepared.setup,)
        )
    }
    there = "".join(
        f" AND EXISTS (SELECT 1 FROM measured AS m WHERE m.setup = {setup} AND m.n = items.n "
        "AND m.part IS NOT NULL)"
        for setup in setups.values()
    )
    with progress.chosen(store, only) as these:
        pending = [
            str(item)
            for (item,) in store.rows(
                f"SELECT item FROM items WHERE {these}{there} AND NOT EXISTS (SELECT 1 FROM "
                "measured AS had WHERE had.setup = ? AND had.n = items.n) ORDER BY n",
                (prepared.setup,),
            )
        ]
    batches: Iterator[tuple[list[str], NDArray[np.float32]]]
    if (encoding := classifier.card.get("joined")) is not None:
        batches = joined_rows(store, encoding, setups=setups, items=pending)
    else:
        wanted = None if only is None else pa.array(list(only), pa.string())
        batches = rows_of(store, next(iter(setups.values())), wanted=wanted)
    title = f"applying {prepared.info.name}"
    with show_progress(title, total=len(pending), show=show) as report:
        for number, (items, vectors) in enumerate(batches):
            fresh = [i for i, item in enumerate(items) if item not in done]
            if not fresh:
                continue
            ids = [items[i] for i in fresh]
            values = classifier.values(classifier.from_features(vectors[fresh]))
            rows = parquet.to_rows(prepared.info, ids, values=values, run=run.id)
            local.commit_rows(store, prepared, rows=rows, items=ids, current=run, number=number)
            report(len(ids))
    compact(store, [prepared.setup], run)
    return Measured(
        measures=(prepared.info.name,),
        items=run.done,
        failed=0,
        failed_before=progress.count_failed(store, list(setups.values())) if setups else 0,
        seconds=time.monotonic() - started,
        verb="Applied",
        of=None if only is None else len(only),
    )

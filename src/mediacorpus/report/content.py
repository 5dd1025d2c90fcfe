"""What a report shows, gathered from the catalogue, the tables and the model folders."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mediacorpus.analysis.handing_out import HandedOut
from mediacorpus.analysis.overview import Overview, overview
from mediacorpus.analysis.tidy import sql
from mediacorpus.coding.resolving import gold_labels
from mediacorpus.coding.splitting import PARTS
from mediacorpus.engine.contract import MEASURES
from mediacorpus.engine.decoding import open_all
from mediacorpus.errors import ModelError
from mediacorpus.learning.autoencoder import rebuild
from mediacorpus.learning.model import ModelFolder, model_of
from mediacorpus.networks.scratch import AUTOENCODER
from mediacorpus.networks.views import plain_view
from mediacorpus.records import SKIPPED, Failure, Info, Shape
from mediacorpus.report.choosing import spread
from mediacorpus.report.curves import REBUILT
from mediacorpus.report.gallery import Thumb, thumbs
from mediacorpus.report.model_card import agreement_of, agreement_words, model_card
from mediacorpus.store import derived, people, progress
from mediacorpus.store.columns import own_columns
from mediacorpus.store.query import quoted
from mediacorpus.store.runs import machine
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

SAMPLE = 12
FAILURES_SHOWN = 50
OF_EACH_KIND = 12
MISTAKES_SHOWN = 24
TAGS_SHOWN = 15
BINS = 10
SAMPLED = 50_000
"""Rows of a measure from which the small distributions are drawn, at the most."""
SMALL_BINS = 24
_NUMBERS = ("float64", "float32", "int64", "int32")


@dataclass(frozen=True, slots=True)
class MeasureFacts:
    """One measure that was run, in one version and with one set of parameters."""

    info: Info
    items: int
    failed: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How the values of one column of a measure are distributed.

    Parameters
    ----------
    counts, edges:
        A histogram, `(B,)` and `(B + 1,)`.
    median:
        Of all values.
    label:
        What the column holds.
    """

    counts: NDArray[np.int64]
    edges: NDArray[np.float64]
    median: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """How the labelled items of one variable were divided.

    `counts` holds, for each part (`"train"`, `"val"`, `"test"`), the number of items by class.
    `shares` is what was asked for, such as `"80/20"`; `method` how classes were treated, such
    as `"stratified by class"`.
    """

    counts: Mapping[str, Mapping[str, int]]
    shares: str = ""
    seed: int | None = None
    method: str = ""


@dataclass(frozen=True, slots=True)
class VariableFacts:
    """What people said about one variable.

    Parameters
    ----------
    variable:
        Its name.
    counts:
        Number of items by gold value.
    coders:
        Number of labels in force by coder; the coder `"folder"` stands for class folders.
    agreement:
        Reliability between coders in words, or None.
    unresolved:
        Items on which coders differ and the rule gives no gold value.
    rule:
        How gold was computed from several coders, such as `"majority"`.
    superseded:
        Labels that their coder has changed since; they stay in the log.
    splits:
        How its items were divided: for the models, and the newest.
    """

    variable: str
    counts: Mapping[str, int] = field(default_factory=dict)
    coders: Mapping[str, int] = field(default_factory=dict)
    agreement: str | None = None
    unresolved: int = 0
    rule: str = ""
    superseded: int = 0
    splits: Sequence[SplitFacts] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Predictions against gold labels.

    Parameters
    ----------
    result:
        A validation as `mediacorpus.store.people.validations` gives it back.
    mistakes:
        Wrong images, most confident first; usually some of them only.

    Examples
    --------
    >>> e = Evaluation({"n": 12, "confusion_matrix": [[6, 2], [1, 3]]})
    >>> e.errors, round(e.baseline, 3)
    (3, 0.667)
    """

    result: Mapping[str, Any]
    mistakes: Sequence[Thumb] = ()

    @property
    def n(self) -> int:
        """Number of items that were scored."""
        return int(self.result["n"])

    @property
    def of_classes(self) -> bool:
        """Whether the predictions are single classes, not numbers or sets of labels."""
        return "confusion_matrix" in self.result

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Counts `(classes, classes)`: rows are gold labels, columns are predictions."""
        return np.asarray(self.result["confusion_matrix"], np.int64)

    @property
    def errors(self) -> int:
        """Number of items whose prediction differs from the gold label."""
        return self.n - int(np.trace(self.confusion))

    @property
    def baseline(self) -> float:
        """Accuracy of always giving the most common class."""
        return float(self.confusion.sum(axis=1).max() / self.n)

    @property
    def scores(self) -> pd.DataFrame:
        """One row per score and class: `score`, `class`, `estimate`, `low`, `high`, `n`."""
        return pd.DataFrame(self.result["table"])

    def headline(self, score: str) -> tuple[float | None, float | None, float | None]:
        """Give estimate, low and high of a score, None where it is undefined.

        Precision, recall and F1 are those of the positive class, or macro averages.
        """
        limits = self.result.get("intervals", {}).get(score) or (None, None)
        return (self.result.get(score), *limits)


@dataclass(frozen=True, slots=True, eq=False)
class ModelFacts:
    """One trained classifier.

    Parameters
    ----------
    facts:
        What its card holds: `name`, `variable`, `model`, `settings`, `labels`, `limits`,
        `audits` and so on, as `mediacorpus.report.model_card.model_card` gathers them.
    evaluation:
        Its newest validation, or None.
    curves:
        How training went, as `mediacorpus.report.curves.training_curves` draws it.
    rebuilt:
        For an autoencoder: images it has not learned from, and what it makes of them, each
        uint8 `(N, size, size, 3)`.
    applied:
        Whether it has predicted something in the corpus.
    predicted:
        Its predictions in the whole corpus: columns `class`, `items`, `records`; empty where it has
        said nothing, or its answers are no classes.
    probabilities:
        For each predicted class, numbers of items in equal bins of the probability of that
        class, from 0 to 1.
    warnings:
        Sentences that readers must see.
    """

    facts: Mapping[str, Any]
    evaluation: Evaluation | None = None
    curves: pd.DataFrame | None = None
    rebuilt: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
    applied: bool = False
    predicted: pd.DataFrame = field(default_factory=pd.DataFrame)
    probabilities: Mapping[str, Sequence[int]] = field(default_factory=dict)
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ReportContent:
    """All that a report shows. Every part may be empty.

    Parameters
    ----------
    title:
        Heading of the report.
    created:
        When it was made.
    corpus:
        Counts of what the corpus holds.
    formats, sizes:
        Number of items by file format, and by (width, height) in pixels.
    sources:
        Folders and tables that the records came from, without the folders above them.
    columns:
        The researcher's own columns of the records.
    rules:
        Validations of rules over a measure, such as `tags:Crowd>=0.5`, taken as classifiers.
    failures, skipped:
        The first failures, and the first files that were skipped; `corpus` has their numbers.
    sample:
        Images taken at equal steps through the corpus.
    unseen:
        Images that the sample lacks because neither file nor thumbnail could be read.
    tags:
        The most frequent best tags with their numbers of items.
    numbers:
        Measure -> column of numbers -> how its values are distributed.
    versions:
        Software by name.
    runs:
        One row per run, any columns.
    """

    title: str
    created: datetime
    corpus: Overview
    formats: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)
    sources: Sequence[str] = ()
    columns: Sequence[str] = ()
    measures: Sequence[MeasureFacts] = ()
    labels: Sequence[VariableFacts] = ()
    models: Sequence[ModelFacts] = ()
    rules: Sequence[Evaluation] = ()
    failures: Sequence[Failure] = ()
    skipped: Sequence[Failure] = ()
    sample: Sequence[Thumb] = ()
    unseen: int = 0
    tags: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, Spread]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    runs: pd.DataFrame = field(default_factory=pd.DataFrame)


def collect(store: Store, *, title: str, created: datetime, images: bool = True) -> ReportContent:
    """Gather all that a report shows; without `images` no copy of one."""
    models, validations = people.models(store), people.validations(store)
    names = {entry["model"] for entry in models}
    measures = {k: v for k, v in progress.current_setups(store).items() if k not in names}
    wanted = spread(store, SAMPLE) if images else []
    sample = _thumbs(store, wanted)
    return ReportContent(
        title=title,
        created=created,
        corpus=overview(store),
        formats=dict(
            store.rows("SELECT format, count(*) FROM items GROUP BY format ORDER BY 2 DESC")
        ),
        sizes={
            (w, h): n
            for w, h, n in store.rows(
                "SELECT width, height, count(*) FROM items "
                f"WHERE {progress.VISUAL_ITEMS} GROUP BY width, height"
            )
        },
        sources=HandedOut(store).texts(_sources(store)),
        columns=[own.shown for own in own_columns(store)],
        measures=[_measure(store, setup, info) for setup, info in measures.values()],
        labels=[_variable(store, name, models) for name in people.variables(store)],
        models=[_model(store, entry, validations, images=images) for entry in models],
        rules=[
            _evaluation(store, found, images=images)
            for found in validations
            if found["kind"] == "rule"
        ],
        failures=_failures(store, skipped=False),
        skipped=_failures(store, skipped=True),
        sample=sample,
        unseen=len(wanted) - len(sample),
        tags=_tags(store) if "tags" in measures else {},
        numbers={
            name: found
            for name, (_, info) in measures.items()
            if info.shape is Shape.SCALAR and not info.private and (found := _numbers(store, info))
        },
        versions={"python": machine()["python"], **machine()["packages"]},
        runs=store.frame(
            "SELECT run, verb, status, version, started, done, failed FROM runs ORDER BY run"
        ),
    )


def _sources(store: Store) -> list[str]:
    return [row[0] for row in store.rows("SELECT location FROM sources ORDER BY source")]


def _thumbs(
    store: Store, items: Sequence[str], facts: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Thumb]:
    found = thumbs(store, items, facts=facts)
    captions = HandedOut(store).texts([thumb.caption for thumb in found])
    return [replace(thumb, caption=own) for thumb, own in zip(found, captions, strict=True)]


def _measure(store: Store, setup: int, info: Info) -> MeasureFacts:
    done, failed = store.rows(
        "SELECT count(part), count(*) - count(part) FROM measured WHERE setup = ?", (setup,)
    )[0]
    parameters = json.loads(store.value("SELECT parameters FROM setups WHERE setup = ?", (setup,)))
    return MeasureFacts(info, done, failed, {k: v for k, v in parameters.items() if v is not None})


def _variable(store: Store, name: str, models: Sequence[Mapping[str, Any]]) -> VariableFacts:
    log = people.label_log(store, name)
    values, unresolved = gold_labels(store, name)
    agreement = agreement_of(log)
    valid = log.drop_duplicates(["item", "coder"], keep="last")
    gold = dict(zip(values["item"], values["value"].astype(str), strict=True))
    newest = people.latest_split(store, name)
    splits = {m["split"] for m in models if m["variable"] == name and m["split"] is not None}
    splits |= set() if newest is None else {newest}
    return VariableFacts(
        variable=name,
        counts={str(k): int(n) for k, n in values["value"].value_counts().items()},
        coders={str(k) or "not named": int(n) for k, n in valid["coder"].value_counts().items()},
        superseded=len(log) - len(valid),
        agreement=agreement_words(agreement) if agreement["items"] else None,
        unresolved=len(unresolved),
        rule=people.gold_rule(store, name)[0],
        splits=[_split(store, number, gold) for number in sorted(splits)],
    )


def _split(store: Store, number: int, gold: Mapping[str, str]) -> SplitFacts:
    ((shares, seed, method),) = store.rows(
        "SELECT shares, seed, method FROM splits WHERE split = ?", (number,)
    )
    items = people.split_parts(store, number)
    counts = {
        part: dict(
            sorted(Counter(gold.get(i, "none") for i, p in items.items() if p == part).items())
        )
        for part in PARTS
    }
    return SplitFacts({part: own for part, own in counts.items() if own}, shares, seed, method)


def _model(
    store: Store,
    entry: Mapping[str, Any],
    validations: Sequence[Mapping[str, Any]],
    *,
    images: bool,
) -> ModelFacts:
    name = entry["model"]
    curves, rebuilt, warnings = None, None, []
    try:
        found = model_of(store, name)
        curves = found.curves
        rebuilt = _rebuilt(store, found, split=entry["split"]) if images else None
    except ModelError as error:
        warnings.append(str(error).replace(str(store.folder), store.folder.resolve().name))
    own = [result for result in validations if result["subject"] == name]
    classes = [str(c) for c in entry["card"]["classes"]]
    table = progress.current_setups(store).get(name)
    predicted, probabilities = _predictions(store, table and table[1], classes)
    return ModelFacts(
        model_card(store, name).facts,
        _evaluation(store, own[-1], images=images) if own else None,
        curves,
        rebuilt,
        table is not None,
        predicted,
        probabilities,
        warnings,
    )


def _evaluation(store: Store, result: Mapping[str, Any], *, images: bool) -> Evaluation:
    if "confusion_matrix" not in result or not images:
        return Evaluation(result)
    shown = [row for row in result["mistakes"] if row["rank"] <= OF_EACH_KIND][:MISTAKES_SHOWN]
    rule = result["kind"] == "rule"
    # Corpora of earlier versions hold results with the names `true` and `confidence`.
    facts = {
        row["item"]: {
            "gold": row.get("gold", row.get("true")),
            "predicted": row["predicted"],
            "probability": None if rule else row.get("probability", row.get("confidence")),
        }
        for row in shown
    }
    return Evaluation(result, _thumbs(store, list(facts), facts))


def _predictions(
    store: Store, table: Info | None, classes: list[str]
) -> tuple[pd.DataFrame, dict[str, list[int]]]:
    """Count what a model says of the whole corpus, by item and by record, and how surely."""
    if table is None or "value" in table.outputs:  # of numbers there are no classes
        return pd.DataFrame(), {}
    best = f"(SELECT item, tag, score FROM {quoted(table.name)} WHERE rank = 1)"
    counted = sql(
        store,
        f"SELECT tag AS class, count(DISTINCT best.item) AS items, count(record) AS records "
        f"FROM {best} AS best LEFT JOIN records ON records.item = best.item GROUP BY tag",
    )
    if counted.empty:
        return counted, {}
    binned = sql(
        store,
        f"SELECT tag, least(floor(score * {BINS}), {BINS - 1}) AS bin, count(*) AS n "
        f"FROM {best} GROUP BY ALL",
    )
    bins = binned.pivot(index="tag", columns="bin", values="n")
    bins = bins.reindex(index=classes, columns=range(BINS)).fillna(0).astype(int)
    counted = counted.set_index("class").reindex(classes, fill_value=0).reset_index()
    return counted, dict(zip(classes, bins.to_numpy().tolist(), strict=True))


def _rebuilt(
    store: Store, model: ModelFolder, *, split: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Give some images of the val part as an autoencoder sees them and as it makes them again."""
    card = model.card
    if card.get("backbone") != AUTOENCODER:
        return None
    held_out = sorted(i for i, part in people.split_parts(store, split).items() if part == "val")
    chosen = held_out[:: max(1, len(held_out) // REBUILT)][:REBUILT]
    places, size, crop = derived.places(store, chosen), int(card["size"]), float(card["crop"])
    views = [
        plain_view(one.pixels, size, crop)
        for one in open_all([(item, places[item]) for item in chosen], size)
        if one.pixels is not None
    ]
    if not views:
        return None
    shown = np.stack(views)
    return shown, rebuild(model.weights(), shown)


def _failures(store: Store, *, skipped: bool) -> list[Failure]:
    rows = store.rows(
        f"SELECT subject, path, stage, reason FROM failures WHERE (stage = ?) = {int(skipped)} "
        "ORDER BY path LIMIT ?",
        (SKIPPED, FAILURES_SHOWN),
    )
    paths = HandedOut(store).texts([path or subject for subject, path, *_ in rows])
    return [Failure(row[0], path, *row[2:]) for row, path in zip(rows, paths, strict=True)]


def _numbers(store: Store, info: Info) -> dict[str, Spread]:
    """Bin the columns of numbers of a measure; of very many rows a sample is taken."""
    known = MEASURES.info(info.name).labels if info.name in MEASURES else {}
    columns = [name for name, kind in info.outputs.items() if kind in _NUMBERS]
    if not columns:
        return {}
    frame = sql(
        store,
        f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(info.name)} "
        f"USING SAMPLE reservoir({SAMPLED} ROWS) REPEATABLE (1)",
    )
    found = {}
    for name in columns:
        values = frame[name].dropna().to_numpy(np.float64)
        values = values[np.isfinite(values)]
        if len(values) and values.min() < values.max():
            counts, edges = np.histogram(values, SMALL_BINS)
            median = float(np.median(values))
            found[name] = Spread(counts.astype(np.int64), edges, median, known.get(name, ""))
    return found


def _tags(store: Store) -> dict[str, int]:
    frame = sql(
        store,
        "SELECT tag, count(*) AS n FROM tags WHERE rank = 1 GROUP BY tag "
        f"ORDER BY n DESC, tag LIMIT {TAGS_SHOWN}",
    )
    return dict(zip(frame["tag"], frame["n"].tolist(), strict=True))

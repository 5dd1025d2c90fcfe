"""Gather what a report shows from the catalogue, the tables and the model folders."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from mediacorpus.analysis.overview import overview
from mediacorpus.analysis.tidy import sql
from mediacorpus.catalogue import people, progress
from mediacorpus.catalogue.columns import own_columns
from mediacorpus.catalogue.runs import machine
from mediacorpus.catalogue.store import Store
from mediacorpus.coding.resolving import gold_labels
from mediacorpus.coding.splitting import PARTS
from mediacorpus.errors import ModelError
from mediacorpus.learning.card_text import agreement_words
from mediacorpus.learning.curves import describe_curves
from mediacorpus.learning.model import model_of
from mediacorpus.learning.model_card import agreement_of, model_card
from mediacorpus.learning.settings import used_settings
from mediacorpus.records import SKIPPED, Failure, Info
from mediacorpus.report.content import (
    CorpusFacts,
    MeasureFacts,
    ModelFacts,
    ProxyFacts,
    ReportContent,
    SplitFacts,
    VariableFacts,
)
from mediacorpus.report.evaluation import Evaluation
from mediacorpus.report.pictures import spread, thumbs
from mediacorpus.report.rebuilt import rebuilt_pictures
from mediacorpus.tables.query import quoted
from mediacorpus.validation.rules import is_rule

SAMPLE = 12
FAILURES_SHOWN = 50
OF_EACH_KIND = 12
MISTAKES_SHOWN = 24
TAGS_SHOWN = 15
BINS = 10
INTERVALS = (
    "Wilson's method for accuracy, precision and recall; percentile bootstrap over pictures "
    "for the rest"
)


def collect(store: Store, *, title: str, created: datetime) -> ReportContent:
    """Gather all that a report shows."""
    names = {entry["model"] for entry in people.models(store)}
    setups = progress.current_setups(store)
    validations = people.validations(store)
    tags, tags_note = _tags(store, setups)
    wanted = spread(store, SAMPLE)
    sample = thumbs(store, wanted)
    return ReportContent(
        title=title,
        created=created,
        corpus=_corpus(store),
        measures=[
            _measure(store, setup, info)
            for name, (setup, info) in setups.items()
            if name not in names
        ],
        labels=[_variable(store, name) for name in people.variables(store)],
        splits=_splits(store),
        models=[_model(store, entry, validations) for entry in people.models(store)],
        proxies=[
            ProxyFacts(v["subject"], _evaluation(store, v), v["warnings"])
            for v in validations
            if is_rule(v["subject"])
        ],
        failures=_failures(store, skipped=False),
        skipped=_failures(store, skipped=True),
        sample=sample,
        sample_note="taken at equal steps through the corpus, in the order they were added",
        unseen=len(wanted) - len(sample),
        tags=tags,
        tags_note=tags_note,
        versions={"python": machine()["python"], **machine()["packages"]},
        runs=store.frame(
            "SELECT run, verb, status, version, started, done, failed FROM runs ORDER BY run"
        ),
    )


def _corpus(store: Store) -> CorpusFacts:
    facts = overview(store)
    return CorpusFacts(
        folder=str(store.folder),
        items=facts.items,
        records=facts.records,
        failures=facts.failures,
        skipped=facts.skipped,
        bytes=facts.bytes,
        formats=dict(
            store.rows("SELECT format, count(*) FROM items GROUP BY format ORDER BY 2 DESC")
        ),
        sizes={
            (w, h): n
            for w, h, n in store.rows(
                "SELECT width, height, count(*) FROM items "
                f"WHERE {progress.PICTORIAL_ITEMS} GROUP BY width, height"
            )
        },
        sources=[r[0] for r in store.rows("SELECT location FROM sources ORDER BY source")],
        columns=[own.shown for own in own_columns(store)],
    )


def _measure(store: Store, setup: int, info: Info) -> MeasureFacts:
    def count(condition: str) -> int:
        return int(
            store.value(
                f"SELECT count(*) FROM measured WHERE setup = ? AND part IS {condition}", (setup,)
            )
        )

    parameters = json.loads(store.value("SELECT parameters FROM setups WHERE setup = ?", (setup,)))
    return MeasureFacts(
        name=info.name,
        version=info.version,
        items=count("NOT NULL"),
        failed=count("NULL"),
        parameters={k: v for k, v in parameters.items() if v is not None},
        summary=info.summary,
        licence=info.licence,
        citation=info.citation,
    )


def _variable(store: Store, name: str) -> VariableFacts:
    log = people.label_log(store, name)
    values, unresolved = gold_labels(store, name)
    agreement = agreement_of(log)
    valid = log.drop_duplicates(["item", "coder"], keep="last")
    return VariableFacts(
        variable=name,
        counts={str(k): int(n) for k, n in values["value"].value_counts().items()},
        coders={str(k) or "not named": int(n) for k, n in valid["coder"].value_counts().items()},
        superseded=len(log) - len(valid),
        agreement=agreement_words(agreement) if agreement["items"] else None,
        unresolved=len(unresolved),
        rule=people.gold_rule(store, name)[0],
    )


def _splits(store: Store) -> list[SplitFacts]:
    used = {entry["split"] for entry in people.models(store)}
    newest = {people.latest_split(store, name) for name in people.variables(store)}
    found = []
    for number in sorted(used | (newest - {None})):  # type: ignore[type-var]
        ((variable, shares, seed, method),) = store.rows(
            "SELECT variable, shares, seed, method FROM splits WHERE split = ?", (number,)
        )
        values, _ = gold_labels(store, variable)
        truth = dict(zip(values["item"], values["value"].astype(str), strict=True))
        parts = people.split_parts(store, number)  # type: ignore[arg-type]
        tally = Counter((part, truth.get(item, "none")) for item, part in parts.items())
        counts = {
            part: {value: n for (p, value), n in sorted(tally.items()) if p == part}
            for part in PARTS
            if any(p == part for p, _ in tally)
        }
        found.append(SplitFacts(variable, counts, shares, seed, method))
    return found


def _model(store: Store, entry: dict[str, Any], validations: list[dict[str, Any]]) -> ModelFacts:
    card, name = entry["card"], entry["model"]
    curves, warnings, rebuilt = None, [], None
    try:
        found = model_of(store, name)
        curves, rebuilt = found.curves, rebuilt_pictures(store, found, split=entry["split"])
    except ModelError as error:
        warnings.append(str(error))
    own = [v for v in validations if v["subject"] == name]
    known = model_card(store, name).facts
    predicted, bins = _predictions(store, name, [str(c) for c in card["classes"]])
    return ModelFacts(
        name=name,
        variable=entry["variable"],
        method=card["method"],
        backbone=card.get("backbone", ""),
        licence=card.get("licence", ""),
        citation=card.get("citation", ""),
        settings=used_settings(card["settings"], card["method"]),
        seconds=card.get("seconds"),
        trained_on=sum(card.get("counts", {}).get("train", {}).values()) or None,
        curves=curves,
        fit=describe_curves(curves) if curves is not None and "epoch" in curves else "",
        evaluation=_evaluation(store, own[-1]) if own and "confusion_matrix" in own[-1] else None,
        predicted=predicted,
        probabilities=bins,
        warnings=[*warnings, *(own[-1]["warnings"] if own else [])],
        scored=_scored(own[-1]) if own else "",
        rebuilt=rebuilt,
        limits=known["limits"],
        audits=known["audits"],
    )


def _evaluation(store: Store, result: dict[str, Any]) -> Evaluation:
    facts = {}
    for row in [r for r in result["mistakes"] if r["rank"] <= OF_EACH_KIND][:MISTAKES_SHOWN]:
        # Corpora of earlier versions hold results with the names `true` and `confidence`.
        sure = row["confidence"] if "confidence" in row else row["probability"]
        facts[row["item"]] = {
            "truth": row.get("gold", row.get("true")),
            "predicted": row["predicted"],
            "probability": None if is_rule(result["subject"]) else sure,
        }
    return Evaluation(
        against=result["variable"],
        scored_on="" if result["part"] == "labelled" else result["part"],
        scores=pd.DataFrame(result["table"]),
        confusion=np.asarray(result["confusion_matrix"], dtype=np.int64),
        classes=result["classes"],
        mistakes=thumbs(store, list(facts), facts=facts),
        interval=INTERVALS,
        level=result["level"],
        notes=result["notes"],
        positive=result["positive"] or "",
        inclusion=result.get("inclusion"),
    )


def _scored(result: dict[str, Any]) -> str:
    """Give the scores of predicted numbers or of several labels in a sentence; else nothing."""
    if "confusion_matrix" in result:
        return ""
    scores = dict(result["scores"]) if "scores" in result else {}
    if "exact_match" in result:
        scores["just the right labels"] = result["exact_match"]
    said = "; ".join(
        f"{name.replace('_', ' ')} {value:.3f} ({low:.3f} to {high:.3f})"
        for name, (value, low, high) in scores.items()
        if None not in {value, low, high}
    )
    where = "labelled items" if result["part"] == "labelled" else f"items of {result['part']}"
    return f"Scores on {result['n']:,} {where}: {said}."


def _predictions(
    store: Store, name: str, classes: list[str]
) -> tuple[pd.DataFrame | None, dict[str, list[int]]]:
    """Count what a model says of the whole corpus, by item and by record."""
    setups = progress.current_setups(store)
    if name not in setups or "value" in setups[name][1].outputs:
        return None, {}
    table = quoted(name)
    best = f"(SELECT item, tag, score FROM {table} WHERE rank = 1)"
    counted = sql(
        store,
        f"SELECT tag AS class, count(DISTINCT best.item) AS items, count(record) AS records "
        f"FROM {best} AS best LEFT JOIN records ON records.item = best.item GROUP BY tag",
    )
    if counted.empty:
        return None, {}
    counted = counted.set_index("class").reindex(classes, fill_value=0).reset_index()
    binned = sql(
        store,
        f"SELECT tag, least(floor(score * {BINS}), {BINS - 1}) AS bin, count(*) AS n "
        f"FROM {best} GROUP BY ALL",
    )
    bins = {c: [0] * BINS for c in classes}
    for tag, place, n in binned.itertuples(index=False, name=None):
        bins[str(tag)][int(place)] = int(n)
    return counted, bins


def _failures(store: Store, *, skipped: bool) -> list[Failure]:
    rows = store.rows(
        f"SELECT subject, path, stage, reason FROM failures WHERE (stage = ?) = {int(skipped)} "
        "ORDER BY path LIMIT ?",
        (SKIPPED, FAILURES_SHOWN),
    )
    return [Failure(*row) for row in rows]


def _tags(store: Store, setups: dict[str, tuple[int, Info]]) -> tuple[dict[str, int], str]:
    if "tags" not in setups:
        return {}, ""
    frame = sql(
        store,
        "SELECT tag, count(*) AS n FROM tags WHERE rank = 1 GROUP BY tag "
        f"ORDER BY n DESC, tag LIMIT {TAGS_SHOWN}",
    )
    tags = dict(zip(frame["tag"], (int(n) for n in frame["n"]), strict=True))
    return tags, "the best tag of each picture"

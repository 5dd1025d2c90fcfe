"""The verb `report`: gather what a corpus holds and write it down."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mediacorpus.analysis.overview import overview
from mediacorpus.errors import writing
from mediacorpus.files import atomic_write
from mediacorpus.report.collect import collect
from mediacorpus.report.html import render
from mediacorpus.stats.metric import metrics
from mediacorpus.store import people
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

REPORT = "report.html"
RESULTS = "results.json"


def report(store: Store, *, title: str | None = None, output: Path | None = None) -> Path:
    """Write the report as one HTML file, and the main numbers as `results.json` beside it.

    Parameters
    ----------
    store:
        The catalogue.
    title:
        Heading; by default the name of the corpus folder.
    output:
        The HTML file; by default `reports/report.html` in the corpus.

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    MissingExtra
        jinja2 or matplotlib is not installed.
    CorpusReadOnly, StorageFull
        The file cannot be written.
    """
    target = output or store.folder / "reports" / REPORT
    name = title or store.folder.resolve().name
    created = datetime.now().astimezone().replace(microsecond=0)
    opened = (
        running(store, "report", parameters={"output": target}, exclusive=False)
        if store.writable
        else contextlib.nullcontext()
    )
    with opened:
        content = collect(store, title=name, created=created)
        if content.unseen:
            warnings.warn(content.of_unseen, stacklevel=2)
        page = render(content)
        numbers = json.dumps(results(store), indent=2, ensure_ascii=False)
        with writing(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, page)
            _write(target.with_name(RESULTS), numbers)
    return target


def _write(target: Path, text: str) -> None:
    with atomic_write(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def results(store: Store) -> dict[str, Any]:
    """Give counts and scores as plain numbers.

    Returns
    -------
    dict
        `items`, `records`, `failures`, `skipped` (files that are no media); and `models`: by name
        `variable`, `method`, `n_train`, `n_val`, `n_test`, `seconds`, and once validated `part`,
        `n`, `precision`, `recall`, `f1`, every registered metric such as `accuracy`, `intervals`
        (95 % unless another level was asked for), `classes` and `confusion_matrix` (rows are the
        gold labels).
    """
    validated = {(v["subject"], v["variable"]): v for v in people.validations(store)}
    models = {}
    for entry in people.models(store):
        card = entry["card"]
        parts = list(people.split_parts(store, entry["split"]).values())
        facts: dict[str, Any] = {
            "variable": entry["variable"],
            "method": card["method"],
            "n_train": parts.count("train"),
            "n_val": parts.count("val"),
            "n_test": parts.count("test"),
            "seconds": card.get("seconds"),
        }
        found = validated.get((entry["model"], entry["variable"]))
        if found is not None and "confusion_matrix" not in found:
            kept = ("part", "n", "scores", "exact_match", "mean_f1", "labels")
            facts |= {name: found[name] for name in kept if name in found}
        elif found is not None:
            facts |= {"part": found["part"], "n": found["n"], "level": found["level"]}
            facts |= _scores(found)
            facts |= {"classes": found["classes"], "confusion_matrix": found["confusion_matrix"]}
        models[entry["model"]] = facts
    rules = {
        v["subject"]: {"variable": v["variable"], "n": v["n"], **_scores(v)}
        for v in validated.values()
        if v["kind"] == "rule"
    }
    held = overview(store)
    counts = {n: getattr(held, n) for n in ("items", "records", "failures", "skipped")}
    return {**counts, "models": models, "rules": rules}


def _scores(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give the headline scores and every registered metric of a validation, with intervals."""
    overall = [one.name for one in metrics(at="validate") if not one.per_class]
    names = [n for n in dict.fromkeys(["precision", "recall", "f1", *overall]) if n in found]
    limits = {name: found["intervals"].get(name) for name in names}
    return {name: found[name] for name in names} | {"intervals": limits}

"""The verb `report`: gather what a corpus holds and write it down."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus.analysis.overview import overview
from mediacorpus.coding.splitting import PARTS
from mediacorpus.report.content import collect
from mediacorpus.report.document import page, write_page
from mediacorpus.report.gallery import GALLERY_CSS, not_shown
from mediacorpus.report.methods import summary
from mediacorpus.report.sections import sections
from mediacorpus.result import counted
from mediacorpus.stats.metric import metrics
from mediacorpus.store import people
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mediacorpus.report.content import ReportContent
    from mediacorpus.report.document import Section

REPORT, WITHOUT_IMAGES = "report.html", "report-no-images.html"
RESULTS = "results.json"


class PageFile(type(Path())):  # type: ignore[misc]
    """The path of a page, which a notebook shows as a link."""

    def _repr_html_(self) -> str:
        return f'<a href="{self.resolve().as_uri()}" target="_blank">{escape(str(self))}</a>'


def report(
    store: Store,
    *,
    title: str | None = None,
    output: Path | None = None,
    images: bool = True,
) -> Path:
    """Write the report as one HTML file, and the main numbers as `results.json` beside it.

    Parameters
    ----------
    store:
        The catalogue.
    title:
        Heading; by default the name of the corpus folder.
    output:
        The HTML file; by default `reports/report.html` in the corpus, and without images
        `reports/report-no-images.html`.
    images:
        Whether small copies of images are in it. Without them it can be shared where the images
        may not.

    Returns
    -------
    Path
        The HTML file; a notebook shows it as a link.

    Raises
    ------
    MissingExtra
        jinja2 or matplotlib is not installed.
    CorpusReadOnly, StorageFull
        The file cannot be written.
    """
    target = output or store.folder / "reports" / (REPORT if images else WITHOUT_IMAGES)
    name = title or store.folder.resolve().name
    created = datetime.now().astimezone().replace(microsecond=0)
    opened = (
        running(store, "report", parameters={"output": target, "images": images}, exclusive=False)
        if store.writable
        else contextlib.nullcontext()
    )
    with opened:
        content = collect(store, title=name, created=created, images=images)
        if content.unseen:
            warnings.warn(not_shown(content.unseen), stacklevel=2)
        html = render(content)
        numbers = json.dumps(results(store), indent=2, ensure_ascii=False)
        for place, text in ((target, html), (target.with_name(RESULTS), numbers)):
            write_page(place, text)
    return PageFile(target)


def render(content: ReportContent) -> str:
    """Write the report as one self-contained HTML page.

    Images and figures are part of the page; it loads nothing and runs no script. The same
    content gives the same page.

    Raises
    ------
    MissingExtra
        jinja2 or matplotlib is not installed.
    """
    return page(
        "report.html.j2",
        style=GALLERY_CSS,
        title=content.title,
        created=content.created,
        key_figures=_key_figures(content),
        summary=summary(content),
        sections=list(_numbered(sections(content))),
    )


def _numbered(parts: Sequence[Section], prefix: str = "") -> Iterator[dict[str, Any]]:
    for n, part in enumerate(parts, 1):
        number = f"{prefix}{n}"
        below = list(_numbered(part.sections, f"{number}."))
        yield {"number": number, "section": part, "sections": below}


def _key_figures(content: ReportContent) -> list[tuple[str, str]]:
    labelled = max((sum(one.counts.values()) for one in content.labels), default=0)
    figures = (
        counted(content.corpus.items, "distinct image"),
        counted(content.corpus.records, "record"),
        counted(content.corpus.failures, "failure"),
        counted(labelled, "labelled", "labelled"),
        counted(len(content.models), "classifier"),
    )
    return [(number, what) for number, _, what in (one.partition(" ") for one in figures)]


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
        facts = {"variable": entry["variable"], "method": card["method"]}
        facts |= {f"n_{part}": parts.count(part) for part in PARTS}
        facts |= {"seconds": card.get("seconds")}
        if found := validated.get((entry["model"], entry["variable"])):
            facts |= _picked(found, "part", "n", "level") | _scores(found)
            facts |= _picked(found, "classes", "confusion_matrix")
        models[entry["model"]] = facts
    rules = {
        v["subject"]: {"variable": v["variable"], "n": v["n"], **_scores(v)}
        for v in validated.values()
        if v["kind"] == "rule"
    }
    counts = _picked(overview(store).to_dict(), "items", "records", "failures", "skipped")
    return {**counts, "models": models, "rules": rules}


def _scores(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give the headline scores and every registered metric of a validation, with intervals."""
    overall = [one.name for one in metrics(at="validate") if not one.per_class]
    facts = _picked(found, "precision", "recall", "f1", *overall)
    if facts:
        return facts | {"intervals": {name: found["intervals"].get(name) for name in facts}}
    return _picked(found, "scores", "exact_match", "mean_f1", "labels")


def _picked(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found}

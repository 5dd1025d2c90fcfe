"""The card of a model as Markdown, in the form that model hubs read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from mediacorpus.stats.metric import label_of, metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST = 30
"""Rows of classes that are shown."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")
_PARTS = {"train": "training", "val": "validation", "test": "test", "labelled": "all labelled"}


def card_text(facts: Mapping[str, Any]) -> str:
    r"""Write a card as Markdown with YAML front matter (Mitchell et al., 2019).

    Whatever users typed is escaped, so that it can be no markup.

    Parameters
    ----------
    facts:
        What `mediacorpus.learning.model_card` gathers.

    References
    ----------
    Mitchell, M., et al. (2019). Model cards for model reporting. FAT* 2019, 220-229.
    """
    model = facts["model"]
    lines = [*_front(facts), f"# {escaped(facts['name'])}", ""]
    lines += [
        (
            f"A classifier of pictures for the variable “{escaped(facts['variable'])}”, made with "
            f"mediacorpus: {escaped(model['method'])} on {escaped(model['backbone'])}."
        ),
        "",
        "## Limits",
        "",
        *_bullets(map(escaped, facts["limits"])),
        *_scores(facts["scores"]),
        *_audits(facts["audits"]),
        *_labels(facts["labels"]),
        "### Agreement of coders",
        "",
        agreement_words(facts["agreement"]),
        "",
        *_data(facts["data"], model),
        *_made(model, facts["settings"]),
        f"Written on {facts['updated'][:10]}. `card.json` holds the same for machines.",
        "Nothing in this folder runs code when it is loaded.",
    ]
    return "\n".join([*lines, ""])


def escaped(value: object) -> str:
    r"""Write what a user typed so that Markdown shows it as it is, on one line.

    >>> print(escaped("a|b\n<b>"))
    a\|b \<b\>
    """
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def agreement_words(agreement: Mapping[str, Any]) -> str:
    """Say how far coders agree.

    >>> agreement_words({"coders": 1, "items": 0})
    'One coder gave all labels, so agreement cannot be told.'
    >>> print(agreement_words({"coders": 2, "items": 40, "percent_agreement": 0.9,
    ...     "cohens_kappa": 0.8, "krippendorff_alpha": 0.8, "level": "nominal"}))
    2 coders; 40 items labelled by several of them: 90 % of pairs of labels are the same, \
Cohen's kappa .80, Krippendorff's alpha .80 (nominal).
    """
    if agreement["coders"] == 1:
        return "One coder gave all labels, so agreement cannot be told."
    if not agreement["items"]:
        return (
            f"{agreement['coders']} coders, but no item was labelled by two of them, so agreement "
            "cannot be told."
        )
    kappa, alpha = (_short(agreement[k]) for k in ("cohens_kappa", "krippendorff_alpha"))
    mean = "" if agreement["coders"] == 2 else " (mean of all pairs of coders)"  # noqa: PLR2004
    return (
        f"{agreement['coders']} coders; {agreement['items']:,} items labelled by several of them: "
        f"{100 * agreement['percent_agreement']:.0f} % of pairs of labels are the same, Cohen's "
        f"kappa {kappa}{mean}, Krippendorff's alpha {alpha} ({agreement['level']})."
    )


def _front(facts: Mapping[str, Any]) -> list[str]:
    """Write the head that model hubs read. JSON strings are YAML too, and cannot break out."""
    lines = ["---", "library_name: mediacorpus", "pipeline_tag: image-classification"]
    lines += ["tags:", "- image-classification", "- onnx", "- mediacorpus"]
    lines += ["model-index:", f"- name: {json.dumps(facts['name'])}"]
    results = [line for score in facts["scores"] for line in _result(score)]
    lines += ["  results:", *results] if results else ["  results: []"]
    return [*lines, "---", ""]


def _result(score: Mapping[str, Any]) -> list[str]:
    metrics = [row for row in score["table"] if _is_overall(row) and row["estimate"] is not None]
    if not metrics:
        return []
    head = [
        "  - task:",
        "      type: image-classification",
        "    dataset:",
        "      type: mediacorpus",
        f"      name: {json.dumps(score['against'])}",
        f"      split: {json.dumps(score['part'])}",
        "    metrics:",
    ]
    for row in metrics:
        head += [f"    - type: {row['score']}", f"      value: {row['estimate']:.4f}"]
    return head


def _is_overall(row: Mapping[str, Any]) -> bool:
    shown = {one.name for one in metrics(at="card")}
    return not row.get("class") and not row.get("label") and row["score"] in shown


def _scores(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["## Scores", ""]
    if not scores:
        return [*lines, "It has not been validated.", ""]
    for score in scores:
        level = 100 * score.get("level", 0.95)
        lines += [
            f"### Against “{escaped(score['against'])}”, {_PARTS.get(score['part'])} items",
            "",
            f"{score['n']:,} items, on {score['time'][:10]}; in brackets {level:g} % intervals.",
            "",
            "| score | of | value |",
            "| --- | --- | --- |",
        ]
        rows = [row for row in score["table"] if _is_overall(row)]
        rows += [r for r in score["table"] if r.get("class") or r.get("label")][: 3 * MOST]
        lines += [
            f"| {label_of(row['score'])} | {escaped(_of(row))} | {_value(row)} |" for row in rows
        ]
        lines += ["", *_inclusion(score.get("inclusion"))]
        notes = [*score.get("notes", []), *score.get("warnings", [])]
        lines += _bullets(map(escaped, notes)) if notes else []
    return lines


def _of(row: Mapping[str, Any]) -> str:
    return str(row.get("class") or row.get("label") or "all")


def _inclusion(kept: Mapping[str, Any] | None) -> list[str]:
    if kept is None:
        return []
    column = escaped(kept["column"])
    accuracy = next(row for row in kept["table"] if row["score"] == "accuracy")
    return [
        (
            f"Weighted by one over “{column}”, the chance of each record to be drawn: "
            f"accuracy {_interval(*accuracy['weighted'])}."
        ),
        "",
    ]


def _audits(audits: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["## Audits", ""]
    if not audits:
        return [*lines, "It has not been audited.", ""]
    for audit in audits:
        what = "Spoilt pictures"
        if audit["kind"] == "groups":
            what = f"Groups by {escaped(', '.join(audit['by']))}"
        lines += [f"### {what}, against “{escaped(audit['against'])}”", ""]
        lines += [f"{audit['n']:,} items, on {audit['time'][:10]}.", ""]
        worst = [str(audit["worst"])] if audit.get("worst") else []
        lines += _bullets(map(escaped, [*worst, *audit["sentences"]]))
    return lines


def _labels(labels: Mapping[str, Any]) -> list[str]:
    parts = list(labels["counts"])
    values = sorted({value for own in labels["counts"].values() for value in own})
    lines = ["## Labels", ""]
    lines += [f"Learned as {escaped(labels['target'])}. Items by value and part:", ""]
    lines += ["| value | " + " | ".join(_PARTS[p] for p in parts) + " |"]
    lines += ["| --- |" + " --- |" * len(parts)]
    for value in values[:MOST]:
        cells = " | ".join(f"{labels['counts'][p].get(value, 0):,}" for p in parts)
        lines.append(f"| {escaped(value)} | {cells} |")
    if len(values) > MOST:
        lines += ["", f"{len(values) - MOST:,} more values are in `card.json`."]
    coders = ", ".join(f"{escaped(name)} ({n:,})" for name, n in labels["coders"].items())
    lines += ["", f"Labels by coder: {coders}. Where several coders labelled an item, the "]
    lines[-1] += f"{labels['rule']} decides; {labels['unresolved']:,} items are unresolved."
    return [*lines, ""]


def _data(data: Mapping[str, Any], model: Mapping[str, Any]) -> list[str]:
    kinds = ", ".join(f"{n:,} {escaped(kind)}" for kind, n in data["kinds"].items())
    lines = [
        "## Data",
        "",
        f"{data['items']:,} items ({kinds}) in {data['records']:,} records.",
        "",
        *_bullets(f"source: {escaped(source)}" for source in data["sources"]),
    ]
    if "unlabelled" in model:
        lines += [f"Codes were learned from {model['unlabelled']:,} more items without labels.", ""]
    hashes = {"items learned from": data["train_hash"], "items of the test part": data["test_hash"]}
    return lines + _bullets(f"SHA-256 of the {k}: `{v}`" for k, v in hashes.items() if v)


def _made(model: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(f"{escaped(k)} {escaped(v)}" for k, v in model["versions"].items())
    given = ", ".join(f"{escaped(k)} = {escaped(v)}" for k, v in settings.items())
    facts = [
        f"what it began with: {escaped(model['backbone'])}",
        f"licence of that: {escaped(model.get('licence', 'not known'))}",
        f"source: {escaped(model.get('citation', 'not known'))}",
        f"settings: {given}",
        f"seed: {model['seed']}",
        f"trained on: {escaped(model['created'])}",
        f"versions: {versions}",
        f"hash of the model: `{model['hash']}`",
        *(f"SHA-256 of {escaped(name)}: `{value}`" for name, value in model["files"].items()),
    ]
    return ["## How it was made", "", *_bullets(facts)]


def _bullets(sentences: Iterable[str]) -> list[str]:
    found = [f"- {sentence}" for sentence in sentences]
    return [*(found or ["- None is known."]), ""]


def _value(row: Mapping[str, Any]) -> str:
    return _interval(row["estimate"], row["low"], row["high"])


def _interval(estimate: float | None, low: float | None, high: float | None) -> str:
    if estimate is None:
        return "undefined"
    if low is None or high is None:
        return f"{estimate:.3f}"
    return f"{estimate:.3f} [{low:.3f}, {high:.3f}]"


def _short(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}".replace("0.", ".", 1)

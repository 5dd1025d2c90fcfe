"""The card of a model: data, labels, agreement, scores, audits, limits, licence, all in one."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markdown_it import MarkdownIt

from mediacorpus.coding.gold import ratings_of
from mediacorpus.coding.resolving import gold_labels
from mediacorpus.errors import LabelError, ParameterError, writing
from mediacorpus.learning.cache import write_json, write_whole
from mediacorpus.learning.settings import used_settings
from mediacorpus.learning.targets import TargetKind, against_rest
from mediacorpus.report import words
from mediacorpus.report.document import Markup, leaf, write_page
from mediacorpus.result import Result, counted, plain
from mediacorpus.stats.agreement import cohens_kappa, krippendorff_alpha, percent_agreement
from mediacorpus.stats.metric import label_of, metrics
from mediacorpus.store import people
from mediacorpus.store.results import notes_of, results
from mediacorpus.store.runs import now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mediacorpus.store.store import Store


FEW = 30
"""Items under which a class or a group says nearly nothing."""

SMALL = 100
"""Items under which a test part is small."""

CODES = ("priors", "temperature")
"""Notes on scores that limit the use of a model: other shares of the classes in the corpus than in
the test part, and probabilities that are too sure or not sure enough."""

AUDITS = {"audit": "groups", "robustness": "robustness"}
"""Commands whose results are audits, and how cards name these."""

LOW_ALPHA = 0.667
"""Krippendorff's alpha under which labels carry no conclusions (Krippendorff, 2004)."""


def limits(facts: Mapping[str, Any]) -> list[str]:
    """Say what limits the use of a model, one sentence each.

    Parameters
    ----------
    facts:
        What `mediacorpus.report.model_card` gathers: `variable`, `labels`, `agreement`,
        `scores`, `audits`.

    References
    ----------
    Krippendorff, K. (2004). *Content Analysis*, 2nd ed., p. 241 (alpha of .667 and .800).

    Examples
    --------
    >>> facts = {"variable": "face", "labels": {"counts": {"train": {"no": 8, "yes": 40}}},
    ...          "agreement": {"coders": 1, "items": 0}, "scores": [], "audits": []}
    >>> for sentence in limits(facts):
    ...     print(sentence)
    It has not been validated: nothing is known of how well it does.
    It learned from few examples of 'no' (8).
    One coder gave all labels, so agreement is not known.
    It has not been audited by groups: whether it does equally well for all is not known.
    """
    return [
        *_of_scores(facts),
        *_of_counts(facts["labels"]["counts"].get("train", {}), "It learned from few examples of"),
        *_of_agreement(facts["agreement"]),
        *_of_audits(facts["audits"]),
    ]


def _of_scores(facts: Mapping[str, Any]) -> list[str]:
    own = [s for s in facts["scores"] if s["against"] == facts["variable"]]
    tested = [s for s in own if s["part"] == "test"]
    if not own:
        return ["It has not been validated: nothing is known of how well it does."]
    sentences = []
    if not tested:
        sentences.append(
            "It has been scored on the validation part only, which also serves to choose between "
            "models; such scores may be a little too good."
        )
    last = (tested or own)[-1]
    if last["n"] < SMALL:
        sentences.append(
            f"It was scored on {last['n']:,} items only: read the intervals, not the estimates."
        )
    counts = facts["labels"]["counts"].get(last["part"], {})
    sentences += _of_counts(counts, "It was scored on few examples of")
    return sentences + [note["text"] for note in last.get("codes", []) if note["code"] in CODES]


def _of_counts(counts: Mapping[str, int], lead: str) -> list[str]:
    few = [f"{name!r} ({n:,})" for name, n in counts.items() if n < FEW]
    if not few or len(counts) > 2 * FEW:  # so many values are numbers, or sets of labels
        return []
    return [f"{lead} {', '.join(few)}."]


def _of_agreement(agreement: Mapping[str, Any]) -> list[str]:
    items = agreement["items"]
    if agreement["coders"] <= 1:
        return [agreement_words(agreement)]
    if not items:
        return ["No item was labelled by two coders, so agreement is not known."]
    alpha = agreement.get("krippendorff_alpha")
    sentences = []
    if items < FEW:
        sentences.append(f"Agreement rests on {items:,} items that several coders labelled.")
    if alpha is not None and alpha < LOW_ALPHA:
        sentences.append(
            f"Coders agree too little (Krippendorff's alpha {alpha:.2f}; under {LOW_ALPHA} labels "
            "carry no conclusions): the model has learned from labels that others would not give."
        )
    return sentences


def _of_audits(audits: list[Mapping[str, Any]]) -> list[str]:
    grouped = [audit for audit in audits if audit["kind"] == "groups"]
    small = [name for audit in grouped for name in audit["small"]]
    if not grouped:
        return [
            "It has not been audited by groups: whether it does equally well for all is not known."
        ]
    listed = f"Groups of fewer than {FEW} items, of which little can be said: {', '.join(small)}."
    return [listed] if small else []


MOST = 30
"""Rows of classes that are shown."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


def card_text(facts: Mapping[str, Any]) -> str:
    r"""Write a card as Markdown with YAML front matter (Mitchell et al., 2019).

    Whatever users typed is escaped, so that it can be no markup.

    Parameters
    ----------
    facts:
        What `mediacorpus.report.model_card` gathers.

    References
    ----------
    Mitchell, M., et al. (2019). Model cards for model reporting. FAT* 2019, 220-229.
    """
    model = facts["model"]
    variable, method = escaped(facts["variable"]), escaped(model["method"])
    intro = (
        f"A classifier of images for the variable “{variable}”, made with mediacorpus: {method} on "
        f"{escaped(model['backbone'])}."
    )
    last = (
        f"Written on {facts['updated'][:10]}. `card.json` holds the same for machines.\n"
        "Nothing in this folder runs code when it is loaded."
    )
    scores = [text for score in facts["scores"] for text in _score(score)]
    audits = [text for audit in facts["audits"] for text in _audit(audit)]
    paragraphs = [_front(facts), f"# {escaped(facts['name'])}", intro]
    paragraphs += ["## Limits", _bullets(map(escaped, facts["limits"]))]
    paragraphs += ["## Scores", *(scores or ["It has not been validated."])]
    paragraphs += ["## Audits", *(audits or ["It has not been audited."])]
    paragraphs += ["## Labels", *_labels(facts["labels"])]
    paragraphs += ["### Agreement of coders", agreement_words(facts["agreement"])]
    paragraphs += ["## Data", *_data(facts["data"], model)]
    paragraphs += ["## How it was made", _made(model, facts["settings"]), last]
    return "\n\n".join(paragraphs) + "\n"


def escaped(value: object) -> str:
    r"""Write what a user typed so that Markdown shows it as it is, on one line.

    >>> print(escaped("a|b\n<b>"))
    a\|b \<b\>
    """
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def agreement_words(agreement: Mapping[str, Any]) -> str:
    """Say how far coders agree.

    >>> agreement_words({"coders": 1, "items": 0})
    'One coder gave all labels, so agreement is not known.'
    >>> print(agreement_words({"coders": 2, "items": 40, "percent_agreement": 0.9,
    ...     "cohens_kappa": 0.8, "krippendorff_alpha": 0.8, "level": "nominal"}))
    2 coders; 40 items labelled by several of them: 90 % of pairs of labels are the same, \
Cohen's kappa .80, Krippendorff's alpha .80 (nominal).
    """
    if not agreement["coders"]:
        return "Who gave the labels is not known here, and so is whether coders agree."
    if agreement["coders"] == 1:
        return "One coder gave all labels, so agreement is not known."
    if not agreement["items"]:
        return (
            f"{agreement['coders']} coders, but no item was labelled by two of them, so agreement "
            "is not known."
        )
    kappa, alpha = (
        "undefined" if value is None else f"{value:.2f}".replace("0.", ".", 1)
        for value in (agreement["cohens_kappa"], agreement["krippendorff_alpha"])
    )
    mean = "" if agreement["coders"] == 2 else " (mean of all pairs of coders)"  # noqa: PLR2004
    return (
        f"{agreement['coders']} coders; {agreement['items']:,} items labelled by several of them: "
        f"{100 * agreement['percent_agreement']:.0f} % of pairs of labels are the same, Cohen's "
        f"kappa {kappa}{mean}, Krippendorff's alpha {alpha} ({agreement['level']})."
    )


def _front(facts: Mapping[str, Any]) -> str:
    """Write the head that model hubs read. JSON strings are YAML too, and cannot break out."""
    lines = ["---", "library_name: mediacorpus", "pipeline_tag: image-classification"]
    lines += ["tags:", "- image-classification", "- onnx", "- mediacorpus"]
    lines += ["model-index:", f"- name: {json.dumps(facts['name'])}"]
    results = [line for score in facts["scores"] for line in _result(score)]
    lines += ["  results:", *results] if results else ["  results: []"]
    return "\n".join([*lines, "---"])


def _result(score: Mapping[str, Any]) -> list[str]:
    rows = [row for row in score["table"] if _is_overall(row) and row["estimate"] is not None]
    if not rows:
        return []
    lines = ["  - task:", "      type: image-classification"]
    lines += ["    dataset:", "      type: mediacorpus"]
    lines += [f"      name: {json.dumps(score['against'])}"]
    lines += [f"      split: {json.dumps(score['part'])}", "    metrics:"]
    for row in rows:
        lines += [f"    - type: {row['score']}", f"      value: {row['estimate']:.4f}"]
    return lines


def _is_overall(row: Mapping[str, Any]) -> bool:
    return not row["class"] and row["score"] in {one.name for one in metrics(at="card")}


def _score(score: Mapping[str, Any]) -> list[str]:
    level = 100 * score.get("level", 0.95)
    rows = [row for row in score["table"] if _is_overall(row)]
    rows += [row for row in score["table"] if row["class"]][: 3 * MOST]
    values = [_interval(row["estimate"], row["low"], row["high"]) for row in rows]
    names = [(label_of(row["score"]), escaped(row["class"] or "all")) for row in rows]
    cells = [(*name, value) for name, value in zip(names, values, strict=True)]
    paragraphs = [
        f"### Against “{escaped(score['against'])}”, {words.part(score['part'])} items",
        f"{score['n']:,} items, on {score['time'][:10]}; in brackets {level:g} % intervals.",
        _table(("score", "of", "value"), cells),
    ]
    if kept := score.get("inclusion"):
        accuracy = next(row for row in kept["table"] if row["score"] == "accuracy")
        paragraphs.append(
            f"Weighted by one over “{escaped(kept['column'])}”, the chance of each record to be "
            f"drawn: accuracy {_interval(*accuracy['weighted'])}."
        )
    notes = [*score.get("notes", []), *score.get("warnings", [])]
    return [*paragraphs, _bullets(map(escaped, notes))] if notes else paragraphs


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _audit(audit: Mapping[str, Any]) -> list[str]:
    what = "Perturbed images"
    if audit["kind"] == "groups":
        what = f"Groups by {escaped(', '.join(audit['by']))}"
    found = filter(None, [audit["worst"], *audit["sentences"]])
    return [
        f"### {what}, against “{escaped(audit['against'])}”",
        f"{audit['n']:,} items, on {audit['time'][:10]}.",
        _bullets(map(escaped, found)),
    ]


def _labels(labels: Mapping[str, Any]) -> list[str]:
    counts = labels["counts"]
    values = sorted({value for own in counts.values() for value in own})
    rows = [
        (escaped(value), *(f"{own.get(value, 0):,}" for own in counts.values()))
        for value in values[:MOST]
    ]
    more = len(values) - MOST
    coders = ", ".join(f"{escaped(name)} ({n:,})" for name, n in labels["coders"].items())
    last = (
        f"Labels by coder: {coders}. Where several coders labelled an item, the {labels['rule']} "
        f"decides; {labels['unresolved']:,} items are unresolved."
        if coders
        else "They were given in the corpus where it was trained; who gave them is not known here."
    )
    return [
        f"Learned as {escaped(labels['target'])}. Items by value and part:",
        _table(("value", *map(words.part, counts)), rows),
        *([f"{more:,} more values are in `card.json`."] if more > 0 else []),
        last,
    ]


def _data(data: Mapping[str, Any], model: Mapping[str, Any]) -> list[str]:
    if data.get("imported"):
        paragraphs = ["It was trained in another corpus and imported."]
    else:
        kinds = ", ".join(f"{n:,} {escaped(kind)}" for kind, n in data["kinds"].items())
        paragraphs = [
            f"{data['items']:,} items ({kinds}) in {data['records']:,} records.",
            _bullets(f"source: {escaped(source)}" for source in data["sources"]),
        ]
    if "unlabelled" in model:
        more = f"{model['unlabelled']:,} more items without labels"
        paragraphs.append(f"Codes were learned from {more}.")
    hashes = {"items learned from": data["train_hash"], "items of the test part": data["test_hash"]}
    return [*paragraphs, _bullets(f"SHA-256 of the {k}: `{v}`" for k, v in hashes.items() if v)]


def _made(model: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    facts = {
        "what it began with": model["backbone"],
        **({"features": _features(model["joined"])} if "joined" in model else {}),
        "licence of that": model.get("licence", "not known"),
        "source": model.get("citation", "not known"),
        "settings": ", ".join(f"{name} = {value}" for name, value in settings.items()),
        "seed": model["seed"],
        "trained on": model["created"],
        "versions": ", ".join(f"{name} {version}" for name, version in model["versions"].items()),
    }
    hashes = {"hash of the model": model["hash"]}
    hashes |= {f"SHA-256 of {escaped(name)}": value for name, value in model["files"].items()}
    lines = [f"{name}: {escaped(value)}" for name, value in facts.items()]
    return _bullets([*lines, *(f"{name}: `{value}`" for name, value in hashes.items())])


def _features(joined: Sequence[Mapping[str, Any]]) -> str:
    """Name features that stand side by side, and what the model loses without each.

    >>> _features([{"feature": "hog", "numbers": 1764, "share": 0.75}])
    'hog (1,764 numbers, share .75)'
    """
    return ", ".join(
        f"{one['feature']} ({counted(one['numbers'], 'number')}, share {one['share']:.2f})".replace(
            "share 0.", "share ."
        )
        for one in joined
    )


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences) or "- None is known."


def _interval(estimate: float | None, low: float | None, high: float | None) -> str:
    if estimate is None:
        return "undefined"
    if low is None or high is None:
        return f"{estimate:.3f}"
    return f"{estimate:.3f} [{low:.3f}, {high:.3f}]"


CARD, TEXT = "card.json", "README.md"
"""Files of a model folder that are written anew; no hash of the model covers them."""

_OF_SCORES = (
    *("part", "n", "level", "positive", "threshold", "table", "warnings", "notes", "codes"),
    *("inclusion", "time"),
)
_LEVELS = {TargetKind.ORDINAL: "ordinal", TargetKind.SCALE: "interval"}
_OF_MODEL = (
    *("method", "backbone", "licence", "citation", "seed", "seconds", "created", "hash", "files"),
    *("versions", "unlabelled", "reconstruction_error", "joined"),
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModelCard(Result):
    """What is known of a model.

    Parameters
    ----------
    facts:
        All of it, as plain lists, numbers and text.
    """

    facts: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        return dict(plain(dict(self.facts)))

    def to_frame(self) -> pd.DataFrame:
        """Return all scores: against, part, score, class, estimate, low, high, n."""
        rows = [
            {"against": one["against"], "part": one["part"], **row}
            for one in self.facts["scores"]
            for row in one["table"]
        ]
        return pd.DataFrame(rows)

    @property
    def _title(self) -> str:
        return f"{self.facts['name']}, a model of {self.facts['variable']}"

    def __str__(self) -> str:
        return card_text(self.facts)

    def html(self) -> str:
        """Give the card as HTML, without the lines that are for programs."""
        text = card_text(self.facts).partition("\n---\n")[2]
        reader = MarkdownIt("commonmark", {"html": False}).enable("table")
        return str(reader.render(text))

    def _repr_html_(self) -> str:
        return f"<div>{self.html()}</div>"

    def save(self, target: str | Path) -> Path:
        """Write the card to an `.html` page, or as `.md` or `.json`.

        Raises
        ------
        ParameterError
            The file has another ending.
        StorageFull, CorpusReadOnly
            The file cannot be written.
        """
        file = Path(target)
        ending = file.suffix.lower()
        if ending in {".html", ".htm"}:
            body = re.sub(r"<h1>.*?</h1>\s*", "", self.html(), count=1)
            wide = body.replace("<table>", '<div class="scroll" tabindex="0"><table>')
            wide = wide.replace("</table>", "</table></div>")
            name = words.name(self.facts["name"])
            write_page(file, leaf(f"Model card of {name}", [Markup(wide)]))
        elif ending in {".md", ".json"}:
            content = str(self) if ending == ".md" else json.dumps(self.to_dict(), indent=2)
            write_page(file, content)
        else:
            raise ParameterError(
                f"A card is written as .html, .md or .json; {file.name!r} ends otherwise."
            )
        return file


def model_card(store: Store, name: str) -> ModelCard:
    """Gather the card of a model from the catalogue as it is now.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model.

    Raises
    ------
    UnknownName
        There is no such model.
    """
    row = people.model(store, name)
    card, variable = row["card"], str(row["variable"])
    imported = row["split"] is None
    log = NO_LABELS if imported else people.label_log(store, variable)
    parts = people.split_parts(store, row["split"])
    facts: dict[str, Any] = {
        "name": name,
        "variable": variable,
        "updated": now(),
        "model": {key: card[key] for key in _OF_MODEL if key in card},
        "settings": used_settings(card["settings"], card["method"]),
        "data": _elsewhere(card) if imported else _data_facts(store, card, parts),
        "labels": _label_facts(store, log, card=card, parts=parts, imported=imported),
        "agreement": agreement_of(
            log, card.get("target", {}).get("kind", "classes"), [str(c) for c in card["classes"]]
        ),
        "scores": [
            {"against": found["variable"]}
            | {key: found[key] for key in _OF_SCORES if found.get(key) is not None}
            for found in people.validations(store, name)
        ],
        "audits": _audits_of(store, name, row["hash"]),
    }
    return ModelCard(facts | {"limits": limits(facts)})


def refresh_card(store: Store, name: str) -> None:
    """Write `card.json` and `README.md` into a model's folder, each whole or not at all.

    Where the folder is gone, or it is no model but a rule, nothing is written.

    Raises
    ------
    StorageFull, CorpusReadOnly
        The folder cannot be written.
    """
    folder = store.folder / "models" / name
    known = store.value("SELECT 1 FROM models WHERE model = ?", (name,))
    if known is None or not folder.is_dir():
        return
    card = model_card(store, name)
    with writing(folder):
        write_json(folder / CARD, card.to_dict())
        write_whole(folder / TEXT, str(card).encode("utf-8"))


NO_LABELS = pd.DataFrame(columns=["item", "coder", "variable", "value"], dtype=object)
"""The log of labels of a model that learned in another corpus."""


def _elsewhere(card: Mapping[str, Any]) -> dict[str, Any]:
    """Say what is known of the data of a model that was trained in another corpus."""
    return {"imported": True, "train_hash": card.get("data_hash"), "test_hash": None}


def _data_facts(store: Store, card: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, Any]:
    sources = store.rows("SELECT kind, location FROM sources ORDER BY source")
    test = "\n".join(sorted(item for item, part in parts.items() if part == "test"))
    return {
        "items": int(store.value("SELECT count(*) FROM items")),
        "records": int(store.value("SELECT count(*) FROM records")),
        "kinds": dict(store.rows("SELECT kind, count(*) FROM items GROUP BY kind ORDER BY kind")),
        # Only the last part of a path: a card is made to be passed on.
        "sources": [f"{Path(location).name} ({kind})" for kind, location in sources],
        "train_hash": card.get("data_hash"),
        "test_hash": hashlib.sha256(test.encode()).hexdigest() if test else None,
    }


def _label_facts(
    store: Store,
    log: pd.DataFrame,
    *,
    card: Mapping[str, Any],
    parts: Mapping[str, str],
    imported: bool,
) -> dict[str, Any]:
    variable = str(card["variable"])
    values, unresolved = (log, ()) if imported else gold_labels(store, variable)
    gold = dict(zip(values["item"], values["value"].astype(str), strict=True))
    one = card["settings"].get("positive")
    tally = Counter(
        gold[item] if one in {None, gold[item]} else against_rest(one)
        for item, part in parts.items()
        if part == "test" and item in gold
    )
    counts = {**card.get("counts", {}), "test": dict(sorted(tally.items()))}
    coders = log["coder"].fillna("").value_counts()
    return {
        "target": card.get("target", {}).get("kind", "classes"),
        "classes": [str(name) for name in card["classes"]],
        "counts": {part: own for part, own in counts.items() if own},
        "coders": {str(coder) or "not named": int(n) for coder, n in coders.items()},
        "rule": None if imported else people.gold_rule(store, variable)[0],
        "unresolved": len(unresolved),
    }


def agreement_of(
    log: pd.DataFrame, kind: str = "classes", order: Sequence[str] = ()
) -> dict[str, Any]:
    """Tell how far coders agree on the items that several of them labelled.

    Parameters
    ----------
    log:
        Log of labels of one variable.
    kind:
        Kind of the target: ranks and scales are compared as such, all else as names.
    order:
        Of the ranks.

    Returns
    -------
    dict
        `coders`, `items` (that several labelled), and where there are any
        `percent_agreement`, `cohens_kappa` (the mean over pairs of coders: Light, 1971),
        `krippendorff_alpha` and its `level`; None is undefined.
    """
    ratings = ratings_of(log)
    several = ratings[ratings.notna().sum(axis=1) > 1]
    found: dict[str, Any] = {"coders": len(ratings.columns), "items": len(several)}
    if several.empty:
        return found
    level = _LEVELS.get(TargetKind(kind), "nominal")
    try:
        alpha = krippendorff_alpha(several, level=level, order=order if level == "ordinal" else ())
    except LabelError:
        level, alpha = "nominal", krippendorff_alpha(several)
    kappas = [
        cohens_kappa(*several[[one, other]].dropna().to_numpy().T.tolist())
        for one, other in combinations(several.columns, 2)
    ]
    numbers = {
        "percent_agreement": percent_agreement(several),
        "cohens_kappa": pd.Series(kappas, dtype=float).mean(),
        "krippendorff_alpha": alpha,
    }
    return {**found, **plain(numbers), "level": level}


def _audits_of(store: Store, name: str, digest: str) -> list[dict[str, Any]]:
    """Gather the newest audit of each kind, by the same columns, of this very model."""
    kept: dict[str, dict[str, Any]] = {}
    found = results(store, name, subject_hash=digest)
    for _, rows in found[found["command"].isin(AUDITS)].groupby("run"):
        first, columns = rows.iloc[0], rows["group_column"].dropna().unique()
        number = int(first["run"])
        kind, notes = AUDITS[first["command"]], notes_of(store, number)
        by = columns.tolist() if kind == "groups" else []
        small = rows[(rows["metric"] == "accuracy") & rows["notes"].str.contains('"small"')]
        kept[" ".join([kind, *by, "against", first["variable"]])] = {
            "kind": kind,
            "against": first["variable"],
            "by": by,
            "n": int(first["n"]),
            "small": [
                f"{row['group_column']} = {row['group']} ({int(row['n']):,})"
                for row in small.to_dict("records")
            ],
            "worst": next((note["text"] for note in notes if note["code"] == "worst"), None),
            "sentences": [note["text"] for note in notes if note["code"] != "worst"],
            "time": store.value("SELECT ifnull(ended, started) FROM runs WHERE run = ?", (number,)),
        }
    return list(kept.values())

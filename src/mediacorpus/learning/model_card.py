"""The card of a model: data, labels, agreement, scores, audits, limits, licence, all in one."""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus.catalogue import people
from mediacorpus.catalogue.runs import now
from mediacorpus.coding.gold import ratings_of
from mediacorpus.coding.resolving import gold_labels
from mediacorpus.errors import LabelError, writing
from mediacorpus.learning.cache import write_json, write_whole
from mediacorpus.learning.card_limits import limits
from mediacorpus.learning.card_text import card_text
from mediacorpus.learning.settings import used_settings
from mediacorpus.learning.targets import TargetKind, against_rest
from mediacorpus.stats.agreement import (
    cohens_kappa,
    krippendorff_alpha,
    percent_agreement,
)

if TYPE_CHECKING:
    import pandas as pd

    from mediacorpus.catalogue.store import Store

CARD, TEXT, AUDITS = "card.json", "README.md", "audits.json"
"""Files of a model folder that are written anew; no hash of the model covers them."""

_LEVELS = {TargetKind.ORDINAL: "ordinal", TargetKind.SCALE: "interval"}
_OF_MODEL = (
    *("method", "backbone", "licence", "citation", "seed", "created", "hash", "files"),
    *("versions", "unlabelled", "reconstruction_error"),
)


@dataclass(frozen=True, slots=True, eq=False)
class ModelCard:
    """What is known of a model.

    Parameters
    ----------
    facts:
        All of it, as plain lists, numbers and text.
    """

    facts: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        return dict(self.facts)

    def __str__(self) -> str:
        return card_text(self.facts)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


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
    log = people.label_log(store, variable)
    parts = people.split_parts(store, row["split"])
    facts: dict[str, Any] = {
        "name": name,
        "variable": variable,
        "updated": now(),
        "model": {key: card[key] for key in _OF_MODEL if key in card},
        "settings": _settings(card),
        "data": _data(store, card, parts),
        "labels": _labels(store, log, card=card, parts=parts),
        "agreement": agreement_of(
            log, card.get("target", {}).get("kind", "classes"), [str(c) for c in card["classes"]]
        ),
        "scores": [_score(found) for found in people.validations(store, name)],
        "audits": list(_audits(store.folder / "models" / name, row["hash"]).values()),
    }
    return ModelCard(facts | {"limits": limits(facts)})


def refresh_card(store: Store, name: str) -> None:
    """Write `card.json` and `README.md` into a model's folder, each whole or not at all.

    Where the folder is gone nothing is written: loading the model says so.

    Raises
    ------
    StorageFull, CorpusReadOnly
        The folder cannot be written.
    """
    folder = store.folder / "models" / name
    if not folder.is_dir():
        return
    card = model_card(store, name)
    with writing(folder):
        write_json(folder / CARD, card.to_dict())
        write_whole(folder / TEXT, str(card).encode("utf-8"))


def record_audit(store: Store, name: str, entry: Mapping[str, Any]) -> None:
    """Keep what an audit found in the model's folder, in place of the last one of its kind.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of the model.
    entry:
        `kind`, `against`, `n`, `sentences`, and what else belongs to it.
    """
    folder = store.folder / "models" / name
    if not folder.is_dir():
        return
    digest = people.model(store, name)["hash"]
    kept = _audits(folder, digest)
    key = " ".join([entry["kind"], *entry.get("by", []), "against", entry["against"]])
    kept[key] = {**entry, "time": now(), "hash": digest}
    with writing(folder):
        write_json(folder / AUDITS, kept)
    refresh_card(store, name)


def _audits(folder: Path, digest: str) -> dict[str, Any]:
    """Read the audits of this very model; a file that cannot be read has none."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((folder / AUDITS).read_text("utf-8"))
        if isinstance(found, dict):
            return {
                key: entry
                for key, entry in found.items()
                if isinstance(entry, dict)
                and entry.get("hash") == digest
                and {"kind", "against", "n", "sentences", "time"} <= set(entry)
            }
    return {}


def _data(store: Store, card: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, Any]:
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


def _labels(
    store: Store, log: pd.DataFrame, *, card: Mapping[str, Any], parts: Mapping[str, str]
) -> dict[str, Any]:
    variable = str(card["variable"])
    values, unresolved = gold_labels(store, variable)
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
        "rule": people.gold_rule(store, variable)[0],
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
    kappas = []
    for one, other in combinations(several.columns, 2):
        both = several[[one, other]].dropna()
        kappas.append(cohens_kappa(both[one].tolist(), both[other].tolist()))
    known = [kappa for kappa in kappas if not math.isnan(kappa)]
    return found | {
        "percent_agreement": _finite(percent_agreement(several)),
        "cohens_kappa": sum(known) / len(known) if known else None,
        "krippendorff_alpha": _finite(alpha),
        "level": level,
    }


def _settings(card: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out settings that the method did not use."""
    return used_settings(card["settings"], card["method"])


def _score(result: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("part", "n", "level", "positive", "threshold", "table", "warnings", "notes", "codes")
    found = {key: result[key] for key in (*kept, "inclusion") if result.get(key) is not None}
    return found | {"against": result["variable"], "time": result["time"]}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

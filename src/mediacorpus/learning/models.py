"""The commands `models` and `models import`: which models a corpus has, and one of another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.learning.apply import Classifier
from mediacorpus.learning.joined import COLUMN
from mediacorpus.learning.model import CARD, ModelFolder, copy_model, load_anywhere, model_of
from mediacorpus.networks.frozen import adopt_network
from mediacorpus.result import Result
from mediacorpus.store import people, progress
from mediacorpus.store.parts import check_name
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

COLUMNS = (
    *("model", "variable", "method", "learned_from", "n_train", "metric", "score", "part"),
    *("applied", "created", "hash", "in_force", "note"),
)
"""Columns of the list of models."""

SCORES = ("accuracy", "exact_match", "r_squared", "mean_absolute_error")
"""Scores of which the list shows the first that a model has."""


def check_model_name(store: Store, name: str) -> None:
    """Raise if a model cannot be called so; see `mediacorpus.store.parts.check_name`."""
    check_name(name, "model", {*MEASURES.names(), *progress.outside(store)})


def models(store: Store) -> pd.DataFrame:
    """List the models of a corpus, the oldest first.

    Returns
    -------
    DataFrame
        A row per model: `model`, `variable`, `method`, `learned_from` (its backbone or measure),
        `n_train`; `metric`, `score` and `part` of its newest validation, or else of what training
        noted of the validation part; `applied` (items that it has predicted), `created`, `hash`,
        `in_force` (whether its folder is the one that was trained or imported), and else a
        `note` that says why it is not.

    Examples
    --------
    >>> import tempfile
    >>> from mediacorpus.corpus import Corpus
    >>> with Corpus.create(Path(tempfile.mkdtemp()) / "protests") as corpus:
    ...     len(corpus.models())
    0
    """
    setups = progress.current_setups(store)
    rows = []
    for entry in people.models(store):
        name, card = str(entry["model"]), entry["card"]
        note = ""
        try:
            model_of(store, name)
        except ModelError as error:
            note = str(error)
        own = [v for v in people.validations(store, name) if v["variable"] == entry["variable"]]
        scored, part = (own[-1], own[-1]["part"]) if own else (card.get("validation", {}), "val")
        metric = next((key for key in SCORES if key in scored), "")
        setup, info = setups.get(name, (None, None))
        current = info is not None and info.version == str(entry["hash"])[:12]
        applied = "SELECT count(part) FROM measured WHERE setup = ?"
        values = (
            *(name, entry["variable"], card["method"], card.get("features") or card["backbone"]),
            *(sum(card.get("counts", {}).get("train", {}).values()), metric),
            *(scored.get(metric), part, store.value(applied, (setup,)) if current else 0),
            *(card.get("created", ""), str(entry["hash"])[:12], not note, note),
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImportedModel(Result):
    """A model that was taken from another corpus.

    Parameters
    ----------
    name:
        Its name here.
    variable:
        What it learned, as it is called where it was trained.
    classes:
        The values that it tells apart.
    method:
        How it was trained.
    measure:
        What it works on: a measure and its version; empty where it sees the images.
    hash:
        SHA-256 of all that its answers depend on.
    folder:
        Its folder here.
    """

    name: str
    variable: str
    classes: tuple[str, ...]
    method: str
    measure: str
    hash: str
    folder: Path

    def __str__(self) -> str:
        on = f" It works on {self.measure}." if self.measure else " It works on the images."
        return (
            f"Imported the model {self.name} ({self.method}), which tells "
            f"{', '.join(self.classes)} ({self.variable}).{on} How well it does here, your own "
            f"labels say: mediacorpus validate {self.folder.parents[1]} {self.name} --against "
            "VARIABLE"
        )


def import_model(store: Store, folder: Path, *, name: str | None = None) -> ImportedModel:
    """Take a model of another corpus into this one.

    It is checked as every model is: the card, its hashes and its network must fit together, and
    nothing in the folder is run. Only the card and the files that it names are copied.

    Parameters
    ----------
    store:
        The catalogue.
    folder:
        The model's folder, such as `models/NAME` of the other corpus.
    name:
        What to call it here; by default its own name.

    Raises
    ------
    ModelError
        The folder holds no model, or one that is damaged or was changed, or this program cannot
        compute what it works on.
    ParameterError
        A model has that name already, or none can have it.
    """
    _check_folder(folder)
    found = load_anywhere(folder)
    called = str(found.card["name"]) if name is None else name
    check_model_name(store, called)
    classifier = _classifier(found)
    there = {str(entry["model"]): entry for entry in people.models(store)}
    if called in there and there[called]["hash"] != found.card["hash"]:
        raise ParameterError(
            f"A model {called!r} is there already, and it is another one. Give the new one a name "
            "with --name NEW."
        )
    measured = _needed(found, classifier)
    for one in measured:
        _check_measure(store, found, one)
    if called not in there:
        details = {"model": called, "from": str(folder)}
        with running(store, "import_model", parameters=details) as run:
            for one in measured:
                near = [folder, *folder.resolve().parents[1:2]]
                adopt_network(store.folder, one["parameters"], near=near)
            kept = copy_model(found, store.folder / "models" / called)
            digest = kept.card["hash"]
            people.write_model(store, kept.card, split=None, digest=digest, run=run.id)
            store.execute("UPDATE runs SET model_hash = ? WHERE run = ?", (digest, run.id))
            run.done = 1
    works_on = [f"{one['name']} {one['version'] or ''}".strip() for one in measured]
    works_on += [name for name in _names(found) if name.startswith(COLUMN)]
    return ImportedModel(
        called,
        str(found.card["variable"]),
        classifier.classes,
        str(found.card["method"]),
        ", ".join(works_on),
        str(found.card["hash"]),
        store.folder / "models" / called,
    )


def _check_folder(folder: Path) -> None:
    """Raise if a folder is none of a model; name those that lie in it."""
    if (folder / CARD).exists():
        return
    within = sorted(str(card.parent) for card in folder.glob(f"**/{CARD}"))[:MOST]
    advice = (
        f"It holds {', '.join(within)}: name one of these."
        if within
        else ("Name a model's folder, such as models/NAME of the corpus where it was trained.")
    )
    raise ModelError(f"There is no model in {folder}, which has no {CARD}. {advice}")


MOST = 5
"""Model folders that a message names."""

FURTHER: Mapping[str, type] = {
    **dict.fromkeys(("backbone", "created"), str),
    **dict.fromkeys(("counts", "target", "versions", "codebook", "validation"), dict),
    "seconds": float,
    "unreadable": list,
}
"""What a card that `train` wrote says besides, and in which form."""


def _classifier(model: ModelFolder) -> Classifier:
    """Load a model that others made; raise if its card is none that `train` writes."""
    faults = [n for n, kind in FURTHER.items() if not isinstance(model.card.get(n), kind)]
    if not faults:
        try:
            classifier = Classifier(model)
            classifier.info()
            return classifier  # noqa: TRY300 - whatever it cannot be made of is a fault
        except (KeyError, TypeError, ValueError) as error:
            faults = [str(error)]
    raise ModelError(
        f"The card of the model in {model.path} is not one that train writes (see {faults[0]!r}). "
        "Ask for the whole folder again."
    )


def _names(model: ModelFolder) -> list[str]:
    """Name the features that stand side by side in a model."""
    return [str(one["feature"]) for one in model.card.get("joined", ())]


def _needed(model: ModelFolder, classifier: Classifier) -> list[dict[str, Any]]:
    """Give the measures that a model works on: `name`, `version` and `parameters`."""
    if classifier.source is None:
        return []
    if "joined" in model.card:
        return [dict(one["identity"]) for one in model.card["joined"] if "identity" in one]
    plain: dict[str, Any] = {"name": classifier.source, "version": None, "parameters": {}}
    return [plain | dict(model.card.get("measured") or {})]


def _check_measure(store: Store, model: ModelFolder, measured: Mapping[str, Any]) -> None:
    """Raise if what a model works on cannot be had here."""
    name, version = str(measured["name"]), measured["version"]
    if name in MEASURES:
        here = MEASURES.info(name).version
        if version in {None, here}:
            return
        raise ModelError(
            f"The model in {model.path} works on the measure {name!r} in version {version}; this "
            f"program has version {here}. Let it be trained anew, or use mediacorpus "
            f"{model.card.get('versions', {}).get('mediacorpus', '')} as when it was trained."
        )
    if name not in progress.current_setups(store):
        raise ModelError(
            f"The model in {model.path} works on the measure {name!r}, which neither this program "
            "nor this corpus has. Install the package that brings it, or import its values first."
        )

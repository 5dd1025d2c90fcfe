"""A model as a folder: weights, card, curves and network; nothing in it runs when it is read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import shutil
import stat
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus._version import __version__
from mediacorpus.coding.strata import is_scale
from mediacorpus.errors import ModelError, writing
from mediacorpus.extras import need
from mediacorpus.files import sha256_file
from mediacorpus.learning.cache import hash_of, write_json, write_whole
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.targets import SEPARATOR, Target, split_values
from mediacorpus.networks.backbones import backbone_info
from mediacorpus.networks.scratch import arch_info
from mediacorpus.records import Example
from mediacorpus.store import people
from mediacorpus.store.store import Store, storable


def values_of(labels: Iterable[str]) -> list[str]:
    """List the values that occur, each one of several labels by itself; none for a scale.

    Examples
    --------
    >>> values_of(["bee", "ant", "bee"]), values_of(["crowd|flags", "flags"])
    (['ant', 'bee'], ['crowd', 'flags'])
    >>> values_of(["0.5", "7.25"])
    []
    """
    names = sorted(set(labels))
    if is_scale(names):
        return []
    if any(SEPARATOR in name for name in names):
        return sorted({value for name in names for value in split_values(name)})
    return names


def codebook_of(labels: Mapping[str, str], parts: Mapping[str, str]) -> dict[str, Any]:
    """Give what a card keeps of the labels: values, their hash, and a hash of what was learned.

    Parameters
    ----------
    labels:
        Item → value, of all labelled items.
    parts:
        Item → part of the split.

    Examples
    --------
    >>> sorted(codebook_of({"a": "ant", "b": "bee"}, {"a": "train", "b": "val"}))
    ['hash', 'train_labels', 'values']
    """
    values = values_of(labels.values())
    learned = sorted((i, labels[i]) for i, part in parts.items() if part == "train" and i in labels)
    return {"values": values, "hash": hash_of(values)[:16], "train_labels": hash_of(learned)[:16]}


PACKAGES = ("torch", "torchvision", "timm", "onnx", "onnxruntime", "scikit-learn", "numpy")


def fingerprint_of(
    examples: Sequence[Example],
    settings: TrainSettings,
    embeddings: NDArray[Any] | None,
    *,
    variable: str,
) -> str:
    """Hash all that a trained model depends on.

    Parameters
    ----------
    examples:
        Labelled images with their parts.
    settings:
        Complete settings.
    embeddings:
        Array `(N, features)` that a linear model learns from, or None.
    variable:
        Name of what is learned.

    Examples
    --------
    >>> rows = [Example("a", "a.png", "yes", "train")]
    >>> len(fingerprint_of(rows, TrainSettings(), None, variable="face"))
    64
    """
    content = hashlib.sha256()
    rows = sorted((e.item, e.label, e.part, -1 if e.group is None else e.group) for e in examples)
    facts = {"settings": asdict(settings), "rows": rows, "variable": variable, "of": __version__}
    content.update(json.dumps(facts, sort_keys=True, default=str).encode("utf-8"))
    if embeddings is not None:
        content.update(np.ascontiguousarray(embeddings, np.float32).tobytes())
    path = Path(settings.weights)
    if settings.weights not in {"pretrained", "random"} and path.is_file():
        content.update(bytes.fromhex(sha256_file(path)))
    return content.hexdigest()


def card_facts(
    examples: Sequence[Example],
    target: Target,
    settings: TrainSettings,
    *,
    asked: TrainSettings,
    fingerprint: str,
) -> dict[str, Any]:
    """Gather what the card says whatever the method.

    Parameters
    ----------
    examples:
        Labelled images with their parts.
    target:
        What is learned.
    settings:
        Complete settings.
    asked:
        The settings as they were given.
    fingerprint:
        What `fingerprint_of` gave.

    Examples
    --------
    >>> rows = [Example("a", "a.png", "yes", "train")]
    >>> s = TrainSettings()
    >>> from mediacorpus.learning.targets import TargetKind
    >>> target = Target(TargetKind.CLASSES, ("no", "yes"))
    >>> card_facts(rows, target, s, asked=s, fingerprint="")["counts"]["train"]
    {'yes': 1}
    """
    of_network = settings.method in {"linear", "finetune"}
    name = settings.backbone if of_network else str(settings.arch or settings.model)
    info = backbone_info(name) if of_network else None
    if settings.method == "scratch":
        info = arch_info(name)
    counts = {
        part: dict(sorted(Counter(e.label for e in examples if e.part == part).items()))
        for part in ("train", "val")
    }
    items = "\n".join(sorted(e.item for e in examples if e.part == "train"))
    versions = {"python": platform.python_version(), "mediacorpus": __version__}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {
        "method": settings.method,
        "backbone": name,
        "licence": info.licence if info else "BSD-3-Clause (scikit-learn)",
        "citation": info.citation if info else "Pedregosa et al. (2011), JMLR 12, 2825-2830",
        "classes": list(target.classes),
        "target": target.to_dict(),
        "settings": asdict(settings),
        "asked": asdict(asked),
        "seed": settings.seed,
        "counts": counts,
        "data_hash": hashlib.sha256(items.encode()).hexdigest(),
        "fingerprint": fingerprint,
        "versions": versions,
    }


CARD, CURVES, NETWORK, WEIGHTS = "model.json", "curves.csv", "model.onnx", "weights.safetensors"
FILES = (WEIGHTS, NETWORK, CURVES)
DECISIVE = ("classes", "target", "features", "input", "size", "crop", "mean", "sd", "joined")
LATER = ("target", "features", "joined")
"""Facts that the cards of earlier versions need not have."""
MAX_CARD = 64_000_000
"""Bytes that a card may have; real ones have some thousands."""
REQUIRED = {
    **dict.fromkeys(("name", "variable", "method", "input", "hash"), str),
    "classes": list,
    "settings": dict,
    "files": dict,
}
"""What every card says, and in which form."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelFolder:
    """A model that was read from its folder.

    Parameters
    ----------
    path:
        The folder.
    card:
        Content of `model.json`.
    curves:
        Content of `curves.csv`.
    """

    path: Path
    card: Mapping[str, Any]
    curves: pd.DataFrame

    def network(self) -> bytes:
        """Return the ONNX network."""
        return (self.path / NETWORK).read_bytes()

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return all weights by name."""
        tensors: dict[str, NDArray[Any]] = need("safetensors.numpy").load_file(self.path / WEIGHTS)
        return tensors


def save_model(
    path: Path,
    card: Mapping[str, Any],
    *,
    weights: Mapping[str, NDArray[Any]],
    curves: pd.DataFrame,
    network: bytes,
) -> ModelFolder:
    """Write a model folder, whole or not at all; one of that name is replaced.

    Parameters
    ----------
    path:
        The folder to make.
    card:
        Facts about the model; the hashes of the files are added.
    weights:
        Arrays by name.
    curves:
        One row per epoch or per strength tried.
    network:
        ONNX, from pixels or embeddings to probabilities.

    Raises
    ------
    StorageFull, CorpusReadOnly
        The folder cannot be written.
    """
    arrays = {name: np.ascontiguousarray(values) for name, values in weights.items()}
    contents = {
        WEIGHTS: need("safetensors.numpy").save(arrays),
        NETWORK: network,
        CURVES: curves.to_csv(index=False).encode("utf-8"),
    }
    return _write(path, card, contents)


def copy_model(model: ModelFolder, path: Path) -> ModelFolder:
    """Copy a model to another folder, whole or not at all; it gets the name of the folder.

    Only the card and the files that it names are taken.

    Raises
    ------
    StorageFull, CorpusReadOnly
        The folder cannot be written.
    """
    contents = {name: (model.path / name).read_bytes() for name in FILES}
    return _write(path, {**model.card, "name": path.name}, contents)


def _write(path: Path, card: Mapping[str, Any], contents: Mapping[str, bytes]) -> ModelFolder:
    fresh = path.with_name(f".new-{path.name}-{uuid.uuid4().hex[:8]}")
    with writing(path.parent):
        fresh.mkdir(parents=True)
        try:
            for name, content in contents.items():
                write_whole(fresh / name, content)
            files = {name: sha256_file(fresh / name) for name in FILES}
            own = {key: value for key, value in card.items() if key != "seal"}
            whole = own | {"files": files, "hash": _digest(card, files)}
            write_json(fresh / CARD, whole | {"seal": hash_of(whole)})
            _swap(fresh, path)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return load_model(path)


def _swap(fresh: Path, path: Path) -> None:
    old = path.with_name(f".old-{path.name}-{uuid.uuid4().hex[:8]}")
    if path.exists():
        path.rename(old)
    fresh.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def model_of(store: Store, name: str) -> ModelFolder:
    """Read the folder of a corpus's model: only the very one that was trained here.

    What the folder says must be what the catalogue says, so nothing in it is believed, loaded
    or run that was put there since.

    Raises
    ------
    UnknownName
        There is no such model.
    ModelError
        The folder is missing, damaged, or holds something else.
    """
    row = people.model(store, name)
    path = store.folder / "models" / name
    card = _card(path)
    if json.dumps(people.present_card(card), sort_keys=True) != json.dumps(
        row["card"], sort_keys=True
    ):
        raise ModelError(
            f"The card {CARD} of the model in {path} is not the one that was trained here: it was "
            "changed since, or the folder holds another model. Put it back from your backup, or "
            "train the model again with --replace."
        )
    return load_model(path)


def load_model(path: Path) -> ModelFolder:
    """Read a model folder and check that it is whole and as it was written.

    Raises
    ------
    ModelError
        A file is missing, broken, or has been changed.
    """
    name = _card(path)["name"]
    if name != path.name:
        raise ModelError(
            f"The card {CARD} in {path} is that of a model {storable(str(name)[:60])!r}. "
            "A folder is named like its model; rename the folder back."
        )
    return load_anywhere(path)


def load_anywhere(path: Path) -> ModelFolder:
    """Read a model folder as `load_model` does, whatever the folder is called."""
    card = _card(path)
    for name in FILES:
        file = path / name
        _check_there(file, f"file {name}")
        if sha256_file(file) != card["files"].get(name):
            raise ModelError(
                f"The file {name} of the model in {path} was changed or damaged since training "
                "(its hash differs from the card's). Put it back, or train the model again."
            )
    whole = {key: value for key, value in card.items() if key != "seal"}
    seal = hash_of(whole)
    # Cards of earlier versions have no seal; those of a corpus stand in its catalogue too.
    if card.get("seal", seal) != seal or card["hash"] != _digest(card, card["files"]):
        raise ModelError(
            f"The card {CARD} of the model in {path} was changed since training: what it says "
            "differs from its hash. Put it back, or train the model again."
        )
    return ModelFolder(path, people.present_card(card), pd.read_csv(path / CURVES))


def _check_there(file: Path, what: str) -> None:
    """Raise if something is no plain file, without opening what might hang."""
    try:
        there = stat.S_ISREG(file.lstat().st_mode)
    except OSError:
        there = False
    if not there:
        raise ModelError(
            f"The model in {file.parent} lacks its {what}. Put the folder back from your backup, "
            "or train it again."
        )


def _digest(card: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """Hash all that the model's answers depend on, so that equal models have equal hashes."""
    facts = {name: card.get(name) for name in DECISIVE if name in card or name not in LATER}
    return hash_of(facts | {name: files.get(name) for name in (NETWORK, WEIGHTS)})


def _card(path: Path) -> dict[str, Any]:
    file = path / CARD
    if not path.is_dir():
        raise ModelError(f"There is no model in {path}. Train it again with `mediacorpus train`.")
    _check_there(file, f"card {CARD}")
    try:
        if file.stat().st_size > MAX_CARD:
            raise ValueError(f"it has more than {MAX_CARD:,} bytes")  # noqa: TRY301
        card = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"The card {CARD} of the model in {path} cannot be read ({error}). Put it back, or "
            "train the model again."
        ) from error
    said = card if isinstance(card, dict) else {}
    missing = [name for name, kind in REQUIRED.items() if not isinstance(said.get(name), kind)]
    if missing:
        raise ModelError(
            f"The card {CARD} of the model in {path} lacks {missing[0]!r}. Put it back, or train "
            "the model again."
        )
    return dict(card)


def clear_leftovers(path: Path) -> None:
    """Remove the half-written folders that a killed run of the model in `path` left beside it."""
    for kind in ("new", "old"):
        for leftover in path.parent.glob(f".{kind}-{path.name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)

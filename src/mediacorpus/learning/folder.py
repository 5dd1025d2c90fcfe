"""A model as a folder: weights, card, curves and network; nothing in it runs when it is read."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.catalogue import people
from mediacorpus.catalogue.store import Store, storable
from mediacorpus.errors import ModelError, writing
from mediacorpus.extras import need
from mediacorpus.files import sha256_file
from mediacorpus.learning.cache import write_json, write_whole

CARD, CURVES, NETWORK, WEIGHTS = "model.json", "curves.csv", "model.onnx", "weights.safetensors"
FILES = (WEIGHTS, NETWORK, CURVES)
DECISIVE = ("classes", "target", "features", "input", "size", "crop", "mean", "sd")
LATER = ("target", "features")
"""Facts that older cards do not have."""
MAX_CARD = 64_000_000
"""Bytes that a card may have; real ones have some thousands."""
REQUIRED = ("name", "variable", "method", "classes", "input", "settings", "files", "hash")


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
    fresh = path.with_name(f".new-{path.name}-{uuid.uuid4().hex[:8]}")
    with writing(path.parent):
        fresh.mkdir(parents=True)
        try:
            arrays = {name: np.ascontiguousarray(values) for name, values in weights.items()}
            write_whole(fresh / WEIGHTS, need("safetensors.numpy").save(arrays))
            write_whole(fresh / NETWORK, network)
            write_whole(fresh / CURVES, curves.to_csv(index=False).encode("utf-8"))
            files = {name: sha256_file(fresh / name) for name in FILES}
            whole = dict(card) | {"files": files, "hash": _digest(card, files)}
            write_json(fresh / CARD, whole | {"seal": _seal(whole)})
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
    # The catalogue has no seal of models that earlier versions trained.
    own = {key: value for key, value in card.items() if key != "seal"}
    kept = {key: value for key, value in row["card"].items() if key != "seal"}
    if json.dumps(own, sort_keys=True) != json.dumps(kept, sort_keys=True):
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
    card = _card(path)
    if card["name"] != path.name:
        raise ModelError(
            f"The card {CARD} in {path} is that of a model {storable(str(card['name'])[:60])!r}. "
            "A folder is named like its model; rename the folder back."
        )
    for name in FILES:
        file = path / name
        if not _regular(file):
            raise ModelError(
                f"The model in {path} lacks its file {name}. Put the folder back from your "
                "backup, or train it again."
            )
        if sha256_file(file) != card["files"].get(name):
            raise ModelError(
                f"The file {name} of the model in {path} was changed or damaged since training "
                "(its hash differs from the card's). Put it back, or train the model again."
            )
    whole = {key: value for key, value in card.items() if key != "seal"}
    sealed = "seal" not in card or card["seal"] == _seal(whole)
    if not sealed or card["hash"] != _digest(card, card["files"]):
        raise ModelError(
            f"The card {CARD} of the model in {path} was changed since training: what it says "
            "differs from its hash. Put it back, or train the model again."
        )
    return ModelFolder(path, card, pd.read_csv(path / CURVES))


def _regular(file: Path) -> bool:
    """Tell whether something is a plain file, without opening what might hang."""
    try:
        return stat.S_ISREG(file.lstat().st_mode)
    except OSError:
        return False


def _seal(card: Mapping[str, Any]) -> str:
    """Hash all that a card says, the hashes of the files among it."""
    text = json.dumps(card, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _digest(card: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """Hash all that the model's answers depend on, so that equal models have equal hashes."""
    facts = {name: card.get(name) for name in DECISIVE if name in card or name not in LATER}
    facts |= {name: files.get(name) for name in (NETWORK, WEIGHTS)}
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _card(path: Path) -> dict[str, Any]:
    file = path / CARD
    if not path.is_dir():
        raise ModelError(f"There is no model in {path}. Train it again with `mediacorpus train`.")
    if not _regular(file):
        raise ModelError(
            f"The model in {path} lacks its card {CARD}. Put the folder back from your backup, "
            "or train it again."
        )
    try:
        if file.stat().st_size > MAX_CARD:
            raise ValueError(f"it has more than {MAX_CARD:,} bytes")  # noqa: TRY301
        card = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"The card {CARD} of the model in {path} cannot be read ({error}). Put it back, or "
            "train the model again."
        ) from error
    missing = [name for name in REQUIRED if not isinstance(card, dict) or name not in card]
    if not missing and not isinstance(card["files"], dict):
        missing = ["files"]
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

"""What a model's card says of how it was made, and the hash of all that it depends on."""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus._version import __version__
from mediacorpus.files import sha256_file
from mediacorpus.learning.backbones import backbone_info
from mediacorpus.learning.settings import TrainSettings, weights_path
from mediacorpus.learning.targets import Target
from mediacorpus.records import Example

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
        Labelled pictures with their parts.
    settings:
        Complete settings.
    embeddings:
        Array `(N, features)` that the probe learns from, or None.
    variable:
        Name of what is learned.

    Examples
    --------
    >>> rows = [Example("a", "a.png", "yes", "train")]
    >>> len(fingerprint_of(rows, TrainSettings(), None, variable="face"))
    64
    """
    content = hashlib.sha256()
    rows = sorted((e.item, e.label, e.part, *_group(e)) for e in examples)
    facts = {"settings": asdict(settings), "rows": rows, "variable": variable, "of": __version__}
    content.update(json.dumps(facts, sort_keys=True, default=str).encode("utf-8"))
    if embeddings is not None:
        content.update(np.ascontiguousarray(embeddings, np.float32).tobytes())
    path = weights_path(settings)
    if path is not None and path.is_file():
        content.update(bytes.fromhex(sha256_file(path)))
    return content.hexdigest()


def _group(example: Example) -> list[int]:
    return [] if example.group is None else [example.group]


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
        Labelled pictures with their parts.
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
    of_network = settings.method in {"probe", "finetune"}
    name = settings.backbone if of_network else str(settings.arch or settings.model)
    info = backbone_info(name) if settings.method != "shallow" else None
    counts = {
        part: dict(sorted(Counter(e.label for e in examples if e.part == part).items()))
        for part in ("train", "val")
    }
    items = "\n".join(sorted(e.item for e in examples if e.part == "train"))
    versions = {"python": platform.python_version(), "mediacorpus": __version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
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

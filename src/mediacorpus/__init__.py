"""Turn images into a validated data set for social science.

Examples
--------
>>> import mediacorpus as mc
>>> corpus = mc.Corpus.open("protests")                          # doctest: +SKIP
>>> corpus.measure("facts", "tags", "embedding")                 # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mediacorpus._version import __version__

if TYPE_CHECKING:
    from mediacorpus import errors, media
    from mediacorpus.analysis.selecting import Selection
    from mediacorpus.checkup import doctor
    from mediacorpus.corpus import Corpus
    from mediacorpus.engine.contract import MEASURES, Batch, BatchItem, measure
    from mediacorpus.errors import MediacorpusError
    from mediacorpus.labelling import label
    from mediacorpus.learning.settings import TrainSettings
    from mediacorpus.networks.published import backbones
    from mediacorpus.records import FileFacts, Info, Region, Shape, Tag, Text
    from mediacorpus.sources.web import load_image

_HOMES = {
    "Batch": "mediacorpus.engine.contract",
    "Corpus": "mediacorpus.corpus",
    "FileFacts": "mediacorpus.records",
    "Info": "mediacorpus.records",
    "MEASURES": "mediacorpus.engine.contract",
    "MediacorpusError": "mediacorpus.errors",
    "BatchItem": "mediacorpus.engine.contract",
    "Region": "mediacorpus.records",
    "Selection": "mediacorpus.analysis.selecting",
    "Shape": "mediacorpus.records",
    "Tag": "mediacorpus.records",
    "Text": "mediacorpus.records",
    "TrainSettings": "mediacorpus.learning.settings",
    "backbones": "mediacorpus.networks.published",
    "doctor": "mediacorpus.checkup",
    "label": "mediacorpus.labelling",
    "load_image": "mediacorpus.sources.web",
    "measure": "mediacorpus.engine.contract",
}

__all__ = [
    "MEASURES",
    "Batch",
    "BatchItem",
    "Corpus",
    "FileFacts",
    "Info",
    "MediacorpusError",
    "Region",
    "Selection",
    "Shape",
    "Tag",
    "Text",
    "TrainSettings",
    "__version__",
    "backbones",
    "doctor",
    "errors",
    "label",
    "load_image",
    "measure",
    "media",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in {"errors", "media"}:
        return importlib.import_module(f"mediacorpus.{name}")
    raise AttributeError(f"module 'mediacorpus' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

"""A trained classifier at work: pictures or embeddings in, probabilities of the classes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.learning.answers import ANSWER
from mediacorpus.learning.pictures import min_side, plain_view
from mediacorpus.learning.targets import TargetKind, target_of
from mediacorpus.measures.onnx_session import open_session
from mediacorpus.records import Info, Shape, Tag

if TYPE_CHECKING:
    from mediacorpus.engine.contract import Batch, Value
    from mediacorpus.learning.folder import ModelFolder

CHUNK = 8


def _source(card: Mapping[str, Any]) -> str | None:
    """Name the measure that a model works on, or None for pictures."""
    return {"embedding": "embedding", "features": card.get("features")}.get(card["input"])


class Classifier:
    """A model, loaded and ready. It is a measure, and may be called from several threads.

    Parameters
    ----------
    model:
        What `load_model` gave.

    Attributes
    ----------
    classes : tuple of str
        The classes, in the order of the probabilities.
    source : str or None
        The measure whose values it works on; None for pictures.
    target : Target
        What it learned.

    Raises
    ------
    ModelError
        The network cannot be loaded, or does not fit the card.
    """

    def __init__(self, model: ModelFolder) -> None:
        self.card = model.card
        self.classes = tuple(str(name) for name in model.card["classes"])
        self.target = target_of(model.card)
        self.source = _source(model.card)
        self._session = open_session(model.network())
        (entry,) = self._session.get_inputs()
        out = next(o for o in self._session.get_outputs() if o.name == ANSWER)
        self._entry, self._answer = entry.name, out.name
        if isinstance(out.shape[1], int) and out.shape[1] != len(self.classes):
            raise ModelError(
                f"The model in {model.path} has {out.shape[1]} outputs and its card names "
                f"{len(self.classes)} classes. Put it back, or train it again."
            )

    def info(self) -> Info:
        """Describe the model as a measure; its version is the beginning of its hash."""
        card = self.card
        pixels = self.source is None
        side = min_side(int(card["size"]), float(card["crop"])) if pixels else None
        scale = self.target.kind is TargetKind.SCALE
        return Info(
            name=str(card["name"]),
            version=str(card["hash"])[:12],
            summary=f"{'Values' if scale else 'Probabilities'} of {card['variable']} "
            f"({card['method']}).",
            licence=str(card.get("licence", "")),
            citation=str(card.get("citation", "")),
            extra="models",
            shape=Shape.SCALAR if scale else Shape.TAG,
            outputs={"value": "float64"} if scale else {},
            min_side=side,
        )

    def __call__(self, batch: Batch) -> Sequence[Value]:
        """Give the probability of each class for each picture, best first; or its value."""
        if self.source is not None:
            raise ParameterError(
                f"The model {self.card['name']!r} works on the measure {self.source!r}; use "
                "`from_features`."
            )
        size, crop = int(self.card["size"]), float(self.card["crop"])
        views = np.zeros((len(batch), size, size, 3), np.uint8)
        for place, pixels in enumerate(batch.pixels):
            views[place] = plain_view(pixels, size, crop)
        return self.values(self._run(views))

    def from_views(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the answers float32 `(N, classes)` for views `(N, size, size, 3)`."""
        return self._run(views)

    def from_features(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Give the answers float32 `(N, classes)` for values of its measure `(N, features)`."""
        return self._run(np.ascontiguousarray(features, np.float32))

    def values(self, answers: NDArray[np.float32]) -> Sequence[Value]:
        """Turn answers `(N, classes)` into tags, best first; those of a scale into values.

        Tags with equal probabilities come in the order of the classes.
        """
        if self.target.kind is TargetKind.SCALE:
            return [{"value": float(row[0])} for row in answers]
        return self._tags(answers)

    def _tags(self, probabilities: NDArray[np.float32]) -> list[list[Tag]]:
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            [Tag(self.classes[k], float(row[k])) for k in best]
            for row, best in zip(probabilities, order, strict=True)
        ]

    def _run(self, values: NDArray[Any]) -> NDArray[np.float32]:
        size = CHUNK if self.source is None else len(values)
        chunks = [
            self._session.run([self._answer], {self._entry: values[start : start + size]})[0]
            for start in range(0, len(values), max(1, size))
        ]
        if not chunks:
            return np.zeros((0, len(self.classes)), np.float32)
        found: NDArray[np.float32] = np.concatenate(chunks)
        return found

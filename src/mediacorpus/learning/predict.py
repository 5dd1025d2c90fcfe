"""A trained classifier at work: pictures or embeddings in, probabilities of the classes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ModelError, ParameterError
from mediacorpus.learning.pictures import min_side, plain_view
from mediacorpus.measures.onnx_session import open_session
from mediacorpus.records import Info, Shape, Tag

if TYPE_CHECKING:
    from mediacorpus.engine.contract import Batch
    from mediacorpus.learning.folder import ModelFolder

CHUNK = 8


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
    on_embeddings : bool
        Whether it works on embeddings and not on pictures.

    Raises
    ------
    ModelError
        The network cannot be loaded, or does not fit the card.
    """

    def __init__(self, model: ModelFolder) -> None:
        self.card = model.card
        self.classes = tuple(str(name) for name in model.card["classes"])
        self.on_embeddings = model.card["input"] == "embedding"
        self._session = open_session(model.network())
        (entry,) = self._session.get_inputs()
        (out,) = self._session.get_outputs()
        self._entry = entry.name
        if out.shape[1] != len(self.classes):
            raise ModelError(
                f"The model in {model.path} has {out.shape[1]} outputs and its card names "
                f"{len(self.classes)} classes. Put it back, or train it again."
            )

    def info(self) -> Info:
        """Describe the model as a measure; its version is the beginning of its hash."""
        card = self.card
        side = None if self.on_embeddings else min_side(int(card["size"]), float(card["crop"]))
        return Info(
            name=str(card["name"]),
            version=str(card["hash"])[:12],
            summary=f"Probabilities of {card['variable']} ({card['method']}).",
            licence=str(card.get("licence", "")),
            citation=str(card.get("citation", "")),
            extra="models",
            shape=Shape.TAG,
            min_side=side,
        )

    def __call__(self, batch: Batch) -> Sequence[Sequence[Tag]]:
        """Give the probability of each class for each picture, best first."""
        if self.on_embeddings:
            raise ParameterError(
                f"The model {self.card['name']!r} works on embeddings; use `from_embeddings`."
            )
        size, crop = int(self.card["size"]), float(self.card["crop"])
        views = np.zeros((len(batch), size, size, 3), np.uint8)
        for place, pixels in enumerate(batch.pixels):
            views[place] = plain_view(pixels, size, crop)
        return self.tags(self._run(views))

    def from_embeddings(self, embeddings: NDArray[Any]) -> NDArray[np.float32]:
        """Give the probabilities float32 `(N, classes)` for embeddings `(N, features)`."""
        return self._run(np.ascontiguousarray(embeddings, np.float32))

    def tags(self, probabilities: NDArray[np.float32]) -> list[list[Tag]]:
        """Turn probabilities `(N, classes)` into tags, best first; equal ones in class order."""
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            [Tag(self.classes[k], float(row[k])) for k in best]
            for row, best in zip(probabilities, order, strict=True)
        ]

    def _run(self, values: NDArray[Any]) -> NDArray[np.float32]:
        size = len(values) if self.on_embeddings else CHUNK
        chunks = [
            self._session.run(None, {self._entry: values[start : start + size]})[0]
            for start in range(0, len(values), max(1, size))
        ]
        if not chunks:
            return np.zeros((0, len(self.classes)), np.float32)
        found: NDArray[np.float32] = np.concatenate(chunks)
        return found

"""What is in the image: the best of ImageNet's 1,000 classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mediacorpus.engine.contract import MEASURES, Batch, Measure
from mediacorpus.errors import ParameterError
from mediacorpus.measures.efficientnet import CITATION, LICENCE, forward, open_session
from mediacorpus.records import Info, Shape, Tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mediacorpus.networks.onnx_session import Floats

CLASSES = 1000

INFO = Info(
    name="tags",
    version="1",
    summary="Best ImageNet-1k classes with their probabilities (EfficientNet-Lite0).",
    licence=LICENCE,
    citation=CITATION,
    extra="models",
    shape=Shape.TAG,
    min_side=256,
)


@MEASURES.register(INFO)
def tags(*, top: int = 5, precision: str = "fp32", model: str | Path | None = None) -> Measure:
    """Make the measure that names what is in an image.

    Parameters
    ----------
    top:
        Number of tags for each image, 1 to 1,000.
    precision:
        `"fp32"`, or `"int8"`, which is faster and needs `model`.
    model:
        For int8, the file that `quantize` made with images of this corpus.

    Returns
    -------
    Measure
        For each image `top` tags, best first; scores are softmax probabilities.

    Raises
    ------
    ParameterError
        An argument is out of its range.

    Notes
    -----
    The network always answers with some of its 1,000 classes, many of them breeds of dogs;
    people, crowds and most scenes have no class. Validate tags against labels before use.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> gray = np.full((300, 400, 3), 127, np.uint8)
    >>> batch = Batch([BatchItem("a", FileFacts("PNG", 400, 300, "RGB", 99), gray)])
    >>> [best] = tags(top=1)(batch)
    >>> len(best), 0 < best[0].score < 1
    (1, True)
    """
    if top not in range(1, CLASSES + 1):
        raise ParameterError(f"top is {top!r}; it must be a whole number from 1 to {CLASSES}.")
    session = open_session(precision, model)

    def measure(batch: Batch) -> Sequence[Sequence[Tag]]:
        _, logits = forward(batch, session)
        scores = _softmax(logits)
        # A stable sort gives the same order on each machine when scores are equal.
        order = np.argsort(-scores, axis=1, kind="stable")[:, : int(top)]
        return [
            [Tag(session.classes[k], float(row[k])) for k in best]
            for row, best in zip(scores, order, strict=True)
        ]

    return measure


def _softmax(logits: Floats) -> Floats:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    shares: Floats = odds / odds.sum(axis=1, keepdims=True)
    return shares

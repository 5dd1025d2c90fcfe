"""Where the image lies among others: 1,280 learned features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediacorpus.engine.contract import MEASURES, Batch, Measure
from mediacorpus.measures.efficientnet import CITATION, LICENCE, forward, open_session
from mediacorpus.measures.efficientnet_graph import FEATURES
from mediacorpus.records import Info, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mediacorpus.measures.onnx_session import Floats

INFO = Info(
    name="embedding",
    version="1",
    summary="1,280 learned features for likeness and classifiers (EfficientNet-Lite0).",
    licence=LICENCE,
    citation=CITATION,
    extra="models",
    shape=Shape.VECTOR,
    outputs={"vector": str(FEATURES)},
    min_side=256,
)


@MEASURES.register(INFO)
def embedding(*, precision: str = "fp32", model: str | Path | None = None) -> Measure:
    """Make the measure that describes an image by learned features.

    Parameters
    ----------
    precision:
        `"fp32"`, or `"int8"`, which is faster and needs `model`.
    model:
        For int8, the file that `quantize` made with images of this corpus.

    Returns
    -------
    Measure
        For each image a float32 array `(1280,)`: the last feature maps of the network,
        averaged over the image; 0 to 6. Similar images have a high cosine.

    Raises
    ------
    ParameterError
        An argument is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from mediacorpus.engine.contract import Picture
    >>> from mediacorpus.records import FileFacts
    >>> gray = np.full((300, 400, 3), 127, np.uint8)
    >>> batch = Batch([Picture("a", FileFacts("PNG", 400, 300, "RGB", 99), gray)])
    >>> [vector] = embedding()(batch)
    >>> vector.shape
    (1280,)
    """
    session = open_session(precision, model)

    def measure(batch: Batch) -> Sequence[Floats]:
        features, _ = forward(batch, session)
        return list(features)

    return measure

"""Where the image lies among others: 1,280 learned features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mediacorpus.engine.contract import MEASURES, Batch, Configured, Measure
from mediacorpus.errors import ParameterError
from mediacorpus.measures.efficientnet import CITATION, LICENCE, forward, open_session
from mediacorpus.networks.backbones import LITE
from mediacorpus.networks.efficientnet_graph import FEATURES
from mediacorpus.networks.frozen import embedding_graph, freeze, is_other, open_frozen
from mediacorpus.networks.views import min_side, plain_view
from mediacorpus.records import Info, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediacorpus.networks.onnx_session import Floats

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
def embedding(
    *,
    backbone: str = LITE,
    weights: str | Path | None = None,
    precision: str = "fp32",
    model: str | Path | None = None,
) -> Measure:
    """Make the measure that describes an image by learned features.

    Parameters
    ----------
    backbone:
        Name of a network in `BACKBONES`, or `timm:NAME`. Others than EfficientNet-Lite0 need
        torch when they are used for the first time.
    weights:
        None or `"pretrained"` for the published weights, or the path of a `.safetensors` or
        `.pth` file for this backbone.
    precision:
        `"fp32"`, or `"int8"` for EfficientNet-Lite0, which is faster and needs `model`.
    model:
        For int8, the file that `quantize` made with images of this corpus; for another
        backbone, the file that `kept_network` made.

    Returns
    -------
    Measure
        For each image a float32 array, `(1280,)` for EfficientNet-Lite0: the last feature maps
        of the network, averaged over the image. Similar images have a high cosine.

    Raises
    ------
    ParameterError
        An argument is out of its range, or the weights are random.
    UnknownName, WeightsNotFound, MissingExtra
        There is no such backbone, or its weights or a package are missing.

    Examples
    --------
    >>> import numpy as np
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> gray = np.full((300, 400, 3), 127, np.uint8)
    >>> batch = Batch([BatchItem("a", FileFacts("PNG", 400, 300, "RGB", 99), gray)])
    >>> [vector] = embedding()(batch)
    >>> vector.shape
    (1280,)
    """
    if is_other(backbone, weights):
        return _of_network(backbone, weights, precision=precision, model=model)
    session = open_session(precision, model)

    def measure(batch: Batch) -> Sequence[Floats]:
        features, _ = forward(batch, session)
        return list(features)

    return measure


def _of_network(
    backbone: str, weights: str | Path | None, *, precision: str, model: str | Path | None
) -> Measure:
    """Make the measure by another network than the built-in one."""
    if precision != "fp32":
        raise ParameterError(f"precision is {precision!r}; {backbone} has 'fp32' only.")
    if model is not None:
        network = open_frozen(Path(model).read_bytes())
    else:
        digest, module = freeze(backbone, str(weights or "pretrained"))
        network = open_frozen(embedding_graph(module, digest))

    def measure(batch: Batch) -> Sequence[Floats]:
        views = np.empty((len(batch), network.size, network.size, 3), np.uint8)
        for pixels, view in zip(batch.pixels, views, strict=True):
            view[:] = plain_view(pixels, network.size, network.crop)
        return list(network.run(views))

    info = replace(
        INFO,
        summary=f"{network.width:,} learned features ({backbone}).",
        licence=network.licence,
        citation=network.citation,
        outputs={"vector": str(network.width)},
        min_side=min_side(network.size, network.crop),
    )
    return Configured(measure, info)

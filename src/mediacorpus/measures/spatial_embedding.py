"""What is where in the image: learned features in a grid of 3 by 3 places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mediacorpus.engine.contract import MEASURES, Batch, Measure
from mediacorpus.extras import need
from mediacorpus.measures.efficientnet import (
    CITATION,
    LICENCE,
    VERSION,
    onnx_file,
)
from mediacorpus.networks.efficientnet_graph import SIDE
from mediacorpus.networks.lite import WEIGHTS_SHA256
from mediacorpus.networks.onnx_session import CHUNK, open_session
from mediacorpus.networks.stored import stored
from mediacorpus.networks.views import preprocess
from mediacorpus.records import Info, Shape
from mediacorpus.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediacorpus.networks.onnx_session import Floats

LAST = "blocks.5.3.sum"
"""The feature maps that are pooled, `(N, 192, 7, 7)`: the last before those of objects."""

GRID, MAPS = 3, 192
LENGTH = GRID * GRID * MAPS

INFO = Info(
    name="spatial_embedding",
    version="1",
    summary="1,728 learned features of 3 by 3 places: what is where (EfficientNet-Lite0).",
    licence=LICENCE,
    citation=f"{CITATION} Pooled in a grid after He, K., Zhang, X., Ren, S., & Sun, J. (2015). "
    "Spatial pyramid pooling in deep convolutional networks for visual recognition. TPAMI "
    "37(9), 1904-1916.",
    extra="models",
    shape=Shape.VECTOR,
    outputs={"vector": str(LENGTH)},
    min_side=256,
)


@MEASURES.register(INFO)
def spatial_embedding() -> Measure:
    """Make the measure that describes an image by learned features of 3 by 3 places.

    `embedding` averages over the whole image, and its last layers were taught to overlook
    how a thing is turned, lit or placed. Here the maps of an earlier layer are averaged in nine
    places that overlap by a row. That tells faces, expressions, poses and layouts apart
    better where the images are framed alike; for the kind of thing that is shown, wherever it
    is, `embedding` is better.

    Returns
    -------
    Measure
        For each image a float32 array `(1728,)`. The order is that of an array
        `(192, 3, 3)`: feature, row, column.

    Raises
    ------
    MissingExtra
        onnx or onnxruntime is not installed.
    WeightsNotFound
        The weights are missing or not the ones that we know.

    References
    ----------
    He, Zhang, Ren and Sun (2015). Spatial pyramid pooling in deep convolutional networks for
    visual recognition. TPAMI 37(9), 1904-1916. Here one level, on the middle 0.875 of the
    short side.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> from mediacorpus.records import FileFacts
    >>> gray = np.full((300, 400, 3), 127, np.uint8)
    >>> batch = Batch([BatchItem("a", FileFacts("PNG", 400, 300, "RGB", 99), gray)])
    >>> [vector] = spatial_embedding()(batch)
    >>> vector.shape
    (1728,)
    """
    name = f"efficientnet_lite0-{VERSION}-{WEIGHTS_SHA256[:12]}-grid{GRID}.onnx"
    session = open_session(stored(settings().cache / "networks" / name, _cut).read_bytes())

    def measure(batch: Batch) -> Sequence[Floats]:
        images = batch.pixels
        views = np.empty((len(images), SIDE, SIDE, 3), np.uint8)
        for pixels, view in zip(images, views, strict=True):
            preprocess(pixels, view)
        found = np.empty((len(views), LENGTH), np.float32)
        for start in range(0, len(views), CHUNK):
            part = slice(start, start + CHUNK)
            found[part] = session.run(None, {"pixels": views[part]})[0]
        return list(found)

    return measure


def _cut() -> bytes:
    """Cut the built-in network after `LAST` and pool its maps in a grid."""
    onnx = need("onnx")
    whole = onnx.shape_inference.infer_shapes(onnx.load(onnx_file()))
    model = onnx.utils.Extractor(whole).extract_model(["pixels"], [LAST])
    make = onnx.helper.make_node
    model.graph.node.extend(
        [
            make("AveragePool", [LAST], ["grid"], kernel_shape=[3, 3], strides=[2, 2]),
            make("Flatten", ["grid"], ["vector"]),
        ]
    )
    del model.graph.output[:]
    kind = onnx.TensorProto.FLOAT
    model.graph.output.append(onnx.helper.make_tensor_value_info("vector", kind, ["N", LENGTH]))
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content

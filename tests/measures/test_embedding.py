import numpy as np
import pytest

from mediacorpus.engine.contract import Batch, BatchItem
from mediacorpus.errors import ParameterError
from mediacorpus.measures.embedding import embedding
from mediacorpus.records import FileFacts


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def mirrored(image):
    pixels = np.ascontiguousarray(image.pixels[:, ::-1])
    height, width = pixels.shape[:2]
    return BatchItem(image.item, FileFacts("JPEG", width, height, "RGB", 1), pixels)


def test_a_mirrored_image_is_its_own_nearest(photographs):
    chosen = photographs.images[:20]
    measure = embedding()
    vectors = measure(Batch(chosen))
    turned = measure(Batch([mirrored(p) for p in chosen]))
    likeness = np.array([[cosine(a, b) for b in vectors] for a in turned])
    assert (likeness.argmax(axis=1) == np.arange(20)).all()


def test_features_lie_between_0_and_6(photographs):
    vectors = np.stack(embedding()(photographs.batch(10)))
    assert vectors.dtype == np.float32
    assert vectors.shape == (10, 1280)
    assert vectors.min() >= 0
    assert 0.5 < vectors.max() <= 6


def test_precision_is_checked():
    with pytest.raises(ParameterError, match="precision is 'half'"):
        embedding(precision="half")

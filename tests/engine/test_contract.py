"""What a measure is given, and how one is registered."""

import numpy as np
import pytest

from mediacorpus.engine.contract import MEASURES, Batch, BatchItem, measure
from mediacorpus.records import FileFacts, Info

FACTS = FileFacts("PNG", 2, 2, "RGB", 12)


def test_a_batch_counts_its_images_and_gives_their_pixels():
    pixels = np.zeros((2, 2, 3), np.uint8)
    batch = Batch([BatchItem("a", FACTS, pixels), BatchItem("b", FACTS)])
    assert len(batch) == 2
    assert [one is pixels for one in batch.pixels] == [True]


def test_what_is_shared_is_shared_by_one_batch_only():
    first, second = Batch([]), Batch([])
    first.shared["x"] = 1
    assert second.shared == {}


def test_a_image_cannot_be_changed():
    with pytest.raises(AttributeError):
        BatchItem("a", FACTS).item = "b"


def test_a_plain_function_becomes_a_measure():
    info = Info("half", "1", "Always one half.", "MIT", outputs={"x": "float64"})
    try:

        @measure(info)
        def half(batch):
            return [{"x": 0.5}] * len(batch)

        assert MEASURES.get("half")() is half
        assert MEASURES.info("half") is info
        assert half(Batch([BatchItem("a", FACTS)])) == [{"x": 0.5}]
    finally:
        MEASURES.remove("half")
    assert "half" not in MEASURES

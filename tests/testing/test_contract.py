"""Each clause of the contract catches the measure that breaks it."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from mediacorpus.records import Info, Region, Shape, Tag, Text
from mediacorpus.testing.contract import check_info, check_measure, odd_images, toy_batch

SCALAR = Info("mean", "1", "Mean.", "MIT", outputs={"mean": "float64"})
TAG = Info("tone", "1", "Tone.", "MIT", shape=Shape.TAG)
REGION = Info("box", "1", "Boxes.", "MIT", shape=Shape.REGION)
TEXT = Info("words", "1", "Words.", "MIT", shape=Shape.TEXT)
VECTOR = Info("means", "1", "Means.", "MIT", shape=Shape.VECTOR, outputs={"vector": "3"})


def mean(pixels):
    return float(pixels.mean())


def check(info, value, **options):
    """Check a measure that gives `value(pixels)` for each image."""
    check_measure(info, lambda: lambda batch: [value(p) for p in batch.pixels], **options)


def test_good_measures_of_all_shapes_pass():
    check(SCALAR, lambda p: {"mean": mean(p)})
    check(TAG, lambda p: [Tag("light", mean(p) / 255), Tag("none", 0.0)])
    check(REGION, lambda p: [Region("all", 1.0, 0.0, 0.0, 1.0, 1.0)])
    check(REGION, lambda p: [])
    check(TEXT, lambda p: f"{p.shape}")
    check(TEXT, lambda p: [Text("a", 0.0, 1.5), Text("b", 1.5, 2.0, x=0, y=0, width=1, height=1)])
    more = replace(REGION, outputs={"eyes": "float64[4]"})
    check(more, lambda p: [Region("all", 1.0, 0.0, 0.0, 1.0, 1.0, {"eyes": [0.1, 0.2, 0.3, 0.4]})])
    check(VECTOR, lambda p: p.mean(axis=(0, 1)).astype(np.float32))


def test_a_value_that_is_not_known_may_be_none():
    check(SCALAR, lambda p: {"mean": None})


def test_parameters_reach_the_factory():
    def factory(*, scale):
        return lambda batch: [{"mean": scale * mean(p)} for p in batch.pixels]

    check_measure(SCALAR, factory, parameters={"scale": 2.0})
    with pytest.raises(TypeError):
        check_measure(SCALAR, factory)


@pytest.mark.parametrize(
    ("info", "value", "told"),
    [
        (SCALAR, mean, "must be a mapping"),
        (SCALAR, lambda p: {"average": 1.0}, "columns are"),
        (SCALAR, lambda p: {"mean": "high"}, "is no float64"),
        (SCALAR, lambda p: {"mean": np.nan}, "use None"),
        (SCALAR, lambda p: {"mean": 1 / (p.size - 3) if p.size > 3 else np.inf}, "use None"),
        (TAG, lambda p: [("light", 1.0)], "sequence of Tag"),
        (TAG, lambda p: [Tag("light", 1.5)], "leave 0 to 1"),
        (TAG, lambda p: [Tag("light", float("nan"))], "leave 0 to 1"),
        (TAG, lambda p: [Tag("a", 0.1), Tag("b", 0.2)], "best score must come first"),
        (TAG, lambda p: [Tag("a", 0.2), Tag("a", 0.1)], "given twice"),
        (TAG, lambda p: [Tag(" ", 0.2)], "needs a name"),
        (REGION, lambda p: [Region("face", 1.0, 0.5, 0.5, 0.6, 0.1)], "leaves the image"),
        (REGION, lambda p: [Region("face", 1.0, -0.1, 0.5, 0.6, 0.1)], "leaves the image"),
        (REGION, lambda p: [Tag("face", 1.0)], "sequence of Region"),
        (TEXT, lambda p: None, "must be a string"),
        (TEXT, lambda p: [Text("a", 2.0, 1.0)], "ends before it starts"),
        (TEXT, lambda p: [Text("a", x=0.1)], "all four sides"),
        (TEXT, lambda p: [Text("a", score=2.0)], "leave 0 to 1"),
        (TEXT, lambda p: [Text("a", more={"b": 1})], "columns in `more`"),
        (REGION, lambda p: [Region("a", 1, 0, 0, 1, 1, {"b": 1})], "columns in `more`"),
        (VECTOR, lambda p: p.mean(axis=(0, 1)), "float32 array"),
        (VECTOR, lambda p: [1.0, 2.0, 3.0], "float32 array"),
        (VECTOR, lambda p: np.zeros(4, np.float32), r"not \(3,\)"),
        (VECTOR, lambda p: np.full(3, np.inf, np.float32), "NaN or infinity"),
    ],
)
def test_values_of_the_wrong_form_are_caught(info, value, told):
    with pytest.raises(AssertionError, match=f"{info.name}: .*{told}"):
        check(info, value)


def test_too_few_values_are_caught():
    with pytest.raises(AssertionError, match="8 images gave 7 values"):
        check_measure(SCALAR, lambda: lambda b: [{"mean": mean(p)} for p in b.pixels[1:]])


def test_values_in_the_wrong_order_are_caught():
    with pytest.raises(AssertionError, match="alone and in a batch"):
        check_measure(SCALAR, lambda: lambda b: [{"mean": mean(p)} for p in b.pixels[::-1]])


def test_values_that_depend_on_the_batch_are_caught():
    def measure(batch):
        values = np.array([mean(p) for p in batch.pixels])
        return [{"mean": float(v)} for v in values - values.mean()]

    with pytest.raises(AssertionError, match="alone and in a batch"):
        check_measure(SCALAR, lambda: measure)


def test_chance_is_caught():
    chance = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="the second time"):
        check(SCALAR, lambda p: {"mean": mean(p) + chance.normal()})


def test_changed_pixels_are_caught():
    def value(pixels):
        pixels //= 2
        return {"mean": mean(pixels)}

    with pytest.raises(AssertionError, match="'toy-0' were changed"):
        check(SCALAR, value)


def test_a_measure_that_is_not_thread_safe_is_caught():
    class Careless:
        def __call__(self, batch):
            self.values = []
            for pixels in batch.pixels:
                self.values.append({"mean": mean(pixels)})
                time.sleep(0.01)
            return self.values

    with pytest.raises(AssertionError, match=r"8 images gave 1\d values"):
        check_measure(SCALAR, Careless)


def test_an_error_in_a_thread_is_raised():
    def measure(batch):
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("only in the main thread")
        return [{"mean": mean(p)} for p in batch.pixels]

    with pytest.raises(RuntimeError, match="only in the main thread"):
        check_measure(SCALAR, lambda: measure)


def test_a_measure_that_needs_no_pixels_gets_none():
    info = replace(SCALAR, name="wide", outputs={"wide": "bool"}, pixels=False)

    def measure(batch):
        assert all(image.pixels is None for image in batch.items)
        return [{"wide": p.file.width > p.file.height} for p in batch.items]

    check_measure(info, lambda: measure)


@pytest.mark.parametrize(
    ("info", "told"),
    [
        (replace(SCALAR, licence=" "), "Info.licence is empty"),
        (replace(SCALAR, version=""), "Info.version is empty"),
        (replace(SCALAR, summary="Two\nlines."), "one line"),
        (replace(SCALAR, outputs={}), "declare its columns"),
        (replace(SCALAR, outputs={"item": "string"}), "reserved"),
        (replace(SCALAR, outputs={"mean": "flout"}), "cannot become columns"),
        (replace(VECTOR, outputs={"length": "3"}), "must be"),
        (replace(VECTOR, outputs={"vector": "three"}), "cannot become columns"),
        (replace(TAG, outputs={"tag": "string"}), "are reserved"),
    ],
)
def test_records_of_facts_that_do_not_fit_are_caught(info, told):
    with pytest.raises(AssertionError, match=told):
        check_info(info)


def test_odd_images_are_legal():
    for image in [*odd_images(), *toy_batch()]:
        height, width, channels = image.pixels.shape
        assert image.pixels.dtype == np.uint8
        assert (image.file.width, image.file.height, channels) == (width, height, 3)

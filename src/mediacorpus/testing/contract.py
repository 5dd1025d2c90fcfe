"""The contract that every measure keeps, as a check to run in a plug-in's own tests."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mediacorpus.engine.contract import Batch, BatchItem, Measure, MeasureFactory, Pixels, Value
from mediacorpus.records import FileFacts, Info, Region, Shape, Tag, Text, arrow_type, schema

if TYPE_CHECKING:
    from collections.abc import Callable

BOX = ("x", "y", "width", "height")


def check_measure(
    info: Info,
    factory: MeasureFactory,
    *,
    parameters: Mapping[str, Any] | None = None,
    images: Sequence[BatchItem] | None = None,
    tolerance: float = 1e-3,
) -> None:
    """Check that a measure keeps the contract of the engine and of the tables.

    The record of facts is complete; there is one value for each image, in order; values
    have the declared shape, columns, types and ranges; the result is the same a second time,
    for an image alone and from two threads at once; and odd images (one pixel, very wide,
    very tall, gray, black, white) are measured too.

    Parameters
    ----------
    info:
        What was registered.
    factory:
        What was registered: takes parameters, returns the measure.
    parameters:
        Parameters of the factory; its defaults if left out.
    images:
        Images to measure besides the odd ones; made-up ones if left out.
    tolerance:
        Largest difference, relative to the larger of the value and 1, between the results
        for an image alone and in a batch.

    Raises
    ------
    AssertionError
        The contract is broken; the message says which part and how.

    Examples
    --------
    >>> info = Info("brightness", "1", "Mean of all pixels.", "MIT",
    ...             outputs={"brightness": "float64"})
    >>> def brightness(batch):
    ...     return [{"brightness": float(p.mean())} for p in batch.pixels]
    >>> check_measure(info, lambda: brightness)
    >>> check_measure(info, lambda: lambda batch: [])
    Traceback (most recent call last):
    ...
    AssertionError: brightness: 8 images gave 0 values; there must be one for each.
    """
    check_info(info)
    measure = factory(**(parameters or {}))
    shown = [*(toy_batch() if images is None else images), *odd_images()]
    if not info.pixels:
        shown = [BatchItem(image.item, image.file) for image in shown]
    values = _measured(info, measure, shown)
    _check_values(info, values)
    again = _measured(info, measure, shown)
    _check_same(info, values, again, when="the second time", tolerance=0)
    alone = [_measured(info, measure, [image])[0] for image in shown]
    _check_same(info, values, alone, when="alone and in a batch", tolerance=tolerance)
    backwards = _measured(info, measure, shown[::-1])[::-1]
    _check_same(info, values, backwards, when="in another order", tolerance=tolerance)
    for other in _from_threads(lambda: _measured(info, measure, shown)):
        _check_same(info, values, other, when="from two threads at once", tolerance=tolerance)


def check_info(info: Info) -> None:
    """Check that a measure's record of facts is complete and fits its shape.

    Raises
    ------
    AssertionError
        Something is missing or does not fit.

    Examples
    --------
    >>> check_info(Info("size", "1", "Size of the file.", "MIT", outputs={"bytes": "int64"}))
    """
    for field in ("name", "version", "summary", "licence"):
        _require(info, bool(getattr(info, field).strip()), f"Info.{field} is empty.")
    _require(info, "\n" not in info.summary, "Info.summary must be one line.")
    if info.shape is Shape.SCALAR:
        _require(info, bool(info.outputs), "a scalar measure must declare its columns.")
    elif info.shape is Shape.VECTOR:
        _require(info, set(info.outputs) == {"vector"}, 'outputs must be {"vector": "<length>"}.')
    usual = {"item", "run"}
    if info.shape not in {Shape.SCALAR, Shape.VECTOR}:
        usual |= set(schema(dataclasses.replace(info, outputs={})).names)
    reserved = usual & set(info.outputs)
    _require(info, not reserved, f"the column names {sorted(reserved)} are reserved.")
    try:
        schema(info)
    except (pa.ArrowException, ValueError) as error:
        raise AssertionError(f"{info.name}: outputs cannot become columns: {error}") from error


def toy_batch() -> list[BatchItem]:
    """Make two images of ordinary size, with edges and colors.

    Examples
    --------
    >>> [image.pixels.shape for image in toy_batch()]
    [(240, 320, 3), (320, 256, 3)]
    """
    noise = np.random.default_rng(1)
    made = []
    for number, (height, width) in enumerate([(240, 320), (320, 256)]):
        down, across = np.mgrid[0:height, 0:width]
        pixels = np.stack(
            [
                down * 255 // height,
                across * 255 // width,
                ((down // 40 + across // 40) % 2) * 200 + noise.integers(0, 50, down.shape),
            ],
            axis=2,
        )
        made.append(_image(f"toy-{number}", pixels.astype(np.uint8)))
    return made


def odd_images() -> list[BatchItem]:
    """Make images that are legal but odd: tiny, very wide, very tall, gray, black, white.

    Examples
    --------
    >>> [image.item for image in odd_images()]
    ['one-pixel', 'very-wide', 'very-tall', 'gray', 'black', 'white']
    """
    ramp = np.linspace(0, 255, 300, dtype=np.uint8)
    pixels = {
        "one-pixel": np.full((1, 1, 3), 200, np.uint8),
        "very-wide": np.repeat(np.tile(ramp, 8)[None, :, None], 3, axis=2),
        "very-tall": np.repeat(np.tile(ramp, 8)[:, None, None], 3, axis=2).repeat(2, axis=1),
        "gray": np.broadcast_to(ramp[None, :, None], (260, 300, 3)).copy(),
        "black": np.zeros((256, 256, 3), np.uint8),
        "white": np.full((257, 300, 3), 255, np.uint8),
    }
    return [_image(name, array) for name, array in pixels.items()]


def _image(name: str, pixels: Pixels) -> BatchItem:
    height, width = pixels.shape[:2]
    return BatchItem(name, FileFacts("PNG", width, height, "RGB", pixels.nbytes), pixels)


def _require(info: Info, kept: bool, broken: str) -> None:  # noqa: FBT001  (reads as a sentence)
    if not kept:
        raise AssertionError(f"{info.name}: {broken}")


def _measured(info: Info, measure: Measure, images: Sequence[BatchItem]) -> Sequence[Value]:
    before = [None if p.pixels is None else p.pixels.copy() for p in images]
    values = measure(Batch(images))
    _require(
        info,
        len(values) == len(images),
        f"{len(images)} images gave {len(values)} values; there must be one for each.",
    )
    for image, pixels in zip(images, before, strict=True):
        _require(
            info,
            pixels is None or np.array_equal(pixels, image.pixels),  # type: ignore[arg-type]
            f"the pixels of {image.item!r} were changed; other measures need them.",
        )
    return values


def _check_values(info: Info, values: Sequence[Value]) -> None:
    check = {
        Shape.SCALAR: _check_scalar,
        Shape.TAG: _check_tags,
        Shape.REGION: _check_regions,
        Shape.TEXT: _check_text,
        Shape.VECTOR: _check_vector,
    }[info.shape]
    for value in values:
        check(info, value)


def _check_scalar(info: Info, value: Any) -> None:
    _require(info, isinstance(value, Mapping), f"a value must be a mapping, got {value!r}.")
    given, declared = sorted(value), sorted(info.outputs)
    _require(info, given == declared, f"columns are {given}, declared are {declared}.")
    _check_columns(info, value)


def _check_columns(info: Info, value: Mapping[str, Any]) -> None:
    for name, kind in info.outputs.items():
        try:
            pa.array([value[name]], type=arrow_type(kind))
        except (pa.ArrowException, KeyError) as error:
            raise AssertionError(f"{info.name}: {name} is no {kind}: {error}") from error
        finite = not isinstance(value[name], float | np.floating) or np.isfinite(value[name])
        _require(info, bool(finite), f"{name} is {value[name]}; use None where there is none.")


def _check_tags(info: Info, value: Any, kind: type = Tag) -> None:
    right = isinstance(value, Sequence) and all(isinstance(part, kind) for part in value)
    _require(info, right, f"a value must be a sequence of {kind.__name__}, got {value!r}.")
    scores = [part.score for part in value]
    _require(info, all(0 <= score <= 1 for score in scores), f"scores leave 0 to 1: {scores}.")
    _require(info, scores == sorted(scores, reverse=True), "the best score must come first.")
    named = all(isinstance(part.tag, str) and part.tag.strip() for part in value)
    _require(info, named, f"each needs a name in `tag`, got {[part.tag for part in value]}.")
    for part in value:
        _check_more(info, part.more)
    if kind is Tag:
        distinct = len({part.tag for part in value}) == len(value)
        _require(info, distinct, f"a tag is given twice: {[part.tag for part in value]}.")


def _check_regions(info: Info, value: Any) -> None:
    _check_tags(info, value, Region)
    slack = 1e-6
    for box in value:
        place = [getattr(box, side) for side in BOX]
        inside = (
            min(place) >= 0 and box.x + box.width <= 1 + slack and box.y + box.height <= 1 + slack
        )
        _require(info, inside, f"a box leaves the image (fractions of its size): {place}.")


def _check_more(info: Info, more: Mapping[str, Any]) -> None:
    given, declared = sorted(more), sorted(info.outputs)
    _require(info, given == declared, f"columns in `more` are {given}, declared are {declared}.")
    _check_columns(info, more)


def _check_text(info: Info, value: Any) -> None:
    if isinstance(value, str):
        _require(info, not info.outputs, "further columns are declared; give `Text` spans.")
        return
    right = isinstance(value, Sequence) and all(isinstance(part, Text) for part in value)
    _require(info, right, f"a value must be a string or a sequence of Text, got {value!r}.")
    for span in value:
        _check_more(info, span.more)
        _require(info, isinstance(span.text, str), f"a text must be a string, got {span.text!r}.")
        timed = [time for time in (span.start, span.stop) if time is not None]
        _require(info, timed == sorted(timed), f"a span ends before it starts: {timed}.")
        place = [side for side in (span.x, span.y, span.width, span.height) if side is not None]
        _require(info, len(place) in {0, len(BOX)}, "give all four sides of a box, or none.")
        _require(info, all(0 <= side <= 1 for side in place), f"a box leaves the image: {place}.")
        sure = span.score is None or 0 <= span.score <= 1
        _require(info, sure, f"scores leave 0 to 1: {span.score}.")


def _check_vector(info: Info, value: Any) -> None:
    length = int(info.outputs["vector"])
    right = isinstance(value, np.ndarray) and value.dtype == np.float32
    _require(info, right, f"a value must be a float32 array, got {type(value).__name__}.")
    _require(info, value.shape == (length,), f"the shape is {value.shape}, not ({length},).")
    _require(info, bool(np.isfinite(value).all()), "a vector holds NaN or infinity.")


def _check_same(
    info: Info,
    first: Sequence[Value],
    second: Sequence[Value],
    *,
    when: str,
    tolerance: float,
) -> None:
    for number, pair in enumerate(zip(first, second, strict=True)):
        left, right = (_flat(value) for value in pair)
        same = len(left) == len(right) and all(map(_within(tolerance), left, right))
        _require(info, same, f"image {number} gives another result {when}.")


def _flat(value: Any) -> Sequence[Any]:
    """Give the parts of a value that must agree.

    Of tags only the scores: where two scores are nearly equal, rounding may swap the names.
    """
    if isinstance(value, Mapping):
        return [value[name] for name in sorted(value)]
    if isinstance(value, str):
        return [value]
    if isinstance(value, np.ndarray):
        return list(value.tolist())
    if any(isinstance(part, Text) for part in value):
        return [getattr(part, name) for part in value for name in ("text", "start", "stop")]
    return [
        part.score if isinstance(part, Tag) else getattr(part, name)
        for part in value
        for name in (("score",) if isinstance(part, Tag) else ("score", *BOX))
    ]


def _within(tolerance: float) -> Callable[[Any, Any], bool]:
    def close(a: Any, b: Any) -> bool:
        if all(isinstance(value, float | np.floating) for value in (a, b)):
            return bool(abs(a - b) <= tolerance * max(abs(a), abs(b), 1))
        return bool(a == b)

    return close


def _from_threads(call: Callable[[], Sequence[Value]]) -> list[Sequence[Value]]:
    """Call from two threads at once; an error in one of them is raised here."""
    results: list[Sequence[Value]] = []
    errors: list[BaseException] = []
    start = threading.Barrier(2)

    def work() -> None:
        start.wait()
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  (handed to the caller below)
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error
    return results

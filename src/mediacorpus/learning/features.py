"""What models learn from: views of images and the stored values of measures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mediacorpus.engine.contract import MEASURES
from mediacorpus.engine.decoding import Decoders, reason_of
from mediacorpus.engine.pool import outcomes
from mediacorpus.errors import ParameterError, StorageFull, TrainingError, unknown
from mediacorpus.learning.cache import RowCache
from mediacorpus.measures.efficientnet import open_session
from mediacorpus.media.augment import (
    Augmentation,
    color_jitter,
    random_resized_crop,
    rotate,
)
from mediacorpus.media.resize import rescale_crop
from mediacorpus.networks.efficientnet_graph import SIDE
from mediacorpus.networks.views import CROP, min_side, plain_view
from mediacorpus.records import Example, Info, Shape
from mediacorpus.settings import settings
from mediacorpus.store import progress
from mediacorpus.store.parts import read_parts
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    from mediacorpus.learning.settings import Variation
    from mediacorpus.networks.backbones import Network, Triple
    from mediacorpus.networks.frozen import FrozenNetwork
    from mediacorpus.records import Example


Pixels = NDArray[np.uint8]

AREA = (0.35, 1.0)
"""Least and greatest share of the image that a varied view shows."""


def fixed_views(
    pixels: Pixels,
    *,
    size: int,
    crop: float,
    count: int,
    seed: tuple[int, ...],
    vary: Variation | None = None,
) -> Pixels:
    """Make the plain view, its mirror image, and random cut-outs, every second one mirrored.

    They are made once and used in all epochs, so that what does not learn of a network has to
    see them only once.

    Parameters
    ----------
    pixels:
        RGB `(H, W, 3)`, uint8.
    size, crop:
        As in `plain_view`.
    count:
        Number of views, at least 1.
    seed:
        Of the cut-outs.
    vary:
        What else is done to all views but the plain one; without cut-outs they are plain views.

    Returns
    -------
    uint8 array `(count, size, size, 3)`

    Examples
    --------
    >>> gray = np.full((300, 400, 3), 127, np.uint8)
    >>> fixed_views(gray, size=224, crop=0.875, count=4, seed=(1, 0)).shape
    (4, 224, 224, 3)
    """
    rng = np.random.default_rng(seed)
    views = np.empty((count, size, size, 3), np.uint8)
    plain = plain_view(pixels, size, crop)
    for k in range(count):
        whole = k <= 1 or (vary is not None and not vary.cut)
        cut = plain if whole else random_resized_crop(pixels, rng, size=size, area=AREA)
        mirrored = k % 2 and (vary is None or vary.cut)
        views[k] = cut[:, ::-1] if mirrored else cut
        if vary is not None and k:
            views[k] = varied(views[k], rng, vary)
    return views


def varied(view: Pixels, rng: np.random.Generator, vary: Variation) -> Pixels:
    """Turn a view, change its colors, and turn half of the views upside down.

    Examples
    --------
    >>> from mediacorpus.learning.settings import Variation
    >>> gray = np.full((8, 8, 3), 127, np.uint8)
    >>> varied(gray, np.random.default_rng(1), Variation(degrees=20, jitter=0.2)).shape
    (8, 8, 3)
    """
    if vary.degrees:
        view = rotate(np.ascontiguousarray(view), rng, degrees=vary.degrees)
    if vary.jitter:
        each = dict.fromkeys(("brightness", "contrast", "saturation"), vary.jitter)
        view = color_jitter(np.ascontiguousarray(view), rng, **each)
    return view[::-1] if vary.upside_down and rng.random() < HALF else view


HALF = 0.5


def train_view(square: Pixels, rng: np.random.Generator, plan: Plan) -> Pixels:
    """Make the view of an epoch from what is kept of an image: cut out, mirrored, and varied."""
    if plan.vary is None or plan.vary.cut:
        view = Augmentation(size=plan.size, area=AREA)(square, rng)
        return view if plan.vary is None else varied(view, rng, plan.vary)
    return plain_view(varied(square, rng, plan.vary), plan.size, plan.crop)


VIEWS = 4
"""Views of each training image that the fixed part sees."""

MOST_VIEWED = 1000
"""Training images up to which a linear model learns from several views of each."""

SPARE = 200_000_000
"""Bytes that must stay free on the disk."""

SYNC_EVERY = 200

Fixed = Callable[[Pixels], NDArray[np.float32]]
"""The part of a network that does not learn: uint8 `(V, size, size, 3)` to features."""

Encode = Callable[[Sequence[str]], NDArray[Any]]
"""From labels to what is learned."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How views are made.

    Parameters
    ----------
    size, crop:
        As in `plain_view`.
    views:
        Views of each training image; 1 is the plain one alone.
    squares:
        Whether training images are kept as larger squares, to be varied in each epoch.
    seed:
        Of the cut-outs.
    vary:
        What else is done to the images that are learned from; None is nothing.
    """

    size: int
    crop: float
    views: int
    squares: bool
    seed: int
    vary: Variation | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The images of one part, ready for the loop.

    Parameters
    ----------
    views:
        Array `(rows, V, ...)` on disk: features, or uint8 pixels `(side, side, 3)`.
    rows:
        The rows of the images that could be read, int64 `(N,)`.
    targets:
        What is learned of each of them, as `Target.encode` gives it.
    """

    views: NDArray[Any]
    rows: NDArray[np.int64]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An image that was left out, and why."""

    item: str
    path: str
    reason: str


def plan_for(
    network: Network, *, learns_all: bool, augment: bool, seed: int, vary: Variation | None = None
) -> Plan:
    """Choose how many views are made, and of what kind."""
    several = augment or bool(vary)
    squares = learns_all and several
    views = 1 if learns_all or not several else VIEWS
    return Plan(network.size, network.crop, views, squares, seed, vary)


def prepare(
    examples: Sequence[Example],
    encode: Encode | None,
    path: Path,
    *,
    plan: Plan,
    fixed: Fixed | None = None,
    progress: Progress | None = None,
) -> tuple[Part, list[Unreadable]]:
    """Read the images of one part and keep their views on disk.

    What an earlier, killed run has written is used.

    Parameters
    ----------
    examples:
        Labelled images of one part.
    encode:
        Turns labels into what is learned, such as `Target.encode`; None where that is nothing.
    path:
        File to keep the views in.
    plan:
        How views are made.
    fixed:
        What does not learn of the network; None keeps pixels.
    progress:
        Called with how many images are done, of how many.

    Returns
    -------
    part : Part
        Of the images that can be read.
    unreadable : list of Unreadable
        The rest.

    Raises
    ------
    StorageFull
        The disk has too little space.
    """
    blank = np.zeros((plan.views, plan.size, plan.size, 3), np.uint8)
    if fixed is not None:
        shape: tuple[int, ...] = fixed(blank).shape
        dtype: np.dtype[Any] = np.dtype(np.float32)
    else:
        side = min_side(plan.size, plan.crop) if plan.squares else plan.size
        shape, dtype = (plan.views, side, side, 3), np.dtype(np.uint8)
    _check_space(path, len(examples) * int(np.prod(shape)) * dtype.itemsize)
    cache = RowCache(path, rows=len(examples), shape=shape, dtype=dtype)
    with Decoders() as decoders:

        def make(row: int) -> NDArray[Any]:
            views = _views(examples[row], plan, row=row, decoders=decoders)
            return views if fixed is None else fixed(views)

        failed = _fill(cache, make, progress, order=lambda row: _order(examples[row]))
    rows = np.array([row for row in range(len(examples)) if row not in failed], np.int64)
    targets = np.zeros(len(rows)) if encode is None else encode([examples[r].label for r in rows])
    unreadable = [
        Unreadable(examples[row].item, examples[row].path, reason)
        for row, reason in sorted(failed.items())
    ]
    return Part(cache.read(), rows, targets), unreadable


def embedded_views(
    examples: Sequence[Example],
    embeddings: NDArray[Any],
    path: Path,
    *,
    seed: int,
    network: FrozenNetwork | None = None,
    vary: Variation | None = None,
    progress: Progress | None = None,
) -> NDArray[Any] | None:
    """Embed mirrored and cut-out views of training images, for a linear model to learn from.

    Parameters
    ----------
    examples:
        Labelled images.
    embeddings:
        Of their plain views, `(N, features)`.
    path:
        File to keep the embeddings in.
    seed:
        Of the cut-outs.
    network:
        The backbone; None is the built-in one.
    vary:
        What else is done to the views.
    progress:
        Called with how many images are done, of how many.

    Returns
    -------
    array `(N, VIEWS - 1, features)` or None
        The embedding of the plain view for an image that cannot be read any more. None where
        there are so many images that views add little.
    """
    if len(examples) > MOST_VIEWED:
        return None
    if network is None:
        session = open_session()
        size, crop, fixed = SIDE, CROP, lambda views: session.run(views)[0]
    else:
        size, crop, fixed = network.size, network.crop, network.run
    plan = Plan(size, crop, views=VIEWS, squares=False, seed=seed, vary=vary)
    part, _ = prepare(examples, None, path, plan=plan, fixed=fixed, progress=progress)
    found = np.repeat(np.asarray(embeddings)[:, None], VIEWS - 1, axis=1)
    found[part.rows] = part.views[part.rows, 1:]
    return found


def _order(example: Example) -> tuple[Any, ...]:
    """Give what to sort by so that items of one file follow one another, as they lie in it."""
    if example.place is None:
        return ("",)
    steps = [(s.pts or 0, s.page or 0) for s in example.place.locators]
    return (example.place.sha256, steps)


def _views(example: Example, plan: Plan, *, row: int, decoders: Decoders) -> Pixels:
    side = min_side(plan.size, plan.crop)
    if example.place is None:
        pixels = decoders.load(Path(example.path), side)
    else:
        pixels = decoders.pixels(example.place, side)
    if plan.squares:
        return rescale_crop(pixels, side)[None]
    return fixed_views(
        pixels,
        size=plan.size,
        crop=plan.crop,
        count=plan.views,
        seed=(plan.seed, row),
        vary=plan.vary,
    )


def _fill(
    cache: RowCache,
    make: Callable[[int], NDArray[Any]],
    progress: Progress | None,
    *,
    order: Callable[[int], Any],
) -> dict[int, str]:
    """Write the rows that are missing, in some order; return why some could not be had."""
    chosen = settings()
    missing = sorted(cache.missing(), key=order)
    failed: dict[int, str] = {}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        found = outcomes(make, missing, workers=chosen.workers, timeout=chosen.timeout)
        for number, outcome in enumerate(found, start=1):
            if outcome.value is None:
                if not isinstance(outcome.error, Exception):
                    raise outcome.error or RuntimeError("an image gave no views")
                failed[outcome.task] = reason_of(outcome.error)
            else:
                cache.write(outcome.task, outcome.value)
            if number % SYNC_EVERY == 0:
                cache.sync()
            if progress is not None:
                progress(cache.rows - len(missing) + number, cache.rows)
    finally:
        cv2.setNumThreads(threads)
        cache.close()
    return failed


def _check_space(path: Path, wanted: int) -> None:
    have = path.stat().st_size if path.exists() else 0
    free = shutil.disk_usage(path.parent).free
    if wanted - have + SPARE > free:
        raise StorageFull(
            f"Training needs {wanted / 1e9:.1f} GB in {path.parent} for what it computes once; "
            f"{free / 1e9:.1f} GB are free. Make room, or let fewer blocks learn (unfreeze)."
        )


def channel_statistics(
    examples: Sequence[Example], path: Path, *, progress: Progress | None = None
) -> tuple[Triple, Triple]:
    """Give mean and standard deviation of red, green and blue over images, from 0 to 1.

    Each image counts the same; it is looked at as a square of 64 pixels.

    Parameters
    ----------
    examples:
        The images.
    path:
        File to keep the squares in.
    progress:
        Called with how many images are done, of how many.

    Raises
    ------
    TrainingError
        None of them can be read.
    """
    plan = Plan(size=64, crop=1.0, views=1, squares=False, seed=0)
    part, lost = prepare(examples, None, path, plan=plan, progress=progress)
    if not len(part):
        raise TrainingError(
            f"No image of the training part can be read ({lost[0].reason if lost else 'none'})."
        )
    total, squared = np.zeros(3), np.zeros(3)
    for row in part.rows:
        pixels = np.asarray(part.views[row, 0], np.float64).reshape(-1, 3) / 255
        total += pixels.mean(axis=0)
        squared += (pixels**2).mean(axis=0)
    mean = total / len(part)
    # Images of one color all have no spread, and then none is divided by.
    sd = np.sqrt(np.maximum(squared / len(part) - mean**2, 0))
    red, green, blue = zip(
        mean.tolist(), np.where(sd > LEAST_SPREAD, sd, 1.0).tolist(), strict=True
    )
    return (red[0], green[0], blue[0]), (red[1], green[1], blue[1])


LEAST_SPREAD = 1e-3

EMBEDDING = "embedding"
"""The measure that a linear model learns from."""

NUMBERS = ("float", "double", "int", "bool")


def columns_of(info: Info) -> list[str]:
    """Name the columns of a measure that are numbers or truth values.

    Raises
    ------
    ParameterError
        There are none: the measure names things, or gives text.

    Examples
    --------
    >>> columns_of(Info("size", "1", "Size.", "MIT", outputs={"mode": "string", "n": "int64"}))
    ['n']
    """
    if info.shape is Shape.VECTOR:
        return ["vector"]
    found = [n for n, kind in info.outputs.items() if kind.startswith(NUMBERS)]
    if info.shape is not Shape.SCALAR or not found:
        raise ParameterError(
            f"Models learn from numbers; the measure {info.name!r} gives {info.shape.value}s. "
            "Use embedding, hog, color, or another measure of numbers."
        )
    return found


def current_setup(store: Store, measure: str) -> int:
    """Give the setup that the table of a measure shows.

    Raises
    ------
    UnknownName
        Nothing has been measured under that name.
    """
    setups = progress.current_setups(store)
    if measure not in setups:
        raise unknown("measure", measure, {*setups, *MEASURES.names()})
    return setups[measure][0]


def rows_of(
    store: Store, setup: int, *, wanted: pa.Array | None = None
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """Stream item ids and the numbers of a measure, batch by batch; missing ones become 0."""
    info = progress.info_of(store, setup)
    names = columns_of(info)
    files = progress.files_of(store, setup)
    for batch in read_parts(files, info, columns=["item", *names]).to_batches():
        rows = batch if wanted is None else batch.filter(pc.is_in(batch["item"], value_set=wanted))
        if rows.num_rows:
            yield rows["item"].to_pylist(), _numbers(rows, info, names)


def matrix(
    store: Store, examples: Sequence[Example], measure: str
) -> tuple[list[Example], NDArray[np.float32]]:
    """Gather the numbers of some examples; examples without them are left out.

    Raises
    ------
    UnknownName
        Nothing has been measured under that name.
    TrainingError
        None of them has any.
    """
    wanted = pa.array([e.item for e in examples], pa.string())
    found: dict[str, Any] = {}
    for items, rows in rows_of(store, current_setup(store, measure), wanted=wanted):
        found.update(zip(items, rows, strict=True))
    kept = [e for e in examples if e.item in found]
    if not kept:
        raise TrainingError(
            "None of the labelled images could be measured, so there is nothing to learn from. "
            "See `mediacorpus failures`."
        )
    return kept, np.stack([found[e.item] for e in kept])


def _numbers(rows: pa.RecordBatch, info: Info, names: Sequence[str]) -> NDArray[np.float32]:
    if info.shape is Shape.VECTOR:
        flat = rows["vector"].flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat, np.float32).reshape(rows.num_rows, -1)
    columns = [
        np.asarray(pc.cast(rows[name], pa.float32()).fill_null(0).to_numpy(zero_copy_only=False))
        for name in names
    ]
    return np.nan_to_num(np.column_stack(columns).astype(np.float32))

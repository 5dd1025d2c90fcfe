"""Why a classifier gives an item its class, and what it is like: the verb `explain`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.coding import splitting
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.errors import ParameterError, unknown
from mediacorpus.learning.features import matrix
from mediacorpus.learning.gradcam import gradcam, has_places
from mediacorpus.learning.model import ModelFolder, model_of
from mediacorpus.learning.targets import TargetKind, target_of
from mediacorpus.learning.train import embedding_for, examples_of
from mediacorpus.measures.efficientnet import open_session as embedding_session
from mediacorpus.networks.backbones import LITE
from mediacorpus.networks.efficientnet_graph import SIDE
from mediacorpus.networks.views import CROP, plain_view
from mediacorpus.result import Result
from mediacorpus.stats.significance import holm
from mediacorpus.store import derived, holdings, people
from mediacorpus.store.store import Store
from mediacorpus.validation.predictions import Gold, gold_of, held_out
from mediacorpus.validation.saliency import (
    attention,
    class_activations,
    images_of,
    occlusion_map,
    view_of,
    view_predictor,
)

Floats: TypeAlias = NDArray[np.float32]
Pixels: TypeAlias = NDArray[np.uint8]

METHODS = ("auto", "cam", "gradcam", "occlusion", "neighbors")
ROWS = 40
"""Items that are explained, if none are named."""

NEIGHBORS = 3
FEW = 8
"""Images of a class from which a cue is looked for."""

CELLS = 4
"""Rows and columns of cells into which a map is divided."""

CENTER = 0.5
"""Side of the central box that counts as foreground, as a share of the map's side."""

PERMUTATIONS = 999
LEAST_SHARE = 0.2
"""Share of the attention in one cell of 16 from which a cue is reported (even: 0.0625)."""

_LEVEL = 0.05
_ROWS = ("top", "upper", "lower", "bottom")
_COLUMNS = ("left", "center left", "center right", "right")


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A training image near to another image.

    Parameters
    ----------
    item:
        Its item id.
    label:
        Its class.
    similarity:
        Cosine of the two embeddings, -1 to 1.
    """

    item: str
    label: str
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Labelled images among which neighbors are looked for.

    Parameters
    ----------
    items:
        Item ids.
    labels:
        Their classes.
    embeddings:
        Array `(N, D)`.

    Examples
    --------
    >>> reference = Reference(["a", "b"], ["cat", "dog"], np.eye(2))
    >>> reference.nearest(np.array([2.0, 1.0]), 1)
    [Neighbor(item='a', label='cat', similarity=0.8944271909999159)]
    """

    items: Sequence[str]
    labels: Sequence[str]
    embeddings: NDArray[Any]

    def nearest(self, query: NDArray[Any], k: int, *, item: str = "") -> list[Neighbor]:
        """Give the `k` images with the highest cosine, the nearest first; `item` is left out.

        An embedding that is all zeros has cosine 0 with everything.
        """
        vectors = self.embeddings
        squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
        lengths = np.sqrt(squares) * np.linalg.norm(query)
        dots = vectors @ np.asarray(query, vectors.dtype)
        cosine = np.divide(dots, lengths, out=np.zeros(len(dots)), where=lengths > 0).clip(-1, 1)
        near = [
            Neighbor(self.items[i], self.labels[i], float(cosine[i]))
            for i in np.argsort(-cosine, kind="stable")[: k + 1]
            if self.items[i] != item
        ]
        return near[:k]


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """One image with what a model says of it and why.

    Parameters
    ----------
    item:
        Item id.
    view:
        What the model saw, uint8 `(S, S, 3)`.
    gold:
        Its gold label, `""` if not known.
    predicted:
        The most probable class.
    probability:
        Its probability.
    map:
        Where the image speaks for that class, float32 `(S, S)`, 0 or more, sum 1.
    neighbors:
        The nearest training images.
    file:
        Name of its file, where a corpus has one.
    """

    item: str
    view: Pixels
    gold: str
    predicted: str
    probability: float
    map: Floats
    neighbors: tuple[Neighbor, ...] = ()
    file: str = ""


def explanations(
    model: ModelFolder,
    images: Iterable[tuple[str, Pixels]],
    *,
    method: str = "auto",
    gold: Mapping[str, str] | None = None,
    reference: Reference | None = None,
    k: int = NEIGHBORS,
) -> Iterator[Explanation]:
    """Explain a model's answers one by one.

    Parameters
    ----------
    model:
        A model of classes, on images or on the embedding.
    images:
        Item ids and pixels, uint8 `(H, W, 3)`.
    method:
        `"cam"` for models on the embedding, `"gradcam"` for fine-tuned networks (needs torch),
        `"occlusion"` for both (slow: 169 predictions an image); `"auto"` takes the first
        that fits.
    gold:
        Item id → true class.
    reference:
        Labelled training images with the measure `embedding`, to find neighbors in.
    k:
        Neighbors of each image.

    Yields
    ------
    Explanation
        In the order of the images.

    Raises
    ------
    ParameterError
        The method does not fit the model, or it predicts a scale.
    """
    maps, predict = _mapper(model, _fitting(model, method)), view_predictor(model)
    classes = [str(name) for name in model.card["classes"]]
    for item, pixels in images:
        view = view_of(model, pixels)
        shares = predict(view[None])[0]
        predicted = int(shares.argmax())
        (found,) = attention(maps(view[None], np.array([predicted])), view.shape[0])
        near: list[Neighbor] = []
        if reference is not None:
            query = embedding_session().run(plain_view(pixels, SIDE, CROP)[None])[0][0]
            near = reference.nearest(query, k, item=item)
        yield Explanation(
            item,
            view,
            gold=(gold or {}).get(item, ""),
            predicted=classes[predicted],
            probability=float(shares[predicted]),
            map=found,
            neighbors=tuple(near),
        )


def _fitting(model: ModelFolder, method: str) -> str:
    """Choose the method, or make sure that the one that was named fits the model."""
    card = model.card
    if target_of(card).kind is TargetKind.SCALE:
        raise ParameterError(
            f"The model {card['name']!r} predicts a number; only classes can be explained."
        )
    if method == "auto" and card["input"] == "pixels":
        return "gradcam" if has_places(model) else "occlusion"
    if method == "cam" and card["input"] != "embedding":
        raise ParameterError(
            f"The model {card['name']!r} has layers of its own; ask for 'gradcam'."
        )
    of_lite = "backbone" not in (card.get("measured") or {}).get("parameters", {})
    if method == "cam" and not of_lite:
        raise ParameterError(
            f"The model {card['name']!r} works on the embedding of {card['backbone']}, and 'cam' "
            f"is for {LITE}; ask for 'occlusion'."
        )
    if method not in {"auto", "cam"}:
        return method
    weights = model.weights() if of_lite else {}
    linear = {"weight", "bias"} <= set(weights) and len(weights["bias"]) == len(card["classes"])
    if method == "cam" and not linear:
        raise ParameterError(
            f"'cam' is for a linear classifier with a score for each class, and the model "
            f"{card['name']!r} is none; ask for 'occlusion'."
        )
    return "cam" if linear else "occlusion"


def _mapper(model: ModelFolder, method: str) -> Callable[[Pixels, NDArray[np.int64]], Floats]:
    """Make the function from views `(N, S, S, 3)` and class indices `(N,)` to raw maps."""
    if method == "gradcam":
        return gradcam(model)
    if method == "cam":
        softmax = target_of(model.card).kind is TargetKind.CLASSES
        return functools.partial(class_activations, model.weights(), softmax=softmax)
    predict = view_predictor(model)

    def occluded(views: Pixels, targets: NDArray[np.int64]) -> Floats:
        pairs = zip(views, targets.tolist(), strict=True)
        return np.stack([occlusion_map(predict, view, target) for view, target in pairs])

    return occluded


def background_share(maps: NDArray[Any]) -> NDArray[np.float64]:
    """Give the share of each map that lies outside the central half (by side).

    Parameters
    ----------
    maps:
        `(N, S, S)`, 0 or more.

    Returns
    -------
    float64 array `(N,)`
        0 to 1.

    Examples
    --------
    >>> background_share(np.ones((1, 8, 8))).tolist()
    [0.75]
    """
    side = maps.shape[1]
    edge = round(side * (1 - CENTER) / 2)
    inside, total = (
        own.sum(axis=(1, 2), dtype=np.float64)
        for own in (maps[:, edge : side - edge, edge : side - edge], maps)
    )
    return np.asarray(1 - np.divide(inside, total, out=np.zeros(len(maps)), where=total > 0))


@dataclass(frozen=True, slots=True)
class Cue:
    """Where the attention of one class gathers along the border, and whether by chance.

    Parameters
    ----------
    name:
        The class.
    n:
        Number of images.
    cell:
        Row and column of the outer cell with most attention, of 4 x 4, from 0.
    share:
        Mean share of the attention in that cell; 1/16 if even.
    elsewhere:
        The same for the other classes' images; NaN without any.
    background:
        Mean share outside the central half (by side); 0.75 if even.
    p, p_adjusted:
        Permutation test, and after Holm's correction for the number of classes.
    """

    name: str
    n: int
    cell: tuple[int, int]
    share: float
    elsewhere: float
    background: float
    p: float
    p_adjusted: float

    @property
    def found(self) -> bool:
        """Whether the class follows a cue at one place of the frame."""
        return self.p_adjusted < _LEVEL and self.share >= LEAST_SHARE

    @property
    def place(self) -> str:
        """Where the cell is, in words."""
        return f"{_ROWS[self.cell[0]]} {_COLUMNS[self.cell[1]]}"

    def __str__(self) -> str:
        where = f"the {self.place} {100 / CELLS**2:.0f} % of the image"
        share = f"{100 * self.share:.0f} % of the attention"
        sentence = f"For class {self.name!r} {share} lies in {where}"
        if not np.isnan(self.elsewhere):
            sentence += f" (other classes: {100 * self.elsewhere:.0f} %)"
        p = f"p = {self.p_adjusted:.3f}, {self.n} images"
        if self.found:
            return f"{sentence}; {p}. Look at the sheet: the model may follow a cue there."
        return f"{sentence}; {p}. This is no sign of a cue."


def find_cues(maps: Mapping[str, NDArray[Any]], *, seed: int = 1) -> list[Cue]:
    """Look for attention that lies at one place along the border in image after image.

    Each map is divided into 4 x 4 cells. The largest mean share of an outer cell is compared
    with what comes out when every image's map is shifted around by itself at random: then it
    is as concentrated as before, but at no common place.

    Parameters
    ----------
    maps:
        Class → maps of images that the model says are of it, `(N, S, S)`, 0 or more.
    seed:
        Of the permutations.

    Returns
    -------
    list of Cue
        One for each class, those found first, then by share.

    Examples
    --------
    >>> corner = np.zeros((10, 8, 8)); corner[:, :2, :2] = 1
    >>> cues = find_cues({"husky": corner, "wolf": np.ones((10, 8, 8))})
    >>> [cue.place for cue in cues if cue.found]
    ['top left']
    """
    cells = {name: _cells(own) for name, own in maps.items()}
    rng = np.random.default_rng(seed)
    tests = {name: _test(own, rng) for name, own in cells.items()}
    adjusted = holm([p for _, p in tests.values()])
    found = []
    for (name, (cell, p)), corrected in zip(tests.items(), adjusted, strict=True):
        others = [own.mean(axis=0) for other, own in cells.items() if other != name]
        found.append(
            Cue(
                name=name,
                n=len(cells[name]),
                cell=cell,
                share=float(cells[name].mean(axis=0)[cell]),
                elsewhere=float(np.mean([o[cell] for o in others])) if others else float("nan"),
                background=float(background_share(maps[name]).mean()),
                p=p,
                p_adjusted=float(corrected),
            )
        )
    return sorted(found, key=lambda cue: (not cue.found, -cue.share))


def _cells(maps: NDArray[Any]) -> NDArray[np.float64]:
    edges = [np.arange(CELLS) * side // CELLS for side in maps.shape[1:]]
    sums = np.add.reduceat(maps.astype(np.float64), edges[0], axis=1)
    sums = np.add.reduceat(sums, edges[1], axis=2)
    total = sums.sum(axis=(1, 2), keepdims=True)
    even = np.full(sums.shape, 1 / CELLS**2)
    return np.asarray(np.divide(sums, total, out=even, where=total > 0))


def _test(cells: NDArray[np.float64], rng: np.random.Generator) -> tuple[tuple[int, int], float]:
    """Find the fullest outer cell of the mean, and how often chance fills one as much."""
    outer = np.ones((CELLS, CELLS), bool)
    outer[1:-1, 1:-1] = False
    mean = np.where(outer, cells.mean(axis=0), -1.0)
    row, column = np.unravel_index(int(mean.argmax()), mean.shape)
    shifted = np.stack(
        [np.roll(cells, (i, j), axis=(1, 2)) for i in range(CELLS) for j in range(CELLS)], axis=1
    )
    images = np.arange(len(cells))
    highest = 0
    for _ in range(PERMUTATIONS):
        drawn = shifted[images, rng.integers(CELLS**2, size=len(cells))].mean(axis=0)
        highest += float(drawn[outer].max()) >= mean[row, column] - 1e-12
    return (int(row), int(column)), (1 + highest) / (1 + PERMUTATIONS)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explained(Result):
    """What explaining some items gave.

    Parameters
    ----------
    rows:
        One explanation for each item.
    cues:
        For each class with enough images, whether attention lies at one place at the border.
    files:
        Sheets that were written.
    failed:
        Items that could not be read → why.
    """

    rows: Sequence[Explanation]
    cues: Sequence[Cue]
    files: Sequence[Path] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each item: file, gold and predicted value, probability, nearest."""
        return pd.DataFrame(self.to_dict()["items"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the maps as plain lists, numbers and text."""
        rows = [
            {
                "item": row.item,
                "file": row.file,
                "gold": row.gold or None,
                "predicted": row.predicted,
                "probability": row.probability,
                "nearest": [n.item for n in row.neighbors],
            }
            for row in self.rows
        ]
        cues = [{"words": str(cue), "found": cue.found} for cue in self.cues]
        files = [str(f) for f in self.files]
        return {"items": rows, "cues": cues, "files": files, "failed": dict(self.failed)}

    def __str__(self) -> str:
        lines = [
            f"{row.file or row.item}: {row.predicted} ({row.probability:.3f}), "
            f"{_against(row.gold, row.predicted)}"
            for row in self.rows
        ]
        lines += [f"{item}: not read. {why}" for item, why in self.failed.items()]
        lines += [str(cue) for cue in self.cues]
        return "\n".join([*lines, *(f"Drawn on {file}." for file in self.files)])


def _against(gold: str, predicted: str) -> str:
    """Say how a prediction stands to the gold label, if there is one.

    >>> _against("", "dog"), _against("dog", "dog"), _against("cat", "dog")
    ('no gold label', 'right', 'wrong: the gold label is cat')
    """
    if not gold:
        return "no gold label"
    return "right" if gold == predicted else f"wrong: the gold label is {gold}"


def explain(
    store: Store,
    name: str,
    items: Sequence[str] = (),
    *,
    method: str = "auto",
    show: bool | None = None,
) -> Explained:
    """Show where a model looks, and which training images are nearest.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model of classes.
    items:
        Items by their ids or first digits; by default held-out items from all classes.
    method:
        `"auto"`, `"gradcam"`, `"cam"`, `"occlusion"`, or `"neighbors"` for no maps but
        more neighbors.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName, ModelError, ParameterError
        There is no such model, item or method.
    MediaError
        None of the items can be read.
    """
    if method not in METHODS:
        raise unknown("method to explain", method, METHODS)
    row, model = people.model(store, name), model_of(store, name)
    gold = gold_of(store, str(row["variable"])).learned_by(row)
    chosen = [holdings.resolve_item(store, text) for text in items] or _some(store, row, gold)
    nearest = method == "neighbors"
    options: dict[str, Any] = {
        "method": "auto" if nearest else method,
        "gold": gold.labels,
        "reference": _reference(store, row, show=show),
        "k": 2 * NEIGHBORS if nearest else NEIGHBORS,
    }
    lost: dict[str, str] = {}
    rows, names = [], derived.names_of(store, chosen)
    with show_progress(f"explaining {name}", total=len(chosen), show=show) as report:
        for one in explanations(model, images_of(store, chosen, lost), **options):
            rows.append(replace(one, file=Path(names.get(one.item, "")).name))
            report(1)
    return Explained(rows, find_cues(maps_by_class(rows)), failed=lost)


def maps_by_class(rows: Sequence[Explanation]) -> dict[str, NDArray[Any]]:
    """Give the maps of each class that enough images are said to be of."""
    maps: dict[str, list[Floats]] = {}
    for row in rows:
        maps.setdefault(row.predicted, []).append(row.map)
    return {name: np.stack(own) for name, own in maps.items() if len(own) >= FEW}


def _some(store: Store, model: Mapping[str, Any], gold: Gold) -> list[str]:
    """Choose held-out items, as many of each class."""
    held, _, _ = held_out(store, model, gold)
    names = sorted(set(held.values()))
    most = max(1, ROWS // len(names))
    return [i for name in names for i in [i for i, own in held.items() if own == name][:most]]


def _reference(store: Store, model: Mapping[str, Any], *, show: bool | None) -> Reference | None:
    """Gather the training images of a model with their embeddings."""
    if model["split"] is None:  # what it learned from is in another corpus
        return None
    parts = people.split_parts(store, model["split"])
    _, split = splitting.latest(store, str(model["variable"]))
    train = [e for e in examples_of(store, split) if parts.get(e.item) == "train"]
    if not train:
        return None
    embedding_for(store, [e.item for e in train], show=show)
    kept, embeddings = matrix(store, train, "embedding")
    return Reference([e.item for e in kept], [e.label for e in kept], embeddings)

"""Why a classifier gives an item its class: what it looked at, and the nearest training images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, unknown
from mediacorpus.learning.gradcam import gradcam, has_places
from mediacorpus.learning.model import ModelFolder
from mediacorpus.learning.targets import TargetKind, target_of
from mediacorpus.measures.efficientnet import open_session as embedding_session
from mediacorpus.networks.backbones import LITE
from mediacorpus.networks.efficientnet_graph import SIDE
from mediacorpus.networks.views import CROP, plain_view
from mediacorpus.stats.significance import holm
from mediacorpus.validation.saliency import (
    attention,
    class_activations,
    occlusion_map,
    view_of,
    view_predictor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


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

    Raises
    ------
    ParameterError
        The lengths differ.

    Examples
    --------
    >>> reference = Reference(["a", "b"], ["cat", "dog"], np.eye(2))
    >>> reference.nearest(np.array([2.0, 1.0]), 1)
    [Neighbor(item='a', label='cat', similarity=0.8944271909999159)]
    """

    items: Sequence[str]
    labels: Sequence[str]
    embeddings: NDArray[Any]

    def __post_init__(self) -> None:
        if not len(self.items) == len(self.labels) == len(self.embeddings):
            raise ParameterError(
                f"There are {len(self.items)} items, {len(self.labels)} labels and "
                f"{len(self.embeddings)} embeddings; each item needs one of both."
            )

    def nearest(self, query: NDArray[Any], k: int, *, item: str = "") -> list[Neighbor]:
        """Give the `k` nearest images, the nearest first; `item` itself is left out."""
        wanted = min(k + list(self.items).count(item), len(self.items))
        if wanted < 1:
            return []
        found, cosine = nearest(self.embeddings, query, wanted)
        near = [
            Neighbor(self.items[i], self.labels[i], float(c))
            for i, c in zip(found, cosine, strict=True)
            if self.items[i] != item
        ]
        return near[:k]


def nearest(
    embeddings: NDArray[Any], query: NDArray[Any], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the embeddings with the highest cosine to a query, by comparing with all.

    Parameters
    ----------
    embeddings:
        Array `(N, D)`.
    query:
        Array `(D,)`.
    k:
        How many, at least 1; at most N come.

    Returns
    -------
    indices : int64 array `(k,)`
        The nearest first; of equal ones the first.
    similarity : float64 array `(k,)`
        Cosines, -1 to 1. An embedding that is all zeros has cosine 0 with everything.

    Raises
    ------
    ParameterError
        The shapes do not fit, or `k` is below 1.

    Examples
    --------
    >>> indices, cosine = nearest(np.array([[1, 0], [1, 1], [-1, 0]]), np.array([2, 0]), 2)
    >>> indices.tolist(), cosine.round(3).tolist()
    ([0, 1], [1.0, 0.707])
    """
    vectors, wanted = np.asarray(embeddings), np.asarray(query, np.float64)
    if vectors.ndim != 2 or wanted.shape != vectors.shape[1:]:  # noqa: PLR2004 - (N, D)
        raise ParameterError(
            f"Embeddings (N, D) and a query (D,) are needed; got {vectors.shape} and "
            f"{wanted.shape}."
        )
    if k < 1:
        raise ParameterError(f"At least one neighbor must be asked for, not {k}.")
    dots = (vectors @ wanted.astype(np.result_type(vectors.dtype, np.float32))).astype(np.float64)
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    lengths = np.sqrt(squares) * np.linalg.norm(wanted)
    cosine = np.divide(dots, lengths, out=np.zeros(len(dots)), where=lengths > 0).clip(-1, 1)
    order = np.argsort(-cosine, kind="stable")[:k]
    return order, cosine[order]


Floats: TypeAlias = NDArray[np.float32]
Pixels: TypeAlias = NDArray[np.uint8]

METHODS = ("auto", "cam", "gradcam", "occlusion")
CELLS = 4
"""Rows and columns of cells into which a map is divided."""

PERMUTATIONS = 999
LEAST_SHARE = 0.2
"""Share of the attention in one cell of 16 from which a cue is reported (even: 0.0625)."""

_LEVEL = 0.05
_ROWS = ("top", "upper", "lower", "bottom")
_COLUMNS = ("left", "center left", "center right", "right")


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """One image with what a model says of it and why.

    Parameters
    ----------
    item:
        Item id.
    view:
        What the model saw, uint8 `(S, S, 3)`.
    truth:
        Its true class, `""` if not known.
    said:
        The most probable class.
    probability:
        Its probability.
    map:
        Where the image speaks for that class, float32 `(S, S)`, 0 or more, sum 1.
    neighbors:
        The nearest training images.
    """

    item: str
    view: Pixels
    truth: str
    said: str
    probability: float
    map: Floats
    neighbors: tuple[Neighbor, ...] = ()


def explain(
    model: ModelFolder,
    pictures: Iterable[tuple[str, Pixels]],
    *,
    method: str = "auto",
    truth: Mapping[str, str] | None = None,
    reference: Reference | None = None,
    k: int = 3,
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
    truth:
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
    UnknownName
        There is no such method.
    ParameterError
        The method does not fit the model, or it predicts a scale.
    """
    if method not in METHODS:
        raise unknown("method to explain", method, METHODS)
    if target_of(model.card).kind is TargetKind.SCALE:
        raise ParameterError(
            f"The model {model.card['name']!r} predicts a number; only classes can be explained."
        )
    chosen = _method(model) if method == "auto" else method
    if chosen == "cam" and model.card["input"] != "embedding":
        raise ParameterError(
            f"The model {model.card['name']!r} has layers of its own; ask for 'gradcam'."
        )
    if chosen == "cam" and not _on_lite(model):
        raise ParameterError(
            f"The model {model.card['name']!r} works on the embedding of "
            f"{model.card['backbone']}, and 'cam' is for {LITE}; ask for 'occlusion'."
        )
    return _explanations(model, pictures, chosen, truth=truth or {}, reference=reference, k=k)


def _on_lite(model: ModelFolder) -> bool:
    """Tell whether a model on the embedding has it from the network on board."""
    measured = model.card.get("measured") or {}
    return "backbone" not in measured.get("parameters", {})


def _method(model: ModelFolder) -> str:
    if model.card["input"] == "pixels":
        return "gradcam" if has_places(model) else "occlusion"
    if not _on_lite(model):
        return "occlusion"
    linear = {"weight", "bias"} <= set(model.weights())
    return (
        "cam"
        if linear and len(model.card["classes"]) == len(model.weights()["bias"])
        else "occlusion"
    )


def _explanations(
    model: ModelFolder,
    pictures: Iterable[tuple[str, Pixels]],
    method: str,
    *,
    truth: Mapping[str, str],
    reference: Reference | None,
    k: int,
) -> Iterator[Explanation]:
    predict, maps = view_predictor(model), mapper(model, method)
    classes = [str(name) for name in model.card["classes"]]
    for item, pixels in pictures:
        view = view_of(model, pixels)
        shares = predict(view[None])[0]
        said = int(shares.argmax())
        raw = maps(view[None], np.array([said]))
        near: list[Neighbor] = []
        if reference is not None:
            query = embedding_session().run(plain_view(pixels, SIDE, CROP)[None])[0][0]
            near = reference.nearest(query, k, item=item)
        (found,) = attention(raw, view.shape[0])
        yield Explanation(
            item,
            view,
            truth=str(truth.get(item, "")),
            said=classes[said],
            probability=float(shares[said]),
            map=found,
            neighbors=tuple(near),
        )


def mapper(model: ModelFolder, method: str) -> Callable[[Pixels, NDArray[np.int64]], Floats]:
    """Make the function from views and class indices to raw maps.

    Parameters
    ----------
    model:
        Fine-tuned for `"gradcam"`, a probe for `"cam"`, either for `"occlusion"`.
    method:
        One of the three.

    Returns
    -------
    callable
        Takes uint8 `(N, S, S, 3)` and `(N,)`; gives float32 `(N, 7, 7)` for `"cam"`, else
        `(N, S, S)`.
    """
    if method == "gradcam":
        return gradcam(model)
    if method == "cam":
        tensors = model.weights()
        softmax = target_of(model.card).kind is TargetKind.CLASSES
        weight, bias = tensors["weight"], tensors["bias"]
        return lambda views, targets: class_activations(
            weight, bias, views=views, targets=targets, softmax=softmax
        )
    predict = view_predictor(model)
    return lambda views, targets: np.stack(
        [occlusion_map(predict, view, int(k)) for view, k in zip(views, targets, strict=True)]
    )


def background_share(
    maps: NDArray[Any], *, center: float = 0.5, masks: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Give the share of each map that lies on the background.

    Parameters
    ----------
    maps:
        `(N, S, S)`, 0 or more.
    center:
        Side of the central box that counts as foreground, as a share of the map's side.
    masks:
        True where an image shows its foreground, `(N, S, S)`; used instead of the box.

    Returns
    -------
    float64 array `(N,)`
        0 to 1. An even map gives 1 - center².

    Examples
    --------
    >>> background_share(np.ones((1, 8, 8))).tolist()
    [0.75]
    """
    if not 0 < center < 1:
        raise ParameterError(f"The center is {center}; it must lie between 0 and 1.")
    side = maps.shape[1]
    if masks is None:
        edge = round(side * (1 - center) / 2)
        box = np.zeros((side, side), bool)
        box[edge : side - edge, edge : side - edge] = True
        masks = np.broadcast_to(box, maps.shape)
    total = maps.sum(axis=(1, 2), dtype=np.float64)
    inside = np.where(masks, maps, 0).sum(axis=(1, 2), dtype=np.float64)
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
        said = f"For class {self.name!r} {100 * self.share:.0f} % of the attention lies in {where}"
        if not np.isnan(self.elsewhere):
            said += f" (other classes: {100 * self.elsewhere:.0f} %)"
        p = f"p = {self.p_adjusted:.3f}, {self.n} images"
        if self.found:
            return f"{said}; {p}. Look at the sheet: the model may follow a cue there."
        return f"{said}; {p}. This is no sign of a cue."


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

    Raises
    ------
    ParameterError
        A class has no map, or maps are smaller than 4 x 4.

    Examples
    --------
    >>> corner = np.zeros((10, 8, 8)); corner[:, :2, :2] = 1
    >>> cues = find_cues({"husky": corner, "wolf": np.ones((10, 8, 8))})
    >>> [cue.place for cue in cues if cue.found]
    ['top left']
    """
    cells = {name: _cells(name, np.asarray(own)) for name, own in maps.items()}
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


def _cells(name: str, maps: NDArray[Any]) -> NDArray[np.float64]:
    if maps.ndim != 3 or not len(maps) or min(maps.shape[1:]) < CELLS:  # noqa: PLR2004 - (N, S, S)
        raise ParameterError(
            f"The class {name!r} needs maps (N, S, S) of at least {CELLS} pixels a side; got "
            f"{maps.shape}."
        )
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
    pictures = np.arange(len(cells))
    highest = 0
    for _ in range(PERMUTATIONS):
        drawn = shifted[pictures, rng.integers(CELLS**2, size=len(cells))].mean(axis=0)
        highest += float(drawn[outer].max()) >= mean[row, column] - 1e-12
    return (int(row), int(column)), (1 + highest) / (1 + PERMUTATIONS)

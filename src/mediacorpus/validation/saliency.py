"""Maps of what in an image speaks for a class, from the model's ONNX network alone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mediacorpus.engine.decoding import open_all
from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.extras import need
from mediacorpus.learning.apply import Classifier
from mediacorpus.measures.efficientnet import onnx_file
from mediacorpus.measures.efficientnet import open_session as embedding_session
from mediacorpus.networks.efficientnet_graph import SIDE
from mediacorpus.networks.frozen import frozen_of
from mediacorpus.networks.onnx_session import open_session
from mediacorpus.networks.views import CROP, plain_view
from mediacorpus.store import derived
from mediacorpus.store.store import Store

if TYPE_CHECKING:
    from mediacorpus.learning.model import ModelFolder

Views: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]
PredictViews: TypeAlias = Callable[[Views], NDArray[Any]]
"""uint8 views `(N, S, S, 3)` to probabilities `(N, classes)`."""
PredictImages: TypeAlias = Callable[[Sequence[Views]], NDArray[Any]]
"""Images of any size to probabilities `(N, classes)`."""

LEAST_SIDE = 384
"""Short side that images keep at least when they are perturbed or explained."""

CHUNK = 32
"""Views that are predicted at one time."""

WINDOWS = 7
"""Side of the view divided by the default window."""

GRAY = 127
"""Level of the box that hides a part."""

_SMALLEST = 1e-6
_LAST_MAP = "head.relu6"


def view_of(model: ModelFolder, pixels: Views) -> Views:
    """Cut out and scale what a model sees of an image: uint8 `(size, size, 3)`.

    Parameters
    ----------
    model:
        A model on images or on the embedding.
    pixels:
        uint8 RGB `(H, W, 3)`.
    """
    card = model.card
    # The card of a linear model on another backbone says at what its network looks.
    view = plain_view(pixels, int(card.get("size", SIDE)), float(card.get("crop", CROP)))
    return _gray(view) if card["input"] == "pixels" and card.get("gray", card.get("grey")) else view


def _gray(view: Views) -> Views:
    """Show the luma of ITU-R BT.601, which is all that a network on gray pixels sees."""
    luma = np.rint(view.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))
    return np.repeat(luma.astype(np.uint8)[..., None], 3, axis=-1)


def view_predictor(model: ModelFolder) -> PredictViews:
    """Make the function from views to probabilities of a model, without torch.

    Parameters
    ----------
    model:
        A model on images or on the embedding, which its backbone then gives.

    Returns
    -------
    callable
        uint8 `(N, size, size, 3)` to `(N, classes)`.

    Raises
    ------
    ParameterError
        The model works on another measure.
    ModelError
        The network cannot be loaded.
    """
    classifier = Classifier(model)
    if classifier.source is None:
        return classifier.from_views
    if classifier.source != "embedding":
        raise ParameterError(
            f"The model {model.card['name']!r} works on the measure {classifier.source!r}. Only "
            "models on images and on the embedding can be looked into."
            + (" Its card says what each feature contributes." if "joined" in model.card else "")
        )

    measured = model.card.get("measured") or {}
    own = frozen_of(model.path.parent.parent, measured.get("parameters", {}))

    def predict(views: Views) -> NDArray[Any]:
        features = embedding_session().run(views)[0] if own is None else own.run(views)
        return classifier.from_features(features)

    return predict


def image_predictor(model: ModelFolder) -> PredictImages:
    """Make the function from images of any size to probabilities of a model.

    Parameters
    ----------
    model:
        Of any method.

    Returns
    -------
    callable
        Sequence of uint8 `(H, W, 3)` to `(N, classes)`.
    """
    predict = view_predictor(model)

    def predict_images(images: Sequence[Views]) -> NDArray[Any]:
        chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
        return np.concatenate(
            [predict(np.stack([view_of(model, one) for one in chunk])) for chunk in chunks]
        )

    return predict_images


def images_of(
    store: Store,
    items: Sequence[str],
    lost: dict[str, str] | None = None,
    *,
    side: int | None = LEAST_SIDE,
) -> Iterator[tuple[str, Views]]:
    """Give the pixels of items; those that cannot be read are set down in `lost`, with why.

    That none of them can be read is an error, where `lost` is given. `side` is what the short side
    has at least, where the image has it; None asks for the full size.
    """
    places = derived.places(store, items)
    for one in open_all([(item, places[item]) for item in items], side):
        if one.pixels is not None:
            yield one.key, one.pixels
        elif lost is not None:
            lost[one.key] = one.reason
    if lost and len(lost) == len(set(items)):
        raise MediaError(f"None of the {len(lost):,} items can be read. {one.reason}")


def occlusion_map(
    predict: PredictViews, view: Views, target: int, *, windows: int = WINDOWS
) -> Floats:
    """Map how much hiding each place with a gray box lowers the log-odds of a class.

    Parameters
    ----------
    predict:
        uint8 views `(N, S, S, 3)` to probabilities `(N, classes)`.
    view:
        uint8 `(S, S, 3)`.
    target:
        Index of the class.
    windows:
        Side of the view divided by that of the box; boxes are half of theirs apart.

    Returns
    -------
    float32 array `(S, S)`
        Mean fall of the log-odds over the boxes that cover a pixel; positive where the image
        speaks for the class, negative where it speaks against it.

    References
    ----------
    Zeiler, M. D., & Fergus, R. (2014). Visualizing and understanding convolutional networks.
    ECCV.

    Examples
    --------
    >>> def bright_corner(views):
    ...     share = views[:, :4, :4].mean(axis=(1, 2, 3)) / 256
    ...     return np.stack([1 - share, share], axis=1)
    >>> view = np.full((16, 16, 3), 250, np.uint8)
    >>> found = occlusion_map(bright_corner, view, 1, windows=4)
    >>> float(found[0, 0]) > 1, float(found[8, 8])
    (True, 0.0)
    """
    side = view.shape[0]
    box = max(1, side // windows)
    step = max(1, box // 2)
    starts = sorted({*range(0, side - box, step), side - box})
    places = [(top, left) for top in starts for left in starts]
    before = _log_odds(predict(view[None])[:, target])[0]
    total, covered = np.zeros((side, side)), np.zeros((side, side))
    for start in range(0, len(places), CHUNK):
        part = places[start : start + CHUNK]
        hidden = np.repeat(view[None], len(part), axis=0)
        for one, (top, left) in zip(hidden, part, strict=True):
            one[top : top + box, left : left + box] = GRAY
        falls = before - _log_odds(predict(hidden)[:, target])
        for (top, left), fall in zip(part, falls, strict=True):
            total[top : top + box, left : left + box] += fall
            covered[top : top + box, left : left + box] += 1
    return (total / covered).astype(np.float32)


def _log_odds(shares: NDArray[Any]) -> NDArray[np.float64]:
    from scipy.special import logit

    kept = np.clip(np.asarray(shares, np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.asarray(logit(kept))


def class_activations(
    weights: Mapping[str, NDArray[Any]], views: Views, targets: ArrayLike, *, softmax: bool = True
) -> Floats:
    """Map each place's own vote of a linear classifier on EfficientNet-Lite0's embedding.

    The embedding is the mean of the last feature maps over all places, and the classifier is
    linear. So its answer is, exactly, the mean of what it would say of each place by itself.

    Parameters
    ----------
    weights:
        `"weight"`, `(classes, 1280)`, and `"bias"`, `(classes,)`.
    views:
        uint8 `(N, 224, 224, 3)`.
    targets:
        Class index for each view, `(N,)`.
    softmax:
        Whether the classes exclude each other. Then votes are given against the mean over the
        classes, to which a softmax is blind.

    Returns
    -------
    float32 array `(N, 7, 7)`
        The mean over the places is the logit of the class (minus the mean logit).

    References
    ----------
    Zhou, B., et al. (2016). Learning deep features for discriminative localization. CVPR.
    """
    wanted = np.asarray(targets, np.int64)
    contrast, shift = weights["weight"], weights["bias"]
    if softmax:
        contrast, shift = contrast - contrast.mean(axis=0), shift - shift.mean()
    maps = _last_maps().run(None, {"pixels": np.ascontiguousarray(views)})[0]
    votes = np.einsum("nc,nchw->nhw", contrast[wanted], maps)
    return np.asarray(votes + shift[wanted, None, None], np.float32)


@functools.cache
def _last_maps() -> Any:
    """Load the built-in network, cut off before its pooling."""
    onnx = need("onnx")
    whole = onnx.shape_inference.infer_shapes(onnx.load(str(onnx_file())))
    model = onnx.utils.Extractor(whole).extract_model(["pixels"], [_LAST_MAP])
    return open_session(model.SerializeToString())


def attention(maps: NDArray[Any], side: int) -> Floats:
    """Keep what speaks for the class, enlarge it, and make each map sum to 1.

    Parameters
    ----------
    maps:
        `(N, h, w)`; negative values are cut off at 0.
    side:
        Height and width that come out.

    Returns
    -------
    float32 array `(N, side, side)`
        A map without any positive value becomes even.

    Examples
    --------
    >>> attention(np.array([[[3.0, -1.0], [0.0, 0.0]]]), 2).tolist()
    [[[1.0, 0.0], [0.0, 0.0]]]
    """
    out = np.empty((len(maps), side, side), np.float32)
    for one, place in zip(maps, out, strict=True):
        kept = np.ascontiguousarray(np.maximum(one, 0), np.float32)
        large = cv2.resize(kept, (side, side), interpolation=cv2.INTER_LINEAR)
        total = float(large.sum(dtype=np.float64))
        place[:] = large / total if total > 0 else 1 / side**2
    return out

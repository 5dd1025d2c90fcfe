"""What an autoencoder makes of images that it has not learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mediacorpus.engine.decoding import open_all
from mediacorpus.learning.autoencoder import rebuild, reconstruction_error
from mediacorpus.networks.scratch import AUTOENCODER
from mediacorpus.networks.views import plain_view
from mediacorpus.report.drawing import INK, canvas, style, to_svg
from mediacorpus.store import derived, people

if TYPE_CHECKING:
    from mediacorpus.learning.model import ModelFolder
    from mediacorpus.store.store import Store

SHOWN = 8
"""Images that are shown."""

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def rebuilt_pictures(store: Store, model: ModelFolder, *, split: int) -> Pair | None:
    """Give some images of the val part as an autoencoder sees them and as it makes them again.

    Parameters
    ----------
    store:
        The catalogue.
    model:
        Any model.
    split:
        Number of the split that it was trained under.

    Returns
    -------
    pair of uint8 arrays `(N, size, size, 3)` or None
        None for other models, and where no image can be read.
    """
    card = model.card
    if card.get("backbone") != AUTOENCODER:
        return None
    held_out = sorted(i for i, part in people.split_parts(store, split).items() if part == "val")
    chosen = held_out[:: max(1, len(held_out) // SHOWN)][:SHOWN]
    places, size, crop = derived.places(store, chosen), int(card["size"]), float(card["crop"])
    views = [
        plain_view(one.pixels, size, crop)
        for one in open_all([(item, places[item]) for item in chosen], size)
        if one.pixels is not None
    ]
    if not views:
        return None
    shown = np.stack(views)
    return shown, rebuild(model.weights(), shown)


def rebuilt_figure(pair: Pair) -> str:
    """Draw images above and what was made of their codes below, as SVG.

    Parameters
    ----------
    pair:
        What `rebuilt_pictures` gave.

    Examples
    --------
    >>> gray = np.full((2, 8, 8, 3), 90, np.uint8)
    >>> rebuilt_figure((gray, gray))[:4]
    '<svg'
    """
    columns = len(pair[0])
    with style():
        figure, axes = canvas(2 * 6.5 / max(columns, SHOWN), columns, rows=2)
        for row, (views, name) in enumerate(zip(pair, ("image", "made again"), strict=True)):
            for axis, view in zip(axes[row], views, strict=True):
                axis.imshow(view, interpolation="nearest")
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            axes[row][0].set_ylabel(name, color=INK)
        error = reconstruction_error(*pair)
        alt = (
            f"{columns} images, and below them the same made again from their codes; mean "
            f"squared error {error:.4f}."
        )
        return to_svg(figure, alt)

"""Names of colors by their place in HSV, and how much of an image each one covers."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]

HUES = {
    "red": (345, 15),
    "orange": (15, 45),
    "yellow": (45, 70),
    "green": (70, 165),
    "cyan": (165, 195),
    "blue": (195, 255),
    "purple": (255, 290),
    "pink": (290, 345),
}
"""Hue in whole degrees, from the first up to but without the second; together the circle."""

NEUTRALS = ("black", "white", "gray")

DARK = 0.15
"""Value below which a pixel is black, whatever its hue (Ke et al. 2006)."""

PALE = 0.2
"""Saturation up to which a pixel has no hue (Ke et al. 2006)."""

LIGHT = 0.85
"""Value from which a pixel without hue is white."""

BRIGHT = 0.95
"""Value above which a pixel does not count for the number of hues (Ke et al. 2006)."""

BINS = 20
"""Bins of hue of Ke et al. (2006), of 18 degrees."""

RARE = 0.05
"""Share of the fullest bin that a bin must pass to count (Ke et al. 2006)."""


def colored(saturation: Plane, value: Plane) -> NDArray[np.bool_]:
    """Tell which pixels have a hue: neither black nor pale.

    Parameters
    ----------
    saturation, value:
        Of HSV, 0 to 1, both `(H, W)`.

    Examples
    --------
    >>> colored(np.float32([[1, 1, 0.1]]), np.float32([[1, 0.1, 1]])).tolist()
    [[True, False, False]]
    """
    return np.asarray((saturation > PALE) & (value >= DARK), np.bool_)


def shares(hue: Plane, value: Plane, hued: NDArray[np.bool_]) -> dict[str, float]:
    """Give the share of the pixels that each named color covers; together 1.

    Parameters
    ----------
    hue, value:
        Of HSV, in degrees and 0 to 1, both `(H, W)`.
    hued:
        Which pixels have a hue, by `colored`.

    Examples
    --------
    >>> hue, value = np.float32([[0, 359, 220, 0]]), np.float32([[1, 1, 1, 1]])
    >>> found = shares(hue, value, np.array([[True, True, True, False]]))
    >>> {name: share for name, share in found.items() if share}
    {'red': 0.5, 'blue': 0.25, 'white': 0.25}
    """
    degrees = _by_degree(hue[hued])
    counts = {name: _between(degrees, *limits) for name, limits in HUES.items()}
    counts["black"] = int(np.count_nonzero(value < DARK))
    counts["white"] = int(np.count_nonzero(~hued & (value >= LIGHT)))
    counts["gray"] = value.size - sum(counts.values())
    return {name: count / value.size for name, count in counts.items()}


def hue_count(hue: Plane, value: Plane, hued: NDArray[np.bool_]) -> int:
    """Count the distinct hues as Ke, Tang and Jing (2006) do.

    Of the pixels with saturation above 0.2 and value from 0.15 to 0.95, a histogram of the
    hue with 20 bins is made; bins with more than 0.05 times the fullest are counted.

    Returns
    -------
    int
        0 (no such pixel) to 20.

    Examples
    --------
    >>> hue, value = np.float32([[0, 5, 220, 90]]), np.float32([[0.9, 0.9, 0.9, 1]])
    >>> hue_count(hue, value, np.full((1, 4), True))
    2
    """
    degrees = _by_degree(hue[hued & (value <= BRIGHT)])
    bins = degrees.reshape(BINS, -1).sum(axis=1)
    return int(np.count_nonzero(bins > RARE * bins.max()))


def _by_degree(hue: Plane) -> NDArray[np.int64]:
    """Count the pixels in each whole degree of hue."""
    # Rounding may give a full circle, which is 0 again.
    return np.bincount(hue.astype(np.int32) % 360, minlength=360).astype(np.int64)


def _between(degrees: NDArray[np.int64], first: int, last: int) -> int:
    if first < last:
        return int(degrees[first:last].sum())
    return int(degrees[first:].sum() + degrees[:last].sum())

"""Pixels to the numbers that networks take, and the statistics for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue over ImageNet's training images, on the scale 0 to 1."""

IMAGENET_SD = (0.229, 0.224, 0.225)
"""Standard deviation of red, green and blue over ImageNet's training images."""

_TOP = 255.0
_CHANNELS = 3


def to_float(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bring levels 0 to 255 to float32 on the scale 0 to 1; the shape stays.

    Examples
    --------
    >>> to_float(np.array([[0, 51, 255]], np.uint8)).tolist()
    [[0.0, 0.20000000298023224, 1.0]]
    """
    if pixels.dtype != np.uint8:
        raise ParameterError(f"Pixels are uint8, 0 to 255; these are {pixels.dtype}.")
    return np.divide(pixels, np.float32(_TOP), dtype=np.float32)


def standardize(
    pixels: NDArray[np.uint8],
    mean: float | Sequence[float] = IMAGENET_MEAN,
    sd: float | Sequence[float] = IMAGENET_SD,
    *,
    layout: Literal["CHW", "HWC"] = "CHW",
) -> NDArray[np.float32]:
    """Bring pixels to the scale 0 to 1, subtract the mean, divide by the standard deviation.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)`, or a batch `(N, H, W, 3)`.
    mean, sd:
        One number, or one for each of red, green and blue, on the scale 0 to 1. ImageNet's
        by default.
    layout:
        `"CHW"` puts the channels first, as PyTorch and ONNX take them; `"HWC"` leaves them
        last.

    Returns
    -------
    ndarray of float32
        Contiguous, shape `(3, H, W)` or `(H, W, 3)`, with `N` in front for a batch.

    Raises
    ------
    ParameterError
        The array is not uint8 with three channels, a standard deviation is not above 0, or
        the layout is unknown.

    Examples
    --------
    >>> standardize(np.full((2, 4, 3), 255, np.uint8), 0.5, 0.5).shape
    (3, 2, 4)
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in {3, 4} or pixels.shape[-1] != _CHANNELS:
        raise ParameterError(
            "Pixels are a uint8 array (height, width, 3), or a batch of them; these are "
            f"{pixels.dtype} of shape {pixels.shape}."
        )
    if layout not in {"CHW", "HWC"}:
        raise ParameterError(f"The layout is {layout!r}; it must be 'CHW' or 'HWC'.")
    center, spread = _per_channel(mean, "mean"), _per_channel(sd, "sd")
    if not (spread > 0).all():
        raise ParameterError(f"The standard deviation is {sd}; each must be above 0.")
    # (x / 255 - mean) / sd in one multiplication and one addition per pixel
    gain = (1 / (_TOP * spread)).astype(np.float32)
    shift = (-center / spread).astype(np.float32)
    if layout == "HWC":
        return pixels * gain + shift
    first = np.moveaxis(pixels, -1, -3)
    out = np.empty(first.shape, np.float32)
    np.multiply(first, gain[:, None, None], out=out)
    out += shift[:, None, None]
    return out


class ChannelStatistics:
    """Mean and standard deviation of each channel over a data set, in one pass.

    Only counts, means and sums of squared deviations are kept, so memory does not grow and
    parts that were counted apart can be merged. Sums within an image are whole numbers and
    exact; images are joined by the update of Chan, Golub and LeVeque (1979), which does not
    lose digits as the textbook formula does.

    Attributes
    ----------
    count:
        Pixels seen.
    mean:
        Mean of red, green and blue, scale 0 to 1; not a number before the first image.
    sd:
        Standard deviation (division by the count), scale 0 to 1.

    References
    ----------
    Chan, T. F., Golub, G. H., & LeVeque, R. J. (1979). Updating formulae and a pairwise
    algorithm for computing sample variances. Stanford University, STAN-CS-79-773.

    Examples
    --------
    >>> statistics = ChannelStatistics()
    >>> for level in (0, 255):
    ...     statistics.add(np.full((2, 2, 3), level, np.uint8))
    >>> statistics.count, statistics.mean.tolist(), statistics.sd.tolist()
    (8, [0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = np.zeros(_CHANNELS)
        self._squares = np.zeros(_CHANNELS)

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Take in an image `(H, W, 3)` or a batch `(N, H, W, 3)` of uint8."""
        if pixels.dtype != np.uint8 or pixels.shape[-1:] != (_CHANNELS,):
            raise ParameterError(
                "Pixels are a uint8 array (height, width, 3); these are "
                f"{pixels.dtype} of shape {pixels.shape}."
            )
        flat = pixels.reshape(-1, _CHANNELS)
        if not len(flat):
            return
        tallies = np.stack([np.bincount(flat[:, c], minlength=256) for c in range(_CHANNELS)])
        levels = np.arange(256)
        mean = tallies @ levels / len(flat)
        squares = (tallies * (levels - mean[:, None]) ** 2).sum(axis=1)
        self._join(len(flat), mean, squares)

    def merge(self, other: ChannelStatistics) -> None:
        """Take in what another object has seen."""
        if other.count:
            self._join(other.count, other._mean, other._squares)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of each channel, scale 0 to 1."""
        return self._mean / _TOP if self.count else np.full(_CHANNELS, np.nan)

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation of each channel, scale 0 to 1."""
        if not self.count:
            return np.full(_CHANNELS, np.nan)
        deviation: NDArray[np.float64] = np.sqrt(self._squares / self.count)
        return deviation / _TOP

    def _join(self, count: int, mean: NDArray[np.float64], squares: NDArray[np.float64]) -> None:
        total = self.count + count
        apart = mean - self._mean
        self._mean = self._mean + apart * (count / total)
        self._squares = self._squares + squares + apart**2 * (self.count * count / total)
        self.count = total


def _per_channel(value: float | Sequence[float], name: str) -> NDArray[np.float64]:
    numbers = np.asarray(value, np.float64)
    if numbers.shape not in {(), (1,), (_CHANNELS,)} or not np.isfinite(numbers).all():
        raise ParameterError(f"The {name} is {value!r}; it must be one number or three.")
    return np.broadcast_to(numbers, (_CHANNELS,))

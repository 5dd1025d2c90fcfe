"""Random variations of an image for training: pure functions with a generator."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError
from mediacorpus.media.resize import resize

Pixels = NDArray[np.uint8]
Rng = np.random.Generator

_TRIES = 10
_GRAY_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def random_resized_crop(
    pixels: Pixels,
    rng: Rng,
    *,
    size: int | tuple[int, int] = 224,
    area: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Pixels:
    """Cut out a random part and bring it to one size (Szegedy et al., 2015).

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)`.
    rng:
        Source of randomness.
    size:
        Side of a square, or `(height, width)`, in pixels.
    area:
        Least and greatest share of the image's area, above 0, at most 1.
    ratio:
        Least and greatest width / height of the part.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ParameterError
        A range is empty or out of its bounds.

    References
    ----------
    Szegedy, C., et al. (2015). Going deeper with convolutions. CVPR.

    Examples
    --------
    >>> image = np.zeros((300, 400, 3), np.uint8)
    >>> random_resized_crop(image, np.random.default_rng(1), size=64).shape
    (64, 64, 3)
    """
    _check_range("area", area, (0.0, 1.0))
    _check_range("ratio", ratio, (0.0, math.inf))
    rows, columns = pixels.shape[:2]
    for _ in range(_TRIES):
        share = rows * columns * rng.uniform(*area)
        shape = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        width, height = round(math.sqrt(share * shape)), round(math.sqrt(share / shape))
        if 0 < width <= columns and 0 < height <= rows:
            top = int(rng.integers(rows - height + 1))
            left = int(rng.integers(columns - width + 1))
            return resize(pixels[top : top + height, left : left + width], size)
    return resize(pixels, size, how="rescale-crop")


def horizontal_flip(pixels: Pixels, rng: Rng, *, probability: float = 0.5) -> Pixels:
    """Mirror left and right with a given probability.

    Examples
    --------
    >>> row = np.array([[[1, 1, 1], [2, 2, 2]]], np.uint8)
    >>> horizontal_flip(row, np.random.default_rng(1), probability=1)[0, :, 0].tolist()
    [2, 1]
    """
    if not 0 <= probability <= 1:
        raise ParameterError(f"The probability is {probability}; it must be 0 to 1.")
    if rng.random() >= probability:
        return pixels.copy()
    return np.asarray(cv2.flip(pixels, 1), np.uint8)


def rotate(pixels: Pixels, rng: Rng, *, degrees: float = 10.0) -> Pixels:
    """Turn about the center by a random angle between `-degrees` and `degrees`.

    The size stays; corners that come into view are filled with the mirrored image.

    Examples
    --------
    >>> rotate(np.zeros((30, 40, 3), np.uint8), np.random.default_rng(1)).shape
    (30, 40, 3)
    """
    if not 0 <= degrees <= 180:  # noqa: PLR2004 - half a turn
        raise ParameterError(f"The angle is {degrees} degrees; it must be 0 to 180.")
    angle = rng.uniform(-degrees, degrees)
    if not angle:
        return pixels.copy()
    rows, columns = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), angle, 1.0)
    turned = cv2.warpAffine(
        pixels,
        matrix,
        (columns, rows),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(turned, np.uint8)


def color_jitter(
    pixels: Pixels,
    rng: Rng,
    *,
    brightness: float = 0.2,
    contrast: float = 0.2,
    saturation: float = 0.2,
) -> Pixels:
    """Change brightness, contrast and saturation by random factors.

    Each factor is drawn evenly from 1 ± the setting. Brightness scales all levels, contrast
    their distance from the image's mean gray, saturation their distance from each pixel's
    own gray. The three are one affine map of the colors, applied in one step, so that levels
    are cut to 0 to 255 only at the end.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)`.
    rng:
        Source of randomness.
    brightness, contrast, saturation:
        Greatest relative change, 0 to 1; 0 leaves it alone.

    Examples
    --------
    >>> gray = np.full((2, 2, 3), 100, np.uint8)
    >>> color_jitter(gray, np.random.default_rng(1), brightness=0, saturation=0).tolist()[0]
    [[100, 100, 100], [100, 100, 100]]
    """
    settings = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    for name, value in settings.items():
        if not 0 <= value <= 1:
            raise ParameterError(f"The {name} change is {value}; it must be 0 to 1.")
    light, distance, color = (rng.uniform(1 - v, 1 + v) for v in settings.values())
    if not any(settings.values()):
        return pixels.copy()
    gray_mean = float(np.asarray(cv2.mean(pixels)[:3]) @ _GRAY_WEIGHTS)
    mix = color * np.eye(3) + (1 - color) * np.tile(_GRAY_WEIGHTS, (3, 1))
    offset = light * (1 - distance) * gray_mean
    matrix = np.hstack([light * distance * mix, np.full((3, 1), offset)])
    return np.asarray(cv2.transform(pixels, matrix.astype(np.float32)), np.uint8)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Settings of the random variations of a training run, and the variation itself.

    Called with an image and a generator it cuts, flips, turns and recolors, in this order.
    The same generator state gives the same result.

    Parameters
    ----------
    size:
        Side of the square that comes out, in pixels.
    area:
        Least and greatest share of the image's area that is cut out.
    ratio:
        Least and greatest width / height of that part.
    flip:
        Probability of mirroring left and right; 0 where sides matter, such as for text.
    degrees:
        Greatest turn to either side.
    brightness, contrast, saturation:
        Greatest relative change.

    Examples
    --------
    >>> augmentation = Augmentation(size=64, degrees=5)
    >>> augmentation(np.zeros((90, 120, 3), np.uint8), np.random.default_rng(1)).shape
    (64, 64, 3)
    """

    size: int = 224
    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    degrees: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Vary one image `(H, W, 3)`; gives `(size, size, 3)` uint8."""
        out = random_resized_crop(pixels, rng, size=self.size, area=self.area, ratio=self.ratio)
        out = horizontal_flip(out, rng, probability=self.flip)
        if self.degrees:
            out = rotate(out, rng, degrees=self.degrees)
        if self.brightness or self.contrast or self.saturation:
            out = color_jitter(
                out,
                rng,
                brightness=self.brightness,
                contrast=self.contrast,
                saturation=self.saturation,
            )
        return out


def _check_range(name: str, given: tuple[float, float], bounds: tuple[float, float]) -> None:
    low, high = given
    if not bounds[0] < low <= high <= bounds[1] or math.isinf(high):
        raise ParameterError(
            f"The {name} is {given}; it must be (least, greatest), above {bounds[0]:g}"
            + ("." if math.isinf(bounds[1]) else f" and at most {bounds[1]:g}.")
        )

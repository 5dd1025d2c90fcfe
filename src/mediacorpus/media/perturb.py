"""Ten perturbations of an image, each in five strengths, to see what a classifier withstands."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Pixels: TypeAlias = NDArray[np.uint8]
Rng: TypeAlias = np.random.Generator

SIDE = 224
"""Short side in pixels for which blurs are stated; they grow with the image."""

STRENGTHS = (1, 2, 3, 4, 5)
"""From barely seen to severe."""

GRAY = 127
"""Level of the box that hides a part of the image."""

_TOP = 255


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One kind of perturbation.

    Parameters
    ----------
    name:
        Lower-case name.
    title:
        Name for figures and tables.
    summary:
        One line.
    levels:
        Its amount at strength 1 to 5.
    wording:
        The amount in words; `{:g}` stands for the number.

    Examples
    --------
    >>> PERTURBATIONS["jpeg"].description(4)
    'JPEG quality 10'
    """

    name: str
    title: str
    summary: str
    levels: tuple[float, ...]
    wording: str

    def level(self, strength: int) -> float:
        """Give the amount at a strength from 1 to 5.

        Raises
        ------
        ParameterError
            The strength is none of these.

        Examples
        --------
        >>> PERTURBATIONS["rotation"].level(3)
        15
        """
        if isinstance(strength, bool) or strength not in STRENGTHS:
            raise ParameterError(f"The strength is {strength!r}; it must be 1, 2, 3, 4 or 5.")
        return self.levels[int(strength) - 1]

    def description(self, strength: int) -> str:
        """Write the amount at a strength in words.

        >>> PERTURBATIONS["darker"].description(1)
        'brightness x 80 %'
        """
        return self.wording.format(self.level(strength))


_ALL = (
    Perturbation(
        "gaussian_noise",
        "Gaussian noise",
        "Normal noise is added to each channel; the amount is its standard deviation, of 255.",
        (20, 30, 45, 65, 95),
        "Gaussian noise of sd {:g}",
    ),
    Perturbation(
        "gaussian_blur",
        "Gaussian blur",
        "The image is out of focus; the amount is the sd in pixels on a short side of 224.",
        (1, 2, 3, 4, 6),
        "Gaussian blur of {:g} px",
    ),
    Perturbation(
        "motion_blur",
        "Motion blur",
        "The camera moved in a random direction; length in pixels on a short side of 224.",
        (5, 9, 15, 21, 31),
        "motion blur of {:g} px",
    ),
    Perturbation(
        "jpeg",
        "JPEG compression",
        "The image is saved as JPEG; the amount is the quality, 0 to 100.",
        (25, 18, 15, 10, 7),
        "JPEG quality {:g}",
    ),
    Perturbation(
        "low_resolution",
        "Low resolution",
        "The image is reduced and enlarged again; the amount is the side kept, in per cent.",
        (50, 33, 25, 17, 12),
        "{:g} % of the resolution",
    ),
    Perturbation(
        "rotation",
        "Rotation",
        "The image is turned to either side; corners mirror the border. In degrees.",
        (5, 10, 15, 20, 30),
        "rotation by {:g} degrees",
    ),
    Perturbation(
        "brighter",
        "Brighter",
        "A part of the whole range is added to all channels, in per cent; what is beyond is lost.",
        (10, 20, 30, 40, 50),
        "brightness + {:g} % of the range",
    ),
    Perturbation(
        "darker",
        "Darker",
        "All channels are multiplied; the amount is what stays, in per cent.",
        (80, 65, 50, 35, 20),
        "brightness x {:g} %",
    ),
    Perturbation(
        "lower_contrast",
        "Lower contrast",
        "All differences from the mean color shrink; the amount is what stays, in per cent.",
        (40, 30, 20, 10, 5),
        "contrast x {:g} %",
    ),
    Perturbation(
        "occlusion",
        "Occlusion",
        "A gray box hides a part at a random place; the amount is its area, in per cent.",
        (5, 10, 20, 30, 40),
        "a gray box over {:g} %",
    ),
)

PERTURBATIONS: Mapping[str, Perturbation] = MappingProxyType({one.name: one for one in _ALL})
"""All perturbations by name, in the order in which they are shown."""


def perturb(pixels: Pixels, name: str, strength: int, *, seed: int) -> Pixels:
    """Perturb an image in one of ten ways.

    The same seed gives the same image. With one seed, a stronger perturbation goes further
    in the same direction: it turns to the same side, or hides what the weaker one hid and more.

    Parameters
    ----------
    pixels:
        uint8 RGB array `(H, W, 3)`; it is not changed.
    name:
        One of `PERTURBATIONS`.
    strength:
        1 to 5.
    seed:
        0 or more.

    Returns
    -------
    uint8 array `(H, W, 3)`

    Raises
    ------
    UnknownName
        There is no such perturbation.
    ParameterError
        The strength is not 1 to 5, or the array is no image.

    References
    ----------
    Hendrycks, D., & Dietterich, T. (2019). Benchmarking neural network robustness to common
    corruptions and perturbations. ICLR. Noise, blur, JPEG and contrast have about their levels.

    Examples
    --------
    >>> gray = np.full((40, 60, 3), 100, np.uint8)
    >>> perturb(gray, "brighter", 1, seed=1)[0, 0].tolist()
    [126, 126, 126]
    >>> int((perturb(gray, "occlusion", 3, seed=1) == 127).all(axis=2).sum())
    486
    """
    if name not in PERTURBATIONS:
        raise unknown("perturbation", name, PERTURBATIONS)
    level = PERTURBATIONS[name].level(strength)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:  # noqa: PLR2004 - (H, W, 3)
        raise ParameterError(
            f"An image is a uint8 array (H, W, 3); got {pixels.dtype} {pixels.shape}."
        )
    rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
    return _WAYS[name](np.ascontiguousarray(pixels), level, rng)


def _gaussian_noise(pixels: Pixels, level: float, rng: Rng) -> Pixels:
    return _clipped(pixels + level * rng.standard_normal(pixels.shape, np.float32))


def _gaussian_blur(pixels: Pixels, level: float, rng: Rng) -> Pixels:  # noqa: ARG001 - one form
    sigma = level * min(pixels.shape[:2]) / SIDE
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(sigma, 1e-3)), np.uint8)


def _motion_blur(pixels: Pixels, level: float, rng: Rng) -> Pixels:
    length = level * min(pixels.shape[:2]) / SIDE
    angle = rng.uniform(0, math.pi)
    half = math.ceil(length / 2)
    # Many points along the way, each shared out among the four pixels around it.
    steps = np.linspace(-length / 2, length / 2, 8 * half + 1)
    kernel = np.zeros((2 * half + 3, 2 * half + 3), np.float32)
    x, y = half + 1 + steps * math.cos(angle), half + 1 + steps * math.sin(angle)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - (y - top)) * np.abs(1 - right - (x - left))
            np.add.at(kernel, (top + down, left + right), weight)
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), np.uint8)


def _jpeg(pixels: Pixels, level: float, rng: Rng) -> Pixels:  # noqa: ARG001 - one form
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(level)]
    _, file = cv2.imencode(".jpg", pixels[..., ::-1], quality)
    back = cv2.imdecode(file, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(back, np.uint8)[..., ::-1])


def _low_resolution(pixels: Pixels, level: float, rng: Rng) -> Pixels:  # noqa: ARG001 - one form
    height, width = pixels.shape[:2]
    small = (max(1, round(width * level / 100)), max(1, round(height * level / 100)))
    reduced = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR))


def _rotation(pixels: Pixels, level: float, rng: Rng) -> Pixels:
    height, width = pixels.shape[:2]
    turn = level if rng.random() < 1 / 2 else -level
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1.0)
    turned = cv2.warpAffine(
        pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(turned, np.uint8)


def _brighter(pixels: Pixels, level: float, rng: Rng) -> Pixels:  # noqa: ARG001 - one form
    return _clipped(pixels + np.float32(level / 100 * _TOP))


def _darker(pixels: Pixels, level: float, rng: Rng) -> Pixels:  # noqa: ARG001 - one form
    return _clipped(pixels * np.float32(level / 100))


def _lower_contrast(pixels: Pixels, level: float, rng: Rng) -> Pixels:  # noqa: ARG001 - one form
    mean = pixels.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    return _clipped(mean + (pixels - mean) * np.float32(level / 100))


def _occlusion(pixels: Pixels, level: float, rng: Rng) -> Pixels:
    height, width = pixels.shape[:2]
    share = math.sqrt(level / 100)
    rows, columns = max(1, round(share * height)), max(1, round(share * width))
    down, right = rng.random(2)
    top, left = round(down * (height - rows)), round(right * (width - columns))
    out = pixels.copy()
    out[top : top + rows, left : left + columns] = GRAY
    return out


def _clipped(values: NDArray[np.floating]) -> Pixels:
    out: Pixels = np.clip(np.rint(values), 0, _TOP).astype(np.uint8)
    return out


_WAYS: Mapping[str, Callable[[Pixels, float, Rng], Pixels]] = {
    "gaussian_noise": _gaussian_noise,
    "gaussian_blur": _gaussian_blur,
    "motion_blur": _motion_blur,
    "jpeg": _jpeg,
    "low_resolution": _low_resolution,
    "rotation": _rotation,
    "brighter": _brighter,
    "darker": _darker,
    "lower_contrast": _lower_contrast,
    "occlusion": _occlusion,
}

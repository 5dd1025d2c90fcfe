"""Small made-up images of two classes, to try things out on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    import os

    from mediacorpus.engine.contract import Pixels

CLASSES = {"warm": (225, 120, 50), "cool": (50, 120, 225)}
"""Class folders and the color around which their images are."""

LEAST_SIDE = 16


def toy_images(
    folder: str | os.PathLike[str], n: int = 20, *, seed: int = 1, side: int = 96
) -> list[Path]:
    """Write small images in two class folders, `warm` and `cool`.

    Each has a gradient around the color of its class, a disc or a box in a chance color,
    and noise, so that no two files are the same. A classifier can learn the classes; they are
    not told apart by a single pixel.

    Parameters
    ----------
    folder:
        Where the class folders are made.
    n:
        Number of images of both classes together; the classes take turns.
    seed:
        The same seed gives the same images.
    side:
        Height in pixels; the width is a third more. At least 16.

    Returns
    -------
    list of Path
        The JPEG files that were written.

    Raises
    ------
    ParameterError
        `n` is negative or `side` less than 16.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = toy_images(folder, 3)
    ...     [file.relative_to(folder).as_posix() for file in files]
    ['warm/0000.jpg', 'cool/0001.jpg', 'warm/0002.jpg']
    """
    if n < 0 or side < LEAST_SIDE:
        raise ParameterError(
            f"Toy images need n of at least 0 and side of at least {LEAST_SIDE}; "
            f"got n={n}, side={side}."
        )
    chance = np.random.default_rng(seed)
    names = list(CLASSES)
    files = []
    for number in range(n):
        name = names[number % len(names)]
        file = Path(folder) / name / f"{number:04d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_image(CLASSES[name], chance, side)).save(file, quality=90)
        files.append(file)
    return files


def _image(color: tuple[int, int, int], chance: np.random.Generator, side: int) -> Pixels:
    height, width = side, side * 4 // 3
    slope = np.linspace(-60, 60, width) * chance.choice([-1, 1])
    background = np.asarray(color) + chance.normal(0, 25, 3) + slope[None, :, None]
    noise = chance.normal(0, 12, (height, width, 3))
    pixels: Pixels = np.clip(background + noise, 0, 255).astype(np.uint8)
    center = (int(chance.integers(width)), int(chance.integers(height)))
    size = int(chance.integers(side // 8, side // 3))
    shade = [int(part) for part in chance.integers(0, 256, 3)]
    if chance.random() < 1 / 2:
        cv2.circle(pixels, center, size, shade, -1)
    else:
        corner = (center[0] + size, center[1] + size)
        cv2.rectangle(pixels, center, corner, shade, -1)
    return pixels

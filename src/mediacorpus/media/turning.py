"""Turn and mirror an image, and show one of its channels."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import ParameterError

Pixels = NDArray[np.uint8]
Channel: TypeAlias = Literal["red", "green", "blue"]

CHANNELS: tuple[Channel, ...] = ("red", "green", "blue")


def turn(
    pixels: Pixels, degrees: float, *, expand: bool = False, fill: tuple[int, int, int] = (0, 0, 0)
) -> Pixels:
    """Turn an image about its center by an angle, against the clock.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)`.
    degrees:
        Angle; negative turns with the clock. Quarter turns move pixels and change none, where
        the size allows it.
    expand:
        Whether the result grows so that nothing is cut off; else it has the size of the image.
    fill:
        Color of the corners that come into view.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3), or larger with `expand`

    Raises
    ------
    ParameterError
        The angle is no finite number.

    Examples
    --------
    >>> image = np.zeros((30, 40, 3), np.uint8)
    >>> turn(image, 20).shape, turn(image, 90, expand=True).shape
    ((30, 40, 3), (40, 30, 3))
    """
    if not math.isfinite(degrees):
        raise ParameterError(
            f"The angle is {degrees}; give a number of degrees, such as 20 or -90."
        )
    rows, columns = pixels.shape[:2]
    quarters, rest = divmod(degrees, 90)
    if rest == 0 and (expand or quarters % 2 == 0 or rows == columns):
        return np.ascontiguousarray(np.rot90(pixels, int(quarters) % 4))
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), degrees, 1.0)
    size = (columns, rows)
    if expand:
        cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
        size = (round(columns * cosine + rows * sine), round(columns * sine + rows * cosine))
        matrix[:, 2] += (size[0] - columns) / 2, (size[1] - rows) / 2
    turned = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderValue=fill)
    return np.asarray(turned, np.uint8)


def flip(pixels: Pixels, *, up_down: bool = False) -> Pixels:
    """Mirror an image left and right, or up and down.

    Examples
    --------
    >>> image = np.array([[[1, 1, 1], [2, 2, 2]], [[3, 3, 3], [4, 4, 4]]], np.uint8)
    >>> flip(image)[..., 0].tolist(), flip(image, up_down=True)[..., 0].tolist()
    ([[2, 1], [4, 3]], [[3, 4], [1, 2]])
    """
    return np.ascontiguousarray(pixels[::-1] if up_down else pixels[:, ::-1])


def one_channel(pixels: Pixels, channel: Channel, *, gray: bool = False) -> Pixels:
    """Show one channel of an image, in its own color or in gray.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)`.
    channel:
        `"red"`, `"green"` or `"blue"`.
    gray:
        Whether to show its levels in gray; else the other channels are set to 0.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Raises
    ------
    ParameterError
        There is no such channel.

    Examples
    --------
    >>> image = np.array([[[10, 20, 30]]], np.uint8)
    >>> one_channel(image, "green").tolist(), one_channel(image, "green", gray=True).tolist()
    ([[[0, 20, 0]]], [[[20, 20, 20]]])
    """
    if channel not in CHANNELS:
        raise ParameterError(f"There is no channel {channel!r}; there are {', '.join(CHANNELS)}.")
    number = CHANNELS.index(channel)
    if gray:
        return np.ascontiguousarray(np.repeat(pixels[..., number : number + 1], 3, axis=2))
    shown = np.zeros_like(pixels)
    shown[..., number] = pixels[..., number]
    return shown

"""Small JPEG images for reports and galleries."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.resize import pad, squish

if TYPE_CHECKING:
    from collections.abc import Sequence

Pixels = NDArray[np.uint8]

_GAP = 4


def thumbnail_jpeg(pixels: Pixels, side: int = 160, *, quality: int = 80) -> bytes:
    r"""Give a small JPEG file of an image, without EXIF or any other metadata.

    Parameters
    ----------
    pixels:
        uint8 array `(H, W, 3)` RGB, or `(H, W)`.
    side:
        Pixels of the long side; smaller images are not enlarged.
    quality:
        JPEG quality, 1 to 100.

    Returns
    -------
    bytes
        A JPEG file with RGB or gray pixels.

    Raises
    ------
    ParameterError
        The side or the quality is out of its range, or the array is no image.

    Examples
    --------
    >>> thumbnail_jpeg(np.zeros((300, 400, 3), np.uint8))[:3]
    b'\xff\xd8\xff'
    """
    if side < 1:
        raise ParameterError(f"The side is {side}; it must be at least 1 pixel.")
    if quality not in range(1, 101):
        raise ParameterError(f"The JPEG quality is {quality}; it must be 1 to 100.")
    factor = min(1.0, side / max(1, *pixels.shape[:2]))
    height, width = (max(1, round(length * factor)) for length in pixels.shape[:2])
    small = squish(pixels, (height, width))
    if small.ndim == 3:  # noqa: PLR2004 - height, width, color
        small = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), np.uint8)
    done, file = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not done:
        raise MediaError("The thumbnail could not be written as JPEG.")
    return file.tobytes()


def data_uri(file: bytes, kind: str = "image/jpeg") -> str:
    r"""Give an image file as a `data:` address, to be put into HTML as it is.

    Examples
    --------
    >>> data_uri(b"\xff\xd8\xff")
    'data:image/jpeg;base64,/9j/'
    """
    return f"data:{kind};base64,{base64.b64encode(file).decode('ascii')}"


def contact_sheet(images: Sequence[Pixels], columns: int = 5, *, side: int = 160) -> Pixels:
    """Lay images out in rows on a white sheet, each fitted into a square.

    Parameters
    ----------
    images:
        uint8 arrays `(H, W, 3)` or `(H, W)`, in reading order.
    columns:
        Images in a row; fewer images make a narrower sheet.
    side:
        Pixels of the side of each square. Squares are 4 pixels apart.

    Returns
    -------
    ndarray of uint8, shape (rows * (side + 4) - 4, columns * (side + 4) - 4, 3)

    Raises
    ------
    ParameterError
        There are no images, or a number is less than 1.

    Examples
    --------
    >>> contact_sheet([np.zeros((30, 40, 3), np.uint8)] * 3, 2, side=50).shape
    (104, 104, 3)
    """
    if not len(images):
        raise ParameterError("There are no images to lay out; give at least one.")
    if columns < 1 or side < 1:
        raise ParameterError(f"columns is {columns} and side is {side}; both must be at least 1.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    step = side + _GAP
    sheet = np.full((rows * step - _GAP, columns * step - _GAP, 3), 255, np.uint8)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        fitted = pad(image, side)
        top, left = row * step, column * step
        sheet[top : top + side, left : left + side] = np.atleast_3d(fitted)
    return sheet

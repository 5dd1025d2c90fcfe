"""Decoded video frames to upright RGB pixels of the size at which they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.extras import need

if TYPE_CHECKING:
    from fractions import Fraction

Pixels = NDArray[np.uint8]

# Numbers of matrices: ITU-T H.273, table 4.
_KNOWN_MATRICES = {0, 1, 4, 5, 6, 7, 9, 10}
_UNSPECIFIED = 2
_BT709 = 1
_HD_LINES = 720


def shown_size(width: int, height: int, ratio: Fraction | None) -> tuple[int, int]:
    """Give the size at which pixels of that aspect ratio are square, by enlarging one side.

    The other side stays as it is (HTML standard, 4.8.9, on anamorphic video).

    >>> from fractions import Fraction
    >>> shown_size(720, 576, Fraction(16, 15)), shown_size(640, 480, Fraction(1, 2))
    ((768, 576), (640, 960))
    """
    if not ratio or ratio <= 0:
        return width, height
    if ratio > 1:
        return round(width * ratio), height
    return width, round(height / ratio)


def orientation(frame: Any) -> tuple[bool, bool, bool]:
    """Read a frame's display matrix, to the nearest quarter turn.

    Returns
    -------
    tuple of bool
        Whether to swap rows and columns, then to reverse the columns, then the rows.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is not None:
        a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return False, a < 0, d < 0
        return True, c < 0, b < 0
    return False, False, False


class Upright:
    """Turns decoded frames into upright RGB arrays; keeps its scaler from frame to frame."""

    def __init__(self) -> None:
        module = need("av.video.reformatter")
        self._scaler = module.VideoReformatter()
        flags = module.Interpolation
        self._reduce = flags.AREA | flags.ACCURATE_RND | flags.FULL_CHR_H_INT
        self._convert = flags.BICUBIC

    def __call__(self, frame: Any, ratio: Fraction | None, factor: int = 1) -> Pixels:
        """Convert `frame` to uint8 RGB `(H, W, 3)` at 1 / `factor` of its size as shown."""
        width, height = shown_size(frame.width, frame.height, ratio)
        small = (-(-width // factor), -(-height // factor))
        halve = factor == 2  # noqa: PLR2004 - OpenCV halves three times as fast as the scaler
        if not halve:
            width, height = small
        turned = self._scaler.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=_matrix(frame),
            interpolation=self._convert if halve or factor == 1 else self._reduce,
            threads=1,
        ).to_ndarray()
        if halve:
            turned = cv2.resize(turned, small, interpolation=cv2.INTER_AREA)
        swap, columns, rows = orientation(frame)
        if swap:
            turned = turned.transpose(1, 0, 2)
        if columns:
            turned = turned[:, ::-1]
        if rows:
            turned = turned[::-1]
        return np.ascontiguousarray(turned)


def _matrix(frame: Any) -> int | None:
    """Choose the matrix of a frame that names none, or one that the scaler does not know."""
    if frame.format.is_rgb or frame.colorspace in _KNOWN_MATRICES:
        return None
    if frame.colorspace != _UNSPECIFIED or frame.height >= _HD_LINES:
        return _BT709
    return None

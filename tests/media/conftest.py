"""Images for the tests of this room."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from PIL import Image


def _scene(height: int = 180, width: int = 240) -> np.ndarray:
    """A smooth colored scene without symmetry, so that every turn and flip shows."""
    rng = np.random.default_rng(11)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    scene = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    scene[: height // 4, : width // 8] = (255, 0, 0)
    return scene


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def scene():
    return _scene


@pytest.fixture
def encode():
    return _encode

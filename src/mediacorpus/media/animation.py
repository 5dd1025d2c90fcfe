"""Animated images (GIF, PNG, WebP, AVIF): the interface of a video, decoded by Pillow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media.color import to_rgb
from mediacorpus.media.frames import count_frames
from mediacorpus.media.header import MAX_PIXELS, check_size, image_errors, open_image
from mediacorpus.media.reading import PathLike, contents
from mediacorpus.media.video import FrameIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import ImageFile

Pixels = NDArray[np.uint8]

COPIES = 8
"""An animation may have so many times fewer pixels than a still image, as frames are composed."""

_PAGES = {"TIFF"}
"""Formats whose pages are images of their own: one is held at a time, and each can be had alone."""

_PAUSE = 100
"""Milliseconds that a frame without a duration is shown, as browsers do."""


def index_animation(data: bytes | PathLike, *, max_pixels: float = MAX_PIXELS) -> FrameIndex:
    """List the frames of an animated image.

    Parameters
    ----------
    data:
        The whole file as bytes, or its path.
    max_pixels:
        Images with more pixels are refused.

    Returns
    -------
    FrameIndex
        The time stamp of a frame is its number in the file. A PNG may begin with an image for
        programs that show no animations; it is left out, and the stamps begin at 1. A frame
        with duration 0 counts as shown for 100 ms. Decoding can begin at the first frame only.
        Where a later frame is damaged the list ends before it, and `broken` says why.

    Raises
    ------
    MediaError
        The file is empty, is no image, or its first frame is damaged.
    TooLarge
        The image has more than `max_pixels` pixels; an animation may have an eighth of them.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> pages = [Image.new("L", (8, 8), gray) for gray in (0, 100, 200)]
    >>> pages[0].save(buffer, "GIF", save_all=True, append_images=pages[1:], duration=[40, 0, 80])
    >>> index_animation(buffer.getvalue()).times.tolist()
    [0.0, 0.04, 0.14]
    """
    stamps: list[int] = []
    lengths: list[float] = []
    broken = ""
    with AnimationReader(data, max_pixels=max_pixels) as reader:
        try:
            with image_errors():
                for number, image in reader.images():
                    stamps.append(number)
                    lengths.append(float(image.info.get("duration") or 0) or _PAUSE)
        except MediaError as error:
            if not stamps:
                raise
            broken = str(error)
    keys = np.zeros(len(stamps), np.bool_)
    keys[:1] = True
    times = np.cumsum([0.0, *lengths[:-1]]) / 1000
    return FrameIndex(np.array(stamps, np.int64), times[: len(stamps)], keys, broken)


class AnimationReader:
    """Frames of an animated image by their numbers, as they are shown.

    Each frame is laid over those before it as the format demands, and on white where it is
    transparent. Ascending requests decode the file once. Use one reader per thread.

    Parameters
    ----------
    data:
        The whole file as bytes, or its path.
    max_pixels:
        Images with more pixels are refused; animations, which are composed from several copies,
        with more than an eighth of it.

    Raises
    ------
    MediaError
        The file is empty, is no image, or its header is damaged.
    TooLarge
        The image has too many pixels.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> pages = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    >>> pages[0].save(buffer, "GIF", save_all=True, append_images=pages[1:])
    >>> with AnimationReader(buffer.getvalue()) as reader:
    ...     reader.frame(1)[0, 0].tolist()
    [0, 0, 255]
    """

    def __init__(self, data: bytes | PathLike, *, max_pixels: float = MAX_PIXELS) -> None:
        data = contents(data)
        self._data, self._limit = data, max_pixels
        with image_errors():
            self._image: ImageFile.ImageFile = open_image(data, max_pixels)
            if self._image.format not in _PAGES:
                self._limit = max_pixels / COPIES
                check_size(self._image.size, self._limit)
            self._count = count_frames(self._image, data)
            self._first = int(bool(getattr(self._image, "default_image", False)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory of the image; the reader is of no use afterwards."""
        self._image.close()

    def frame(self, pts: int, *, min_side: int | None = None) -> Pixels:
        """Decode one frame.

        Parameters
        ----------
        pts:
            Number of the frame, from `FrameIndex.pts` or `Locator.pts`.
        min_side:
            As in `VideoReader.frame`.

        Returns
        -------
        ndarray of uint8, shape (H, W, 3)

        Raises
        ------
        MediaError
            The image has no such frame, or is damaged there.
        ParameterError
            `min_side` is less than 1.
        """
        if min_side is not None and min_side < 1:
            raise ParameterError(f"min_side is {min_side}; it must be at least 1, or None.")
        with image_errors():
            if not self._first <= pts < self._count or not self._show(int(pts)):
                raise MediaError(
                    f"The frame {pts} is beyond the end: the image has the frames "
                    f"{self._first} to {self._count - 1}."
                )
            return to_rgb(self._image, min_side=min_side)

    def frames(self, *, min_side: int | None = None) -> Iterator[tuple[int, float, Pixels]]:
        """Walk through all frames in order: number, seconds from the first frame, pixels."""
        time = 0.0
        with image_errors():
            for number, image in self.images():
                yield number, time / 1000, to_rgb(image, min_side=min_side)
                time += float(image.info.get("duration") or 0) or _PAUSE

    def images(self) -> Iterator[tuple[int, ImageFile.ImageFile]]:
        """Walk through all frames as Pillow gives them; each is valid until the next."""
        for number in range(self._first, self._count):
            if not self._show(number):
                raise MediaError(
                    f"The image is truncated: it has {number - self._first} of the "
                    f"{self._count - self._first} frames that it names."
                )
            yield number, self._image

    def _show(self, number: int) -> bool:
        if number < self._image.tell():  # opened anew, as Pillow cannot always go back
            self._image.close()
            self._image = open_image(self._data, self._limit)
        try:
            # Frame by frame, as each may enlarge the image before the next is composed.
            alone = self._image.format in _PAGES
            first = number if alone else min(number, self._image.tell() + 1)
            for place in range(first, number + 1):
                self._image.seek(place)
                check_size(self._image.size, self._limit)
        except EOFError:
            return False
        self._image.load()  # WebP tells the duration only then
        return True

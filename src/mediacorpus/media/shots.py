"""Shots of a video: the frames between two cuts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.extras import need
from mediacorpus.media.reading import PathLike
from mediacorpus.media.video import FrameIndex, VideoReader, locators
from mediacorpus.records import Locator, Shot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Pixels = NDArray[np.uint8]

_SHORT_SIDE = 128
"""Pixels that the short side of the compared frames keeps."""
_STILL = 0.1
"""Seconds that a video of one frame lasts where nothing tells it."""


def find_shots(
    path: PathLike,
    *,
    threshold: float = 27.0,
    min_frames: int = 3,
    progress: Callable[[float], None] | None = None,
) -> list[Shot]:
    """Find the shots of a video by its hard cuts.

    Each frame is compared with the one before in hue, saturation and brightness, at reduced
    size (PySceneDetect's content detector, Castellano 2014). Frame numbers count decoded
    frames in the order of showing, so they agree with `index_frames` also where the frame rate
    varies. Fades and dissolves have no single frame of change and may be missed.

    Parameters
    ----------
    path:
        A local video.
    threshold:
        Mean change, 0 to 255, from which on a frame begins a new shot.
    min_frames:
        Frames that a shot has at least; changes that follow one another faster, such as
        flashes, are one cut.
    progress:
        Called with the share of the video that is done, 0 to 1.

    Returns
    -------
    list of Shot
        In order, without gaps; a video without cuts is one shot.

    Raises
    ------
    MediaError
        The video cannot be read, or none of its frames can be decoded.
    ParameterError
        `threshold` or `min_frames` is out of range.
    MissingExtra
        PyAV or PySceneDetect is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> find_shots(Path("no-such-file.mp4"))
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The file 'no-such-file.mp4' is not there.
    """
    with VideoReader(path) as reader:
        length = reader.duration
        frames = reader.frames(min_side=_SHORT_SIDE)
        watched = _watched(frames, length, progress) if progress else frames
        shots = shots_of(watched, threshold=threshold, min_frames=min_frames)
    if progress:
        progress(1.0)
    return shots


def shots_of(
    frames: Iterable[tuple[int, float, Pixels]], *, threshold: float = 27.0, min_frames: int = 3
) -> list[Shot]:
    """Find the shots in a series of frames, such as `AnimationReader.frames` gives.

    Parameters
    ----------
    frames:
        Time stamp, seconds from the first frame, and pixels of each frame in order.
    threshold, min_frames:
        As in `find_shots`.

    Raises
    ------
    MediaError
        There are no frames.
    ParameterError
        `threshold` or `min_frames` is out of range.

    Examples
    --------
    >>> black, white = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 255, np.uint8)
    >>> series = [(n, n / 10, black if n < 5 else white) for n in range(10)]
    >>> [(shot.first, shot.last, shot.stop) for shot in shots_of(series)]
    [(0, 4, 0.5), (5, 9, 1.0)]
    """
    if not 0 < threshold <= 255:  # noqa: PLR2004 - largest value of a pixel
        raise ParameterError(f"threshold is {threshold}; it must lie above 0 and up to 255.")
    if min_frames < 1:
        raise ParameterError(f"min_frames is {min_frames}; it must be at least 1.")
    times: list[float] = []
    cuts = list(_cuts(_noted(frames, times), threshold, min_frames))
    if not times:
        raise MediaError("The video has no frame that can be decoded.")
    step = float(np.median(np.diff(times))) if len(times) > 1 else _STILL
    bounds = [0, *cuts, len(times)]
    times.append(times[-1] + step)
    return [
        Shot(number, first, after - 1, times[first], times[after])
        for number, (first, after) in enumerate(itertools.pairwise(bounds), 1)
    ]


def shot_frames(shots: Sequence[Shot], index: FrameIndex) -> list[Locator]:
    """Give the middle frame of each shot.

    Parameters
    ----------
    shots:
        From `find_shots` for the same video.
    index:
        From `index_frames` or `index_animation`.

    Raises
    ------
    ParameterError
        A shot ends beyond the last frame of the index.

    Examples
    --------
    >>> index = FrameIndex(np.arange(10) * 40, np.arange(10) / 25, np.ones(10, bool))
    >>> [place.pts for place in shot_frames([Shot(1, 0, 9, 0.0, 0.4)], index)]
    [160]
    """
    beyond = next((shot for shot in shots if shot.last >= len(index)), None)
    if beyond is not None:
        raise ParameterError(
            f"Shot {beyond.number} ends at frame {beyond.last}, but the index has "
            f"{len(index)} frames; take the index of the same video."
        )
    return locators(index, np.array([(shot.first + shot.last) // 2 for shot in shots], np.int64))


def _cuts(frames: Iterable[Pixels], threshold: float, min_frames: int) -> Iterator[int]:
    """Give the numbers of the frames that begin a new shot."""
    detectors, common = need("scenedetect.detectors"), need("scenedetect.common")
    detector: Any = detectors.ContentDetector(threshold=threshold, min_scene_len=min_frames)
    code = None
    for number, pixels in enumerate(frames):
        code = common.FrameTimecode(number, fps=25.0)  # only the number counts
        found = detector.process_frame(code, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        yield from (cut.frame_num for cut in found)
    if code is not None:
        yield from (cut.frame_num for cut in detector.post_process(code))


def _noted(frames: Iterable[tuple[int, float, Pixels]], times: list[float]) -> Iterator[Pixels]:
    for _, time, pixels in frames:
        times.append(time)
        yield pixels


def _watched(
    frames: Iterable[tuple[int, float, Pixels]], length: float, progress: Callable[[float], None]
) -> Iterator[tuple[int, float, Pixels]]:
    for found in frames:
        progress(min(1.0, found[1] / length) if length > 0 else 0.0)
        yield found

"""Where the frames of a video are, and which of them to take."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media._ffmpeg import (
    decoded,
    media_errors,
    only_numbered,
    open_video,
    packets,
    seconds_per_unit,
    walk,
)
from mediacorpus.media.header import MAX_PIXELS
from mediacorpus.media.reading import PathLike
from mediacorpus.records import Kind, Locator

_Found = tuple["array[int]", bytearray, float, int]

_RULE = re.compile(r"every=(\d+(?:\.\d*)?|\.\d+)(ms|s|min|h)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_SHOWN_VP8 = 0x10
"""Bit of the first byte of a VP8 frame that tells whether it is shown (RFC 6386, 9.1)."""


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Where the frames of a video are, in the order of showing.

    Parameters
    ----------
    pts:
        int64, shape `(frames,)`: time stamps in units of the stream.
    times:
        float64, shape `(frames,)`: seconds from the first frame.
    keys:
        bool, shape `(frames,)`: whether decoding can begin there.
    broken:
        Why there are no frames after these, where damage hides them; else empty.

    Examples
    --------
    >>> index = FrameIndex(np.array([0, 40]), np.array([0.0, 0.04]), np.array([True, False]))
    >>> len(index)
    2
    """

    pts: NDArray[np.int64]
    times: NDArray[np.float64]
    keys: NDArray[np.bool_]
    broken: str = ""

    def __len__(self) -> int:
        return len(self.pts)


def index_frames(path: PathLike, *, max_pixels: float = MAX_PIXELS) -> FrameIndex:
    """List the frames of a video without decoding them.

    The packets are read one after the other and only their time stamps are kept, 17 bytes a
    frame. Packets that are never shown (cut away by an edit list, hidden reference frames,
    frames before the first key frame) do not count. Where packets have no time stamps, the
    video is decoded for them.

    Raises
    ------
    MediaError
        The file cannot be opened, has no video, or no frame of it can be decoded.

    Examples
    --------
    >>> from pathlib import Path
    >>> index_frames(Path("no-such-file.mp4"))
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The file 'no-such-file.mp4' is not there.
    """
    path = Path(path)
    with media_errors():
        found = index_packets(path, max_pixels) or _index_decoded(path, max_pixels)
    stamps, flags, tick, first = found
    pts = np.frombuffer(stamps, np.int64)
    order = np.argsort(pts, kind="stable")
    order = order[pts[order] >= first]  # what goes before the first whole frame is not shown
    pts = pts[order]
    keys = np.frombuffer(flags, np.bool_)[order]
    return FrameIndex(pts, (pts - pts[0]) * tick, keys)


def choose_frames(index: FrameIndex, rule: str) -> list[Locator]:
    """Choose frames at even steps of time or of number.

    Parameters
    ----------
    index:
        From `index_frames` or `index_animation`.
    rule:
        `"every=1s"` (also `ms`, `min`, `h`): the first frame at or after each multiple of the
        step, counted from the first frame; where frames are further apart than the step, each
        is taken once. `"every=30"`: each 30th frame, beginning with the first.

    Raises
    ------
    ParameterError
        The rule has another form, or its step is not above zero.

    Examples
    --------
    >>> times = np.arange(100) / 25
    >>> index = FrameIndex(np.arange(100), times, np.ones(100, bool))
    >>> [place.frame for place in choose_frames(index, "every=1s")]
    [0, 25, 50, 75]
    >>> [place.frame for place in choose_frames(index, "every=40")]
    [0, 40, 80]
    """
    step, unit = _parse(rule)
    if unit is None:
        return locators(index, np.arange(0, len(index), int(min(step, len(index) + 1))))
    tolerance = 1e-6  # time stamps are rounded to the units of the stream
    slot = np.floor((index.times + tolerance) / (step * _SECONDS[unit]))
    first = np.ones(len(index), np.bool_)
    first[1:] = slot[1:] > np.maximum.accumulate(slot)[:-1]
    return locators(index, np.flatnonzero(first))


def locators(index: FrameIndex, numbers: NDArray[np.int64]) -> list[Locator]:
    """Give the places of the frames with these numbers.

    >>> index = FrameIndex(np.array([0, 40]), np.array([0.0, 0.04]), np.array([True, False]))
    >>> locators(index, np.array([1]))[0].pts
    40
    """
    return [
        Locator(Kind.FRAME, frame=int(n), pts=int(index.pts[n]), time=float(index.times[n]))
        for n in numbers
    ]


def index_packets(path: Path, max_pixels: float = MAX_PIXELS) -> _Found | None:
    """Collect time stamps and key flags from packets; None where they do not tell the frames."""
    container, stream = open_video(path, max_pixels)
    stamps, keys = array("q"), bytearray()
    first: Any = None
    with container:
        if only_numbered(container, stream):
            return None
        vp8 = stream.codec_context.name == "vp8"
        for packet in packets(container, stream):
            if first is None:
                first = next(iter(decoded(packet)), None)
            if not packet.size or packet.is_discard:
                continue
            if vp8 and not memoryview(packet)[0] & _SHOWN_VP8:
                continue
            if packet.pts is None:
                return None
            stamps.append(packet.pts)
            keys.append(packet.is_keyframe)
        tick = seconds_per_unit(stream, counted=False)
    if first is None or first.pts is None:
        return None
    if len(np.unique(np.frombuffer(stamps, np.int64))) < len(stamps):
        return None
    return stamps, keys, tick, int(first.pts)


def _index_decoded(path: Path, max_pixels: float) -> _Found:
    container, stream = open_video(path, max_pixels)
    stamps, keys, counted = array("q"), bytearray(), False
    with container:
        numbered = only_numbered(container, stream)
        for stamp, frame in walk(packets(container, stream), numbered=numbered):
            counted = counted if stamps else numbered or frame.pts is None
            stamps.append(stamp)
            keys.append(frame.key_frame)
        tick = seconds_per_unit(stream, counted=counted)
    if not stamps:
        raise MediaError("The video has no frame that can be decoded.")
    return stamps, keys, tick, min(stamps)


def _parse(rule: str) -> tuple[float, str | None]:
    match = _RULE.fullmatch(str(rule).strip())
    if match:
        step, unit = match.groups()
        if float(step) > 0 and (unit or step.isdecimal()):
            return float(step), unit
    raise ParameterError(
        f"The rule for frames {rule!r} is of no known form. Write a step of time, as in "
        '"every=1s", "every=500ms" or "every=2min", or of frames, as in "every=30"; it must be '
        "above zero."
    )

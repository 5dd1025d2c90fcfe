"""Video files: what they hold, where their frames are, and each frame as upright pixels."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.media._ffmpeg import (
    ASSUMED_RATE,
    check_frame,
    decoded,
    ends_early,
    format_name,
    frame_rate,
    image_stream,
    media_errors,
    only_numbered,
    open_container,
    open_video,
    packets,
    seconds_per_unit,
    skim,
    sound_stream,
    video_size,
    walk,
)
from mediacorpus.media._frame_index import (
    FrameIndex,
    choose_frames,
    index_frames,
    index_packets,
    locators,
)
from mediacorpus.media._upright import Upright, orientation, shown_size
from mediacorpus.media.header import MAX_PIXELS
from mediacorpus.media.reading import PathLike
from mediacorpus.media.scale import Pixels, reduction
from mediacorpus.records import FileFacts, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FrameIndex",
    "VideoReader",
    "choose_frames",
    "index_frames",
    "locators",
    "probe_video",
]

_MICROSECONDS = 1e6
_NEAR = 16
"""Frames that are decoded on rather than sought over where key frames are known."""
_NEAR_UNKNOWN = 250
_FIRST_STEP, _FAR = 2.0, 2**62
_EXACT = {"mov", "matroska", "mpegts", "flv", "asf", "avi"}
_TRIES = 1000
_GUESSED = {"aac", "ac3", "eac3", "amr", "mp3"}
"""Containers that state no length; FFmpeg guesses it from the first packets."""
_NEARLY = 0.01
_SHORT = 0.1  # seconds
_FAR_TOO_LONG = 10
_NEVER = {"1904-01-01T00:00:00", "1970-01-01T00:00:00"}  # what unset clocks write


def probe_video(path: PathLike, *, max_pixels: float = MAX_PIXELS) -> FileFacts:
    """Read what a video or sound file holds, and decode its first frame to see that it can be.

    Parameters
    ----------
    path:
        A local file.
    max_pixels:
        Videos with more pixels in a frame are refused.

    Returns
    -------
    FileFacts
        Kind `VIDEO`, or `AUDIO` where the file has sound only (a cover image does not
        count). Width and height are as shown: turned by the display matrix, and with
        non-square pixels made square by enlarging one side. `frames` is 0 for sound.

    Raises
    ------
    MediaError
        The file is empty, of no known container, has neither video nor sound, is cut off, or
        nothing in it can be decoded.
    TooLarge
        A frame has more than `max_pixels` pixels.
    MissingExtra
        PyAV is not installed.

    Examples
    --------
    >>> import tempfile, wave
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tone.wav"
    ...     with wave.open(str(path), "wb") as file:
    ...         file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...         _ = file.writeframes(bytes(16000))
    ...     facts = probe_video(path)
    >>> facts.kind.value, facts.format, facts.duration, facts.sample_rate, facts.channels
    ('audio', 'WAV', 1.0, 8000, 1)
    """
    path = Path(path)
    with media_errors(), open_container(path, max_pixels=max_pixels) as container:
        stream, sound = image_stream(container), sound_stream(container)
        if stream is None and sound is None:
            raise MediaError(
                f"The {format_name(container, path)} file has no video and no sound that can "
                "be decoded."
            )
        if ends_early(container, path):
            raise MediaError("The file is truncated: it ends before its last frame.")
        duration = _duration(container, stream or sound)
        shared: dict[str, Any] = {
            "format": format_name(container, path),
            "bytes": path.stat().st_size,
            "taken": _taken(container),
            "sample_rate": sound.codec_context.sample_rate if sound else None,
            "channels": sound.codec_context.channels if sound else None,
        }
        if stream is None:
            _first(container, sound)
            if duration is None or str(container.format.name) in _GUESSED:
                duration = _sound_length(path, duration)
            return FileFacts(
                **shared, width=0, height=0, mode="", frames=0, kind=Kind.AUDIO, duration=duration
            )
        size = video_size(stream, max_pixels)
        width, height = size[::-1] if orientation(_first(container, stream))[0] else size
        rate = frame_rate(stream)
        frames = _header_frames(stream)
    if not frames or duration is None:
        index = index_frames(path, max_pixels=max_pixels)
        frames = frames or len(index)
        duration = _checked_length(index, duration, rate, sound=sound is not None)
    return FileFacts(
        **shared,
        duration=duration,
        width=width,
        height=height,
        mode="RGB",
        frames=frames,
        kind=Kind.VIDEO,
        frame_rate=float(rate) if rate else None,
    )


class VideoReader:
    """Frames of a video by their time stamps, as upright RGB pixels.

    Ascending requests decode the file once from front to back; a far one starts at the key
    frame before it. Rotation and non-square pixels are applied, colors are converted with the
    matrix and range that the stream names (where it names none: BT.709 from 720 lines up, else
    BT.601). One decoder thread; at most a few frames are held. Use one reader per thread.

    Parameters
    ----------
    path:
        A local file.
    max_pixels:
        Videos with more pixels in a frame are refused.

    Raises
    ------
    MediaError
        The file cannot be opened or has no video.
    TooLarge
        A frame has more than `max_pixels` pixels.

    Examples
    --------
    >>> from pathlib import Path
    >>> VideoReader(Path("no-such-file.mp4"))
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The file 'no-such-file.mp4' is not there.
    """

    def __init__(self, path: PathLike, *, max_pixels: float = MAX_PIXELS) -> None:
        self._path = Path(path)
        self._limit = max_pixels
        self._container: Any = None
        self._current: tuple[int, Any] | None = None
        self._frames: Iterator[tuple[int, Any]] = iter(())
        self._upright = Upright()
        self._rewind()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the reader is of no use afterwards."""
        self._frames = iter(())
        self._current = None
        if self._container is not None:
            self._container.close()
            self._container = None

    def frame(self, pts: int, *, min_side: int | None = None) -> Pixels:
        """Decode one frame.

        Parameters
        ----------
        pts:
            Time stamp of the frame, from `FrameIndex.pts` or `Locator.pts`.
        min_side:
            Pixels that the short side must keep: the frame is given at 1, 1/2, 1/4 or 1/8 of
            its size, the smallest whose short side has at least as many.

        Returns
        -------
        ndarray of uint8, shape (H, W, 3)

        Raises
        ------
        MediaError
            No frame has that time stamp, or damage in the file keeps it from being decoded.
        ParameterError
            `min_side` is less than 1.
        """
        if min_side is not None and min_side < 1:
            raise ParameterError(f"min_side is {min_side}; it must be at least 1, or None.")
        self._check_open()
        with media_errors():
            return self._pixels(self._find(max(-_FAR, min(int(pts), _FAR))), min_side)

    def frames(self, *, min_side: int | None = None) -> Iterator[tuple[int, float, Pixels]]:
        """Walk through all frames in order: time stamp, seconds from the first frame, pixels.

        Takes and raises what `frame` does, which must not be called meanwhile.
        """
        self._check_open()
        with media_errors():
            self._rewind()
            first: int | None = None
            for pts, frame in self._frames:
                self._current = (pts, frame)
                first = pts if first is None else first
                yield pts, (pts - first) * self._tick, self._pixels(frame, min_side)

    @property
    def duration(self) -> float:
        """Length in seconds as the header tells it; 0 where it does not."""
        return _duration(self._container, self._stream) or 0.0

    def _check_open(self) -> None:
        if self._container is None:
            raise ParameterError("The reader is closed; open the video again.")

    def _pixels(self, frame: Any, min_side: int | None) -> Pixels:
        ratio = self._stream.sample_aspect_ratio
        short = min(shown_size(frame.width, frame.height, ratio))
        return self._upright(frame, ratio, reduction(short, min_side))

    @property
    def _tick(self) -> float:
        return seconds_per_unit(self._stream, counted=self._counted)

    def _rewind(self) -> None:
        """Open the file anew: the one way to its start that every container allows."""
        if self._container is not None:
            self._container.close()
        self._container, self._stream = open_video(self._path, self._limit)
        self._numbered = only_numbered(self._container, self._stream)
        self._current, self._from_start, self._counted = None, True, self._numbered
        self._packets = packets(self._container, self._stream)
        self._frames = self._decode(self._packets)

    def _decode(self, source: Iterator[Any], *, sought: bool = False) -> Iterator[tuple[int, Any]]:
        for stamp, frame in walk(source, sought=sought, numbered=self._numbered):
            check_frame(frame.width, frame.height, self._limit)
            if self._current is None and self._from_start:
                self._counted = self._numbered or frame.pts is None
            yield stamp, frame

    def _find(self, pts: int) -> Any:
        if self._must_seek(pts):
            self._seek(pts)
        back = _FIRST_STEP / self._tick
        while True:
            known = self._from_start or self._current is not None
            for stamp, frame in self._upcoming():
                if stamp == pts:
                    return frame
                if stamp > pts:
                    break
                known = True
            if known:  # no frame between was skipped unseen
                raise self._missing(pts)
            self._seek(int(pts - back))
            back *= 4

    def _upcoming(self) -> Iterator[tuple[int, Any]]:
        """Give the frame at hand, then those after it."""
        if self._current is not None:
            yield self._current
        for found in self._frames:
            self._current = found
            yield found

    def _missing(self, pts: int) -> MediaError:
        last = self._current[0] if self._current else None
        if last is None or last < pts:
            return MediaError(
                f"The frame with time stamp {pts} is beyond the end of the video, or what "
                f"holds it is damaged: the last frame that can be decoded has {last}."
            )
        return MediaError(
            f"The video has no frame with time stamp {pts} that can be decoded; take time "
            "stamps from index_frames."
        )

    def _must_seek(self, pts: int) -> bool:
        at = self._current[0] if self._current else self._stream.start_time or 0
        if pts < at:
            return self._current is not None
        if self._counted:
            return False
        rate = self._tick * float(frame_rate(self._stream) or ASSUMED_RATE)
        ahead = (pts - at) * rate
        if ahead <= _NEAR:
            return False
        key = self._key_before(pts)
        return ahead > _NEAR_UNKNOWN if key is None else (key - at) * rate > _NEAR

    def _key_before(self, pts: int) -> int | None:
        """Give the time stamp of the key frame before, where the container's index tells it."""
        entries = self._stream.index_entries
        if not len(entries) or entries[len(entries) - 1].timestamp < pts:
            return None  # some indices grow with what has been read
        place = entries.search_timestamp(pts)
        return int(entries[place].timestamp) if place >= 0 else None

    def _seek(self, pts: int) -> None:
        """Go to a key frame before `pts`, or skim the packets up to it where seeks mislead."""
        exact = str(self._container.format.name).split(",")[0] in _EXACT
        start = self._stream.start_time or 0
        if self._counted or pts <= start or not (exact or self._packets_tell):
            if self._current is None or pts < self._current[0]:
                self._rewind()
            return
        if exact:
            self._container.seek(pts, stream=self._stream)
            source = packets(self._container, self._stream)
        else:
            if self._current is None or pts < self._current[0]:
                self._rewind()
            self._stream.codec_context.flush_buffers()
            source = skim(self._packets, pts)
        self._current, self._from_start = None, False
        self._frames = self._decode(source, sought=True)

    @functools.cached_property
    def _packets_tell(self) -> bool:
        """Whether each packet tells the time stamp of its frame, so that some can be skimmed."""
        return index_packets(self._path, self._limit) is not None


def _duration(container: Any, stream: Any) -> float | None:
    if container.duration and container.duration > 0:
        return float(container.duration / _MICROSECONDS)
    if stream.duration and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    return None


def _checked_length(index: FrameIndex, stated: float | None, rate: Any, *, sound: bool) -> float:
    """Give the seconds that the header states, unless the frames show that it is wrong.

    Sound may go on after the last frame, and a frame may stand for long.
    """
    counted = float(index.times[-1]) + 1 / float(rate or ASSUMED_RATE)
    if stated is None or counted > stated + _SHORT:
        return counted
    return counted if not sound and stated > _FAR_TOO_LONG * counted else stated


def _sound_length(path: Path, stated: float | None) -> float | None:
    """Count the seconds of sound; those of the header where they fit."""
    with open_container(path) as container:
        stream = sound_stream(container)
        ticks = sum(packet.duration or 0 for packet in packets(container, stream))
        counted = float(ticks * stream.time_base)
    if stated is not None and abs(stated - counted) <= _NEARLY * counted:
        return stated
    return counted or stated


def _taken(container: Any) -> str | None:
    """Read when a recording was made: in local time where the file says so, else in UTC."""
    found = container.metadata
    for text in (found.get("com.apple.quicktime.creationdate"), found.get("creation_time")):
        try:
            when = datetime.fromisoformat(str(text or ""))
        except ValueError:
            continue
        zoned = when if when.tzinfo else when.replace(tzinfo=UTC)  # ISO/IEC 14496-12, 8.2.2
        stated = zoned.isoformat(timespec="seconds")
        if stated[:19] not in _NEVER:
            return stated
    return None


def _first(container: Any, stream: Any) -> Any:
    """Decode the first frame of a stream."""
    for number, packet in enumerate(packets(container, stream)):
        frames = decoded(packet)
        if frames:
            return frames[0]
        if number > _TRIES:
            break
    name = stream.codec_context.name
    kind = "frame" if stream.type == "video" else "sound"
    raise MediaError(
        f"The file is damaged or cut off: no {kind} of its {name} stream can be decoded."
    )


def _header_frames(stream: Any) -> int:
    """Give the number of frames that the header tells, 0 where it does not fit the duration."""
    rate = frame_rate(stream)
    if not stream.frames or not stream.duration or not rate:
        return 0
    expected = float(stream.duration * stream.time_base * rate)
    return stream.frames if abs(stream.frames - expected) <= 2 + 0.01 * expected else 0

"""Sound of a video or sound file as samples."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.extras import need
from mediacorpus.media._ffmpeg import decoded, media_errors, open_container, packets, sound_stream
from mediacorpus.media.reading import PathLike

if TYPE_CHECKING:
    from collections.abc import Iterator

Samples = NDArray[np.float32]

_PREROLL = 0.5
"""Seconds that are decoded before the wanted place, for codecs that look back."""
_MOST_SAMPLES = 1_000_000
_EXACT = {"mov", "matroska", "wav", "flac", "ogg"}
"""Containers whose time stamps are right after a seek."""


def load_audio(
    path: PathLike,
    *,
    sample_rate: int | None = 16_000,
    mono: bool = True,
    start: float = 0.0,
    stop: float | None = None,
) -> tuple[Samples, int]:
    r"""Decode the sound of a file, or a part of it, into memory.

    An hour at 16,000 Hz takes 230 MB; `audio_blocks` reads with flat memory.

    Parameters
    ----------
    path:
        A local video or sound file; of several sound tracks the first is taken.
    sample_rate:
        Samples per second to resample to; None keeps those of the file.
    mono:
        Whether to give the mean of all channels.
    start, stop:
        Part to decode, in seconds from the beginning of the sound track; `stop` None means to
        its end. A part beyond the end is empty.

    Returns
    -------
    ndarray of float32, shape (samples,) or (channels, samples)
        -1 to 1; one-dimensional where `mono` is true.
    int
        Samples per second.

    Raises
    ------
    MediaError
        The file cannot be read or has no sound.
    ParameterError
        `sample_rate`, `start` or `stop` is out of range.

    Examples
    --------
    >>> import tempfile, wave
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tone.wav"
    ...     with wave.open(str(path), "wb") as file:
    ...         file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...         _ = file.writeframes(b"\x00\x40" * 8000)
    ...     sound, rate = load_audio(path, sample_rate=None, stop=0.5)
    >>> sound.shape, rate, float(sound[100])
    ((4000,), 8000, 0.5)
    """
    _check(sample_rate, start, stop)
    with media_errors(), open_container(Path(path)) as container:
        stream = _sound(container)
        rate = sample_rate or stream.codec_context.sample_rate
        pieces = list(_part(container, stream, rate, mono=mono, start=start, stop=stop))
        channels = 1 if mono else stream.codec_context.channels
    sound = np.concatenate([np.empty((channels, 0), np.float32), *pieces], axis=1)
    return (sound[0] if mono else sound), rate


def audio_blocks(
    path: PathLike,
    *,
    seconds: float = 30.0,
    sample_rate: int | None = 16_000,
    mono: bool = True,
    start: float = 0.0,
    stop: float | None = None,
) -> Iterator[Samples]:
    """Decode the sound of a file in blocks of equal length; memory stays flat.

    Parameters
    ----------
    path, sample_rate, mono, start, stop:
        As in `load_audio`.
    seconds:
        Length of a block; the last may be shorter.

    Yields
    ------
    ndarray of float32, shape (samples,) or (channels, samples)

    Raises
    ------
    MediaError
        The file cannot be read or has no sound.
    ParameterError
        `seconds`, `sample_rate`, `start` or `stop` is out of range.

    Examples
    --------
    >>> from pathlib import Path
    >>> next(audio_blocks(Path("no-such-file.wav")))
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The file 'no-such-file.wav' is not there.
    """
    _check(sample_rate, start, stop)
    if not (math.isfinite(seconds) and seconds > 0):
        raise ParameterError(f"seconds is {seconds}; a block must be longer than 0.")
    with media_errors(), open_container(Path(path)) as container:
        stream = _sound(container)
        rate = sample_rate or stream.codec_context.sample_rate
        size = max(1, round(seconds * rate))
        held: list[Samples] = []
        count = 0
        for piece in _part(container, stream, rate, mono=mono, start=start, stop=stop):
            held.append(piece)
            count += piece.shape[1]
            if count >= size:
                whole = np.concatenate(held, axis=1)
                full = count - count % size
                for place in range(0, full, size):
                    yield _shaped(whole[:, place : place + size], mono=mono)
                held, count = [whole[:, full:].copy()], count - full
        if count:
            yield _shaped(np.concatenate(held, axis=1), mono=mono)


def _shaped(block: Samples, *, mono: bool) -> Samples:
    return np.ascontiguousarray(block[0] if mono else block)


def _check(sample_rate: int | None, start: float, stop: float | None) -> None:
    if sample_rate is not None and not 1 <= sample_rate <= _MOST_SAMPLES:
        raise ParameterError(
            f"sample_rate is {sample_rate}; it must lie between 1 and 1,000,000 Hz, or be None."
        )
    if not (math.isfinite(start) and start >= 0):
        raise ParameterError(f"start is {start}; it must be 0 or more seconds.")
    if stop is not None and not (math.isfinite(stop) and stop > start):
        raise ParameterError(f"stop is {stop}; it must be later than start ({start}), or None.")


def _sound(container: Any) -> Any:
    stream = sound_stream(container)
    if stream is None:
        raise MediaError("The file has no sound that can be decoded.")
    return stream


def _part(
    container: Any, stream: Any, rate: int, *, mono: bool, start: float, stop: float | None
) -> Iterator[Samples]:
    """Give the samples between `start` and `stop`, shape `(channels, samples)`, in pieces."""
    offset, resampled = _resampled(container, stream, rate, mono=mono, start=start)
    skip = round((start - offset) * rate)
    left = None if stop is None else round(stop * rate) - round(start * rate)
    for piece in resampled:
        kept = piece[:, skip:] if skip else piece
        skip = max(0, skip - piece.shape[1])
        if left is not None:
            kept = kept[:, :left]
            left -= kept.shape[1]
        if kept.shape[1]:
            yield kept
        if left == 0:
            return


def _resampled(
    container: Any, stream: Any, rate: int, *, mono: bool, start: float
) -> tuple[float, Iterator[Samples]]:
    """Seek to just before `start`; give the time of the first sample, and all samples on."""
    frames = _frames(container, stream)
    exact = str(container.format.name).split(",")[0] in _EXACT
    offset = 0.0
    if exact and start > 2 * _PREROLL:
        begin = stream.start_time or 0
        container.seek(begin + int((start - _PREROLL) / stream.time_base), stream=stream)
        first = next(frames, None)
        if first is None:
            return start, iter(())
        offset = float((first.pts - begin) * stream.time_base) if first.pts is not None else 0.0
        if first.pts is None or offset > start:
            container.seek(begin, stream=stream)
            frames, offset = _frames(container, stream), 0.0
        else:
            frames = _chain(first, frames)
    pieces = _convert(frames, rate, stream.codec_context.layout.name)
    # FFmpeg's own mix to one channel would be louder than the channels where they agree.
    return offset, (piece.mean(axis=0, keepdims=True) for piece in pieces) if mono else pieces


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    for packet in packets(container, stream):
        yield from decoded(packet)


def _convert(frames: Iterator[Any], rate: int, layout: str) -> Iterator[Samples]:
    resampler: Any = None
    form: tuple[Any, ...] = ()
    for frame in frames:
        frame.pts = None  # samples are counted; gaps in time stamps would become silence
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or now != form:  # some streams change on their way
            yield from _flush(resampler)
            resampler = need("av").AudioResampler(format="flt", layout=layout, rate=rate)
            form = now
        for piece in resampler.resample(frame):
            yield _samples(piece)
    yield from _flush(resampler)


def _flush(resampler: Any) -> Iterator[Samples]:
    for piece in resampler.resample(None) if resampler is not None else ():
        yield _samples(piece)


def _samples(frame: Any) -> Samples:
    # Channels side by side: PyAV reads beyond the list of planes where there are over eight.
    sides = np.ascontiguousarray(frame.to_ndarray().reshape(-1, frame.layout.nb_channels).T)
    found: Samples = np.clip(sides, -1.0, 1.0).astype(np.float32, copy=False)
    return found

"""FFmpeg on local files only: open, demux and decode over damage, frames upright."""

from __future__ import annotations

import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus.errors import MediacorpusError, MediaError, TooLarge
from mediacorpus.extras import need
from mediacorpus.media._upright import shown_size
from mediacorpus.media.header import MAX_PIXELS, check_size
from mediacorpus.media.sniff import looks_like, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

# Containers that hold their own images and sound. Playlists (hls, concat, dash, sdp),
# image series, text screens and devices are left out: they may name other files or hosts.
_FORMATS = (
    "3gp,aac,ac3,aiff,amr,ape,apng,asf,au,av1,avi,caf,dv,eac3,flac,flv,gif,gxf,h264,hevc,ivf,"
    "m4v,matroska,webm,mov,mp4,m4a,3g2,mj2,mp3,mpeg,mpegts,mpegvideo,mxf,nut,nsv,obu,ogg,rm,"
    "tta,voc,vc1,w64,wav,wtv,wv"
)
_NAMES = {"MPEGVIDEO": "MPEG", "MPEGTS": "MPEG-TS"}
_BRANDS = {b"qt  ": "MOV", b"M4A ": "M4A", b"M4B ": "M4A"}
_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp", b"pnot"}
_HEAD = 4096
_BOX_HEAD = 8
ASSUMED_RATE = 25
"""Frames per second where a file tells nothing."""
MOST_SAMPLES = 4_000_000
"""Samples a second that sound may have; to convert more takes memory and time without end."""
_RAW = {"h264", "hevc", "m4v", "mpegvideo", "vc1", "obu"}
_MOST_HELD = 2000
"""Packets between two key frames that are kept while skimming."""
_MOST_UNSTAMPED = 64
"""Frames at the start of a file that are held until one of them has a time stamp."""
_FAILURES = 1000
"""Errors in a row after which a damaged file is given up."""


def open_container(path: Path, *, max_pixels: float = MAX_PIXELS) -> Any:
    """Open a media file for reading; nothing but that one local file is ever opened.

    Parameters
    ----------
    path:
        A regular file.
    max_pixels:
        Larger images are not decoded, not even while the header is read.

    Returns
    -------
    av.container.InputContainer

    Raises
    ------
    MissingExtra
        PyAV is not installed.
    MediaError
        The file is missing, special, empty, of no known container, or cut off.

    Examples
    --------
    >>> open_container(Path("no-such-file.mp4"))
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The file 'no-such-file.mp4' is not there.
    """
    av = need("av")
    _check_regular(path)
    most = str(int(min(2**31 - 1, 2 * max_pixels + 1e6)))  # codecs round sizes up
    options = {
        "format_whitelist": _FORMATS,
        "protocol_whitelist": "file",
        "fflags": "+genpts",
        "max_pixels": most,
        "threads": "1",
    }
    try:
        # The prefix keeps a name such as "http:x.mp4" or "concat:a|b" a file's name.
        container = av.open(f"file:{path.absolute()}", options=options)
    except (av.FFmpegError, UnicodeError, ValueError) as error:
        raise MediaError(_why_not(path, error)) from error
    for stream in container.streams:
        context = stream.codec_context
        if context is not None:
            context.thread_count = 1
            context.options = {"max_pixels": most}
    return container


@contextmanager
def media_errors() -> Iterator[None]:
    """Turn what FFmpeg raises on a bad file into `MediaError` with one sentence."""
    av = need("av")
    try:
        yield
    except MediacorpusError:
        raise
    except (av.FFmpegError, ValueError, OverflowError, MemoryError) as error:
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:160]
        raise MediaError(
            f"The file is damaged or of a kind that cannot be decoded ({reason})."
        ) from error


def format_name(container: Any, path: Path) -> str:
    """Give the short common name of a container in capitals, such as `"MP4"` or `"WEBM"`."""
    name = str(container.format.name).split(",")[0].upper()
    if name == "MOV":
        with path.open("rb") as file:
            head = file.read(12)
        return _BRANDS.get(head[8:12], "MP4") if head[4:8] == b"ftyp" else "MOV"
    if name == "MATROSKA":
        with path.open("rb") as file:
            return "WEBM" if b"webm" in file.read(64) else "MATROSKA"
    return _NAMES.get(name, name)


def image_stream(container: Any) -> Any:
    """Give the video stream that players show, or None; attached cover images are none."""
    attached = need("av.stream").Disposition.attached_pic
    found = [
        stream
        for stream in container.streams.video
        if not stream.disposition & attached and stream.codec_context is not None
    ]
    default = need("av.stream").Disposition.default
    return max(found, key=lambda stream: bool(stream.disposition & default), default=None)


def sound_stream(container: Any) -> Any:
    """Give the first sound stream that can be decoded, or None."""
    found = (
        stream
        for stream in container.streams.audio
        if stream.codec_context is not None and stream.codec_context.sample_rate <= MOST_SAMPLES
    )
    return next(found, None)


def open_video(path: Path, max_pixels: float = MAX_PIXELS) -> tuple[Any, Any]:
    """Open a file and give it with its video stream.

    Raises
    ------
    MediaError
        As `open_container`, or the file has no video.
    TooLarge
        A frame has more than `max_pixels` pixels.
    """
    container = open_container(path, max_pixels=max_pixels)
    stream = image_stream(container)
    problem = None if stream is not None else MediaError("The file has no video.")
    if stream is not None:
        try:
            video_size(stream, max_pixels)
        except MediaError as error:
            problem = error
    if problem is not None:
        container.close()
        raise problem
    return container, stream


def video_size(stream: Any, max_pixels: float) -> tuple[int, int]:
    """Give width and height as shown but not turned; refuse those that must not be decoded."""
    context = stream.codec_context
    check_frame(context.width, context.height, max_pixels)
    size = shown_size(context.width, context.height, stream.sample_aspect_ratio)
    check_frame(*size, max_pixels)
    return size


def seconds_per_unit(stream: Any, *, counted: bool) -> float:
    """Seconds of one unit of time stamps; where frames are only counted, of one frame."""
    return 1 / float(frame_rate(stream) or ASSUMED_RATE) if counted else float(stream.time_base)


def packets(container: Any, stream: Any) -> Iterator[Any]:
    """Demux the packets of one stream, going on after damage; the last one flushes (size 0)."""
    av = need("av")
    failures = 0
    while failures < _FAILURES:
        try:
            for packet in container.demux(stream):
                last = packet.size == 0 and packet.dts is None
                if packet.size or last:
                    yield packet
                failures = 0
        except (av.FFmpegError, IndexError):  # the latter where damage adds a stream midway
            failures += 1
        else:
            return


def decoded(packet: Any) -> list[Any]:
    """Decode one packet; a damaged one gives no frames."""
    av = need("av")
    try:
        return list(packet.decode())
    except (av.FFmpegError, ValueError):
        return []


def skim(source: Iterator[Any], until: int) -> Iterator[Any]:
    """Pass over the packets before the last key frame that comes at `until` or before."""
    held: list[Any] = []
    for packet in source:
        if packet.is_keyframe and packet.pts is not None and packet.pts <= until:
            held.clear()
        held.append(packet)
        # A frame is never shown before it is decoded: what `until` needs is held by now.
        if packet.dts is None or packet.dts > until or len(held) > _MOST_HELD:
            break
    yield from held
    yield from source


def only_numbered(container: Any, stream: Any) -> bool:
    """Tell whether frames have no time stamps to be trusted, so that they are only counted."""
    name = str(container.format.name)
    return name in _RAW or (name == "avi" and bool(stream.codec_context.has_b_frames))


def walk(
    source: Iterator[Any], *, sought: bool = False, numbered: bool = False
) -> Iterator[tuple[int, Any]]:
    """Decode the packets of a video stream: time stamps, which always grow, and frames.

    After a seek only frames from the first key frame on count, as earlier ones may lack what
    they refer to. Frames at the start of a file that have no time stamps get them by counting
    back from the first that has one. A later frame whose time stamp is missing, or no later than
    that of the frame before, has that of the frame before plus 1. Where no frame at the start has
    a time stamp, and with `numbered`, all time stamps are ignored and count from 0.
    """
    last: int | None = None if sought else -1
    anchor: int | None = None
    begun = False
    frames = _decoded_all(source) if sought or numbered else _stamped(_decoded_all(source))
    for packet, frame in frames:
        if sought and anchor is None:
            if not packet.is_keyframe or packet.pts is None:
                continue
            anchor = packet.pts
        numbered = numbered or (not sought and not begun and frame.pts is None)
        stamp = None if numbered else frame.pts
        if stamp is not None and (not begun or last is None or stamp > last):
            last = int(stamp)
        elif last is not None:
            last += 1
        else:
            continue
        begun = True
        if anchor is None or last >= anchor:
            yield last, frame


def _decoded_all(source: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
    for packet in source:
        for frame in decoded(packet):
            yield packet, frame


def _stamped(frames: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """Give the first frames the time stamps that they lack, where one soon has its own.

    Matroska files hide those before 0.
    """
    held: list[tuple[Any, Any]] = []
    for packet, frame in frames:
        held.append((packet, frame))
        if frame.pts is not None or len(held) > _MOST_UNSTAMPED:
            break
    if held and held[-1][1].pts is not None:
        stream = held[-1][0].stream
        step = max(1, round(1 / (float(frame_rate(stream) or ASSUMED_RATE) * stream.time_base)))
        for back, (_, frame) in enumerate(reversed(held)):
            frame.pts = held[-1][1].pts - back * step
    yield from held
    yield from frames


def frame_rate(stream: Any) -> Fraction | None:
    """Give the average frames per second of a stream, None where nothing is known."""
    return stream.average_rate or stream.guessed_rate or None


def ends_early(container: Any, path: Path) -> bool:
    """Tell whether the index of an MP4 or AVI file points beyond the end of the file."""
    if str(container.format.name).split(",")[0] not in {"mov", "avi"}:
        return False
    size = path.stat().st_size
    for stream in container.streams:
        entries = stream.index_entries
        if len(entries) and entries[len(entries) - 1].pos + entries[len(entries) - 1].size > size:
            return True
    return False


def check_frame(width: int, height: int, max_pixels: float) -> None:
    """Raise `TooLarge` or `MediaError` for a size (in pixels) that must not be decoded."""
    if width < 1 or height < 1:
        raise MediaError(f"The video tells of no pixels ({width} x {height}).")
    try:
        check_size((width, height), max_pixels)
    except TooLarge as error:
        raise TooLarge(str(error).replace("image", "video")) from None


def _check_regular(path: Path) -> None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(f"The file {str(path)!r} is not a regular file.")
        with path.open("rb"):
            pass
    except (FileNotFoundError, NotADirectoryError):
        raise MediaError(f"The file {str(path)!r} is not there.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"The file {str(path)!r} cannot be read: {reason}.") from error
    if not status.st_size:
        raise MediaError("The file is empty (0 bytes).")


def _why_not(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[4:8] in _BOXES:
        if not _has_index(path):
            return (
                "The video is truncated: its index (the moov atom) is missing, as when a "
                "recording or a download broke off."
            )
        return "The video has a header that is damaged or not supported."
    if isinstance(error, UnicodeError):
        return f"The file {str(path)!r} has a name that cannot be handed to FFmpeg."
    kind = looks_like(head)
    if kind and ("video" in kind or "sound" in kind):
        return f"The file is {kind} with a header that is damaged or not supported."
    if kind:
        return refusal(kind, "a video or sound file")
    return "The file is of no video or sound container that is known; it may be damaged."


def _has_index(path: Path) -> bool:
    """Walk the boxes of an ISO media file (ISO/IEC 14496-12, 4.2) in search of `moov`."""
    size = path.stat().st_size
    place = 0
    with path.open("rb") as file:
        while place + _BOX_HEAD <= size:
            file.seek(place)
            head = file.read(16)
            if head[4:8] == b"moov":
                return place + int.from_bytes(head[:4]) <= size
            length = int.from_bytes(head[:4])
            if length == 1:
                length = int.from_bytes(head[8:16])
            if length < _BOX_HEAD:
                return False
            place += length
    return False

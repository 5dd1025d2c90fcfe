"""Open a file of any kind: what it is, and the pixels of the items in it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import MediacorpusError, MediaError
from mediacorpus.files import sha256_file
from mediacorpus.media.animation import AnimationReader
from mediacorpus.media.audio import load_audio
from mediacorpus.media.decode import MAX_PIXELS, decode, read
from mediacorpus.media.document import Document, probe_document
from mediacorpus.media.header import probe
from mediacorpus.media.reading import PathLike
from mediacorpus.media.resize import crop_box
from mediacorpus.media.scale import Pixels, reduce, reduction
from mediacorpus.media.sniff import is_moving, pdf_start
from mediacorpus.media.vector import looks_like_svg, probe_vector
from mediacorpus.media.video import VideoReader, probe_video
from mediacorpus.records import FileFacts, Kind, Locator, Place

HEAD = 4096

Found = TypeVar("Found")
Stamps: TypeAlias = frozenset[tuple[int, int]]

_hashes: dict[tuple[str, int, int], str] = {}
_hashing = threading.Lock()


def inspect(
    path: PathLike, *, max_pixels: float = MAX_PIXELS, beat: Callable[[], None] | None = None
) -> tuple[str, FileFacts]:
    """Find out what a file is; hash its content.

    Parameters
    ----------
    path:
        An image, drawing, document, video or sound file.
    max_pixels:
        Images with more pixels are refused.
    beat:
        Called now and then while a large file is read.

    Returns
    -------
    sha256 : str
        Of the whole content, in hexadecimal.
    facts : FileFacts
        What the header says.

    Raises
    ------
    MediaError
        The file cannot be read, is of no known kind, or is damaged.
    TooLarge
        It has too many bytes or pixels.
    """
    path = Path(path)
    head = first_bytes(path)
    if is_moving(head, path.suffix):
        return hash_file(path, beat=beat), probe_video(path)
    data = read(path)
    digest = hashlib.sha256(data).hexdigest()
    return digest, probe_any(data, max_pixels=max_pixels)


def first_bytes(path: Path, count: int = HEAD) -> bytes:
    """Read the beginning of a regular file; raises `MediaError`."""
    try:
        if not path.is_file() or path.stat().st_size <= count:
            return read(path, max_bytes=count)
        with path.open("rb") as file:
            return file.read(count)
    except MediacorpusError:
        raise
    except (OSError, ValueError) as error:
        raise MediaError(f"The file {str(path)!r} cannot be read: {error}.") from error


def probe_any(data: bytes, *, max_pixels: float = MAX_PIXELS) -> FileFacts:
    """Read the header of an image, drawing or document; raises `MediaError`."""
    if pdf_start(data) is not None:
        return probe_document(data)
    if looks_like_svg(data):
        return probe_vector(data)
    return probe(data, max_pixels=max_pixels)


def hash_file(path: Path, *, beat: Callable[[], None] | None = None, verify: bool = False) -> str:
    """Give the SHA-256 of a file, read in blocks; a file that has not changed is read once.

    `verify` reads it even if its size and its time of change are those of the last time.
    """
    try:
        status = path.stat()
        key = (str(path), status.st_size, status.st_mtime_ns)
        if key in _hashes and not verify:
            return _hashes[key]
        digest = sha256_file(path, beat=beat)
    except OSError as error:
        raise MediaError(f"The file {str(path)!r} cannot be read: {error.strerror}.") from error
    with _hashing:
        if len(_hashes) > 10_000:  # noqa: PLR2004 - only a bound on memory
            _hashes.clear()
        _hashes[key] = digest
    return _hashes[key]


class Opener:
    """Gives the pixels of items; what was opened last stays open, as neighbors share files.

    Not for several threads at once: each takes one of its own.

    Parameters
    ----------
    max_pixels:
        Images with more pixels are refused.
    verify:
        Hash each file that is read, even if its size and its time of change say that it is as
        it was when it was added.
    """

    def __init__(self, *, max_pixels: float = MAX_PIXELS, verify: bool = False) -> None:
        self.max_pixels = max_pixels
        self.verify = verify
        self._sha256 = ""
        self._kept: tuple[tuple[str, tuple[Locator, ...]], Pixels] | None = None
        self._open: VideoReader | AnimationReader | Document | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
        self._open, self._sha256 = None, ""

    def pixels(self, place: Place, min_side: int | None = None) -> Pixels:
        """Give the upright RGB pixels `(H, W, 3)` of one item; see `images`."""
        return self.images(place, [min_side])[0]

    def images(self, place: Place, sides: Sequence[int | None]) -> list[Pixels]:
        """Give an item's pixels once for each of several values of `min_side`.

        Each is what it would be if it were asked for alone.

        Raises
        ------
        MediaError
            The file is gone, has changed, is damaged, or holds no such frame, page or box.
        TooLarge
            It has too many pixels.
        """
        if not place.locators:
            return self._file(place, sides)
        last = place.locators[-1]
        if last.kind is Kind.AUDIO:
            raise MediaError("The item is the audio track of a video; it has no images.")
        if last.kind is Kind.REGION:
            above = place.within(*place.locators[:-1])
            cut = crop_box(self._whole(above), last.box or (0, 0, 1, 1), fractions=True)
            return [reduce(cut, side) for side in sides]
        return [self._within(place, last, side) for side in sides]

    def _whole(self, place: Place) -> Pixels:
        """Decode what regions are cut out of; the last image is kept for its neighbors."""
        key = (place.sha256, place.locators)
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, self.pixels(place))
        return self._kept[1]

    def _file(self, place: Place, sides: Sequence[int | None]) -> list[Pixels]:
        data = content(place, verify=self.verify)
        if place.facts.format == "JPEG" or len(sides) == 1:
            short = min(place.facts.width, place.facts.height)
            by_factor: dict[int, Pixels] = {}
            for side in sides:
                factor = reduction(short, side)
                if factor not in by_factor:
                    by_factor[factor] = decode(
                        data, min_side=side, max_pixels=self.max_pixels, facts=place.facts
                    )
            return [by_factor[reduction(short, side)] for side in sides]
        if place.facts.format == "SVG":
            return [decode(data, min_side=side) for side in sides]
        full = decode(data, max_pixels=self.max_pixels, facts=place.facts)
        return [reduce(full, side) for side in sides]

    def _within(self, place: Place, locator: Locator, side: int | None) -> Pixels:
        container = self._container(place)
        if isinstance(container, Document):
            return container.page(
                locator.page or 1,
                dpi=locator.dpi or 0.0,
                min_side=side,
                max_pixels=self.max_pixels,
            )
        pts = locator.pts if locator.kind is Kind.FRAME else (locator.page or 1) - 1
        return container.frame(pts or 0, min_side=side)

    def _container(self, place: Place) -> VideoReader | AnimationReader | Document:
        if self._open is None or self._sha256 != place.sha256:
            self.close()
            if place.facts.kind is Kind.DOCUMENT:
                self._open = Document(content(place, verify=self.verify))
            elif place.facts.kind is Kind.VIDEO:
                self._open = VideoReader(
                    unchanged(place, verify=self.verify), max_pixels=self.max_pixels
                )
            else:
                self._open = AnimationReader(
                    content(place, verify=self.verify), max_pixels=self.max_pixels
                )
            self._sha256 = place.sha256
        return self._open


def sound(place: Place, **options: Any) -> tuple[NDArray[np.float32], int]:
    """Decode the sound of a sound file, a video or its audio track.

    Parameters
    ----------
    place:
        Where the item is.
    options:
        As for `mediacorpus.media.load_audio`, which says what comes back.

    Raises
    ------
    MediaError
        The file is gone, has changed, is damaged or has no sound.
    """
    return load_audio(unchanged(place), **options)


def content(place: Place, *, verify: bool = False) -> bytes:
    """Read the first of several copies that can be read and is still what was added.

    A copy whose size and time of change are those it had when it was added is taken to be
    unchanged. Any other is hashed, and so is each with `verify`.

    Raises
    ------
    MediaError
        None of them is.
    """

    def get(path: Path, known: Stamps) -> bytes | None:
        data = read(path)
        # Looked at after reading, so that a file that is being written does not pass.
        same = _stamp(path) in known or hashlib.sha256(data).hexdigest() == place.sha256
        return data if same else None

    return _first(place, get, verify=verify)


def unchanged(place: Place, *, verify: bool = False) -> Path:
    """Give the first copy that is still what was added, as `content`, without its bytes."""

    def check(path: Path, known: Stamps) -> Path | None:
        same = _stamp(path) in known or hash_file(path, verify=verify) == place.sha256
        return path if same else None

    return _first(place, check, verify=verify)


def _first(place: Place, get: Callable[[Path, Stamps], Found | None], *, verify: bool) -> Found:
    """Give what `get` gives for the first copy that has not changed."""
    none: list[Stamps] = [frozenset()] * len(place.paths)
    stamps = none if verify else [*place.stamps, *none]
    first: MediacorpusError | None = None
    for path, known in zip(place.paths, stamps, strict=False):
        try:
            found = get(path, known)
        except MediacorpusError as error:
            first = first or error
            continue
        if found is not None:
            return found
        first = first or MediaError(
            "The file has changed since it was added. Add it again to measure it as it is now."
        )
    raise first or MediaError("No file is known for this item.")


def _stamp(path: Path) -> tuple[int, int] | None:
    """Give size and time of change of a file, by which one that changed is known."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns

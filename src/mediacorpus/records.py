"""What travels between the layers: small frozen records and the five row shapes."""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


class Shape(enum.StrEnum):
    """The five shapes of rows that a measure can give."""

    SCALAR = "scalar"
    TAG = "tag"
    REGION = "region"
    TEXT = "text"
    VECTOR = "vector"


class Kind(enum.StrEnum):
    """What an item is: a file's content, or a place in another item."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    FRAME = "frame"
    PAGE = "page"
    REGION = "region"


VISUAL = (Kind.IMAGE, Kind.FRAME, Kind.PAGE, Kind.REGION)
"""Kinds of items that have pixels."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the header of a file says.

    Parameters
    ----------
    format:
        Name of the format as Pillow gives it, such as `"JPEG"`.
    width, height:
        Size in pixels as shown, after the EXIF orientation is applied.
    mode:
        Pillow's color mode, such as `"RGB"`, `"L"`, `"CMYK"` or `"I;16"`; of TIFF files also the
        type of numbers beyond 16 bits and the number of unnamed bands, as in `"RGB, float32"` and
        `"F, 5 bands"`.
    bytes:
        Size of the file in bytes.
    alpha:
        Whether the file has transparency.
    frames:
        Number of frames (1 for a still image).
    orientation:
        EXIF orientation, 1 to 8; 1 where the file says nothing.
    dpi:
        Density in dots per inch, or None.
    taken:
        Date and time as `"YYYY-MM-DDTHH:MM:SS"`, or None. A time zone follows, as in `"+02:00"`,
        where the file states it; else it is local time. That of videos is UTC (`"+00:00"`) unless
        they state the local one.
    icc:
        Whether a color profile is embedded.
    kind:
        What the item is.
    duration:
        Length of a video or sound in seconds, else None.
    frame_rate:
        Frames per second of a video on average, else None.
    sample_rate:
        Samples per second of the sound, None without sound.
    channels:
        Channels of the sound, None without sound.
    """

    format: str
    width: int
    height: int
    mode: str
    bytes: int
    alpha: bool = False
    frames: int = 1
    orientation: int = 1
    dpi: float | None = None
    taken: str | None = None
    icc: bool = False
    kind: Kind = Kind.IMAGE
    duration: float | None = None
    frame_rate: float | None = None
    sample_rate: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Locator:
    """The place of a derived item in its parent: one frame, page or box, or the audio track.

    Parameters
    ----------
    kind:
        `Kind.FRAME`, `Kind.PAGE`, `Kind.REGION`, or `Kind.AUDIO` for the sound of a video.
    frame:
        Number of a frame in the order of showing, from 0.
    pts:
        Time stamp of a frame in units of its stream, by which it is found again.
    time:
        Time of a frame in seconds from the first.
    page:
        Number of a page, from 1.
    dpi:
        Density at which a page is drawn, in dots per inch; None where it is an image already.
    box:
        x, y, width and height of a region in fractions of its parent, 0 to 1.

    Examples
    --------
    >>> str(Locator(Kind.FRAME, frame=300, pts=153_600, time=12.0))
    'frame=300'
    >>> str(Locator(Kind.PAGE, page=2, dpi=200.0))
    'page=2@200dpi'
    """

    kind: Kind
    frame: int | None = None
    pts: int | None = None
    time: float | None = None
    page: int | None = None
    dpi: float | None = None
    box: tuple[float, float, float, float] | None = None

    def sha256(self, parent: str) -> str:
        """Give what identifies the derived item: a hash of its parent's SHA-256 and its place.

        >>> len(Locator(Kind.FRAME, frame=3).sha256("ab" * 32))
        64
        """
        return hashlib.sha256(f"{parent}#{self}".encode()).hexdigest()

    def __str__(self) -> str:
        if self.kind is Kind.FRAME:
            return f"frame={self.frame}"
        if self.kind is Kind.PAGE:
            return f"page={self.page}" + (f"@{self.dpi:g}dpi" if self.dpi else "")
        if self.kind is Kind.AUDIO:
            return "audio"
        return "box=" + ",".join(f"{side:.6g}" for side in self.box or ())


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item is: a file, and for a derived item the way from the file to it.

    Parameters
    ----------
    paths:
        Files that hold the content, the best first.
    sha256:
        What the content of the file must hash to.
    facts:
        What its header says.
    locators:
        Steps from the file to the item; none for the file itself.
    stamps:
        For each path the sizes in bytes and times of change in ns that it had when its content
        was found to hash so; none where that is not known.
    """

    paths: tuple[Path, ...]
    sha256: str
    facts: FileFacts
    locators: tuple[Locator, ...] = ()
    stamps: tuple[frozenset[tuple[int, int]], ...] = ()

    def within(self, *locators: Locator) -> Place:
        """Give the place that one gets to from the same file by other steps."""
        return replace(self, locators=locators)


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot of a video: frames between two cuts.

    Parameters
    ----------
    number:
        Place of the shot in its video, from 1.
    first, last:
        Numbers of its first and last frame, from 0.
    start, stop:
        Time of its first frame, and of the first frame after it (or the video's end), in
        seconds.
    """

    number: int
    first: int
    last: int
    start: float
    stop: float


@dataclass(frozen=True, slots=True)
class Derived:
    """What was taken out of one file: places with the facts of each, and the shots if any.

    `broken` names the parts that could not be had, such as `"page=2"`, each with the reason.
    """

    places: Sequence[tuple[Locator, FileFacts]]
    shots: Sequence[Shot] = ()
    broken: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Tag:
    """A name that applies to an item with a score between 0 and 1.

    `more` holds the further columns that the measure declares in `Info.outputs`.
    """

    tag: str
    score: float
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Region:
    """A named box in an item, in fractions of its width and height (0 to 1).

    `more` holds the further columns that the measure declares in `Info.outputs`, such as
    landmarks.
    """

    tag: str
    score: float
    x: float
    y: float
    width: float
    height: float
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A span of text in an item: a line of a page, an utterance of a recording.

    Parameters
    ----------
    text:
        What it says.
    start, stop:
        When it is said, in seconds from the beginning; None where there is no time.
    x, y, width, height:
        Where it stands, in fractions of the item's width and height; None where it has no place.
    language:
        Code of the language as in BCP 47, such as `"en"`, or None.
    speaker:
        Who says it, or None.
    score:
        How sure the measure is, 0 to 1, or None.
    more:
        Further columns that the measure declares in `Info.outputs`.
    """

    text: str
    start: float | None = None
    stop: float | None = None
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    language: str | None = None
    speaker: str | None = None
    score: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Label:
    """What a person said about an item.

    `coder` is `"folder"` for labels that come from the name of a class folder.
    """

    item: str
    variable: str
    value: str
    coder: str = ""
    seconds: float | None = None


SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or item that a run could not deal with, and why.

    `subject` is an item id, or the path of a file that never became an item. The stage
    `SKIPPED` is for files that are no media; they do not count as failed.
    """

    subject: str
    path: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled item for training: where it is and which part it is in.

    `part` is `"train"`, `"val"` or `"test"`. Where `place` is given the pixels are had from
    there, and `path` is only its name. `group` is the number of what must not be parted, such as
    the images of one author; None is on its own.
    """

    item: str
    path: str
    label: str
    part: str
    place: Place | None = None
    group: int | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """What the registry knows of a measure, backbone or source.

    Parameters
    ----------
    name:
        Lower-case name by which users ask for it.
    version:
        Raised whenever the same input would give other output.
    summary:
        One line.
    licence:
        Licence of code and weights.
    citation:
        Source of the method.
    extra:
        Extra of the package that it needs, or `""`.
    shape:
        Row shape of the output.
    outputs:
        Column name → Arrow type name: `"float64"`, `"int64"`, `"string"`, `"bool"`, or a list
        of a fixed length such as `"float32[10]"`. For `scalar` all columns; for `vector`
        `{"vector": "<length>"}`; for the other shapes what their rows hold besides the usual
        columns, such as landmarks of a face.
    pixels:
        Whether the decoded image is needed; if not, only the file's header is read.
    min_side:
        Pixels that the short side of the decoded image must have at least
        (images that are smaller come as they are); None asks for the full size.
    kinds:
        Kinds of items that can be measured; others are skipped.
    labels:
        Column name → what it holds in a few words, with its range or unit: for codebooks, and
        for the labels of variables in Stata and SPSS. At most 80 characters.
    private:
        Whether the rows may point to a person. They then stand in no tidy table, file or report
        unless their columns are asked for by name.
    """

    name: str
    version: str
    summary: str
    licence: str
    citation: str = ""
    extra: str = ""
    shape: Shape = Shape.SCALAR
    outputs: Mapping[str, str] = field(default_factory=dict)
    pixels: bool = True
    min_side: int | None = 256
    kinds: tuple[Kind, ...] = VISUAL
    labels: Mapping[str, str] = field(default_factory=dict)
    private: bool = False


_BOX = dict.fromkeys(("x", "y", "width", "height"), "float64")
_RANKED = {
    Shape.TAG: {"rank": "int32", "tag": "string", "score": "float64"},
    Shape.REGION: {"rank": "int32", "region": "string", "tag": "string", "score": "float64"} | _BOX,
    Shape.TEXT: {"rank": "int32", "text": "string", "start": "float64", "stop": "float64"}
    | _BOX
    | {"language": "string", "speaker": "string", "score": "float64"},
}
_LIST = re.compile(r"(\w+)\[(\d+)\]")


def arrow_type(name: str) -> pa.DataType:
    """Turn the name of a column's type into Arrow's type.

    Raises
    ------
    pyarrow.ArrowException, ValueError
        Arrow knows no such type.

    Examples
    --------
    >>> arrow_type("float32[3]")
    FixedSizeListType(fixed_size_list<item: float>[3])
    """
    import pyarrow as pa

    found = _LIST.fullmatch(name)
    if found is not None:
        return pa.list_(pa.type_for_alias(found[1]), int(found[2]))
    return pa.type_for_alias(name)


def schema(info: Info) -> pa.Schema:
    """Give the Arrow schema of the rows of a measure.

    Every row begins with `item` (the item's id) and `run` (the run's id). Tags, regions and
    spans of text go on with `rank`, from 1; a region with its own id, by which it is an item.

    Raises
    ------
    pyarrow.ArrowException
        An output names a type that Arrow does not know.

    Examples
    --------
    >>> info = Info("size", "1", "File size.", "Apache-2.0", outputs={"bytes": "int64"})
    >>> schema(info).names
    ['item', 'run', 'bytes']
    """
    import pyarrow as pa

    columns = {"item": "string", "run": "int64"}
    if info.shape is Shape.VECTOR:
        columns["vector"] = f"float32[{int(info.outputs['vector'])}]"
    else:
        columns |= _RANKED.get(info.shape, {}) | dict(info.outputs)
    return pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])

"""What travels between the layers: small frozen records and the five row shapes."""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the header of a picture file says.

    Parameters
    ----------
    format:
        Name of the format as Pillow gives it, such as `"JPEG"`.
    width, height:
        Size in pixels as shown, after the EXIF orientation is applied.
    mode:
        Pillow's colour mode, such as `"RGB"`, `"L"`, `"CMYK"` or `"I;16"`.
    bytes:
        Size of the file in bytes.
    alpha:
        Whether the file has transparency.
    frames:
        Number of frames (1 for a still picture).
    orientation:
        EXIF orientation, 1 to 8; 1 where the file says nothing.
    dpi:
        Density in dots per inch, or None.
    taken:
        EXIF date and time as `"YYYY-MM-DDTHH:MM:SS"`, or None.
    icc:
        Whether a colour profile is embedded.
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


@dataclass(frozen=True, slots=True)
class Tag:
    """A name that applies to an item with a score between 0 and 1."""

    tag: str
    score: float


@dataclass(frozen=True, slots=True)
class Region:
    """A named box in an item, in fractions of its width and height (0 to 1)."""

    tag: str
    score: float
    x: float
    y: float
    width: float
    height: float


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


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or item that a run could not deal with, and why.

    `subject` is an item id, or the path of a file that never became an item.
    """

    subject: str
    path: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled item for training: where its file is and which part it is in.

    `part` is `"train"`, `"val"` or `"test"`.
    """

    item: str
    path: str
    label: str
    part: str


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
        For `scalar`: column name → Arrow type name (`"float64"`, `"int64"`, `"string"`,
        `"bool"`). For `vector`: `{"vector": "<length>"}`. Else empty.
    pixels:
        Whether the decoded picture is needed; if not, only the file's header is read.
    min_side:
        Pixels that the short side of the decoded picture must have at least
        (pictures that are smaller come as they are); None asks for the full size.
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


@functools.cache
def _columns(shape: Shape) -> dict[str, str]:
    return {
        Shape.SCALAR: {},
        Shape.TAG: {"rank": "int32", "tag": "string", "score": "float64"},
        Shape.REGION: {
            "rank": "int32",
            "tag": "string",
            "score": "float64",
            "x": "float64",
            "y": "float64",
            "width": "float64",
            "height": "float64",
        },
        Shape.TEXT: {"text": "string"},
        Shape.VECTOR: {},
    }[shape]


def schema(info: Info) -> pa.Schema:
    """Give the Arrow schema of the rows of a measure.

    Every row begins with `item` (the item's id) and `run` (the run's id).

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

    fields: list[tuple[str, Any]] = [("item", pa.string()), ("run", pa.int64())]
    if info.shape is Shape.SCALAR:
        fields += [(name, pa.type_for_alias(kind)) for name, kind in info.outputs.items()]
    elif info.shape is Shape.VECTOR:
        length = int(info.outputs["vector"])
        fields.append(("vector", pa.list_(pa.float32(), length)))
    else:
        fields += [(n, pa.type_for_alias(k)) for n, k in _columns(info.shape).items()]
    return pa.schema(fields)

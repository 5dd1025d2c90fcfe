"""What the header of the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediacorpus.engine.contract import Batch, measure
from mediacorpus.records import FileFacts, Info

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INFO = Info(
    name="facts",
    version="1",
    summary="Format, size, colour mode, date and density, from the header of the file.",
    licence="Apache-2.0",
    outputs={
        "format": "string",
        "width": "int64",
        "height": "int64",
        "mode": "string",
        "alpha": "bool",
        "bytes": "int64",
        "frames": "int64",
        "dpi": "float64",
        "taken": "string",
        "megapixels": "float64",
        "aspect_ratio": "float64",
    },
    pixels=False,
    min_side=None,
)


@measure(INFO)
def facts(batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Tell what the headers of the files say.

    Parameters
    ----------
    batch:
        Pictures; their pixels are not needed.

    Returns
    -------
    sequence of mapping
        For each picture: format; width and height in pixels as shown; colour mode; alpha;
        size in bytes; frames; density in dots per inch and EXIF date, None where the file
        says nothing; millions of pixels; width divided by height.

    Examples
    --------
    >>> from mediacorpus.engine.contract import Picture
    >>> [row] = facts(Batch([Picture("a", FileFacts("JPEG", 1600, 1200, "RGB", 250_000))]))
    >>> row["megapixels"], round(row["aspect_ratio"], 2), row["dpi"]
    (1.92, 1.33, None)
    """
    return [_row(picture.file) for picture in batch.pictures]


def _row(file: FileFacts) -> Mapping[str, Any]:
    return {
        "format": file.format,
        "width": file.width,
        "height": file.height,
        "mode": file.mode,
        "alpha": file.alpha,
        "bytes": file.bytes,
        "frames": file.frames,
        "dpi": file.dpi,
        "taken": file.taken,
        "megapixels": file.width * file.height / 1e6,
        "aspect_ratio": file.width / file.height,
    }

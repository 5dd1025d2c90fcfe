"""What the header of the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediacorpus.engine.contract import Batch, measure
from mediacorpus.records import FileFacts, Info, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INFO = Info(
    name="facts",
    version="2",
    summary="Kind, format, size, color mode, date, density, duration, from the file's header.",
    licence="Apache-2.0",
    outputs={
        "kind": "string",
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
        "duration": "float64",
        "frame_rate": "float64",
        "sample_rate": "int64",
        "channels": "int64",
    },
    pixels=False,
    min_side=None,
    kinds=tuple(Kind),
    labels={
        "kind": "Kind: image, frame, page, region, video, audio, document",
        "format": "File format",
        "width": "Width in pixels, upright",
        "height": "Height in pixels, upright",
        "mode": "Color mode of the file, such as RGB or L (gray)",
        "alpha": "Whether there is transparency",
        "bytes": "Size of the file in bytes",
        "frames": "Frames, pages or layers in the file",
        "dpi": "Density in pixels per inch, as the file says",
        "taken": "When it was taken, as the file says",
        "megapixels": "Millions of pixels",
        "aspect_ratio": "Width divided by height",
        "duration": "Duration in seconds",
        "frame_rate": "Frames per second",
        "sample_rate": "Samples of sound per second",
        "channels": "Channels of sound",
    },
)


@measure(INFO)
def facts(batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Tell what the headers of the files say.

    Parameters
    ----------
    batch:
        Images; their pixels are not needed.

    Returns
    -------
    sequence of mapping
        For each item: kind; format; width and height in pixels as shown (0 for sound); color
        mode; alpha; size in bytes, None for a part of a file; frames or pages; density in dots
        per inch and date of taking, None where the file says nothing; millions of pixels; width
        divided by height; and for video and sound duration in seconds, frames per second,
        samples per second and channels of sound.

    Examples
    --------
    >>> from mediacorpus.engine.contract import BatchItem
    >>> [row] = facts(Batch([BatchItem("a", FileFacts("JPEG", 1600, 1200, "RGB", 250_000))]))
    >>> row["megapixels"], round(row["aspect_ratio"], 2), row["dpi"]
    (1.92, 1.33, None)
    """
    return [_row(one.file) for one in batch.items]


def _row(file: FileFacts) -> Mapping[str, Any]:
    return {
        "kind": file.kind.value,
        "format": file.format,
        "width": file.width,
        "height": file.height,
        "mode": file.mode,
        "alpha": file.alpha,
        "bytes": file.bytes or None,
        "frames": file.frames,
        "dpi": file.dpi,
        "taken": file.taken,
        "megapixels": file.width * file.height / 1e6,
        "aspect_ratio": file.width / file.height if file.height else None,
        "duration": file.duration,
        "frame_rate": file.frame_rate,
        "sample_rate": file.sample_rate,
        "channels": file.channels,
    }

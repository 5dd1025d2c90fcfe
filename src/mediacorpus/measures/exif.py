"""What took an image, and where: off unless asked for by name, and never exported by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediacorpus.engine.contract import Batch, BatchItem, measure
from mediacorpus.media.metadata import (
    read_camera,
    read_location,
    read_video_camera,
    read_video_location,
)
from mediacorpus.media.opening import content, unchanged
from mediacorpus.records import Info, Kind, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_KINDS = (Kind.IMAGE, Kind.VIDEO)

CAMERA = Info(
    name="camera",
    version="1",
    summary="Camera, lens, exposure and software, as the file says (EXIF). Only by name.",
    licence="Apache-2.0",
    citation="CIPA DC-008 (2023), Exchangeable image file format (Exif) version 3.0",
    outputs={
        "camera_make": "string",
        "camera_model": "string",
        "camera_lens": "string",
        "camera_software": "string",
        "exposure_time": "float64",
        "f_number": "float64",
        "iso": "int64",
        "focal_length": "float64",
        "focal_length_35mm": "float64",
        "flash": "bool",
        "exif_orientation": "int64",
    },
    pixels=False,
    min_side=None,
    kinds=_KINDS,
    private=True,
    labels={
        "camera_make": "Maker of the camera, as the file says",
        "camera_model": "Model of the camera, as the file says",
        "camera_lens": "Lens, as the file says",
        "camera_software": "Software that wrote the file, as it says",
        "exposure_time": "Exposure time in seconds",
        "f_number": "Aperture (f-number)",
        "iso": "Sensitivity (ISO)",
        "focal_length": "Focal length in millimeters",
        "focal_length_35mm": "Focal length in millimeters, as of 35 mm film",
        "flash": "Whether the flash fired",
        "exif_orientation": "EXIF orientation, 1 (upright) to 8",
    },
)

LOCATION = Info(
    name="location",
    version="1",
    summary="Where an image or video was taken, as the file says (GPS). Only by name.",
    licence="Apache-2.0",
    citation="CIPA DC-008 (2023), Exif version 3.0; ISO 6709:2022",
    outputs={
        "latitude": "float64",
        "longitude": "float64",
        "altitude": "float64",
        "direction": "float64",
        "gps_time": "string",
    },
    pixels=False,
    min_side=None,
    kinds=_KINDS,
    private=True,
    labels={
        "latitude": "Latitude in degrees, north positive, as the file says",
        "longitude": "Longitude in degrees, east positive, as the file says",
        "altitude": "Altitude in meters, as the file says",
        "direction": "Direction of view in degrees clockwise from north",
        "gps_time": "Time of the satellites (UTC), as the file says",
    },
)

_PLAIN = {
    "camera_make": "make",
    "camera_model": "model",
    "camera_lens": "lens",
    "camera_software": "software",
    "exif_orientation": "orientation",
}


@measure(CAMERA)
def camera(batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Read from each file what took it and how; see `mediacorpus.media.read_camera`.

    The rows may point to a person. They stand neither in the tidy table nor in an export of it
    unless their columns are asked for by name, and not in a report.

    Parameters
    ----------
    batch:
        Images and videos. Frames, pages and regions are not measured.

    Returns
    -------
    sequence of mapping
        The columns, None where the file says nothing. Videos state make, model and software only.

    Examples
    --------
    >>> from mediacorpus.records import FileFacts
    >>> [row] = camera(Batch([BatchItem("a", FileFacts("JPEG", 8, 8, "RGB", 9))]))
    >>> row["camera_make"] is None
    True
    """
    rows = [_read(one, camera_of) for one in batch.items]
    return [{name: row.get(_PLAIN.get(name, name)) for name in CAMERA.outputs} for row in rows]


@measure(LOCATION)
def location(batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Read from each file where it was taken; see `mediacorpus.media.read_location`.

    The rows may point to a person. They stand neither in the tidy table nor in an export of it
    unless their columns are asked for by name, and not in a report.

    Parameters
    ----------
    batch:
        Images and videos. Frames, pages and regions are not measured.

    Returns
    -------
    sequence of mapping
        The columns, None where the file says nothing.

    Examples
    --------
    >>> from mediacorpus.records import FileFacts
    >>> [row] = location(Batch([BatchItem("a", FileFacts("JPEG", 8, 8, "RGB", 9))]))
    >>> sorted(row)
    ['altitude', 'direction', 'gps_time', 'latitude', 'longitude']
    """
    rows = [_read(one, location_of) for one in batch.items]
    return [{name: row.get(name) for name in LOCATION.outputs} for row in rows]


def camera_of(place: Place) -> dict[str, Any]:
    """Read what took the file at a place."""
    if place.facts.kind is Kind.VIDEO:
        return read_video_camera(unchanged(place))
    return read_camera(content(place))


def location_of(place: Place) -> dict[str, Any]:
    """Read where the file at a place was taken."""
    if place.facts.kind is Kind.VIDEO:
        return read_video_location(unchanged(place))
    return read_location(content(place))


def _read(one: BatchItem, function: Callable[[Place], dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {} if one.read is None else one.read(function)
    return found

"""What cameras and phones write into files beside the image: the camera, and the place."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image

from mediacorpus.media._ffmpeg import media_errors, open_container
from mediacorpus.media.header import image_errors, open_image
from mediacorpus.media.reading import PathLike, contents
from mediacorpus.media.vector import looks_like_svg

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASE, _GPS = ExifTags.Base, ExifTags.GPS
_LETTERS = 200
_FIRED = 1
_ORIENTATIONS: set[float | None] = {*range(1, 9)}
_BELOW = {1, 3}  # Exif 3.0, tag 6: below the ellipsoid, below sea level
_SIXTIETHS = 60.0
_DEGREES = {"latitude": 90.0, "longitude": 180.0}
_HIGHEST = 100_000.0  # meters
_ISO_6709 = re.compile(r"([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?(?:CRS.*)?/?")
_MAKER = ("com.apple.quicktime.make", "com.android.manufacturer", "make")
_MODEL = ("com.apple.quicktime.model", "com.android.model", "model")
_PROGRAM = ("com.apple.quicktime.software", "software", "encoder")
_PLACE = ("com.apple.quicktime.location.iso6709", "location", "location-eng")


def read_camera(file: bytes | PathLike) -> dict[str, Any]:
    """Read from an image file what took it, and how.

    Parameters
    ----------
    file:
        The whole file as bytes, or its path.

    Returns
    -------
    dict
        `make`, `model`, `lens` and `software`; `exposure_time` in seconds, `f_number`, `iso`,
        `focal_length` and `focal_length_35mm` in millimeters, `flash` (whether it fired) and
        `orientation` (1 to 8). None where the file says nothing, or nothing sensible.

    Raises
    ------
    MediaError
        The file cannot be read, or is no image.

    Examples
    --------
    >>> import io
    >>> exif = Image.Exif()
    >>> exif[ExifTags.Base.Make] = "NIKON CORPORATION"
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
    >>> read_camera(file.getvalue())["make"]
    'NIKON CORPORATION'
    """
    exif = _exif(contents(file))
    inner = _directory(exif, ExifTags.IFD.Exif)
    flash, orientation = _number(inner.get(_BASE.Flash)), _number(exif.get(_BASE.Orientation))
    return {
        "make": _text(exif.get(_BASE.Make)),
        "model": _text(exif.get(_BASE.Model)),
        "lens": _text(inner.get(_BASE.LensModel)),
        "software": _text(exif.get(_BASE.Software)),
        "exposure_time": _positive(inner.get(_BASE.ExposureTime)),
        "f_number": _positive(inner.get(_BASE.FNumber)),
        "iso": _whole(_positive(inner.get(_BASE.ISOSpeedRatings))),
        "focal_length": _positive(inner.get(_BASE.FocalLength)),
        "focal_length_35mm": _positive(inner.get(_BASE.FocalLengthIn35mmFilm)),
        "flash": None if flash is None else bool(int(flash) & _FIRED),
        "orientation": _whole(orientation) if orientation in _ORIENTATIONS else None,
    }


def read_location(file: bytes | PathLike) -> dict[str, Any]:
    """Read from an image file where it was taken.

    Parameters
    ----------
    file:
        The whole file as bytes, or its path.

    Returns
    -------
    dict
        `latitude` (north is positive) and `longitude` (east is positive) in degrees, `altitude`
        in meters (below sea level is negative), `direction` in degrees clockwise from north, and
        `gps_time`, the time of the satellites in UTC. None where the file says nothing or
        nothing sensible, such as no hemisphere.

    Raises
    ------
    MediaError
        The file cannot be read, or is no image.

    Examples
    --------
    >>> import io
    >>> exif = Image.Exif()
    >>> exif[ExifTags.IFD.GPSInfo] = {1: "S", 2: (33.0, 51.0, 24.0), 3: "E", 4: (151.0, 12.0, 0)}
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
    >>> found = read_location(file.getvalue())
    >>> round(found["latitude"], 4), round(found["longitude"], 4), found["altitude"]
    (-33.8567, 151.2, None)
    """
    gps = _directory(_exif(contents(file)), ExifTags.IFD.GPSInfo)
    altitude = _number(gps.get(_GPS.GPSAltitude))
    direction = _number(gps.get(_GPS.GPSImgDirection))
    return _place(
        _angle(gps.get(_GPS.GPSLatitude), gps.get(_GPS.GPSLatitudeRef), "NS"),
        _angle(gps.get(_GPS.GPSLongitude), gps.get(_GPS.GPSLongitudeRef), "EW"),
        _signed_height(altitude, gps.get(_GPS.GPSAltitudeRef)),
    ) | {
        "direction": direction if direction is not None and 0 <= direction <= 360 else None,  # noqa: PLR2004
        "gps_time": _satellite_time(gps),
    }


def read_video_camera(path: PathLike) -> dict[str, Any]:
    """Read from a video file what took it: `make`, `model` and `software`, as `read_camera`."""
    tags = _video_tags(Path(path))
    names = {"make": _MAKER, "model": _MODEL, "software": _PROGRAM}
    return {name: _text(_first_of(tags, keys)) for name, keys in names.items()}


def read_video_location(path: PathLike) -> dict[str, Any]:
    """Read from a video file where it was taken: `latitude`, `longitude` and `altitude`."""
    return parse_iso6709(_first_of(_video_tags(Path(path)), _PLACE) or "")


def parse_iso6709(text: str) -> dict[str, float | None]:
    """Read a place as videos state it (ISO 6709, annex H), in degrees or with minutes and seconds.

    >>> parse_iso6709("+48.8577-002.2950+035.000/")
    {'latitude': 48.8577, 'longitude': -2.295, 'altitude': 35.0}
    >>> parse_iso6709("+4851.462-00217.7/")["latitude"]
    48.8577
    """
    found = _ISO_6709.fullmatch(text.strip("\x00 "))
    if found is None:
        return _place(None, None, None)
    latitude, longitude = _sexagesimal(found[1], whole=2), _sexagesimal(found[2], whole=3)
    return _place(latitude, longitude, float(found[3]) if found[3] else None)


def _exif(data: bytes) -> Image.Exif:
    """Read the EXIF block of an image; of PNG files also one behind the pixels."""
    if looks_like_svg(data):
        return Image.Exif()
    with image_errors():
        image = open_image(data, math.inf)
        try:
            return image.getexif()
        except (SyntaxError, ValueError, TypeError, KeyError, EOFError):  # a damaged block
            return Image.Exif()


def _directory(exif: Image.Exif, which: ExifTags.IFD) -> dict[int, Any]:
    with image_errors():
        try:
            return dict(exif.get_ifd(which))
        except (SyntaxError, ValueError, TypeError, KeyError, EOFError, AttributeError):
            return {}


def _video_tags(path: Path) -> Mapping[str, str]:
    with media_errors(), open_container(path) as container:
        return {str(key).lower(): str(value) for key, value in container.metadata.items()}


def _first_of(tags: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    return next((tags[key] for key in keys if tags.get(key)), None)


def _text(value: Any) -> str | None:
    """Give text without control characters; None where nothing is left."""
    plain = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(plain, str):
        return None
    kept = "".join(letter if letter.isprintable() else " " for letter in plain)
    return " ".join(kept.split())[:_LETTERS] or None


def _number(value: Any) -> float | None:
    """Give a number, the first of several; None where it is none, as 0/0 is."""
    if isinstance(value, (tuple, list)):
        value = value[0] if value else None
    if isinstance(value, bytes):
        value = value[0] if len(value) == 1 else None
    try:
        found = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _positive(value: Any) -> float | None:
    found = _number(value)
    return found if found is not None and found > 0 else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _angle(parts: Any, hemisphere: Any, signs: str) -> float | None:
    """Give degrees from degrees, minutes and seconds, negative in the second hemisphere."""
    side = (_text(hemisphere) or "").upper()[:1]
    given = parts if isinstance(parts, (tuple, list)) else (parts,)
    numbers = [_number(part) for part in given]
    if not side or side not in signs or not numbers or numbers[0] is None:
        return None
    if any(number is None for number in numbers[1:]):
        return None
    whole = sum((n or 0.0) / _SIXTIETHS**power for power, n in enumerate(numbers[:3]))
    return abs(whole) if side == signs[0] else -abs(whole)


def _sexagesimal(text: str, *, whole: int) -> float:
    """Read degrees, or degrees and minutes, or these and seconds, written without gaps."""
    sign, digits = -1.0 if text[0] == "-" else 1.0, text[1:]
    before = len(digits.partition(".")[0])
    if before <= whole:
        return sign * float(digits)
    minutes = digits[whole : whole + 2] if before > whole + 2 else digits[whole:]
    seconds = digits[whole + 2 :] if before > whole + 2 else "0"
    parts = (float(digits[:whole]), float(minutes), float(seconds))
    return sign * sum(part / _SIXTIETHS**power for power, part in enumerate(parts))


def _signed_height(altitude: float | None, reference: Any) -> float | None:
    if altitude is None:
        return None
    return -abs(altitude) if _number(reference) in _BELOW else altitude


def _place(
    latitude: float | None, longitude: float | None, altitude: float | None
) -> dict[str, float | None]:
    """Give a place; one off the globe is none."""
    found = {"latitude": latitude, "longitude": longitude}
    there = all(v is not None and abs(v) <= _DEGREES[name] for name, v in found.items())
    high = altitude if altitude is not None and abs(altitude) < _HIGHEST else None
    shown = {name: None if value is None else round(value, 9) for name, value in found.items()}
    return (shown if there else dict.fromkeys(found)) | {"altitude": high}


def _satellite_time(gps: Mapping[int, Any]) -> str | None:
    day, clock = _text(gps.get(_GPS.GPSDateStamp)), gps.get(_GPS.GPSTimeStamp)
    parts = [_number(part) for part in clock] if isinstance(clock, (tuple, list)) else []
    if day is None or len(parts) != 3 or any(part is None for part in parts):  # noqa: PLR2004
        return None
    try:
        start = datetime.fromisoformat(day.replace(":", "-") + "T00:00:00+00:00")
        hours, minutes, seconds = (part or 0.0 for part in parts)
        when = start + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):
        return None
    return when.isoformat(timespec="seconds")

from __future__ import annotations

import io

import av
import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from mediacorpus.media.metadata import (
    parse_iso6709,
    read_camera,
    read_location,
    read_video_camera,
    read_video_location,
)

SYDNEY = {
    1: "S",
    2: (33.0, 51.0, 24.36),
    3: "E",
    4: (151.0, 12.0, 0.5),
    5: b"\x00",
    6: 12.5,
    17: 271.5,
    29: "2021:05:06",
    7: (7.0, 8.0, 9.0),
}


def exif(gps=SYDNEY, **base):
    made = Image.Exif()
    made[0x010F], made[0x0110], made[0x0131] = "Apple\0 ", "iPhone 12", "14.6"
    made[0x0112] = 6
    made[0x8769] = {
        33434: IFDRational(1, 120),
        33437: IFDRational(16, 10),
        34855: 32,
        37386: IFDRational(42, 10),
        41989: 26,
        37385: 16,
        42036: "iPhone 12 back camera",
    } | base
    made[0x8825] = gps
    return made


def saved(kind, made):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, kind, exif=made)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_every_format_that_holds_exif(kind):
    if kind == "TIFF":
        # A TIFF file is what an EXIF block is: the image's own tags come before it.
        made = exif()
        strip = {256: 1, 257: 1, 258: 8, 262: 1, 273: 8, 277: 1, 278: 1, 279: 1}
        for tag, value in strip.items():
            made[tag] = value
        data = made.tobytes()[6:]
    else:
        data = saved(kind, exif())
    camera, location = read_camera(data), read_location(data)
    assert (camera["make"], camera["model"]) == ("Apple", "iPhone 12")
    assert camera["exposure_time"] == pytest.approx(1 / 120)
    assert (camera["f_number"], camera["iso"]) == (pytest.approx(1.6), 32)
    assert (camera["focal_length"], camera["focal_length_35mm"]) == (pytest.approx(4.2), 26)
    assert (camera["flash"], camera["lens"]) == (False, "iPhone 12 back camera")
    assert location["latitude"] == pytest.approx(-33.8567667)
    assert location["longitude"] == pytest.approx(151.2001389)
    assert (location["altitude"], location["direction"]) == (12.5, 271.5)
    assert location["gps_time"] == "2021-05-06T07:08:09+00:00"


@pytest.mark.parametrize(
    ("changed", "latitude", "longitude", "altitude"),
    [
        ({1: "N", 3: "W", 5: b"\x01"}, 33.8567667, -151.2001389, -12.5),
        ({5: 3}, -33.8567667, 151.2001389, -12.5),
        ({2: (33.0, 51.406, 0.0)}, -33.8567667, 151.2001389, 12.5),
        ({1: None}, None, None, 12.5),
        ({2: (IFDRational(0, 0),) * 3}, None, None, 12.5),
        ({2: (95.0, 0.0, 0.0)}, None, None, 12.5),
        ({4: None, 6: IFDRational(1, 0)}, None, None, None),
    ],
)
def test_signs_and_what_is_no_place(changed, latitude, longitude, altitude):
    gps = {tag: value for tag, value in (SYDNEY | changed).items() if value is not None}
    found = read_location(saved("JPEG", exif(gps)))
    assert found["latitude"] == (latitude and pytest.approx(latitude, abs=1e-6))
    assert found["longitude"] == (longitude and pytest.approx(longitude, abs=1e-6))
    assert found["altitude"] == altitude


def test_files_that_say_nothing_or_nonsense():
    plain = saved("JPEG", Image.Exif())
    assert set(read_camera(plain).values()) == {None}
    assert set(read_location(plain).values()) == {None}
    assert set(read_camera(b"<svg xmlns='http://www.w3.org/2000/svg'/>").values()) == {None}
    broken = saved("JPEG", exif()).replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\0*\xff\xff", 1)
    assert set(read_location(broken).values()) == {None}


@pytest.mark.parametrize(
    ("text", "latitude", "longitude", "altitude"),
    [
        ("+48.8577-002.2950+035.000/", 48.8577, -2.295, 35.0),
        ("+4851.462-00217.700/", 48.8577, -2.295, None),
        ("-485127.72+0021742.0-005/", -48.8577, 2.295, -5.0),
        ("+48.8577+002.2950+035.000CRSWGS_84/", 48.8577, 2.295, 35.0),
        ("+98.0+002.0/", None, None, None),
        ("somewhere", None, None, None),
    ],
)
def test_places_of_videos(text, latitude, longitude, altitude):
    found = parse_iso6709(text)
    assert found["latitude"] == (latitude and pytest.approx(latitude))
    assert found["longitude"] == (longitude and pytest.approx(longitude))
    assert found["altitude"] == altitude


@pytest.mark.parametrize(
    ("suffix", "tags"),
    [
        (
            ".mov",
            {
                "com.apple.quicktime.location.ISO6709": "+48.8577-002.2950+035.000/",
                "com.apple.quicktime.make": "Apple",
            },
        ),
        (".mp4", {"location": "+48.8577-002.2950/"}),
    ],
)
def test_videos(tmp_path, suffix, tags):
    path = tmp_path / f"clip{suffix}"
    options = {"movflags": "use_metadata_tags"} if suffix == ".mov" else {}
    with av.open(str(path), "w", options=options) as file:
        file.metadata.update(tags)
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        file.mux(stream.encode(frame.reformat(format="yuv420p")))
        file.mux(stream.encode(None))
    found = read_video_location(path)
    assert (found["latitude"], found["longitude"]) == (48.8577, -2.295)
    if suffix == ".mov":
        assert found["altitude"] == 35
        assert read_video_camera(path)["make"] == "Apple"


def test_a_tiff_without_exif_is_read(tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((4, 4), np.uint8), metadata=None)
    assert read_camera(tmp_path / "plain.tif")["make"] is None

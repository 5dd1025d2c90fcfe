"""Small valid files of every kind that is decoded, made on the spot."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def made() -> dict[str, list[tuple[str, bytes]]]:
    """Make small valid files: by kind, suffix and content of each."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    for kind, suffix, data in [*images(), *drawings(), *moving(), *archives()]:
        found.setdefault(kind, []).append((suffix, data))
    return found


def images() -> Iterator[tuple[str, str, bytes]]:
    import numpy as np
    from PIL import Image, features

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 56, 3), np.uint8)
    rgb = Image.fromarray(noise // 4 + np.arange(56, dtype=np.uint8)[None, :, None])
    exif = Image.Exif()
    exif[274], exif[306] = 6, "2020:01:02 03:04:05"
    rgba = rgb.convert("RGBA")
    rgba.putalpha(rgb.convert("L"))
    more = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)], "duration": 50}
    deep = Image.fromarray(rng.integers(0, 65536, (30, 40), np.uint16))
    wanted: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("JPEG", ".jpg", rgb, {"exif": exif, "quality": 80}),
        ("JPEG", ".jpg", rgb, {"progressive": True, "comment": b"a comment"}),
        ("JPEG", ".jpg", rgb.convert("CMYK"), {}),
        ("JPEG", ".jpg", rgb.convert("L"), {"restart_marker_rows": 1}),
        ("PNG", ".png", rgba, {"exif": exif, "dpi": (300, 300)}),
        ("PNG", ".png", rgb.quantize(16), {"transparency": 3}),
        ("PNG", ".png", deep, {}),
        ("PNG", ".png", rgb, more),
        ("GIF", ".gif", rgb, more),
        ("GIF", ".gif", rgb.convert("P"), {"transparency": 0}),
        ("WEBP", ".webp", rgb, {"exif": exif}),
        ("WEBP", ".webp", rgba, {"lossless": True}),
        ("WEBP", ".webp", rgb, more),
        ("BMP", ".bmp", rgb, {}),
        ("BMP", ".bmp", rgb.convert("P"), {}),
        ("TIFF", ".tif", rgb, {}),
        ("TIFF", ".tif", rgb, {"compression": "tiff_lzw", **more}),
        ("TIFF", ".tif", rgb, {"compression": "jpeg"}),
        ("TIFF", ".tif", rgb.convert("1"), {"compression": "group4"}),
        ("TIFF", ".tif", deep, {"compression": "tiff_adobe_deflate"}),
        ("ICO", ".ico", rgba, {"sizes": [(16, 16), (32, 32)]}),
        ("JPEG2000", ".jp2", rgb, {}),
        ("TGA", ".tga", rgb, {"compression": "tga_rle"}),
        ("PPM", ".ppm", rgb, {}),
        ("PCX", ".pcx", rgb, {}),
        ("PDF", ".pdf", rgb, {"save_all": True, "append_images": [rgb]}),
    ]
    if features.check("avif"):
        wanted += [("AVIF", ".avif", rgba, {}), ("AVIF", ".avif", rgb, more)]
    for kind, suffix, image, options in wanted:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        yield kind, suffix, buffer.getvalue()


def drawings() -> Iterator[tuple[str, str, bytes]]:
    import gzip

    svg = (
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="60" height="40" '
        b'viewBox="0 0 60 40"><defs><linearGradient id="g"><stop offset="0" stop-color="red"/>'
        b'<stop offset="1" stop-color="#00f"/></linearGradient></defs>'
        b'<rect width="60" height="40" fill="url(#g)"/><g transform="rotate(10)"><circle cx="20" '
        b'cy="20" r="9"/><path d="M1 2 L30 30 C5 6 7 8 9 10 Z" stroke="lime"/></g>'
        b'<use href="#g"/><text x="5" y="30">words</text></svg>'
    )
    yield "SVG", ".svg", svg
    yield "SVG", ".svgz", gzip.compress(svg)
    pieces = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length 60>>stream\nBT /F 20 Tf 10 50 Td (Words) Tj ET 1 0 0 rg 9 9 40 20 re f   \nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, piece in enumerate(pieces, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, piece)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 6\n0000000000 65535 f \n%btrailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
    yield "PDF", ".pdf", body + end % (table, len(body))


def moving() -> Iterator[tuple[str, str, bytes]]:
    for kind, suffix, codec, sound in (
        ("MP4", ".mp4", "libx264", "aac"),
        ("MP4", ".mov", "mpeg4", None),
        ("MKV", ".mkv", "libx264", None),
        ("MKV", ".webm", "libvpx", "libopus"),
        ("AVI", ".avi", "mpeg4", "pcm_s16le"),
        ("AVI", ".avi", "mjpeg", None),
        ("MPEG", ".mpg", "mpeg1video", "mp2"),
        ("MPEG", ".ts", "mpeg2video", None),
        ("MP3", ".mp3", None, "mp3"),
        ("FLAC", ".flac", None, "flac"),
        ("OGG", ".ogg", None, "libopus"),
    ):
        yield kind, suffix, film(suffix, codec, sound)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(os.urandom(4000))
    yield "WAV", ".wav", buffer.getvalue()


def film(suffix: str, codec: str | None, sound: str | None) -> bytes:
    import av
    import numpy as np

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"film{suffix}"
        with av.open(str(path), "w") as container:
            image = container.add_stream(codec, rate=25) if codec else None
            heard = container.add_stream(sound, rate=48000) if sound else None
            if image is not None:
                image.width, image.height, image.pix_fmt = 64, 48, "yuv420p"
                image.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                image.codec_context.gop_size = 5
                for number in range(12):
                    pixels = np.full((48, 64, 3), 20 * number, np.uint8)
                    pixels[:, 4 * number : 4 * number + 8] = rng.integers(0, 255, 3)
                    container.mux(image.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
                container.mux(image.encode())
            if heard is not None:
                write_sound(container, heard, rng)
        return path.read_bytes()


def write_sound(container: Any, stream: Any, rng: Any) -> None:
    import av
    import numpy as np

    resampler = av.AudioResampler(stream.format.name, stream.layout.name, 48000)
    fifo = av.AudioFifo()
    noise = rng.integers(-9000, 9000, (1, 2 * 9600)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(noise, "s16", "stereo")
    frame.sample_rate = 48000
    for part in resampler.resample(frame):
        fifo.write(part)
    size = stream.codec_context.frame_size or 1024
    while (part := fifo.read(size)) is not None:
        container.mux(stream.encode(part))
    container.mux(stream.encode())


def archives() -> Iterator[tuple[str, str, bytes]]:
    files = {"a/one.txt": b"one" * 300, "b/two.bin": bytes(range(256)) * 4, "c.zip": b""}
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("in.txt", "inside")
    files["c.zip"] = inner.getvalue()
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        yield "zip", ".zip", buffer.getvalue()
    for mode, suffix, form in (
        ("w", ".tar", tarfile.PAX_FORMAT),
        ("w", ".tar", tarfile.GNU_FORMAT),
        ("w:gz", ".tar.gz", tarfile.USTAR_FORMAT),
        ("w:bz2", ".tar.bz2", tarfile.USTAR_FORMAT),
        ("w:xz", ".tar.xz", tarfile.USTAR_FORMAT),
    ):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:  # type: ignore[call-overload]
            for name, data in files.items():
                info = tarfile.TarInfo(name if form != tarfile.PAX_FORMAT else f"{'ü' * 90}/{name}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        yield "tar", suffix, buffer.getvalue()

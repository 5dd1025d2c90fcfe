"""Films, documents, sounds and archives that tests make for themselves."""

from __future__ import annotations

import io
import tarfile
import wave
import zipfile
from pathlib import Path

import av
import numpy as np
from PIL import Image

RATE = 25


def film(path, grays, size=(64, 48)):
    """Write a clip at 25 frames a second, one flat gray (0 to 255) for each frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"crf": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 12
        for number, gray in enumerate(grays):
            frame = av.VideoFrame.from_ndarray(
                np.full((size[1], size[0], 3), gray, np.uint8), format="rgb24"
            )
            frame = frame.reformat(format="yuv420p")
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def tone(path, seconds=1.0, rate=8000):
    """Write a silent sound file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(int(seconds * rate) * 2))
    return path


def scans(path, *images, dpi=100):
    """Write a PDF with an image on each page, as a scanner makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = [Image.fromarray(image).convert("RGB") for image in images]
    first.save(path, "PDF", save_all=True, append_images=rest, resolution=dpi, quality=95)
    return path


def encoded(image, kind="JPEG"):
    """Give the bytes of an image file."""
    buffer = io.BytesIO()
    Image.fromarray(image).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def zipped(path, files):
    """Write a zip of contents by name; all bear the date that reproducible builds give."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def tarred(path, files, mode="w:gz"):
    """Write a tar of contents by name."""
    with tarfile.open(Path(path), mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path

"""Draw the sheets that the documentation shows: `python tools/make_sheets.py`.

They are drawn by the program itself, of photographs that come with scikit-image.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image
from skimage.data import astronaut, chelsea, coffee

from mediacorpus.report.showing import Sheet, show_file

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images"
COLORS = 256
MOST_BYTES = 300_000


def main() -> int:
    """Write the sheets; 1 if one of them cannot be made small enough."""
    with tempfile.TemporaryDirectory() as folder:
        photograph, clip = Path(folder) / "photo.jpg", Path(folder) / "clip.mp4"
        Image.fromarray(coffee()).save(photograph, quality=95)
        film(clip)
        sheets = {
            "hsv.png": show_file(photograph, kind="hsv"),
            "resized.png": show_file(photograph, resize="crop 224"),
            "shots.png": show_file(clip, frames="shots"),
        }
    return max(write(TARGET / name, sheet) for name, sheet in sheets.items())


def film(path: Path) -> None:
    """Write a clip of three shots, as the page on videos does."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 320, 240
        stream.bit_rate = 1_000_000
        for photograph in (astronaut(), coffee(), chelsea()):
            for step in range(50):
                view = np.ascontiguousarray(photograph[step : step + 240, step : step + 320])
                file.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        file.mux(stream.encode())


def write(path: Path, sheet: Sheet) -> int:
    """Write a sheet as a PNG with a palette; 1 if it is too large."""
    buffer = io.BytesIO()
    palette = Image.fromarray(sheet.pixels).quantize(COLORS, dither=Image.Dither.FLOYDSTEINBERG)
    palette.save(buffer, "PNG", optimize=True)
    data = buffer.getvalue()
    if len(data) > MOST_BYTES:
        print(f"{path.name} has {len(data):,} bytes; at most {MOST_BYTES:,} are wanted")
        return 1
    path.write_bytes(data)
    print(f"wrote {path.name}, {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Photograph the head of a report for the README: `python tools/make_image.py REPORT.html`.

It needs Chromium or Chrome. Run `mediacorpus demo` first and give the report that it names.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "report.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH, HEIGHT = 1000, 1500
COLOURS = 128
MOST_BYTES = 300_000


def main(arguments: list[str]) -> int:
    """Write the picture; 1 if it cannot be made small enough."""
    report = Path(arguments[0]).resolve()
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print(f"none of these browsers is installed: {', '.join(BROWSERS)}")
        return 1
    data = shrunk(photograph(browser, report))
    if len(data) > MOST_BYTES:
        print(f"the picture has {len(data):,} bytes; at most {MOST_BYTES:,} are wanted")
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(data)
    print(f"wrote {TARGET.name}, {len(data):,} bytes")
    return 0


def photograph(browser: str, report: Path) -> Image.Image:
    """Open a page in a browser without a window and give what it shows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}"]
        subprocess.run(
            [browser, *options, f"--screenshot={path}", report.as_uri()],
            check=True,
            capture_output=True,
            timeout=120,
        )
        with Image.open(path) as picture:
            return picture.convert("RGB")


def shrunk(picture: Image.Image) -> bytes:
    """Write a PNG with a palette."""
    buffer = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

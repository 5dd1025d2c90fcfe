"""Photograph two pages of a report for the README: `python tools/make_image.py REPORT.html`.

It needs Chromium or Chrome. Run `mediacorpus demo` first and give the report that it names.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "report.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH, HEIGHT = 1000, 1480
SCALE = 0.75
SHOWN = "/home/you"
MODEL = re.compile(r"<section id=\"model-\d+\".*?</section>", re.DOTALL)
COLORS = 128
MOST_BYTES = 300_000


def main(arguments: list[str]) -> int:
    """Write the image; 1 if it cannot be made small enough."""
    report = Path(arguments[0]).resolve()
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print(f"none of these browsers is installed: {', '.join(BROWSERS)}")
        return 1
    # The report tells where the images were; that is of this machine.
    page = report.read_text(encoding="utf-8").replace(report.parents[2].as_posix(), SHOWN)
    # The second page is what it says of the last model.
    above = page[: page.index("<h1>")]
    model = above + MODEL.findall(page)[-1]
    data = shrunk(beside(photograph(browser, page), photograph(browser, model)))
    if len(data) > MOST_BYTES:
        print(f"the image has {len(data):,} bytes; at most {MOST_BYTES:,} are wanted")
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(data)
    print(f"wrote {TARGET.name}, {len(data):,} bytes")
    return 0


def photograph(browser: str, page: str) -> Image.Image:
    """Open a page in a browser without a window and give what it shows."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "page.png"
        source = path.with_suffix(".html")
        source.write_text(page, encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}"]
        subprocess.run(
            [browser, *options, f"--screenshot={path}", source.as_uri()],
            check=True,
            capture_output=True,
            timeout=120,
        )
        with Image.open(path) as image:
            return image.convert("RGB")


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Put two pages side by side, with a line between them."""
    both = Image.new("RGB", (2 * WIDTH, HEIGHT), "white")
    both.paste(left, (0, 0))
    both.paste(right, (WIDTH, 0))
    both.paste((200, 200, 200), (WIDTH, 0, WIDTH + 2, HEIGHT))
    return both.resize((round(2 * WIDTH * SCALE), round(HEIGHT * SCALE)), Image.Resampling.LANCZOS)


def shrunk(image: Image.Image) -> bytes:
    """Write a PNG with a palette."""
    buffer = io.BytesIO()
    image.quantize(COLORS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""SVG drawings as pixels: nothing outside the file is read, and drawing has its bounds."""

from __future__ import annotations

import io
import math
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mediacorpus.errors import MediaError, ParameterError
from mediacorpus.extras import need
from mediacorpus.media._svg import Drawing, is_svg, take_apart
from mediacorpus.media.reading import PathLike, contents
from mediacorpus.media.scale import Pixels, reduction
from mediacorpus.records import FileFacts, Kind

MAX_SIDE = 8192
"""Pixels that the long side of a drawing may have."""

SECONDS = 10
"""Processor time that drawing may take; three times as much on the clock."""

MEMORY = 768 * 2**20
"""Bytes that drawing may take, besides 64 for each pixel; where the system can limit it."""

_DEFAULT_SIZE = (300.0, 150.0)  # CSS 2.2, 10.3.2: a replaced element without any size
_BYTES_PER_PIXEL = 64
_SAME_RATIO = 1e-3
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LENGTH = re.compile(rf"\s*({_NUMBER})\s*([a-zA-Z]*)\s*", re.ASCII)
_BOX = re.compile(r"[\s,]+")
_UNITS = {
    "": 1.0,
    "px": 1.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 96 / 25.4,
    "q": 96 / 101.6,
    "pt": 96 / 72,
    "pc": 16.0,
    "em": 16.0,
    "ex": 8.0,
}
_REFUSED = 3
_OUT_OF_TIME = getattr(signal, "SIGXCPU", None)

# resvg holds the global interpreter lock while it draws and ends the whole process when the
# stack is full, so each drawing gets a process of its own, which can be stopped.
_CHILD = f"""
import sys, threading
sys.path.append(sys.argv[1])
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
except (ImportError, ValueError, OSError):
    pass
import resvg_py
code = []
def draw():
    markup = sys.stdin.buffer.read().decode()
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=markup, skip_system_fonts=sys.argv[3] == "0", dpi=96.0,
            background="#ffffff",
        )
    except ValueError as error:
        sys.stderr.write(str(error))
        code.append({_REFUSED})
    else:
        sys.stdout.buffer.write(png)
        code.append(0)
threading.stack_size({64 * 2**20})
thread = threading.Thread(target=draw)
thread.start()
thread.join()
sys.exit(code[0] if code else 1)
"""

_OTHER_MARKS = (
    *(b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\x00", b"MM\x00*"),
    *(b"\x00\x00\x00", b"%PDF"),
)


def looks_like_svg(data: bytes) -> bool:
    """Tell whether a file is an SVG drawing, plain or packed with gzip (`.svgz`).

    The first element must be `svg`; a byte order mark, an XML declaration, comments and a
    document type may come before it.

    Parameters
    ----------
    data:
        The file, or at least its first 64 KB.

    Examples
    --------
    >>> looks_like_svg(b'<?xml version="1.0"?><!-- flag --><svg width="3" height="2"/>')
    True
    >>> looks_like_svg(b"<html><svg/></html>")
    False
    """
    if data.startswith(_OTHER_MARKS):  # spares looking through each photograph
        return False
    return is_svg(data)


def probe_vector(data: bytes, *, side: int = 1024) -> FileFacts:
    """Read the size of an SVG drawing, and check that it may be drawn.

    A drawing has no pixels of its own: width and height are those at which it is drawn.
    Its proportions are those of the root element's width and height, else of its viewBox;
    a drawing with neither is 300 by 150, as in browsers.

    Parameters
    ----------
    data:
        The whole file, plain or packed with gzip.
    side:
        Pixels of the long side, 1 to 8,192.

    Raises
    ------
    MediaError
        The file is empty, no SVG drawing or damaged; it asks for an external entity, has no
        size, or is built so that it could not be drawn within bounds.
    TooLarge
        It has more than 50 MB of XML, or embedded images of more than 50 megapixels.
    ParameterError
        `side` is not within 1 to 8,192.

    Examples
    --------
    >>> facts = probe_vector(b'<svg width="30mm" height="20mm"/>', side=600)
    >>> facts.format, facts.width, facts.height
    ('SVG', 600, 400)
    """
    width, height = _raster(_size(take_apart(data)), side)
    return FileFacts(
        format="SVG",
        width=width,
        height=height,
        mode="RGBA",
        bytes=len(data),
        alpha=True,
        kind=Kind.IMAGE,
    )


def render_vector(data: bytes, *, side: int = 1024, min_side: int | None = None) -> Pixels:
    """Draw an SVG drawing on white.

    Nothing outside the file is ever read: `external_references` tells what was left out.
    Scripts are dropped. Text is drawn with the fonts of the system, so that it may differ
    between machines; they are loaded for drawings that have text only, and a system without
    fonts leaves text out. Drawing is done in a process of its own, which is stopped after
    10 seconds of work and, where the system can limit it, at about 800 MB; several threads
    draw at the same time.

    Parameters
    ----------
    data:
        The whole file, plain or packed with gzip.
    side:
        Pixels of the long side, 1 to 8,192; the proportions are those of `probe_vector`.
    min_side:
        Pixels that the short side must keep. The drawing is then made at 1, 1/2, 1/4 or 1/8
        of that size, the smallest whose short side has at least as many. None gives the
        full size.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        Contiguous, red first, 0 to 255.

    Raises
    ------
    MediaError
        As `probe_vector`, or drawing takes more time or memory than it may.
    TooLarge
        It has more than 50 MB of XML, or embedded images of more than 50 megapixels.
    ParameterError
        `side` is not within 1 to 8,192, or `min_side` is less than 1.
    MissingExtra
        resvg-py is not installed.

    Examples
    --------
    >>> flag = b'<svg viewBox="0 0 3 2"><rect width="3" height="1" fill="red"/></svg>'
    >>> pixels = render_vector(flag, side=300)
    >>> pixels.shape, pixels[0, 0].tolist(), pixels[-1, -1].tolist()
    ((200, 300, 3), [255, 0, 0], [255, 255, 255])
    """
    if min_side is not None and min_side < 1:
        raise ParameterError(f"min_side is {min_side}; it must be at least 1, or None.")
    drawing = take_apart(data)
    size = _size(drawing)
    full = _raster(size, side)
    factor = reduction(min(full), min_side)
    wanted = (-(-full[0] // factor), -(-full[1] // factor))
    return _draw(drawing, _fitted(drawing, size, wanted), wanted)


def external_references(data: bytes | PathLike) -> list[str]:
    """List what an SVG drawing refers to outside itself, which is left out when it is drawn.

    Listed are the targets of `href` (but not of links), `url(...)`, `@import` and
    `<?xml-stylesheet?>`, and embedded images of a kind that cannot be drawn; long ones are
    cut.

    Raises
    ------
    MediaError
        As `probe_vector`.

    Examples
    --------
    >>> external_references(b'<svg><image href="photo.png"/><use href="#a"/></svg>')
    ['photo.png']
    """
    return take_apart(contents(data)).left_out


def _size(drawing: Drawing) -> tuple[float, float]:
    """Give width and height in CSS pixels (SVG 2, 8.2 and 8.12)."""
    width, height = (_length(drawing.attributes.get(name)) for name in ("width", "height"))
    box = _view_box(drawing)
    ratio = box[2] / box[3] if box and min(box[2:]) > 0 else None
    if width is None and height is None:
        width, height = box[2:] if box else _DEFAULT_SIZE
    elif width is None and height is not None:
        width = height * ratio if ratio else _DEFAULT_SIZE[0]
    elif height is None and width is not None:
        height = width / ratio if ratio else _DEFAULT_SIZE[1]
    found = (width or 0.0, height or 0.0)
    sides = (*found, *(box[2:] if box else ()))
    if min(sides) <= 0 or not all(map(math.isfinite, sides)):
        raise MediaError(
            f"The drawing has no size that it could be drawn at ({found[0]:g} x {found[1]:g})."
        )
    return found


def _length(text: str | None) -> float | None:
    """Turn a length into CSS pixels; None for a percentage and what is no length."""
    match = _LENGTH.fullmatch(text or "")
    unit = _UNITS.get(match[2].lower()) if match else None
    return float(match[1]) * unit if match and unit else None


def _view_box(drawing: Drawing) -> tuple[float, float, float, float] | None:
    parts = _BOX.split(drawing.attributes.get("viewBox", "").strip())
    try:
        x, y, width, height = map(float, parts)
    except ValueError:
        return None
    return x, y, width, height


def _raster(size: tuple[float, float], side: int) -> tuple[int, int]:
    if not 1 <= side <= MAX_SIDE:
        raise ParameterError(f"side is {side}; it must be within 1 to {MAX_SIDE:,} pixels.")
    longest = max(size)
    return max(1, round(side * (size[0] / longest))), max(1, round(side * (size[1] / longest)))


def _fitted(drawing: Drawing, size: tuple[float, float], wanted: tuple[int, int]) -> str:
    """Write the drawing with a root element of exactly the size that is wanted."""
    changes = {"width": str(wanted[0]), "height": str(wanted[1])}
    box = _view_box(drawing)
    if box is None:
        box = (0.0, 0.0, *size)
        changes["viewBox"] = f"0 0 {size[0]!r} {size[1]!r}"
    if abs(box[2] / box[3] * size[1] / size[0] - 1) < _SAME_RATIO:
        changes["preserveAspectRatio"] = "none"  # whole pixels change the proportions a little
    return drawing.markup(**changes)


def _draw(drawing: Drawing, markup: str, wanted: tuple[int, int]) -> Pixels:
    packages = str(Path(need("resvg_py").__file__).parent.parent)
    memory = MEMORY + _BYTES_PER_PIXEL * wanted[0] * wanted[1]
    command = [sys.executable, "-I", "-S", "-c", _CHILD, packages, str(memory)]
    command += [str(int(drawing.text)), str(SECONDS)]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, with our own code
            command,
            input=markup.encode("utf-8", "replace"),
            capture_output=True,
            timeout=3 * SECONDS,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired as error:
        raise _too_slow() from error
    if _OUT_OF_TIME and done.returncode == -_OUT_OF_TIME:
        raise _too_slow()
    if done.returncode == _REFUSED:
        reason = done.stderr.decode(errors="replace").strip().split("\n")[0].rstrip(".")
        raise MediaError(f"The drawing cannot be drawn ({reason[:160]}).")
    if done.returncode != 0:
        raise MediaError(
            "The drawing cannot be drawn: it needs more memory than it may have, or is built "
            "in a way that the renderer fails on."
        )
    with Image.open(io.BytesIO(done.stdout)) as image:
        pixels = np.array(image.convert("RGB"), np.uint8)
    if pixels.shape[1::-1] != wanted:
        pixels = np.asarray(cv2.resize(pixels, wanted, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels


def _too_slow() -> MediaError:
    return MediaError(
        f"The drawing takes more than {SECONDS} seconds to draw; simplify it, or draw it smaller."
    )

"""PDF documents: what the file says of itself, and its pages as upright RGB pixels."""

from __future__ import annotations

import math
import re
import threading
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mediacorpus.errors import MediaError, ParameterError, TooLarge
from mediacorpus.extras import need
from mediacorpus.media.header import MAX_PIXELS
from mediacorpus.media.pages import LOWEST_DPI, check_dpi, counted_pages
from mediacorpus.media.reading import PathLike, contents
from mediacorpus.media.scale import Pixels, reduction
from mediacorpus.media.sniff import looks_like, refusal
from mediacorpus.records import FileFacts, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

_POINTS_PER_INCH = 72.0
_HEADER_WITHIN = 1024  # readers accept a PDF that begins within its first 1,024 bytes
_WHITE = 0xFFFFFFFF
_MOST_BROKEN = 100  # pages that are tried before a document is given up
_DATE = re.compile(
    r"(?:D:)?(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d)?)?)?)?)?"
    r"(?:$|(Z|[+-]\d\d'?\d\d)|\D)",
    re.ASCII,
)

# PDFium keeps state for the whole process: no two calls into it may run at the same time.
_LOCK = threading.RLock()


def probe_document(data: bytes) -> FileFacts:
    """Read what a PDF file says of itself, without drawing a page.

    Parameters
    ----------
    data:
        The whole file.

    Returns
    -------
    FileFacts
        `frames` is the number of pages; width and height are those of the first page that can
        be read, as shown, in points (1/72 inch), rounded; `taken` is the document's CreationDate,
        with its author's time zone where it is stated.

    Raises
    ------
    MediaError
        The file is empty, no PDF, protected by a password, damaged or without pages.
    MissingExtra
        pypdfium2 is not installed.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> Image.new("RGB", (400, 300)).save(buffer, "PDF", resolution=100)
    >>> facts = probe_document(buffer.getvalue())
    >>> facts.format, facts.frames, facts.width, facts.height
    ('PDF', 1, 288, 216)
    """
    with Document(data) as document:
        width, height = _first_size(document)
        return FileFacts(
            format="PDF",
            width=max(1, round(width)),
            height=max(1, round(height)),
            mode="RGB",
            bytes=len(data),
            frames=document.pages,
            taken=document.created,
            kind=Kind.DOCUMENT,
        )


def _first_size(document: Document) -> tuple[float, float]:
    """Give the size of the first page that can be read."""
    for number in range(1, document.pages + 1):
        try:
            return document.size(number)
        except MediaError as error:
            if number in {document.pages, _MOST_BROKEN}:
                raise MediaError(
                    "No page of the PDF document can be read; it is damaged."
                ) from error
    raise MediaError("The PDF document has no pages.")


class Document:
    """An open PDF document, to be used in a `with` statement.

    Documents may be used from several threads. PDFium, which draws the pages, works on one
    at a time in a process; its work is done outside the global interpreter lock.

    Parameters
    ----------
    data:
        The whole file as bytes, or its path. One that is encrypted but opens without a password
        is read.

    Raises
    ------
    MediaError
        As `probe_document`.
    MissingExtra
        pypdfium2 is not installed.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> Image.new("RGB", (400, 300), "navy").save(buffer, "PDF", resolution=100)
    >>> with Document(buffer.getvalue()) as document:
    ...     document.pages, document.page(1, dpi=100).shape
    (1, (300, 400, 3))
    """

    _closed = True  # until a document is open

    def __init__(self, data: bytes | PathLike) -> None:
        data = contents(data)
        self._data = data  # PDFium reads from this memory until the document is closed
        self._pdf = _open(data)
        self._closed = False
        with _LOCK:
            self.pages: int = len(self._pdf)
            self.created: str | None = _created(self._pdf)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Give the document's memory back; a closed document cannot be drawn."""
        with _LOCK:
            if not self._closed:
                self._closed = True
                self._pdf.close()

    def size(self, number: int) -> tuple[float, float]:
        """Give the width and height of a page as shown, in points (1/72 inch).

        Raises
        ------
        MediaError
            There is no such page, or it is damaged.
        """
        with self._reading(number) as pdf:
            width, height = pdf.get_page_size(number - 1)
        if not (math.isfinite(width) and math.isfinite(height) and min(width, height) > 0):
            raise MediaError(f"Page {number} of the PDF document has no size; it is damaged.")
        return float(width), float(height)

    def page(
        self,
        number: int,
        *,
        dpi: float = 200.0,
        min_side: int | None = None,
        max_pixels: float = MAX_PIXELS,
    ) -> Pixels:
        """Draw a page upright on white, with its annotations and what forms hold.

        Parameters
        ----------
        number:
            Page number, from 1.
        dpi:
            Density in dots per inch, 10 to 1,200.
        min_side:
            Pixels that the short side must keep. The page is then drawn at 1, 1/2, 1/4 or
            1/8 of its size at `dpi`, the smallest whose short side has at least as many.
            None gives the full size.
        max_pixels:
            Pages with more pixels at `dpi`, before any reduction, are refused.

        Returns
        -------
        ndarray of uint8, shape (H, W, 3)
            Contiguous, red first, 0 to 255.

        Raises
        ------
        MediaError
            There is no such page, or it is damaged.
        TooLarge
            The page has more than `max_pixels` pixels at `dpi`.
        ParameterError
            `dpi` is not within 10 to 1,200, or `min_side` is less than 1.
        """
        check_dpi(dpi)
        if min_side is not None and min_side < 1:
            raise ParameterError(f"min_side is {min_side}; it must be at least 1, or None.")
        size = self.size(number)
        full = _pixels(size, dpi)
        if full[0] * full[1] > max_pixels:
            raise _too_large(number, size, dpi=dpi, max_pixels=max_pixels)
        factor = reduction(min(full), min_side)
        width, height = (-(-side // factor) for side in full)
        with self._reading(number) as pdf, closing(pdf[number - 1]) as page:
            return _draw(page, width, height)

    def text(self, number: int) -> str:
        """Give the text layer of a page, counted from 1; empty where it has none.

        A scanned page has text only if the scanning program has put it there.

        Raises
        ------
        MediaError
            There is no such page, or it is damaged.
        """
        with (
            self._reading(number) as pdf,
            closing(pdf[number - 1]) as page,
            closing(page.get_textpage()) as layer,
        ):
            found = str(layer.get_text_range())
        # PDFium marks a hyphen at the end of a line with a character that is none.
        return found.replace("\r\n", "\n").replace("\ufffe", "-").replace("\x00", "")

    @contextmanager
    def _reading(self, number: int) -> Iterator[Any]:
        pdfium = need("pypdfium2")
        with _LOCK:
            if self._closed:
                raise MediaError("The PDF document is closed; open it again.")
            if not 1 <= number <= self.pages:
                raise MediaError(
                    f"Page {number} was asked for, but the PDF document has "
                    f"{counted_pages(self.pages)}; pages are counted from 1."
                )
            try:
                yield self._pdf
            except pdfium.PdfiumError as error:
                raise MediaError(
                    f"Page {number} of the PDF document is damaged and cannot be read."
                ) from error


def _open(data: bytes) -> Any:
    """Open a document that has pages, or say what is wrong with the file."""
    if not data:
        raise MediaError("The file is empty (0 bytes).")
    if b"%PDF" not in data[: _HEADER_WITHIN + 4]:
        kind = looks_like(data)
        raise MediaError(refusal(kind, "a PDF document") if kind else _NO_PDF)
    pdfium = need("pypdfium2")
    raw = pdfium.raw
    with _LOCK:
        handle = raw.FPDF_LoadMemDocument64(data, len(data), None)
        if not handle:
            raise MediaError(_refusal(raw, raw.FPDF_GetLastError(), data))
        if raw.FPDF_GetPageCount(handle) < 1:
            raw.FPDF_CloseDocument(handle)
            raise MediaError("The PDF document has no pages.")
        return pdfium.PdfDocument(handle)


_NO_PDF = "The file is no PDF document: there is no '%PDF' near its beginning."


def _refusal(raw: Any, code: int, data: bytes) -> str:
    if code == raw.FPDF_ERR_PASSWORD:
        return (
            "The PDF document is protected by a password; remove the password, "
            "e.g. print it to a new PDF."
        )
    if code == raw.FPDF_ERR_SECURITY:
        return (
            "The PDF document is encrypted in a way that is not supported; "
            "print it to a new PDF where it can be opened."
        )
    if b"%%EOF" not in data[-1024:]:
        return "The PDF document is truncated: the file ends before the document does."
    return "The PDF document is damaged and cannot be opened."


def _created(pdf: Any) -> str | None:
    """Read CreationDate (ISO 32000-1, 7.9.4), whose parts after the year may be left out."""
    match = _DATE.match(pdf.get_metadata_value("CreationDate").strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        when = datetime(  # noqa: DTZ001 - the author's own time, as with EXIF
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0),
            int(second or 0),
        )  # fmt: skip
    except ValueError:
        return None
    stated = when.isoformat(timespec="seconds")
    if zone is None:
        return stated
    return stated + ("+00:00" if zone == "Z" else f"{zone[:3]}:{zone[-2:]}")


def _draw(page: Any, width: int, height: int) -> Pixels:
    """Draw a page at exactly this size; the caller holds the lock."""
    pdfium = need("pypdfium2")
    raw = pdfium.raw
    bitmap = pdfium.PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGR, rev_byteorder=True)
    try:
        raw.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, _WHITE)
        flags = raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER
        raw.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, flags)
        return np.array(bitmap.to_numpy(), np.uint8, order="C")
    finally:
        bitmap.close()


def _pixels(size: tuple[float, float], dpi: float) -> tuple[int, int]:
    """Turn a size in points into whole pixels."""
    width, height = (max(1, round(side * dpi / _POINTS_PER_INCH)) for side in size)
    return width, height


def _too_large(
    number: int, size: tuple[float, float], *, dpi: float, max_pixels: float
) -> TooLarge:
    fits = math.floor(_POINTS_PER_INCH * math.sqrt(max_pixels / (size[0] * size[1])))
    fits -= math.prod(_pixels(size, fits)) > max_pixels  # where rounding up made it too much
    hint = f"it fits at {fits} dpi" if fits >= LOWEST_DPI else "it fits at no density"
    width, height = _pixels(size, dpi)
    return TooLarge(
        f"Page {number} has {width:,} x {height:,} pixels at {dpi:g} dpi; the limit is "
        f"{max_pixels / 1e6:,g} megapixels: {hint}."
    )

"""Tell from its first bytes what a file is, for messages that help."""

from __future__ import annotations

import re

RAW_PHOTOGRAPH = (
    "a raw photograph (the sensor's data, not an image yet), a format that is not supported: "
    "export it as JPEG or TIFF, with the camera's program or with darktable"
)
_JPEG_XL = "a JPEG XL image"
_RADIANCE = "a Radiance HDR image"
_POSTSCRIPT = "a PostScript file, a format that is not supported: save it as PDF"
_OFFICE = "an office document (.docx, .pptx, .odt or the like): save it as PDF"
_ILBM = "an Amiga (IFF) image, a format that is not supported: save it as PNG"
_PICT = "a Macintosh PICT image, a format that is not supported: save it as PNG"
_METAFILE = "a Windows metafile, a format that is not supported: save it as SVG or PNG"
_KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", _POSTSCRIPT),
    (0, b"\xc5\xd0\xd3\xc6", _POSTSCRIPT),
    (0, b"FUJIFILMCCD-RAW", RAW_PHOTOGRAPH),
    (0, b"IIRO", RAW_PHOTOGRAPH),  # Olympus
    (0, b"IIRS", RAW_PHOTOGRAPH),
    (0, b"MMOR", RAW_PHOTOGRAPH),
    (0, b"IIU\x00", RAW_PHOTOGRAPH),  # Panasonic
    (6, b"HEAPCCDR", RAW_PHOTOGRAPH),  # Canon, before CR2
    (0, b"FOVb", RAW_PHOTOGRAPH),  # Sigma
    (0, b"\x00MRM", RAW_PHOTOGRAPH),  # Minolta
    *((8, kind, _ILBM) for kind in (b"ILBM", b"PBM ", b"ACBM", b"DEEP", b"RGB8", b"RGBN")),
    (522, b"\x00\x11\x02\xff", _PICT),
    (522, b"\x11\x01", _PICT),
    (30, b"[Content_Types].xml", _OFFICE),
    (30, b"mimetypeapplication/vnd.oasis", _OFFICE),
    (0, b"PK\x03\x04", "a ZIP archive or an office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (
        0,
        b"\xd0\xcf\x11\xe0",
        "an old office document (.doc, .xls, .ppt or the like): save it as PDF",
    ),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
    (8, b"WAVE", "a WAV sound file"),
    (0, b"\x00\x00\x01\xba", "an MPEG video"),
    (0, b"\x00\x00\x01\xb3", "an MPEG video"),
    (0, b"ID3", "an MP3 sound file"),
    (0, b"OggS", "an Ogg sound or video file"),
    (0, b"fLaC", "a FLAC sound file"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"SQLite format 3", "an SQLite database"),
    (0, b"\xff\x0a", _JPEG_XL),
    (4, b"JXL ", _JPEG_XL),
    (0, b"farbfeld", "a Farbfeld image, a format that is not supported: save it as PNG"),
    (0, b"#?RADIANCE", _RADIANCE),
    (0, b"#?RGBE", _RADIANCE),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR image, a format that is not supported: save it as TIFF"),
    (0, b"II\xbc", "a JPEG XR image, a format that is not supported: save it as TIFF or PNG"),
    (0, b"gimp xcf", "a GIMP image, a format that is not supported: export it as PNG"),
    (0, b"AT&TFORM", "a DjVu document, a format that is not supported: save it as PDF"),
    (0, b"GRIB", "weather data (GRIB)"),
    (0, b"BUFR", "weather data (BUFR)"),
    (0, b"\x89HDF", "an HDF5 data file"),
    (0, b"\xd7\xcd\xc6\x9a", _METAFILE),
    (40, b" EMF", _METAFILE),
    (128, b"DICM", "a DICOM image, a format that is not supported: save it as TIFF or PNG"),
    (0, b"BPG\xfb", "a BPG image, a format that is not supported: save it as PNG or JPEG"),
    (0, b"FLIF", "a FLIF image, a format that is not supported: save it as PNG"),
)
VIDEO_SUFFIXES = frozenset(
    (
        ".mp4",
        ".m4v",
        ".mov",
        ".qt",
        ".3gp",
        ".3g2",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".mpe",
        ".m2v",
        ".vob",
        ".mts",
        ".m2ts",
        ".ts",
        ".wmv",
        ".asf",
        ".flv",
        ".f4v",
        ".ogv",
        ".mxf",
        ".dv",
    )
)
AUDIO_SUFFIXES = frozenset(
    (
        ".mp3",
        ".wav",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".m4a",
        ".aac",
        ".wma",
        ".aif",
        ".aiff",
        ".au",
        ".amr",
        ".mka",
        ".ac3",
    )
)
_MOVING: tuple[tuple[int, bytes], ...] = (
    (0, b"\x1a\x45\xdf\xa3"),
    (8, b"AVI "),
    (8, b"WAVE"),
    (0, b"\x00\x00\x01\xba"),
    (0, b"\x00\x00\x01\xb3"),
    (0, b"ID3"),
    (0, b"OggS"),
    (0, b"fLaC"),
    (0, b"FLV\x01"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    (8, b"AIFF"),
    (8, b"AIFC"),
    (0, b"#!AMR"),
    (4, b"moov"),
    (4, b"mdat"),
)
_STILL_MARKS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"%PDF", b"<")
_HEVC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_BRANDS = (
    dict.fromkeys(_HEVC, "HEIC")
    | dict.fromkeys((b"avif", b"avis"), "AVIF")
    | dict.fromkeys(
        (
            *(b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"unif"),
            *(b"avci", b"avcs", b"jpeg", b"jpgs", b"j2ki", b"j2is", b"vvic", b"vvis"),
        ),
        "HEIF",
    )
)
"""Brands of still images (ISO/IEC 23008-12), and what they are called."""
_MINI_BRAND = b"mif3"
_RAW_BRAND = b"crx "  # Canon's CR3
_BOX_HEAD = 8
_PDF_WITHIN = 1024
_HTML = re.compile(r"<(!doctype\s+html|html|head|body|script|title|meta)\b", re.IGNORECASE)
_NOT_ASCII = bytes(range(127, 256))
_TEXT_SHARE = 0.85
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))


def is_moving(head: bytes, suffix: str) -> bool:
    r"""Tell whether a file is a video or a sound, by its first bytes and its suffix.

    Parameters
    ----------
    head:
        First bytes of the file, some hundred at least.
    suffix:
        As in `".mp4"`; decides where the bytes bear no known mark.

    Examples
    --------
    >>> is_moving(b"OggS" + bytes(40), ""), is_moving(b"\x89PNG" + bytes(40), ".mp4")
    (True, False)
    """
    if head[4:8] == b"ftyp":
        return heif_kind(head) is None and head[8:12] != _RAW_BRAND
    if any(head[offset : offset + len(mark)] == mark for offset, mark in _MOVING):
        return True
    if suffix.lower() not in VIDEO_SUFFIXES | AUDIO_SUFFIXES:
        return False
    return not head.startswith(_STILL_MARKS)


def looks_like(data: bytes) -> str | None:
    """Name what a file that is no image looks like, such as `"an HTML page"`.

    Parameters
    ----------
    data:
        The file's bytes; the first 1,024 are looked at.

    Returns
    -------
    str or None
        A phrase with its article, or None where nothing is recognized.

    Examples
    --------
    >>> looks_like(b"<!DOCTYPE html><title>404</title>")
    'an HTML page'
    >>> looks_like(b"%PDF-1.7")
    'a PDF document'
    """
    text = as_text(data)
    if text is not None:
        return _kind_of_text(text)
    if data[4:8] == b"ftyp":
        return _kind_of_boxes(data)
    for offset, magic, kind in _KINDS:
        if data[offset : offset + len(magic)] == magic:
            return kind
    return None


def heif_kind(data: bytes) -> str | None:
    r"""Name the kind of a HEIF file by its brands: `"HEIC"`, `"AVIF"` or `"HEIF"`; None for others.

    Parameters
    ----------
    data:
        The first bytes of a file, some hundred at least.

    Examples
    --------
    >>> heif_kind(b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif"), heif_kind(b"GIF89a")
    ('AVIF', None)
    """
    if data[4:8] != b"ftyp" or data[8:12] not in _BRANDS:
        return None
    end = min(int.from_bytes(data[:4]), len(data))
    first = 12 if data[8:12] == _MINI_BRAND else 16  # there the coding stands for the version
    further = (bytes(data[place : place + 4]) for place in range(first, end - 3, 4))
    named = [_BRANDS[brand] for brand in (bytes(data[8:12]), *further) if brand in _BRANDS]
    return next((kind for kind in named if kind != "HEIF"), "HEIF")


def refusal(kind: str, instead: str) -> str:
    """Say that a file is of a kind that `looks_like` named, and not what is asked for.

    >>> refusal("text", "an image")
    'The file is text, not an image.'
    """
    if "not supported" in kind:
        return f"The file is {kind}."
    what, _, remedy = kind.partition(": ")
    return f"The file is {what}, not {instead}" + (f"; {remedy} to add it." if remedy else ".")


def pdf_start(data: bytes) -> int | None:
    r"""Give where a PDF document begins: within the first 1,024 bytes, or None.

    Servers and scripts put other bytes before it, which PDF readers pass over.

    >>> pdf_start(b"\xef\xbb\xbf%PDF-1.7"), pdf_start(b"GIF89a %PDF-1.7")
    (3, None)
    """
    place = data[: _PDF_WITHIN + 5].find(b"%PDF-")
    return None if place < 0 or data.startswith(_STILL_MARKS[:-2]) else place


def boxes_end(data: bytes) -> bool:
    r"""Tell whether the boxes of an ISO media file end where the file does (ISO/IEC 14496-12, 4.2).

    >>> boxes_end(b"\x00\x00\x00\x09free."), boxes_end(b"\x00\x00\x00\x0afree.")
    (True, False)
    """
    place = 0
    while place + _BOX_HEAD <= len(data):
        length = int.from_bytes(data[place : place + 4])
        if length == 1:  # the true length follows
            length = int.from_bytes(data[place + 8 : place + 16])
        if length == 0:  # to the end of the file
            return True
        if length < _BOX_HEAD:
            return False
        place += length
    return place == len(data)


def _kind_of_boxes(data: bytes) -> str:
    if data[8:12] == _RAW_BRAND:
        return RAW_PHOTOGRAPH
    kind = heif_kind(data)
    if kind is None:
        return "an MP4 or QuickTime video"
    return f"{'an' if kind == 'AVIF' else 'a'} {kind} image"


def as_text(data: bytes) -> str | None:
    """Give the first 1,024 bytes as text, or None if they are not text.

    >>> as_text(b"Not found"), as_text(bytes(8))
    ('Not found', None)
    """
    head = data[:1024]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and head[2:]:
        even = head[: len(head) // 2 * 2]
        text = even.decode("utf-16", errors="replace")
        return None if "\ufffd" in text or "\x00" in text else text
    if not head or head.translate(None, _CONTROL) != head:
        return None
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) > len(head) and error.start >= len(head) - 3:
            return head[: error.start].decode("utf-8-sig")
    letters = len(head.translate(None, _NOT_ASCII))
    return head.decode("latin-1") if letters >= _TEXT_SHARE * len(head) else None


def _kind_of_text(text: str) -> str:
    start = text.lstrip()
    if start.startswith("%PDF"):
        return "a PDF document"
    if start.startswith("%!PS"):
        return _POSTSCRIPT
    if start.startswith(("#?RADIANCE", "#?RGBE")):
        return _RADIANCE
    if "<svg" in start.lower():
        return "an SVG drawing"
    if _HTML.search(start):
        return "an HTML page"
    if start.startswith("<?xml"):
        return "an XML file"
    if start.startswith("version https://git-lfs"):
        return "a Git LFS pointer (fetch the file itself with 'git lfs pull')"
    return "text"

"""Tell from its first bytes whether a download is of a kind that is wanted."""

from __future__ import annotations

import re

from mediacorpus.media.sniff import as_text, looks_like

TYPES = ("image", "video", "audio", "pdf", "svg")
"""Kinds of content that can be asked for."""

HEAD = 4096
"""First bytes of a file that are looked at."""

_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\xff\xd8\xff", "image", ".jpg"),
    (0, b"\x89PNG\r\n\x1a\n", "image", ".png"),
    (0, b"GIF8", "image", ".gif"),
    (8, b"WEBP", "image", ".webp"),
    (0, b"BM", "image", ".bmp"),
    (0, b"II*\x00", "image", ".tif"),
    (0, b"MM\x00*", "image", ".tif"),
    (0, b"II+\x00", "image", ".tif"),
    (0, b"8BPS", "image", ".psd"),
    (0, b"\x00\x00\x01\x00", "image", ".ico"),
    (4, b"jP  \r\n\x87\n", "image", ".jp2"),
    (4, b"JXL ", "image", ".jxl"),
    (0, b"\xff\x0a", "image", ".jxl"),
    (0, b"%PDF", "pdf", ".pdf"),
    (4, b"moov", "video", ".mov"),
    (4, b"mdat", "video", ".mov"),
    (0, b"\x1a\x45\xdf\xa3", "video", ".mkv"),
    (8, b"AVI ", "video", ".avi"),
    (0, b"FLV\x01", "video", ".flv"),
    (0, b"\x00\x00\x01\xba", "video", ".mpg"),
    (0, b"\x00\x00\x01\xb3", "video", ".mpg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video", ".wmv"),
    (8, b"WAVE", "audio", ".wav"),
    (0, b"ID3", "audio", ".mp3"),
    (0, b"\xff\xfb", "audio", ".mp3"),
    (0, b"\xff\xf3", "audio", ".mp3"),
    (0, b"\xff\xf2", "audio", ".mp3"),
    (0, b"\xff\xf1", "audio", ".aac"),
    (0, b"\xff\xf9", "audio", ".aac"),
    (0, b"OggS", "audio", ".ogg"),
    (0, b"fLaC", "audio", ".flac"),
    (8, b"AIFF", "audio", ".aif"),
)
_BRANDS = {
    b"avif": ("image", ".avif"),
    b"avis": ("image", ".avif"),
    b"heic": ("image", ".heic"),
    b"heix": ("image", ".heic"),
    b"mif1": ("image", ".heic"),
    b"M4A ": ("audio", ".m4a"),
    b"M4B ": ("audio", ".m4a"),
    b"qt  ": ("video", ".mov"),
}
_PACKET = 188  # bytes of a packet of an MPEG transport stream; each begins with a G
_OF_HTML = frozenset({"html", "head", "body", "script", "title", "meta", "div", "p"})
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ELEMENT = re.compile(r"<([A-Za-z][\w.:-]*)")
_PLAIN_PNM = re.compile(r"P[123]\s")


def kind_of(head: bytes) -> tuple[str, str] | None:
    """Name the kind of content and the suffix that goes with it, or None if it is not known.

    An Ogg file counts as sound; it may hold video too.

    Examples
    --------
    >>> kind_of(b"GIF89a")
    ('image', '.gif')
    """
    for offset, magic, kind, suffix in _MAGIC:
        if head.startswith(magic, offset):
            return kind, suffix
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], ("video", ".mp4"))
    if head[0 : _PACKET + 1 : _PACKET] == b"GG":
        return "video", ".ts"
    text = as_text(head)
    if text is None:
        return None
    if text.lstrip().startswith("%PDF"):
        return "pdf", ".pdf"
    if _PLAIN_PNM.match(text):
        return "image", ".pnm"
    element = _first_element(head)
    return ("svg", ".svg") if element == "svg" or element.endswith(":svg") else None


def unwanted(head: bytes, types: tuple[str, ...]) -> str | None:
    """Say what a file is that is not wanted, with its article; None if it is welcome.

    A file of which nothing is known is welcome: whoever opens it has more to go by.

    Examples
    --------
    >>> unwanted(b"<!DOCTYPE html><title>404</title>", TYPES)
    'an HTML page'
    >>> unwanted(b"GIF89a", ("video",))
    'an image'
    """
    found = kind_of(head)
    if found:
        kind = found[0]
        articles = {
            "image": "an image",
            "audio": "a sound file",
            "pdf": "a PDF document",
            "svg": "an SVG drawing",
        }
        return None if kind in types else articles.get(kind, f"a {kind}")
    text = as_text(head)
    if text is not None and text.lstrip()[:1] in {"{", "["}:
        return "JSON"
    if text is not None and _first_element(head) in _OF_HTML:
        return "an HTML page"
    return looks_like(head)


def _first_element(head: bytes) -> str:
    """Give the name of the first element of an XML or HTML text, or ''."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = head.decode("utf-16" if wide else "utf-8", "replace").lstrip("\ufeff \t\r\n")
    match = _ELEMENT.search(_COMMENT.sub("", text)) if text.startswith("<") else None
    return match[1].lower() if match else ""

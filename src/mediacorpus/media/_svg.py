"""Take an SVG drawing apart, and put it together again without what it must not hold."""

from __future__ import annotations

import base64
import binascii
import bisect
import functools
import re
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from mediacorpus.errors import MediaError, TooLarge
from mediacorpus.media._css import Variables, known_sheet, known_value
from mediacorpus.media.header import image_errors, open_image

MAX_TEXT = 50_000_000
"""Bytes of XML that a drawing may have once unpacked."""

MAX_ELEMENTS = 1_000_000
"""Elements that a drawing may have once each reference is replaced by what it refers to."""

MAX_DEPTH = 128
"""Elements that may lie within one another."""

MAX_EXPANSION = 1_000_000
"""Characters that the entities of a drawing may stand for in total."""

MAX_EMBEDDED = 50e6
"""Pixels that the images embedded in a drawing may have in total."""

_MAX_ENTITIES = 200
_MAX_CHAIN = 200
_MAX_STEPS = 3_000_000
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib: the largest window, with a gzip header
_RASTER = {"PNG": "png", "JPEG": "jpeg", "GIF": "gif", "WEBP": "webp"}
_DATA = re.compile(r"data:image/([^,]{0,200}?)(;base64)?,", re.IGNORECASE)
_URL = re.compile(
    r"(?:\b(filter|mask|clip-path|marker(?:-\w+)?)\s*:\s*)?url\(([^()]*)\)", re.IGNORECASE
)
_OUTWARD = re.compile(r"url\(|@import", re.IGNORECASE)
_SPECIAL = re.compile(r"[<>&\"'\s]")
_IMPORT = re.compile(r"@import\s+([^;]*);?", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_STYLESHEET = re.compile(r"""\bhref\s*=\s*["']([^"']*)""")
_ENTITY = re.compile(r"&([^#;&\s][^;&\s]*);")
_NOTHING = "url(#left-out)"  # SVG 2, 13.2: a paint that is not there gives way to the fallback
_PROLOG = re.compile(
    r"\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>)", re.DOTALL | re.IGNORECASE
)
_SVG = re.compile(r"\s*<(?:(?:[\w.-]+:)?svg[\s>/]|!DOCTYPE\s+svg\b)", re.IGNORECASE)
_HEAD = 65_536
_LONG = 100
_QUOTES = " \t\r\n\"'"


@dataclass(slots=True)
class Drawing:
    """A drawing with its root element apart and everything from outside left out."""

    root: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    body: str = ""
    left_out: list[str] = field(default_factory=list)
    text: bool = False
    pixels: int = 0

    def markup(self, **changes: str) -> str:
        """Write the drawing with some attributes of its root element changed."""
        found = {**self.attributes, **changes}
        return f"<{self.root}{_written(found)}>{self.body}</{self.root}>"


def is_svg(data: bytes) -> bool:
    """Tell whether the first element of a file, packed or not, is `svg`."""
    head = data[:_HEAD]
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(_GZIP_WINDOW).decompress(head, 4096)
        except zlib.error:
            return False
    text = _text(head)
    place = 0
    while match := _PROLOG.match(text, place):
        if "svg" in match[0][:16].lower() and match[0].lstrip()[:9].upper() == "<!DOCTYPE":
            break
        place = match.end()
    return _SVG.match(text, place) is not None


def take_apart(data: bytes, *, level: int = 0) -> Drawing:
    """Read a drawing, drop what it must not hold, refuse what cannot be bounded."""
    data = _unpacked(data)
    reader = _parsed(data, level)
    if reader.variables.everywhere or b"var(" in data:
        reader = _parsed(data, level, reader.variables)
    drawing = reader.drawing
    drawing.body = "".join(reader.parts)
    return drawing


def _parsed(data: bytes, level: int, variables: Variables | None = None) -> _Reader:
    """Read a drawing; a second time, with its variables, where it has some."""
    reader = _Reader(data, level, variables)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.specified_attributes = True  # defaults in a DTD could multiply without bound
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.EntityDeclHandler = reader.entity
    parser.ProcessingInstructionHandler = reader.instruction
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes no keywords
    except (expat.ExpatError, UnicodeError, LookupError) as error:
        line = getattr(error, "lineno", parser.CurrentLineNumber)
        reason = str(error).partition(":")[0]
        raise MediaError(
            f"The drawing is damaged: its XML cannot be read at line {line} ({reason})."
        ) from error
    reader.check_references()
    return reader


class _Reader:
    """The handlers that expat calls, with what they gather on their way."""

    def __init__(self, data: bytes, level: int, variables: Variables | None = None) -> None:
        self.within_switch = False  # whether the element before is one: it offers a way out
        self.filled = variables  # those of the first reading
        self.variables = Variables()
        self.drawing = Drawing()
        self.parts: list[str] = []
        self.data = data
        self.level = level
        self.count = 0
        self.open: list[tuple[int, str]] = []  # number and id of each element not yet ended
        self.silent = 0  # how many levels deep in something that is dropped
        self.css: list[str] | None = None
        self.entities: dict[str, str] = {}
        self.ranges: dict[str, tuple[int, int]] = {}
        self.references: list[tuple[int, str]] = []

    def entity(self, *declared: Any) -> None:
        """Note an internal entity; refuse one whose text is outside the file."""
        name, _, value, _, system, public, _ = declared
        if value is None or system or public:
            place = system or public or name
            raise MediaError(
                f"The drawing asks for an external entity ({str(place)[:100]}); "
                "such files are refused."
            )
        self.entities[name] = value
        if len(self.entities) > _MAX_ENTITIES or not name.isascii():
            raise MediaError(
                f"The drawing declares more than {_MAX_ENTITIES} entities, or one with a name "
                "that is not ASCII; such files are refused."
            )

    def instruction(self, target: str, text: str) -> None:
        """Leave an instruction out; note a style sheet."""
        match = _STYLESHEET.search(text) if target == "xml-stylesheet" else None
        if match and not match[1].startswith("#"):
            self.drawing.left_out.append(match[1])

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Write an element, or begin to be silent."""
        self.count += 1
        self.open.append((self.count, attributes.get("id", "")))
        if self.count > MAX_ELEMENTS:
            raise MediaError(f"The drawing has more than {MAX_ELEMENTS:,} elements.")
        if len(self.open) > MAX_DEPTH:
            raise MediaError(
                f"The drawing has more than {MAX_DEPTH} elements within one another; "
                "ungroup it and save it again."
            )
        local = name.rpartition(":")[2]
        if self.silent or local == "script":
            self.silent += 1
            return
        if local == "foreignObject" and not self.within_switch:
            raise MediaError(
                "The drawing holds HTML (foreignObject), which the renderer does not draw; save it "
                "with text as text, or as PNG."
            )
        self.within_switch = local == "switch"
        found = self._attributes(local, attributes)
        if self.count == 1:
            self._begin(name, local, found)
            return
        self.drawing.text |= local == "text"
        self.parts.append(f"<{name}{_written(found)}>")
        if local == "style":
            self.css = []

    def end(self, name: str) -> None:
        """Close an element."""
        number, identity = self.open.pop()
        if identity:
            first, last = self.ranges.get(identity, (0, 0))
            if self.count - number >= last - first:
                self.ranges[identity] = (number, self.count)
        if self.silent:
            self.silent -= 1
            return
        if self.css is not None and name.rpartition(":")[2] == "style":
            self.parts.append(escape(self._sheet("".join(self.css))))
            self.css = None
        if self.open:
            self.parts.append(f"</{name}>")

    def characters(self, text: str) -> None:
        """Write text between elements."""
        if self.css is not None:
            self.css.append(text)
        elif not self.silent:
            self.parts.append(escape(text))

    def check_references(self) -> None:
        """Refuse a drawing that grows beyond the limit once its references are followed."""
        numbers = [number for number, _ in self.references]
        sizes: dict[str, int] = {}
        steps = 0

        def size(identity: str, chain: int) -> int:
            nonlocal steps
            if identity in sizes or identity not in self.ranges:
                return sizes.get(identity, 0)
            sizes[identity] = 0  # the renderer leaves a reference to itself out
            first, last = self.ranges[identity]
            found = last - first + 1
            low, high = bisect.bisect_left(numbers, first), bisect.bisect_right(numbers, last)
            steps += high - low
            if chain > _MAX_CHAIN or steps > _MAX_STEPS:
                raise MediaError("The drawing refers to itself in chains too long to follow.")
            for _, other in self.references[low:high]:
                found += size(other, chain + 1)
            sizes[identity] = found
            return found

        total = self.count
        for _, identity in self.references:
            total += size(identity, 1)
            if total > MAX_ELEMENTS:
                raise MediaError(
                    f"The drawing grows to more than {MAX_ELEMENTS:,} elements when its "
                    "references (such as <use>) are followed."
                )

    def _begin(self, name: str, local: str, found: dict[str, str]) -> None:
        if local != "svg":
            raise MediaError(f"The file is no SVG drawing: its root element is <{name[:40]}>.")
        self.drawing.root, self.drawing.attributes = name, found
        if self.entities:
            self._check_entities()

    def _check_entities(self) -> None:
        """Bound what the entities stand for, before any is replaced in the drawing."""
        sizes: dict[str, int] = {}

        def size(name: str) -> int:
            if name not in sizes:
                sizes[name] = MAX_EXPANSION + 1  # stays where an entity holds itself
                value = self.entities.get(name, "")
                sizes[name] = len(value) + sum(size(inner) for inner in _ENTITY.findall(value))
            return sizes[name]

        if sum(size(name) for name in _ENTITY.findall(_text(self.data))) > MAX_EXPANSION:
            raise MediaError(
                f"The entities of the drawing stand for more than {MAX_EXPANSION:,} characters; "
                "such files are refused."
            )

    def _attributes(self, local: str, attributes: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in attributes.items():
            key = _key(name)
            kept: str | None = value
            if key == "href":
                kept = None if local == "a" else self._href(value.strip())
            elif key.startswith("on") or key == "base":
                kept = None
            elif "(" in value or "--" in value:
                kept = self._value(key, value, name)
            if kept is not None:
                found[name] = kept
        return found

    def _href(self, value: str) -> str | None:
        if value.startswith("#"):
            self.references.append((self.count, value[1:]))
            return value
        match = _DATA.match(value)
        kept = self._embedded(value, match) if match else None
        if kept is None:
            self.drawing.left_out.append(value if len(value) < _LONG else value[:_LONG] + "…")
        return kept

    def _embedded(self, value: str, match: re.Match[str]) -> str | None:
        """Write an embedded image anew, so that nothing else can be read into it."""
        data = unquote_to_bytes(value[match.end() :])
        try:
            data = base64.b64decode(data) if match[2] else data
        except binascii.Error:
            return None
        if is_svg(data):
            return self._nested(data)
        try:
            with image_errors():
                image = open_image(data, MAX_EMBEDDED - self.drawing.pixels)
        except TooLarge as error:
            raise TooLarge(
                "The images embedded in the drawing have more pixels than the limit of "
                f"{MAX_EMBEDDED / 1e6:g} megapixels."
            ) from error
        except MediaError:
            return None
        kind = _RASTER.get(image.format or "")
        self.drawing.pixels += image.width * image.height
        return f"data:image/{kind};base64,{base64.b64encode(data).decode()}" if kind else None

    def _nested(self, data: bytes) -> str | None:
        if self.level:
            return None
        inner = take_apart(data, level=1)
        self.drawing.left_out += inner.left_out
        self.drawing.text |= inner.text
        self.drawing.pixels += inner.pixels
        markup = base64.b64encode(inner.markup().encode()).decode()
        return f"data:image/svg+xml;base64,{markup}"

    def _sheet(self, text: str) -> str:
        """Write a style sheet without what is outside, in words that the renderer knows."""
        text = self._css(text)
        if self.filled is None:
            self.variables.learn_sheet(text)
            return text if "var(" in text else known_sheet(text)
        return known_sheet(self.filled.filled_in(text))

    def _value(self, key: str, value: str, name: str) -> str:
        """Write the value of an attribute, likewise."""
        if key == "style" and "--" in value:
            self.variables.learn(value, everywhere=self.count == 1)
        if _OUTWARD.search(value):
            value = self._css(value, name)
        if "var(" not in value:
            return known_value(key, value)
        return value if self.filled is None else known_value(key, self.filled.filled_in(value))

    def _css(self, text: str, name: str = "") -> str:
        """Drop what a style or an attribute refers to outside the file."""

        def judge(match: re.Match[str]) -> str:
            owner, target = match[1], match[2].strip(_QUOTES)
            if target.startswith("#"):
                self.references.append((self.count, target[1:]))
                return match[0]
            if not target.startswith("data:"):
                self.drawing.left_out.append(target)
            if (owner or name).lower().startswith(("filter", "mask", "clip", "marker")):
                return f"{owner}:none" if owner else "none"
            return _NOTHING

        def imported(match: re.Match[str]) -> str:
            url = _URL.match(match[1])
            self.drawing.left_out.append((url[2] if url else match[1]).strip(_QUOTES))
            return ""

        return _URL.sub(judge, _IMPORT.sub(imported, _CSS_COMMENT.sub("", text)))


@functools.lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """Give an attribute's name without its prefix."""
    return name.rpartition(":")[2].lower()


def _written(attributes: dict[str, str]) -> str:
    return "".join(
        f" {name}={quoteattr(value)}" if _SPECIAL.search(value) else f' {name}="{value}"'
        for name, value in attributes.items()
    )


def _unpacked(data: bytes) -> bytes:
    if data.startswith(_GZIP):
        unpacker = zlib.decompressobj(_GZIP_WINDOW)
        try:
            data = unpacker.decompress(data, MAX_TEXT + 1)
        except zlib.error as error:
            raise MediaError("The packed drawing is damaged and cannot be unpacked.") from error
        if not unpacker.eof and len(data) <= MAX_TEXT:
            raise MediaError("The packed drawing is truncated: the file ends before it does.")
    if not data.strip():
        raise MediaError("The file is empty (0 bytes).")
    if len(data) > MAX_TEXT:
        raise TooLarge(f"The drawing has more than {MAX_TEXT / 1e6:g} MB of XML.")
    return data


def _text(data: bytes) -> str:
    """Decode well enough to find markup, which is ASCII in every encoding that is read.

    Without its zero bytes UTF-16 reads like ASCII, where all characters are.
    """
    return data.replace(b"\x00", b"").decode("utf-8", "replace").lstrip("\ufeff\ufffd")

"""CSS in SVG drawings: what the renderer does not know is put in its words, or refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediacorpus.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_GROWTH = 1_000_000
"""Characters by which a drawing may grow when its variables are replaced."""

_BRACKET = re.compile(r"[{};]")
_CONDITION = re.compile(r"@(media|supports|layer|container|scope)\b(.{0,200})", re.IGNORECASE)
_NEVER_SHOWN = re.compile(
    r"\s*(print|speech|\(\s*prefers-color-scheme\s*:\s*dark\s*\))\s*", re.IGNORECASE
)
_DECLARED = re.compile(r"(?:^|[;{\s])(--[\w-]+)\s*:\s*([^;{}]*)")
# Bounds keep hostile text from being searched again and again.
_VARIABLE = re.compile(
    r"var\(\s{0,9}(--[\w-]{1,200})\s{0,9}"
    r"(?:,([^()]{0,300}(?:\([^()]{0,200}\)[^()]{0,100})?))?\)"
)
_EVERYWHERE = {":root", "svg", "*", "html", "svg:root", ":host"}
_ROOT = re.compile(r"(?<![\w-])(?:svg|html)?:root\b")
_DYNAMIC = re.compile(r"::?(hover|active|focus[\w-]*|visited|target|before|after|selection)\b")
_SELECTOR = re.compile(r"(?<!:)(:(?!first-child\b)[\w-]+|~(?!=)|\[[^\]]{0,100}[\^$*]=)")
_SHAPE = re.compile(r"(?:^|[;\s])(cx|cy|r|rx|ry|d)\s*:")
_FUNCTION = re.compile(
    r"(?<![\w-])(oklch|oklab|lch|lab|hwb|color|color-mix|light-dark|calc|env|clamp|min|max|var)\(",
    re.IGNORECASE,
)
_COLOR = re.compile(r"(?<![\w-])(rgb|hsl)a?\(([^()]{0,100})\)", re.IGNORECASE)
_VALUES = {
    *("style", "fill", "stroke", "color", "stop-color", "flood-color", "lighting-color", "opacity"),
    *("width", "height", "x", "y", "cx", "cy", "r", "rx", "ry", "transform", "stroke-width"),
}


@dataclass(slots=True)
class Variables:
    """The CSS variables (custom properties) of a drawing.

    Parameters
    ----------
    everywhere:
        Those that are set for the whole drawing, with their values.
    within:
        Names of those that are set for parts of it.
    grown:
        Characters that have been put in their place so far.
    """

    everywhere: dict[str, str] = field(default_factory=dict)
    within: set[str] = field(default_factory=set)
    grown: int = 0

    def learn(self, declarations: str, *, everywhere: bool) -> None:
        """Take in what a rule or an attribute `style` sets."""
        for name, value in _DECLARED.findall(declarations):
            if everywhere:
                self.everywhere[name] = value.strip()
            else:
                self.within.add(name)

    def learn_sheet(self, sheet: str) -> None:
        """Take in what a style sheet sets."""
        for selectors, declarations in _rules(sheet):
            found = {one.strip() for one in selectors.split(",")}
            self.learn(declarations, everywhere=found <= _EVERYWHERE)

    def filled_in(self, text: str) -> str:
        """Replace `var(--name)` by its value, and by what it falls back to where it has none.

        Raises
        ------
        MediaError
            A variable has different values in parts of the drawing, or grows without end.
        """

        def value(match: re.Match[str]) -> str:
            name: str = match[1]
            fallback: str | None = match[2]
            if name in self.within:
                raise unknown(f"the variable {name}, set for parts of the drawing")
            found = self.everywhere.get(name, fallback)
            self.grown += len(found or "")
            if self.grown > MAX_GROWTH:
                raise unknown("variables that grow without end")
            return "inherit" if found is None else found.strip()

        while "var(" in text:
            filled = _VARIABLE.sub(value, text)
            if filled == text:
                raise unknown("a use of var() that cannot be read")
            self.grown += 1
            text = filled
        return text


def known_value(name: str, value: str) -> str:
    """Put the value of an attribute in words that the renderer knows; raises `MediaError`."""
    if name in _VALUES and "(" in value:
        _refuse_functions(value)
        return _COLOR.sub(_plain_color, value)
    return value


def known_sheet(sheet: str) -> str:
    """Put a style sheet in words that the renderer knows.

    Rules for the pointer, for print and for dark screens are left out.

    Raises
    ------
    MediaError
        It uses selectors, rules or functions that the renderer passes over, so that colors or
        shapes would be wrong.
    """
    for selectors, declarations in _rules(sheet):
        condition = _CONDITION.match(selectors)
        if condition and not _NEVER_SHOWN.fullmatch(condition[2]):
            raise unknown(condition[0].rstrip())
        if selectors.startswith("@"):  # the renderer passes over what is within
            continue
        if "{" in declarations:
            raise unknown("rules within rules")
        shown = [one.strip() for one in selectors.split(",") if not _DYNAMIC.search(one)]
        for selector in shown:
            if _SELECTOR.search(_ROOT.sub("", selector)):
                raise unknown(f"the selector {selector!r}")
        shape = _SHAPE.search(declarations)
        if shown and shape:
            raise unknown(f"the property {shape[1]!r} in a style sheet")
        _refuse_functions(declarations)
    return _COLOR.sub(_plain_color, _ROOT.sub("svg", sheet))


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Give the selectors and the content of each rule that is in no other."""
    start = body = depth = 0
    selectors = ""
    for match in _BRACKET.finditer(sheet):
        if match[0] == "{":
            if depth == 0:
                selectors, body = sheet[start : match.start()].strip(), match.end()
            depth += 1
        elif match[0] == "}" and depth:
            depth -= 1
            if depth == 0:
                yield selectors, sheet[body : match.start()]
                start = match.end()
        elif depth == 0:
            start = match.end()


def unknown(feature: str) -> MediaError:
    """Make the error for a feature of CSS that the renderer does not know."""
    return MediaError(
        f"The drawing uses CSS that the renderer does not know ({feature[:80]}), so that it would "
        "look wrong; save it as plain SVG or as PNG."
    )


def _refuse_functions(values: str) -> None:
    match = _FUNCTION.search(values)
    if match:
        raise unknown(f"the function {match[1]}()")


def _plain_color(match: re.Match[str]) -> str:
    """Write a color with commas, and its transparency as a fraction."""
    parts = [part for part in re.split(r"[\s,/]+", match[2].strip()) if part]
    if len(parts) not in {3, 4}:
        return match[0]
    parts[0] = parts[0].removesuffix("deg")
    if parts[3:] and re.fullmatch(r"[\d.]{1,9}%", parts[3]):
        parts[3] = f"{float(parts[3][:-1]) / 100:g}"
    return f"{match[1].lower()}{'a' * (len(parts) - 3)}({','.join(parts)})"

"""Turn signatures and numpy-style docstrings into Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

LISTED = {"Parameters", "Returns", "Yields", "Raises", "Attributes"}
UNDERLINE = re.compile(r"-{3,}")
DIRECTIVE = re.compile(r"\s*# doctest: .*")
WIDTH = 88


def signature(target: Callable[..., Any], name: str, *, without: frozenset[str]) -> str:
    """Write a signature on one line, or on one line for each argument where it is long."""
    found = inspect.signature(target)
    pieces, star = [], False
    for one in found.parameters.values():
        if one.name in without:
            continue
        if one.kind is one.VAR_POSITIONAL:
            star = True
        elif one.kind is one.KEYWORD_ONLY and not star:
            pieces.append("*")
            star = True
        pieces.append(_argument(one))
    back = found.return_annotation
    arrow = "" if back in {inspect.Signature.empty, None, "None"} else f" -> {_type(back)}"
    flat = f"{name}({', '.join(pieces)}){arrow}"
    if len(flat) <= WIDTH:
        return flat
    return f"{name}(\n" + "".join(f"    {piece},\n" for piece in pieces) + f"){arrow}"


def _argument(one: inspect.Parameter) -> str:
    kinds = {str(one.VAR_POSITIONAL): "*", str(one.VAR_KEYWORD): "**"}
    text = kinds.get(str(one.kind), "") + one.name
    if one.annotation is not one.empty:
        text += f": {_type(one.annotation)}"
    if one.default is not one.empty:
        shown = _default(one.default)
        text += f" = {shown}" if ": " in text else f"={shown}"
    return text


def _default(value: Any) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    # A default that is made anew for each object has no text of its own.
    return "…" if "<factory>" in repr(value) else repr(value)


def _type(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else str(inspect.formatannotation(annotation))
    return re.sub(r"\b(?:mediacorpus|pathlib|collections|typing)(?:\.\w+)*\.(\w+)", r"\1", text)


def to_markdown(
    text: str, *, only: frozenset[str] | None = None, renamed: Mapping[str, str] | None = None
) -> str:
    """Write a docstring as Markdown.

    Of the parameters those in `only` are kept, after the names in `renamed` are exchanged.
    """
    blocks = []
    for title, lines in _sections(inspect.cleandoc(text).splitlines()):
        if title == "Examples":
            blocks.append("```pycon\n" + DIRECTIVE.sub("", "\n".join(lines)).strip() + "\n```")
        elif title in LISTED:
            wanted = only if title == "Parameters" else None
            body = _entries(lines, wanted, renamed or {})
            blocks += [f"**{title}**", body] if body else []
        else:
            blocks += [f"**{title}**"] if title else []
            blocks.append(_prose(lines))
    return "\n\n".join(block for block in blocks if block)


def summary(text: str) -> str:
    """Give the first sentence or paragraph of a docstring on one line."""
    return " ".join(inspect.cleandoc(text).split("\n\n", 1)[0].split())


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Cut at the underlined headings; the text above the first has no title."""
    title = ""
    body: list[str] = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if UNDERLINE.fullmatch(line):
            continue
        if UNDERLINE.fullmatch(below) and line:
            yield title, body
            title, body = line, []
        else:
            body.append(line)
    yield title, body


def _entries(lines: list[str], only: frozenset[str] | None, renamed: Mapping[str, str]) -> str:
    """Write `name:` (or a type) with its indented text as one item of a list."""
    entries: list[tuple[str, list[str]]] = []
    for line in lines:
        if line and not line[0].isspace():
            entries.append((line.strip(), []))
        elif entries:
            entries[-1][1].append(line.strip())
    if all(not any(body) for _, body in entries):
        return " ".join(head for head, _ in entries)
    written = []
    for head, body in entries:
        name = head.removesuffix(":")
        names = [renamed.get(part, part) for part in name.split(", ")]
        if only is not None and not only.intersection(names):
            continue
        text = " ".join(" ".join(body).split())
        code = f"`{', '.join(names)}`"
        written.append(f"- {code}: {text}" if text else f"- {code}")
    return "\n".join(written)


def _prose(lines: list[str]) -> str:
    """Keep paragraphs; fence the examples that stand among them."""
    written: list[str] = []
    inside = False
    for line in lines:
        starts = line.startswith(">>>")
        if starts and not inside:
            written += ["```pycon"]
            inside = True
        if inside and not line.strip():
            written += ["```"]
            inside = False
        written.append(DIRECTIVE.sub("", line) if inside else line)
    if inside:
        written.append("```")
    return "\n".join(written).strip()

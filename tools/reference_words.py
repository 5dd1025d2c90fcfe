"""Words and tables for the pages of the reference."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

WORDS = Path(__file__).with_name("reference.toml")


def words(*keys: str) -> Any:
    """Look up what the program does not say of itself."""
    found: Any = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    for key in keys:
        found = found[key]
    return found.strip() if isinstance(found, str) else found


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )

"""What a source gives: occurrences of pictures, before they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place where a picture occurs.

    Parameters
    ----------
    key:
        Identifies the occurrence; the same key is never two records.
    path:
        The file.
    columns:
        The researcher's own columns.
    label:
        Value of the variable that is labelled by the source, or None.
    part:
        `"train"`, `"val"` or `"test"` where the source says so, else None.
    sure:
        Whether the source means this to be a picture; if not, a file that proves to be
        something else is passed over without a word.
    """

    key: str
    path: Path
    columns: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    part: str | None = None
    sure: bool = True

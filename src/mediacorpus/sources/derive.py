"""Which frames and pages of a file become items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mediacorpus.errors import ParameterError
from mediacorpus.media.animation import AnimationReader, index_animation
from mediacorpus.media.decode import read
from mediacorpus.media.document import Document
from mediacorpus.media.pages import check_dpi, check_pages, page_numbers
from mediacorpus.media.shots import find_shots, shot_frames, shots_of
from mediacorpus.media.video import FrameIndex, choose_frames, index_frames
from mediacorpus.records import Derived, FileFacts, Kind, Locator, Shot

SHOTS = "shots"
POINTS = 72


@dataclass(frozen=True, slots=True)
class Rules:
    """What is taken out of videos and documents.

    Parameters
    ----------
    frames:
        `"every=1s"`, `"every=30"` or `"shots"` for videos and animations; None for no frames.
    pages:
        `"1-20"`, `"1,3,5-7"`, `"10-"` or `"all"`. None takes all pages of PDF files, and none
        of TIFF files, which count as images.
    dpi:
        Density at which PDF pages are drawn, in dots per inch.

    Raises
    ------
    ParameterError
        A rule cannot be understood.

    Examples
    --------
    >>> Rules(frames="every=1s").frames
    'every=1s'
    >>> Rules(frames="often")
    Traceback (most recent call last):
    ...
    mediacorpus.errors.ParameterError: ...
    """

    frames: str | None = None
    pages: str | None = None
    dpi: float = 200.0

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames != SHOTS:
            nothing = np.zeros(0)
            try:
                choose_frames(
                    FrameIndex(nothing.astype(np.int64), nothing, nothing > 0), self.frames
                )
            except ParameterError as error:
                raise ParameterError(f"{error} Or give shots: one frame of each shot.") from error
        check_pages("1" if self.page_range is None else self.page_range)
        check_dpi(self.dpi)

    @property
    def page_range(self) -> str | None:
        """The pages that were asked for; None for all."""
        return None if self.pages in {None, "all"} else self.pages

    def concern(self, facts: FileFacts) -> bool:
        """Tell whether anything is taken out of such a file."""
        if facts.kind is Kind.DOCUMENT:
            return True
        if facts.kind is Kind.VIDEO:
            return self.frames is not None
        several = facts.kind is Kind.IMAGE and facts.frames > 1
        wanted = self.pages if facts.format == "TIFF" else self.frames
        return several and wanted is not None


def derive(
    path: Path,
    facts: FileFacts,
    rules: Rules,
    *,
    shots: Sequence[Shot] = (),
    progress: Callable[[float], None] | None = None,
) -> Derived:
    """Choose the frames or pages of one file.

    Parameters
    ----------
    path:
        The file.
    facts:
        What its header says.
    rules:
        What is taken.
    shots:
        Its shots where they are known already.
    progress:
        Called with the share that is done during long work.

    Raises
    ------
    MediaError
        The file is damaged.
    ParameterError
        It has no such page.
    """
    if facts.kind is Kind.DOCUMENT:
        return Derived(list(_pages(path, facts, rules)))
    one = replace(_bare(facts), kind=Kind.FRAME)
    if facts.kind is Kind.IMAGE and facts.format == "TIFF":
        return Derived(list(_tiff_pages(path, facts, rules)))
    index = _index(path, facts)
    if rules.frames != SHOTS:
        return Derived([(place, one) for place in choose_frames(index, rules.frames or "")])
    if shots:
        found = list(shots)
    elif facts.kind is Kind.VIDEO:
        found = find_shots(path, progress=progress)
    else:
        with AnimationReader(read(path)) as reader:
            found = shots_of(reader.frames())
    return Derived([(place, one) for place in shot_frames(found, index)], found)


def _index(path: Path, facts: FileFacts) -> FrameIndex:
    return index_frames(path) if facts.kind is Kind.VIDEO else index_animation(read(path))


def _pages(path: Path, facts: FileFacts, rules: Rules) -> Iterator[tuple[Locator, FileFacts]]:
    with Document(read(path)) as document:
        for number in page_numbers(rules.page_range, document.pages):
            width, height = document.size(number)
            page = replace(
                _bare(facts),
                kind=Kind.PAGE,
                width=max(1, round(width * rules.dpi / POINTS)),
                height=max(1, round(height * rules.dpi / POINTS)),
                dpi=rules.dpi,
            )
            yield Locator(Kind.PAGE, page=number, dpi=rules.dpi), page


def _tiff_pages(path: Path, facts: FileFacts, rules: Rules) -> Iterator[tuple[Locator, FileFacts]]:
    numbers = set(page_numbers(rules.page_range, facts.frames))
    with AnimationReader(read(path)) as reader:
        for number, _, pixels in reader.frames():
            if number + 1 in numbers:
                height, width = pixels.shape[:2]
                page = replace(_bare(facts), kind=Kind.PAGE, width=width, height=height)
                yield Locator(Kind.PAGE, page=number + 1), page


def _bare(facts: FileFacts) -> FileFacts:
    """Give the facts of a file without those that do not hold for a part of it."""
    return FileFacts(facts.format, facts.width, facts.height, "RGB", 0, taken=facts.taken)

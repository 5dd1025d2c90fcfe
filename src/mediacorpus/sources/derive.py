"""Which frames, pages and audio tracks of a file become items."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mediacorpus.errors import MediaError, ParameterError
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
    audio:
        Whether the audio track of a video becomes an item.

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
    audio: bool = False

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
            return self.frames is not None or (self.audio and has_sound(facts))
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
    """Choose the frames or pages of one file, and its audio track.

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
        return _pages(path, facts, rules)
    if facts.kind is Kind.IMAGE and facts.format == "TIFF":
        return _tiff_pages(path, facts, rules)
    track = [_track(facts)] if rules.audio and has_sound(facts) else []
    if rules.frames is None:
        return Derived(track)
    one = replace(_bare(facts), kind=Kind.FRAME)
    index = index_frames(path) if facts.kind is Kind.VIDEO else index_animation(read(path))
    broken = [(f"frame={len(index)} and later", index.broken)] if index.broken else []
    if rules.frames != SHOTS:
        chosen = choose_frames(index, rules.frames)
        return Derived([*((place, one) for place in chosen), *track], broken=broken)
    if shots:
        found = list(shots)
    elif facts.kind is Kind.VIDEO:
        found = find_shots(path, progress=progress)
    else:
        with AnimationReader(read(path)) as reader:
            found = shots_of(itertools.islice(reader.frames(), len(index)))
    frames = shot_frames(found, index)
    return Derived([*((place, one) for place in frames), *track], found, broken)


def has_sound(facts: FileFacts) -> bool:
    """Tell whether a file is a video with an audio track that can be decoded."""
    return facts.kind is Kind.VIDEO and facts.sample_rate is not None


def _track(facts: FileFacts) -> tuple[Locator, FileFacts]:
    """Give the place and the facts of the audio track of a video."""
    own = FileFacts(
        facts.format,
        0,
        0,
        "",
        0,
        frames=0,
        taken=facts.taken,
        kind=Kind.AUDIO,
        duration=facts.duration,
        sample_rate=facts.sample_rate,
        channels=facts.channels,
    )
    return Locator(Kind.AUDIO), own


def _pages(path: Path, facts: FileFacts, rules: Rules) -> Derived:
    with Document(read(path)) as document:

        def page(number: int) -> tuple[Locator, FileFacts]:
            width, height = document.size(number)
            own = replace(
                _bare(facts),
                kind=Kind.PAGE,
                width=max(1, round(width * rules.dpi / POINTS)),
                height=max(1, round(height * rules.dpi / POINTS)),
                dpi=rules.dpi,
            )
            return Locator(Kind.PAGE, page=number, dpi=rules.dpi), own

        return _each(page_numbers(rules.page_range, document.pages), page)


def _tiff_pages(path: Path, facts: FileFacts, rules: Rules) -> Derived:
    with AnimationReader(read(path)) as reader:

        def page(number: int) -> tuple[Locator, FileFacts]:
            height, width = reader.frame(number - 1).shape[:2]
            own = replace(_bare(facts), kind=Kind.PAGE, width=width, height=height, mode=facts.mode)
            return Locator(Kind.PAGE, page=number), own

        return _each(page_numbers(rules.page_range, facts.frames), page)


def _each(numbers: Sequence[int], page: Callable[[int], tuple[Locator, FileFacts]]) -> Derived:
    """Take each page; one that cannot be had does not cost the others."""
    places: list[tuple[Locator, FileFacts]] = []
    broken: list[tuple[str, str]] = []
    for number in numbers:
        try:
            places.append(page(number))
        except MediaError as error:
            broken.append((f"page={number}", str(error)))
    return Derived(places, broken=broken)


def _bare(facts: FileFacts) -> FileFacts:
    """Give the facts of a file without those that do not hold for a part of it."""
    return FileFacts(facts.format, facts.width, facts.height, "RGB", 0, taken=facts.taken)

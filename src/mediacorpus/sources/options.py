"""What can be asked for when media are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mediacorpus.errors import ParameterError
from mediacorpus.sources.derive import Rules
from mediacorpus.sources.download import Manner

SIDES = 4
UNITS = ("pixels", "fractions")


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What is taken out of files, and how links are fetched.

    Parameters
    ----------
    frames:
        Frames of videos and animations that become items: `"every=1s"`, `"every=30"`
        (every thirtieth), or `"shots"` (the middle frame of each shot).
    pages:
        Pages of PDF and TIFF files that become items, such as `"1-20"`; by default all pages
        of PDF files.
    dpi:
        Density at which PDF pages are drawn, 10 to 1,200 dots per inch.
    audio:
        Whether the audio track of each video becomes an item of its own. It is not copied: its
        samples are decoded from the video when they are needed.
    boxes:
        Four columns of a table that hold x, y, width and height of a region: each row is then
        about that region of its image.
    box_unit:
        `"pixels"` of the upright image, or `"fractions"` of its width and height.
    refresh:
        Ask servers whether files that were downloaded earlier have changed.
    allow_private:
        Fetch from private addresses too, such as `http://localhost/`.
    robots:
        Keep to each site's robots.txt and to opt-outs such as `noai`.
    parallel:
        Requests at once.
    rate:
        Requests per second to one host; None for no limit.
    contact:
        Mail or web address by which site owners can reach you, sent with each request.

    Raises
    ------
    ParameterError
        A value is out of range or cannot be understood.

    Examples
    --------
    >>> AddOptions(frames="shots").manner.parallel
    16
    """

    frames: str | None = None
    pages: str | None = None
    dpi: float = 200.0
    audio: bool = False
    boxes: Sequence[str] | str | None = None
    box_unit: str = "pixels"
    refresh: bool = False
    allow_private: bool = False
    robots: bool = True
    parallel: int = 16
    rate: float | None = 10.0
    contact: str | None = None

    def __post_init__(self) -> None:
        _ = self.rules, self.manner, self.box_columns
        if self.box_unit not in UNITS:
            raise ParameterError(
                f"The unit of boxes is {self.box_unit!r}; it must be pixels or fractions."
            )

    @property
    def rules(self) -> Rules:
        """What is taken out of videos and documents."""
        return Rules(self.frames, self.pages, self.dpi, self.audio)

    @property
    def manner(self) -> Manner:
        """How links are fetched."""
        return Manner(
            parallel=self.parallel,
            rate=self.rate,
            allow_private=self.allow_private,
            robots=self.robots,
            contact=self.contact,
        )

    @property
    def box_columns(self) -> tuple[str, ...] | None:
        """The four columns of a region, or None."""
        if self.boxes is None:
            return None
        named = self.boxes.split(",") if isinstance(self.boxes, str) else self.boxes
        names = tuple(str(name).strip() for name in named)
        if len(names) != SIDES or not all(names):
            raise ParameterError(
                f"The columns of the boxes are {self.boxes!r}; name four, for x, y, width and "
                "height, as in --boxes x,y,width,height."
            )
        return names

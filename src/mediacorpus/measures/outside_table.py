"""Read a table of values that another program computed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediacorpus.errors import ParameterError, SourceError, unknown
from mediacorpus.records import Region, Shape, Tag, Text
from mediacorpus.result import counted
from mediacorpus.store.columns import MISSING
from mediacorpus.store.finding import FILES, KEYS, known_as

SHAPES = ("tag", "scalar", "text", "region")
"""Shapes of rows that a table of outside values can have."""

TAGS = (
    *("tag", "label", "labelname", "labelstr", "class", "classname", "category", "concept"),
    *("object", "keyword", "description", "name"),
)
SCORES = (
    *("score", "confidence", "conf", "labelconf", "probability", "prob", "likelihood"),
    *("matchconfidence", "topicality"),
)
TEXTS = ("text", "caption", "transcript", "ocr", "description")
"""Names by which the columns of a table are known, as `store.finding.FILES` for files."""

PERCENT = 100.0
SURELY_PERCENT = 10.0
"""Scores of up to 100 are taken as percent where the highest is above this."""

_SPANS = ("start", "stop", "language", "speaker")
_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_TRUTH = {"true": True, "false": False}
_FEW = 0.1
"""Share of cells that are no numbers below which a column of text looks like one of numbers."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class TableColumns:
    """What stands in which column of a table of outside values.

    Parameters
    ----------
    shape:
        `"tag"` (a row for each tag of an image), `"scalar"` (a row for each image), `"text"` or
        `"region"` (a row for each box). By default what the named columns ask for.
    item:
        Column that names the image: an id, a file, or the end of its path, with or without its
        suffix; found if not given.
    tag, score:
        Columns of the tags and their scores. Without scores a tag that is there has 1.
    columns:
        For `"scalar"`: the columns of values; by default all others.
    text:
        For `"text"`: the column of the text.
    boxes, box_unit:
        For `"region"`: four columns, x and y of the upper left corner, width and height; in
        `"pixels"` or `"fractions"` of the image.
    scale:
        The score that means certain, such as 100 of percent: scores are divided by it. Found if
        not given, where it is plain.
    """

    shape: str | None = None
    item: str | None = None
    tag: str | None = None
    score: str | None = None
    columns: Sequence[str] = ()
    text: str | None = None
    boxes: Sequence[str] = ()
    box_unit: str = "pixels"
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What one row of the table is about."""

    kind: str
    subject: str
    place: int


class OutsideTable:
    """The cells of a table as the rows of a measure.

    Parameters
    ----------
    cells:
        Column -> its cells, as text.
    wanted:
        What stands in which column.
    file:
        Name of the table, for messages.
    notes:
        Learns in a sentence each what was guessed.

    Attributes
    ----------
    shape, columns, outputs, scale:
        What was read, from where.
    rows:
        What each row is about.
    value:
        What the rows of one item, given by their places, say of it; `facts` are the item's.

    Raises
    ------
    ParameterError, UnknownName, SourceError
        An option does not fit the shape, there is no such column, or a cell cannot be read.
    """

    def __init__(
        self,
        cells: Mapping[str, list[str]],
        wanted: TableColumns,
        *,
        file: str,
        notes: list[str],
    ) -> None:
        self.cells = cells
        self.file = file
        self.notes = notes
        self.rows: list[Row] = []
        self.columns: dict[str, Any] = {}
        self.outputs: dict[str, str] = {}
        self.scale = 1.0
        self.shape = _shape(wanted, cells)
        self.value: Callable[[Sequence[int], Any], Any] = lambda _places, _facts: None
        self._says: Callable[[int], int] = lambda _place: 1
        self._name_rows(wanted.item)
        self._read(wanted)

    def _name_rows(self, column: str | None) -> None:
        """Find the column that names the items."""
        if column is None:
            column = known_as(self.cells, (*KEYS, *FILES))
            if column is None:
                raise SourceError(
                    f"Which column of {self.file} names the images? Say so with --item. "
                    f"Its columns are: {', '.join(self.cells)}."
                )
            self.notes.append(f"Images are named by the column {column!r}.")
        values = self._cells(column)
        self.columns["item"] = column
        kind = column.lower() if column.lower() in {"item", "record"} else "file"
        self.rows = [Row(kind, text, n) for n, text in enumerate(values) if text]
        blank = len(values) - len(self.rows)
        if blank:
            self.notes.append(f"{counted(blank, 'row')} without an image {_are(blank)} left out.")

    def _read(self, wanted: TableColumns) -> None:
        """Read the values, as the shape asks for."""
        shape, tag, score, scale = self.shape, wanted.tag, wanted.score, wanted.scale
        if shape is Shape.SCALAR:
            if score is not None or scale is not None:
                raise ParameterError(
                    "Scores belong to tags, boxes and texts; name columns of numbers with "
                    "--columns."
                )
            self._scalars(wanted.columns)
            return
        if shape is Shape.TEXT:
            words = self._column("text", wanted.text, names=TEXTS, words="The text is in")
            self._texts(words, self._scores(score, scale, guess=False))
            return
        if shape is Shape.TAG or tag is not None or known_as(self._rest(), TAGS):
            names = self._column("tag", tag, names=TAGS, words="Tags are in")
        else:
            names = ["region"] * self._count()
        scores = self._scores(score, scale, guess=True)
        if shape is Shape.TAG:
            self._tags(names, scores)
        else:
            self._regions(names, scores, wanted.boxes, unit=wanted.box_unit)

    def count(self, items: Mapping[str, Sequence[int]]) -> int:
        """Count the values that were taken in."""
        return sum(self._says(place) for places in items.values() for place in places)

    def check_one(self, items: Mapping[str, Sequence[int]]) -> None:
        """Refuse several different rows of one item where it has one value."""
        if self.shape is not Shape.SCALAR:
            return
        at_odds = [
            places
            for places in items.values()
            if len({tuple(map(str, self.value([p], None).values())) for p in places}) > 1
        ]
        if at_odds:
            first = next(row for row in self.rows if row.place == at_odds[0][0])
            listed = ", ".join(str(place + 1) for place in at_odds[0][:_SHOWN])
            raise SourceError(
                f"{counted(len(at_odds), 'item')} {'has' if len(at_odds) == 1 else 'have'} several "
                f"rows with different values in {self.file}; the first is {first.subject!r} (rows "
                f"{listed}). Nothing was imported. Keep one row for each image, or import the "
                "table as --shape tag."
            )

    def _count(self) -> int:
        return len(next(iter(self.cells.values())))

    def _rest(self) -> list[str]:
        used = {str(name) for name in self.columns.values()}
        return [name for name in self.cells if name not in used]

    def _cells(self, column: str) -> list[str]:
        if column not in self.cells:
            raise unknown("column", column, self.cells)
        return self.cells[column]

    def _column(
        self, role: str, column: str | None, *, names: Sequence[str], words: str
    ) -> list[str]:
        """Give the cells of a column that was named, or is known by its name."""
        if column is None:
            column = known_as(self._rest(), names)
            if column is None:
                raise SourceError(
                    f"Which column of {self.file} holds the {role}? Say so with --{role}. "
                    f"Its columns are: {', '.join(self.cells)}."
                )
            self.notes.append(f"{words} the column {column!r}.")
        self.columns[role] = column
        return self._cells(column)

    def _scores(
        self, column: str | None, scale: float | None, *, guess: bool
    ) -> list[float | None]:
        if column is None and guess:
            column = known_as(self._rest(), SCORES)
            if column is not None:
                self.notes.append(f"Scores are in the column {column!r}.")
            else:
                self.notes.append("No column holds scores, so each that is there has the score 1.")
        if column is None:
            if scale is not None:
                raise ParameterError("A scale belongs to scores; name their column with --score.")
            return [1.0 if guess else None] * self._count()
        self.columns["score"] = column
        scores = _numbers(self._cells(column), column, self.file)
        self.scale = self._scale([s for s in scores if s is not None], column, scale)
        return [None if s is None else s / self.scale for s in scores]

    def _scale(self, scores: Sequence[float], column: str, scale: float | None) -> float:
        """Tell what score means certain, and say so where it is not 1."""
        if not scores:
            raise SourceError(f"The column {column!r} of {self.file} holds no score.")
        low, high = min(scores), max(scores)
        reach = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        if scale is not None:
            if not 0 < scale < math.inf:
                raise ParameterError(f"The scale is {scale:g}; it must be above 0.")
            if low < 0 or high > scale:
                raise SourceError(
                    f"The scores in {column!r} are {reach}, which does not lie between 0 and the "
                    f"scale of {scale:g}."
                )
            return float(scale)
        if low >= 0 and high <= 1:
            return 1.0
        if low < 0 or high > PERCENT or high <= SURELY_PERCENT:
            raise SourceError(
                f"The scores in {column!r} are {reach}, neither from 0 to 1 nor plainly percent. "
                "Say with --scale which score means certain (they are divided by it); scores "
                "below 0, or without an upper end, are imported as --shape scalar."
            )
        self.notes.append(
            f"The scores in {column!r} are {reach}, so they are taken as percent and divided by "
            "100 (--scale says otherwise)."
        )
        return PERCENT

    def _tags(self, names: Sequence[str], scores: Sequence[float | None]) -> None:
        self._lacking(names, scores)
        self._says = lambda place: int(bool(names[place]) and scores[place] is not None)
        repeated = 0

        def best(places: Sequence[int], _facts: Any) -> list[Tag]:
            found: dict[str, float] = {}
            for place in places:
                own = scores[place]
                if names[place] and own is not None:
                    found[names[place]] = max(own, found.get(names[place], 0.0))
            return [Tag(n, s) for n, s in sorted(found.items(), key=lambda pair: -pair[1])]

        seen: set[tuple[str, str]] = set()
        for row in self.rows:
            pair = (row.subject, names[row.place])
            repeated += bool(names[row.place]) and pair in seen
            seen.add(pair)
        if repeated:
            self.notes.append(
                f"{counted(repeated, 'row')} {'repeats' if repeated == 1 else 'repeat'} a tag of "
                "an image; its best score counts."
            )
        self.value = best

    def _lacking(self, names: Sequence[str], scores: Sequence[float | None]) -> None:
        """Say of how many rows there is no value, or a tag without a score."""
        blank = sum(not names[row.place] for row in self.rows)
        if blank:
            self.notes.append(
                f"{counted(blank, 'row')} without a tag {'says' if blank == 1 else 'say'} that "
                "nothing was found in the image."
            )
        unscored = sum(bool(names[r.place]) and scores[r.place] is None for r in self.rows)
        if unscored:
            self.notes.append(
                f"{counted(unscored, 'tag')} without a score {_are(unscored)} left out."
            )

    def _regions(
        self,
        names: Sequence[str],
        scores: Sequence[float | None],
        boxes: Sequence[str],
        *,
        unit: str,
    ) -> None:
        if len(boxes) != 4:  # noqa: PLR2004
            raise ParameterError(
                f"A box is four columns, X,Y,WIDTH,HEIGHT; {len(boxes)} are named."
            )
        if unit not in {"pixels", "fractions"}:
            raise ParameterError(f"The unit of boxes is {unit!r}; it must be pixels or fractions.")
        self.columns |= {"boxes": list(boxes), "box_unit": unit}
        sides = [_numbers(self._cells(name), name, self.file) for name in boxes]
        whole = [all(side[n] is not None for side in sides) for n in range(self._count())]
        open_ = sum(not whole[row.place] and bool(names[row.place]) for row in self.rows)
        if open_:
            self.notes.append(
                f"{counted(open_, 'row')} without a whole box {_are(open_)} left out."
            )
        self._says = lambda place: int(whole[place] and scores[place] is not None)

        def found(places: Sequence[int], facts: Any) -> list[Region]:
            across, down = (facts.width, facts.height) if unit == "pixels" else (1, 1)
            regions = []
            for place in places:
                x, y, width, height = (side[place] for side in sides)
                score = scores[place]
                if None in {x, y, width, height} or score is None:
                    continue
                assert x is not None and y is not None  # noqa: PT018
                assert width is not None and height is not None  # noqa: PT018
                box = (x / across, y / down, width / across, height / down)
                regions.append(Region(names[place] or "region", score, *box))
            return sorted(regions, key=lambda region: -region.score)

        self.value = found

    def _texts(self, words: Sequence[str], scores: Sequence[float | None]) -> None:
        more: dict[str, list[Any]] = {}
        for name in _SPANS:
            if name in self._rest():
                self.columns[name] = name
                own = self._cells(name)
                timed = name in {"start", "stop"}
                more[name] = (
                    list(_numbers(own, name, self.file)) if timed else [c or None for c in own]
                )
        self._says = lambda place: int(bool(words[place]))
        self.value = lambda places, _facts: [
            Text(words[n], score=scores[n], **{key: own[n] for key, own in more.items()})
            for n in places
            if words[n]
        ]

    def _scalars(self, columns: Sequence[str]) -> None:
        named = list(columns) or self._rest()
        if not named:
            raise SourceError(
                f"{self.file} has no column of values beside {self.columns['item']!r}."
            )
        self.columns["values"] = named
        read: dict[str, list[Any]] = {}
        for column in named:
            kind, values = _typed(self._cells(column), column, self.notes)
            shown = f"{column}_" if column.lower() in {"item", "run"} else column
            self.outputs[shown], read[shown] = kind, values
        self._says = lambda place: sum(own[place] is not None for own in read.values())
        self.value = lambda places, _facts: {key: own[places[0]] for key, own in read.items()}


def _shape(wanted: TableColumns, cells: Mapping[str, Any]) -> Shape:
    """Tell the shape of a table from what was asked, and refuse what does not go together."""
    shape = wanted.shape
    given = {"region": wanted.boxes, "text": wanted.text, "tag": wanted.tag}
    given["scalar"] = wanted.columns
    asked = [name for name, value in given.items() if value]
    if shape is None:
        if not asked:
            raise ParameterError(
                f"Say what a row of the table is with --shape {'|'.join(SHAPES)}, or name columns "
                f"with --tag, --columns, --text or --boxes. Its columns are: {', '.join(cells)}."
            )
        shape = asked[0]
    if shape not in SHAPES:
        raise ParameterError(f"The shape is {shape!r}; it must be one of {', '.join(SHAPES)}.")
    ways = {"region": "--boxes", "text": "--text", "tag": "--tag", "scalar": "--columns"}
    # A box may have a name, which is its tag.
    strange = [o for o in asked if o != shape and (shape, o) != ("region", "tag")]
    if strange:
        raise ParameterError(
            f"{ways[strange[0]]} belongs to the shape {strange[0]}, not to {shape}; leave it out."
        )
    if shape == "region" and not wanted.boxes:
        raise ParameterError(
            "Name the four columns of a box with --boxes X,Y,WIDTH,HEIGHT. "
            f"The columns of the table are: {', '.join(cells)}."
        )
    return Shape(shape)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _numbers(cells: Sequence[str], column: str, file: str) -> list[float | None]:
    """Read numbers, with a point or a comma, and maybe a percent sign; None where blank."""
    found: list[float | None] = []
    for place, cell in enumerate(cells):
        plain = cell.removesuffix("%").strip()
        if not plain or plain in MISSING:
            found.append(None)
            continue
        plain = plain.replace(",", ".") if _COMMA.fullmatch(plain) else plain
        if not _DECIMAL.fullmatch(plain):
            raise SourceError(
                f"Row {place + 1} of {file} has {cell!r} in the column {column!r}, where a number "
                "is needed. Correct it, leave it blank, or name another column."
            )
        found.append(float(plain))
    return found


def _typed(cells: Sequence[str], column: str, notes: list[str]) -> tuple[str, list[Any]]:
    """Tell the type of a column from all its cells, and read them."""
    blank = [not cell or cell in MISSING for cell in cells]
    given = [cell for cell, empty in zip(cells, blank, strict=True) if not empty]

    def read(convert: Callable[[str], Any]) -> list[Any]:
        return [None if e else convert(c) for c, e in zip(cells, blank, strict=True)]

    if given and all(map(_WHOLE.fullmatch, given)):
        return "int64", read(int)
    if given and all(map(_DECIMAL.fullmatch, given)) and not any(map(_padded, given)):
        return "float64", read(float)
    if given and all(_COMMA.fullmatch(c) or _WHOLE.fullmatch(c) for c in given):
        notes.append(f"The numbers of {column!r} are written with a comma, as in {given[0]!r}.")
        return "float64", read(lambda cell: float(cell.replace(",", ".")))
    if given and all(cell.lower() in _TRUTH for cell in given):
        return "bool", read(lambda cell: _TRUTH[cell.lower()])
    strange = [cell for cell in given if not _DECIMAL.fullmatch(cell)]
    if strange and len(strange) <= _FEW * len(given):
        notes.append(
            f"{column!r} is kept as text: {counted(len(strange), 'cell')} of {len(given):,} "
            f"{_are(len(strange))} no number, such as {strange[0]!r}."
        )
    return "string", read(str)


def _padded(cell: str) -> bool:
    """Tell an id such as 007 from a number."""
    return len(cell) > 1 and cell[0] == "0" and cell[1].isdigit()

"""What the folders of a source mean: classes, parts of a split, or only wrapping."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mediacorpus.errors import ParameterError

PART_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
LABEL = "{label}"
MOST_NAMED = 5
"""Classes that are named in words."""

_TOKENS = re.compile(r"[\W_]+")
_FILLERS = {"set", "data", "dataset", "images", "imgs", "dir", "folder", "split"}

Folders = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the folders above a file are read.

    Parameters
    ----------
    wrapping:
        Folders below the source that hold all others, and mean nothing.
    parts:
        Names of the folders that are parts of a split -> the folders in each that mean nothing.
    inner:
        Whether the parts lie in the classes, and not the classes in the parts.
    pattern:
        Expression whose group `label` is the class in the name of a file, where it is not that of
        a folder.
    note:
        What was understood, where it is not that each folder is a class; else empty.

    Examples
    --------
    >>> layout = layout_of([("PetImages", "Cat"), ("PetImages", "Dog")])
    >>> layout.read(("PetImages", "Cat")), layout.note
    (('Cat', None), '2 classes below PetImages: Cat (1), Dog (1).')
    """

    wrapping: Folders = ()
    parts: dict[str, Folders] = field(default_factory=dict)
    inner: bool = False
    pattern: re.Pattern[str] | None = None
    note: str = ""

    def read(self, folders: Sequence[str], name: str = "") -> tuple[str | None, str | None]:
        """Give class and part of a file from its name and the folders that it lies in."""
        label, part = self._of_folders(folders)
        if self.pattern is not None:
            found = self.pattern.fullmatch(name)
            label = found["label"] if found else None
        return label, part

    def _of_folders(self, folders: Sequence[str]) -> tuple[str | None, str | None]:
        own = _below(tuple(folders), self.wrapping)
        if self.inner:
            return (own[0] if own else None), (part_of(own[1]) if len(own) > 1 else None)
        if own and own[0] in self.parts:
            part = part_of(own[0])
            rest = _below(own[1:], self.parts[own[0]])
            return (rest[0] if rest else None), part
        return (own[0] if own else None), None


def part_of(name: str) -> str | None:
    """Tell which part of a split a folder's name stands for.

    >>> part_of("Training"), part_of("test_set"), part_of("seg_train"), part_of("test tube")
    ('train', 'test', 'train', None)
    """
    tokens = [token for token in _TOKENS.split(name.lower()) if token]
    while len(tokens) > 1 and tokens[-1] in _FILLERS:
        tokens.pop()
    return PART_NAMES.get(tokens[-1]) if tokens else None


def name_pattern(text: str) -> re.Pattern[str]:
    """Make an expression of a pattern of file names, such as `"{label}.*"`.

    `{label}` stands for the class, `*` for anything, `?` for one character.

    Raises
    ------
    ParameterError
        The pattern does not have `{label}` once.

    Examples
    --------
    >>> name_pattern("{label}.*").fullmatch("cat.123.jpg")["label"]
    'cat'
    """
    if text.count(LABEL) != 1:
        raise ParameterError(
            f"The pattern of labels is {text!r}; write {LABEL} once where the class stands in the "
            f'names of the files, as in "{LABEL}.*" for cat.123.jpg.'
        )
    marks = {"*": ".*", "?": ".", LABEL: "(?P<label>.+?)"}
    pieces = re.split(r"(\{label\}|[*?])", text)
    return re.compile("".join(marks.get(piece, re.escape(piece)) for piece in pieces))


def layout_of(places: Iterable[Folders], *, label_from: str | None = None) -> Layout:
    """Understand the folders of a source as data sets are commonly laid out.

    Parameters
    ----------
    places:
        For each file the folders below the source that it lies in.
    label_from:
        Where the class stands in the names of the files, if not in those of folders.
    """
    pattern = None if label_from is None else name_pattern(label_from)
    counts = Counter(places)
    deep = {place: count for place, count in counts.items() if place}
    wrapping = _wrapping(list(deep))
    below = {_below(place, wrapping): count for place, count in deep.items()}
    tops = {place[0] for place in below if place}
    named = {top for top in tops if part_of(top)}
    split = {top for top in named if any(place[0] == top and place[1:] for place in below if place)}
    flat = tops == named and len({part_of(top) for top in tops}) > 1
    inner = not named and _parts_within(list(below))
    parts: dict[str, Folders] = {}
    if split or flat:
        for top in named:
            inside = [place[1:] for place in below if place and place[0] == top]
            parts[top] = _wrapping([place for place in inside if place], within=top)
    found = Layout(wrapping, parts, inner)
    note = _note(found, deep) if pattern is None else ""
    return Layout(wrapping, parts, inner, pattern, note)


def _below(place: Folders, wrapping: Folders) -> Folders:
    return place[len(wrapping) :] if place[: len(wrapping)] == wrapping else place


def _wrapping(places: Sequence[Folders], *, within: str = "") -> Folders:
    """Give the folders that hold all others, down to where there are several.

    A folder that holds files itself is a class, and one that is named like a part of a split is
    one; in a part, only a folder of the same meaning wraps it once more.
    """
    found: list[str] = []
    places = [place for place in places if place]
    while places:
        first = {place[0] for place in places}
        top = places[0][0]
        holds = any(len(place) == 1 for place in places)
        means = part_of(top) != part_of(within) if within else holds or part_of(top)
        if len(first) > 1 or means:
            break
        found.append(top)
        places = [place[1:] for place in places if place[1:]]
    return tuple(found)


def _parts_within(places: Sequence[Folders]) -> bool:
    """Tell whether each class has parts in it, as in `cats/train`, `cats/test`."""
    second = {place[1] for place in places if len(place) > 1}
    whole = all(len(place) > 1 for place in places)
    return whole and len(second) > 1 and all(part_of(name) for name in second)


def _note(layout: Layout, counts: dict[Folders, int]) -> str:
    if not layout.wrapping and not layout.parts and not layout.inner:
        return ""
    classes: Counter[str] = Counter()
    flat: Counter[str] = Counter()
    for place, count in counts.items():
        label, part = layout.read(place)
        if label is not None:
            classes[label] += count
        elif part is not None:
            flat[part] += count
    named = ", ".join(f"{name} ({count:,})" for name, count in classes.most_common(MOST_NAMED))
    more = ", …" if len(classes) > MOST_NAMED else ""
    where = f" below {'/'.join(layout.wrapping)}" if layout.wrapping else ""
    listed = f": {named}{more}" if classes else ""
    text = f"{len(classes):,} class{'es' * (len(classes) != 1)}{where}{listed}."
    for part, count in flat.items():
        text += f" The folder of the part {part} has no class folders ({count:,} files)."
    return text

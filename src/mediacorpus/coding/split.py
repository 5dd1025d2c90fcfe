"""Cut labelled items into training, validation and test parts."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediacorpus.errors import SplitError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

PARTS = {2: ("train", "val"), 3: ("train", "val", "test")}
"""Names of the parts by their number."""

ATTEMPTS = 50
"""Orders that are tried where groups hold items of several classes."""

NEAR = 0.01
"""Share of items in a wrong part from which, with `partial`, other orders are tried."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """Items that stay together, with the number of items of each class among them."""

    items: tuple[str, ...]
    classes: Mapping[str, int]


def parse_shares(text: str) -> tuple[float, ...]:
    """Read shares such as `80/20` (training, validation) or `80/10/10` (also test).

    Parameters
    ----------
    text:
        Two or three numbers with `/` between, in percent or as fractions of 1.

    Returns
    -------
    tuple of float
        Fractions that sum to 1.

    Raises
    ------
    SplitError
        There are not two or three shares, one is not above 0, or they do not sum up.

    Examples
    --------
    >>> parse_shares("80/10/10")
    (0.8, 0.1, 0.1)
    """
    try:
        numbers = [float(part.strip().removesuffix("%")) for part in text.split("/")]
    except ValueError as error:
        raise SplitError(
            f"The shares {text!r} are not understood; write them like 80/20 or 80/10/10."
        ) from error
    return _fractions(numbers, text)


def _fractions(numbers: Sequence[float], text: str) -> tuple[float, ...]:
    if len(numbers) not in PARTS:
        raise SplitError(
            f"The shares {text!r} are {len(numbers)}; two (train/val) or three (train/val/test) "
            "are needed, like 80/20 or 80/10/10."
        )
    if not all(0 < number < math.inf for number in numbers):
        raise SplitError(f"Each of the shares {text!r} must be above 0.")
    total = math.fsum(numbers)
    whole = 1 if total < 2 else 100  # noqa: PLR2004
    if abs(total - whole) > whole * 1e-6:
        raise SplitError(f"The shares {text!r} sum to {total:g}; they must sum to 100 (or to 1).")
    return tuple(number / whole for number in numbers)


def draw_split(
    items: Sequence[str],
    labels: Sequence[Any],
    *,
    shares: str | Sequence[float] = "80/20",
    seed: int = 1,
    groups: Sequence[Hashable] | None = None,
    partial: bool = False,
) -> dict[str, str]:
    """Draw a split that is stratified by class and keeps groups on one side.

    The numbers of each class in each part follow from the shares by the method of largest
    remainders, adjusted so that the sizes of the parts fit as well; every class is in
    every part. The order in which items are drawn comes from a hash of seed and item id:
    the same seed gives the same split on any machine, in whatever order the items come.

    Parameters
    ----------
    items:
        Item ids, no two alike.
    labels:
        Class of each item, in the same order.
    shares:
        As for `parse_shares`, or two or three numbers.
    seed:
        Any whole number.
    groups:
        Group of each item (near-duplicates, author), None for an item on its own. All
        items of a group come into one part; then numbers follow the shares as closely as
        the sizes of the groups allow.
    partial:
        Allow a class to be missing in a part where its groups leave no other way; of the
        orders that are tried, the one with the fewest gaps and the closest shares counts.

    Returns
    -------
    dict
        Item id → `"train"`, `"val"` or `"test"`, sorted by item id.

    Raises
    ------
    SplitError
        The shares are wrong, items repeat or lack a label, there is one class only, a class
        has too few items or groups to be in every part, or there are fewer groups than parts.

    References
    ----------
    Hamilton's apportionment (largest remainders): Balinski, M. L., & Young, H. P. (1982).
    *Fair Representation*. Yale University Press.

    Examples
    --------
    >>> parts = draw_split(list("abcdefghij"), ["ant", "bee"] * 5, shares="80/20", seed=1)
    >>> sorted(item for item, part in parts.items() if part == "val")
    ['c', 'j']
    """
    given = (
        parse_shares(shares) if isinstance(shares, str) else _fractions(shares, _slashed(shares))
    )
    names = PARTS[len(given)]
    classes = _checked(items, labels)
    units = _units(classes, groups=_groups(items, groups))
    _check_counts(classes, parts=len(names))
    check = _check_units if partial else _check_held
    check(classes, units, parts=len(names))
    targets = _targets(Counter(classes.values()), given)
    draw = _closest if partial else _first
    drawn = draw(units, targets, seed=seed)
    return dict(sorted((item, names[part]) for unit, part in drawn for item in unit.items))


def _first(
    units: Sequence[_Unit], targets: Mapping[str, Sequence[int]], *, seed: int
) -> list[tuple[_Unit, int]]:
    """Give the first order that brings every class into every part."""
    parts = len(next(iter(targets.values())))
    for attempt in range(ATTEMPTS):
        ordered = sorted(units, key=lambda unit: _rank(unit, seed, attempt=attempt))
        placed = _place(ordered, targets)
        if _gaps(placed, ordered, parts=parts) == 0:
            return list(zip(ordered, placed, strict=True))
    raise SplitError(
        "No split has every class in every part, because groups hold items of several classes; "
        "use fewer parts or smaller groups."
    )


def _closest(
    units: Sequence[_Unit], targets: Mapping[str, Sequence[int]], *, seed: int
) -> list[tuple[_Unit, int]]:
    """Give the order with the fewest gaps and, of these, the shares closest to the targets."""
    parts = len(next(iter(targets.values())))
    held = Counter(name for unit in units for name in unit.classes)
    least = sum(max(0, parts - n) for n in held.values())
    near = NEAR * sum(sum(row) for row in targets.values())
    drawn: list[tuple[_Unit, int]] = []
    best = (math.inf, math.inf)
    for attempt in range(ATTEMPTS):
        ordered = sorted(units, key=lambda unit: _rank(unit, seed, attempt=attempt))
        placed = _place(ordered, targets, fill=True)
        cost = (_gaps(placed, ordered, parts=parts), _misplaced(placed, ordered, targets))
        if cost < best:
            best, drawn = cost, list(zip(ordered, placed, strict=True))
        if cost[0] <= least and cost[1] <= near:
            break
    return drawn


def _slashed(shares: Sequence[float]) -> str:
    return "/".join(f"{share:g}" for share in shares)


def _checked(items: Sequence[str], labels: Sequence[Any]) -> dict[str, str]:
    """Return item → class, sorted by item."""
    if len(items) != len(labels):
        raise SplitError(f"There are {len(items)} items and {len(labels)} labels to split.")
    if not len(items):
        raise SplitError("There are no labelled items to split; import labels first.")
    classes: dict[str, str] = {}
    for item, label in zip(items, labels, strict=True):
        if item in classes:
            raise SplitError(f"The item {item!r} is there twice; each item must be given once.")
        if _empty(label):
            raise SplitError(f"The item {item!r} has no label; leave it out of the split.")
        classes[item] = str(label)
    return dict(sorted(classes.items()))


def _empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _groups(items: Sequence[str], groups: Sequence[Hashable] | None) -> dict[str, Hashable]:
    if groups is None:
        return {}
    if len(groups) != len(items):
        raise SplitError(f"There are {len(items)} items and {len(groups)} groups to split.")
    return {i: group for i, group in zip(items, groups, strict=True) if not _empty(group)}


def _units(classes: Mapping[str, str], *, groups: Mapping[str, Hashable]) -> list[_Unit]:
    together: dict[Hashable, list[str]] = defaultdict(list)
    for item in classes:
        together[("group", groups[item]) if item in groups else ("item", item)].append(item)
    return [
        _Unit(tuple(members), Counter(classes[item] for item in members))
        for members in together.values()
    ]


def _check_counts(classes: Mapping[str, str], *, parts: int) -> None:
    items = Counter(classes.values())
    if len(items) == 1:
        raise SplitError(
            f"All {len(classes)} labelled items are {next(iter(items))!r}; "
            "a split needs at least two classes."
        )
    name, count = min(items.items(), key=lambda pair: (pair[1], pair[0]))
    if count < parts:
        found = "1 item" if count == 1 else f"{count} items"
        raise SplitError(
            f"The class {name!r} has {found}; a split into {parts} parts needs at least "
            f"{parts} of each class. Label more, or merge or drop the class."
        )


def _check_units(classes: Mapping[str, str], units: Sequence[_Unit], *, parts: int) -> None:
    if len(units) < parts:
        found = "one group" if len(units) == 1 else f"{len(units)} groups"
        raise SplitError(
            f"All {len(classes)} labelled items are in {found} that must stay together; "
            f"a split into {parts} parts needs at least {parts} groups."
        )


def _check_held(classes: Mapping[str, str], units: Sequence[_Unit], *, parts: int) -> None:
    held = Counter(name for unit in units for name in unit.classes)
    name, count = min(held.items(), key=lambda pair: (pair[1], pair[0]))
    if count < parts:
        found = "1 group" if count == 1 else f"{count} groups"
        items = sum(one == name for one in classes.values())
        raise SplitError(
            f"The {items} items of the class {name!r} are in {found} that must stay "
            f"together; a split into {parts} parts needs at least {parts}."
        )


def _targets(counts: Mapping[str, int], shares: Sequence[float]) -> dict[str, list[int]]:
    """Return the number of items of each class for each part."""
    cells = {name: _apportion(n, shares) for name, n in sorted(counts.items())}
    for row in cells.values():
        while 0 in row:
            row[row.index(max(row))] -= 1
            row[row.index(0)] += 1
    exact = {name: [n * share for share in shares] for name, n in counts.items()}
    wanted = _apportion(sum(counts.values()), shares)
    while move := _best_move(cells, exact, wanted):
        name, source, target = move
        cells[name][source] -= 1
        cells[name][target] += 1
    return cells


def _apportion(n: int, shares: Sequence[float]) -> list[int]:
    """Share out `n` items by largest remainders."""
    exact = [n * share for share in shares]
    parts = [int(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda p: parts[p] - exact[p])
    for part in by_remainder[: n - sum(parts)]:
        parts[part] += 1
    return parts


def _best_move(
    cells: Mapping[str, list[int]], exact: Mapping[str, list[float]], wanted: Sequence[int]
) -> tuple[str, int, int] | None:
    """Find the class whose rounding is best turned round to bring the parts to size."""
    sizes = [sum(row[p] for row in cells.values()) for p in range(len(wanted))]
    best, move = 0.0, None
    for source in range(len(wanted)):
        for target in range(len(wanted)):
            if sizes[source] <= wanted[source] or sizes[target] >= wanted[target]:
                continue
            for name, row in cells.items():
                over = row[source] - exact[name][source]
                under = exact[name][target] - row[target]
                rounded = over > _CLOSE and under > _CLOSE and row[source] > 1
                if rounded and over + under > best:
                    best, move = over + under, (name, source, target)
    return move


_CLOSE = 1e-9


def _rank(unit: _Unit, seed: int, *, attempt: int) -> tuple[int, bytes]:
    """Large groups come first, as they are the hardest to place; then by hash."""
    size = -len(unit.items) if attempt < ATTEMPTS // 2 else 0
    return size, _hash(f"{seed}/{attempt}/{unit.items[0]}")


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _place(
    units: Sequence[_Unit], targets: Mapping[str, Sequence[int]], *, fill: bool = False
) -> list[int]:
    """Put each unit into the part that lacks most of its classes; with `fill` none stays empty."""
    need = {name: list(row) for name, row in targets.items()}
    absent = {name: set(range(len(row))) for name, row in targets.items()}
    left = Counter(name for unit in units for name in unit.classes)
    placed: list[int] = []
    for unit in units:
        parts = range(len(next(iter(need.values()))))
        last = fill and len(units) - len(placed) <= len(parts)
        empty = set(parts).difference(placed) if last else set()
        forced = empty if len(units) - len(placed) <= len(empty) else set()
        urgent = [absent[name] for name in unit.classes if left[name] <= len(absent[name])]
        merits = [
            (
                part in forced,
                sum(part in lacking for lacking in urgent),
                sum(n * need[name][part] for name, n in unit.classes.items()),
                -part,
            )
            for part in parts
        ]
        chosen = max(parts, key=merits.__getitem__)
        for name, n in unit.classes.items():
            need[name][chosen] -= n
            absent[name].discard(chosen)
            left[name] -= 1
        placed.append(chosen)
    return placed


def _gaps(placed: Sequence[int], units: Sequence[_Unit], *, parts: int) -> int:
    """Count the pairs of a class and a part without it."""
    found = {(name, part) for u, part in zip(units, placed, strict=True) for name in u.classes}
    return parts * len({name for name, _ in found}) - len(found)


def _misplaced(
    placed: Sequence[int], units: Sequence[_Unit], targets: Mapping[str, Sequence[int]]
) -> int:
    """Count the items by which classes miss their targets."""
    need = {name: list(row) for name, row in targets.items()}
    for unit, part in zip(units, placed, strict=True):
        for name, n in unit.classes.items():
            need[name][part] -= n
    return sum(abs(n) for row in need.values() for n in row) // 2

"""The verb `labels map`: values that mean the same become one, as new labels in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediacorpus.coding.gold import current_labels
from mediacorpus.coding.values import read_map
from mediacorpus.errors import LabelError, ParameterError
from mediacorpus.records import Label
from mediacorpus.result import Result, counted
from mediacorpus.store import people
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store


@dataclass(slots=True, repr=False)
class Mapped(Result):
    """What `labels map` did.

    Parameters
    ----------
    variable:
        The variable.
    labels:
        New labels, each in place of one of the same coder and item.
    map:
        Values and as what they count from now on.
    undone:
        Whether a map was taken back.
    values:
        How many labels in force have each value now.
    """

    variable: str
    labels: int
    map: dict[str, str]
    undone: bool = False
    values: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        pairs = ", ".join(f"{old} as {new}" for old, new in self.map.items())
        done = f"Took back the map {pairs}" if self.undone else f"Now {pairs}"
        now = ", ".join(f"{value} {count:,}" for value, count in self.values.items())
        text = f"{done}: {counted(self.labels, 'new label')} of {self.variable} ({now})."
        if self.undone:
            return text
        return f"{text} Tables that are imported later are read so, too; --undo takes it back."


def map_labels(
    store: Store,
    variable: str,
    map: str | Mapping[str, str] | None = None,  # noqa: A002 - the word of the command
    *,
    undo: bool = False,
) -> Mapped:
    """Let values of a variable count as others, for labels that are there and those to come.

    Each label in force that has one of the values is followed by a new one of the same coder;
    nothing is taken from the log.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels.
    map:
        Values and what they mean, such as `{"YES": "yes"}` or `"YES=yes,yess=yes"`.
    undo:
        Take back the last map of the variable: its labels are followed by the ones before them,
        where nothing else was said since.

    Raises
    ------
    UnknownName
        No label has that variable.
    LabelError
        No label has one of the values, or there is no map to undo.
    ParameterError
        The map cannot be read, or is missing.
    """
    log = people.label_log(store, variable)
    if undo:
        if map is not None:
            raise ParameterError("Give a map, or --undo, not both.")
        return _undo(store, variable)
    mapping = read_map(map)
    if not mapping:
        raise ParameterError('Give a map, such as "YES=yes,yess=yes".')
    if "" in mapping.values():
        raise ParameterError("A label that is there can count as another value, not as none.")
    current = current_labels(log)
    labels = [
        Label(item, variable, people.mapped(value, mapping), coder)
        for item, value, coder in current[["item", "value", "coder"]].to_numpy().tolist()
        if people.mapped(value, mapping) != value
    ]
    if not labels:
        known = ", ".join(sorted(current["value"].astype(str).unique()))
        raise LabelError(
            f"No label of {variable} has a value that the map names; its values are {known}."
        )
    facts = {"variable": variable, "map": mapping}
    return _written(store, variable, labels, facts=facts, mapping=mapping)


def _undo(store: Store, variable: str) -> Mapped:
    maps = people.label_maps(store, variable)
    if not maps:
        raise LabelError(f"There is no map of {variable} to take back.")
    last = max(maps)
    labels = [
        Label(item, variable, before, coder)
        for item, coder, before in store.rows(
            "SELECT item, coder, (SELECT value FROM labels AS b WHERE b.item = l.item AND "
            "b.variable = l.variable AND b.coder = l.coder AND b.label < l.label "
            "ORDER BY b.label DESC LIMIT 1) FROM labels AS l WHERE run = ? AND NOT EXISTS "
            "(SELECT 1 FROM labels AS a WHERE a.item = l.item AND a.variable = l.variable "
            "AND a.coder = l.coder AND a.label > l.label) ORDER BY label",
            (last,),
        )
    ]
    facts = {"variable": variable, "undo": last}
    return _written(store, variable, labels, facts=facts, mapping=maps[last], undone=True)


def _written(
    store: Store,
    variable: str,
    labels: list[Label],
    *,
    facts: Mapping[str, object],
    mapping: dict[str, str],
    undone: bool = False,
) -> Mapped:
    with running(store, "labels map", parameters=dict(facts), exclusive=False) as run:
        run.done = people.append_labels(store, labels, run.id)
    values = current_labels(people.label_log(store, variable))["value"].value_counts()
    counts = {str(value): int(count) for value, count in values.items()}
    return Mapped(variable, run.done, mapping, undone, counts)

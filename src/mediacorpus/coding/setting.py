"""The verb `labels set`: one label of one item, typed in by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediacorpus.coding.gold import current_labels
from mediacorpus.coding.resolving import gold_labels
from mediacorpus.coding.values import spellings
from mediacorpus.errors import LabelError, ParameterError, UnknownName, unknown
from mediacorpus.records import Label
from mediacorpus.result import Result
from mediacorpus.store import derived, holdings, people
from mediacorpus.store.people import NONE, SEVERAL, written
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store


@dataclass(frozen=True, slots=True, repr=False)
class SetLabel(Result):
    """What `labels set` did.

    Parameters
    ----------
    item:
        The item's id.
    file:
        The path of its oldest record.
    variable, value, coder:
        The label.
    labels:
        1 where it was added to the log, 0 where the coder had said so before.
    before:
        What the coder said before; None where nothing.
    others:
        What the other coders say: coder -> value.
    gold:
        The item's gold value now; None where the coders disagree or no label is left.
    reason:
        Why there is no gold value.
    """

    item: str
    file: str
    variable: str
    value: str
    coder: str
    labels: int
    before: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    gold: str | None = None
    reason: str | None = None

    def __str__(self) -> str:
        name = self.file or self.item
        text = f"{name}: {self.variable} = {self.value}, says {self.coder}"
        if not self.value:
            text = f"{name}: {self.coder} takes back what was said of {self.variable}"
        if not self.labels:
            text += " already"
        elif self.before is not None:
            text += f" (before: {self.before})"
        text += "."
        if self.others:
            said = ", ".join(f"{who or 'no name'} {value}" for who, value in self.others.items())
            text += f" Others say: {said}."
        if self.gold is not None:
            return f"{text} The gold value is {self.gold}."
        if self.reason is not None:
            return (
                f"{text} There is no gold value: {self.reason}. `gold --unresolved` lists such "
                "items; to correct another coder, give that name as --coder."
            )
        return f"{text} The item has no gold value."


def set_label(
    store: Store,
    item: str,
    variable: str,
    *,
    value: str,
    coder: str,
    new_value: bool = False,
) -> SetLabel:
    """Append one label to the log.

    Nothing is taken from the log: what the coder said before is followed by the new value, which
    counts from now on.

    Parameters
    ----------
    store:
        The catalogue.
    item:
        The item: its id, the first digits of it, or the name of its file.
    variable:
        The variable.
    value:
        The value, or several of an item with `|` between. An empty one takes back what the coder
        said.
    coder:
        Who says so.
    new_value:
        Whether a value, or a variable, that no label has so far is meant.

    Returns
    -------
    SetLabel
        Says what the coder said before, what others say, and the gold value.

    Raises
    ------
    UnknownName
        There is no such item; or no such variable or value yet, and `new_value` is not given.
    LabelError
        There is nothing to take back.
    ParameterError
        The coder or the variable is empty.
    """
    who, name = written(coder), written(variable)
    if not who or not name:
        raise ParameterError("Say who labels, as in --coder anna, and name the variable.")
    found = holdings.resolve_item(store, item)
    given = _checked(store, name, written(value), new_value=new_value)
    before = people.said_by(store, name, coder=who, items=[found]).get(found, (None, None))[0]
    if not given and not before:
        raise LabelError(f"There is no label of {name} by {who} for {item} to take back.")
    facts = {"item": found, "variable": name, "value": given, "coder": who}
    with running(store, "labels set", parameters=facts, exclusive=False) as run:
        run.done = people.append_labels(store, [Label(found, name, given, who)], run.id)
    log = people.label_log(store, name)
    current = current_labels(log[log["item"] == found])
    others = current[current["coder"] != who]
    gold, reason = _gold(store, name, found)
    return SetLabel(
        item=found,
        file=derived.names_of(store, [found]).get(found, ""),
        variable=name,
        value=given,
        coder=who,
        labels=run.done,
        before=before or None,
        others=dict(zip(others["coder"], others["value"].astype(str), strict=True)),
        gold=gold,
        reason=reason,
    )


def _checked(store: Store, variable: str, value: str, *, new_value: bool) -> str:
    """Write a value as the log has it; refuse one that is new, unless that is meant."""
    known = people.value_counts(store, variable)
    if not known and not new_value:
        try:
            raise unknown("variable", variable, people.variables(store))
        except UnknownName as error:
            raise UnknownName(f"{error} To begin a new variable, add --new-value.") from None
    value = people.mapped(value, people.label_map(store, variable))
    if value in {"", NONE} or new_value:
        return spellings([*known, value])[value]
    single = [written(part) for one in known for part in one.split(SEVERAL) if written(part)]
    first = spellings([*single, *map(written, value.split(SEVERAL))])
    for part in map(written, value.split(SEVERAL)):
        if part and first[part] not in single:
            try:
                raise unknown(f"value of {variable}", part, set(single))
            except UnknownName as error:
                raise UnknownName(f"{error} If it is a new one, add --new-value.") from None
    return spellings([*known, value])[value]


def _gold(store: Store, variable: str, item: str) -> tuple[str | None, str | None]:
    """Give the gold value of an item, or why it has none."""
    try:
        found = gold_labels(store, variable)
    except (LabelError, UnknownName) as error:
        return None, str(error).rstrip(".")
    own = found.labels[found.labels["item"] == item]
    if len(own):
        return str(own["value"].iloc[0]), None
    left = found.unresolved[found.unresolved["item"] == item]
    return None, str(left["reason"].iloc[0]) if len(left) else None

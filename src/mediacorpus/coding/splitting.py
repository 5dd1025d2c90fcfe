"""The verb `split` over a corpus."""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from mediacorpus.coding.resolving import gold_labels
from mediacorpus.coding.split import draw_split, parse_shares
from mediacorpus.coding.split_groups import groups_by, surplus
from mediacorpus.coding.strata import is_scale, strata
from mediacorpus.errors import ParameterError, SplitError
from mediacorpus.result import Result
from mediacorpus.store import people
from mediacorpus.store.runs import running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediacorpus.store.store import Store

PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True, repr=False)
class Split(Result):
    """A split of the labelled items of one variable.

    Parameters
    ----------
    variable:
        The variable.
    shares:
        The shares asked for, such as `"80/20"`.
    seed:
        Seed of the draw; None where the source said who is where.
    parts:
        Item → `"train"`, `"val"` or `"test"`.
    labels:
        Item → value.
    unresolved:
        Labelled items that have no clear value and are in no part.
    left_out:
        Labelled items that are in no part, so that the classes of the training part are
        equally large.
    notes:
        What to know of the draw, one sentence each.
    """

    variable: str
    shares: str
    seed: int | None
    parts: dict[str, str]
    labels: dict[str, str]
    unresolved: int = 0
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def counts(self) -> pd.DataFrame:
        """Return the number of items by part (rows) and value (columns).

        Of a scale, instead of each value: `items`, `mean`, `min` and `max`.
        """
        if is_scale(list(self.labels.values())):
            return self._of_scale()
        tally = Counter((part, self.labels.get(i, "")) for i, part in self.parts.items())
        values = sorted({value for _, value in tally})
        rows = [p for p in PARTS if any((p, v) in tally for v in values)]
        return pd.DataFrame(
            [[tally[p, v] for v in values] for p in rows],
            index=pd.Index(rows, name="part"),
            columns=pd.Index(values, name=self.variable),
        )

    def _of_scale(self) -> pd.DataFrame:
        values = pd.Series({item: float(self.labels[item]) for item in self.parts}, dtype=float)
        table = values.groupby(pd.Series(self.parts)).agg(["count", "mean", "min", "max"])
        table = table.reindex([p for p in PARTS if p in table.index])
        names = pd.Index(["items", "mean", "min", "max"], name=self.variable)
        return table.set_axis(names, axis=1).rename_axis("part")

    def __str__(self) -> str:
        counts = self.counts()
        if "mean" in counts.columns and is_scale(list(self.labels.values())):
            pieces = [
                f"{part} {int(row['items']):,} (mean {row['mean']:.3g}, "
                f"{row['min']:g} to {row['max']:g})"
                for part, row in counts.iterrows()
            ]
        else:
            pieces = [
                f"{part} {int(row.sum()):,} ({', '.join(f'{v} {n:,}' for v, n in row.items())})"
                for part, row in counts.iterrows()
            ]
        text = f"Split of {self.variable}: {'; '.join(pieces)}."
        if self.unresolved:
            text += f" {self.unresolved:,} items with unresolved labels are in no part."
        return " ".join([text, *self.notes])

    def to_frame(self) -> pd.DataFrame:
        """Return the number of items by part and value, one row for each part."""
        return self.counts().reset_index().rename_axis(columns=None)

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>{self.counts().to_html()}"


def split(
    store: Store,
    variable: str,
    *,
    shares: str = "80/20",
    seed: int = 1,
    cluster: str | None = None,
    balanced: bool = False,
    val: float | None = None,
) -> Split:
    """Draw a stratified split of the labelled items of a variable and keep it.

    Exact copies are one item, so they are never on both sides.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels.
    shares:
        `"80/20"` for train and val, `"80/10/10"` for train, val and test.
    seed:
        The same seed and labels give the same split.
    cluster:
        One of your own columns, such as `author` or the number of a group of near-duplicates.
        Items that share a value are never parted, whether directly or through an item that
        has several records; crops, frames and pages have the values of their file. An item
        without a value is on its own. Classes follow the shares as closely as the groups
        allow; the shares that came out are said, and so is a class that a part lacks.
    balanced:
        Leave out items of the larger classes at random, until the training part has equally
        many of each class. They are in no part. The other parts stay as they were found.
    val:
        Share of the images that folders give for training, which becomes the validation part;
        what folders give for testing stays there. Takes the place of `shares`.

    Raises
    ------
    UnknownName
        No label has that variable.
    ParameterError
        No record has the column `cluster`, or a scale is to be balanced.
    SplitError
        The shares make no sense, or the labels or the groups do not allow the split.
    """
    parameters: dict[str, object] = {"variable": variable, "shares": shares}
    parameters |= ({"cluster": cluster} if cluster else {}) | (
        {"balanced": True} if balanced else {}
    )
    if val is not None:
        parameters["val"] = val
    with running(store, "split", parameters=parameters, seed=seed, exclusive=False) as run:
        given = {} if val is None else _given(store, variable)
        shares = shares if val is None else _within(val)
        made = _made(
            store,
            variable,
            shares=shares,
            seed=seed,
            cluster=cluster,
            balanced=balanced,
            given=given,
        )
        people.write_split(
            store,
            variable,
            made.parts,
            shares=shares,
            seed=seed,
            method=_method(cluster, list(made.left_out), val=val),
            run=run.id,
        )
        run.done = len(made.parts)
    return made


def _given(store: Store, variable: str) -> dict[str, str]:
    """Return the parts that folders give, of which the validation part is to be drawn."""
    number = people.latest_split(store, variable, method=people.FOLDERS)
    given = {} if number is None else people.split_parts(store, number)
    parts = set(given.values())
    if "train" not in parts or "val" in parts:
        there = ", ".join(part for part in PARTS if part in parts) or "none"
        raise SplitError(
            "A validation share is drawn from the training part that folders give, where they "
            f"give no validation part. The folders of {variable!r} give: {there}."
        )
    return given


def _within(val: float) -> str:
    if not 0 < val < 1:
        raise SplitError(f"The validation share is {val:g}; it must lie between 0 and 1.")
    return f"{100 * (1 - val):g}/{100 * val:g}"


def _made(
    store: Store,
    variable: str,
    *,
    shares: str,
    seed: int,
    cluster: str | None,
    balanced: bool,
    given: Mapping[str, str],
) -> Split:
    """Draw the split; of `given` parts only the training part is divided."""
    values, unresolved = gold_labels(store, variable)
    if values.empty:
        raise SplitError(
            f"No item has a clear value of {variable!r}; {len(unresolved)} are unresolved."
        )
    labels = dict(zip(values["item"], (str(v) for v in values["value"]), strict=True))
    if balanced and is_scale(list(labels.values())):
        raise ParameterError(
            f"The values of {variable!r} are numbers on a scale, so there are no classes to make "
            "equally large; leave --balanced out."
        )
    if given:
        labels = {item: value for item, value in labels.items() if item in given}
    divided = {i: value for i, value in labels.items() if given.get(i, "train") == "train"}
    drawn, notes = _drawn(store, divided, shares=shares, seed=seed, cluster=cluster)
    drawn |= {item: given[item] for item in labels if item not in divided}
    left_out = surplus(drawn, labels, seed=seed) if balanced else []
    absent = set(left_out)
    parts = {item: part for item, part in drawn.items() if item not in absent}
    if balanced:
        notes.append(_of_surplus(left_out, parts, labels))
    return Split(
        variable=variable,
        shares=shares,
        seed=seed,
        parts=parts,
        labels=labels,
        unresolved=len(unresolved),
        left_out=tuple(left_out),
        notes=tuple(notes),
    )


def _drawn(
    store: Store, labels: Mapping[str, str], *, shares: str, seed: int, cluster: str | None
) -> tuple[dict[str, str], list[str]]:
    """Give item → part, and what to know of it."""
    items = list(labels)
    classes = strata(list(labels.values()), parts=len(parse_shares(shares)))
    if cluster is None:
        return draw_split(items, classes, shares=shares, seed=seed), []
    groups = groups_by(store, items, cluster)
    numbers = [groups[item] for item in items]
    if len(set(numbers)) == 1 and numbers[0] is not None:
        raise SplitError(
            f"All {len(items):,} labelled items of this variable belong to one group of "
            f"{cluster!r}, directly or through items with several records, so they cannot be "
            "parted; take another column."
        )
    parts = draw_split(items, classes, shares=shares, seed=seed, groups=numbers, partial=True)
    return parts, [
        _of_groups(parts, groups, cluster=cluster),
        *_gaps(
            parts,
            dict(zip(items, classes, strict=True)),
            groups=groups,
            shares=shares,
            cluster=cluster,
        ),
    ]


def _method(cluster: str | None, left_out: Sequence[str], *, val: float | None) -> str:
    text = "stratified"
    if val is not None:
        text = f"folders, with a validation share of {val:g} drawn from train, stratified"
    if cluster is not None:
        text += f", items with the same {cluster} never parted"
    if left_out:
        text += f", {len(left_out):,} items left out for equal classes in training"
    return text


def _of_groups(parts: Mapping[str, str], groups: Mapping[str, int | None], *, cluster: str) -> str:
    """Say how many groups there are and which shares came out."""
    sizes = Counter(number for number in groups.values() if number is not None)
    alone = sum(number is None for number in groups.values())
    tally = Counter(parts.values())
    came = "/".join(f"{100 * tally[p] / len(parts):.1f}" for p in PARTS if tally[p])
    largest = max(sizes.values(), default=0)
    text = (
        f"No group of {cluster} is parted ({len(sizes):,} groups, the largest of {largest:,} items"
    )
    text += f"; {alone:,} items without a value are on their own" if alone else ""
    return f"{text}); the shares came out as {came}."


def _gaps(
    parts: Mapping[str, str],
    labels: Mapping[str, str],
    *,
    groups: Mapping[str, int | None],
    shares: str,
    cluster: str,
) -> list[str]:
    """Warn of each class, or stratum of a scale, that a part lacks."""
    names = PARTS[: shares.count("/") + 1]
    notes = []
    for name in sorted(set(labels.values())):
        items = [item for item, label in labels.items() if label == name]
        lacking = [part for part in names if part not in {parts[item] for item in items}]
        if lacking:
            own = len({item if groups[item] is None else groups[item] for item in items})
            held = "one group" if own == 1 else f"{own:,} groups"
            its = "its one item lies" if len(items) == 1 else f"its {len(items):,} items lie"
            notes.append(
                f"Warning: no item of {name} is in {' and '.join(lacking)}, because {its} in "
                f"{held} of {cluster}."
            )
    return notes


def _of_surplus(
    left_out: Sequence[str], parts: Mapping[str, str], labels: Mapping[str, str]
) -> str:
    if not left_out:
        return "The classes of the training part were equally large; no item was left out."
    tally = Counter(labels[item] for item in left_out)
    each = Counter(labels[item] for item, part in parts.items() if part == "train")
    listed = ", ".join(f"{name} {n:,}" for name, n in sorted(tally.items()))
    return (
        f"For {min(each.values()):,} of each class in the training part {len(left_out):,} items "
        f"were left out at random ({listed}); they are in no part."
    )


def latest(store: Store, variable: str) -> tuple[int, Split]:
    """Return the newest split of a variable and its id.

    Raises
    ------
    UnknownName
        No label has that variable.
    SplitError
        There is no split yet.
    """
    values, unresolved = gold_labels(store, variable)
    number = people.latest_split(store, variable)
    if number is None:
        raise SplitError(
            f"The labels of {variable!r} are not split yet. "
            f"Draw one with: mediacorpus split {store.folder} {variable}"
        )
    ((shares, seed),) = store.rows("SELECT shares, seed FROM splits WHERE split = ?", (number,))
    labels = {str(i): str(v) for i, v in zip(values["item"], values["value"], strict=True)}
    parts = {i: p for i, p in people.split_parts(store, number).items() if i in labels}
    return number, Split(variable, shares, seed, parts, labels, len(unresolved))


def groups_of(store: Store, variable: str, items: Sequence[str]) -> list[int | None]:
    """Give numbers to the groups that the newest split of a variable never parts.

    Returns
    -------
    list
        For each item the number of its group; None for one on its own, as all are where the split
        was drawn without groups.
    """
    number = people.latest_split(store, variable)
    cluster = None if number is None else column_of_split(store, number)
    if cluster is None:
        return [None] * len(items)
    found = groups_by(store, items, cluster)
    return [found[item] for item in items]


def column_of_split(store: Store, split: int) -> str | None:
    """Return the column whose groups a split never parts, or None."""
    found = store.value(
        "SELECT coalesce(json_extract(runs.parameters, '$.cluster'), "
        "json_extract(runs.parameters, '$.by')) FROM splits JOIN runs USING (run) "
        "WHERE split = ?",
        (split,),
    )
    return None if found is None else str(found)

"""The verbs `gold` and `split` over a corpus."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from mediacorpus.catalogue import people
from mediacorpus.catalogue.runs import running
from mediacorpus.coding.gold import gold as gold_of
from mediacorpus.coding.split import draw_split
from mediacorpus.errors import SplitError

if TYPE_CHECKING:
    from mediacorpus.catalogue.store import Store

PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Split:
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
    """

    variable: str
    shares: str
    seed: int | None
    parts: dict[str, str]
    labels: dict[str, str]
    unresolved: int = 0

    def counts(self) -> pd.DataFrame:
        """Return the number of items by part (rows) and value (columns)."""
        tally = Counter((part, self.labels.get(i, "")) for i, part in self.parts.items())
        values = sorted({value for _, value in tally})
        rows = [p for p in PARTS if any((p, v) in tally for v in values)]
        return pd.DataFrame(
            [[tally[p, v] for v in values] for p in rows],
            index=pd.Index(rows, name="part"),
            columns=pd.Index(values, name=self.variable),
        )

    def __str__(self) -> str:
        counts = self.counts()
        pieces = [
            f"{part} {int(row.sum()):,} ({', '.join(f'{v} {n:,}' for v, n in row.items())})"
            for part, row in counts.iterrows()
        ]
        text = f"Split of {self.variable}: {'; '.join(pieces)}."
        if self.unresolved:
            text += f" {self.unresolved:,} items with unresolved labels are in no part."
        return text

    def _repr_html_(self) -> str:
        return str(self.counts().to_html())


def gold(
    store: Store, variable: str, *, rule: str = "majority", positive: str | None = None
) -> pd.DataFrame:
    """Return one value for each labelled item: `item`, `value`, `coders`, `agreed`.

    Raises
    ------
    UnknownName
        No label has that variable.
    """
    values, _ = gold_of(people.label_log(store, variable), rule=rule, positive=positive)
    return values


def split(store: Store, variable: str, *, shares: str = "80/20", seed: int = 1) -> Split:
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

    Raises
    ------
    UnknownName
        No label has that variable.
    SplitError
        The shares make no sense, or the labels do not allow the split.
    """
    values, unresolved = gold_of(people.label_log(store, variable))
    if values.empty:
        raise SplitError(
            f"No item has a clear value of {variable!r}; {len(unresolved)} are unresolved."
        )
    items, labels = list(values["item"]), [str(v) for v in values["value"]]
    parts = draw_split(items, labels, shares=shares, seed=seed)
    parameters = {"variable": variable, "shares": shares}
    with running(store, "split", parameters=parameters, seed=seed, exclusive=False) as run:
        people.write_split(
            store, variable, parts, shares=shares, seed=seed, method="stratified", run=run.id
        )
        run.done = len(parts)
    return Split(
        variable=variable,
        shares=shares,
        seed=seed,
        parts=dict(parts),
        labels=dict(zip(items, labels, strict=True)),
        unresolved=len(unresolved),
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
    values, unresolved = gold_of(people.label_log(store, variable))
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

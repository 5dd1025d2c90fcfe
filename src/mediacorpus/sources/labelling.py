"""Labels and splits that a source itself states: class folders, a column of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mediacorpus.records import Label
from mediacorpus.sources.occurrence import Occurrence
from mediacorpus.store import people
from mediacorpus.store.columns import MISSING
from mediacorpus.store.store import Store

PARTS = ("train", "val", "test")


class Labelling:
    """What one pass over a source says of a variable.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        The variable that is labelled.
    coder:
        Who speaks: `"folder"` or `"table"`.
    place:
        The source, as its runs name it.
    run:
        The run that the labels belong to.
    """

    def __init__(self, store: Store, variable: str, *, coder: str, place: str, run: int) -> None:
        self.store = store
        self.variable = variable
        self.coder = coder
        self.place = place
        self.run = run
        self._map = people.label_map(store, variable)
        self._parts: dict[str, set[str]] = {}
        self._labelled: set[str] = set()
        self._disagreeing: set[str] = set()
        self._unlabelled = 0

    def learn(self, occurrences: Sequence[Occurrence], items: Mapping[str, str]) -> int:
        """Append what some occurrences say; return how many labels are new.

        `items` maps the key of an occurrence to its item, where that could be read. Copies of
        one image with different labels are two opinions by two coders, so that the
        disagreement shows instead of the last one winning. But a source that says something
        else than in an earlier pass has been corrected, and its newest word counts. What was set by
        hand since, as the same coder, stays.
        """
        given = people.said_by(
            self.store, self.variable, coder=self.coder, items=sorted(set(items.values()))
        )
        by_hand = [item for item, (_, place) in given.items() if place is None]
        said = people.said_in(self.store, self.variable, source=self.place, items=by_hand)
        labels = []
        for occurrence in occurrences:
            item = items.get(occurrence.key)
            if item is None:
                continue
            stated = people.mapped(people.written(occurrence.label or ""), self._map)
            if not stated or stated in MISSING:
                self._unlabelled += 1
                continue
            if occurrence.part is not None:
                self._parts.setdefault(item, set()).add(occurrence.part)
            if stated in said.get(item, ()):  # corrected since, by `labels set`
                continue
            value, place = given.get(item, (stated, self.place))
            if item not in self._labelled and place == self.place:
                value = stated
            given[item] = (value, place)
            self._labelled.add(item)
            coder = self.coder
            if value != stated:
                coder = f"{self.coder} {stated}"
                self._disagreeing.add(item)
            labels.append(Label(item, self.variable, stated, coder))
        return people.append_labels(self.store, labels, self.run)

    def finish(self) -> list[str]:
        """Write the split that the folders stand for; return what the user should be told."""
        notes = []
        if self._unlabelled:
            notes.append(
                f"{self._unlabelled:,} rows have no value of {self.variable} and got no label."
                if self.coder == "table"
                else f"{self._unlabelled:,} images are in no class by folder or name, and got no "
                "label."
            )
        if self._disagreeing:
            notes.append(
                f"{len(self._disagreeing):,} images have copies with different labels; they "
                "count as unresolved and are left out of training. If a source is wrong, take it "
                "out: mediacorpus remove."
            )
        return notes + self._split()

    def _split(self) -> list[str]:
        """Write what the folders say, unless they have said it; others' splits are not touched."""
        found = {item: min(names, key=PARTS.index) for item, names in self._parts.items()}
        latest = people.latest_split(self.store, self.variable, method=people.FOLDERS)
        before = {} if latest is None else people.split_parts(self.store, latest)
        parts = before | found
        if parts == before or len(set(parts.values())) == 1:
            return []
        people.write_split(
            self.store,
            self.variable,
            parts,
            shares="as found",
            seed=None,
            method=people.FOLDERS,
            run=self.run,
        )
        there = [part for part in PARTS if part in parts.values()]
        notes = [f"The folders {'/'.join(there)} became the split."]
        if "val" not in there and "train" in there:
            notes.append(
                f"There is no validation part: mediacorpus split DIR {self.variable} --val 0.1 "
                "draws one from train and leaves the rest as it is."
            )
        across = sum(len(names) > 1 for names in self._parts.values())
        if across:
            notes.append(
                f"{across:,} images lie in more than one part; each was kept in the first "
                "(train before val before test)."
            )
        return notes

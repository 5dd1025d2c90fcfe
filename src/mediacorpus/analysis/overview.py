"""A corpus at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mediacorpus.catalogue import people, progress
from mediacorpus.catalogue.store import Store
from mediacorpus.records import SKIPPED
from mediacorpus.result import Result


@dataclass(frozen=True, slots=True, repr=False)
class Overview(Result):
    """Counts of what a corpus holds.

    Parameters
    ----------
    folder:
        The corpus folder.
    items, records, failures, skipped, bytes:
        Numbers of distinct pictures, of their occurrences, of failures, and of files skipped
        because they are no media; size of all items.
    measures:
        Measure or model → number of items that have it.
    variables:
        Variable → number of labelled items.
    """

    folder: Path
    items: int
    records: int
    failures: int
    skipped: int
    bytes: int
    measures: dict[str, int]
    variables: dict[str, int]

    def __str__(self) -> str:
        first = (
            f"Corpus {self.folder}: {self.items:,} items in {self.records:,} records "
            f"({self.bytes / 1e6:,.1f} MB), {self.failures:,} failures"
        )
        lines = [first]
        if self.measures:
            listed = ", ".join(f"{name} ({n:,})" for name, n in self.measures.items())
            lines.append(f"  measured: {listed}")
        if self.variables:
            listed = ", ".join(f"{name} ({n:,})" for name, n in self.variables.items())
            lines.append(f"  labelled: {listed}")
        return "\n".join(lines)


def overview(store: Store) -> Overview:
    """Count what a corpus holds."""
    measures = {
        name: int(
            store.value(
                "SELECT count(*) FROM measured WHERE setup = ? AND part IS NOT NULL", (setup,)
            )
        )
        for name, (setup, _) in progress.current_setups(store).items()
    }
    variables = {
        name: int(
            store.value("SELECT count(DISTINCT item) FROM labels WHERE variable = ?", (name,))
        )
        for name in people.variables(store)
    }
    return Overview(
        folder=store.folder,
        items=int(store.value("SELECT count(*) FROM items")),
        records=int(store.value("SELECT count(*) FROM records")),
        skipped=int(store.value("SELECT count(*) FROM failures WHERE stage = ?", (SKIPPED,))),
        failures=int(store.value("SELECT count(*) FROM failures WHERE stage <> ?", (SKIPPED,))),
        bytes=int(store.value("SELECT coalesce(sum(bytes), 0) FROM items")),
        measures=measures,
        variables=variables,
    )

"""What the columns of a table hold: the codebook that goes with a file."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mediacorpus.analysis.tidy import TIDY, own_side, sides
from mediacorpus.engine.contract import MEASURES
from mediacorpus.store.columns import own_columns
from mediacorpus.store.store import Store
from mediacorpus.store.study import SPSS_NAME, STATA_NAME, short_names
from mediacorpus.store.write import write_batches

VALUES = 20
"""Columns with at most so many different values have them listed."""
_GLANCE = 500
NAMES = {".dta": STATA_NAME, ".sav": SPSS_NAME}
_RECORDS = {
    "record": "Number of the record",
    "item": "Id of the image: first digits of the SHA-256 of its content",
    "path": "File, from the folder or table that was added on",
    "source": "Source that the record came from",
    "size": "Size of the file in bytes",
    "added": "Run in which the record was added",
    "place": "Frame, page or box within the file",
}


def column_labels(store: Store, table: str = TIDY) -> dict[str, tuple[str, str]]:
    """Give what each column of a table holds, and where it comes from.

    Returns
    -------
    dict
        Column -> label and origin: `"record"`, `"image"`, `"own column"`, `"labels"`, or the
        name of a measure or model. Columns of which nothing is known are left out.
    """
    if table != TIDY:
        known = MEASURES.info(table).labels if table in MEASURES else {}
        return {name: (label, table) for name, label in known.items()}
    own = {column.shown: column.name for column in own_columns(store)}
    facts = MEASURES.info("facts").labels
    found: dict[str, tuple[str, str]] = {}
    for name in own_side(store):
        plain = name.removeprefix("item_") if name not in _RECORDS else name
        if name in own:
            found[name] = (f"Column {own[name]!r} of the source", "own column")
        elif name in _RECORDS:
            found[name] = (_RECORDS[name], "record")
        else:
            found[name] = (facts.get(plain, ""), "image")
    for side in sides(store):
        known = MEASURES.info(side.of).labels if side.of in MEASURES else {}
        for name, sql in side.columns.items():
            inner = sql.rpartition(".")[2].strip('"')
            label = side.labels.get(name) or known.get(inner, "")
            found[name] = (label, side.of or "labels")
    return found


@dataclass(slots=True)
class _Column:
    """What has been seen of a column so far."""

    kind: pa.DataType
    rows: int = 0
    missing: int = 0
    least: float | None = None
    most: float | None = None
    total: float = 0.0
    values: Counter[Any] | None = field(default_factory=Counter)
    times: list[dt.date] = field(default_factory=list)

    def see(self, column: pa.Array) -> None:
        self.rows += len(column)
        self.missing += column.null_count
        if pa.types.is_integer(self.kind) or pa.types.is_floating(self.kind):
            ends = pc.min_max(column).as_py()
            if ends["min"] is not None:
                self.least = min(x for x in (self.least, ends["min"]) if x is not None)
                self.most = max(x for x in (self.most, ends["max"]) if x is not None)
                self.total += float(pc.sum(column).as_py())
        if pa.types.is_temporal(self.kind) and column.null_count < len(column):
            ends = [*self.times, *pc.min_max(column).as_py().values()]
            self.times = [min(ends), max(ends)]
        if self.values is not None:
            self._count(column.drop_null())

    def _count(self, column: pa.Array) -> None:
        """Count values as long as there are few; numbers with fractions are not counted."""
        assert self.values is not None
        uncounted = pa.types.is_nested(self.kind) or pa.types.is_floating(self.kind)
        # A glance at the beginning spares most columns of many values the counting.
        if uncounted or len(pc.unique(column[:_GLANCE])) > VALUES:
            self.values = None
            return
        counts = pc.value_counts(column)
        if len(counts) <= VALUES:
            for pair in counts.to_pylist():
                self.values[pair["values"]] += pair["counts"]
        if len(counts) > VALUES or len(self.values) > VALUES:
            self.values = None

    def row(self) -> dict[str, Any]:
        there = self.rows - self.missing
        number = self.least is not None
        listed = (
            ""
            if self.values is None
            else "; ".join(
                f"{_word(value)} ({n:,})" for value, n in sorted(self.values.items(), key=_order)
            )
        )
        if self.times and not listed:
            listed = f"{self.times[0]} to {self.times[1]}"
        return {
            "type": _TYPES.get(str(self.kind), "list"),
            "present": there,
            "missing": self.missing,
            "min": None if self.least is None else float(self.least),
            "max": None if self.most is None else float(self.most),
            "mean": self.total / there if number and there else None,
            "values": listed,
        }


_TYPES = {
    **dict.fromkeys(("int64", "int32", "int16", "int8"), "whole number"),
    **dict.fromkeys(("double", "float", "halffloat"), "number"),
    "bool": "yes or no",
    **dict.fromkeys(("string", "large_string"), "text"),
    "date32[day]": "date",
    "timestamp[us]": "date and time",
}


def _word(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _order(pair: tuple[Any, int]) -> tuple[int, str]:
    return (-pair[1], str(pair[0]))


class Codebook:
    """Sees the rows of a table as they are written, and then says what its columns hold.

    Parameters
    ----------
    labels:
        What `column_labels` gives.
    """

    def __init__(self, labels: Mapping[str, tuple[str, str]]) -> None:
        self.labels = labels
        self._columns: dict[str, _Column] = {}

    def watch(self, batches: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """Give the same batches, which are seen as they pass."""
        self._columns = {f.name: _Column(f.type) for f in batches.schema}
        return pa.RecordBatchReader.from_batches(batches.schema, self._seen(batches))

    def _seen(self, batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                self._columns[name].see(column)
            yield batch

    def write(self, table: Path) -> Path:
        """Write the codebook beside the file of a table, as `study_codebook.csv`.

        One row for each column: `column`, `name` (as it is called in the file, where the format
        allows only short names), `label`, `origin`, `type`, `present`, `missing`, `min`, `max`,
        `mean`, and `values` with their numbers where there are few.
        """
        stem = table.name.removesuffix(table.suffix).removesuffix(".rds")
        target = table.with_name(f"{stem}_codebook.csv")
        names = list(self._columns)
        longest = NAMES.get(table.suffix.lower())
        shown = short_names(names, longest) if longest else {name: name for name in names}
        rows: Sequence[Mapping[str, Any]] = [
            {
                "column": name,
                "name": shown[name],
                "label": self.labels.get(name, ("", ""))[0],
                "origin": self.labels.get(name, ("", ""))[1],
            }
            | seen.row()
            for name, seen in self._columns.items()
        ]
        write_batches(pa.Table.from_pylist(rows).to_reader(), target)
        return target

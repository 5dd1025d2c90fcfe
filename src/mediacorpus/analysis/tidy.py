"""The tidy table: one row a record, everything known of it side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mediacorpus.analysis.rollup import rollup
from mediacorpus.analysis.views import OF_ITEMS, items_of, records, records_of_items, views
from mediacorpus.errors import CorpusDamaged, ParameterError, unknown
from mediacorpus.records import Info, Shape
from mediacorpus.store import people, progress
from mediacorpus.store.query import FetchView, PartsView, Result, View, quoted, run_sql
from mediacorpus.store.store import Store
from mediacorpus.store.write import check_target, write_batches

if TYPE_CHECKING:
    import pandas as pd

TIDY = "tidy"
CHOSEN = "selected_items"
MEMORY = "256MB"
"""What the database may hold in memory while it writes a table to a file."""
RECORDS_AT_ONCE = 50_000
"""Records that are joined with all that is known of them at once, for a file."""


def sql(store: Store, query: str) -> pd.DataFrame:
    """Run one query over all tables of a corpus and return a data frame.

    Raises
    ------
    QueryError, UnknownName
        The query cannot be run.
    """
    frame: pd.DataFrame = run_sql(query, views(store), folder=store.folder).frame()
    return frame


def table(
    store: Store,
    name: str = TIDY,
    *,
    by: str | None = None,
    at_least: float = 0.0,
    only: Sequence[str] | None = None,
    output: Path | None = None,
) -> pd.DataFrame:
    """Return one table whole; `"tidy"` is the one row a record table.

    `by` sums a measure up: see `analysis.rollup.rollup`. `only` holds the ids of the items whose
    rows are wanted. `output` is a file that the table is also written to, as by `export`.

    Raises
    ------
    UnknownName
        There is no such table.
    ParameterError
        The file's suffix is neither `.csv` nor `.parquet`.
    """
    if output is not None:
        check_target(output)
    result = _relation(store, name, by=by, at_least=at_least, only=only)
    if output is not None:
        result.keep()
        write_batches(result.batches(), output)
    return result.frame()


def export(
    store: Store,
    name: str,
    target: Path,
    *,
    by: str | None = None,
    at_least: float = 0.0,
    only: Sequence[str] | None = None,
) -> int:
    """Write a table to a `.csv` or `.parquet` file, in batches; return its number of rows.

    CSV cells that a spreadsheet would run as a formula get a `'` in front: see `write_batches`.

    Raises
    ------
    ParameterError
        The file's suffix is neither `.csv` nor `.parquet`.
    """
    check_target(target)
    if name == TIDY and by is None and only is None:
        return write_batches(_tidy_batches(store), target)
    result = _relation(store, name, by=by, at_least=at_least, only=only, memory=MEMORY)
    return write_batches(result.batches(), target)


def _relation(
    store: Store,
    name: str,
    *,
    by: str | None,
    at_least: float,
    only: Sequence[str] | None = None,
    memory: str | None = None,
) -> Result:
    if by is not None:
        if only is not None:
            raise ParameterError(
                "A table that is summed up holds whole videos and documents; ask for some of its "
                "rows with `sql`, or for single frames without --by."
            )
        return rollup(store, name, by, at_least=at_least)
    known = views(store)
    if name == TIDY:
        query, known = _tidy_sql(store), known | _of_tidy(store)
    elif name in known:
        query = f"SELECT * FROM {quoted(name)}"
    else:
        raise unknown("table", name, [*known, TIDY])
    if only is not None:
        chosen = pa.table({"item": list(only)})
        known = {**known, CHOSEN: FetchView(lambda: chosen)}
        columns = run_sql(query, known, folder=store.folder).columns
        if "item" not in columns:
            raise ParameterError(f"The rows of {name} are about no items, so none can be chosen.")
        query = f"SELECT * FROM ({query}) WHERE item IN (SELECT item FROM {CHOSEN})"
    return run_sql(query, known, folder=store.folder, memory=memory)


def _tidy_batches(store: Store) -> pa.RecordBatchReader:
    """Give the tidy table piece by piece, so that it need not fit into the memory."""
    pieces = _pieces(store)
    first = next(pieces)
    batches = (batch for piece in itertools.chain([first], pieces) for batch in piece.to_batches())
    return pa.RecordBatchReader.from_batches(first.schema, batches)


def _pieces(store: Store) -> Iterator[pa.Table]:
    """Give the rows of the tidy table for some records after the other, at least one piece."""
    query = _tidy_sql(store)
    labels = _wide(store).fetch()
    known = views(store) | {"wide_labels": FetchView(lambda: labels)}
    spans = _spans(store)
    last = store.value("SELECT max(record) FROM records") or 1
    for start in range(0, last, RECORDS_AT_ONCE):
        only = f"record > {start} AND record <= {start + RECORDS_AT_ONCE}"
        try:
            piece = _piece(store, query, known, only=only, spans=spans)
        except CorpusDamaged:  # another run may have put small parts together meanwhile
            spans = _spans(store)
            piece = _piece(store, query, known, only=only, spans=spans)
        yield piece


def _spans(store: Store) -> dict[str, list[tuple[Path, int, int]]]:
    return {
        name: progress.spans_of(store, setup)
        for name, (setup, _) in progress.current_setups(store).items()
    }


def _piece(
    store: Store,
    query: str,
    known: Mapping[str, View],
    *,
    only: str,
    spans: Mapping[str, list[tuple[Path, int, int]]],
) -> pa.Table:
    """Give the tidy rows of some records, from no more files than can hold rows of their items."""
    found = records(store).view(store, only=only).table()
    items = items_of(store, found.column("item"))
    for name, hidden in records_of_items(store)[1].items():
        found = found.append_column(hidden, items.column(name))
    numbers = np.sort(items.column("n").to_numpy())
    own: dict[str, View] = {"records": FetchView(lambda: found)}
    for name, files in spans.items():
        whole = known.get(name)
        if isinstance(whole, PartsView):
            near = [
                file
                for file, first, last in files
                if np.searchsorted(numbers, first) < np.searchsorted(numbers, last, "right")
            ]
            own[name] = PartsView(tuple(near), whole.info)
    return run_sql(query, {**known, **own}, folder=store.folder).batches(RECORDS_AT_ONCE).read_all()


def _of_tidy(store: Store) -> dict[str, View]:
    """Give the tables that only the tidy table is made of."""
    return {"records": records_of_items(store)[0].view(store), "wide_labels": _wide(store)}


def _wide(store: Store) -> FetchView:
    """Give labels and parts of the split in wide form: one column a variable."""

    def labels() -> pd.DataFrame:
        import pandas as pd

        frame = pd.DataFrame({"item": []}, dtype=str)
        for variable in people.variables(store):
            frame = frame.merge(_gold_and_part(store, variable), on="item", how="outer")
        return frame

    return FetchView(labels)


def _gold_and_part(store: Store, variable: str) -> pd.DataFrame:
    from mediacorpus.coding.resolving import gold_labels

    values, _ = gold_labels(store, variable)
    frame = values[["item", "value"]].rename(columns={"value": variable})
    split = people.latest_split(store, variable)
    if split is not None:
        parts = people.split_parts(store, split)
        frame[f"{variable}_part"] = frame["item"].map(parts)
    return frame


def _tidy_sql(store: Store) -> str:
    """Join records with items, labels, and the current rows of each measure and model."""
    own = list(records(store).columns)
    _, hidden = records_of_items(store)
    taken, joins = set(own), []
    select = [f"records.{quoted(name)}" for name in own]
    select += [
        f"records.{quoted(hidden[name])} AS {quoted(_free(name, taken, 'item'))}"
        for name in OF_ITEMS
    ]
    variables = people.variables(store)
    if variables:
        joins.append("LEFT JOIN wide_labels ON wide_labels.item = records.item")
        for variable in variables:
            names = [variable]
            if people.latest_split(store, variable) is not None:
                names.append(f"{variable}_part")
            select += [
                f"wide_labels.{quoted(n)} AS {quoted(_free(n, taken, 'label'))}" for n in names
            ]
    for name, (_, info) in progress.current_setups(store).items():
        columns, join = _measure_join(name, info, taken=taken, store=store)
        select += columns
        joins += join
    return f"SELECT {', '.join(select)} FROM records {' '.join(joins)} ORDER BY records.record"


def _measure_join(
    name: str, info: Info, *, taken: set[str], store: Store
) -> tuple[list[str], list[str]]:
    alias = quoted(f"m_{name}")
    if info.shape is Shape.SCALAR and list(info.outputs) == ["value"]:  # a model of a scale
        columns = [f"{alias}.value AS {quoted(_free(name, taken, 'value'))}"]
        source = quoted(name)
    elif info.shape is Shape.SCALAR:
        columns = [
            f"{alias}.{quoted(c)} AS {quoted(_free(c, taken, name))}"
            for c in info.outputs
            if not (name == "facts" and c in OF_ITEMS)
        ]
        source = quoted(name)
    elif info.shape is Shape.TAG:
        columns, source = _tag_columns(name, alias, taken=taken, store=store)
    elif info.shape is Shape.TEXT:
        columns = [f"{alias}.text AS {quoted(_free(name, taken, 'text'))}"]
        source = (
            f"(SELECT item, string_agg(text, ' ' ORDER BY rank) AS text FROM {quoted(name)} "
            "GROUP BY item)"
        )
    elif info.shape is Shape.REGION:
        columns = [f"coalesce({alias}.n, 0) AS {quoted(_free(name + '_count', taken, name))}"]
        source = f"(SELECT item, count(*) AS n FROM {quoted(name)} GROUP BY item)"
    else:
        return [], []
    return columns, [f"LEFT JOIN {source} AS {alias} ON {alias}.item = records.item"]


def _tag_columns(name: str, alias: str, *, taken: set[str], store: Store) -> tuple[list[str], str]:
    """Give the best tag and its score; for a model also the probability of each class."""
    best = _free(name, taken, "tag")
    score = _free(f"{name}_score", taken, "tag")
    columns = [f"{alias}.tag AS {quoted(best)}", f"{alias}.score AS {quoted(score)}"]
    inner = ["arg_max(tag, score) AS tag", "max(score) AS score"]
    classes: list[str] = []
    for model in people.models(store):
        if model["model"] == name:
            classes = [str(c) for c in model["card"].get("classes", [])]
    for number, value in enumerate(classes):
        literal = value.replace("'", "''")
        inner.append(f"max(score) FILTER (WHERE tag = '{literal}') AS p{number}")
        columns.append(f"{alias}.p{number} AS {quoted(_free(f'{name}_{value}', taken, 'p'))}")
    return columns, f"(SELECT item, {', '.join(inner)} FROM {quoted(name)} GROUP BY item)"


def _free(name: str, taken: set[str], prefix: str) -> str:
    """Take a column name, with a prefix if it is taken already (DuckDB ignores case)."""
    lowered = {t.lower() for t in taken}
    candidate = name
    while candidate.lower() in lowered:
        candidate = f"{prefix}_{candidate}"
    taken.add(candidate)
    return candidate

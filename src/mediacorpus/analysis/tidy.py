"""The tidy table: one row a record, everything known of it side by side."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mediacorpus.analysis.rollup import rollup
from mediacorpus.analysis.views import records, views
from mediacorpus.catalogue import people, progress
from mediacorpus.catalogue.store import Store
from mediacorpus.errors import ParameterError, unknown, writing
from mediacorpus.records import Info, Shape
from mediacorpus.tables.query import FetchView, Result, View, quoted, run_sql

if TYPE_CHECKING:
    import pandas as pd

TIDY = "tidy"
MEMORY = "256MB"
"""What the database may hold in memory while it writes a table to a file."""
FORMULA = r"^[=+\-@\t\r]"
"""How text begins that a spreadsheet would run."""
OF_ITEMS = ("kind", "format", "place", "width", "height", "duration", "mode", "bytes", "taken")
"""Columns of the items that stand in the tidy table."""


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
    output: Path | None = None,
) -> pd.DataFrame:
    """Return one table whole; `"tidy"` is the one row a record table.

    `by` sums a measure up: see `analysis.rollup.rollup`. `output` is a file that the table is
    also written to, as by `export`.

    Raises
    ------
    UnknownName
        There is no such table.
    ParameterError
        The file's suffix is neither `.csv` nor `.parquet`.
    """
    if output is not None:
        _writer(output)
    result = _relation(store, name, by=by, at_least=at_least)
    if output is not None:
        result.keep()
        write_batches(result.columns, result.batches(), output)
    return result.frame()


def export(
    store: Store, name: str, target: Path, *, by: str | None = None, at_least: float = 0.0
) -> int:
    """Write a table to a `.csv` or `.parquet` file, in batches; return its number of rows.

    CSV cells that a spreadsheet would run as a formula (they begin with `=`, `+`, `-` or `@`
    and are text) get a `'` in front.

    Raises
    ------
    ParameterError
        The file's suffix is neither `.csv` nor `.parquet`.
    """
    _writer(target)
    result = _relation(store, name, by=by, at_least=at_least, memory=MEMORY)
    return write_batches(result.columns, result.batches(), target)


def write_batches(columns: list[str], batches: Iterable[pa.RecordBatch], target: Path) -> int:
    """Write record batches to a `.csv` or `.parquet` file, whole or not at all."""
    write = _writer(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            rows = write(columns, batches, temporary)
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    return rows


def _writer(target: Path) -> Callable[[list[str], Iterable[pa.RecordBatch], Path], int]:
    """Choose how a file is written, by its suffix."""
    writers = {".csv": _write_csv, ".parquet": _write_parquet}
    if target.suffix.lower() not in writers:
        raise ParameterError(
            f"A table is written as .csv or .parquet; {target.name!r} ends in neither."
        )
    return writers[target.suffix.lower()]


def _write_csv(columns: list[str], batches: Iterable[pa.RecordBatch], target: Path) -> int:
    rows = 0
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([safe_cell(name) for name in columns])
        for batch in batches:
            writer.writerows(zip(*map(_cells, batch.columns), strict=True))
            rows += batch.num_rows
    return rows


def _cells(column: pa.Array) -> list[Any]:
    """Give the cells of a column; only those of text that needs it are looked at one by one."""
    cells: list[Any] = column.to_pylist()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if not pc.any(pc.match_substring_regex(column, FORMULA)).as_py():
            return cells
    elif not pa.types.is_nested(kind) and not pa.types.is_dictionary(kind):
        return cells
    return [safe_cell(cell) for cell in cells]


def _write_parquet(columns: list[str], batches: Iterable[pa.RecordBatch], target: Path) -> int:
    del columns
    rows, writer = 0, None
    reader: Any = batches
    try:
        writer = pq.ParquetWriter(target, reader.schema, compression="zstd")
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rows


def safe_cell(cell: Any) -> Any:
    """Keep a spreadsheet from running a text cell as a formula.

    >>> safe_cell("=1+1"), safe_cell(-1)
    ("'=1+1", -1)
    """
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    if isinstance(cell, list):
        return json.dumps(cell)
    return cell


def _relation(
    store: Store, name: str, *, by: str | None, at_least: float, memory: str | None = None
) -> Result:
    if by is not None:
        return rollup(store, name, by, at_least=at_least)
    known = views(store)
    if name == TIDY:
        query, known = _tidy_sql(store), known | _wide(store)
    elif name in known:
        query = f"SELECT * FROM {quoted(name)}"
    else:
        raise unknown("table", name, [*known, TIDY])
    return run_sql(query, known, folder=store.folder, memory=memory)


def _wide(store: Store) -> dict[str, View]:
    """Give labels and parts of the split in wide form: one column a variable."""

    def labels() -> pd.DataFrame:
        import pandas as pd

        frame = pd.DataFrame({"item": []}, dtype=str)
        for variable in people.variables(store):
            frame = frame.merge(_gold_and_part(store, variable), on="item", how="outer")
        return frame

    return {"wide_labels": FetchView(labels)}


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
    taken: set[str] = set(views_columns(store))
    select, joins = ["records.*"], ["LEFT JOIN items ON items.item = records.item"]
    select += [f"items.{name} AS {quoted(_free(name, taken, 'item'))}" for name in OF_ITEMS]
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


def views_columns(store: Store) -> list[str]:
    """Return the columns of the `records` table."""
    return list(records(store).columns)


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

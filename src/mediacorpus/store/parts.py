"""Parquet parts: written whole or not at all."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mediacorpus.errors import CorpusDamaged, ParameterError, writing
from mediacorpus.files import atomic_write
from mediacorpus.records import Info, Shape, Text, schema

TABLES = "tables"
NAME = re.compile(r"[a-z][a-z0-9_]*")
"""Names that a table may have: they are folders on disk and words in SQL."""

RESERVED = {
    "items", "records", "failures", "frames", "pages", "shots", "downloads", "runs",
    "sources", "labels", "splits", "models", "validations", "gold", "tidy", "wide_labels",
    "columns", "results", "parts_of", "selected_items", "measures",
}  # fmt: skip
"""Names of tables that a corpus has by itself."""


def check_name(name: str, what: str, taken: Collection[str] = ()) -> None:
    """Refuse a name that cannot be that of a new table.

    Parameters
    ----------
    name:
        The name.
    what:
        What is to have it, such as `"model"`.
    taken:
        Names of other tables.

    Raises
    ------
    ParameterError
        It is no plain name, or a table has it.

    Examples
    --------
    >>> check_name("quick", "model")
    """
    if not NAME.fullmatch(name):
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60]
        like = f", as in {plain!r}" if NAME.fullmatch(plain) else ""
        raise ParameterError(
            f"A {what} cannot be named {name!r}: use lower-case letters, digits and '_', "
            f"beginning with a letter{like}."
        )
    if name in RESERVED or name in taken:
        raise ParameterError(f"A {what} cannot be named {name!r}: a table has that name already.")


def to_rows(
    info: Info,
    items: Sequence[str],
    *,
    values: Sequence[Any],
    run: int,
    regions: Sequence[Sequence[str | None]] = (),
) -> pa.Table:
    """Turn what a measure gave for some items into the rows of its table.

    Parameters
    ----------
    info:
        The measure's facts; they decide the shape.
    items:
        Item ids, one for each value.
    values:
        One value for each item, in the form that its shape asks for.
    run:
        Id of the run that the rows belong to.
    regions:
        For `region`: the ids of the items that the regions of each value are.

    Returns
    -------
    pyarrow.Table
        One row an item for `scalar` and `vector`; any number for `tag`, `region` and `text`.

    Raises
    ------
    ValueError, pyarrow.ArrowException
        A value does not fit the declared columns.

    Examples
    --------
    >>> info = Info("size", "1", "File size.", "Apache-2.0", outputs={"bytes": "int64"})
    >>> to_rows(info, ["a"], values=[{"bytes": 5}], run=1).to_pylist()
    [{'item': 'a', 'run': 1, 'bytes': 5}]
    """
    wanted = schema(info)
    if info.shape is Shape.TEXT:
        values = [[Text(v)] if isinstance(v, str) else v or [] for v in values]
    if info.shape not in {Shape.SCALAR, Shape.VECTOR}:
        return _many(info, items, values=values, run=run, regions=regions)
    columns: dict[str, Any] = {"item": list(items), "run": [run] * len(items)}
    if info.shape is Shape.SCALAR:
        for name in info.outputs:
            columns[name] = [value[name] for value in values]
            _check_whole(name, columns[name], wanted.field(name).type)
    else:
        length = int(info.outputs["vector"])
        flat = np.asarray(values, dtype=np.float32).reshape(len(items), length).ravel()
        columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(flat), length)
    return pa.table(columns, schema=wanted)


def _check_whole(name: str, values: Sequence[Any], kind: pa.DataType) -> None:
    """Refuse fractions in a column of whole numbers, which Arrow would cut off."""
    if pa.types.is_integer(kind):
        for value in values:
            if isinstance(value, (float, np.floating)) and not float(value).is_integer():
                raise ValueError(f"{name} is declared {kind}, but is {value}")


def _many(
    info: Info,
    items: Sequence[str],
    *,
    values: Sequence[Any],
    run: int,
    regions: Sequence[Sequence[str | None]],
) -> pa.Table:
    wanted = schema(info)
    columns: dict[str, list[Any]] = {name: [] for name in wanted.names}
    own = [n for n in wanted.names if n not in {"item", "run", "rank", "region", *info.outputs}]
    for number, (item, entries) in enumerate(zip(items, values, strict=True)):
        columns["item"] += [item] * len(entries)
        columns["run"] += [run] * len(entries)
        columns["rank"] += range(1, len(entries) + 1)
        if info.shape is Shape.REGION:
            columns["region"] += regions[number] if regions else [None] * len(entries)
        for name in own:
            columns[name] += [getattr(entry, name) for entry in entries]
        for name in info.outputs:
            columns[name] += [entry.more[name] for entry in entries]
    for name in info.outputs:
        _check_whole(name, columns[name], wanted.field(name).type)
    return pa.table(columns, schema=wanted)


def write_part(
    folder: Path, rows: pa.Table | Iterable[pa.Table], *, name: str, run: int, number: int
) -> Path:
    """Write one part below a corpus folder and return its path.

    The rows come as one table, or as several that are written one after the other.

    The rows go to a temporary file, which is synced and then renamed: a kill leaves either
    the whole part or a temporary file that `sweep` removes.

    Raises
    ------
    ParameterError
        The name is no plain name of a table.
    StorageFull, CorpusReadOnly
        The file cannot be written.
    """
    if not NAME.fullmatch(name):
        raise ParameterError(
            f"A table cannot be named {name[:60]!r}: use lower-case letters, digits and '_', "
            "beginning with a letter."
        )
    target = folder / TABLES / name / str(run) / f"part-{number:05d}.parquet"
    tables = iter([rows] if isinstance(rows, pa.Table) else rows)
    first = next(tables)
    with writing(folder):
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            atomic_write(target, lasting=True) as path,
            path.open("wb") as file,
            pq.ParquetWriter(file, first.schema, compression="zstd") as writer,
        ):
            for table in itertools.chain([first], tables):
                writer.write_table(table)
    return target


def next_number(folder: Path, name: str, run: int) -> int:
    """Give the number of the next part of a run that is not written yet.

    >>> next_number(Path("nowhere"), "facts", 1)
    0
    """
    written = (folder / TABLES / name / str(run)).glob("part-*.parquet")
    return max((int(path.stem.partition("-")[2]) + 1 for path in written), default=0)


def sweep(folder: Path, recorded: Mapping[int, set[str]]) -> int:
    """Remove the files of finished or killed runs that no catalogue row names.

    Parameters
    ----------
    folder:
        The corpus folder.
    recorded:
        Run id → files recorded for it, relative to the corpus folder, with `/`.

    Returns
    -------
    int
        How many files were removed.
    """
    removed = 0
    for path in (folder / TABLES).glob("*/*/*"):
        run = path.parent.name
        if not run.isdigit() or int(run) not in recorded:
            continue
        if path.relative_to(folder).as_posix() not in recorded[int(run)]:
            with contextlib.suppress(OSError):  # what is still open elsewhere goes next time
                path.unlink()
                removed += 1
    return removed


def missing(file: Path) -> CorpusDamaged:
    """Make the error for a part that the catalogue names and the folder lacks.

    >>> "backup" in str(missing(Path("part-00000.parquet")))
    True
    """
    return CorpusDamaged(
        f"{file} is missing, though the catalogue names it. Put it back from your backup."
    )


def read_parts(files: Sequence[Path], info: Info, *, columns: Sequence[str] | None = None) -> Any:
    """Open parts as one Arrow data set, to be streamed or read whole.

    Raises
    ------
    CorpusDamaged
        A part that the catalogue names is missing or broken.
    """
    import pyarrow.dataset as ds

    wanted = schema(info)
    for file in files:
        try:
            pq.read_metadata(file)
        except FileNotFoundError as error:
            raise missing(file) from error
        except (OSError, pa.ArrowException) as error:
            raise CorpusDamaged(
                f"{file} is broken ({error}). Put it back from your backup."
            ) from error
    data = ds.dataset([str(file) for file in files], schema=wanted, format="parquet")
    return data.scanner(columns=list(columns) if columns else wanted.names)

"""The values of a measure as rows of numbers that models learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mediacorpus.catalogue import progress
from mediacorpus.catalogue.store import Store
from mediacorpus.engine.contract import MEASURES
from mediacorpus.errors import ParameterError, TrainingError, unknown
from mediacorpus.records import Example, Info, Shape
from mediacorpus.tables.parts import read_parts

NUMBERS = ("float", "double", "int", "bool")


def columns_of(info: Info) -> list[str]:
    """Name the columns of a measure that are numbers or truth values.

    Raises
    ------
    ParameterError
        There are none: the measure names things, or gives text.

    Examples
    --------
    >>> columns_of(Info("size", "1", "Size.", "MIT", outputs={"mode": "string", "n": "int64"}))
    ['n']
    """
    if info.shape is Shape.VECTOR:
        return ["vector"]
    found = [n for n, kind in info.outputs.items() if kind.startswith(NUMBERS)]
    if info.shape is not Shape.SCALAR or not found:
        raise ParameterError(
            f"Models learn from numbers; the measure {info.name!r} gives {info.shape.value}s. "
            "Use embedding, hog, colour, or another measure of numbers."
        )
    return found


def rows_of(
    store: Store, measure: str, *, wanted: pa.Array | None = None, setup: int | None = None
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """Stream item ids and the numbers of a measure, batch by batch.

    Missing numbers become 0. `setup` asks for one that the measure's table may not show.

    Raises
    ------
    UnknownName
        Nothing has been measured under that name.
    """
    setups = progress.current_setups(store)
    if measure not in setups:
        raise unknown("measure", measure, {*setups, *MEASURES.names()})
    shown, info = setups[measure]
    names = columns_of(info)
    files = progress.files_of(store, shown if setup is None else setup)
    for batch in read_parts(files, info, columns=["item", *names]).to_batches():
        rows = batch if wanted is None else batch.filter(pc.is_in(batch["item"], value_set=wanted))
        if rows.num_rows:
            yield rows["item"].to_pylist(), _numbers(rows, info, names)


def matrix(
    store: Store, examples: Sequence[Example], measure: str
) -> tuple[list[Example], NDArray[np.float32]]:
    """Gather the numbers of some examples; examples without them are left out.

    Raises
    ------
    TrainingError
        None of them has any.
    """
    wanted = pa.array([e.item for e in examples], pa.string())
    found: dict[str, Any] = {}
    for items, rows in rows_of(store, measure, wanted=wanted):
        found.update(zip(items, rows, strict=True))
    kept = [e for e in examples if e.item in found]
    if not kept:
        raise TrainingError(
            "None of the labelled pictures could be measured, so there is nothing to learn from. "
            "See `mediacorpus failures`."
        )
    return kept, np.stack([found[e.item] for e in kept])


def _numbers(rows: pa.RecordBatch, info: Info, names: Sequence[str]) -> NDArray[np.float32]:
    if info.shape is Shape.VECTOR:
        flat = rows["vector"].flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat, np.float32).reshape(rows.num_rows, -1)
    columns = [
        np.asarray(pc.cast(rows[name], pa.float32()).fill_null(0).to_numpy(zero_copy_only=False))
        for name in names
    ]
    return np.nan_to_num(np.column_stack(columns).astype(np.float32))

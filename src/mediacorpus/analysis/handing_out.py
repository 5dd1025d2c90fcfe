"""Paths for pages and files that are made to be passed on: without the folders of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath, PureWindowsPath

import pyarrow as pa
import pyarrow.compute as pc

from mediacorpus.store.store import Store

PATHS = ("path", "location", "subject", "parameters", "asked", "reason", "stored")
"""Columns of the catalogue in which paths of this machine may stand."""

_ABSOLUTE = r"^(?:/|[A-Za-z]:[\\/]|\\\\)"
_LAST_TWO = r"^.*?([^/\\]+[/\\][^/\\]+)$"


class HandedOut:
    """Gives paths from their sources on.

    What lies below a folder that was added begins with the name of that folder, what a table
    names begins at the table. Of other paths the last folder and the name are left.

    Parameters
    ----------
    store:
        The catalogue.
    """

    def __init__(self, store: Store) -> None:
        found = store.rows("SELECT DISTINCT location FROM sources")
        above = {str(Path(location).parent) for (location,) in found}
        above.add(str(store.folder.resolve().parent))
        # The longest first, so that a folder within another one counts.
        self._above = sorted(
            (f"{one.rstrip('/')}/" for one in above if _is_absolute(one)), key=len, reverse=True
        )
        self._home = f"{Path.home()}/"

    def text(self, path: str) -> str:
        """Give one path, or an address as it is."""
        found: str = self.column(pa.array([path], pa.string()))[0].as_py()
        return found

    def texts(self, paths: Sequence[str]) -> list[str]:
        """Give several paths."""
        found: list[str] = self.column(pa.array(list(paths), pa.string())).to_pylist()
        return found

    def column(self, paths: pa.Array, *, whole: bool = True) -> pa.Array:
        """Give a column of paths; or, if not `whole`, of text in which paths may stand."""
        if not whole:
            for above in self._above:
                # A folder right below the root has no folders above that could be left out.
                paths = paths if above == "/" else pc.replace_substring(paths, above, "")
            return pc.replace_substring(paths, self._home, "~/")
        for above in self._above:
            below = pc.utf8_slice_codeunits(paths, len(above))
            paths = pc.if_else(pc.starts_with(paths, above), below, paths)
        left = pc.match_substring_regex(paths, _ABSOLUTE)
        short = pc.replace_substring_regex(paths, _LAST_TWO, r"\1")
        return pc.if_else(left, short, paths)

    def batches(
        self, rows: pa.RecordBatchReader, without: Sequence[str] = ()
    ) -> pa.RecordBatchReader:
        """Give the batches of a table with its paths handed out, but for the columns `without`."""
        names = [n for n in rows.schema.names if n in PATHS and n not in without]
        if not names:
            return rows
        return pa.RecordBatchReader.from_batches(rows.schema, self._mended(rows, names))

    def _mended(self, rows: pa.RecordBatchReader, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            for name in names:
                place = batch.schema.get_field_index(name)
                column = batch.column(place)
                if pa.types.is_string(column.type):
                    whole = name in {"path", "location", "stored"}
                    batch = batch.set_column(  # noqa: PLW2901
                        place, batch.schema.field(place), self.column(column, whole=whole)
                    )
            yield batch


def _is_absolute(path: str) -> bool:
    return PurePath(path).is_absolute() or PureWindowsPath(path).is_absolute()

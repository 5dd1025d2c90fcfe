"""SQL over the catalogue and the tables together, through DuckDB."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from mediacorpus.errors import CorpusDamaged, MediacorpusError, QueryError, unknown
from mediacorpus.records import Info, schema
from mediacorpus.store.columns import EXACT
from mediacorpus.store.needs import Needs, needs
from mediacorpus.store.parts import missing

if TYPE_CHECKING:
    import pandas as pd

TYPES: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}
"""Types of the columns of a table that is scanned, with Arrow's."""

_LONG = {"BIGINT", "UBIGINT"}
_QUOTED = re.compile(r'"(\w+)"')
_CANDIDATES = re.compile(r"^Candidate bindings: (.+)$", re.MULTILINE)
_CARET = re.compile(r"^LINE (\d+): (.*)\n( *)\^", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PartsView:
    """A table of measures: its recorded files and its facts."""

    files: tuple[Path, ...]
    info: Info


@dataclass(frozen=True, slots=True)
class FetchView:
    """A small table: a function that fetches its rows when a query names it."""

    fetch: Callable[[], pd.DataFrame | pa.Table]


@dataclass(frozen=True, slots=True)
class ScanView:
    """A table of any size, of which a query gets no more than it needs, batch by batch.

    Parameters
    ----------
    columns:
        Column -> type, of `TYPES`.
    scan:
        Gives the rows as batches of some columns, in the order asked for. Of rows that lack the
        values in its second argument (column -> values) it may leave out any or all.
    count:
        Tells how many rows there are.
    """

    columns: Mapping[str, str]
    scan: Callable[[Sequence[str], Mapping[str, Sequence[Any]]], Iterator[pa.RecordBatch]]
    count: Callable[[], int]

    def table(self, limits: Mapping[str, Sequence[Any]] | None = None) -> pa.Table:
        """Give all columns of the rows that have some values, or of all rows."""
        schema = pa.schema([(name, TYPES[kind]) for name, kind in self.columns.items()])
        return pa.Table.from_batches(self.scan(list(self.columns), limits or {}), schema)


@dataclass(frozen=True, slots=True)
class RefusedView:
    """A table that must not be shown, with the error that says why."""

    error: MediacorpusError


View = PartsView | FetchView | ScanView | RefusedView


def quoted(name: str) -> str:
    """Quote a name for SQL.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def run_sql(
    sql: str, views: Mapping[str, View], *, folder: Path, memory: str | None = None
) -> Result:
    """Run one query and return its result, which is not yet read and can be read once.

    Only the views that the query names are opened, and of those only the columns that it names.
    The database can read files below `folder` and nothing else; nothing can be written.
    With `memory`, such as `"300MB"`, it keeps to that much and puts the rest into temporary files.

    Raises
    ------
    QueryError
        The text is not exactly one query, or the database refuses it.
    UnknownName
        It names a table that is not there; the message lists near names.

    Examples
    --------
    >>> import pandas as pd
    >>> views = {"numbers": FetchView(lambda: pd.DataFrame({"n": [1, 2]}))}
    >>> run_sql("SELECT sum(n) AS s FROM numbers", views, folder=Path(".")).fetchall()
    [(3,)]
    """
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    troubles: list[Exception] = []
    scratch = None
    try:
        _check_one_query(connection, sql)
        if memory is not None:
            scratch = Path(tempfile.mkdtemp(prefix="mediacorpus-"))
            connection.execute(f"SET temp_directory = '{_literal(scratch)}'")
            connection.execute(f"SET memory_limit = '{memory}'")
        needed = needs(connection, sql)
        for name, view in views.items():
            there = _named(name, sql) if needed is None else needed.tables[name.lower()]
            if there:
                _attach(connection, name, view, needed=needed, troubles=troubles)
        connection.execute(f"SET allowed_directories = ['{_literal(folder.resolve())}']")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET lock_configuration = true")
        return Result(connection, sql, views, troubles=troubles, scratch=scratch)
    except BaseException as error:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        if isinstance(error, duckdb.Error):
            raise _first(troubles, _query_error(error, views, sql)) from error
        raise


class Result:
    """The result of a query, with its connection kept alive and its errors translated."""

    def __init__(
        self,
        connection: Any,
        sql: str,
        views: Mapping[str, View],
        *,
        troubles: list[Exception],
        scratch: Path | None = None,
    ) -> None:
        self._views = views
        self._sql = sql
        self._connection = connection
        self._troubles = troubles
        if scratch is not None:
            weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
        self._relation = connection.sql(sql)

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._relation.columns)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return list(self._try(self._relation.fetchall))

    def frame(self) -> pd.DataFrame:
        """Return all rows as a data frame.

        Whole numbers with gaps are decimal there, as is usual, unless that would cost digits.
        """
        import pandas as pd

        frame: pd.DataFrame
        if not any(str(kind) in _LONG for kind in self._relation.types):
            frame = self._try(self._relation.df)
            return frame
        rows: pa.Table = self._try(self._relation.to_arrow_table)
        frame = self._try(self._connection.from_arrow(rows).df)
        for place, column in enumerate(rows.columns):
            if pa.types.is_integer(column.type) and frame.iloc[:, place].dtype.kind == "f":
                ends = pc.min_max(column).as_py()
                if max(abs(ends["min"] or 0), abs(ends["max"] or 0)) > EXACT:
                    exact = pd.UInt64Dtype() if ends["max"] > 2**63 - 1 else pd.Int64Dtype()
                    frame.isetitem(place, pd.array(column.to_pylist(), exact))
        return frame

    def batches(self, size: int = 10_000) -> pa.RecordBatchReader:
        """Give the rows batch by batch."""
        reader = self._try(lambda: self._relation.to_arrow_reader(size))
        return pa.RecordBatchReader.from_batches(reader.schema, self._each(reader))

    def keep(self) -> Result:
        """Compute the rows now and hold them, so that they can be read more than once."""
        self._try(lambda: self._relation.create("the rows"))
        self._relation = self._connection.table('"the rows"')
        return self

    def _each(self, reader: Any) -> Iterator[pa.RecordBatch]:
        while True:
            try:
                batch = self._try(reader.read_next_batch)
            except StopIteration:
                return
            yield batch

    def _try(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise _first(self._troubles, _query_error(error, self._views, self._sql)) from error


def _first(troubles: Sequence[Exception], error: Exception) -> Exception:
    """Give what went wrong in reading a table, or else the error that came of it."""
    return troubles[0] if troubles else error


def _check_one_query(connection: Any, sql: str) -> None:
    statements = connection.extract_statements(sql)
    # EXPLAIN is not among them: EXPLAIN ANALYZE runs what it explains, COPY … TO included.
    if len(statements) != 1 or statements[0].type.name != "SELECT":
        raise QueryError(
            "`sql` takes one query that reads (SELECT …, or WITH … SELECT …); "
            f"found {len(statements)} statement(s). Measures and labels are written by "
            "the other verbs."
        )


def _named(name: str, sql: str) -> bool:
    """Tell whether a name stands in the text, be it as a table or as something else.

    DuckDB's own list of the tables of a query needs them to be there already.
    """
    written = re.escape(quoted(name)[1:-1])
    return re.search(rf"(?<!\w){written}(?!\w)", sql, re.IGNORECASE) is not None


def _attach(
    connection: Any, name: str, view: View, *, needed: Needs | None, troubles: list[Exception]
) -> None:
    if isinstance(view, RefusedView):
        # A query may hold the name as a word of its own; only where it is a table it is refused.
        return
    if isinstance(view, ScanView):
        _attach_scan(connection, name, view, needed=needed, troubles=troubles)
        return
    if isinstance(view, FetchView):
        rows = view.fetch()
        connection.register(name, rows if isinstance(rows, pa.Table) else _arrow(rows))
        return
    if not view.files:
        connection.register(name, schema(view.info).empty_table())
        return
    gone = next((file for file in view.files if not file.is_file()), None)
    if gone is not None:
        raise missing(gone)
    files = ", ".join(f"'{_literal(file.resolve())}'" for file in view.files)
    connection.execute(f"CREATE VIEW {quoted(name)} AS SELECT * FROM read_parquet([{files}])")


def _attach_scan(
    connection: Any, name: str, view: ScanView, *, needed: Needs | None, troubles: list[Exception]
) -> None:
    """Let a query read a table: what it does not need of it is there, but empty.

    The rows come as a stream, which can be read only once; a query that reads a table more than
    once gets a copy of what it needs.
    """
    wanted = list(view.columns) if needed is None else needed.columns(name, list(view.columns))
    if wanted:
        fields = [(column, TYPES[view.columns[column]]) for column in wanted]
        rows = view.scan(wanted, _limits(name, view, needed))
        reader = pa.RecordBatchReader.from_batches(pa.schema(fields), _watched(rows, troubles))
        source = quoted(f"{name} rows")
        connection.register(f"{name} rows", reader)
    else:
        source = f"range({view.count()})"
    listed = ", ".join(
        quoted(column) if column in wanted else f"CAST(NULL AS {kind}) AS {quoted(column)}"
        for column, kind in view.columns.items()
    )
    kind = "VIEW" if (needed is not None and needed.once(name)) or not wanted else "TABLE"
    connection.execute(f"CREATE {kind} {quoted(name)} AS SELECT {listed} FROM {source}")


def _limits(name: str, view: ScanView, needed: Needs | None) -> dict[str, Sequence[Any]]:
    """Give the values that a query asks for, where they are of the column's own type."""
    asked = {} if needed is None else needed.equal.get(name.lower(), {})
    python = {"VARCHAR": str, "BIGINT": int}
    return {
        column: asked[column.lower()]
        for column, kind in view.columns.items()
        if column.lower() in asked
        and all(isinstance(value, python.get(kind, ())) for value in asked[column.lower()])
    }


def _watched(
    batches: Iterator[pa.RecordBatch], troubles: list[Exception]
) -> Iterator[pa.RecordBatch]:
    """Note what goes wrong, which DuckDB would tell in words of its own."""
    try:
        yield from batches
    except Exception as error:
        troubles.append(error)
        raise


def _arrow(frame: pd.DataFrame) -> pa.Table:
    """Convert for DuckDB: columns that hold nothing become text, mixed ones too."""
    import pandas as pd

    arrays, names = [], []
    for name in frame.columns:
        column = frame[name]
        try:
            array = pa.array(column, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            array = pa.array([None if pd.isna(v) else str(v) for v in column], pa.string())
        if pa.types.is_null(array.type):
            array = array.cast(pa.string())
        arrays.append(array)
        names.append(str(name))
    return pa.table(arrays, names=names)


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")


def _query_error(error: Exception, views: Mapping[str, View], sql: str) -> Exception:
    text = str(error).split("\n")[0]
    absent = re.search(r"Table with name (.+) does not exist", text)
    if absent:
        name = absent[1].strip('"')
        refused = next((v for n, v in views.items() if n.lower() == name.lower()), None)
        return refused.error if isinstance(refused, RefusedView) else unknown("table", name, views)
    parts = (file for v in views.values() if isinstance(v, PartsView) for file in v.files)
    if any(str(file.resolve()) in text for file in parts):
        return CorpusDamaged(f"A part of a table is broken ({text}). Put it back from your backup.")
    return QueryError(f"The query was refused: {text}{_place(str(error), sql)}")


def _place(text: str, sql: str) -> str:
    """Say where in a query an error stands: at DuckDB's caret, or at the name that it quotes.

    >>> _place('Binder Error: Referenced column "yaer" not found', "SELECT yaer FROM records")
    " (line 1, at 'yaer FROM records')"
    """
    found = _CARET.search(text)
    if found:
        number, rest = int(found[1]), found[2][len(found[3]) - len(f"LINE {found[1]}: ") :]
    else:
        name = _QUOTED.search(text)
        place = sql.lower().find(name[1].lower()) if name else -1
        if place < 0:
            return ""
        number, rest = sql.count("\n", 0, place) + 1, sql[place:].partition("\n")[0]
    candidates = _CANDIDATES.search(text)
    near = f"; there are {candidates[1]}" if candidates else ""
    return f" (line {number}, at {rest[:40]!r}{near})" if rest else f" (line {number}, at its end)"

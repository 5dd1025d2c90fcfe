"""SQL over the catalogue and the tables together, through DuckDB."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from mediacorpus.errors import CorpusDamaged, MediacorpusError, QueryError, unknown
from mediacorpus.records import Info, schema
from mediacorpus.tables.parts import missing

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
    """A table of the catalogue: a function that fetches its rows when a query names it."""

    fetch: Callable[[], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class RefusedView:
    """A table that must not be shown, with the error that says why."""

    error: MediacorpusError


View = PartsView | FetchView | RefusedView


def quoted(name: str) -> str:
    """Quote a name for SQL.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def run_sql(sql: str, views: Mapping[str, View], *, folder: Path) -> Any:
    """Run one query and return a DuckDB relation that is not yet read.

    Only the views that the query names are opened. The database can read files below
    `folder` and nothing else; nothing can be written.

    Raises
    ------
    QueryError
        The text is not exactly one query, or the database refuses it.
    UnknownName
        It names a table that is not there; the message lists near names.

    Examples
    --------
    >>> views = {"numbers": FetchView(lambda: pd.DataFrame({"n": [1, 2]}))}
    >>> run_sql("SELECT sum(n) AS s FROM numbers", views, folder=Path(".")).fetchall()
    [(3,)]
    """
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    try:
        _check_one_query(connection, sql)
        for name, view in views.items():
            if _named(name, sql):
                _attach(connection, name, view)
        connection.execute(f"SET allowed_directories = ['{_literal(folder.resolve())}']")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET lock_configuration = true")
        return _Relation(connection, sql, views)
    except duckdb.Error as error:
        raise _query_error(error, views, sql) from error


class _Relation:
    """The result of a query, with its connection kept alive and its errors translated."""

    def __init__(self, connection: Any, sql: str, views: Mapping[str, View]) -> None:
        self._views = views
        self._sql = sql
        self._connection = connection
        self._relation = connection.sql(sql)

    @property
    def columns(self) -> list[str]:
        return list(self._relation.columns)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._try(self._relation.fetchall))

    def frame(self) -> pd.DataFrame:
        frame: pd.DataFrame = self._try(self._relation.df)
        return frame

    def batches(self, size: int = 10_000) -> Any:
        return self._try(lambda: self._relation.to_arrow_reader(size))

    def _try(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except duckdb.Error as error:
            raise _query_error(error, self._views, self._sql) from error


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


def _attach(connection: Any, name: str, view: View) -> None:
    if isinstance(view, RefusedView):
        # A query may hold the name as a word of its own; only where it is a table it is refused.
        return
    if isinstance(view, FetchView):
        connection.register(name, _arrow(view.fetch()))
        return
    if not view.files:
        connection.register(name, schema(view.info).empty_table())
        return
    gone = next((file for file in view.files if not file.is_file()), None)
    if gone is not None:
        raise missing(gone)
    files = ", ".join(f"'{_literal(file.resolve())}'" for file in view.files)
    connection.execute(f"CREATE VIEW {quoted(name)} AS SELECT * FROM read_parquet([{files}])")


def _arrow(frame: pd.DataFrame) -> pa.Table:
    """Convert for DuckDB: columns that hold nothing become text, mixed ones too."""
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

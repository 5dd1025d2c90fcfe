"""Open a catalogue: SQLite connections, one for each thread, with the schema up to date."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mediacorpus.errors import (
    CorpusBusy,
    CorpusDamaged,
    CorpusExists,
    CorpusNotFound,
    CorpusReadOnly,
    CorpusTooNew,
    full,
    read_only,
    writing,
)
from mediacorpus.files import atomic_write
from mediacorpus.store.migrations import MIGRATIONS

if TYPE_CHECKING:
    import pandas as pd

DATABASE = "corpus.db"
FOLDERS = ("tables", "models", "reports")
APPLICATION_ID = 0x6D636F72  # "mcor"
MAX_VARIABLES = 500
ROWS_AT_ONCE = 10_000
NO_ROOM = 1_000_000
BUSY_SECONDS = 30
"""How long a write waits for others to end theirs."""


class Store:
    """The catalogue of one corpus, to be used from any number of threads at once.

    Each thread has a connection of its own, so that a transaction is that of the thread that
    opened it; `close` closes all of them.

    Parameters
    ----------
    folder:
        The corpus folder, which holds `corpus.db`.

    Raises
    ------
    CorpusNotFound, CorpusTooNew, CorpusDamaged, CorpusReadOnly
        The folder holds no corpus, or one that this version cannot use.

    Examples
    --------
    >>> import tempfile
    >>> with Store.create(Path(tempfile.mkdtemp()) / "corpus") as store:
    ...     store.rows("SELECT count(*) FROM items")
    [(0,)]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        path = self.folder / DATABASE
        _check_there(path)
        self._own = _Own()
        self._guard = threading.Lock()
        self._open: dict[sqlite3.Connection, weakref.ref[threading.Thread]] = {}
        self._closed = False
        self.writable = True
        try:
            with self._translated():
                self._check_kind()
                self._migrate()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make a new corpus in `folder`, which may exist but must hold no corpus.

        Raises
        ------
        CorpusExists
            The folder holds a corpus, or is a file.
        """
        folder = Path(folder)
        if (folder / DATABASE).exists():
            raise CorpusExists(
                f"{folder} holds a corpus already. Use it as it is, or choose another folder."
            )
        if folder.exists() and not folder.is_dir():
            raise CorpusExists(f"{folder} is a file; a corpus is a folder. Choose another name.")
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name in FOLDERS:
                (folder / name).mkdir(exist_ok=True)
            with atomic_write(folder / DATABASE) as path, _translated(folder):
                connection = sqlite3.connect(path, isolation_level=None)
                try:
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                finally:
                    connection.close()
        return cls(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of all threads; SQLite then folds its log into the one file."""
        with self._guard:
            self._closed = True
            for connection in self._open:
                connection.close()
            self._open.clear()

    @property
    def _connection(self) -> sqlite3.Connection:
        """The connection of the thread that asks, opened when it first does."""
        if self._own.connection is None:
            self._own.connection, self.writable = self._opened()
        return self._own.connection

    def _opened(self) -> tuple[sqlite3.Connection, bool]:
        """Open one more connection; close those of threads that have ended."""
        with self._guard:
            if self._closed:
                raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
            for connection, owner in list(self._open.items()):
                thread = owner()
                if thread is None or not thread.is_alive():
                    connection.close()
                    del self._open[connection]
            connection, writable = _connect(self.folder / DATABASE)
            self._open[connection] = weakref.ref(threading.current_thread())
        try:
            with self._translated():
                # A corpus that cannot be written to is still good to read.
                connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            self._drop(connection)
            raise
        return connection, writable

    def _drop(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            self._open.pop(connection, None)
            connection.close()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        with self._translated():
            return self._connection.execute(sql, parameters).fetchall()

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run one statement and return the first column of its first row, or None."""
        found = self.rows(sql, parameters)
        return found[0][0] if found else None

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Run one statement that reads and give its rows one by one, as they were at the start."""
        for rows in self.batches(sql, parameters):
            yield from rows

    def batches(
        self, sql: str, parameters: Sequence[Any] = (), *, size: int = ROWS_AT_ONCE
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Run one statement that reads and give its rows, up to `size` of them at a time.

        They come through a connection of their own, so that the reader may go on in another
        thread, and what others write meanwhile neither shows nor has to wait.
        """
        connection, _ = self._opened()
        try:
            with self._translated():
                cursor = connection.execute(sql, parameters)
                while rows := cursor.fetchmany(size):
                    yield rows
        finally:
            self._drop(connection)

    def frame(self, sql: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """Run one statement and return its rows as a data frame."""
        import pandas as pd

        with self._translated():
            cursor = self._connection.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return pd.DataFrame(cursor.fetchall(), columns=names)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement that writes and return the id of the last row inserted."""
        with self._translated():
            return self._connection.execute(sql, parameters).lastrowid or 0

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each row and return how many rows it changed."""
        with self._translated():
            return self._connection.executemany(sql, rows).rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Group writes: all of them are on disk at the end, or none.

        Inside another transaction this joins the outer one.
        """
        if not self.writable:
            raise read_only(self.folder)
        if self._own.depth:
            yield
            return
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
        self._own.depth += 1
        try:
            yield
            with self._translated():
                self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._own.depth -= 1

    @contextlib.contextmanager
    def unchecked(self) -> Iterator[None]:
        """Do without the checks that rows name rows that are there, where that is sure anyway."""
        self.execute("PRAGMA foreign_keys = OFF")
        try:
            yield
        finally:
            self.execute("PRAGMA foreign_keys = ON")

    def _check_kind(self) -> None:
        """Refuse other people's databases, and an emptied file before it passes for a new one."""
        if self._connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise CorpusDamaged(
                f"{self.folder / DATABASE} is damaged or is not a catalogue (it lacks our mark). "
                "Put back a copy from your backup; the tables beside it are untouched."
            )

    def _schema(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self) -> None:
        found = self._schema()
        if found > len(MIGRATIONS):
            raise CorpusTooNew(
                f"The corpus in {self.folder} was made by a newer version of mediacorpus "
                f"(schema {found}, this version knows {len(MIGRATIONS)}). "
                "Upgrade with: pip install --upgrade mediacorpus"
            )
        if found == len(MIGRATIONS):
            return
        if not self.writable:
            raise CorpusReadOnly(
                f"The corpus in {self.folder} was made by an earlier version of mediacorpus "
                f"(schema {found}, this version works with {len(MIGRATIONS)}) and has to be "
                "brought up to date once, but it cannot be written to. Copy it to where you may "
                "write, and open the copy."
            )
        if found:
            self._back_up(found)
        for number, script in enumerate(MIGRATIONS[found:], start=found + 1):
            with self.transaction():
                # Another process that opened the corpus at the same time may have been faster.
                if self._schema() < number:
                    for statement in _statements(script):
                        self._connection.execute(statement)
                    self._connection.execute(f"PRAGMA user_version = {number}")

    def _back_up(self, schema: int) -> None:
        """Keep the catalogue as it is beside it, before its schema changes; only the first time."""
        kept = self.folder / f"corpus-schema-{schema}.db"
        if kept.exists():
            return
        with writing(self.folder), atomic_write(kept) as path, self._translated():
            copy = sqlite3.connect(path, isolation_level=None)
            try:
                self._connection.backup(copy)
            finally:
                copy.close()

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return _translated(self.folder)


class _Own(threading.local):
    """What each thread has for itself."""

    connection: sqlite3.Connection | None = None
    depth = 0


def _statements(script: str) -> Iterator[str]:
    """Cut a script into its statements, of which those that make triggers hold semicolons."""
    text = ""
    for piece in script.split(";"):
        text += piece + ";"
        if sqlite3.complete_statement(text):
            yield text
            text = ""


def placeholders(count: int) -> str:
    """Give `count` question marks for an SQL list.

    >>> placeholders(3)
    '?,?,?'
    """
    return ",".join("?" * count)


def storable(text: str) -> str:
    r"""Escape what is no Unicode text, such as a file name in the words of an error.

    >>> storable("caf\udce9")
    'caf\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def chunks(values: Iterable[Any], size: int = MAX_VARIABLES) -> Iterator[list[Any]]:
    """Cut an iterable into lists of at most `size`.

    >>> list(chunks(range(5), 2))
    [[0, 1], [2, 3], [4]]
    """
    chunk: list[Any] = []
    for value in values:
        chunk.append(value)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _check_there(path: Path) -> None:
    try:
        there = path.is_file()
    except OSError as error:
        raise CorpusNotFound(
            f"{path.parent} cannot be looked at ({error.strerror}). Check its name and permissions."
        ) from error
    if not there:
        raise CorpusNotFound(
            f"There is no corpus in {path.parent} (no {DATABASE} there). "
            f"Make one with: mediacorpus create {path.parent}"
        )


def _connect(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Open for writing if possible, else read-only; say which."""
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.DatabaseError as error:
            connection.close()
            translated = _translate(error, path.parent)
            if translated is None:
                raise
            if "readonly" not in str(error):
                raise translated from error
        else:
            return connection, True
    uri = f"{path.resolve().as_uri()}?mode=ro"
    # Without write access SQLite cannot make the files beside a log; a log that is
    # absent or empty holds nothing, so the database can be taken as fixed.
    log = path.with_name(path.name + "-wal")
    if not log.exists() or log.stat().st_size == 0:
        uri += "&immutable=1"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False), False


@contextlib.contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        translated = _translate(error, folder)
        if translated is None:
            raise
        raise translated from error


def _translate(error: sqlite3.DatabaseError, folder: Path) -> Exception | None:
    text = str(error).lower()
    if "readonly" in text or "read-only" in text or "unable to open" in text:
        return read_only(folder)
    if "disk is full" in text:
        return full(folder)
    if "disk i/o error" in text:
        # A full disk shows so too, where SQLite cannot enlarge its shared memory.
        if shutil.disk_usage(folder).free < NO_ROOM:
            return full(folder)
        return CorpusDamaged(
            f"The disk that holds {folder} failed to read or write {DATABASE} ({error}). "
            "What was recorded before is kept: check the disk and run the same command again."
        )
    if "locked" in text or "busy" in text:
        return CorpusBusy(
            f"Another program is writing to the corpus in {folder}. Try again when it has ended."
        )
    if "not a database" in text or "malformed" in text:
        return CorpusDamaged(
            f"{folder / DATABASE} is damaged or is not a catalogue ({error}). "
            "Put back a copy from your backup; the tables beside it are untouched."
        )
    return None

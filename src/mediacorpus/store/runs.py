"""Runs: one row for each execution, with all that is needed to do it again."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import math
import os
import platform
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import filelock

from mediacorpus._version import __version__
from mediacorpus.errors import CorpusBusy, read_only, writing
from mediacorpus.store.store import Store, storable

LOCK = ".writing.lock"
PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "onnxruntime",
    "torch",
    "timm",
    "scikit-learn",
    "pyarrow",
    "duckdb",
)


@dataclass(slots=True)
class Run:
    """A run under way: its id, and the counts that it will be closed with."""

    id: int
    done: int = 0
    failed: int = 0
    note: str | None = None


def now() -> str:
    """Give the time in UTC as `YYYY-MM-DDTHH:MM:SS.mmmZ`.

    >>> len(now())
    24
    """
    moment = dt.datetime.now(dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def without_nan(value: Any) -> Any:
    """Write undefined numbers as null, which JSON has, unlike NaN.

    >>> without_nan({"threshold": float("nan"), "level": 0.95})
    {'threshold': None, 'level': 0.95}
    """
    if isinstance(value, Mapping):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def machine() -> dict[str, Any]:
    """Describe the machine and the versions of the packages that results depend on.

    >>> machine()["python"].count(".")
    2
    """
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": dict(_packages()),
        **({"commit": commit} if (commit := _commit()) else {}),
    }


@functools.cache
def _packages() -> Mapping[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@functools.cache
def _commit() -> str | None:
    """Give the commit of a checkout that the package runs from; None where it was installed."""
    for folder in Path(__file__).resolve().parents:
        git = folder / ".git"
        if not git.exists():
            continue
        with contextlib.suppress(OSError, ValueError):
            if git.is_file():  # a further work tree names its folder
                git = (folder / git.read_text("utf-8").partition("gitdir:")[2].strip()).resolve()
            head = (git / "HEAD").read_text("utf-8").strip()
            if not head.startswith("ref:"):
                return head or None
            name = head.partition(":")[2].strip()
            common = git / "commondir"
            home = (git / common.read_text("utf-8").strip()) if common.is_file() else git
            if (home / name).is_file():
                return (home / name).read_text("utf-8").strip()
            for line in (home / "packed-refs").read_text("utf-8").splitlines():
                if line.endswith(f" {name}"):
                    return line.partition(" ")[0]
        return None
    return None


_ASKED: ContextVar[str | None] = ContextVar("asked", default=None)


@contextlib.contextmanager
def asking(command: str, positional: Sequence[Any], options: Mapping[str, Any]) -> Iterator[None]:
    """Let the runs within know the command that the user gave; of nested ones the outermost.

    Parameters
    ----------
    command:
        Its name, such as `"train"`.
    positional, options:
        What was given to it; anything that JSON can hold.

    Examples
    --------
    >>> with asking("train", ["face"], {"name": "m"}), asking("measure", ["embedding"], {}):
    ...     json.loads(_ASKED.get())["command"]
    'train'
    """
    if _ASKED.get() is not None:
        yield
        return
    call = {"command": command, "positional": list(positional), "options": dict(options)}
    call |= {"folder": _here(), "call": uuid.uuid4().hex}
    token = _ASKED.set(json.dumps(call, default=str))
    try:
        yield
    finally:
        _ASKED.reset(token)


def repeating() -> bool:
    """Tell whether the user asked to repeat what was done before (`update`)."""
    asked = _ASKED.get()
    return asked is not None and json.loads(asked)["command"] == "update"


def _here() -> str:
    """Give the working directory, from which relative paths were given; "" where it is gone."""
    with contextlib.suppress(OSError):
        return f"{Path.cwd()}{os.sep}"
    return ""


@contextlib.contextmanager
def running(
    store: Store,
    verb: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    seed: int | None = None,
    input_hash: str | None = None,
    model_hash: str | None = None,
    exclusive: bool = True,
) -> Iterator[Run]:
    """Record a run from start to end, whatever that end is.

    Parameters
    ----------
    store:
        The catalogue.
    verb:
        What is run, such as `"measure"`.
    parameters:
        All that the user chose; anything that JSON can hold.
    seed, input_hash, model_hash:
        What the result depends on besides.
    exclusive:
        Keep other exclusive runs on this corpus out until the end.

    Raises
    ------
    CorpusBusy
        Another exclusive run is under way.
    CorpusReadOnly
        The corpus cannot be written to.
    """
    if not store.writable:
        raise read_only(store.folder)
    with _lock(store) if exclusive else contextlib.nullcontext():
        if exclusive:
            store.execute(
                "UPDATE runs SET status = 'killed' WHERE status = 'running' "
                "AND json_extract(parameters, '$.exclusive') IS NULL"
            )
        details = dict(parameters or {})
        if not exclusive:
            details["exclusive"] = False
        run = Run(
            store.execute(
                "INSERT INTO runs (verb, status, version, parameters, seed, model_hash, "
                "input_hash, machine, started, asked) "
                "VALUES (?, 'running', ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    verb,
                    __version__,
                    json.dumps(without_nan(details), default=str),
                    seed,
                    model_hash,
                    input_hash,
                    json.dumps(machine()),
                    now(),
                    _ASKED.get(),
                ),
            )
        )
        try:
            yield run
        except KeyboardInterrupt:
            _close(store, run, "interrupted")
            raise
        except BaseException as error:
            run.note = storable(f"{type(error).__name__}: {error}")
            with contextlib.suppress(Exception):
                _close(store, run, "failed")
            raise
        _close(store, run, "done")


def _close(store: Store, run: Run, status: str) -> None:
    store.execute(
        "UPDATE runs SET status = ?, ended = ?, done = ?, failed = ?, note = ? WHERE run = ?",
        (status, now(), run.done, run.failed, run.note, run.id),
    )


@contextlib.contextmanager
def _lock(store: Store) -> Iterator[None]:
    lock = filelock.FileLock(store.folder / LOCK, timeout=0)
    try:
        with writing(store.folder):
            lock.acquire()
    except filelock.Timeout as error:
        raise CorpusBusy(
            f"Another run is writing to the corpus in {store.folder}. "
            "Wait until it has ended, or stop it; then run this command again."
        ) from error
    try:
        yield
    finally:
        lock.release()

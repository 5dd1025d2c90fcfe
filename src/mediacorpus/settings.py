"""Settings that come from the environment: one place, read when asked for."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    Parameters
    ----------
    cache:
        Folder for things that can be made again, such as converted networks
        (`MEDIACORPUS_CACHE`).
    offline:
        Never use the network (`MEDIACORPUS_OFFLINE=1`).
    workers:
        Number of worker threads (`MEDIACORPUS_WORKERS`; by default one per core).
    timeout:
        Seconds that one file may take before it is given up (`MEDIACORPUS_TIMEOUT`).
    max_megapixels:
        Images with more pixels are refused (`MEDIACORPUS_MAX_MEGAPIXELS`; 200).
    part_size:
        Items that are measured before their rows are written, which is what a power cut can
        cost (`MEDIACORPUS_PART_SIZE`; 2000).
    decoder_memory:
        Megabytes that a process which opens video, sound, documents and rare images may take
        (`MEDIACORPUS_DECODER_MEMORY`; 4000).
    """

    cache: Path
    offline: bool
    workers: int
    timeout: float
    max_megapixels: float
    part_size: int
    decoder_memory: float


def _default_cache() -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mediacorpus"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _number(name: str, default: float, low: float) -> float:
    from mediacorpus.errors import ParameterError

    text = os.environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = low - 1
    if not (math.isfinite(value) and value >= low):
        raise ParameterError(f"{name} is {text!r}; it must be a number of at least {low:g}.")
    return value


def settings() -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    ParameterError
        A variable holds something that is no number, or is out of range.

    Examples
    --------
    >>> settings().timeout > 0
    True
    """
    return Settings(
        cache=Path(os.environ.get("MEDIACORPUS_CACHE") or _default_cache()),
        offline=os.environ.get("MEDIACORPUS_OFFLINE", "") not in {"", "0"},
        workers=int(_number("MEDIACORPUS_WORKERS", _cores(), 1)),
        timeout=_number("MEDIACORPUS_TIMEOUT", 60.0, 0.1),
        max_megapixels=_number("MEDIACORPUS_MAX_MEGAPIXELS", 200.0, 0.000001),
        part_size=int(_number("MEDIACORPUS_PART_SIZE", 2000, 1)),
        decoder_memory=_number("MEDIACORPUS_DECODER_MEMORY", 4000, 500),
    )


@contextlib.contextmanager
def one_worker() -> Iterator[None]:
    """Use one thread for the time being, where other processes use the other cores.

    >>> with one_worker():
    ...     settings().workers
    1
    """
    before = os.environ.get("MEDIACORPUS_WORKERS")
    os.environ["MEDIACORPUS_WORKERS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["MEDIACORPUS_WORKERS"]
        else:
            os.environ["MEDIACORPUS_WORKERS"] = before

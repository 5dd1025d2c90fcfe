"""Every error that the package raises on purpose.

    MediacorpusError
    ├── CorpusNotFound      (FileNotFoundError)  no corpus in that folder
    ├── CorpusExists        (FileExistsError)    a corpus is there already
    ├── CorpusTooNew        (RuntimeError)       written by a newer version
    ├── CorpusDamaged       (RuntimeError)       the catalogue or a table cannot be read
    ├── CorpusReadOnly      (PermissionError)    nothing can be written there
    ├── CorpusBusy          (OSError)            another run is writing to it
    ├── StorageFull         (OSError)            no space is left
    ├── SourceError         (ValueError)         a folder or manifest that cannot be added
    ├── MediaError          (ValueError)         one file that cannot be read as media
    │   └── TooLarge                             more pixels than the limit
    ├── UnknownName         (LookupError)        no measure, model, table … of that name
    ├── ParameterError      (ValueError)         an argument out of its range
    ├── MissingExtra        (ImportError)        an optional package is not installed
    ├── WeightsNotFound     (FileNotFoundError)  pretrained weights cannot be had
    ├── LabelError          (ValueError)         labels that cannot be imported or used
    ├── SplitError          (ValueError)         a split that cannot be drawn or used
    ├── TrainingError       (ValueError)         training cannot start or go on
    ├── ModelError          (ValueError)         a model folder that cannot be used
    └── QueryError          (ValueError)         SQL that the database refuses

Each message says what was asked, what was found and what to do.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_MOST_NAMES = 40


class MediacorpusError(Exception):
    """Base of every error that the package raises on purpose."""


class CorpusNotFound(MediacorpusError, FileNotFoundError):
    """The folder holds no corpus."""


class CorpusExists(MediacorpusError, FileExistsError):
    """The folder holds a corpus already."""


class CorpusTooNew(MediacorpusError, RuntimeError):
    """The corpus was written by a newer version of the package."""


class CorpusDamaged(MediacorpusError, RuntimeError):
    """The catalogue or a table of the corpus cannot be read."""


class CorpusReadOnly(MediacorpusError, PermissionError):
    """The corpus cannot be written to."""


class CorpusBusy(MediacorpusError, OSError):
    """Another run is writing to the corpus."""


class StorageFull(MediacorpusError, OSError):
    """The disk is full; what was recorded before stays."""


class SourceError(MediacorpusError, ValueError):
    """A folder or manifest cannot be added."""


class MediaError(MediacorpusError, ValueError):
    """One file cannot be read as media."""


class TooLarge(MediaError):
    """One file has more pixels than the limit."""


class UnknownName(MediacorpusError, LookupError):
    """Nothing is registered or stored under that name."""


class ParameterError(MediacorpusError, ValueError):
    """An argument is out of its range or of the wrong form."""


class MissingExtra(MediacorpusError, ImportError):
    """An optional package is not installed."""


class WeightsNotFound(MediacorpusError, FileNotFoundError):
    """Pretrained weights are not on this machine and cannot be downloaded."""


class LabelError(MediacorpusError, ValueError):
    """Labels cannot be imported or used."""


class SplitError(MediacorpusError, ValueError):
    """A split cannot be drawn or used."""


class TrainingError(MediacorpusError, ValueError):
    """Training cannot start or cannot go on."""


class ModelError(MediacorpusError, ValueError):
    """A model folder cannot be used."""


class QueryError(MediacorpusError, ValueError):
    """The database refuses a query."""


class FormerName(FutureWarning):
    """A name was used that has been changed since, and goes on working for a version."""


def present_name(kind: str, name: str, former: Mapping[str, str]) -> str:
    """Give the present name for one that was changed, and warn; give back any other.

    Parameters
    ----------
    kind:
        What it is a name of, such as `"method"`.
    name:
        What was asked for.
    former:
        Former names and the present ones.

    >>> present_name("method", "finetune", {"probe": "linear"})
    'finetune'
    """
    if name not in tuple(former):
        return name
    now = former[name]
    text = f"The {kind} {name!r} is now called {now!r}. The former name works in this version only."
    warnings.warn(text, FormerName, stacklevel=3)
    return now


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """Make an `UnknownName` that lists the nearest known names.

    >>> str(unknown("measure", "tagz", ["tags", "facts"]))
    "There is no measure 'tagz'. Did you mean 'tags'? Known: facts, tags."
    """
    names = sorted(known)
    listed = f" Known: {_few(names)}." if names else f" This corpus has no {kind} yet."
    return UnknownName(f"There is no {kind} {name!r}.{_near(name, names)}{listed}")


def unknown_column(column: str, known: Iterable[str]) -> ParameterError:
    """Make the error for a column that no record has, with the nearest of those that are there.

    >>> str(unknown_column("athor", ["year", "author"])).partition(" Your")[0]
    "No record has a column 'athor'. Did you mean 'author'?"
    """
    names = sorted(known)
    return ParameterError(
        f"No record has a column {column!r}.{_near(column, names)} Your columns are: "
        f"{', '.join(names) or 'none'}; they come with a table that is added."
    )


RENAMED: Mapping[str, Mapping[str, str]] = {
    name: {"by": "cluster"} for name in ("split", "validate", "compare")
}
"""Command -> former name of an option -> its name; the former goes on working for a version."""


def unknown_option(command: str, option: str, known: Iterable[str]) -> ParameterError:
    """Make the error for an option that a command does not have, with the nearest that it has.

    >>> str(unknown_option("validate", "treshold", ["against", "threshold"]))
    "validate has no option 'treshold'. Did you mean 'threshold'? It takes: against, threshold."
    """
    names = list(known)
    return ParameterError(
        f"{command} has no option {option!r}.{_near(option, names)} It takes: {', '.join(names)}."
    )


def _few(names: list[str]) -> str:
    """List names, not all where there are dozens."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _near(name: str, known: list[str]) -> str:
    lower = {k.lower(): k for k in reversed(known)}
    near = [lower[k] for k in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    return f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write below `folder` into our errors.

    Raises
    ------
    StorageFull
        The disk or the quota is full.
    CorpusReadOnly
        The folder, or a file in it, cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, MediacorpusError):
            raise
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise full(folder) from error
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            raise read_only(folder) from error
        raise


def full(folder: Path) -> StorageFull:
    """Make the error for a disk without space.

    >>> "full" in str(full(Path("corpus")))
    True
    """
    return StorageFull(
        f"The disk that holds {folder} is full. What was recorded before is kept: "
        "make room and run the same command again."
    )


def read_only(folder: Path) -> CorpusReadOnly:
    """Make the error for a folder that cannot be written to.

    >>> "written" in str(read_only(Path("corpus")))
    True
    """
    return CorpusReadOnly(
        f"{folder} cannot be written to. Check its permissions, or copy the corpus "
        "to a folder of your own; looking at it works as it is."
    )

"""The verb `measure`: names to prepared measures, then the engine."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mediacorpus.engine import local
from mediacorpus.engine.contract import MEASURES, Configured
from mediacorpus.engine.local import Measured
from mediacorpus.engine.part import Options, Prepared
from mediacorpus.errors import ModelError, ParameterError, unknown_option
from mediacorpus.media.color import is_stretched
from mediacorpus.networks.backbones import LITE
from mediacorpus.networks.frozen import is_other, kept_network
from mediacorpus.result import counted
from mediacorpus.settings import settings
from mediacorpus.store import progress
from mediacorpus.store.runs import running
from mediacorpus.store.store import Store

PRECISIONS = ("fp32", "int8")
OPTIONS = {"of", "on", "precision", "retry", "verify", "batch_size", "progress"}


def options(
    run: int, *, batch_size: int = 16, workers: int | None = None, verify: bool = False
) -> Options:
    """Gather what the engine needs from the settings and the arguments.

    >>> options(1).batch_size
    16
    """
    if batch_size < 1:
        raise ParameterError(f"The batch size is {batch_size}; it must be at least 1.")
    found = settings()
    return Options(
        run=run,
        batch_size=batch_size,
        workers=workers or found.workers,
        timeout=found.timeout,
        max_pixels=found.max_megapixels * 1e6,
        part_size=found.part_size,
        verify=verify,
    )


def measure(
    store: Store,
    names: Sequence[str],
    *,
    precision: str = "fp32",
    retry: bool = False,
    verify: bool = False,
    batch_size: int = 16,
    workers: int | None = None,
    of: str | None = None,
    only: Collection[str] | None = None,
    show: bool | None = None,
    **parameters: Any,
) -> Measured:
    """Run measures over all items that lack them, in one pass over the pixels.

    Parameters
    ----------
    store:
        The catalogue.
    names:
        Names of measures.
    precision:
        `"fp32"`, or `"int8"` for the faster, slightly rounded networks.
    retry:
        Try items again that failed before.
    verify:
        Hash each file that is measured, to be sure that it is what was added. Otherwise a file
        whose size and time of change are as they were is taken to be unchanged.
    batch_size:
        Images that are measured together.
    workers:
        Threads; by default one for each core.
    of:
        Measure the regions that this measure found, such as `"faces"`, instead of what was
        added.
    only:
        Ids of the items to measure; by default all.
    show:
        Whether to show progress; None decides by the terminal.
    parameters:
        Parameters of the measures, such as `top=10`; each goes to the measures that know it.

    Raises
    ------
    UnknownName
        No measure has that name; the message lists near names.
    ParameterError
        No measure that was asked for knows a parameter, or a value is out of range.
    MissingExtra
        A measure needs a package that is not installed.
    KeyboardInterrupt
        The user asked to stop; what was finished is kept.
    """
    wanted = list(dict.fromkeys(names))
    if not wanted:
        raise ParameterError(f"Name at least one measure of: {', '.join(MEASURES.names())}.")
    if precision not in PRECISIONS:
        raise ParameterError(f"The precision is {precision!r}; it must be fp32 or int8.")
    for name in wanted:
        MEASURES.get(name)
    given = {"precision": precision} | parameters
    note, model_hash = None, None
    network = _network(store, wanted, given)
    if network:
        model_hash = network["weights"]
    if precision == "int8" and any("model" in _accepts(name) for name in wanted):
        from mediacorpus.measures.int8 import corpus_model

        made = corpus_model(store, show=show)
        given["model"] = made.path
        note, model_hash = made.note, made.digest
    ready = {
        name: _prepare(name, given | network if "backbone" in _accepts(name) else given)
        for name in wanted
    }
    _check_used(ready, parameters)
    recorded = {"measures": wanted, "batch_size": batch_size, "of": of} | given
    if only is not None:
        recorded["chosen"] = len(only)
    if verify:
        recorded["verify"] = True
    with running(store, "measure", parameters=recorded, model_hash=model_hash) as run:
        run.note = _joined(note, _stretched(store, wanted), _kept_back(wanted))
        prepared = [
            Prepared(
                info,
                kept,
                function,
                progress.setup_id(store, info, _identity(kept, model_hash), run=run.id),
            )
            for name, (function, kept) in ready.items()
            for info in [function.info if isinstance(function, Configured) else MEASURES.info(name)]
        ]
        if retry:
            progress.forget_failed(store, [p.setup for p in prepared])
        return local.run(
            store,
            prepared,
            run,
            options=options(run.id, batch_size=batch_size, workers=workers, verify=verify),
            of=of,
            only=only,
            show=show,
        )


def measure_as(
    store: Store,
    identity: Mapping[str, Any],
    *,
    only: Collection[str] | None = None,
    retry: bool = False,
    show: bool | None = None,
) -> int:
    """Measure what lacks a measure with the very version and parameters of an earlier run.

    Parameters
    ----------
    store:
        The catalogue.
    identity:
        `name`, `version` and `parameters` of the setup.
    only, retry, show:
        As for `measure`.

    Returns
    -------
    int
        Id of the setup.

    Raises
    ------
    ModelError
        This program has another version of the measure.
    """
    name = str(identity["name"])
    here = MEASURES.info(name).version if name in MEASURES else "none"
    if here != identity["version"]:
        raise ModelError(
            f"The measure {name!r} has version {here} in this program, and version "
            f"{identity['version']} is needed. Measure and train anew, or install the version of "
            "the program that was used."
        )
    given = {k: v for k, v in identity["parameters"].items() if k != "model" and v is not None}
    measure(store, [name], only=only, retry=retry, show=show, **given)
    found = progress.setup_of(store, identity)
    if found is None:
        raise ModelError(
            f"The measure {name!r} cannot be had again as it was: its network was made anew from "
            "other images of the corpus. Train the model again."
        )
    return found


def _network(store: Store, wanted: Sequence[str], given: dict[str, Any]) -> dict[str, Any]:
    """Give the parameters of another network than the built-in one, which the corpus then keeps.

    Where the built-in one is named, it is as if none was: its rows are the same.
    """
    if not any("backbone" in _accepts(name) for name in wanted):
        return {}
    backbone, weights = given.get("backbone"), given.get("weights")
    if not is_other(backbone, weights):
        for name in ("backbone", "weights"):
            given.pop(name, None)
        return {}
    if given["precision"] != "fp32":
        raise ParameterError(
            f"int8 is made for {LITE} with its own weights; leave --precision out, or --backbone "
            "and --weights."
        )
    name = str(backbone or LITE)
    path, digest = kept_network(store.folder, name, None if weights is None else str(weights))
    return {"backbone": name, "weights": digest, "model": path}


def _joined(*notes: str | None) -> str | None:
    return " ".join(filter(None, notes)) or None


def _stretched(store: Store, wanted: Sequence[str]) -> str | None:
    """Say which measures see rasters of numbers as images only."""
    names = [name for name in wanted if MEASURES.info(name).pixels]
    if not names:
        return None
    modes = store.rows("SELECT mode, count(*) FROM items WHERE parent IS NULL GROUP BY mode")
    count = sum(many for mode, many in modes if is_stretched(str(mode)))
    if not count:
        return None
    sees = "sees" if len(names) == 1 else "see"
    return (
        f"{', '.join(names)} {sees} {counted(count, 'raster')} of numbers beyond 16 bits, with "
        "signs or fractions, each stretched from its own least to its greatest value, which makes "
        "them incomparable. `measure intensity` gives the numbers in the units of the files."
    )


def _kept_back(names: Sequence[str]) -> str | None:
    """Say that what may point to a person is not handed on by itself."""
    private = [name for name in names if MEASURES.info(name).private]
    if not private:
        return None
    return (
        f"What {' and '.join(private)} found may point to a person: it stays in the corpus, and in "
        "the tidy table, files and reports only where you name its columns."
    )


def _accepts(name: str) -> set[str]:
    return set(inspect.signature(MEASURES.get(name)).parameters)


def _prepare(name: str, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Make a measure with the parameters that it knows; give it and them."""
    known = _accepts(name)
    kept = {key: value for key, value in given.items() if key in known}
    return MEASURES.get(name)(**kept), kept


def _check_used(ready: dict[str, tuple[Any, dict[str, Any]]], parameters: dict[str, Any]) -> None:
    used = {key for _, kept in ready.values() for key in kept}
    if any("backbone" in _accepts(measure) for measure in ready):
        used |= {"backbone", "weights"}
    for name in sorted(set(parameters) - used):
        own = {key for measure in ready for key in _accepts(measure)}
        raise unknown_option(f"measure {' '.join(ready)}", name, sorted(own | OPTIONS))


def _identity(kept: dict[str, Any], model_hash: str | None) -> dict[str, Any]:
    """Give what tells this setup from others: a model file counts by its content."""
    if "backbone" in kept:  # its weights' hash says it all
        return {key: value for key, value in kept.items() if key != "model"}
    return {key: model_hash if isinstance(value, Path) else value for key, value in kept.items()}

"""The options that choose the items a command works on, given to a command in one place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediacorpus.errors import ParameterError

if TYPE_CHECKING:
    from mediacorpus.analysis.selecting import Selection

OPTIONS = {
    "item": Annotated[
        list[str] | None,
        typer.Option(help="Only this item: its id, or the name of its file. May be repeated."),
    ],
    "where": Annotated[
        str | None,
        typer.Option(metavar="SQL", help="Only items for which this holds, such as 'year > 1990'."),
    ],
    "split": Annotated[
        str | None,
        typer.Option(metavar="VARIABLE:PART", help="Only this part of a split, as in face:test."),
    ],
    "sample": Annotated[
        str | None, typer.Option(metavar="N[:SEED]", help="Only so many items, drawn at random.")
    ],
}


def selectable(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose items; it gets them as `on`, a selection or None."""
    signature = inspect.signature(command, eval_str=True)
    kept = [p for p in signature.parameters.values() if p.name != "on"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in OPTIONS.items()
    ]
    last = [p for p in kept if p.name in {"quiet", "as_json"}]
    first = [p for p in kept if p.name not in {"quiet", "as_json"}]

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        own = {name: given.pop(name) for name in OPTIONS}
        command(**given, on=_selection(**own))

    wrapped.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[p.replace(kind=p.KEYWORD_ONLY) for p in (*first, *added, *last)]
    )
    wrapped.__annotations__ = {p.name: p.annotation for p in (*first, *added, *last)}
    return wrapped


def _selection(
    item: list[str] | None, where: str | None, split: str | None, sample: str | None
) -> Selection | None:
    if not item and where is None and split is None and sample is None:
        return None
    from mediacorpus.analysis.selecting import Selection

    items = tuple(item) if item else None
    if sample is None:
        return Selection(items=items, where=where, split=split)
    count, _, seed = sample.partition(":")
    if not count.isdecimal() or (seed and not seed.isdecimal()):
        raise ParameterError(f"--sample is {sample!r}; write a number, or one with a seed: 100:7.")
    drawn = {"sample": int(count), "seed": int(seed or 1)}
    return Selection(items=items, where=where, split=split, **drawn)

"""The verb `update`: repeat, for what is new, all that was asked of a corpus."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mediacorpus.analysis.script import Call, calls
from mediacorpus.analysis.selecting import Selection
from mediacorpus.errors import MediacorpusError, SourceError
from mediacorpus.result import Result, counted
from mediacorpus.store import people

if TYPE_CHECKING:
    from mediacorpus.store.store import Store

REPEATED = ("add", "import_labels", "import_measure", "measure", "apply", "validate", "report")
"""Commands that are repeated, in this order; what they did already is not done again."""

TITLES = {"import_labels": "labels import", "import_measure": "measures import"}
"""Commands whose name is not that of their method."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command that was repeated.

    Parameters
    ----------
    command:
        What was done, as in `"measure color"`.
    said:
        What the command says of it, or why it was left out.
    skipped:
        Whether it was left out.
    failed:
        Number of items or files that failed.
    """

    command: str
    said: str
    skipped: bool = False
    failed: int = 0


@dataclass(slots=True, repr=False)
class Updated(Result):
    """What an update did, step by step."""

    steps: list[Step] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Items and files that failed, and steps that were left out."""
        return sum(step.failed + step.skipped for step in self.steps)

    def __str__(self) -> str:
        if not self.steps:
            return "Nothing to repeat: nothing was added, measured, validated or reported yet."
        lines = [
            f"{step.command}: {'left out. ' if step.skipped else ''}{step.said}"
            for step in self.steps
        ]
        left = sum(step.skipped for step in self.steps)
        if left:
            lines.append(f"{counted(left, 'step')} could not be repeated; all else is up to date.")
        return "\n".join(lines)


def update(
    store: Store,
    perform: Callable[[str, list[Any], dict[str, Any]], Any],
    on_step: Callable[[Step], None] | None = None,
) -> Updated:
    """Repeat all that was asked of a corpus, for what is new.

    Sources are read again, and what is new in them is added; imported labels likewise. Measures
    and models are run on what lacks them. Validations and the report are made anew. Models are
    not trained again: their labels may have changed, but so would all that was computed with them.

    Parameters
    ----------
    store:
        The catalogue.
    perform:
        Carries out a command: its name, its positional arguments and its options.
    on_step:
        Told of each step once it is done.

    Returns
    -------
    Updated
        A source that is gone, a file of labels that is gone and a model that was removed are
        said, and the rest is done.
    """
    done = Updated()
    models = {str(entry["model"]) for entry in people.models(store)}
    for call in _wanted(store):
        step = _repeat(call, perform, models=models, store=store)
        done.steps.append(step)
        if on_step is not None:
            on_step(step)
    return done


def _wanted(store: Store) -> Iterator[Call]:
    """Give the commands to repeat, each once, in the order of `REPEATED`."""
    known: dict[str, Call] = {}
    kept = _locations(store)
    for call in calls(store):
        if call.command == "add" and not kept.intersection(_places(store, call)):
            continue  # it was removed
        if call.command in REPEATED and not (call.remark and "data frame" in call.remark):
            said = [call.command, call.positional, _lasting(call.options)]
            if call.command == "import_measure":  # of several tables the last is in force
                said = [call.command, call.positional[0]]
            known[json.dumps(said)] = call
    yield from sorted(known.values(), key=lambda call: REPEATED.index(call.command))


def _lasting(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was meant for one time only."""
    return {k: v for k, v in options.items() if k not in {"retry", "verify", "refresh"}}


def _repeat(
    call: Call,
    perform: Callable[[str, list[Any], dict[str, Any]], Any],
    *,
    models: set[str],
    store: Store,
) -> Step:
    positional = [_value(value) for value in call.positional]
    options = {key: _value(value) for key, value in _lasting(call.options).items()}
    named = [str(word) for value in positional for word in _words(value)]
    title = " ".join([TITLES.get(call.command, call.command), *named])
    if call.command in {"apply", "validate"} and ":" not in named[0] and named[0] not in models:
        return Step(title, f"There is no model {named[0]!r} any more.", skipped=True)
    try:
        if call.command == "add":
            positional = [_sources(store, call)]
        elif call.command == "import_labels":
            positional = _sources(store, call)
        elif call.command == "import_measure":
            table = replace(call, positional=call.positional[1:])
            positional = [call.positional[0], *_sources(store, table)]
        result = perform(call.command, positional, options)
    except MediacorpusError as error:
        return Step(title, str(error), skipped=True)
    failed = getattr(result, "failed", 0)
    return Step(title, _sentence(result), failed=failed if isinstance(failed, int) else 0)


def _words(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _sentence(result: Any) -> str:
    text = f"written to {result}." if isinstance(result, Path) else str(result)
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return " ".join(lines[:2] if lines[0].endswith(":") else lines[:1])


def _value(value: Any) -> Any:
    """Turn what was written down back into what a command takes."""
    if isinstance(value, Mapping) and value.get("class") == "Selection":
        return Selection(**value["fields"])
    return value


def _places(store: Store, call: Call) -> list[str]:
    """Give the absolute places that were read, as their runs kept them."""
    marks = ", ".join("?" * len(call.runs))
    rows = store.rows(f"SELECT parameters FROM runs WHERE run IN ({marks}) ORDER BY run", call.runs)
    found = (str(json.loads(text).get("source", "")) for (text,) in rows)
    return [place for place in dict.fromkeys(found) if place]


def _sources(store: Store, call: Call) -> list[str]:
    """Give what a command read, by absolute paths and patterns, without what is gone.

    What was removed from the corpus since is no longer meant.

    Raises
    ------
    SourceError
        Nothing is left.
    """
    given = [
        os.path.normpath(Path(call.folder, text).expanduser())
        for value in call.positional
        for text in map(str, _words(value))
    ]
    if call.command == "add":
        removed = set(_places(store, call)) - _locations(store)
        given = [place for place in given if place not in removed]
    found = [place for place in given if glob.has_magic(place) or os.path.lexists(place)]
    if not found:
        raise SourceError(f"{given[0]} is not there any more. What it gave stays in the corpus.")
    return found


def _locations(store: Store) -> set[str]:
    return {str(location) for (location,) in store.rows("SELECT location FROM sources")}

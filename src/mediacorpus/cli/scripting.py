"""The study as a script of commands for a shell."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from mediacorpus.analysis.script import Call, calls
from mediacorpus.store.store import Store

NAMES = {
    "import_labels": "labels import",
    "import_measure": "measures import",
    "map_labels": "labels map",
    "import_model": "models import",
    "set_label": "labels set",
    "learning_curve": "learning-curve",
}
"""Methods of `Corpus` whose command has another name."""
PLACE = '"$CORPUS"'


def shell_script(store: Store, program: Any) -> str:
    """Write the study as a script for a shell; `program` is the group of all commands.

    What cannot be run again as it stands, such as the import of a data frame, is a comment.
    """
    name = store.folder.resolve().name
    lines = [
        "#!/bin/sh",
        f"# The commands that made the corpus {name}. Run it where its files are.",
        "set -e",
        f"CORPUS={shlex.quote(name)}",
        "# Some files may fail (exit code 3) without stopping the study.",
        'mc() { mediacorpus "$@" || [ $? -eq 3 ]; }',
        "",
        f"mc create {PLACE}",
    ]
    for call in calls(store):
        text = f"mc {command_line(call, program)}" if call.command else ""
        if call.remark:
            lines.append(f"# {call.remark}")
            lines += [f"# {text}"] if text else []
        else:
            lines.append(text)
    return "\n".join(lines) + "\n"


def command_line(call: Call, program: Any) -> str:
    """Write a command as one types it, without `mediacorpus` and with `"$CORPUS"` as its folder.

    Examples
    --------
    >>> from mediacorpus.cli import application
    >>> call = Call("train", ["face"], {"name": "m", "augment": False}, (1,), "train", "")
    >>> command_line(call, application())
    'train "$CORPUS" face --name m --no-augment'
    """
    name = NAMES.get(call.command, call.command)
    options = dict(call.options)
    if name == "robustness":
        name, options = "audit", {"robustness": True} | options
    command = program
    for word in name.split():
        command = command.commands[word]
    words = list(_positional(call))
    for key, value in options.items():
        words += _option(command, key, value)
    return " ".join([*name.split(), PLACE, *map(shlex.quote, words)])


def _positional(call: Call) -> Iterator[str]:
    for value in call.positional:
        if isinstance(value, list):
            yield from map(str, value)
        elif not (isinstance(value, Mapping) and "class" in value):
            yield _listed(value)


def _listed(value: Any) -> str:
    """Write a value as an option takes it: lists and maps with commas between.

    >>> _listed(["yes", "no, never"]), _listed({"YES": "yes"})
    ('yes,"no, never"', 'YES=yes')
    """
    if isinstance(value, Mapping):
        value = [f"{key}={own}" for key, own in value.items()]
    if not isinstance(value, list):
        return str(value)
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(value)
    return text.getvalue()


def _option(command: Any, name: str, value: Any) -> Iterator[str]:
    """Give the words of one option, as the command line knows it."""
    if isinstance(value, Mapping) and "class" in value:
        for key, own in value["fields"].items():
            yield from _option(command, "item" if key == "items" else key, own)
        return
    if name == "seed" and value == 1:
        return
    known = next((p for p in command.params if p.name == name), None)
    flag = known.opts[0] if known is not None else f"--{name.replace('_', '-')}"
    if name == "robots":
        yield "--ignore-robots"
    elif isinstance(value, bool):
        others = known.secondary_opts if known is not None else []
        if value or others:
            yield flag if value else others[0]
    elif value is None:
        yield from (flag, "0")
    elif isinstance(value, list) and known is not None and known.multiple:
        for one in value:
            yield from (flag, str(one))
    else:
        yield from (flag, _listed(value))

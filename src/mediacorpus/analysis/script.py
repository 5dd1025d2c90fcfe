"""The study as a script: the commands that made a corpus, in their order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediacorpus.errors import RENAMED
from mediacorpus.store.store import Store


@dataclass(frozen=True, slots=True)
class Call:
    """One command as a user gave it.

    Parameters
    ----------
    command:
        Its name in Python, such as `"import_labels"`; empty where it was not kept.
    positional, options:
        What was given to it. Data classes are `{"class": name, "fields": {…}}`.
    runs:
        Ids of the runs that came of it.
    verb, status:
        Of its first run, and the worst of all of them.
    folder:
        Where it was given: what relative paths begin at.
    """

    command: str
    positional: Sequence[Any]
    options: Mapping[str, Any]
    runs: tuple[int, ...]
    verb: str
    status: str
    folder: str = ""

    @property
    def remark(self) -> str:
        """Why the command cannot be run again as it stands; else nothing."""
        runs = f"run {self.runs[0]}" if len(self.runs) == 1 else f"runs {self.runs[0]} and on"
        if not self.command:
            return f"{runs}, {self.verb}: made before commands were kept"
        if self.status not in {"done", "running"}:
            return f"{runs} ended as {self.status}"
        given = [*self.positional, *self.options.values()]
        if any(isinstance(v, Mapping) and v.get("class") == "DataFrame" for v in given):
            return f"{runs} took a data frame, which is not kept"
        return ""


def calls(store: Store) -> list[Call]:
    """Give the commands that left runs, in their order; of the same ones in a row the first.

    What `update` repeated stands there already.
    """
    rows = store.rows("SELECT run, verb, status, asked FROM runs ORDER BY run")
    grouped: dict[str, list[tuple[int, str, str, str | None]]] = {}
    for row in rows:
        key = json.loads(row[3])["call"] if row[3] else f"run {row[0]}"
        grouped.setdefault(key, []).append(row)
    found: list[Call] = []
    for own in grouped.values():
        asked = json.loads(own[0][3]) if own[0][3] else {}
        if asked.get("command") == "update":
            continue
        former = RENAMED.get(asked.get("command", ""), {})
        status = next((s for _, _, s, _ in own if s != "done"), "done")
        call = Call(
            asked.get("command", ""),
            asked.get("positional", []),
            {former.get(k, k): v for k, v in asked.get("options", {}).items()},
            tuple(run for run, *_ in own),
            own[0][1],
            status,
            asked.get("folder", ""),
        )
        last = found[-1] if found else None
        if last is None or not call.command or _said(call) != _said(last):
            found.append(call)
    return found


def _said(call: Call) -> tuple[Any, ...]:
    return call.command, call.positional, call.options, call.remark


def python_script(store: Store) -> str:
    """Write the study as a script of Python.

    What cannot be run again as it stands, such as the import of a data frame, is a comment.
    """
    body = []
    for call in calls(store):
        text = f"corpus.{call.command}({_arguments(call)})" if call.command else ""
        if call.remark:
            body.append(f"    # {call.remark}")
            body += [f"    # {text}"] if text else []
        else:
            body.append(f"    {text}")
    name = store.folder.resolve().name
    lines = [
        f"# The commands that made the corpus {name!r}. Run it where its files are.",
        "import mediacorpus as mc",
        "",
        f"with mc.Corpus.create({name!r}) as corpus:",
        *(body or ["    pass"]),
    ]
    return "\n".join(lines) + "\n"


def _arguments(call: Call) -> str:
    given = [_literal(value) for value in call.positional]
    given += [f"{name}={_literal(value)}" for name, value in call.options.items()]
    return ", ".join(given)


def _literal(value: Any) -> str:
    if isinstance(value, Mapping) and "class" in value:
        fields = ", ".join(f"{k}={_literal(v)}" for k, v in value["fields"].items())
        return f"mc.{value['class']}({fields})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)

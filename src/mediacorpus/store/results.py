"""The table of results: each estimate that a command came to is a row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from mediacorpus.errors import unknown
from mediacorpus.result import code_of, plain
from mediacorpus.store.store import Store

COLUMNS = (
    *("run", "command", "kind", "subject", "subject_hash", "variable", "part", "model"),
    *("model_hash", "group_column", "group", "class", "metric", "estimate", "low", "high"),
    *("level", "n", "method", "notes"),
)
COMMANDS = ("validate", "audit", "robustness", "compare", "learning_curve", "grid")

WEIGHTED = "weighted by"
"""How the method of scores begins that are weighted by the chance to be drawn."""


def _model_current(name: str, digest: str) -> str:
    return f"EXISTS (SELECT 1 FROM models AS m WHERE m.model = {name} AND m.hash = {digest})"


def _rule_current(digest: str) -> str:
    """Give the condition that all measures that a rule compares show the rows that it saw."""
    return f"""NOT EXISTS (
        SELECT 1 FROM json_each('[' || replace({digest}, '+', ',') || ']') AS one
        WHERE NOT EXISTS (SELECT 1 FROM setups AS s WHERE s.setup = one.value
            AND NOT EXISTS (SELECT 1 FROM setups AS t WHERE t.name = s.name
            AND (t.used, t.setup) > (s.used, s.setup))))"""


CURRENT = f"""
    CASE kind
    WHEN 'model' THEN {_model_current("subject", "subject_hash")}
    WHEN 'rule' THEN {_rule_current("subject_hash")}
    ELSE subject_hash = (SELECT CAST(max(split) AS TEXT) FROM splits
        WHERE splits.variable = subject)
    END AND CASE
    WHEN results.model IS NULL THEN 1
    WHEN results.model GLOB '*[:<>=()]*' THEN {_rule_current("model_hash")}
    ELSE {_model_current("results.model", "model_hash")}
    END
"""
"""Whether a row is still of what its subject is now: the model, the measure's table, the split."""


def write_results(
    store: Store,
    run: int,
    rows: pd.DataFrame | Sequence[Mapping[str, Any]],
    *,
    command: str,
    notes: Iterable[str] = (),
    **same: Any,
) -> None:
    """Write the estimates of one command, all of them or none.

    Parameters
    ----------
    store:
        The catalogue.
    run:
        Id of the run under way.
    rows:
        One estimate a row, with those of the `COLUMNS` that say something; `notes` are codes.
    command:
        Name of the command.
    notes:
        Sentences about the result as a whole; they stand in its first row.
    same:
        Columns that have the same value in all rows.
    """
    given = [row | same | {"run": run, "command": command} for row in plain(rows)]
    for place, row in enumerate(given):
        own = [{"code": code} for code in row.get("notes") or ()]
        own += [{"code": code_of(one), "text": str(one)} for one in notes if not place]
        row |= {"class": row.get("class") or "", "notes": json.dumps(own)}
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    places = ", ".join("?" * len(COLUMNS))
    with store.transaction():
        store.executemany(
            f"INSERT INTO results ({columns}) VALUES ({places})",
            [[row.get(name) for name in COLUMNS] for row in given],
        )


def notes_of(store: Store, run: int) -> list[dict[str, str]]:
    """Return what was noted of the results of a run as a whole: `code` and `text` each."""
    return [
        note
        for (text,) in store.rows("SELECT notes FROM results WHERE run = ? ORDER BY result", (run,))
        for note in json.loads(text)
        if "text" in note
    ]


def results(
    store: Store, subject: str | None = None, command: str | None = None, **where: Any
) -> pd.DataFrame:
    """Return the results that were written down, the oldest first.

    Parameters
    ----------
    store:
        The catalogue.
    subject:
        A model, rule or variable; by default all. Comparisons with a model are among its results.
    command:
        One of `COMMANDS`; by default all.
    where:
        Further columns with the value that they must have.

    Returns
    -------
    DataFrame
        The columns of the table `results`, as the reference lists them. `current` tells whether a
        row is of what its subject is now.

    Raises
    ------
    UnknownName
        There is no such subject or command.
    """
    asked = {"subject": subject, "command": command and command.replace("-", "_"), **where}
    asked = {name: value for name, value in asked.items() if value is not None}
    if asked.get("command", COMMANDS[0]) not in COMMANDS:
        raise unknown("command that writes results", str(command), COMMANDS)
    known = store.rows("SELECT subject FROM results UNION SELECT model FROM models")
    if subject is not None and (subject,) not in known:
        raise unknown("subject of results", subject, [name for (name,) in known])
    tests = [
        "? IN (subject, ifnull(results.model, ''))" if name == "subject" else f'"{name}" = ?'
        for name in asked
    ]
    listed = ", ".join(f'results."{name}"' for name in ("result", *COLUMNS))
    found = store.frame(
        f"SELECT {listed}, {CURRENT} AS current FROM results WHERE {' AND '.join(tests) or '1'} "
        "ORDER BY result",
        list(asked.values()),
    )
    return found.assign(current=found["current"].astype(bool))

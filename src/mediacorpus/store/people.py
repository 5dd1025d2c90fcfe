"""Labels, splits, models and validations as the catalogue keeps them."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from mediacorpus.errors import ModelError, unknown
from mediacorpus.records import Label
from mediacorpus.store.results import CURRENT, WEIGHTED, notes_of
from mediacorpus.store.runs import now, without_nan
from mediacorpus.store.store import Store, chunks, placeholders

FOLDERS = "folders"
"""Method of a split that folders named train, val and test give."""

SEVERAL = "|"
"""Between the values of an item that has several."""

NONE = SEVERAL
"""The value of an item that has none of several possible labels."""

_ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


def append_labels(
    store: Store, labels: Iterable[Label], run: int, *, repeats: str | None = None
) -> int:
    """Append labels to the log, in order, and return how many were new.

    Where one coder says several things of one item and variable all are kept, and the last
    counts. What the log ends with already is left out, so importing the same file twice changes
    nothing. With `repeats`, a source as runs name it, what that source said last is left out, too,
    whatever was said since.
    """
    added = 0
    time = now()
    with store.transaction():
        for new in _new_labels(store, labels, repeats):
            store.executemany(
                "INSERT INTO labels (item, variable, value, coder, seconds, time, run) "
                "VALUES (?,?,?,?,?,?,?)",
                [(o.item, o.variable, o.value, o.coder, o.seconds, time, run) for o in new],
            )
            added += len(new)
    return added


def count_new_labels(store: Store, labels: Iterable[Label]) -> int:
    """Count the labels that `append_labels` would append."""
    return sum(map(len, _new_labels(store, labels)))


def _new_labels(
    store: Store, labels: Iterable[Label], repeats: str | None = None
) -> Iterator[list[Label]]:
    """Give, some items at a time, the labels that the log does not end with already."""
    given: dict[tuple[str, str, str], list[Label]] = {}
    for label in labels:
        own = given.setdefault((label.item, label.variable, label.coder), [])
        if not own or own[-1].value != label.value:
            own.append(label)
    for chunk in chunks(given.values()):
        yield _new_of_chunk(store, chunk, repeats)


def _new_of_chunk(store: Store, given: list[list[Label]], repeats: str | None) -> list[Label]:
    items = sorted({own[0].item for own in given})
    asked = sorted({own[0].variable for own in given})
    log: dict[tuple[str, str, str], list[str]] = {}
    repeated: dict[tuple[str, str, str], list[str]] = {}
    for item, variable, coder, value, source in store.rows(
        "SELECT item, variable, coder, value, json_extract(parameters, '$.source') FROM labels "
        "JOIN runs USING (run) "
        f"WHERE variable IN ({placeholders(len(asked))}) AND item IN "
        f"({placeholders(len(items))}) ORDER BY label",
        [*asked, *items],
    ):
        log.setdefault((item, variable, coder), []).append(value)
        if repeats is not None and source == repeats:
            repeated.setdefault((item, variable, coder), []).append(value)
    new: list[Label] = []
    for own in given:
        key = (own[0].item, own[0].variable, own[0].coder)
        values = [label.value for label in own]
        if repeated.get(key, [])[-len(values) :] != values:
            new += own[_known(values, log.get(key, [])) :]
    return new


def _known(values: list[str], log: list[str]) -> int:
    """Count the first values that the log ends with.

    >>> _known(["no", "yes"], ["no", "yes"]), _known(["no", "yes"], ["no"]), _known(["a"], [])
    (2, 1, 0)
    """
    most = min(len(values), len(log))
    return next((n for n in range(most, 0, -1) if log[-n:] == values[:n]), 0)


def said_by(
    store: Store, variable: str, *, coder: str, items: list[str]
) -> dict[str, tuple[str, str | None]]:
    """Return what one coder last said of some items, and the source that it came from.

    Gives item → (value, source as its run names it).
    """
    found: dict[str, tuple[str, str | None]] = {}
    for chunk in chunks(items):
        for item, value, source in store.rows(
            "SELECT item, value, json_extract(parameters, '$.source') FROM labels "
            "JOIN runs USING (run) WHERE variable = ? AND coder = ? "
            f"AND item IN ({placeholders(len(chunk))}) ORDER BY label",
            [variable, coder, *chunk],
        ):
            found[item] = (value, source)
    return found


def said_in(store: Store, variable: str, *, source: str, items: list[str]) -> dict[str, set[str]]:
    """Return all that a source, as its runs name it, ever said of some items: item -> values."""
    found: dict[str, set[str]] = {}
    for chunk in chunks(items):
        for item, value in store.rows(
            "SELECT item, value FROM labels JOIN runs USING (run) WHERE variable = ? "
            "AND json_extract(parameters, '$.source') = ? "
            f"AND item IN ({placeholders(len(chunk))})",
            [variable, source, *chunk],
        ):
            found.setdefault(item, set()).add(value)
    return found


def written(text: str) -> str:
    r"""Write a value without what cannot be seen: blanks around it, marks of no width, NFD.

    >>> written(" Cafe\u0301\u200b") == "Caf\u00e9"
    True
    """
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFC", text.translate(_ZERO_WIDTH)).strip()


def cell_text(value: Any) -> str:
    """Write a cell of a table as text; blank where there is none.

    >>> cell_text(7.0), cell_text(float("nan")), cell_text(" yes ")
    ('7', '', 'yes')
    """
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return written(str(value))


def mapped(value: str, mapping: Mapping[str, str]) -> str:
    """Apply a map to a value, or to each of several values.

    >>> mapped("YES|crowd", {"YES": "yes"})
    'yes|crowd'
    """
    if not mapping or value in mapping or SEVERAL not in value:
        return mapping.get(value, value)
    parts = [mapping.get(written(part), written(part)) for part in value.split(SEVERAL)]
    return SEVERAL.join(dict.fromkeys(part for part in parts if part)) or NONE


def value_counts(store: Store, variable: str) -> dict[str, int]:
    """Count the values of a variable in the log, in the order in which they first came."""
    rows = store.rows(
        "SELECT value, count(*) FROM labels WHERE variable = ? AND value <> '' "
        "GROUP BY value ORDER BY min(label)",
        (variable,),
    )
    return {str(value): int(count) for value, count in rows}


def several(store: Store) -> list[str]:
    """Return the variables of which items have several values at once."""
    rows = store.rows("SELECT DISTINCT variable FROM labels WHERE instr(value, '|') > 0")
    return [str(variable) for (variable,) in rows]


def label_map(store: Store, variable: str) -> dict[str, str]:
    """Return which values of a variable count as which, by all maps that were not undone."""
    found: dict[str, str] = {}
    for mapping in label_maps(store, variable).values():
        found = {old: mapping.get(new, new) for old, new in found.items()} | mapping
    return {old: new for old, new in found.items() if old != new}


def label_maps(store: Store, variable: str) -> dict[int, dict[str, str]]:
    """Return the maps of a variable that were not undone, by their runs, the oldest first."""
    found: dict[int, dict[str, str]] = {}
    for run, mapping, undone in store.rows(
        "SELECT run, json_extract(parameters, '$.map'), json_extract(parameters, '$.undo') "
        "FROM runs WHERE verb = 'labels map' AND status = 'done' "
        "AND json_extract(parameters, '$.variable') = ? ORDER BY run",
        (variable,),
    ):
        if undone is None:
            found[int(run)] = json.loads(mapping)
        else:
            found.pop(int(undone), None)
    return found


def gold_rule(store: Store, variable: str) -> tuple[str, str | None]:
    """Return the rule by which gold is computed, and the positive value of the rule any."""
    rows = store.rows("SELECT rule, positive FROM gold_rules WHERE variable = ?", (variable,))
    return (str(rows[0][0]), rows[0][1]) if rows else ("majority", None)


def keep_gold_rule(
    store: Store, variable: str, *, rule: str, positive: str | None, run: int
) -> None:
    """Keep the rule by which gold is computed."""
    store.execute(
        "INSERT OR REPLACE INTO gold_rules VALUES (?, ?, ?, ?)", (variable, rule, positive, run)
    )


def label_log(store: Store, variable: str | None = None) -> pd.DataFrame:
    """Return the log of labels, oldest first; of one variable if it is named.

    Raises
    ------
    UnknownName
        No label has that variable.
    """
    if variable is None:
        return store.frame("SELECT * FROM labels ORDER BY label")
    log = store.frame("SELECT * FROM labels WHERE variable = ? ORDER BY label", (variable,))
    if log.empty:
        raise unknown("variable", variable, variables(store))
    return log


def variables(store: Store) -> list[str]:
    """Return the names of all variables that have labels."""
    return [r[0] for r in store.rows("SELECT DISTINCT variable FROM labels ORDER BY variable")]


def write_split(
    store: Store,
    variable: str,
    parts: Mapping[str, str],
    *,
    shares: str,
    seed: int | None,
    method: str,
    run: int,
) -> int:
    """Write a split (item → part) and return its id; the newest one of a variable counts."""
    with store.transaction():
        split = store.execute(
            "INSERT INTO splits (variable, shares, seed, method, time, run) VALUES (?,?,?,?,?,?)",
            (variable, shares, seed, method, now(), run),
        )
        store.executemany(
            "INSERT INTO split_items (split, item, part) VALUES (?, ?, ?)",
            [(split, item, part) for item, part in sorted(parts.items())],
        )
    return split


def latest_split(store: Store, variable: str, *, method: str | None = None) -> int | None:
    """Return the id of the newest split of a variable (drawn by `method`), or None."""
    found = store.value(
        "SELECT max(split) FROM splits WHERE variable = ? AND ifnull(method = ?, 1)",
        (variable, method),
    )
    return None if found is None else int(found)


def split_parts(store: Store, split: int | None) -> dict[str, str]:
    """Return item → part for a split; None, as of an imported model, has no items."""
    return dict(store.rows("SELECT item, part FROM split_items WHERE split = ?", (split,)))


def write_model(
    store: Store, card: Mapping[str, Any], *, split: int | None, digest: str, run: int
) -> None:
    """Write down a model; `card` is the content of its `model.json`.

    `split` is None for one that was trained in another corpus.
    """
    store.execute(
        "INSERT INTO models (model, variable, split, hash, card, run) VALUES (?,?,?,?,?,?) "
        "ON CONFLICT (model) DO UPDATE SET variable = excluded.variable, split = excluded.split, "
        "hash = excluded.hash, card = excluded.card, run = excluded.run",
        (
            card["name"],
            card["variable"],
            split,
            digest,
            json.dumps(without_nan(card), default=str),
            run,
        ),
    )


FORMER_METHODS = {"probe": "linear"}
"""Methods of training by the names that earlier versions gave them."""


def present_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Give a model's card with the present name of its method, whatever version wrote it.

    >>> present_card({"method": "probe", "settings": {"method": "probe", "seed": 1}})
    {'method': 'linear', 'settings': {'method': 'linear', 'seed': 1}}
    """
    found = dict(card)
    for name in ("settings", "asked"):
        if isinstance(found.get(name), Mapping) and "method" in found[name]:
            found[name] = present_card(found[name])
    if "method" in found:
        found["method"] = FORMER_METHODS.get(found["method"], found["method"])
    return found


def models(store: Store) -> list[dict[str, Any]]:
    """Return all models: `model`, `variable`, `split`, `hash`, `card` (a dict), `run`."""
    names = ("model", "variable", "split", "hash", "card", "run")
    rows = store.rows(f"SELECT {', '.join(names)} FROM models ORDER BY run, model")
    return [
        dict(zip(names, row, strict=True)) | {"card": present_card(json.loads(row[4]))}
        for row in rows
    ]


def model(store: Store, name: str) -> dict[str, Any]:
    """Return one model; raises `UnknownName` with near names."""
    names = [row[0] for row in store.rows("SELECT model FROM models")]
    if name not in names:
        raise unknown("model", name, names)
    return next(entry for entry in models(store) if entry["model"] == name)


def not_applied(store: Store, name: str) -> ModelError:
    """Make the error for a model in force that has predicted nothing yet."""
    earlier = store.value("SELECT count(*) FROM setups WHERE name = ?", (name,))
    why = (
        "was trained anew and has not been applied since; what the earlier model of that name "
        "predicted is not shown"
        if earlier
        else "has not been applied yet"
    )
    return ModelError(f"The model {name!r} {why}. Run: mediacorpus apply {store.folder} {name}")


def write_validation(store: Store, result: Mapping[str, Any], *, digest: str, run: int) -> int:
    """Write down a validation, which holds `kind`, `subject`, `variable`, `part`, and the like.

    Its scores are rows of the table `results`.
    """
    return store.execute(
        "INSERT INTO validations (kind, subject, variable, part, hash, result, time, run) "
        "VALUES (?,?,?,?,?,?,?,?)",
        (
            *(result[name] for name in ("kind", "subject", "variable", "part")),
            digest,
            json.dumps(without_nan(result), default=str),
            now(),
            run,
        ),
    )


def validations(store: Store, subject: str | None = None) -> list[dict[str, Any]]:
    """Return the newest validation of each subject (or one), variable and part, oldest first.

    Beside what was written down each has its `time`, the `table` of its scores, and `codes`: code
    and text of its notes. Those of an earlier model of the same name, and of rules on a measure
    whose table shows another version now, are left out.
    """
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for kind, name, variable, part, text, time, run in store.rows(
        "SELECT kind, subject, variable, part, result, time, run FROM validations "
        f"WHERE run IN (SELECT run FROM results WHERE {CURRENT}) AND ? IN (subject, '') "
        "ORDER BY validation",
        (subject or "",),
    ):
        found.pop((name, variable, part), None)
        found[name, variable, part] = json.loads(text) | {
            "kind": kind,
            "time": time,
            "table": _scores(store, run),
            "codes": notes_of(store, run),
        }
    return list(found.values())


def _scores(store: Store, run: int) -> list[dict[str, Any]]:
    rows = store.rows(
        "SELECT metric, class, estimate, low, high, n FROM results WHERE run = ? "
        "AND ifnull(method, '') NOT LIKE ? ORDER BY result",
        (run, f"{WEIGHTED}%"),
    )
    names = ("score", "class", "estimate", "low", "high", "n")
    return [dict(zip(names, row, strict=True)) for row in rows]

"""Gold labels: one value for each item, from what all coders said, by a stated rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mediacorpus.coding.values import key, spellings
from mediacorpus.errors import LabelError, ParameterError

RULES = ("majority", "any", "unanimous", "mean", "median")
"""Rules by which gold labels are computed."""


class Gold(NamedTuple):
    """Gold labels, and the items for which the rule gives none.

    Parameters
    ----------
    labels:
        `item`, `value` (text; a number for `mean` and `median`), `coders` (their number),
        `agreed` (whether all of them gave the same value).
    unresolved:
        `item`, `votes` (such as `"no 1, yes 1"`), `coders`, `reason`.
    """

    labels: pd.DataFrame
    unresolved: pd.DataFrame


def current_labels(log: pd.DataFrame) -> pd.DataFrame:
    """Keep the latest label of each coder for each item and variable.

    Parameters
    ----------
    log:
        Append-only log with `item`, `variable`, `value`, `coder`, and a running number
        (`id` or `label`) or `time`. The entry with the highest number counts; without
        numbers the last by time; without both the last row. An entry with an empty value
        withdraws what was said before. Different spellings of a value (1 and 1.0, TRUE and True)
        become the one that came first.

    Returns
    -------
    DataFrame
        The same columns, sorted by item, variable and coder.

    Raises
    ------
    LabelError
        A column is missing.

    Examples
    --------
    >>> log = pd.DataFrame({"item": ["a", "a", "b"], "variable": "v", "coder": "x",
    ...                     "value": ["yes", "no", "yes"], "id": [1, 2, 3]})
    >>> current_labels(log)["value"].tolist()
    ['no', 'yes']
    """
    keys = ["item", "variable", "coder"]
    missing = [repr(name) for name in [*keys, "value"] if name not in log.columns]
    if missing:
        raise LabelError(
            f"The log of labels lacks {', '.join(missing)}; found: "
            f"{', '.join(map(str, log.columns))}."
        )
    order = next((name for name in ("id", "label", "time") if name in log.columns), None)
    ordered = log.sort_values(order, kind="stable") if order else log
    coder = ordered["coder"].astype(object)
    ordered = ordered.assign(coder=coder.where(coder.notna(), ""), value=_spelled(ordered))
    latest = ordered.drop_duplicates(keys, keep="last")
    given = latest["value"].notna() & (latest["value"].astype(str).str.strip() != "")
    return latest[given].sort_values(keys, kind="stable").reset_index(drop=True)


def _spelled(log: pd.DataFrame) -> list[Any]:
    """Write each value as the log first did: 1 and 1.0 are one value, TRUE and True another."""
    pairs = list(zip(log["variable"].tolist(), log["value"].tolist(), strict=True))
    given: dict[Any, list[str]] = {}
    for variable, value in dict.fromkeys(pairs):
        if isinstance(value, str):
            given.setdefault(variable, []).append(value)
    first = {variable: spellings(values) for variable, values in given.items()}
    return [
        first[variable][value] if isinstance(value, str) else value for variable, value in pairs
    ]


def ratings_of(log: pd.DataFrame) -> pd.DataFrame:
    """Put what each coder last said of one variable into a table.

    Parameters
    ----------
    log:
        Log of labels of one variable (see `current_labels`).

    Returns
    -------
    DataFrame
        One row per item, one column per coder; missing where a coder gave no label.

    Examples
    --------
    >>> log = pd.DataFrame({"item": ["a", "a", "b"], "variable": "v", "coder": ["x", "y", "x"],
    ...                     "value": ["1", "0", "1"]})
    >>> ratings_of(log).shape
    (2, 2)
    """
    labels = current_labels(log)
    text = labels.assign(value=labels["value"].astype(str).str.strip())
    return text.pivot(index="item", columns="coder", values="value")


def gold(log: pd.DataFrame, *, rule: str = "majority", positive: str | None = None) -> Gold:
    """Compute one label for each item from the log of one variable.

    Parameters
    ----------
    log:
        Log of labels, or current labels, of one variable (see `current_labels`).
    rule:
        `"majority"`: the value that more coders gave than any other. `"any"`: `positive`
        where at least one coder gave it, else the majority of the rest. `"unanimous"`: the
        value on which all agree. `"mean"`, `"median"`: of numbers.
    positive:
        The value that `"any"` looks for.

    Returns
    -------
    Gold
        `labels` and `unresolved`, each sorted by item.

    Raises
    ------
    ParameterError
        The rule is unknown, or `"any"` lacks `positive`.
    LabelError
        The log holds several variables, a value is no number where numbers are needed, or
        nobody gave the positive value.

    Examples
    --------
    >>> log = pd.DataFrame({"item": ["a", "a", "a", "b", "b"], "variable": "protest",
    ...                     "coder": ["x", "y", "z", "x", "y"],
    ...                     "value": ["1", "1", "0", "0", "1"]})
    >>> found = gold(log)
    >>> found.labels.to_dict("records")
    [{'item': 'a', 'value': '1', 'coders': 3, 'agreed': False}]
    >>> found.unresolved[["item", "reason"]].values.tolist()
    [['b', 'a tie between 0 and 1']]
    """
    if rule not in RULES:
        raise ParameterError(f"There is no rule {rule!r} for gold labels; use {', '.join(RULES)}.")
    labels = current_labels(log)
    names = sorted(labels["variable"].astype(str).unique())
    if len(names) > 1:
        raise LabelError(
            f"Gold labels are for one variable; the log holds {len(names)}: {', '.join(names)}."
        )
    if rule in {"mean", "median"}:
        return _of_numbers(labels, rule)
    votes = _votes(labels)
    if rule == "any":
        votes = _any(votes, positive)
    return _resolve(votes, unanimous=rule == "unanimous")


def _of_numbers(labels: pd.DataFrame, rule: str) -> Gold:
    numbers = pd.to_numeric(labels["value"], errors="coerce")
    odd = labels["value"][~np.isfinite(numbers.to_numpy(dtype=np.float64))]
    if len(odd):
        raise LabelError(
            f"The {rule} needs numbers, but item {labels.loc[odd.index[0], 'item']!r} "
            f"is labelled {odd.iloc[0]!r}."
        )
    items = numbers.astype(float).groupby(labels["item"])
    found = pd.DataFrame(
        {
            "value": items.mean() if rule == "mean" else items.median(),
            "coders": items.size(),
            "agreed": items.min() == items.max(),
        }
    )
    nothing = pd.DataFrame(columns=["item", "votes", "coders", "reason"])
    return Gold(found.rename_axis("item").reset_index(), nothing)


def _votes(labels: pd.DataFrame) -> pd.DataFrame:
    """Count the coders by item and value: `item`, `value`, `votes`, `coders`."""
    text = labels.assign(value=labels["value"].astype(str).str.strip())
    votes = text.groupby(["item", "value"], sort=True).size().rename("votes").reset_index()
    return votes.assign(
        coders=votes.groupby("item")["votes"].transform("sum"),
        agreed=votes.groupby("item")["value"].transform("size") == 1,
        listed=votes["value"] + " " + votes["votes"].astype(str),
    )


def _any(votes: pd.DataFrame, positive: str | None) -> pd.DataFrame:
    if positive is None:
        raise ParameterError("The rule 'any' needs the positive value; name it.")
    known = sorted(votes["value"].unique())
    positive = next((value for value in known if key(value) == key(positive)), positive)
    if positive not in known:
        raise LabelError(f"Nobody gave the value {positive!r}; found: {', '.join(known)}.")
    positives = votes["value"] == positive
    items = votes.loc[positives, "item"]
    return votes[positives | ~votes["item"].isin(items)]


def _resolve(votes: pd.DataFrame, *, unanimous: bool) -> Gold:
    most = votes.groupby("item")["votes"].transform("max")
    rivals = votes if unanimous else votes[votes["votes"] == most]
    tied = rivals["item"].duplicated(keep=False)
    labels = rivals.loc[~tied, ["item", "value", "coders", "agreed"]]
    reasons = rivals[tied].groupby("item")["value"].agg(_disagreement if unanimous else _tie)
    disputed = votes[votes["item"].isin(reasons.index)].groupby("item")
    unresolved = pd.DataFrame(
        {
            "votes": disputed["listed"].agg(", ".join),
            "coders": disputed["coders"].first(),
            "reason": reasons,
        }
    )
    return Gold(labels.reset_index(drop=True), unresolved.rename_axis("item").reset_index())


def _tie(values: pd.Series[str]) -> str:
    return f"a tie between {' and '.join(values)}"


def _disagreement(values: pd.Series[str]) -> str:
    return f"coders disagree between {' and '.join(values)}"

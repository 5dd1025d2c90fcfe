"""The verb `audit`: a model's scores by groups of items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mediacorpus.catalogue import people
from mediacorpus.catalogue.runs import running
from mediacorpus.catalogue.store import Store
from mediacorpus.engine.progress import progress as show_progress
from mediacorpus.errors import LabelError, ParameterError
from mediacorpus.learning.model_card import record_audit
from mediacorpus.learning.targets import TargetKind, target_of
from mediacorpus.validation.predictions import answers_of, column_of, held_out, truth_of
from mediacorpus.validation.rates import MISSING, records
from mediacorpus.validation.subgroups import GroupAudit, audit_groups
from mediacorpus.validation.validate import positive_of


def audit(
    store: Store,
    name: str,
    *,
    against: str,
    by: Sequence[str],
    positive: str | None = None,
    level: float = 0.95,
    show: bool | None = None,
) -> GroupAudit:
    """Score a model for each group of held-out items, and test whether the groups differ.

    Parameters
    ----------
    store:
        The catalogue.
    name:
        Name of a model that was applied.
    against:
        The variable whose labels are the truth.
    by:
        Your own columns, or other labelled variables, whose values make the groups.
    positive:
        Value for which precision, recall and the like are told.
    level:
        Confidence level of the intervals.
    show:
        Whether to show progress; None decides by the terminal.

    Raises
    ------
    UnknownName, ModelError, LabelError, ParameterError
        There is nothing to audit.
    """
    if not by:
        raise ParameterError("Name at least one column that makes groups, as in --by gender.")
    names = [column.strip() for column in by]
    parameters = {"subject": name, "against": against, "by": names, "level": level}
    with (
        running(store, "audit", parameters=parameters, exclusive=False) as run,
        show_progress(f"auditing {name}", unit="", show=show),
    ):
        truth, _ = truth_of(store, against)
        model = people.model(store, name)
        if target_of(model["card"]).kind not in {TargetKind.CLASSES, TargetKind.ORDINAL}:
            raise ParameterError(
                f"The model {name!r} does not learn classes; groups cannot be told."
            )
        gold, _, _ = held_out(store, model, truth=truth, variable=against, part=None)
        table = answers_of(store, model, list(gold))
        classes = [str(c) for c in model["card"]["classes"]]
        kept = [i for i in gold if i in table.index and gold[i] in classes]
        if not kept:
            raise LabelError(
                f"None of the held-out items has a prediction of {name!r}. Run: mediacorpus apply "
                f"{store.folder} {name}"
            )
        answers = table.loc[kept].to_numpy(np.float64)
        columns = {column: _groups(store, kept, column) for column in names}
        found = audit_groups(
            [gold[i] for i in kept],
            [classes[i] for i in answers.argmax(axis=1)],
            columns,
            classes=classes,
            positive=positive_of(classes, against, positive),
            level=level,
        )
        store.execute("UPDATE runs SET model_hash = ? WHERE run = ?", (model["hash"], run.id))
        run.done = len(kept)
    record_audit(store, name, _entry(found, against=against, by=list(columns)))
    return found


def _entry(found: GroupAudit, *, against: str, by: list[str]) -> dict[str, Any]:
    """Give what the model's card keeps of an audit."""
    accuracy = [row for row in records(found.scores) if row["score"] == "accuracy"]
    rows = [row for row in accuracy if row["group"] != MISSING]
    large = [row for row in rows if not row["small"]]
    entry: dict[str, Any] = {"kind": "groups", "against": against, "by": by, "n": found.n}
    entry["small"] = [
        f"{row['column']} = {row['group']} ({row['items']:,})" for row in rows if row["small"]
    ]
    if large:
        worst = min(large, key=lambda row: float(row["estimate"]))
        entry["worst"] = (
            f"Lowest accuracy: {worst['column']} = {worst['group']}, {worst['estimate']:.3f} "
            f"[{worst['low']:.3f}, {worst['high']:.3f}] on {worst['items']:,} items."
        )
    return entry | {"sentences": found.sentences()}


def _groups(store: Store, items: Sequence[str], column: str) -> list[object]:
    """Give the group of each item by a labelled variable, or by a column of the records."""
    if column in people.variables(store):
        values, _ = truth_of(store, column)
        return [values.get(item) for item in items]
    return list(column_of(store, items, column))

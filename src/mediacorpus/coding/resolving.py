"""The verb `gold`: one value for each labelled item, by the rule that its variable has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediacorpus.coding.gold import Gold
from mediacorpus.coding.gold import gold as gold_of
from mediacorpus.errors import ParameterError
from mediacorpus.store import people
from mediacorpus.store.runs import running

if TYPE_CHECKING:
    import pandas as pd

    from mediacorpus.store.store import Store


def gold_labels(store: Store, variable: str) -> Gold:
    """Compute the gold labels of a variable by the rule that is kept for it.

    Raises
    ------
    UnknownName
        No label has that variable.
    """
    rule, positive = people.gold_rule(store, variable)
    return gold_of(people.label_log(store, variable), rule=rule, positive=positive)


def gold(
    store: Store,
    variable: str,
    *,
    rule: str | None = None,
    positive: str | None = None,
    keep: bool = False,
    unresolved: bool = False,
) -> pd.DataFrame:
    """Return one value for each labelled item: `item`, `value`, `coders`, `agreed`.

    Items for which the rule gives no value are left out; the frame's `attrs["unresolved"]` counts
    them by the reason.

    Parameters
    ----------
    store:
        The catalogue.
    variable:
        A variable that has labels.
    rule, positive:
        As in `mediacorpus.coding.gold.gold`; None is the rule that is kept for the variable,
        majority at first.
    keep:
        Whether splits, training, validation, tables and the report go by this rule from now on.
        A split that is there stays as it is: items that have a value only by the new rule come
        into a part with the next one.
    unresolved:
        Return the items without a value instead: `item`, `votes`, `coders`, `reason`.

    Raises
    ------
    UnknownName
        No label has that variable.
    ParameterError
        The rule is unknown, lacks `positive`, or there is none to keep.
    LabelError
        The rule does not suit the values.
    """
    if rule is None and (keep or positive is not None):
        raise ParameterError("Name the rule, such as --rule any --positive VALUE.")
    log = people.label_log(store, variable)
    kept, of_kept = people.gold_rule(store, variable)
    found = gold_of(log, rule=rule or kept, positive=positive if rule else of_kept)
    if keep and rule:
        details = {"variable": variable, "rule": rule, "positive": positive}
        with running(store, "gold", parameters=details, exclusive=False) as run:
            people.keep_gold_rule(store, variable, rule=rule, positive=positive, run=run.id)
            run.done = len(found.labels)
    table = found.unresolved if unresolved else found.labels
    reasons = found.unresolved["reason"].value_counts()
    table.attrs["unresolved"] = {str(reason): int(count) for reason, count in reasons.items()}
    return table

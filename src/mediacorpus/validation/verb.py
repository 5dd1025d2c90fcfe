"""The verb `validate`: a model or a measure against labels."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from mediacorpus.catalogue import people, progress
from mediacorpus.catalogue.runs import running
from mediacorpus.catalogue.store import Store
from mediacorpus.errors import LabelError, ParameterError, unknown
from mediacorpus.learning.model_card import refresh_card
from mediacorpus.validation.held_out import NO_GROUPS, rows_of, truth_of
from mediacorpus.validation.inclusion import Inclusion, chances_of, weigh
from mediacorpus.validation.mistakes import mistakes
from mediacorpus.validation.model_scores import ScoreOptions, score_model
from mediacorpus.validation.numbers import NumberScores, SeveralScores
from mediacorpus.validation.proxy import Proxy, apply_proxy, parse_proxy, positive_value
from mediacorpus.validation.scores import Scores, score

REPEATS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """How a model or a measure does against labels.

    Parameters
    ----------
    subject, variable:
        What was scored, and against which labels.
    part:
        `"test"`, `"val"`, or `"labelled"` for all labelled items that it did not learn from.
    scores:
        The scores with their intervals.
    mistakes:
        All errors, as `mediacorpus.validation.mistakes.mistakes` gives them.
    missing:
        Labelled items that could not be scored because they were not measured.
    warnings:
        What a reader must know, one sentence each.
    threshold:
        Probability from which an item counts as positive, where one was asked for.
    inclusion:
        The scores weighted by the chance of each record to be drawn, where that was asked for.
    """

    subject: str
    variable: str
    part: str
    scores: Scores | NumberScores | SeveralScores
    mistakes: pd.DataFrame
    missing: int = 0
    warnings: tuple[str, ...] = field(default=())
    threshold: float | None = None
    inclusion: Inclusion | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        return {
            "subject": self.subject,
            "variable": self.variable,
            "part": self.part,
            **self.scores.to_dict(),
            "missing": self.missing,
            "threshold": self.threshold,
            "inclusion": None if self.inclusion is None else self.inclusion.to_dict(),
            "warnings": list(self.warnings),
            "mistakes": self.mistakes.astype(object)
            .where(self.mistakes.notna(), None)
            .to_dict("records"),
        }

    def __str__(self) -> str:
        lines = [f"{self.subject} against {self.variable}, {_PART_WORDS[self.part]}:"]
        lines.append(str(self.scores))
        if self.inclusion is not None:
            lines += ["", str(self.inclusion), ""]
        if self.missing:
            items = "item was" if self.missing == 1 else "items were"
            lines.append(f"{self.missing:,} labelled {items} not measured and left out.")
        return "\n".join([*lines, *self.warnings])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(w)}</p>" for w in self.warnings)
        head = f"{html.escape(self.subject)} against {html.escape(self.variable)}"
        weighted = "" if self.inclusion is None else self.inclusion._repr_html_()
        return (
            f"<p><b>{head}</b>, {_PART_WORDS[self.part]}</p>{self.scores._repr_html_()}"
            f"{weighted}{notes}"
        )


_PART_WORDS = {
    "test": "on the test part",
    "val": "on the validation part",
    "labelled": "on all labelled items outside training",
}


def validate(
    store: Store, subject: str, *, against: str, options: ScoreOptions | None = None
) -> Validation:
    """Score a model, or a measure taken as a classifier, against labels.

    A model is scored on the test part of the split that it was trained under; where that split
    has no test part, on the validation part. A measure, written like `tags:Crowd>=0.5`, is
    scored on all labelled items.

    Parameters
    ----------
    store:
        The catalogue.
    subject:
        Name of a model, or a rule `table:name>=threshold`.
    against:
        The variable whose gold labels are the truth.
    options:
        The positive value, the part, level and seed of the intervals, a threshold or an aim
        for one, and a column of groups.

    Raises
    ------
    UnknownName
        There is no such model, measure or variable.
    ModelError
        The model has not been applied yet.
    LabelError
        No labelled item is left to score on.
    ParameterError
        An option does not fit the model.
    """
    chosen = options or ScoreOptions()
    parameters = {"subject": subject, "against": against} | asdict(chosen)
    with running(
        store, "validate", parameters=parameters, seed=chosen.seed, exclusive=False
    ) as run:
        result, digest = _validated(store, subject, against=against, options=chosen)
        table = result.scores.to_frame().to_dict("records")
        kept = result.to_dict() | {"table": table}
        people.write_validation(store, kept, digest=digest, run=run.id)
        store.execute("UPDATE runs SET model_hash = ? WHERE run = ?", (digest, run.id))
        run.done = result.scores.n
    if not _is_rule(subject):
        refresh_card(store, subject)
    return result


def _validated(
    store: Store, subject: str, *, against: str, options: ScoreOptions
) -> tuple[Validation, str]:
    """Score a model or a rule; give the result and the hash of what was scored."""
    truth, unresolved = truth_of(store, against)
    if _is_rule(subject):
        result, digest = _rule(
            store, parse_proxy(subject), truth=truth, variable=against, options=options
        )
    else:
        model = people.model(store, subject)
        found = score_model(store, model, truth, variable=against, options=options)
        notes, digest = list(found.notes), str(model["hash"])
        if found.part == "test":
            notes += _touched(store, subject, digest=digest, variable=against)
        result = Validation(
            subject,
            against,
            found.part,
            found.scores,
            found.mistakes,
            found.missing,
            tuple(notes),
            found.threshold,
            found.inclusion,
        )
    if unresolved:
        one = unresolved == 1
        note = f"{unresolved:,} item{'' if one else 's'} with unresolved labels "
        note += f"{'is' if one else 'are'} left out."
        result = replace(result, warnings=(*result.warnings, note))
    return result, digest


def _is_rule(subject: str) -> bool:
    return ":" in subject or any(sign in subject for sign in "<>=")


def _rule(
    store: Store,
    proxy: Proxy,
    *,
    truth: dict[str, str],
    variable: str,
    options: ScoreOptions,
) -> tuple[Validation, str]:
    if options.threshold is not None or options.by not in {None, NO_GROUPS}:
        raise ParameterError(
            f"A rule has its threshold in itself ({proxy}), and no groups; leave both out."
        )
    setups = progress.current_setups(store)
    if proxy.table not in setups:
        raise unknown("measure", proxy.table, setups)
    setup, info = setups[proxy.table]
    chosen = positive_value(truth.values(), variable, positive=options.positive)
    others = sorted({v for v in truth.values() if v != chosen})
    negative = others[0] if len(others) == 1 else f"not {chosen}"
    measured = _measured(store, setup, list(truth))
    rows = rows_of(store, setup, info=info, items=measured)
    answer = apply_proxy(proxy, rows, measured)
    items = [str(item) for item in answer.index]
    if not items:
        raise LabelError(
            f"No item with a label of {variable!r} was measured by {proxy.table!r}. "
            f"Run: mediacorpus measure {store.folder} {proxy.table}"
        )
    gold = [chosen if truth[item] == chosen else negative for item in items]
    said = [chosen if yes else negative for yes in answer]
    found = score(
        gold,
        said,
        classes=[negative, chosen],
        positive=chosen,
        level=options.level,
        seed=options.seed,
        repeats=REPEATS,
    )
    sure = pd.DataFrame({negative: [float(not y) for y in answer], chosen: answer.astype(float)})
    wrong = mistakes(items, gold, probabilities=sure.to_numpy(), classes=[negative, chosen])
    result = Validation(
        str(proxy), variable, "labelled", found, wrong, missing=len(truth) - len(items)
    )
    column = options.inclusion
    if column is not None:
        chances = chances_of(store, items, column)
        weighed = weigh(found, gold, said, chances=chances, column=column)
        result = replace(result, inclusion=weighed)
    return result, str(setup)


def _measured(store: Store, setup: int, items: list[str]) -> list[str]:
    done = {
        row[0]
        for row in store.rows(
            "SELECT item FROM measured JOIN items USING (n) WHERE setup = ? AND part IS NOT NULL",
            (setup,),
        )
    }
    return [item for item in items if item in done]


def _touched(store: Store, name: str, *, digest: str, variable: str) -> list[str]:
    """Say so when the test part has served to score other models before."""
    others = store.value(
        "SELECT count(DISTINCT subject || hash) FROM validations "
        "WHERE variable = ? AND part = 'test' AND NOT (subject = ? AND hash = ?)",
        (variable, name, digest),
    )
    if not others:
        return []
    sentence = (
        f"The test part has scored {others} other model{'s' if others > 1 else ''} before. "
        "Choose between models on the validation part, and report the test score of the one chosen."
    )
    return [sentence]

"""The verb `validate`: a model or a measure against labels."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from mediacorpus.catalogue import people, progress
from mediacorpus.catalogue.runs import running
from mediacorpus.catalogue.store import Store
from mediacorpus.coding.gold import gold as gold_of
from mediacorpus.errors import LabelError, ModelError, ParameterError, unknown
from mediacorpus.records import Info, Shape
from mediacorpus.tables.parts import read_parts
from mediacorpus.validation.mistakes import mistakes
from mediacorpus.validation.proxy import Proxy, apply_proxy, parse_proxy, positive_value
from mediacorpus.validation.scores import Scores, score

PARTS = ("test", "val")
BINARY = 2
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
        The most confident errors, as `mediacorpus.validation.mistakes.mistakes` gives them.
    missing:
        Labelled items that could not be scored because they were not measured.
    warnings:
        What a reader must know, one sentence each.
    """

    subject: str
    variable: str
    part: str
    scores: Scores
    mistakes: pd.DataFrame
    missing: int = 0
    warnings: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and text, ready for JSON."""
        return {
            "subject": self.subject,
            "variable": self.variable,
            "part": self.part,
            **self.scores.to_dict(),
            "missing": self.missing,
            "warnings": list(self.warnings),
            "mistakes": self.mistakes.to_dict("records"),
        }

    def __str__(self) -> str:
        lines = [f"{self.subject} against {self.variable}, {_PART_WORDS[self.part]}:"]
        lines.append(str(self.scores))
        if self.missing:
            lines.append(f"{self.missing:,} labelled items were not measured and are left out.")
        return "\n".join([*lines, *self.warnings])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(w)}</p>" for w in self.warnings)
        head = f"{html.escape(self.subject)} against {html.escape(self.variable)}"
        return f"<p><b>{head}</b>, {_PART_WORDS[self.part]}</p>{self.scores._repr_html_()}{notes}"


_PART_WORDS = {
    "test": "on the test part",
    "val": "on the validation part",
    "labelled": "on all labelled items outside training",
}


def validate(
    store: Store,
    subject: str,
    *,
    against: str,
    positive: str | None = None,
    part: str | None = None,
    level: float = 0.95,
    seed: int = 1,
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
    positive:
        Value for which precision, recall and F1 are told; found by itself where it is plain.
    part:
        `"val"` or `"test"` instead of the usual choice.
    level:
        Confidence level of the intervals, between 0 and 1.
    seed:
        Seed of the bootstrap.

    Raises
    ------
    UnknownName
        There is no such model, measure or variable.
    ModelError
        The model has not been applied yet.
    LabelError
        No labelled item is left to score on.
    """
    values, unresolved = gold_of(people.label_log(store, against))
    truth = dict(zip(values["item"], values["value"].astype(str), strict=True))
    if _is_rule(subject):
        result, digest = _rule(
            store,
            parse_proxy(subject),
            truth=truth,
            variable=against,
            positive=positive,
            level=level,
            seed=seed,
        )
    else:
        result, digest = _model(
            store,
            subject,
            truth=truth,
            variable=against,
            positive=positive,
            part=part,
            level=level,
            seed=seed,
        )
    if len(unresolved):
        note = f"{len(unresolved):,} items with unresolved labels are left out."
        result = _with(result, note)
    parameters = {"subject": subject, "against": against, "level": level}
    with running(
        store, "validate", parameters=parameters, seed=seed, model_hash=digest, exclusive=False
    ) as run:
        table = result.scores.to_frame().to_dict("records")
        kept = result.to_dict() | {"table": table}
        people.write_validation(store, kept, digest=digest, run=run.id)
        run.done = result.scores.n
    return result


def _with(result: Validation, *notes: str) -> Validation:
    from dataclasses import replace

    return replace(result, warnings=(*result.warnings, *notes))


def _is_rule(subject: str) -> bool:
    return ":" in subject or any(sign in subject for sign in "<>=")


def _rule(
    store: Store,
    proxy: Proxy,
    *,
    truth: dict[str, str],
    variable: str,
    positive: str | None,
    level: float,
    seed: int,
) -> tuple[Validation, str]:
    setups = progress.current_setups(store)
    if proxy.table not in setups:
        raise unknown("measure", proxy.table, setups)
    setup, info = setups[proxy.table]
    chosen = positive_value(truth.values(), variable, positive=positive)
    others = sorted({v for v in truth.values() if v != chosen})
    negative = others[0] if len(others) == 1 else f"not {chosen}"
    measured = _measured(store, setup, list(truth))
    rows = _rows(store, setup, info=info, items=measured)
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
        level=level,
        seed=seed,
        repeats=REPEATS,
    )
    sure = pd.DataFrame({negative: [float(not y) for y in answer], chosen: answer.astype(float)})
    wrong = mistakes(items, gold, probabilities=sure.to_numpy(), classes=[negative, chosen])
    missing = len(truth) - len(items)
    return Validation(str(proxy), variable, "labelled", found, wrong, missing), str(setup)


def _measured(store: Store, setup: int, items: list[str]) -> list[str]:
    done = {
        row[0]
        for row in store.rows(
            "SELECT item FROM measured JOIN items USING (n) WHERE setup = ? AND part IS NOT NULL",
            (setup,),
        )
    }
    return [item for item in items if item in done]


def _rows(store: Store, setup: int, *, info: Info, items: list[str]) -> pd.DataFrame:
    """Read the rows of some items, batch by batch."""
    scanner = read_parts(progress.files_of(store, setup), info)
    wanted = set(items)
    frames = [
        batch.filter(pc.is_in(batch.column("item"), value_set=_array(items))).to_pandas()
        for batch in scanner.to_batches()
    ]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["item"])
    return frame[frame["item"].isin(wanted)]


def _array(items: list[str]) -> Any:
    import pyarrow as pa

    return pa.array(items, pa.string())


def _model(
    store: Store,
    name: str,
    *,
    truth: dict[str, str],
    variable: str,
    positive: str | None,
    part: str | None,
    level: float,
    seed: int,
) -> tuple[Validation, str]:
    model = people.model(store, name)
    items, part, notes = _held_out(store, model, truth=truth, variable=variable, part=part)
    setups = progress.current_setups(store)
    if name not in setups or setups[name][1].version != model["hash"][:12]:
        raise ModelError(
            f"The model {name!r} has not been applied yet. Run: mediacorpus apply "
            f"{store.folder} {name}"
        )
    setup, info = setups[name]
    assert info.shape is Shape.TAG
    classes = [str(c) for c in model["card"]["classes"]]
    rows = _rows(store, setup, info=info, items=items)
    table = rows.pivot(index="item", columns="tag", values="score").reindex(columns=classes)
    scored = [item for item in items if item in table.index and truth[item] in classes]
    if not scored:
        raise LabelError(
            f"None of the {len(items):,} held-out items has a prediction of {name!r}. "
            f"Run: mediacorpus apply {store.folder} {name}"
        )
    strange = sum(truth[item] not in classes for item in items)
    if strange:
        notes.append(
            f"{strange:,} items have a value that the model does not know and are left out."
        )
    probabilities = table.loc[scored].to_numpy()
    gold = [truth[item] for item in scored]
    said = [classes[i] for i in probabilities.argmax(axis=1)]
    found = score(
        gold,
        said,
        classes=classes,
        positive=_positive(classes, variable, positive),
        probabilities=probabilities / probabilities.sum(axis=1, keepdims=True),
        level=level,
        repeats=REPEATS,
        seed=seed,
    )
    wrong = mistakes(scored, gold, probabilities=probabilities, classes=classes)
    missing = len(items) - len(scored) - strange
    if part == "test":
        notes += _touched(store, name, digest=model["hash"], variable=variable)
    return Validation(name, variable, part, found, wrong, missing, tuple(notes)), model["hash"]


def _positive(classes: list[str], variable: str, positive: str | None) -> str | None:
    """Tell the positive class of two where it is plain; else the averages are the headline."""
    if positive is not None:
        if positive not in classes:
            raise ParameterError(
                f"{positive!r} is no class of the model; its classes are {', '.join(classes)}."
            )
        return positive
    if len(classes) != BINARY:
        return None
    try:
        return positive_value(classes, variable)
    except ParameterError:
        return None


def _held_out(
    store: Store, model: dict[str, Any], *, truth: dict[str, str], variable: str, part: str | None
) -> tuple[list[str], str, list[str]]:
    """Choose the items to score on: never those that the model learned from."""
    parts = people.split_parts(store, model["split"])
    if part is not None and part not in PARTS:
        raise ParameterError(f"The part is {part!r}; a model is scored on 'test' or 'val'.")
    if model["variable"] != variable and part is None:
        items = sorted(i for i in truth if parts.get(i) not in {"train", "val"})
        return _some(items, model["model"], variable), "labelled", []
    present = {parts.get(item) for item in truth}
    chosen = part or ("test" if "test" in present else "val")
    items = sorted(i for i in truth if parts.get(i) == chosen)
    notes = [] if chosen == "test" else [_of_val(model, has_test="test" in present)]
    return _some(items, model["model"], variable), chosen, notes


def _of_val(model: dict[str, Any], *, has_test: bool) -> str:
    """Say what a score on the validation part is worth."""
    if has_test:
        return "This is for choosing between models; the score to report is that of the test part."
    if model["card"].get("method") == "finetune":
        return (
            "The validation part was used to choose the best epoch, so these scores may be a "
            "little too good; a split such as 60/20/20 keeps a test part for an honest score."
        )
    return "There is no test part; scores are on the validation part."


def _some(items: list[str], name: str, variable: str) -> list[str]:
    if not items:
        raise LabelError(
            f"No item with a label of {variable!r} is held out from the training of {name!r}, "
            "so it cannot be scored honestly. Label more items, or split and train again."
        )
    return items


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

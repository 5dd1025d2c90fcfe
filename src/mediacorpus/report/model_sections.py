"""The part of the report on one classifier, or on one rule taken as a classifier."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mediacorpus.report import figures, score_figures, words
from mediacorpus.report.curves import best_row, described, drawable, rebuilt_figure, training_curves
from mediacorpus.report.document import (
    Block,
    Caution,
    Drawing,
    Heading,
    Images,
    Section,
    Table,
    Text,
    hint,
)
from mediacorpus.report.gallery import Gallery
from mediacorpus.report.methods import (
    INTERVALS,
    learned_from,
    method_name,
    other_scores,
    scored_on,
    settings_text,
)
from mediacorpus.result import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from mediacorpus.report.content import Evaluation, ModelFacts
    from mediacorpus.report.gallery import Thumb

_MOST_PAIRS = 15
_MOST_PREDICTED = 30
_MOST_GALLERIES = 6
_SMALL_N = 30
_WHOLE = "Predictions in the whole corpus"
_OF_CODES = (
    "Training: error of the images made again from their codes, of those learned from (dashed) and "
    "of those held out (solid), by epoch. The dotted line marks the epoch that was kept."
)
_OF_EPOCHS = (
    "Training: loss and accuracy on the training part (dashed) and on the validation part (solid) "
    "by epoch. The dotted line marks the epoch that was kept."
)
_OF_STRENGTHS = (
    "Choice of the strength of regularization: cross-validated log loss (lower is better) on the "
    "training part; vertical lines: standard errors over the folds. The circle marks the value "
    "that was kept."
)
_NOT_LOWEST = (
    " It is the smallest C, which is the strongest regularization, whose log loss lies at most one "
    "standard error above the lowest one: of models that score nearly the same, the simplest."
)
_REBUILT = (
    "Images of the validation part, which the autoencoder has not learned from, and below them "
    "what it makes of their codes. What is lost there, no model on the codes can see."
)


def overview_table(models: Sequence[ModelFacts]) -> Table:
    """Put all classifiers side by side with their overall scores."""
    rows = []
    for model in models:
        facts, scored = model.facts, model.evaluation
        cells = ["not validated", "—", "—", "—"]
        if scored is not None:
            cells = [words.part(scored.result["part"]), f"{scored.n:,}"]
            cells += [
                words.estimate(*scored.headline(score), n=scored.n) for score in ("accuracy", "f1")
            ]
        names = (facts["name"], facts["variable"], facts["model"]["method"])
        rows.append((*map(words.name, names), *cells))
    known = [one.evaluation.result for one in models if one.evaluation]
    levels = [result["level"] for result in known if "level" in result]
    note = (
        f"In brackets: {words.level(max(levels))} intervals. F1 is that of the positive class "
        "where one was named, else the mean over classes."
        if levels
        else ""
    )
    columns = ("Name", "Variable", "Method", "Scored on", "Items", "Accuracy", "F1")
    caption = "Classifiers and their scores"
    return Table(caption, columns, rows, numeric=columns[4:], note=note)


def model_section(model: ModelFacts, n: int, corpus: Path) -> Section:
    """Describe one classifier: how it was made, how it scores, what it says of the corpus.

    Parameters
    ----------
    model:
        The facts.
    n:
        Its number in the report.
    corpus:
        The corpus folder, for the commands of what is missing.

    Raises
    ------
    MissingExtra
        matplotlib is needed for a figure and is not installed.
    """
    facts, scored = model.facts, model.evaluation
    name = words.quoted(facts["name"])
    blocks: list[Block] = [*map(Caution, model.warnings), *_warnings(scored), *_training(model)]
    if scored is None:
        text = "This classifier has not been validated yet."
        line = f"validate DIR {name} --against {words.quoted(facts['variable'])}"
        blocks.append(hint(corpus, text, line))
    else:
        blocks += evaluation_blocks(scored)
    if facts["audits"]:
        blocks += [Heading("Audits"), *(_audit(audit) for audit in facts["audits"])]
    if facts["limits"]:
        blocks += [Heading("Limits"), *map(Text, facts["limits"])]
    if not model.applied:
        text = "This classifier has not been applied to the corpus yet."
        blocks += [Heading(_WHOLE), hint(corpus, text, f"apply DIR {name}")]
    elif len(model.predicted):
        blocks += [Heading(_WHOLE), *_predictions(model)]
    return Section(f"model-{n}", words.name(facts["name"]), blocks)


def _warnings(scored: Evaluation | None) -> list[Block]:
    return [] if scored is None else [Caution(text) for text in scored.result["warnings"]]


def _audit(audit: Mapping[str, Any]) -> Text:
    """Say what an audit found."""
    what = "On perturbed images"
    if audit["kind"] == "groups":
        what = f"By {words.listing([words.name(column) for column in audit['by']])}"
    lead = f"{what}, {counted(audit['n'], 'item')}, {audit['time'][:10]}:"
    return Text(" ".join(filter(None, [lead, audit.get("worst"), *audit["sentences"]])))


def rule_section(scored: Evaluation, n: int) -> Section:
    """Describe how well a rule over a measure agrees with the labels."""
    blocks = [*_warnings(scored), *evaluation_blocks(scored)]
    return Section(f"rule-{n}", words.name(scored.result["subject"]), blocks)


def _training(model: ModelFacts) -> list[Block]:
    facts, made, curves = model.facts, model.facts["model"], model.curves
    learned = learned_from(facts)
    rows = [
        ("Variable", words.name(facts["variable"])),
        ("Method", method_name(made)),
        ("Licence of the weights", words.name(made.get("licence", "")) or "—"),
        ("Items learned from", f"{learned:,}" if learned else "—"),
        ("Training time", words.duration(made.get("seconds"))),
        ("Settings", settings_text(facts["settings"])),
    ]
    caption = f"How “{words.name(facts['name'])}” was made"
    blocks: list[Block] = [Table(caption, ("", ""), [row for row in rows if row[1]])]
    if curves is not None and len(curves):
        blocks += _curves(model, curves)
    if model.rebuilt is not None:
        blocks.append(Drawing(rebuilt_figure(model.rebuilt), _REBUILT))
    return blocks


def _curves(model: ModelFacts, curves: pd.DataFrame) -> list[Block]:
    text = described(curves)
    below: list[Block] = [Text(text)] if text else []
    if drawable(curves):
        of_network = _OF_EPOCHS if model.rebuilt is None else _OF_CODES
        caption = of_network if "epoch" in curves.columns else _OF_STRENGTHS
        if caption == _OF_STRENGTHS and best_row(curves) != int(curves["log_loss"].argmin()):
            caption += _NOT_LOWEST
        learned = learned_from(model.facts)
        caption += f" Learned from {counted(learned, 'item')}." if learned else ""
        return [Drawing(training_curves(curves), caption), *below]
    columns = [words.name(column) for column in curves.columns]
    last = curves.tail(_MOST_PREDICTED).itertuples(index=False, name=None)
    cells = [[words.value(cell) for cell in row] for row in last]
    return [Table("How training went", columns, cells, numeric=columns[1:]), *below]


def evaluation_blocks(scored: Evaluation) -> list[Block]:
    """Show scores with intervals, the confusion matrix and wrong images.

    Raises
    ------
    MissingExtra
        matplotlib is needed for a figure and is not installed.
    """
    if not scored.of_classes:
        return [Text(other_scores(scored))]
    classes, table = scored.result["classes"], scored.scores
    blocks: list[Block] = [
        Heading("Scores"),
        Text(
            f"Scored against the labels of “{words.name(scored.result['variable'])}” on "
            f"{scored_on(scored)}: {scored.n - scored.errors:,} right, {scored.errors:,} wrong. "
            "For comparison, always giving the most common class would reach an accuracy of "
            f"{words.score(scored.baseline, scored.n)}."
        ),
    ]
    if scored.n < _SMALL_N:
        advice = "The scores are rough: read the intervals, not the estimates."
        blocks.append(Caution(f"Scored on {counted(scored.n, 'item')} only. {advice}"))
    blocks += map(Caution, scored.result["notes"])
    caption = (
        f"Scores with {words.level(scored.result['level'])} intervals, n = {scored.n:,}. "
        f"Intervals: {INTERVALS}."
    )
    if score_figures.draws_only_f1(table):
        caption += " By class only F1 is drawn, of many classes the 30 lowest."
    blocks.append(Drawing(score_figures.scores(table), caption))
    caption = (
        "Confusion matrix. Rows are labels (with their number of items), columns are "
        f"predictions, n = {scored.n:,}. Shares are of the row; darker cells hold a larger share."
        if len(classes) <= score_figures.MOST_CELL_TEXTS
        else "Confusion matrix. Rows are labels, columns are predictions, both in the same "
        f"order, n = {scored.n:,}. Darker cells hold a larger share of their row."
    )
    blocks.append(Drawing(score_figures.confusion_matrix(scored.confusion, classes), caption))
    if kept := scored.result.get("inclusion"):
        blocks.append(_weighted(kept))
    return [*blocks, *_further_scores(scored), *_mistakes(scored)]


def _further_scores(scored: Evaluation) -> list[Block]:
    drawn = score_figures.drawn_overall()
    rows = [
        (
            words.score_name(row["score"]),
            words.estimate(row["estimate"], row["low"], row["high"], n=scored.n),
        )
        for row in scored.result["table"]
        if not row["class"] and row["score"] not in drawn
    ]
    if not rows:
        return []
    columns = ("Score", "Estimate [interval]")
    return [Table("Further scores over all classes", columns, rows, numeric=columns[1:])]


def _weighted(kept: Mapping[str, Any]) -> Table:
    """Put scores as drawn beside those weighted by the chance to be drawn."""
    rows = [
        (
            words.name(row["class"]) or "all classes",
            words.score_name(row["score"]),
            *(words.estimate(*row[how], n=kept["n"]) for how in ("as_drawn", "weighted")),
        )
        for row in kept["table"]
    ]
    columns = ("Class", "Score", "As drawn", "Weighted")
    note = (
        f"Weighted by one over “{words.name(kept['column'])}”, the chance with which each record "
        f"was drawn: the {kept['n']:,} items stand for about {kept['population']:,.0f}, and tell "
        f"as much as {kept['effective_n']:,.0f} of equal weight."
    )
    return Table("Scores in the whole corpus", columns, rows, numeric=columns[2:], note=note)


def _mistakes(scored: Evaluation) -> list[Block]:
    if not scored.errors:
        return [Text("No image was classified wrongly.")]
    blocks: list[Block] = [Heading("Wrong images")]
    classes, confusion = scored.result["classes"], scored.confusion
    pairs = Counter(
        {
            (classes[row], classes[column]): int(n)
            for (row, column), n in np.ndenumerate(confusion)
            if n and row != column
        }
    )
    if len(classes) > score_figures.MOST_CELL_TEXTS:
        rows = [(*map(words.name, pair), f"{n:,}") for pair, n in pairs.most_common(_MOST_PAIRS)]
        columns = ("Labelled", "Predicted", "Items")
        blocks.append(Table("Most frequent confusions", columns, rows, numeric=("Items",)))
    if not scored.mistakes:
        wrong = f"{counted(scored.errors, 'image')} {words.were(scored.errors)}"
        return [*blocks, Text(f"{wrong} classified wrongly.")]
    grouped: dict[tuple[str, str], list[Thumb]] = {}
    for thumb in scored.mistakes:
        grouped.setdefault((thumb.gold, thumb.predicted), []).append(thumb)
    if len(grouped) > _MOST_GALLERIES:
        title = "Wrong images, most confident first"
        ordered = sorted(scored.mistakes, key=lambda thumb: -(thumb.probability or 0))
        return [*blocks, Images(Gallery(title, ordered, scored.errors))]
    if any(thumb.probability is not None for thumb in scored.mistakes):
        text = "Most confident first; p is the probability that the classifier gave to its answer."
        blocks.append(Text(text))
    for (gold, predicted), thumbs in grouped.items():
        title = f"Labelled “{words.name(gold)}”, predicted “{words.name(predicted)}”"
        blocks.append(Images(Gallery(title, thumbs, pairs[gold, predicted]), brief=True))
    return blocks


def _predictions(model: ModelFacts) -> list[Block]:
    frame = model.predicted
    items, records = int(frame["items"].sum()), int(frame["records"].sum())
    ordered = frame.sort_values("items", ascending=False, kind="stable").head(_MOST_PREDICTED)
    rows = [
        (words.name(name), f"{n:,}", words.share(n, items), f"{k:,}", words.share(k, records))
        for name, n, k in ordered[["class", "items", "records"]].itertuples(index=False, name=None)
    ]
    rows.append(("All", f"{items:,}", "100\u00a0%", f"{records:,}", "100\u00a0%"))
    columns = ("Predicted class", "Items", "Share of items", "Records", "Share of records")
    note = (
        "These are counts of predictions. They are not corrected for the errors of the "
        "classifier, and include the items it learned from."
    )
    if len(frame) > _MOST_PREDICTED:
        note = f"The most frequent {_MOST_PREDICTED} of {len(frame):,} classes. {note}"
    caption = f"What “{words.name(model.facts['name'])}” says of the whole corpus"
    blocks: list[Block] = [Table(caption, columns, rows, numeric=columns[1:], note=note)]
    if any(sum(counts) for counts in model.probabilities.values()):
        text = (
            "How sure the classifier is: items by the probability of their predicted class, with "
            "the number of items predicted as it."
        )
        if len(model.probabilities) > figures.MOST_PANELS:
            text += f" The {figures.MOST_PANELS} classes with the most items."
        blocks.append(Drawing(figures.probability_histogram(model.probabilities), text))
    return blocks

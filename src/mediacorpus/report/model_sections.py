"""The part of the report on one classifier, or on one rule taken as a classifier."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

import numpy as np

from mediacorpus.report import figures, score_figures, words
from mediacorpus.report.content import is_overall
from mediacorpus.report.curves import drawable, training_curves
from mediacorpus.report.document import (
    Block,
    Caution,
    Drawing,
    Heading,
    Hint,
    Pictures,
    Section,
    Table,
    Text,
)
from mediacorpus.report.gallery import Gallery
from mediacorpus.report.methods import method_name, part_name, scored_on, settings_text
from mediacorpus.report.rebuilt import rebuilt_figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mediacorpus.report.content import Evaluation, ModelFacts, ProxyFacts, Thumb

_MOST_PAIRS = 15
_MOST_PREDICTED = 30
_MOST_GALLERIES = 6
_SMALL_N = 30


def overview_table(models: Sequence[ModelFacts]) -> Table:
    """Put all classifiers side by side with their overall scores.

    Examples
    --------
    >>> from mediacorpus.report.content import ModelFacts
    >>> overview_table([ModelFacts("m1", "ants", "probe")]).rows[0]
    ('m1', 'ants', 'probe', 'not validated', '—', '—', '—')
    """
    rows = []
    for model in models:
        cells = [words.name(model.name), words.name(model.variable), words.name(model.method)]
        scored = model.evaluation
        if scored is None:
            cells += ["not validated", "—", "—", "—"]
        else:
            part = part_name(scored.scored_on) or "all labels"
            cells += [part, f"{scored.n:,}", _score(scored, "accuracy"), _score(scored, "f1")]
        rows.append(tuple(cells))
    levels = {model.evaluation.level for model in models if model.evaluation}
    note = (
        f"In brackets: {words.level(max(levels))} intervals. F1 is that of the positive class "
        "where one was named, else the mean over classes."
        if levels
        else ""
    )
    columns = ("Name", "Variable", "Method", "Scored on", "Items", "Accuracy", "F1")
    caption = "Classifiers and their scores"
    return Table(caption, columns, rows, numeric=columns[4:], note=note)


def _score(evaluation: Evaluation, score: str) -> str:
    value = evaluation.headline(score)
    return words.estimate(*value, n=evaluation.n) if value else "—"


def model_section(model: ModelFacts, n: int, command: Callable[[str], str]) -> Section:
    """Describe one classifier: how it was made, how it scores, what it says of the corpus.

    Parameters
    ----------
    model:
        The facts.
    n:
        Its number in the report.
    command:
        Completes a command line for the corpus.

    Raises
    ------
    MissingExtra
        matplotlib is needed for a figure and is not installed.
    """
    name = shlex.quote(words.printable(model.name))
    variable = shlex.quote(words.printable(model.variable))
    blocks: list[Block] = [Caution(text) for text in model.warnings]
    blocks += _training(model)
    if model.scored:
        blocks.append(Text(model.scored))
    elif model.evaluation is None:
        line = command(f"validate DIR {name} --against {variable}")
        blocks.append(Hint("This classifier has not been validated yet.", line))
    else:
        blocks += evaluation_blocks(model.evaluation)
    blocks += _audits(model)
    if model.limits:
        blocks += [Heading("Limits"), *map(Text, model.limits)]
    blocks.append(Heading("What it says of the whole corpus"))
    if model.predicted is None or not len(model.predicted):
        text = "This classifier has not been applied to the corpus yet."
        blocks.append(Hint(text, command(f"apply DIR {name}")))
    else:
        blocks += _predictions(model)
    return Section(f"model-{n}", words.name(model.name), blocks)


def _audits(model: ModelFacts) -> list[Block]:
    """Say what audits found."""
    blocks: list[Block] = [Heading("Audits")] if model.audits else []
    for audit in model.audits:
        what = "On spoilt pictures"
        if audit["kind"] == "groups":
            what = f"By {words.listing([words.name(column) for column in audit['by']])}"
        said = [audit["worst"]] if audit.get("worst") else []
        lead = f"{what}, {words.count(audit['n'], 'item')}, {audit['time'][:10]}: "
        blocks.append(Text(lead + " ".join([*said, *audit["sentences"]])))
    return blocks


def proxy_section(proxy: ProxyFacts, n: int) -> Section:
    """Describe how well a rule over a measure agrees with the labels."""
    blocks: list[Block] = [Caution(text) for text in proxy.warnings]
    blocks += evaluation_blocks(proxy.evaluation)
    return Section(f"proxy-{n}", words.name(proxy.rule), blocks)


def _training(model: ModelFacts) -> list[Block]:
    rows = [
        ("Variable", words.name(model.variable)),
        ("Method", method_name(model)),
        ("Licence of the weights", words.name(model.licence) or "—"),
        ("Items learned from", f"{model.trained_on:,}" if model.trained_on is not None else "—"),
        ("Training time", words.duration(model.seconds)),
    ]
    if model.settings:
        rows.append(("Settings", settings_text(model.settings)))
    blocks: list[Block] = [
        Table(f"How “{words.name(model.name)}” was made", ("", ""), rows),
    ]
    if model.curves is not None and len(model.curves) and not drawable(model.curves):
        columns = [words.name(column) for column in model.curves.columns]
        cells = [
            [words.value(cell) for cell in row]
            for row in model.curves.tail(_MOST_PREDICTED).itertuples(index=False, name=None)
        ]
        blocks.append(Table("How training went", columns, cells, numeric=columns[1:]))
    elif model.curves is not None and len(model.curves):
        epochs = "epoch" in model.curves.columns
        caption = (
            "Training: error of the pictures made again from their codes, of those learned from "
            "(dashed) and of those held out (solid), by epoch. The dotted line marks the epoch "
            "that was kept."
            if model.rebuilt is not None
            else "Training: loss and accuracy on the training part (dashed) and on the validation "
            "part (solid) by epoch. The dotted line marks the epoch that was kept."
            if epochs
            else "Choice of the strength of regularisation: cross-validated log loss (lower is "
            "better) on the training part. The circle marks the value that was kept."
        )
        blocks.append(Drawing(training_curves(model.curves), caption))
    if model.fit:
        blocks.append(Text(model.fit))
    if model.rebuilt is not None:
        caption = (
            "Pictures of the validation part, which the autoencoder has not learned from, and "
            "below them what it makes of their codes. What is lost there, no model on the codes "
            "can see."
        )
        blocks.append(Drawing(rebuilt_figure(model.rebuilt), caption))
    return blocks


def evaluation_blocks(evaluation: Evaluation) -> list[Block]:
    """Show scores with intervals, the confusion matrix and wrong pictures.

    Raises
    ------
    MissingExtra
        matplotlib is needed for a figure and is not installed.

    Examples
    --------
    >>> from mediacorpus.report.content import Evaluation
    >>> [block.kind for block in evaluation_blocks(Evaluation("ants"))]
    ['heading', 'text']
    """
    blocks: list[Block] = [Heading("Scores")]
    if not evaluation.n and not len(evaluation.scores):
        return [*blocks, Text("No labelled item was there to be scored.")]
    blocks.append(Text(_headline(evaluation)))
    if evaluation.n < _SMALL_N:
        scored = words.count(evaluation.n, "item")
        advice = "The scores are rough: read the intervals, not the estimates."
        blocks.append(Caution(f"Scored on {scored} only. {advice}"))
    blocks += [Caution(note) for note in evaluation.notes]
    if len(evaluation.scores):
        blocks.append(Drawing(score_figures.scores(evaluation.scores), _scores_caption(evaluation)))
    if evaluation.n:
        caption = (
            "Confusion matrix. Rows are labels (with their number of items), columns are "
            "predictions. Shares are of the row; darker cells hold a larger share."
            if len(evaluation.classes) <= score_figures.MOST_CELL_TEXTS
            else "Confusion matrix. Rows are labels, columns are predictions, both in the same "
            "order. Darker cells hold a larger share of their row."
        )
        drawing = score_figures.confusion_matrix(
            np.asarray(evaluation.confusion), evaluation.classes
        )
        blocks.append(Drawing(drawing, caption))
        blocks += [
            *_weighted(evaluation),
            *_further_scores(evaluation),
            *_mistakes(evaluation),
        ]
    return blocks


def _headline(evaluation: Evaluation) -> str:
    said = f"Scored against the labels of “{words.name(evaluation.against)}” on "
    said += f"{scored_on(evaluation)}: "
    said += f"{evaluation.n - evaluation.errors:,} right, {evaluation.errors:,} wrong."
    if evaluation.n:
        said += (
            " For comparison, always giving the most common class would reach an accuracy of "
            f"{words.score(evaluation.baseline, evaluation.n)}."
        )
    return said


def _scores_caption(evaluation: Evaluation) -> str:
    caption = f"Scores with {words.level(evaluation.level)} intervals."
    if evaluation.interval:
        caption += " " + words.sentence(f"Intervals: {evaluation.interval}")
    if score_figures.draws_only_f1(evaluation.scores):
        caption += " By class only F1 is drawn, of many classes the 30 lowest."
    return caption


def _further_scores(evaluation: Evaluation) -> list[Block]:
    scores = evaluation.scores
    drawn = scores["score"].isin(score_figures.drawn_overall())
    rows = [
        (
            words.score_name(str(row["score"])),
            words.estimate(row["estimate"], row["low"], row["high"], n=evaluation.n),
        )
        for _, row in scores[is_overall(scores["class"]) & ~drawn].iterrows()
    ]
    if not rows:
        return []
    columns = ("Score", "Estimate [interval]")
    return [Table("Further scores over all classes", columns, rows, numeric=columns[1:])]


def _weighted(evaluation: Evaluation) -> list[Block]:
    """Put scores as drawn beside those weighted by the chance to be drawn."""
    kept = evaluation.inclusion
    if kept is None:
        return []
    rows = [
        (
            words.name(row["class"]) or "all classes",
            words.score_name(row["score"]),
            *(_told(row[how], kept["n"]) for how in ("as_drawn", "weighted")),
        )
        for row in kept["table"]
    ]
    columns = ("Class", "Score", "As drawn", "Weighted")
    note = (
        f"Weighted by one over “{words.name(kept['column'])}”, the chance with which each record "
        f"was drawn: the {kept['n']:,} items stand for about {kept['population']:,.0f}, and tell "
        f"as much as {kept['effective_n']:,.0f} of equal weight."
    )
    return [Table("Scores in the whole corpus", columns, rows, numeric=columns[2:], note=note)]


def _told(limits: Sequence[float | None], n: int) -> str:
    estimate, low, high = (math.nan if value is None else value for value in limits)
    return words.estimate(estimate, low, high, n=n)


def _mistakes(evaluation: Evaluation) -> list[Block]:
    if not evaluation.errors:
        return [Text("No picture was classified wrongly.")]
    blocks: list[Block] = [Heading("Wrong pictures")]
    pairs = _wrong_pairs(evaluation)
    if len(evaluation.classes) > score_figures.MOST_CELL_TEXTS:
        rows = [(t, p, f"{n:,}") for t, p, n in pairs[:_MOST_PAIRS]]
        columns = ("Labelled", "Predicted", "Items")
        blocks.append(Table("Most frequent confusions", columns, rows, numeric=("Items",)))
    if not evaluation.mistakes:
        were = "was" if evaluation.errors == 1 else "were"
        wrong = f"{words.count(evaluation.errors, 'picture')} {were}"
        return [*blocks, Text(f"{wrong} classified wrongly.")]
    grouped: dict[tuple[str, str], list[Thumb]] = {}
    for thumb in evaluation.mistakes:
        grouped.setdefault((thumb.truth, thumb.predicted), []).append(thumb)
    if len(grouped) > _MOST_GALLERIES:
        title = "Wrong pictures, most confident first"
        ordered = sorted(evaluation.mistakes, key=lambda thumb: -(thumb.probability or 0))
        gallery = Gallery(title, ordered, evaluation.errors)
        return [*blocks, Pictures(gallery)]
    if any(thumb.probability is not None for thumb in evaluation.mistakes):
        said = "Most confident first; p is the probability that the classifier gave to its answer."
        blocks.append(Text(said))
    totals = {(truth, predicted): n for truth, predicted, n in pairs}
    for (truth, predicted), thumbs in grouped.items():
        title = f"Labelled “{words.name(truth)}”, predicted “{words.name(predicted)}”"
        total = totals.get((words.name(truth), words.name(predicted)))
        blocks.append(Pictures(Gallery(title, thumbs, total), brief=True))
    return blocks


def _wrong_pairs(evaluation: Evaluation) -> list[tuple[str, str, int]]:
    names = [words.name(name) for name in evaluation.classes]
    confusion = np.asarray(evaluation.confusion)
    pairs = [
        (names[row], names[column], int(n))
        for (row, column), n in np.ndenumerate(confusion)
        if n and row != column
    ]
    return sorted(pairs, key=lambda pair: -pair[2])


def _predictions(model: ModelFacts) -> list[Block]:
    assert model.predicted is not None
    frame = model.predicted
    items, records = int(frame["items"].sum()), int(frame["records"].sum())
    ordered = frame.sort_values("items", ascending=False, kind="stable")
    rows = [
        (
            words.name(row["class"]),
            f"{int(row['items']):,}",
            words.share(int(row["items"]), items),
            f"{int(row['records']):,}",
            words.share(int(row["records"]), records),
        )
        for _, row in ordered.head(_MOST_PREDICTED).iterrows()
    ]
    rows.append(("All", f"{items:,}", "100\u00a0%", f"{records:,}", "100\u00a0%"))
    columns = ("Predicted class", "Items", "Share of items", "Records", "Share of records")
    note = (
        "These are counts of predictions. They are not corrected for the errors of the "
        "classifier, and include the items it learned from."
    )
    if len(frame) > _MOST_PREDICTED:
        note = f"The most frequent {_MOST_PREDICTED} of {len(frame):,} classes. {note}"
    caption = f"What “{words.name(model.name)}” says of the whole corpus"
    blocks: list[Block] = [Table(caption, columns, rows, numeric=columns[1:], note=note)]
    if any(sum(counts) for counts in model.probabilities.values()):
        text = "How sure the classifier is: items by the probability of their predicted class."
        if len(model.probabilities) > figures.MOST_PANELS:
            text += f" The {figures.MOST_PANELS} classes with the most items."
        drawing = figures.probability_histogram(model.probabilities)
        blocks.append(Drawing(drawing, text))
    return blocks

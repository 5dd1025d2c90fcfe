"""The methods text of the report: what was done, ready to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediacorpus.report import words
from mediacorpus.result import counted
from mediacorpus.stats.metric import label_of
from mediacorpus.store.people import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediacorpus.analysis.overview import Overview
    from mediacorpus.report.content import (
        Evaluation,
        MeasureFacts,
        ModelFacts,
        ReportContent,
        SplitFacts,
        VariableFacts,
    )

INTERVALS = (
    "Wilson's method for accuracy, precision and recall; percentile bootstrap over images "
    "for the rest"
)
"""How the intervals of scores were computed."""

_METHODS = {
    "linear": "logistic regression on the fixed embeddings of {}",
    "finetune": "fine-tuning of {} from pretrained weights",
}
_SHOWN = 12
"""Classes whose numbers are given."""


def method_name(made: Mapping[str, Any]) -> str:
    """Say in words how a classifier was made.

    Examples
    --------
    >>> method_name({"method": "linear", "backbone": "resnet18"})
    'logistic regression on the fixed embeddings of resnet18'
    """
    method, backbone = made["method"], words.name(made.get("backbone", ""))
    if method in _METHODS:
        return _METHODS[method].format(backbone or "a pretrained network")
    return f"{words.name(method)} on {backbone}" if backbone else method


def methods_parts(content: ReportContent) -> tuple[list[str], list[str]]:
    """Write the methods text from the facts of a report, in plain English and the past tense.

    Gives its paragraphs, and apart from them the sources that they cite by their numbers in
    square brackets. Parts that are missing are skipped.
    """
    sources = _Sources()
    paragraphs = [_corpus(content.corpus), _measures(content.measures, sources)]
    paragraphs += map(_variable, content.labels)
    paragraphs += [_model(one, sources) for one in content.models]
    paragraphs += map(_rule, content.rules)
    if content.versions:
        listed = [f"{words.name(k)} {words.name(v)}" for k, v in content.versions.items()]
        paragraphs.append(f"Software: {words.listing(listed)}.")
    return [one for one in paragraphs if one], sources.entries


class _Sources:
    """Sources in the order in which they are cited."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def cite(self, source: str) -> str:
        source = " ".join(source.split())
        if not source:
            return ""
        if source not in self.entries:
            self.entries.append(source)
        return f" [{self.entries.index(source) + 1}]"


def _corpus(corpus: Overview) -> str:
    if not corpus.items:
        return "The corpus held no images when this text was written."
    items = counted(corpus.items, "distinct image")
    text = f"The corpus held {items}, which occurred in {counted(corpus.records, 'record')}. "
    copies = corpus.records - corpus.items
    if copies > 0:
        text += (
            "Files with identical bytes (equal SHA-256) were treated as one image: "
            f"{counted(copies, 'record')} repeated an image that was held already. "
            "Each distinct image was measured once."
        )
    else:
        text += "No two files had identical bytes (by SHA-256)."
    if corpus.failures:
        text += (
            f" {counted(corpus.failures, 'failure')} in reading or measuring files "
            f"{words.were(corpus.failures)} recorded, with the reason for each."
        )
    return text


def _measures(measures: Sequence[MeasureFacts], sources: _Sources) -> str:
    if not measures:
        return ""
    listed = []
    for one in measures:
        about = [
            f"version {words.name(one.info.version)}",
            settings_text(one.parameters),
            counted(one.items, "image"),
        ]
        details = "; ".join(filter(None, about))
        listed.append(f"{words.name(one.info.name)} ({details}){sources.cite(one.info.citation)}")
    noun = "measure was" if len(listed) == 1 else "measures were"
    return f"The following {noun} computed: {words.listing(listed)}."


def settings_text(settings: Mapping[str, Any]) -> str:
    """Write settings in one line.

    Examples
    --------
    >>> settings_text({"lr": 0.001, "class_weight": None})
    'lr = 0.001, class_weight = none'
    """
    written = {k: "none" if v is None else words.value(v) for k, v in settings.items()}
    return ", ".join(f"{words.name(k)} = {words.name(v)}" for k, v in written.items())


def _variable(variable: VariableFacts) -> str:
    total = sum(variable.counts.values())
    shown = [f"{n:,} {words.name(v)}" for v, n in variable.counts.items()]
    shown = words.first(shown, _SHOWN, "{:,} further classes")
    sentences = [
        f"For the variable “{words.name(variable.variable)}”, {counted(total, 'image')} "
        f"{words.were(total)} labelled" + (f" ({words.listing(shown)})." if shown else ".")
    ]
    people = [coder for coder in variable.coders if coder != "folder"]
    if "folder" in variable.coders:
        sentences.append("Labels were taken from the names of class folders.")
    if people:
        sentences.append(f"{counted(len(people), 'coder')} gave labels.")
    if variable.rule and len(variable.coders) > 1:
        sentences.append(f"Labels of several coders were combined by the rule “{variable.rule}”.")
    if variable.agreement:
        sentences.append(words.sentence(f"Agreement between coders: {variable.agreement}"))
    if variable.unresolved:
        sentences.append(
            f"{counted(variable.unresolved, 'image')} on which coders differed "
            f"{words.were(variable.unresolved)} left out."
        )
    return " ".join([*sentences, *map(_split, variable.splits)])


def _split(split: SplitFacts) -> str:
    sizes = {words.part(part): sum(counts.values()) for part, counts in split.counts.items()}
    parts = words.listing([f"{part} ({n:,})" for part, n in sizes.items()]) or "no parts"
    details = [
        f"asked for: {split.shares}" if split.shares else "",
        split.method,
        f"seed {split.seed}" if split.seed is not None else "",
    ]
    detail = "; ".join(filter(None, details))
    if split.method == FOLDERS:
        return (
            f"The source itself gave the parts, by the names of its folders: {parts}. An image "
            "that lay in several of them was kept in the first (training before validation "
            "before test)."
        )
    if split.method.startswith(f"{FOLDERS},"):
        return (
            "The source itself gave images for training and for testing, by the names of its "
            f"folders; the validation part was drawn at random from the former: {parts} "
            f"({detail}); copies of one image were never in different parts."
        )
    return (
        f"Labelled images were divided at random into {parts}{f' ({detail})' if detail else ''}; "
        "copies of one image were never in different parts."
    )


def _model(model: ModelFacts, sources: _Sources) -> str:
    facts, scored = model.facts, model.evaluation
    made, learned = facts["model"], learned_from(facts)
    sentences = [
        f"The classifier “{words.name(facts['name'])}” for “{words.name(facts['variable'])}” was "
        f"made by {method_name(made)}{sources.cite(made.get('citation', ''))}"
        + (f", from {counted(learned, 'image')}." if learned else ".")
    ]
    if settings := settings_text(facts["settings"]):
        sentences.append(f"Settings were: {settings}.")
    if scored is None:
        sentences.append("It had not been validated when this text was written.")
    else:
        sentences.append(_evaluation(scored))
        if made["method"] == "finetune" and scored.result["part"] == "val":
            sentences.append(
                "The same part decided when training stopped, so these scores may be optimistic."
            )
    if len(model.predicted):
        items = counted(int(model.predicted["items"].sum()), "image")
        sentences.append(
            f"It was then applied to {items} of the corpus; the counts reported are not corrected "
            "for its errors."
        )
    return " ".join(sentences)


def learned_from(facts: Mapping[str, Any]) -> int:
    """Give the number of items that a model learned from."""
    return sum(facts["labels"]["counts"].get("train", {}).values())


def _rule(scored: Evaluation) -> str:
    return (
        f"The rule “{words.name(scored.result['subject'])}” was taken as a classifier for "
        f"“{words.name(scored.result['variable'])}” without training. {_evaluation(scored)}"
    )


def scored_on(evaluation: Evaluation) -> str:
    """Say which images the scores are from.

    Examples
    --------
    >>> from mediacorpus.report.content import Evaluation
    >>> scored_on(Evaluation({"n": 12, "part": "val"}))
    'the 12 images of the validation part'
    """
    images, part = counted(evaluation.n, "image"), evaluation.result["part"]
    if part == "labelled":
        return f"all {images} with a label"
    return f"the {images} of the {words.part(part)} part"


def summary(content: ReportContent) -> list[str]:
    """Say in a sentence or two what each validated classifier reaches, for at most five."""
    scored = [one for one in content.models if one.evaluation and one.evaluation.of_classes]
    return [_brief(one, one.evaluation) for one in scored[:5] if one.evaluation]


def _brief(model: ModelFacts, scored: Evaluation) -> str:
    text = (
        f"The classifier “{words.name(model.facts['name'])}” gave {scored.n - scored.errors:,} of "
        f"{scored_on(scored)} the same value of “{words.name(scored.result['variable'])}” as "
        f"people did: accuracy {_accuracy(scored)}."
    )
    if len(model.predicted):
        total = int(model.predicted["items"].sum())
        first = model.predicted.sort_values("items", ascending=False, kind="stable").head(3)
        pairs = zip(first["class"], first["items"], strict=True)
        shares = [f"{words.share(n, total)} “{words.name(value)}”" for value, n in pairs]
        often = "most often " if len(model.predicted) > len(shares) else ""
        text += f" Of {counted(total, 'image')} in the corpus it calls {often}"
        text += f"{words.listing(shares)}."
    return text


def _evaluation(scored: Evaluation) -> str:
    if not scored.of_classes:
        return other_scores(scored)
    others = [
        f"{label_of(name)} {words.estimate(*scored.headline(name), n=scored.n)}"
        for name in ("precision", "recall", "f1")
    ]
    positive, level = scored.result["positive"], words.level(scored.result["level"])
    of = f"for the class “{words.name(positive)}”" if positive else "as means over classes"
    return (
        f"Against the labels of {scored_on(scored)}, accuracy was {_accuracy(scored)}; {of}, "
        f"{words.listing(others)}; always giving the most common class would reach "
        f"{words.score(scored.baseline, scored.n)}. Method of the {level} intervals: {INTERVALS}."
    )


def other_scores(scored: Evaluation) -> str:
    """Give the scores of predicted numbers or of several labels in a sentence."""
    shown = "; ".join(
        f"{'exact match' if row['score'] == 'exact_match' else label_of(row['score'])} "
        f"{row['estimate']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        for row in scored.result["table"]
        if not row["class"] and None not in {row["estimate"], row["low"], row["high"]}
    )
    part = scored.result["part"]
    where = "labelled items" if part == "labelled" else f"items of {part}"
    return f"Scores on {scored.n:,} {where}: {shown}."


def _accuracy(scored: Evaluation) -> str:
    estimate, low, high = (words.score(one, scored.n) for one in scored.headline("accuracy"))
    level = words.level(scored.result["level"])
    return f"{estimate} ({level} interval {low} to {high})" if low != "—" else estimate

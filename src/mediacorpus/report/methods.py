"""The methods text of the report: what was done, ready to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediacorpus.report import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediacorpus.report.content import (
        CorpusFacts,
        Evaluation,
        MeasureFacts,
        ModelFacts,
        ProxyFacts,
        ReportContent,
        SplitFacts,
        VariableFacts,
    )

FOLDERS = "folders"
"""How a split came about whose parts the folders of a source gave."""
_PARTS = {"train": "training", "val": "validation", "test": "test"}
_SAID_SCORES = {"precision": "precision", "recall": "recall", "f1": "F1"}


def part_name(part: str) -> str:
    """Write the name of a part of a split for reading.

    Examples
    --------
    >>> part_name("val"), part_name("fold 1")
    ('validation', 'fold 1')
    """
    return _PARTS.get(part, part)


def method_name(model: ModelFacts) -> str:
    """Say in words how a classifier was made.

    Examples
    --------
    >>> from mediacorpus.report.content import ModelFacts
    >>> method_name(ModelFacts("m", "ants", "probe", backbone="resnet18"))
    'logistic regression on the fixed embeddings of resnet18'
    """
    backbone = words.name(model.backbone) or "a pretrained network"
    if model.method == "probe":
        return f"logistic regression on the fixed embeddings of {backbone}"
    if model.method == "finetune":
        return f"fine-tuning of {backbone} from pretrained weights"
    return f"{words.name(model.method)} on {backbone}" if model.backbone else model.method


def methods_text(content: ReportContent) -> str:
    """Write the methods text from the facts of a report, in plain English and the past tense.

    Paragraphs are divided by empty lines; sources are numbered in square brackets, and the
    last paragraph lists them. Parts that are missing are passed over.

    Examples
    --------
    >>> from datetime import datetime
    >>> from mediacorpus.report.content import CorpusFacts, ReportContent
    >>> facts = CorpusFacts(items=40, records=42)
    >>> text = methods_text(ReportContent("Ants", datetime(2025, 3, 1), facts))
    >>> text.splitlines()[0][:46]
    'The corpus held 40 distinct images, which occu'
    """
    paragraphs, sources = methods_parts(content)
    if sources:
        listed = "\n".join(f"[{n}] {source}" for n, source in enumerate(sources, 1))
        paragraphs = [*paragraphs, f"References\n{listed}"]
    return "\n\n".join(paragraphs)


def methods_parts(content: ReportContent) -> tuple[list[str], list[str]]:
    """Give the paragraphs of the methods text and, apart from them, the sources it cites."""
    sources = _Sources()
    paragraphs = [_corpus(content.corpus), _measures(content.measures, sources)]
    paragraphs += [_variable(one, content.splits) for one in content.labels]
    paragraphs += [_model(one, sources) for one in content.models]
    paragraphs += [_proxy(one) for one in content.proxies]
    paragraphs.append(_software(content))
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


def _corpus(corpus: CorpusFacts) -> str:
    if not corpus.items:
        return "The corpus held no images when this text was written."
    items = words.count(corpus.items, "distinct image")
    said = [f"The corpus held {items}, which occurred in {words.count(corpus.records, 'record')}."]
    copies = corpus.records - corpus.items
    if copies > 0:
        said.append(
            "Files with identical bytes (equal SHA-256) were treated as one image: "
            f"{words.count(copies, 'record')} repeated an image that was held already. "
            "Each distinct image was measured once."
        )
    else:
        said.append("No two files had identical bytes (by SHA-256).")
    if corpus.failures:
        said.append(
            f"{words.count(corpus.failures, 'failure')} in reading or measuring files "
            f"{'was' if corpus.failures == 1 else 'were'} recorded, with the reason for each."
        )
    return " ".join(said)


def _measures(measures: Sequence[MeasureFacts], sources: _Sources) -> str:
    if not measures:
        return ""
    said = []
    for one in measures:
        settings = settings_text(one.parameters)
        said.append(
            f"{words.name(one.name)} (version {words.name(one.version)}"
            f"{'; ' + settings if settings else ''}; {words.count(one.items, 'image')})"
            f"{sources.cite(one.citation)}"
        )
    noun = "measure was" if len(said) == 1 else "measures were"
    return f"The following {noun} computed: {words.listing(said)}."


def settings_text(settings: Mapping[str, Any]) -> str:
    """Write settings in one line.

    Examples
    --------
    >>> settings_text({"lr": 0.001, "class_weight": None})
    'lr = 0.001, class_weight = none'
    """
    return ", ".join(f"{words.name(k)} = {_setting(v)}" for k, v in settings.items())


def _setting(value: object) -> str:
    return "none" if value is None else words.name(words.value(value))


def _variable(variable: VariableFacts, splits: Sequence[SplitFacts]) -> str:
    total = sum(variable.counts.values())
    name = words.name(variable.variable)
    shown = [f"{n:,} {words.name(v)}" for v, n in list(variable.counts.items())[:12]]
    if len(variable.counts) > len(shown):
        shown.append(f"{len(variable.counts) - len(shown):,} further classes")
    said = [
        f"For the variable “{name}”, {words.count(total, 'image')} "
        f"{'was' if total == 1 else 'were'} labelled"
        + (f" ({words.listing(shown)})." if shown else ".")
    ]
    people = [coder for coder in variable.coders if coder != "folder"]
    if "folder" in variable.coders:
        said.append("Labels were taken from the names of class folders.")
    if people:
        said.append(f"{words.count(len(people), 'coder')} gave labels.")
    if variable.rule and len(variable.coders) > 1:
        said.append(f"Labels of several coders were combined by the rule “{variable.rule}”.")
    if variable.agreement:
        said.append(words.sentence(f"Agreement between coders: {variable.agreement}"))
    if variable.unresolved:
        said.append(
            f"{words.count(variable.unresolved, 'image')} on which coders differed "
            f"{'was' if variable.unresolved == 1 else 'were'} left out."
        )
    said += [_split(one) for one in splits if one.variable == variable.variable]
    return " ".join(said)


def _split(split: SplitFacts) -> str:
    parts = [
        f"{part_name(part)} ({sum(counts.values()):,})" for part, counts in split.counts.items()
    ]
    details = [
        f"asked for: {split.shares}" if split.shares else "",
        split.method,
        f"seed {split.seed}" if split.seed is not None else "",
    ]
    detail = "; ".join(one for one in details if one)
    if split.method == FOLDERS:
        return (
            f"The source itself gave the parts, by the names of its folders: "
            f"{words.listing(parts) or 'no parts'}. An image that lay in several of them was "
            "kept in the first (training before validation before test)."
        )
    return (
        f"Labelled images were divided at random into {words.listing(parts) or 'no parts'}"
        f"{' (' + detail + ')' if detail else ''}; copies of one image were never in "
        "different parts."
    )


def _model(model: ModelFacts, sources: _Sources) -> str:
    said = [
        f"The classifier “{words.name(model.name)}” for “{words.name(model.variable)}” was made by "
        f"{method_name(model)}{sources.cite(model.citation)}"
        + (f", from {words.count(model.trained_on, 'image')}." if model.trained_on else ".")
    ]
    settings = settings_text(model.settings)
    if settings:
        said.append(f"Settings were: {settings}.")
    if model.scored:
        said.append(model.scored)
    elif model.evaluation is None:
        said.append("It had not been validated when this text was written.")
    else:
        said.append(_evaluation(model.evaluation))
        if model.method == "finetune" and model.evaluation.scored_on == "val":
            said.append(
                "The same part decided when training stopped, so these scores may be optimistic."
            )
    if model.predicted is not None and len(model.predicted):
        total = int(model.predicted["items"].sum())
        said.append(
            f"It was then applied to {words.count(total, 'image')} of the corpus; the counts "
            "reported are not corrected for its errors."
        )
    return " ".join(said)


def _proxy(proxy: ProxyFacts) -> str:
    return (
        f"The rule “{words.name(proxy.rule)}” was taken as a classifier for "
        f"“{words.name(proxy.evaluation.against)}” without training. "
        f"{_evaluation(proxy.evaluation)}"
    )


def scored_on(evaluation: Evaluation) -> str:
    """Say which images the scores are from.

    Examples
    --------
    >>> from mediacorpus.report.content import Evaluation
    >>> scored_on(Evaluation("ants", scored_on="val"))
    'the 0 images of the validation part'
    """
    pictures = words.count(evaluation.n, "image")
    if not evaluation.scored_on:
        return f"all {pictures} with a label"
    return f"the {pictures} of the {part_name(evaluation.scored_on)} part"


def summary(content: ReportContent) -> list[str]:
    """Say in a sentence or two what each validated classifier reaches, for at most five.

    Examples
    --------
    >>> from datetime import datetime
    >>> from mediacorpus.report.content import ReportContent
    >>> summary(ReportContent("Ants", datetime(2025, 3, 1)))
    []
    """
    return [_brief(one) for one in content.models if one.evaluation is not None][:5]


def _brief(model: ModelFacts) -> str:
    scored = model.evaluation
    assert scored is not None
    said = (
        f"The classifier “{words.name(model.name)}” gave {scored.n - scored.errors:,} of "
        f"{scored_on(scored)} the same value of “{words.name(scored.against)}” as people did"
    )
    accuracy = scored.headline("accuracy")
    if accuracy is not None:
        said += f": accuracy {_interval(accuracy, scored.n, words.level(scored.level))}"
    said += "."
    if model.predicted is not None and len(model.predicted):
        total = int(model.predicted["items"].sum())
        first = model.predicted.sort_values("items", ascending=False, kind="stable").head(3)
        shares = [
            f"{words.share(row['items'], total)} “{words.name(row['class'])}”"
            for _, row in first.iterrows()
        ]
        often = "most often " if len(model.predicted) > len(shares) else ""
        said += f" Of {words.count(total, 'image')} in the corpus it calls {often}"
        said += f"{words.listing(shares)}."
    return said


def _evaluation(evaluation: Evaluation) -> str:
    accuracy = evaluation.headline("accuracy")
    level = words.level(evaluation.level)
    said = f"Against the labels of {scored_on(evaluation)},"
    if accuracy is None:
        return f"Its predictions were compared with the labels of {scored_on(evaluation)}."
    said += f" accuracy was {_interval(accuracy, evaluation.n, level)}"
    others = [
        f"{name} {words.estimate(*value, n=evaluation.n)}"
        for score, name in _SAID_SCORES.items()
        if (value := evaluation.headline(score)) is not None
    ]
    if others:
        positive = words.name(evaluation.positive)
        of = f"for the class “{positive}”" if positive else "as means over classes"
        said += f"; {of}, {words.listing(others)}"
    said += f"; always giving the most common class would reach {_baseline(evaluation)}."
    if evaluation.interval:
        said += " " + words.sentence(f"Method of the {level} intervals: {evaluation.interval}")
    return said


def _interval(value: tuple[float, float, float], n: int, level: str) -> str:
    estimate, low, high = (words.score(one, n) for one in value)
    return f"{estimate} ({level} interval {low} to {high})" if low != "—" else estimate


def _baseline(evaluation: Evaluation) -> str:
    return words.score(evaluation.baseline, evaluation.n)


def _software(content: ReportContent) -> str:
    if not content.versions:
        return ""
    listed = words.listing(
        [f"{words.name(k)} {words.name(v)}" for k, v in content.versions.items()]
    )
    return f"Software: {listed}."

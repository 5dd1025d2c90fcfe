"""From the facts of a corpus to the sections of its report."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from mediacorpus.report import figures, words
from mediacorpus.report.document import (
    Block,
    Drawing,
    Hint,
    Pictures,
    References,
    Section,
    Table,
    Text,
)
from mediacorpus.report.gallery import Gallery
from mediacorpus.report.methods import FOLDERS, methods_parts, part_name
from mediacorpus.report.model_sections import model_section, overview_table, proxy_section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediacorpus.records import Failure
    from mediacorpus.report.content import ReportContent, SplitFacts, VariableFacts

MOST_ROWS = 50
"""Rows of the longest tables; their captions say how many there are in all."""


def sections(content: ReportContent) -> list[Section]:
    """Give the sections of a report, in order. What is not there yet says how to get it.

    Raises
    ------
    MissingExtra
        matplotlib is needed for a figure and is not installed.

    Examples
    --------
    >>> from datetime import datetime
    >>> from mediacorpus.report.content import ReportContent
    >>> [one.title for one in sections(ReportContent("Ants", datetime(2025, 3, 1)))][:4]
    ['Corpus', 'Measures', 'Labels', 'Classifiers']
    """
    return [
        Section("corpus", "Corpus", _corpus(content)),
        Section("measures", "Measures", _measures(content)),
        Section("labels", "Labels", *_labels(content)),
        Section("classifiers", "Classifiers", *_models(content)),
        *([_proxies(content)] if content.proxies else []),
        Section("failures", "Failures", _failures(content)),
        Section("methods", "Methods text", _methods(content)),
        Section("provenance", "Software and runs", _provenance(content)),
    ]


def command(content: ReportContent, rest: str) -> str:
    """Write a command line for this corpus: `DIR` in `rest` stands for its folder.

    Examples
    --------
    >>> from datetime import datetime
    >>> from mediacorpus.report.content import ReportContent
    >>> command(ReportContent("Ants", datetime(2025, 3, 1)), "split DIR VARIABLE")
    'mediacorpus split DIR VARIABLE'
    """
    folder = words.name(shlex.quote(words.printable(content.corpus.folder)), limit=200)
    return f"mediacorpus {rest.replace('DIR', folder, 1)}"


def _hint(content: ReportContent, text: str, rest: str) -> Hint:
    return Hint(text, command(content, rest))


def _corpus(content: ReportContent) -> list[Block]:
    corpus = content.corpus
    if not corpus.items:
        return [_hint(content, "The corpus holds no images yet.", "add DIR SOURCE")]
    blocks: list[Block] = [
        Text(
            "An item is a distinct file content (by SHA-256 of its bytes); a record is one "
            "occurrence of an item, such as a file or a post. Items are measured once; "
            "analysis runs over records."
        ),
        _corpus_table(content),
    ]
    if corpus.formats:
        blocks.append(_counts_table("Items by file format", "Format", corpus.formats))
    if len(corpus.sizes) == 1:
        width, height = next(iter(corpus.sizes))
        blocks.append(Text(f"All images are {width:,} by {height:,} pixels."))
    elif corpus.sizes:
        caption = (
            "Sizes of the images (left; the area of a dot shows the number of images) and "
            "their orientation (right)."
        )
        blocks.append(Drawing(figures.picture_sizes(corpus.sizes), caption))
    if content.unseen:
        blocks.append(Text(content.of_unseen))
    if content.sample:
        title = f"Images from the corpus. {words.sentence(content.sample_note)}".strip()
        blocks.append(Pictures(Gallery(title, content.sample)))
    return blocks


def _corpus_table(content: ReportContent) -> Table:
    corpus = content.corpus
    copies = max(corpus.records - corpus.items, 0)
    rows = [
        ("Items (distinct images)", f"{corpus.items:,}"),
        ("Records (occurrences)", f"{corpus.records:,}"),
        ("Records that repeat an item", f"{copies:,} ({words.share(copies, corpus.records)})"),
        ("Failures", f"{corpus.failures:,}"),
        *([("Files skipped (no media)", f"{corpus.skipped:,}")] if corpus.skipped else []),
        ("Size of all items", words.size(corpus.bytes)),
    ]
    if corpus.columns:
        names = ", ".join(words.name(column) for column in corpus.columns)
        rows.append(("Columns of the records", names))
    if corpus.sources:
        shown = [words.name(source, limit=120) for source in corpus.sources[:10]]
        more = len(corpus.sources) - len(shown)
        rows.append(("Sources", "; ".join(shown) + (f"; and {more:,} more" if more else "")))
    return Table("What the corpus holds", ("", ""), rows)


def _counts_table(caption: str, heading: str, counts: Mapping[str, int]) -> Table:
    whole = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [(words.name(k), f"{n:,}", words.share(n, whole)) for k, n in ordered[:MOST_ROWS]]
    return Table(caption, (heading, "Items", "Share"), rows, numeric=("Items", "Share"))


def _measures(content: ReportContent) -> list[Block]:
    if not content.measures:
        text = "Nothing has been measured yet."
        return [_hint(content, text, "measure DIR facts tags embedding")]
    rows = [
        (
            words.name(one.name),
            words.name(one.version),
            words.name(words.value(dict(one.parameters))) if one.parameters else "—",
            f"{one.items:,}",
            f"{one.failed:,}",
            words.duration(one.seconds),
            words.name(one.licence) or "—",
        )
        for one in content.measures
    ]
    columns = ("Measure", "Version", "Parameters", "Items", "Failed", "Time", "Licence")
    numeric = ("Items", "Failed", "Time")
    blocks: list[Block] = [Table("Measures that were run", columns, rows, numeric=numeric)]
    if content.tags:
        note = words.sentence(content.tags_note)
        caption = f"Most frequent tags, with their share of all items. {note}".strip()
        blocks.append(Drawing(figures.tag_bars(content.tags, content.corpus.items), caption))
    return blocks


def _labels(content: ReportContent) -> tuple[list[Block], list[Section]]:
    if not content.labels:
        text = (
            "No image is labelled yet. Labels come from class folders "
            "(option --variable of add) or from a table."
        )
        return [_hint(content, text, "labels import DIR labels.csv")], []
    return [], [
        Section(f"label-{n}", words.name(one.variable), _variable(content, one))
        for n, one in enumerate(content.labels, 1)
    ]


def _variable(content: ReportContent, variable: VariableFacts) -> list[Block]:
    total = sum(variable.counts.values())
    name = words.name(variable.variable)
    share = words.share(total, content.corpus.items)
    have = "has" if total == 1 else "have"
    said = [f"{words.count(total, 'item')} {have} a label ({share} of the corpus)."]
    if variable.coders:
        coders = [f"{_coder(coder)} ({n:,})" for coder, n in list(variable.coders.items())[:12]]
        more = len(variable.coders) - len(coders)
        coders += [f"{more:,} more"] if more else []
        said.append(f"Labels by source: {words.listing(coders)}.")
    if variable.superseded:
        said.append(
            f"{words.count(variable.superseded, 'earlier label')} that coders have changed since "
            f"{'is' if variable.superseded == 1 else 'are'} not counted."
        )
    if variable.rule and len(variable.coders) > 1:
        said.append(f"Rule for several coders: {words.name(variable.rule)}.")
    if variable.agreement:
        said.append(words.sentence(f"Agreement between coders: {variable.agreement}"))
    if variable.unresolved:
        said.append(f"Left out because coders differ: {words.count(variable.unresolved, 'item')}.")
    blocks: list[Block] = [Text(" ".join(said))]
    if variable.counts:
        caption = f"Labelled items by class of “{name}”."
        blocks.append(Drawing(figures.class_bars(variable.counts), caption))
    splits = [split for split in content.splits if split.variable == variable.variable]
    blocks += [_split_table(split) for split in splits]
    if not splits:
        text = "The labelled items are not divided into parts yet."
        quoted = shlex.quote(words.printable(variable.variable))
        blocks.append(_hint(content, text, f"split DIR {quoted} --shares 80/20"))
    return blocks


def _coder(coder: str) -> str:
    if coder == "folder":
        return "names of class folders"
    return words.name(coder) or "no coder named"


def _split_table(split: SplitFacts) -> Table:
    parts = list(split.counts)
    classes = list(dict.fromkeys(name for one in split.counts.values() for name in one))
    totals = {part: sum(split.counts[part].values()) for part in parts}
    whole = sum(totals.values())
    rows = [
        (
            words.name(name),
            *(f"{split.counts[part].get(name, 0):,}" for part in parts),
            f"{sum(split.counts[part].get(name, 0) for part in parts):,}",
        )
        for name in classes[:MOST_ROWS]
    ]
    rows.append(("All", *(f"{totals[part]:,}" for part in parts), f"{whole:,}"))
    rows.append(("Share", *(words.share(totals[part], whole) for part in parts), "100\u00a0%"))
    columns = ("Class", *(part_name(part).capitalize() for part in parts), "All")
    details = [
        *(
            ["The parts are those of the folders train, val and test of the source."]
            if split.method == FOLDERS
            else [
                f"Asked for {split.shares}." if split.shares else "",
                words.sentence(split.method),
            ]
        ),
        f"Seed {split.seed}." if split.seed is not None else "",
        "Copies of one image are always in the same part.",
        f"The first {MOST_ROWS} of {len(classes):,} classes." if len(classes) > MOST_ROWS else "",
    ]
    note = " ".join(one for one in details if one)
    caption = f"Division of the labelled items of “{words.name(split.variable)}”"
    return Table(caption, columns, rows, numeric=columns[1:], note=note)


def _models(content: ReportContent) -> tuple[list[Block], list[Section]]:
    if not content.models:
        text = "No classifier has been trained yet."
        variable = content.labels[0].variable if content.labels else "VARIABLE"
        quoted = shlex.quote(words.printable(variable))
        return [_hint(content, text, f"train DIR {quoted} --name NAME")], []
    parts = [
        model_section(model, n, lambda rest: command(content, rest))
        for n, model in enumerate(content.models, 1)
    ]
    return [overview_table(content.models)], parts


def _proxies(content: ReportContent) -> Section:
    text = (
        "A rule over a measure can stand in for a classifier, without training. It must be "
        "compared with labels just the same."
    )
    parts = [proxy_section(proxy, n) for n, proxy in enumerate(content.proxies, 1)]
    return Section("proxies", "Rules over measures", [Text(text)], parts)


def _failures(content: ReportContent) -> list[Block]:
    corpus = content.corpus
    blocks = [
        *_listed(content, content.failures, total=corpus.failures, title="Failures"),
        *_listed(content, content.skipped, total=corpus.skipped, title="Skipped"),
    ]
    if not content.failures:
        blocks.insert(0, Text("No file failed."))
    return blocks


_WHY = {
    "Failures": "These files could not be read or measured.",
    "Skipped": "These files are no media and were skipped.",
}


def _listed(
    content: ReportContent, found: Sequence[Failure], *, total: int, title: str
) -> list[Block]:
    if not found:
        return []
    shown = list(found)[:MOST_ROWS]
    rows = [
        (words.name(one.path or one.subject, limit=160), words.name(one.stage), one.reason)
        for one in shown
    ]
    note = ""
    if total > len(shown):
        note = f"The first {len(shown):,} of {total:,}. All: {command(content, 'failures DIR')}"
    table = Table(title, ("File", "Stage", "Reason"), rows, note=note, small=True)
    return [Text(_WHY[title]), table]


def _methods(content: ReportContent) -> list[Block]:
    opening = Text("This text was written from the facts above and may be quoted and edited.")
    if content.methods:
        return [opening, *(Text(part) for part in content.methods.split("\n\n") if part.strip())]
    paragraphs, sources = methods_parts(content)
    blocks: list[Block] = [opening, *(Text(paragraph) for paragraph in paragraphs)]
    return [*blocks, References(sources)] if sources else blocks


def _provenance(content: ReportContent) -> list[Block]:
    blocks: list[Block] = []
    if content.versions:
        rows = [(words.name(k), words.name(v, limit=160)) for k, v in content.versions.items()]
        blocks.append(Table("Software", ("Package", "Version"), rows))
    if len(content.runs):
        last = content.runs.tail(MOST_ROWS)
        columns = [words.name(column) for column in last.columns]
        cells = [
            tuple(words.name(words.value(cell), limit=160) for cell in row)
            for row in last.itertuples(index=False, name=None)
        ]
        numeric = [
            words.name(column) for column in last.columns if last[column].dtype.kind in "iuf"
        ]
        more = len(content.runs) > len(last)
        note = f"The last {len(last):,} of {len(content.runs):,} runs." if more else ""
        blocks.append(Table("Runs", columns, cells, numeric=numeric, note=note, small=True))
    if not blocks:
        blocks.append(Text("No run has been recorded yet."))
    return blocks

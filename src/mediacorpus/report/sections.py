"""From the facts of a corpus to the sections of its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediacorpus.report import figures, words
from mediacorpus.report.document import (
    Block,
    Drawing,
    Hint,
    Images,
    References,
    Section,
    Table,
    Text,
    hint,
)
from mediacorpus.report.gallery import Gallery, not_shown
from mediacorpus.report.methods import methods_parts
from mediacorpus.report.model_sections import model_section, overview_table, rule_section
from mediacorpus.result import counted
from mediacorpus.store.people import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediacorpus.records import Failure
    from mediacorpus.report.content import ReportContent, SplitFacts, VariableFacts

MOST_ROWS = 50
"""Rows of the longest tables; their captions say how many there are in all."""

_MOST_SOURCES, _MOST_CODERS = 10, 12


def sections(content: ReportContent) -> list[Section]:
    """Give the sections of a report, in order. What is not there yet says how to get it.

    Raises
    ------
    MissingExtra
        matplotlib is needed for a figure and is not installed.
    """
    labels = [
        Section(f"label-{n}", words.name(one.variable), _variable(content, one))
        for n, one in enumerate(content.labels, 1)
    ]
    models = [
        model_section(one, n, content.corpus.folder) for n, one in enumerate(content.models, 1)
    ]
    rules = [rule_section(one, n) for n, one in enumerate(content.rules, 1)]
    about_rules = Text(
        "A rule over a measure can stand in for a classifier, without training. It must be "
        "compared with labels just the same."
    )
    return [
        Section("corpus", "Corpus", _corpus(content)),
        Section("measures", "Measures", _measures(content)),
        Section("labels", "Labels", [] if labels else [_no_labels(content)], labels),
        Section("classifiers", "Classifiers", [_models(content)], models),
        *([Section("rules", "Rules over measures", [about_rules], rules)] if rules else []),
        Section("failures", "Failures", _failures(content)),
        Section("methods", "Methods text", _methods(content)),
        Section("provenance", "Software and runs", _provenance(content)),
    ]


def _no_labels(content: ReportContent) -> Hint:
    text = (
        "No image is labelled yet. Labels come from class folders "
        "(option --variable of add) or from a table."
    )
    return hint(content.corpus.folder, text, "labels import DIR labels.csv")


def _models(content: ReportContent) -> Block:
    if content.models:
        return overview_table(content.models)
    variable = words.quoted(content.labels[0].variable) if content.labels else "VARIABLE"
    text = "No classifier has been trained yet."
    return hint(content.corpus.folder, text, f"train DIR {variable} --name NAME")


def _corpus(content: ReportContent) -> list[Block]:
    if not content.corpus.items:
        return [hint(content.corpus.folder, "The corpus holds no images yet.", "add DIR SOURCE")]
    blocks: list[Block] = [
        Text(
            "An item is a distinct file content (by SHA-256 of its bytes); a record is one "
            "occurrence of an item, such as a file or a post. Items are measured once; "
            "analysis runs over records."
        ),
        _corpus_table(content),
    ]
    if content.formats:
        blocks.append(_counts_table("Items by file format", "Format", content.formats))
    if len(content.sizes) == 1:
        ((width, height),) = content.sizes
        blocks.append(Text(f"All images are {width:,} by {height:,} pixels."))
    elif content.sizes:
        caption = (
            f"Sizes of the images (left; the area of a dot shows the number of images) and "
            f"their orientation (right). n = {counted(sum(content.sizes.values()), 'image')}."
        )
        blocks.append(Drawing(figures.image_sizes(content.sizes), caption))
    if content.unseen:
        blocks.append(Text(not_shown(content.unseen)))
    if content.sample:
        title = (
            "Images from the corpus. Taken at equal steps through the corpus, in the order they "
            "were added."
        )
        blocks.append(Images(Gallery(title, content.sample)))
    return blocks


def _corpus_table(content: ReportContent) -> Table:
    corpus = content.corpus
    copies = max(corpus.records - corpus.items, 0)
    sources = [words.name(source, limit=120) for source in content.sources]
    rows = [
        ("Items (distinct images)", f"{corpus.items:,}"),
        ("Records (occurrences)", f"{corpus.records:,}"),
        ("Records that repeat an item", f"{copies:,} ({words.share(copies, corpus.records)})"),
        ("Failures", f"{corpus.failures:,}"),
        ("Files skipped (no media)", f"{corpus.skipped:,}" if corpus.skipped else ""),
        ("Size of all items", words.size(corpus.bytes)),
        ("Columns of the records", ", ".join(map(words.name, content.columns))),
        ("Sources", "; ".join(words.first(sources, _MOST_SOURCES, "and {:,} more"))),
    ]
    return Table("What the corpus holds", ("", ""), [row for row in rows if row[1]])


def _counts_table(caption: str, heading: str, counts: Mapping[str, int]) -> Table:
    whole = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [(words.name(k), f"{n:,}", words.share(n, whole)) for k, n in ordered[:MOST_ROWS]]
    return Table(caption, (heading, "Items", "Share"), rows, numeric=("Items", "Share"))


def _measures(content: ReportContent) -> list[Block]:
    if not content.measures:
        text = "Nothing has been measured yet."
        return [hint(content.corpus.folder, text, "measure DIR facts tags embedding")]
    rows = [
        (
            words.name(one.info.name),
            words.name(one.info.version),
            words.name(words.value(dict(one.parameters))) or "—",
            f"{one.items:,}",
            f"{one.failed:,}",
            words.name(one.info.licence) or "—",
        )
        for one in content.measures
    ]
    columns = ("Measure", "Version", "Parameters", "Items", "Failed", "Licence")
    numeric = ("Items", "Failed")
    blocks: list[Block] = [Table("Measures that were run", columns, rows, numeric=numeric)]
    if content.tags:
        caption = (
            "Most frequent tags, with their share of all items. The best tag of each image. "
            f"n = {counted(content.corpus.items, 'item')}."
        )
        blocks.append(Drawing(figures.tag_bars(content.tags, content.corpus.items), caption))
    for name, spreads in content.numbers.items():
        n = max(int(one.counts.sum()) for one in spreads.values())
        caption = (
            f"Values of the measure {words.name(name)} over the images. Below each: the smallest "
            f"and the largest value; line: the median. n = {counted(n, 'image')}."
        )
        blocks.append(Drawing(figures.small_distributions(spreads), caption))
    return blocks


def _variable(content: ReportContent, variable: VariableFacts) -> list[Block]:
    total = sum(variable.counts.values())
    share = words.share(total, content.corpus.items)
    have = "has" if total == 1 else "have"
    sentences = [f"{counted(total, 'item')} {have} a label ({share} of the corpus)."]
    if variable.coders:
        coders = [f"{_coder(coder)} ({n:,})" for coder, n in variable.coders.items()]
        coders = words.first(coders, _MOST_CODERS, "{:,} more")
        sentences.append(f"Labels by source: {words.listing(coders)}.")
    if variable.superseded:
        sentences.append(
            f"{counted(variable.superseded, 'earlier label')} that coders have changed since "
            f"{'is' if variable.superseded == 1 else 'are'} not counted."
        )
    if variable.rule and len(variable.coders) > 1:
        sentences.append(f"Rule for several coders: {words.name(variable.rule)}.")
    if variable.agreement:
        sentences.append(words.sentence(f"Agreement between coders: {variable.agreement}"))
    if variable.unresolved:
        sentences.append(f"Left out because coders differ: {counted(variable.unresolved, 'item')}.")
    blocks: list[Block] = [Text(" ".join(sentences))]
    if variable.counts:
        name = words.name(variable.variable)
        caption = f"Labelled items by class of “{name}”. n = {counted(total, 'item')}."
        blocks.append(Drawing(figures.class_bars(variable.counts), caption))
    blocks += [_split_table(variable.variable, split) for split in variable.splits]
    if not variable.splits:
        text = "The labelled items are not divided into parts yet."
        line = f"split DIR {words.quoted(variable.variable)} --shares 80/20"
        blocks.append(hint(content.corpus.folder, text, line))
    return blocks


def _coder(coder: str) -> str:
    if coder == "folder":
        return "names of class folders"
    return words.name(coder) or "no coder named"


def _split_table(variable: str, split: SplitFacts) -> Table:
    parts = list(split.counts)
    classes = list(dict.fromkeys(name for one in split.counts.values() for name in one))
    totals = [sum(own.values()) for own in split.counts.values()]
    whole = sum(totals)

    def row(name: str, counts: Sequence[int]) -> tuple[str, ...]:
        return (name, *(f"{n:,}" for n in (*counts, sum(counts))))

    rows = [
        row(words.name(name), [split.counts[part].get(name, 0) for part in parts])
        for name in classes[:MOST_ROWS]
    ]
    rows.append(row("All", totals))
    rows.append(("Share", *(words.share(n, whole) for n in totals), "100\u00a0%"))
    columns = ("Class", *(words.part(part).capitalize() for part in parts), "All")
    folders = "The parts are those of the folders train, val and test of the source."
    details = [
        folders if split.method == FOLDERS else "",
        f"Asked for {split.shares}." if split.shares and split.method != FOLDERS else "",
        words.sentence(split.method) if split.method != FOLDERS else "",
        f"Seed {split.seed}." if split.seed is not None else "",
        "Copies of one image are always in the same part.",
        f"The first {MOST_ROWS} of {len(classes):,} classes." if len(classes) > MOST_ROWS else "",
    ]
    caption = f"Division of the labelled items of “{words.name(variable)}”"
    note = " ".join(filter(None, details))
    return Table(caption, columns, rows, numeric=columns[1:], note=note)


def _failures(content: ReportContent) -> list[Block]:
    corpus = content.corpus
    blocks: list[Block] = [] if content.failures else [Text("No file failed.")]
    if content.failures:
        blocks.append(Text("These files could not be read or measured."))
        blocks.append(_listed(content, content.failures, total=corpus.failures, title="Failures"))
    if content.skipped:
        blocks.append(Text("These files are no media and were skipped."))
        blocks.append(_listed(content, content.skipped, total=corpus.skipped, title="Skipped"))
    return blocks


def _listed(content: ReportContent, found: Sequence[Failure], *, total: int, title: str) -> Table:
    shown = found[:MOST_ROWS]
    rows = [(words.name(one.path, limit=160), words.name(one.stage), one.reason) for one in shown]
    note = ""
    if total > len(shown):
        line = hint(content.corpus.folder, "", "failures DIR").command
        note = f"The first {len(shown):,} of {total:,}. All: {line}"
    return Table(title, ("File", "Stage", "Reason"), rows, note=note, small=True)


def _methods(content: ReportContent) -> list[Block]:
    opening = "This text was written from the facts above and may be quoted and edited."
    paragraphs, sources = methods_parts(content)
    blocks: list[Block] = [Text(paragraph) for paragraph in (opening, *paragraphs)]
    return [*blocks, References(sources)] if sources else blocks


def _provenance(content: ReportContent) -> list[Block]:
    blocks: list[Block] = []
    if content.versions:
        rows = [(words.name(k), words.name(v, limit=160)) for k, v in content.versions.items()]
        blocks.append(Table("Software", ("Package", "Version"), rows))
    if len(content.runs):
        last = content.runs.tail(MOST_ROWS)
        numeric = [words.name(column) for column in last.select_dtypes("number").columns]
        if "started" in last.columns:  # such as 2026-11-28T14:04:13.713Z
            started = last["started"].astype(str).str.slice(0, 19).str.replace("T", " ")
            last = last.assign(started=started).rename(columns={"started": "started (UTC)"})
        cells = [
            tuple(words.name(words.value(cell), limit=160) for cell in row)
            for row in last.itertuples(index=False, name=None)
        ]
        columns = [words.name(column) for column in last.columns]
        more = len(content.runs) > len(last)
        note = f"The last {len(last):,} of {len(content.runs):,} runs." if more else ""
        blocks.append(Table("Runs", columns, cells, numeric=numeric, note=note, small=True))
    return blocks or [Text("No run has been recorded yet.")]

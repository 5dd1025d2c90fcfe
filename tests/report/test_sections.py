"""What stands in which section, and what empty sections advise."""

import dataclasses
import runpy
from pathlib import Path

import pandas as pd
import pytest

from mediacorpus.records import Failure
from mediacorpus.report.content import SplitFacts, VariableFacts
from mediacorpus.report.document import Hint, Table, Text
from mediacorpus.report.sections import MOST_ROWS, sections

made = runpy.run_path(str(Path(__file__).parents[1] / "made_report.py"))


def flat(parts):
    for part in parts:
        yield from part.blocks
        yield from flat(part.sections)


def hints(content):
    return [block.command for block in flat(sections(content)) if isinstance(block, Hint)]


def table(content, caption):
    return next(
        block
        for block in flat(sections(content))
        if isinstance(block, Table) and block.caption.startswith(caption)
    )


def test_an_empty_corpus_is_told_what_to_run(empty_content):
    assert hints(empty_content) == [
        "mediacorpus add DIR SOURCE",
        "mediacorpus measure DIR facts tags embedding",
        "mediacorpus labels import DIR labels.csv",
        "mediacorpus train DIR VARIABLE --name NAME",
    ]


def test_commands_quote_folders_and_variables(empty_content):
    content = dataclasses.replace(
        empty_content,
        corpus=made["overview"]("/home/me/my corpus; rm", items=1, records=1),
        labels=[VariableFacts("a variable", {"x": 1})],
    )
    assert "mediacorpus split 'my corpus; rm' 'a variable' --shares 80/20" in hints(content)
    assert "mediacorpus train 'my corpus; rm' 'a variable' --name NAME" in hints(content)


def test_commands_name_the_folder_that_one_stands_in(empty_content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = dataclasses.replace(empty_content, corpus=made["overview"]("."))
    assert f"mediacorpus add {tmp_path.name} SOURCE" in hints(content)


def test_a_full_study_lacks_only_the_application_of_one_model(full_content):
    assert hints(full_content) == ["mediacorpus apply 'my corpus' face-finetuned"]


def test_split_table_adds_up(empty_content):
    split = SplitFacts({"train": {"a": 8, "b": 4}, "val": {"b": 3}}, "80/20", 7)
    labels = [VariableFacts("face", {"a": 8}, splits=[split])]
    content = dataclasses.replace(empty_content, labels=labels)
    found = table(content, "Division")
    assert list(found.columns) == ["Class", "Training", "Validation", "All"]
    assert list(map(list, found.rows)) == [
        ["a", "8", "0", "8"],
        ["b", "4", "3", "7"],
        ["All", "12", "3", "15"],
        ["Share", "80.0\u00a0%", "20.0\u00a0%", "100\u00a0%"],
    ]
    assert "Seed 7." in found.note


def test_long_lists_of_failures_are_cut_and_say_so(empty_content):
    failures = [Failure("", f"{k}.jpg", "add", "broken") for k in range(90)]
    corpus = made["overview"]("my corpus", failures=1234)
    found = table(dataclasses.replace(empty_content, failures=failures, corpus=corpus), "Failures")
    assert len(found.rows) == MOST_ROWS
    assert found.note == "The first 50 of 1,234. All: mediacorpus failures 'my corpus'"


def test_the_last_runs_are_shown_with_any_columns(empty_content):
    runs = pd.DataFrame({"run": range(1, 61), "what": ["add"] * 60, "seed": [None] * 60})
    found = table(dataclasses.replace(empty_content, runs=runs), "Runs")
    assert found.rows[0] == ("11", "add", "—")
    assert found.rows[-1][0] == "60"
    assert found.note == "The last 50 of 60 runs."


def test_images_of_one_size_need_no_figure(empty_content):
    corpus = made["overview"](items=9, records=9)
    content = dataclasses.replace(empty_content, corpus=corpus, sizes={(25, 30): 9})
    texts = [block.text for block in flat(sections(content)) if isinstance(block, Text)]
    assert "All images are 25 by 30 pixels." in texts


@pytest.mark.parametrize("facts", [VariableFacts("v"), VariableFacts("v", {}, {"ann": 3})])
def test_variables_without_gold_can_be_shown(empty_content, facts):
    assert list(flat(sections(dataclasses.replace(empty_content, labels=[facts]))))


def test_of_many_variables_a_table_comes_first(empty_content):
    many = [VariableFacts(f"v{n:02}", {"yes": 4, "no": n}, {"ann": 4}) for n in range(40)]
    found = table(dataclasses.replace(empty_content, labels=many), "Variables that people labelled")
    assert len(found.rows) == 40
    assert found.rows[3] == ("v03", "7", "2", "1", "0", "no")
    one = dataclasses.replace(empty_content, labels=many[:1])
    assert not [b for b in flat(sections(one)) if getattr(b, "caption", "").startswith("Variables")]


def test_times_of_runs_are_short(empty_content):
    runs = pd.DataFrame({"run": [1], "verb": ["add"], "started": ["2026-11-28T14:04:13.713Z"]})
    found = table(dataclasses.replace(empty_content, runs=runs), "Runs")
    assert found.columns == ["run", "verb", "started (UTC)"]
    assert found.rows[0][2] == "2026-11-28 14:04:13"

"""The page as a whole: sound HTML, nothing from outside, nothing executed."""

import dataclasses
import html.parser
import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

from mediacorpus import extras
from mediacorpus.errors import MissingExtra
from mediacorpus.records import Failure, Info
from mediacorpus.report.content import (
    Evaluation,
    MeasureFacts,
    ModelFacts,
    ReportContent,
    SplitFacts,
    VariableFacts,
)
from mediacorpus.report.gallery import Thumb
from mediacorpus.report.report import render

made = runpy.run_path(str(Path(__file__).parents[1] / "made_report.py"))

VOID = {"meta", "img", "br", "hr", "link", "input"}
EVIL = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egpj.😀 "
    "\u0633\u0644\u0627\u0645 \udcff\x00"
)


TABLED = EVIL.replace("\udcff", "")  # pandas holds only text that UTF-8 can write


class Page(html.parser.HTMLParser):
    """Check that tags are balanced, and keep what tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def all(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def full_page(full_content):
    return render(full_content)


IMAGE = "data:image/jpeg;base64,AAAA"


def evil_content():
    scored = made["evaluation"]([[20, 2], [3, 30]], [TABLED, "b"], variable=EVIL, subject=EVIL)
    scored = Evaluation(
        {**scored.result, "classes": [EVIL, "b"], "notes": [EVIL], "warnings": [EVIL]},
        [Thumb(EVIL, IMAGE, EVIL, EVIL, "b", 0.9)],
    )
    typed = {"backbone": EVIL, "licence": EVIL, "citation": EVIL, "settings": {EVIL: EVIL}}
    audit = {"kind": "groups", "by": [EVIL], "n": 1, "time": EVIL, "sentences": [EVIL]}
    model = ModelFacts(
        made["facts"](EVIL, EVIL, "finetune", **typed, limits=[EVIL], audits=[audit]),
        scored,
        curves=pd.DataFrame({"epoch": [1], "val_loss": [1.0]}),
        applied=True,
        predicted=pd.DataFrame({"class": [TABLED], "items": [1], "records": [1]}),
        probabilities={EVIL: [1, 2]},
        warnings=[EVIL],
    )
    return ReportContent(
        EVIL,
        None,
        made["overview"](EVIL.replace("\0", ""), items=3, records=4, failures=1, bytes=10),
        formats={EVIL: 3},
        sizes={(4, 3): 3, (3, 4): 1},
        sources=[EVIL],
        columns=[EVIL],
        measures=[MeasureFacts(Info(EVIL, EVIL, EVIL, EVIL, EVIL), 3, 0, {EVIL: EVIL})],
        labels=[
            VariableFacts(
                EVIL,
                {EVIL: 2},
                {EVIL: 2, "b": 1},
                EVIL,
                1,
                EVIL,
                splits=[SplitFacts({"train": {EVIL: 2}}, EVIL, 1, EVIL)],
            ),
            VariableFacts(EVIL, {EVIL: 2}),
        ],
        models=[model, dataclasses.replace(model, evaluation=None, applied=False)],
        rules=[scored],
        failures=[Failure("", EVIL, EVIL, EVIL)],
        sample=[Thumb("a", IMAGE, EVIL)],
        tags={EVIL: 2},
        versions={EVIL: EVIL},
        runs=pd.DataFrame({TABLED: [TABLED]}),
    )


def test_the_page_is_balanced_html_in_a_language_with_a_title(full_page):
    page = Page(full_page)
    assert full_page.startswith("<!DOCTYPE html>")
    assert page.all("html") == [{"lang": "en"}]
    assert "Faces and other images" in page.text


def test_nothing_is_loaded_and_nothing_runs(full_page):
    page = Page(full_page)
    assert not page.all("script", "link", "iframe", "object", "embed", "base", "form")
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            if name in attrs:
                assert attrs[name].startswith(("data:image/", "#")), (tag, attrs[name])
    assert not re.search(r"https?://|//cdn|@import|url\((?!#)", full_page)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")


def test_every_link_inside_the_page_has_its_target(full_page):
    page = Page(full_page)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"][1:] for attrs in page.all("a", "use")}
    assert {"corpus", "methods", "model-1", "model-2", "rule-1"} <= targets <= set(ids)


def test_images_and_figures_have_words(full_page):
    page = Page(full_page)
    images, figures = page.all("img"), page.all("svg")
    assert len(images) == 15 + 10 + 1
    assert all(image["alt"] for image in images)
    assert len(figures) == full_page.count("<b>Figure ") == 12
    assert all(figure["role"] == "img" and figure["aria-label"] for figure in figures)


def test_headings_tables_and_figures_are_numbered_in_order(full_page):
    for what in ("Table", "Figure"):
        found = [int(n) for n in re.findall(rf"<b>{what} (\d+)\.</b>", full_page)]
        assert found == list(range(1, len(found) + 1))
    numbers = re.findall(r'<h2><span class="n">(\d+)</span>', full_page)
    assert numbers == [str(n) for n in range(1, 9)]
    assert '<h3><span class="n">4.2</span> face-finetuned</h3>' in full_page


def test_the_page_says_what_was_found(full_page):
    text = Page(full_page).text
    for said in (
        "245 distinct images",
        "0.89 [0.81, 0.94]",
        "89 right, 11 wrong",
        "Labelled “other”, predicted “face” (6 of 7 shown)",
        "The file ends after 1,203 bytes.",
        "a sign of over-fitting",
        "They are not corrected for the errors of the classifier",
        "Russakovsky",
        "Report of 2025-03-14, 15:09",
    ):
        assert said in text


def test_other_numbers_give_another_page(full_content, full_page):
    corpus = dataclasses.replace(full_content.corpus, items=9876)
    assert "9,876" in render(dataclasses.replace(full_content, corpus=corpus))
    assert "9,876" not in full_page


def test_same_content_same_page(full_content, full_page):
    assert render(full_content) == full_page


def test_the_page_stays_small(full_page):
    assert len(full_page.encode()) < 400_000


def test_an_empty_corpus_has_a_page(empty_content):
    page = Page(render(empty_content))
    assert "The corpus holds no images yet. Run: mediacorpus add DIR SOURCE" in page.text
    assert "No classifier has been trained yet." in page.text
    assert not page.all("svg", "img")


def test_hostile_names_stay_text_everywhere(full_content):
    text = render(dataclasses.replace(evil_content(), created=full_content.created))
    page = Page(text)
    text.encode("utf-8")
    assert not page.all("script")
    assert all(attrs["src"].startswith("data:image/") for attrs in page.all("img"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert "<script>alert(1)</script>" in page.text
    assert "😀" in page.text
    assert not re.search("[\x00\u202e\ud800-\udfff]", text)


def test_many_models_are_all_listed(full_content):
    facts = full_content.models[0].facts
    models = [ModelFacts({**facts, "name": f"model-{k}"}) for k in range(40)]
    page = Page(render(dataclasses.replace(full_content, models=models)))
    assert all(f"4.{k} model-{k - 1}" in page.text for k in range(1, 41))


def test_a_missing_extra_gives_the_line_that_installs_it(empty_content, monkeypatch):
    def gone(module):
        raise ModuleNotFoundError(module, name=module)

    monkeypatch.setattr(extras, "_import", gone)
    with pytest.raises(MissingExtra, match=r"pip install .*\[report\]"):
        render(empty_content)

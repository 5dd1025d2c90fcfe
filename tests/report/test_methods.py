"""The methods text."""

import dataclasses
import runpy
from pathlib import Path

import pytest

from mediacorpus.report.content import Evaluation, ReportContent, VariableFacts
from mediacorpus.report.methods import methods_parts, summary

made = runpy.run_path(str(Path(__file__).parents[1] / "made_report.py"))


def methods_text(content):
    paragraphs, sources = methods_parts(content)
    listed = "\n".join(f"[{n}] {source}" for n, source in enumerate(sources, 1))
    return "\n\n".join([*paragraphs, f"References\n{listed}"])


def test_methods_of_a_whole_study(full_content):
    text = methods_text(full_content)
    for said in (
        "245 distinct images, which occurred in 260 records",
        "15 records repeated an image",
        "tags (version 1; top = 5; 243 images) [1]",
        "200 images were labelled (100 face and 100 other)",
        "training (100), validation (50) and test (50)",
        "seed 1",
        "copies of one image were never in different parts",
        "logistic regression on the fixed embeddings of efficientnet_lite0 [2], from 100 images",
        "class_weight = none",
        "the 100 images of the test part, accuracy was 0.89 (95\u00a0% interval 0.81 to 0.94)",
        "most common class would reach 0.50",
        "Wilson's method",
        "not corrected for its errors",
        "The rule “tags:mask>=0.5”",
        "all 200 images with a label",
        "torch 2.13.0",
    ):
        assert said in text
    references = text.split("References\n")[1].splitlines()
    assert [line[:3] for line in references] == ["[1]", "[2]"]
    assert references[1].count("EfficientNet") == 1


def test_every_leading_subset_of_a_study_reads_well(full_content):
    """Fill the parts one after another; no text may hold a gap or a stray None."""
    empty = ReportContent(full_content.title, full_content.created, made["overview"]())
    given = {}
    for part in ("corpus", "measures", "labels", "models", "rules", "versions"):
        given[part] = getattr(full_content, part)
        text = methods_text(dataclasses.replace(empty, **given))
        prose = text.split("References\n")[0]
        assert "None" not in text
        assert "  " not in text
        assert " ." not in text
        assert all(line.endswith(".") for line in prose.split("\n") if line)


@pytest.mark.parametrize("part", ["corpus", "measures", "labels", "models", "versions"])
def test_any_part_may_be_missing(full_content, part):
    default = ReportContent(full_content.title, full_content.created, made["overview"]())
    text = methods_text(dataclasses.replace(full_content, **{part: getattr(default, part)}))
    assert text.startswith("The corpus held")


def test_number_one_is_singular():
    content = ReportContent(
        "One",
        None,
        made["overview"](items=1, records=2, failures=1),
        measures=[made["measure"]("facts", 1)],
        labels=[VariableFacts("v", {"a": 1}, {"ann": 1}, unresolved=1)],
    )
    text = methods_text(content)
    assert "1 distinct image," in text
    assert "1 record repeated" in text
    assert "1 failure in reading or measuring files was recorded" in text
    assert "The following measure was computed: facts (version 1; 1 image)." in text
    assert "1 image was labelled (1 a)" in text
    assert "1 coder gave labels" in text
    assert "1 image on which coders differed was left out" in text


def test_validation_scores_of_a_finetuned_model_are_marked_as_optimistic(full_content):
    model = full_content.models[1]
    assert "may be optimistic" not in methods_text(full_content)
    scored = dict(model.evaluation.result, part="val")
    changed = dataclasses.replace(model, evaluation=Evaluation(scored))
    assert "may be optimistic" in methods_text(dataclasses.replace(full_content, models=[changed]))


def test_summary_has_one_paragraph_for_each_validated_model(full_content):
    first, second = summary(full_content)
    assert "89 of the 100 images of the test part" in first
    assert "52.0\u00a0% “other” and 48.0\u00a0% “face”" in first
    assert "49 of the 50 images" in second
    model = dataclasses.replace(full_content.models[0], evaluation=None)
    assert summary(dataclasses.replace(full_content, models=[model])) == []
    assert len(summary(dataclasses.replace(full_content, models=full_content.models * 9))) == 5

"""The part of the report on one classifier."""

import dataclasses
import runpy
from pathlib import Path

import numpy as np
import pandas as pd

from mediacorpus.report.content import Evaluation, ModelFacts
from mediacorpus.report.document import Caution, Drawing, Hint, Images, Table, Text
from mediacorpus.report.model_sections import evaluation_blocks, model_section, overview_table
from mediacorpus.stats.sample import read_sample
from mediacorpus.validation.scores import score, score_numbers

made = runpy.run_path(str(Path(__file__).parents[1] / "made_report.py"))


def blocks_of(model, kind):
    section = model_section(model, 1, Path("DIR"))
    return [block for block in section.blocks if isinstance(block, kind)]


def bare(name="m", **more):
    return ModelFacts(made["facts"](name, "v", "linear"), **more)


def test_a_bare_model_says_what_to_run():
    found = [hint.command for hint in blocks_of(bare("m 1"), Hint)]
    assert found == ["mediacorpus validate DIR 'm 1' --against v", "mediacorpus apply DIR 'm 1'"]


def test_linear_has_four_figures_and_a_gallery_for_each_kind_of_error(full_content):
    model = full_content.models[0]
    assert len(blocks_of(model, Drawing)) == 4
    first, second = (block.gallery for block in blocks_of(model, Images))
    assert first.heading == "Labelled “face”, predicted “other”"
    assert second.heading == "Labelled “other”, predicted “face” (6 of 7 shown)"


def test_curves_of_another_kind_are_a_table():
    model = bare(curves=pd.DataFrame({"tree": [1, 2], "gain": [0.5, 0.25]}))
    table = blocks_of(model, Table)[-1]
    assert list(map(list, table.rows)) == [["1", "0.5"], ["2", "0.25"]]
    assert not blocks_of(model, Drawing)


def test_many_kinds_of_errors_share_one_gallery_most_confident_first(full_content):
    scored = full_content.models[0].evaluation
    thumbs = [
        dataclasses.replace(thumb, predicted=f"class {k}", probability=k / 10)
        for k, thumb in enumerate(scored.mistakes[:8])
    ]
    blocks = evaluation_blocks(dataclasses.replace(scored, mistakes=thumbs))
    (images,) = (block for block in blocks if isinstance(block, Images))
    assert not images.brief
    shown = [thumb.probability for thumb in images.gallery]
    assert shown == sorted(shown, reverse=True)


def test_errors_of_a_rule_are_not_said_to_have_a_probability(full_content):
    scored = full_content.models[0].evaluation
    thumbs = [dataclasses.replace(thumb, probability=None) for thumb in scored.mistakes]
    blocks = evaluation_blocks(dataclasses.replace(scored, mistakes=thumbs))
    assert not any("probability" in block.text for block in blocks if isinstance(block, Text))


def test_warnings_come_first_and_small_samples_are_pointed_out(full_content):
    model = full_content.models[1]
    cautions = [block.text for block in blocks_of(model, Caution)]
    assert cautions[0] == "Trained on 100 images: small sets give unstable classifiers."
    few = made["evaluation"]([[3, 1], [0, 4]], ["a", "b"])
    said = [block.text for block in evaluation_blocks(few) if isinstance(block, Caution)]
    assert said == [
        "Scored on 8 items only. The scores are rough: read the intervals, not the estimates."
    ]


def test_scores_that_are_no_shares_go_to_a_table():
    truth, sure = ["a", "b"] * 20, [[0.9, 0.1], [0.2, 0.8]] * 20
    found = score(read_sample(truth, truth, probabilities=sure), repeats=50)
    scored = Evaluation(made["validation"](found))
    (table,) = (block for block in evaluation_blocks(scored) if isinstance(block, Table))
    rows = dict(table.rows)
    assert rows["Log loss"].startswith("0.16")
    assert "ROC AUC" in rows
    assert "Accuracy" not in rows


def test_no_errors_is_said():
    scored = made["evaluation"]([[20, 0], [0, 30]], ["a", "b"])
    texts = [block.text for block in evaluation_blocks(scored) if isinstance(block, Text)]
    assert "No image was classified wrongly." in texts
    assert "50 right, 0 wrong" in texts[0]


def test_most_frequent_confusions_of_many_classes():
    k = 14
    confusion = np.diag([10] * k)
    confusion[2, 5] = 7
    confusion[1, 0] = 3
    scored = made["evaluation"](confusion.tolist(), [f"c{i}" for i in range(k)])
    tables = [block for block in evaluation_blocks(scored) if isinstance(block, Table)]
    assert list(tables[-1].rows) == [("c2", "c5", "7"), ("c1", "c0", "3")]


def test_predictions_are_sorted_and_add_up():
    frame = pd.DataFrame({"class": ["a", "b"], "items": [10, 30], "records": [20, 30]})
    table = blocks_of(bare(predicted=frame, applied=True), Table)[-1]
    assert list(table.rows) == [
        ("b", "30", "75.0\u00a0%", "30", "60.0\u00a0%"),
        ("a", "10", "25.0\u00a0%", "20", "40.0\u00a0%"),
        ("All", "40", "100\u00a0%", "50", "100\u00a0%"),
    ]
    assert "not corrected" in table.note


def test_long_predictions_are_cut_and_say_so():
    names = [f"c{k}" for k in range(80)]
    frame = pd.DataFrame({"class": names, "items": range(80), "records": range(80)})
    table = blocks_of(bare(predicted=frame, applied=True), Table)[-1]
    assert len(table.rows) == 31
    assert table.note.startswith("The most frequent 30 of 80 classes.")


def test_other_answers_than_classes_are_scored_in_a_sentence():
    found = score_numbers([1.0, 2.0, 4.0], [1.5, 2.0, 3.0])
    scored = Evaluation(made["validation"](found))
    model = bare(evaluation=scored, applied=True)
    (sentence,) = (block.text for block in evaluation_blocks(scored))
    assert sentence.startswith("Scores on 3 items of test: mean absolute error 0.500 (")
    assert not blocks_of(model, Hint)
    assert overview_table([model]).rows == [("m", "v", "linear", "test", "3", "—", "—")]


def test_headline_scores_follow_the_positive_class():
    gold, predicted = ["yes"] * 5 + ["no"] * 5, ["yes"] * 4 + ["no"] * 6
    for positive in (None, "yes"):
        found = score(read_sample(gold, predicted, positive=positive), repeats=50)
        scored = Evaluation(made["validation"](found))
        for name in ("precision", "recall", "f1"):
            own = found.headline(name)
            assert scored.headline(name) == (own.estimate, own.low, own.high)
        assert scored.headline("accuracy")[0] == 0.9


def test_overview_compares_models(full_content):
    rows = overview_table(full_content.models).rows
    assert [row[:5] for row in rows] == [
        ("face-linear", "face", "linear", "test", "100"),
        ("face-finetuned", "face", "finetune", "test", "50"),
    ]
    assert rows[0][5] == "0.89 [0.81, 0.94]"

"""The card of a model: it keeps up with what is found, and runs nothing."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.cli import main
from mediacorpus.errors import UnknownName
from mediacorpus.learning.model import load_model
from mediacorpus.report.model_card import agreement_of, card_text, escaped, limits

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("cards"))


def folder(corpus: mc.Corpus, name: str = "first") -> Path:
    return corpus.folder / "models" / name


def kept(corpus: mc.Corpus, name: str = "first") -> dict[str, Any]:
    return json.loads((folder(corpus, name) / "card.json").read_text("utf-8"))


def test_a_fresh_model_says_what_is_not_known(corpus: mc.Corpus) -> None:
    card = kept(corpus, "idle")
    assert card["scores"] == card["audits"] == []
    assert card["data"]["items"] == 80
    assert card["data"]["sources"] == ["table.csv (table)"]
    assert str(corpus.folder.parent) not in json.dumps(card["data"])
    assert card["labels"]["counts"]["test"] == {"no": 10, "yes": 10}
    assert card["labels"]["coders"] == {"me": 80}
    assert card["agreement"] == {"coders": 1, "items": 0}
    assert card["model"]["hash"] == load_model(folder(corpus, "idle")).card["hash"]
    assert any("not been validated" in sentence for sentence in card["limits"])
    text = (folder(corpus, "idle") / "README.md").read_text("utf-8")
    assert text.startswith("---\nlibrary_name: mediacorpus\n")
    assert "  results: []\n---\n" in text
    assert "agreement is not known" in text


def test_validate_and_audit_bring_it_up_to_date(corpus: mc.Corpus) -> None:
    corpus.validate("first", against="red", part="val")
    assert any("validation part only" in sentence for sentence in kept(corpus)["limits"])
    found = corpus.validate("first", against="red", inclusion_probability="chance")
    corpus.audit("first", against="red", by="region")
    perturbed = corpus.robustness("first", against="red", images=6, progress=False)
    corpus.robustness("first", against="red", images=5, progress=False)
    card = kept(corpus)
    assert [score["part"] for score in card["scores"]] == ["val", "test"]
    accuracy = next(r for r in card["scores"][1]["table"] if r["score"] == "accuracy")
    assert accuracy["estimate"] == found.scores.accuracy.estimate
    assert [audit["kind"] for audit in card["audits"]] == ["groups", "robustness"]
    groups, robustness = card["audits"]
    assert groups["small"] == ["region = north (12)", "region = south (8)"]
    assert (robustness["n"], perturbed.n) == (5, 6)
    assert any("on 20 items only" in sentence for sentence in card["limits"])
    assert any("region = north (12)" in sentence for sentence in card["limits"])
    text = (folder(corpus) / "README.md").read_text("utf-8")
    assert "### Groups by region, against “red”" in text
    assert "Weighted by one over “chance”" in text
    assert f"      value: {accuracy['estimate']:.4f}" in text
    # The model is as whole as before, and what a report shows is there.
    assert load_model(folder(corpus)).card["hash"] == card["model"]["hash"]
    page = corpus.report().read_text("utf-8")
    assert "region = north (12)" in page
    assert "On perturbed images" in page


def test_front_matter_is_yaml(corpus: mc.Corpus) -> None:
    yaml = pytest.importorskip("yaml", reason="not on this machine: PyYAML")
    corpus.validate("first", against="red")
    head = str(corpus.card("first")).split("---\n")[1]
    index = yaml.safe_load(head)["model-index"][0]
    assert index["name"] == "first"
    assert index["results"][-1]["metrics"][0]["type"] == "accuracy"


def test_a_file_edited_by_hand_breaks_nothing(corpus: mc.Corpus) -> None:
    (folder(corpus, "second") / "README.md").write_text("mine", encoding="utf-8")
    corpus.validate("second", against="red")
    assert (folder(corpus, "second") / "README.md").read_text("utf-8").startswith("---")
    load_model(folder(corpus, "second"))


def test_audits_of_a_replaced_model_are_gone(corpus: mc.Corpus) -> None:
    tiny: dict[str, Any] = {"method": "scratch", "arch": "mlp", "batch_size": 8}
    corpus.audit("second", against="red", by="region")
    assert len(kept(corpus, "second")["audits"]) == 1
    corpus.train("red", name="second", replace=True, progress=False, epochs=2, seed=9, **tiny)
    assert kept(corpus, "second")["audits"] == []
    assert kept(corpus, "second")["scores"] == []


@pytest.mark.parametrize("name", ["degree", "several"])
def test_other_targets(corpus: mc.Corpus, name: str) -> None:
    against = {"degree": "redness", "several": "tags"}[name]
    corpus.validate(name, against=against)
    text = str(corpus.card(name))
    wanted = {"degree": "mean absolute error", "several": "| red |"}[name]
    assert wanted in text
    json.dumps(corpus.card(name).to_dict(), allow_nan=False)


def test_the_command(corpus: mc.Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["card", str(corpus.folder), "first", "--json"])
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out)["name"] == "first"
    assert "pre" in corpus.card("first")._repr_html_()
    with pytest.raises(UnknownName, match="frist"):
        corpus.card("frist")


def test_several_coders() -> None:
    values = {"x": "aabbabab", "y": "aabbabbb", "z": "aabb"}
    log = pd.DataFrame(
        [
            {"item": str(n), "variable": "v", "coder": coder, "value": value}
            for coder, said in values.items()
            for n, value in enumerate(said)
        ]
    )
    found = agreement_of(log)
    assert (found["coders"], found["items"]) == (3, 8)
    assert found["percent_agreement"] == pytest.approx(15 / 16)
    assert found["cohens_kappa"] == pytest.approx((0.75 + 1 + 1) / 3)
    assert found["krippendorff_alpha"] < 1
    # Ranks whose order lacks a value, and scales of words, are compared as names.
    assert agreement_of(log, "ordinal", ["a"])["level"] == "nominal"
    assert agreement_of(log, "scale")["level"] == "nominal"


def test_poor_agreement_is_a_limit() -> None:
    facts: dict[str, Any] = {
        "variable": "v",
        "labels": {"counts": {"train": {"a": 40, "b": 50}, "test": {"a": 5, "b": 200}}},
        "agreement": {"coders": 2, "items": 12, "krippendorff_alpha": 0.4},
        "scores": [
            {
                "against": "v",
                "part": "test",
                "n": 205,
                "codes": [
                    {"code": "priors", "text": "By the model's own answers: shares differ."},
                    {"code": "note", "text": "A temperature of the room."},
                ],
            }
        ],
        "audits": [{"kind": "groups", "small": []}],
    }
    assert [sentence[:37] for sentence in limits(facts)] == [
        "It was scored on few examples of 'a' ",
        "By the model's own answers: shares di",
        "Agreement rests on 12 items that seve",
        "Coders agree too little (Krippendorff",
    ]


def test_what_users_typed_is_no_markup(corpus: mc.Corpus) -> None:
    evil = 'x"\n---\n<script>| [a](javascript:b)'
    facts = {**corpus.card("idle").facts, "variable": evil, "name": evil, "limits": [evil]}
    text = card_text(facts)
    assert "<script>" not in text.split("---\n", 2)[2]
    assert text.split("\n---\n")[0].count(json.dumps(evil)) == 1
    assert escaped("[a](b)") == "\\[a\\](b)"

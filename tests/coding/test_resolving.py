"""The rule of a variable: asked for once, kept, and used by all that follows."""

import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import LabelError, ParameterError


@pytest.fixture
def corpus(tmp_path):
    """40 images; each tenth lies in both class folders, so its labels disagree."""
    for k in range(40):
        own = ["ant", "bee"] if k % 10 == 0 else [["ant", "bee"][k % 2]]
        for kind in own:
            path = tmp_path / "pictures" / kind / f"{k:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (k, 5 * k, 7)).save(path)
    with mc.Corpus.create(tmp_path / "corpus") as made:
        made.add(tmp_path / "pictures", variable="kind", progress=False)
        made.import_labels(_second(made), coder="second")
        yield made


def _second(corpus):
    """Label the items in both folders again, by someone else."""
    log = corpus.sql("SELECT item FROM labels GROUP BY item HAVING count(DISTINCT value) > 1")
    return pd.DataFrame({"item": log["item"], "variable": "kind", "value": "ant"})


def test_a_rule_is_kept_and_all_go_by_it(corpus):
    before = corpus.gold("kind", rule="unanimous")
    split = corpus.split("kind")
    assert split.unresolved == 0
    corpus.gold("kind", rule="unanimous", keep=True)
    split = corpus.split("kind")
    assert split.unresolved == 40 - len(before) > 0
    assert corpus.gold("kind").equals(before)
    assert len(corpus.sql("SELECT * FROM gold")) == len(before)
    assert corpus.runs().iloc[-2]["verb"] == "gold"
    corpus.gold("kind", rule="any", positive="bee", keep=True)
    assert corpus.split("kind").unresolved == 0
    assert corpus.gold("kind")["value"].eq("bee").sum() == 20 + 4


def test_looking_at_a_rule_changes_nothing(corpus):
    corpus.gold("kind", rule="unanimous")
    assert corpus.split("kind").unresolved == 0


def test_a_rule_that_cannot_be_kept(corpus):
    with pytest.raises(ParameterError, match="Name the rule"):
        corpus.gold("kind", keep=True)
    with pytest.raises(ParameterError, match="There is no rule 'most'"):
        corpus.gold("kind", rule="most", keep=True)
    with pytest.raises(LabelError, match="needs numbers"):
        corpus.gold("kind", rule="mean", keep=True)
    assert corpus.split("kind").unresolved == 0

"""What every command gives back: words, a table, plain values, HTML; and rows in the catalogue."""

from __future__ import annotations

import dataclasses
import html
import importlib
import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.analysis.overview import overview
from mediacorpus.cli import main
from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.result import Result

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))
NAMES = (
    *("Added", "Measured", "Imported", "Split", "TrainedModel", "Grid", "Validation"),
    *("Scores", "NumberScores", "SeveralScores", "Inclusion", "Comparison", "GroupAudit"),
    *("RobustnessAudit", "LearningCurve", "Explained", "ModelCard", "Overview", "Checkup"),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Every command once, on one corpus: name of the class → what the command gave."""
    folder = tmp_path_factory.mktemp("results")
    corpus = made["make_corpus"](folder)
    quiet: dict[str, Any] = {"progress": False}
    tiny: dict[str, Any] = {"method": "scratch", "arch": "mlp", "epochs": 1, "batch_size": 8}
    table = pd.DataFrame({"item": corpus.items()["item"][:9], "variable": "a<b", "value": "<i>"})
    validation = corpus.validate("first", against="red", inclusion_probability="chance", **quiet)
    given = [
        corpus.add(folder / "pictures" / "000.png", **quiet),
        corpus.measure("embedding", **quiet),
        corpus.import_labels(table, coder="<b>"),
        corpus.split("red", shares="60/20/20", seed=4),
        corpus.train("red", name="new", **tiny, **quiet),
        corpus.grid("red", lr=[0.01, 0.001], epochs=[2], folds=3, **quiet),
        validation,
        validation.scores,
        validation.inclusion,
        corpus.validate("degree", against="redness", **quiet).scores,
        corpus.validate("several", against="tags", **quiet).scores,
        corpus.compare("red", models=["first", "second"], **quiet),
        corpus.audit("first", against="red", by="region", **quiet),
        corpus.robustness("first", against="red", images=6, **quiet),
        corpus.learning_curve("red", repeats=2, **quiet),
        corpus.explain("first", corpus.items()["item"][0], method="neighbors", **quiet),
        corpus.card("first"),
        overview(corpus._store),
        mc.doctor(),
    ]
    corpus.validate("facts:width>=10", against="red", positive="yes", **quiet)
    yield {type(one).__name__: one for one in given} | {"corpus": corpus}
    corpus.close()


@pytest.mark.parametrize("name", NAMES)
def test_each_result_has_the_same_doors(found: dict[str, Any], name: str) -> None:
    one = found[name]
    assert isinstance(one, Result)
    assert isinstance(one.to_frame(), pd.DataFrame)
    assert len(one.to_frame())
    assert not isinstance(one.to_frame().index, pd.MultiIndex)
    content = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert content
    words = str(one)
    assert words.strip()
    text = one._repr_html_()
    shown = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    first = re.findall(r"\w+", words.strip().partition("\n")[0])
    assert set(first) <= set(re.findall(r"\w+", shown)), "the words are not in the HTML"
    assert not set(re.findall(r"</?(\w+)", text)) - ALLOWED
    short = repr(one)
    assert short.startswith(f"{name}: ")
    assert "\n" not in short
    assert len(name) + 3 < len(short) <= 120


ALLOWED = {"p", "pre", "b", "div", "table", "thead", "tbody", "tr", "th", "td", "code", "style"}
ALLOWED |= {"h1", "h2", "h3", "ul", "li"}
LONGEST = 2000
"""Characters that a console may be given, whatever a line of code gives back."""


def kinds(above: type) -> Iterator[type]:
    for kind in above.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_no_result_has_a_repr_of_its_own() -> None:
    """The one of all results is one line; that of a data class would show all its fields."""
    room = Path(mc.__file__).parent
    for path in room.rglob("*.py"):
        if "(Result)" in (text := path.read_text("utf-8")) or "(TableResult)" in text:
            importlib.import_module(".".join(path.with_suffix("").relative_to(room.parent).parts))
    found = [kind for kind in kinds(Result) if kind.__module__.startswith("mediacorpus.")]
    assert len(found) > len(NAMES)
    assert not [kind.__name__ for kind in found if kind.__repr__ is not Result.__repr__]


def test_all_that_a_corpus_gives_back_is_short_in_a_console(
    found: dict[str, Any], tmp_path: Path
) -> None:
    corpus = found["corpus"]
    given = [
        corpus,
        corpus.gallery(most=3),
        corpus.show(most=2),
        corpus.plot("brightness") if "brightness" in corpus.table() else corpus.plot("width"),
        corpus.select(sample=3),
        corpus.export(tmp_path / "table.csv"),
        corpus.report(output=tmp_path / "report.html"),
        mc.MEASURES,
        *mc.MEASURES,
    ]
    for one in given:
        assert len(repr(one)) <= LONGEST
        assert " object at 0x" not in repr(one)
        assert "base64" not in repr(one)
    assert isinstance(given[6], Path)
    assert "<a href=" in given[6]._repr_html_()


def test_a_card_is_read_as_a_page(found: dict[str, Any], tmp_path: Path) -> None:
    card = found["ModelCard"]
    shown = card._repr_html_()
    assert "<h2>Limits</h2>" in shown
    assert "<table>" in shown
    assert "pipeline_tag" not in shown
    corpus = found["corpus"]
    for ending in ("html", "md", "json"):
        corpus.card("first", output=tmp_path / f"card.{ending}")
    assert "<h1>Model card of first</h1>" in (tmp_path / "card.html").read_text("utf-8")
    assert (tmp_path / "card.md").read_text("utf-8").startswith("---")
    assert json.loads((tmp_path / "card.json").read_text("utf-8"))["name"] == "first"
    with pytest.raises(ParameterError, match="ends otherwise"):
        corpus.card("first", output=tmp_path / "card.pdf")


@pytest.mark.parametrize("name", NAMES)
def test_what_users_typed_is_escaped(found: dict[str, Any], name: str) -> None:
    """Every text in a result may come from a user; none of it may be markup."""
    one = dataclasses.replace(found[name])
    evil = "<script>x</script>"
    texts = [f.name for f in dataclasses.fields(one) if type(getattr(one, f.name)) is str]
    for field in texts:
        if field not in {"part", "kind", "aim", "method", "correction", "verb", "shares"}:
            object.__setattr__(one, field, evil)
    for field in ("notes", "warnings"):
        if isinstance(getattr(one, field, None), tuple):
            object.__setattr__(one, field, (evil,))
    assert "<script>" not in one._repr_html_()


def rows(found: dict[str, Any], command: str, **where: Any) -> pd.DataFrame:
    table = found["corpus"].results(command=command)
    for name, value in where.items():
        table = table[table[name].isna() if value is None else table[name] == value]
    return table


def test_what_was_returned_is_what_is_written(found: dict[str, Any]) -> None:
    scores, kept = found["Scores"], rows(found, "validate", subject="first")
    own = kept[~kept["method"].str.startswith("weighted")]
    table = own[["metric", "class", "estimate", "low", "high", "n"]].reset_index(drop=True)
    expected = scores.to_frame().rename(columns={"score": "metric"})
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    assert set(kept["part"]) == {"test"}
    weighted = kept[kept["method"] == "weighted by 1/chance"]
    accuracy = weighted[weighted["metric"] == "accuracy"]["estimate"].item()
    assert accuracy == found["Inclusion"].weighted("accuracy").estimate

    several = rows(found, "validate", subject="several")
    assert several.iloc[0]["metric"] == "exact_match"
    assert set(several["class"]) >= {"", "red", "north"}
    assert set(rows(found, "validate", kind="rule")["subject"]) == {"facts:width>=10"}


def test_comparisons_audits_curves_and_grids_are_rows(found: dict[str, Any]) -> None:
    pair = rows(found, "compare", model="second", metric="log_loss")
    gap = found["Comparison"].differences[0]
    assert pair["estimate"].item() == gap.scores["log_loss"].estimate
    assert rows(found, "compare", model="second", metric="p_corrected")["method"].item() == (
        "McNemar, Holm"
    )
    alone = rows(found, "compare", model=None, metric="accuracy")
    assert alone["subject"].tolist() == ["first", "second"]

    groups = rows(found, "audit", metric="accuracy")
    assert groups["group"].tolist()[1:] == ["north", "south"]
    assert groups["n"].tolist() == [20, 12, 8]
    assert [json.loads(text)[-1]["code"] for text in groups["notes"][1:]] == ["small", "small"]
    table = found["GroupAudit"].scores
    north = table[(table["group"] == "north") & (table["score"] == "accuracy")]
    assert groups["low"].tolist()[1] == north["low"].item()

    perturbed = rows(found, "robustness", group="jpeg 5", metric="accuracy_drop")
    jpeg = next(
        c
        for c in found["RobustnessAudit"].conditions
        if (c.perturbation, c.strength) == ("jpeg", 5)
    )
    assert perturbed[["estimate", "low", "high"]].to_numpy().tolist() == [
        [jpeg.drop.estimate, jpeg.drop.low, jpeg.drop.high]
    ]
    curve = rows(found, "learning_curve", metric="accuracy")
    assert curve["group"].astype(int).tolist() == found["LearningCurve"].sizes.tolist()
    assert np.allclose(curve["estimate"], found["LearningCurve"].to_frame()["accuracy"])

    grid = rows(found, "grid", metric="accuracy")
    assert grid["group"].tolist()[:2] == ["epochs 2, lr 0.01", "epochs 2, lr 0.001"]
    nested = grid.iloc[-1]
    assert (nested["low"], nested["n"]) == (found["Grid"].nested.low, found["Grid"].nested.n)
    assert "nested" in nested["notes"]


def test_results_by_subject_command_and_sql(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = found["corpus"]
    everything = corpus.results()
    assert set(everything["command"]) == {
        *("validate", "audit", "robustness", "compare", "learning_curve", "grid")
    }
    runs = dict(zip(corpus.runs()["run"], corpus.runs()["verb"], strict=True))
    for command, run in set(zip(everything["command"], everything["run"], strict=True)):
        assert runs[run] == ("audit" if command == "robustness" else command)
    both = corpus.results("second")
    assert set(both["subject"]) == {"first", "second"}
    assert corpus.results("new").empty
    pd.testing.assert_frame_equal(corpus.table("results"), everything, check_dtype=False)
    asked = "SELECT max(estimate) AS most FROM results WHERE \"group\" = 'north' AND current"
    assert corpus.sql(asked)["most"].item() == 1
    with pytest.raises(UnknownName, match="Did you mean 'second'"):
        corpus.results("secnd")
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            main(["results", str(corpus.folder), "first", "--command", "learning-curve", *more])
        assert not ended.value.code
        capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["results", str(corpus.folder), "--command", "audit", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert len(printed) == len(rows(found, "audit"))


def test_a_new_split_and_a_new_model_make_results_stale(found: dict[str, Any]) -> None:
    """Comes last: it changes the corpus."""
    corpus: mc.Corpus = found["corpus"]
    assert corpus.results()["current"].all()
    corpus.split("red", shares="50/50", seed=9)
    tiny: dict[str, Any] = {"method": "scratch", "arch": "mlp", "epochs": 1, "batch_size": 8}
    corpus.train("red", name="second", replace=True, progress=False, **tiny)
    table = corpus.results()
    stale = table[~table["current"]]
    assert set(stale["command"]) == {"learning_curve", "grid", "compare"}
    assert set(stale[stale["command"] == "compare"]["metric"]) >= {"accuracy", "p_corrected"}
    alone = table[(table["command"] == "compare") & table["model"].isna()]
    assert alone.groupby("subject")["current"].all().to_dict() == {"first": True, "second": False}

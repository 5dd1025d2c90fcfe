"""One label of one item, typed in by hand."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from mediacorpus import Corpus
from mediacorpus.errors import LabelError, ParameterError, UnknownName


@pytest.fixture
def corpus(tmp_path):
    for number in range(6):
        path = tmp_path / "insects" / ("ants" if number < 3 else "bees") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (40 * number, 0, 0)).save(path)
    with Corpus.create(tmp_path / "corpus") as made:
        made.add(tmp_path / "insects", variable="insect")
        yield made


def gold(corpus):
    frame = corpus.gold("insect")
    return dict(zip(frame["item"], frame["value"], strict=True))


def test_a_label_is_added_and_the_log_stays(corpus):
    before = len(corpus.table("labels"))
    done = corpus.set_label("0.png", "insect", "bees", coder="folder")
    assert (done.labels, done.before, done.gold) == (1, "ants", "bees")
    assert Path(done.file).name == "0.png"
    assert str(done).endswith(
        "0.png: insect = bees, says folder (before: ants). The gold value is bees."
    )
    assert len(corpus.table("labels")) == before + 1
    assert gold(corpus)[done.item] == "bees"
    assert corpus.runs()["verb"].tolist()[-1] == "labels set"
    again = corpus.set_label(done.item[:8], "insect", "bees", coder="folder")
    assert (again.labels, "says folder already" in str(again)) == (0, True)


def test_another_coder_who_disagrees_is_said(corpus):
    done = corpus.set_label("0.png", "insect", "bees", coder="me")
    assert (done.others, done.gold) == ({"folder": "ants"}, None)
    assert "a tie between ants and bees" in str(done)
    taken = corpus.set_label("0.png", "insect", "", coder="me")
    assert (taken.before, taken.gold) == ("bees", "ants")
    assert "me takes back what was said of insect" in str(taken)
    with pytest.raises(LabelError, match="no label of insect by you"):
        corpus.set_label("0.png", "insect", "", coder="you")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("9.png", "insect", "ants"), "no item '9.png'"),
        (("0.png", "insct", "ants"), "Did you mean 'insect'.*--new-value"),
        (("0.png", "insect", "ant"), "no value of insect 'ant'. Did you mean 'ants'.*--new-value"),
        (("0.png", "insect", "ants|wasps"), "'wasps'"),
    ],
)
def test_what_is_not_known_is_refused(corpus, given, message):
    before = len(corpus.table("labels"))
    with pytest.raises(UnknownName, match=message):
        corpus.set_label(*given, coder="me")
    assert len(corpus.table("labels")) == before


def test_new_values_and_variables_are_asked_for(corpus):
    corpus.set_label("0.png", "insect", "wasps", coder="me", new_value=True)
    corpus.set_label("1.png", "insect", "wasps", coder="me")
    done = corpus.set_label("1.png", "blurred", "yes", coder="me", new_value=True)
    assert done.gold == "yes"
    for coder, variable in (("", "insect"), ("me", " ")):
        with pytest.raises(ParameterError, match="--coder anna"):
            corpus.set_label("0.png", variable, "ants", coder=coder)


def test_values_are_written_as_the_log_has_them(corpus):
    corpus.set_label("0.png", "size", "1", coder="me", new_value=True)
    assert corpus.set_label("1.png", "size", "1.0", coder="me").value == "1"
    assert corpus.set_label("2.png", "insect", " bees ", coder="me").value == "bees"
    corpus.map_labels("insect", "bees=bee")
    assert corpus.set_label("2.png", "insect", "bees", coder="me").value == "bee"


def test_adding_and_updating_again_keep_what_was_corrected(corpus, tmp_path):
    table = tmp_path / "labels.csv"
    items = corpus.items()["item"].tolist()
    pd.DataFrame({"item": items, "variable": "sharp", "value": "yes"}).to_csv(table, index=False)
    corpus.import_labels(table, coder="anna")
    corpus.set_label("0.png", "sharp", "no", coder="anna", new_value=True)
    corpus.set_label("0.png", "insect", "bees", coder="folder")
    count = len(corpus.table("labels"))
    corpus.add(tmp_path / "insects", variable="insect")
    corpus.update()
    assert len(corpus.table("labels")) == count
    assert corpus.gold("sharp").set_index("item")["value"].to_dict()[items[0]] == "no"
    table.write_text(table.read_text().replace(f"{items[1]},sharp,yes", f"{items[1]},sharp,no"))
    corpus.update()  # what the table says anew counts
    assert len(corpus.table("labels")) == count + 1


def test_the_line_of_a_script(corpus):
    from mediacorpus.analysis.script import python_script

    corpus.set_label("0.png", "insect", "bees", coder="me")
    assert "corpus.set_label('0.png', 'insect', 'bees', coder='me')" in python_script(corpus._store)

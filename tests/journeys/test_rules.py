"""Rules that count, compare and combine: in Python, on the command line and in the report."""

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.cli import main
from mediacorpus.engine.contract import MEASURES, measure
from mediacorpus.errors import LabelError, ParameterError, UnknownName
from mediacorpus.records import Info, Region, Shape

RULE = "t_spots >= 2 and not (color:red_share>=0.2 or facts:format=GIF)"


def spots(batch):
    """Give a region for each bright quarter of an image; the score is its brightness."""
    found = []
    for pixels in batch.pixels:
        rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
        quarters = [(x, y) for y in (0, 1) for x in (0, 1)]
        levels = [
            pixels[y * rows : (y + 1) * rows, x * columns : (x + 1) * columns].mean() / 255
            for x, y in quarters
        ]
        found.append(
            [
                Region("spot", float(level), x / 2, y / 2, 0.5, 0.5)
                for (x, y), level in zip(quarters, levels, strict=True)
                if level > 0.3
            ]
        )
    return found


@pytest.fixture
def corpus(tmp_path):
    """A corpus of 24 images, of which those with several spots, not red and no GIF, are good."""
    info = Info("t_spots", "1", "Spots.", "MIT", shape=Shape.REGION, min_side=None)
    measure(info)(spots)
    folder, rows = tmp_path / "images", []
    folder.mkdir()
    for n in range(24):
        count, red, gif = n % 4, n % 3 == 0, n % 5 == 0
        pixels = np.full((40, 40, 3), (200, 0, 0) if red else (20, 20, 20), np.uint8)
        pixels[20, 20] = n
        for k in range(count):
            pixels[20 * (k // 2) :, :][:20, 20 * (k % 2) :][:, :20] = 255 - n
        path = folder / f"{n:02}.{'gif' if gif else 'png'}"
        Image.fromarray(pixels).save(path)
        # Dark red has a brightness of 0.26, so it is no spot; some labels are wrong on purpose.
        good = count >= 2 and not red and not gif
        value = "yes" if good != (n == 7) else "no"
        rows.append({"file": path.name, "variable": "good", "value": value})
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(folder, progress=False)
        corpus.import_labels(pd.DataFrame(rows))
        yield corpus
    MEASURES.remove("t_spots")


def test_in_python_and_in_the_report(corpus):
    found = corpus.validate(RULE, against="good", progress=False)
    assert found.subject == "t_spots>=2 and not (color:red_share>=0.2 or facts:format=GIF)"
    assert (found.scores.n, found.missing) == (24, 0)
    assert np.diag(found.scores.confusion).sum() == 23
    alone = corpus.validate("t_spots:spot>=0.5 >= 2", against="good", progress=False)
    assert np.diag(alone.scores.confusion).sum() < 23
    page = corpus.report().read_text("utf-8")
    assert "t_spots&gt;=2 and not (color:red_share&gt;=0.2 or facts:format=GIF)" in page
    assert "t_spots:spot&gt;=0.5 &gt;= 2" in page


def test_the_report_forgets_a_rule_over_tables_that_show_something_else_now(corpus):
    corpus.validate("t_spots>=2 and color:red_share<0.3", against="good", progress=False)
    corpus.validate("t_spots>=3", against="good", progress=False)
    with sqlite3.connect(corpus.folder / "corpus.db") as database:
        other = database.execute(
            "INSERT INTO setups (name, version, parameters, info, used) SELECT name, '0', "
            "parameters, info, (SELECT max(used) + 1 FROM setups) FROM setups WHERE name = 'color'"
        ).lastrowid
    assert other
    page = corpus.report().read_text("utf-8")
    assert "t_spots&gt;=3" in page
    assert "t_spots&gt;=2" not in page


def test_on_the_command_line(corpus, capsys):
    def told(rule, *more):
        with pytest.raises(SystemExit) as end:
            main(["validate", str(corpus.folder), rule, "--against", "good", *more])
        return end.value.code, capsys.readouterr()

    code, said = told(RULE, "--json")
    assert (code, json.loads(said.out)["subject"][:20]) == (0, "t_spots>=2 and not (")
    code, said = told("t_spots >= two")
    assert code == 1
    assert "is not understood at character 12 ('two')" in " ".join(said.err.split())


def test_what_does_not_exist(corpus):
    with pytest.raises(UnknownName, match=r"measure or column 't_spot'.*t_spots"):
        corpus.validate("t_spot >= 2 or color:red_share>0", against="good", progress=False)
    with pytest.raises(ParameterError, match="character 17 of the rule"):
        corpus.validate("t_spots >= 2 or color:redshar>0", against="good", progress=False)
    with pytest.raises(LabelError, match="measured by facts and t_spots"):
        corpus.validate("facts:dpi>0 and t_spots>=0", against="good", progress=False)

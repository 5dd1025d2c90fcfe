"""`train --watch`, the lines of the epochs, and `split --cluster --balanced`."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image


@pytest.fixture
def corpus(tmp_path, told):
    rng, rows = np.random.default_rng(1), []
    (tmp_path / "pictures").mkdir()
    for k in range(24):
        pixels = rng.integers(0, 120, (16, 16, 3), dtype=np.uint8)
        pixels[..., 0] += np.uint8(100 if k % 3 else 0)
        path = tmp_path / "pictures" / f"{k:02}.png"
        Image.fromarray(pixels).save(path)
        rows.append({"file": path, "author": k // 4, "red": "yes" if k % 3 else "no"})
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    folder = tmp_path / "corpus"
    told("create", folder)
    told("add", folder, tmp_path / "rows.csv", "--path-column", "file", "--variable", "red", "-q")
    return folder


def test_split_by_a_column_and_balanced(corpus, told):
    said = told(
        "split", corpus, "red", "--cluster", "author", "--balanced", "--shares", "75/25"
    ).out
    assert "No group of author is parted (6 groups" in said
    assert "were left out at random" in said
    drawn = json.loads(told("split", corpus, "red", "--cluster", "author", "--json").out)
    assert set(drawn["parts"].values()) == {"train", "val"}
    assert drawn["left_out"] == []
    said = told("split", corpus, "red", "--cluster", "nothing", code=1).err
    assert said.startswith("Error: No record has a column 'nothing'.")


@pytest.mark.filterwarnings("default::mediacorpus.errors.FormerName")
@pytest.mark.parametrize("written", [["--by", "author"], ["--by=author"]])
def test_the_former_name_of_an_option_works_and_is_not_kept(corpus, told, written):
    ended = told("split", corpus, "red", *written)
    assert ended.err.startswith("The option 'by' is now called 'cluster'.")
    assert "No group of author is parted (6 groups" in ended.out
    assert "--cluster author" in told("runs", corpus, "--as-script").out
    assert "--by" not in told("split", "--help").out


def test_watch_a_training(corpus, told, monkeypatch):
    pytest.importorskip("torch")
    told("split", corpus, "red")
    options = ["--method", "scratch", "--arch", "mlp", "--epochs", 2]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    said = told("train", corpus, "red", "--name", "m", *options, "--watch")
    page = corpus / "reports" / "live-m.html"
    assert said.err.startswith(f"Open in a browser to watch: {page}\n")
    assert "epoch 1/2  train loss" in said.err
    assert "epoch 2/2  train loss" in said.err
    text = page.read_text("utf-8")
    assert "Training is done after 2 epochs." in text
    assert "refresh" not in text

    # The model is there already, so no epoch is trained, and the page shows what it has.
    said = told("train", corpus, "red", "--name", "m", *options, "--watch", "--json")
    assert said.err == f"Open in a browser to watch: {page}\n"
    assert json.loads(said.out)
    assert page.read_text("utf-8") == text

    said = told("train", corpus, "red", "--name", "silent", *options, "--quiet")
    assert said.err == ""
    assert [path.name for path in page.parent.iterdir()] == ["live-m.html"]


def test_a_training_that_cannot_be_ends_its_page(corpus, told):
    options = ["--method", "scratch", "--arch", "mlp", "--watch"]
    said = told("train", corpus, "red", "--name", "../m", *options, code=1)
    assert "cannot be named" in said.err
    assert not list(corpus.rglob("*.html"))

    told("train", corpus, "none", "--name", "n", *options, code=1)
    text = (corpus / "reports" / "live-n.html").read_text("utf-8")
    assert "Training stopped" in text
    assert "refresh" not in text

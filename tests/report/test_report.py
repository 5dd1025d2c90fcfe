"""The report of a corpus: what it may tell of the machine that it was made on."""

import runpy
import shutil
from pathlib import Path

import pandas as pd

from mediacorpus import Corpus

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))


def test_a_report_names_no_path_of_the_machine(tmp_path, save):
    folder = tmp_path / "photographs"
    for n in range(4):
        save(folder / "a" / f"{n}.png", n)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (folder / "notes.txt").write_text("no image")
    table = tmp_path / "posts.csv"
    files = [str(save(tmp_path / "elsewhere" / f"{n}.png", n)) for n in (7, 8)]
    pd.DataFrame({"file": files}).to_csv(table, index=False)
    with Corpus.create(tmp_path / "my corpus") as corpus:
        corpus.add(folder, progress=False)
        corpus.add(table, progress=False)
        page = corpus.report().read_text("utf-8")
        numbers = (corpus.folder / "reports" / "results.json").read_text("utf-8")
    assert str(tmp_path.parent) not in page + numbers
    assert "photographs; posts.csv" in page
    for name in ("photographs/broken.jpg", "photographs/notes.txt", "a/0.png", "7.png"):
        assert name in page
    assert "mediacorpus labels import &#39;my corpus&#39; labels.csv" in page


def test_a_model_whose_folder_is_gone_is_told_without_its_path(tmp_path):
    with made["make_corpus"](tmp_path) as corpus:
        shutil.rmtree(corpus.folder / "models" / "idle")
        page = corpus.report().read_text("utf-8")
    assert "corpus/models/idle" in page
    assert str(tmp_path) not in page


def test_a_report_without_images(tmp_path, save):
    save(tmp_path / "pictures" / "a.png")
    with Corpus.create(tmp_path / "c") as corpus:
        corpus.add(tmp_path / "pictures", progress=False)
        corpus.measure("quality", "color", progress=False)
        whole, bare = corpus.report(), corpus.report(images=False)
    assert bare.name == "report-no-images.html"
    assert f'<a href="{whole.resolve().as_uri()}"' in whole._repr_html_()
    assert isinstance(whole, Path)
    assert "data:image" in whole.read_text(encoding="utf-8")
    assert "data:image" not in bare.read_text(encoding="utf-8")

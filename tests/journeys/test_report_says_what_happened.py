"""The report and the runs say what was done, whatever that was."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc


def images(folder: Path, *parts: str, count: int = 8) -> Path:
    rng = np.random.default_rng(1)
    for part in parts or ("",):
        for n in range(count):
            name = "red" if n % 2 else "blue"
            path = folder / part / name / f"{n:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 90, (40, 60, 3), dtype=np.uint8)
            pixels[..., 0 if n % 2 else 2] += 120
            Image.fromarray(pixels).save(path)
    return folder


def corpus_of(source: Path, folder: Path) -> mc.Corpus:
    corpus = mc.Corpus.create(folder / "corpus")
    corpus.add(source, variable="tone", progress=False)
    return corpus


def page(corpus: mc.Corpus) -> str:
    return corpus.report().read_text("utf-8")


def test_parts_from_folders_are_not_called_random(tmp_path):
    given = page(corpus_of(images(tmp_path / "i", "train", "val"), tmp_path))
    assert "at random" not in given
    assert "by the names of its folders" in given


def test_parts_that_were_drawn_are_called_random(tmp_path):
    corpus = corpus_of(images(tmp_path / "i"), tmp_path)
    corpus.split("tone", shares="50/50", seed=7)
    drawn = page(corpus)
    assert "divided at random" in drawn
    assert "seed 7" in drawn
    assert "by the names of its folders" not in drawn


def test_only_settings_that_were_used_are_said(tmp_path):
    corpus = corpus_of(images(tmp_path / "i", count=16), tmp_path)
    corpus.split("tone", shares="50/50", seed=1)
    corpus.measure("color", progress=False)
    corpus.train(
        "tone", name="near", method="shallow", model="knn", features="color", progress=False
    )
    shown = page(corpus)
    for word in ("backbone =", "weights =", "pretrained", "class_weights ="):
        assert word not in shown
    assert "knn" in shown
    settings = corpus.card("near").facts["settings"]
    assert {"backbone", "weights", "lr"}.isdisjoint(settings)


def test_superseded_labels_are_not_counted_by_source(tmp_path):
    corpus = corpus_of(images(tmp_path / "i"), tmp_path)
    items = corpus.items()["item"].tolist()
    for value in ("good", "bad", "good"):
        corpus.import_labels(
            pd.DataFrame({"item": items[:4], "variable": "mood", "value": value, "coder": "ada"})
        )
    shown = page(corpus)
    assert "Labels by source: ada (4)" in shown
    assert "8 earlier labels that coders have changed since are not counted" in shown


def test_skipped_files_are_told_apart_from_failures(tmp_path):
    source = images(tmp_path / "i")
    (source / "notes.docx").write_text("no image")
    (source / "data.xyz").write_text("no image")
    corpus = corpus_of(source, tmp_path)
    shown = page(corpus)
    results = json.loads((corpus.folder / "reports" / "results.json").read_text())
    skipped = corpus.failures()
    assert set(skipped["stage"]) <= {"skipped"}
    assert (results["failures"], results["skipped"]) == (0, len(skipped))
    assert "No file failed." in shown
    assert shown.count("notes.docx") == (skipped["path"].str.contains("notes.docx").sum())
    (source / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    corpus.add(source, variable="tone", progress=False)
    shown = page(corpus)
    assert "No file failed." not in shown
    assert "These files could not be read or measured." in shown


def test_a_report_keeps_its_images_when_the_originals_are_away(tmp_path):
    source = images(tmp_path / "i")
    corpus = corpus_of(source, tmp_path)
    before = page(corpus).count("data:image/jpeg")
    assert before == 8
    shutil.move(source, tmp_path / "away")
    assert page(corpus).count("data:image/jpeg") == before
    shutil.rmtree(corpus.folder / "thumbnails")
    with pytest.warns(UserWarning, match="8 images could not be shown"):
        without = page(corpus)
    assert without.count("data:image/jpeg") == 0
    assert "8 images could not be shown" in without
    shutil.move(tmp_path / "away", source)
    assert page(corpus).count("data:image/jpeg") == before


def test_a_thumbnail_that_was_cut_off_is_made_again(tmp_path):
    corpus = corpus_of(images(tmp_path / "i"), tmp_path)
    page(corpus)
    for path in (corpus.folder / "thumbnails").rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:100])
    assert page(corpus).count("data:image/jpeg") == 8
    assert all(
        path.read_bytes().endswith(b"\xff\xd9")
        for path in (corpus.folder / "thumbnails").rglob("*.jpg")
    )


def test_runs_are_opened_before_the_work(tmp_path, monkeypatch):
    corpus = corpus_of(images(tmp_path / "i", count=16), tmp_path)
    items = corpus.items()["item"].tolist()
    corpus.measure("color", progress=False)
    corpus.split("tone", shares="50/50", seed=1)
    shallow = {"method": "shallow", "features": "color", "progress": False}
    for name in ("knn", "naive_bayes"):
        corpus.train("tone", name=name, model=name, **shallow)
        corpus.apply(name, progress=False)
    labels = pd.DataFrame({"item": items, "variable": "mood", "value": "good"})

    from mediacorpus.coding import splitting
    from mediacorpus.report import report as reporting
    from mediacorpus.store import finding
    from mediacorpus.validation import compare, subgroups, validate

    slow = {
        "validate": (validate, "predictions_of", lambda: corpus.validate("knn", against="tone")),
        "audit": (
            subgroups,
            "predictions_of",
            lambda: corpus.audit("knn", against="tone", by="tone", progress=False),
        ),
        "compare": (compare, "answers_of", lambda: corpus.compare("tone", progress=False)),
        "split": (splitting, "gold_labels", lambda: corpus.split("tone", shares="50/50")),
        "labels import": (finding, "chunks", lambda: corpus.import_labels(labels)),
        "report": (reporting, "collect", corpus.report),
    }
    for name, (module, function, command) in slow.items():
        real = getattr(module, function)

        def waiting(*given, real=real, **more):
            time.sleep(0.2)
            return real(*given, **more)

        with monkeypatch.context() as patch:
            patch.setattr(module, function, waiting)
            command()
        run = corpus.runs().iloc[-1]
        assert (run["verb"], run["status"]) == (name, "done")
        taken = pd.Timestamp(run["ended"]) - pd.Timestamp(run["started"])
        assert taken.total_seconds() >= 0.2, name

        def broken(*given, **more):
            raise ZeroDivisionError("made by the test")

        with monkeypatch.context() as patch:
            patch.setattr(module, function, broken)
            with pytest.raises(ZeroDivisionError):
                command()
        run = corpus.runs().iloc[-1]
        assert (run["verb"], run["status"]) == (name, "failed")
        assert "made by the test" in run["note"]


def test_a_run_names_the_commit_of_a_checkout(tmp_path):
    import subprocess

    root = Path(mc.__file__).parents[2]
    corpus = corpus_of(images(tmp_path / "i"), tmp_path)
    machine = json.loads(corpus.runs().iloc[0]["machine"])
    if not (root / ".git").exists():
        assert "commit" not in machine
        return
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root), "rev-parse", "HEAD"]
    head = subprocess.run(git, capture_output=True, text=True, check=True)
    assert machine["commit"] == head.stdout.strip()

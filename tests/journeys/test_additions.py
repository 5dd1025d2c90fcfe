"""What an addition costs: one file each for a measure of any shape, with all that follows."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.testing import check_measure

MARKS = '''
"""Find bright squares, with their corners."""

import cv2
import numpy as np
from mediacorpus import Info, Region, Shape, measure

INFO = Info(
    name="marks", version="1", summary="Bright squares and their upper left corners.",
    licence="MIT", shape=Shape.REGION, outputs={"corner": "float32[2]"}, min_side=64,
)

@measure(INFO)
def marks(batch):
    return [_found(pixels) for pixels in batch.pixels]

def _found(pixels):
    height, width = pixels.shape[:2]
    bright = (pixels.min(axis=2) > 200).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
    boxes = sorted(stats[1:].tolist(), key=lambda box: (-box[4], box[0], box[1]))
    return [
        Region("mark", min(1.0, n / (height * width)), x / width, y / height, w / width,
               h / height, {"corner": [x / width, y / height]})
        for x, y, w, h, n in boxes
    ]
'''

SAID = '''
"""Say what is seen, a word for each third of the image, with times."""

from mediacorpus import Info, Shape, Text, measure

INFO = Info(
    name="said", version="1", summary="Dark or light, from left to right.",
    licence="MIT", shape=Shape.TEXT, outputs={"level": "float64"}, min_side=64,
)

@measure(INFO)
def said(batch):
    return [_spans(pixels) for pixels in batch.pixels]

def _spans(pixels):
    levels = [float(p.mean()) if p.size else 0.0 for p in (pixels[:, i::3] for i in range(3))]
    return [
        Text("light" if level > 127 else "dark", float(i), i + 1.0, language="en", speaker="A",
             more={"level": level})
        for i, level in enumerate(levels)
    ]
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a module of one file and import it."""

    def load(name: str, text: str) -> None:
        (tmp_path / "plugins").mkdir(exist_ok=True)
        (tmp_path / "plugins" / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path / "plugins")
        __import__(name)

    yield load
    for name in ("marks", "said"):
        mc.MEASURES.remove(name)
        sys.modules.pop(f"plugin_{name}", None)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for n in range(4):
        pixels = np.full((120, 160, 3), 20 + n, np.uint8)
        for k in range(n):
            pixels[40:80, 10 + 50 * k : 40 + 50 * k] = (255, 230 - 10 * k, 210)
        Image.fromarray(pixels).save(folder / f"{n}.png")
    return folder


def test_regions_with_landmarks_become_items_that_are_measured_and_labelled(
    plugin, images, tmp_path
):
    plugin("plugin_marks", MARKS)
    check_measure(mc.MEASURES.info("marks"), mc.MEASURES.get("marks"))
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(images, progress=False)
        corpus.measure("marks", "color", progress=False)
        found = corpus.table("marks")
        assert len(found) == 1 + 2 + 3
        assert all(len(corner) == 2 for corner in found["corner"])
        assert corpus.table("tidy").sort_values("path")["marks_count"].tolist() == [0, 1, 2, 3]

        items = corpus.items().set_index("item")
        regions = items.loc[found["region"]]
        assert (regions["kind"] == "region").all()
        assert regions["parent"].tolist() == found["item"].tolist()
        assert (regions[["width", "height"]] == [30, 40]).all(axis=None)

        # What was added is measured as before; the regions are measured where they are asked for.
        assert len(corpus.table("color")) == 4
        assert corpus.measure("color", progress=False).items == 0
        measured = corpus.measure("embedding", "facts", of="marks", progress=False)
        assert (measured.items, measured.failed) == (6, 0)
        assert corpus.measure("embedding", of="marks", progress=False).items == 0
        rows = corpus.sql(
            "SELECT m.item, m.region, e.vector FROM marks AS m JOIN embedding AS e "
            "ON e.item = m.region"
        )
        assert len(rows) == 6
        tones = pd.DataFrame({"item": rows["region"], "variable": "tone", "value": "light"})
        assert corpus.import_labels(tones).labels == 6


def test_a_region_is_decoded_as_it_was_found(plugin, images, tmp_path):
    plugin("plugin_marks", MARKS)
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(images, progress=False)
        corpus.measure("marks", progress=False)
        corpus.measure("color", of="marks", progress=False)
        reds = corpus.sql("SELECT red_mean FROM color JOIN marks ON color.item = marks.region")[
            "red_mean"
        ]
        assert reds.tolist() == pytest.approx([1.0] * 6)


def test_of_what_found_nothing_is_refused(plugin, images, tmp_path):
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(images, progress=False)
        with pytest.raises(mc.errors.UnknownName, match="faces"):
            corpus.measure("facts", of="faces", progress=False)


def test_text_comes_in_spans_with_times(plugin, images, tmp_path):
    plugin("plugin_said", SAID)
    check_measure(mc.MEASURES.info("said"), mc.MEASURES.get("said"))
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(images, progress=False)
        corpus.measure("said", progress=False)
        rows = corpus.table("said")
        assert len(rows) == 12
        assert rows["start"].tolist() == [0.0, 1.0, 2.0] * 4
        assert rows["stop"].tolist() == [1.0, 2.0, 3.0] * 4
        assert set(rows["speaker"]) == {"A"}
        assert corpus.table("tidy")["said"].tolist() == ["dark dark dark"] * 4

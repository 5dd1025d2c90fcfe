"""The sheet of explanations."""

from __future__ import annotations

import numpy as np
import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.report import explain_sheet
from mediacorpus.report.explain_sheet import explanation_sheet, mean_map_sheet, overlay
from mediacorpus.validation.explain import Explanation, Neighbor

YELLOW, DARK = (253, 231, 37), (68, 1, 84)


def _row(item: str, neighbors: int = 2) -> Explanation:
    view = np.full((64, 64, 3), 200, np.uint8)
    heat = np.zeros((64, 64), np.float32)
    heat[:16, :16] = 1 / 256
    near = tuple(Neighbor(f"n{k}", "husky", 0.9) for k in range(neighbors))
    return Explanation(item, view, "wolf", "husky", 0.8, heat, near)


def test_heat_is_yellow_where_it_is_most():
    found = overlay(np.zeros((2, 2, 3), np.uint8), np.array([[5.0, 0], [0, 0]]))
    assert found[0, 0].tolist() == pytest.approx([0.55 * c for c in YELLOW], abs=1)
    assert found[1, 1].tolist() == pytest.approx([0.55 * c for c in DARK], abs=1)
    assert (overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2))) == found[1, 1]).all()


def test_the_sheet_has_a_row_for_each_image():
    green = np.zeros((40, 40, 3), np.uint8)
    green[..., 1] = 255
    rows = [_row("a"), _row("b", 1)]
    alone = explanation_sheet(rows, side=64)
    whole = explanation_sheet(rows, neighbor=lambda near: green, side=64)
    assert whole.shape[1] > alone.shape[1]
    greens = (whole == (0, 255, 0)).all(axis=2).sum()
    assert greens == pytest.approx(3 * 64 * 64, rel=0.05)
    missing = explanation_sheet(rows, neighbor=lambda near: None, side=64)
    assert missing.shape[1] == whole.shape[1]
    assert not (missing == (0, 255, 0)).all(axis=2).any()


def test_mean_maps_share_one_scale():
    corner = np.zeros((3, 32, 32))
    corner[:, :8, :8] = 1 / 64
    found = mean_map_sheet({"husky": corner, "wolf": np.full((3, 32, 32), 1 / 1024)}, side=32)
    assert (found == YELLOW).all(axis=2).sum() == 64
    with pytest.raises(ParameterError, match="no maps"):
        mean_map_sheet({"husky": corner[:0]})


def test_nothing_to_explain_is_refused():
    with pytest.raises(ParameterError, match="nothing to explain"):
        explanation_sheet([])
    with pytest.raises(ParameterError, match="shape"):
        overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((3, 3)))


def test_rows_have_names_and_columns_heads(monkeypatch):
    said = {}

    def laid_out(tiles, **words):
        said.update(words, captions=[one and one[0] for one in tiles])
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr(explain_sheet, "sheet", laid_out)
    green = np.zeros((40, 40, 3), np.uint8)
    names = {"a": "in/wolf.jpg", "n0": "in/husky.jpg"}
    rows = [_row("a"), _row("b", 1)]
    explanation_sheet(rows, neighbor=lambda near: green, names=names, title="What m looks at")
    assert said["rows"] == [
        f"{name}: labelled wolf, predicted husky (0.80), wrong" for name in ("wolf.jpg", "b")
    ]
    nearest = ["nearest training image", "2nd nearest"]
    assert said["heads"] == ["image", "where the model looks", *nearest]
    assert said["captions"][2:4] == [
        "husky.jpg, husky, similarity 0.90",
        "n1, husky, similarity 0.90",
    ]
    assert said["captions"][-1] is None
    assert "yellow" in said["note"]
    assert said["ramp"] is not None


def test_the_title_of_a_narrow_sheet_is_whole():
    corner = np.full((3, 32, 32), 1 / 64)
    short = mean_map_sheet({"wolf": corner}, title="Where")
    long = mean_map_sheet({"wolf": corner}, title="Where a model of a long name looks on average")
    assert long.shape[0] > short.shape[0]
    assert long.shape[1] == short.shape[1]

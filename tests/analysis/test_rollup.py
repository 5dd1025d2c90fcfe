"""Measures of frames summed up: every number is worked out by hand below."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import mediacorpus as mc
from mediacorpus.engine.contract import MEASURES, measure
from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.records import Info, Kind, Region, Shape, Shot, Tag
from mediacorpus.store import derived

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
film, scans = made["film"], made["scans"]
LEVELS = (20, 60, 100, 140, 180, 220)
"""Grays of the film's seconds; `level` below says which one a frame shows, 0 to 5."""


def levels(batch):
    return [round((float(p.mean()) - 20) / 40) for p in batch.pixels]


def _scalar(batch):
    return [{"light": n * 10.0, "step": n, "bright": n >= 3, "word": str(n)} for n in levels(batch)]


def _tags(batch):
    """`day` with score n/10 on each frame but the first; `night` on the first two."""
    return [
        ([Tag("day", n / 10)] if n else []) + ([Tag("night", 0.8)] if n < 2 else [])
        for n in levels(batch)
    ]


def _regions(batch):
    """As many faces as the level says, the first with score 0.9, the others 0.4."""
    return [
        [Region("face", 0.9 if k == 0 else 0.4, 0.1, 0.1, 0.2, 0.2) for k in range(n)]
        for n in levels(batch)
    ]


def _vector(batch):
    return [np.array([n, 2 * n, 1], np.float32) for n in levels(batch)]


def _text(batch):
    return [f"said {n}" for n in levels(batch)]


KINDS = {
    "t_scalar": (
        Shape.SCALAR,
        _scalar,
        {"light": "float64", "step": "int64", "bright": "bool", "word": "string"},
    ),
    "t_tags": (Shape.TAG, _tags, {}),
    "t_regions": (Shape.REGION, _regions, {}),
    "t_vector": (Shape.VECTOR, _vector, {"vector": "3"}),
    "t_text": (Shape.TEXT, _text, {}),
}


@pytest.fixture(scope="module")
def registered():
    for name, (shape, function, outputs) in KINDS.items():
        measure(Info(name, "1", "One line.", "MIT", shape=shape, outputs=outputs))(function)
    yield list(KINDS)
    for name in KINDS:
        MEASURES.remove(name)


@pytest.fixture(scope="module")
def clip(tmp_path_factory, registered):
    """One film of six seconds in two shots (4 and 2 seconds), a second one of one second."""
    folder = tmp_path_factory.mktemp("clip")
    film(folder / "films" / "a.mp4", np.repeat(LEVELS, 25))
    film(folder / "films" / "b.mp4", [220] * 10)
    with mc.Corpus.create(folder / "corpus") as corpus:
        corpus.add(folder / "films", frames="every=1s", progress=False)
        (video,) = [
            row[0]
            for row in corpus._store.rows("SELECT item FROM records WHERE path LIKE '%a.mp4'")
        ]
        shots = [Shot(1, 0, 99, 0.0, 4.0), Shot(2, 100, 149, 4.0, 6.0)]
        derived.write_shots(corpus._store, video, shots, run=1)
        corpus.measure(*registered, progress=False)
        yield corpus, video


def rows(frame, item):
    return frame[frame["item"] == item].reset_index(drop=True)


def test_numbers_and_truth_values_of_a_video(clip):
    corpus, video = clip
    found = corpus.table("t_scalar", by="video")
    assert len(found) == 2
    (row,) = rows(found, video).to_dict("records")
    assert row["frames"] == 6
    assert (row["light_mean"], row["light_max"]) == (25.0, 50.0)
    assert (row["step_mean"], row["step_max"]) == (2.5, 5)
    assert (row["bright_share"], row["bright_first_seen"]) == (0.5, 3.0)
    assert not [name for name in found.columns if name.startswith("word")]
    other = found[found["item"] != video].iloc[0]
    assert (other["frames"], other["light_mean"], other["bright_first_seen"]) == (1, 50.0, 0.0)


def test_numbers_of_shots(clip):
    corpus, video = clip
    found = corpus.table("t_scalar", by="shot")
    assert list(found["item"]) == [video, video]
    assert found[["shot", "start", "stop", "frames"]].to_numpy().tolist() == [
        [1, 0.0, 4.0, 4],
        [2, 4.0, 6.0, 2],
    ]
    assert found["light_mean"].tolist() == [15.0, 45.0]
    assert found["step_max"].tolist() == [3, 5]
    assert found["bright_share"].tolist() == [0.25, 1.0]
    assert found["bright_first_seen"].tolist() == [3.0, 4.0]


def test_tags_of_a_video(clip):
    corpus, video = clip
    found = rows(corpus.table("t_tags", by="video"), video)
    assert found["tag"].tolist() == ["day", "night"]
    day, night = found.to_dict("records")
    assert (day["frames"], day["share"], day["first_seen"]) == (6, 5 / 6, 1.0)
    assert day["mean"] == pytest.approx((0.1 + 0.2 + 0.3 + 0.4 + 0.5) / 6)
    assert day["max"] == 0.5
    assert night["share"] == 2 / 6
    assert night["mean"] == pytest.approx(1.6 / 6)
    assert night["first_seen"] == 0.0


def test_tags_above_a_score(clip):
    corpus, video = clip
    found = rows(corpus.table("t_tags", by="video", at_least=0.35), video)
    assert found["tag"].tolist() == ["night", "day"]  # both in 2 of 6, night with higher scores
    day = found.iloc[1]
    assert (day["frames"], day["share"], day["first_seen"]) == (6, 2 / 6, 4.0)
    assert day["mean"] == pytest.approx(0.9 / 6)


def test_tags_of_shots(clip):
    corpus, _ = clip
    found = corpus.table("t_tags", by="shot")
    got = {(r["shot"], r["tag"]): (r["frames"], r["share"]) for r in found.to_dict("records")}
    assert got == {(1, "day"): (4, 0.75), (1, "night"): (4, 0.5), (2, "day"): (2, 1.0)}


def test_regions_of_a_video(clip):
    corpus, video = clip
    (row,) = rows(corpus.table("t_regions", by="video"), video).to_dict("records")
    assert (row["tag"], row["frames"], row["share"], row["first_seen"]) == ("face", 6, 5 / 6, 1.0)
    assert row["mean"] == pytest.approx(5 * 0.9 / 6)
    assert row["count_mean"] == pytest.approx((0 + 1 + 2 + 3 + 4 + 5) / 6)
    assert row["count_max"] == 5
    (row,) = rows(corpus.table("t_regions", by="video", at_least=0.5), video).to_dict("records")
    assert row["count_mean"] == pytest.approx(5 / 6)
    assert row["count_max"] == 1


def test_vectors(clip):
    corpus, video = clip
    (row,) = rows(corpus.table("t_vector", by="video"), video).to_dict("records")
    assert row["frames"] == 6
    assert list(row["vector"]) == [2.5, 5.0, 1.0]
    shots = corpus.table("t_vector", by="shot")
    assert [list(v) for v in shots["vector"]] == [[1.5, 3.0, 1.0], [4.5, 9.0, 1.0]]


def test_text_is_joined_in_the_order_of_time(clip):
    corpus, video = clip
    (row,) = rows(corpus.table("t_text", by="video"), video).to_dict("records")
    assert row["text"] == " ".join(f"said {n}" for n in range(6))
    assert corpus.table("t_text", by="shot")["text"].tolist() == [
        "said 0 said 1 said 2 said 3",
        "said 4 said 5",
    ]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("by", ["video", "shot"])
def test_written_to_files(clip, tmp_path, *, name, by):
    corpus, _ = clip
    for suffix in (".csv", ".parquet"):
        found = corpus.table(name, by=by, output=tmp_path / f"t{suffix}")
        assert (tmp_path / f"t{suffix}").stat().st_size > 0
        assert len(found) > 0


def test_pages_of_documents(tmp_path, registered):
    grays = [np.full((64, 48, 3), gray, np.uint8) for gray in LEVELS]
    scans(tmp_path / "a.pdf", *grays[2:5])
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path / "a.pdf", dpi=50, progress=False)
        corpus.measure(*registered, progress=False)
        (row,) = corpus.table("t_scalar", by="document").to_dict("records")
        assert (row["pages"], row["light_mean"], row["bright_first_seen"]) == (3, 30.0, 2)
        (text,) = corpus.table("t_text", by="document")["text"]
        assert text == "said 2 said 3 said 4"
        with pytest.raises(ParameterError, match="--frames"):
            corpus.table("t_scalar", by="video")


def test_what_cannot_be_summed_up_is_told(clip, tmp_path, save):
    corpus, _ = clip
    with pytest.raises(ParameterError, match="video"):
        corpus.table("t_scalar", by="scene")
    with pytest.raises(ParameterError, match="0 to 1"):
        corpus.table("t_tags", by="video", at_least=1.5)
    with pytest.raises(UnknownName, match="t_scalar"):
        corpus.table("t_scala", by="video")
    with pytest.raises(ParameterError, match="page"):
        corpus.table("t_scalar", by="document")
    film(tmp_path / "a.mp4", [20] * 30)
    save(tmp_path / "b.jpg")
    with mc.Corpus.create(tmp_path / "corpus") as other:
        other.add([tmp_path / "a.mp4", tmp_path / "b.jpg"], progress=False)
        with pytest.raises(UnknownName):
            other.table("t_scalar", by="video")
        other.measure("t_scalar", progress=False)
        with pytest.raises(ParameterError, match="no frame"):
            other.table("t_scalar", by="video")
        other.add(tmp_path / "a.mp4", frames="every=1s", progress=False)
        other.measure("t_scalar", progress=False)
        with pytest.raises(ParameterError, match="shots"):
            other.table("t_scalar", by="shot")
        assert len(other.table("t_scalar", by="video")) == 1


def test_a_tag_measure_that_found_nothing(tmp_path, registered):
    film(tmp_path / "a.mp4", [140] * 10)
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path / "a.mp4", frames="every=1s", progress=False)
        corpus.measure("t_tags", progress=False)
        found = corpus.table("t_tags", by="video", at_least=0.9)
        assert len(found) == 0
        assert "share" in found.columns


def test_frames_that_failed_do_not_count(tmp_path):
    def some(batch):
        if any(n > 2 for n in levels(batch)):
            raise ValueError("too bright")
        return [{"light": float(n)} for n in levels(batch)]

    info = Info("t_some", "1", "One line.", "MIT", outputs={"light": "float64"})
    measure(info)(some)
    try:
        film(tmp_path / "a.mp4", np.repeat(LEVELS, 25))
        with mc.Corpus.create(tmp_path / "corpus") as corpus:
            corpus.add(tmp_path / "a.mp4", frames="every=1s", progress=False)
            corpus.measure("t_some", progress=False)
            (row,) = corpus.table("t_some", by="video").to_dict("records")
            assert (row["frames"], row["light_mean"], row["light_max"]) == (3, 1.0, 2.0)
    finally:
        MEASURES.remove("t_some")


def test_views_of_frames_and_shots(clip):
    corpus, video = clip
    frames = rows(corpus.table("frames"), "x")
    assert frames.empty
    found = corpus.table("frames")
    found = found[found["parent"] == video]
    assert found["frame"].tolist() == [0, 25, 50, 75, 100, 125]
    assert found["time"].tolist() == pytest.approx([0, 1, 2, 3, 4, 5])
    assert found["shot"].tolist() == [1, 1, 1, 1, 2, 2]
    shots = corpus.table("shots")
    assert shots["duration"].tolist() == [4.0, 2.0]
    kinds = corpus.sql("SELECT kind, count(*) AS n FROM items GROUP BY kind ORDER BY kind")
    found = dict(zip(kinds["kind"], kinds["n"], strict=True))
    # Each frame with a face holds it at one place.
    assert found == {Kind.FRAME: 7, Kind.VIDEO: 2, Kind.REGION: 6}

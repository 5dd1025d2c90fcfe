"""Sheets of images: from a corpus, or of one file."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import MediacorpusError, MediaError, ParameterError, UnknownName
from mediacorpus.report import showing
from mediacorpus.report.showing import View, show_file
from mediacorpus.store.store import DATABASE

made = runpy.run_path(str(Path(__file__).parents[1] / "made_media.py"))
film, tone, scans = made["film"], made["tone"], made["scans"]


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "sheet.png"

    def draw(place, *items, **options):
        if (place / DATABASE).is_file():
            with mc.Corpus(place) as corpus:
                drawn = corpus.show(list(items) or None, output=path, **options)
        else:
            drawn = show_file(place, output=path, **options)
        with Image.open(path) as image:
            return drawn.tiles, np.asarray(image.convert("RGB"))

    return draw


@pytest.mark.parametrize(
    ("kind", "tiles"),
    [("rgb", 1), ("gray", 2), ("channels", 4), ("red", 2), ("cmyk", 5), ("hsv", 4), ("edges", 2)],
)
def test_one_image_in_each_way_beside_the_original(tmp_path, sheet, *, save, kind, tiles):
    found, pixels = sheet(save(tmp_path / "a.png"), kind=kind)
    assert found == tiles
    assert pixels.std() > 5


def test_augmented_versions_stand_beside_the_image(tmp_path, sheet, save):
    image = save(tmp_path / "a.png")
    one, first = sheet(image, augment=11)
    again, second = sheet(image, augment=11)
    _, other = sheet(image, augment=11, seed=2)
    assert one == again == 12
    assert sheet(image, kind="gray", augment=11)[0] == 24
    assert np.array_equal(first, second)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_turned_and_mirrored(tmp_path, sheet, save):
    image = save(tmp_path / "a.png")
    pixels = np.asarray(Image.open(image).convert("RGB"))
    for view, caption in (
        (View(flip="up-down"), "mirrored up-down"),
        (View(rotate=180, flip="left-right"), "turned by 180°, mirrored left-right"),
    ):
        [(name, [(first, original), (second, drawn)])] = view.rows("a", pixels)
        assert (name, first, second) == ("a", "original", caption)
        assert np.array_equal(original, pixels)
        assert np.array_equal(drawn, pixels[::-1])
    assert sheet(image, flip="up-down", augment=2)[0] == 4
    _, tilted = sheet(image, rotate=30)
    assert tilted.shape[0] > 0
    with pytest.raises(UnknownName, match="sideways"):
        sheet(image, flip="sideways")
    with pytest.raises(ParameterError, match="number of degrees"):
        sheet(image, rotate=float("nan"))


def test_filters_of_resizing(tmp_path, sheet, save):
    image = save(tmp_path / "a.png")
    _, rough = sheet(image, resize="15", filter="nearest")
    _, smooth = sheet(image, resize="15", filter="area")
    assert not np.array_equal(rough, smooth)
    with pytest.raises(ParameterError, match="say --resize, too"):
        sheet(image, filter="area")


def test_resized(tmp_path, sheet, save):
    image = save(tmp_path / "a.png")
    for way in ("crop 64", "pad 64x32", "squish 100", "50%"):
        assert sheet(image, kind="gray", resize=way)[0] == 2
    with pytest.raises(UnknownName, match="stretch"):
        sheet(image, resize="stretch 20")


@pytest.fixture
def files(tmp_path, scene_like):
    film(tmp_path / "films" / "a.mp4", np.linspace(0, 255, 60).astype(int))
    scans(tmp_path / "films" / "a.pdf", *[scene_like] * 3)
    tone(tmp_path / "films" / "a.wav")
    Image.fromarray(scene_like).save(tmp_path / "films" / "a.png")
    return tmp_path / "films"


@pytest.fixture
def scene_like():
    return np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8)


def test_files_that_hold_more(files, sheet):
    assert sheet(files / "a.mp4")[0] == 12
    assert sheet(files / "a.pdf")[0] == 3
    with pytest.raises(ParameterError, match="sound"):
        sheet(files / "a.wav")


def test_items_of_a_corpus(tmp_path, files, sheet):
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(files, frames="every=1s", progress=False)
        ids = dict(corpus._store.rows("SELECT path, item FROM records"))
    ids = {Path(path).name: item for path, item in ids.items()}
    for name in ("a.png", "a.mp4#frame=25", "a.pdf#page=2@200dpi"):
        assert sheet(tmp_path / "corpus", ids[name][:10])[0] == 1
    assert sheet(tmp_path / "corpus", ids["a.mp4"], ids["a.png"])[0] == 13
    with pytest.raises(ParameterError, match="sound"):
        sheet(tmp_path / "corpus", ids["a.wav"])
    with pytest.raises(UnknownName):
        sheet(tmp_path / "corpus", "zzzz")
    assert sheet(tmp_path / "corpus")[0] >= 4
    assert sheet(tmp_path / "corpus", most=2)[0] == 2


def test_a_table_with_items_is_shown_with_what_was_predicted(tmp_path, files):
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(files / "a.png", progress=False)
        mistakes = corpus.items()[["item"]].assign(gold="cat", predicted="dog", probability=0.9)
        drawn = corpus.show(mistakes)
        assert (drawn.tiles, drawn.file) == (1, None)
        assert len(repr(drawn)) < 200
        assert drawn._repr_html_().startswith('<img src="data:image/png;base64,')
        thumb = next(iter(corpus.gallery(mistakes)))
        assert (thumb.gold, thumb.predicted, thumb.probability) == ("cat", "dog", 0.9)


def test_a_video_of_which_the_first_copy_is_gone(tmp_path, files, sheet):
    (files / "b.mp4").write_bytes((files / "a.mp4").read_bytes())
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(files, progress=False)
        item = corpus._store.value("SELECT item FROM items WHERE kind = 'video'")
    (files / "a.mp4").unlink()
    assert sheet(tmp_path / "corpus", item)[0] == 12


@pytest.fixture
def captions(monkeypatch):
    """Gather what is written on sheets: titles, heads, names of rows, captions, notes."""
    drawn = []

    def watched(images, **said):
        captions = [one[0] for one in images if one is not None]
        drawn.append({"captions": captions, **said})
        return laid_out(images, **said)

    laid_out = showing.sheet
    monkeypatch.setattr(showing, "sheet", watched)
    return drawn


def test_channels_have_heads_rows_have_names_and_the_sheet_a_title(tmp_path, captions):
    (tmp_path / "images").mkdir()
    for name, color in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (40, 30), color).save(tmp_path / "images" / name)
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path / "images", progress=False)
        corpus.show(kind="hsv")
        corpus.show()
    first, second = captions
    assert list(first["heads"]) == ["original", "hue", "saturation", "value"]
    assert first["rows"] == ["a.png", "b.png"]
    assert first["title"] == "Images of the corpus: 2; hue, saturation and value"
    assert second["captions"] == ["a.png", "b.png"]
    assert second["title"] == "Images of the corpus: 2"


def test_a_frame_of_each_shot_with_its_times(tmp_path, captions):
    film(tmp_path / "films" / "a.mp4", np.repeat([20, 120, 220], 25))
    drawn = show_file(tmp_path / "films" / "a.mp4", frames="shots")
    assert drawn.tiles == 3
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path / "films", progress=False)
        assert corpus.show(frames="shots").tiles == 3
        few = corpus.show(["a.mp4"], frames="every=5", most=4)
        assert (few.tiles, len(few.notes)) == (4, 1)
    of_file, of_corpus, of_some = captions
    times = ["shot 1, 0.0 to 1.0 s", "shot 2, 1.0 to 2.0 s", "shot 3, 2.0 to 3.0 s"]
    assert of_file["captions"] == of_corpus["captions"] == times
    assert of_file["title"] == of_corpus["title"] == "a.mp4; 3 shots"
    assert of_some["note"] == "a.mp4: 4 of 15 frames, taken at equal steps."


def test_frames_of_nothing_and_by_no_rule_are_refused(tmp_path, save):
    image = save(tmp_path / "images" / "a.png")
    assert show_file(image, frames="shots").tiles == 1
    with pytest.raises(ParameterError, match="Or give shots"):
        show_file(image, frames="shot")
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path / "images", progress=False)
        with pytest.raises(ParameterError, match="no videos"):
            corpus.show(frames="shots")
        with pytest.raises(ParameterError, match="Or give shots"):
            corpus.show(frames="often")


def test_what_cannot_be_shown_is_told(tmp_path, files, sheet):
    with pytest.raises(MediaError, match="not there"):
        sheet(tmp_path / "none.png")
    with pytest.raises(MediacorpusError):
        sheet(files)
    with pytest.raises(UnknownName, match="sepia"):
        sheet(files / "a.png", kind="sepia")
    with pytest.raises(ParameterError):
        show_file(files / "a.png", output=tmp_path / "sheet.txt")
    assert not (tmp_path / "sheet.txt").exists()

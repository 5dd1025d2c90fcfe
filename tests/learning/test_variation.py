"""Images turned, recolored and standardized in training, networks from a line, sparse models."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import mediacorpus as mc
from mediacorpus.errors import ParameterError
from mediacorpus.learning.features import Plan, channel_statistics, fixed_views, train_view
from mediacorpus.learning.linear import fit_logistic
from mediacorpus.learning.settings import TrainSettings, Variation
from mediacorpus.media.normalize import IMAGENET_MEAN
from mediacorpus.records import Example

made = runpy.run_path(str(Path(__file__).parents[1] / "made_models.py"))
TINY = {"epochs": 1, "batch_size": 16, "progress": False, "replace": True}
LINE = "conv4-relu-pool-dense8-tanh"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return made["make_corpus"](tmp_path_factory.mktemp("varied"))


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8)


def test_the_first_view_stays_plain_and_the_others_are_varied(image: np.ndarray) -> None:
    common = {"size": 16, "crop": 1.0, "count": 4, "seed": (1, 0)}
    plain = fixed_views(image, **common)
    turned = fixed_views(image, vary=Variation(cut=True, degrees=30), **common)
    alone = fixed_views(image, vary=Variation(jitter=0.5), **common)
    assert np.array_equal(plain[0], turned[0])
    assert not np.array_equal(plain[1], turned[1])
    ratio = alone[1:].mean(axis=(1, 2, 3)) / plain[0].mean()
    assert len(set(ratio.round(3))) == 3, "each has a brightness of its own"
    again = fixed_views(image, vary=Variation(jitter=0.5), **common)
    assert np.array_equal(alone, again)


def test_upside_down_is_half_of_them(image: np.ndarray) -> None:
    plan = Plan(16, 1.0, 1, squares=True, seed=1, vary=Variation(upside_down=True))
    rng = np.random.default_rng(1)
    square = image[:40, :40]
    views = [train_view(square, rng, plan) for _ in range(200)]
    turned = sum(np.array_equal(view, views[0][::-1]) for view in views)
    same = sum(np.array_equal(view, views[0]) for view in views)
    assert turned + same == 200
    assert 70 < turned < 130


def test_channels_are_those_of_the_training_images(corpus: mc.Corpus, tmp_path: Path) -> None:
    paths = sorted(corpus.records()["path"])[:10]
    mean, sd = channel_statistics(
        [Example(str(n), path, "x", "train") for n, path in enumerate(paths)], tmp_path / "c.bin"
    )
    from PIL import Image

    pixels = np.concatenate([np.asarray(Image.open(p)).reshape(-1, 3) for p in paths]) / 255
    assert np.allclose(mean, pixels.mean(axis=0), atol=0.01)
    assert np.allclose(sd, pixels.std(axis=0), rtol=0.2)


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "scratch", "arch": LINE, "rotate": 20.0},
        {"method": "scratch", "arch": LINE, "gray": True, "size": 12, "init": "he", "jitter": 0.2},
        {"method": "scratch", "arch": "lenet", "size": 16, "gray": False, "normalize": "train"},
        {"method": "scratch", "arch": LINE, "upside_down": True, "normalize": "imagenet"},
        {"method": "finetune", "size": 32, "rotate": 9.0, "normalize": "train"},
        {"method": "linear", "rotate": 15.0, "augment": False},
        {"method": "linear", "penalty": "l1", "augment": False, "C": 0.1},
        {"method": "shallow", "model": "logistic", "features": "color", "penalty": "elasticnet"},
    ],
    ids=str,
)
def test_models_trained_so_are_applied_and_validated(corpus: mc.Corpus, settings: dict) -> None:
    given = (
        TINY
        if settings["method"] in {"finetune", "scratch"}
        else {k: TINY[k] for k in ("progress", "replace")}
    )
    trained = corpus.train("red", name="m", **settings, **given)
    assert corpus.apply("m", progress=False).items == 80
    assert corpus.validate("m", against="red", progress=False).scores.n
    card = trained.card
    if settings.get("normalize") == "imagenet":
        assert card["mean"] == list(IMAGENET_MEAN)
    if settings.get("normalize") == "train":
        assert 0.2 < card["mean"][0] < 0.6
    if "size" in settings:
        assert card["size"] == settings["size"]
    if settings["method"] == "scratch":
        assert len(corpus.explain("m", progress=False).to_frame())
        assert corpus.architecture("m")["parameters"].sum()
        assert card["gray"] is (settings["arch"] == LINE and settings.get("gray", False))


def test_l1_leaves_few_weights() -> None:
    rng = np.random.default_rng(1)
    y = np.arange(80) % 2
    x = rng.normal(size=(80, 60))
    x[:, 0] += 3 * y
    full = fit_logistic(x, y, strength=0.1)
    sparse = fit_logistic(x, y, strength=0.1, l1_ratio=1.0)
    mixed = fit_logistic(x, y, strength=0.1, l1_ratio=0.5)
    counts = [np.count_nonzero(found.weight) for found in (sparse, mixed, full)]
    assert counts[0] <= counts[1] < counts[2] == 60
    assert (sparse.probabilities(x).argmax(1) == y).mean() > 0.85


def test_a_grid_takes_them(corpus: mc.Corpus) -> None:
    found = corpus.grid(
        "red", method="linear", penalty=["l1", "l2"], C=[0.1], folds=None, progress=False
    )
    assert set(found.table["penalty"]) == {"l1", "l2"}
    lines = ["dense4-relu", "conv4-relu-pool"]
    found = corpus.grid(
        "red", method="scratch", arch=lines, normalize=["train"], epochs=[1], rotate=[0.0, 9.0],
        folds=None, progress=False,
    )  # fmt: skip
    assert set(found.table["arch"]) == set(lines)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": "finetune", "rotate": 181.0}, "0 to 180"),
        ({"method": "finetune", "jitter": "much"}, "0 to 1"),
        ({"method": "finetune", "normalize": "mine"}, "normalization"),
        ({"method": "linear", "normalize": "train"}, "does not use normalize"),
        ({"method": "shallow", "model": "knn", "features": "hog", "rotate": 5.0}, "rotate"),
        ({"method": "shallow", "model": "knn", "features": "hog", "penalty": "l1"}, "penalty"),
        ({"method": "linear", "l1_ratio": 0.3}, "elasticnet"),
        ({"method": "linear", "penalty": "l1", "target": "scale"}, "Leave penalty out"),
        ({"method": "finetune", "arch": LINE}, "does not use arch"),
        ({"method": "finetune", "init": "he"}, "does not use init"),
        ({"method": "finetune", "size": 16}, "from 32 to 1024"),
    ],
    ids=str,
)
def test_what_has_no_meaning_is_refused(settings: dict, said: str) -> None:
    with pytest.raises((ParameterError, LookupError), match=said):
        TrainSettings(**settings).check()

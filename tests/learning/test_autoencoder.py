"""Codes of images: they hold what the images show, and need no labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediacorpus as mc
from mediacorpus.errors import ParameterError, TrainingError
from mediacorpus.learning.autoencoder import (
    COLUMNS,
    codes_of,
    learn_codes,
    rebuild,
    reconstruction_error,
)
from mediacorpus.learning.features import Part, plan_for
from mediacorpus.learning.model import load_model
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.networks.backbones import create

ARCH: dict[str, Any] = {"method": "scratch", "arch": "autoencoder"}
SIDE = 32


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Keep small matrices on one thread, which is faster where other work is going on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDIACORPUS_WORKERS", "1")
        yield


def spots(number=200, seed=1):
    """Bright spots at random places: images that two numbers describe."""
    rng = np.random.default_rng(seed)
    y, x = rng.uniform(8, SIDE - 8, (2, number, 1, 1))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    gray = 255 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 40)
    places = np.column_stack([y.ravel(), x.ravel()])
    return np.repeat(gray[..., None], 3, axis=3).astype(np.uint8), places


def _side(x):
    return "left" if float(x.item()) < SIDE / 2 else "right"


def part(views):
    return Part(views[:, None], np.arange(len(views)), np.zeros(len(views)))


def learned(views, folder, epochs=15, seed=1):
    network = create("autoencoder", weights="random", classes=2, seed=seed)
    settings = TrainSettings(**ARCH, epochs=epochs, batch_size=16, seed=seed).complete()
    plan = plan_for(network, learns_all=True, augment=False, seed=seed)
    told: list[Any] = []
    found, decoder = learn_codes(
        network,
        part(views),
        plan=plan,
        settings=settings,
        work=folder,
        on_epoch=lambda *a: told.append(a),
    )
    state = {name: value.numpy() for name, value in network.module.state_dict().items()}
    return network, found, state | decoder, told


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return learned(spots()[0], tmp_path_factory.mktemp("codes"))


def test_new_images_are_made_again(fitted):
    _, found, weights, _ = fitted
    fresh, _ = spots(seed=2)
    again = rebuild(weights, fresh)
    mean = np.broadcast_to(spots()[0].mean(axis=0).astype(np.uint8), fresh.shape)
    error = reconstruction_error(fresh, again)
    assert error < 0.35 * reconstruction_error(fresh, mean)
    # NumPy makes of the weights what PyTorch learned.
    assert error == pytest.approx(found.curves["val_loss"].min(), rel=0.5)


def test_codes_tell_where_the_spot_is(fitted):
    """A linear model reads the place off codes of images that were not learned from."""
    network = fitted[0]
    (views, places), (fresh, wanted) = spots(), spots(seed=2)
    design, new = (
        np.column_stack([codes_of(network, part(v)), np.ones(len(v))]) for v in (views, fresh)
    )
    weights, *_ = np.linalg.lstsq(design, places, rcond=None)
    explained = (
        1 - ((new @ weights - wanted) ** 2).sum() / ((wanted - wanted.mean(axis=0)) ** 2).sum()
    )
    assert explained > 0.8


def test_curves_and_best_epoch(fitted):
    _, found, weights, told = fitted
    assert tuple(found.curves.columns) == COLUMNS
    best = found.curves.set_index("epoch")["val_loss"].idxmin()
    assert found.best_epoch == best
    order = np.random.default_rng(1).permutation(200)
    views = spots()[0][order[:20]]
    error = reconstruction_error(views, rebuild(weights, views))
    assert error == pytest.approx(found.curves["val_loss"].min(), rel=0.01)
    assert told[0][:2] == (1, 15)
    assert tuple(told[0][2]) == COLUMNS


def test_the_seed_decides(tmp_path):
    def codes(seed, name):
        (tmp_path / name).mkdir()
        return codes_of(learned(spots(40)[0], tmp_path / name, 1, seed)[0], part(spots(5)[0]))

    assert np.array_equal(codes(1, "a"), codes(1, "b"))
    assert not np.array_equal(codes(1, "c"), codes(2, "d"))


def test_too_few_images(tmp_path):
    with pytest.raises(TrainingError, match="at least 10"):
        learned(spots(9)[0], tmp_path)


@pytest.mark.parametrize("given", [{"mixup": 0.2}, {"augment": True}, {"dropout": 0.1}])
def test_settings_that_need_labels(given):
    with pytest.raises(ParameterError, match=f"{next(iter(given))} is no setting of the autoenc"):
        TrainSettings(**ARCH, **given).check()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """90 spots; the 60 first are labelled by their side."""
    folder = tmp_path_factory.mktemp("autoencoder")
    (folder / "pictures").mkdir()
    views, places = spots(90)
    rows = []
    for number, (view, (_, x)) in enumerate(zip(views, places, strict=True)):
        path = folder / "pictures" / f"{number:02d}.png"
        Image.fromarray(view).save(path)
        rows.append({"file": str(path), "variable": "side", "value": _side(x)})
    made = mc.Corpus.create(folder / "corpus")
    made.add(folder / "pictures", progress=False)
    made.import_labels(pd.DataFrame(rows[:60]), coder="me")
    made.split("side", shares="60/20/20")
    return made


def train(corpus, name, **settings):
    return corpus.train("side", name=name, progress=False, **ARCH, batch_size=8, **settings)


@pytest.mark.slow
def test_unlabelled_images_are_learned_from_and_held_out_ones_are_not(corpus):
    made = train(corpus, "codes", epochs=8)
    parts = made.card["counts"]
    assert sum(parts["train"].values()) == 36
    assert made.card["unlabelled"] == 30
    assert "30 more without labels" in str(made)
    assert 0 < made.card["reconstruction_error"] < 0.05
    assert list(made.curves.columns) == list(COLUMNS)
    assert made.words.startswith("The codes of epoch")
    json.dumps(made.to_dict())
    corpus.apply("codes", progress=False)
    found = corpus.validate("codes", against="side")
    assert found.part == "test"
    assert found.scores.accuracy.estimate > 0.7
    layers = corpus.architecture("codes")
    assert 32 in [int(n) for n in layers["output"] if str(n).isdigit()]
    assert corpus.explain("codes", method="occlusion", progress=False).rows
    page = corpus.report().read_text("utf-8")
    assert "made again from their codes" in page
    # The folder holds the decoder too, and the same command changes nothing.
    weights = load_model(Path(made.folder)).weights()
    assert weights["decoder.4.bias"].shape == (3 * SIDE**2,)
    assert train(corpus, "codes", epochs=8).card["created"] == made.card["created"]


def test_a_run_that_was_stopped_goes_on(corpus):
    class Stop(Exception):
        pass

    def stop(epoch, epochs, row):
        if epoch == 2:
            raise Stop

    whole = train(corpus, "whole", epochs=4)
    with pytest.raises(Stop):
        train(corpus, "parts", epochs=4, on_epoch=stop)
    seen: list[int] = []
    again = train(corpus, "parts", epochs=4, on_epoch=lambda epoch, *_: seen.append(epoch))
    assert seen == [3, 4]
    assert again.card["hash"] == whole.card["hash"]


def test_another_frame_of_a_held_out_file_is_left_out(tmp_path):
    from mediacorpus.coding import splitting
    from mediacorpus.learning.train import unlabelled_of

    views = spots(12)[0]
    (tmp_path / "p").mkdir()
    for number, view in enumerate(views):
        Image.fromarray(view).save(tmp_path / "p" / f"{number}.png")
    boxes = pd.DataFrame(
        [
            {"path": f"p/{n}.png", "x": 0, "y": 0, "width": 16, "height": 16, "side": s}
            for n, s in enumerate(["a", "b"] * 5)
        ]
    )
    boxes.to_csv(tmp_path / "boxes.csv", index=False)
    with mc.Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path / "p", progress=False)
        corpus.add(
            tmp_path / "boxes.csv", variable="side", boxes="x,y,width,height", progress=False
        )
        corpus.split("side", shares="60/20/20")
        _, split = splitting.latest(corpus._store, "side")
        found = {e.item for e in unlabelled_of(corpus._store, split)}
        items = corpus.items().set_index("item")
        parents = {items.loc[i, "parent"]: p for i, p in split.parts.items()}
    whole = set(items.index[items["kind"] == "image"])
    assert found == {i for i in whole if parents.get(i) in {None, "train"}}
    assert len(found) == 8

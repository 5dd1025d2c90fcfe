"""Codes of pictures: they hold what the pictures show, and come out the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from mediacorpus.errors import ParameterError, TrainingError
from mediacorpus.learning.autoencoder import COLUMNS, fit_autoencoder
from mediacorpus.measures.onnx_session import open_session


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Keep small matrices on one thread, which is faster where other work is going on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDIACORPUS_WORKERS", "1")
        yield


def spots(number=300, size=16, seed=1):
    """Bright spots at random places: pictures that two numbers describe."""
    rng = np.random.default_rng(seed)
    y, x = rng.uniform(4, size - 4, (2, number, 1, 1))
    rows, columns = np.mgrid[:size, :size]
    grey = 255 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 8)
    places = np.column_stack([y.ravel(), x.ravel()])
    return np.repeat(grey[..., None], 3, axis=3).astype(np.uint8), places


@pytest.fixture(scope="module")
def fitted():
    views, _ = spots()
    return fit_autoencoder(views, code=8, epochs=12)


def test_new_pictures_are_made_again(fitted):
    fresh, _ = spots(seed=2)
    x = fresh / 255
    without = ((x - spots()[0].mean(axis=0) / 255) ** 2).mean()
    errors = fitted.errors(fresh)
    assert errors.shape == (300,)
    assert errors.mean() < 0.35 * without
    again = fitted.decode(fitted.encode(fresh)) / 255
    assert ((again - x) ** 2).mean() == pytest.approx(errors.mean(), rel=0.02)


def test_codes_tell_where_the_spot_is(fitted):
    """A linear probe reads the place off codes of pictures that were not learned from."""
    views, places = spots()
    fresh, wanted = spots(seed=2)
    design = np.column_stack([fitted.encode(views), np.ones(len(views))])
    weights, *_ = np.linalg.lstsq(design, places, rcond=None)
    found = np.column_stack([fitted.encode(fresh), np.ones(len(fresh))]) @ weights
    explained = 1 - ((found - wanted) ** 2).sum() / ((wanted - wanted.mean(axis=0)) ** 2).sum()
    assert explained > 0.8


def test_other_pictures_stand_out(fitted):
    noise = np.random.default_rng(1).integers(0, 256, (20, 16, 16, 3), np.uint8)
    assert fitted.errors(noise).min() > fitted.errors(spots(seed=3)[0]).max()


def test_the_exported_encoder_gives_the_same_codes(fitted):
    views, _ = spots(20, seed=4)
    codes = open_session(fitted.network()).run(["features"], {"pixels": views})[0]
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes, fitted.encode(views), atol=1e-4)


def test_curves_and_best_epoch(fitted):
    assert tuple(fitted.curves.columns) == COLUMNS
    assert list(fitted.curves["epoch"]) == list(range(1, 13))
    best = fitted.curves.set_index("epoch")["val_loss"].idxmin()
    assert fitted.best_epoch == best
    held_out = np.random.default_rng(1).permutation(300)[:30]
    error = fitted.errors(spots()[0][held_out]).mean()
    assert error == pytest.approx(fitted.curves["val_loss"].min(), rel=1e-3)


def test_the_seed_decides_and_epochs_are_reported():
    views, _ = spots(40)
    told = []
    one = fit_autoencoder(views, code=3, epochs=2, seed=7, on_epoch=lambda *a: told.append(a))
    same, other = (fit_autoencoder(views, code=3, epochs=2, seed=s) for s in (7, 8))
    assert np.array_equal(one.encode(views), same.encode(views))
    assert not np.array_equal(one.encode(views), other.encode(views))
    assert [(epoch, of) for epoch, of, _ in told] == [(1, 2), (2, 2)]
    assert told[1][2]["val_loss"] == one.curves["val_loss"].iloc[1]


@pytest.mark.parametrize("given", [{"code": 0}, {"epochs": 0}, {"code": 2.5}, {"epochs": True}])
def test_numbers_out_of_range(given):
    with pytest.raises(ParameterError, match=f"{next(iter(given))} is"):
        fit_autoencoder(spots(20)[0], **given)


@pytest.mark.parametrize("shape", [(20, 8, 8), (20, 8, 9, 3), (20, 8, 8, 1), (20, 200, 200, 3)])
def test_pictures_of_another_form(shape):
    with pytest.raises(ParameterError, match="pictures"):
        fit_autoencoder(np.zeros(shape, np.uint8))


def test_too_few_pictures_and_other_sizes(fitted):
    with pytest.raises(TrainingError, match="at least 10"):
        fit_autoencoder(spots(9)[0])
    with pytest.raises(ParameterError, match="16, 16"):
        fitted.encode(np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(ParameterError, match="float"):
        fitted.errors(np.zeros((1, 16, 16, 3), np.float32))
    with pytest.raises(ParameterError, match=r"\(N, 8\)"):
        fitted.decode(np.zeros((1, 7), np.float32))
    assert fitted.encode(np.zeros((0, 16, 16, 3), np.uint8)).shape == (0, 8)

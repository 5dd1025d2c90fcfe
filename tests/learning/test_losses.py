"""Losses beside cross-entropy: the worked example of the paper, and PyTorch's own functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mediacorpus.errors import ParameterError, UnknownName
from mediacorpus.learning.settings import TrainSettings
from mediacorpus.learning.targets import make_target, of_numbers, of_one_class, of_several

WEIGHTS = torch.tensor([0.5, 2.0, 1.0])


def logits_of(share: float) -> torch.Tensor:
    """One image whose right class, the first of two, has a probability."""
    return torch.tensor([[math.log(share / (1 - share)), 0.0]], dtype=torch.float64)


@pytest.mark.parametrize(("share", "times"), [(0.9, 100), (0.968, 1000)])
def test_the_focal_loss_as_in_its_paper(share: float, times: float) -> None:
    """Lin et al. (2017, p. 4): at p = .9 the loss is 100 times lower, at .968 about 1000 times."""
    logits = logits_of(share)
    plain = of_one_class(logits, torch.tensor([0])).item()
    focal = of_one_class(logits, torch.tensor([0]), name="focal").item()
    assert plain / focal == pytest.approx(times, rel=0.03)
    yes = (logits[:, :1], torch.ones(1, 1, dtype=torch.float64))
    assert of_several(*yes).item() / of_several(*yes, name="focal").item() == pytest.approx(
        times, rel=0.03
    )


def test_a_focus_of_nothing_is_cross_entropy(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the exponent 0 all forms of cross-entropy come out: weights, smoothing, shares."""
    monkeypatch.setattr("mediacorpus.learning.targets.FOCUS", 0.0)
    rng = np.random.default_rng(1)
    logits = torch.tensor(rng.normal(size=(6, 3)), dtype=torch.float32)
    y = torch.tensor([0, 1, 2, 0, 1, 1])
    soft = torch.tensor(rng.dirichlet([1, 1, 1], 6), dtype=torch.float32)
    for truth in (y, soft):
        for weights in (None, WEIGHTS):
            for smoothing in (0.0, 0.2):
                plain, focal = (
                    of_one_class(logits, truth, weights, name=name, smoothing=smoothing).item()
                    for name in ("cross_entropy", "focal")
                )
                assert focal == pytest.approx(plain, rel=1e-5)


def test_the_focal_loss_of_no_is_that_of_one_minus_p() -> None:
    logits = torch.tensor([[0.4, -1.5]])
    one = of_several(logits, torch.tensor([[1.0, 0.0]]), name="focal")
    other = of_several(-logits, torch.tensor([[0.0, 1.0]]), name="focal")
    assert one.item() == pytest.approx(other.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "by_hand"), [("mse", (0.25 + 9) / 2), ("mae", 1.75), ("huber", (0.125 + 2.5) / 2)]
)
def test_errors_of_numbers_by_hand(name: str, by_hand: float) -> None:
    """Huber: half the square up to 1, then the distance less a half."""
    found = of_numbers(torch.tensor([0.5, 3.0]), torch.zeros(2), name=name)
    assert found.item() == pytest.approx(by_hand)


@pytest.mark.parametrize("kind", ["classes", "multilabel", "ordinal", "scale"])
def test_each_target_learns_with_each_of_its_losses(kind: str) -> None:
    labels = ["1", "2", "3"]
    names = ("mse", "mae", "huber") if kind == "scale" else ("cross_entropy", "focal")
    found = []
    for name in names:
        target = make_target(kind, labels, labels, loss=name)
        logits = torch.full((3, target.outputs), 0.7, requires_grad=True)
        loss = target.loss(logits, torch.from_numpy(target.encode(labels)))
        loss.backward()
        assert logits.grad.abs().sum() > 0
        found.append(loss.item())
    assert len({round(value, 6) for value in found}) == len(names)
    usual = make_target(kind, labels, labels)
    again = usual.loss(logits.detach(), torch.from_numpy(usual.encode(labels))).item()
    assert again == pytest.approx(found[0])


def test_the_loss_is_checked_against_the_target() -> None:
    TrainSettings("finetune", loss="focal", target="ordinal").check()
    TrainSettings("finetune", loss="huber", target="scale").check()
    assert TrainSettings("finetune", target="scale").complete().loss == "mse"
    for target, loss in (("scale", "focal"), ("classes", "mae")):
        with pytest.raises(ParameterError, match=f"{loss} does not fit the target {target}"):
            TrainSettings("finetune", loss=loss, target=target).check()
    with pytest.raises(UnknownName, match="loss"):
        TrainSettings("finetune", loss="hinge").check()
    with pytest.raises(ParameterError, match="no setting of the autoencoder"):
        TrainSettings("scratch", arch="autoencoder", loss="focal").check()

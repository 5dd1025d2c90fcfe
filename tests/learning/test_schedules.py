"""Schedules against those of PyTorch, groups of rates, and the search for a rate."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from mediacorpus.errors import TrainingError
from mediacorpus.learning.loop import find_rate, make_optimizer, make_schedule, rate_factor
from mediacorpus.learning.settings import TrainSettings

EPOCHS = 12


def complete(**given: Any) -> TrainSettings:
    return TrainSettings("finetune", epochs=EPOCHS, lr=0.1, **given).complete()


def rates(schedule: Any, optimizer: Any) -> list[float]:
    found = []
    for _ in range(EPOCHS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def sgd() -> Any:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


@pytest.mark.parametrize(
    ("given", "theirs"),
    [
        (
            {"schedule": "step", "step_size": 5, "gamma": 0.3},
            lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=5, gamma=0.3),
        ),
        (
            {"schedule": "cosine"},
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=EPOCHS),
        ),
        (
            {"schedule": "linear"},
            lambda o: torch.optim.lr_scheduler.PolynomialLR(o, total_iters=EPOCHS),
        ),
        (
            {"schedule": "polynomial", "power": 2.5},
            lambda o: torch.optim.lr_scheduler.PolynomialLR(o, total_iters=EPOCHS, power=2.5),
        ),
        (
            {"schedule": "constant"},
            lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0),
        ),
    ],
)
def test_rates_are_those_of_torch(given: dict, theirs: Any) -> None:
    s = complete(**given)
    mine, other = sgd(), sgd()
    assert rates(make_schedule(mine, s), mine) == pytest.approx(rates(theirs(other), other))


def test_warmup_rises_to_the_full_rate_and_the_schedule_follows() -> None:
    factor = rate_factor(complete(schedule="linear", warmup=2))
    found = [factor(epoch) for epoch in range(EPOCHS)]
    assert found[:4] == pytest.approx([1 / 3, 2 / 3, 1.0, 0.9])
    assert max(found) == 1.0
    assert rate_factor(complete(schedule="step", step_size=1, gamma=0.5, warmup=1))(2) == 0.5


def test_warmup_may_last_all_epochs() -> None:
    factor = rate_factor(complete(schedule="cosine", warmup=EPOCHS))
    assert all(0 < factor(epoch) < 1 for epoch in range(EPOCHS))
    assert math.isfinite(factor(EPOCHS))


def test_rates_fall_from_part_to_part() -> None:
    """Three parts with weights, the last at the full rate; parts without weights do not count."""
    nn = torch.nn
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    optimizer = make_optimizer(module, complete(layer_decay=0.5))
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.025, 0.05, 0.1])
    schedule = make_schedule(optimizer, complete(schedule="linear"))
    optimizer.step()
    schedule.step()
    share = (EPOCHS - 1) / EPOCHS
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx(
        [0.025 * share, 0.05 * share, 0.1 * share]
    )
    assert len(make_optimizer(module, complete()).param_groups) == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)],
)
def test_optimizers(name: str, kind: Any) -> None:
    made = make_optimizer(torch.nn.Linear(1, 1), complete(optimizer=name, weight_decay=0.01))
    assert type(made) is kind
    assert made.param_groups[0]["weight_decay"] == 0.01


def test_nesterov() -> None:
    made = make_optimizer(torch.nn.Linear(1, 1), complete(nesterov=True))
    assert made.param_groups[0]["nesterov"]


def line(slope: float = 3.0) -> Any:
    generator = torch.Generator().manual_seed(1)
    while True:
        x = torch.randn(16, 1, generator=generator)
        yield x, slope * x


def squared(found: Any, y: Any) -> Any:
    return ((found - y) ** 2).mean()


def test_a_rate_is_found_and_the_module_stays_as_it_was() -> None:
    torch.manual_seed(1)
    module = torch.nn.Sequential(
        torch.nn.Linear(1, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1)
    )
    before = {k: v.clone() for k, v in module.state_dict().items()}
    rate, table = find_rate(module, line, loss=squared, s=complete(layer_decay=0.5))
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert 1e-4 < rate < 0.5
    assert rate == float(f"{table[table[:, 1].argmin(), 0] / 10:.2g}")
    assert (table[1:, 0] > table[:-1, 0]).all()
    again, _ = find_rate(module, line, loss=squared, s=replace(complete(), layer_decay=0.5))
    assert again == rate


def test_a_loss_that_is_never_finite_is_said() -> None:
    module = torch.nn.Linear(1, 1)
    with pytest.raises(TrainingError, match="not finite"):
        find_rate(module, lambda: line(math.nan), loss=squared, s=complete())

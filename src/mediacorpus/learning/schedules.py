"""Optimizers and schedules of the learning rate, and the search for a rate to begin with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mediacorpus.errors import TrainingError
from mediacorpus.extras import need

if TYPE_CHECKING:
    from mediacorpus.learning.settings import TrainSettings

STEPS = 60
LOWEST, HIGHEST = 1e-6, 1.0
SMOOTH = 0.9
BLOWN = 4.0
SAFETY = 10.0


def make_optimizer(module: Any, s: TrainSettings) -> Any:
    """Make the optimizer of the settings for what learns of a module.

    With `layer_decay` below 1, each part of the module learns at the rate of the part behind
    it times that factor (Howard and Ruder, 2018).
    """
    optim = need("torch.optim")
    groups = _groups(module, s)
    if s.optimizer == "sgd":
        return optim.SGD(
            groups,
            lr=s.lr,
            momentum=float(s.momentum or 0.0),
            nesterov=bool(s.nesterov),
            weight_decay=float(s.weight_decay or 0.0),
        )
    kind = optim.AdamW if s.optimizer == "adamw" else optim.Adam
    # One pass over the weights for each step; over several it takes five times as long on a CPU.
    fused = next(module.parameters()).device.type in {"cpu", "cuda"}
    return kind(groups, lr=s.lr, weight_decay=float(s.weight_decay or 0.0), fused=fused)


def _groups(module: Any, s: TrainSettings) -> list[dict[str, Any]]:
    decay = float(s.layer_decay or 1.0)
    if decay == 1.0:
        return [{"params": list(module.parameters())}]
    parts = [list(part.parameters()) for part in module.children()]
    parts = [part for part in parts if part]
    last = len(parts) - 1
    return [
        {"params": part, "lr": float(s.lr or 0.0) * decay ** (last - place)}
        for place, part in enumerate(parts)
    ]


def make_schedule(optimizer: Any, s: TrainSettings) -> Any:
    """Make the schedule of the settings; `step` is called once after each epoch."""
    factor = rate_factor(s)
    return need("torch.optim.lr_scheduler").LambdaLR(optimizer, factor)


def rate_factor(s: TrainSettings) -> Callable[[int], float]:
    """Give the function from epochs that are done to the factor of the learning rate.

    `"constant"`; `"step"`: `gamma` after every `step_size` epochs; `"linear"` and
    `"polynomial"` (with `power`) down to 0 after the last epoch; `"cosine"` (Loshchilov and
    Hutter, 2017). During the first `warmup` epochs the rate rises in equal steps.

    Examples
    --------
    >>> from mediacorpus.learning.settings import TrainSettings
    >>> factor = rate_factor(TrainSettings("finetune", epochs=4, schedule="linear").complete())
    >>> [factor(epoch) for epoch in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    """
    epochs, warmup = int(s.epochs or 1), int(s.warmup or 0)

    def factor(done: int) -> float:
        if done < warmup:
            return (done + 1) / (warmup + 1)
        share = (done - warmup) / max(1, epochs - warmup)
        if s.schedule == "step":
            return float(s.gamma or 1.0) ** ((done - warmup) // int(s.step_size or 1))
        if s.schedule == "cosine":
            return (1 + math.cos(math.pi * share)) / 2
        if s.schedule in {"linear", "polynomial"}:
            power = 1.0 if s.schedule == "linear" else float(s.power or 1.0)
            return float(max(0.0, 1.0 - share) ** power)
        return 1.0

    return factor


def find_rate(
    module: Any,
    batches: Callable[[], Iterable[tuple[Any, Any]]],
    *,
    loss: Callable[..., Any],
    s: TrainSettings,
) -> tuple[float, NDArray[np.float64]]:
    """Find a learning rate by the range test of Smith (2017).

    The rate rises exponentially from batch to batch; the one to begin with is a tenth of that
    at which the smoothed loss is lowest. The module is put back as it was.

    Parameters
    ----------
    module:
        What learns.
    batches:
        Gives batches (input, target), for ever.
    loss:
        Of logits and targets.
    s:
        Complete settings, for the optimizer.

    Returns
    -------
    rate : float
    table : float64 array (steps, 2)
        Rates that were tried and the smoothed loss at each.

    Raises
    ------
    TrainingError
        The loss never fell.
    """
    from dataclasses import replace

    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    optimizer = make_optimizer(module, replace(s, lr=LOWEST, layer_decay=None))
    rates = np.geomspace(LOWEST, HIGHEST, STEPS)
    rows: list[tuple[float, float]] = []
    mean = 0.0
    module.train()
    for step, (rate, (x, y)) in enumerate(zip(rates, batches(), strict=False)):
        for group in optimizer.param_groups:
            group["lr"] = rate
        value = loss(module(x), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        mean = SMOOTH * mean + (1 - SMOOTH) * value.item()
        smooth = mean / (1 - SMOOTH ** (step + 1))
        if not math.isfinite(smooth) or (rows and smooth > BLOWN * min(r[1] for r in rows)):
            break
        rows.append((float(rate), smooth))
    module.load_state_dict(before)
    table = np.array(rows, np.float64).reshape(-1, 2)
    if not len(table):
        raise TrainingError("The loss is not finite at any learning rate; check the pictures.")
    best = float(table[int(table[:, 1].argmin()), 0])
    return float(f"{best / SAFETY:.2g}"), table

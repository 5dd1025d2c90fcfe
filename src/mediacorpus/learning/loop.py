"""The training loop: schedules, devices, memory, and the passes over the images."""

from __future__ import annotations

import contextlib
import io
import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import TrainingError
from mediacorpus.extras import need
from mediacorpus.learning.cache import write_json, write_whole
from mediacorpus.learning.curves import COLUMNS, OnRow
from mediacorpus.learning.features import train_view
from mediacorpus.learning.settings import AUTO
from mediacorpus.learning.targets import Target
from mediacorpus.settings import settings as environment

if TYPE_CHECKING:
    from mediacorpus.learning.features import Part, Plan
    from mediacorpus.learning.settings import TrainSettings


def best_device() -> str:
    """Name the device to train on: `"cuda"` where there is one, else `"cpu"`.

    >>> best_device() in {"cpu", "cuda"}
    True
    """
    return "cuda" if need("torch").cuda.is_available() else "cpu"


@contextlib.contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """Fix what makes PyTorch's results differ from run to run, and restore it afterwards.

    That is the seed, the choice of algorithms, and the number of threads (`MEDIACORPUS_WORKERS`,
    by default one per core).
    """
    torch = need("torch")
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*deterministic.*", category=UserWarning)
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)  # noqa: FBT003
        torch.set_num_threads(environment().workers)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
            torch.set_num_threads(threads)


@contextlib.contextmanager
def limits(s: TrainSettings, attempt: Callable[[int], object]) -> Iterator[None]:
    """Turn an out-of-memory error into a sentence that names a batch that does fit.

    Parameters
    ----------
    s:
        Complete settings.
    attempt:
        Takes one step with a batch of so many images, as training does.

    Raises
    ------
    TrainingError
        The memory is not enough, or the network cannot learn from single images.
    """
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise TrainingError(
            "The network normalizes over the images of a batch, so a batch of one teaches it "
            "nothing. Start again with --batch-size 2 or more."
        ) from error
    except (RuntimeError, MemoryError) as error:
        if not _is_of_memory(error):
            raise
        size = int(s.batch_size or 1)
        fits = _largest(size, attempt)
        advice = f"Batches of {fits} fit: start again with --batch-size {fits}."
        if not fits:
            smaller = "let fewer blocks learn (--unfreeze head), or take a smaller backbone"
            if s.method == "scratch":
                smaller = "take a smaller network (--arch)"
            advice = f"No smaller batch fits either: {smaller}."
        batch = f"batches of {size} images" if size > 1 else "single images"
        raise TrainingError(f"The memory is not enough for {batch}. {advice}") from error


def _largest(size: int, attempt: Callable[[int], object]) -> int:
    """Halve a batch until it fits; 0 where none does."""
    while size > 1:
        size //= 2
        try:
            attempt(size)
        except (RuntimeError, MemoryError) as error:
            if not _is_of_memory(error):
                raise
        except ValueError:
            return 0  # single images cannot be normalized
        else:
            return size
    return 0


def _is_of_memory(error: Exception) -> bool:
    """Tell an out-of-memory error from others; on a CPU PyTorch has no type of its own for it."""
    kinds = (MemoryError, need("torch").OutOfMemoryError)
    message = str(error).lower()
    return isinstance(error, kinds) or "not enough memory" in message or "out of memory" in message


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
    common = {"lr": s.lr, "weight_decay": float(s.weight_decay or 0.0)}
    if s.optimizer == "sgd":
        momentum = {"momentum": float(s.momentum or 0.0), "nesterov": bool(s.nesterov)}
        return optim.SGD(_groups(module, s), **common, **momentum)
    kind = optim.AdamW if s.optimizer == "adamw" else optim.Adam
    # One pass over the weights for each step; over several it takes five times as long on a CPU.
    fused = next(module.parameters()).device.type in {"cpu", "cuda"}
    return kind(_groups(module, s), fused=fused, **common)


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
        raise TrainingError("The loss is not finite at any learning rate; check the images.")
    best = float(table[int(table[:, 1].argmin()), 0])
    return float(f"{best / SAFETY:.2g}"), table


CHECKPOINT = "checkpoint.pt"
RATE = "rate.json"
EVALUATED = 64


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What training gave: the best epoch, the curves, and its answers for validation.

    Parameters
    ----------
    curves:
        One row per epoch; columns `COLUMNS`.
    best_epoch:
        The epoch with the lowest validation loss, from 1. Its weights are in the module.
    answer:
        For the validation images: float64 probabilities `(N, classes)`, or values `(N, 1)`.
    rate:
        The learning rate at the start, which may have been searched for.
    """

    curves: pd.DataFrame
    best_epoch: int
    answer: NDArray[np.float64]
    rate: float


def fit(
    module: Any,
    train: Part,
    val: Part,
    *,
    plan: Plan,
    settings: TrainSettings,
    target: Target,
    work: Path,
    on_epoch: OnRow | None = None,
) -> Fit:
    """Train a module and leave the weights of its best epoch in it.

    After each epoch all that the next one depends on is written to `work`. Random numbers are
    drawn from the seed and the epoch's number, so a run that was killed goes on as if it had
    not been.

    Parameters
    ----------
    module:
        The part of the network that learns, with the head at its end.
    train, val:
        Its inputs, as `features.prepare` gave them.
    plan:
        How they were made.
    settings:
        Complete settings.
    target:
        What is learned.
    work:
        Folder for the checkpoint.
    on_epoch:
        Called after each epoch with its number, the number of epochs, and its row.

    Raises
    ------
    TrainingError
        The loss became infinite or not a number.
    """
    loop = _Loop(module, train, val, plan, settings, target, work, best_device())
    with deterministic(settings.seed), limits(settings, loop.attempt):
        loop.prepare()
        while loop.epoch < int(settings.epochs or 0):
            if loop.epoch - loop.best_epoch >= int(settings.patience or 1):
                break
            row = loop.next_epoch()
            if on_epoch is not None:
                on_epoch(loop.epoch, int(settings.epochs or 0), row)
        module.load_state_dict(loop.best)
        answer = target.answer(predict(module, val, device=loop.device).numpy())
        module.to("cpu")
    curves = pd.DataFrame(loop.rows, columns=list(COLUMNS)).astype({"epoch": int})
    return Fit(curves, loop.best_epoch, answer, float(loop.settings.lr or 0.0))


@dataclass(slots=True)
class _Loop:
    """A training, and what changes from epoch to epoch; all of this is in the checkpoint."""

    module: Any
    train: Part
    val: Part
    plan: Plan
    settings: TrainSettings
    target: Target
    work: Path
    device: str
    weights: Any = None
    optimizer: Any = None
    schedule: Any = None
    epoch: int = 0
    best_epoch: int = 0
    best: Mapping[str, Any] = field(default_factory=dict)
    rows: list[dict[str, float]] = field(default_factory=list)

    def prepare(self) -> None:
        """Make optimizer and schedule; go on from the checkpoint if there is one."""
        torch = need("torch")
        self.module.to(self.device, memory_format=torch.channels_last)
        weights = self.target.class_weights(self.train.targets)
        if self.settings.class_weights and weights is not None:
            self.weights = torch.tensor(weights, dtype=torch.float32, device=self.device)
        if self.settings.lr == AUTO:
            self.settings = replace(self.settings, lr=self._searched_rate())
        self.optimizer = make_optimizer(self.module, self.settings)
        self.schedule = make_schedule(self.optimizer, self.settings)
        if (self.work / CHECKPOINT).exists():
            found = torch.load(self.work / CHECKPOINT, map_location="cpu", weights_only=True)
            for name in _STATEFUL:
                getattr(self, name).load_state_dict(found[name])
            for name in _PLAIN:
                setattr(self, name, found[name])

    def next_epoch(self) -> dict[str, float]:
        """Learn, score, and keep all that the next epoch depends on; give the row."""
        started, epoch, path = time.monotonic(), self.epoch + 1, self.work / CHECKPOINT
        lr = self.optimizer.param_groups[-1]["lr"]
        values = (epoch, lr, *self._learn(epoch), *self._evaluate())
        row = dict(zip(COLUMNS, map(float, (*values, time.monotonic() - started)), strict=True))
        if not math.isfinite(row["val_loss"]):
            kept = f"The best epoch so far ({self.best_epoch}) is kept in {path}. "
            raise TrainingError(
                f"The loss became infinite or not a number in epoch {epoch}, so training stopped. "
                f"{kept if self.best_epoch else ''}Start again with a lower learning rate than "
                f"{lr:g}."
            )
        if row["val_loss"] < min((one["val_loss"] for one in self.rows), default=math.inf):
            self.best_epoch = epoch
            self.best = {name: v.clone() for name, v in self.module.state_dict().items()}
        self.rows.append(row)
        self.schedule.step()
        self.epoch = epoch
        content = {name: getattr(self, name).state_dict() for name in _STATEFUL}
        content |= {name: getattr(self, name) for name in _PLAIN}
        buffer = io.BytesIO()
        need("torch").save(content, buffer)
        write_whole(path, buffer.getvalue())
        return dict(row)

    def _learn(self, epoch: int) -> tuple[float, float]:
        """Go once through the training part; return mean loss and accuracy on the way."""
        torch, s, count = need("torch"), self.settings, len(self.train)
        rng = np.random.default_rng((s.seed, epoch))
        torch.manual_seed(int(rng.integers(2**63)))
        self.module.train()
        half = torch.autocast(self.device, torch.bfloat16, enabled=s.precision == "bf16")
        total, hits = 0.0, 0.0
        for chosen in batches(rng.permutation(count), int(s.batch_size or 1)):
            x, y = self._batch(chosen, rng)  # (B, ...), and (B,) or (B, classes)
            x, mixed = _mix(x, y, self.target, strength=float(s.mixup or 0.0), rng=rng)
            with half:
                logits = self.module(x)  # (B, outputs)
            value = self.target.loss(logits.float(), mixed, self.weights)
            self.optimizer.zero_grad()
            value.backward()
            self.optimizer.step()
            total += value.item() * len(chosen)
            hits += self.target.hits(logits.detach(), y)
        return total / count, hits / count

    def _evaluate(self) -> tuple[float, float]:
        """Give loss and accuracy on the validation part."""
        logits = predict(self.module, self.val, device=self.device)
        y = need("torch").from_numpy(self.val.targets)
        weights = None if self.weights is None else self.weights.cpu()
        loss = replace(self.target, smoothing=0.0).loss(logits, y, weights)
        return float(loss), self.target.hits(logits, y) / len(self.val)

    def _batch(self, chosen: NDArray[np.int64], rng: np.random.Generator) -> tuple[Any, Any]:
        """Take one view of each image at random, or vary its square; and what is learned."""
        rows, views = self.train.rows[chosen], self.train.views
        if self.plan.squares:
            values = np.stack([train_view(square, rng, self.plan) for square in views[rows, 0]])
        else:
            values = views[rows, rng.integers(self.plan.views, size=len(rows))]
        y = need("torch").from_numpy(self.train.targets[chosen])
        return _tensor(values, self.device), y.to(self.device)

    def _searched_rate(self) -> float:
        """Search for a learning rate; the one that is found is kept."""
        note = self.work / RATE
        if not note.exists():
            rng = np.random.default_rng(self.settings.seed)

            def endless() -> Iterator[tuple[Any, Any]]:
                while True:
                    order = rng.permutation(len(self.train))
                    for chosen in batches(order, int(self.settings.batch_size or 1)):
                        yield self._batch(chosen, rng)

            rate, table = find_rate(self.module, endless, loss=self.target.loss, s=self.settings)
            write_json(note, {"lr": rate, "tried": table.tolist()})
        return float(json.loads(note.read_text("utf-8"))["lr"])

    def attempt(self, size: int) -> None:
        """Take one step with the first images, without changing the weights."""
        chosen = np.arange(min(size, len(self.train)))
        self.module.train()
        x, y = self._batch(chosen, np.random.default_rng(0))
        self.target.loss(self.module(x).float(), y).backward()


_STATEFUL = ("module", "optimizer", "schedule")
_PLAIN = ("epoch", "best_epoch", "best", "rows")


def predict(module: Any, part: Part, *, device: str = "cpu") -> Any:
    """Give the outputs `(N, outputs)` of a part, the mean over its views, as a torch tensor."""
    torch = need("torch")
    module.eval()
    with torch.inference_mode():
        chunks = [
            module(_tensor(part.views[part.rows[start : start + EVALUATED], view], device)).cpu()
            for view in range(part.views.shape[1])
            for start in range(0, len(part), EVALUATED)
        ]
    found = torch.cat(chunks).float()  # (views * N, outputs)
    return found.view(part.views.shape[1], len(part), -1).mean(0)


def _mix(
    x: Any, y: Any, target: Target, *, strength: float, rng: np.random.Generator
) -> tuple[Any, Any]:
    """Mix each image and its target with another one's (mixup; Zhang et al., 2018)."""
    if not strength:
        return x, y
    share = float(rng.beta(strength, strength))
    order = need("torch").from_numpy(rng.permutation(len(x))).to(x.device)
    soft = target.mixable(y)
    x = x.float()
    return share * x + (1 - share) * x[order], share * soft + (1 - share) * soft[order]


def batches(rows: NDArray[Any], size: int) -> list[NDArray[Any]]:
    """Cut into batches; a last one of a single image joins the one before.

    Batch normalization learns badly from one image, but who asks for it gets it.
    """
    cuts = list(range(size, len(rows), size))
    if cuts and size > 1 and len(rows) - cuts[-1] == 1:
        cuts.pop()
    return np.split(rows, cuts)


def _tensor(values: NDArray[Any], device: str = "cpu") -> Any:
    torch = need("torch")
    x = torch.from_numpy(np.ascontiguousarray(values)).to(device)
    maps = x.is_floating_point() and x.ndim == 4  # noqa: PLR2004 - (B, C, H, W)
    return x.contiguous(memory_format=torch.channels_last) if maps else x

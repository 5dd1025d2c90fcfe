"""The training loop: schedules, devices, memory, and the passes over the images."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import TrainingError
from mediacorpus.extras import need
from mediacorpus.learning.cache import write_json, write_whole
from mediacorpus.learning.curves import COLUMNS
from mediacorpus.learning.features import augmentation
from mediacorpus.learning.settings import AUTO
from mediacorpus.learning.targets import Target, TargetKind
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
    """Turn want of memory into a sentence that names a batch that does fit.

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
        smaller = (
            "take a smaller network (--arch)"
            if s.method == "scratch"
            else "let fewer blocks learn (--unfreeze head), or take a smaller backbone"
        )
        pictures = f"batches of {size} images" if size > 1 else "single images"
        advice = (
            f"Batches of {fits} fit: start again with --batch-size {fits}."
            if fits
            else f"No smaller batch fits either: {smaller}."
        )
        raise TrainingError(f"The memory is not enough for {pictures}. {advice}") from error


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
    """Tell want of memory from other errors; on a CPU PyTorch has no type of its own for it."""
    kinds = (MemoryError, need("torch").OutOfMemoryError)
    said = str(error).lower()
    return isinstance(error, kinds) or "not enough memory" in said or "out of memory" in said


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
        raise TrainingError("The loss is not finite at any learning rate; check the images.")
    best = float(table[int(table[:, 1].argmin()), 0])
    return float(f"{best / SAFETY:.2g}"), table


OnEpoch: TypeAlias = Callable[[int, int, Mapping[str, Any]], None]

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


@dataclass(slots=True)
class _State:
    """What changes from epoch to epoch; all of it is in the checkpoint."""

    module: Any
    optimizer: Any
    schedule: Any
    device: str = "cpu"
    epoch: int = 0
    best_epoch: int = 0
    best: Mapping[str, Any] = field(default_factory=dict)
    rows: list[dict[str, float]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        buffer = io.BytesIO()
        content = {
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best": self.best,
            "rows": self.rows,
        }
        need("torch").save(content, buffer)
        write_whole(path, buffer.getvalue())

    def load(self, path: Path) -> None:
        content = need("torch").load(path, map_location="cpu", weights_only=True)
        self.module.load_state_dict(content["module"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        self.epoch, self.best_epoch = content["epoch"], content["best_epoch"]
        self.best, self.rows = content["best"], content["rows"]


def fit(
    module: Any,
    train: Part,
    val: Part,
    *,
    plan: Plan,
    settings: TrainSettings,
    target: Target,
    work: Path,
    on_epoch: OnEpoch | None = None,
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
    s = settings
    device = best_device()
    step = functools.partial(_attempt, module, train, plan=plan, target=target, device=device)
    with deterministic(s.seed), limits(s, step):
        module = module.to(device, memory_format=need("torch").channels_last)
        weights = _class_weights(train, target, s=s, device=device)
        s = _with_rate(module, train, plan=plan, s=s, target=target, work=work, device=device)
        state = _start(module, s, checkpoint=work / CHECKPOINT, device=device)
        for epoch in range(state.epoch + 1, int(s.epochs or 0) + 1):
            if epoch - 1 - state.best_epoch >= int(s.patience or 1):
                break
            started = time.monotonic()
            lr = state.optimizer.param_groups[-1]["lr"]
            train_loss, train_accuracy = _learn(
                state, train, plan=plan, target=target, weights=weights, s=s, epoch=epoch
            )
            val_loss, val_accuracy = _evaluate(
                module, val, target=target, weights=weights, device=device
            )
            _check_finite(val_loss, state, epoch=epoch, work=work)
            seconds = time.monotonic() - started
            values = (epoch, lr, train_loss, train_accuracy, val_loss, val_accuracy, seconds)
            state.rows.append(dict(zip(COLUMNS, map(float, values), strict=True)))
            if val_loss < min([row["val_loss"] for row in state.rows[:-1]], default=math.inf):
                state.best_epoch = epoch
                state.best = {k: v.clone() for k, v in module.state_dict().items()}
            state.schedule.step()
            state.epoch = epoch
            state.save(work / CHECKPOINT)
            if on_epoch is not None:
                on_epoch(epoch, int(s.epochs or 0), dict(state.rows[-1]))
        module.load_state_dict(state.best)
        answer = target.answer(predict(module, val, device=device).numpy())
        module.to("cpu")
    curves = pd.DataFrame(state.rows, columns=list(COLUMNS)).astype({"epoch": int})
    return Fit(curves, state.best_epoch, answer, float(s.lr or 0.0))


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


def _evaluate(
    module: Any, val: Part, *, target: Target, weights: Any, device: str
) -> tuple[float, float]:
    """Give loss and accuracy on the validation part."""
    torch = need("torch")
    logits, y = predict(module, val, device=device), torch.from_numpy(val.targets)
    plain = replace(target, smoothing=0.0)
    loss = plain.loss(logits, y, None if weights is None else weights.cpu())
    return float(loss), target.hits(logits, y) / len(val)


def _start(module: Any, s: TrainSettings, *, checkpoint: Path, device: str) -> _State:
    """Make optimizer and schedule; go on from the checkpoint if there is one."""
    optimizer = make_optimizer(module, s)
    state = _State(module, optimizer, make_schedule(optimizer, s), device)
    if checkpoint.exists():
        state.load(checkpoint)
    return state


def _with_rate(
    module: Any,
    train: Part,
    *,
    plan: Plan,
    s: TrainSettings,
    target: Target,
    work: Path,
    device: str,
) -> TrainSettings:
    """Search for a learning rate where none is given; the one that is found is kept."""
    if s.lr != AUTO:
        return s
    note = work / RATE
    if not note.exists():
        rng = np.random.default_rng(s.seed)

        def batches() -> Iterator[tuple[Any, Any]]:
            while True:
                order = rng.permutation(len(train))
                for chosen in _batches(order, int(s.batch_size or 1)):
                    x = _tensor(_inputs(train, chosen, plan=plan, rng=rng), device)
                    yield x, need("torch").from_numpy(train.targets[chosen]).to(device)

        rate, table = find_rate(module, batches, loss=target.loss, s=s)
        write_json(note, {"lr": rate, "tried": table.tolist()})
    return replace(s, lr=float(json.loads(note.read_text("utf-8"))["lr"]))


def _learn(
    state: _State,
    train: Part,
    *,
    plan: Plan,
    target: Target,
    weights: Any,
    s: TrainSettings,
    epoch: int,
) -> tuple[float, float]:
    """Go once through the training part; return mean loss and accuracy on the way."""
    torch = need("torch")
    rng = np.random.default_rng((s.seed, epoch))
    torch.manual_seed(int(rng.integers(2**63)))
    state.module.train()
    half = torch.autocast(state.device, torch.bfloat16, enabled=s.precision == "bf16")
    total, hits = 0.0, 0.0
    for chosen in _batches(rng.permutation(len(train)), int(s.batch_size or 1)):
        x = _tensor(_inputs(train, chosen, plan=plan, rng=rng), state.device)  # (B, ...)
        y = torch.from_numpy(train.targets[chosen]).to(state.device)  # (B,) or (B, classes)
        x, mixed = _mix(x, y, target, strength=float(s.mixup or 0.0), rng=rng)
        with half:
            logits = state.module(x)  # (B, outputs)
        value = target.loss(logits.float(), mixed, weights)
        state.optimizer.zero_grad()
        value.backward()
        state.optimizer.step()
        total += value.item() * len(chosen)
        hits += target.hits(logits.detach(), y)
    return total / len(train), hits / len(train)


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


def _batches(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut into batches; a last one of a single image joins the one before.

    Batch normalization learns badly from one image, but who asks for it gets it.
    """
    cuts = list(range(size, len(order), size))
    if cuts and size > 1 and len(order) - cuts[-1] == 1:
        cuts.pop()
    return np.split(order, cuts)


def _inputs(
    train: Part, chosen: NDArray[np.int64], *, plan: Plan, rng: np.random.Generator
) -> NDArray[Any]:
    """Take one view of each image at random, or vary its square."""
    rows = train.rows[chosen]
    if not plan.squares:
        return train.views[rows, rng.integers(plan.views, size=len(rows))]
    vary = augmentation(plan.size)
    return np.stack([vary(square, rng) for square in train.views[rows, 0]])


def _tensor(values: NDArray[Any], device: str = "cpu") -> Any:
    torch = need("torch")
    x = torch.from_numpy(np.ascontiguousarray(values)).to(device)
    maps = x.is_floating_point() and x.ndim == 4  # noqa: PLR2004 - (B, C, H, W)
    return x.contiguous(memory_format=torch.channels_last) if maps else x


def _class_weights(train: Part, target: Target, *, s: TrainSettings, device: str) -> Any:
    """Weigh each class by the inverse of its share, so that the mean weight of an image is 1.

    With several labels, the images that bear one weigh as much as those that do not. Of ranks
    each weighs by its share, at all thresholds.
    """
    if not s.class_weights or target.kind is TargetKind.SCALE:
        return None
    torch = need("torch")
    if target.kind is TargetKind.MULTILABEL:
        bearing = train.targets.sum(axis=0)
        weights = (len(train) - bearing) / np.maximum(bearing, 1)
    else:
        counts = np.bincount(train.targets, minlength=len(target.classes))
        weights = len(train) / (len(counts) * np.maximum(counts, 1))
    return torch.tensor(weights, dtype=torch.float32, device=device)


def _attempt(
    module: Any, train: Part, size: int, *, plan: Plan, target: Target, device: str
) -> None:
    """Take one step with the first images, without changing the weights."""
    torch = need("torch")
    chosen = np.arange(min(size, len(train)))
    module.train()
    x = _tensor(_inputs(train, chosen, plan=plan, rng=np.random.default_rng(0)), device)
    y = torch.from_numpy(train.targets[chosen]).to(device)
    target.loss(module(x).float(), y).backward()


def _check_finite(val_loss: float, state: _State, *, epoch: int, work: Path) -> None:
    if math.isfinite(val_loss):
        return
    kept = (
        f"The best epoch so far ({state.best_epoch}) is kept in {work / CHECKPOINT}. "
        if state.best_epoch
        else ""
    )
    raise TrainingError(
        f"The loss became infinite or not a number in epoch {epoch}, so training stopped. {kept}"
        f"Start again with a lower learning rate than {state.optimizer.param_groups[-1]['lr']:g}."
    )

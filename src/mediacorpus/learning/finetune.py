"""The training loop: the last blocks of a network learn, epoch by epoch."""

from __future__ import annotations

import contextlib
import io
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mediacorpus.errors import TrainingError
from mediacorpus.extras import need
from mediacorpus.learning.cache import write_whole
from mediacorpus.learning.curves import COLUMNS
from mediacorpus.learning.pictures import augmentation
from mediacorpus.settings import settings as environment

if TYPE_CHECKING:
    from mediacorpus.learning.features import Part, Plan
    from mediacorpus.learning.settings import TrainSettings

OnEpoch: TypeAlias = Callable[[int, int, Mapping[str, Any]], None]

CHECKPOINT = "checkpoint.pt"
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
    probabilities:
        Of the validation pictures, float32 `(N, classes)`.
    """

    curves: pd.DataFrame
    best_epoch: int
    probabilities: NDArray[np.float32]


@dataclass(slots=True)
class _State:
    """What changes from epoch to epoch; all of it is in the checkpoint."""

    module: Any
    optimizer: Any
    schedule: Any
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
    work:
        Folder for the checkpoint.
    on_epoch:
        Called after each epoch with its number, the number of epochs, and its row.

    Raises
    ------
    TrainingError
        The loss became infinite or not a number.
    """
    torch = need("torch")
    s = settings
    with deterministic(s.seed):
        module = module.to(memory_format=torch.channels_last)
        state = _start(module, s, work / CHECKPOINT)
        loss = torch.nn.CrossEntropyLoss(weight=_class_weights(train, s))
        for epoch in range(state.epoch + 1, int(s.epochs or 0) + 1):
            if epoch - 1 - state.best_epoch >= int(s.patience or 1):
                break
            started = time.monotonic()
            lr = state.optimizer.param_groups[0]["lr"]
            train_loss, train_accuracy = _learn(
                state, train, plan=plan, loss=loss, s=s, epoch=epoch
            )
            logits = predict(module, val)
            val_loss = float(loss(logits, torch.from_numpy(val.targets)))
            _check_finite(val_loss, state, epoch=epoch, work=work)
            hits = logits.argmax(1).numpy() == val.targets
            seconds = time.monotonic() - started
            values = (epoch, lr, train_loss, train_accuracy, val_loss, hits.mean(), seconds)
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
        probabilities = torch.softmax(predict(module, val), 1).numpy()
    curves = pd.DataFrame(state.rows, columns=list(COLUMNS)).astype({"epoch": int})
    return Fit(curves, state.best_epoch, probabilities)


def predict(module: Any, part: Part) -> Any:
    """Give the logits `(N, classes)` of the plain views of a part, as a torch tensor."""
    torch = need("torch")
    module.eval()
    with torch.inference_mode():
        chunks = [
            module(_tensor(part.views[part.rows[start : start + EVALUATED], 0]))
            for start in range(0, len(part), EVALUATED)
        ]
    return torch.cat(chunks)


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


def _start(module: Any, s: TrainSettings, checkpoint: Path) -> _State:
    """Make optimiser and schedule; go on from the checkpoint if there is one."""
    optim = need("torch.optim")
    if s.optimizer == "adamw":
        optimizer = optim.AdamW(module.parameters(), lr=s.lr, weight_decay=s.weight_decay)
    else:
        optimizer = optim.SGD(
            module.parameters(), lr=s.lr, momentum=s.momentum, weight_decay=s.weight_decay
        )
    if s.schedule == "cosine":
        schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=s.epochs)
    else:
        schedule = optim.lr_scheduler.StepLR(optimizer, step_size=s.step_size, gamma=s.gamma)
    state = _State(module, optimizer, schedule)
    if checkpoint.exists():
        state.load(checkpoint)
    return state


def _learn(
    state: _State, train: Part, *, plan: Plan, loss: Any, s: TrainSettings, epoch: int
) -> tuple[float, float]:
    """Go once through the training part; return mean loss and accuracy on the way."""
    torch = need("torch")
    rng = np.random.default_rng((s.seed, epoch))
    torch.manual_seed(int(rng.integers(2**63)))
    state.module.train()
    total, hits = 0.0, 0
    for chosen in _batches(rng.permutation(len(train)), int(s.batch_size or 1)):
        x = _tensor(_inputs(train, chosen, plan=plan, rng=rng))  # (B, ...) features or pixels
        y = torch.from_numpy(train.targets[chosen])  # (B,)
        logits = state.module(x)  # (B, classes)
        value = loss(logits, y)
        state.optimizer.zero_grad()
        value.backward()
        state.optimizer.step()
        total += value.item() * len(chosen)
        hits += int((logits.argmax(1) == y).sum())
    return total / len(train), hits / len(train)


def _batches(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut into batches; a last one of a single picture joins the one before.

    Batch normalization cannot learn from one picture.
    """
    cuts = list(range(size, len(order), size))
    if cuts and len(order) - cuts[-1] == 1:
        cuts.pop()
    return np.split(order, cuts)


def _inputs(
    train: Part, chosen: NDArray[np.int64], *, plan: Plan, rng: np.random.Generator
) -> NDArray[Any]:
    """Take one view of each picture at random, or vary its square."""
    rows = train.rows[chosen]
    if not plan.squares:
        return train.views[rows, rng.integers(plan.views, size=len(rows))]
    vary = augmentation(plan.size)
    return np.stack([vary(square, rng) for square in train.views[rows, 0]])


def _tensor(values: NDArray[Any]) -> Any:
    torch = need("torch")
    x = torch.from_numpy(np.ascontiguousarray(values))
    maps = x.is_floating_point() and x.ndim == 4  # noqa: PLR2004 - (B, C, H, W)
    return x.contiguous(memory_format=torch.channels_last) if maps else x


def _class_weights(train: Part, s: TrainSettings) -> Any:
    """Weigh each class by the inverse of its share, so that the mean weight of a picture is 1."""
    if not s.class_weights:
        return None
    counts = np.bincount(train.targets)
    return need("torch").tensor(len(train) / (len(counts) * counts), dtype=need("torch").float32)


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
        f"Start again with a lower learning rate than {state.optimizer.param_groups[0]['lr']:g}."
    )

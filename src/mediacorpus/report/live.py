"""A page and lines to watch a training by, while it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd

from mediacorpus.errors import writing
from mediacorpus.extras import need
from mediacorpus.files import atomic_write
from mediacorpus.report import words
from mediacorpus.report.curves import described, drawable, training_curves
from mediacorpus.report.document import page
from mediacorpus.report.drawing import for_page
from mediacorpus.result import counted

REFRESH = 2
"""Seconds after which a browser loads the page again."""

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 24
"""Epochs that the small curve of a line shows."""

_NAMES = {
    "train_loss": ("training loss", ".3f"),
    "val_loss": ("validation loss", ".3f"),
    "train_accuracy": ("training accuracy", ".3f"),
    "val_accuracy": ("validation accuracy", ".3f"),
    "log_loss": ("log loss", ".3f"),
    "accuracy": ("accuracy", ".3f"),
    "C": ("C", ".3g"),
    "lr": ("learning rate", ".3g"),
    "seconds": ("seconds per epoch", ".1f"),
}
_EPOCHS = (
    "Loss and accuracy by epoch: of the training part (dashed) and of the validation part (solid). "
    "The dotted line marks the epoch that is kept."
)
_STEPS = "Cross-validated log loss of each value that was tried; lower is better."
_CSS = (
    ".keys { gap: 1rem 1.5rem; } .keys dd { font-size: 1.25rem; } .drawing { margin-top: 1.8rem; }"
)


class LivePage:
    """A self-contained HTML page that shows how far a training is, and how it goes.

    It is written anew after each epoch, in one step, so that a browser never sees half of it;
    the browser loads it again by itself until the training ends. As a context manager it ends
    by itself, also where training fails.

    Parameters
    ----------
    path:
        The `.html` file; its folder is made.
    name:
        Name of the model.

    Raises
    ------
    MissingExtra
        jinja2 or matplotlib is not installed.
    StorageFull, CorpusReadOnly
        The page cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "live-ants.html"
    >>> row = {"epoch": 1.0, "train_loss": 0.6, "val_loss": 0.5,
    ...        "train_accuracy": 0.7, "val_accuracy": 0.8}
    >>> page = LivePage(path, "ants")
    >>> page(1, 10, row)
    >>> 'http-equiv="refresh"' in path.read_text("utf-8")
    True
    >>> page.finish()
    >>> 'http-equiv="refresh"' in path.read_text("utf-8")
    False
    """

    def __init__(self, path: Path, name: str) -> None:
        need("matplotlib")
        self.path = path
        self.name = name
        self._rows: list[dict[str, Any]] = []
        self._step = self._steps = 0
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._write("Waiting for the first epoch", running=True)

    def __call__(self, epoch: int, epochs: int, row: Mapping[str, Any]) -> None:
        """Show one more epoch; this is what `on_epoch` of the training calls."""
        self._rows.append(dict(row))
        self._step, self._steps = epoch, epochs
        left = epochs - epoch
        what = "epoch" if "epoch" in row else "step"
        sentence = f"{what.capitalize()} {epoch:,} of {epochs:,} is done, "
        sentence += f"{counted(left, what)} left" if left else "the model is being kept"
        self._write(sentence, running=True)

    def finish(self, curves: pd.DataFrame | None = None, *, failed: bool = False) -> None:
        """Write the page a last time, so that browsers no longer load it again.

        Parameters
        ----------
        curves:
            All curves of the model; by default the epochs that were seen. After a stop they
            also hold the epochs of earlier runs.
        failed:
            Whether training ended before a model was kept.
        """
        if curves is not None and not failed:
            self._rows = [{str(k): v for k, v in r.items()} for r in curves.to_dict("records")]
        count = len(self._rows)
        what = "epoch" if "epoch" in (self._rows or [{}])[0] else "step"
        if failed:
            sentence = "Training stopped before its end; the same command goes on from there"
        elif not count:
            sentence = "Training is done"
        elif count < self._steps:
            sentence = f"Training stopped early, after {count:,} of {counted(self._steps, what)}"
        else:
            sentence = f"Training is done after {counted(count, what)}"
        self._write(sentence, running=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.finish(failed=True)

    def _write(self, state: str, *, running: bool) -> None:
        frame = pd.DataFrame(self._rows)
        last = self._rows[-1] if self._rows else {}
        sentence = described(frame)
        text = page(
            "live.html.j2",
            style=_CSS,
            title=f"Training of {words.name(self.name)}",
            refresh=REFRESH if running else None,
            state=state,
            key_figures=[
                (f"{last[key]:{form}}", name)
                for key, (name, form) in _NAMES.items()
                if _known(last.get(key))
            ],
            sentence=f"So far: {sentence}" if running and sentence else sentence,
            caption=_EPOCHS if "epoch" in frame else _STEPS,
            drawing=for_page(training_curves(frame), "f1-") if drawable(frame) else "",
        )
        with writing(self.path.parent), atomic_write(self.path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _known(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def terminal_line(row: Mapping[str, Any], epochs: int, history: Sequence[Mapping[str, Any]]) -> str:
    """Write one epoch on one line, with a small curve of the validation loss.

    Parameters
    ----------
    row:
        The epoch's row of the curves.
    epochs:
        Number of epochs.
    history:
        The rows so far; this one may be the last of them.

    Returns
    -------
    str
        The epoch, its losses and accuracies, and up to 24 block characters, the lowest for
        the lowest validation loss that is shown.

    Examples
    --------
    >>> rows = [{"epoch": n, "val_loss": loss} for n, loss in ((1, 0.9), (2, 0.5), (3, 0.2))]
    >>> terminal_line(rows[-1], 10, rows)
    'epoch  3/10  val loss 0.200  █▄▁'
    """
    rows = list(history)
    if not rows or rows[-1].get("epoch") != row.get("epoch"):
        rows.append(row)
    number = int(row.get("epoch", len(rows)))
    pieces = [f"epoch {number:>{len(str(epochs))}}/{epochs}"]
    for part in ("train", "val"):
        found = [
            f"{what} {row[f'{part}_{what}']:.3f}"
            for what in ("loss", "accuracy")
            if _known(row.get(f"{part}_{what}"))
        ]
        if found:
            pieces.append(f"{part} {' '.join(found)}")
    if _known(row.get("seconds")):
        pieces.append(f"{row['seconds']:.1f} s")
    pieces.append(_sparkline([one.get("val_loss") for one in rows[-WIDTH:]]))
    return "  ".join(piece for piece in pieces if piece)


def _sparkline(values: Sequence[Any]) -> str:
    """Draw values as block characters, the lowest for the smallest.

    >>> _sparkline([4, 1, None, 2.5])
    '█▁ ▅'
    """
    known = [float(value) for value in values if _known(value)]
    if not known:
        return ""
    low, spread = min(known), max(known) - min(known)
    top = len(BLOCKS) - 1
    return "".join(
        BLOCKS[round(top * (float(value) - low) / spread) if spread else 0]
        if _known(value)
        else " "
        for value in values
    )

"""Training curves in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("epoch", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")
"""Columns of the curves of `finetune`: one row per epoch."""

OnRow: TypeAlias = Callable[[int, int, Mapping[str, Any]], None]
"""Called after each row of the curves with its number, their number, and the row."""

HOPELESS = 10.0
"""Validation loss beyond which nothing was learned: guessing among 20,000 classes has it."""

RISE = 1.1
"""Validation loss over its minimum from which we speak of over-fitting."""

GAP = 0.1
"""Training accuracy over validation accuracy from which we speak of over-fitting."""

FURTHER = 0.8
"""Training loss over that of the kept epoch below which it fell on."""

UNMOVED = 0.97
"""Training loss over that of the first epoch above which next to nothing was learned."""

TAIL = 3
"""Last epochs that tell whether training was still getting better."""

STILL = 0.02
"""Relative fall of the validation loss per epoch that counts as getting better."""


_CHOSEN = ("C", "neighbors", "smoothing", "trees", "penalty")


def describe_curves(frame: pd.DataFrame) -> str:
    """Say in words how training went.

    Parameters
    ----------
    frame:
        Curves of `finetune` (columns `epoch`, `train_loss`, `val_loss`, `train_accuracy`,
        `val_accuracy`), or of `linear` and shallow models (columns `C`, `neighbors`, `trees`,
        `smoothing` or `penalty`; `log_loss`, `accuracy` or `squared_error`; `best`).

    Returns
    -------
    str
        One to three sentences: which row was kept, and signs of over-fitting (the training loss
        falls on, the validation loss does not), of under-fitting (not even the training loss
        falls) or of training that was too short.

    Examples
    --------
    >>> import pandas as pd
    >>> curves = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [0.6, 0.3, 0.1],
    ...     "val_loss": [0.5, 0.4, 0.6], "train_accuracy": [0.7, 0.9, 1.0],
    ...     "val_accuracy": [0.8, 0.85, 0.8]})
    >>> print(describe_curves(curves))
    The model of epoch 2 of 3 was kept: validation loss 0.400, accuracy 0.850. After it the \
validation loss rose to 0.600 while the training loss fell to 0.100: a sign of over-fitting.
    """
    if not len(frame):
        return "Nothing was trained."
    if "epoch" in frame.columns:
        return _of_epochs(frame)
    return _of_several(frame) if "of" in frame.columns else _of_choice(frame)


def _of_choice(frame: pd.DataFrame) -> str:
    """Say which value of a setting was chosen, and what it scored."""
    name = next((str(column) for column in frame.columns if column in _CHOSEN), None)
    if name is None:
        return "There was nothing to choose."
    row = frame[frame["best"]].iloc[0]
    how = f"was chosen of {len(frame)}" if len(frame) > 1 else "was scored"
    text = (
        f"{name} = {row[name]:.3g} {how} by cross-validation on the training part: {_scores(row)}."
    )
    if len(frame) > 1 and row[name] in {frame[name].min(), frame[name].max()}:
        text += " It lies at the edge of what was tried."
    return text


def _of_several(frame: pd.DataFrame) -> str:
    """Say what was chosen for each of several classifiers in one, and what they score."""
    best = frame[frame["best"]]
    chosen = ", ".join(f"{value:.3g}" for value in dict.fromkeys(best["C"]))
    return (
        f"C = {chosen} was chosen by cross-validation on the training part; mean over "
        f"{len(best)} classifiers: {_scores(best.mean(numeric_only=True))}."
    )


def _scores(row: pd.Series[float]) -> str:
    # The values of a scale are standardized, so that their variance is 1.
    if "squared_error" in row.index:
        return f"R squared {1 - row['squared_error']:.3f}"
    return f"log loss {row['log_loss']:.3f}, accuracy {row['accuracy']:.3f}"


def _of_epochs(frame: pd.DataFrame) -> str:
    best, last = frame.iloc[int(frame["val_loss"].argmin())], frame.iloc[-1]
    kept = f"of epoch {best['epoch']:.0f} of {last['epoch']:.0f}"
    rose = last["val_loss"] > RISE * best["val_loss"]
    falling = len(frame) > TAIL and _still_falling(frame)
    if "val_accuracy" not in frame.columns:  # an autoencoder, whose loss is an error of pixels
        text = (
            f"The codes {kept} were kept: images held out are made again with a mean squared "
            f"error of {best['val_loss']:.4f} (pixels from 0 to 1)."
        )
        if rose:
            text += f" After it the error rose to {last['val_loss']:.4f}: a sign of over-fitting."
        elif falling:
            text += " The error was still falling: more epochs may help."
        return text
    text = (
        f"The model {kept} was kept: validation loss {best['val_loss']:.3f}, accuracy "
        f"{best['val_accuracy']:.3f}."
    )
    if best["val_loss"] > HOPELESS:
        return text + (
            " That is far worse than guessing: the learning rate is probably too high. Train again "
            "with a tenth of it, or with --lr auto."
        )
    if _learned_nothing(frame):
        return text + (
            f" The training loss hardly fell ({frame['train_loss'].iloc[0]:.3f} to "
            f"{last['train_loss']:.3f}): a sign of under-fitting. A larger learning rate, more "
            "epochs or more learning layers may help."
        )
    if rose and last["train_loss"] < best["train_loss"]:
        return text + (
            f" After it the validation loss rose to {last['val_loss']:.3f} while the training "
            f"loss fell to {last['train_loss']:.3f}: a sign of over-fitting."
        )
    if best["train_accuracy"] - best["val_accuracy"] > GAP:
        return text + (
            f" Training accuracy is {best['train_accuracy']:.3f}, much above validation: a sign "
            "of over-fitting. More labels, fewer learning blocks or stronger dropout help."
        )
    if falling:
        return text + " The validation loss was still falling: more epochs may help."
    after = last["epoch"] - best["epoch"]
    if after >= TAIL and last["train_loss"] < FURTHER * best["train_loss"]:
        return text + (
            f" In the {after:.0f} epochs after it the training loss fell on to "
            f"{last['train_loss']:.3f}, and the validation loss did not: a sign of over-fitting, "
            "from before which the model was kept."
        )
    return text


def _learned_nothing(frame: pd.DataFrame) -> bool:
    """Tell whether the training loss is about where it began."""
    losses = frame["train_loss"]
    return len(frame) >= TAIL and bool(losses.iloc[-1] > UNMOVED * losses.iloc[0])


def _still_falling(frame: pd.DataFrame) -> bool:
    losses = frame["val_loss"].to_numpy()[-TAIL:]
    return bool(losses[-1] == frame["val_loss"].min() and losses[-1] < losses[0] * (1 - STILL))

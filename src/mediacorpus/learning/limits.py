"""What to do where the memory, or batch normalization, does not bear the batches asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mediacorpus.errors import TrainingError
from mediacorpus.extras import need

if TYPE_CHECKING:
    from mediacorpus.learning.settings import TrainSettings


@contextlib.contextmanager
def limits(s: TrainSettings, attempt: Callable[[int], object]) -> Iterator[None]:
    """Turn want of memory into a sentence that names a batch that does fit.

    Parameters
    ----------
    s:
        Complete settings.
    attempt:
        Takes one step with a batch of so many pictures, as training does.

    Raises
    ------
    TrainingError
        The memory is not enough, or the network cannot learn from single pictures.
    """
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise TrainingError(
            "The network normalizes over the pictures of a batch, so a batch of one teaches it "
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
        pictures = f"batches of {size} pictures" if size > 1 else "single pictures"
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
            return 0  # single pictures cannot be normalized
        else:
            return size
    return 0


def _is_of_memory(error: Exception) -> bool:
    """Tell want of memory from other errors; on a CPU PyTorch has no type of its own for it."""
    kinds = (MemoryError, need("torch").OutOfMemoryError)
    said = str(error).lower()
    return isinstance(error, kinds) or "not enough memory" in said or "out of memory" in said

"""Where and how PyTorch computes: the device, and what makes results come out the same."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from mediacorpus.extras import need
from mediacorpus.settings import settings as environment


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

"""Progress of training, from reading pictures to the last epoch or fit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mediacorpus.engine.progress import progress as show_progress

if TYPE_CHECKING:
    from mediacorpus.engine.progress import Report
    from mediacorpus.learning.finetune import OnEpoch


class Watch:
    """Shows bars over the pictures read and the epochs done, and passes each epoch on."""

    def __init__(self, name: str, on_epoch: OnEpoch | None, *, show: bool | None) -> None:
        self.name = name
        self.on_epoch = on_epoch
        self.show = show
        self.bars = contextlib.ExitStack()
        self.title = ""
        self.done = 0
        self.report: Report | None = None

    def read(self, part: str, done: int, total: int) -> None:
        """Show how many pictures have been read."""
        self.at(f"reading {part}", done, total=total, unit="pictures")

    def epoch(self, epoch: int, epochs: int, row: Mapping[str, Any]) -> None:
        """Show how many epochs are done."""
        unit = "epochs" if "epoch" in row else "fits"
        self.at(f"training {self.name}", epoch, total=epochs, unit=unit)
        if self.on_epoch is not None:
            self.on_epoch(epoch, epochs, row)

    def at(self, title: str, done: int, *, total: int, unit: str) -> None:
        """Show how far something is; another title is another bar."""
        if title != self.title or self.report is None:
            self.bars.close()
            self.title, self.done = title, 0
            self.report = self.bars.enter_context(
                show_progress(title, total=total, unit=unit, show=self.show)
            )
        self.report(done - self.done)
        self.done = done


@contextlib.contextmanager
def watched(name: str, on_epoch: OnEpoch | None, *, show: bool | None) -> Iterator[Watch]:
    """Show progress while the block runs."""
    watch = Watch(name, on_epoch, show=show)
    with watch.bars:
        yield watch

"""Progress with rate and time left, drawn on a terminal or in a notebook, else silent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol


class Report(Protocol):
    """Told how far a run is."""

    def __call__(self, done: int, *, failed: int = 0, note: str | None = None) -> None:
        """Add `done` to what is finished, `failed` of which failed; `note` is shown behind."""
        ...


def _silent(done: int, *, failed: int = 0, note: str | None = None) -> None:
    del done, failed, note


@contextlib.contextmanager
def progress(
    title: str, *, total: int | None = None, unit: str = "items", show: bool | None = None
) -> Iterator[Report]:
    """Show a progress bar on standard error while the block runs.

    Parameters
    ----------
    title:
        What is going on, in a word or two.
    total:
        How many are to be done; None where nobody knows.
    unit:
        What is counted, for the rate.
    show:
        False for silence. None shows the bar on a terminal and in a notebook only.

    Yields
    ------
    Report
        Call it with the number that was just finished.

    Examples
    --------
    >>> with progress("counting", total=2, show=False) as report:
    ...     report(2)
    """
    if show is False:
        yield _silent
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not (show or console.is_terminal or console.is_jupyter):
        yield _silent
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total, rate="", failed="", note="")
        failures, shown = 0, ""

        def report(done: int, *, failed: int = 0, note: str | None = None) -> None:
            nonlocal failures, shown
            failures += failed
            shown = shown if note is None else note
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(
                task,
                advance=done,
                rate=f"{speed:.0f} {unit}/s" if speed else "",
                failed=f"{failures} failed" if failures else "",
                note=shown,
            )

        yield report

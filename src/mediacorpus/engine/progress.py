"""Progress with rate and time left, drawn on a terminal or in a notebook, else silent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Protocol


class Report(Protocol):
    """Told how far a run is."""

    def __call__(
        self, done: int, *, failed: int = 0, note: str | None = None, total: int | None = None
    ) -> None:
        """Add `done` to what is finished, `failed` of which failed; `note` is shown behind.

        `total` is given by those who did not know at the start how many are to be done.
        """
        ...


def _silent(
    done: int, *, failed: int = 0, note: str | None = None, total: int | None = None
) -> None:
    del done, failed, note, total


def so_far(report: Report) -> Callable[..., None]:
    """Turn a count of what is done so far, of how many, into the steps that a report takes.

    Examples
    --------
    >>> steps = []
    >>> tell = so_far(lambda done, **more: steps.append((done, more["total"])))
    >>> tell(2, 5)
    >>> tell(5, 5)
    >>> steps
    [(2, 5), (3, 5)]
    """
    last = 0

    def tell(done: int, total: int | None = None) -> None:
        nonlocal last
        report(done - last, total=total)
        last = done

    return tell


def _rate(speed: float | None, unit: str) -> str:
    """Write a rate; what takes longer than a second, as its duration.

    >>> _rate(20.4, "items"), _rate(0.25, "epochs"), _rate(None, "fits")
    ('20 items/s', '4.0 s/epoch', '')
    """
    if not speed:
        return ""
    return f"{speed:.0f} {unit}/s" if speed >= 1 else f"{1 / speed:.1f} s/{unit.rstrip('s')}"


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
        What is counted, for the rate; `""` where nothing is counted, only the time.
    show:
        False for silence. None shows the bar on a terminal only, and in a notebook that has the
        package ipywidgets.

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
    # In a notebook rich draws by ipywidgets, and warns at each step where they are missing.
    drawn = console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)
    if not (drawn or (show and not console.is_jupyter)):
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
    counted = columns if unit else (*columns[:2], columns[4])
    with Progress(*counted, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total, rate="", failed="", note="")
        failures, shown = 0, ""

        def report(
            done: int, *, failed: int = 0, note: str | None = None, total: int | None = None
        ) -> None:
            nonlocal failures, shown
            failures += failed
            shown = shown if note is None else note
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(
                task,
                advance=done,
                total=total,
                rate=_rate(speed, unit),
                failed=f"{failures} failed" if failures else "",
                note=shown,
            )

        yield report

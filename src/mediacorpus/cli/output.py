"""How commands print: tables and sentences for people, JSON for programs."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mediacorpus.errors import FormerName, MediacorpusError
from mediacorpus.result import plain, shown_moment

# Typer brings its own copy of click in some versions, so the base class is found from here.
USAGE_ERROR: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
INTERRUPTED = 130
USER_ERROR = 1
SOME_FAILED = 3
ROWS_SHOWN = 20
CELL_WIDTH = 120
ALWAYS_SHOWN = 2
PIPE_WIDTH = 240
EXACT = 1e15
_STEER = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_STEERING = re.compile(rf"(\u2068[^{_STEER}\n]*\u2069)|[{_STEER}]")
EMPTY = {"nan", "<NA>", "NaT"}


class Output:
    """What the options before the command chose."""

    debug = bool(os.environ.get("MEDIACORPUS_DEBUG"))


def visible(text: str) -> str:
    r"""Write characters that steer a terminal, or reverse what follows them, as escapes.

    Line ends and tabs stay, and so do the marks that keep a name in a right-to-left script from
    reordering its sentence. Names of files, columns, labels and coders are other people's.

    >>> visible("a\x1b[31m.jpg"), visible("cod\u202egpj.exe")
    ('a\\x1b[31m.jpg', 'cod\\u202egpj.exe')
    """
    return _STEERING.sub(
        lambda found: found[1] or found[0].encode("unicode_escape").decode("ascii"), text
    )


def replace_unknown() -> None:
    """Let characters that a console does not have be replaced, rather than end in an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def note_former_names() -> None:
    """Let a former name be said in its one sentence, without the line of code that uses it."""
    usual = warnings.showwarning

    def shown(message: Any, category: Any, *place: Any, **more: Any) -> None:
        if issubclass(category, FormerName):
            note(str(message))
        else:
            usual(message, category, *place, **more)

    warnings.showwarning = shown


def out(text: str) -> None:
    """Print a sentence for people, as it is."""
    Console(soft_wrap=True, highlight=False, markup=False).print(visible(text))


def note(text: str) -> None:
    """Print a remark on standard error."""
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(visible(text))


def show_json(content: Any) -> None:
    """Print anything that a verb returns as JSON: UTF-8 for programs, whatever the locale."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False) + "\n"
    encoded = text.encode("utf-8", "backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
    else:
        sys.stdout.write(visible(encoded.decode("utf-8")))


def show_frame(frame: Any, *, rows: int = ROWS_SHOWN) -> None:
    """Print a data frame as a table: its first rows, as many columns as fit, and the counts.

    Columns without any value are named below the table.
    """
    head = frame.head(rows)  # most columns have a value there, and need not be read through
    empty = [c for c in frame.columns if len(frame) and _blank(head[c]) and _blank(frame[c])]
    empty = [name for name in empty if len(empty) < len(frame.columns)]
    frame = frame.drop(columns=empty)
    # A pipe has no width; there lines stay whole, so that they can be searched.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    names = [visible(str(name)) for name in frame.columns]
    cells = [[_cell(v) for v in row] for row in frame.head(rows).itertuples(index=False, name=None)]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(names)]
    fitting, used = 0, 0
    for width in widths:
        used += width + 3
        if fitting >= ALWAYS_SHOWN and used > console.width:
            break
        fitting += 1
    table = Table(show_edge=False, pad_edge=False)
    for i, name in enumerate(names[:fitting]):
        numeric = getattr(frame.iloc[:, i].dtype, "kind", "O") in "iuf"
        table.add_column(escape(name), justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(escape(cell) for cell in row[:fitting]))
    if cells:
        console.print(table)
    footer = [
        f"{len(frame):,} {'row' if len(frame) == 1 else 'rows'}"
        + (f", {rows} shown" if len(frame) > rows else "")
    ]
    if fitting < len(names):
        footer.append(f"{len(names) - fitting} more columns: {', '.join(names[fitting:])}")
    if empty:
        footer.append(f"empty: {', '.join(visible(str(name)) for name in empty)}")
    out("; ".join(footer))


def _blank(column: Any) -> bool:
    return bool(
        (column.isna() | column.map(lambda value: isinstance(value, str) and not value)).all()
    )


def _cell(value: Any) -> str:
    if value is None or str(value) in EMPTY:
        return ""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < EXACT
    text = f"{value:.4g}" if isinstance(value, float) and not whole else str(value)
    text = shown_moment(value) if isinstance(value, datetime) else text
    text = visible(f"{value:.0f}" if whole else text)
    return text if len(text) <= CELL_WIDTH else f"{text[: CELL_WIDTH - 1]}…"


def show(result: Any, *, as_json: bool, rows: int = ROWS_SHOWN) -> None:
    """Print a result: as JSON, as a table, or as the sentence it says of itself."""
    if as_json:
        show_json(result)
    elif hasattr(result, "itertuples"):
        show_frame(result, rows=rows)
    else:
        out(str(result))


def exit_code(command: Callable[[], Any]) -> int:
    """Run a command and give its exit code; errors become one sentence, not a traceback."""
    try:
        result = command()
    except USAGE_ERROR as error:
        error.show()
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _trace()
        note("Stopped. What was finished is kept; the same command goes on from there.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone away, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MediacorpusError as error:
        _trace()
        note(f"Error: {error}")
        return USER_ERROR
    except Exception as error:  # noqa: BLE001 - the last door before the user
        _trace()
        note(
            f"Error: {type(error).__name__}: {error}. This should not happen; "
            "`mediacorpus --debug COMMAND …` shows where."
        )
        return USER_ERROR
    return result if isinstance(result, int) else 0


def _trace() -> None:
    if Output.debug:
        traceback.print_exc()


def some_failed(count: int) -> None:
    """End with the exit code that says that the rest was done."""
    if count:
        raise typer.Exit(SOME_FAILED)


def write_frame(frame: Any, target: Path) -> None:
    """Write a data frame to a `.csv` or `.parquet` file."""
    import pyarrow as pa

    from mediacorpus.store.write import write_batches

    moments = frame.select_dtypes("datetime").columns
    days = [c for c in moments if (frame[c].isna() | (frame[c] == frame[c].dt.normalize())).all()]
    frame = frame.assign(**{c: frame[c].dt.date for c in days})
    data = pa.Table.from_pandas(frame, preserve_index=False)
    rows = write_batches(data.to_reader(10_000), target)
    out(f"Wrote {rows:,} rows to {target}.")

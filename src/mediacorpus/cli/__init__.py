"""The command line: parse, call one function of the library, print."""

from __future__ import annotations

import functools
import sys
from typing import Any


@functools.cache
def application() -> Any:
    """Give the application with all its commands, as a group of Click's."""
    import typer

    # Each module hangs its commands on the application when it is imported.
    from mediacorpus.cli import (  # noqa: F401
        demo,
        holdings,
        learning,
        measuring,
        models,
        people,
        showing,
        trust,
    )
    from mediacorpus.cli.app import app

    return typer.main.get_command(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with 0, 1, 2 or 3.

    0: done. 1: the input is at fault. 2: the command is written wrongly. 3: done, but some
    items failed. 130: stopped with Ctrl-C.
    """
    group = application()
    from mediacorpus.cli.output import exit_code, note_former_names, replace_unknown

    replace_unknown()
    note_former_names()
    sys.exit(exit_code(lambda: group(args=arguments, standalone_mode=False)))

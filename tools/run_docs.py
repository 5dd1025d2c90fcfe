"""Run what the documentation shows, and paste the output below each command.

In the pages, a `console` block holds commands that begin with `$ ` and their output; a comment
`# exit code 3` says that a command ends otherwise than with 0. A `python` block is run too, and
one with `file=NAME` is written to that file first. Other blocks are left alone.

    python tools/run_docs.py              run all pages and write the output anew
    python tools/run_docs.py --check      run all pages and say which commands end unexpectedly
    python tools/run_docs.py PAGE …       only these

As many pages run at once as there are cores, each in a folder of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
FIRST = DOCS / "tutorial.md"
SHOWN = "/home/you/study"
AT_ONCE = os.cpu_count() or 1
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"#\s*exit code (\d+)")
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
WIDTH = "92"


@dataclass(slots=True)
class Ran:
    """What came of a page: its text with new output, and what went wrong."""

    text: str
    problems: list[str] = field(default_factory=list)


def pages() -> list[Path]:
    """List the pages that are run; the tutorial makes what the others begin with."""
    return [FIRST, *sorted((DOCS / "how-to").glob("*.md"))]


def main(arguments: list[str]) -> int:
    """Run pages; 1 if a command ended unexpectedly."""
    check = "--check" in arguments
    chosen = [Path(a).resolve() for a in arguments if not a.startswith("--")] or pages()
    bad = 0
    with tempfile.TemporaryDirectory() as kept, ThreadPoolExecutor(AT_ONCE) as pool:
        begin = Path(kept) / "begin"
        with _place() as place:
            made = run(FIRST, None, place)
            shutil.copytree(place, begin)

        def _ran(page: Path) -> Ran:
            with _place() as place:
                return made if page == FIRST else run(page, begin, place)

        for page, ran in zip(chosen, pool.map(_ran, chosen), strict=True):
            for problem in ran.problems:
                print(f"{page.relative_to(ROOT).as_posix()}: {problem}")
            bad += len(ran.problems)
            if not check:
                page.write_text(ran.text, encoding="utf-8", newline="\n")
    return 1 if bad else 0


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    """Make a folder to run a page in.

    Its path is as long as the one that is shown in its place, so that tables keep their columns.
    """
    for _ in range(100):
        beginning = f"{tempfile.gettempdir()}/mc"
        rest = max(len(SHOWN) - len(beginning), 4)
        place = Path(beginning + secrets.token_hex(rest)[:rest])
        with contextlib.suppress(FileExistsError):
            place.mkdir()
            break
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run(page: Path, begin: Path | None, place: Path) -> Ran:
    """Run the Python of a page, then its commands, each in a fresh copy of `begin`."""
    text = page.read_text(encoding="utf-8")
    ran = Ran(text)
    if any(kind == "python" and "file=" not in info for kind, info, _ in _blocks(text)):
        _prepare(text, begin, place)
        _run_python(text, ran, place)
    _prepare(text, begin, place)
    ran.text = FENCE.sub(lambda found: _block(found, ran, place), text)
    return ran


def _blocks(text: str) -> Iterator[tuple[str, str, str]]:
    for found in FENCE.finditer(text):
        yield found[1], found[2].strip(), found[3]


def _prepare(text: str, begin: Path | None, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    if begin is None:
        place.mkdir()
    else:
        shutil.copytree(begin, place)
    for _, info, body in _blocks(text):
        if info.startswith("file="):
            (place / info.removeprefix("file=")).write_text(body, encoding="utf-8")


def _run_python(text: str, ran: Ran, place: Path) -> None:
    """Run the Python blocks as one script, after the commands that are no mediacorpus."""
    for kind, _, body in _blocks(text):
        if kind == "console":
            for command, _ in _commands(body):
                if command.startswith("python "):
                    _call(command, place)
    script = "\n".join(b for k, info, b in _blocks(text) if k == "python" and not info)
    output, code = _run([sys.executable, "-W", "error", "-c", script], place)
    if code:
        ran.problems.append(f"the Python blocks fail: {output.strip()}")


def _block(found: re.Match[str], ran: Ran, place: Path) -> str:
    if found[1] != "console":
        return found[0]
    written = []
    for command, old in _commands(found[3]):
        output, code = _call(command, place)
        wanted = CODE.search(command)
        if code != (int(wanted[1]) if wanted else 0):
            ran.problems.append(f"`{command}` ended with {code}: {output.strip()}")
        errors = [line for line in old.splitlines() if wanted and line.startswith("Error:")]
        if any(_plain(line) not in _plain(output) for line in errors):
            ran.problems.append(f"`{command}` shows another error: {output.strip()}")
        written.append(f"$ {command}\n{output}")
    return f"```console{found[2]}\n{''.join(written)}```"


def _commands(body: str) -> Iterator[tuple[str, str]]:
    """Give each command with the output below it."""
    for piece in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        lines = piece.splitlines(keepends=True)
        last = next(i for i, line in enumerate(lines) if not line.rstrip().endswith("\\"))
        yield "".join(lines[: last + 1]).rstrip("\n"), "".join(lines[last + 1 :])


def _call(command: str, place: Path) -> tuple[str, int]:
    return _run(shlex.split(command.replace("\\\n", " "), comments=True), place)


def _run(words: list[str], place: Path) -> tuple[str, int]:
    """Run a program in the place and give its output, with the place renamed, and its code.

    Standard output is a terminal, so that tables look as they do for the reader; what goes to
    standard error comes below it, without the bars that only a terminal shows.
    """
    with tempfile.TemporaryFile() as errors:
        reader, writer = _terminal()
        done = subprocess.Popen(words, cwd=place, env=_environment(), stdout=writer, stderr=errors)
        os.close(writer)
        shown = _read(reader)
        code = done.wait()
        errors.seek(0)
        shown += errors.read()
    output = ANSI.sub("", shown.decode("utf-8")).replace(str(place), SHOWN)
    return "".join(f"{line.rstrip()}\n" for line in output.splitlines()), code


def _terminal() -> tuple[int, int]:
    try:
        import pty
    except ImportError:  # Windows has none
        return os.pipe()
    return pty.openpty()


def _read(reader: int) -> bytes:
    """Read to the end, which a terminal tells by an error."""
    pieces = []
    with contextlib.suppress(OSError):
        while piece := os.read(reader, 65536):
            pieces.append(piece)
    os.close(reader)
    return b"".join(pieces)


def _environment() -> dict[str, str]:
    known = {"COLUMNS": WIDTH, "NO_COLOR": "1", "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    beside = str(Path(sys.executable).parent)
    return os.environ | known | {"PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}


def _plain(text: str) -> str:
    return re.sub(r"[\d.]+", "0", " ".join(text.split()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

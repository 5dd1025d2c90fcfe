"""Write docs/reference from the program itself; `--check` only says which pages are stale."""

from __future__ import annotations

import inspect
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from docstrings import summary, to_markdown
from python_reference import find, media, python
from reference_words import table, words

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference"
MADE = "<!-- Written by tools/make_reference.py; `make docs` writes it anew. -->"


def main() -> int:
    """Write the pages, or with `--check` name those that differ."""
    plain_terminal()
    check = "--check" in sys.argv[1:]
    stale = []
    for name, make in PAGES.items():
        text = f"{MADE}\n\n{make().strip()}\n"
        path = TARGET / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if check:
            stale += [name] if _differs(old, text) else []
        elif text != old:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote {path.relative_to(ROOT).as_posix()}")
    for name in stale:
        print(f"docs/reference/{name} is stale; write it anew with: make docs")
    return 1 if stale else 0


def plain_terminal() -> None:
    """Fix what the terminal would decide: the help of commands is wrapped and colored by it."""
    os.environ |= {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1", "TERM": "dumb"}
    for name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):
        os.environ.pop(name, None)


def _differs(old: str, new: str) -> bool:
    """Compare two pages; help that another version of typer has laid out is not compared."""
    made = [re.search(r"<!-- typer (\S+) -->", text) for text in (old, new)]
    if made[0] and made[1] and made[0][1] != made[1][1]:
        print(f"cli.md shows the help as typer {made[0][1]} lays it out; not compared")
        return False
    return old != new


# ---------------------------------------------------------------- commands


def cli() -> str:
    """Show every command with its own `--help`."""
    import typer
    from typer.testing import CliRunner

    import mediacorpus.cli
    from mediacorpus.cli.app import TOUR, app

    def shown(words: list[str]) -> str:
        found = CliRunner().invoke(app, [*words, "--help"], prog_name="mediacorpus")
        if found.exit_code:
            raise SystemExit(f"mediacorpus {' '.join(words)} --help failed: {found.output}")
        return "\n".join(line.rstrip() for line in found.output.strip().splitlines())

    commands = list(_commands(mediacorpus.cli.application()))
    listed = [
        [f"[`{' '.join(c)}`](#mediacorpus-{'-'.join(c)})", _first_line(shown(c))] for c in commands
    ]
    version = ".".join(typer.__version__.split(".")[:2])
    pieces = [
        f"<!-- typer {version} -->",
        "# Command line",
        "`mediacorpus` alone prints a tour:\n\n```text\n" + TOUR + "\n```",
        words("cli", "intro"),
        "## Exit codes",
        to_markdown(inspect.cleandoc(mediacorpus.cli.main.__doc__ or "").split("\n\n", 1)[1]),
        "## Commands",
        table(["command", "does"], listed),
        "## mediacorpus\n\n```text\n" + shown([]) + "\n```",
    ]
    pieces += [f"## mediacorpus {' '.join(c)}\n\n```text\n{shown(c)}\n```" for c in commands]
    return "\n\n".join(pieces)


def _commands(group: Any, above: tuple[str, ...] = ()) -> Iterator[list[str]]:
    for name, command in group.commands.items():
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield [*above, name]
        if hasattr(command, "commands"):
            yield from _commands(command, (*above, name))


def _first_line(text: str) -> str:
    return " ".join(text.split("\n\n")[1].split())


# ---------------------------------------------------------------- measures, backbones


def measures() -> str:
    """Show the registry, with the measures on board."""
    infos = on_board()
    pieces = ["# Measures", words("measures", "intro")]
    rows = [[f"[`{i.name}`](#{i.name})", i.summary, i.shape.value, i.extra or "-"] for i in infos]
    pieces.append(table(["measure", "gives", "shape", "extra"], rows))
    for info in infos:
        pieces += [f"## {info.name}", info.summary, _facts_of(info)]
        function = find(f"{_module(info.name)}.{info.name}")
        if info.labels:
            rows = [[f"`{c}`", k, info.labels[c]] for c, k in info.outputs.items()]
            pieces.append(table(["column", "type", "meaning"], rows))
        pieces.append(to_markdown(function.__doc__ or ""))
    return "\n\n".join(pieces)


def on_board() -> list[Any]:
    """Give the facts of the measures that come with the package, by name."""
    from mediacorpus.engine.contract import MEASURES

    return [i for i in MEASURES if _module(i.name).startswith("mediacorpus.measures.")]


def _module(name: str) -> str:
    from mediacorpus.engine.contract import MEASURES

    return MEASURES.get(name).__module__


def _facts_of(info: Any) -> str:
    side = {None: "full size"}.get(info.min_side, f"short side of at least {info.min_side} pixels")
    extra = (
        f"[`{info.extra}`](../how-to/install.md#extras)"
        if info.extra
        else "none: it is in the core"
    )
    rows = [
        ["version", f"`{info.version}`"],
        ["shape", info.shape.value],
        ["outputs", ", ".join(f"`{k}`" for k in info.outputs) or "fixed by the shape"],
        ["reads", f"pixels, {side}" if info.pixels else "the header of the file"],
        ["`min_side`", str(info.min_side)],
        ["licence", info.licence],
        ["citation", info.citation or "-"],
        ["extra", extra],
    ]
    return table(["fact", "value"], rows)


def backbones() -> str:
    """List the pretrained networks that `train` knows by name."""
    from mediacorpus.networks.backbones import BACKBONES

    infos = [i for i in BACKBONES if BACKBONES.get(i.name).__module__.startswith("mediacorpus.")]
    rows = [[f"`{i.name}`", i.summary, i.licence, i.citation] for i in infos]
    header = ["backbone", "what it is", "licence", "citation"]
    return "\n\n".join(["# Backbones", words("backbones", "intro"), table(header, rows)])


# ---------------------------------------------------------------- errors, settings


def errors() -> str:
    """Draw the tree of errors, then list each with its sentence."""
    from mediacorpus import errors as room

    tree = inspect.cleandoc(room.__doc__ or "").split("\n\n")[1]
    found = [
        c
        for _, c in inspect.getmembers(room, inspect.isclass)
        if issubclass(c, room.MediacorpusError)
    ]
    found.sort(key=lambda c: tree.index(c.__name__))
    rows = []
    for one in found:
        above = ", ".join(f"`{base.__name__}`" for base in one.__bases__)
        rows.append([f"`{one.__name__}`", above, summary(one.__doc__ or "")])
    pieces = ["# Errors", words("errors", "intro"), f"```text\n{inspect.cleandoc(tree)}\n```"]
    return "\n\n".join([*pieces, table(["error", "is also", "means"], rows)])


def settings() -> str:
    """List the environment variables."""
    from mediacorpus.settings import Settings

    said = inspect.cleandoc(Settings.__doc__ or "").split("----------\n", 1)[1]
    rows = []
    for _, text in re.findall(r"^(\w+):\n((?:    .*\n?)+)", said, re.MULTILINE):
        flat = " ".join(text.split())
        name = re.findall(r"MEDIACORPUS_\w+", flat)[0]
        rows.append([f"`{name}`", re.sub(r" \(`MEDIACORPUS[^)]*\)", "", flat), _default(name)])
    rows += [[f"`{n}`", *meaning] for n, meaning in words("settings", "more").items()]
    header = ["variable", "meaning", "default"]
    return "\n\n".join(["# Settings", words("settings", "intro"), table(header, rows)])


def _default(name: str) -> str:
    known: dict[str, str] = words("settings", "defaults")
    if name not in known:
        raise SystemExit(f"tools/reference.toml says nothing of the default of {name}")
    return known[name]


# ---------------------------------------------------------------- tables


def tables() -> str:
    """List the tables that SQL sees, and those in the catalogue's file."""
    from mediacorpus.analysis.tidy import table as read_table
    from mediacorpus.analysis.views import views
    from mediacorpus.records import Info, Shape, schema
    from mediacorpus.store.store import Store

    pieces = ["# Tables", words("tables", "intro"), "## The catalogue"]
    with tempfile.TemporaryDirectory() as folder, Store.create(Path(folder) / "c") as store:
        for name in views(store):
            columns = [str(c) for c in read_table(store, name).columns]
            pieces.append(_columns(name, columns))
        kept = store.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
        stored = {
            n: [str(r[1]) for r in store.rows(f"PRAGMA table_info({n})")]
            for (n,) in kept
            if not n.startswith("sqlite_")
        }
    pieces += ["## Measures and models", words("tables", "measured")]
    shapes = {"scalar": ["item", "run", "…"], "vector": ["item", "run", "vector"]}
    for shape in Shape:
        if shape not in {Shape.SCALAR, Shape.VECTOR}:
            shapes[shape.value] = schema(Info("x", "1", "x", "x", shape=shape)).names
    for shape in Shape:
        listed = ", ".join(f"`{c}`" for c in shapes[shape.value])
        named = [f"[`{i.name}`](measures.md#{i.name})" for i in on_board() if i.shape is shape]
        suffix = f" Here: {', '.join(named)}." if named else ""
        pieces.append(
            f"- **{shape.value}**: {listed}. {words('tables', 'shapes')[shape.value]}{suffix}"
        )
    pieces[-len(Shape) :] = ["\n".join(pieces[-len(Shape) :])]
    rows = [[f"`{n}`", ", ".join(f"`{c}`" for c in columns)] for n, columns in stored.items()]
    pieces += ["## The file corpus.db", words("tables", "file"), table(["table", "columns"], rows)]
    return "\n\n".join(pieces)


def _columns(name: str, columns: list[str]) -> str:
    said = words("tables", name)
    lacking = [c for c in columns if c not in said]
    if lacking:
        raise SystemExit(f"tools/reference.toml says nothing of the columns {lacking} of {name}")
    about = f"{said['about']}\n\n" if "about" in said else ""
    return f"### {name}\n\n{about}" + table(
        ["column", "meaning"], [[f"`{c}`", said[c]] for c in columns]
    )


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli,
    "python.md": python,
    "media.md": media,
    "measures.md": measures,
    "backbones.md": backbones,
    "tables.md": tables,
    "settings.md": settings,
    "errors.md": errors,
}


if __name__ == "__main__":
    sys.exit(main())

"""Write docs/reference from the program itself; `--check` only says which pages are stale."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

# The help of the commands is wrapped to the terminal and coloured by it; neither may vary.
os.environ |= {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1", "TERM": "dumb"}
for _name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TYPER_USE_RICH"):
    os.environ.pop(_name, None)

from docstrings import signature, summary, to_markdown

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference"
WORDS = Path(__file__).with_name("reference.toml")
MADE = "<!-- Written by tools/make_reference.py; `make docs` writes it anew. -->"
SEE = re.compile(r"see `(mediacorpus(?:\.\w+)+)`")
STORE = frozenset({"self", "cls", "store", "show"})
RESULTS = (
    "mediacorpus.sources.add.Added",
    "mediacorpus.engine.local.Measured",
    "mediacorpus.coding.importing.Imported",
    "mediacorpus.coding.splitting.Split",
    "mediacorpus.learning.train.TrainedModel",
    "mediacorpus.validation.verb.Validation",
    "mediacorpus.validation.scores.Scores",
    "mediacorpus.validation.intervals.Interval",
    "mediacorpus.report.gallery.Gallery",
)


def main() -> int:
    """Write the pages, or with `--check` name those that differ."""
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


def _differs(old: str, new: str) -> bool:
    """Compare two pages; help that another version of typer has laid out is not compared."""
    made = [re.search(r"<!-- typer (\S+) -->", text) for text in (old, new)]
    if made[0] and made[1] and made[0][1] != made[1][1]:
        print(f"cli.md shows the help as typer {made[0][1]} lays it out; not compared")
        return False
    return old != new


def words(*keys: str) -> Any:
    """Look up what the program does not say of itself."""
    found: Any = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    for key in keys:
        found = found[key]
    return found


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines)


def find(dotted: str) -> Any:
    """Import `package.module.name` and return it."""
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


# ---------------------------------------------------------------- commands


def cli() -> str:
    """Every command with its own `--help`."""
    import typer
    from typer.testing import CliRunner

    import mediacorpus.cli
    from mediacorpus.cli import demo, holdings, learning, measuring, people  # noqa: F401
    from mediacorpus.cli.app import TOUR, app

    def shown(words: list[str]) -> str:
        found = CliRunner().invoke(app, [*words, "--help"], prog_name="mediacorpus")
        if found.exit_code:
            raise SystemExit(f"mediacorpus {' '.join(words)} --help failed: {found.output}")
        return "\n".join(line.rstrip() for line in found.output.strip().splitlines())

    commands = list(_commands(typer.main.get_command(app)))
    listed = [
        [f"[`{' '.join(c)}`](#mediacorpus-{'-'.join(c)})", _first_line(shown(c))] for c in commands
    ]
    version = ".".join(typer.__version__.split(".")[:2])
    pieces = [
        f"<!-- typer {version} -->",
        "# Command line",
        "`mediacorpus` alone prints a tour:\n\n```text\n" + TOUR + "\n```",
        words("cli", "intro"),
        "## Exit codes\n\n" + to_markdown(mediacorpus.cli.main.__doc__ or ""),
        "## Commands",
        table(["command", "does"], listed),
        "## mediacorpus\n\n```text\n" + shown([]) + "\n```",
    ]
    pieces += [f"## mediacorpus {' '.join(c)}\n\n```text\n{shown(c)}\n```" for c in commands]
    return "\n\n".join(pieces)


def _commands(group: Any, above: tuple[str, ...] = ()) -> Iterator[list[str]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*above, name))
        else:
            yield [*above, name]


def _first_line(text: str) -> str:
    return text.split("\n\n")[1].replace("\n", " ").strip()


# ---------------------------------------------------------------- measures, backbones


def measures() -> str:
    """The registry of measures, with the measures on board."""
    import mediacorpus.measures as room
    from mediacorpus.engine.contract import MEASURES

    infos = [MEASURES.info(name) for name in MEASURES.names() if name in room.__all__]
    pieces = ["# Measures", words("measures", "intro")]
    rows = [[f"[`{i.name}`](#{i.name})", i.summary, i.shape.value, i.extra or "–"] for i in infos]
    pieces.append(table(["measure", "gives", "shape", "extra"], rows))
    for info in infos:
        pieces += [f"## {info.name}", info.summary, _facts_of(info)]
        function = find(f"mediacorpus.measures.{info.name}.{info.name}")
        if info.outputs and info.shape.value == "scalar":
            columns = words("tables", info.name) if info.name in words("tables") else {}
            rows = [[f"`{c}`", k, columns.get(c, "")] for c, k in info.outputs.items()]
            pieces.append(table(["column", "type", "meaning"], rows))
        pieces.append(to_markdown(function.__doc__ or "", without=frozenset({"batch"})))
    return "\n\n".join(pieces)


def _facts_of(info: Any) -> str:
    side = {None: "full size"}.get(info.min_side, f"short side of at least {info.min_side} pixels")
    extra = f'`pip install "mediacorpus[{info.extra}]"`' if info.extra else "none: it is in the core"
    rows = [
        ["version", f"`{info.version}`"],
        ["shape", info.shape.value],
        ["outputs", ", ".join(f"`{k}`" for k in info.outputs) or "fixed by the shape"],
        ["reads", f"pixels, {side}" if info.pixels else "the header of the file"],
        ["`min_side`", str(info.min_side)],
        ["licence", info.licence],
        ["citation", info.citation or "–"],
        ["extra", extra],
    ]
    return table(["fact", "value"], rows)


def backbones() -> str:
    """The pretrained networks that `train` knows by name."""
    from mediacorpus.learning.backbones import BACKBONES

    rows = [[f"`{i.name}`", i.summary, i.licence, i.citation] for i in BACKBONES]
    header = ["backbone", "what it is", "licence", "citation"]
    return "\n\n".join(["# Backbones", words("backbones", "intro"), table(header, rows)])


# ---------------------------------------------------------------- errors, settings


def errors() -> str:
    """The tree of errors, then each with its sentence."""
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
    """The environment variables."""
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
    default: str = words("settings", "defaults")[name]
    return default


# ---------------------------------------------------------------- Python


def python() -> str:
    """The public names, the methods of `Corpus`, and what they return."""
    import mediacorpus
    from mediacorpus import Corpus

    pieces = ["# Python", words("python", "intro"), "## Corpus"]
    pieces.append(_object(Corpus, "Corpus", level=0))
    pieces += [_method(Corpus, name) for name in _public(Corpus)]
    others = [n for n in mediacorpus.__all__ if n not in {"Corpus", "errors", "media"}]
    pieces.append("## Other public names")
    for name in others:
        pieces.append(_named(mediacorpus, name))
    pieces += [
        "### errors\n\nThe module of all errors: see [Errors](errors.md).",
        "### media\n\nPictures as arrays: see [Pictures as arrays](media.md).",
        "## Results",
        words("python", "results"),
    ]
    pieces += [_object(find(dotted), dotted.rpartition(".")[2], level=3) for dotted in RESULTS]
    return "\n\n".join(pieces)


def media() -> str:
    """The functions on pictures as arrays."""
    import mediacorpus.media as room

    names = sorted(n for n in room.__all__ if callable(getattr(room, n)))
    rows = [
        [f"[`{n}`](#{n.lower()})", summary(getattr(room, n).__doc__ or "")] for n in names
    ]
    pieces = ["# Pictures as arrays", words("media", "intro"), table(["name", "does"], rows)]
    values = [n for n in room.__all__ if n not in names]
    pieces.append("Constants: " + ", ".join(f"`{n}`" for n in sorted(values)) + ".")
    return "\n\n".join([*pieces, *(_object(getattr(room, n), n, level=2) for n in names)])


def _public(cls: type) -> list[str]:
    return [n for n in vars(cls) if not n.startswith("_")]


def _named(module: Any, name: str) -> str:
    found = getattr(module, name)
    if name == "__version__":
        return f"### {name}\n\nThe version of the package, a string."
    if callable(found):
        return _object(found, name, level=3)
    return f"### {name}\n\n" + words("python", name)


def _object(found: Any, name: str, *, level: int) -> str:
    """Heading, signature and docstring of a class or function, and its public methods."""
    pieces = [f"{'#' * level} {name}"] if level else []
    # An enumeration is called in no way of its own.
    if not (inspect.isclass(found) and issubclass(found, str)):
        pieces.append(f"```python\n{signature(found, name, without=STORE)}\n```")
    pieces.append(to_markdown(found.__doc__ or ""))
    if inspect.isclass(found) and level:
        members = [n for n in _public(found) if n not in getattr(found, "__slots__", ())]
        rows = [
            [f"`.{n}`", summary(inspect.getdoc(getattr(found, n)) or "")]
            for n in members
            if getattr(found, n).__doc__ and not _is_value(found, n)
        ]
        pieces += [table(["member", "gives"], rows)] if rows else []
    return "\n\n".join(pieces)


def _is_value(cls: type, name: str) -> bool:
    """Tell a field with a default, or a member of an enumeration, from a method."""
    found = inspect.getattr_static(cls, name)
    is_method = isinstance(found, property | classmethod | staticmethod) or callable(found)
    return not is_method or (is_dataclass(cls) and name in getattr(cls, "__dataclass_fields__", {}))


def _method(cls: type, name: str) -> str:
    """A verb of the corpus; where it refers to a function, that function's text follows."""
    found = inspect.getattr_static(cls, name)
    if isinstance(found, property):
        return f"### Corpus.{name}\n\n{to_markdown(found.__doc__ or '')} (A property.)"
    target = getattr(cls, name)
    shown = f"Corpus.{name}" if inspect.ismethod(target) else f"corpus.{name}"
    pieces = [
        f"### Corpus.{name}",
        f"```python\n{signature(target, shown, without=frozenset({'self', 'cls'}))}\n```",
    ]
    own = inspect.getdoc(target) or ""
    other = SEE.search(own)
    if other is None:
        return "\n\n".join([*pieces, to_markdown(own)])
    more = own.split("\n\n", 1)[1:]
    text = to_markdown(find(other[1]).__doc__ or "", without=STORE)
    return "\n\n".join([*pieces, text, *(to_markdown(m) for m in more)])


# ---------------------------------------------------------------- tables


def tables() -> str:
    """The tables that SQL sees, and those in the catalogue's file."""
    import mediacorpus.measures as room
    from mediacorpus.analysis.views import views
    from mediacorpus.catalogue.store import Store
    from mediacorpus.engine.contract import MEASURES
    from mediacorpus.records import Info, Shape, schema

    pieces = ["# Tables", words("tables", "intro"), "## The catalogue"]
    with tempfile.TemporaryDirectory() as folder, Store.create(Path(folder) / "c") as store:
        for name, view in views(store).items():
            pieces.append(_columns(name, [str(c) for c in view.fetch().columns]))
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
        named = [f"[`{n}`](measures.md#{n})" for n in room.__all__ if MEASURES.info(n).shape is shape]
        suffix = f" Here: {', '.join(named)}." if named else ""
        pieces.append(f"- **{shape.value}**: {listed}. {words('tables', 'shapes')[shape.value]}{suffix}")
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

"""Check the size budget of the house, counted in code lines.

A code line holds code: docstrings, blank lines, comments and imports do not count. Modules have
at most 400 code lines, those of tests too; classes 300 (`Corpus` aside, which spells out every
parameter of every command), functions 50, their parameters not counted.

`--totals` prints the code lines and modules of each package instead.
"""

from __future__ import annotations

import ast
import sys
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE, CLASS, FUNCTION = 400, 300, 50
FORBIDDEN = {"utils.py", "helpers.py", "manager.py"}
UNLIMITED = {"Corpus"}
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def code_lines(path: Path, tree: ast.Module) -> set[int]:
    """Give the numbers of the lines that hold code."""
    with tokenize.open(path) as file:
        lines = {
            line
            for token in tokenize.generate_tokens(file.readline)
            if token.type not in LAYOUT
            for line in range(token.start[0], token.end[0] + 1)
        }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node):
            assert node.end_lineno is not None
            lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return lines


def _is_text(node: ast.AST) -> bool:
    """Tell whether a node is a string that stands alone: a docstring of whatever is above it."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def length(node: ast.stmt, lines: set[int]) -> int:
    """Count the code lines of a node."""
    assert node.end_lineno is not None
    body = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    first = node.body[0].lineno if body else node.lineno
    return len(lines.intersection(range(first, node.end_lineno + 1)))


def _span(node: ast.AST) -> range:
    """Give the lines of a class; of its parts nothing more."""
    if not isinstance(node, ast.ClassDef):
        return range(0)
    assert node.end_lineno is not None
    return range(node.lineno, node.end_lineno + 1)


def problems(path: Path) -> list[str]:
    """List what is too large in one file."""
    where = path.relative_to(ROOT)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = code_lines(path, tree)
    exempt = {
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name in UNLIMITED
        for part in ast.walk(node)
    }
    own = lines - {line for node in exempt for line in _span(node)}
    found = []
    if path.name in FORBIDDEN:
        found.append(f"{where}: name it for what it does, not {path.name}")
    if len(own) > MODULE:
        found.append(f"{where}: {len(own)} code lines; a module has at most {MODULE}")
    for node in ast.walk(tree):
        if node in exempt:
            continue
        if isinstance(node, ast.ClassDef):
            limit, kind = CLASS, "class"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            limit, kind = FUNCTION, "function"
        else:
            continue
        if length(node, lines) > limit:
            found.append(
                f"{where}: {kind} {node.name} has {length(node, lines)} code lines (max {limit})"
            )
    return found


def totals(files: list[Path]) -> list[str]:
    """List the code lines and modules of each package of the source."""
    source = ROOT / "src" / "mediacorpus"
    lines: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for path in files:
        if path.is_relative_to(source):
            inside = path.relative_to(source).parts
            room = inside[0] if len(inside) > 1 else "."
            lines[room] += len(code_lines(path, ast.parse(path.read_text(encoding="utf-8"))))
            modules[room] += path.name != "__init__.py"
    rows = [f"{room:<12} {count:>6} {modules[room]:>4}" for room, count in sorted(lines.items())]
    return [*rows, f"{'all':<12} {lines.total():>6} {modules.total():>4}"]


def main() -> int:
    """Print what is too large; 1 if anything is."""
    files = [p for name in ("src", "tests", "tools") for p in sorted((ROOT / name).rglob("*.py"))]
    if "--totals" in sys.argv[1:]:
        print("\n".join(totals(files)))
        return 0
    found = [line for path in files for line in problems(path)]
    print("\n".join(found) or f"size budget kept by {len(files)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Check the size budget of the house.

Modules have at most 400 lines, those of tests too; classes 300 lines and 20 methods, functions
60 lines.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE, CLASS, METHODS, FUNCTION = 400, 300, 20, 60
FORBIDDEN = {"utils.py", "helpers.py", "manager.py"}


def length(node: ast.stmt) -> int:
    """Count the lines of a node, its docstring not counted."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    body = getattr(node, "body", [])
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        text = body[0]
        assert text.end_lineno is not None
        lines -= text.end_lineno - text.lineno + 1
    return lines


def problems(path: Path) -> list[str]:
    """List what is too large in one file."""
    text = path.read_text(encoding="utf-8")
    where = path.relative_to(ROOT)
    found = []
    if path.name in FORBIDDEN:
        found.append(f"{where}: name it for what it does, not {path.name}")
    if len(text.splitlines()) > MODULE:
        found.append(f"{where}: {len(text.splitlines())} lines; a module has at most {MODULE}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            methods = [
                n
                for n in node.body
                if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
                and not n.name.startswith(("__", "_repr_"))
            ]
            if length(node) > CLASS:
                found.append(f"{where}: class {node.name} has {length(node)} lines (max {CLASS})")
            if len(methods) > METHODS:
                found.append(f"{where}: class {node.name} has {len(methods)} methods")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) > FUNCTION:
            found.append(f"{where}: function {node.name} has {length(node)} lines (max {FUNCTION})")
    return found


def main() -> int:
    """Print what is too large; 1 if anything is."""
    files = [p for name in ("src", "tests", "tools") for p in sorted((ROOT / name).rglob("*.py"))]
    found = [line for path in files for line in problems(path)]
    print("\n".join(found) or f"size budget kept by {len(files)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Write the reference of the public Python names, from signatures and docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from docstrings import signature, summary, to_markdown
from reference_words import table, words

SEE = re.compile(r"see `(mediacorpus(?:\.\w+)+)`")
OWN = frozenset({"self", "cls"})
RENAMED = {"show": "progress", "replace_model": "replace"}
RESULTS = (
    "mediacorpus.sources.add.Added",
    "mediacorpus.engine.local.Measured",
    "mediacorpus.coding.importing.Imported",
    "mediacorpus.coding.splitting.Split",
    "mediacorpus.learning.train.TrainedModel",
    "mediacorpus.learning.grid.Grid",
    "mediacorpus.learning.grid.NestedScore",
    "mediacorpus.validation.validate.Validation",
    "mediacorpus.validation.validate.ScoreOptions",
    "mediacorpus.validation.scores.Scores",
    "mediacorpus.validation.scores.NumberScores",
    "mediacorpus.validation.scores.SeveralScores",
    "mediacorpus.stats.intervals.Interval",
    "mediacorpus.validation.compare.Comparison",
    "mediacorpus.validation.compare.Difference",
    "mediacorpus.validation.subgroups.GroupAudit",
    "mediacorpus.validation.robustness.RobustnessAudit",
    "mediacorpus.validation.learning_curve.LearningCurve",
    "mediacorpus.validation.explain.Explained",
    "mediacorpus.report.gallery.Gallery",
)


def find(dotted: str) -> Any:
    """Import `package.module.name` and return it."""
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def python() -> str:
    """Show the public names, the methods of `Corpus`, and what they return."""
    import mediacorpus
    from mediacorpus import Corpus

    pieces = ["# Python", words("python", "intro"), "## Corpus"]
    pieces.append(_object(Corpus, "Corpus", level=0))
    grouped = _verbs(_public(Corpus))
    rows = [
        [title, ", ".join(f"[`{name}`](#corpus{name})" for name in names)]
        for title, names in grouped.items()
    ]
    pieces.append(table(["for", "methods"], rows))
    for title, names in grouped.items():
        pieces += [f"### {title}", *(_method(Corpus, name) for name in names)]
    others = [n for n in mediacorpus.__all__ if n not in {"Corpus", "errors", "media"}]
    pieces.append("## Other public names")
    for name in others:
        pieces.append(_named(mediacorpus, name))
    pieces += [
        "### errors\n\nThe module of all errors: see [Errors](errors.md).",
        "### media\n\nImages as arrays: see [Images as arrays](media.md).",
        "## Results",
        words("python", "results"),
    ]
    pieces += [_object(find(dotted), dotted.rpartition(".")[2], level=3) for dotted in RESULTS]
    return "\n\n".join(pieces)


def media() -> str:
    """Show the functions on images as arrays, grouped by what they are for."""
    import mediacorpus.media as room

    groups = words("media", "groups")
    _check_groups({title: group["names"] for title, group in groups.items()}, room.__all__)
    pieces = ["# Images as arrays", words("media", "intro")]
    links = [f"[{title}](#{title.lower().replace(' ', '-')})" for title in groups]
    pieces.append(" · ".join(links))
    for title, group in groups.items():
        functions = [n for n in group["names"] if callable(getattr(room, n))]
        rows = [
            [f"[`{n}`](#{n.lower()})", summary(getattr(room, n).__doc__ or "")] for n in functions
        ]
        pieces += [f"## {title}", group["about"].strip(), table(["name", "does"], rows)]
        values = [n for n in group["names"] if n not in functions]
        if values:
            pieces.append("Constants: " + ", ".join(f"`{n}`" for n in values) + ".")
        pieces += [_object(getattr(room, n), n, level=3) for n in functions]
    return "\n\n".join(pieces)


def _verbs(names: list[str]) -> dict[str, list[str]]:
    """Group the methods of a corpus as `mediacorpus --help` groups the commands."""
    from mediacorpus.cli.help import GROUPS

    own = words("python", "groups")
    order = {title: [c.replace("-", "_") for c in commands] for title, commands in GROUPS.items()}
    found = {}
    for title, commands in order.items():
        wanted = dict.fromkeys([*own.get(title, []), *commands])
        found[title] = [name for name in wanted if name in names]
    found = {title: listed for title, listed in found.items() if listed}
    _check_groups(found, names)
    return found


def _check_groups(groups: Mapping[str, Sequence[str]], names: Sequence[str]) -> None:
    """Stop where a public name is in no group, in two, or gone."""
    placed = [name for group in groups.values() for name in group]
    for what, wrong in (
        ("in no group", [n for n in names if n not in placed]),
        ("in two groups", sorted({n for n in placed if placed.count(n) > 1})),
        ("in a group and not public", [n for n in placed if n not in names]),
    ):
        if wrong:
            raise SystemExit(f"tools/reference.toml: {', '.join(wrong)}: {what}")


def _public(cls: type) -> list[str]:
    """List the public members: its own, then those of each base class in their order."""
    own = [base for base in cls.__mro__ if base.__module__.startswith("mediacorpus.")]
    return list(dict.fromkeys(n for base in own for n in vars(base) if not n.startswith("_")))


def _named(module: Any, name: str) -> str:
    found = getattr(module, name)
    if name == "__version__":
        return f"### {name}\n\nThe version of the package, a string."
    if callable(found):
        return _object(found, name, level=3)
    return f"### {name}\n\n{words('python', name)}"


def _object(found: Any, name: str, *, level: int) -> str:
    """Heading, signature and docstring of a class or function, and its public methods."""
    pieces = [f"{'#' * level} {name}"] if level else []
    # An enumeration or an error is called in no way of its own.
    if not (inspect.isclass(found) and issubclass(found, str | Exception)):
        pieces.append(f"```python\n{signature(found, name, without=OWN)}\n```")
    pieces.append(to_markdown(found.__doc__ or ""))
    if inspect.isclass(found) and issubclass(found, Enum):
        pieces.append("Members: " + ", ".join(f"`{one.name}`" for one in found) + ".")
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
    """Show a verb of the corpus; where it refers to a function, with that function's text."""
    found = inspect.getattr_static(cls, name)
    if isinstance(found, property):
        return f"#### Corpus.{name}\n\n{to_markdown(found.__doc__ or '')} (A property.)"
    target = getattr(cls, name)
    shown = f"Corpus.{name}" if inspect.ismethod(target) else f"corpus.{name}"
    pieces = [
        f"#### Corpus.{name}",
        f"```python\n{signature(target, shown, without=OWN)}\n```",
    ]
    own = inspect.getdoc(target) or ""
    other = SEE.search(own)
    if other is None:
        return "\n\n".join([*pieces, to_markdown(own)])
    more = own.split("\n\n", 1)[1:]
    taken = frozenset(inspect.signature(target).parameters)
    text = to_markdown(find(other[1]).__doc__ or "", only=taken, renamed=RENAMED)
    return "\n\n".join([*pieces, text, *(to_markdown(m) for m in more)])

"""Registries: names → factories, with one frozen record of facts for each.

Other packages add to a registry through entry points; built-ins use the same door.
"""

from __future__ import annotations

import functools
import importlib
import re
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from mediacorpus.errors import ParameterError, unknown
from mediacorpus.records import Info

T = TypeVar("T", bound=Callable[..., Any])

LINE = 400
"""Characters at most of what a registry shows of itself."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Registry(Generic[T]):
    """Factories by name, each with its `Info`.

    Parameters
    ----------
    kind:
        What is registered, in the singular, as messages name it.
    group:
        Entry-point group through which other packages add to the registry. An entry
        point names a module, whose import registers what it holds.
    builtin:
        Modules of this package that register the built-ins when imported.

    Examples
    --------
    >>> measures = Registry("measure", "example.measures")
    >>> @measures.register(Info("one", "1", "Always one.", "Apache-2.0"))
    ... def one():
    ...     return 1
    >>> measures.names(), measures.get("one")()
    (['one'], 1)
    """

    def __init__(self, kind: str, group: str, builtin: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.group = group
        self.builtin = builtin
        self._entries: dict[str, tuple[Info, T]] = {}
        self._loaded = False

    def __repr__(self) -> str:
        names = self.names()
        text = f"{len(names)} {self.kind}s: {', '.join(names)}"
        return text if len(text) <= LINE else f"{text[: LINE - 1]}…"

    def register(self, info: Info) -> Callable[[T], T]:
        """Return a decorator that stores its target under `info.name`.

        Raises
        ------
        ParameterError
            The name is not lower-case letters, digits, `_`, or is taken by other code.
        """
        if not _NAME.fullmatch(info.name):
            raise ParameterError(
                f"A {self.kind} cannot be named {info.name!r}: "
                "use lower-case letters, digits and '_', starting with a letter."
            )

        def store(target: T) -> T:
            known = self._entries.get(info.name)
            if known is not None and _origin(known[1]) != _origin(target):
                raise ParameterError(
                    f"Two {self.kind}s are named {info.name!r}; rename one of them."
                )
            self._entries[info.name] = (info, target)
            return target

        return store

    def get(self, name: str) -> T:
        """Return what is registered under `name`; raises `UnknownName` with near names."""
        return self._entry(name)[1]

    def info(self, name: str) -> Info:
        """Return the record of facts for `name`; raises `UnknownName` with near names."""
        return self._entry(name)[0]

    def names(self) -> list[str]:
        """Return all names, sorted."""
        self._load()
        return sorted(self._entries)

    def __iter__(self) -> Iterator[Info]:
        self._load()
        return iter([self._entries[name][0] for name in sorted(self._entries)])

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def remove(self, name: str) -> None:
        """Forget `name`; does nothing if it is not there."""
        self._entries.pop(name, None)

    def _entry(self, name: str) -> tuple[Info, T]:
        self._load()
        if name not in self._entries:
            raise unknown(self.kind, name, self._entries)
        return self._entries[name]

    def _load(self) -> None:
        if self._loaded:
            return
        for module in self.builtin:
            importlib.import_module(module)
        self._loaded = True
        for point in _points(self.group):
            try:
                point.load()
            except Exception as error:  # noqa: BLE001 - another package's fault costs only itself
                warnings.warn(
                    f"The plug-in {point.name!r} ({point.value}) could not be loaded: {error}",
                    stacklevel=4,
                )


def _origin(target: Callable[..., Any]) -> tuple[str, str]:
    """Tell code apart; the same function, imported again, counts as the same."""
    return target.__module__, target.__qualname__


@functools.cache
def _points(group: str) -> tuple[Any, ...]:
    return tuple(entry_points(group=group))

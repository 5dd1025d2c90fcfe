"""Ways to call the command line within this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from mediacorpus.cli import main


class Said(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command, however it ends."""

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in arguments])
        code = end.value.code
        assert isinstance(code, int)
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def told(run: Callable[..., Said]) -> Callable[..., Said]:
    """Run a command that ends with 0, or as is said."""

    def call(*arguments: object, code: int = 0) -> Said:
        said = run(*arguments)
        assert said.code == code, said
        return said

    return call

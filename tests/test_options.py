"""A misspelt option of any command is refused with the nearest right one."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import mediacorpus as mc
from mediacorpus.cli import application, main

COMMANDS = {
    name: [
        p.name for p in inspect.signature(method).parameters.values() if p.kind is p.KEYWORD_ONLY
    ]
    for name, method in inspect.getmembers(mc.Corpus, inspect.isfunction)
    if not name.startswith("_")
}
OPTIONS = [(command, option) for command, options in COMMANDS.items() for option in options]
ANSWERED = {"add": ("nowhere",), "measure": ("facts",)}


def misspelt(option: str) -> str:
    if len(option) == 1:
        return option + "s"
    return option[:2] + option[3:] if len(option) > 4 else option + option[-1]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> mc.Corpus:
    return mc.Corpus.create(tmp_path_factory.mktemp("options") / "corpus")


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_in_python(corpus: mc.Corpus, command: str, option: str) -> None:
    method = getattr(corpus, command)
    signature = inspect.signature(method).parameters.values()
    needed = ["x" for p in signature if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
    named = {p.name: "x" for p in signature if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    with pytest.raises(mc.errors.ParameterError, match=f"Did you mean.*'{option}'"):
        method(*ANSWERED.get(command, needed), **named, **{misspelt(option): "x"})
    assert corpus._store.value("SELECT count(*) FROM runs") == 0


def command_options() -> list[tuple[str, str]]:
    group = application()
    return [
        (name, max(parameter.opts, key=len))
        for name, command in group.commands.items()
        for parameter in command.params
        if parameter.param_type_name == "option" and parameter.name != "help"
    ]


@pytest.mark.parametrize(("command", "option"), command_options())
def test_on_the_command_line(
    command: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, f"--{misspelt(option.removeprefix('--'))}"])
    assert end.value.code == 2
    words = capsys.readouterr().err
    assert "No such option" in words
    assert option in words

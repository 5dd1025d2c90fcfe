"""Help pages: every command in one group, with an example that can be typed."""

import re
import shlex

import pytest

from mediacorpus.cli import application
from mediacorpus.cli.help import EXAMPLES, GROUPS, PANELS


def leaves(group, above=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


COMMANDS = dict(leaves(application()))


def page(*words):
    command, context = application(), None
    for word in ("mediacorpus", *words):
        command = command if context is None else command.commands[word]
        context = command.context_class(command, info_name=word, parent=context)
    return command.get_help(context)


def test_each_command_is_in_one_group():
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == sorted(application().commands)
    text = page()
    assert all(f"{title}:" in text for title in GROUPS)
    assert "…" not in text
    assert "..." not in text.partition("Options:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_an_example_that_is_understood(name):
    program, *words = shlex.split(EXAMPLES[name])
    assert program == "mediacorpus"
    assert words[: len(name.split())] == name.split()
    COMMANDS[name].make_context(name, words[len(name.split()) :])
    assert EXAMPLES[name] in " ".join(page(*name.split()).split()).replace("- ", "-")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_is_shown_once(name):
    text = page(*name.split())
    for param in COMMANDS[name].params:
        if param.param_type_name == "option":
            shown = rf"^  (?:-.*)?{re.escape(param.opts[0])}(?![\w-])"
            assert len(re.findall(shown, text, re.MULTILINE)) == 1, param.name


def test_panels_name_options_that_are_there():
    for name, panels in PANELS.items():
        known = {param.name for param in COMMANDS[name].params}
        listed = {option for names in panels.values() for option in names}
        assert listed <= known | ({"weights", "loss"} if name == "grid" else set()), name


def test_defaults_of_training_are_shown():
    text = " ".join(page("train").split())
    assert "Passes over the training part. [default: 25]" in text
    assert "[default: step; scratch: cosine]" in text
    assert text.count("[default:") >= 30

"""Registries: names, facts, and the door for other packages."""

import sys
import types
import warnings

import pytest

from mediacorpus import registry
from mediacorpus.errors import MediacorpusError, ParameterError, UnknownName
from mediacorpus.records import Info
from mediacorpus.registry import Registry


def info(name):
    return Info(name, "1", "One line.", "Apache-2.0")


@pytest.fixture
def measures():
    made = Registry("measure", "mediacorpus.test_plugins")
    made.register(info("tags"))(lambda: "tags")
    made.register(info("facts"))(lambda: "facts")
    return made


class Point:
    """Stands for an installed entry point."""

    def __init__(self, name, load):
        self.name = name
        self.value = name
        self.load = load


@pytest.fixture
def installed(monkeypatch):
    """Install entry points for the time of a test."""

    def install(*points):
        monkeypatch.setattr(registry, "_points", lambda group: points)

    return install


def test_names_facts_and_targets(measures):
    assert measures.names() == ["facts", "tags"]
    assert [one.name for one in measures] == ["facts", "tags"]
    assert measures.info("tags").version == "1"
    assert measures.get("tags")() == "tags"
    assert "tags" in measures
    assert "nothing" not in measures


def test_an_unknown_name_gets_near_names(measures):
    for ask in (measures.get, measures.info):
        with pytest.raises(UnknownName, match=r"no measure 'tag'.*Did you mean 'tags'.*Known"):
            ask("tag")


def test_remove_forgets_and_forgives(measures):
    measures.remove("tags")
    measures.remove("tags")
    assert measures.names() == ["facts"]


@pytest.mark.parametrize("name", ["", "Tags", "two words", "a-b", "1st", "../up", "_tags", "größe"])
def test_names_that_are_no_names(measures, name):
    with pytest.raises(ParameterError, match="lower-case letters"):
        measures.register(info(name))


def test_two_packages_cannot_take_one_name(measures):
    def blur(module):
        def target():
            return module

        target.__qualname__, target.__module__ = "blur", module
        return target

    measures.register(info("blur"))(blur("one"))
    measures.register(info("blur"))(blur("one"))  # the same code again, as on a reload
    with pytest.raises(ParameterError, match="Two measures are named 'blur'"):
        measures.register(info("blur"))(blur("other"))
    assert measures.get("blur")() == "one"


def test_the_decorator_for_measures_guards_names_too():
    from mediacorpus.engine.contract import MEASURES, measure

    def named(module):
        def shade(batch):
            return []

        shade.__module__ = module
        return shade

    try:
        measure(info("shade"))(named("one"))
        with pytest.raises(ParameterError, match="Two measures"):
            measure(info("shade"))(named("two"))
    finally:
        MEASURES.remove("shade")


def test_builtins_come_in_through_their_module(monkeypatch):
    found = Registry("measure", "mediacorpus.no_such_group", builtin=("made_up_builtin",))
    module = types.ModuleType("made_up_builtin")
    monkeypatch.setitem(sys.modules, "made_up_builtin", module)
    found.register(info("one"))(lambda: 1)
    assert found.names() == ["one"]


def test_a_builtin_that_fails_fails_each_time():
    found = Registry("measure", "mediacorpus.no_such_group", builtin=("no_such_module_anywhere",))
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError):
            found.names()


def test_another_package_registers_through_its_entry_point(installed):
    found = Registry("measure", "mediacorpus.test_plugins")
    calls = []

    def load():
        calls.append(1)
        found.register(info("plugged"))(lambda: "in")

    installed(Point("plugged", load))
    assert found.get("plugged")() == "in"
    found.names()
    assert calls == [1]


def test_a_broken_plugin_costs_only_itself(installed):
    found = Registry("measure", "mediacorpus.test_plugins")

    def broken():
        raise ImportError("no module named 'gone'")

    installed(
        Point("broken", broken),
        Point("whole", lambda: found.register(info("whole"))(lambda: 1)),
    )
    with pytest.warns(UserWarning, match=r"'broken'.*no module named 'gone'"):
        assert found.names() == ["whole"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "whole" in found


def test_our_own_measures_use_the_same_door():
    from importlib.metadata import entry_points

    from mediacorpus.engine.contract import MEASURES

    assert [point.value for point in entry_points(group="mediacorpus.measures")]
    assert {"facts", "tags", "embedding"} <= set(MEASURES.names())


def test_near_names_for_measures_of_the_package():
    from mediacorpus.engine.contract import MEASURES

    with pytest.raises(MediacorpusError, match="'embedding'"):
        MEASURES.get("embeddings")

"""The public line: what it names, and what importing it costs."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

import mediacorpus as mc

HEAVY = ("torch", "torchvision", "timm", "typer", "click", "fastapi", "pandas", "numpy", "cv2")
LATER = ("torch", "timm", "onnxruntime", "typer", "fastapi", "sklearn", "matplotlib", "jinja2")

PROBE = "import sys, json; {}; print(json.dumps(sorted(sys.modules)))"


def loaded(code):
    """Modules that a fresh Python has after some code."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(code)], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_the_import_loads_nothing_heavy():
    found = loaded("import mediacorpus")
    assert not found & set(HEAVY)
    extra = {name.partition(".")[0] for name in found - loaded("pass")}
    assert "mediacorpus" in extra
    assert not {name for name in extra if name not in sys.stdlib_module_names} - {"mediacorpus"}


def test_a_corpus_is_opened_without_the_learning_packages():
    assert not loaded("from mediacorpus import Corpus") & set(LATER)


def _order(name):
    """Constants, classes, then the rest; each in the order of the alphabet."""
    return (not name.isupper(), not name[0].isupper(), name)


def test_the_list_is_sorted_short_and_real():
    names = mc.__all__
    assert names == sorted(names, key=_order)
    assert len(set(names)) == len(names) <= 30
    assert dir(mc) == sorted(names)
    for name in names:
        assert getattr(mc, name) is not None


def test_what_is_listed_is_what_can_be_had():
    assert set(mc._HOMES) | {"errors", "media", "__version__"} == set(mc.__all__)
    for name, home in mc._HOMES.items():
        assert getattr(mc, name) is getattr(sys.modules[home], name)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="Corpse"):
        _ = mc.Corpse


def test_the_version_is_the_installed_one():
    assert mc.__version__ == version("mediacorpus")

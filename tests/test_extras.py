"""Optional packages: import them or say what to install."""

import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from mediacorpus import extras
from mediacorpus.errors import MissingExtra
from mediacorpus.extras import EXTRA_OF, install_line, installed, need

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


@pytest.mark.parametrize(("module", "extra"), sorted(EXTRA_OF.items()))
def test_a_missing_package_gives_the_line_that_installs_it(monkeypatch, module, extra):
    monkeypatch.setitem(sys.modules, module, None)  # how Python marks what cannot be imported
    monkeypatch.setattr(extras, "_mend_torchvision", lambda: None)
    with pytest.raises(MissingExtra) as caught:
        need(module)
    assert install_line(extra) in str(caught.value)
    assert repr(module) in str(caught.value)


def test_every_extra_that_is_named_is_declared_and_brings_the_package():
    declared = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["optional-dependencies"]
    package = {
        "skimage": "scikit-image",
        "resvg_py": "resvg-py",
        "scenedetect": "scenedetect-headless",
        "odf": "odfpy",
    }
    for module, extra in EXTRA_OF.items():
        wanted = package.get(module, module.replace("_", "-"))
        assert any(line.split(">")[0] == wanted for line in declared[extra]), module


def test_a_module_inside_a_missing_package():
    with pytest.raises(MissingExtra, match="'no_such_package'"):
        need("no_such_package.deep.inside")


def test_a_package_that_lacks_its_own_dependency_names_that_one(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtra, match="'no_such_dependency'"):
        need("half_installed")


def test_what_is_there_is_imported():
    assert need("json").dumps([1]) == "[1]"
    assert need("xml.dom").__name__ == "xml.dom"


def test_installed_tells_without_importing():
    assert installed("wsgiref")
    assert not installed("no_such_package")
    assert not installed("no_such_package.inside")


def test_torchvision_and_timm_can_be_imported():
    assert need("torchvision").models.resnet18
    assert need("timm").create_model


def test_the_line_that_installs_works_from_a_copy_and_from_a_package(monkeypatch, tmp_path):
    root = PYPROJECT.parent
    assert install_line("report") == (
        f"python -m pip install -c {root}/constraints.txt -e {shlex.quote(f'{root}[report]')}"
    )
    monkeypatch.setattr(extras, "__file__", str(tmp_path / "site-packages/mediacorpus/extras.py"))
    needed = ["jinja2>=3.1; extra == 'report'", 'numpy>=1; python_version > "3"']
    monkeypatch.setattr(extras, "requires", lambda name: needed)
    assert install_line("report") == "python -m pip install 'jinja2>=3.1'"
    assert install_line("video") == "python -m pip install av scenedetect"

"""`doctor`: each part is tried, and what does not work has a remedy."""

import subprocess
import sys
from pathlib import Path

import pytest

import mediacorpus as mc
from mediacorpus import checkup
from mediacorpus.extras import EXTRA_OF, install_line


def test_each_extra_is_looked_at():
    assert set(checkup.FOR) == set(EXTRA_OF.values())
    assert set(checkup.TRIALS) <= set(checkup.FOR)


def test_all_works_here():
    seen = []
    found = checkup.doctor(seen.append)
    assert seen == found.findings
    assert {one.what: one.state for one in found.findings if one.state != "works"} == {}
    assert str(found).endswith("All works.")
    assert found.to_frame()["what"].tolist()[:2] == ["Python", "mediacorpus"]
    assert len(repr(found)) < 200


def test_what_is_missing_or_broken_has_a_remedy(monkeypatch):
    def installed(module):
        return module not in {"av", "scenedetect", "httpx", "jinja2"}

    def broken():
        raise OSError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(checkup, "installed", installed)
    monkeypatch.setattr(checkup, "TRIALS", {"documents": broken})
    found = {one.what: one for one in checkup.doctor().findings}
    assert (found["video"].state, found["video"].remedy) == ("not installed", install_line("video"))
    assert found["report"].state == "broken"
    assert "without jinja2" in found["report"].found
    assert "libGL.so.1" in found["documents"].found
    assert "--force-reinstall" in found["documents"].remedy
    assert "2 things must be put right" in str(checkup.doctor())


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEDIACORPUS_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(checkup, "FOR", {})
    [cache] = [one for one in checkup.doctor().findings if one.what == "cache"]
    assert (cache.state, cache.remedy) == (
        "broken",
        "Set MEDIACORPUS_CACHE to a folder of yours.",
    )


@pytest.mark.parametrize("path", ["", "elsewhere"])
def test_a_command_that_is_not_on_the_path(monkeypatch, tmp_path, path):
    monkeypatch.setattr(checkup, "FOR", {})
    if path:
        other = tmp_path / "mediacorpus"
        other.write_text("#!/bin/sh\n")
        other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    [found] = [one for one in checkup.doctor().findings if one.what == "mediacorpus"]
    assert ("another" if path else "not on your path") in found.found
    assert found.remedy.endswith("activate")
    assert Path(found.remedy.split()[-1]).is_file() or sys.platform == "win32"


def test_it_needs_no_more_than_the_core():
    code = (
        "import sys\n"
        "for name in ('torch', 'matplotlib', 'av', 'openpyxl'): sys.modules[name] = None\n"
        "import mediacorpus as mc\n"
        "print(mc.doctor())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Python" in done.stdout


def test_a_plugin_that_does_not_load_is_named(monkeypatch):
    class Point:
        name, dist = "kittens", None

        def load(self):
            raise ImportError("no kittens")

    monkeypatch.setattr(checkup, "FOR", {})
    monkeypatch.setattr(
        checkup.importlib.metadata,
        "entry_points",
        lambda group: [Point()] if group == "mediacorpus.measures" else [],
    )
    text = str(mc.doctor())
    assert "kittens (unknown)" in text
    assert "ImportError: no kittens" in text

"""The package that CONTRIBUTING shows is made, found by its entry point, checked and run."""

import configparser
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def installed(tmp_path):
    """The package of CONTRIBUTING as an installer leaves it: modules and metadata."""
    files = dict(BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    project = tomllib.loads(files.pop("pyproject.toml"))["project"]
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = configparser.ConfigParser()
    points.read_dict(project["entry-points"])
    with (info / "entry_points.txt").open("w") as file:
        points.write(file)
    return tmp_path


def python(installed, script):
    """Run a script where the package is installed; give what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=installed,
        env=os.environ | {"PYTHONPATH": str(installed), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_module_has_about_thirty_lines(installed):
    lines = (installed / "color_measures.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 30


def test_the_measure_is_found_and_keeps_the_contract(installed):
    script = """
from mediacorpus import MEASURES
assert "colorfulness" in MEASURES.names()
import test_color_measures
test_color_measures.test_the_contract()
print(MEASURES.info("colorfulness").version)
"""
    assert python(installed, script) == ["1"]


def test_the_contract_is_what_fails_when_the_measure_is_wrong(installed):
    path = installed / "color_measures.py"
    path.write_text(path.read_text().replace("for pixels in batch.pixels", "for pixels in []"))
    with pytest.raises(AssertionError, match="there must be one for each"):
        python(installed, "import test_color_measures as t; t.test_the_contract()")


def test_it_measures_a_corpus(installed):
    script = """
import mediacorpus as mc
from mediacorpus.testing import toy_images
toy_images("pictures", 8)
with mc.Corpus.create("corpus") as corpus:
    corpus.add("pictures")
    print(corpus.measure("facts", "colorfulness").items)
    row = corpus.sql("SELECT count(*) n, min(colorfulness) low, max(colorfulness) high "
                     "FROM colorfulness").iloc[0]
    print(int(row.n), 0 < row.low < row.high < 200)
    print("colorfulness" in corpus.table().columns)
"""
    assert python(installed, script) == ["8", "8", "True", "True"]


def test_gray_is_not_colorful_and_primary_colors_are(installed):
    # Hasler and Suesstrunk's measure by hand: for pure red and pure blue side by side
    # rg is 255 and 0, yb is 127.5 and -255.
    script = """
import numpy as np
from color_measures import _colorfulness
print(_colorfulness(np.full((4, 4, 3), 99, np.uint8)))
two = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
print(round(_colorfulness(two), 6))
"""
    spread = ((255 / 2) ** 2 + ((127.5 + 255) / 2) ** 2) ** 0.5
    mean = ((255 / 2) ** 2 + ((127.5 - 255) / 2) ** 2) ** 0.5
    assert python(installed, script) == ["0.0", str(round(spread + 0.3 * mean, 6))]

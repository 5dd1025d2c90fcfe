"""The documentation is complete, its links lead somewhere, and its example runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import mediacorpus
from mediacorpus import MEASURES, errors
from mediacorpus.cli import demo, holdings, learning, measuring, people, showing, trust  # noqa: F401
from mediacorpus.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md")) + [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
]
BY_HAND = [page for page in PAGES if page.parent.name != "reference"]
# What the benchmarks write when they are run.
WRITTEN_LATER = {ROOT / "benchmarks" / "RESULTS.md"}
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|tmp|Users|mnt|home/(?!you/))\b")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def text(page):
    return page.read_text(encoding="utf-8")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def commands(group=None, above=()):
    """Every command with its parameters."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield " ".join((*above, name)), command
        if hasattr(command, "commands"):
            yield from commands(command, (*above, name))


COMMANDS = dict(commands())
WRITTEN = "\n".join(text(page) for page in BY_HAND)
HOW_TO = "\n".join(text(page) for page in (DOCS / "how-to").glob("*.md"))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_in_the_reference_and_shown_by_hand(name):
    assert f"## mediacorpus {name}\n" in text(DOCS / "reference" / "cli.md")
    assert re.search(rf"mediacorpus {name}\b(?! import)", HOW_TO)
    assert re.search(rf"\b{name}\b", text(ROOT / "README.md"))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_is_in_the_reference(name):
    section = text(DOCS / "reference" / "cli.md").split(f"## mediacorpus {name}\n")[1]
    section = section.split("\n## ")[0]
    for parameter in COMMANDS[name].params:
        for option in parameter.opts:
            is_argument = not option.startswith("-")
            assert (parameter.metavar if is_argument else option) in section


@pytest.mark.parametrize(
    "option",
    sorted({o for c in COMMANDS.values() for p in c.params for o in p.opts if o[:2] == "--"}),
)
def test_each_option_is_explained_or_plain(option):
    plain = {"--help", "--quiet"}
    assert option in plain or option in WRITTEN


@pytest.mark.parametrize("name", [n for n in vars(mediacorpus.Corpus) if not n.startswith("_")])
def test_each_method_of_a_corpus_is_in_the_reference_and_used(name):
    assert f"### Corpus.{name}\n" in text(DOCS / "reference" / "python.md")
    assert name == "folder" or re.search(rf"\b(corpus|Corpus)\.{name}\b", WRITTEN)


@pytest.mark.parametrize("name", mediacorpus.__all__)
def test_each_public_name_is_in_the_reference(name):
    assert re.search(rf"^##+ {name}$", text(DOCS / "reference" / "python.md"), re.MULTILINE)


def test_each_error_is_in_the_reference():
    page = text(DOCS / "reference" / "errors.md")
    known = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(known) > 15
    assert [e.__name__ for e in known if f"`{e.__name__}`" not in page] == []


def test_each_measure_on_board_is_in_the_reference():
    page = text(DOCS / "reference" / "measures.md")
    on_board = [i for i in MEASURES if "mediacorpus.measures." in MEASURES.get(i.name).__module__]
    assert len(on_board) > 10
    for info in on_board:
        name = info.name
        for fact in (f"## {name}\n", info.summary, info.licence, info.citation, info.extra):
            assert fact in page


def test_each_backbone_is_in_the_reference():
    from mediacorpus.networks.backbones import BACKBONES

    page = text(DOCS / "reference" / "backbones.md")
    assert [info.name for info in BACKBONES if f"`{info.name}`" not in page] == []


def test_the_defaults_of_training_are_those_in_the_table():
    from mediacorpus import TrainSettings

    page = text(DOCS / "how-to" / "train.md")
    told = dict(re.findall(r"\| `(\w+)` \| ([\w.]+)[^|]*\|", page))
    known = TrainSettings(method="finetune").complete()
    names = {"yes": "True", "no": "False", "0": "0.0"}
    assert len(told) == 19
    assert {n: names.get(v, v) for n, v in told.items()} == {
        n: str(getattr(known, n)) for n in told
    }


def test_each_setting_is_in_the_reference():
    code = "\n".join(text(path) for path in (ROOT / "src").rglob("*.py"))
    used = set(re.findall(r"\bMEDIACORPUS_[A-Z_]+\b", code)) - {"MEDIACORPUS_TEST_DATA"}
    page = text(DOCS / "reference" / "settings.md")
    assert len(used) > 4
    assert sorted(name for name in used if f"`{name}`" not in page) == []


def test_each_dependency_is_explained():
    import tomllib

    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {re.match(r"[\w-]+", one)[0] for one in wanted} - {"mediacorpus"}
    page = text(DOCS / "explanation" / "dependencies.md")
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", page)) == []


def slug(heading):
    """Give the anchor that a heading gets."""
    plain = re.sub(r"`|\*|\[|\]\([^)]*\)", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(page):
    return {slug(h) for h in re.findall(r"^#+ (.+)$", FENCE.sub("", text(page)), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_relative_link_leads_somewhere(page):
    broken = []
    for target in LINK.findall(FENCE.sub("", text(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        if other in WRITTEN_LATER:
            continue
        if not other.exists() or (anchor and anchor not in anchors(other)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_place_on_somebodys_machine(page):
    assert MACHINE.findall(text(page)) == []


def test_each_page_can_be_reached_from_the_index():
    index = text(DOCS / "index.md")
    pages = [p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md") if p.name != "index.md"]
    assert [page for page in pages if f"({page})" not in index] == []


def test_the_image_of_the_report_is_small():
    path = DOCS / "images" / "report.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 300_000


def run_tool(*words):
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.slow  # `make check` looks for it too
def test_the_reference_is_fresh():
    done = run_tool("tools/make_reference.py", "--check")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_stale_reference_is_named(tmp_path):
    # The tool reads and writes beside itself, so a copy of it has pages of its own.
    for path in (ROOT / "tools").glob("*reference*"):
        (tmp_path / "tools").mkdir(exist_ok=True)
        (tmp_path / "tools" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "tools" / "docstrings.py").write_bytes((ROOT / "tools/docstrings.py").read_bytes())
    pages = tmp_path / "docs" / "reference"
    pages.mkdir(parents=True)
    for path in (DOCS / "reference").glob("*.md"):
        (pages / path.name).write_bytes(path.read_bytes())
    (pages / "errors.md").write_text("old\n", encoding="utf-8")
    (pages / "tables.md").unlink()
    done = run_tool(str(tmp_path / "tools" / "make_reference.py"), "--check")
    assert done.returncode == 1
    assert re.findall(r"(\w+\.md) is stale", done.stdout) == ["tables.md", "errors.md"]


@pytest.mark.slow
def test_the_readme_example_runs(tmp_path, monkeypatch, capsys):
    [example] = re.findall(r"```python\n(.*?)```", text(ROOT / "README.md"), re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 12
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    assert "accuracy" in capsys.readouterr().out
    assert (tmp_path / "study" / "reports" / "report.html").stat().st_size > 10_000

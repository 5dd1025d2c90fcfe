"""`update` and the study as a script: what was asked is kept, and can be asked again."""

import json
import shlex
import shutil
import subprocess
import sys

import pandas as pd
import pytest

import mediacorpus as mc
from mediacorpus.analysis.script import Call, calls, python_script
from mediacorpus.cli import application, scripting
from mediacorpus.cli.output import exit_code
from mediacorpus.testing import toy_images

TRAINED = (
    "mc train \"$CORPUS\" color --name m --where 'width > 5' --method shallow --model knn "
    "--features color --neighbors 3"
)


def shell_script(store):
    return scripting.shell_script(store, application())


def call(*words):
    arguments = [str(word) for word in words]
    return exit_code(lambda: application()(args=arguments, standalone_mode=False))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A small study, made on the command line."""
    folder = tmp_path_factory.mktemp("study")
    toy_images(folder / "pictures", 40)
    place = folder / "s"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (
            ["create", "s"],
            ["add", "s", "pictures", "--variable", "color", "--min-bytes", "10"],
            ["measure", "s", "color", "facts", "-q"],
            ["measure", "s", "color", "facts", "-q"],
            ["split", "s", "color", "--shares", "60/20/20"],
            [
                *("train", "s", "color", "--name", "m", "--method", "shallow", "--model", "knn"),
                *("--features", "color", "--neighbors", "3", "-q", "--where", "width > 5"),
            ],
            ["apply", "s", "m", "-q"],
            ["validate", "s", "m", "--against", "color", "-q"],
            ["report", "s"],
        ):
            assert call(*words) == 0
    return place


def test_commands_are_kept_as_they_were_given(study):
    with mc.Corpus(study) as corpus:
        found = calls(corpus._store)
        text = shell_script(corpus._store)
    assert [one.command for one in found] == [
        *("add", "measure", "split", "train", "apply", "validate", "report")
    ]
    assert text.splitlines()[7:] == [
        'mc create "$CORPUS"',
        'mc add "$CORPUS" pictures --variable color --min-bytes 10',
        'mc measure "$CORPUS" color facts',
        'mc split "$CORPUS" color --shares 60/20/20',
        TRAINED,
        'mc apply "$CORPUS" m',
        'mc validate "$CORPUS" m --against color',
        'mc report "$CORPUS"',
    ]


@pytest.mark.parametrize("language", ["sh", "python"])
def test_a_script_makes_the_corpus_again(tmp_path, study, language):
    shutil.copytree(study.parent / "pictures", tmp_path / "pictures")
    with mc.Corpus(study) as corpus:
        text = (shell_script if language == "sh" else python_script)(corpus._store)
        scores = corpus.results()["estimate"].tolist()
    if language == "sh":
        command = f'"{sys.executable}" -m mediacorpus "$@"'
        text = text.replace('mediacorpus "$@"', command)
    (tmp_path / "study").write_text(text)
    runner = ["sh"] if language == "sh" else [sys.executable]
    done = subprocess.run(
        [*runner, "study"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with mc.Corpus(tmp_path / "s") as again:
        assert again.results()["estimate"].tolist() == pytest.approx(scores, nan_ok=True)
        assert (again.folder / "reports" / "report.html").is_file()


def test_update_repeats_for_what_is_new(tmp_path, study):
    place = tmp_path / "s"
    shutil.copytree(study, place)
    new = toy_images(tmp_path / "more", 44, seed=2)[-2:]
    added = [study.parent / "pictures" / path.parent.name / f"new_{path.name}" for path in new]
    for source, target in zip(new, added, strict=True):
        shutil.copyfile(source, target)
    try:
        with mc.Corpus(place) as corpus:
            before = len(corpus.items())
            done = corpus.update(progress=False)
            assert [step.command.split()[0] for step in done.steps] == [
                *("add", "measure", "apply", "validate", "report")
            ]
            assert done.failed == 0
            fresh = len(corpus.items()) - before
            assert fresh == 2
            assert f"Measured color, facts of {fresh} items" in str(done)
            assert len(corpus.table("m").query("rank == 1")) == before + fresh
            assert "Nothing to do" in str(corpus.update(progress=False))
            # What was repeated is no command of its own.
            assert "update" not in python_script(corpus._store)
    finally:
        for path in added:
            path.unlink()


def test_update_goes_on_where_a_source_or_a_model_is_gone(tmp_path, study):
    place = tmp_path / "s"
    shutil.copytree(study, place)
    with mc.Corpus(place) as corpus:
        for column in ("parameters", "asked"):
            corpus._store.execute(
                f"UPDATE runs SET {column} = replace({column}, 'pictures', 'gone')"
            )
        corpus._store.execute("UPDATE sources SET location = replace(location, 'pictures', 'gone')")
        corpus._store.execute("UPDATE models SET model = 'other'")
        done = corpus.update(progress=False)
        left = {step.command: step.said for step in done.steps if step.skipped}
    assert "gone is not there any more" in left["add gone"]
    assert left["apply m"] == left["validate m"] == "There is no model 'm' any more."
    assert done.failed == 3
    assert "3 steps could not be repeated" in str(done)
    assert call("update", place, "-q") == 3


def test_an_empty_corpus_has_nothing_to_repeat(tmp_path):
    with mc.Corpus.create(tmp_path / "c") as corpus:
        assert str(corpus.update()).startswith("Nothing to repeat")
        assert python_script(corpus._store).endswith("as corpus:\n    pass\n")


def test_what_cannot_be_repeated_is_a_comment(tmp_path):
    images = toy_images(tmp_path / "pictures", 4)
    with mc.Corpus.create(tmp_path / "c") as corpus:
        corpus.add(tmp_path / "pictures", progress=False, rate=None)
        frame = pd.DataFrame({"file": [images[0].name], "variable": "x", "value": "1"})
        corpus.import_labels(frame)
        with pytest.raises(mc.MediacorpusError):
            corpus.split("x", shares="50/50")
        corpus._store.execute(
            "INSERT INTO runs (verb, status, version, parameters, machine, started) "
            "VALUES ('measure', 'done', '0', '{}', '{}', '')"
        )
        for text in (shell_script(corpus._store), python_script(corpus._store)):
            comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
            assert "# run 2 took a data frame, which is not kept" in comments
            assert any("measure: made before commands were kept" in line for line in comments)
        assert "--rate 0" in shell_script(corpus._store)
        assert "rate=None" in python_script(corpus._store)
        assert all(step.command != "import labels" for step in corpus.update().steps)


def test_a_command_within_a_command_is_the_users(study):
    with mc.Corpus(study) as corpus:
        rows = corpus._store.rows("SELECT verb, asked FROM runs WHERE asked IS NOT NULL")
    asked = {(verb, json.loads(text)["command"]) for verb, text in rows}
    assert ("train", "train") in asked
    assert {command for _, command in asked} <= {
        *("add", "measure", "split", "train", "apply", "validate", "report")
    }


@pytest.fixture
def two_folders(tmp_path, monkeypatch):
    """A corpus of two folders that were added at once, and of files by a pattern."""
    for name in ("one", "two", "scans"):
        toy_images(tmp_path / name, 4, seed=len(name))
    monkeypatch.chdir(tmp_path)
    with mc.Corpus.create("c") as corpus:
        corpus.add(["one", "two"], progress=False)
        corpus.add("scans/*/0*.jpg", progress=False)
    monkeypatch.chdir(tmp_path.parent)
    return tmp_path


def test_update_leaves_out_what_was_removed(two_folders):
    with mc.Corpus(two_folders / "c") as corpus:
        before = len(corpus.records())
        corpus.remove(two_folders / "two")
        kept = len(corpus.records())
        assert kept < before
        assert corpus.update(progress=False).failed == 0
        assert len(corpus.records()) == kept


def test_update_reads_a_pattern_anew_and_no_more(two_folders):
    folder = next((two_folders / "scans").glob("*/"))
    first = next(folder.glob("*.jpg")).read_bytes()
    for name in ("0new.jpg", "left_out.jpg"):
        (folder / name).write_bytes(first + name.encode())
    with mc.Corpus(two_folders / "c") as corpus:
        paths = set(corpus.records()["path"])
        done = corpus.update(progress=False)
        new = set(corpus.records()["path"]) - paths
    assert done.failed == 0
    assert {path.rpartition("/")[2] for path in new} == {"0new.jpg"}


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (("map_labels", ["v", {"YES": "yes", "n": "no"}], {}), "labels map _ v YES=yes,n=no"),
        (
            ("import_labels", ["l.csv"], {"map": {"YES": "yes"}, "values": ["yes", "no, never"]}),
            "labels import _ l.csv --map YES=yes --values 'yes,\"no, never\"'",
        ),
        (
            ("import_labels", ["l.csv"], {"map": "YES=yes", "wide": True}),
            "labels import _ l.csv --map YES=yes --wide",
        ),
        (("learning_curve", ["v"], {"output": "c.svg"}), "learning-curve _ v --output c.svg"),
        (
            ("robustness", ["m"], {"against": "v"}),
            "audit _ m --robustness --against v",
        ),
        (("audit", ["m"], {"against": "v", "by": ["a", "b"]}), "audit _ m --against v --by a,b"),
        (
            ("measure", ["color"], {"on": {"class": "Selection", "fields": {"items": ["a", "b"]}}}),
            "measure _ color --item a --item b",
        ),
        (
            ("add", [["p", "my q"]], {"robots": False, "rate": None}),
            "add _ p 'my q' --ignore-robots --rate 0",
        ),
    ],
)
def test_each_kind_of_argument_is_written_as_it_is_typed(call, line):
    command, positional, options = call
    written = scripting.command_line(
        Call(command, positional, options, (1,), command, "done"), application()
    )
    assert written.replace('"$CORPUS"', "_") == line
    words = shlex.split(line)
    group = application()
    while words[0] != "_":
        group = group.commands[words.pop(0)]
    group.make_context(command, words)

"""What goes wrong is said in one sentence, with the right exit code, and nothing is lost."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mediacorpus as mc

Said = tuple[int, str, str]


def save(path: Path, seed: int = 0, side: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mc.Corpus.create(tmp_path / "corpus").close()
    return tmp_path / "corpus"


def one_sentence(said: str) -> str:
    text = said.strip()
    assert text.startswith("Error: ")
    assert "Traceback" not in text
    assert "This should not happen" not in text
    assert len(text.splitlines()) == 1
    return text


def test_no_corpus(run: Callable[..., Said], tmp_path: Path) -> None:
    for command in (["items"], ["measure", "facts"], ["report"], ["apply", "m"]):
        verb, *rest = command
        code, _, err = run(verb, tmp_path / "nothing", *rest)
        assert code == 1
        assert "mediacorpus create" in one_sentence(err)


def test_a_corpus_is_not_made_twice(run: Callable[..., Said], folder: Path) -> None:
    code, _, err = run("create", folder)
    assert code == 1
    assert "already" in one_sentence(err)


def test_empty_folder(run: Callable[..., Said], folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run("add", folder, tmp_path / "empty")
    assert code == 1
    assert "no files" in one_sentence(err)


def test_folder_without_images(run: Callable[..., Said], folder: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("hello")
    code, _, err = run("add", folder, tmp_path / "texts")
    assert code == 1
    assert ".txt 1" in one_sentence(err)


def test_missing_source(run: Callable[..., Said], folder: Path) -> None:
    code, _, err = run("add", folder, folder / "no such folder")
    assert code == 1
    assert "no such folder" in one_sentence(err)


def test_broken_files_are_listed_and_the_rest_is_added(
    run: Callable[..., Said], folder: Path, tmp_path: Path
) -> None:
    images = tmp_path / "pictures"
    save(images / "good.png")
    save(images / "sub" / "good.png", seed=1)
    (images / "empty.jpg").write_bytes(b"")
    (images / "text.jpg").write_text("this is text")
    whole = save(images / "whole.jpg", seed=3, side=200).read_bytes()
    (images / "half.jpg").write_bytes(whole[: len(whole) // 2])
    png = (images / "good.png").read_bytes()
    (images / "png inside.jpg").write_bytes(png)
    code, out, _ = run("add", folder, images)
    assert code == 3
    assert "3 could not be added" in out
    with mc.Corpus(folder) as corpus:
        failures = corpus.failures()
        reasons = {
            Path(p).name: r for p, r in zip(failures["path"], failures["reason"], strict=True)
        }
        assert set(reasons) == {"empty.jpg", "text.jpg", "half.jpg"}
        assert "0 bytes" in reasons["empty.jpg"]
        assert "text" in reasons["text.jpg"]
        assert "truncated" in reasons["half.jpg"]
        assert len(corpus.records()) == 4
        assert len(corpus.items()) == 3
    code, out, _ = run("failures", folder)
    assert code == 0
    assert "half.jpg" in out


@pytest.mark.parametrize(
    "name", [b"\xff\xfe caf\xe9.png", "\N{GRINNING FACE} \u202egnp.png".encode()]
)
def test_odd_names(run: Callable[..., Said], folder: Path, tmp_path: Path, name: bytes) -> None:
    images = tmp_path / "pictures"
    save(images / "plain.png")
    try:
        os.rename(os.fsencode(images / "plain.png"), os.fsencode(images) + b"/" + name)
    except OSError:
        pytest.skip("not on this machine: its file system refuses the name")
    assert run("add", folder, images)[0] == 0
    assert run("measure", folder, "facts")[0] == 0
    assert run("records", folder)[0] == 0
    assert run("records", folder, "--json")[0] == 0
    assert run("table", folder, "-o", tmp_path / "table.csv")[0] == 0
    with mc.Corpus(folder) as corpus:
        assert len(corpus.table("facts")) == 1
        assert corpus.gallery()._repr_html_().count("<img") == 1


def test_symlink_loop(run: Callable[..., Said], folder: Path, tmp_path: Path) -> None:
    images = tmp_path / "pictures"
    save(images / "deep" / "one.png")
    try:
        (images / "deep" / "loop").symlink_to(images, target_is_directory=True)
    except OSError:
        pytest.skip("not on this machine: no symbolic links")
    assert run("add", folder, images)[0] == 0
    with mc.Corpus(folder) as corpus:
        assert len(corpus.records()) == 1


def test_read_only_corpus_is_read_but_not_written(
    run: Callable[..., Said], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "pictures" / "one.png")
    assert run("add", folder, tmp_path / "pictures")[0] == 0
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda p, mode, **k: mode != os.W_OK and allowed(p, mode, **k)
    )
    code, out, _ = run("items", folder)
    assert code == 0
    assert "1 row" in out
    for command in (["add", tmp_path / "pictures"], ["measure", "facts"], ["split", "face"]):
        verb, *rest = command
        code, _, err = run(verb, folder, *rest)
        assert code == 1
        if verb != "split":
            assert "cannot be written" in one_sentence(err)


def test_newer_corpus(run: Callable[..., Said], folder: Path) -> None:
    database = sqlite3.connect(folder / "corpus.db")
    database.execute("PRAGMA user_version = 999")
    database.close()
    code, _, err = run("items", folder)
    assert code == 1
    assert "newer version" in one_sentence(err)


def test_damaged_corpus(run: Callable[..., Said], folder: Path) -> None:
    (folder / "corpus.db").write_bytes(b"not a database at all" * 500)
    code, _, err = run("items", folder)
    assert code == 1
    assert "damaged" in one_sentence(err)


def test_unknown_names_list_near_ones(run: Callable[..., Said], folder: Path) -> None:
    for command, near in (
        (["measure", folder, "tagz"], "'tags'"),
        (["table", folder, "itemz"], "'items'"),
        (["sql", folder, "SELECT * FROM recordz"], "'records'"),
        (["gold", folder, "face"], "variable"),
        (["apply", folder, "model"], "no model"),
    ):
        code, _, err = run(*command)
        assert code == 1
        assert near in one_sentence(err)


def test_bad_manifests(run: Callable[..., Said], folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "one.png")
    posts = tmp_path / "posts.csv"
    posts.write_text("post,file\n1,one.png\n2,gone.png\n3,\n4,https://example.org/a.jpg\n")
    code, out, _ = run("add", folder, posts)
    assert code == 3
    assert "3 could not be added" in out
    with mc.Corpus(folder) as corpus:
        assert list(corpus.records()["post"]) == [1]
        assert len(corpus.failures()) == 3
    posts.write_text("a,b\n1,2\n")
    code, _, err = run("add", folder, posts)
    assert code == 1
    assert "--path-column" in one_sentence(err)
    posts.write_text("")
    code, _, err = run("add", folder, posts)
    assert code == 1
    one_sentence(err)


def test_labels_for_unknown_items(run: Callable[..., Said], folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "one.png")
    assert run("add", folder, tmp_path / "one.png")[0] == 0
    labels = tmp_path / "labels.csv"
    labels.write_text("file,variable,value\none.png,face,yes\nother.png,face,no\n")
    code, out, _ = run("labels", "import", folder, labels)
    assert code == 3
    assert "other.png" in out
    labels.write_text("item,variable,value\nffffffffffffffff,face,no\n")
    code, _, err = run("labels", "import", folder, labels)
    assert code == 1
    assert "ffffffffffffffff" in one_sentence(err)
    labels.write_text("image,value\none.png,no\n")
    code, _, err = run("labels", "import", folder, labels)
    assert code == 1
    one_sentence(err)
    with mc.Corpus(folder) as corpus:
        assert len(corpus.table("labels")) == 1


def test_variables_that_cannot_be_split(
    run: Callable[..., Said], folder: Path, tmp_path: Path
) -> None:
    for number in range(6):
        save(tmp_path / "p" / "only" / f"{number}.png", seed=number)
    assert run("add", folder, tmp_path / "p", "--variable", "kind")[0] == 0
    code, _, err = run("split", folder, "kind")
    assert code == 1
    assert "only" in one_sentence(err)
    save(tmp_path / "p" / "rare" / "a.png", seed=99)
    assert run("add", folder, tmp_path / "p", "--variable", "kind")[0] == 0
    code, _, err = run("split", folder, "kind")
    assert code == 1
    assert "rare" in one_sentence(err)
    for shares in ("80", "80/30", "-10/110", "a/b", "0/100"):
        code, _, err = run("split", folder, "kind", "--shares", shares)
        assert code == 1
        one_sentence(err)


def test_training_that_cannot_start(run: Callable[..., Said], folder: Path, tmp_path: Path) -> None:
    for number in range(10):
        name = "a" if number < 5 else "b"
        save(tmp_path / "p" / name / f"{number}.png", seed=number)
    assert run("add", folder, tmp_path / "p", "--variable", "kind")[0] == 0
    assert run("split", folder, "kind")[0] == 0
    for options, word in (
        (["--name", "m", "--backbone", "resnet19"], "'resnet18'"),
        (["--name", "M!"], "lower-case"),
        (["--name", "items"], "already"),
        (["--name", "m", "--method", "magic"], "linear"),
        (["--name", "m", "--method", "finetune", "--lr", "-1"], "lr"),
        (["--name", "m", "--method", "finetune", "--unfreeze", "some"], "unfreeze"),
    ):
        code, _, err = run("train", folder, "kind", *options)
        assert code == 1, options
        assert word in one_sentence(err)
    with mc.Corpus(folder) as corpus:
        assert corpus.table("models").empty


def test_usage_errors_have_code_2(run: Callable[..., Said], folder: Path) -> None:
    assert run("items")[0] == 2
    assert run("nonsense")[0] == 2
    assert run("measure", folder, "facts", "--top", "many")[0] == 2


def test_sql_only_reads(run: Callable[..., Said], folder: Path, tmp_path: Path) -> None:
    for query in ("DROP TABLE items", "SELECT 1; SELECT 2", "SELEC 1", ""):
        code, _, err = run("sql", folder, query)
        assert code == 1
        one_sentence(err)
    (tmp_path / "secret.csv").write_text("a\n1\n")
    code, _, err = run("sql", folder, f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')")
    assert code == 1
    one_sentence(err)


def test_a_bomb_is_a_failure_that_names_the_limit(
    run: Callable[..., Said], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIACORPUS_MAX_MEGAPIXELS", "0.001")
    save(tmp_path / "p" / "big.png", side=64)
    code, _, _ = run("add", folder, tmp_path / "p")
    assert code == 3
    with mc.Corpus(folder) as corpus:
        assert "0.001" in corpus.failures()["reason"][0]


def test_settings_out_of_range(
    run: Callable[..., Said], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIACORPUS_WORKERS", "many")
    code, _, err = run("measure", folder, "facts")
    assert code == 1
    assert "MEDIACORPUS_WORKERS" in one_sentence(err)


def test_tables_go_to_csv_or_parquet(run: Callable[..., Said], folder: Path) -> None:
    code, _, err = run("items", folder, "-o", folder / "items.doc")
    assert code == 1
    assert ".parquet" in one_sentence(err)


def test_the_tour(run: Callable[..., Said]) -> None:
    code, out, _ = run()
    assert code == 0
    assert len(out.strip().splitlines()) <= 12

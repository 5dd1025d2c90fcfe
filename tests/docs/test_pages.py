"""Each command and each line of Python in the tutorial and the how-to pages is run."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mediacorpus import Corpus
from mediacorpus.testing import toy_images

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_pages_run():
    done = subprocess.run(
        [sys.executable, "tools/run_docs.py", "--check"],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_queries_for_r_run_on_the_catalogue(tmp_path):
    page = (ROOT / "docs" / "how-to" / "read-from-r.md").read_text(encoding="utf-8")
    newest, records, files = re.findall(r'dbGetQuery\(catalogue, "(.*?)"\)', page, re.DOTALL)
    images = toy_images(tmp_path / "pictures", 4)
    rows = [f"p{n},{image.as_posix()},{n}" for n, image in enumerate(images)]
    (tmp_path / "posts.csv").write_text("\n".join(["post_id,file,shares", *rows]))
    with Corpus.create(tmp_path / "corpus") as corpus:
        corpus.add(tmp_path / "posts.csv", id_column="post_id")
        item = corpus.items()["item"][0]
        for value in ("yes", "no"):
            (tmp_path / "labels.csv").write_text(f"item,variable,value,coder\n{item},v,{value},x\n")
            corpus.import_labels(tmp_path / "labels.csv")
        corpus.measure("facts")
    with sqlite3.connect(f"{(tmp_path / 'corpus/corpus.db').as_uri()}?mode=ro", uri=True) as db:
        assert db.execute(newest).fetchall() == [(item, "v", "no", "x")]
        assert [row[3:] for row in db.execute(records)] == [(f"p{n}", n) for n in range(4)]
        [(file,)] = db.execute(files.replace("'tags'", "'facts'")).fetchall()
    db.close()
    assert (tmp_path / "corpus" / file).is_file()

"""Ten tasks of the first hour, as a new user types them; writes FIRST_HOUR.md with the output.

Each task has the number of commands that it should take at the most. The data are those of the
tests (`MEDIACORPUS_TEST_DATA`), copied to an empty folder.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from images import DATA
from openpyxl import Workbook

TARGET = Path(__file__).with_name("FIRST_HOUR.md")
LINES, LETTERS = 24, 180


@dataclass(frozen=True)
class Task:
    """What is to be done, in how many commands at the most, and the commands."""

    title: str
    most: int
    commands: tuple[str, ...]
    before: str = ""


TASKS = (
    Task(
        "150 documentary photographs with a table of captions",
        2,
        ("create photos", "add photos documentary documentary/captions.csv"),
    ),
    Task(
        "See them; find the broken ones",
        2,
        ("gallery photos --columns caption,year --no-open", "failures photos"),
    ),
    Task(
        "Black and white? Color by decade, plotted",
        2,
        ("measure photos color", 'plot photos monochrome --by "decade(year)" -o gray.png'),
    ),
    Task(
        "Code 60 images by hand, in a spreadsheet with mistakes",
        3,
        (
            "table photos --sample 60:1 --columns item,path,caption -o to_code.xlsx",
            "labels import photos coded.xlsx --wide --dry-run",
            'labels import photos coded.xlsx --wide --map "YES=yes,yess=yes,No=no,n=no"',
        ),
        before="code",
    ),
    Task(
        "Train painting against photograph, and look at the errors",
        4,
        (
            "labels import photos documentary/captions.csv --variables collection "
            '--map "met=painting,fsaowi=photograph,documerica=photograph"',
            "train photos collection --name kind",
            "validate photos kind --against collection",
            "report photos",
        ),
    ),
    Task(
        "Ants and bees, from class folders to a report",
        4,
        (
            "create insects",
            "add insects hymenoptera --variable insect",
            "train insects insect --name bees",
            "validate insects bees --against insect",
            "report insects",
        ),
    ),
    Task(
        "A video: shots, a frame of each, color by shot",
        4,
        (
            "create films",
            "add films clip.mp4 --frames shots",
            "measure films color",
            "table films color --by shot --rows 5",
        ),
    ),
    Task(
        "Year on colorfulness, in Stata or R",
        2,
        (
            "table photos --columns year,colorfulness,collection -o study.dta",
            "table photos --columns year,colorfulness,collection -o study.rds.csv",
        ),
    ),
    Task("Share with a colleague, without images", 1, ("report photos --no-images",)),
    Task("Add ten images, and do all again", 2, ("update photos",), before="more"),
)


def prepare(folder: Path) -> None:
    for name in ("documentary", "hymenoptera"):
        shutil.copytree(DATA / name, folder / name)
    clip = next((DATA / "video").rglob("*.mp4"))
    shutil.copyfile(clip, folder / "clip.mp4")
    # What comes later.
    later = folder / "later"
    later.mkdir()
    for path in sorted((folder / "documentary" / "documerica").glob("*.jpg"))[:10]:
        shutil.move(path, later / path.name)


def code(folder: Path) -> None:
    """Fill in the spreadsheet as a coder might: with slips."""
    import pandas as pd

    sheet = pd.read_excel(folder / "to_code.xlsx", engine="openpyxl")
    book = Workbook()
    page = book.active
    page.append(["item", "outdoors", "coder"])
    answers = ["yes", "no", "yes", "YES", "no", "yess", "No", "n", None, "yes"]
    for number, item in enumerate(sheet["item"]):
        page.append([item, answers[number % len(answers)], "anna"])
    book.save(folder / "coded.xlsx")


def more(folder: Path) -> None:
    for path in (folder / "later").iterdir():
        shutil.move(path, folder / "documentary" / "documerica" / path.name)


def run(command: str, folder: Path) -> tuple[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "mediacorpus", *shlex.split(command)],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "100"},
        check=False,
    )
    text = (done.stdout + done.stderr).replace(str(folder), "/home/you")
    lines = [line[:LETTERS].rstrip() for line in text.strip().splitlines()]
    shown = lines[:LINES] + ([f"… {len(lines) - LINES} more lines"] if len(lines) > LINES else [])
    return "\n".join(shown), done.returncode


def main() -> None:
    pieces = [
        "# The first hour",
        "Ten tasks on real data, from an empty folder. Written by `benchmarks/first_hour.py`. Each "
        "command is shown as it was typed, with what it said; nothing was tried before. The one that "
        "is refused is the preview of a spreadsheet with misspelt answers, which says what to do.",
    ]
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder)
        for number, task in enumerate(TASKS, 1):
            if task.before == "more":
                more(folder)
            pieces.append(f"## {number}. {task.title}")
            codes = []
            for command in task.commands:
                text, code_of = run(command, folder)
                codes.append(code_of)
                pieces.append(f"```console\n$ mediacorpus {command}\n{text}\n```")
                if task.before == "code" and command.startswith("table"):
                    code(folder)
            steps = len(task.commands)
            refused = sum(c not in {0, 3} for c in codes)
            rows.append(f"| {number} | {task.title} | {steps} | {task.most} | {refused} |")
    table = ["| # | task | commands | at most | refused |", "|---|---|---|---|---|", *rows]
    pieces.insert(2, "\n".join(table))
    TARGET.write_text("\n\n".join(pieces) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()

"""Commands for the first hour: the demonstration, and what works on this machine."""

from __future__ import annotations

import csv
import io
import shlex
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from mediacorpus.cli.app import Json, app, command
from mediacorpus.cli.output import USER_ERROR, exit_code, out, show_json
from mediacorpus.errors import CorpusExists
from mediacorpus.extras import need

MARK = ".mediacorpus-demo"
SEED = 1
FACES = 100
UNSORTED = 40
COPIES = 6
POSTS = 120
SIDE = 200
WEAR = (("gaussian_noise",), ("gaussian_blur", "gaussian_blur"), ("occlusion", "occlusion"))
QUIET_CODES = {0, 3}
QUERY = (
    "SELECT face_linear.tag AS seen, count(DISTINCT records.item) AS images, "
    "count(*) AS posts, sum(shares) AS shares FROM records JOIN face_linear USING (item) "
    "WHERE rank = 1 AND post_id IS NOT NULL GROUP BY seen"
)


@command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The corpus to make.")] = Path(
        "mediacorpus-demo"
    ),
) -> None:
    """Show the whole way on 200 worn photographs, half of them faces."""
    started = time.monotonic()
    _make_room(folder)
    _make_images(folder)
    out(
        f"{folder / 'pictures'} holds 200 small photographs from scikit-image (faces and other "
        f"things), enlarged to {SIDE} pixels, half of them noisy, blurred or torn; and what "
        "real folders hold besides: copies, a broken file, a text file called .jpg."
    )
    place = str(folder)
    for words in _commands(place):
        _run(words)
    out("")
    out(f"Done in {time.monotonic() - started:.0f} s. The report: {folder / 'reports/report.html'}")


@command()
def doctor(as_json: Json = False) -> None:
    """Say what is installed, what works, and what to do about the rest."""
    from mediacorpus.checkup import FOR, doctor, line

    width = max(map(len, [*FOR, "mediacorpus"]))
    found = doctor(None if as_json else lambda one: out(line(one, width)))
    if as_json:
        show_json(found)
    else:
        out(str(found).rpartition("\n")[2])
    if found.broken:
        raise typer.Exit(USER_ERROR)


def _commands(folder: str) -> list[list[str]]:
    face = ["face_linear", "face_finetuned"]
    few = ["--rows", "5"]
    return [
        ["create", folder],
        ["add", folder, f"{folder}/pictures", "--variable", "face"],
        ["add", folder, f"{folder}/scans.csv"],
        ["add", folder, f"{folder}/posts.csv", "--id-column", "post_id"],
        ["items", folder, *few],
        ["records", folder, *few],
        ["failures", folder],
        ["measures"],
        ["measure", folder, "facts", "tags", "embedding"],
        ["labels", "import", folder, f"{folder}/labels.csv"],
        ["split", folder, "face", "--shares", "45/20/35"],
        ["train", folder, "face", "--name", face[0]],
        ["train", folder, "face", "--name", face[1], "--method", "finetune"],
        *(["apply", folder, name] for name in face),
        *(["validate", folder, name, "--against", "face"] for name in face),
        ["audit", folder, face[0], "--against", "face", "--by", "state"],
        ["table", folder, "-o", f"{folder}/reports/table.csv"],
        ["sql", folder, QUERY],
        ["runs", folder, *few],
        ["report", folder, "--title", "Faces among worn photographs"],
    ]


def _run(arguments: list[str]) -> None:
    out("")
    out(f"$ mediacorpus {shlex.join(arguments)}")
    code = exit_code(lambda: app(args=arguments, standalone_mode=False))
    if code not in QUIET_CODES:
        raise typer.Exit(code)


def _make_room(folder: Path) -> None:
    """Clear away an earlier demonstration, and nothing else."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARK).exists():
        raise CorpusExists(
            f"{folder} is not empty and is no earlier demonstration. Name another folder: "
            "mediacorpus demo DIR"
        )
    shutil.rmtree(folder)


def _make_images(folder: Path) -> None:
    """Write the photographs as class folders, as dirty as real ones."""
    small = (need("skimage.data").lfw_subset() * 255).round().astype(np.uint8)
    images = folder / "pictures"
    images.mkdir(parents=True)
    (folder / MARK).write_text("Made by `mediacorpus demo`; it may be deleted.\n", encoding="utf-8")
    rng = np.random.default_rng(SEED)
    unsorted = set(rng.choice(len(small), UNSORTED, replace=False).tolist())
    states = rng.permutation(["good", "worn"] * (len(small) // 2)).tolist()
    written, labels = [], []
    for number, (pixels, state) in enumerate(zip(small, states, strict=True)):
        label = "face" if number < FACES else "no_face"
        place = images if number in unsorted else images / label
        suffix = "png" if number % 2 else "jpg"
        path = place / f"{'unsorted' if number in unsorted else label}_{number:03d}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(
            _encoded(
                _enlarged(pixels, worn=state == "worn", seed=number),
                "PNG" if number % 2 else "JPEG",
            )
        )
        written.append(path)
        if number in unsorted:
            labels.append([f"pictures/{path.name}", "face", label, "lfw_subset"])
    for number in rng.choice(len(written), COPIES, replace=False):
        copied = written[number].with_name(f"copy of {written[number].name}")
        shutil.copyfile(written[number], copied)
    whole = written[0].read_bytes()
    (images / "face" / "half_downloaded.jpg").write_bytes(whole[: len(whole) // 2])
    (images / "face" / "not_a_picture.jpg").write_text("404 Not Found\n", encoding="utf-8")
    _write_csv(folder / "labels.csv", ["file", "variable", "value", "coder"], labels)
    scans = [[_named(path), state] for path, state in zip(written, states, strict=True)]
    _write_csv(folder / "scans.csv", ["file", "state"], scans)
    _write_csv(folder / "posts.csv", ["post_id", "file", "date", "shares"], _posts(written, rng))


def _enlarged(pixels: Any, *, worn: bool, seed: int) -> Any:
    """Enlarge a photograph and, where it is to be worn, make it noisy, blurred or torn."""
    from PIL import Image

    from mediacorpus.media.perturb import perturb

    image = Image.fromarray(pixels).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    large = np.asarray(image)
    for turn, kind in enumerate(WEAR[seed % len(WEAR)] if worn else ()):
        large = perturb(large, kind, 5, seed=seed + turn)
    return large


def _named(path: Path) -> str:
    """Give a file as the tables beside the folder `pictures` name it."""
    return path.relative_to(path.parents[1 if path.parent.name == "pictures" else 2]).as_posix()


def _encoded(pixels: Any, kind: str) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, quality=95)
    return buffer.getvalue()


def _posts(written: list[Path], rng: Any) -> list[list[Any]]:
    """Make up posts; some images are posted several times."""
    chosen = rng.choice(written[:60] + written[FACES : FACES + 60], POSTS)
    return [
        [
            f"post{number:04d}",
            _named(path),
            f"2024-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}",
            int(rng.poisson(20)),
        ]
        for number, path in enumerate(chosen, start=1)
    ]


def _write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])

"""What people hand in by mistake or malice: one clear reason each, and nothing else is lost."""

import contextlib
import csv
import json
import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mediacorpus.errors import SourceError
from mediacorpus.extras import install_line
from mediacorpus.sources.options import AddOptions

HERE = Path(__file__).parent
made = runpy.run_path(str(HERE.parents[0] / "made_media.py"))
encoded, film, scans, tone, zipped = (
    made[n] for n in ("encoded", "film", "scans", "tone", "zipped")
)


@pytest.fixture
def good(tmp_path, save):
    """A folder with a good image, into which something bad goes."""
    save(tmp_path / "files" / "good.jpg", 3)
    return tmp_path / "files"


@pytest.fixture
def only_reason(store, add, reasons):
    """Add a source with one good image in it; the reason for the one bad file."""

    def run(source, name, **options):
        added = add(source, **options)
        assert (added.records, added.failed) == (1, 1)
        found = reasons()
        assert set(found) == {name}
        assert found[name].endswith((".", '"'))
        assert "\n" not in found[name]
        assert store.value("SELECT count(*) FROM items WHERE kind = 'image'") == 1
        return found[name]

    return run


# Archives


def flagged(archive):
    """Set the flag of encryption on the last file of a zip."""
    data = bytearray(archive.read_bytes())
    for mark, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        data[data.rindex(mark) + place] |= 1
    archive.write_bytes(data)
    return archive


@pytest.fixture
def jpeg(small_photographs):
    return lambda n: encoded(small_photographs[n])


def test_an_encrypted_member(tmp_path, jpeg, only_reason):
    archive = flagged(zipped(tmp_path / "a.zip", {"good.jpg": jpeg(0), "secret.jpg": jpeg(1)}))
    assert "encrypted" in only_reason(archive, "secret.jpg")


def test_an_archive_that_is_encrypted_as_a_whole(tmp_path, jpeg, add, counts):
    archive = flagged(zipped(tmp_path / "a.zip", {"secret.jpg": jpeg(1)}))
    with contextlib.suppress(SourceError):  # nothing in it can be read, which may end the run
        assert add(archive).failed == 1
    assert counts()[:2] == (0, 0)


@pytest.mark.parametrize(
    "name", ["../evil.jpg", "/etc/evil.jpg", "a/../../evil.jpg", "C:\\evil.jpg"]
)
def test_names_that_lead_out_of_the_archive(store, tmp_path, jpeg, *, add, name):
    archive = zipped(tmp_path / "x" / "a.zip", {"good.jpg": jpeg(0), name: jpeg(1)})
    added = add(archive)
    assert (added.records, added.failed) == (1, 1)
    (reason,) = [row[0] for row in store.rows("SELECT reason FROM failures")]
    assert reason.endswith(".")
    assert not list(tmp_path.rglob("evil*"))
    media = [p for p in (store.folder / "media").rglob("*") if p.is_file()]
    assert len(media) == 1


def test_a_bomb(store, tmp_path, jpeg, add):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("good.jpg", jpeg(0))
        with file.open("bomb.bmp", "w", force_zip64=True) as member:
            member.write(b"BM")
            for _ in range(60):
                member.write(bytes(1_000_000))
        file.writestr("also.jpg", jpeg(1))
    added = add(archive)
    assert (added.records, added.failed) == (2, 1)
    (reason,) = [row[0] for row in store.rows("SELECT reason FROM failures")]
    assert "bomb" in reason or "200" in reason
    kept = sum(p.stat().st_size for p in (store.folder / "media").rglob("*") if p.is_file())
    assert kept < 1_000_000


def test_an_archive_that_breaks_off(tmp_path, jpeg, add, store):
    archive = made["tarred"](tmp_path / "a.tgz", {f"{n}.jpg": jpeg(n) for n in range(20)})
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    added = add(archive)
    assert 0 < added.records < 20
    assert 1 <= added.failed <= 2  # the archive, and the member in which it breaks off
    reasons = [row[0] for row in store.rows("SELECT reason FROM failures")]
    assert len(reasons) == added.failed
    assert all(reason.endswith(".") for reason in reasons)


def test_what_only_bears_the_name_of_an_archive(tmp_path, add, counts):
    (tmp_path / "a.zip").write_text("Not Found")
    with pytest.raises(SourceError, match=r"a\.zip"):
        add(tmp_path / "a.zip")
    assert counts() == (0, 0, 0)


# Documents


ENCRYPTED = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>>endobj\n"
    b"4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<"
    + b"41" * 32
    + b">/U<"
    + b"42" * 32
    + b">>>endobj\n"
    b"trailer<</Root 1 0 R/Size 5/Encrypt 4 0 R/ID[<00><00>]>>\n%%EOF\n"
)


def without_pages():
    """A sound document that has no pages."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(
        (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"), 1
    ):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 3\n0000000000 65535 f \n"
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer<</Root 1 0 R/Size 3>>\nstartxref\n%d\n%%%%EOF\n" % start)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (ENCRYPTED, "password"),
        (without_pages(), "page"),
        (b"%PDF-1.4\njunk", "PDF"),
        (b"", "empty"),
    ],
)
def test_documents(good, *, only_reason, content, word):
    (good / "bad.pdf").write_bytes(content)
    assert word in only_reason(good, "bad.pdf")


# Video and sound


def test_a_file_without_a_image_is_sound(store, good, add):
    with av.open(str(good / "talk.mp4"), "w") as file:
        sound = file.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    tone(good / "voice.wav")
    added = add(good, options=AddOptions(frames="every=1s"))
    assert (added.records, added.derived, added.failed) == (3, 0, 0)
    kinds = dict(store.rows("SELECT kind, count(*) FROM items GROUP BY kind"))
    assert kinds == {"audio": 2, "image": 1}


def test_neither_image_nor_sound(good, only_reason):
    (good / "subtitles.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(200))
    only_reason(good, "subtitles.mkv")


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.mp3", "a.wav", "a.ogg"])
def test_junk_with_the_name_of_a_video(good, only_reason, name):
    (good / name).write_bytes(np.random.default_rng(1).bytes(5000))
    only_reason(good, name)


def test_a_video_that_was_cut_off(good, only_reason):
    path = film(good / "cut.mp4", range(0, 250, 5))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    only_reason(good, "cut.mp4", options=AddOptions(frames="every=1s"))


# Drawings


def test_a_drawing_that_reaches_out(store, good, add, reasons):
    secret = good.parent / "secret.txt"
    secret.write_text("hidden words")
    (good / "bad.svg").write_text(
        f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file://{secret}">]>'
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">'
        '<text y="20">&x;</text></svg>'
    )
    added = add(good)
    assert added.records + added.failed == 2
    assert added.records >= 1
    for reason in reasons().values():
        assert "entit" in reason.lower()
        assert reason.endswith(".")
    assert "hidden" not in "\n".join(store._connection.iterdump())


def test_a_drawing_of_billions_of_laughs(good, only_reason):
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))
    (good / "bad.svg").write_text(
        f"<!DOCTYPE svg [{entities}]>"
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&l9;</text></svg>'
    )
    only_reason(good, "bad.svg")


# Extras


def test_without_the_extra_for_videos(good, add, reasons, *, monkeypatch, store, tmp_path):
    for n in range(3):
        film(good / f"{n}.mp4", [20 * n] * 5)
    scans(good / "text.pdf", np.full((30, 30, 3), 9, np.uint8))
    # Videos are opened in another process, which takes over where this one looks for packages.
    (tmp_path / "without" / "av").mkdir(parents=True)
    (tmp_path / "without" / "av" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'av'\", name='av')"
    )
    monkeypatch.syspath_prepend(tmp_path / "without")
    added = add(good, options=AddOptions(frames="every=1s"))
    assert (added.records, added.derived, added.failed) == (2, 1, 3)
    assert set(reasons()) == {"0.mp4", "1.mp4", "2.mp4"}
    assert all(install_line("video") in why for why in reasons().values())
    monkeypatch.undo()
    added = add(good, options=AddOptions(frames="every=1s"))
    assert (added.records, added.derived, added.failed) == (3, 3, 0)
    assert store.value("SELECT count(*) FROM failures") == 0


# Tables


def test_addresses_of_every_odd_kind(store, tmp_path, add, save):
    save(tmp_path / "own.jpg", 4)
    image = "data:image/png;base64," + "A" * 5000
    odd = {
        image: "data:",
        "ftp://example.org/a.jpg": "ftp",
        "file:///etc/passwd": "file",
        "javascript:alert(1)": "javascript",
        "http://": "",
        "http://exa mple.org/a.jpg": "",
        "https://[::1/a.jpg": "",
        "http://localhost/a b.jpg": "",
        "http://10.0.0.1/a.jpg": "",
    }
    with (tmp_path / "posts.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["url", "n"])
        writer.writerows([[url, n] for n, url in enumerate([*odd, "own.jpg", *odd])])
    added = add(tmp_path / "posts.csv")
    assert (added.items, added.records) == (1, 1)
    rows = store.rows("SELECT path, subject, reason FROM failures")
    assert len(rows) == len(odd)
    for path, subject, reason in rows:
        assert reason.endswith(".")
        assert len(reason) < 300
        assert len(path) < 200
        assert len(subject) < 2100
    reasons = {path[:20]: reason for path, _, reason in rows}
    for url, word in odd.items():
        assert word in reasons[url[:20]]


CHILD = """
import json, resource, sys, time
from pathlib import Path
from mediacorpus.store.store import Store
from mediacorpus.extras import install_line
from mediacorpus.sources.add import add

def peak():
    # Linux hands the parent's peak on to its children; VmHWM is this program's own.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(l for l in status.read_text().splitlines() if l.startswith("VmHWM"))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with Store.create(Path(sys.argv[1]) / "corpus") as store:
    added = add(store, Path(sys.argv[1]) / "posts.csv", show=False)
    again = added
    if sys.argv[2] == "twice":
        again = add(store, Path(sys.argv[1]) / "posts.csv", show=False)
    print(json.dumps({
        "items": added.items, "records": added.records, "failed": added.failed,
        "known": again.unchanged,
        "peak": peak()}))
"""


def add_many(folder, rows, *, twice):
    """Add a table of many rows in a process of its own; what it did and its memory in KB."""
    numbers = np.arange(rows)
    names = np.array([f"{n}.png" for n in range(40)])[numbers % 40]
    names = np.where(numbers % 1000 == 0, "gone.png", names)
    pd.DataFrame({"path": names, "post": numbers, "text": "some words of a post"}).to_csv(
        folder / "posts.csv", index=False
    )
    for n in range(40):
        Image.new("RGB", (8, 8), (n, 0, 0)).save(folder / f"{n}.png")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), "twice" if twice else "once"],
        capture_output=True,
        check=True,
        timeout=600,
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(os.name != "posix", reason="not on this machine: getrusage is POSIX")
@pytest.mark.parametrize(
    "rows",
    [
        50_000,
        pytest.param(1_000_000, marks=pytest.mark.slow),
    ],
)
def test_a_long_table_of_duplicates(tmp_path, rows):
    twice = rows > 50_000
    found = add_many(tmp_path, rows, twice=twice)
    missing = len(range(0, rows, 1000))
    assert (found["items"], found["records"]) == (40, rows - missing)
    assert found["failed"] == 1
    assert found["known"] == (rows - missing if twice else 0)
    assert found["peak"] < 1_000_000

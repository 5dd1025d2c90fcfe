"""Bombs of all kinds, and archives in archives: what is too large or too deep is stopped."""

import gzip
import runpy
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from mediacorpus.errors import MediaError
from mediacorpus.records import Failure
from mediacorpus.sources import _archived
from mediacorpus.sources.archive import Limits, members

made = runpy.run_path(str(Path(__file__).with_name("made_archives.py")))
as_tar, as_zip, attempt = made["as_tar"], made["as_zip"], made["attempt"]
first, look, raw_zip = made["first"], made["look"], made["raw_zip"]

ZEROS = bytes(11_000_000)

# -- bombs -----------------------------------------------------------------------------------


def test_a_member_of_a_gigabyte_of_zeros_stops_early(tmp_path):
    """1 GB of zeros deflates to 1 MB; the memory in use stays small and little is unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(ZEROS[: 1 << 20]) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = piece * 1024 + packer.flush()
    path = tmp_path / "a.zip"
    entry = {"name": b"a.jpg", "method": 8, "packed": packed, "crc": 0}
    path.write_bytes(raw_zip({**entry, "size": 1 << 30}, {"name": b"good.jpg"}))
    contents, reasons = look(path)
    assert contents == {"good.jpg": b"x"}
    assert (
        "expands to more than 200 times its packed size: it looks like a zip bomb"
        in (reasons["a.jpg"])
    )
    path.write_bytes(raw_zip({**entry, "size": 100}))  # the same with a lie
    tracemalloc.start()
    try:
        with first(path) as member:
            assert "expands to more than the 100 bytes that it declares" in attempt(member)
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [12, 14])
def test_other_methods_give_no_more_than_a_piece_at_once(tmp_path, method):
    pack = zipfile.ZIP_BZIP2 if method == 12 else zipfile.ZIP_LZMA
    made = as_zip(("a.jpg", bytes(20_000_000)), compression=pack)
    where = made.rindex(b"PK\1\2")
    path = tmp_path / "a.zip"
    path.write_bytes(made[: where + 24] + struct.pack("<L", 3_000_000) + made[where + 28 :])
    with first(path) as member:
        pieces = member.chunks()
        assert [len(next(pieces)), len(next(pieces))] == [1 << 20, 1 << 20]
        with pytest.raises(MediaError, match="looks like a zip bomb"):
            next(pieces)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_member_of_zeros_in_a_packed_tar_is_a_bomb(tarred, mode):
    path = tarred(("a.jpg", bytes(30_000_000)), ("good.jpg", b"x"), mode=mode)
    bomb, good = members(path)
    assert bomb.size == 30_000_000
    reading = members(path)
    bomb = next(reading)
    with pytest.raises(MediaError, match=r"200 times its packed size: it looks like a zip bomb"):
        list(bomb.chunks())
    good = next(reading)
    assert (good.name, b"".join(good.chunks())) == ("good.jpg", b"x")
    assert list(reading) == []


def test_blank_images_are_no_bombs(zipped, tarred):
    blank = bytes(9_999_999)
    with first(zipped(("a.bmp", blank))) as member:
        assert member.size == len(blank)
    assert look(tarred(("a.bmp", blank), mode="w:gz"))[0] == {"a.bmp": blank}
    assert look(tarred(("a.bmp", ZEROS)))[0] == {"a.bmp": ZEROS}  # not packed


def test_large_members_are_refused_unread(zipped, tarred):
    files = [("a.jpg", b"a" * 1001), ("b.jpg", b"b" * 1000)]
    for path in (zipped(*files), tarred(*files)):
        contents, reasons = look(path, member_bytes=1000)
        assert list(contents) == ["b.jpg"]
        assert reasons["a.jpg"].startswith("The file expands to more than 1 kB: it looks like")


def test_all_members_together_are_bounded(zipped, tarred):
    files = [(f"{n}.jpg", bytes([n]) * 1000) for n in range(9)]
    declared = list(members(zipped(*files), limits=Limits(total_bytes=3500)))
    assert len(declared) == 1  # a zip says before how much it holds
    assert "expands to more than 3.5 kB: it looks like a zip bomb" in declared[0].reason
    for path in [tarred(*files)]:
        found, last = [], None
        for member in members(path, limits=Limits(total_bytes=3500)):
            last = member
            if isinstance(member, Failure):
                continue
            found.append(attempt(member))
        assert found[:3] == [content for _, content in files[:3]]
        assert len(found) == 4
        assert "expands to more than 3.5 kB" in found[3]
        assert last.subject == str(path)
        assert "expands to more than 3.5 kB: it looks like a zip bomb" in last.reason


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_many_small_bombs_are_one(zipped, tarred, monkeypatch, kind):
    """The floor of 1 GB is lowered, so that the test does not unpack as much."""
    monkeypatch.setattr(_archived, "TOTAL_FLOOR", 20_000_000)
    files = [(f"{n}.jpg", bytes(9_000_000)) for n in range(6)]
    path = zipped(*files) if kind == "zip" else tarred(*files, mode="w:xz")
    count, failures = 0, []
    for member in members(path):
        if isinstance(member, Failure):
            failures.append(member)
            continue
        content = attempt(member)
        if isinstance(content, str):
            assert "200 times its size" in content
        else:
            count += len(content)
    assert count == (18_000_000 if kind == "tar" else 0)
    assert [f.subject for f in failures] == [str(path)]


def test_too_many_members_stop_the_reading(zipped, tarred):
    files = [(f"{n}.jpg", b"x") for n in range(9)]
    for path in (zipped(*files), tarred(*files)):
        contents, reasons = look(path, members=4)
        assert len(contents) == 4
        assert list(reasons) == [""]
        assert "more than 4 files" in reasons[""]


def test_entries_that_share_their_data_are_refused(tmp_path):
    """A quoted overlap: every entry's data hold the headers of those that follow."""
    packed = zlib.compress(ZEROS[:5000], 9)[2:-4]
    one = {"method": 8, "packed": packed, "data": ZEROS[:5000]}
    whole = raw_zip({"name": b"0", **one}, {"name": b"1", **one}, {"name": b"2", **one})
    step = 30 + 1 + len(packed)
    entries = [
        {
            "name": b"%d" % n,
            "method": 8,
            "data": ZEROS[:5000],
            "packed_size": (2 - n) * step + len(packed),
            "offset": n * step,
            "local": False,
        }
        for n in range(3)
    ]
    directory = raw_zip(*entries)
    end = struct.unpack("<4s4H2LH", directory[-22:])
    path = tmp_path / "a.zip"
    path.write_bytes(
        whole[: 3 * step] + directory[:-22] + struct.pack("<4s4H2LH", *end[:6], 3 * step, 0)
    )
    contents, reasons = look(path)
    assert contents == {"2": ZEROS[:5000]}
    assert set(reasons) == {"0", "1"}
    assert all("overlaps" in reason for reason in reasons.values())


def test_a_thousand_entries_of_one_place_give_it_once(tmp_path):
    path = tmp_path / "a.zip"
    same = [{"name": b"a", "offset": 0, "local": n == 0} for n in range(1000)]
    path.write_bytes(raw_zip(*same))
    contents, reasons = look(path)
    assert len(contents) == 1
    assert len(reasons) == 999


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_of_a_tar_cannot_fill_the_memory(tmp_path, kind):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, 200_000_000
    packed = as_tar(("good.jpg", b"x"))[:1024] + info.tobuf() + bytes(20_000_000)
    path = tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(packed))
    tracemalloc.start()
    try:
        contents, reasons = look(path)
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()
    assert contents == {"good.jpg": b"x"}
    assert "a header in it is damaged" in reasons[""]


# -- archives in archives --------------------------------------------------------------------


def test_an_archive_in_an_archive_is_read(zipped, tarred):
    inner = as_zip(("photo.jpg", b"p"), ("../out.jpg", b"o"))
    tar = as_tar(("scan.png", b"s"), mode="w:gz")
    files = [("first.jpg", b"f"), ("in/inner.zip", inner), ("t.tgz", tar), ("last.jpg", b"l")]
    for path in (zipped(*files), tarred(*files)):
        contents, reasons = look(path)
        assert contents == {
            "first.jpg": b"f",
            "in/inner.zip/photo.jpg": b"p",
            "t.tgz/scan.png": b"s",
            "last.jpg": b"l",
        }
        assert list(reasons) == ["in/inner.zip/../out.jpg"]


def test_two_archives_of_one_name_are_both_read(zipped):
    inner = [("in.zip", as_zip(("a.jpg", b"1"))), ("in.zip", as_zip(("a.jpg", b"2")))]
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(*inner)
    assert look(path) == ({"in.zip/a.jpg": b"1", "in.zip#2/a.jpg": b"2"}, {})


def test_an_archive_three_deep_is_a_failure(zipped):
    deep = as_zip(("c.zip", as_zip(("photo.jpg", b"p"))), ("b.jpg", b"b"))
    contents, reasons = look(zipped(("b.zip", deep), ("a.jpg", b"a")))
    assert contents == {"b.zip/b.jpg": b"b", "a.jpg": b"a"}
    assert list(reasons) == ["b.zip/c.zip"]
    assert "an archive within an archive within an archive;" in reasons["b.zip/c.zip"]
    assert look(zipped(("b.zip", deep)), depth=2)[0] == {
        "b.zip/c.zip/photo.jpg": b"p",
        "b.zip/b.jpg": b"b",
    }
    contents, reasons = look(zipped(("b.zip", deep)), depth=0)
    assert contents == {}
    assert "is an archive within an archive;" in reasons["b.zip"]


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        (b"PK\3\4 nothing", "is damaged"),
        (b"", "has 0 bytes"),
        (b"Rar!\x1a\x07\x01\0", "is a RAR archive"),
        (as_zip(), "holds no files"),
        (raw_zip({"name": b"a", "flags": 1}), "is encrypted"),
    ],
)
def test_a_bad_archive_in_a_good_one_is_one_failure(zipped, inner, reason):
    contents, reasons = look(zipped(("b.zip", inner), ("a.jpg", b"a")))
    assert contents == {"a.jpg": b"a"}
    assert list(reasons) == ["b.zip"]
    assert reason in reasons["b.zip"]


def test_a_small_forty_two_zip_is_stopped(zipped, monkeypatch):
    """As 42.zip: archives full of archives full of zeros, each level far below the limit."""
    monkeypatch.setattr(_archived, "TOTAL_FLOOR", 20_000_000)
    page = as_zip(*[(f"{n}.dll", bytes(5_000_000)) for n in range(4)])
    path = zipped(*[(f"lib {n}.zip", page) for n in range(16)])
    count, failures = 0, []
    for member in members(path):
        if isinstance(member, Failure):
            failures.append(member)
            continue
        content = attempt(member)
        count += len(content) if isinstance(content, bytes) else 0
    assert count == 15_000_000
    assert failures[-1].subject == str(path)
    assert "looks like a zip bomb" in failures[-1].reason
    assert len(failures) == 1


def test_a_zip_that_declares_too_much_in_all_is_refused_before_anything_is_read(tmp_path):
    """Each member is small enough to shrink as far as it likes; together they are a bomb."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(9_900_000)) + packer.flush()
    entries = [
        {"name": b"%d.bmp" % n, "data": b"", "packed": packed, "method": 8, "size": 9_900_000}
        for n in range(300)
    ]
    path = tmp_path / "a.zip"
    path.write_bytes(raw_zip(*entries))
    found = list(members(path))
    assert len(found) == 1
    assert isinstance(found[0], Failure)
    assert "looks like a zip bomb" in found[0].reason
    assert found[0].reason.endswith("Nothing of it was read.")


@pytest.mark.parametrize("pack", [as_tar, as_zip])
def test_empty_members_cost_nothing_and_leave_nothing(store, add, tmp_path, pack):
    names = [f"{n}.jpg" for n in range(3000)] + ["notes.txt"]
    path = tmp_path / "a.archive.zip"
    path.write_bytes(pack(*((name, b"") for name in names)))
    told = add(path)
    assert (told.records, told.failed, told.skipped) == (0, 3000, {".txt": 1})
    assert store.value("SELECT DISTINCT reason FROM failures WHERE stage = 'add'") == (
        "The file is empty (0 bytes)."
    )
    assert not list(tmp_path.rglob("*.part"))
    assert not list((store.folder / "media").rglob("*"))

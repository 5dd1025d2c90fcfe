"""Archives: every file of a good one, a reason for every bad one, no bomb goes off."""

import bz2
import contextlib
import functools
import gzip
import hashlib
import io
import lzma
import os
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mediacorpus.errors import MediacorpusError, MediaError, SourceError
from mediacorpus.records import Failure
from mediacorpus.sources import _archived
from mediacorpus.sources.archive import SUFFIXES, Limits, Member, is_archive, members

ZEROS = bytes(11_000_000)


@pytest.fixture
def zipped(tmp_path):
    """Make a zip from names (or `ZipInfo`) and contents, repeated names and all."""

    def make(*files, name="a.zip", compression=zipfile.ZIP_DEFLATED):
        path = tmp_path / name
        path.write_bytes(as_zip(*files, compression=compression))
        return path

    return make


@pytest.fixture
def tarred(tmp_path):
    """Make a tar from names (or `TarInfo`) and contents."""

    def make(*files, name="a.tar", mode="w"):
        path = tmp_path / name
        path.write_bytes(as_tar(*files, mode=mode))
        return path

    return make


def without_bytes(value):
    """Name a case by what is no content: packed bytes differ from second to second."""
    return "bytes" if isinstance(value, bytes) else None


def as_zip(*files, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def as_tar(*files, mode="w"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in files:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def raw_zip(*entries, **whole):
    """Put a zip together by hand; an entry may lie about everything.

    Keys of an entry: name (bytes), data, packed, method, flags, crc, size, packed_size, offset,
    system, attributes, local (False: no local part), local_name, extra.
    """
    body, directory = b"", b""
    for entry in entries:
        data = entry.get("data", b"x")
        packed = entry.get("packed", data)
        name, flags, method = entry["name"], entry.get("flags", 0), entry.get("method", 0)
        numbers = (
            entry.get("crc", zlib.crc32(data)),
            entry.get("packed_size", len(packed)),
            entry.get("size", len(data)),
        )
        offset = entry.get("offset", len(body))
        extra = entry.get("extra", b"")
        if entry.get("local", True):
            own = entry.get("local_name", name)
            head = (b"PK\3\4", 20, flags, method, 0, 0x21, *numbers, len(own), 0)
            body += struct.pack("<4s5H3L2H", *head) + own + packed
        made_by = 20 | entry.get("system", 0) << 8
        head = (b"PK\1\2", made_by, 20, flags, method, 0, 0x21, *numbers, len(name), len(extra))
        tail = (0, 0, 0, entry.get("attributes", 0), offset)
        directory += struct.pack("<4s6H3L2H3H2L", *head, *tail) + name + extra
    count = whole.get("count", len(entries))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + end


def look(path, **limits):
    """Give contents by name and reasons by name within the archive."""
    contents, reasons = {}, {}
    for found in members(path, limits=Limits(**limits)):
        if isinstance(found, Failure):
            assert found.stage == "add"
            assert found.subject == found.path
            assert found.subject.startswith(str(path))
            found.subject.encode("utf-8")
            reasons[found.subject[len(str(path)) + 1 :]] = found.reason
        else:
            contents[found.name] = b"".join(found.chunks())
    return contents, reasons


@contextlib.contextmanager
def first(path) -> Iterator[Member]:
    with contextlib.closing(members(path)) as reading:
        found = next(reading)
        assert isinstance(found, Member)
        yield found


def attempt(member):
    """Give the content of a member, or the sentence that says why there is none."""
    try:
        return b"".join(member.chunks())
    except MediaError as error:
        return str(error)


# -- good archives ---------------------------------------------------------------------------


def test_five_thousand_faces_are_read_as_zipfile_reads_them(test_data):
    path = test_data / "smiles" / "smiles.zip"
    with zipfile.ZipFile(path) as archive:
        expected = [(i.filename, i.file_size, i.CRC) for i in archive.infolist()]
        hashes = [hashlib.sha256(archive.read(name)).digest() for name, *_ in expected]
    found, own = [], []
    for member in members(path):
        found.append((member.name, member.size, int(member.check.removeprefix("crc32:"), 16)))
        own.append(hashlib.sha256(b"".join(member.chunks())).digest())
    assert len(found) == 5001
    assert found == expected
    assert own == hashes


def test_the_hostile_files_come_out_whole_and_the_tar_among_them_is_read(test_data):
    path = test_data / "hostile" / "hostile.zip"
    contents, reasons = look(path)
    with zipfile.ZipFile(path) as archive:
        expected = {name: archive.read(name) for name in archive.namelist()}
    inner = expected.pop("pillow/hopper.tar")
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        for info in archive:
            expected[f"pillow/hopper.tar/{info.name}"] = archive.extractfile(info).read()
    assert reasons == {}
    assert contents == expected


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.tar", "w"),
        ("a.tar.gz", "w:gz"),
        ("a.TGZ", "w:gz"),
        ("a.tar.bz2", "w:bz2"),
        ("a.tbz2", "w:bz2"),
        ("a.tar.xz", "w:xz"),
        ("a.txz", "w:xz"),
        ("named_wrongly.zip", "w:gz"),
    ],
)
def test_tars_of_pictures_are_read_however_they_are_packed(tarred, save, tmp_path, name, mode):
    for n in range(5):
        save(tmp_path / "pictures" / f"{n}.png", n)
    files = {f"p/{f.name}": f.read_bytes() for f in sorted((tmp_path / "pictures").iterdir())}
    path = tarred(*files.items(), name=name, mode=mode)
    assert is_archive(path)
    contents, reasons = look(path)
    assert list(contents.items()) == list(files.items())
    assert reasons == {}


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
@pytest.mark.parametrize(
    "content", [b"", b"a", random.Random(1).randbytes(1_200_001), bytes(5_000_000)]
)
def test_zip_gives_back_what_was_packed_in_pieces(zipped, compression, content):
    path = zipped(("a.bin", content), compression=compression)
    with first(path) as member:
        pieces = list(member.chunks())
    assert b"".join(pieces) == content
    assert max(map(len, pieces), default=0) <= 1 << 20


def test_tar_packed_in_several_runs_is_one_tar(tmp_path):
    whole = as_tar(("a.jpg", b"a" * 5000), ("b.jpg", b"b"))
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(whole[:3000]) + gzip.compress(whole[3000:]))
    assert look(path) == ({"a.jpg": b"a" * 5000, "b.jpg": b"b"}, {})


def test_members_may_be_left_unread_or_half_read(tarred, zipped):
    files = [(f"{n}.bin", bytes([n]) * 3_000_000) for n in range(4)]
    for path in (tarred(*files, name="a.tgz", mode="w:gz"), tarred(*files), zipped(*files)):
        found = []
        for n, member in enumerate(members(path)):
            if n == 1:
                next(member.chunks())
            if n in {0, 3}:
                found.append(b"".join(member.chunks()))
        assert found == [files[0][1], files[3][1]]


def test_tar_members_cannot_be_read_later_and_nothing_else_is_lost(tarred):
    path = tarred(("a", b"a"), ("b", b"b"), ("c", b"c"))
    reading = members(path)
    a, b = next(reading), next(reading)
    assert list(b.chunks()) == [b"b"]
    with pytest.raises(MediaError, match="read each member before asking for the next"):
        list(a.chunks())
    assert list(next(reading).chunks()) == [b"c"]


def test_times_are_kept(zipped, tarred, tmp_path):
    info = zipfile.ZipInfo("a.jpg", (2020, 2, 29, 12, 0, 2))
    with first(zipped((info, b"a"))) as member:
        assert member.mtime_ns == 1582977602 * 10**9
    info.extra = struct.pack("<HHBi", 0x5455, 5, 1, -1)
    with first(zipped((info, b"a"))) as member:
        assert member.mtime_ns == -(10**9)
    info.extra = struct.pack("<HHB", 0x5455, 1, 1)
    with first(zipped((info, b"a"))) as member:
        assert member.mtime_ns == 1582977602 * 10**9
    info = tarfile.TarInfo("a.jpg")
    info.mtime = 1582977602.5
    with first(tarred((info, b"a"))) as member:
        assert member.mtime_ns == 1582977602500000000
    path = tmp_path / "raw.zip"  # a date of zeros
    path.write_bytes(raw_zip({"name": b"a"}).replace(b"\0\0\x21\0", bytes(4)))
    with first(path) as member:
        assert member.mtime_ns == 0


def test_the_check_is_the_crc(zipped, tarred):
    with first(zipped(("a", b"abc"))) as member:
        assert member.check == "crc32:352441c2"  # of "abc", as zlib has it
    with first(tarred(("a", b"abc"))) as member:
        assert member.check == ""


def test_folders_hidden_files_and_litter_are_passed_over(zipped, tarred):
    silent = [
        "scans/",
        "scans\\old\\",
        ".hidden.jpg",
        "a/.git/b.jpg",
        "__MACOSX/._a.jpg",
        "a/Thumbs.db",
        "desktop.ini",
    ]
    files = [(name, b"x") for name in silent] + [("./scans//a.jpg", b"y")]
    assert look(zipped(*files)) == ({"scans/a.jpg": b"y"}, {})
    folder = tarfile.TarInfo("scans")
    folder.type = tarfile.DIRTYPE
    files = [(folder, b""), *files[2:]]
    assert look(tarred(*files)) == ({"scans/a.jpg": b"y"}, {})


# -- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "raw", "name"),
    [
        (0x800, "é.jpg".encode(), "é.jpg"),
        (0, "é.jpg".encode(), "é.jpg"),  # as many programs write it
        (0, "é.jpg".encode("cp437"), "é.jpg"),
        (0, b"scans\\a.jpg", "scans/a.jpg"),
    ],
)
def test_names_of_a_zip_are_decoded(tmp_path, flags, raw, name):
    path = tmp_path / "a.zip"
    path.write_bytes(raw_zip({"name": raw, "flags": flags}))
    assert look(path) == ({name: b"x"}, {})


def test_names_of_a_tar_that_are_no_text_can_be_stored(tmp_path):
    file = io.BytesIO()
    with tarfile.open(
        fileobj=file, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1"
    ) as archive:
        archive.addfile(tarfile.TarInfo("caf\xe9.jpg"))
    path = tmp_path / "a.tar"
    path.write_bytes(file.getvalue())
    assert look(path) == ({"caf\\udce9.jpg": b""}, {})


def test_names_that_come_twice_are_told_apart(zipped, tarred):
    files = [("a.jpg", b"1"), ("a.jpg#2", b"2"), ("a.jpg", b"3"), ("a.jpg", b"4")]
    expected = {"a.jpg": b"1", "a.jpg#2": b"2", "a.jpg#3": b"3", "a.jpg#4": b"4"}
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(*files)
    assert look(path) == (expected, {})
    assert look(tarred(*files)) == (expected, {})


HOSTILE_NAMES = [
    ("../a.jpg", "leads out"),
    ("a/../../b.jpg", "leads out"),
    ("..\\a.jpg", "leads out"),
    ("..", "leads out"),
    ("/etc/passwd", "absolute"),
    ("\\\\server\\share\\a.jpg", "absolute"),
    ("C:\\a.jpg", "absolute"),
    ("c:a.jpg", "absolute"),
    ("x" * 5000, "longer than"),
]


@pytest.mark.parametrize(("name", "reason"), HOSTILE_NAMES)
def test_names_that_lead_out_are_failures_and_nothing_else_is_lost(tmp_path, tarred, name, reason):
    path = tmp_path / "a.zip"
    path.write_bytes(raw_zip({"name": name.encode()}, {"name": b"good.jpg"}))
    for made in (path, tarred((name, b"x"), ("good.jpg", b"x"))):
        contents, reasons = look(made)
        assert contents == {"good.jpg": b"x"}
        assert len(reasons) == 1
        assert reason in next(iter(reasons.values()))


def test_a_nul_in_a_name_is_a_failure(tmp_path, tarred):
    path = tmp_path / "a.zip"
    path.write_bytes(raw_zip({"name": b"a.jpg\0.exe"}, {"name": b"good.jpg"}))
    assert look(path) == ({"good.jpg": b"x"}, {"a.jpg\\0.exe": "The name holds a NUL character."})
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {"path": "b\0.jpg"}
    made = tarred((info, b"x"), ("good.jpg", b"x"))
    contents, reasons = look(made)
    assert contents["good.jpg"] == b"x"
    assert not any("\0" in name for name in [*contents, *reasons])


# -- what is no file -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, b"Z"],
)
def test_links_pipes_and_devices_in_a_tar_are_failures(tarred, kind):
    info = tarfile.TarInfo("a.jpg")
    info.type, info.linkname = kind, "/etc/passwd"
    contents, reasons = look(tarred((info, b""), ("good.jpg", b"x")))
    assert contents == {"good.jpg": b"x"}
    assert reasons["a.jpg"].startswith("This is no regular file")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_in_a_zip_are_failures(zipped, kind):
    info = zipfile.ZipInfo("a.jpg")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    contents, reasons = look(zipped((info, "/etc/passwd"), ("good.jpg", b"x")))
    assert contents == {"good.jpg": b"x"}
    assert reasons["a.jpg"].startswith("This is no regular file")


@pytest.mark.parametrize("entry", [{"flags": 1}, {"flags": 0x41}, {"method": 99}])
def test_encrypted_files_are_named_one_by_one(tmp_path, entry):
    path = tmp_path / "a.zip"
    path.write_bytes(raw_zip({"name": b"a.jpg", **entry}, {"name": b"good.jpg"}))
    contents, reasons = look(path)
    assert contents == {"good.jpg": b"x"}
    assert "is encrypted; unpack it with its password and add the folder" in reasons["a.jpg"]


def test_an_archive_encrypted_as_a_whole_is_one_error(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(raw_zip({"name": b"p/"}, *[{"name": b"p/%d" % n, "flags": 1} for n in (1, 2)]))
    with pytest.raises(SourceError, match=r"^a\.zip is encrypted; unpack it with its password"):
        look(path)


def test_unknown_compression_is_a_failure(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(
        raw_zip({"name": b"a", "method": 9}, {"name": b"b", "method": 77}, {"name": b"good.jpg"})
    )
    contents, reasons = look(path)
    assert contents == {"good.jpg": b"x"}
    assert "method 9 (Deflate64)" in reasons["a"]
    assert "method 77, which cannot be read" in reasons["b"]


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


def test_blank_pictures_are_no_bombs(zipped, tarred):
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
    for path in (zipped(*files), tarred(*files)):
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
    assert count == 18_000_000
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
    ids=without_bytes,
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


# -- damage ----------------------------------------------------------------------------------


def test_a_damaged_member_of_a_zip_costs_only_itself(tmp_path):
    data = random.Random(2).randbytes(1000)
    bad = [
        ({"crc": 1}, "CRC-32"),
        ({"local_name": b"b"}, "another name"),
        ({"method": 8}, "damaged"),
        ({"size": 1001}, "cut off"),
        ({"size": 999}, "expands to more than"),
        ({"method": 14, "packed": b"\0\0\5\0\xff" + bytes(900)}, "LZMA header is damaged"),
        (
            {"method": 14, "size": 1 << 29, "packed": b"\0\0\5\0\x5d" + b"\xff" * 900},
            "expands|memory",
        ),
        ({"offset": 5}, "header is not where|overlaps"),
    ]
    path = tmp_path / "a.zip"
    for entry, reason in bad:
        path.write_bytes(raw_zip({"name": b"a", "data": data, **entry}, {"name": b"good.jpg"}))
        reading = members(path)
        member = next(reading)
        if isinstance(member, Member):
            with pytest.raises(MediaError, match=reason):
                list(member.chunks())
        else:
            assert any(word in member.reason for word in reason.split("|"))
        assert b"".join(next(reading).chunks()) == b"x"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_a_tar_cut_midway_gives_what_was_before(tmp_path, pack):
    random_bytes = random.Random(3).randbytes
    files = {f"{n}.jpg": random_bytes(200_000) for n in range(12)}
    whole = pack(as_tar(*files.items()))
    path = tmp_path / "a.tar.gz"
    path.write_bytes(whole[: len(whole) // 2])
    found, problems = {}, []
    for member in members(path):
        if isinstance(member, Failure):
            problems.append(member)
            continue
        try:
            found[member.name] = b"".join(member.chunks())
        except MediaError as error:
            problems.append(error)
    assert 3 <= len(found) <= 6
    assert found.items() <= files.items()
    assert isinstance(problems[-1], Failure)
    assert problems[-1].subject == str(path)
    assert "is damaged" in problems[-1].reason or "is cut off" in problems[-1].reason
    assert len(problems) <= 2


def test_a_tar_with_a_broken_header_says_so(tmp_path):
    made = bytearray(as_tar(("a", b"a"), ("b", b"b"), ("c", b"c")))
    made[1024 + 148 : 1024 + 152] = b"9999"
    path = tmp_path / "a.tar"
    path.write_bytes(made)
    contents, reasons = look(path)
    assert contents == {"a": b"a"}
    assert "a header in it is broken" in reasons[""]
    path.write_bytes(as_tar(("a", b"a"))[:1024])
    contents, reasons = look(path)
    assert contents == {"a": b"a"}
    assert "lacks the mark of its end" in reasons[""]


def test_a_wrong_checksum_at_the_end_of_a_packed_tar_is_told(tmp_path):
    made = bytearray(gzip.compress(as_tar(("a", b"a"))))
    made[-8] ^= 1
    path = tmp_path / "a.tgz"
    path.write_bytes(made)
    contents, reasons = look(path)
    assert contents == {"a": b"a"}
    assert "is damaged" in reasons[""]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.zip", b"", "has 0 bytes"),
        ("a.zip", b"not an archive" * 99, r"a\.zip is damaged: the list of its files"),
        ("a.zip", as_zip(("a", b"a" * 99))[:-30], r"a\.zip is damaged: the list of its files"),
        ("a.zip", as_zip(), "holds no files"),
        ("a.zip", as_zip(("__MACOSX/a", b"a"), ("p/", b"")), "holds no files"),
        ("a.tar", bytes(10240), "holds no files"),
        ("a.tar", b"not an archive" * 99, r"damaged or no archive: no file in it can be read \("),
        ("a.tgz", b"not an archive" * 99, "damaged or no archive: no file"),
        ("a.tgz", gzip.compress(b"not a tar"), "damaged or no archive: no file"),
        ("a.tgz", gzip.compress(as_tar(("a", os.urandom(99))))[:40], "is damaged"),
        ("a.cbz", b"Rar!\x1a\x07\0 and so on", "is a RAR archive, which cannot be opened; unpack"),
        ("a.zip", b"7z\xbc\xaf\x27\x1c\0\4", "is a 7z archive, which cannot be opened; unpack"),
    ],
    ids=without_bytes,
)
def test_nothing_to_be_read_is_one_error(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=sentence):
        look(path)


def test_what_is_not_there_is_an_error_at_once(tmp_path):
    with pytest.raises(SourceError, match="there is no such file"):
        members(tmp_path / "a.zip")
    (tmp_path / "b.zip").mkdir()
    with pytest.raises(SourceError, match="that is a folder"):
        members(tmp_path / "b.zip")
    assert not is_archive(tmp_path / "b.zip")


@functools.cache
def seeds() -> dict[str, bytes]:
    files = [("a.jpg", bytes(range(256)) * 4), ("p/b.jpg", b"b" * 99), ("c.txt", b"c")]
    inner = [("in.zip", as_zip(("x.jpg", b"x" * 50)))]
    return {
        "z.zip": as_zip(*files, *inner),
        "l.zip": as_zip(*files, compression=zipfile.ZIP_LZMA),
        "t.tar": as_tar(*files, *inner),
        "g.tgz": as_tar(*files, *inner, mode="w:gz"),
        "x.txz": as_tar(*files, mode="w:xz"),
    }


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["z.zip", "l.zip", "t.tar", "g.tgz", "x.txz"]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    cut=st.floats(0.2, 1),
    tail=st.binary(max_size=80),
)
@example(name="z.zip", flips=[], cut=1.0, tail=b"PK\5\6" + bytes(18))
def test_no_damage_raises_anything_of_others(tmp_path, name, flips, cut, tail):
    made = bytearray(seeds()[name])
    for place, value in flips:
        made[int(place * len(made))] = value
    path = tmp_path / name
    path.write_bytes(bytes(made[: int(cut * len(made))]) + tail)
    steps = 0
    is_archive(path)
    try:
        for member in members(path, limits=Limits(member_bytes=10**6, total_bytes=10**7)):
            steps += 1
            assert steps < 200
            if isinstance(member, Failure):
                continue
            assert len(attempt(member)) <= 10**6
    except MediacorpusError:
        pass


# -- which files are archives ----------------------------------------------------------------


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_names_tell_archives(suffix):
    assert is_archive(Path(f"Photos 1{suffix.upper()}"))


@pytest.mark.parametrize(
    ("name", "content", "answer"),
    [
        ("download", as_zip(("a.jpg", b"a")), True),
        ("download", as_zip(), True),
        ("download", as_tar(("a.jpg", b"a")), True),
        ("download", as_tar(("a.jpg", b"a"), mode="w:gz"), True),
        ("download", as_tar(("a.jpg", b"a"), mode="w:bz2"), True),
        ("download", as_tar(("a.jpg", b"a"), mode="w:xz"), True),
        ("download", b"Rar!\x1a\x07\0", True),
        ("download", gzip.compress(b"no tar" * 999), False),
        ("download", b"\x1f\x8b\x08 broken", False),
        ("download", b"\xff\xd8\xff\xe0 a picture", False),
        ("download", b"", False),
        ("a.docx", as_zip(("a.jpg", b"a")), False),
        ("a.epub", as_zip(("a.jpg", b"a")), False),
        ("letter", as_zip(("[Content_Types].xml", b"a"), ("word/media/a.png", b"a")), False),
        ("text", as_zip(("mimetype", b"application/vnd.oasis.opendocument.text")), False),
        ("program", as_zip(("META-INF/MANIFEST.MF", b"a")), False),
        ("letter.zip", as_zip(("[Content_Types].xml", b"a"), ("word/media/a.png", b"a")), True),
    ],
    ids=without_bytes,
)
def test_first_bytes_tell_archives(tmp_path, name, content, answer):
    path = tmp_path / name
    path.write_bytes(content)
    assert is_archive(path) is answer


def test_what_cannot_be_looked_at_is_no_archive(tmp_path):
    assert not is_archive(tmp_path / "not there")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names on Windows")
def test_a_pipe_is_no_archive_and_is_not_waited_for(tmp_path):
    for name in ("download", "a.zip"):
        os.mkfifo(tmp_path / name)
        assert not is_archive(tmp_path / name)
        with pytest.raises(SourceError, match="no regular file"):
            members(tmp_path / name)

"""Damaged archives: what is whole is read, and the rest has its reason."""

import bz2
import functools
import gzip
import lzma
import os
import random
import runpy
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mediacorpus.errors import MediacorpusError, MediaError, SourceError
from mediacorpus.records import Failure
from mediacorpus.sources.archive import Limits, Member, is_archive, members

made = runpy.run_path(str(Path(__file__).with_name("made_archives.py")))
as_tar, as_zip, attempt = made["as_tar"], made["as_zip"], made["attempt"]
look, raw_zip = made["look"], made["raw_zip"]


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

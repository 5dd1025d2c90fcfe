"""Names in archives: decoded, told apart, and refused where they lead out."""

import io
import runpy
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from mediacorpus.errors import SourceError
from mediacorpus.sources.archive import members

made = runpy.run_path(str(Path(__file__).with_name("made_archives.py")))
look, raw_zip = made["look"], made["raw_zip"]


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


WORDS = {
    "cp932": ["写真/表示.jpg", "写真/ソース.jpg", "写真/能力.jpg"],
    "gb18030": ["照片/抗议.jpg", "照片/人群.jpg", "照片/旗帜.jpg"],
    "cp866": ["фото/площадь.jpg", "фото/толпа.jpg", "фото/флаг.jpg"],
    "windows-1251": ["фото/площадь.jpg", "фото/толпа.jpg", "фото/флаг.jpg"],
}


def packed(path, names, codec, *, mode="w", kind=tarfile.GNU_FORMAT):
    """A tar as a machine with that encoding makes it, with a plain file before and behind."""
    with tarfile.open(path, mode, format=kind, encoding=codec) as archive:
        for name in ("plain.jpg", *names, "last.jpg"):
            info = tarfile.TarInfo(name)
            info.size = len(name)
            archive.addfile(info, io.BytesIO(bytes(len(name))))
    return path


@pytest.mark.parametrize("codec", WORDS)
@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_names_of_a_tar_in_the_encoding_of_its_machine(tmp_path, codec, mode, kind):
    path = packed(tmp_path / "a.tar", WORDS[codec], codec, mode=mode, kind=kind)
    notes = []
    found = {}
    for member in members(path, notes=notes):
        found[member.name] = sum(map(len, member.chunks()))
    names = ["plain.jpg", *WORDS[codec], "last.jpg"]
    assert found == {name: len(name) for name in names}
    assert len(notes) == 1
    assert f"they were read as {codec}" in notes[0]
    again: list[str] = []
    assert [one.name for one in members(path, encoding=codec, notes=again)] == names
    assert not again


def test_an_encoding_that_does_not_fit_the_names_of_a_tar(tmp_path):
    path = packed(tmp_path / "a.tar", WORDS["gb18030"], "gb18030")
    with pytest.raises(SourceError, match="cannot be read as ascii"):
        list(members(path, encoding="ascii"))


def test_names_of_a_tar_that_are_utf8_are_not_guessed_at(tmp_path):
    notes = []
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = packed(tmp_path / "a.tar", WORDS["cp932"], "utf-8", kind=kind)
        assert [one.name for one in members(path, notes=notes)][1:-1] == WORDS["cp932"]
    assert not notes


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


@pytest.mark.parametrize(
    ("codec", "folders"),
    [
        ("cp932", ("抗議", "その他")),
        ("gbk", ("抗议", "其他")),
        ("cp866", ("протест", "другое")),
        ("cp1252", ("grün", "weiß")),
        ("utf-8", ("grün", "抗議")),
    ],
)
@pytest.mark.parametrize("asked", [False, True])
def test_names_in_old_zips_are_read_in_the_likeliest_encoding_and_said(
    tmp_path, codec, folders, asked
):
    path = tmp_path / "a.zip"
    names = [f"{folder}/{n}.png" for n, folder in enumerate(folders)]
    path.write_bytes(raw_zip(*({"name": name.encode(codec)} for name in names)))
    notes = []
    found = list(members(path, notes=notes, encoding=codec if asked else None))
    assert [one.name for one in found] == names
    assert len(notes) == (not asked and codec != "utf-8")
    assert all(folders[0] in note and "--encoding" in note for note in notes)

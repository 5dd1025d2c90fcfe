"""An image from a web address, without a corpus."""

import runpy
import tempfile
from pathlib import Path

import pytest

import mediacorpus as mc
from mediacorpus.errors import MediaError, SourceError
from mediacorpus.media.decode import decode, load

made = runpy.run_path(str(Path(__file__).with_name("downloads.py")))
JPEG, server = made["server"].SMALLEST_JPEG, made["server"]


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """Where temporary files go; nothing may be left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


def test_an_image_is_fetched_and_nothing_is_kept(site):
    site["/a"], site["/moved"] = JPEG, server.redirect("/a")
    for path in ("/a", "/moved"):
        found = mc.load_image(site.url(path), allow_private=True)
        assert (found == decode(JPEG)).all()


def test_private_addresses_are_refused(site):
    site["/a"] = JPEG
    with pytest.raises(MediaError, match=r"was not fetched.*loopback"):
        mc.load_image(site.url("/a"))
    assert not site.counts


def test_what_is_no_image_or_not_there(site):
    site["/text"] = b"<!DOCTYPE html><title>Sorry</title>"
    site["/half"] = JPEG[: len(JPEG) // 2]
    for path in ("/text", "/half", "/gone"):
        with pytest.raises(MediaError):
            mc.load_image(site.url(path), allow_private=True)


def test_offline(site, monkeypatch):
    monkeypatch.setenv("MEDIACORPUS_OFFLINE", "1")
    with pytest.raises(SourceError, match="MEDIACORPUS_OFFLINE"):
        mc.load_image(site.url("/a"), allow_private=True)


def test_files_are_read_as_ever(save, tmp_path):
    path = save(tmp_path / "a.png")
    assert (mc.load_image(path) == load(path)).all()
    assert (mc.load_image(str(path), min_side=16) == load(path, min_side=16)).all()


@pytest.mark.parametrize("name", ["ftp://example.org/a.jpg", "data:image/png;base64,AA=="])
def test_other_schemes_are_refused(name):
    with pytest.raises(MediaError, match="was not fetched"):
        mc.load_image(name)


def test_functions_on_files_name_the_one_for_addresses():
    with pytest.raises(MediaError, match=r"web address, not a file; mediacorpus\.load_image"):
        load("https://example.org/a.jpg")

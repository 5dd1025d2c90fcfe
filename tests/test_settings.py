"""Settings come from the environment, with bounds."""

from pathlib import Path

import pytest

from mediacorpus.errors import ParameterError
from mediacorpus.settings import settings

NUMBERS = (
    "MEDIACORPUS_WORKERS",
    "MEDIACORPUS_TIMEOUT",
    "MEDIACORPUS_MAX_MEGAPIXELS",
    "MEDIACORPUS_PART_SIZE",
)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in ("MEDIACORPUS_CACHE", "MEDIACORPUS_OFFLINE", *NUMBERS):
        monkeypatch.delenv(name, raising=False)


def test_defaults():
    found = settings()
    assert found.workers >= 1
    assert found.timeout == 60
    assert found.max_megapixels == 200
    assert found.part_size == 2000
    assert not found.offline
    assert found.cache.name == "mediacorpus"


def test_the_environment_wins(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDIACORPUS_CACHE", str(tmp_path))
    monkeypatch.setenv("MEDIACORPUS_WORKERS", "3")
    monkeypatch.setenv("MEDIACORPUS_TIMEOUT", "0.5")
    monkeypatch.setenv("MEDIACORPUS_MAX_MEGAPIXELS", "1.5")
    monkeypatch.setenv("MEDIACORPUS_PART_SIZE", "7")
    found = settings()
    assert (found.cache, found.workers, found.timeout) == (tmp_path, 3, 0.5)
    assert (found.max_megapixels, found.part_size) == (1.5, 7)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["many", "0", "-1", "nan", "inf", " "])
def test_what_is_no_number_in_range_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ParameterError, match=name):
        settings()


@pytest.mark.parametrize(
    ("value", "offline"), [("", False), ("0", False), ("1", True), ("yes", True)]
)
def test_offline(monkeypatch, value, offline):
    monkeypatch.setenv("MEDIACORPUS_OFFLINE", value)
    assert settings().offline is offline


@pytest.mark.parametrize(
    ("platform", "variable", "tail"),
    [
        ("win32", "LOCALAPPDATA", "mediacorpus"),
        ("darwin", "HOME", "Library/Caches/mediacorpus"),
        ("linux", "XDG_CACHE_HOME", "mediacorpus"),
    ],
)
def test_the_cache_lies_where_each_system_keeps_caches(
    monkeypatch, tmp_path, platform, variable, tail
):
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert settings().cache == tmp_path / tail


def test_the_cache_without_a_hint(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert settings().cache == tmp_path / ".cache" / "mediacorpus"

"""What all tests share: real data, small images, no network, and no silent skips in CI."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from mediacorpus import Corpus

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("mediacorpus", deadline=None)
hypothesis.settings.load_profile("mediacorpus")

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:  # the processes share the cores
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("MEDIACORPUS_WORKERS", str(max(share, 1)))

ROOT = Path(__file__).resolve().parents[1]
EXCUSE = "not on this machine:"
"""How the reason of a skip begins that CI accepts too."""

Save = Callable[..., Path]


def data_folder() -> Path:
    """Where the real data are, which the project may use but not hold."""
    told = os.environ.get("MEDIACORPUS_TEST_DATA")
    return Path(told) if told else ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def test_data() -> Path:
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"{EXCUSE} no test data at {folder}; MEDIACORPUS_TEST_DATA names them")
    return folder.resolve()


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Corpus]:
    """A fresh corpus without images."""
    from mediacorpus import Corpus

    with Corpus.create(tmp_path / "corpus") as made:
        yield made


@pytest.fixture(scope="session")
def small_photographs() -> list[np.ndarray]:
    """200 small photographs that come with scikit-image: faces first, then other scenes."""
    from skimage.data import lfw_subset

    return list((lfw_subset() * 255).round().astype(np.uint8))


@pytest.fixture(scope="session")
def save(small_photographs: list[np.ndarray]) -> Save:
    """Write photograph `n` to a path, in the format of its suffix or the one that is named."""

    def write(path: Path, n: int = 0, kind: str | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(small_photographs[n]).convert("RGB").save(path, kind)
        return path

    return write


@pytest.fixture
def images(tmp_path: Path, save: Save) -> Path:
    """A folder with three JPEG and three PNG photographs, no two alike."""
    folder = tmp_path / "pictures"
    for n in range(6):
        save(folder / f"{n}.{'png' if n % 2 else 'jpg'}", n)
    return folder


@pytest.fixture
def ordinary_user() -> Iterator[tuple[Path, Callable[[], AbstractContextManager[None]]]]:
    """A folder, and a context in which its permissions bind even where tests run as root.

    Inside the context nothing may be imported for the first time: root's Python may lie where
    nobody else can read.
    """
    if os.name != "posix":
        pytest.skip(f"{EXCUSE} permissions of this kind are POSIX")
    folder = Path(tempfile.mkdtemp())
    nobody = 65534

    @contextlib.contextmanager
    def lowered() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, nobody, nobody, follow_symlinks=False)
        try:
            os.seteuid(nobody)
        except OSError:
            pytest.skip(f"{EXCUSE} running as root, permissions do not bind")
        try:
            yield
        finally:
            os.seteuid(0)

    yield folder, lowered
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)


def _loopback(address: Any) -> bool:
    if not isinstance(address, tuple):  # a Unix socket, which never leaves the machine
        return True
    host = str(address[0])
    return host.startswith("127.") or host in {"::1", "localhost"}


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every connection that would leave this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            real = getattr(socket.socket, name)

            def guarded(self: socket.socket, address: Any, real: Any = real) -> Any:
                if not _loopback(address):
                    raise OSError(f"a test tried to reach {address!r}; the network is off")
                return real(self, address)

            patch.setattr(socket.socket, name, guarded)
        yield


def _no_silent_skip(report: Any) -> None:
    """Under CI a skip is a failure, unless its reason says why this machine cannot run it."""
    if os.environ.get("MEDIACORPUS_CI") != "1" or report.outcome != "skipped":
        return
    if hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return
    reason = str(report.longrepr[2]).removeprefix("Skipped: ")
    if not reason.startswith(EXCUSE):
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    _no_silent_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    _no_silent_skip(report)
    return report


def pytest_make_parametrize_id(val: Any, argname: str) -> str | None:
    """Name cases of bytes by their argument: packed bytes hold the time, workers must agree."""
    return argname if isinstance(val, bytes) else None

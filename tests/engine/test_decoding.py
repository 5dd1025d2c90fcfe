"""Decoders that crash, hang or eat memory cost one file only."""

from __future__ import annotations

import ctypes
import io
import os
import pickle
import sys
import time

import numpy as np
import pytest

from mediacorpus.engine.decoding import Child, _Answer
from mediacorpus.errors import MediaError, TooLarge

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")


@pytest.fixture
def child():
    with Child(timeout=20) as started:
        yield started


def refuse(text: str) -> None:
    raise TooLarge(text)


def report_half(progress) -> str:
    progress(0.5)
    return "done"


def test_a_crash_is_this_files_failure_and_the_next_call_works(child):
    for crash, name in ((ctypes.string_at, "SIGSEGV"), (os.abort, "SIGABRT")):
        arguments = (0,) if crash is ctypes.string_at else ()
        with pytest.raises(MediaError, match=f"crashed on this file.*{name}"):
            child.call(crash, *arguments)
        assert child.call(abs, -3) == 3


def test_a_hang_is_killed():
    with Child(timeout=3) as child:
        assert child.call(abs, -3) == 3
        pid = child._process.pid
        with pytest.raises(TimeoutError, match="no answer within 3 seconds"):
            child.call(time.sleep, 60)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert child.call(abs, -3) == 3


def test_too_much_memory_is_refused():
    with Child(timeout=20, memory=1.5e9) as child:
        with pytest.raises(MediaError, match=r"more than 1,500 MB of memory"):
            child.call(np.ones, 10**9)
        assert child.call(abs, -3) == 3


def test_memory_that_an_earlier_file_left_is_not_counted_against_the_next():
    with Child(timeout=20, memory=1.5e9) as child:
        assert child.call(exec, "import sys; sys.left = bytearray(600_000_000)") is None
        first = child._process.pid
        assert child.call(eval, "len(bytearray(600_000_000))") == 600_000_000
        assert child._process.pid != first


def test_errors_keep_their_class_and_words_and_arrays_their_content(child):
    with pytest.raises(TooLarge, match="of our own"):
        child.call(refuse, "of our own")
    with pytest.raises(MediaError, match="ZeroDivisionError"):
        child.call(divmod, 1, 0)
    assert child.call(np.arange, 5).tolist() == [0, 1, 2, 3, 4]


def test_progress_is_a_sign_of_life(child):
    heard = []
    assert child.call(report_half, progress=heard.append) == "done"
    assert heard == [0.5]


class Hostile:
    def __reduce__(self):
        return os.system, ("echo taken over",)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Hostile()),
        b"\x80\x04\x8c\x13mediacorpus.records\x8c\x10functools.reduce\x93.",
        b"\x80\x04\x8c\x13mediacorpus.records\x8c\x06schema\x93.",
    ],
)
def test_a_child_that_was_taken_over_runs_nothing_here(content):
    with pytest.raises(pickle.UnpicklingError):
        _Answer(io.BytesIO(content)).load()

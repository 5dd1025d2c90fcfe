"""A child process that opens files one after another, and a parent that notices when it dies."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

TIMEOUT, MEMORY = 10.0, 1000.0
"""Seconds and MB from which on an input is a finding."""
ADDRESS_SPACE = 8 << 30
SUPPORTED = {"item", "MediaError", "TooLarge", "SourceError"}


def open_file(path: Path) -> str:
    """Open a file as the verbs would; raises what they raise."""
    from mediacorpus.sources.archive import is_archive

    return open_archive(path) if is_archive(path) else open_media(path)


def open_archive(path: Path) -> str:
    from mediacorpus.errors import MediaError
    from mediacorpus.records import Failure
    from mediacorpus.sources.archive import members

    read = refused = 0
    for found in members(path):
        if isinstance(found, Failure):
            check_sentence(found.reason)
            refused += 1
            continue
        try:
            for _ in found.chunks():
                pass
            read += 1
        except MediaError as error:
            check_sentence(str(error))
            refused += 1
    return f"{read} members, {refused} refused"


def open_media(path: Path) -> str:
    from mediacorpus.media.opening import Opener, inspect
    from mediacorpus.records import Kind, Locator, Place

    digest, facts = inspect(path)
    file = Place((path,), digest, facts)
    with Opener() as opener:
        if facts.kind is Kind.AUDIO:
            from mediacorpus.media.audio import audio_blocks

            return f"audio, {sum(len(b) for b in itertools.islice(audio_blocks(path), 50))} samples"
        if facts.kind is Kind.DOCUMENT:
            pages = [
                opener.pixels(
                    dataclasses.replace(file, locators=(Locator(Kind.PAGE, page=n, dpi=100.0),)),
                    256,
                )
                for n in sorted({1, facts.frames})
            ]
            return f"document, {len(pages)} pages"
        if facts.kind is Kind.IMAGE:
            opener.images(file, [256, None])
        places = frame_places(path, facts)
        for place in places:
            opener.pixels(dataclasses.replace(file, locators=(place,)), 256)
    return f"{facts.kind.value} {facts.format}, {len(places)} frames"


def frame_places(path: Path, facts: Any) -> list[Any]:
    """Give the first, the middle and the last frame of what moves."""
    import numpy as np

    from mediacorpus.media.animation import index_animation
    from mediacorpus.media.decode import read
    from mediacorpus.media.video import index_frames, locators
    from mediacorpus.records import Kind, Locator

    if facts.kind is Kind.IMAGE and facts.frames == 1:
        return []
    if facts.format == "TIFF":
        return [Locator(Kind.PAGE, page=facts.frames)]
    index = index_frames(path) if facts.kind is Kind.VIDEO else index_animation(read(path))
    last = len(index) - 1
    return locators(index, np.array(sorted({0, last // 2, last}), np.int64))


class Unclear(AssertionError):
    """A reason that is not one sentence."""


def check_sentence(text: str) -> None:
    if not text or "\n" in text or not text.endswith((".", "?", "!")) or len(text) > 600:
        raise Unclear(repr(text))


def outcome_of(path: Path) -> dict[str, Any]:
    from mediacorpus.errors import MediacorpusError

    started = time.perf_counter()
    try:
        try:
            said: dict[str, Any] = {"outcome": "item", "said": open_file(path)}
        except MediacorpusError as error:
            check_sentence(str(error))
            said = {"outcome": type(error).__name__, "said": str(error)}
            if type(error).__name__ not in SUPPORTED:
                said |= trace_of(error)
    except Exception as error:  # noqa: BLE001 - any of them is a finding
        said = {"outcome": type(error).__name__, "said": str(error)[:500], **trace_of(error)}
    return said | {"seconds": time.perf_counter() - started, "peak": peak_megabytes()}


def trace_of(error: BaseException) -> dict[str, str]:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "mediacorpus" in f.filename] or list(frames)
    place = f"{Path(own[-1].filename).name}:{own[-1].name}:{own[-1].lineno}"
    return {"place": place, "trace": "".join(traceback.format_exception(error))[-4000:]}


def peak_megabytes() -> float:
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def serve() -> None:
    """Answer each path on standard input with one line; decoders cannot write among them."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    answers = os.fdopen(os.dup(1), "w")
    log = tempfile.TemporaryFile()  # noqa: SIM115 - open to the end
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    import av
    import pypdfium2
    import resvg_py

    # All that is slow to load comes before the first time limit.
    from mediacorpus import media
    from mediacorpus.sources import archive

    del av, pypdfium2, resvg_py, media, archive
    print(json.dumps({"ready": True, "peak": peak_megabytes()}), file=answers, flush=True)
    for line in sys.stdin:
        before = os.fstat(log.fileno()).st_size
        answer = outcome_of(Path(json.loads(line)))
        grown = os.fstat(log.fileno()).st_size - before
        noise = os.pread(log.fileno(), min(grown, 300), before).decode("utf-8", "replace")
        print(json.dumps(answer | {"noise": noise}), file=answers, flush=True)


class Opening:
    """A child process that opens files; a new one takes its place after a finding."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(
            target=self._listen, args=(self._process, self._lines), daemon=True
        ).start()
        ready = self._lines.get(timeout=120)
        if not ready:
            raise SystemExit(self._process.stderr.read())  # type: ignore[union-attr]

    @staticmethod
    def _listen(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put("")

    def open(self, path: Path, timeout: float = TIMEOUT) -> dict[str, Any]:
        """Open a file in the child; the outcome carries `finding` where it is one."""
        started = time.perf_counter()
        try:
            print(json.dumps(str(path)), file=self._process.stdin, flush=True)
            line = self._lines.get(timeout=timeout)
        except (queue.Empty, BrokenPipeError) as error:
            hung = isinstance(error, queue.Empty)
            self.restart()
            name = f"over {timeout:g} s" if hung else "crash"
            return {"outcome": name, "finding": name, "said": "", "seconds": timeout, "peak": 0.0}
        if not line:
            code = self._process.wait()
            self.restart()
            name = f"crash by signal {-code}" if code < 0 else f"exit {code}"
            seconds = time.perf_counter() - started
            return {"outcome": name, "finding": name, "said": "", "seconds": seconds, "peak": 0.0}
        found: dict[str, Any] = json.loads(line)
        if found["outcome"] not in SUPPORTED:
            found["finding"] = f"{found['outcome']} at {found['place']}"
        if found["peak"] > MEMORY:
            found["finding"] = f"over {MEMORY:g} MB ({found['outcome']}: {found['said'][:80]})"
            self.restart()
        return found

    def restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    serve()

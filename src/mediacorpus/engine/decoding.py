"""Open media for a run: what may crash, hang or eat memory in a process that can be killed.

Common still images (`STURDY`) are decoded in the calling thread: their decoders are small and
tried on everything. Video, sound, documents and rare image formats are opened in a child process,
one for each thread. A crash, a hang or too much memory there costs the one file, with its reason,
and the next file gets a new child.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import itertools
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Self

from mediacorpus import errors
from mediacorpus.engine.pool import Crew, beat
from mediacorpus.errors import MediacorpusError, MediaError
from mediacorpus.media.decode import load, read
from mediacorpus.media.opening import Opener, first_bytes, hash_file, probe_any
from mediacorpus.media.scale import Pixels
from mediacorpus.media.sniff import is_moving, pdf_start
from mediacorpus.media.video import probe_video
from mediacorpus.records import FileFacts, Kind, Place
from mediacorpus.settings import settings

STURDY = frozenset({"JPEG", "PNG", "GIF", "BMP", "WEBP", "SVG"})
"""Formats that are decoded in the calling thread; SVG drawings have a child of their own."""

_HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"RIFF", b"<")
_LENGTH = struct.Struct("!Q")
_NUMPY = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
}
_TOGETHER = 4
"""Neighbors of one file that a thread takes at a time."""
_CHILD = "from mediacorpus.engine.decoding import serve; serve()"
_EARLIER = 0.9
"""Share of the time limit after which a child is killed: before its thread would be given up."""


class Child:
    """A process that runs functions for one thread, and can be killed.

    Parameters
    ----------
    timeout:
        Seconds without an answer or a sign of life after which it is killed.
    memory:
        Bytes that it may take; enforced where the system can (not on Windows).

    Examples
    --------
    >>> import math
    >>> with Child(timeout=30) as child:
    ...     child.call(math.factorial, 5)
    120
    """

    def __init__(self, *, timeout: float, memory: float | None = None) -> None:
        self.timeout = timeout
        self.memory = int(memory or settings().decoder_memory * 1e6)
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        progress: Callable[[float], None] | None = None,
    ) -> Any:
        """Run an importable function in the process and give what it returns.

        Parameters
        ----------
        function:
            Returns numbers, text, arrays, records of `mediacorpus.records`, or lists, tuples and
            dictionaries of these; anything else is refused.
        arguments:
            Anything that can be pickled.
        progress:
            Called with what the function passes to its own argument `progress`; each call is a
            sign of life.

        Raises
        ------
        MediaError
            The process crashed or needed too much memory.
        TimeoutError
            It gave no answer in time, and was killed.
        MediacorpusError
            What the function raised; other errors of the function become a `MediaError`.
        """
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        request = pickle.dumps((function, arguments, progress is not None), protocol=5)
        # A child that has died is found out by what it answers.
        with contextlib.suppress(OSError):
            _send(process.stdin, request)
        while True:
            try:
                answer = self._answers.get(timeout=self.timeout)
            except queue.Empty:
                self.close()
                raise TimeoutError(f"no answer within {self.timeout:g} seconds") from None
            if answer is None:
                raise self._ended()
            try:
                kind, value = _Answer(io.BytesIO(answer)).load()
            except Exception as error:
                self.close()
                raise MediaError(
                    f"The decoder gave no sensible answer ({error}). The file is damaged or "
                    "hostile; leave it out."
                ) from error
            if kind == "done":
                return value
            if kind == "progress" and progress is not None:
                progress(float(value))
            elif kind == "error":
                raise _error(*value)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, with our own code
            [sys.executable, "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ
            | {
                "PYTHONPATH": paths,
                "OMP_NUM_THREADS": "1",
                "MEDIACORPUS_DECODER_MEMORY": str(self.memory / 1e6),
            },
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._answers = answers
        assert process.stdout is not None
        reader = threading.Thread(
            target=_collect, args=(process.stdout, answers), daemon=True, name="mediacorpus-reader"
        )
        reader.start()
        return process

    def _ended(self) -> MediaError:
        assert self._process is not None
        code = self._process.wait()
        self.close()
        if code == _exit_of_memory():
            return _too_much(self.memory)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return MediaError(
            f"The decoder crashed on this file ({how}). The file is damaged or hostile; convert "
            "it with another program, or leave it out."
        )


class Decoders:
    """Opens media for the threads of a run, used in a `with` block.

    Parameters
    ----------
    max_pixels:
        Images with more pixels are refused; by default what the settings say.
    timeout:
        Seconds that one file may take; by default what the settings say.
    verify:
        Hash each file that is opened, even if its size and its time of change are as they were.
    """

    def __init__(
        self,
        *,
        max_pixels: float | None = None,
        timeout: float | None = None,
        verify: bool = False,
    ) -> None:
        found = settings()
        self.verify = verify
        self.max_pixels = max_pixels or found.max_megapixels * 1e6
        self.timeout = timeout or found.timeout
        self._local = threading.local()
        self._all: list[_Own] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files and end all child processes, but those of threads that hang."""
        for own in self._all:
            if own.lock.acquire(blocking=False):
                own.opener.close()
                own.child.close()
                own.lock.release()

    def pixels(self, place: Place, min_side: int | None = None) -> Pixels:
        """Give the upright RGB pixels `(H, W, 3)` of one item; see `images`."""
        return self.images(place, [min_side])[0]

    def images(self, place: Place, sides: Sequence[int | None]) -> list[Pixels]:
        """Give an item's pixels once for each of several values of `min_side`.

        Raises
        ------
        MediaError
            The file is gone, has changed, is damaged, holds no such frame, page or box, or its
            decoder crashed.
        TooLarge
            It has too many pixels.
        TimeoutError
            Its decoder gave no answer in time.
        """
        with self._mine() as own:
            if _sturdy(place.facts):
                return own.opener.images(place, sides)
            images = functools.partial(_images, max_pixels=self.max_pixels, verify=self.verify)
            found: list[Pixels] = own.child.call(images, place, list(sides))
            return found

    def load(self, path: Path, min_side: int | None = None) -> Pixels:
        """Give the pixels of an image file that no catalogue knows; raises as `images`."""
        decode = functools.partial(load, min_side=min_side, max_pixels=self.max_pixels)
        if first_bytes(path).lstrip().startswith(_HEADS):
            return decode(path)
        with self._mine() as own:
            found: Pixels = own.child.call(decode, path)
            return found

    def read(self, place: Place, function: Callable[[Place], Any]) -> Any:
        """Run a function on a place, in the child process where the format asks for it.

        Raises
        ------
        MediacorpusError, TimeoutError
            As `images`, and what the function raises.
        """
        if self.verify:  # a file of unknown size and time is hashed
            place = replace(place, stamps=())
        with self._mine() as own:
            return function(place) if _sturdy(place.facts) else own.child.call(function, place)

    def inspect(self, path: Path) -> tuple[str, FileFacts]:
        """Find out what a file is, and hash its content; raises as `images`."""
        head = first_bytes(path)
        with self._mine() as own:
            if is_moving(head, path.suffix):
                return hash_file(path, beat=beat), own.child.call(probe_video, path)
            data = read(path)
            digest = hashlib.sha256(data).hexdigest()
            if data.lstrip().startswith(_HEADS) and pdf_start(data) is None:
                return digest, probe_any(data, max_pixels=self.max_pixels)
            return digest, own.child.call(_probed, path, self.max_pixels)

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        progress: Callable[[float], None] | None = None,
    ) -> Any:
        """Run a function in the calling thread's child process; see `Child.call`."""
        with self._mine() as own:
            return own.child.call(function, *arguments, progress=progress)

    @contextlib.contextmanager
    def _mine(self) -> Iterator[_Own]:
        if not hasattr(self._local, "own"):
            self._local.own = _Own(
                Opener(max_pixels=self.max_pixels, verify=self.verify),
                Child(timeout=_EARLIER * self.timeout),
            )
            self._all.append(self._local.own)
        own: _Own = self._local.own
        with own.lock:
            yield own


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """One of several items that were to be opened: its pixels, or None and why."""

    key: str
    pixels: Pixels | None
    reason: str = ""


def open_all(
    places: Iterable[tuple[str, Place]], min_side: int | None = None, *, workers: int | None = None
) -> Iterator[Opened]:
    """Decode items in threads, and give them in their order.

    Parameters
    ----------
    places:
        A name of each item, which comes back with its pixels, and where it is. Neighbors that
        lie in one file are decoded one after another.
    min_side:
        As in `Opener.pixels`.
    workers:
        Threads; by default what the settings say.

    Yields
    ------
    Opened
        One for each item, also for those that cannot be decoded.

    Examples
    --------
    >>> gone = Place((Path("gone.jpg"),), "ab" * 32, FileFacts("JPEG", 8, 8, "RGB", 9))
    >>> [(one.key, one.pixels) for one in open_all([("a", gone)])]
    [('a', None)]
    """
    found = settings()
    workers = workers or found.workers
    with Decoders() as decoders, Crew(workers, timeout=found.timeout) as crew:

        def open_run(run: Sequence[tuple[str, Place]]) -> list[Opened]:
            opened = []
            for key, place in run:
                try:
                    opened.append(Opened(key, decoders.pixels(place, min_side)))
                except Exception as error:  # noqa: BLE001 - any decoder error is this item's own
                    opened.append(Opened(key, None, reason_of(error)))
                beat()
            return opened

        runs = _runs(places)
        while window := list(itertools.islice(runs, 2 * workers)):
            ready: dict[int, list[Opened]] = {}
            following = 0
            numbered = enumerate(window)
            for outcome in crew.outcomes(lambda task: open_run(task[1]), numbered):
                number, run = outcome.task
                why = reason_of(outcome.error)
                ready[number] = outcome.value or [Opened(key, None, why) for key, _ in run]
                while following in ready:
                    yield from ready.pop(following)
                    following += 1


def _runs(places: Iterable[tuple[str, Place]]) -> Iterator[list[tuple[str, Place]]]:
    """Put neighbors that lie in one file together, a few at a time."""
    for _, group in itertools.groupby(places, key=lambda entry: entry[1].sha256):
        while run := list(itertools.islice(group, _TOGETHER)):
            yield run


def reason_of(error: BaseException | None) -> str:
    """Put into words why a file could not be had.

    >>> reason_of(MediaError("The file is cut off.")), reason_of(ValueError("odd"))
    ('The file is cut off.', 'ValueError: odd')
    """
    if isinstance(error, TimeoutError):
        return f"Given up: {error}. The file may be damaged, or the disk too slow."
    if isinstance(error, MediacorpusError):
        return str(error)
    return f"{type(error).__name__}: {error}".strip()


class _Own:
    """What one thread has for itself: a video stays open from batch to batch."""

    def __init__(self, opener: Opener, child: Child) -> None:
        self.opener = opener
        self.child = child
        self.lock = threading.Lock()


def _sturdy(facts: FileFacts) -> bool:
    return facts.kind not in {Kind.VIDEO, Kind.AUDIO, Kind.DOCUMENT} and facts.format in STURDY


class _Answer(pickle.Unpickler):
    """Reads what a child says, which hostile media may have taken over: only plain data."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse everything but arrays and the records that travel between rooms."""
        if (module, name) in _NUMPY:
            return super().find_class(module, name)
        if module == "mediacorpus.records" and name.isidentifier():
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is not taken from a decoder")


def _send(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(_LENGTH.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length = _LENGTH.unpack(head)[0]
    content = pipe.read(length)
    return content if len(content) == length else None


def _collect(pipe: IO[bytes], answers: queue.SimpleQueue[bytes | None]) -> None:
    """Hand on what a child says until it ends."""
    with contextlib.suppress(OSError, ValueError, MemoryError):
        while (answer := _receive(pipe)) is not None:
            answers.put(answer)
    answers.put(None)


@functools.cache
def _own_opener(*, max_pixels: float, verify: bool) -> Opener:
    return Opener(max_pixels=max_pixels, verify=verify)


def _images(
    place: Place, sides: list[int | None], *, max_pixels: float, verify: bool
) -> list[Pixels]:
    return _own_opener(max_pixels=max_pixels, verify=verify).images(place, sides)


def _probed(path: Path, max_pixels: float) -> FileFacts:
    return probe_any(read(path), max_pixels=max_pixels)


def _error(name: str, text: str) -> MediacorpusError:
    kind = getattr(errors, str(name), MediaError)
    known = isinstance(kind, type) and issubclass(kind, MediacorpusError)
    return kind(str(text)) if known else MediaError(str(text))


def _exit_of_memory() -> int:
    return 77


def _too_much(memory: float) -> MediaError:
    return MediaError(
        f"Opening the file takes more than {memory / 1e6:,.0f} MB of memory, which is the limit "
        "(MEDIACORPUS_DECODER_MEMORY). The file is damaged or very large; make it smaller, or "
        "raise the limit."
    )


def serve() -> None:
    """Be a child: run what is asked for on standard input until that ends."""
    requests = sys.stdin.buffer
    # Libraries that write to the terminal must not write between our answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    memory = settings().decoder_memory * 1e6
    _limit_memory(memory)
    import cv2

    cv2.setNumThreads(1)
    while (request := _receive(requests)) is not None:
        function, arguments, reports = pickle.loads(request)  # noqa: S301 - from our parent

        def progress(share: float) -> None:
            _send(answers, pickle.dumps(("progress", share), protocol=5))

        try:
            value = function(*arguments, **({"progress": progress} if reports else {}))
            content = pickle.dumps(("done", value), protocol=5)
        except MemoryError:
            os._exit(_exit_of_memory())
        except MediacorpusError as error:
            content = pickle.dumps(("error", (type(error).__name__, str(error))))
        except Exception as error:  # noqa: BLE001 - handed to the parent
            content = pickle.dumps(("error", ("MediaError", f"{type(error).__name__}: {error}")))
        _send(answers, content)


def _limit_memory(memory: float) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = int(memory)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

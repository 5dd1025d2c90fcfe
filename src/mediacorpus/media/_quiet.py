"""Keep a decoder's warnings away from the user, in the calling thread only."""

from __future__ import annotations

import ctypes
import functools
import threading
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator


class _ThisThread(threading.local):
    """Stands where a warning filter has its pattern: matches while the thread is quiet."""

    depth = 0

    # Others read the patterns of the filters, as scikit-learn does to hand them on to its own
    # threads; there this one must match nothing.
    pattern = "(?!)"

    def match(self, _text: str) -> bool:
        return self.depth > 0


_HERE = _ThisThread()
_FILTER: Any = ("ignore", _HERE, Warning, None, 0)


@contextmanager
def quiet() -> Iterator[None]:
    """Drop every warning that the calling thread gives inside the block.

    `warnings.catch_warnings` swaps state of the whole process, so threads that use it at the
    same time undo one another. Here one filter stays in place for good; it matches only in
    threads that are inside the block, and leaves all others as they were.

    Examples
    --------
    >>> with quiet():
    ...     warnings.warn("not shown", stacklevel=1)
    """
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    if not filters or filters[0] is not _FILTER:
        filters.insert(0, _FILTER)
    _HERE.depth += 1
    try:
        yield
    finally:
        _HERE.depth -= 1


def opencv_decoded(data: bytes) -> Any:
    """Decode an image with OpenCV as it is stored; None where it cannot, without a word.

    OpenCV writes what it finds wrong to the terminal, for the whole process.
    """
    log = cv2.utils.logging
    before = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        log.setLogLevel(before)


@functools.cache
def silence_libtiff() -> int:
    """Keep libtiff, as it comes with Pillow, from writing to the terminal; count its copies.

    Pillow raises libtiff's errors anyway. Where the library is built into Pillow, as on
    Windows, it stays as it is.

    >>> silence_libtiff() >= 0
    True
    """
    import PIL

    home = Path(PIL.__file__).parent
    found = [*home.parent.glob("pillow.libs/libtiff*"), *home.glob(".dylibs/libtiff*")]
    for path in found:
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))
            for name in ("TIFFSetWarningHandler", "TIFFSetErrorHandler"):
                getattr(library, name)(None)
    return len(found)

"""An image from a path or a web address, without a corpus."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mediacorpus.errors import MediaError
from mediacorpus.media.decode import MAX_PIXELS, load
from mediacorpus.sources.addresses import shown
from mediacorpus.sources.download import Manner, Refused, download

if TYPE_CHECKING:
    from mediacorpus.media.scale import Pixels

_LINK = re.compile(r"\s*[a-z][a-z0-9+.-]+:(//|[^\\/])", re.IGNORECASE)
"""An address; a single letter before the colon is a drive of Windows."""


def load_image(
    source: str | os.PathLike[str],
    *,
    min_side: int | None = None,
    max_pixels: float = MAX_PIXELS,
    manner: Manner | None = None,
    allow_private: bool = False,
) -> Pixels:
    """Read an image from a file or a web address, as upright sRGB pixels.

    Web addresses are fetched as `add` fetches the links of a table: only from the public
    internet, also after redirects, with limits on size and time, and where robots.txt and the
    server's opt-outs allow it. Nothing is kept on disk.

    Parameters
    ----------
    source:
        Path of a file, or an http or https address.
    min_side, max_pixels:
        As for `mediacorpus.media.decode`.
    manner:
        How the address is fetched; see `mediacorpus.sources.download.Manner`. By default within a
        minute.
    allow_private:
        Fetch from private addresses too, such as a server on this machine.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        Red first, 0 to 255.

    Raises
    ------
    MediaError
        The file cannot be read or fetched, or is no image.
    TooLarge
        The image has more than `max_pixels` pixels.
    SourceError
        Working offline is asked for (`MEDIACORPUS_OFFLINE`).
    MissingExtra
        httpx is not installed (extra `download`).

    Examples
    --------
    >>> load_image("http://127.0.0.1/image.jpg")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: http://127.0.0.1/image.jpg was not fetched. The address ...
    """
    name = os.fspath(source)
    if not _LINK.match(name):
        return load(source, min_side=min_side, max_pixels=max_pixels)
    chosen = manner or Manner(total=60.0, allow_private=allow_private, types=("image", "svg"))
    with tempfile.TemporaryDirectory(prefix="mediacorpus-") as folder:
        [found] = download([name], Path(folder), manner=chosen)
        if isinstance(found, Refused):
            raise MediaError(f"{shown(name)} was not fetched. {found.reason}")
        return load(Path(folder, found.stored), min_side=min_side, max_pixels=max_pixels)

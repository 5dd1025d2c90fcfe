"""What downloads take and what they give: small frozen records."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from mediacorpus._version import __version__
from mediacorpus.errors import ParameterError
from mediacorpus.sources._content import TYPES

_TOKEN = re.compile(r"[A-Za-z_-]+")


@dataclass(frozen=True, slots=True)
class Manner:
    """How files are downloaded: how fast, how patiently, and what is refused.

    Parameters
    ----------
    parallel:
        Requests at once.
    per_host:
        Requests at once to one host.
    rate:
        Requests per second to one host; None for no limit. A site's own Crawl-delay counts
        in any case while `robots` is on.
    retries:
        Further tries after one that failed for a reason that may pass.
    timeout:
        Seconds without any answer or byte after which a try is given up.
    total:
        Seconds that one file may take.
    max_bytes:
        Size of one file at most, decompressed.
    types:
        Kinds of content that are kept, of `image`, `video`, `audio`, `pdf` and `svg`, as read
        from the first bytes.
    allow_private:
        Fetch from private addresses too, such as a server on this machine.
    robots:
        Keep to robots.txt and to opt-outs in headers (`X-Robots-Tag: noai`, `noimageai`,
        `tdm-reservation: 1`).
    user_agent:
        What to be known as; by default the package's name and version, and `contact`.
    contact:
        Address of a page or mailbox, for owners of sites who have a question.

    Raises
    ------
    ParameterError
        A value is out of its range.

    Examples
    --------
    >>> Manner(contact="https://example.org/study").agent.split()[1:]
    ['(research;', '+https://example.org/study)']
    """

    parallel: int = 16
    per_host: int = 4
    rate: float | None = 10.0
    retries: int = 3
    timeout: float = 30.0
    total: float = 600.0
    max_bytes: int = 2_000_000_000
    types: tuple[str, ...] = TYPES
    allow_private: bool = False
    robots: bool = True
    user_agent: str | None = None
    contact: str | None = None

    def __post_init__(self) -> None:
        least = {"parallel": 1, "per_host": 1, "retries": 0, "max_bytes": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ParameterError(
                    f"{name} is {getattr(self, name)!r}; it must be at least {low}."
                )
        for name in ("rate", "timeout", "total"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ParameterError(f"{name} is {value!r}; it must be a number above 0.")
        strange = sorted(set(self.types) - set(TYPES))
        if strange or not self.types:
            raise ParameterError(
                f"types is {self.types!r}; it must hold one or more of {', '.join(TYPES)}."
            )
        if not (self.agent.isascii() and self.agent.isprintable()):
            raise ParameterError(
                f"The user agent {self.agent!r} must be one line of plain ASCII characters."
            )

    @property
    def agent(self) -> str:
        """The User-Agent header."""
        if self.user_agent:
            return self.user_agent
        contact = f"; +{self.contact}" if self.contact else ""
        return f"mediacorpus/{__version__} (research{contact})"

    @property
    def token(self) -> str:
        """The name by which a robots.txt may speak of this program."""
        match = _TOKEN.match(self.agent)
        return match[0] if match else "mediacorpus"


@dataclass(frozen=True, slots=True)
class Seen:
    """What an earlier run knows of an address.

    Parameters
    ----------
    etag, modified:
        The headers ETag and Last-Modified of then, or None.
    sha256:
        Hash of the content.
    stored:
        Path of the file, relative to the corpus.
    bytes:
        Size of the file.
    """

    etag: str | None
    modified: str | None
    sha256: str
    stored: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was downloaded, or that is still as it was.

    Parameters
    ----------
    url:
        The address as it was given.
    final_url:
        The address that gave the file, after redirects.
    status:
        Status of the last answer: 200, 203, 206, or 304 where nothing changed.
    etag, modified, content_type:
        The headers ETag, Last-Modified and Content-Type, or None.
    sha256:
        Hash of the content.
    stored:
        Path of the file, relative to the corpus.
    bytes:
        Size of the file.
    unchanged:
        Whether the server says that it is what an earlier run saw.
    """

    url: str
    final_url: str
    status: int
    etag: str | None
    modified: str | None
    content_type: str | None
    sha256: str
    stored: str
    bytes: int
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """An address that gave no file.

    Parameters
    ----------
    url:
        The address as it was given.
    reason:
        One or two sentences.
    final:
        Whether trying again later is pointless.
    """

    url: str
    reason: str
    final: bool

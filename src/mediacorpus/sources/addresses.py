"""Which addresses on the network may be fetched, and connections that go nowhere else."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from mediacorpus.errors import MediaError
from mediacorpus.extras import need

SCHEMES = ("http", "https")
MAX_LENGTH = 16_000
_SHOWN = 100
_MAX_PORT = 65_535
_MAX_HOST = 253
_SAFE = "/:@!$&'()*+,;=~-._%[]?"
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HALVES = re.compile("[\ud800-\udfff]")  # halves of surrogate pairs: no characters
_USERINFO = re.compile(r"(//)[^/?#]*@")
_LABELS = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_-]{1,63})*\.?")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_METADATA = {ipaddress.ip_address(text) for text in ("168.63.129.16", "169.254.169.254")}
_NAMED = (
    (ipaddress.ip_network("100.64.0.0/10"), "shared by an internet provider (100.64.0.0/10)"),
    *(
        (ipaddress.ip_network(text), "reserved")  # not in the lists of every Python version
        for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20")
    ),
)


def shown(url: str) -> str:
    """Give an address as messages show it: shortened, without a user's name and password.

    Examples
    --------
    >>> shown("https://anna:secret@example.org/a.jpg")
    'https://example.org/a.jpg'
    """
    text = _USERINFO.sub(r"\1", url.strip())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def public(url: str) -> str:
    """Give an address as it was written, but without a user's name and password.

    Examples
    --------
    >>> public("https://anna:secret@example.org/a.jpg")
    'https://example.org/a.jpg'
    """
    return _USERINFO.sub(r"\1", url)


def check_url(text: str) -> str:
    """Turn an address as it stands in a table into one that can be fetched.

    Space around it goes; spaces and characters beyond ASCII are percent-encoded, an
    international host name becomes its ASCII form (IDNA 2008). A user's name and password, and
    the part after `#`, are left out.

    Parameters
    ----------
    text:
        An http or https address.

    Raises
    ------
    MediaError
        It is empty, of another scheme (`data:`, `ftp:`, `file:`, …), has no valid host or port,
        or is longer than 16,000 characters.

    Examples
    --------
    >>> check_url(" https://example.org/two words.jpg#top ")
    'https://example.org/two%20words.jpg'
    >>> check_url("ftp://example.org/a.jpg")
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The address 'ftp://example.org/a.jpg' is of the scheme 'ftp'; \
only http and https are fetched.
    """
    if not text.strip():
        raise MediaError("The address is empty.")
    text = _HALVES.sub("\ufffd", re.sub(r"[\t\r\n]", "", text.strip()))
    _check_scheme(text)
    if len(text) > MAX_LENGTH:
        raise MediaError(
            f"The address {shown(text)!r} has {len(text):,} characters; at most {MAX_LENGTH:,} "
            "are allowed."
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise MediaError(f"The address {shown(text)!r} is not valid ({error}).") from error
    if port is not None and not 0 < port <= _MAX_PORT:
        raise MediaError(f"The address {shown(text)!r} has the port {port}; ports are 1 to 65535.")
    place = _host(host, text) + (f":{port}" if port is not None else "")
    return f"{parts.scheme.lower()}://{place}{_target(parts)}"


def check_address(address: str | Address) -> None:
    """Refuse an IP address that does not belong to the public internet.

    Refused are private, loopback, link-local, multicast, reserved and unspecified addresses,
    those shared by a provider (100.64.0.0/10), those at which clouds tell a machine its secrets,
    and IPv6 forms that stand for one of these (IPv4-mapped, 6to4, NAT64, Teredo).

    Raises
    ------
    MediaError
        The address is one of these, or no IP address.

    Examples
    --------
    >>> check_address("93.184.216.34")
    >>> check_address("::ffff:127.0.0.1")
    Traceback (most recent call last):
    mediacorpus.errors.MediaError: The address 127.0.0.1 is loopback; only addresses of the public \
internet are fetched unless private ones are allowed (--allow-private).
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError as error:
        raise MediaError(f"{str(address)!r} is no IP address.") from error
    found = _inner(found)
    why = _why_not(found)
    if why:
        raise MediaError(
            f"The address {found} is {why}; only addresses of the public internet are fetched "
            "unless private ones are allowed (--allow-private)."
        )


def check_literal(host: str) -> None:
    """Refuse a host that is itself a refused IP address, or that names this machine.

    For connections through a proxy, where nothing is resolved here.

    Examples
    --------
    >>> check_literal("example.org")
    """
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        raise MediaError("The address names this machine (localhost), which is not fetched from.")
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        if not re.fullmatch(r"[0-9.]+|0x[0-9a-f.x]+", bare):
            return
        try:
            found = ipaddress.ip_address(socket.inet_aton(bare))
        except OSError:
            return
    check_address(found)


async def resolve(host: str, port: int) -> list[str]:
    """Ask for the IP addresses of a host, in the order in which they should be tried.

    Raises
    ------
    OSError
        The name is not known, or nobody answers.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host!r} is no host name") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class CheckedNetwork:
    """A network backend for httpcore that connects only to addresses it has checked.

    The name is resolved once for each connection, every address of the answer is checked, and
    the connection goes to one of these very addresses. So a name server that answers otherwise
    the second time (DNS rebinding) gains nothing.

    Parameters
    ----------
    allow_private:
        Connect to any address.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self.allow_private = allow_private
        self._core = need("httpcore")
        self._inner = self._core.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore passes it
        **options: Any,
    ) -> Any:
        """Connect to the first address of `host` that answers; raises `MediaError` if refused."""
        core = self._core
        try:
            async with asyncio.timeout(timeout):
                addresses = await resolve(host.strip("[]"), port)
        except TimeoutError as error:
            raise core.ConnectTimeout(f"no answer about the host {host}") from error
        except OSError as error:
            raise core.ConnectError(f"the host {host} is not found: {_words(error)}") from error
        if not addresses:
            raise core.ConnectError(f"the host {host} has no address")
        if not self.allow_private:
            for address in addresses:
                check_address(address)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout=timeout, **options)
            except (core.ConnectError, core.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, timeout=timeout, **options)

    async def connect_unix_socket(self, path: str, **options: Any) -> Any:
        """Refuse: no web address leads to a Unix socket."""
        del options
        raise self._core.ConnectError(f"{path} is no address on the network")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def checked_transport(
    *, allow_private: bool = False, keepalive: int = 2, ssl_context: Any = None
) -> Any:
    """Make an httpx transport (HTTP/1.1, no proxy) whose connections are checked.

    Parameters
    ----------
    allow_private:
        Connect to any address.
    keepalive:
        Idle connections that are kept for further requests.
    ssl_context:
        An `ssl.SSLContext`, which several transports can share; by default one is made that
        checks certificates.
    """
    httpx, httpcore = need("httpx"), need("httpcore")
    base: Any = httpx.AsyncHTTPTransport

    class CheckedTransport(base):  # type: ignore[misc]
        # httpx gives no way to name a network backend. Should its field be renamed one day,
        # every request fails, rather than going out unchecked.
        def __init__(self) -> None:
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=ssl_context or httpx.create_ssl_context(),
                max_connections=None,
                max_keepalive_connections=keepalive,
                keepalive_expiry=15.0,
                network_backend=CheckedNetwork(allow_private=allow_private),
            )

    return CheckedTransport()


def _check_scheme(text: str) -> None:
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if scheme in SCHEMES:
        return
    if scheme == "data":
        raise MediaError(
            "The address holds the image itself in a data: address; save it as a file of its "
            "own to add it."
        )
    if not scheme or "." in scheme or scheme == "localhost":
        raise MediaError(
            f"The address {shown(text)!r} has no scheme; it should begin with https:// or http://."
        )
    raise MediaError(
        f"The address {shown(text)!r} is of the scheme {scheme!r}; only http and https are fetched."
    )


def _host(host: str, text: str) -> str:
    if not host:
        raise MediaError(f"The address {shown(text)!r} names no host.")
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host.partition('%')[0])}]"
        except ValueError as error:
            raise MediaError(f"The address {shown(text)!r} is not valid ({error}).") from error
    if not host.isascii():
        idna = need("idna")
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise MediaError(
                f"The address {shown(text)!r} has a host name that is not valid ({error})."
            ) from error
    if len(host) > _MAX_HOST or not _LABELS.fullmatch(host):
        raise MediaError(f"The address {shown(text)!r} has a host name that is not valid.")
    return host


def _target(parts: SplitResult) -> str:
    path = parts.path or "/"
    whole = f"{path}?{parts.query}" if parts.query else path
    return quote(_STRAY.sub("%25", whole), safe=_SAFE)


def _inner(address: Address) -> Address:
    """Give the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _why_not(address: Address) -> str:
    if address in _METADATA:
        return "that of a cloud's own services"
    for name in ("unspecified", "loopback", "link_local", "multicast"):
        if getattr(address, f"is_{name}"):
            return name.replace("_", "-")
    for network, words in _NAMED:
        if address.version == network.version and address in network:
            return words
    if address.is_private and not address.is_reserved:
        return "private"
    public = address.version == 4 or address in _GLOBAL_V6  # noqa: PLR2004 - IPv4
    return "" if public and address.is_global and not address.is_reserved else "reserved"


def _words(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).rstrip(".")

"""Addresses as tables have them, addresses that are refused, connections that are checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl

import httpcore
import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediacorpus.errors import MediaError
from mediacorpus.sources import addresses
from mediacorpus.sources.addresses import (
    CheckedNetwork,
    check_address,
    check_literal,
    check_url,
    checked_transport,
    shown,
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://example.org", "http://example.org/"),
        ("  HTTPS://Example.ORG/A.jpg\n", "https://example.org/A.jpg"),
        ("http://example.org/two words.jpg", "http://example.org/two%20words.jpg"),
        ("http://example.org/a%20b.jpg", "http://example.org/a%20b.jpg"),
        ("http://example.org/100%.jpg", "http://example.org/100%25.jpg"),
        (
            "http://example.org/été.jpg?ort=Köln",
            "http://example.org/%C3%A9t%C3%A9.jpg?ort=K%C3%B6ln",
        ),
        ("http://example.org/a.jpg?x=1&y=2#part", "http://example.org/a.jpg?x=1&y=2"),
        ("http://example.org?x=1", "http://example.org/?x=1"),
        ("http://bücher.example/a", "http://xn--bcher-kva.example/a"),
        ("http://straße.example/", "http://xn--strae-oqa.example/"),
        ("http://anna:secret@example.org:8080/a", "http://example.org:8080/a"),
        ("http://[2606:4700::1111]:80/a", "http://[2606:4700::1111]:80/a"),
        ("http://example.org/a\tb\nc", "http://example.org/abc"),
        ('http://example.org/"<a>"', "http://example.org/%22%3Ca%3E%22"),
    ],
)
def test_an_address_is_made_fit_to_be_fetched(text, url):
    assert check_url(text) == url
    assert httpx.URL(url).raw_path.decode() == "/" + url.split("/", 3)[3]  # sent as it is


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("data:image/png;base64,AAAA", "holds the image itself in a data: address"),
        ("ftp://example.org/a.jpg", "scheme 'ftp'"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("javascript:alert(1)", "scheme 'javascript'"),
        ("//example.org/a.jpg", "no scheme"),
        ("www.example.org/a.jpg", "no scheme"),
        ("example.org:80/a.jpg", "no scheme"),
        ("http:///a.jpg", "names no host"),
        ("http://:80/a.jpg", "names no host"),
        ("http://example.org:0/a", "port 0"),
        ("http://example.org:99999/a", "not valid"),
        ("http://example.org:x/a", "not valid"),
        ("http://[::1/a", "not valid"),
        ("http://[zz]/a", "not valid"),
        ("http://exa mple.org/", "host name that is not valid"),
        ("http://exam%70le.org/", "host name that is not valid"),
        (f"http://{'a' * 64}.org/", "host name that is not valid"),
        (f"http://{'a.' * 150}org/", "host name that is not valid"),
        ("http://xn--\u00fc/", "host name that is not valid"),
        (f"http://example.org/{'a' * 20_000}", "at most 16,000"),
    ],
)
def test_what_cannot_be_fetched_is_refused_in_a_sentence(text, words):
    with pytest.raises(MediaError, match=words) as caught:
        check_url(text)
    assert len(str(caught.value)) < 300


def test_a_password_is_never_shown():
    for text in ("ftp://anna:secret@example.org/a", "http://anna:secret@example.org:0/a"):
        with pytest.raises(MediaError) as caught:
            check_url(text)
        assert "secret" not in str(caught.value)
        assert "example.org" in str(caught.value)
    assert shown("http://a:b@c/" + "x" * 500).endswith("…")


@given(st.text())
@example("x\ud800")
def test_checking_never_fails_in_another_way_and_settles(text):
    for start in ("", "http://example.org/", "http://"):
        try:
            url = check_url(start + text)
        except MediaError:
            continue
        assert url.isascii()
        assert check_url(url) == url


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8",
        "168.63.129.16", "169.254.1.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
        "2002:a00:1::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
        "ff02::1", "3fff::1", "4000::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address):
    with pytest.raises(MediaError, match="only addresses of the public internet"):
        check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.32.0.1",
        "192.167.1.1", "223.255.255.254", "2606:4700::1111", "2a00:1450:4001:800::200e",
        "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
    ],
)  # fmt: skip
def test_public_addresses_pass(address):
    check_address(address)


@given(st.ip_addresses(v=4))
def test_all_forms_of_an_address_have_the_same_fate(address):
    forms = [
        address,
        ipaddress.IPv6Address(f"::ffff:{address}"),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(address)),
        ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80)),
    ]
    fates = set()
    for form in forms:
        try:
            check_address(form)
            fates.add("passes")
        except MediaError:
            fates.add("refused")
    assert len(fates) == 1


def test_what_is_no_ip_address_is_refused():
    with pytest.raises(MediaError, match="no IP address"):
        check_address("example.org")


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "127.1", "2130706433", "0x7f.1", "10.0.0.1", "[::1]"]
)
def test_a_proxy_is_not_asked_for_addresses_that_are_plainly_private(host):
    with pytest.raises(MediaError):
        check_literal(host)


def test_a_proxy_may_be_asked_for_names():
    for host in ("example.org", "8.8.8.8", "1.2.3.4.5", "0xyz"):
        check_literal(host)


class Names:
    """A name server that gives one answer after the other, and remembers what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def __call__(self, host, port):
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def connected(monkeypatch):
    """Addresses that were connected to; nothing is sent."""
    seen = []

    async def connect_tcp(self, host, port, **options):
        seen.append((host, port))
        if host == "1.1.1.1":
            raise httpcore.ConnectError("refused")
        return "stream"

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return seen


def connect(monkeypatch, names, **options):
    monkeypatch.setattr(addresses, "resolve", names)
    network = CheckedNetwork(**options)
    return asyncio.run(network.connect_tcp("pictures.example", 80, timeout=5))


def test_a_connection_goes_to_the_very_address_that_was_checked(monkeypatch, connected):
    names = Names(["93.184.216.34"], ["127.0.0.1"])  # rebinding: another answer the second time
    assert connect(monkeypatch, names) == "stream"
    assert connected == [("93.184.216.34", 80)]
    assert names.asked == ["pictures.example"]
    with pytest.raises(MediaError, match=r"127\.0\.0\.1 is loopback"):
        connect(monkeypatch, names)
    assert len(connected) == 1


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch, connected):
    with pytest.raises(MediaError, match=r"10\.0\.0\.1 is private"):
        connect(monkeypatch, Names(["93.184.216.34", "10.0.0.1"]))
    assert connected == []


def test_private_addresses_can_be_allowed(monkeypatch, connected):
    connect(monkeypatch, Names(["10.0.0.1"]), allow_private=True)
    assert connected == [("10.0.0.1", 80)]


def test_the_next_address_is_tried_if_one_does_not_answer(monkeypatch, connected):
    connect(monkeypatch, Names(["1.1.1.1", "8.8.8.8"]))
    assert connected == [("1.1.1.1", 80), ("8.8.8.8", 80)]
    with pytest.raises(httpcore.ConnectError):
        connect(monkeypatch, Names(["1.1.1.1"]))


def test_a_host_without_an_address_is_a_failed_connection(monkeypatch, connected):
    with pytest.raises(httpcore.ConnectError, match="no address"):
        connect(monkeypatch, Names([]))

    async def unknown(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(httpcore.ConnectError, match="not found: Name or service not known"):
        connect(monkeypatch, unknown)

    async def silent(host, port):
        raise TimeoutError

    with pytest.raises(httpcore.ConnectTimeout):
        connect(monkeypatch, silent)


def test_unix_sockets_are_refused():
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(CheckedNetwork().connect_unix_socket("/run/x.sock"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]"]
)
def test_real_names_and_odd_spellings_of_loopback_are_refused(host):
    with pytest.raises((MediaError, httpcore.ConnectError)) as caught:
        asyncio.run(CheckedNetwork().connect_tcp(host, 9, timeout=5))
    if host in {"127.0.0.1", "localhost"}:
        assert isinstance(caught.value, MediaError)


def test_the_transport_checks_certificates_against_the_name(monkeypatch):
    transport = checked_transport()
    pool = transport._pool
    assert isinstance(pool._network_backend, CheckedNetwork)
    assert pool._ssl_context.check_hostname
    assert pool._ssl_context.verify_mode is ssl.CERT_REQUIRED

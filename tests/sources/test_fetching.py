"""Redirects, refused addresses, bad answers and faults, from a real server on this machine."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import runpy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediacorpus.sources import _client, addresses
from mediacorpus.sources._receiving import decoded
from mediacorpus.sources.download import Fetched

made = runpy.run_path(str(Path(__file__).with_name("downloads.py")))
server, JPEG, PNG = made["server"], made["JPEG"], made["PNG"]
kept, one, refused = made["kept"], made["one"], made["refused"]


# -- redirects and refused addresses ----------------------------------------------------------
def test_redirects_are_followed(site, fetch):
    for n, status in enumerate((301, 302, 303, 307, 308)):
        site[f"/{n}"] = server.redirect(f"/{n + 1}" if n else site.url("/1"), status)
    site["/5"] = JPEG
    result = one(fetch, site.url("/0"))
    assert (result.url, result.final_url) == (site.url("/0"), site.url("/5"))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/a", "circle"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("data:image/png;base64,AA", "data: address"),
        ("http://example.org:0/", "port 0"),
        ("http://[", "redirects to http://["),
    ],
)
def test_redirects_to_nowhere_are_refused(site, fetch, place, words):
    site["/a"] = server.redirect(place)
    refused(one(fetch, site.url("/a")), words)


def test_redirects_without_end_are_given_up(site, fetch):
    site["*"] = lambda asked: asked.answer(status=302, location=f"/{int(asked.path[1:]) + 1}")
    site["/robots.txt"] = b""
    refused(one(fetch, site.url("/0")), "more than 10 times")
    assert len(site.asked) == 12


def test_private_addresses_are_refused_unasked(site, fetch, tmp_path):
    site["*"] = JPEG
    for host in ("127.0.0.1", "localhost"):
        refused(one(fetch, site.url("/a", host), allow_private=False), "is loopback")
    refused(one(fetch, "http://10.0.0.1/a", allow_private=False, robots=False), "is private")
    assert site.asked == []


def test_public_addresses_are_fetched(site, fetch, public):
    site["/a"] = JPEG
    url = site.url("/a", "pictures.example")
    assert isinstance(one(fetch, url, allow_private=False), Fetched)
    assert site.headers("/a")[0]["host"] == f"pictures.example:{site.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "inside.example"])
def test_redirects_into_the_private_network_are_refused(site, fetch, public, host):
    public[0]["inside.example"] = ["192.168.1.1"]
    place = site.url("/secret", host)
    site["/a"] = server.redirect(place)
    site["/secret"] = JPEG
    found = one(fetch, site.url("/a", "pictures.example"), allow_private=False)
    refused(found, f"redirects to {place}", "public internet")
    assert site.counts["/secret"] == 0


def test_a_name_that_changes_its_address_gains_nothing(site, fetch, public):
    names, asked = public
    names["pictures.example"] = ["93.184.216.34", "127.0.0.1"]
    site["/1"] = lambda asked: asked.answer(JPEG, connection="close")
    site["/2"] = JPEG
    url = site.url("/1", "pictures.example")
    assert isinstance(one(fetch, url, allow_private=False, robots=False), Fetched)
    assert asked == ["pictures.example"]
    refused(one(fetch, site.url("/2", "pictures.example"), allow_private=False), "loopback")
    assert site.counts["/2"] == 0


def test_a_name_that_is_not_known_may_be_known_later(site, fetch, public, monkeypatch):
    async def unknown(host, port):
        raise OSError("Name or service not known")

    monkeypatch.setattr(addresses, "resolve", unknown)
    result = one(fetch, "http://pictures.example/a", retries=1)
    refused(result, "pictures.example is not found", final=False)


def test_a_proxy_is_used_but_not_for_private_addresses(site, fetch, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", site.url(""))
    monkeypatch.setenv("NO_PROXY", "direct.example")
    site["http://pictures.example/a"] = JPEG
    assert isinstance(one(fetch, "http://pictures.example/a", allow_private=False), Fetched)
    refused(one(fetch, "http://127.0.0.1/a", allow_private=False), "loopback")
    assert site.counts["http://127.0.0.1/a"] == 0


# -- answers that are no file -----------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><html><title>Error</title></html>" + b" " * 9000, "an HTML page"),
        (b'{"error": "gone"}', "JSON"),
        (b"File not found", "text"),
        (b"PK\x03\x04" + bytes(99), "a ZIP archive"),
        (b"<!-- <svg> --><html><body><svg></svg></body></html>", "an HTML page"),
        (b"<?xml version='1.0'?><rss></rss>", "an XML file"),
        (b"", "empty"),
    ],
)
def test_other_content_is_refused_whatever_its_type(site, fetch, tmp_path, body, words):
    site["/a.jpg"] = lambda asked: asked.answer(body, content_type="image/jpeg")
    refused(one(fetch, site.url("/a.jpg")), words)
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("body", "suffix"),
    [
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]><!-- " + b"x" * 2000 + b" --><svg:svg/>", ".svg"),
        ("\ufeff<svg></svg>".encode("utf-16-le"), ".svg"),
        (b"\n%PDF-1.4 text", ".pdf"),
        (b"P2 1 1 255 7", ".pnm"),
        (b"\x00\x00\x00\x18ftypavif" + bytes(9), ".avif"),
        (b"ID3\x04" + bytes(9), ".mp3"),
        ((b"G" + bytes(187)) * 3, ".ts"),
        (b"\x93unknown\x00\x01", ".amr"),
    ],
)
def test_many_kinds_are_known_by_their_first_bytes(site, fetch, body, suffix):
    site["/a.amr?b.c"] = body
    assert Path(one(fetch, site.url("/a.amr?b.c")).stored).suffix == suffix


def test_a_image_is_a_image_whatever_its_type(site, fetch):
    site["/a.html"] = lambda asked: asked.answer(JPEG, content_type="text/html")
    assert Path(one(fetch, site.url("/a.html")).stored).suffix == ".jpg"


def test_only_the_kinds_that_are_wanted_are_kept(site, fetch):
    site["/a"] = JPEG
    site["/b"] = b"%PDF-1.7" + bytes(99)
    found = fetch(site.url("/a"), site.url("/b"), types=("pdf", "video"))
    refused(found[site.url("/a")], "an image; wanted was pdf or video")
    assert isinstance(found[site.url("/b")], Fetched)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "password"),
        (403, "(403)"),
        (404, "The server says that this address is gone (404)."),
        (410, "for good (410)"),
        (451, "legal reasons (451)"),
        (418, "status 418"),
        (204, "status 204"),
        (304, "status 304"),
        (302, "status 302"),
    ],
)
def test_what_the_server_refuses_is_not_asked_again(site, fetch, status, words):
    site["/a"] = lambda asked: asked.answer(b"" if status in {204, 304} else b"x", status=status)
    refused(one(fetch, site.url("/a"), robots=False), words)
    assert len(site.asked) == 1


# -- faults that may pass ---------------------------------------------------------------------
def test_a_server_with_problems_is_asked_again(site, fetch):
    site["/a"] = server.failing(2, JPEG)
    site["/b"] = server.failing(1000, JPEG)
    found = fetch(site.url("/a"), site.url("/b"), retries=2)
    assert isinstance(found[site.url("/a")], Fetched)
    refused(found[site.url("/b")], "(500)", "tried 3 times", final=False)
    assert (site.counts["/a"], site.counts["/b"]) == (3, 3)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait_is_given_time(site, fetch, status):
    site["/robots.txt"] = b""
    site["/a"] = server.failing(1, JPEG, status=status, retry_after="0.3")
    site["/b"] = JPEG
    found = fetch(site.url("/a"), site.url("/b"), per_host=1)
    assert all(isinstance(result, Fetched) for result in found.values())
    assert site.times[2] - site.times[1] > 0.25  # the pause is the whole host's
    site["/c"] = server.failing(1000, JPEG, status=status)
    refused(one(fetch, site.url("/c"), retries=1), "asks to wait", final=False)


def test_the_time_to_wait_is_seconds_or_a_date():
    now = datetime(2015, 10, 21, 7, 28, tzinfo=UTC)
    assert _client.retry_after("Wed, 21 Oct 2015 07:28:30 GMT", now=now) == 30.0
    assert _client.retry_after("Wed, 21 Oct 2015 07:27:00 GMT", now=now) == 0.0
    assert _client.retry_after("Thu, 22 Oct 2015 07:28:00 GMT", now=now) == 120.0
    assert [_client.retry_after(text) for text in (None, "", "nan", "-5")] == [None, None, None, 0]


def test_waits_grow_and_are_bounded(monkeypatch):
    monkeypatch.setattr(_client, "BACKOFF", 0.5)
    for number, middle in enumerate((0.5, 1, 2, 4)):
        assert 0.75 * middle <= _client.backoff(number) <= 1.25 * middle
    assert _client.backoff(1000) <= 150


def test_a_body_that_breaks_off_is_fetched_afresh(site, fetch):
    site["/a"] = server.truncating(JPEG, 9000, times=2)
    result = one(fetch, site.url("/a"))
    assert result.sha256 == hashlib.sha256(JPEG).hexdigest()
    assert all("range" not in headers for headers in site.headers("/a"))
    site["/b"] = server.truncating(JPEG, 9000)
    refused(one(fetch, site.url("/b"), retries=1), "broke off", final=False)


def test_a_body_that_breaks_off_is_resumed_where_the_server_can(site, fetch):
    site["/a"] = server.truncating(JPEG, 9000, etag='"1"', accept_ranges="bytes")
    result = one(fetch, site.url("/a"))
    assert (result.status, result.bytes) == (206, len(JPEG))
    assert result.sha256 == hashlib.sha256(JPEG).hexdigest()
    assert [headers.get("range") for headers in site.headers("/a")] == [None, "bytes=9000-"]
    assert site.headers("/a")[1]["if-range"] == '"1"'


def test_a_weak_tag_resumes_nothing(site, fetch):
    site["/a"] = server.truncating(JPEG, 9000, times=1, etag='W/"1"', accept_ranges="bytes")
    assert one(fetch, site.url("/a")).status == 200
    assert "range" not in site.headers("/a")[1]


def test_a_file_that_changed_meanwhile_is_not_patched_together(site, fetch):
    first = server.truncating(JPEG, 9000, etag='"1"', accept_ranges="bytes")
    site["/a"] = lambda asked: first(asked) if asked.count == 1 else asked.answer(PNG, etag='"2"')
    result = one(fetch, site.url("/a"))
    assert (result.etag, result.sha256) == ('"2"', hashlib.sha256(PNG).hexdigest())


@pytest.mark.parametrize(
    "second",
    [
        lambda asked: asked.answer(JPEG[5:], status=206, content_range="bytes 5-99/100"),
        lambda asked: asked.answer(b"", status=416),
    ],
)
def test_a_wrong_part_is_not_taken(site, fetch, second):
    first = server.truncating(JPEG, 9000, etag='"1"', accept_ranges="bytes")
    turns = {1: first, 2: second}
    site["/a"] = lambda asked: turns.get(asked.count, lambda asked: asked.answer(JPEG))(asked)
    result = one(fetch, site.url("/a"))
    assert (result.status, result.sha256) == (200, hashlib.sha256(JPEG).hexdigest())


def test_a_server_that_falls_silent_is_asked_again_and_then_given_up(site, fetch):
    site["/robots.txt"] = b""
    site["/a"] = server.stalling(JPEG, 9000, times=1)
    site["/b"] = server.stalling(JPEG, 0)
    assert isinstance(one(fetch, site.url("/a"), timeout=0.5), Fetched)
    refused(one(fetch, site.url("/b"), timeout=0.3, retries=1), "silent for 0.3 s", final=False)


def test_a_trickle_does_not_go_on_for_ever(site, fetch):
    site["/a"] = server.dripping(JPEG, 0.02)
    refused(one(fetch, site.url("/a"), total=0.3), "longer than 0.3 s", final=False)


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda asked: asked.reset(),
        lambda asked: asked.hang_up(),
        server.saying(b"SSH-2.0-OpenSSH_9.6\r\n"),
        server.saying(b"HTTP/1.1 200 x\r\n" + b"a: b\r\n" * 50_000),
        lambda asked: asked.answer(JPEG, content_encoding="br"),
        lambda asked: asked.answer(JPEG, content_encoding="gzip"),
        lambda asked: asked.answer(gzip.compress(JPEG)[:-9], content_encoding="gzip"),
        lambda asked: asked.answer(JPEG, content_length="many"),
    ],
)
def test_answers_that_make_no_sense_are_refused(site, fetch, behaviour):
    site["/a"] = behaviour
    refused(one(fetch, site.url("/a"), robots=False, retries=1), "answer broke off", final=False)
    assert site.counts["/a"] == 2


def test_a_server_that_is_not_there(site, fetch):
    found = one(fetch, "http://127.0.0.1:1/a", retries=0)
    refused(found, "could not be reached", final=False)


# -- limits -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (server.endless, "goes on beyond the limit"),
        (lambda asked: asked.answer(b"", content_length=10**12), "1,000,000,000,000 bytes"),
        (server.bomb(50_000_000), "goes on beyond the limit"),
    ],
)
def test_a_file_beyond_the_limit_is_refused_at_once(site, fetch, tmp_path, behaviour, words):
    site["/a"] = behaviour
    refused(one(fetch, site.url("/a"), max_bytes=1_000_000), words, "at most 1,000,000")
    assert kept(tmp_path) == []
    assert site.counts["/a"] == 1


def test_a_bomb_is_never_decompressed_at_once():
    class Response:
        def __init__(self):
            self.headers = {"content-encoding": "gzip"}

        async def aiter_raw(self):
            yield gzip.compress(bytes(30_000_000))

    async def sizes():
        return [len(piece) async for piece in decoded(Response())]

    found = asyncio.run(sizes())
    assert sum(found) == 30_000_000
    assert max(found) <= 1 << 20


def test_a_file_of_just_the_limit_is_kept(site, fetch):
    site["/a"] = lambda asked: asked.answer(gzip.compress(JPEG), content_encoding="gzip")
    result = one(fetch, site.url("/a"), max_bytes=len(JPEG))
    assert result.sha256 == hashlib.sha256(JPEG).hexdigest()
    refused(one(fetch, site.url("/a"), max_bytes=len(JPEG) - 1), "beyond")

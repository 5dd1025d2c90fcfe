"""Downloads from a real server on this machine: what is given, in what manner, and stopping."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import itertools
import runpy
import sys
import threading
from pathlib import Path

import pytest

from mediacorpus.engine.pool import Interrupt
from mediacorpus.errors import MissingExtra, ParameterError, SourceError, StorageFull
from mediacorpus.sources.download import Fetched, Manner, Seen, download
from mediacorpus.store.originals import Keeping

made = runpy.run_path(str(Path(__file__).with_name("downloads.py")))
server, JPEG, PNG = made["server"], made["JPEG"], made["PNG"]
SVG, PATIENT, kept = made["SVG"], made["PATIENT"], made["kept"]
leftovers, one, ours = made["leftovers"], made["one"], made["ours"]
refused = made["refused"]


# -- what goes well ---------------------------------------------------------------------------
def test_files_are_kept_by_their_content(site, fetch, tmp_path):
    bodies = {f"/{n}": server.jpeg(n) for n in range(20)}
    bodies |= {"/picture": PNG, "/drawing": SVG, "/film": b"\x00\x00\x00\x18ftypisom" + bytes(50)}
    suffixes = {"/picture": ".png", "/drawing": ".svg", "/film": ".mp4"}
    for path, body in bodies.items():
        site[path] = body
    found = fetch(*map(site.url, bodies))
    assert len(found) == len(bodies)
    for path, body in bodies.items():
        result = found[site.url(path)]
        assert isinstance(result, Fetched)
        assert (tmp_path / result.stored).read_bytes() == body
        assert result.sha256 == hashlib.sha256(body).hexdigest()
        assert (result.bytes, result.status, result.unchanged) == (len(body), 200, False)
        assert Path(result.stored).suffix == suffixes.get(path, ".jpg")
    assert site.counts["/robots.txt"] == 1


def test_what_the_server_says_of_a_file_comes_along(site, fetch):
    since = "Wed, 21 Oct 2015 07:28:00 GMT"
    site["/a b"] = server.tagged(JPEG, etag='"1"', last_modified=since, content_type="image/jpeg")
    result = one(fetch, " " + site.url("/a b"))
    site["/a%20b"] = site.behaviours["/a b"]
    result = one(fetch, " " + site.url("/a b"))
    assert (result.etag, result.modified, result.content_type) == ('"1"', since, "image/jpeg")
    assert result.url == " " + site.url("/a b")
    assert result.final_url == site.url("/a%20b")


@pytest.mark.parametrize("name", ["etag", "last_modified"])
def test_a_file_that_is_unchanged_is_not_fetched_again(site, fetch, tmp_path, name):
    value = '"1"' if name == "etag" else "Wed, 21 Oct 2015 07:28:00 GMT"
    site["/a"] = server.tagged(JPEG, **{name: value})
    first = one(fetch, site.url("/a"))
    seen = Seen(first.etag, first.modified, first.sha256, first.stored, first.bytes)
    again = one(fetch, (site.url("/a"), seen))
    assert again.unchanged
    assert (again.status, again.stored, again.sha256) == (304, first.stored, first.sha256)
    assert (again.etag, again.modified, again.bytes) == (first.etag, first.modified, first.bytes)
    (tmp_path / first.stored).unlink()
    third = one(fetch, (site.url("/a"), seen))
    assert (third.status, third.unchanged) == (200, False)
    assert "if-none-match" not in site.headers("/a")[-1]


def test_a_file_that_has_changed_is_fetched_again(site, fetch):
    site["/a"] = server.tagged(JPEG, etag='"1"')
    first = one(fetch, site.url("/a"))
    site["/a"] = server.tagged(PNG, etag='"2"')
    seen = Seen(first.etag, first.modified, first.sha256, first.stored, first.bytes)
    again = one(fetch, (site.url("/a"), seen))
    assert (again.etag, again.bytes, again.unchanged) == ('"2"', len(PNG), False)


def test_an_address_under_way_is_not_fetched_twice(site, tmp_path):
    site["/a"] = server.delayed(JPEG, 0.1)
    urls = [site.url("/a")] * 5
    found = list(download(urls, tmp_path, manner=Manner(**PATIENT)))
    assert len(found) == 5
    assert set(found) == {found[0]}
    assert site.counts["/a"] == 1


def test_bad_addresses_lose_nothing_else(site, fetch):
    site["/a"] = JPEG
    bad = ["", "data:image/gif;base64,AA", "ftp://x/y", "http://", "no address"]
    found = fetch(*bad, site.url("/a"))
    assert all(refused(found[url]) for url in bad)
    assert isinstance(found[site.url("/a")], Fetched)


def test_addresses_are_read_only_as_needed_and_in_this_thread(site, tmp_path):
    site["*"] = JPEG
    drawn = []

    def urls():
        for n in itertools.count():
            drawn.append(threading.current_thread())
            yield site.url(f"/{n}")

    found = download(urls(), tmp_path, manner=Manner(parallel=2, per_host=2, **PATIENT))
    for n, result in enumerate(itertools.islice(found, 30)):
        assert isinstance(result, Fetched)
        assert len(drawn) <= n + 10
    assert set(drawn) == {threading.current_thread()}
    found.close()
    assert ours() == []


def test_each_result_is_told(site, tmp_path):
    site["/a"] = JPEG
    told = []
    urls = [site.url("/a"), site.url("/none")]
    assert list(download(urls, tmp_path, manner=Manner(**PATIENT), on_done=told.append)) == told
    assert len(told) == 2


def test_nothing_to_do_is_done(tmp_path):
    assert list(download([], tmp_path)) == []
    assert kept(tmp_path) == []


# -- politeness -------------------------------------------------------------------------------
@pytest.mark.parametrize(("parallel", "per_host", "most"), [(8, 3, 3), (2, 8, 2)])
def test_no_more_requests_at_once_than_allowed(site, fetch, parallel, per_host, most):
    site["*"] = server.delayed(JPEG, 0.02)
    site["/robots.txt"] = b""
    urls = [site.url(f"/{n}") for n in range(24)]
    found = fetch(*urls, parallel=parallel, per_host=per_host)
    assert all(isinstance(result, Fetched) for result in found.values())
    assert site.most == most


def test_connections_are_used_again(site, fetch):
    site["*"] = JPEG
    site["/gone"] = lambda asked: asked.answer(b"gone", status=404)
    fetch(site.url("/gone"), *(site.url(f"/{n}") for n in range(40)), parallel=4, per_host=2)
    assert len(site.asked) == 42
    assert site.connections == 2


def test_requests_to_one_host_keep_their_distance(site, fetch):
    site["*"] = JPEG
    fetch(*(site.url(f"/{n}") for n in range(6)), rate=50.0)
    assert len(site.times) == 7
    assert site.times[-1] - site.times[1] > 4 / 50


def test_a_crawl_delay_holds_even_without_a_rate(site, fetch):
    site["*"] = JPEG
    site["/robots.txt"] = b"User-agent: *\nCrawl-delay: 0.1"
    fetch(*(site.url(f"/{n}") for n in range(4)))
    assert site.times[-1] - site.times[0] > 0.3


def test_we_say_who_we_are_and_keep_no_cookies(site, fetch):
    site["*"] = lambda asked: asked.answer(JPEG, set_cookie="id=1; Path=/")
    url = site.url("/1").replace("http://", "http://anna:secret@")
    found = fetch(url, site.url("/2"), per_host=1, contact="mailto:study@example.org")
    assert all(isinstance(result, Fetched) for result in found.values())
    assert "secret" not in found[url].final_url
    for _, headers in site.asked:
        assert headers["user-agent"].startswith("mediacorpus/")
        assert "+mailto:study@example.org" in headers["user-agent"]
        assert "cookie" not in headers
        assert "authorization" not in headers


def test_robots_txt_is_kept_to(site, fetch, tmp_path):
    site["*"] = JPEG
    site["/robots.txt"] = b"User-agent: *\nDisallow: /private\n"
    found = fetch(site.url("/private/a?x"), site.url("/open"))
    refused(found[site.url("/private/a?x")], "robots.txt", "Disallow: /private")
    assert isinstance(found[site.url("/open")], Fetched)
    assert site.counts["/private/a?x"] == 0
    assert isinstance(one(fetch, site.url("/private/a?x"), robots=False), Fetched)


def test_robots_txt_of_where_a_redirect_leads_counts_too(site, fetch):
    site["/a"] = server.redirect("/private/a")
    site["/private/a"] = JPEG
    site["/robots.txt"] = b"User-agent: mediacorpus\nDisallow: /private\n"
    refused(one(fetch, site.url("/a")), "Disallow: /private")
    assert site.counts["/private/a"] == 0


def test_a_site_whose_robots_txt_has_a_problem_is_left_alone_for_now(site, fetch):
    site["*"] = JPEG
    site["/robots.txt"] = server.failing(1000, b"")
    found = fetch(site.url("/a"), site.url("/b"), retries=1)
    for result in found.values():
        refused(result, "robots.txt cannot be read", "status 500", final=False)
    assert site.counts["/robots.txt"] == 2
    assert site.counts["/a"] == 0
    site["/robots.txt"] = server.failing(2, b"", status=503, retry_after=0)
    site.counts.clear()
    assert isinstance(one(fetch, site.url("/a")), Fetched)


@pytest.mark.parametrize(
    "behaviour",
    [
        server.redirect("/nowhere"),
        server.redirect("/robots.txt"),
        server.redirect("ftp://example.org/robots.txt"),
        lambda asked: asked.answer(b"Disallow: /", status=403),
        lambda asked: asked.answer(b"<html>Disallow: /</html>"),
    ],
)
def test_a_site_without_robots_txt_allows_all(site, fetch, behaviour):
    site["/robots.txt"] = behaviour
    site["/a"] = JPEG
    assert isinstance(one(fetch, site.url("/a")), Fetched)


def test_a_redirected_and_an_enormous_robots_txt_are_read(site, fetch):
    site["/a"] = JPEG
    site["/robots.txt"] = server.redirect("/rules")
    rules = b"User-agent: *\nDisallow: /a\n" + b"# filling\n" * 200_000
    site["/rules"] = lambda asked: asked.answer(gzip.compress(rules), content_encoding="gzip")
    refused(one(fetch, site.url("/a")), "Disallow: /a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x_robots_tag", "noindex, noai"),
        ("x_robots_tag", "noimageai"),
        ("tdm_reservation", "1"),
    ],
)
def test_opt_outs_are_honoured_and_nothing_is_kept(site, fetch, tmp_path, name, value):
    site["/a"] = lambda asked: asked.answer(JPEG, **{name: value})
    refused(one(fetch, site.url("/a")), "reserves", value.split(", ")[-1])
    assert kept(tmp_path) == []
    assert isinstance(one(fetch, site.url("/a"), robots=False), Fetched)


# -- stopping ---------------------------------------------------------------------------------
def test_closing_leaves_neither_threads_nor_half_files(site, tmp_path):
    site["/a"] = JPEG
    for n in range(6):
        site[f"/slow{n}"] = server.stalling(JPEG, 9000)
    urls = [site.url("/a"), *(site.url(f"/slow{n}") for n in range(6))]
    found = download(urls, tmp_path, manner=Manner(**PATIENT, robots=False))
    assert isinstance(next(found), Fetched)
    assert len(ours()) == 1
    found.close()
    assert ours() == []
    assert len(kept(tmp_path)) == 1


def test_an_interrupt_ends_it_and_gives_what_is_complete(site, tmp_path):
    interrupt = Interrupt()
    for n in range(5):
        site[f"/{n}"] = server.jpeg(n)
    site["/slow"] = server.stalling(JPEG, 9000)

    def urls():
        yield site.url("/slow")
        yield from (site.url(f"/{n}") for n in range(5))

    found = []
    for result in download(urls(), tmp_path, manner=Manner(**PATIENT), interrupt=interrupt):
        found.append(result)
        interrupt.asked = True
    assert {result.stored for result in found} == {
        path.relative_to(tmp_path).as_posix() for path in kept(tmp_path)
    }
    assert site.url("/slow") not in {result.url for result in found}
    assert ours() == []


def test_a_full_disk_is_an_error_and_ends_all(site, tmp_path, monkeypatch):
    site["*"] = JPEG

    def full(self, data):
        raise StorageFull("full")

    monkeypatch.setattr(Keeping, "write", full)
    with pytest.raises(StorageFull):
        list(download([site.url(f"/{n}") for n in range(9)], tmp_path, manner=Manner(**PATIENT)))
    assert ours() == []


def test_an_error_in_the_table_ends_all(site, tmp_path):
    site["*"] = server.stalling(JPEG, 9000)

    def urls():
        yield site.url("/a")
        raise KeyError("row")

    with pytest.raises(KeyError):
        list(download(urls(), tmp_path, manner=Manner(**PATIENT)))
    assert ours() == []
    assert leftovers(tmp_path) == []


# -- settings ---------------------------------------------------------------------------------
def test_offline_means_no_request(site, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDIACORPUS_OFFLINE", "1")
    with pytest.raises(SourceError, match="MEDIACORPUS_OFFLINE"):
        download([site.url("/a")], tmp_path)
    assert site.asked == []


def test_without_httpx_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", None)
    with contextlib.suppress(KeyError):
        monkeypatch.delitem(sys.modules, "httpcore")
    with pytest.raises(MissingExtra, match=r"pip install .*\[download\]"):
        download([], tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"parallel": 0},
        {"per_host": 0},
        {"retries": -1},
        {"rate": 0.0},
        {"timeout": float("nan")},
        {"total": -1.0},
        {"max_bytes": 0},
        {"types": ("film",)},
        {"types": ()},
        {"user_agent": "a\r\nb: c"},
        {"contact": "Zoë"},
    ],
)
def test_a_manner_out_of_range_is_refused(wrong):
    with pytest.raises(ParameterError):
        Manner(**wrong)

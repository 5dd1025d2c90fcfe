"""robots.txt as RFC 9309 has it, and opt-outs in headers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacorpus.sources.robots import Rules, _matches, opt_out, parse_robots

RFC_EXAMPLE = """
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


@pytest.mark.parametrize(
    ("agent", "path", "allowed"),
    [
        ("anybot", "/publications/a.html", True),
        ("anybot", "/example/a.html", False),
        ("anybot", "/a.gif", False),
        ("anybot", "/a.gif?x=1", True),
        ("foobot", "/publications/", False),
        ("foobot", "/example/page.html", True),
        ("FooBot", "/example/allowed.gif", True),
        ("barbot", "/example/page.html", False),
        ("bazbot", "/example/page.html", False),
        ("bazbot", "/example/other.html", True),
        ("quxbot", "/example/page.html", True),
    ],
)
def test_the_example_of_the_rfc(agent, path, allowed):
    """RFC 9309, section 5.1."""
    assert (parse_robots(RFC_EXAMPLE, agent).refusal(path) is None) is allowed


def test_the_longest_match_decides():
    """RFC 9309, section 5.2."""
    rules = parse_robots(
        "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif",
        "foobot",
    )
    assert rules.refusal("/example/page/disallowed.gif") == "Disallow: /example/page/disallowed.gif"
    assert rules.refusal("/example/page/allowed.gif") is None


def test_of_two_rules_as_long_the_one_that_allows_wins():
    for text in ("Allow: /a\nDisallow: /a", "Disallow: /a\nAllow: /a"):
        assert parse_robots(f"User-agent: *\n{text}").refusal("/a") is None


@pytest.mark.parametrize(
    ("rule", "path", "forbidden"),
    [
        ("/", "/anything", True),
        ("", "/anything", False),
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz", True),
        ("/foo/bar/\u30c4", "/foo/bar/%E3%83%84", True),
        ("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84", True),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz", True),
        ("/foo/bar/baz", "/foo/bar/%62%61%7a", True),
        ("/a%2Fb", "/a/b", False),
        ("/*/private/", "/x/y/private/z", True),
        ("/*/private/", "/private/z", False),
        ("*.jpg$", "/a.jpg", True),
        ("*.jpg$", "/a.jpg.html", False),
        ("/exact$", "/exact", True),
        ("/exact$", "/exactly", False),
        ("/a*b*c$", "/axxbyyc", True),
        ("/ab*b$", "/ab", False),
    ],
)
def test_patterns(rule, path, forbidden):
    rules = parse_robots(f"User-agent: *\nDisallow: {rule}")
    assert (rules.refusal(path) is not None) is forbidden


@given(st.text("ab*", max_size=7), st.booleans(), st.text("ab", max_size=8))
def test_patterns_do_what_the_regular_expression_would(pattern, ends, target):
    expression = "".join(".*" if letter == "*" else letter for letter in pattern)
    expected = re.match(expression + ("$" if ends else ""), target) is not None
    assert _matches(pattern + "$" * ends, target) is expected


def test_a_hostile_pattern_takes_no_time():
    rules = parse_robots("User-agent: *\nDisallow: /" + "*a" * 2000 + "b$")
    assert rules.refusal("/" + "a" * 8000) is None  # by trying all ways this would take years


def test_our_own_group_outdoes_the_general_one():
    text = "User-agent: *\nDisallow: /\n\nUser-agent: Mediacorpus/1.0\nDisallow: /own"
    rules = parse_robots(text)
    assert rules.refusal("/elsewhere") is None
    assert rules.refusal("/own/a.jpg") == "Disallow: /own"


def test_groups_of_one_name_are_taken_together():
    text = (
        "User-agent: *\nDisallow: /a\n\nUser-agent: x\nDisallow: /x\n\nUser-agent: *\nDisallow: /b"
    )
    rules = parse_robots(text)
    assert rules.refusal("/a")
    assert rules.refusal("/b")
    assert not rules.refusal("/x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Disallow: /",  # belongs to no group
        "<!DOCTYPE html><title>Not found</title><p>Disallow: /</p>",
        "\x00\x01\x02: \xff",
        "User-agent\nDisallow /",
    ],
)
def test_what_is_no_robots_file_allows_all(text):
    assert parse_robots(text) == Rules()


def test_comments_marks_and_line_ends_do_no_harm():
    text = (
        "\ufeffUser-agent: * # all\r\nSitemap: http://x/\r\n  disallow : /a # b\rCrawl-delay: 1.5"
    )
    assert parse_robots(text) == Rules((("/a", False),), 1.5)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5.0), ("0.5", 0.5), ("86400", 30.0), ("-1", 0.0), ("x", 0.0), ("nan", 0.0), ("inf", 30)],
)
def test_the_delay_is_a_number_within_bounds(value, seconds):
    assert parse_robots(f"User-agent: *\nCrawl-delay: {value}").delay == seconds


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("X-Robots-Tag", "noai", "X-Robots-Tag: noai"),
        ("x-robots-tag", "noindex, NoImageAI", "X-Robots-Tag: noimageai"),
        ("X-Robots-Tag", "mediacorpus: noai", "X-Robots-Tag: noai"),
        ("X-Robots-Tag", "*: noai", "X-Robots-Tag: noai"),
        ("X-Robots-Tag", "otherbot: noindex, noai", None),
        ("X-Robots-Tag", "noai, otherbot: noindex", "X-Robots-Tag: noai"),
        ("X-Robots-Tag", "unavailable_after: 25 Jun 2030 15:00:00 PST, noai", "X-Robots-Tag: noai"),
        ("X-Robots-Tag", "max-image-preview: large, noai", "X-Robots-Tag: noai"),
        ("X-Robots-Tag", "noindex, nofollow", None),
        ("X-Robots-Tag", "noaircraft", None),
        ("TDM-Reservation", "1", "tdm-reservation: 1"),
        ("tdm-reservation", "0", None),
        ("X-Other", "noai", None),
    ],
)
def test_opt_outs(name, value, found):
    assert opt_out([("Content-Type", "image/jpeg"), (name, value)]) == found

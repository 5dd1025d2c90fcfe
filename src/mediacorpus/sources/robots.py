"""What the owner of a site asks of programs: robots.txt (RFC 9309) and opt-outs in headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

MAX_BYTES = 512_000
"""Bytes of a robots.txt that are read; RFC 9309 asks for at least 500 KiB."""

MAX_DELAY = 30.0
"""Longest Crawl-delay that is honoured, in seconds."""

OPT_OUTS = frozenset({"noai", "noimageai"})
"""Words of an X-Robots-Tag header that refuse the use of a file by machines."""

_KEYS = re.compile(r"\s*([A-Za-z-]+)\s*:\s*(.*)")
_TOKEN = re.compile(r"[A-Za-z_-]+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What a robots.txt says to one program.

    Parameters
    ----------
    rules:
        Path patterns and whether they are allowed.
    delay:
        Seconds to wait between two requests, 0 to 30.
    """

    rules: tuple[tuple[str, bool], ...] = ()
    delay: float = 0.0

    def refusal(self, target: str) -> str | None:
        r"""Give the rule that forbids a path (with its query), or None if it is allowed.

        The longest pattern that matches decides; of two as long, the one that allows.

        Examples
        --------
        >>> rules = parse_robots("User-agent: *\nDisallow: /private\nAllow: /private/open")
        >>> rules.refusal("/private/a.jpg")
        'Disallow: /private'
        >>> rules.refusal("/private/open/a.jpg") is None
        True
        """
        if not self.rules:
            return None
        target = _normal(target)
        best: tuple[int, bool] | None = None
        found = ""
        for pattern, allowed in self.rules:
            rank = (len(pattern), allowed)
            if (best is None or rank > best) and _matches(pattern, target):
                best, found = rank, pattern
        return None if best is None or best[1] else f"Disallow: {found}"


def parse_robots(text: str, agent: str = "mediacorpus") -> Rules:
    r"""Read a robots.txt for one program (RFC 9309, and Crawl-delay).

    Parameters
    ----------
    text:
        The file's text.
    agent:
        Product token of the program, compared without regard to case. Groups that name it
        count; where none does, those for `*`.

    Examples
    --------
    >>> parse_robots("User-agent: *\nCrawl-delay: 2\nDisallow: /*.pdf$")
    Rules(rules=(('/*.pdf$', False),), delay=2.0)
    >>> parse_robots("User-agent: other\nDisallow: /")
    Rules(rules=(), delay=0.0)
    """
    own: list[tuple[str, str]] = []
    general: list[tuple[str, str]] = []
    named = False
    for agents, lines in _groups(text):
        if agent.lower() in agents:
            named = True
            own += lines
        if "*" in agents:
            general += lines
    return _rules(own if named else general)


def opt_out(headers: Iterable[tuple[str, str]], agent: str = "mediacorpus") -> str | None:
    """Give the header by which a server reserves a file, or None.

    Known are `X-Robots-Tag: noai` and `noimageai`, for all or for this program by name, and
    `tdm-reservation: 1` (TDM Reservation Protocol, W3C community group, 2024).

    Parameters
    ----------
    headers:
        Names and values of the answer's headers.
    agent:
        Product token of the program.

    Examples
    --------
    >>> opt_out([("X-Robots-Tag", "noindex, noai")])
    'X-Robots-Tag: noai'
    >>> opt_out([("X-Robots-Tag", "otherbot: noai")]) is None
    True
    """
    for name, value in headers:
        key = name.lower()
        if key == "tdm-reservation" and value.strip() == "1":
            return "tdm-reservation: 1"
        if key == "x-robots-tag":
            word = _reserved(value, agent.lower())
            if word:
                return f"X-Robots-Tag: {word}"
    return None


def _reserved(value: str, agent: str) -> str | None:
    whom = ""
    for part in value.split(","):
        before, colon, after = part.partition(":")
        word = part
        if colon and before.strip().lower() not in _VALUED:
            whom, word = before.strip().lower(), after
        if whom in {"", "*", agent} and word.strip().lower() in OPT_OUTS:
            return word.strip().lower()
    return None


def _groups(text: str) -> Iterator[tuple[set[str], list[tuple[str, str]]]]:
    agents: set[str] = set()
    lines: list[tuple[str, str]] = []
    for line in text.lstrip("\ufeff").splitlines():
        match = _KEYS.match(line.partition("#")[0])
        if not match:
            continue
        key, value = match[1].lower(), match[2].strip()
        if key == "user-agent":
            if lines:
                yield agents, lines
                agents, lines = set(), []
            agents.add(_token(value))
        elif key in {"allow", "disallow", "crawl-delay"} and agents:
            lines.append((key, value))
    if agents:
        yield agents, lines


def _token(value: str) -> str:
    match = _TOKEN.match(value)
    return match[0].lower() if match else value[:1]


def _rules(lines: list[tuple[str, str]]) -> Rules:
    rules: list[tuple[str, bool]] = []
    delay = 0.0
    for key, value in lines:
        if key == "crawl-delay":
            delay = max(delay, _seconds(value))
        elif value:
            rules.append((_normal(value), key == "allow"))
    return Rules(tuple(rules), delay)


def _seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        return 0.0
    return min(number, MAX_DELAY) if number > 0 else 0.0


def _normal(path: str) -> str:
    """Write a path in one way: escapes of plain characters decoded, all others in capitals."""

    def one(match: re.Match[str]) -> str:
        letter = chr(int(match[1], 16))
        return letter if _UNRESERVED.fullmatch(letter) else match[0].upper()

    if "%" in path:
        path = _ESCAPE.sub(one, path)
    return path if path.isascii() else quote(path, safe="/%*$?&=:;,+@!'()~[]", errors="replace")


def _matches(pattern: str, target: str) -> bool:
    """Tell whether a pattern fits; in linear time, whatever stars it holds."""
    ends = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$").split("*")
    if not target.startswith(first):
        return False
    at = len(first)
    last = rest.pop() if rest and ends else None
    for part in rest:
        at = target.find(part, at)
        if at < 0:
            return False
        at += len(part)
    if last is not None:
        return target.endswith(last) and len(target) - len(last) >= at
    return not ends or at == len(target)
